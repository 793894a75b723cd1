// Tests of the rounding modes against plain definitions in real numbers.
#include "passes/quantize/Gemmlowp.h"
#include "passes/quantize/Reciprocal.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace dlc::quantize;

TEST_CASE("a doubling product is rounded to the nearest, ties up") {
  std::mt19937 random(1);
  std::uniform_int_distribution<int32_t> any(INT32_MIN + 1, INT32_MAX);
  for (int i = 0; i < 10000; ++i) {
    int32_t a = any(random), b = any(random);
    long double real = static_cast<long double>(a) * b / 2147483648.0L;
    CHECK(doublingHighMul(a, b) == static_cast<int64_t>(std::floor(real + 0.5L)));
  }
  CHECK(doublingHighMul(1 << 30, 1) == 1);
  CHECK(doublingHighMul(-(1 << 30), 1) == 0);
  CHECK(doublingHighMul(INT32_MIN, INT32_MIN) == INT32_MAX);
}

TEST_CASE("a division by a power of two rounds halves away from zero") {
  for (int32_t x = -70; x <= 70; ++x)
    for (int e = 0; e < 6; ++e)
      CHECK(divideByPower(x, e) == std::llround(x / std::ldexp(1.0, e)));
  CHECK(divideByPower(INT32_MAX, 31) == 1);
  CHECK(divideByPower(INT32_MIN, 31) == -1);
}

TEST_CASE("multipliers keep 31 bits, and the modes differ only next to ties") {
  for (double real : {0.0003, 0.49, 0.5, 0.999999, 1.0, 3.7}) {
    Multiplier m = quantizeMultiplier(real);
    CHECK(m.significand >= 1 << 30);
    CHECK(std::ldexp(static_cast<double>(m.significand), m.shift - 31) == Approx(real).epsilon(1e-9));
    for (int64_t x = -20000; x <= 20000; x += 7) {
      double exact = std::ldexp(static_cast<double>(x) * m.significand, m.shift - 31);
      CHECK(multiply(x, m, Rounding::Single) == static_cast<int64_t>(std::floor(exact + 0.5)));
      // Two roundings: a half unit of the first on top of the second's.
      double slack = 0.5 + std::ldexp(0.5, std::min(m.shift, 0));
      CHECK(std::abs(static_cast<double>(multiply(x, m, Rounding::Double)) - exact) <= slack);
    }
  }
  // 0.375 of a unit with two fraction bits: up to a half, then away from zero.
  CHECK(multiply(3, {1 << 30, -2}, Rounding::Double) == 1);
  CHECK(multiply(3, {1 << 30, -2}, Rounding::Single) == 0);
}

TEST_CASE("fixed-point functions are near the real ones") {
  for (double a = -31.9; a < 0; a += 0.037)
    CHECK(expOfNegative(static_cast<int32_t>(std::ldexp(a, 26))) / 2147483648.0 ==
          Approx(std::exp(a)).margin(2e-7));
  for (double x = 0; x < 1; x += 0.0173)
    CHECK(reciprocalOfOnePlus(static_cast<int32_t>(std::ldexp(x, 31))) / 2147483648.0 ==
          Approx(1 / (1 + x)).margin(2e-7));
  for (double a = -7.9; a < 8; a += 0.0571) {
    auto raw = static_cast<int32_t>(std::ldexp(a, 27));
    CHECK(logistic(raw) / 2147483648.0 == Approx(1 / (1 + std::exp(-a))).margin(1e-6));
    CHECK(tanhOf(raw) / 2147483648.0 == Approx(std::tanh(a)).margin(1e-6));
  }
  CHECK(expOfNegative(0) == INT32_MAX);
}

TEST_CASE("operators of 8 bits are within a step of the real ones") {
  Unary u{0.05f, 1.0f / 256, 3, -128, -128, 127};
  for (int64_t x = -128; x < 128; ++x) {
    double real = 0.05 * static_cast<double>(x - 3);
    double sigmoid = std::min(256 / (1 + std::exp(-real)) - 128, 127.0);
    CHECK(std::abs(static_cast<double>(sigmoidOf(u, x, Rounding::Double)) - sigmoid) <= 1);
    Unary swish{0.05f, 0.04f, 3, -20, -128, 127};
    double hard = std::min(real * std::clamp(real / 6 + 0.5, 0.0, 1.0) / 0.04 - 20, 127.0);
    CHECK(std::abs(static_cast<double>(hardSwishOf(swish, x)) - hard) <= 1);
    double leaky = std::clamp((real < 0 ? 0.1 * real : real) / 0.04 - 20, -128.0, 127.0);
    CHECK(std::abs(static_cast<double>(leakyReluOf(swish, 0.1f, x, Rounding::Double)) - leaky) <= 1);
  }
  Sum sum = sumOf(0.05f, 0.02f, 0.06f, false), difference = sumOf(0.05f, 0.02f, 0.06f, true);
  for (int64_t x = -128; x < 128; x += 3)
    for (int64_t y = -128; y < 128; y += 5) {
      double a = 0.05 * static_cast<double>(x), b = 0.02 * static_cast<double>(y);
      CHECK(std::abs(static_cast<double>(apply(sum, x, y, Rounding::Double)) - (a + b) / 0.06) < 0.51);
      CHECK(std::abs(static_cast<double>(apply(difference, x, y, Rounding::Double)) - (a - b) / 0.06) < 0.51);
    }
}

