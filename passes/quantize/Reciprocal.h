// Divisions by a scale as multiplications that quantize to the same integers.
#pragma once

#include "passes/quantize/Linear.h"

namespace dlc::quantize {

/// Two numbers whose sum is nearly 1 / scale: fma(x, high, x * low) instead of x / scale,
/// rounded to the nearest integer, gives the same integer between `lo` and `hi` for every
/// float x; none where that is not so.
struct Reciprocal {
  float high, low;
};
std::optional<Reciprocal> findReciprocal(float scale, int64_t lo, int64_t hi);

/// Divides by multiplying where `result` quantizes floats and its bounds hide what the
/// product loses.
void multiplyByReciprocal(Body &body, mlir::Value result);

} // namespace dlc::quantize
