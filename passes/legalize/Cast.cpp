// This file lowers ONNX Cast and CastLike and provides element conversion.
#include "passes/legalize/Casts.h"
#include "passes/legalize/OpTable.h"

using namespace mlir;
using namespace dlc::legalize;

/// Float to integer: towards zero; NaN becomes 0, values out of range the
/// nearest representable one. ONNX leaves these open; we fix them so that
/// every target gives the same answer. Integers below 8 bits keep the low bits, as
/// ONNX's own tests have it.
static Value floatToInt(ImplicitLocOpBuilder &b, Value x, IntegerType to,
                        bool isUnsigned) {
  auto from = ::cast<FloatType>(x.getType());
  if (from.getWidth() < 32) {
    x = arith::ExtFOp::create(b, b.getF32Type(), x);
    from = b.getF32Type();
  }
  unsigned width = to.getWidth();
  if (width < 8)
    return arith::TruncIOp::create(b, to, floatToInt(b, x, b.getI32Type(), false));
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

/// f8E8M0, a power of two (or NaN), to f32, which has the same exponents.
static Value fromExponent(ImplicitLocOpBuilder &b, Value x) {
  auto constant = [&](int64_t v) -> Value { return arith::ConstantIntOp::create(b, v, 32); };
  Value code = arith::ExtUIOp::create(b, b.getI32Type(), arith::BitcastOp::create(b, b.getI8Type(), x));
  Value bits = arith::ShLIOp::create(b, code, constant(23));
  auto is = [&](int64_t v) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, code, constant(v)); };
  bits = arith::SelectOp::create(b, is(0), constant(0x00400000), bits); // 2^-127 is subnormal
  bits = arith::SelectOp::create(b, is(255), constant(0x7fc00000), bits);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

namespace {
enum class Rounding { Up, Down, Nearest };
} // namespace

/// The magnitude of an f32 number as f8E8M0.
static Value toExponent(ImplicitLocOpBuilder &b, Value x, Rounding rounding, bool saturate, Type to) {
  auto constant = [&](int64_t v) -> Value { return arith::ConstantIntOp::create(b, v, 32); };
  auto compare = [&](arith::CmpIPredicate p, Value l, int64_t r) -> Value {
    return arith::CmpIOp::create(b, p, l, constant(r));
  };
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  bits = arith::AndIOp::create(b, bits, constant(0x7fffffff));
  Value code = arith::ShRUIOp::create(b, bits, constant(23));
  Value rest = arith::AndIOp::create(b, bits, constant(0x7fffff));
  if (rounding != Rounding::Down) {
    // The least number, 2^-127, has half a mantissa.
    Value isLeast = compare(arith::CmpIPredicate::eq, code, 0);
    Value more = compare(arith::CmpIPredicate::ugt, rest, 0x400000);
    Value grows = rounding == Rounding::Up ? compare(arith::CmpIPredicate::ne, rest, 0)
                                           : compare(arith::CmpIPredicate::uge, rest, 0x400000);
    grows = arith::SelectOp::create(b, isLeast, more, grows);
    code = arith::AddIOp::create(b, code, arith::ExtUIOp::create(b, b.getI32Type(), grows));
  }
  code = arith::MinUIOp::create(b, code, constant(saturate ? 254 : 255));
  Value isNan = compare(arith::CmpIPredicate::ugt, bits, 0x7f800000);
  code = arith::SelectOp::create(b, isNan, constant(255), code);
  return arith::BitcastOp::create(b, to, arith::TruncIOp::create(b, b.getI8Type(), code));
}

Value Node::castScalar(ImplicitLocOpBuilder &b, Value x, Type from, Type to) {
  if (from == to)
    return x;
  Type target = signless(to), f32 = b.getF32Type();
  if (isa<Float8E8M0FNUType>(from))
    return castScalar(b, fromExponent(b, x), f32, to);
  if (isa<Float8E8M0FNUType>(to))
    return toExponent(b, castScalar(b, x, from, f32), Rounding::Up, /*saturate=*/true, to);
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

static Value constantF32(ImplicitLocOpBuilder &b, APFloat value) {
  bool inexact;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &inexact);
  return arith::ConstantOp::create(b, FloatAttr::get(b.getF32Type(), value));
}

Value dlc::legalize::saturateTo(ImplicitLocOpBuilder &b, Value x, FloatType format) {
  const llvm::fltSemantics &semantics = format.getFloatSemantics();
  Value top = constantF32(b, APFloat::getLargest(semantics));
  Value bottom = constantF32(b, APFloat::getLargest(semantics, /*Negative=*/true));
  Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, top);
  Value below = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, bottom);
  x = arith::SelectOp::create(b, above, top, x);
  return arith::SelectOp::create(b, below, bottom, x);
}

/// What only the small formats ask for: which numbers get which.
static FailureOr<Value> castToSmall(Node &n, Type to) {
  auto saturate = n.i64("saturate", 1);
  auto mode = n.str("round_mode", "up");
  if (failed(saturate) || failed(mode))
    return failure();
  if (*mode != "up" && *mode != "down" && *mode != "nearest")
    return n.error("attribute 'round_mode' is '" + *mode + "', expected up, down or nearest");
  Rounding rounding = *mode == "up"     ? Rounding::Up
                      : *mode == "down" ? Rounding::Down
                                        : Rounding::Nearest;
  Type from = n.elementType(0);
  return n.map(n.in(0), to, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Type f32 = b.getF32Type();
    Value x = Node::castScalar(b, v[0], from, f32);
    if (isa<Float8E8M0FNUType>(to))
      return toExponent(b, x, rounding, *saturate != 0, to);
    if (*saturate)
      x = saturateTo(b, x, ::cast<FloatType>(to));
    if (isa<Float4E2M1FNType>(to)) { // has no NaN
      Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
      Value zero = constantF32(b, APFloat::getZero(APFloat::IEEEsingle(), /*Negative=*/true));
      x = arith::SelectOp::create(b, isNan, zero, x);
    }
    return arith::TruncFOp::create(b, to, x);
  });
}

static LogicalResult castTo(Node &n, Type to) {
  auto format = dyn_cast<FloatType>(to);
  FailureOr<Value> result =
      format && format.getWidth() <= 8 && n.elementType(0) != to ? castToSmall(n, to) : n.cast(n.in(0), to);
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
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
  return castTo(n, to);
}

static LogicalResult lowerCastLike(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (!n.elementType(0).isIntOrFloat() || !n.elementType(1).isIntOrFloat())
    return n.error("cannot cast strings");
  return castTo(n, n.elementType(1));
}

void dlc::legalize::addCast(std::vector<OpEntry> &table) {
  table.push_back({"", "Cast", 1, kLatest, "numbers, bool", lowerCast});
  table.push_back({"", "CastLike", 15, kLatest, "numbers, bool", lowerCastLike});
}
