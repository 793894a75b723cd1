// The sliding window that convolutions and pools share: kernel, strides,
// dilations and pads from a node's attributes, and the sizes that follow.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// All lists have one element for each spatial dimension.
struct Window {
  SmallVector<int64_t> kernel, strides, dilations;
  /// Cells added before and after the input, as the attributes say (>= 0).
  SmallVector<OpFoldResult> padLow, padHigh;
  /// Positions of the window.
  SmallVector<OpFoldResult> output;
  /// Cells to add at the end so that every window lies inside: at most padHigh,
  /// but more with ceil_mode.
  SmallVector<OpFoldResult> readHigh;

  unsigned rank() const { return kernel.size(); }
  /// Cells that the dilated kernel spans in dimension `d`.
  int64_t span(unsigned d) const { return (kernel[d] - 1) * dilations[d] + 1; }
  bool padded() const;
};

/// Reads strides, dilations, pads and auto_pad; `kernel` comes from the filter
/// or, when empty, from kernel_shape. Reports what does not fit.
FailureOr<Window> readWindow(Node &n, llvm::ArrayRef<OpFoldResult> spatial,
                             llvm::ArrayRef<int64_t> kernel, bool ceilMode);

/// kernel_shape (or `kernel`), strides and dilations only, checked.
FailureOr<Window> readKernel(Node &n, unsigned rank,
                             llvm::ArrayRef<int64_t> kernel);

/// The pads attribute, [low..., high...]; zeros when absent. Negative ones are
/// refused.
FailureOr<SmallVector<int64_t>> readPads(Node &n, unsigned rank);

/// `tensor` [N, C, spatial...] with the window's cells added around.
Value padWindow(Node &n, Value tensor, const Window &window, Value value);

} // namespace dlc::legalize
