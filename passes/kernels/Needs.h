// What kernels need besides their operands, and what they bear: padding, scratch, overlap.
#pragma once

#include "dialects/NN/NN.h"

namespace dlc::kernels {

/// Whether the kernel chosen for `op` pads its input itself, so that no padded
/// copy is needed.
bool takesPads(nn::ConvOp op);

/// Bytes of scratch that the kernel of a contraction needs; 0 for none. The
/// kernel and the memory plan ask the same function.
int64_t scratchBytes(mlir::Operation *op);

/// How far the output of a contraction may lie over its first input: the
/// smallest allowed distance in bytes from the start of the input to the start
/// of the output (negative: the output starts below the input). Nothing when
/// they must be disjoint.
std::optional<int64_t> overlapOf(mlir::Operation *op);

} // namespace dlc::kernels
