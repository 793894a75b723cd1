// This file lowers the QLinear operators (ai.onnx and com.microsoft): each is an
// operator on floats between dequantized inputs and a quantized result, which
// the quantize stage turns into integer arithmetic as it does for Q/DQ models.
#include "passes/legalize/OpTable.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Opset of ai.onnx that the operators of com.microsoft build on.
constexpr int64_t kBaseOpset = 13;
} // namespace

/// Dequantized form of the tensor at input `i`, whose scale and zero point follow
/// at `i` + 1 and `i` + 2.
static FailureOr<Value> input(Node &n, ArrayRef<Value> in, unsigned i, int64_t axis) {
  auto at = [&](unsigned k) { return k < in.size() ? in[k] : Value(); };
  if (!at(i) || !at(i + 1))
    return n.error("input " + Twine(i) + " or its scale is missing");
  return dequantize(n, at(i), at(i + 1), at(i + 2), axis);
}

/// Quantizes `y` by scale and zero point at inputs `i` and `i` + 1, and sets
/// the node's result.
static LogicalResult finish(Node &n, FailureOr<Value> y, ArrayRef<Value> in, unsigned i) {
  if (failed(y))
    return failure();
  if (i >= in.size() || !in[i])
    return n.error("input " + Twine(i) + " (the result's scale) is missing");
  auto q = quantize(n, *y, in[i], i + 1 < in.size() ? in[i + 1] : Value(), 0);
  if (failed(q))
    return failure();
  n.set(0, *q);
  return success();
}

static SmallVector<Value> inputsOf(Node &n) {
  SmallVector<Value> in;
  for (unsigned i = 0; i < n.numInputs(); ++i)
    in.push_back(n.in(i));
  return in;
}

/// int32 bias as floats: bias * x_scale * w_scale.
static FailureOr<Value> biasValue(Node &n, Value bias, Value xScale, Value wScale) {
  if (!getElementTypeOrSelf(bias.getType()).isInteger(32))
    return n.error("bias must be int32");
  Type f32 = n.b.getF32Type();
  return n.elementwise({bias, xScale, wScale}, f32,
                       [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         Value s = arith::MulFOp::create(b, v[1], v[2]);
                         return arith::MulFOp::create(b, arith::SIToFPOp::create(b, f32, v[0]), s);
                       });
}

/// x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, B (QLinearConv-10).
static LogicalResult lowerQLinearConv(Node &n) {
  SmallVector<Value> in = inputsOf(n);
  if (failed(n.requireTensors(8)))
    return failure();
  auto x = input(n, in, 0, 1), w = input(n, in, 3, 0);
  if (failed(x) || failed(w))
    return failure();
  Value bias;
  if (in.size() > 8 && in[8]) {
    auto b = biasValue(n, in[8], in[1], in[4]);
    if (failed(b))
      return failure();
    bias = *b;
  }
  return finish(n, n.lowerAs("Conv", n.opset() < 10 ? 10 : kBaseOpset, {*x, *w, bias}), in, 6);
}

/// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero (QLinearMatMul-21).
static LogicalResult lowerQLinearMatMul(Node &n) {
  SmallVector<Value> in = inputsOf(n);
  if (failed(n.requireTensors(8)))
    return failure();
  // Scales of a go with its rows, those of b with its columns.
  auto a = input(n, in, 0, std::max<int64_t>(n.rank(0) - 2, 0));
  if (failed(a))
    return failure();
  n.setInputs(in);
  auto b = input(n, in, 3, n.rank(3) - 1);
  if (failed(b))
    return failure();
  return finish(n, n.lowerAs("MatMul", kBaseOpset, {*a, *b}), in, 6);
}

/// A, a_scale, a_zero, B, b_scale, b_zero, C, y_scale, y_zero: com.microsoft.QGemm.
static LogicalResult lowerQGemm(Node &n) {
  SmallVector<Value> in = inputsOf(n);
  if (failed(n.requireTensors(6)))
    return failure();
  auto transB = n.i64("transB", 0);
  if (failed(transB))
    return failure();
  auto a = input(n, in, 0, 0), b = input(n, in, 3, *transB ? 0 : 1);
  if (failed(a) || failed(b))
    return failure();
  Value c;
  if (in.size() > 6 && in[6]) {
    auto bias = biasValue(n, in[6], in[1], in[4]);
    if (failed(bias))
      return failure();
    c = *bias;
  }
  auto y = n.lowerAs("Gemm", kBaseOpset, {*a, *b, c});
  if (in.size() > 7 && in[7])
    return finish(n, y, in, 7);
  if (failed(y))
    return failure();
  n.set(0, *y); // without a scale the result stays float
  return success();
}

