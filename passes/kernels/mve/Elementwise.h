// Linalg operations on vectors of Helium: what is no contraction.
#pragma once

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace dlc::kernels::mve {

/// On a linalg.generic on buffers: the kernel that takes it (#nn.kernel).
inline constexpr llvm::StringLiteral kVectorKernel = "nn.kernel";

/// The kernel for `op` on buffers; null when its loops stay loops.
nn::KernelAttr plan(mlir::linalg::GenericOp op);

/// Replaces the operation by the kernel that was chosen.
void emit(mlir::linalg::GenericOp op, nn::KernelAttr kernel);

} // namespace dlc::kernels::mve
