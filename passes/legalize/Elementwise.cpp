// This file lowers the elementwise arithmetic, comparison and logic operators.
#include "passes/legalize/OpTable.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Scalar forms of a binary operator by kind of element type.
struct Binary {
  std::function<Value(ImplicitLocOpBuilder &, Value, Value)> floats;
  std::function<Value(ImplicitLocOpBuilder &, Value, Value, bool isUnsigned)> ints;
};
} // namespace

template <typename Op>
static Value make(ImplicitLocOpBuilder &b, Value x, Value y) {
  return Op::create(b, x, y);
}
template <typename Signed, typename Unsigned = Signed>
static Value makeInt(ImplicitLocOpBuilder &b, Value x, Value y, bool isUnsigned) {
  return isUnsigned ? Unsigned::create(b, x, y).getResult()
                    : Signed::create(b, x, y).getResult();
}

/// Two inputs of one element type; before opset 7, `broadcast` and `axis`
/// align the second with the middle of the first.
static LogicalResult alignLegacyBroadcast(Node &n, Value &y) {
  if (n.opset() >= 7 || !n.hasAttr("axis"))
    return success();
  auto axis = n.i64("axis");
  if (failed(axis))
    return failure();
  auto at = n.axis(*axis, n.rank(0));
  if (failed(at))
    return failure();
  int64_t trailing = n.rank(0) - *at - n.rank(1);
  if (trailing < 0)
    return n.error("axis " + Twine(*axis) + " leaves no room for input 1");
  SmallVector<int64_t> ones;
  for (int64_t i = 0; i < trailing; ++i)
    ones.push_back(n.rank(1) + i);
  if (!ones.empty())
    y = n.expandDims(y, ones);
  return success();
}

static LogicalResult lowerBinary(Node &n, Binary how) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type element = n.elementType(0);
  if (element != n.elementType(1))
    return n.error("inputs have different element types");
  Value y = n.in(1);
  if (failed(alignLegacyBroadcast(n, y)))
    return failure();
  bool floats = isa<FloatType>(element);
  if (floats ? !how.floats : (!how.ints || !isa<IntegerType>(element)))
    return n.error("element type is not supported by this operator");
  auto result = n.elementwise({n.in(0), y}, element,
                              [&](ImplicitLocOpBuilder &b, ValueRange v) {
                                return floats ? how.floats(b, v[0], v[1])
                                              : how.ints(b, v[0], v[1],
                                                         isUnsigned(element));
                              });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Integer division towards zero. Division by zero gives 0 and MIN / -1 gives
/// MIN: defined, the same on every target, and no trap.
static Value safeDiv(ImplicitLocOpBuilder &b, Value x, Value y, bool isUnsigned) {
  Type type = x.getType();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value one = arith::ConstantOp::create(b, b.getOneAttr(type));
  Value isZero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y, zero);
  if (isUnsigned) {
    Value q = arith::DivUIOp::create(b, x, arith::SelectOp::create(b, isZero, one, y));
    return arith::SelectOp::create(b, isZero, zero, q);
  }
  Value minusOne = arith::SubIOp::create(b, zero, one);
  Value isMinusOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y, minusOne);
  Value bad = arith::OrIOp::create(b, isZero, isMinusOne);
  Value q = arith::DivSIOp::create(b, x, arith::SelectOp::create(b, bad, one, y));
  q = arith::SelectOp::create(b, isMinusOne, arith::SubIOp::create(b, zero, x), q);
  return arith::SelectOp::create(b, isZero, zero, q);
}

static LogicalResult lowerAdd(Node &n) {
  return lowerBinary(n, {make<arith::AddFOp>, makeInt<arith::AddIOp>});
}
static LogicalResult lowerSub(Node &n) {
  return lowerBinary(n, {make<arith::SubFOp>, makeInt<arith::SubIOp>});
}
static LogicalResult lowerMul(Node &n) {
  return lowerBinary(n, {make<arith::MulFOp>, makeInt<arith::MulIOp>});
}
static LogicalResult lowerDiv(Node &n) {
  return lowerBinary(n, {make<arith::DivFOp>, safeDiv});
}


//===--- Pow and Mod ------------------------------------------------------===//

/// Integer base to a non-negative integer power by repeated squaring; a
/// negative exponent gives 0 except for bases 1 and -1.
static Value intPow(ImplicitLocOpBuilder &b, Value base, Value exponent) {
  return math::IPowIOp::create(b, base, exponent);
}

