// Tests of polynomials over segments against the functions that they stand for.
#include "passes/quantize/Piecewise.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace dlc::quantize;

namespace {
struct Outcome {
  bool found = false;
  int64_t different = 0, largest = 0, bytes = 0;
};

/// Searches f((x - zero) * scale) / step and looks at all inputs.
template <typename F>
Outcome outcomeOf(F f, double scale, double step, int64_t zero = 0, int64_t lo = -32768,
                  int64_t hi = 32767) {
  std::vector<double> real;
  for (int64_t x = -32768; x < 32768; ++x)
    real.push_back(f((x - zero) * scale) / step);
  auto p = findPiecewise(real, -32768, zero, lo, hi, 8192);
  Outcome o;
  if (!p)
    return o;
  o.found = true;
  o.bytes = p->bytes();
  for (int64_t x = -32768; x < 32768; ++x) {
    auto v = apply(*p, x);
    REQUIRE(v);
    auto wanted = static_cast<int64_t>(std::clamp(std::nearbyint(real[x + 32768]), double(lo), double(hi)));
    o.different += *v != wanted;
    o.largest = std::max(o.largest, std::abs(*v - wanted));
  }
  CHECK(o.different == p->different);
  return o;
}
} // namespace

TEST_CASE("smooth functions of 16-bit integers are exact") {
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (double scale : {1 / 4096.0, 3.3e-4, 1e-2}) {
    Outcome o = outcomeOf(sigmoid, scale, 1 / 32768.0, 40);
    CHECK(o.found);
    CHECK(o.different == 0);
    CHECK(o.bytes <= 4096);
  }
  Outcome o = outcomeOf([](double x) { return std::tanh(x); }, 1 / 4096.0, 1 / 128.0, 0, -128, 127);
  CHECK(o.different == 0);
  CHECK(o.bytes < 1024);
}

TEST_CASE("kinks anywhere, and exact ties") {
  auto hardSwish = [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); };
  Outcome o = outcomeOf(hardSwish, 1 / 4096.0, 1 / 4096.0);
  CHECK(o.found);
  CHECK(o.bytes < 256);
  CHECK(o.largest <= 1);
  o = outcomeOf([](double x) { return x < 0 ? x / 4 : x; }, 1 / 4096.0, 1 / 4096.0);
  CHECK(o.found);
  CHECK(o.different == 0);
}

TEST_CASE("what polynomials do not follow is not found") {
  CHECK(!outcomeOf([](double x) { return std::sin(x); }, 0.1, 1 / 32768.0).found);
  CHECK(!outcomeOf([](double x) { return x == 0 ? std::nan("") : x * x; }, 1e-4, 1e-4).found);
}

TEST_CASE("polynomials of a sigmoid as recurrent operators use them") {
  // 32 segments from 0 to 16, degree 4, 30 fraction bits.
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  std::vector<int32_t> rows = approximate(sigmoid, 0, 0.5, 32, 4, 30);
  REQUIRE(rows.size() == 160);
  double worst = 0;
  for (int64_t x = 0; x < int64_t(1) << 31; x += 99991) {
    const int32_t *c = &rows[(x >> 26) * 5];
    int64_t r = static_cast<int32_t>((static_cast<uint32_t>(x) << 6) ^ 0x80000000u), t = c[4];
    for (int j = 3; j >= 0; --j)
      t = ((t * r) >> 32) + c[j];
    CHECK(t <= (int64_t(1) << 30) + 8);
    worst = std::max(worst, std::abs(std::ldexp(double(t), -30) - sigmoid(std::ldexp(double(x), -27))));
  }
  CHECK(worst < 0x1p-21);
}
