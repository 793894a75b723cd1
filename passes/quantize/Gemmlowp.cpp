// This file computes numbers as TensorFlow Lite's reference kernels do.
#include "passes/quantize/Gemmlowp.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace dlc::quantize;

namespace {
constexpr int32_t kOne = INT32_MAX; ///< 1 with 31 fraction bits, nearly

int32_t saturated(int64_t v) {
  return static_cast<int32_t>(std::clamp<int64_t>(v, INT32_MIN, INT32_MAX));
}

/// x * 2^exponent, saturated or rounded (SaturatingRoundingMultiplyByPOT).
int32_t scaledByPower(int32_t x, int exponent) {
  return exponent < 0 ? divideByPower(x, -exponent) : saturated(int64_t(x) << exponent);
}

/// e^a for -1/4 <= a < 0: a Taylor series around -1/8.
int32_t expNearZero(int32_t a) {
  constexpr int32_t kExpOfEighth = 1895147668, kThird = 715827883;
  int32_t x = a + (1 << 28);
  int32_t x2 = doublingHighMul(x, x), x3 = doublingHighMul(x2, x), x4 = doublingHighMul(x2, x2);
  int32_t tail = scaledByPower(doublingHighMul(scaledByPower(x4, -2) + x3, kThird) + x2, -1);
  return kExpOfEighth + doublingHighMul(kExpOfEighth, x + tail);
}

/// e^a for a <= 0 with 31 - `integerBits` fraction bits.
int32_t expOf(int32_t a, int integerBits) {
  if (a == 0)
    return kOne;
  int fraction = 31 - integerBits;
  int32_t quarter = int32_t(1) << (fraction - 2);
  int32_t inner = (a & (quarter - 1)) - quarter;
  int32_t result = expNearZero(scaledByPower(inner, integerBits));
  int32_t rest = inner - a;
  // e^-(2^k) with 31 fraction bits, for k from -2.
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int k = -2; k < std::min(integerBits, 5); ++k)
    if (rest & (int32_t(1) << (fraction + k)))
      result = doublingHighMul(result, kFactors[k + 2]);
  return result;
}

/// 2 / (1 + a) with 29 fraction bits: three steps of Newton's method.
int32_t twoOverOnePlus(int32_t a) {
  int64_t sum = int64_t(a) + kOne;
  auto half = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  constexpr int32_t k48Over17 = 1515870810, kMinus32Over17 = -1010580540;
  int32_t x = k48Over17 + doublingHighMul(half, kMinus32Over17);
  for (int i = 0; i < 3; ++i) {
    int32_t rest = (1 << 29) - doublingHighMul(half, x);
    x += scaledByPower(doublingHighMul(x, rest), 2);
  }
  return x;
}

/// Largest magnitude of an input that fits when shifted (CalculateInputRadius).
int64_t inputRadius(int integerBits, int leftShift, Rounding mode) {
  if (mode == Rounding::Single)
    return (((int64_t(1) << integerBits) - 1) << (31 - integerBits)) >> leftShift;
  double most = std::ldexp((1 << integerBits) - 1, 31 - integerBits - leftShift);
  return static_cast<int64_t>(std::floor(most));
}

int16_t saturated16(int64_t v) {
  return static_cast<int16_t>(std::clamp<int64_t>(v, INT16_MIN, INT16_MAX));
}

int16_t doublingHighMul16(int16_t a, int16_t b) {
  return saturated16((int32_t(a) * b + (1 << 14)) >> 15);
}

/// The upper half of a multiplier (DownScaleInt32ToInt16Multiplier).
int16_t upperHalf(int32_t m) {
  return m >= INT32_MAX - (1 << 15) ? INT16_MAX : static_cast<int16_t>((m + (1 << 15)) >> 16);
}
} // namespace

int32_t dlc::quantize::doublingHighMul(int32_t a, int32_t b) {
  return saturated((int64_t(a) * b + (int64_t(1) << 30)) >> 31);
}

