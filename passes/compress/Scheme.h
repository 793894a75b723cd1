// Constants that few bits can hold without loss: how, and in which layout.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"

namespace dlc::compress {

/// Numbers of `bits` bits (2, 4 or 8) that give a constant back bit by bit: an element is its
/// number, or the number as f32 times a scale. A number is what is stored plus `low`, the least
/// one of its group. Groups are blocks of the constant: `block` elements along each dimension.
struct Scheme {
  unsigned bits = 8;
  llvm::SmallVector<int64_t> block;
  std::vector<float> scales; ///< by group, in row-major order; empty: elements are integers
  std::vector<int16_t> lows; ///< by group; empty: `low` for all
  int64_t low = 0;
  /// Stored in two's complement: `low` is that of signed numbers of `bits` bits.
  bool isSigned = false;
  std::vector<int16_t> numbers; ///< of all elements

  bool hasWideLows() const;
  /// Bytes of scales and lows.
  int64_t tableBytes() const;
  /// Groups along each dimension.
  llvm::SmallVector<int64_t> groups(llvm::ArrayRef<int64_t> shape) const;
  /// What is stored for element `i`, in the lowest `bits` bits.
  unsigned stored(int64_t i) const { return unsigned(numbers[i] - lowOf[i]) ; }

  std::vector<int16_t> lowOf; ///< by element
};

/// The scheme with the fewest bytes; nothing when no scheme has at most half the bytes of
/// `value`. Values are of f32 or of integers of at most 16 bits. With `wholeRows`, scales and lows are the same along all of
/// the last dimension or differ for all of its elements.
std::optional<Scheme> schemeOf(mlir::DenseElementsAttr value, bool wholeRows);

} // namespace dlc::compress
