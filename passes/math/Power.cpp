// This file expands powers and roots.
#include "passes/math/Coefficients.h"
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {

static Pair multiply(Emitter &e, Pair a, Pair b) {
  Pair p = e.twoProduct(a.hi, b.hi);
  Val low = e.mad(a.hi, b.lo, p.lo);
  low = e.mad(a.lo, b.hi, low);
  return e.fastTwoSum(p.hi, low);
}

/// log2(x) of a positive normal or subnormal x to about 1.5 times the precision of its type.
///
/// With s = f/(2+f), z = s^2: log(1+f) = 2s + s z (2/3 + z L(z)); the first two terms are
/// carried in two parts, the third needs none.
static Pair log2Precise(Emitter &e, Val x) {
  Val tiny = x < e.smallestNormal();
  int lift = e.wide ? 54 : 25;
  Val scaled = e.select(tiny, x * std::ldexp(1.0, lift), x);
  int64_t root = e.bitsOf(0.70710678118654752440);
  Val bits = e.bits(scaled) - e.integer(root);
  Val k = shiftArithmetic(bits, e.mantissaBits);
  k = e.select(tiny, k - double(lift), k);
  Val m = e.fromBits((bits & e.mantissaMask()) + e.integer(root));

  Val f = m - 1.0; // exact
  Pair divisor = e.fastTwoSum(e.real(2), f);
  Val quotient = f / divisor.hi;
  // What f is short of quotient * divisor.
  Pair back = e.twoProduct(quotient, divisor.hi);
  Val missing = e.nmad(quotient, divisor.lo, (f - back.hi) - back.lo);
  Pair s = e.fastTwoSum(quotient, missing / divisor.hi);

  Pair z = multiply(e, s, s);
  Val tail = z.hi * e.poly(z.hi, kLogTailF32, kLogTailF64);
  Pair factor = e.fastTwoSum(e.constant(kTwoThirdsHi), tail);
  factor.lo = factor.lo + e.constant(kTwoThirdsLo);
  Pair third = multiply(e, multiply(e, s, z), factor);
  Pair twice = {s.hi + s.hi, s.lo + s.lo};
  Pair sum = e.fastTwoSum(twice.hi, third.hi);
  Pair log = e.fastTwoSum(sum.hi, sum.lo + (twice.lo + third.lo));

  Pair scaledLog =
      multiply(e, log, {e.constant(kLog2EHi), e.constant(kLog2ELo)});
  // k = 0 or |k| > |log2(m)|
  Pair whole = e.fastTwoSum(e.toReal(k), scaledLog.hi);
  return e.fastTwoSum(whole.hi, whole.lo + scaledLog.lo);
}

Val expandPow(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0], y = a[1];
  Val base = e.abs(x);
  Pair log = log2Precise(e, base);
  // Beyond this bound the result is 0, 1 or infinite whatever y is, and products stay finite.
  double bound = std::ldexp(1.0, e.wide ? 75 : 40);
  Val bounded = e.select(y > bound, bound, y);
  bounded = e.select(bounded < -bound, -bound, bounded);
  Pair exponent = e.twoProduct(bounded, log.hi);
  Val limit = e.real(e.pick(200, 1200));
  Val low = e.mad(bounded, log.lo, exponent.lo);
  Val high = exponent.hi;
  Val outside = e.abs(high) > limit;
  high = e.select(outside, e.withSign(limit, high), high);
  low = e.select(outside, 0.0, low);
  auto [multiple, n] = e.nearest(high);
  Val r = (high - multiple) + low;
  Val result = e.scale(e.mad(r, e.poly(r, kExp2F32, kExp2F64), e.real(1)), n);

  // 0 and infinity as the base.
  Val down = e.isNegative(y);
  Val zero = equal(base, 0), infinite = equal(base, INFINITY);
  Val grows = infinite ^ down;
  result = e.select(zero | infinite,
                    e.select(grows, e.infinity(), e.real(0)), result);
  // A negative base: the exponent must be an integer, an odd one keeps the sign.
  auto isInteger = [&](Val v) {
    Val magnitude = e.abs(v);
    Val rounded = (magnitude + std::ldexp(1.0, e.mantissaBits)) -
                  std::ldexp(1.0, e.mantissaBits);
    return (magnitude >= std::ldexp(1.0, e.mantissaBits)) |
           equal(rounded, magnitude);
  };
  Val whole = isInteger(y);
  Val odd = whole & !isInteger(y * 0.5);
  Val negative = e.isNegative(x);
  Val undefined = (x < 0.0) & !(whole | infinite);
  result = e.select(undefined, e.nan(), result);
  result = e.select(negative & odd, e.negate(result), result);
  result = e.select(isNaN(x) | isNaN(y), x + y, result);
  // |y| infinite and x = -1 falls out of the above: 1.
  return e.select(equal(y, 0) | equal(x, 1), 1.0, result);
}

