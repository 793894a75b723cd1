// This file finds polynomials over segments that compute a rounded function of integers.
#include "passes/quantize/Piecewise.h"

#include <algorithm>
#include <array>
#include <cmath>

using namespace dlc::quantize;

namespace {
constexpr int kMaxDegree = 3;
/// Of 1,000 inputs at most this many may have a result that is one off.
constexpr int64_t kPerThousand = 1;
/// What a table that is exact for all inputs may cost, against the smallest one.
constexpr int64_t kExactness = 4;
/// Segments of any length: as many as comparisons find quickly.
constexpr size_t kMaxStarts = 5;

/// The function: real results, and what they are as integers.
struct Function {
  const std::vector<double> &real;
  std::vector<int64_t> wanted;
  int64_t lowest, lo, hi;
  /// Whether results halfway between two integers are rounded up and corrected after.
  bool correctsTies = false;

  int64_t end() const { return lowest + static_cast<int64_t>(real.size()); }
  double realOf(int64_t x) const { return real[x - lowest]; }
  int64_t wantedOf(int64_t x) const { return wanted[x - lowest]; }
  bool isTie(int64_t x) const {
    double v = realOf(x);
    return v - std::floor(v) == 0.5 && v > lo && v < hi;
  }
};

/// What lies at most this far above a tie is one, in units of `shift` bits.
int64_t tieOf(int shift) { return (int64_t(1) << shift) / 1024; }

/// Inputs from `begin` to `end` and the polynomial's variable for them: r of x is
/// (x - middle) * unit, 2^31 standing for 1.
struct Segment {
  int64_t begin, end, middle, unit;
  int64_t r(int64_t x) const { return (x - middle) * unit; }
};

using Polynomial = std::array<double, kMaxDegree + 1>;

/// Solves the symmetric system a x = b of `n` unknowns in place.
bool solve(double a[][kMaxDegree + 1], double *b, int n) {
  for (int i = 0; i < n; ++i) {
    if (!(std::abs(a[i][i]) > 1e-300))
      return false;
    for (int k = i + 1; k < n; ++k) {
      double f = a[k][i] / a[i][i];
      for (int c = i; c < n; ++c)
        a[k][c] -= f * a[i][c];
      b[k] -= f * b[i];
    }
  }
  for (int i = n - 1; i >= 0; --i) {
    for (int c = i + 1; c < n; ++c)
      b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return true;
}

/// The polynomial of r / 2^31 nearest to the function in the segment, as powers. The ends
/// weigh more: then the largest error is near the least possible.
Polynomial fit(const Function &f, const Segment &s, int degree) {
  // Where results are clamped the function may do what it likes; a little beyond that
  // helps to cross the bound in the right place.
  double range = static_cast<double>(f.hi - f.lo), low = f.lo - range / 8, high = f.hi + range / 8;
  auto counts = [&](int64_t x) { return f.realOf(x) > low && f.realOf(x) < high; };
  int64_t first = s.begin, last = s.end - 1;
  while (first < s.end && !counts(first))
    ++first;
  Polynomial result{};
  if (first == s.end) {
    result[0] = std::clamp(f.realOf(s.begin), low, high);
    return result;
  }
  while (!counts(last))
    --last;
  int64_t count = last - first + 1;
  int terms = static_cast<int>(std::min<int64_t>(degree + 1, count));
  // Chebyshev polynomials of z from -1 to 1.
  double centre = (first + last) / 2.0, half = std::max(count / 2.0, 0.5);
  double a[kMaxDegree + 1][kMaxDegree + 1] = {}, b[kMaxDegree + 1] = {};
  // All of large segments are checked, but need not be fitted.
  int64_t step = std::max<int64_t>(1, count / 4096);
  for (int64_t x = first; x <= last; x += step) {
    double y = std::clamp(f.realOf(x), low, high);
    double z = (x - centre) / half, t[kMaxDegree + 1] = {1, z, 2 * z * z - 1, z * (4 * z * z - 3)};
    double weight = 1 / std::sqrt(1 - z * z + 1.0 / count);
    for (int i = 0; i < terms; ++i) {
      for (int k = 0; k < terms; ++k)
        a[i][k] += weight * t[i] * t[k];
      b[i] += weight * t[i] * y;
    }
  }
  if (!solve(a, b, terms)) {
    result[0] = std::clamp(f.realOf((first + last) / 2), low, high);
    return result;
  }
  for (int i = terms; i <= kMaxDegree; ++i)
    b[i] = 0;
  // Powers of z, then of rho = r / 2^31: z = m rho + c.
  double p[kMaxDegree + 1] = {b[0] - b[2], b[1] - 3 * b[3], 2 * b[2], 4 * b[3]};
  double m = std::ldexp(1.0, 31) / s.unit / half, c = (s.middle - centre) / half;
  result[0] = p[0] + c * (p[1] + c * (p[2] + c * p[3]));
  result[1] = m * (p[1] + c * (2 * p[2] + c * 3 * p[3]));
  result[2] = m * m * (p[2] + 3 * c * p[3]);
  result[3] = m * m * m * p[3];
  return result;
}

bool isInt32(int64_t v) { return v == static_cast<int32_t>(v); }

/// Coefficients of a segment, and how many of its results are one off.
struct Fitted {
  std::array<int32_t, kMaxDegree + 1> coefficients{};
  int64_t different = 0;
};

/// The values of the polynomial that give the right result for `x`.
std::pair<int64_t, int64_t> allowed(const Function &f, int64_t x, int shift) {
  int64_t w = f.wantedOf(x), tie = f.correctsTies ? tieOf(shift) : -1;
  if (f.correctsTies && f.isTie(x)) {
    w = static_cast<int64_t>(std::ceil(f.realOf(x)));
    return {w << shift, (w << shift) + tie};
  }
  return {w > f.lo ? (w << shift) + tie + 1 : INT64_MIN,
          w < f.hi ? ((w + 1) << shift) - 1 : INT64_MAX};
}

/// Nothing when a step overflows or a result is more than one off.
std::optional<Fitted> fitted(const Function &f, const Segment &s, int degree, int shift,
                             int64_t tolerated) {
  Polynomial p = fit(f, s, degree);
  Fitted result;
  for (int j = 1; j <= degree; ++j) {
    double c = std::ldexp(p[j], shift + j);
    if (!(std::abs(c) < 0x1p31 - 1))
      return std::nullopt;
    result.coefficients[j] = static_cast<int32_t>(std::llround(c));
  }
  // The lowest coefficient: every input allows an interval.
  int64_t low = INT32_MIN, high = INT32_MAX, hardLow = INT32_MIN, hardHigh = INT32_MAX;
  std::vector<int64_t> sums;
  sums.reserve(s.end - s.begin);
  for (int64_t x = s.begin; x < s.end; ++x) {
    int64_t t = result.coefficients[degree];
    for (int j = degree - 1; j >= 0; --j) {
      t = (t * s.r(x)) >> 32;
      if (j > 0)
        t += result.coefficients[j];
      if (!isInt32(t))
        return std::nullopt;
    }
    if (degree == 0)
      t = 0;
    sums.push_back(t);
    hardLow = std::max(hardLow, INT32_MIN - t);
    hardHigh = std::min(hardHigh, INT32_MAX - t);
    auto [least, most] = allowed(f, x, shift);
    if (least > INT64_MIN)
      low = std::max(low, least - t);
    if (most < INT64_MAX)
      high = std::min(high, most - t);
    // One quantum in any case.
    int64_t w = f.wantedOf(x);
    if (w > f.lo)
      hardLow = std::max(hardLow, ((w - 1) << shift) - t);
    if (w < f.hi)
      hardHigh = std::min(hardHigh, ((w + 2) << shift) - 1 - t);
  }
  low = std::max(low, hardLow);
  high = std::min(high, hardHigh);
  if (low <= high) {
    result.coefficients[0] = static_cast<int32_t>(low + (high - low) / 2);
    return result;
  }
  if (tolerated <= 0 || hardLow > hardHigh)
    return std::nullopt;
  // The number that most of these intervals hold.
  std::vector<std::pair<int64_t, int>> ends;
  for (int64_t x = s.begin; x < s.end; ++x) {
    int64_t t = sums[x - s.begin];
    auto [least, most] = allowed(f, x, shift);
    ends.emplace_back(least > INT64_MIN ? std::max(least - t, hardLow) : hardLow, -1);
    if (most < INT64_MAX && most - t < hardHigh)
      ends.emplace_back(most - t + 1, 1);
  }
  std::sort(ends.begin(), ends.end());
  int64_t inside = 0, most = -1, best = hardLow;
  for (size_t i = 0; i < ends.size(); ++i) {
    inside -= ends[i].second;
    bool isLast = i + 1 == ends.size() || ends[i + 1].first != ends[i].first;
    if (isLast && ends[i].first >= hardLow && ends[i].first <= hardHigh && inside > most) {
      most = inside;
      int64_t next = i + 1 < ends.size() ? std::min(ends[i + 1].first - 1, hardHigh) : hardHigh;
      best = ends[i].first + (next - ends[i].first) / 2;
    }
  }
  result.different = (s.end - s.begin) - most;
  result.coefficients[0] = static_cast<int32_t>(best);
  return result.different <= tolerated ? std::optional(result) : std::nullopt;
}

/// Segments of 2^bits inputs.
std::optional<Piecewise> evenly(const Function &f, const Piecewise &frame, int64_t zero,
                                int degree, int bits, int64_t tolerated, int64_t maxBytes) {
  int64_t size = int64_t(1) << bits;
  Piecewise p = frame;
  p.bits = bits;
  p.degree = degree;
  auto startOf = [&](int64_t x) {
    int64_t behind = x - zero;
    return zero + (behind >= 0 ? behind / size : -((-behind + size - 1) / size)) * size;
  };
  p.first = startOf(p.least);
  // Bounds that save no segment are not needed.
  if (p.first == startOf(f.lowest))
    p.least = f.lowest;
  if (startOf(p.most) == startOf(f.end() - 1))
    p.most = f.end() - 1;
  if (((p.most - p.first) / size + 1) * (degree + 1) * 4 > maxBytes)
    return std::nullopt;
  for (int64_t at = p.first; at <= p.most; at += size) {
    Segment s{std::max(at, p.least), std::min(at + size, p.most + 1), at + size / 2,
              int64_t(1) << (32 - bits)};
    auto part = fitted(f, s, degree, p.shift, tolerated - p.different);
    if (!part)
      return std::nullopt;
    p.different += part->different;
    p.coefficients.insert(p.coefficients.end(), part->coefficients.begin(),
                          part->coefficients.begin() + degree + 1);
  }
  return p;
}

/// A few segments, each as long as one polynomial serves.
std::optional<Piecewise> freely(const Function &f, const Piecewise &frame, int degree,
                                int64_t tolerated) {
  Piecewise p = frame;
  p.degree = degree;
  auto upTo = [&](int64_t begin, int64_t end) {
    Segment s{begin, end, begin + (end - begin) / 2, int64_t(1) << 16};
    // A share of what is tolerated, so that no segment reaches beyond a kink.
    return fitted(f, s, degree, p.shift, tolerated * (end - begin) / 65536);
  };
  for (int64_t begin = p.least; begin <= p.most;) {
    if (p.starts.size() == kMaxStarts)
      return std::nullopt;
    int64_t good = 0, bad = p.most + 2 - begin, length = bad - 1;
    while (good + 1 < bad) {
      (upTo(begin, begin + length) ? good : bad) = length;
      length = good + (bad - good) / 2;
    }
    if (good < 1)
      return std::nullopt;
    auto part = *upTo(begin, begin + good);
    p.different += part.different;
    p.coefficients.insert(p.coefficients.end(), part.coefficients.begin(),
                          part.coefficients.begin() + degree + 1);
    p.middles.push_back(static_cast<int32_t>(begin + good / 2));
    begin += good;
    if (begin <= p.most)
      p.starts.push_back(static_cast<int32_t>(begin));
  }
  return p;
}
} // namespace

std::vector<int32_t> Piecewise::rows() const {
  if (middles.empty())
    return coefficients;
  std::vector<int32_t> rows;
  for (int64_t s = 0; s < segments(); ++s) {
    auto row = coefficients.begin() + s * (degree + 1);
    rows.insert(rows.end(), row, row + degree + 1);
    rows.push_back(middles[s]);
  }
  return rows;
}

std::optional<int64_t> dlc::quantize::apply(const Piecewise &p, int64_t x) {
  int64_t s = 0, r;
  if (p.middles.empty()) {
    int64_t u = std::clamp(x, p.least, p.most) - p.first;
    s = u >> p.bits;
    r = static_cast<int32_t>((static_cast<uint32_t>(u) << (32 - p.bits)) ^ 0x80000000u);
  } else {
    for (int32_t start : p.starts)
      s += x >= start;
    r = (std::clamp(x, p.least, p.most) - p.middles[s]) << 16;
    if (!isInt32(r))
      return std::nullopt;
  }
  const int32_t *c = &p.coefficients[s * (p.degree + 1)];
  int64_t t = c[p.degree];
  for (int j = p.degree - 1; j >= 0; --j) {
    t = c[j] + ((t * r) >> 32);
    if (!isInt32(t))
      return std::nullopt;
  }
  int64_t q = t >> p.shift;
  if ((t & ((int64_t(1) << p.shift) - 1)) <= p.tie)
    q -= q & 1;
  return std::clamp(q, p.lo, p.hi);
}

/// The best form of `f`, whose results between `least` and `most` differ.
static std::optional<Piecewise> search(const Function &f, int64_t least, int64_t most,
                                       int64_t zero, int64_t maxBytes) {
  Piecewise frame;
  frame.lo = f.lo, frame.hi = f.hi;
  frame.lowest = f.lowest, frame.least = least, frame.most = most;
  int64_t tolerated = static_cast<int64_t>(f.real.size()) * kPerThousand / 1000;
  std::optional<Piecewise> best, exact;
  auto offer = [&](std::optional<Piecewise> found) {
    if (!found)
      return false;
    if (!best || found->bytes() < best->bytes())
      best = found;
    if (found->different == 0 && (!exact || found->bytes() < exact->bytes()))
      exact = found;
    return true;
  };
  // Bits behind the point: as many as the largest result leaves, less where steps overflow.
  int64_t largest = std::max(std::abs(f.lo), std::abs(f.hi) + 1);
  int bits = 30;
  while (bits > 0 && (largest << bits) > (int64_t(1) << 30))
    --bits;
  for (frame.shift = bits; frame.shift >= std::max(bits - 4, 8); --frame.shift) {
    frame.tie = f.correctsTies ? tieOf(frame.shift) : -1;
    for (int degree = 1; degree <= kMaxDegree; ++degree) {
      if (degree < 3)
        offer(freely(f, frame, degree, tolerated));
      for (int size = 16; size >= 3; --size) {
        int64_t bound = exact ? std::min(maxBytes, exact->bytes() - 1) : maxBytes;
        if (best)
          bound = std::min(bound, kExactness * best->bytes());
        auto found = evenly(f, frame, zero, degree, size, tolerated, bound);
        if (offer(found) && found->different == 0)
          break;
      }
    }
    if (exact)
      break; // fewer bits are not more exact
  }
  if (best && best->bytes() > maxBytes)
    return std::nullopt;
  return exact && best && exact->bytes() <= kExactness * best->bytes() ? exact : best;
}

std::optional<Piecewise> dlc::quantize::findPiecewise(const std::vector<double> &real,
                                                      int64_t lowest, int64_t zero, int64_t lo,
                                                      int64_t hi, int64_t maxBytes) {
  Function f{real, {}, lowest, lo, hi};
  int64_t ties = 0;
  for (double v : real) {
    if (std::isnan(v))
      return std::nullopt;
    f.wanted.push_back(static_cast<int64_t>(
        std::clamp(std::nearbyint(v), static_cast<double>(lo), static_cast<double>(hi))));
    ties += v - std::floor(v) == 0.5;
  }
  // What is constant at both ends needs no segments.
  int64_t least = lowest, most = f.end() - 1;
  while (least < most && f.wantedOf(least + 1) == f.wantedOf(lowest))
    ++least;
  while (most > least && f.wantedOf(most - 1) == f.wantedOf(f.end() - 1))
    --most;
  auto found = search(f, least, most, zero, maxBytes);
  if ((found && found->different == 0) || ties * 2000 < static_cast<int64_t>(real.size()))
    return found;
  f.correctsTies = true;
  auto corrected = search(f, least, most, zero, maxBytes);
  return corrected ? corrected : found;
}

std::vector<int32_t> dlc::quantize::approximate(const std::function<double(double)> &f,
                                                double from, double width, int segments,
                                                int degree, int shift) {
  std::vector<int32_t> result;
  int count = degree + 1;
  for (int s = 0; s < segments; ++s) {
    // Interpolation where a Chebyshev polynomial is zero, by divided differences.
    std::vector<double> at(count), value(count), powers(count, 0);
    for (int i = 0; i < count; ++i) {
      at[i] = std::cos(M_PI * (2 * i + 1) / (2 * count));
      value[i] = f(from + width * (s + (at[i] + 1) / 2));
    }
    for (int order = 1; order < count; ++order)
      for (int i = count - 1; i >= order; --i)
        value[i] = (value[i] - value[i - 1]) / (at[i] - at[i - order]);
    for (int i = degree; i >= 0; --i) { // powers = powers * (z - at[i]) + value[i]
      for (int j = degree; j > 0; --j)
        powers[j] = powers[j - 1] - at[i] * powers[j];
      powers[0] = value[i] - at[i] * powers[0];
    }
    for (int j = 0; j < count; ++j)
      result.push_back(static_cast<int32_t>(std::clamp(std::round(std::ldexp(powers[j], shift + j)),
                                                       -0x1p31, 0x1p31 - 1)));
  }
  return result;
}
