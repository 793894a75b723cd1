// This file lowers MatMul, Gemm and MatMulInteger to nn.matmul.
#include "passes/legalize/Narrow.h"
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// numpy.matmul: vectors become matrices, batches are broadcast.
static FailureOr<Value> numpyMatmul(Node &n, Value a, Value m, Type element) {
  auto typeOf = [](Value v) { return cast<RankedTensorType>(v.getType()); };
  int64_t rankA = typeOf(a).getRank(), rankB = typeOf(m).getRank();
  if (rankA == 0 || rankB == 0)
    return n.error("scalars cannot be multiplied as matrices");
  if (rankA == 1)
    a = n.expandDims(a, 0);
  if (rankB == 1)
    m = n.expandDims(m, 1);
  SmallVector<OpFoldResult> sa = n.sizes(a), sb = n.sizes(m);
  auto ka = getConstantIntValue(sa.back()),
       kb = getConstantIntValue(sb[sb.size() - 2]);
  if (ka && kb && *ka != *kb)
    return n.error("inner dimensions differ: " + Twine(*ka) + " and " +
                   Twine(*kb));
  ArrayRef<OpFoldResult> batchA = ArrayRef(sa).drop_back(2);
  ArrayRef<OpFoldResult> batchB = ArrayRef(sb).drop_back(2);
  // A matrix shared by all batches stays one.
  bool shared = llvm::all_of(
      batchB, [](OpFoldResult s) { return getConstantIntValue(s) == 1; });
  SmallVector<OpFoldResult> batch;
  size_t rank = std::max(batchA.size(), batchB.size());
  for (size_t d = 0; d < rank; ++d) {
    OpFoldResult one = n.b.getIndexAttr(1);
    OpFoldResult x =
        d + batchA.size() < rank ? one : batchA[d + batchA.size() - rank];
    OpFoldResult y =
        d + batchB.size() < rank ? one : batchB[d + batchB.size() - rank];
    auto s = n.broadcastSize(x, y, "batch dimension " + Twine(d));
    if (failed(s))
      return failure();
    batch.push_back(*s);
  }
  auto broadcast = [&](Value v, ArrayRef<OpFoldResult> matrix) {
    SmallVector<OpFoldResult> to = batch;
    to.append(matrix.begin(), matrix.end());
    return n.broadcastTo(v, to);
  };
  auto wideA = broadcast(a, ArrayRef(sa).take_back(2));
  if (failed(wideA))
    return failure();
  Value wideB = m;
  if (shared) {
    wideB = n.reshape(m, ArrayRef(sb).take_back(2));
  } else {
    auto w = broadcast(m, ArrayRef(sb).take_back(2));
    if (failed(w))
      return failure();
    wideB = *w;
  }
  SmallVector<OpFoldResult> out = batch;
  out.push_back(sa[sa.size() - 2]);
  out.push_back(sb.back());
  if (failed(n.checkSizes(out)))
    return failure();
  Value result = n.matmul(*wideA, wideB, element);
  SmallVector<int64_t> drop;
  int64_t last = out.size();
  if (rankA == 1)
    drop.push_back(last - 2);
  if (rankB == 1)
    drop.push_back(last - 1);
  return drop.empty() ? result : n.dropDims(result, drop);
}

