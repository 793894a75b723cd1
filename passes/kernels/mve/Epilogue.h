// Epilogues on four int32 sums at a time.
#pragma once

#include "dialects/NN/NN.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::kernels::mve {

/// What the Helium kernels know of an epilogue region.
class Epilogue {
public:
  explicit Epilogue(mlir::Operation *op);

  /// Whether `apply` can do it; otherwise it is applied to scalars.
  bool isVector() const { return vector; }
  /// The per-channel operand that is added to the sum before anything else, so
  /// that sums can start with it; null when there is none.
  mlir::Value bias() const { return biasOperand; }
  /// Any operand of the output's shape.
  bool hasFullOperands() const { return fullOperands; }
  /// The result is an int8 or int16, truncated from an int32.
  bool truncates() const { return truncated; }
  /// The int8 result is the result of `applyUnclamped`, shifted right by shift() and
  /// rounded to nearest (ties up), plus zeroPoint(), saturated to lowest()..highest().
  bool clamps() const { return clampInput != nullptr; }
  int32_t shift() const { return clampShift; }
  int16_t zeroPoint() const { return zero; }
  int8_t lowest() const { return low; }
  int8_t highest() const { return high; }
  mlir::ValueRange operands() const { return inputs; }
  bool isPerChannel(unsigned operand) const;

  /// Four sums (they started with the bias) to four results: vector<4xi32> when
  /// `truncates()`, before truncation; else vectors of the result's type.
  /// `load` gives lanes of an operand, int8 and int16 ones extended.
  using Load = llvm::function_ref<mlir::Value(unsigned operand)>;
  mlir::Value apply(mlir::ImplicitLocOpBuilder &b, mlir::Value sums, Load load) const;
  /// The same up to the input of the final shift, addition and clamp.
  mlir::Value applyUnclamped(mlir::ImplicitLocOpBuilder &b, mlir::Value sums, Load load) const;

  /// Saturated int8 results kept between lowest() and highest().
  mlir::Value bounded(mlir::ImplicitLocOpBuilder &b, mlir::Value results) const;

private:
  /// A vector of four 64-bit numbers as lower and upper words; null is zero.
  struct Long {
    mlir::Value low, high;
  };
  mlir::Value evaluate(mlir::ImplicitLocOpBuilder &b, mlir::Value result, mlir::Value sums,
                       Load load) const;

  mlir::Block *block;
  mlir::ValueRange inputs;
  mlir::Value init, biasOperand, biased, result, clampInput;
  int32_t clampShift = 0, offset = 0;
  int16_t zero = 0;
  int8_t low = -128, high = 127;
  bool vector = true, truncated = false, fullOperands = false;
};

} // namespace dlc::kernels::mve
