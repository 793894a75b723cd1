// Access to buffers by one flat index, as the Helium kernels walk them.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::kernels::mve {

/// A buffer seen as one dimension, and its strides in elements.
struct Flat {
  mlir::Value memory; ///< memref of one dimension with unit stride
  llvm::SmallVector<int64_t> strides;

  /// Whether a kernel can walk `buffer`: static strides, the last one 1.
  static bool fits(mlir::Value buffer);
  Flat(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer);
};

inline mlir::Value index(mlir::ImplicitLocOpBuilder &b, int64_t v) {
  return mlir::arith::ConstantIndexOp::create(b, v);
}
/// a + b * factor and the like, folded where constant.
mlir::Value plus(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value plus(mlir::ImplicitLocOpBuilder &b, mlir::Value x, int64_t y);
mlir::Value times(mlir::ImplicitLocOpBuilder &b, mlir::Value x, int64_t y);

/// Sets `count` elements (int8 or int16) of memory from `at` on.
void fill(mlir::ImplicitLocOpBuilder &b, mlir::Value memory, mlir::Value at, int64_t count,
          int64_t value);
/// Copies elements; `count` is a number or, in the second form, a value.
/// `slack` says that up to 15 bytes behind the target may be overwritten.
void copy(mlir::ImplicitLocOpBuilder &b, mlir::Value to, mlir::Value toAt, mlir::Value from,
          mlir::Value fromAt, int64_t count, bool slack);
void copy(mlir::ImplicitLocOpBuilder &b, mlir::Value to, mlir::Value toAt, mlir::Value from,
          mlir::Value fromAt, mlir::Value count);
/// Scratch (bytes) as elements of `type`, where there is scratch.
mlir::Value scratchOf(mlir::ImplicitLocOpBuilder &b, mlir::Value scratch, mlir::Type type);

} // namespace dlc::kernels::mve