/// Pow: the exponent may have another type than the base since opset 12.
static LogicalResult lowerPow(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type base = n.elementType(0), exponent = n.elementType(1);
  if (base.isInteger(1) || exponent.isInteger(1))
    return n.error("bool is not supported by Pow");
  Value y = n.in(1);
  if (failed(alignLegacyBroadcast(n, y)))
    return failure();
  auto result = n.elementwise({n.in(0), y}, base, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    if (isa<IntegerType>(base) && isa<IntegerType>(exponent)) {
      Type common = signless(base).getIntOrFloatBitWidth() >=
                            signless(exponent).getIntOrFloatBitWidth()
                        ? base
                        : exponent;
      Value x = Node::castScalar(b, v[0], base, common);
      Value e = Node::castScalar(b, v[1], exponent, common);
      return Node::castScalar(b, intPow(b, x, e), common, base);
    }
    // In the wider of both floating-point types; integers in double.
    Type wide = b.getF32Type();
    for (Type t : {base, exponent})
      if (t.isF64() || (isa<IntegerType>(t) && t.getIntOrFloatBitWidth() > 16))
        wide = b.getF64Type();
    if (isa<FloatType>(base) && !base.isF64())
      wide = b.getF32Type();
    Value x = Node::castScalar(b, v[0], base, wide);
    Value e = Node::castScalar(b, v[1], exponent, wide);
    Value r = math::PowFOp::create(b, x, e);
    return Node::castScalar(b, r, wide, base);
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Mod: sign of the divisor, or of the dividend with fmod=1. By zero: 0.
static LogicalResult lowerMod(Node &n) {
  auto fmod = n.i64("fmod", 0);
  if (failed(fmod) || failed(n.requireTensors(2)))
    return failure();
  if (isa<FloatType>(n.elementType(0)) && *fmod == 0)
    return n.error("floating-point inputs need attribute fmod=1");
  bool truncated = *fmod != 0;
  return lowerBinary(
      n, {make<arith::RemFOp>,
          [=](ImplicitLocOpBuilder &b, Value x, Value y, bool isUnsigned) -> Value {
            Type type = x.getType();
            Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
            // x - trunc(x / y) * y; safeDiv makes y = 0 give x, so mask it.
            Value q = safeDiv(b, x, y, isUnsigned);
            Value r = arith::SubIOp::create(b, x, arith::MulIOp::create(b, q, y));
            Value isZero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y, zero);
            r = arith::SelectOp::create(b, isZero, zero, r);
            if (isUnsigned || truncated)
              return r;
            // Wrong sign: add the divisor.
            Value sign = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                               arith::XOrIOp::create(b, r, y), zero);
            Value nonZero = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, r, zero);
            Value fix = arith::AndIOp::create(b, sign, nonZero);
            return arith::SelectOp::create(b, fix, arith::AddIOp::create(b, r, y), r);
          }});
}

//===--- comparisons, logic, bits -----------------------------------------===//

