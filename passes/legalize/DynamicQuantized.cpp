// This file lowers the operators that ONNX Runtime's quantizer leaves in models whose
// activations or results are floats (com.microsoft): products with dynamically
// quantized activations, weights in blocks of a few bits, and QLinearWhere.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
constexpr int64_t kBaseOpset = 13; ///< of ai.onnx, which the operators build on
} // namespace

static SmallVector<Value> inputsOf(Node &n, unsigned count) {
  SmallVector<Value> in;
  for (unsigned i = 0; i < count; ++i)
    in.push_back(n.in(i));
  return in;
}

/// sums * (aScale * bScale) + bias, all broadcast to the last dimension.
static LogicalResult scaleSums(Node &n, FailureOr<Value> sums, Value aScale, Value bScale,
                               Value bias) {
  if (failed(sums))
    return failure();
  Type f32 = n.b.getF32Type();
  for (Value scale : {aScale, bScale})
    if (!scale || !isa<RankedTensorType>(scale.getType()) || !getElementTypeOrSelf(scale).isF32())
      return n.error("a scale is missing or not a float32 tensor");
  SmallVector<Value> values{*sums, aScale, bScale};
  if (bias)
    values.push_back(bias);
  auto y = n.elementwise(values, f32, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Value factor = arith::MulFOp::create(b, v[1], v[2]);
    Value y = arith::MulFOp::create(b, arith::SIToFPOp::create(b, f32, v[0]), factor);
    return bias ? arith::AddFOp::create(b, y, v[3]).getResult() : y;
  });
  if (failed(y))
    return failure();
  n.set(0, *y);
  return success();
}

/// A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias: com.microsoft.MatMulIntegerToFloat.
static LogicalResult lowerMatMulIntegerToFloat(Node &n) {
  if (failed(n.requireTensors(4)))
    return failure();
  SmallVector<Value> in = inputsOf(n, 7);
  return scaleSums(n, n.lowerAs("MatMulInteger", kBaseOpset, {in[0], in[1], in[4], in[5]}), in[2],
                   in[3], in[6]);
}

/// A (float), B, b_scale, b_zero_point, bias: com.microsoft.DynamicQuantizeMatMul.
static LogicalResult lowerDynamicQuantizeMatMul(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  SmallVector<Value> in = inputsOf(n, 5);
  auto a = dynamicQuantize(n, in[0]);
  if (failed(a))
    return failure();
  return scaleSums(n, n.lowerAs("MatMulInteger", kBaseOpset, {a->values, in[1], a->zeroPoint, in[3]}),
                   a->scale, in[2], in[4]);
}

/// A, B [N, blocks, bytes], scales, zero_points, g_idx, bias: com.microsoft.MatMulNBits.
/// Weight [k, n] is element k % block_size of block k / block_size, lowest bits first.
static LogicalResult lowerMatMulNBits(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  auto depth = n.i64("K"), columns = n.i64("N"), bits = n.i64("bits", 4), size = n.i64("block_size");
  if (failed(depth) || failed(columns) || failed(bits) || failed(size))
    return failure();
  SmallVector<Value> in = inputsOf(n, 6);
  if (*bits != 2 && *bits != 4 && *bits != 8)
    return n.error("bits is " + Twine(*bits) + ", expected 2, 4 or 8");
  if (*size < 1 || *depth < 1 || *columns < 1 || *size * *bits % 8 != 0)
    return n.error("K, N or block_size is not valid: " + Twine(*depth) + ", " + Twine(*columns) +
                   ", " + Twine(*size));
  if (in[4])
    return n.error("g_idx is not supported", "quantize without reordering of columns");
  int64_t blocks = (*depth + *size - 1) / *size, bytes = *size * *bits / 8;
  Type element = n.elementType(0), stored = n.elementType(1);
  if (!stored.isUnsignedInteger(8) || !n.type(1).hasStaticShape() ||
      n.type(1).getNumElements() != *columns * blocks * bytes)
    return n.error("B has the wrong size", "expected uint8 [" + Twine(*columns) + ", " +
                                               Twine(blocks) + ", " + Twine(bytes) + "]");
  if (!isa<FloatType>(element) || n.elementType(2) != element || !n.type(2).hasStaticShape() ||
      n.type(2).getNumElements() != *columns * blocks)
    return n.error("scales must have A's type and " + Twine(*columns * blocks) + " elements");
  auto fixed = [&](ArrayRef<int64_t> shape) {
    return llvm::map_to_vector(shape, [&](int64_t d) -> OpFoldResult { return n.b.getIndexAttr(d); });
  };
  Value packed = n.reshape(in[1], fixed({*columns, blocks * bytes}));
  Value scales = n.reshape(in[2], fixed({*columns, blocks})), zeros = in[3];
  bool packedZeros = zeros && !isa<FloatType>(n.elementType(3));
  if (zeros) {
    int64_t line = packedZeros ? (blocks * *bits + 7) / 8 : blocks;
    if ((packedZeros ? !n.elementType(3).isUnsignedInteger(8) : n.elementType(3) != element) ||
        !n.type(3).hasStaticShape() || n.type(3).getNumElements() != *columns * line)
      return n.error("zero_points must be uint8 or of A's type, " + Twine(*columns) + " x " + Twine(line));
    zeros = n.reshape(zeros, fixed({*columns, line}));
  }
  // Number `i` of the packed ones in row `row`, as i32.
  auto unpacked = [&](ImplicitLocOpBuilder &b, Value tensor, Value row, Value i) -> Value {
    Type i32 = b.getI32Type();
    Value perByte = arith::ConstantIndexOp::create(b, 8 / *bits);
    Value byte = extract(b, tensor, {row, arith::DivUIOp::create(b, i, perByte)});
    Value at = arith::IndexCastOp::create(b, i32, arith::RemUIOp::create(b, i, perByte));
    Value by = arith::MulIOp::create(b, at, arith::ConstantOp::create(b, b.getI32IntegerAttr(*bits)));
    Value v = arith::ShRUIOp::create(b, arith::ExtUIOp::create(b, i32, byte), by);
    return arith::AndIOp::create(b, v, arith::ConstantOp::create(b, b.getI32IntegerAttr((1 << *bits) - 1)));
  };
  Type wide = n.b.getF32Type();
  Value weights = n.generate(
      fixed({*depth, *columns}), element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
        auto toFloat = [&](Value v) -> Value { return arith::SIToFPOp::create(b, wide, v); };
        Value block = arith::DivUIOp::create(b, at[0], arith::ConstantIndexOp::create(b, *size));
        Value zero;
        if (packedZeros)
          zero = toFloat(unpacked(b, zeros, at[1], block));
        else if (zeros)
          zero = Node::castScalar(b, extract(b, zeros, {at[1], block}), element, wide);
        else
          zero = arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(1 << (*bits - 1))));
        Value scale = Node::castScalar(b, extract(b, scales, {at[1], block}), element, wide);
        Value q = toFloat(unpacked(b, packed, at[1], at[0]));
        return Node::castScalar(b, arith::MulFOp::create(b, arith::SubFOp::create(b, q, zero), scale),
                                wide, element);
      });
  auto y = n.lowerAs("MatMul", kBaseOpset, {in[0], weights});
  if (succeeded(y) && in[5])
    y = n.lowerAs("Add", kBaseOpset, {*y, in[5]});
  if (failed(y))
    return failure();
  n.set(0, *y);
  return success();
}

