// Compares a tensor with the one that was expected.
#pragma once

#include "compiler/run/Tensor.h"

namespace dlc::run {

/// |found - expected| <= atol + rtol * |expected|, as numpy.allclose has it.
/// Values that are not given are chosen by the type: see defaultTolerance. Integers
/// are compared exactly unless atol is given: then they may differ by as much.
struct Tolerance {
  std::optional<double> rtol, atol;
};

/// What onnx's own backend tests allow (1e-3, 1e-7); types with fewer digits
/// get two steps of their last one.
std::pair<double, double> defaultTolerance(int dtype);

/// Empty when equal: same type, same shape, floats within the tolerance (NaN
/// equals NaN, infinities equal themselves), integers within a given atol,
/// everything else exactly.
/// Otherwise a sentence with tensor, position, found and expected.
std::string compareTensors(const Tensor &found, const Tensor &expected, const Tolerance &tolerance);

/// How many elements of tensors of equal shape are the same, of how many, and how far the others are.
struct Identical {
  int64_t same = 0, all = 0;
  double largest = 0; ///< difference: of integers their quanta
  bool integers = true; ///< nothing else was counted
  Identical &operator+=(const Identical &other);
  /// "11 of 12 integers identical (91.67 %), largest difference 1"; empty when all are, and for floats.
  std::string text() const;
};
Identical countIdentical(const Tensor &found, const Tensor &expected);

} // namespace dlc::run