TEST_CASE("sums with multipliers of 20 bits are within a step of the real ones") {
  auto sum = smallSumOf(0.05f, 0.02f, 0.06f, false), difference = smallSumOf(0.05f, 0.02f, 0.06f, true);
  REQUIRE((sum && difference));
  for (int64_t x = -128; x < 128; x += 3)
    for (int64_t y = -128; y < 128; y += 5) {
      double a = 0.05 * static_cast<double>(x), b = 0.02 * static_cast<double>(y);
      CHECK(std::abs(static_cast<double>(apply(*sum, x, y)) - (a + b) / 0.06) < 0.51);
      CHECK(std::abs(static_cast<double>(apply(*difference, x, y)) - (a - b) / 0.06) < 0.51);
    }
  CHECK(!smallSumOf(1e-5f, 2e-5f, 1, false)); // too small for 31-bit shifts
  CHECK(!smallSumOf(300, 1, 1, false));       // sums of 32 bits would overflow
}

TEST_CASE("fixed point gives what a product of f32 gives") {
  CHECK(requantize({0.5, 0, 0, -128, 127, -300, 300}, Rounding::Float, 5) == 2);
  CHECK(requantize({0.5, 0, 0, -128, 127, -300, 300}, Rounding::Float, 7) == 4);
  // Products beyond int64_t.
  for (int64_t sign : {-1, 0, 1})
    CHECK(requantize({0x1p58, 0, -3, -128, 127, -(int64_t(1) << 35), int64_t(1) << 35}, Rounding::Onnx, sign * (int64_t(1) << 35)) ==
          (sign < 0 ? -128 : sign == 0 ? -3 : 127));
  CHECK(!findFixedPoint(Problem{0.125, 0, 3, -128, 127, -4000, 4000}, Rounding::Float)); // ties
  for (float scale : {0.0171f, 0.0302f, 0.0557f}) {
    Problem p{scale, 40 * scale, 3, -128, 127, -20000, 20000};
    auto fixed = findFixedPoint(p, Rounding::Float);
    REQUIRE(fixed);
    for (int64_t x = p.first; x <= p.last; x += 3) {
      int64_t v = ((((x << fixed->left) + fixed->bias[0]) * fixed->multiplier[0]) >> 32) + fixed->offset[0];
      REQUIRE(std::clamp(v >> fixed->shift[0], p.lo, p.hi) == requantize(p, Rounding::Float, x));
    }
  }
}

TEST_CASE("a row of a softmax sums to one") {
  auto table = softmaxTable(0.1, Rounding::Double);
  REQUIRE(table.size() == 256);
  int32_t sum = 0, total = 0;
  for (int d : {0, 5, 10, 40})
    sum += divideByPower(table[d], 12);
  for (int d : {0, 5, 10, 40}) {
    double real = std::exp(-0.1 * d) / (1 + std::exp(-0.5) + std::exp(-1.0) + std::exp(-4.0));
    int32_t y = softmaxElement(table[d], sum);
    CHECK(std::abs(y - 256 * real) <= 0.51);
    total += y;
  }
  CHECK(std::abs(total - 256) <= 2);
}

namespace {
/// round_half_even(x n / d + offset) + zero, clamped: exact.
int64_t rational(int64_t x, int64_t n, int64_t d, const Problem &p) {
  int64_t twice = 2 * (x * n + std::llround(p.offset * static_cast<double>(d)));
  int64_t q = (twice + d) >= 0 ? (twice + d) / (2 * d) : -((-(twice + d) + 2 * d - 1) / (2 * d));
  if ((twice + d) % (2 * d) == 0 && q % 2 != 0)
    --q;
  return std::clamp(q + p.zero, p.lo, p.hi);
}

int64_t apply(const Wide &w, size_t c, int64_t x, const Problem &p) {
  int64_t v = x * w.multiplier[w.multiplier.size() == 1 ? 0 : c] + w.offset[c], q = v >> w.shift;
  if ((v & ((int64_t(1) << w.shift) - 1)) <= w.tie)
    q -= q & 1;
  return std::clamp(q + p.zero, p.lo, p.hi);
}
} // namespace