/// condition, X, x_scale, x_zero, Y, y_scale, y_zero, z_scale, z_zero: com.microsoft.QLinearWhere.
static LogicalResult lowerQLinearWhere(Node &n) {
  if (failed(n.requireTensors(9)))
    return failure();
  SmallVector<Value> in = inputsOf(n, 9);
  auto x = dequantize(n, in[1], in[2], in[3], 0);
  auto y = failed(x) ? x : dequantize(n, in[4], in[5], in[6], 0);
  if (failed(y))
    return failure();
  auto chosen = n.lowerAs("Where", kBaseOpset, {in[0], *x, *y});
  auto q = failed(chosen) ? chosen : quantize(n, *chosen, in[7], in[8], 0);
  if (failed(q))
    return failure();
  n.set(0, *q);
  return success();
}

/// [directions, input, gates] of int8 or uint8 as the floats of LSTM's weights
/// [directions, gates, input]. Scales: one a direction, or one for each gate.
static FailureOr<Value> recurrentWeights(Node &n, Value w, Value scale, Value zero) {
  auto type = dyn_cast_or_null<RankedTensorType>(w ? w.getType() : Type());
  auto scaleType = dyn_cast_or_null<RankedTensorType>(scale ? scale.getType() : Type());
  if (!type || type.getRank() != 3 || !scaleType || scaleType.getRank() < 1 || scaleType.getRank() > 2)
    return n.error("weights must have three dimensions, scales one or two");
  Type f32 = n.b.getF32Type(), from = type.getElementType();
  auto along = [&](Value v) { // [D] -> [D, 1, 1], [D, G] -> [D, 1, G]
    bool single = cast<RankedTensorType>(v.getType()).getRank() == 1;
    return n.expandDims(v, single ? SmallVector<int64_t>{1, 2} : SmallVector<int64_t>{1});
  };
  SmallVector<Value> values{w, along(scale)};
  if (zero && isa<RankedTensorType>(zero.getType()) && getElementTypeOrSelf(zero) == from)
    values.push_back(along(zero));
  auto floats = n.elementwise(values, f32, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Type i32 = b.getI32Type();
    Value q = Node::castScalar(b, v[0], from, i32);
    if (v.size() > 2)
      q = arith::SubIOp::create(b, q, Node::castScalar(b, v[2], from, i32));
    return arith::MulFOp::create(b, arith::SIToFPOp::create(b, f32, q), v[1]);
  });
  if (failed(floats))
    return failure();
  return n.transpose(*floats, {0, 2, 1});
}

/// X, W, R, B, sequence_lens, initial_h, initial_c, P, W_scale, W_zero_point, R_scale,
/// R_zero_point: com.microsoft.DynamicQuantizeLSTM. Activations are not rounded to 8
/// bits, which brings the result nearer to the LSTM that was quantized.
static LogicalResult lowerDynamicQuantizeLSTM(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  SmallVector<Value> in = inputsOf(n, 12);
  auto w = recurrentWeights(n, in[1], in[8], in[9]);
  auto r = failed(w) ? w : recurrentWeights(n, in[2], in[10], in[11]);
  if (failed(r))
    return failure();
  return n.lowerAs("LSTM", 14, {in[0], *w, *r, in[3], in[4], in[5], in[6], in[7]});
}

void dlc::legalize::addDynamicQuantized(std::vector<OpEntry> &table) {
  auto add = [&](llvm::StringLiteral name, llvm::StringLiteral dtypes, LowerFn fn) {
    table.push_back({"com.microsoft", name, 1, kLatest, dtypes, fn});
  };
  add("DynamicQuantizeLSTM", "float32, weights int8, uint8", lowerDynamicQuantizeLSTM);
  add("DynamicQuantizeMatMul", "float32, weights int8, uint8", lowerDynamicQuantizeMatMul);
  add("MatMulIntegerToFloat", "int8, uint8", lowerMatMulIntegerToFloat);
  add("MatMulNBits", "floats, weights of 2, 4, 8 bits", lowerMatMulNBits);
  add("QLinearWhere", "int8, uint8", lowerQLinearWhere);
}
