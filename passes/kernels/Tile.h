// Register tiles of micro-kernels: rows of positions by vectors of channels.
#pragma once

#include "passes/kernels/Epilogue.h"
#include "passes/kernels/Needs.h"

namespace dlc::kernels {

/// Emits the parts of a micro-kernel around one register tile. Columns are
/// `vectors()` vectors of `lanes` elements (scalars when lanes is 1); with a
/// scalable kernel every access is predicated, so nothing outside is touched.
class Tile {
public:
  Tile(nn::KernelAttr kernel, mlir::Type accumulatorElement, rt::TargetAttr target);

  int64_t vectors() const { return vectorCount; }
  bool scalable() const { return kernel.getScalable(); }
  int64_t lanes() const { return kernel.getLanes(); }
  /// Type of an element of an accumulator; elements of buffers may be narrower integers.
  mlir::Type scalar() const { return element; }
  /// Type of one accumulator.
  mlir::Type type() const { return accumulator; }
  /// Elements in one vector at run time.
  mlir::Value vectorLength(mlir::ImplicitLocOpBuilder &b) const;

  /// Zero accumulators for `count` registers.
  llvm::SmallVector<mlir::Value> zeros(mlir::ImplicitLocOpBuilder &b, int64_t count) const;
  /// One vector of a buffer at `at` (last index: the vector's first element).
  mlir::Value load(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer,
                   mlir::ValueRange at, mlir::Value mask = {}) const;
  /// The same, reading only the first `valid` elements; zero in the other lanes.
  mlir::Value loadFirst(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer, mlir::ValueRange at,
                        int64_t valid) const;
  /// A scalar in all lanes.
  mlir::Value splat(mlir::ImplicitLocOpBuilder &b, mlir::Value scalar) const;
  mlir::Value multiplyAdd(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y,
                          mlir::Value acc) const;
  /// Lanes below `count` (an index) are on.
  mlir::Value mask(mlir::ImplicitLocOpBuilder &b, mlir::Value count) const;
  /// Applies the epilogue of `op` and stores a vector at `at`; only the first
  /// `valid` lanes when that is less than a vector.
  void store(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, mlir::Value out,
             mlir::Value value, mlir::ValueRange at, int64_t valid,
             mlir::Value mask = {}) const;

private:
  nn::KernelAttr kernel;
  mlir::Type element, accumulator;
  rt::TargetAttr target;
  int64_t vectorCount;
};

/// A loop from 0 to `size` (none for size 1) that carries `values`.
llvm::SmallVector<mlir::Value>
carryLoop(mlir::ImplicitLocOpBuilder &b, int64_t begin, int64_t end, int64_t step,
          mlir::ValueRange values,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(
              mlir::ImplicitLocOpBuilder &, mlir::Value, mlir::ValueRange)>
              body);

/// A loop without carried values; inlined when it runs once.
void plainLoop(mlir::ImplicitLocOpBuilder &b, int64_t begin, int64_t end, int64_t step,
               llvm::function_ref<void(mlir::ImplicitLocOpBuilder &, mlir::Value)> body);

/// What `then` emits where `condition` holds, what `otherwise` emits, if anything, where not.
void branch(mlir::ImplicitLocOpBuilder &b, mlir::Value condition,
            llvm::function_ref<void(mlir::ImplicitLocOpBuilder &)> then,
            llvm::function_ref<void(mlir::ImplicitLocOpBuilder &)> otherwise = {});

/// a + b * c on indices, folded where constant.
mlir::Value scaled(mlir::ImplicitLocOpBuilder &b, mlir::Value a, mlir::Value c,
                   int64_t factor);
mlir::Value offsetBy(mlir::ImplicitLocOpBuilder &b, mlir::Value a, int64_t offset);

void emitGemm(nn::ConvOp op, rt::TargetAttr target);
void emitGemm(nn::MatmulOp op, rt::TargetAttr target);
void emitDepthwise(nn::ConvOp op, rt::TargetAttr target);
/// How far the output of emitDepthwise may lie over its input: positions in order,
/// blocks of rows * all channels.
std::optional<Overlap> overlapOfDepthwise(nn::ConvOp op);

} // namespace dlc::kernels
