// Functions of 16-bit integers as polynomials over segments, in 32-bit arithmetic.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace dlc::quantize {

/// f(x) = clamp(v >> shift, lo, hi) with v a polynomial for each segment of inputs:
///     u = clamp(x, least, most) - first           0 or more
///     s = u >> bits                               the segment
///     r = (u << (32 - bits)) - 2^31               the place in it, from -2^31
///     t = C[s][degree], then t = C[s][j] + (t * r >> 32) for j = degree - 1 ... 0; v = t
/// Where v's lower `shift` bits are at most `tie`, an odd result is taken back by one. Nothing overflows 32 bits but the product. With `starts`, segments have any length: s is
/// the number of starts that are at most x, and r = (x - middle[s]) << 16.
struct Piecewise {
  int64_t lowest;      ///< of the inputs: 0 or negative
  int64_t least, most; ///< inputs beyond them have the results of these
  int64_t first = 0;
  int bits = 16;
  int degree = 0;
  int shift = 0;
  int64_t tie = -1;
  int64_t lo, hi;
  std::vector<int32_t> coefficients; ///< segment after segment, lowest power first
  std::vector<int32_t> starts;       ///< of all segments but the first one
  std::vector<int32_t> middles;      ///< of all segments, with `starts`
  int64_t different = 0;             ///< inputs whose result is one off

  int64_t segments() const { return coefficients.size() / (degree + 1); }
  int64_t bytes() const { return 4 * (coefficients.size() + starts.size() + middles.size()); }
  /// Rows of coefficients, each followed by its middle when there are any.
  std::vector<int32_t> rows() const;
};

/// What `p` gives for `x`; nothing when a step overflows.
std::optional<int64_t> apply(const Piecewise &p, int64_t x);

/// A piecewise form of the function that has the real result `real[i]` (with its zero
/// point) for the input lowest + i, rounded to the nearest, ties to even, and clamped to
/// lo to hi. Kinks of functions lie at `zero`, so a segment begins there. The smallest
/// table of at most `maxBytes` that is equal for 99.9 % of the inputs and one off for the
/// rest, or one of at most four times its size that is equal for all. Nothing when there is none.
std::optional<Piecewise> findPiecewise(const std::vector<double> &real, int64_t lowest,
                                       int64_t zero, int64_t lo, int64_t hi, int64_t maxBytes);

/// Coefficients of polynomials of `degree` (at most 6) for `f` on `segments` segments of
/// width `width` from `from`, lowest power first: C[j] is that of (t * r >> 32) as above,
/// results have `shift` fraction bits. Each is near the best one there is.
std::vector<int32_t> approximate(const std::function<double(double)> &f, double from,
                                 double width, int segments, int degree, int shift);

} // namespace dlc::quantize
