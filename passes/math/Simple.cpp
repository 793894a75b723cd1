// This file expands rounding, sign, class, minimum, maximum and remainder.
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {

//===- Rounding -----------------------------------------------------------===//

/// The magnitude rounded towards zero, for targets that compute in integers anyway.
static Val truncateBits(Emitter &e, Val x) {
  Val bits = e.bits(x);
  Val exponent = ((bits & e.exponentMask()) >> int(e.mantissaBits)) -
                 double(e.bias);
  Val bounded = e.select(exponent < 0.0, 0.0, exponent);
  bounded = e.select(bounded > double(e.mantissaBits), double(e.mantissaBits),
                     bounded);
  Val fraction = e.wrap(arith::ShRUIOp::create(
      e.b, e.integer(e.mantissaMask()), bounded.v));
  Val kept = bits & (fraction ^ e.integer(-1));
  return e.fromBits(
      e.select(exponent < 0.0, bits & e.signMask(), kept));
}

/// |x| rounded to the nearest even integer; exact for large x.
static Val nearestEven(Emitter &e, Val magnitude) {
  double shift = std::ldexp(1.0, e.mantissaBits);
  Val rounded = (magnitude + shift) - shift;
  return e.select(magnitude < shift, rounded, magnitude);
}
static Val truncated(Emitter &e, Val magnitude) {
  Val rounded = nearestEven(e, magnitude);
  return e.select(rounded > magnitude, rounded - 1.0, rounded);
}

Val expandTrunc(Emitter &e, ArrayRef<Val> a) {
  if (!e.native.arithmetic)
    return truncateBits(e, a[0]);
  return e.withSign(truncated(e, e.abs(a[0])), a[0]);
}

Val expandRoundEven(Emitter &e, ArrayRef<Val> a) {
  return e.withSign(nearestEven(e, e.abs(a[0])), a[0]);
}

Val expandRound(Emitter &e, ArrayRef<Val> a) {
  Val magnitude = e.abs(a[0]);
  Val whole = e.native.arithmetic ? truncated(e, magnitude)
                                  : truncateBits(e, magnitude);
  Val up = magnitude - whole >= 0.5;
  return e.withSign(e.select(up, whole + 1.0, whole), a[0]);
}

Val expandFloor(Emitter &e, ArrayRef<Val> a) {
  Val whole = e.op<mlir::math::TruncOp>(a[0]);
  Val y = e.select(whole > a[0], whole - 1.0, whole);
  return e.withSign(e.abs(y), a[0]);
}
Val expandCeil(Emitter &e, ArrayRef<Val> a) {
  Val whole = e.op<mlir::math::TruncOp>(a[0]);
  Val y = e.select(whole < a[0], whole + 1.0, whole);
  return e.withSign(e.abs(y), a[0]);
}

//===- Sign and class -----------------------------------------------------===//

Val expandFma(Emitter &e, ArrayRef<Val> a) { return a[0] * a[1] + a[2]; }

Val expandAbs(Emitter &e, ArrayRef<Val> a) {
  return e.fromBits(e.bits(a[0]) & ~e.signMask());
}
Val expandCopySign(Emitter &e, ArrayRef<Val> a) {
  return e.fromBits((e.bits(a[0]) & ~e.signMask()) |
                    (e.bits(a[1]) & e.signMask()));
}
Val expandClamp(Emitter &e, ArrayRef<Val> a) {
  Val low = e.select(a[0] < a[1], a[1], a[0]);
  return e.select(low > a[2], a[2], low);
}
static Val magnitudeBits(Emitter &e, Val x) {
  return e.bits(x) & ~e.signMask();
}
Val expandIsNaN(Emitter &e, ArrayRef<Val> a) { return isNaN(a[0]); }
Val expandIsInf(Emitter &e, ArrayRef<Val> a) {
  return equal(magnitudeBits(e, a[0]), e.integer(e.exponentMask()));
}
Val expandIsFinite(Emitter &e, ArrayRef<Val> a) {
  return magnitudeBits(e, a[0]) < e.integer(e.exponentMask());
}
Val expandIsNormal(Emitter &e, ArrayRef<Val> a) {
  Val bits = magnitudeBits(e, a[0]);
  return (bits < e.integer(e.exponentMask())) &
         (bits >= e.integer(int64_t(1) << e.mantissaBits));
}

//===- Minimum and maximum ------------------------------------------------===//

namespace {
enum class OnNaN { propagate, other };
} // namespace

static Val extreme(Emitter &e, Val a, Val b, bool maximum, OnNaN onNaN) {
  // A constant operand that is a number needs one comparison: it is false for a NaN where the NaN
  // must not win, and equality matters for the sign of zero only.
  auto constantOf = [](Val v) -> std::optional<APFloat> {
    Attribute attr;
    if (!matchPattern(v.v, m_Constant(&attr)))
      return std::nullopt;
    if (auto dense = dyn_cast<SplatElementsAttr>(attr))
      attr = dense.getSplatValue<Attribute>();
    if (auto number = dyn_cast<FloatAttr>(attr))
      return number.getValue();
    return std::nullopt;
  };
  if (constantOf(a) && !constantOf(b))
    std::swap(a, b);
  if (std::optional<APFloat> c = constantOf(b); c && !c->isNaN()) {
    // max(-0, +0): the constant wins a tie unless it is the lesser zero.
    bool tie = c->isZero() && c->isNegative() == maximum;
    using P = arith::CmpFPredicate;
    bool unordered = onNaN == OnNaN::propagate;
    P predicate = maximum ? (unordered ? (tie ? P::UGE : P::UGT)
                                       : (tie ? P::OGE : P::OGT))
                          : (unordered ? (tie ? P::ULE : P::ULT)
                                       : (tie ? P::OLE : P::OLT));
    return e.select(e.cmp(predicate, a, b), a, b);
  }
  Val greater = a > b, less = a < b;
  // Equal numbers differ at most in the sign of zero.
  Val same = maximum ? e.fromBits(e.bits(a) & e.bits(b))
                     : e.fromBits(e.bits(a) | e.bits(b));
  Val unordered = onNaN == OnNaN::propagate ? a + b : e.select(isNaN(a), b, a);
  Val rest = e.select(equal(a, b), same, unordered);
  return e.select(greater, maximum ? a : b,
                  e.select(less, maximum ? b : a, rest));
}
Val expandMaximum(Emitter &e, ArrayRef<Val> a) {
  return extreme(e, a[0], a[1], true, OnNaN::propagate);
}
Val expandMinimum(Emitter &e, ArrayRef<Val> a) {
  return extreme(e, a[0], a[1], false, OnNaN::propagate);
}
Val expandMaxNum(Emitter &e, ArrayRef<Val> a) {
  return extreme(e, a[0], a[1], true, OnNaN::other);
}
Val expandMinNum(Emitter &e, ArrayRef<Val> a) {
  return extreme(e, a[0], a[1], false, OnNaN::other);
}

//===- Remainder ----------------------------------------------------------===//

/// Mantissa, with its leading bit, and exponent (1 for subnormals) of the bits of a number >= 0.
static std::pair<Val, Val> unpack(Emitter &e, Val bits) {
  Val exponent = bits >> int(e.mantissaBits);
  Val subnormal = equal(exponent, 0);
  Val hidden = e.select(subnormal, e.integer(0),
                        e.integer(int64_t(1) << e.mantissaBits));
  return {(bits & e.mantissaMask()) | hidden,
          e.select(subnormal, 1.0, exponent)};
}

/// Long division of the mantissas, as many bits a step as fit into a word.
static func::FuncOp remainderHelper(Emitter &outer) {
  Type real = getElementTypeOrSelf(outer.realType);
  Native native = outer.native;
  Helpers &helpers = outer.helpers;
  return helpers.get(
      "dlc_remf_" + outer.typeName(), {real, real}, real,
      [&](ImplicitLocOpBuilder &b, ValueRange arguments) -> Value {
        Emitter e(b, real, native, helpers);
        Val x = e.wrap(arguments[0]), y = e.wrap(arguments[1]);
        Val xBits = magnitudeBits(e, x), yBits = magnitudeBits(e, y);
        auto [xm, xe] = unpack(e, xBits);
        auto [ym, ye] = unpack(e, yBits);
        // Division by zero is masked here and overruled below.
        ym = e.select(equal(ym, 0), 1.0, ym);
        auto rem = [&](Val n, Val d) {
          return e.wrap(arith::RemUIOp::create(b, n.v, d.v));
        };
        int step = e.width - e.mantissaBits - 1;
        auto loop = scf::WhileOp::create(
            b, TypeRange{e.intType, e.intType},
            ValueRange{rem(xm, ym).v, (xe - ye).v},
            [&](OpBuilder &nested, Location loc, ValueRange args) {
              OpBuilder::InsertionGuard guard(b);
              b.setInsertionPoint(nested.getInsertionBlock(),
                                  nested.getInsertionPoint());
              Val more = e.wrap(args[1]) > 0.0;
              scf::ConditionOp::create(b, more.v, args);
            },
            [&](OpBuilder &nested, Location loc, ValueRange args) {
              OpBuilder::InsertionGuard guard(b);
              b.setInsertionPoint(nested.getInsertionBlock(),
                                  nested.getInsertionPoint());
              Val rest = e.wrap(args[0]), left = e.wrap(args[1]);
              Val by = e.select(left < double(step), left, double(step));
              Val shifted = e.wrap(arith::ShLIOp::create(b, rest.v, by.v));
              scf::YieldOp::create(
                  b, ValueRange{rem(shifted, ym).v, (left - by).v});
            });
        Val rest = e.wrap(loop.getResult(0));
        // Exact in every step: the result is a multiple of the smaller exponent's unit.
        Val value = e.wrap(arith::UIToFPOp::create(b, e.realType, rest.v));
        value = e.scale(value,
                        ye - double(e.bias + static_cast<int>(e.mantissaBits)));
        Val result = e.select(xBits < yBits, e.abs(x), value);
        result = e.withSign(result, x);
        Val valid = (xBits < e.integer(e.exponentMask())) &
                    (yBits <= e.integer(e.exponentMask())) &
                    !equal(yBits, e.integer(0));
        return e.select(valid, result, e.nan());
      });
}

Val expandRemainder(Emitter &e, ArrayRef<Val> a) {
  return e.eachLane(remainderHelper(e), a);
}
} // namespace dlc::libm