static LogicalResult compare(Node &n, arith::CmpFPredicate f, arith::CmpIPredicate s,
                             arith::CmpIPredicate u) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type element = n.elementType(0);
  if (element != n.elementType(1) || !element.isIntOrFloat())
    return n.error("inputs must be numbers of one element type");
  Value y = n.in(1);
  if (failed(alignLegacyBroadcast(n, y)))
    return failure();
  auto result = n.elementwise({n.in(0), y}, n.b.getI1Type(), [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    if (isa<FloatType>(element))
      return arith::CmpFOp::create(b, f, v[0], v[1]);
    bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
    return arith::CmpIOp::create(b, isUnsigned ? u : s, v[0], v[1]);
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}
using FP = arith::CmpFPredicate;
using IP = arith::CmpIPredicate;
static LogicalResult lowerEqual(Node &n) { return compare(n, FP::OEQ, IP::eq, IP::eq); }
static LogicalResult lowerLess(Node &n) { return compare(n, FP::OLT, IP::slt, IP::ult); }
static LogicalResult lowerGreater(Node &n) { return compare(n, FP::OGT, IP::sgt, IP::ugt); }
static LogicalResult lowerLessOrEqual(Node &n) { return compare(n, FP::OLE, IP::sle, IP::ule); }
static LogicalResult lowerGreaterOrEqual(Node &n) { return compare(n, FP::OGE, IP::sge, IP::uge); }

/// Bitwise operation; `logical` operators take bool only.
template <typename Op, bool logical> static LogicalResult lowerBits(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (n.elementType(0).isInteger(1) != logical)
    return n.error(logical ? "inputs are not bool tensors"
                           : "inputs are not integer tensors");
  return lowerBinary(n, {nullptr, makeInt<Op>});
}

static LogicalResult lowerBitShift(Node &n) {
  auto direction = n.str("direction");
  if (failed(direction) || failed(n.requireTensors(2)))
    return failure();
  if (!isUnsigned(n.elementType(0)))
    return n.error("inputs are not unsigned integers");
  if (*direction != "LEFT" && *direction != "RIGHT")
    return n.error("attribute 'direction' is '" + *direction +
                   "', expected LEFT or RIGHT");
  // A shift by the width or more gives 0.
  bool left = *direction == "LEFT";
  return lowerBinary(
      n, {nullptr, [=](ImplicitLocOpBuilder &b, Value x, Value y, bool) -> Value {
            Type type = x.getType();
            Value width = arith::ConstantOp::create(
                b, b.getIntegerAttr(type, type.getIntOrFloatBitWidth()));
            Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
            Value in = arith::CmpIOp::create(b, IP::ult, y, width);
            Value by = arith::SelectOp::create(b, in, y, zero);
            Value r = left ? arith::ShLIOp::create(b, x, by).getResult()
                           : arith::ShRUIOp::create(b, x, by).getResult();
            return arith::SelectOp::create(b, in, r, zero);
          }});
}

//===--- variadic ---------------------------------------------------------===//

/// Folds `how` over all inputs; `scale` divides by their number (Mean).
static LogicalResult variadic(Node &n, Binary how, bool mean = false) {
  if (n.numInputs() == 0 || failed(n.requireTensors(n.numInputs())))
    return n.numInputs() ? failure() : n.error("has no inputs");
  Type element = n.elementType(0);
  SmallVector<Value> values;
  for (unsigned i = 0; i < n.numInputs(); ++i) {
    if (n.elementType(i) != element || element.isInteger(1))
      return n.error("inputs must be numbers of one element type");
    values.push_back(n.in(i));
  }
  bool floats = isa<FloatType>(element);
  if (!floats && !how.ints)
    return n.error("inputs must be floating-point tensors");
  auto result = n.elementwise(values, element, [&](ImplicitLocOpBuilder &b, ValueRange v) {
    Value acc = v[0];
    for (Value x : v.drop_front())
      acc = floats ? how.floats(b, acc, x) : how.ints(b, acc, x, isUnsigned(element));
    if (mean) {
      Value count = arith::ConstantOp::create(
          b, b.getFloatAttr(element, static_cast<double>(v.size())));
      acc = arith::DivFOp::create(b, acc, count);
    }
    return acc;
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}
static LogicalResult lowerMax(Node &n) {
  return variadic(n, {make<arith::MaximumFOp>, makeInt<arith::MaxSIOp, arith::MaxUIOp>});
}
static LogicalResult lowerMin(Node &n) {
  return variadic(n, {make<arith::MinimumFOp>, makeInt<arith::MinSIOp, arith::MinUIOp>});
}
static LogicalResult lowerSum(Node &n) {
  return variadic(n, {make<arith::AddFOp>, nullptr});
}
static LogicalResult lowerMean(Node &n) {
  return variadic(n, {make<arith::AddFOp>, nullptr}, /*mean=*/true);
}

void dlc::legalize::addElementwise(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral numbers = "numbers", integers = "integers";
  auto add = [&](llvm::StringLiteral name, int since, llvm::StringLiteral dtypes,
                 LowerFn fn) { table.push_back({"", name, since, kLatest, dtypes, fn}); };
  add("Add", 1, numbers, lowerAdd);
  add("Sub", 1, numbers, lowerSub);
  add("Mul", 1, numbers, lowerMul);
  add("Div", 1, numbers, lowerDiv);
  add("Pow", 1, numbers, lowerPow);
  add("Mod", 10, numbers, lowerMod);
  add("Equal", 1, "numbers, bool", lowerEqual);
  add("Less", 1, numbers, lowerLess);
  add("Greater", 1, numbers, lowerGreater);
  add("LessOrEqual", 12, numbers, lowerLessOrEqual);
  add("GreaterOrEqual", 12, numbers, lowerGreaterOrEqual);
  add("And", 1, "bool", lowerBits<arith::AndIOp, true>);
  add("Or", 1, "bool", lowerBits<arith::OrIOp, true>);
  add("Xor", 1, "bool", lowerBits<arith::XOrIOp, true>);
  add("BitwiseAnd", 18, integers, lowerBits<arith::AndIOp, false>);
  add("BitwiseOr", 18, integers, lowerBits<arith::OrIOp, false>);
  add("BitwiseXor", 18, integers, lowerBits<arith::XOrIOp, false>);
  add("BitShift", 11, integers, lowerBitShift);
  add("Max", 1, numbers, lowerMax);
  add("Min", 1, numbers, lowerMin);
  add("Sum", 1, "floats", lowerSum);
  add("Mean", 1, "floats", lowerMean);
}
