// A double that is known at compile time or computed at run time: arithmetic on
// it folds where it can, so that one formula serves both.
#pragma once

#include "passes/legalize/Node.h"

#include <cmath>

namespace dlc::legalize {

class Num {
public:
  Num(mlir::ImplicitLocOpBuilder &b, double constant)
      : b(&b), known(constant) {}
  /// `value` is an f64.
  Num(mlir::ImplicitLocOpBuilder &b, Value value) : b(&b), dynamic(value) {
    llvm::APFloat f(0.0);
    if (mlir::matchPattern(value, mlir::m_ConstantFloat(&f)))
      known = f.convertToDouble();
  }
  /// A size, or another index.
  static Num fromIndex(mlir::ImplicitLocOpBuilder &b, OpFoldResult index);

  /// The same number, for use at another place.
  Num at(mlir::ImplicitLocOpBuilder &builder) const {
    Num n = *this;
    n.b = &builder;
    return n;
  }
  std::optional<double> constant() const { return known; }
  /// An f64.
  Value value() const;
  /// Of another float type.
  Value value(Type type) const;
  /// The integer part as an index; the number is small and not NaN.
  Value toIndex() const;

  Num operator+(const Num &o) const {
    return binary<mlir::arith::AddFOp>(o, std::plus<>());
  }
  Num operator-(const Num &o) const {
    return binary<mlir::arith::SubFOp>(o, std::minus<>());
  }
  Num operator*(const Num &o) const {
    return binary<mlir::arith::MulFOp>(o, std::multiplies<>());
  }
  Num operator/(const Num &o) const {
    return binary<mlir::arith::DivFOp>(o, std::divides<>());
  }
  Num operator+(double o) const { return *this + Num(*b, o); }
  Num operator-(double o) const { return *this - Num(*b, o); }
  Num operator*(double o) const { return *this * Num(*b, o); }
  Num operator/(double o) const { return *this / Num(*b, o); }
  Num min(const Num &o) const {
    return binary<mlir::arith::MinNumFOp>(
        o, [](double x, double y) { return std::fmin(x, y); });
  }
  Num max(const Num &o) const {
    return binary<mlir::arith::MaxNumFOp>(
        o, [](double x, double y) { return std::fmax(x, y); });
  }
  Num abs() const { return max(*this * -1.0); }
  Num floor() const;
  Num ceil() const { return (*this * -1.0).floor() * -1.0; }
  /// `less` where *this < limit, else `otherwise`.
  Num ifLess(const Num &limit, const Num &less, const Num &otherwise) const {
    return select(mlir::arith::CmpFPredicate::OLT, limit, less, otherwise);
  }
  Num ifEqual(const Num &other, const Num &equal, const Num &otherwise) const {
    return select(mlir::arith::CmpFPredicate::OEQ, other, equal, otherwise);
  }

private:
  template <typename Op, typename Fold>
  Num binary(const Num &o, Fold fold) const {
    if (known && o.known)
      return Num(*b, static_cast<double>(fold(*known, *o.known)));
    return Num(*b, Op::create(*b, value(), o.at(*b).value()).getResult());
  }
  Num select(mlir::arith::CmpFPredicate predicate, const Num &other,
             const Num &yes, const Num &no) const;

  mlir::ImplicitLocOpBuilder *b;
  std::optional<double> known;
  Value dynamic;
};

} // namespace dlc::legalize
