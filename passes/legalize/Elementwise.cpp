// This file lowers the elementwise arithmetic, comparison and logic operators.
#include "passes/legalize/OpTable.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Scalar forms of a binary operator by kind of element type.
struct Binary {
  Value (*floats)(ImplicitLocOpBuilder &, Value, Value);
  Value (*ints)(ImplicitLocOpBuilder &, Value, Value, bool isUnsigned);
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

void dlc::legalize::addElementwise(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral numbers = "numbers";
  table.push_back({"", "Add", 1, kLatest, numbers, lowerAdd});
  table.push_back({"", "Sub", 1, kLatest, numbers, lowerSub});
  table.push_back({"", "Mul", 1, kLatest, numbers, lowerMul});
  table.push_back({"", "Div", 1, kLatest, numbers, lowerDiv});
}