int32_t dlc::quantize::divideByPower(int32_t x, int exponent) {
  if (exponent == 0)
    return x;
  return static_cast<int32_t>(
      (int64_t(x) + (int64_t(1) << (exponent - 1)) - (x < 0 ? 1 : 0)) >> exponent);
}

int64_t dlc::quantize::multiply(int64_t x, Multiplier m, Rounding mode) {
  int left = std::max(m.shift, 0), right = std::max(-m.shift, 0);
  __int128 product = static_cast<__int128>(x) * m.significand;
  if (mode == Rounding::Single) {
    int shift = 31 - m.shift;
    return static_cast<int64_t>((product + (__int128(1) << (shift - 1))) >> shift);
  }
  auto high = static_cast<int64_t>(((product << left) + (int64_t(1) << 30)) >> 31);
  if (right == 0)
    return high;
  // Half away from zero.
  return (high + (int64_t(1) << (right - 1)) - (high < 0 ? 1 : 0)) >> right;
}

int32_t dlc::quantize::expOfNegative(int32_t a) { return expOf(a, 5); }

int32_t dlc::quantize::reciprocalOfOnePlus(int32_t x) {
  return scaledByPower(twoOverOnePlus(x), 1);
}

int32_t dlc::quantize::logistic(int32_t a) {
  if (a == 0)
    return 1 << 30;
  int32_t positive = reciprocalOfOnePlus(expOf(a > 0 ? -a : a, 4));
  return a > 0 ? positive : kOne - positive;
}

int32_t dlc::quantize::tanhOf(int32_t a) {
  if (a == 0)
    return 0;
  int32_t e = expOf(a < 0 ? a : -a, 5); // e^(-2 |a|): one fraction bit less
  int32_t positive = scaledByPower(twoOverOnePlus(e) - (1 << 29), 2);
  return a < 0 ? -positive : positive;
}

std::vector<int32_t> dlc::quantize::softmaxTable(double scale, Rounding mode) {
  constexpr int kIntegerBits = 5;
  double most = mode == Rounding::Single ? 1073741823.0 : 2147483647.0;
  Multiplier m = quantizeMultiplier(std::min(std::ldexp(scale, 31 - kIntegerBits), most));
  int64_t radius = m.shift < 0 ? 255 : inputRadius(kIntegerBits, m.shift, mode);
  std::vector<int32_t> table;
  for (int64_t d = 0; d < 256; ++d)
    table.push_back(d <= radius ? expOfNegative(saturated(multiply(-d, m, mode))) : 0);
  return table;
}

int32_t dlc::quantize::softmaxElement(int32_t exponential, int32_t sum) {
  int zeros = std::countl_zero(static_cast<uint32_t>(sum));
  // The sum is (1 + x) 2^(12 - zeros).
  auto x = static_cast<int32_t>((static_cast<uint32_t>(sum) << zeros) - (uint32_t(1) << 31));
  return divideByPower(doublingHighMul(reciprocalOfOnePlus(x), exponential), 12 - zeros + 31 - 8);
}

Sum dlc::quantize::sumOf(float first, float second, float result, bool subtract) {
  double twice = 2 * std::max(first, second);
  return {quantizeMultiplier(first / twice), quantizeMultiplier(second / twice),
          quantizeMultiplier(twice / (static_cast<float>(1 << Sum::kLeft) * result)), subtract};
}

int64_t dlc::quantize::apply(const Sum &s, int64_t x, int64_t y, Rounding mode) {
  int64_t a = multiply(x << Sum::kLeft, s.first, mode);
  int64_t b = multiply(y << Sum::kLeft, s.second, mode);
  return multiply(s.subtract ? a - b : a + b, s.result, mode);
}

