// This file builds the fixed-point arithmetic of the rounding modes.
#include "passes/quantize/Emit.h"

#include "dialects/RT/RT.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace dlc::quantize;

Rounding dlc::quantize::roundingOf(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  auto attr = module ? module->getAttrOfType<StringAttr>(dlc::rt::kRequant) : StringAttr();
  StringRef mode = attr ? attr.getValue() : "onnx";
  return mode == "tflite"   ? Rounding::Float
         : mode == "single" ? Rounding::Single
         : mode == "tflm"   ? Rounding::Double
                            : Rounding::Onnx;
}

Value Emit::constant(int64_t v) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(v)));
}

Value Emit::add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }

Value Emit::add(Value x, int64_t y) { return y ? add(x, constant(y)) : x; }

Value Emit::sub(Value x, Value y) { return arith::SubIOp::create(b, x, y); }

Value Emit::shiftLeft(Value x, int by) {
  return by ? arith::ShLIOp::create(b, x, constant(by)).getResult() : x;
}

Value Emit::shiftRight(Value x, int by) {
  return by ? arith::ShRSIOp::create(b, x, constant(by)).getResult() : x;
}

Value Emit::extended(Value x, bool isUnsigned) {
  if (x.getType().isInteger(32))
    return x;
  if (isUnsigned)
    return arith::ExtUIOp::create(b, b.getI32Type(), x);
  return arith::ExtSIOp::create(b, b.getI32Type(), x);
}

Value Emit::narrowed(Value v, int64_t lo, int64_t hi, Type storage) {
  v = arith::MaxSIOp::create(b, v, constant(lo));
  v = arith::MinSIOp::create(b, v, constant(hi));
  return arith::TruncIOp::create(b, storage, v);
}

Value Emit::scaled(Value x, Value y, int shift) {
  // The lower half of the product is its own operation: kernels know the upper one.
  Value high = arith::MulSIExtendedOp::create(b, x, y).getHigh();
  if (shift > 32) // half a unit lies in the upper word
    return shiftRight(add(high, constant(int64_t(1) << (shift - 33))), shift - 32);
  Value low = arith::MulIOp::create(b, x, y);
  // The bit below the unit is what rounds.
  Value round = arith::ShRUIOp::create(b, low, constant(shift - 1));
  if (shift == 32)
    return add(high, round);
  round = arith::AndIOp::create(b, round, constant(1));
  Value whole = arith::OrIOp::create(b, shiftLeft(high, 32 - shift),
                                     arith::ShRUIOp::create(b, low, constant(shift)));
  return add(whole, round);
}

Value Emit::doublingHighMul(Value x, Value y) { return scaled(x, y, 31); }

Value Emit::divideByPower(Value x, int exponent) {
  if (exponent == 0)
    return x;
  if (exponent > 31)
    return constant(0);
  // x / 2^e rounded down, plus one when what is left is more than half, or half
  // and x is positive. No sum here overflows.
  auto mask = static_cast<int64_t>((uint64_t(1) << exponent) - 1);
  Value rest = arith::AndIOp::create(b, x, constant(mask));
  Value half = sub(constant(mask >> 1), shiftRight(x, 31));
  Value more = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, rest, half);
  return add(shiftRight(x, exponent), arith::ExtUIOp::create(b, b.getI32Type(), more));
}

Value Emit::multiply(Value x, Multiplier m, Rounding mode) {
  if (m.significand == 0)
    return constant(0);
  if (mode == Rounding::Single && m.shift <= 30)
    return scaled(x, constant(m.significand), 31 - m.shift);
  x = shiftLeft(x, std::max(m.shift, 0));
  return divideByPower(doublingHighMul(x, constant(m.significand)), std::max(-m.shift, 0));
}

Value Emit::reciprocalOfOnePlus(Value x) {
  // (x + 1) / 2, rounded, where 1 is 2^31 - 1.
  Value half = add(shiftRight(x, 1), int64_t(1) << 30);
  Value y = add(doublingHighMul(half, constant(-1010580540)), 1515870810);
  for (int i = 0; i < 3; ++i) {
    Value rest = sub(constant(int64_t(1) << 29), doublingHighMul(half, y));
    // Newton's steps are small: the shift does not saturate.
    y = add(y, shiftLeft(doublingHighMul(y, rest), 2));
  }
  // y is 1 to 2: as a value below 1 it saturates at 1.
  Value most = constant((int64_t(1) << 30) - 1), doubled = shiftLeft(y, 1);
  Value big = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, y, most);
  return arith::SelectOp::create(b, big, constant(INT32_MAX), doubled);
}

