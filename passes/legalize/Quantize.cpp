// This file lowers QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, as
// ONNX defines them.
#include "passes/legalize/Casts.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/legalize/Scalar.h"
#include "passes/legalize/Tflite.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Scale (and zero point) inputs made to fit the tensor they belong to.
struct Quantization {
  Value scale, zeroPoint; ///< broadcastable; zeroPoint may be null
  bool blocked = false;   ///< one scale for each block along the axis
  int64_t axis = 0, block = 0;
};
} // namespace

/// Scalars stay, one value an axis position gets dimensions of size 1 after it,
/// blocked scales keep their shape.
static FailureOr<Quantization> parameters(Node &n, unsigned scaleIndex, int64_t rank,
                                          std::optional<int64_t> fixedAxis = {}) {
  auto axisAttr = fixedAxis ? FailureOr<int64_t>(*fixedAxis) : n.i64("axis", 1);
  auto block = n.i64("block_size", 0);
  if (failed(axisAttr) || failed(block))
    return failure();
  Quantization q;
  q.scale = n.in(scaleIndex);
  q.zeroPoint = n.in(scaleIndex + 1);
  int64_t scaleRank = n.rank(scaleIndex);
  auto single = [&](unsigned i) {
    return n.type(i).hasStaticShape() && n.type(i).getNumElements() == 1;
  };
  if (q.zeroPoint && n.type(scaleIndex + 1).getShape() != n.type(scaleIndex).getShape() &&
      n.rank(scaleIndex + 1) != 0 && !(single(scaleIndex) && single(scaleIndex + 1))) {
    (void)n.error("scale and zero point have different shapes");
    return failure();
  }
  if (auto scale = n.constant(scaleIndex); scale && isa<FloatType>(scale->getElementType()))
    for (APFloat v : scale->getValues<APFloat>())
      if (v.isNaN() || v.isInfinity() || v.isZero()) {
        (void)n.error("scale is zero, infinite or NaN");
        return failure();
      }
  if (*block < 0) {
    (void)n.error("block_size " + Twine(*block) + " is negative");
    return failure();
  }
  if (single(scaleIndex) && (scaleRank <= 1)) {
    q.scale = n.reshape(q.scale, {});
    if (q.zeroPoint)
      q.zeroPoint = n.reshape(q.zeroPoint, {});
    return q;
  }
  auto axis = n.axis(*axisAttr, rank);
  if (failed(axis))
    return failure();
  q.axis = *axis;
  if (*block > 0) {
    if (scaleRank != rank) {
      (void)n.error("scale of a blocked quantization must have the input's rank");
      return failure();
    }
    q.blocked = true;
    q.block = *block;
    return q;
  }
  if (scaleRank != 1) {
    (void)n.error("scale must be a scalar or 1-D");
    return failure();
  }
  int64_t size = n.type(scaleIndex).getDimSize(0);
  int64_t expected = n.type(0).getRank() == rank ? n.type(0).getDimSize(*axis) : size;
  if (!ShapedType::isDynamic(size) && !ShapedType::isDynamic(expected) && size != expected) {
    (void)n.error("scale has " + Twine(size) + " elements, axis " + Twine(*axis) + " has " +
                  Twine(expected));
    return failure();
  }
  auto after = llvm::to_vector(llvm::seq<int64_t>(1, rank - *axis));
  q.scale = n.expandDims(q.scale, after);
  if (q.zeroPoint && cast<RankedTensorType>(q.zeroPoint.getType()).getRank() == 1)
    q.zeroPoint = n.expandDims(q.zeroPoint, after);
  return q;
}

/// A blocked parameter repeated to the shape of `like`.
static Value unblock(Node &n, Value parameter, Value like, const Quantization &q) {
  Type element = getElementTypeOrSelf(parameter.getType());
  return n.generate(n.sizes(like), element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    SmallVector<Value> from(at.begin(), at.end());
    Value block = arith::ConstantIndexOp::create(b, q.block);
    from[q.axis] = arith::DivUIOp::create(b, from[q.axis], block);
    Value last = arith::SubIOp::create(b, tensor::DimOp::create(b, parameter, q.axis),
                                       arith::ConstantIndexOp::create(b, 1));
    from[q.axis] = arith::MinUIOp::create(b, from[q.axis], last);
    return extract(b, parameter, from);
  });
}

/// Range of a quantized type as doubles (exact up to 32 bits).
static std::pair<double, double> rangeOf(Type type) {
  unsigned w = type.getIntOrFloatBitWidth();
  if (type.isUnsignedInteger())
    return {0.0, std::ldexp(1.0, w) - 1};
  return {-std::ldexp(1.0, w - 1), std::ldexp(1.0, w - 1) - 1};
}