/// Two tensors: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero.
static LogicalResult lowerBinary(Node &n, llvm::StringLiteral base) {
  SmallVector<Value> in = inputsOf(n);
  auto a = input(n, in, 0, 0), b = input(n, in, 3, 0);
  if (failed(a) || failed(b))
    return failure();
  return finish(n, n.lowerAs(base, kBaseOpset, {*a, *b}), in, 6);
}

/// One tensor: x, x_scale, x_zero, y_scale, y_zero.
static LogicalResult lowerSingle(Node &n, llvm::StringLiteral base, int64_t opset = kBaseOpset) {
  SmallVector<Value> in = inputsOf(n);
  auto last = n.i64("channels_last", 0);
  if (failed(last))
    return failure();
  auto x = input(n, in, 0, 0);
  if (failed(x))
    return failure();
  int64_t rank = cast<RankedTensorType>(x->getType()).getRank();
  if (!*last || rank < 3)
    return finish(n, n.lowerAs(base, opset, {*x}), in, 3);
  // Channels last: computed as channels first.
  SmallVector<int64_t> first{0, rank - 1}, back{0};
  for (int64_t d = 1; d < rank - 1; ++d)
    first.push_back(d), back.push_back(d + 1);
  back.push_back(1);
  auto y = n.lowerAs(base, opset, {n.transpose(*x, first)});
  return finish(n, failed(y) ? y : FailureOr<Value>(n.transpose(*y, back)), in, 3);
}

/// y_scale, y_zero, then each tensor with its scale and zero point.
static LogicalResult lowerQLinearConcat(Node &n) {
  SmallVector<Value> in = inputsOf(n), parts;
  for (unsigned i = 2; i < in.size(); i += 3) {
    auto x = input(n, in, i, 0);
    if (failed(x))
      return failure();
    parts.push_back(*x);
  }
  if (parts.empty())
    return n.error("has no tensors");
  return finish(n, n.lowerAs("Concat", kBaseOpset, parts), in, 0);
}

static LogicalResult lowerQLinearAdd(Node &n) { return lowerBinary(n, "Add"); }
static LogicalResult lowerQLinearMul(Node &n) { return lowerBinary(n, "Mul"); }
static LogicalResult lowerQLinearSigmoid(Node &n) { return lowerSingle(n, "Sigmoid"); }
static LogicalResult lowerQLinearLeakyRelu(Node &n) { return lowerSingle(n, "LeakyRelu"); }
static LogicalResult lowerQLinearAveragePool(Node &n) { return lowerSingle(n, "AveragePool"); }
static LogicalResult lowerQLinearGlobalAveragePool(Node &n) {
  return lowerSingle(n, "GlobalAveragePool");
}
static LogicalResult lowerQLinearSoftmax(Node &n) {
  auto opset = n.i64("opset", kBaseOpset); // before 13, all dimensions from the axis on
  return failed(opset) ? failure() : lowerSingle(n, "Softmax", *opset);
}
static LogicalResult lowerQLinearReduceMean(Node &n) { return lowerSingle(n, "ReduceMean"); }

void dlc::legalize::addQLinear(std::vector<OpEntry> &table) {
  auto add = [&](llvm::StringLiteral domain, llvm::StringLiteral name, int since, LowerFn fn) {
    table.push_back({domain, name, since, kLatest, "int8, uint8", fn});
  };
  constexpr llvm::StringLiteral ms = "com.microsoft";
  add("", "QLinearConv", 10, lowerQLinearConv);
  add("", "QLinearMatMul", 10, lowerQLinearMatMul);
  add(ms, "QGemm", 1, lowerQGemm);
  add(ms, "QLinearAdd", 1, lowerQLinearAdd);
  add(ms, "QLinearMul", 1, lowerQLinearMul);
  add(ms, "QLinearSigmoid", 1, lowerQLinearSigmoid);
  add(ms, "QLinearLeakyRelu", 1, lowerQLinearLeakyRelu);
  add(ms, "QLinearAveragePool", 1, lowerQLinearAveragePool);
  add(ms, "QLinearGlobalAveragePool", 1, lowerQLinearGlobalAveragePool);
  add(ms, "QLinearConcat", 1, lowerQLinearConcat);
  add(ms, "QLinearSoftmax", 1, lowerQLinearSoftmax);
  add(ms, "QLinearReduceMean", 1, lowerQLinearReduceMean);
}