Value Emit::softmaxReciprocal(Value sum) {
  Value zeros = math::CountLeadingZerosOp::create(b, sum);
  Value shifted = arith::ShLIOp::create(b, sum, zeros);
  return reciprocalOfOnePlus(
      arith::AndIOp::create(b, shifted, constant(INT32_MAX)).getResult());
}

Value Emit::softmaxElement(Value exponential, Value sum, Value reciprocal) {
  // Divided by a power of two that the sum decides; all are positive.
  Value zeros = math::CountLeadingZerosOp::create(b, sum);
  Value shift = sub(constant(12 + 31 - 8), zeros);
  Value y = doublingHighMul(reciprocal, exponential);
  // y is less than 2^31: by more than that it is less than a half.
  Value tiny = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, shift, constant(31));
  shift = arith::MinSIOp::create(b, shift, constant(31));
  Value half = arith::ShLIOp::create(b, constant(1), add(shift, -1));
  y = arith::ShRUIOp::create(b, add(y, half), shift);
  return arith::SelectOp::create(b, tiny, constant(0), y);
}

Value Emit::apply(const Pair &p, Value x, Value y) {
  auto product = [&](Value v, int32_t by) -> Value {
    return arith::MulSIExtendedOp::create(b, shiftLeft(v, Pair::kLeft), constant(by)).getHigh();
  };
  return shiftRight(add(product(y, p.second), add(product(x, p.first), p.offset)), p.shift);
}

Value Emit::apply(const Sum &s, Value x, Value y, Rounding mode) {
  Value a = multiply(shiftLeft(x, Sum::kLeft), s.first, mode);
  Value c = multiply(shiftLeft(y, Sum::kLeft), s.second, mode);
  return multiply(s.subtract ? sub(a, c) : add(a, c), s.result, mode);
}

Value Emit::apply(const SmallSum &s, Value x, Value y) {
  auto product = [&](Value v, int32_t by) -> Value {
    return arith::MulIOp::create(b, v, constant(by));
  };
  Value sum = add(product(y, s.second), add(product(x, s.first), int64_t(1) << (s.shift - 1)));
  return shiftRight(sum, s.shift);
}

Value Emit::apply(const Piecewise &p, Value rows, Value x, Type storage) {
  unsigned width = x.getType().getIntOrFloatBitWidth();
  int64_t lowest = p.lowest, highest = lowest + (int64_t(1) << width) - 1;
  x = extended(x, /*isUnsigned=*/lowest == 0);
  if (p.least > lowest)
    x = arith::MaxSIOp::create(b, x, constant(p.least));
  if (p.most < highest)
    x = arith::MinSIOp::create(b, x, constant(p.most));
  auto element = [&](Value row, int64_t column) -> Value {
    Value at = arith::ConstantIndexOp::create(b, column);
    return tensor::ExtractOp::create(b, rows, ValueRange{row, at});
  };
  Value row, r;
  if (p.middles.empty()) {
    Value u = add(x, -p.first);
    row = arith::IndexCastUIOp::create(b, b.getIndexType(), arith::ShRUIOp::create(b, u, constant(p.bits)));
    r = arith::XOrIOp::create(b, shiftLeft(u, 32 - p.bits), constant(INT32_MIN));
  } else {
    Value s = constant(0);
    for (int32_t start : p.starts) {
      Value from = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, x, constant(start));
      s = add(s, arith::ExtUIOp::create(b, b.getI32Type(), from));
    }
    row = arith::IndexCastUIOp::create(b, b.getIndexType(), s);
    r = shiftLeft(sub(x, element(row, p.degree + 1)), 16);
  }
  Value t = element(row, p.degree);
  for (int j = p.degree - 1; j >= 0; --j)
    t = add(arith::MulSIExtendedOp::create(b, t, r).getHigh(), element(row, j));
  Value q = shiftRight(t, p.shift);
  if (p.tie >= 0) {
    Value rest = arith::AndIOp::create(b, t, constant((int64_t(1) << p.shift) - 1));
    Value isTie = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, rest, constant(p.tie));
    q = sub(q, arith::AndIOp::create(b, q, arith::ExtUIOp::create(b, b.getI32Type(), isTie)));
  }
  return narrowed(q, p.lo, p.hi, storage);
}