Val expandPowConstant(Emitter &e, Val x, double y) {
  if (y == 0)
    return e.real(1);
  if (y == 1)
    return x;
  if (y == -1)
    return 1.0 / x;
  if (y == 2)
    return x * x;
  if (y == 3)
    return x * x * x;
  if (y == 4) {
    Val square = x * x;
    return square * square;
  }
  if (y == -2)
    return 1.0 / (x * x);
  // pow(-0, 0.5) is +0 and pow(-inf, 0.5) is +inf, unlike sqrt.
  if (y == 0.5)
    return e.select(equal(x, -INFINITY), e.infinity(), e.sqrt(x) + 0.0);
  return {};
}

Val expandCbrt(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  // Into the middle of the range, by a power of 8: no cube below overflows.
  int lift = e.wide ? 54 : 27;
  Val tiny = x < e.smallestNormal();
  Val huge = x > std::ldexp(1.0, e.bias - 4);
  auto scaleBy = [&](Val v, double tinyFactor, double hugeFactor) {
    return v * e.select(tiny, tinyFactor,
                        e.select(huge, hugeFactor, e.real(1)));
  };
  Val scaled =
      scaleBy(x, std::ldexp(1.0, lift), std::ldexp(1.0, -lift));
  // A third of the bits, as the sum of 4^-i; the constant restores the bias.
  Val bits = e.bits(scaled);
  Val third = (bits >> 2) + (bits >> 4);
  for (int by = 4; by < int(e.width); by *= 2)
    third = third + (third >> by);
  int64_t restore = static_cast<int64_t>(
      (static_cast<double>(e.bias) * 2 / 3 - 0.034) *
      std::ldexp(1.0, e.mantissaBits));
  Val t = e.fromBits(third + e.integer(restore));
  // Halley's iteration triples the number of good bits.
  for (int i = 0; i < (e.wide ? 3 : 2); ++i) {
    Val cube = t * t * t;
    t = t * ((cube + (scaled + scaled)) / ((cube + cube) + scaled));
  }
  // One Newton step with the residual in two parts.
  Pair square = e.twoProduct(t, t);
  Pair cube = e.twoProduct(square.hi, t);
  Val residual =
      (scaled - cube.hi) - e.mad(square.lo, t, cube.lo);
  t = t + residual / (3.0 * square.hi);
  t = scaleBy(t, std::ldexp(1.0, -lift / 3), std::ldexp(1.0, lift / 3));
  // 0, infinity and NaN are their own roots.
  Val plain = (x > 0.0) & (x < e.infinity());
  return e.withSign(e.select(plain, t, x), a[0]);
}

/// Bit by bit, correctly rounded: for targets without a square root.
Val expandSqrt(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  unsigned p = e.mantissaBits;
  Val tiny = x < e.smallestNormal();
  int lift = e.wide ? 54 : 24;
  Val scaled = e.select(tiny, x * std::ldexp(1.0, lift), x);
  Val bits = e.bits(scaled);
  Val exponent = (bits >> int(p)) - double(e.bias);
  Val mantissa = (bits & e.mantissaMask()) | (uint64_t(1) << p);
  // An even exponent: the mantissa doubles where it is odd.
  Val odd = e.cmp(arith::CmpIPredicate::ne, exponent & 1, e.integer(0));
  mantissa = e.select(odd, mantissa << 1, mantissa);
  exponent = shiftArithmetic(exponent, 1);
  exponent = e.select(tiny, exponent - double(lift / 2), exponent);

  Value zero = arith::ConstantIndexOp::create(e.b, 0);
  Value steps = arith::ConstantIndexOp::create(e.b, p + 2);
  Value one = arith::ConstantIndexOp::create(e.b, 1);
  Val none = e.integer(0);
  Val start = e.integer(int64_t(1) << (p + 1));
  auto loop = scf::ForOp::create(
      e.b, zero, steps, one,
      ValueRange{(mantissa << 1).v, none.v, none.v, start.v});
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Val rest = e.wrap(loop.getRegionIterArgs()[0]);
    Val doubled = e.wrap(loop.getRegionIterArgs()[1]);
    Val root = e.wrap(loop.getRegionIterArgs()[2]);
    Val bit = e.wrap(loop.getRegionIterArgs()[3]);
    Val trial = doubled + bit;
    Val fits = trial <= rest;
    rest = e.select(fits, rest - trial, rest);
    doubled = e.select(fits, trial + bit, doubled);
    root = e.select(fits, root + bit, root);
    scf::YieldOp::create(
        e.b, ValueRange{(rest << 1).v, doubled.v, root.v, (bit >> 1).v});
  }
  Val rest = e.wrap(loop.getResult(0));
  Val root = e.wrap(loop.getResult(2));
  // One bit more than the mantissa was found: round to nearest (a tie cannot be).
  Val inexact = e.cmp(arith::CmpIPredicate::ne, rest, e.integer(0));
  root = e.select(inexact, root + (root & 1), root);
  Val y = e.fromBits((root >> 1) + (exponent << int(p)) +
                     e.integer(int64_t(e.bias - 1) << p));
  y = e.select(x > 0.0, y, e.select(equal(x, 0), x, e.nan()));
  return e.select(e.cmp(arith::CmpFPredicate::UGE, x, e.infinity()), x, y);
}

