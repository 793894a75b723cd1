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

/// On an operation whose loops run from the last element to the first.
inline constexpr llvm::StringLiteral kReversed = "nn.reversed";

/// How the output of a contraction may lie over its first input.
struct Overlap {
  /// Bytes from the start of the output to the start of the input, at least
  /// (negative: the output may start behind the input).
  int64_t distance;
  /// Only this distance will do, no greater one (besides disjoint buffers).
  bool exactly = false;
  /// With `nn.reversed` on the operation, which then runs backwards: bytes from the
  /// start of the input to the start of the output, at least.
  int64_t backwards = INT64_MAX;
};
/// Nothing when output and input must be disjoint.
std::optional<Overlap> overlapOf(mlir::Operation *op);
/// The same for the plain loops of dlc-lower-contractions.
std::optional<Overlap> overlapOfLoops(mlir::Operation *op);

} // namespace dlc::kernels
