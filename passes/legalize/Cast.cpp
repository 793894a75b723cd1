// This file lowers ONNX Cast and CastLike and provides element conversion.
#include "passes/legalize/OpTable.h"

using namespace mlir;
using namespace dlc::legalize;

/// Float to integer: towards zero; NaN becomes 0, values out of range the
/// nearest representable one. ONNX leaves these open; we fix them so that
/// every target gives the same answer.
static Value floatToInt(ImplicitLocOpBuilder &b, Value x, IntegerType to,
                        bool isUnsigned) {
  auto from = ::cast<FloatType>(x.getType());
  if (from.getWidth() < 32) {
    x = arith::ExtFOp::create(b, b.getF32Type(), x);
    from = b.getF32Type();
  }
  unsigned width = to.getWidth();
  auto bound = [&](const APInt &v, APFloat::roundingMode mode) {
    APFloat f(from.getFloatSemantics());
    f.convertFromAPInt(v, !isUnsigned, mode);
    return f;
  };
  APInt lo = isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt hi = isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  auto constant = [&](APFloat f) -> Value {
    return arith::ConstantOp::create(b, FloatAttr::get(from, f));
  };
  auto integer = [&](const APInt &v) -> Value {
    return arith::ConstantOp::create(b, IntegerAttr::get(to, v));
  };
  // The largest float not above `hi`, so that the conversion is defined.
  Value top = constant(bound(hi, APFloat::rmTowardZero));
  Value bottom = constant(bound(lo, APFloat::rmTowardZero));
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, top);
  Value below = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, bottom);
  Value zero = constant(APFloat::getZero(from.getFloatSemantics()));
  Value safe = arith::SelectOp::create(b, isNan, zero, x);
  safe = arith::SelectOp::create(b, above, top, safe);
  safe = arith::SelectOp::create(b, below, bottom, safe);
  Value i = isUnsigned ? arith::FPToUIOp::create(b, to, safe).getResult()
                       : arith::FPToSIOp::create(b, to, safe).getResult();
  return arith::SelectOp::create(b, above, integer(hi), i);
}

Value Node::castScalar(ImplicitLocOpBuilder &b, Value x, Type from, Type to) {
  if (from == to)
    return x;
  Type target = signless(to);
  bool fromBool = from.isInteger(1), toBool = to.isInteger(1);
  if (auto f = dyn_cast<FloatType>(from)) {
    if (toBool) {
      Value zero = arith::ConstantOp::create(b, b.getFloatAttr(f, 0.0));
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x, zero);
    }
    if (auto g = dyn_cast<FloatType>(to)) {
      if (f.getWidth() < g.getWidth())
        return arith::ExtFOp::create(b, g, x);
      if (f.getWidth() > g.getWidth())
        return arith::TruncFOp::create(b, g, x);
      // f16 <-> bf16 and 8-bit kinds: through f32.
      Value wide = arith::ExtFOp::create(b, b.getF32Type(), x);
      return arith::TruncFOp::create(b, g, wide);
    }
    return floatToInt(b, x, ::cast<IntegerType>(target),
                      to.isUnsignedInteger());
  }
  bool fromUnsigned = fromBool || from.isUnsignedInteger();
  if (toBool) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(x.getType()));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x, zero);
  }
  if (isa<FloatType>(to)) {
    if (fromUnsigned)
      return arith::UIToFPOp::create(b, to, x);
    return arith::SIToFPOp::create(b, to, x);
  }
  unsigned wx = x.getType().getIntOrFloatBitWidth();
  unsigned wt = target.getIntOrFloatBitWidth();
  if (wx == wt)
    return x;
  if (wx > wt)
    return arith::TruncIOp::create(b, target, x);
  if (fromUnsigned)
    return arith::ExtUIOp::create(b, target, x);
  return arith::ExtSIOp::create(b, target, x);
}

Value Node::cast(Value tensor, Type element) {
  Type from = getElementTypeOrSelf(tensor.getType());
  if (from == element)
    return tensor;
  return map(tensor, element, [&](ImplicitLocOpBuilder &ib, ValueRange x) {
    return castScalar(ib, x[0], from, element);
  });
}

/// TensorProto.DataType to an element type; null when it is not a number.
Type dlc::legalize::onnxElementType(MLIRContext *ctx, int64_t code) {
  Builder b(ctx);
  auto ui = [&](unsigned w) {
    return IntegerType::get(ctx, w, IntegerType::Unsigned);
  };
  switch (code) {
  case 1: return b.getF32Type();
  case 2: return ui(8);
  case 3: return b.getI8Type();
  case 4: return ui(16);
  case 5: return b.getIntegerType(16);
  case 6: return b.getI32Type();
  case 7: return b.getI64Type();
  case 9: return b.getI1Type();
  case 10: return b.getF16Type();
  case 11: return b.getF64Type();
  case 12: return ui(32);
  case 13: return ui(64);
  case 16: return b.getBF16Type();
  case 17: return Float8E4M3FNType::get(ctx);
  case 18: return Float8E4M3FNUZType::get(ctx);
  case 19: return Float8E5M2Type::get(ctx);
  case 20: return Float8E5M2FNUZType::get(ctx);
  case 21: return ui(4);
  case 22: return b.getIntegerType(4);
  case 23: return Float4E2M1FNType::get(ctx);
  case 24: return Float8E8M0FNUType::get(ctx);
  case 25: return ui(2);
  case 26: return b.getIntegerType(2);
  default: return Type();
  }
}

static LogicalResult lowerCast(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto code = n.i64("to");
  if (failed(code))
    return failure();
  Type to = onnxElementType(n.b.getContext(), *code);
  if (!to || !to.isIntOrFloat())
    return n.error("cannot cast to data type " + Twine(*code));
  if (!n.elementType(0).isIntOrFloat())
    return n.error("cannot cast from strings");
  n.set(0, n.cast(n.in(0), to));
  return success();
}

static LogicalResult lowerCastLike(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (!n.elementType(0).isIntOrFloat() || !n.elementType(1).isIntOrFloat())
    return n.error("cannot cast strings");
  n.set(0, n.cast(n.in(0), n.elementType(1)));
  return success();
}

void dlc::legalize::addCast(std::vector<OpEntry> &table) {
  table.push_back({"", "Cast", 1, kLatest, "numbers, bool", lowerCast});
  table.push_back({"", "CastLike", 15, kLatest, "numbers, bool", lowerCastLike});
}