TEST_CASE("64-bit arithmetic is exact, with ties to even") {
  std::mt19937 random(2);
  auto any = [&](int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random);
  };
  for (int i = 0; i < 60; ++i) {
    // Quotients like 1/6 and 3/32: many exact ties.
    int64_t bits = any(0, 1) ? 8 : 16, half = int64_t(1) << (bits - 1);
    std::vector<Problem> problems;
    std::vector<std::pair<int64_t, int64_t>> quotients;
    int64_t zero = any(-half, half - 1);
    for (int c = 0; c < 3; ++c) {
      int64_t n = any(1, 40), d = any(1, 40) * (any(0, 1) ? 1 : 64);
      Problem p{static_cast<double>(n) / static_cast<double>(d), 0, zero, -half, half - 1, -300000, 290000};
      p.offset = p.scale * static_cast<double>(any(-1000, 1000));
      problems.push_back(p);
      quotients.push_back({n, d});
    }
    auto wide = findWide(problems);
    CAPTURE(i, quotients);
    REQUIRE(wide);
    bool same = true;
    for (size_t c = 0; c < 3; ++c)
      for (int64_t x = problems[c].first; x <= problems[c].last; ++x)
        same &= apply(*wide, c, x, problems[c]) == rational(x, quotients[c].first, quotients[c].second, problems[c]);
    CHECK(same);
  }
  // Nothing but real numbers, large sums.
  Problem p{0.000123456789, 17.25, -3, -32768, 32767, -(int64_t(1) << 25), (int64_t(1) << 25) - 1};
  auto wide = findWide(p);
  REQUIRE(wide);
  CHECK(wide->tie < 0);
  for (int i = 0; i < 10000; ++i) {
    int64_t x = any(p.first, p.last);
    CHECK(apply(*wide, 0, x, p) == requantize(p, Rounding::Onnx, x));
  }
}

TEST_CASE("powers of two of very different size have shifts of their own") {
  std::vector<Problem> problems{{0x1p-7, 3 * 0x1p-7, -4, -128, 127, -100000, 100000},
                                {0x1p-29, 0x1p-29, -4, -128, 127, -100000, 100000},
                                {0x1p-40, 0, -4, -128, 127, -100000, 100000}};
  auto even = findEvenShift(problems);
  REQUIRE(even);
  for (size_t c = 0; c < 3; ++c)
    for (int64_t x = -100000; x <= 100000; x += c == 0 ? 1 : 97) {
      int32_t v = static_cast<int32_t>(x) * even->multiplier[c] + even->offset[c], s = even->shift[c];
      int64_t q = (v + (1 << (s - 1)) - 1 + ((v >> s) & 1)) >> s;
      REQUIRE(std::clamp<int64_t>(q - 4, -128, 127) == requantize(problems[c], Rounding::Onnx, x));
    }
}

TEST_CASE("a product with a reciprocal quantizes as the division") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> exponent(-20, 10), near(-140, 140);
  int found = 0;
  for (int n = 0; n < 200; ++n) {
    float scale = std::exp2(exponent(random));
    auto r = findReciprocal(scale, -128 - 3, 127 - 3);
    if (!r)
      continue;
    ++found;
    auto check = [&](float x) {
      double divided = std::nearbyint(x / scale), multiplied = std::nearbyint(std::fma(x, r->high, x * r->low));
      CHECK(std::clamp(divided, -131.0, 124.0) == std::clamp(multiplied, -131.0, 124.0));
    };
    for (int i = 0; i < 1000; ++i)
      check(near(random) * scale);
    // Next to the ties.
    for (int k = -131; k <= 124; ++k)
      for (float x : {(k - 0.5f) * scale, (k + 0.5f) * scale})
        for (float y : {x, std::nextafter(x, INFINITY), std::nextafter(x, -INFINITY)})
          check(y);
  }
  CHECK(found > 190);
  auto half = findReciprocal(0.5f, -128, 127);
  REQUIRE(half);
  CHECK(half->high == 2);
  CHECK(half->low == 0);
  CHECK(!findReciprocal(0x1p-100f, -128, 127));
  CHECK(!findReciprocal(-1, -128, 127));
}