/// saturate(round_half_even(x / scale) + zero_point), x a float scalar.
static Value quantizeScalar(ImplicitLocOpBuilder &b, Value x, Value scale, Value zeroPoint,
                            Type to, bool saturate = true) {
  Scalar scaled = Scalar(b, x) / Scalar(b, scale);
  if (auto format = dyn_cast<FloatType>(to)) { // f8 kinds: rounding is the conversion's
    Value single = Node::castScalar(b, scaled, scaled.type(), b.getF32Type());
    return Node::castScalar(b, saturate ? saturateTo(b, single, format) : single, b.getF32Type(), to);
  }
  Scalar rounded = scaled.math<math::RoundEvenOp>();
  if (zeroPoint)
    rounded = rounded + Scalar(b, Node::castScalar(b, zeroPoint, to, scaled.type()));
  auto [lo, hi] = rangeOf(to);
  Scalar clamped = rounded.atLeast(rounded.constant(lo)).atMost(rounded.constant(hi));
  return Node::castScalar(b, clamped, scaled.type(), to);
}

/// (x - zero_point) * scale as a float of the scale's type.
static Value dequantizeScalar(ImplicitLocOpBuilder &b, Value x, Type from, Value scale,
                              Value zeroPoint) {
  Type element = scale.getType();
  if (isa<FloatType>(from))
    return Scalar(b, Node::castScalar(b, x, from, element)) * Scalar(b, scale);
  // The difference needs one more bit than the type.
  Type wide = b.getI32Type();
  Value v = from.getIntOrFloatBitWidth() < 32 ? Node::castScalar(b, x, from, wide) : x;
  if (zeroPoint) {
    Value z = from.getIntOrFloatBitWidth() < 32 ? Node::castScalar(b, zeroPoint, from, wide)
                                                : zeroPoint;
    v = arith::SubIOp::create(b, v, z);
  }
  return Scalar(b, Node::castScalar(b, v, v.getType(), element)) * Scalar(b, scale);
}

/// Scale and zero point as attributes of nn.quantize and nn.dequantize: known at
/// compile time, for the whole tensor or along one axis.
struct Known {
  DenseF64ArrayAttr scales;
  DenseI64ArrayAttr zeroPoints;
  IntegerAttr axis, lo, hi;
};

/// The parameters at inputs `scale` and `scale` + 1 of a tensor of `rank` stored
/// as `storage`, when nn has a form for them; nothing otherwise.
static std::optional<Known> knownParameters(Node &n, unsigned scale, RankedTensorType shape,
                                            Type storage, std::optional<int64_t> fixedAxis) {
  auto integer = dyn_cast<IntegerType>(storage);
  if (!integer || integer.getWidth() > 16 || integer.getWidth() < 2)
    return std::nullopt;
  auto scales = n.constant(scale);
  if (!scales || !scales->getElementType().isF32())
    return std::nullopt;
  Known known;
  OpBuilder &b = n.b;
  SmallVector<double> s;
  for (APFloat v : scales->getValues<APFloat>()) {
    s.push_back(v.convertToFloat());
    if (!(s.back() > 0) || !std::isfinite(s.back()))
      return std::nullopt;
  }
  SmallVector<int64_t> z(s.size(), 0);
  if (n.has(scale + 1)) {
    auto zeros = n.constant(scale + 1);
    if (!zeros || (zeros->getNumElements() != static_cast<int64_t>(s.size()) &&
                   zeros->getNumElements() != 1))
      return std::nullopt;
    size_t i = 0;
    SmallVector<int64_t> values;
    for (APInt v : zeros->getValues<APInt>())
      values.push_back(integer.isUnsigned() ? v.getZExtValue() : v.getSExtValue());
    for (int64_t &v : z)
      v = values[values.size() == 1 ? 0 : i++];
  }
  if (s.size() != 1) {
    auto axis = fixedAxis ? FailureOr<int64_t>(*fixedAxis) : n.i64("axis", 1);
    if (failed(axis))
      return std::nullopt;
    int64_t a = *axis < 0 ? *axis + shape.getRank() : *axis;
    if (scales->getType().getRank() != 1 || a < 0 || a >= shape.getRank() ||
        shape.getDimSize(a) != static_cast<int64_t>(s.size()))
      return std::nullopt;
    known.axis = b.getI64IntegerAttr(a);
  }
  unsigned w = integer.getWidth();
  int64_t lo = integer.isUnsigned() ? 0 : -(int64_t(1) << (w - 1));
  known.lo = b.getI64IntegerAttr(lo);
  known.hi = b.getI64IntegerAttr(lo + (int64_t(1) << w) - 1);
  known.scales = b.getDenseF64ArrayAttr(s);
  known.zeroPoints = b.getDenseI64ArrayAttr(z);
  return known;
}

