// Numbers as TensorFlow Lite's kernels compute them: gemmlowp's fixed-point
// arithmetic, and the parameters of operators that need more than one
// multiplication.
#pragma once

#include "passes/quantize/Requantize.h"

#include <vector>

namespace dlc::quantize {

/// a b / 2^31 to the nearest, ties up; saturates (SaturatingRoundingDoublingHighMul).
int32_t doublingHighMul(int32_t a, int32_t b);
/// x / 2^exponent to the nearest, ties away from zero (RoundingDivideByPOT).
int32_t divideByPower(int32_t x, int exponent);
/// x times a multiplier, in the roundings of Double or Single
/// (MultiplyByQuantizedMultiplier).
int64_t multiply(int64_t x, Multiplier m, Rounding mode);

/// e^a for a <= 0 with 26 fraction bits, as 31 fraction bits.
int32_t expOfNegative(int32_t a);
/// 1 / (1 + x) for 0 <= x < 1, both with 31 fraction bits.
int32_t reciprocalOfOnePlus(int32_t x);
/// 1 / (1 + e^-a), from 27 fraction bits to 31.
int32_t logistic(int32_t a);
/// tanh(a), from 27 fraction bits to 31.
int32_t tanhOf(int32_t a);

/// Softmax of 8-bit integers: e^((x - max) scale) for max - x of 0 to 255, with 31
/// fraction bits; 0 where TensorFlow Lite leaves an element out.
std::vector<int32_t> softmaxTable(double scale, Rounding mode);
/// One element: `exponential` (of softmaxTable) over the row's sum of exponentials with
/// 19 fraction bits, in units of 1/256.
int32_t softmaxElement(int32_t exponential, int32_t sum);

/// A sum or difference of two quantized tensors.
struct Sum {
  static constexpr int kLeft = 20; ///< inputs are shifted up by that
  Multiplier first, second, result;
  bool subtract;
};
Sum sumOf(float firstScale, float secondScale, float resultScale, bool subtract);
/// The result less its zero point, for inputs less theirs.
int64_t apply(const Sum &s, int64_t x, int64_t y, Rounding mode);

/// The same as XNNPACK computes it: (first x + second y + half) >> shift, multipliers
/// of 20 to 21 bits.
struct SmallSum {
  int32_t first, second;
  int shift;
};
/// Nothing when the larger ratio of scales is not between 2^-10 and 2^8: TensorFlow Lite
/// leaves such sums to its own kernels.
std::optional<SmallSum> smallSumOf(float firstScale, float secondScale, float resultScale,
                                   bool subtract);
int64_t apply(const SmallSum &s, int64_t x, int64_t y);

/// Real multiplier of a product of two quantized tensors.
double productScale(float firstScale, float secondScale, float resultScale);

/// Sigmoid, Tanh, HardSwish and LeakyRelu of 8-bit integers: the result for a stored
/// integer `x`, results of int8 (lo = -128) or uint8 (lo = 0).
struct Unary {
  float scale, resultScale;
  int64_t zero, resultZero, lo, hi;
};
int64_t sigmoidOf(const Unary &u, int64_t x, Rounding mode);
int64_t tanhOf(const Unary &u, int64_t x, Rounding mode);
int64_t hardSwishOf(const Unary &u, int64_t x);
int64_t leakyReluOf(const Unary &u, float alpha, int64_t x, Rounding mode);

} // namespace dlc::quantize
