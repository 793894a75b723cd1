// This file finds fixed-point arithmetic that rounds exactly as a mode defines.
//
// Results grow with x, so they are known by their thresholds: the smallest x that
// gives at least t, for every t. A line m (x + b) + r crosses t * 2^s at the same
// integers when every crossing lies in the unit interval before its threshold.
#include "passes/quantize/Requantize.h"

#include "passes/quantize/Gemmlowp.h"

#include <algorithm>
#include <cmath>

using namespace dlc::quantize;

Multiplier dlc::quantize::quantizeMultiplier(double real) {
  if (real == 0)
    return {0, 0};
  int shift;
  double q = std::frexp(real, &shift);
  int64_t significand = std::llround(q * 2147483648.0);
  if (significand == int64_t(1) << 31) {
    significand /= 2;
    ++shift;
  }
  if (shift < -31)
    return {0, 0};
  return {static_cast<int32_t>(significand), shift};
}

/// Round to the nearest integer, ties to even, whatever the rounding mode of the
/// machine.
static int64_t roundEven(long double v) {
  long double down = std::floor(v), rest = v - down;
  int64_t i = static_cast<int64_t>(down);
  if (rest > 0.5L || (rest == 0.5L && (i & 1)))
    ++i;
  return i;
}

int64_t dlc::quantize::requantize(const Problem &p, Rounding mode, int64_t x) {
  int64_t q;
  if (mode == Rounding::Onnx) {
    q = roundEven(static_cast<long double>(x) * p.scale + p.offset);
  } else {
    int64_t bias = std::llround(p.offset / p.scale);
    q = mode == Rounding::Float
            ? roundEven(static_cast<float>(x + bias) * static_cast<float>(p.scale))
            : multiply(x + bias, quantizeMultiplier(p.scale), mode);
  }
  return std::clamp(q + p.zero, p.lo, p.hi);
}

