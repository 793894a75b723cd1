// Integer kernels for Helium (Cortex-M55, M85): what plan, packing, memory and lowering ask of them.
#pragma once

#include "passes/kernels/Needs.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::kernels::mve {

/// The kernel for an integer contraction on tensors; null when none takes it.
nn::KernelAttr plan(nn::ConvOp op);
nn::KernelAttr plan(nn::MatmulOp op);

/// Whether a kernel of this folder was chosen.
bool isMve(nn::KernelAttr kernel);

/// Puts the weights into the order in which the kernel reads them.
void pack(nn::ConvOp op);
void pack(nn::MatmulOp op);

/// Where packed weights have the factor of product `k` (kernel positions and channels,
/// counted row by row) of output channel `o`, for LowerContractions.
mlir::Value weightAt(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, mlir::Value k,
                     mlir::Value o);

/// The same for operands of mve_depthwise with one element a channel.
mlir::Value operandAt(mlir::ImplicitLocOpBuilder &b, nn::ConvOp op, mlir::Value channel);

/// See Needs.h.
int64_t scratchBytes(mlir::Operation *op);
std::optional<Overlap> overlapOf(mlir::Operation *op);

/// Replaces the operation (on buffers) by its kernel, unless the strides of a buffer
/// are nothing for it.
void emit(nn::ConvOp op);
void emit(nn::MatmulOp op);

} // namespace dlc::kernels::mve
