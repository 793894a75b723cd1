// This file expands sin, cos, tan and their inverses.
//
// Arguments are reduced by pi/2 in four parts (after Cody and Waite) where the quadrant number is
// short, by an integer product with the bits of 2/pi (after Payne and Hanek) elsewhere.
#include "passes/math/Coefficients.h"
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {
namespace {
struct Reduced {
  /// x = quadrant * pi/2 + angle
  Pair angle;
  Val quadrant;
};
} // namespace

/// Largest argument of the short reduction: products of the quadrant number with a part of pi/2
/// are exact up to here.
static double shortLimit(const Emitter &e) {
  return e.pick(1600, 1.6e6);
}

static Reduced reduceShort(Emitter &e, Val x) {
  const double *parts = e.wide ? kPiOver2PartsF64 : kPiOver2PartsF32;
  auto [n, quadrant] = e.nearest(x * (2 / 3.14159265358979323846));
  Val r = e.nmad(n, e.real(parts[0]), x); // exact
  Pair second = e.twoSum(r, e.negate(n * e.real(parts[1])));
  Pair third = e.twoSum(second.hi, e.negate(n * e.real(parts[2])));
  Val low = e.nmad(n, e.real(parts[3]), second.lo + third.lo);
  return {e.fastTwoSum(third.hi, low), quadrant};
}

/// sin(r) and cos(r) for |r| <= pi/4.
static Val sinKernel(Emitter &e, Pair r) {
  Val z = r.hi * r.hi;
  return r.hi + e.mad(r.hi * z, e.poly(z, kSinF32, kSinF64), r.lo);
}
static Val cosKernel(Emitter &e, Pair r) {
  Val z = r.hi * r.hi;
  Val half = z * 0.5;
  Val top = 1.0 - half;
  // What rounding took from `top`.
  Val rest = (1.0 - top) - half;
  Val tail = e.nmad(r.hi, r.lo, z * z * e.poly(z, kCosF32, kCosF64));
  return top + (rest + tail);
}

/// sin(x + shift pi/2) from the reduced x.
static Val sinShifted(Emitter &e, const Reduced &x, Val shift) {
  Val quadrant = x.quadrant + shift;
  Val odd = e.cmp(arith::CmpIPredicate::ne, quadrant & 1, e.integer(0));
  Val y = e.select(odd, cosKernel(e, x.angle), sinKernel(e, x.angle));
  Val sign = (quadrant & 2) << int(e.width - 2);
  return e.fromBits(e.bits(y) ^ sign);
}

/// Reduction for large finite arguments, scalars only. The mantissa M of x = M 2^E is multiplied
/// with the window of 2/pi whose bits matter for the quadrant and the fraction; limbs of half a
/// word keep every product within one word.
static Reduced reduceLong(Emitter &e, Val x) {
  constexpr int kWindow = 6;
  int half = e.width / 2;
  uint64_t limbMask = (uint64_t(1) << half) - 1;
  Val bits = e.bits(x);
  Val exponent = (bits & e.exponentMask()) >> int(e.mantissaBits);
  Val mantissa = (bits & e.mantissaMask()) | (uint64_t(1) << e.mantissaBits);

  // Bit i (from 1) of 2/pi weighs 2^-i; those with i <= E-2 give multiples of 4.
  // The table starts with two limbs of zeros, so that the offset is never negative.
  int bias = e.bias + e.mantissaBits;
  Val offset = exponent + e.integer(2 * half - 2 - bias);
  // Lanes of small numbers come along, too; they must not read outside the table.
  offset = e.select(offset < 0.0, 0.0, offset);
  int log2Half = e.wide ? 5 : 4;
  Val index = offset >> log2Half;
  Val shift = offset & uint64_t(half - 1);
  memref::GlobalOp table =
      e.wide ? e.helpers.table("dlc_two_over_pi_f64", kTwoOverPiF64)
             : e.helpers.table("dlc_two_over_pi_f32", kTwoOverPiF32);
  Value words = memref::GetGlobalOp::create(e.b, table.getType(), table.getName());
  Value position =
      arith::IndexCastUIOp::create(e.b, e.b.getIndexType(), index.v);
  SmallVector<Val> raw;
  for (int i = 0; i <= kWindow; ++i) {
    Value at = position;
    if (i)
      at = arith::AddIOp::create(e.b, position,
                                 arith::ConstantIndexOp::create(e.b, i));
    Value word = memref::LoadOp::create(e.b, words, ValueRange(at));
    if (e.wide)
      word = arith::ExtUIOp::create(e.b, e.intType, word);
    raw.push_back(e.wrap(word));
  }
  auto shl = [&](Val a, Val by) {
    return e.wrap(arith::ShLIOp::create(e.b, a.v, by.v));
  };
  auto shr = [&](Val a, Val by) {
    return e.wrap(arith::ShRUIOp::create(e.b, a.v, by.v));
  };
  Val back = e.integer(half) - shift;
  SmallVector<Val> window;
  for (int i = 0; i < kWindow; ++i)
    window.push_back((shl(raw[i], shift) | shr(raw[i + 1], back)) & limbMask);

  // Columns of the product, most significant first; what is above column 0 is a multiple of 4.
  Val m0 = mantissa & limbMask, m1 = mantissa >> half;
  SmallVector<Val> column(kWindow, e.integer(0));
  for (int j = 0; j < kWindow; ++j) {
    Val low = m0 * window[j];
    column[j] = column[j] + (low & limbMask);
    if (j >= 1)
      column[j - 1] = column[j - 1] + (low >> half);
    if (j >= 1) {
      Val high = m1 * window[j];
      column[j - 1] = column[j - 1] + (high & limbMask);
      if (j >= 2)
        column[j - 2] = column[j - 2] + (high >> half);
    }
  }
  SmallVector<Val> limb(kWindow);
  Val carry = e.integer(0);
  for (int j = kWindow - 1; j >= 0; --j) {
    Val sum = column[j] + carry;
    limb[j] = sum & limbMask;
    carry = sum >> half;
  }
  // limb[0] starts with the two bits of the quadrant; the fraction follows. Rounded to the nearest
  // quadrant the fraction is signed.
  Val top = (limb[0] << half) | limb[1];
  Val quadrant =
      (top + e.integer(int64_t(1) << (e.width - 3))) >> int(e.width - 2);
  Val next = (limb[2] << half) | limb[3];
  Val first = (top << 2) | (next >> int(e.width - 2));
  Val second = (next << 2) | (limb[4] >> (half - 2));
  // In pieces that convert exactly.
  Val hi = e.toReal(shiftArithmetic(first, half)) * std::ldexp(1.0, -half);
  Pair sum = e.fastTwoSum(
      hi, e.toReal(first & limbMask) * std::ldexp(1.0, -2 * half));
  Pair more = e.twoSum(
      sum.hi, e.toReal(second >> half) * std::ldexp(1.0, -3 * half));
  Val rest = e.toReal(second & limbMask) * std::ldexp(1.0, -4 * half);
  Pair fraction = e.fastTwoSum(more.hi, (sum.lo + more.lo) + rest);

  Pair angle = e.twoProduct(fraction.hi, e.constant(kPiOver2Hi));
  Val low = e.mad(fraction.hi, e.constant(kPiOver2Lo), angle.lo);
  low = e.mad(fraction.lo, e.constant(kPiOver2Hi), low);
  angle = e.fastTwoSum(angle.hi, low);
  // The bits were those of |x|: odd in angle and quadrant.
  Val negative = e.isNegative(x);
  return {{e.select(negative, e.negate(angle.hi), angle.hi),
           e.select(negative, e.negate(angle.lo), angle.lo)},
          e.select(negative, e.integer(0) - quadrant, quadrant)};
}

/// @dlc_sin_large(x, shift): sin(x + shift pi/2) for arguments above the limit, NaN for infinity.
static func::FuncOp sinLarge(Emitter &e) {
  Type real = getElementTypeOrSelf(e.realType);
  Type integer = getElementTypeOrSelf(e.intType);
  Native native = e.native;
  Helpers &helpers = e.helpers;
  return helpers.get(
      "dlc_sin_large_" + e.typeName(), {real, integer}, real,
      [&](ImplicitLocOpBuilder &b, ValueRange arguments) -> Value {
        Emitter scalar(b, real, native, helpers);
        Val x = scalar.wrap(arguments[0]);
        Val y = sinShifted(scalar, reduceLong(scalar, x),
                           scalar.wrap(arguments[1]));
        Val finite = scalar.abs(x) < scalar.infinity();
        return scalar.select(finite, y, scalar.nan());
      });
}

static Val sinOrCos(Emitter &e, Val x, int shift) {
  Val magnitude = e.abs(x);
  Val y = sinShifted(e, reduceShort(e, x), e.integer(shift));
  if (shift == 0) // keeps -0 and subnormals
    y = e.select(magnitude < std::ldexp(1.0, e.wide ? -27 : -13), x, y);
  func::FuncOp large = sinLarge(e);
  return e.ifAny(magnitude > shortLimit(e), y, [&] {
    return e.eachLane(large, {x, e.integer(shift)});
  });
}

Val expandSin(Emitter &e, ArrayRef<Val> a) { return sinOrCos(e, a[0], 0); }
Val expandCos(Emitter &e, ArrayRef<Val> a) { return sinOrCos(e, a[0], 1); }

Val expandTan(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  Val magnitude = e.abs(x);
  Reduced r = reduceShort(e, x);
  Val sin = sinKernel(e, r.angle), cos = cosKernel(e, r.angle);
  Val odd = e.cmp(arith::CmpIPredicate::ne, r.quadrant & 1, e.integer(0));
  Val y = e.select(odd, e.negate(cos), sin) / e.select(odd, sin, cos);
  y = e.select(magnitude < std::ldexp(1.0, e.wide ? -27 : -13), x, y);
  func::FuncOp large = sinLarge(e);
  return e.ifAny(magnitude > shortLimit(e), y, [&] {
    return e.eachLane(large, {x, e.integer(0)}) /
           e.eachLane(large, {x, e.integer(1)});
  });
}

namespace {
struct AsinParts {
  Val large;
  /// asin(|x|), or where large: asin(sqrt((1-|x|)/2)), half of acos(|x|); lo is much smaller.
  Pair y;
};
} // namespace
static AsinParts asinParts(Emitter &e, Val x) {
  Val magnitude = e.abs(x);
  Val large = magnitude > 0.5;
  Val folded = (1.0 - magnitude) * 0.5;
  Val z = e.select(large, folded, magnitude * magnitude);
  Val root = e.sqrt(folded);
  Val s = e.select(large, root, magnitude);
  // What rounding took from the root.
  Pair square = e.twoProduct(root, root);
  Val lost = ((folded - square.hi) - square.lo) / (root + root);
  lost = e.select(large & (root > 0.0), lost, 0.0);
  Val rest = e.mad(s * z, e.poly(z, kAsinF32, kAsinF64), lost);
  return {large, {s, rest}};
}

/// turn - 2 asin, added so that the greater parts cancel exactly.
static Val turnMinusTwice(Emitter &e, const double (&turnHi)[2],
                          const double (&turnLo)[2], Pair asin) {
  Val low = (asin.lo + asin.lo) - e.constant(turnLo);
  return (e.constant(turnHi) - (asin.hi + asin.hi)) - low;
}

Val expandAsin(Emitter &e, ArrayRef<Val> a) {
  AsinParts p = asinParts(e, a[0]);
  Val folded = turnMinusTwice(e, kPiOver2Hi, kPiOver2Lo, p.y);
  return e.withSign(e.abs(e.select(p.large, folded, p.y.hi + p.y.lo)), a[0]);
}

Val expandAcos(Emitter &e, ArrayRef<Val> a) {
  AsinParts p = asinParts(e, a[0]);
  Val negative = a[0] < 0.0;
  Val far = turnMinusTwice(e, kPiHi, kPiLo, p.y);
  Val sum = p.y.hi + p.y.lo;
  Val asin = e.select(negative, e.negate(sum), sum);
  Val near = e.constant(kPiOver2Hi) - (asin - e.constant(kPiOver2Lo));
  return e.select(p.large, e.select(negative, far, sum + sum), near);
}

/// atan(y/x) in [0, pi/2] for y, x >= 0 in the middle of the exponent range, as high and low part
/// not yet added: {offset, rest}.
static Pair atanQuadrant(Emitter &e, Val y, Val x) {
  constexpr double kTanPiOver8 = 0.41421356237309504880;
  constexpr double kTan3PiOver8 = 2.41421356237309504880;
  Val steep = y > x * kTan3PiOver8;
  Val middle = y > x * kTanPiOver8;
  Val numerator = e.select(steep, e.negate(x), e.select(middle, y - x, y));
  Val denominator = e.select(steep, y, e.select(middle, y + x, x));
  Val t = numerator / denominator;
  Val z = t * t;
  auto offset = [&](const double(&two)[2], const double(&four)[2]) {
    return e.select(steep, e.constant(two),
                    e.select(middle, e.constant(four), e.real(0)));
  };
  Val low = e.mad(t * z, e.poly(z, kAtanF32, kAtanF64),
                  offset(kPiOver2Lo, kPiOver4Lo));
  return {offset(kPiOver2Hi, kPiOver4Hi), t + low};
}

Val expandAtan(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  // 1/x of an infinite x is 0 as it should be; keeps the comparison x > c finite.
  Pair p = atanQuadrant(e, x, e.real(1));
  Val y = p.hi + p.lo;
  y = e.select(x < std::ldexp(1.0, e.wide ? -28 : -13), x, y);
  return e.withSign(y, a[0]);
}

Val expandAtan2(Emitter &e, ArrayRef<Val> a) {
  Val y = e.abs(a[0]), x = e.abs(a[1]);
  Val greater = e.select(y > x, y, x);
  // Both infinite: as (1, 1); both zero: as (0, 1).
  Val bothInfinite = equal(y, INFINITY) & equal(x, INFINITY);
  // Into the middle of the range, so that sums do not overflow and quotients keep their bits.
  int step = e.wide ? 600 : 80;
  Val shrink = greater > std::ldexp(1.0, e.bias - 3);
  Val grow = greater < std::ldexp(1.0, -e.bias + 2 * int(e.mantissaBits));
  Val factor = e.select(shrink, e.real(0.125),
                        e.select(grow, e.real(std::ldexp(1.0, step)), e.real(1)));
  Val ys = e.select(bothInfinite, 1.0, y * factor);
  Val xs = e.select(bothInfinite, 1.0, x * factor);
  xs = e.select(equal(greater, 0), 1.0, xs);
  Pair p = atanQuadrant(e, ys, xs);
  Val right = p.hi + p.lo;
  // x < 0: pi - atan(y/|x|)
  Val left = (e.constant(kPiHi) - p.hi) + (e.constant(kPiLo) - p.lo);
  Val result = e.select(e.isNegative(a[1]), left, right);
  result = e.select(isNaN(a[0]) | isNaN(a[1]), a[0] + a[1], result);
  return e.withSign(e.abs(result), a[0]);
}
} // namespace dlc::libm