namespace {
/// Where one result ends and the next begins: `last` is the largest x that must
/// give less than t, `first` the smallest that must give t or more. Between them
/// there is nothing, or an x that is a tie but for the rounding of scales to f32.
struct Threshold {
  int64_t last, first;
};

/// Thresholds of one channel for t from lo + 1 to hi.
/// `loose` allows such ties to go either way.
std::vector<Threshold> thresholdsOf(const Problem &p, Rounding mode, bool loose) {
  std::vector<Threshold> result;
  for (int64_t t = p.lo + 1; t <= p.hi; ++t) {
    // Near where the real line crosses; the definition decides.
    double crossing = (t - 0.5 - p.zero - p.offset) / p.scale;
    int64_t x = static_cast<int64_t>(std::clamp(
        std::ceil(crossing), static_cast<double>(p.first), static_cast<double>(p.last) + 1));
    while (x > p.first && requantize(p, mode, x - 1) >= t)
      --x;
    while (x <= p.last && requantize(p, mode, x) < t)
      ++x;
    double tie = std::nearbyint(crossing);
    double slack = 0x1p-22 * (std::abs(crossing) + std::abs(p.offset / p.scale));
    if (loose && mode == Rounding::Onnx && std::abs(crossing - tie) < slack && tie >= p.first &&
        tie <= p.last)
      result.push_back({static_cast<int64_t>(tie) - 1, static_cast<int64_t>(tie) + 1});
    else
      result.push_back({x - 1, x});
  }
  return result;
}

int64_t apply(int64_t x, int64_t bias, int64_t multiplier, int64_t offset, int shift) {
  return ((((x + bias) * multiplier) >> 32) + offset) >> shift;
}

/// Whether the arithmetic has the thresholds (and does not overflow).
bool reproduces(const Problem &p, const std::vector<Threshold> &thresholds, int64_t bias,
                int64_t multiplier, int64_t offset, int shift) {
  for (int64_t x : {p.first, p.last}) {
    int64_t sum = x + bias;
    if (sum < INT32_MIN || sum > INT32_MAX)
      return false;
    int64_t v = ((sum * multiplier) >> 32) + offset;
    if (v < INT32_MIN || v > INT32_MAX)
      return false;
  }
  for (auto [i, x] : llvm::enumerate(thresholds)) {
    int64_t t = p.lo + 1 + static_cast<int64_t>(i);
    if (x.last >= p.first && apply(x.last, bias, multiplier, offset, shift) >= t)
      return false;
    if (x.first <= p.last && apply(x.first, bias, multiplier, offset, shift) < t)
      return false;
  }
  return true;
}

/// Multipliers near the ideal one, nearest first.
template <typename Try> bool nearMultiplier(double ideal, Try tryOne) {
  int64_t m = std::llround(ideal);
  for (int64_t d : {0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6, 8, -8})
    if (m + d > 0 && m + d <= INT32_MAX && tryOne(m + d))
      return true;
  return false;
}

int shiftFor(double scale) {
  // multiplier = scale * 2^(32 + shift) in [2^30, 2^31).
  int exponent;
  std::frexp(scale, &exponent); // scale = f * 2^exponent, f in [0.5, 1)
  return std::min(31 - exponent - 32, 22);
}

struct Channel {
  const Problem *problem;
  std::vector<Threshold> thresholds;
};

/// A channel whose result does not depend on x: any slope that is flat enough.
bool findFlat(const Channel &c, int64_t zero, int64_t offset, int shift, FixedPoint &out) {
  const Problem &p = *c.problem;
  int64_t above = llvm::count_if(c.thresholds, [&](Threshold t) { return t.first <= p.first; });
  if (llvm::any_of(c.thresholds,
                   [&](Threshold t) { return t.first > p.first && t.last < p.last; }))
    return false;
  int64_t value = p.lo + above;
  for (int bits = 30; bits >= 0; --bits) {
    int64_t bias = ((value - zero) << shift) * (int64_t(1) << (32 - bits));
    if (std::abs(bias) < (int64_t(1) << 30) &&
        reproduces(p, c.thresholds, bias, int64_t(1) << bits, offset, shift)) {
      out.bias.push_back(bias);
      out.multiplier.push_back(int64_t(1) << bits);
      return true;
    }
  }
  return false;
}

/// The line (x + bias) * m / 2^32 + offset reaches t * 2^shift where x is
/// t * step - w, with step = 2^(32 + shift) / m and w = offset * 2^32 / m + bias.
/// The w for which that lies in (threshold - 1, threshold] for all t.
std::pair<double, double> windowOf(const Channel &c, int64_t m, int shift) {
  const Problem &p = *c.problem;
  double step = std::ldexp(1.0, 32 + shift) / m, least = -1e300, most = 1e300;
  for (auto [i, x] : llvm::enumerate(c.thresholds)) {
    double at = (p.lo + 1 + static_cast<double>(i)) * step;
    if (x.first <= p.last)
      least = std::max(least, at - x.first);
    if (x.last >= p.first)
      most = std::min(most, at - x.last);
  }
  return {least, most};
}

/// The bias that puts w into the window; nothing when none does.
std::optional<int64_t> biasFor(const Channel &c, std::pair<double, double> window, int64_t m,
                               int64_t offset, int shift) {
  double w = offset * 4294967296.0 / m, bias = std::ceil(window.first - w);
  // A one-sided window may be met by any small bias.
  if (window.first < -1e200)
    bias = std::ceil(window.second - w) - 1;
  if (bias + w >= window.second || std::abs(bias) >= (int64_t(1) << 30) ||
      !reproduces(*c.problem, c.thresholds, static_cast<int64_t>(bias), m, offset, shift))
    return std::nullopt;
  return static_cast<int64_t>(bias);
}

/// One channel with its own offset: the bias moves the line by whole steps, the
/// offset by 2^32 / multiplier steps, and together by any fraction.
bool findOwn(const Channel &c, int shift, FixedPoint &out) {
  const Problem &p = *c.problem;
  return nearMultiplier(std::ldexp(p.scale, 32 + shift), [&](int64_t m) {
    auto window = windowOf(c, m, shift);
    if (window.first >= window.second)
      return false;
    int64_t start = static_cast<int64_t>(std::ldexp(p.offset + p.zero + 0.5, shift));
    for (int64_t k = 0; k < 65536; ++k) {
      int64_t offset = start + (k % 2 ? (k + 1) / 2 : -k / 2);
      auto bias = std::abs(offset) < INT32_MAX ? biasFor(c, window, m, offset, shift)
                                               : std::nullopt;
      if (!bias)
        continue;
      out.bias.push_back(*bias);
      out.multiplier.push_back(m);
      out.offset.push_back(offset);
      out.shift.push_back(shift);
      return true;
    }
    return false;
  });
}
} // namespace

