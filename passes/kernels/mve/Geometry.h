// Sizes of a contraction as the Helium kernels see it, and the layouts that follow from them.
#pragma once

#include "dialects/NN/NN.h"

#include <numeric>

namespace dlc::kernels::mve {

inline constexpr int64_t kBytes = 16;  ///< of a vector
inline constexpr int64_t kLanes = 16;  ///< int8 elements of a vector
/// Products of a vector: 16 of bytes, 8 where an input or a weight has 16 bits (the other is
/// extended as it is loaded).
int64_t lanesOf(mlir::Value input, mlir::Value filter);
/// Bytes of an element.
inline int64_t bytesOf(mlir::Value v) {
  return cast<mlir::ShapedType>(v.getType()).getElementTypeBitWidth() / 8;
}
inline constexpr int64_t kPanel = 4;   ///< output channels whose sums are one vector of int32
inline constexpr int64_t kHeld = 8;    ///< vectors of one row that stay in registers, nearly

inline int64_t alignUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// A convolution of one or two spatial dimensions; those of one have height 1.
struct Conv {
  int64_t batch, inH, inW, inC, outH, outW, outC, kernelH, kernelW, groupC, group;
  int64_t strideH, strideW, dilationH, dilationW, padTop, padLeft, padBottom, padRight;
  int64_t lanes;   ///< products of a vector
  int64_t inBytes; ///< of an input element

  explicit Conv(nn::ConvOp op);
  int64_t groupOutputs() const { return outC / group; }
  /// Input elements that a copy moves at once.
  int64_t copied() const { return kBytes / inBytes; }
  /// Products of one result.
  int64_t depth() const { return kernelH * kernelW * groupC; }
  /// Neighbouring input elements that one kernel row reads.
  int64_t run() const { return kernelW * groupC; }
  /// Kernel rows are contiguous in the input.
  bool hasRuns() const { return dilationW == 1 && group == 1; }
  /// Rows from the first to the last that one output row reads.
  int64_t reachH() const { return (kernelH - 1) * dilationH + 1; }
  int64_t reachW() const { return (kernelW - 1) * dilationW + 1; }
  /// Output positions [first, second) whose windows lie in the input.
  std::pair<int64_t, int64_t> insideH() const;
  std::pair<int64_t, int64_t> insideW() const;
};

/// Order of the weights of the kernels that sum over lanes:
/// [groups][panels][halves][vectors][channels / halves][products of a vector]. Channel
/// `half + halves * j` of a panel is number j of its half.
struct DotWeights {
  int64_t group, outputs, depth, halves, lanes;
  int64_t panel = kPanel; ///< channels
  int64_t panels() const { return (outputs + panel - 1) / panel; }
  int64_t vectors() const { return (depth + lanes - 1) / lanes; }
  int64_t perHalf() const { return panel / halves; }
  int64_t halfSize() const { return vectors() * perHalf() * lanes; }
  int64_t panelSize() const { return halves * halfSize(); }
  int64_t size() const { return group * panels() * panelSize(); }
};
DotWeights dotWeights(nn::ConvOp op);
DotWeights dotWeights(nn::MatmulOp op);

/// Vectors of the depthwise kernel: lane l of vector v has channel (lanes * v + l) modulo
/// the channels. Vectors of neighbouring channels, or, with `dense`, of
/// neighbouring elements of a row of positions and channels: as many as start at
/// different channels. Weights are [vectors][kernel positions][lanes], operands
/// with one element a channel [vectors][lanes / 4][4]: of 16 lanes 0, 4, 8, 12, then 1,
/// 5, ..., for that is how sums of int32 lie.
struct DepthwiseOrder {
  int64_t channels, taps;
  bool dense;
  int64_t lanes;
  int64_t vectors() const {
    return dense ? channels / std::gcd(channels, lanes) : alignUp(channels, lanes) / lanes;
  }
  int64_t channel(int64_t vector, int64_t lane) const { return (vector * lanes + lane) % channels; }
  int64_t weightAt(int64_t vector, int64_t tap, int64_t lane) const {
    return (vector * taps + tap) * lanes + lane;
  }
  int64_t quads() const { return lanes / 4; }
  int64_t operandLane(int64_t lane) const { return lane % quads() * 4 + lane / quads(); }
};
DepthwiseOrder depthwiseOrder(nn::ConvOp op);
/// Whether the depthwise kernel reads its input where it lies, so that only windows
/// over the border are copied: slower there, but no rows in scratch.
bool readsWindows(nn::ConvOp op);

/// Elements of one position's products in scratch, with room for whole vectors.
int64_t gatherPitch(const Conv &c);
/// Elements of one padded input row in scratch.
int64_t ringPitch(const Conv &c);

} // namespace dlc::kernels::mve