/// nn.quantize or nn.dequantize of `x` with the parameters at inputs `scale` and
/// `scale` + 1; null when they have another form.
static Value quantizeKnown(Node &n, Value x, unsigned scale, Type storage,
                           std::optional<int64_t> axis) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type || !type.getElementType().isF32())
    return {};
  auto k = knownParameters(n, scale, type, storage, axis);
  if (!k)
    return {};
  if (!k->axis)
    if (Value integers = quantizedResult(n, x, {static_cast<float>(k->scales[0]), k->zeroPoints[0],
                                                k->lo.getInt(), k->hi.getInt(), storage})) {
      // The interface states how an output is quantized.
      if (Operation *op = integers.getDefiningOp())
        op->setAttr(kQuantization, n.b.getArrayAttr({n.b.getF64FloatAttr(k->scales[0]),
                                                     n.b.getI64IntegerAttr(k->zeroPoints[0])}));
      return integers;
    }
  return dlc::nn::QuantizeOp::create(n.b, type.clone(storage), x, k->scales, k->zeroPoints, k->axis,
                                k->lo, k->hi);
}

static Value dequantizeKnown(Node &n, Value x, unsigned scale, std::optional<int64_t> axis) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type)
    return {};
  auto k = knownParameters(n, scale, type, type.getElementType(), axis);
  if (!k)
    return {};
  return dlc::nn::DequantizeOp::create(n.b, type.clone(n.b.getF32Type()), x, k->scales,
                                  k->zeroPoints, k->axis, k->lo, k->hi);
}

