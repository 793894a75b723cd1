// This file expands erf and erfc.
//
// erfc(a) = e^(-a^2) G((a-2)/(a+2)) / (1 + 2a) after M. M. Shepherd and J. G. Laframboise, Math.
// Comp. 36 (1981); the polynomials are our own.
#include "passes/math/Coefficients.h"
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {
/// erf(x) for |x| <= 1.
static Val erfSmall(Emitter &e, Val x) {
  Val z = x * x;
  return e.mad(x, e.poly(z, kErfF32, kErfF64), x);
}

Val expandErf(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val small = erfSmall(e, x);
  Val rest;
  if (e.wide) {
    rest = e.op<mlir::math::ErfcOp>(x);
  } else {
    // erfc(3.94) is below half an ulp of 1.
    Val bounded = e.select(x > 3.94, 3.94, x);
    rest = e.poly(bounded - 2.5, kErfcMidF32);
  }
  return e.withSign(e.select(x < 1.0, small, 1.0 - rest), a[0]);
}

Val expandErfc(Emitter &e, ArrayRef<Val> a) {
  Val x = e.abs(a[0]);
  Val bounded = e.select(x > 28.0, 28.0, x);
  Val t = (bounded - 2.0) / (bounded + 2.0);
  Val g = e.poly(t, kErfcF32, kErfcF64) / (1.0 + (bounded + bounded));
  Pair square = e.twoProduct(bounded, bounded);
  Val power = e.op<mlir::math::ExpOp>(e.negate(square.hi));
  power = e.nmad(power, square.lo, power);
  Val tail = power * g;
  Val large = e.select(e.isNegative(a[0]), 2.0 - tail, tail);
  Val small = 1.0 - erfSmall(e, a[0]);
  return e.select(x < 0.5, small, large);
}
} // namespace dlc::libm
