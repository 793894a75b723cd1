// The epilogue of a contraction, applied to an accumulated scalar or vector.
#pragma once

#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::kernels {

/// Where an element of the result lies: its indices, row by row.
using Indices = llvm::SmallVector<mlir::Value>;

/// Applies the epilogue of `op` (nn.conv or nn.matmul on buffers) to one
/// accumulator at `at` and returns the element to store.
mlir::Value applyEpilogue(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op,
                          mlir::Value accumulator, mlir::ValueRange at);

/// The same for a vector of `type` along the last dimension, which starts at
/// `at`: operands are read as vectors, scalars of the region are broadcast.
/// `mask` may be null. Needs isVectorizableEpilogue.
mlir::Value applyEpilogueVector(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op,
                                mlir::Value accumulator, mlir::ValueRange at,
                                mlir::Value mask = {});

/// Whether every operation of the epilogue works on vectors as well.
bool isVectorizableEpilogue(mlir::Operation *op);

/// Whether the epilogue returns the accumulator.
bool isIdentityEpilogue(mlir::Operation *op);

/// Converts an input element to the accumulator's type (signed extension).
mlir::Value widen(mlir::ImplicitLocOpBuilder &b, mlir::Value v, mlir::Type to);

/// acc + x * y; one operation where the target has a fused one.
mlir::Value multiplyAdd(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y,
                        mlir::Value acc, rt::TargetAttr target);

} // namespace dlc::kernels