static LogicalResult lowerMatMul(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type element = n.elementType(0);
  if (n.elementType(1) != element || !element.isIntOrFloat() ||
      element.isInteger(1))
    return n.error("inputs must have one numeric element type");
  auto result = numpyMatmul(n, n.in(0), n.in(1), element);
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Input `i` minus its zero point (input `zero`) in i32. A vector of zero
/// points has one for each row of A or column of B.
static FailureOr<Value> withoutZeroPoint(Node &n, unsigned i, unsigned zero,
                                         bool rows) {
  Type i32 = n.b.getI32Type(), from = n.elementType(i);
  if (!n.has(zero))
    return n.cast(n.in(i), i32);
  if (!isa<RankedTensorType>(n.in(zero).getType()) ||
      n.elementType(zero) != from)
    return n.error("zero point must have the tensor's element type");
  Value z = n.in(zero);
  if (n.rank(zero) == 1 && n.shape(zero)[0] != 1 && rows)
    z = n.expandDims(z, 1);
  auto sizes = n.broadcastSizes({n.in(i), z});
  if (failed(sizes))
    return failure();
  if (static_cast<int64_t>(sizes->size()) != n.rank(i))
    return n.error("zero point has a larger rank than the tensor");
  return n.elementwise({n.in(i), z}, i32,
                       [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         Value wide = Node::castScalar(b, v[0], from, i32);
                         return arith::SubIOp::create(
                             b, wide, Node::castScalar(b, v[1], from, i32));
                       });
}

static LogicalResult matmulNarrow(Node &n, const NarrowProduct &p) {
  SmallVector<OpFoldResult> out = n.sizes(p.values);
  auto depth = getConstantIntValue(out.back());
  if (depth && *depth != n.shape(1)[0])
    return n.error("inner dimensions differ: " + Twine(*depth) + " and " +
                   Twine(n.shape(1)[0]));
  out.back() = n.b.getIndexAttr(n.shape(1)[1]);
  if (failed(n.checkSizes(out)))
    return failure();
  Type i32 = n.b.getI32Type();
  Value init = n.empty(out, i32);
  SmallVector<Value> operands;
  SmallVector<Type> types;
  if (p.correction) {
    operands.push_back(p.correction);
    types.push_back(i32);
  }
  auto op = dlc::nn::MatmulOp::create(n.b, init.getType(), p.values, p.weights, operands, init);
  n.epilogue(op.getEpilogue(), i32, types,
             [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
               return p.correction ? arith::AddIOp::create(b, v[0], v[1]).getResult() : v[0];
             });
  n.set(0, op.getResult());
  return success();
}

static LogicalResult lowerMatMulInteger(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  for (unsigned i = 0; i < 2; ++i)
    if (!isa<IntegerType>(n.elementType(i)) ||
        n.elementType(i).getIntOrFloatBitWidth() != 8)
      return n.error("input " + Twine(i) + " is not int8 or uint8");
  // One matrix of constant weights: the product of small integers.
  if (n.rank(0) >= 2 && n.rank(1) == 2) {
    auto narrow = narrowProduct(n, 2, 1);
    if (failed(narrow))
      return failure();
    if (*narrow)
      return matmulNarrow(n, **narrow);
  }
  auto a = withoutZeroPoint(n, 0, 2, true),
       m = withoutZeroPoint(n, 1, 3, false);
  if (failed(a) || failed(m))
    return failure();
  auto result = numpyMatmul(n, *a, *m, n.b.getI32Type());
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Y = alpha * A' * B' + beta * C, all but the products in the epilogue.
static LogicalResult lowerGemm(Node &n) {
  if (failed(n.requireTensors(n.opset() < 11 ? 3 : 2)))
    return failure();
  auto alpha = n.f32("alpha", 1.0), beta = n.f32("beta", 1.0);
  auto transA = n.i64("transA", 0), transB = n.i64("transB", 0);
  if (failed(alpha) || failed(beta) || failed(transA) || failed(transB))
    return failure();
  Type element = n.elementType(0);
  bool floats = isa<FloatType>(element);
  if (n.elementType(1) != element || !element.isIntOrFloat() ||
      element.isInteger(1))
    return n.error("inputs must have one numeric element type");
  if (n.rank(0) != 2 || n.rank(1) != 2)
    return n.error("inputs have ranks " + Twine(n.rank(0)) + " and " +
                   Twine(n.rank(1)) + ", expected matrices");
  if (!floats && (*alpha != std::trunc(*alpha) || *beta != std::trunc(*beta)))
    return n.error("alpha and beta must be whole numbers for integer matrices");
  Value a = *transA ? n.transpose(n.in(0), {1, 0}) : n.in(0);
  Value m = *transB ? n.transpose(n.in(1), {1, 0}) : n.in(1);
  SmallVector<OpFoldResult> sa = n.sizes(a), sb = n.sizes(m),
                            out = {sa[0], sb[1]};
  auto ka = getConstantIntValue(sa[1]), kb = getConstantIntValue(sb[0]);
  if (ka && kb && *ka != *kb)
    return n.error("inner dimensions differ: " + Twine(*ka) + " and " +
                   Twine(*kb));
  if (failed(n.checkSizes(out)))
    return failure();
  Value c;
  if (n.has(2) && *beta != 0) {
    if (!isa<RankedTensorType>(n.in(2).getType()) ||
        n.elementType(2) != element)
      return n.error("C must have the element type of A");
    c = n.in(2);
    if (n.rank(2) > 2)
      return n.error("C has rank " + Twine(n.rank(2)) + ", expected at most 2");
    // Per column: one element for each; else as large as the result.
    bool oneRow = n.rank(2) < 2 || n.shape(2)[0] == 1;
    SmallVector<OpFoldResult> to = out;
    if (oneRow) {
      to.erase(to.begin());
      if (n.rank(2) == 2)
        c = n.dropDims(c, 0);
    }
    auto wide = n.broadcastTo(c, to);
    if (failed(wide))
      return failure();
    c = *wide;
  }
  Value init = n.empty(out, element);
  SmallVector<Value> operands;
  SmallVector<Type> types;
  if (c) {
    operands.push_back(c);
    types.push_back(element);
  }
  auto op =
      dlc::nn::MatmulOp::create(n.b, init.getType(), a, m, operands, init);
  n.epilogue(
      op.getEpilogue(), element, types,
      [&](ImplicitLocOpBuilder &b, ValueRange v) {
        auto scale = [&](Value x, double by) -> Value {
          if (by == 1)
            return x;
          if (floats)
            return arith::MulFOp::create(
                b, x,
                arith::ConstantOp::create(b, b.getFloatAttr(x.getType(), by)));
          return arith::MulIOp::create(
              b, x,
              arith::ConstantOp::create(
                  b, b.getIntegerAttr(x.getType(), static_cast<int64_t>(by))));
        };
        Value result = scale(v[0], *alpha);
        if (!c)
          return result;
        Value bias = scale(v[1], *beta);
        return floats ? arith::AddFOp::create(b, result, bias).getResult()
                      : arith::AddIOp::create(b, result, bias).getResult();
      });
  n.set(0, op.getResult());
  return success();
}

void dlc::legalize::addMatmul(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral numbers = "numbers";
  table.push_back({"", "MatMul", 1, kLatest, numbers, lowerMatMul});
  table.push_back({"", "Gemm", 1, kLatest, numbers, lowerGemm});
  table.push_back(
      {"", "MatMulInteger", 10, kLatest, "int8, uint8", lowerMatMulInteger});
}