static LogicalResult quantizeAlong(Node &n, std::optional<int64_t> axis) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type from = n.elementType(0);
  auto outputType = n.i64("output_dtype", 0), precision = n.i64("precision", 0);
  auto saturate = n.i64("saturate", 1);
  if (failed(outputType) || failed(precision) || failed(saturate))
    return failure();
  Type to = n.has(2) ? n.elementType(2)
            : *outputType
                ? onnxElementType(n.b.getContext(), *outputType)
                : Type(IntegerType::get(n.b.getContext(), 8, IntegerType::Unsigned));
  if (!to || !to.isIntOrFloat())
    return n.error("output_dtype is not a quantized type");
  // A constant is quantized now, by the operations below: weights that an exporter kept
  // as floats between a pair of QuantizeLinear and DequantizeLinear.
  if (n.i64("block_size", 0).value_or(1) == 0 && !n.constant(0))
    if (Value known = quantizeKnown(n, n.in(0), 1, to, axis)) {
      n.set(0, known);
      return success();
    }
  auto q = parameters(n, 1, n.rank(0), axis);
  if (failed(q))
    return failure();
  Type scaleType = n.elementType(1);
  if (!isa<FloatType>(scaleType))
    return n.error("scale is not a floating-point tensor");
  if (q->blocked) {
    q->scale = unblock(n, q->scale, n.in(0), *q);
    if (q->zeroPoint)
      q->zeroPoint = unblock(n, q->zeroPoint, n.in(0), *q);
  }
  SmallVector<Value> values{n.in(0), q->scale};
  if (q->zeroPoint)
    values.push_back(q->zeroPoint);
  // In f32 unless the input is wider; int32 inputs are exact in f64 only.
  Type wide = from.isF64() ? Type(n.b.getF64Type()) : Type(n.b.getF32Type());
  auto result = n.elementwise(values, to, [&](ImplicitLocOpBuilder &b, ValueRange v) {
    Value x = Node::castScalar(b, v[0], from, wide);
    Value s = Node::castScalar(b, v[1], scaleType, wide);
    return quantizeScalar(b, x, s, v.size() > 2 ? v[2] : Value(), to, *saturate != 0);
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

static LogicalResult dequantizeAlong(Node &n, std::optional<int64_t> axis) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type from = n.elementType(0), scaleType = n.elementType(1);
  if (!isa<FloatType>(scaleType))
    return n.error("scale is not a floating-point tensor");
  if (n.has(2) && (!isa<RankedTensorType>(n.in(2).getType()) || n.elementType(2) != from))
    return n.error("zero point must have the tensor's element type");
  if (n.i64("block_size", 0).value_or(1) == 0 && n.i64("output_dtype", 0).value_or(1) <= 1)
    if (Value known = dequantizeKnown(n, n.in(0), 1, axis)) {
      n.set(0, known);
      return success();
    }
  auto q = parameters(n, 1, n.rank(0), axis);
  auto outputType = n.i64("output_dtype", 0);
  if (failed(q) || failed(outputType))
    return failure();
  Type to = *outputType ? onnxElementType(n.b.getContext(), *outputType) : scaleType;
  if (!isa_and_nonnull<FloatType>(to))
    return n.error("output_dtype is not a floating-point type");
  if (q->blocked) {
    q->scale = unblock(n, q->scale, n.in(0), *q);
    if (q->zeroPoint)
      q->zeroPoint = unblock(n, q->zeroPoint, n.in(0), *q);
  }
  SmallVector<Value> values{n.in(0), q->scale};
  if (q->zeroPoint)
    values.push_back(q->zeroPoint);
  auto result = n.elementwise(values, to, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    // Half types are multiplied in f32 and rounded once.
    Type wide = accumulator(scaleType, b);
    Value s = Node::castScalar(b, v[1], scaleType, wide);
    Value y = dequantizeScalar(b, v[0], from, s, v.size() > 2 ? v[2] : Value());
    return Node::castScalar(b, y, wide, to);
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

static LogicalResult lowerQuantizeLinear(Node &n) { return quantizeAlong(n, {}); }
static LogicalResult lowerDequantizeLinear(Node &n) { return dequantizeAlong(n, {}); }

FailureOr<Value> dlc::legalize::dequantize(Node &n, Value x, Value scale, Value zeroPoint,
                                           int64_t axis) {
  n.setInputs({x, scale, zeroPoint});
  if (failed(dequantizeAlong(n, axis)))
    return failure();
  return n.result(0);
}

FailureOr<Value> dlc::legalize::quantize(Node &n, Value x, Value scale, Value zeroPoint,
                                         int64_t axis) {
  n.setInputs({x, scale, zeroPoint});
  if (failed(quantizeAlong(n, axis)))
    return failure();
  return n.result(0);
}

FailureOr<DynamicallyQuantized> dlc::legalize::dynamicQuantize(Node &n, Value x) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type || !type.getElementType().isF32())
    return n.error("input 0 is not a float32 tensor");
  Type f32 = n.b.getF32Type();
  Type u8 = IntegerType::get(n.b.getContext(), 8, IntegerType::Unsigned);
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  auto extreme = [&](bool max) {
    return n.reduce(x, all, n.scalar(f32, 0.0), // the range includes 0
                    [&](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                      return max ? Scalar(b, v).max(Scalar(b, acc))
                                 : Scalar(b, v).min(Scalar(b, acc));
                    });
  };
  Value lo = extreme(false), hi = extreme(true);
  Value scale = n.map({lo, hi}, f32, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return (Scalar(b, v[1]) - Scalar(b, v[0])) / 255.0;
  });
  Value zero = n.map({lo, scale}, u8, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar s(b, v[1]);
    Scalar safe = s.eq(s.constant(0)).select(s.constant(1), s);
    Scalar z = (s.constant(0) - Scalar(b, v[0]) / safe);
    z = z.atLeast(z.constant(0)).atMost(z.constant(255)).math<math::RoundEvenOp>();
    return Node::castScalar(b, z, f32, u8);
  });
  auto y = n.elementwise({x, scale, zero}, u8, [&](ImplicitLocOpBuilder &b, ValueRange v) {
    Scalar s(b, v[1]);
    Scalar safe = s.eq(s.constant(0)).select(s.constant(1), s);
    return quantizeScalar(b, v[0], safe, v[2], u8);
  });
  if (failed(y))
    return failure();
  return DynamicallyQuantized{*y, scale, zero};
}

static LogicalResult lowerDynamicQuantizeLinear(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto q = dynamicQuantize(n, n.in(0));
  if (failed(q))
    return failure();
  n.set(0, q->values);
  n.set(1, q->scale);
  n.set(2, q->zeroPoint);
  return success();
}

void dlc::legalize::addQuantize(std::vector<OpEntry> &table) {
  auto add = [&](llvm::StringLiteral name, int since, llvm::StringLiteral dtypes,
                 LowerFn fn) { table.push_back({"", name, since, kLatest, dtypes, fn}); };
  add("QuantizeLinear", 10, "floats, int32", lowerQuantizeLinear);
  add("DequantizeLinear", 10, "int2 to int32, float8", lowerDequantizeLinear);
  add("DynamicQuantizeLinear", 11, "float32", lowerDynamicQuantizeLinear);
  // ONNX Runtime's own, from before opset 21 had 16 and 4 bits.
  table.push_back({"com.microsoft", "QuantizeLinear", 1, kLatest, "floats, int32", lowerQuantizeLinear});
  table.push_back({"com.microsoft", "DequantizeLinear", 1, kLatest, "int2 to int32, float8",
                   lowerDequantizeLinear});
}