static std::optional<FixedPoint> search(llvm::ArrayRef<Problem> problems, Rounding mode,
                                        bool loose) {
  double largest = 0;
  int64_t farthest = 1;
  for (const Problem &p : problems) {
    if (!(p.scale > 0) || p.hi - p.lo > 255 || p.hi <= p.lo || std::abs(p.offset) > 1e6)
      return std::nullopt;
    largest = std::max(largest, p.scale);
    farthest = std::max({farthest, std::abs(p.first), std::abs(p.last)});
  }
  // A large scale leaves few bits behind the point: x is shifted up first.
  int left = 0;
  if (int shift = shiftFor(largest); shift < 3)
    left = std::clamp(8 - shift, 0, 29 - static_cast<int>(std::ceil(std::log2(farthest + 1.0))));
  std::vector<Channel> channels;
  std::vector<Problem> shifted(problems.begin(), problems.end());
  for (auto [p, q] : llvm::zip_equal(problems, shifted)) {
    Channel c{&q, thresholdsOf(p, mode, loose)};
    for (Threshold &t : c.thresholds)
      t.last <<= left, t.first <<= left;
    q.scale = std::ldexp(p.scale, -left);
    q.first <<= left, q.last <<= left;
    channels.push_back(std::move(c));
  }
  int shift = shiftFor(std::ldexp(largest, -left));
  if (shift < 1)
    return std::nullopt;

  // All channels with one offset and one shift: two instructions a result.
  FixedPoint all;
  all.left = left;
  bool found = true;
  int64_t zero = problems.front().zero;
  int64_t offset = (zero << shift) + (int64_t(1) << (shift - 1));
  all.offset.push_back(offset);
  all.shift.push_back(shift);
  for (const Channel &c : channels) {
    const Problem &p = *c.problem;
    found = p.zero == zero &&
            nearMultiplier(std::ldexp(p.scale, 32 + shift), [&](int64_t m) {
              auto window = windowOf(c, m, shift);
              auto bias = window.first < window.second ? biasFor(c, window, m, offset, shift)
                                                       : std::nullopt;
              if (!bias)
                return false;
              all.bias.push_back(*bias);
              all.multiplier.push_back(m);
              return true;
            });
    if (!found)
      found = p.zero == zero && findFlat(c, zero, offset, shift, all);
    if (!found)
      break;
  }
  if (found)
    return all;

  // Offsets of their own, then shifts of their own.
  for (bool ownShift : {false, true}) {
    FixedPoint own;
    own.left = left;
    if (llvm::all_of(channels, [&](const Channel &c) {
          int s = ownShift ? shiftFor(c.problem->scale) : shift;
          if (s < 1)
            return false;
          size_t before = own.bias.size();
          if (findFlat(c, zero, offset, shift, own)) {
            own.offset.push_back(offset);
            own.shift.push_back(shift);
            return true;
          }
          own.bias.resize(before);
          own.multiplier.resize(before);
          return findOwn(c, s, own);
        })) {
      if (!ownShift)
        own.shift.resize(1);
      return own;
    }
  }
  return std::nullopt;
}

