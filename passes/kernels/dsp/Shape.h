// Integer contractions seen alike: a matrix product is a convolution of one pixel.
#pragma once

#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::kernels::dsp {

/// Sizes of an nn.conv (channels last, one or two spatial dimensions) or an
/// nn.matmul (rows are pixels of one line), on tensors or buffers, in elements.
struct Shape {
  mlir::Operation *op = nullptr;
  mlir::Value input, filter, out;
  int64_t rank = 0; ///< of the output
  int64_t batch = 1, height = 1, width = 1, channels = 1;
  int64_t outHeight = 1, outWidth = 1, outputs = 1;
  int64_t kernelHeight = 1, kernelWidth = 1, groups = 1;
  int64_t strideY = 1, strideX = 1, dilationY = 1, dilationX = 1;
  int64_t padTop = 0, padLeft = 0, padBottom = 0, padRight = 0;
  mlir::TypedAttr padElement; ///< null when nothing is padded

  /// Nothing when `op` is no integer contraction of this form.
  static std::optional<Shape> of(mlir::Operation *op);

  int64_t pixels() const { return outHeight * outWidth; }
  int64_t groupChannels() const { return channels / groups; }
  int64_t groupOutputs() const { return outputs / groups; }
  bool isDepthwise() const { return groups > 1 && groups == channels && groups == outputs; }
  bool isWide() const; ///< weights of 16 bits
  /// Bytes of an element of the input: 1 or 2.
  int64_t elementBytes() const;
  bool hasHalves() const { return elementBytes() == 2; }
  bool isLong = false; ///< sums of 64 bits
  /// Indices of a result.
  llvm::SmallVector<mlir::Value> at(mlir::Value n, mlir::Value y, mlir::Value x,
                                    mlir::Value o) const;
};

/// Steps in elements to the next batch, row and column of the input.
struct Steps {
  int64_t batch, row, column;
};

/// The elements that one result is summed over, as runs of neighbours, and the order
/// in which kernels take them: in groups of four, first the whole groups of all runs,
/// then what is left of them. The order depends on the shape only.
struct Patch {
  int64_t rows, columns; ///< runs below and beside one another
  int64_t length;        ///< elements of a run
  int64_t perTap;        ///< elements of one kernel position
  bool hasHalves;        ///< elements have 16 bits

  explicit Patch(const Shape &s);
  int64_t runs() const { return rows * columns; }
  int64_t words() const { return length / 4; } ///< whole groups of a run
  int64_t rest() const { return length % 4; }
  int64_t groups() const { return runs() * words() + (runs() * rest() + 3) / 4; }
  int64_t elements() const { return runs() * length; }
  /// The element of a group that is `half` (lower, upper) of its first or second pair:
  /// SXTB16 makes pairs of bytes 0 and 2, then 1 and 3; halves are pairs as they lie.
  int64_t inPair(int64_t pair, int64_t half) const {
    return hasHalves ? 2 * pair + half : 2 * half + pair;
  }
  /// Where element k in the order of the kernels lies: kernel position and channel of
  /// the group; nothing for padding up to a whole group.
  struct Tap {
    int64_t y, x, channel;
  };
  std::optional<Tap> tap(int64_t k) const;
};

/// A buffer as one dimension of neighbouring elements.
struct Flat {
  mlir::Value buffer;
  llvm::SmallVector<int64_t> strides; ///< of the dimensions it had
  Steps steps(const Shape &s) const;  ///< of the input
};
Flat flatten(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer);

/// Whether the kernels can walk the input as it lies (buffers only).
bool canWalk(const Shape &s);

} // namespace dlc::kernels::dsp
