// Scalar bodies on vectors: every value of a body in lanes of one width.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace dlc::kernels::mve {

/// A body whose values are integers of 8, 16 and 32 bits, f32 and i1, evaluated on
/// vectors of 128 bits whose lanes are as wide as its widest value. Narrower integers
/// lie in such lanes with any bits above their own; they are extended where those
/// count.
class Lanes {
public:
  /// Bits of a lane; none when the body has a value or an operation for which there
  /// are no vectors.
  static std::optional<unsigned> widthOf(mlir::Block &body);

  Lanes(mlir::Block &body, unsigned bits) : body(body), bits(bits) {}

  /// `load` gives the lanes of an argument, integers sign-extended (or zero-extended).
  /// The results are lanes of what the body yields, to be truncated by their stores.
  using Load = llvm::function_ref<mlir::Value(unsigned argument, bool zeroes)>;
  llvm::SmallVector<mlir::Value> evaluate(mlir::ImplicitLocOpBuilder &b, Load load) const;

  /// The vector of a value of type `element`.
  mlir::VectorType vectorOf(mlir::Type element) const;
  /// A scalar in all lanes.
  mlir::Value broadcast(mlir::ImplicitLocOpBuilder &b, mlir::Value scalar, bool zeroes = false) const;

private:
  mlir::Block &body;
  unsigned bits;
};

} // namespace dlc::kernels::mve
