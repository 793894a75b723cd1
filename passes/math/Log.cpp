// This file expands the logarithms and the inverse hyperbolic functions.
//
// Argument reduction and the form f - (f^2/2 - s(f^2/2 + R)) are those of FreeBSD's msun
// (e_log.c, s_log1p.c); the polynomials are our own.
#include "passes/math/Coefficients.h"
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {
namespace {
struct Decomposed {
  /// x = 2^k m, sqrt(1/2) <= m < sqrt(2)
  Val k, m;
};
} // namespace

static Decomposed decompose(Emitter &e, Val x) {
  Val tiny = x < e.smallestNormal();
  int lift = e.wide ? 54 : 25;
  Val scaled = e.select(tiny, x * std::ldexp(1.0, lift), x);
  int64_t root = e.bitsOf(0.70710678118654752440);
  Val bits = e.bits(scaled) - e.integer(root);
  Val k = shiftArithmetic(bits, e.mantissaBits);
  k = e.select(tiny, k - double(lift), k);
  Val m = e.fromBits((bits & e.mantissaMask()) + e.integer(root));
  return {e.toReal(k), m};
}

/// NaN for x < 0, -inf for 0, x for NaN and +inf, else `y`.
static Val specialValues(Emitter &e, Val x, Val y) {
  Val zero = e.select(equal(x, 0), e.real(-INFINITY), e.nan());
  Val positive = e.select(x > 0.0, y, zero);
  return e.select(e.cmp(arith::CmpFPredicate::UGE, x, e.infinity()), x,
                  positive);
}

/// log(1+f) = f - half + s (half + R), with half = f^2/2; gives half and s (half + R).
static std::pair<Val, Val> logParts(Emitter &e, Val f) {
  Val half = 0.5 * (f * f);
  Val s = f / (f + 2.0);
  Val z = s * s;
  return {half, s * e.mad(z, e.poly(z, kLogF32, kLogF64), half)};
}

Val expandLog(Emitter &e, ArrayRef<Val> a) {
  auto [k, m] = decompose(e, a[0]);
  Val f = m - 1.0;
  auto [half, rest] = logParts(e, f);
  Val low = e.mad(k, e.constant(kLn2Lo), rest);
  Val y = e.mad(k, e.constant(kLn2Hi), f - (half - low));
  return specialValues(e, a[0], y);
}

/// log(x) times 1/log(base), `inverse` in a short and a long part.
static Val logOfBase(Emitter &e, Val x, const double (&inverseHi)[2],
                     const double (&inverseLo)[2], const double (&kHi)[2],
                     const double (&kLo)[2]) {
  auto [k, m] = decompose(e, x);
  Val f = m - 1.0;
  auto [half, rest] = logParts(e, f);
  Val hi = e.upperHalf(f - half);
  Val lo = ((f - hi) - half) + rest;
  Val main = hi * e.constant(inverseHi); // exact
  Val whole = k * e.constant(kHi);       // exact
  Val low = e.mad(lo + hi, e.constant(inverseLo), lo * e.constant(inverseHi));
  low = e.mad(k, e.constant(kLo), low);
  // k is 0 or |whole| > |main|
  Pair sum = e.fastTwoSum(whole, main);
  return specialValues(e, x, sum.hi + (sum.lo + low));
}

Val expandLog2(Emitter &e, ArrayRef<Val> a) {
  constexpr double one[] = {1, 1}, zero[] = {0, 0};
  return logOfBase(e, a[0], kInvLn2Hi, kInvLn2Lo, one, zero);
}
Val expandLog10(Emitter &e, ArrayRef<Val> a) {
  return logOfBase(e, a[0], kInvLn10Hi, kInvLn10Lo, kLog10Of2Hi, kLog10Of2Lo);
}

Val expandLog1p(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  Val u = x + 1.0;
  auto [k, m] = decompose(e, u);
  // What rounding took from u, relative to it.
  Val lost = e.select(k >= 2.0, 1.0 - (u - x), x - (u - 1.0)) / u;
  Val near = equal(k, 0);
  Val f = e.select(near, x, m - 1.0);
  lost = e.select(near, 0.0, lost);
  auto [half, rest] = logParts(e, f);
  Val low = rest + e.mad(k, e.constant(kLn2Lo), lost);
  Val y = e.mad(k, e.constant(kLn2Hi), f - (half - low));
  y = specialValues(e, u, y);
  return e.select(e.abs(x) < std::ldexp(1.0, e.wide ? -54 : -25), x, y);
}

/// log1p(argument), plus log(2) where `doubled`.
static Val log1pDoubled(Emitter &e, Val argument, Val doubled) {
  Val y = e.op<mlir::math::Log1pOp>(argument);
  return e.select(doubled, y + 0.69314718055994530942, y);
}

Val expandAsinh(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val huge = x > std::ldexp(1.0, e.wide ? 60 : 30);
  Val square = x * x;
  Val argument = x + square / (e.sqrt(square + 1.0) + 1.0);
  return e.withSign(log1pDoubled(e, e.select(huge, x, argument), huge), a[0]);
}

Val expandAcosh(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  Val huge = x > std::ldexp(1.0, e.wide ? 60 : 30);
  Val t = x - 1.0;
  Val argument = t + e.sqrt(t * (t + 2.0));
  Val y = log1pDoubled(e, e.select(huge, x, argument), huge);
  return e.select(x < 1.0, e.nan(), y);
}

Val expandAtanh(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val twice = x + x;
  Val rest = 1.0 - x;
  Val small = x < 0.5;
  Val quotient = e.select(small, twice * x, twice) / rest;
  Val argument = e.select(small, twice + quotient, quotient);
  Val y = 0.5 * e.op<mlir::math::Log1pOp>(argument);
  // 0.5 * subnormal would lose a bit.
  y = e.select(x < std::ldexp(1.0, e.wide ? -28 : -13), x, y);
  return e.withSign(y, a[0]);
}
} // namespace dlc::libm
