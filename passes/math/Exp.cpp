// This file expands exp, exp2, expm1, tanh, sinh and cosh.
#include "passes/math/Coefficients.h"
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {

/// x as r + n ln(2), |r| <= ln(2)/2 (a little more after rounding).
static Val reduceByLn2(Emitter &e, Val x, Val &n) {
  Val multiple;
  // Not fused: the integer must be the same on every target.
  std::tie(multiple, n) = e.nearest(x * e.constant(kLog2EHi));
  Val r = e.nmad(multiple, e.constant(kLn2Hi), x);
  return e.nmad(multiple, e.constant(kLn2Lo), r);
}

/// e^x * 2^shift. The argument is clamped to where the result is 0 or infinite; a NaN stays, as
/// every comparison with it is false.
static Val expShifted(Emitter &e, Val x, int shift) {
  x = e.select(x < e.pick(-105, -747), e.pick(-105, -747), x);
  x = e.select(x > e.pick(90, 711), e.pick(90, 711), x);
  Val n;
  Val r = reduceByLn2(e, x, n);
  Val p = e.mad(r * r, e.poly(r, kExpF32, kExpF64), r) + 1.0;
  return e.scale(p, shift ? n + e.integer(shift) : n);
}

Val expandExp(Emitter &e, ArrayRef<Val> a) { return expShifted(e, a[0], 0); }

Val expandExp2(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  x = e.select(x < e.pick(-151, -1076), e.pick(-151, -1076), x);
  x = e.select(x > e.pick(129, 1025), e.pick(129, 1025), x);
  auto [multiple, n] = e.nearest(x);
  Val r = x - multiple;
  return e.scale(e.mad(r, e.poly(r, kExp2F32, kExp2F64), e.real(1)), n);
}

Val expandExpM1(Emitter &e, ArrayRef<Val> a) {
  Val x = a[0];
  Val bounded = e.select(x < e.pick(-20, -40), e.pick(-20, -40), x);
  bounded = e.select(bounded > e.pick(89, 710), e.pick(89, 710), bounded);
  Val n;
  Val r = reduceByLn2(e, bounded, n);
  Val m = e.mad(r * r, e.poly(r, kExpF32, kExpF64), r);
  // 2^(n-1) is finite where 2^n may not be.
  Val half = e.pow2(n - 1.0);
  Val y = e.mad(half, m, half - 0.5) * 2.0;
  y = e.select(x > e.pick(88.8, 709.8), e.infinity(), y);
  // Keeps -0 and subnormals.
  return e.select(e.abs(x) < std::ldexp(1.0, e.wide ? -54 : -25), x, y);
}

Val expandTanh(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val z = x * x;
  Val small = e.mad(x * z, e.poly(z, kTanhF32, kTanhF64), x);
  Val power = e.op<mlir::math::ExpOp>(x + x);
  Val large = 1.0 - 2.0 / (power + 1.0);
  return e.withSign(e.select(x < 0.625, small, large), a[0]);
}

Val expandSinh(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val z = x * x;
  Val small = e.mad(x * z, e.poly(z, kSinhF32, kSinhF64), x);
  Val half = expShifted(e, x, -1);
  Val large = half - 0.25 / half;
  return e.withSign(e.select(x < 1.0, small, large), a[0]);
}

Val expandCosh(Emitter &e, ArrayRef<Val> a) {
  Val half = expShifted(e, e.abs(a[0]), -1);
  return half + 0.25 / half;
}
} // namespace dlc::libm