std::optional<FixedPoint> dlc::quantize::findFixedPoint(llvm::ArrayRef<Problem> problems,
                                                        Rounding mode) {
  auto exact = search(problems, mode, /*loose=*/false);
  return exact || mode != Rounding::Onnx ? exact : search(problems, mode, /*loose=*/true);
}

std::optional<EvenShift> dlc::quantize::findEvenShift(llvm::ArrayRef<Problem> problems) {
  EvenShift result;
  // scale * 2^shift is an integer for all.
  for (int shift = 1; shift <= 24; ++shift) {
    if (!llvm::all_of(problems, [&](const Problem &p) {
          double m = std::ldexp(p.scale, shift), d = std::ldexp(p.offset, shift);
          return m == std::floor(m) && d == std::floor(d) && std::abs(d) < 1e9 &&
                 std::max(std::abs(m * p.first), std::abs(m * p.last)) < 1e9;
        }))
      continue;
    for (const Problem &p : problems) {
      result.multiplier.push_back(static_cast<int32_t>(std::ldexp(p.scale, shift)));
      result.offset.push_back(static_cast<int32_t>(std::ldexp(p.offset, shift)));
    }
    result.shift = shift;
    return result;
  }
  return std::nullopt;
}

std::optional<Pair> dlc::quantize::findPair(double a, double c, const Problem &p,
                                            llvm::ArrayRef<int8_t> wanted, int tolerated) {
  // Pairs next to a tie are the first to go wrong: tried first.
  std::vector<std::pair<float, int32_t>> order;
  for (int32_t i = 0; i < 65536; ++i) {
    double real = a * (i / 256 - 128) + c * (i % 256 - 128) + p.offset;
    order.push_back({static_cast<float>(std::abs(real - std::floor(real) - 0.5)), i});
  }
  std::sort(order.begin(), order.end());
  auto matches = [&](const Pair &r, int allowed) {
    for (auto [distance, i] : order) {
      int64_t x = i / 256 - 128, y = i % 256 - 128;
      int64_t got = (((x << Pair::kLeft) * r.first >> 32) + ((y << Pair::kLeft) * r.second >> 32) +
                     r.offset) >> r.shift;
      if (std::clamp(got, p.lo, p.hi) != wanted[i] && (distance > 0x1p-14f || allowed-- == 0))
        return false;
    }
    return true;
  };
  // Bits of the sum above the point.
  double most = 128 * (std::abs(a) + std::abs(c)) + std::abs(p.offset) + std::abs(p.zero) + 1;
  int top = 30 - static_cast<int>(std::ceil(std::log2(most)));
  // f32 arithmetic rounds ties by its own errors: a handful may stay different.
  for (int allowed = 0; allowed <= tolerated; allowed += std::max(tolerated, 1))
    for (int shift = top; shift >= std::max(top - 6, 1); --shift) {
      double ma = std::ldexp(a, shift + 32 - Pair::kLeft),
             mc = std::ldexp(c, shift + 32 - Pair::kLeft);
      if (std::max(std::abs(ma), std::abs(mc)) > INT32_MAX - 1)
        continue;
      int64_t offset = std::llround(std::ldexp(p.offset + p.zero + 0.5, shift));
      // Each product loses less than one unit: half of it on average.
      for (int64_t nudge : {1, 0, 2, -1, 3, -8, 8, -32, 32})
        for (int da : {0, 1, -1})
          for (int dc : {0, 1, -1}) {
            Pair r{static_cast<int32_t>(std::llround(ma) + da),
                   static_cast<int32_t>(std::llround(mc) + dc),
                   static_cast<int32_t>(offset + nudge), shift};
            if (matches(r, allowed))
              return r;
          }
    }
  return std::nullopt;
}