std::optional<SmallSum> dlc::quantize::smallSumOf(float firstScale, float secondScale,
                                                  float resultScale, bool subtract) {
  float a = firstScale / resultScale, c = secondScale / resultScale, most = std::max(a, c);
  if (!(most >= 0x1p-10f && most < 0x1p8f))
    return std::nullopt;
  SmallSum s;
  s.shift = 20 - std::ilogb(most);
  s.first = static_cast<int32_t>(std::lrint(std::ldexp(a, s.shift)));
  s.second = static_cast<int32_t>(std::lrint(std::ldexp(c, s.shift))) * (subtract ? -1 : 1);
  return s;
}

int64_t dlc::quantize::apply(const SmallSum &s, int64_t x, int64_t y) {
  return (s.first * x + s.second * y + (int64_t(1) << (s.shift - 1))) >> s.shift;
}

double dlc::quantize::productScale(float first, float second, float result) {
  float product = first * second;
  return product / result;
}

/// Sigmoid and Tanh: `f` from 27 to 31 fraction bits, then rounded to `bits`.
template <typename F>
static int64_t squashed(const Unary &u, int64_t x, Rounding mode, int bits, int64_t middle, F f) {
  constexpr int kIntegerBits = 4;
  Multiplier m = quantizeMultiplier(static_cast<double>(u.scale) * (1 << (31 - kIntegerBits)));
  int64_t radius = inputRadius(kIntegerBits, m.shift, mode), v = x - u.zero;
  if (v <= -radius)
    return u.lo;
  if (v >= radius)
    return u.hi;
  int32_t y = divideByPower(f(saturated(multiply(v, m, mode))), 31 - bits);
  return std::clamp(y + middle, u.lo, u.hi);
}

int64_t dlc::quantize::sigmoidOf(const Unary &u, int64_t x, Rounding mode) {
  return squashed(u, x, mode, 8, u.lo, logistic);
}

int64_t dlc::quantize::tanhOf(const Unary &u, int64_t x, Rounding mode) {
  return squashed(u, x, mode, 7, u.lo + 128, [](int32_t a) { return tanhOf(a); });
}

int64_t dlc::quantize::hardSwishOf(const Unary &u, int64_t x) {
  float hires = (1.0f / 128.0f) * u.scale;
  Multiplier out = quantizeMultiplier(hires / u.resultScale);
  Multiplier relu = quantizeMultiplier(hires / (3.0f / 32768.0f));
  auto input = static_cast<int16_t>((x - u.zero) * 128);
  int16_t onResult = doublingHighMul16(input, upperHalf(out.significand));
  int16_t factor = input; // to [0, 1] for -3 to 3
  if (relu.shift > 0)
    factor = saturated16(int64_t(factor) << std::min(relu.shift - 1, 31));
  factor = doublingHighMul16(factor, upperHalf(relu.significand));
  if (relu.shift > 0)
    factor = saturated16(int64_t(factor) * 2);
  if (relu.shift < 0)
    factor = static_cast<int16_t>(divideByPower(factor, std::min(-relu.shift, 31)));
  factor = static_cast<int16_t>((factor + (1 << 15)) >> 1);
  // Rounds to zero.
  auto product = static_cast<int16_t>(int32_t(factor) * onResult / (1 << 15));
  return std::clamp(divideByPower(product, std::clamp(-out.shift, 0, 31)) + u.resultZero, u.lo, u.hi);
}

int64_t dlc::quantize::leakyReluOf(const Unary &u, float alpha, int64_t x, Rounding mode) {
  int64_t v = x - u.zero;
  float scale = v >= 0 ? u.scale / u.resultScale : u.scale * alpha / u.resultScale;
  // A negative slope: the multiplier's sign goes to the input.
  int64_t y = scale < 0 ? multiply(-v, quantizeMultiplier(-scale), mode)
                        : multiply(v, quantizeMultiplier(scale), mode);
  return std::clamp(y + u.resultZero, u.lo, u.hi);
}