Val expandRsqrt(Emitter &e, ArrayRef<Val> a) {
  return 1.0 / e.sqrt(a[0]);
}

/// Square and multiply over the bits of |n|.
static Value powerLoop(ImplicitLocOpBuilder &b, Value x, Value one, Value n,
                       function_ref<Value(Value, Value)> multiply) {
  Type type = n.getType();
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  auto constant = [&](int64_t value) -> Value {
    TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, attr);
  };
  auto loop = scf::ForOp::create(
      b, arith::ConstantIndexOp::create(b, 0),
      arith::ConstantIndexOp::create(b, width),
      arith::ConstantIndexOp::create(b, 1), ValueRange{one, x, n});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value product = loop.getRegionIterArgs()[0];
  Value power = loop.getRegionIterArgs()[1];
  Value rest = loop.getRegionIterArgs()[2];
  Value bit = arith::AndIOp::create(b, rest, constant(1));
  Value set = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, constant(0));
  product = arith::SelectOp::create(b, set, multiply(product, power), product);
  power = multiply(power, power);
  rest = arith::ShRUIOp::create(b, rest, constant(1));
  scf::YieldOp::create(b, ValueRange{product, power, rest});
  return loop.getResult(0);
}

Val expandPowInteger(Emitter &e, Val x, Value n) {
  ImplicitLocOpBuilder &b = e.b;
  auto zero = cast<TypedAttr>(b.getZeroAttr(n.getType()));
  Value none = arith::ConstantOp::create(b, zero);
  Val negative =
      e.wrap(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, n, none));
  Value opposite = arith::SubIOp::create(b, none, n);
  Value magnitude = arith::SelectOp::create(b, negative.v, opposite, n);
  Val power = e.wrap(powerLoop(b, x, e.real(1), magnitude, [&](Value p, Value q) {
    return Value(arith::MulFOp::create(b, p, q));
  }));
  return e.select(negative, 1.0 / power, power);
}

Value expandIntegerPower(ImplicitLocOpBuilder &b, Value x, Value n) {
  Type type = x.getType();
  auto constant = [&](int64_t value) -> Value {
    TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, attr);
  };
  auto is = [&](arith::CmpIPredicate predicate, Value a, int64_t value) {
    return Value(arith::CmpIOp::create(b, predicate, a, constant(value)));
  };
  auto select = [&](Value condition, Value yes, Value no) {
    return Value(arith::SelectOp::create(b, condition, yes, no));
  };
  Value power = powerLoop(b, x, constant(1), n, [&](Value p, Value q) {
    return Value(arith::MulIOp::create(b, p, q));
  });
  // A negative exponent: the truncated reciprocal, 0 but for 1 and -1 (0 is undefined: 0).
  Value odd = is(arith::CmpIPredicate::ne,
                 arith::AndIOp::create(b, n, constant(1)), 0);
  Value minusOne = select(odd, constant(-1), constant(1));
  Value reciprocal =
      select(is(arith::CmpIPredicate::eq, x, 1), constant(1),
             select(is(arith::CmpIPredicate::eq, x, -1), minusOne, constant(0)));
  return select(is(arith::CmpIPredicate::slt, n, 0), reciprocal, power);
}
} // namespace dlc::libm
