// Constant weights, read from the module and stored again in the order of a kernel.
#pragma once

#include "passes/kernels/dsp/Shape.h"

namespace dlc::kernels::dsp {

/// The constant filter of a contraction.
class Filter {
public:
  /// Nothing when the filter is no constant that can be read.
  static std::optional<Filter> of(const Shape &s);
  /// The weight of an output for one element of its patch.
  int32_t at(Patch::Tap tap, int64_t output) const {
    return values[((tap.y * kernelWidth + tap.x) * channels + tap.channel) * outputs + output];
  }

  /// Whether four bits in two's complement hold all weights.
  bool isNarrow() const;

private:
  std::vector<int16_t> values;
  int64_t kernelWidth = 1, channels = 1, outputs = 1;
};

/// A new constant of words beside the module's others, and its buffer.
mlir::Value storeWords(mlir::ImplicitLocOpBuilder &b, const Shape &s,
                       llvm::ArrayRef<int32_t> words);

/// Four bytes as a word, the first lowest.
int32_t wordOf(int32_t a, int32_t b, int32_t c, int32_t d);
/// Products of two pairs, added in 32 or 64 bits.
mlir::Value multiplyAdd(mlir::ImplicitLocOpBuilder &b, const Shape &s, mlir::Value x,
                        mlir::Value y, mlir::Value sum);

/// Two halves as a word, the first lowest.
int32_t pairOf(int32_t a, int32_t b);

/// A run of equal blocks of outputs.
struct Blocks {
  int64_t rows, first, count;
  int64_t start = 0; ///< first word of the run in a group's weights
};

/// Weights in the order in which blocks of outputs read them: block by block, four
/// elements of the patch after the other, those of all rows side by side. A word holds
/// four weights, so that SXTB16 yields those of the first pair of elements, then those
/// of the second (see Patch::inPair); wide ones take two words in that order.
struct Panels {
  llvm::SmallVector<Blocks, 4> blocks;
  int64_t perGroup = 0; ///< words of one group of the convolution
  mlir::Value words;
};
Panels packPanels(mlir::ImplicitLocOpBuilder &b, const Shape &s, llvm::ArrayRef<Blocks> blocks);
/// The same in four bits: words as arm_dsp.dot takes them with `nibbles`, of two groups of four
/// elements. With `onlyPairs` a last single group has words of bytes, and the last one where
/// elements are missing, too.
Panels packNarrowPanels(mlir::ImplicitLocOpBuilder &b, const Shape &s,
                        llvm::ArrayRef<Blocks> blocks, bool onlyPairs);

/// How many groups of four products, from any multiple of that number on, have sums
/// that fit 32 bits for every input, in all outputs. At least one; for weights of 8 bits.
int64_t groupsOfWords(const Shape &s);

/// Erases constants that nothing uses any more.
void eraseUnusedConstants(mlir::ModuleOp module);

} // namespace dlc::kernels::dsp
