// This file expands integer operations of the math dialect: absi, ctpop, ctlz, cttz.
#include "passes/math/Functions.h"

using namespace mlir;
namespace dlc::libm {
namespace {
/// Arithmetic with constants of the operand's type.
struct Integers {
  ImplicitLocOpBuilder &b;
  Type type;
  unsigned width;
  Integers(ImplicitLocOpBuilder &b, Value x)
      : b(b), type(x.getType()),
        width(getElementTypeOrSelf(type).getIntOrFloatBitWidth()) {}
  Value constant(APInt value) {
    TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, attr);
  }
  Value constant(uint64_t value) { return constant(APInt(width, value)); }
  Value shr(Value a, unsigned by) {
    return arith::ShRUIOp::create(b, a, constant(by));
  }
  Value add(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
  Value sub(Value a, Value c) { return arith::SubIOp::create(b, a, c); }
  Value mask(Value a, APInt m) {
    return arith::AndIOp::create(b, a, constant(std::move(m)));
  }
};
} // namespace

Value expandAbsInteger(ImplicitLocOpBuilder &b, Value x) {
  Integers i(b, x);
  Value zero = i.constant(0);
  Value negative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, zero);
  return arith::SelectOp::create(b, negative, i.sub(zero, x), x);
}

/// Sums of neighbouring fields, doubling in width.
Value expandPopCount(ImplicitLocOpBuilder &b, Value x) {
  Integers i(b, x);
  Value sum = x;
  for (unsigned field = 1; field < i.width; field *= 2) {
    APInt low(i.width, 0);
    for (unsigned bit = 0; bit < i.width; ++bit)
      if (bit / field % 2 == 0)
        low.setBit(bit);
    sum = i.add(i.mask(sum, low), i.mask(i.shr(sum, field), low));
  }
  return sum;
}

/// Ones from the first set bit down; what they do not cover is counted.
Value expandLeadingZeros(ImplicitLocOpBuilder &b, Value x) {
  Integers i(b, x);
  Value smeared = x;
  for (unsigned by = 1; by < i.width; by *= 2)
    smeared = arith::OrIOp::create(b, smeared, i.shr(smeared, by));
  return i.sub(i.constant(i.width), expandPopCount(b, smeared));
}

/// The ones below the lowest set bit: (x - 1) & ~x.
Value expandTrailingZeros(ImplicitLocOpBuilder &b, Value x) {
  Integers i(b, x);
  Value inverted =
      arith::XOrIOp::create(b, x, i.constant(APInt::getAllOnes(i.width)));
  Value below = i.sub(x, i.constant(1));
  return expandPopCount(b, arith::AndIOp::create(b, below, inverted));
}
} // namespace dlc::libm
