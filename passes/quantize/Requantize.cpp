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

/// The integer that `v` is but for the rounding of doubles, `size` being what it was
/// computed from.
static std::optional<int64_t> wholeNumber(double v, double size) {
  double whole = std::nearbyint(v), slack = 0x1p-48 * size;
  if (slack > 0x1p-10 || std::abs(v - whole) > slack)
    return std::nullopt;
  return static_cast<int64_t>(whole);
}

int64_t dlc::quantize::roundEven(double v, double size) {
  if (!(std::abs(v) < 0x1p60)) // beyond all bounds, and beyond int64_t
    return v < 0 ? -(int64_t(1) << 60) : int64_t(1) << 60;
  // A tie is an odd number of halves.
  if (auto halves = wholeNumber(2 * v, 4 * size); halves && *halves % 2 != 0) {
    int64_t below = (*halves - 1) / 2;
    return below % 2 == 0 ? below : below + 1;
  }
  return static_cast<int64_t>(std::floor(v + 0.5));
}

int64_t dlc::quantize::requantize(const Problem &p, Rounding mode, int64_t x) {
  int64_t q;
  if (mode == Rounding::Onnx) {
    double product = static_cast<double>(x) * p.scale;
    q = roundEven(product + p.offset, std::abs(product) + std::abs(p.offset));
  } else {
    int64_t bias = std::llround(p.offset / p.scale);
    q = mode == Rounding::Float
            ? roundEven(static_cast<float>(x + bias) * static_cast<float>(p.scale), 0)
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
  bool tie = false; ///< `last` is exactly a tie that goes down to the even number
};

/// Thresholds of one channel for t from lo + 1 to hi.
/// With `loose`, integers within the rounding of f32 from a tie may go either way.
std::vector<Threshold> thresholdsOf(const Problem &p, Rounding mode, bool loose) {
  std::vector<Threshold> result;
  for (int64_t t = p.lo + 1; t <= p.hi; ++t) {
    // Near where the real line crosses; the definition decides.
    double crossing = (t - 0.5 - p.zero - p.offset) / p.scale;
    double size = std::abs(crossing) + std::abs(p.offset / p.scale);
    if (mode == Rounding::Onnx && crossing >= p.first && crossing <= p.last) {
      if (auto x = wholeNumber(crossing, size)) {
        bool up = (t - p.zero) % 2 == 0;
        result.push_back({up ? *x - 1 : *x, up ? *x : *x + 1, !up});
        continue;
      }
      double slack = 0x1p-22 * size, above = std::ceil(crossing - slack),
             below = std::floor(crossing + slack);
      if (loose && above <= below) {
        result.push_back({static_cast<int64_t>(above) - 1, static_cast<int64_t>(below) + 1});
        continue;
      }
    }
    int64_t x = static_cast<int64_t>(std::clamp(
        std::ceil(crossing), static_cast<double>(p.first), static_cast<double>(p.last) + 1));
    while (x > p.first && requantize(p, mode, x - 1) >= t)
      --x;
    while (x <= p.last && requantize(p, mode, x) < t)
      ++x;
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
                                                        Rounding mode, bool loose) {
  return search(problems, mode, loose);
}

std::optional<EvenShift> dlc::quantize::findEvenShift(llvm::ArrayRef<Problem> problems) {
  constexpr double kMost = 1e9;
  EvenShift result;
  auto add = [&](double multiplier, double offset, int shift) {
    result.multiplier.push_back(static_cast<int32_t>(multiplier));
    result.offset.push_back(static_cast<int32_t>(offset));
    result.shift.push_back(shift);
  };
  auto fits = [&](const Problem &p, int shift) {
    double m = std::ldexp(p.scale, shift), d = std::ldexp(p.offset, shift);
    return m == std::floor(m) && d == std::floor(d) && std::abs(d) < kMost &&
           std::max(std::abs(m * p.first), std::abs(m * p.last)) < kMost;
  };
  auto constant = [](const Problem &p) { // whatever x is
    int64_t q = requantize(p, Rounding::Onnx, p.first);
    return q == requantize(p, Rounding::Onnx, p.last) ? std::optional<int64_t>(q - p.zero)
                                                      : std::nullopt;
  };
  // One shift for all, then one for each channel.
  for (int shift = 1; shift <= 24; ++shift)
    if (llvm::all_of(problems, [&](const Problem &p) { return fits(p, shift); })) {
      for (const Problem &p : problems)
        add(std::ldexp(p.scale, shift), std::ldexp(p.offset, shift), shift);
      return result;
    }
  for (const Problem &p : problems) {
    int shift = 1;
    while (shift <= 30 && !fits(p, shift))
      ++shift;
    if (shift <= 30)
      add(std::ldexp(p.scale, shift), std::ldexp(p.offset, shift), shift);
    else if (auto q = constant(p); q && std::abs(*q) < (1 << 28))
      add(0, std::ldexp(static_cast<double>(*q), 1), 1);
    else
      return std::nullopt;
  }
  return result;
}

namespace {
using Int128 = __int128;

/// What a channel asks of 64-bit arithmetic with one multiplier.
struct WideChannel {
  int64_t multiplier, offset;
  Int128 leastTie = -1;             ///< ties are recognised from here ...
  Int128 mostTie = Int128(1) << 62; ///< ... to below here
};

std::optional<WideChannel> wideChannel(const Problem &p, const std::vector<Threshold> &thresholds,
                                       int64_t m, int shift) {
  const Int128 unbounded = Int128(1) << 100;
  Int128 least = -unbounded, most = unbounded;
  auto at = [&](int64_t t, int64_t x) { return (Int128(t - p.zero) << shift) - Int128(x) * m; };
  auto each = [&](auto visit) {
    for (auto [i, x] : llvm::enumerate(thresholds))
      visit(p.lo + 1 + static_cast<int64_t>(i), x);
  };
  bool ties = false;
  each([&](int64_t t, const Threshold &x) {
    if (x.first <= p.last)
      least = std::max(least, at(t, x.first));
    if (x.tie) // reaches t, and is taken back
      least = std::max(least, at(t, x.last)), most = std::min(most, at(t, x.last - 1));
    else if (x.last >= p.first)
      most = std::min(most, at(t, x.last));
    ties |= x.tie;
  });
  if (least >= most)
    return std::nullopt;
  WideChannel c{m, 0};
  // Ties as near to their threshold as can be; everything else where the real line is.
  Int128 offset = least;
  if (!ties) {
    long double half = std::ldexp(1.0L, shift - 1), line = std::ldexp(static_cast<long double>(p.offset), shift) + half;
    offset = std::clamp(static_cast<Int128>(std::clamp(line, -0x1p99L, 0x1p99L)), least, most - 1);
  }
  if (offset > INT64_MAX / 2 || offset < INT64_MIN / 2)
    return std::nullopt;
  c.offset = static_cast<int64_t>(offset);
  each([&](int64_t t, const Threshold &x) {
    if ((t - p.zero) % 2 == 0)
      return;
    if (x.tie)
      c.leastTie = std::max(c.leastTie, offset - at(t, x.last));
    if (x.first <= p.last)
      c.mostTie = std::min(c.mostTie, offset - at(t, x.first));
  });
  return c;
}
} // namespace

std::optional<Wide> dlc::quantize::findWide(llvm::ArrayRef<Problem> problems, bool loose) {
  double largest = 0, farthest = 1, reach = 1;
  std::vector<std::vector<Threshold>> thresholds;
  for (const Problem &p : problems) {
    double x = std::max(std::abs(static_cast<double>(p.first)), std::abs(static_cast<double>(p.last)));
    if (!(p.scale > 0) || p.hi <= p.lo || p.first > p.last || !(std::abs(p.offset) < 1e15))
      return std::nullopt;
    largest = std::max(largest, p.scale);
    farthest = std::max(farthest, x);
    reach = std::max({reach, p.scale * x + std::abs(p.offset), std::abs(p.lo - p.zero) + 1.0,
                      std::abs(p.hi - p.zero) + 1.0});
  }
  auto bitsOf = [](double v) { return static_cast<int>(std::ceil(std::log2(v + 1))); };
  int room = 61 - bitsOf(reach);
  for (const Problem &p : problems)
    thresholds.push_back(thresholdsOf(p, Rounding::Onnx, loose));
  // Multipliers of 31 bits are cheaper; where not all thresholds are met, the line is as near as can be.
  int most = 61 - bitsOf(farthest);
  for (int bits : {loose ? most : 31, most}) {
    Wide wide;
    wide.shift = std::min(room, bits - 1 - std::ilogb(largest));
    if (wide.shift < 1)
      return std::nullopt;
    Int128 leastTie = -1, mostTie = Int128(1) << 62;
    bool found = llvm::all_of(llvm::zip_equal(problems, thresholds), [&](auto pair) {
      const auto &[p, t] = pair;
      int64_t ideal = std::llround(std::ldexp(p.scale, wide.shift));
      std::optional<WideChannel> c;
      for (int64_t d : {0, 1, -1, 2, -2})
        if (ideal + d >= 0 && (c = wideChannel(p, t, ideal + d, wide.shift)))
          break;
      if (!c || std::abs(static_cast<double>(c->offset)) > 0x1p62)
        return false;
      wide.multiplier.push_back(c->multiplier);
      wide.offset.push_back(c->offset);
      leastTie = std::max(leastTie, c->leastTie);
      mostTie = std::min(mostTie, c->mostTie);
      return true;
    });
    if (!found || (leastTie >= 0 && leastTie >= mostTie))
      continue;
    wide.tie = static_cast<int64_t>(leastTie);
    return wide;
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
  // Where f32 arithmetic rounds by its own errors, the exact result is right, too.
  auto exactly = [&](int32_t i) {
    double left = a * (i / 256 - 128), right = c * (i % 256 - 128);
    double size = std::abs(left) + std::abs(right) + std::abs(p.offset);
    return std::clamp(roundEven(left + right + p.offset, size) + p.zero, p.lo, p.hi);
  };
  auto matches = [&](const Pair &r, int allowed) {
    for (auto [distance, i] : order) {
      int64_t x = i / 256 - 128, y = i % 256 - 128;
      int64_t got = (((x << Pair::kLeft) * r.first >> 32) + ((y << Pair::kLeft) * r.second >> 32) +
                     r.offset) >> r.shift;
      got = std::clamp(got, p.lo, p.hi);
      if (got != wanted[i] && (distance > 0x1p-14f || allowed-- == 0 || got != exactly(i)))
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

std::optional<ExactSum> dlc::quantize::findExactSum(llvm::ArrayRef<SumTerm> terms,
                                                    llvm::ArrayRef<double> offsets, int64_t least,
                                                    int64_t most) {
  double reach = std::max(std::abs(static_cast<double>(least)), std::abs(static_cast<double>(most))) + 1;
  double farthest = 1;
  for (double o : offsets)
    reach = std::max(reach, std::abs(o));
  for (const SumTerm &t : terms) {
    double largest = 0;
    for (double f : t.factors)
      largest = std::max(largest, std::abs(f));
    reach += largest * t.most;
    farthest = std::max(farthest, largest);
  }
  if (!(reach < 0x1p40))
    return std::nullopt;
  auto whole = [](double v) { return v == std::floor(v); };
  int room = 60 - std::ilogb(reach) - 1;
  ExactSum sum;
  // As few bits as hold everything exactly, so that 32 may do; else all that there are.
  bool exact = false;
  for (sum.shift = 1; sum.shift < room; ++sum.shift) {
    auto holds = [&](double v) { return whole(std::ldexp(v, sum.shift)); };
    if ((exact = llvm::all_of(offsets, holds) && llvm::all_of(terms, [&](const SumTerm &t) {
                   return llvm::all_of(t.factors, holds);
                 })))
      break;
  }
  if (sum.shift < 1)
    return std::nullopt;
  sum.narrow = exact && std::ldexp(reach, sum.shift) < 0x1p30;
  double error = exact ? 0 : 1; // of the offset, and of each term
  for (const SumTerm &t : terms) {
    sum.multipliers.emplace_back();
    for (double f : t.factors)
      sum.multipliers.back().push_back(std::llround(std::ldexp(f, sum.shift)));
    error += exact ? 0 : std::ceil(t.most / 2);
  }
  // Sums below a tie by the error reach it; above it by twice that they are ties.
  sum.tie = static_cast<int64_t>(2 * error);
  if (error * 8 > std::ldexp(1, sum.shift))
    return std::nullopt;
  for (double o : offsets)
    sum.offset.push_back(std::llround(std::ldexp(o, sum.shift)) + (int64_t(1) << (sum.shift - 1)) +
                         static_cast<int64_t>(error));
  return sum;
}
