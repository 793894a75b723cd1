// Short names for scalar arithmetic inside the bodies that lowerings build.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// A scalar expression: overloaded operators build arith ops on floats or
/// signless integers. Constants take the type of the other side.
class Scalar {
public:
  Scalar(mlir::ImplicitLocOpBuilder &b, Value v) : b(&b), v(v) {}
  operator Value() const { return v; }
  Type type() const { return v.getType(); }
  bool isFloat() const { return mlir::isa<mlir::FloatType>(v.getType()); }
  Scalar constant(double c) const {
    Type t = v.getType();
    if (auto f = mlir::dyn_cast<mlir::FloatType>(t))
      return wrap(mlir::arith::ConstantOp::create(*b, b->getFloatAttr(f, c)));
    return wrap(mlir::arith::ConstantOp::create(
        *b, b->getIntegerAttr(t, static_cast<int64_t>(c))));
  }
  Scalar wrap(Value other) const { return Scalar(*b, other); }

  Scalar operator+(const Scalar &o) const {
    return isFloat() ? make<mlir::arith::AddFOp>(o) : make<mlir::arith::AddIOp>(o);
  }
  Scalar operator-(const Scalar &o) const {
    return isFloat() ? make<mlir::arith::SubFOp>(o) : make<mlir::arith::SubIOp>(o);
  }
  Scalar operator*(const Scalar &o) const {
    return isFloat() ? make<mlir::arith::MulFOp>(o) : make<mlir::arith::MulIOp>(o);
  }
  /// Floats only.
  Scalar operator/(const Scalar &o) const { return make<mlir::arith::DivFOp>(o); }
  Scalar operator+(double c) const { return *this + constant(c); }
  Scalar operator-(double c) const { return *this - constant(c); }
  Scalar operator*(double c) const { return *this * constant(c); }
  Scalar operator/(double c) const { return *this / constant(c); }
  Scalar operator-() const {
    if (isFloat())
      return wrap(mlir::arith::NegFOp::create(*b, v));
    return constant(0) - *this;
  }

  // Comparisons of floats are false when an operand is NaN, but for `ne`.
  Scalar lt(const Scalar &o, bool isUnsigned = false) const {
    return compare(mlir::arith::CmpFPredicate::OLT, isUnsigned ? mlir::arith::CmpIPredicate::ult : mlir::arith::CmpIPredicate::slt, o);
  }
  Scalar le(const Scalar &o, bool isUnsigned = false) const {
    return compare(mlir::arith::CmpFPredicate::OLE, isUnsigned ? mlir::arith::CmpIPredicate::ule : mlir::arith::CmpIPredicate::sle, o);
  }
  Scalar gt(const Scalar &o, bool isUnsigned = false) const { return o.lt(*this, isUnsigned); }
  Scalar ge(const Scalar &o, bool isUnsigned = false) const { return o.le(*this, isUnsigned); }
  Scalar eq(const Scalar &o) const {
    return compare(mlir::arith::CmpFPredicate::OEQ, mlir::arith::CmpIPredicate::eq, o);
  }
  Scalar ne(const Scalar &o) const {
    return compare(mlir::arith::CmpFPredicate::UNE, mlir::arith::CmpIPredicate::ne, o);
  }
  Scalar isNan() const {
    return wrap(mlir::arith::CmpFOp::create(*b, mlir::arith::CmpFPredicate::UNO, v, v));
  }
  /// this ? x : y, for an i1.
  Scalar select(const Scalar &x, const Scalar &y) const {
    return wrap(mlir::arith::SelectOp::create(*b, v, x, y));
  }
  /// Larger / smaller one; a NaN operand gives NaN (as numpy does).
  Scalar max(const Scalar &o, bool isUnsigned = false) const {
    if (isFloat())
      return make<mlir::arith::MaximumFOp>(o);
    return isUnsigned ? make<mlir::arith::MaxUIOp>(o) : make<mlir::arith::MaxSIOp>(o);
  }
  Scalar min(const Scalar &o, bool isUnsigned = false) const {
    if (isFloat())
      return make<mlir::arith::MinimumFOp>(o);
    return isUnsigned ? make<mlir::arith::MinUIOp>(o) : make<mlir::arith::MinSIOp>(o);
  }
  /// Clamps against a bound that is not NaN: one comparison, where max and min
  /// must look at NaN and the sign of zero. NaN stays NaN.
  Scalar atLeast(const Scalar &bound, bool isUnsigned = false) const {
    return isFloat() ? lt(bound).select(bound, *this) : max(bound, isUnsigned);
  }
  Scalar atMost(const Scalar &bound, bool isUnsigned = false) const {
    return isFloat() ? gt(bound).select(bound, *this) : min(bound, isUnsigned);
  }
  /// A unary operation of the math dialect.
  template <typename Op> Scalar math() const { return wrap(Op::create(*b, v)); }
  Scalar abs() const {
    return isFloat() ? math<mlir::math::AbsFOp>() : math<mlir::math::AbsIOp>();
  }
  Scalar exp() const { return math<mlir::math::ExpOp>(); }
  Scalar log() const { return math<mlir::math::LogOp>(); }
  Scalar sqrt() const { return math<mlir::math::SqrtOp>(); }
  Scalar tanh() const { return math<mlir::math::TanhOp>(); }
  Scalar erf() const { return math<mlir::math::ErfOp>(); }
  Scalar log1p() const { return math<mlir::math::Log1pOp>(); }
  Scalar expm1() const { return math<mlir::math::ExpM1Op>(); }
  /// 1 / (1 + exp(-x)).
  Scalar sigmoid() const { return constant(1) / ((-*this).exp() + 1.0); }

private:
  template <typename Op> Scalar make(const Scalar &o) const {
    return wrap(Op::create(*b, v, o.v));
  }
  Scalar compare(mlir::arith::CmpFPredicate f, mlir::arith::CmpIPredicate i,
                 const Scalar &o) const {
    if (isFloat())
      return wrap(mlir::arith::CmpFOp::create(*b, f, v, o.v));
    return wrap(mlir::arith::CmpIOp::create(*b, i, v, o.v));
  }
  mlir::ImplicitLocOpBuilder *b;
  Value v;
};

inline Scalar operator-(double c, const Scalar &x) { return x.constant(c) - x; }
inline Scalar operator+(double c, const Scalar &x) { return x.constant(c) + x; }
inline Scalar operator*(double c, const Scalar &x) { return x.constant(c) * x; }
inline Scalar operator/(double c, const Scalar &x) { return x.constant(c) / x; }

} // namespace dlc::legalize