Value Emit::scaledByFloat(Value x, Value scale, int64_t zero) {
  Value v = arith::MulFOp::create(b, arith::SIToFPOp::create(b, b.getF32Type(), x), scale);
  // With 1.5 * 2^23 added the last bit of an f32 is worth 1: the addition rounds. What
  // is too large for that stays beyond any bounds as an integer, too.
  constexpr float kMagic = 0x1.8p23f;
  v = arith::AddFOp::create(b, v, arith::ConstantOp::create(b, b.getF32FloatAttr(kMagic)));
  return add(arith::BitcastOp::create(b, b.getI32Type(), v),
             zero - llvm::bit_cast<int32_t>(kMagic));
}

Value Emit::requantize(const Problem &p, Rounding mode, Value x, Type storage) {
  if (auto fixed = findFixedPoint(p, mode)) {
    Value v = add(shiftLeft(x, fixed->left), fixed->bias[0]);
    v = arith::MulSIExtendedOp::create(b, v, constant(fixed->multiplier[0])).getHigh();
    v = shiftRight(add(v, fixed->offset[0]), fixed->shift[0]);
    return narrowed(v, p.lo, p.hi, storage);
  }
  x = add(x, std::llround(p.offset / p.scale));
  if (mode == Rounding::Float) {
    Value scale = arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(p.scale)));
    return narrowed(scaledByFloat(x, scale, p.zero), p.lo, p.hi, storage);
  }
  Value v = multiply(x, quantizeMultiplier(p.scale), mode);
  return narrowed(add(v, p.zero), p.lo, p.hi, storage);
}

Value Emit::roundedEven(Value v, int shift, int64_t tie, int64_t zero, int64_t lo, int64_t hi, Type storage) {
  auto number = [&](int64_t n) -> Value { return arith::ConstantOp::create(b, b.getI64IntegerAttr(n)); };
  Value q = arith::ShRSIOp::create(b, v, number(shift));
  if (tie >= 0) {
    Value rest = arith::AndIOp::create(b, v, number((int64_t(1) << shift) - 1));
    Value isTie = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, rest, number(tie));
    Value odd = arith::AndIOp::create(b, q, arith::ExtUIOp::create(b, b.getI64Type(), isTie));
    q = sub(q, odd);
  }
  // More than 32 bits only with few behind the point.
  if (shift < 31) {
    q = arith::MaxSIOp::create(b, q, number(lo - zero));
    q = arith::MinSIOp::create(b, q, number(hi - zero));
  }
  q = arith::TruncIOp::create(b, b.getI32Type(), q);
  return narrowed(add(q, zero), lo, hi, storage);
}

Value Emit::nearest(const Problem &p, Value x, Type storage) {
  bool narrow = p.hi - p.lo <= 255 && x.getType().isInteger(32);
  if (auto even = narrow ? findEvenShift(p) : std::nullopt) {
    Value v = add(arith::MulIOp::create(b, x, constant(even->multiplier[0])), even->offset[0]);
    Value odd = arith::AndIOp::create(b, shiftRight(v, even->shift[0]), constant(1));
    v = add(add(v, (int64_t(1) << (even->shift[0] - 1)) - 1), odd);
    return narrowed(add(shiftRight(v, even->shift[0]), p.zero), p.lo, p.hi, storage);
  }
  for (bool loose : {false, true}) {
    if (auto fixed = narrow ? findFixedPoint(p, Rounding::Onnx, loose) : std::nullopt) {
      Value v = add(shiftLeft(x, fixed->left), fixed->bias[0]);
      v = arith::MulSIExtendedOp::create(b, v, constant(fixed->multiplier[0])).getHigh();
      return narrowed(shiftRight(add(v, fixed->offset[0]), fixed->shift[0]), p.lo, p.hi, storage);
    }
    if (auto wide = findWide(p, loose)) {
      auto number = [&](int64_t n) -> Value { return arith::ConstantOp::create(b, b.getI64IntegerAttr(n)); };
      if (!x.getType().isInteger(64))
        x = arith::ExtSIOp::create(b, b.getI64Type(), x);
      Value v = add(arith::MulIOp::create(b, x, number(wide->multiplier[0])), number(wide->offset[0]));
      return roundedEven(v, wide->shift, wide->tie, p.zero, p.lo, p.hi, storage);
    }
  }
  return {};
}
