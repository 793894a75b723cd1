// This file implements numbers that fold where they can.
#include "passes/legalize/Num.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

Num Num::fromIndex(ImplicitLocOpBuilder &b, OpFoldResult index) {
  if (auto c = getConstantIntValue(index))
    return Num(b, static_cast<double>(*c));
  Value i = arith::IndexCastOp::create(b, b.getI64Type(), cast<Value>(index));
  return Num(b, arith::SIToFPOp::create(b, b.getF64Type(), i).getResult());
}

Value Num::value() const {
  if (known)
    return arith::ConstantOp::create(*b, b->getF64FloatAttr(*known));
  return dynamic;
}

Value Num::value(Type type) const {
  if (known)
    return arith::ConstantOp::create(*b, b->getFloatAttr(type, *known));
  return Node::castScalar(*b, dynamic, b->getF64Type(), type);
}

Value Num::toIndex() const {
  if (known)
    return arith::ConstantIndexOp::create(*b, static_cast<int64_t>(*known));
  Value i = arith::FPToSIOp::create(*b, b->getI32Type(), dynamic);
  return arith::IndexCastOp::create(*b, b->getIndexType(), i);
}

/// Without math.floor, which small targets would need a library for.
Num Num::floor() const {
  if (known)
    return Num(*b, std::floor(*known));
  Value i = arith::FPToSIOp::create(*b, b->getI32Type(), dynamic);
  Num whole(*b, arith::SIToFPOp::create(*b, b->getF64Type(), i).getResult());
  return ifLess(whole, whole - 1.0, whole);
}

Num Num::select(arith::CmpFPredicate predicate, const Num &other,
                const Num &yes, const Num &no) const {
  if (known && other.known) {
    bool holds = predicate == arith::CmpFPredicate::OLT
                     ? *known < *other.known
                     : *known == *other.known;
    return (holds ? yes : no).at(*b);
  }
  Value holds =
      arith::CmpFOp::create(*b, predicate, value(), other.at(*b).value());
  return Num(*b, arith::SelectOp::create(*b, holds, yes.at(*b).value(),
                                         no.at(*b).value())
                     .getResult());
}
