// This file converts between floats below 32 bits and f32 by integer operations.
#include "passes/math/SmallFloats.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;
using llvm::APFloat;

namespace dlc::libm {
bool isSmallFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() < 32;
}

Type withElement(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

bool isConvertible(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  if (!element || element.getWidth() >= 32)
    return false;
  const llvm::fltSemantics &semantics = element.getFloatSemantics();
  return APFloat::semanticsHasSignedRepr(semantics) &&
         APFloat::semanticsPrecision(semantics) >= 2;
}

namespace {
/// Layout and special values of a format; all bit patterns without the sign.
struct Format {
  unsigned width, mantissaBits;
  int leastExponent; // of normal numbers
  uint32_t largest;
  bool hasInfinity, hasNaN;
  uint32_t infinity = 0, nan = 0;
  /// NaN is the pattern of -0, which does not exist (the FNUZ formats).
  bool unsignedZero = false;

  explicit Format(FloatType type) {
    const llvm::fltSemantics &s = type.getFloatSemantics();
    width = type.getWidth();
    mantissaBits = APFloat::semanticsPrecision(s) - 1;
    leastExponent = APFloat::semanticsMinExponent(s);
    largest = pattern(APFloat::getLargest(s));
    hasInfinity = APFloat::semanticsHasInf(s);
    hasNaN = APFloat::semanticsHasNaN(s);
    if (hasInfinity)
      infinity = pattern(APFloat::getInf(s));
    if (hasNaN) {
      nan = pattern(APFloat::getQNaN(s));
      unsignedZero = nan == sign();
    }
  }
  uint32_t sign() const { return uint32_t(1) << (width - 1); }
  int bias() const { return 1 - leastExponent; }

private:
  static uint32_t pattern(const APFloat &value) {
    return static_cast<uint32_t>(value.bitcastToAPInt().getZExtValue());
  }
};
} // namespace

Value extendSmall(Emitter &e, Value small) {
  auto type = cast<FloatType>(getElementTypeOrSelf(small.getType()));
  Format f(type);
  Value raw = arith::BitcastOp::create(
      e.b, withElement(small.getType(), e.b.getIntegerType(f.width)), small);
  Val bits = e.wrap(arith::ExtUIOp::create(e.b, e.intType, raw));
  if (type.isBF16())
    return e.fromBits(bits << 16);
  int shift = 23 - int(f.mantissaBits);
  Val magnitude = bits & uint64_t(f.sign() - 1);
  Val sign = (bits & f.sign()) << int(32 - f.width);
  Val moved = magnitude << shift;
  Val normal = moved + e.integer(int64_t(127 - f.bias()) << 23);
  // A subnormal number is an integer times a power of two, both exact and normal in f32.
  Val count = e.fromBits(magnitude + e.integer(0x4b000000)) - 8388608.0;
  Val subnormal = e.bits(
      count * std::ldexp(1.0, f.leastExponent - int(f.mantissaBits)));
  Val result = e.select(magnitude < double(1 << f.mantissaBits), subnormal,
                        normal);
  if (f.hasInfinity)
    result = e.select(magnitude >= double(f.infinity),
                      moved | uint64_t(0x7f800000), result);
  else if (f.hasNaN && !f.unsignedZero)
    result = e.select(equal(magnitude, double(f.nan)), e.integer(0x7fc00000),
                      result);
  result = result | sign;
  if (f.unsignedZero)
    result = e.select(equal(bits, double(f.sign())), e.integer(0x7fc00000),
                      result);
  return e.fromBits(result);
}

Value truncateToSmall(Emitter &e, Val x, Type resultType) {
  auto type = cast<FloatType>(getElementTypeOrSelf(resultType));
  Format f(type);
  Val bits = e.bits(x);
  Val magnitude = bits & 0x7fffffffu;
  int shift = 23 - int(f.mantissaBits);
  // Half an ulp of the result, one less where the last bit kept is even: ties go to even.
  Val odd = (magnitude >> shift) & 1;
  Val rounded = magnitude + e.integer((int64_t(1) << (shift - 1)) - 1) + odd;
  Val result = (rounded - e.integer(int64_t(127 - f.bias()) << 23)) >> shift;
  if (!type.isBF16()) {
    // A sum whose unit is that of subnormal results rounds to it.
    double unit = std::ldexp(1.0, f.leastExponent - int(f.mantissaBits) + 23);
    Val sum = e.fromBits(magnitude) + unit;
    Val subnormal = e.bits(sum) - e.integer(int64_t(e.bitsOf(unit)));
    Val least = e.integer(int64_t(e.bitsOf(std::ldexp(1.0, f.leastExponent))));
    result = e.select(magnitude < least, subnormal, result);
  }
  uint32_t above = f.hasInfinity ? f.infinity : f.hasNaN ? f.nan : f.largest;
  Val isAbove = (result > double(f.largest)) | (magnitude >= e.integer(0x7f800000));
  result = e.select(isAbove, e.integer(above), result);
  if (f.hasNaN)
    result = e.select(magnitude > e.integer(0x7f800000), e.integer(f.nan), result);
  Val sign = (bits >> int(32 - f.width)) & f.sign();
  if (f.unsignedZero)
    sign = e.select(equal(result, 0), e.integer(0), sign);
  result = result | sign;
  Type integers = withElement(resultType, e.b.getIntegerType(f.width));
  Value narrow = arith::TruncIOp::create(e.b, integers, result.v);
  return arith::BitcastOp::create(e.b, resultType, narrow);
}

Value roundToOdd(Emitter &e, Value wide) {
  Value single = arith::TruncFOp::create(e.b, e.realType, wide);
  Value back = arith::ExtFOp::create(e.b, wide.getType(), single);
  Type wideInt = withElement(wide.getType(), e.b.getI64Type());
  // Magnitudes compare as integers, twice them without the sign.
  auto magnitude = [&](Value v) -> Value {
    Value bits = arith::BitcastOp::create(e.b, wideInt, v);
    return arith::AddIOp::create(e.b, bits, bits);
  };
  using P = arith::CmpIPredicate;
  Val grew = e.wrap(arith::CmpIOp::create(e.b, P::ugt, magnitude(back),
                                          magnitude(wide)));
  Val inexact = e.wrap(
      arith::CmpFOp::create(e.b, arith::CmpFPredicate::ONE, back, wide));
  Val bits = e.bits(e.wrap(single));
  Val odd = e.select(grew, bits - 1.0, bits) | uint64_t(1);
  return e.fromBits(e.select(inexact, odd, bits));
}
} // namespace dlc::libm
