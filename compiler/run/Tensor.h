// A tensor in host memory, as dlc-run reads, writes and compares it.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dlc::run {

/// Dense data in C order, little endian, elements of 4 bits two in a byte (the
/// lower half first), bool one byte.
struct Tensor {
  std::string name;
  int dtype = 0; ///< number of TensorProto.DataType
  std::vector<int64_t> dims;
  std::vector<char> data;

  /// Product of the dims; they are known to be small enough.
  int64_t elements() const;
};

/// Bytes of a dense tensor; nothing when a dim is negative, the type has no
/// fixed size, or the product overflows.
std::optional<uint64_t> tensorBytes(int dtype, llvm::ArrayRef<int64_t> dims);

/// How elements of a type are compared and printed.
enum class Kind { Signed, Unsigned, Float, Complex };
Kind kindOf(int dtype);

/// Element `index` as a number; the imaginary part of a complex one with `part` 1.
double floatAt(const Tensor &tensor, int64_t index, int part = 0);
int64_t signedAt(const Tensor &tensor, int64_t index);
uint64_t unsignedAt(const Tensor &tensor, int64_t index);

/// Element `index` as a person reads it.
std::string textAt(const Tensor &tensor, int64_t index);

/// `[0,3,1]`: the position of an element given by its flat index.
std::string positionText(llvm::ArrayRef<int64_t> dims, int64_t index);

/// Values that depend on the seed, the name's position and nothing else: floats
/// in [-1, 1), integers over a small range that their type can hold.
void fillRandom(Tensor &tensor, uint64_t seed);

} // namespace dlc::run
