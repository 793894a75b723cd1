// This file lowers the normalization operators.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

Value dlc::legalize::reduceMean(Node &n, Value x, ArrayRef<int64_t> axes) {
  Type element = getElementTypeOrSelf(x.getType());
  Value sum = reduceSum(n, x, axes);
  Value count = countOf(n, x, axes, element);
  return n.map(sum, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) / Scalar(b, count);
  });
}

namespace {
/// x centred, and statistics with the reduced axes kept as size 1.
struct Moments {
  Value centred, mean, variance;
};
} // namespace

static FailureOr<Moments> moments(Node &n, Value x, ArrayRef<int64_t> axes) {
  Type element = getElementTypeOrSelf(x.getType());
  Value mean = keepDims(n, reduceMean(n, x, axes), axes);
  auto centred = n.elementwise({x, mean}, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) - Scalar(b, v[1]);
  });
  if (failed(centred))
    return failure();
  Value squares = n.map(*centred, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) * Scalar(b, v[0]);
  });
  return Moments{*centred, mean, keepDims(n, reduceMean(n, squares, axes), axes)};
}

/// 1 / sqrt(variance + epsilon).
static Value inverseDeviation(Node &n, Value variance, double epsilon) {
  Type element = getElementTypeOrSelf(variance.getType());
  return n.map(variance, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return 1.0 / (Scalar(b, v[0]) + epsilon).sqrt();
  });
}

/// x * scale (+ bias), broadcast; each may be null.
static FailureOr<Value> scaleAndShift(Node &n, Value x, Value scale, Value bias) {
  Type element = getElementTypeOrSelf(x.getType());
  SmallVector<Value> values{x};
  if (scale)
    values.push_back(scale);
  if (bias)
    values.push_back(bias);
  return n.elementwise(values, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar y(b, v[0]);
    unsigned next = 1;
    if (scale)
      y = y * Scalar(b, v[next++]);
    if (bias)
      y = y + Scalar(b, v[next]);
    return y;
  });
}

static FailureOr<Value> multiply(Node &n, Value x, Value y) {
  return scaleAndShift(n, x, y, Value());
}

/// Input 0 must be floats; inputs 1.. of the same type when given.
static LogicalResult checkFloats(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (!isa<FloatType>(n.elementType(0)))
    return n.error("input 0 is not a floating-point tensor");
  return success();
}

namespace {
/// What LayerNormalization and RMSNormalization share: attributes, and input 0 in the type of the statistics.
struct TrailingAxes {
  SmallVector<int64_t> axes; ///< from attribute 'axis' on
  double epsilon;
  Value x;
};
} // namespace

static FailureOr<TrailingAxes> trailingAxes(Node &n) {
  auto axisAttr = n.i64("axis", -1), stash = n.i64("stash_type", 1);
  auto epsilon = n.f32("epsilon", 1e-5);
  if (failed(axisAttr) || failed(stash) || failed(epsilon) || failed(checkFloats(n)) ||
      failed(n.requireTensors(2)))
    return failure();
  auto axis = n.axis(*axisAttr, n.rank(0));
  if (failed(axis))
    return failure();
  Type wide = n.elementType(0).isF64() ? n.elementType(0) : onnxElementType(n.b.getContext(), *stash);
  if (!isa_and_nonnull<FloatType>(wide))
    return n.error("stash_type " + Twine(*stash) + " is not a floating-point type");
  auto axes = llvm::to_vector(llvm::seq<int64_t>(*axis, n.rank(0)));
  return TrailingAxes{axes, *epsilon, n.cast(n.in(0), wide)};
}

static LogicalResult lowerLayerNormalization(Node &n) {
  auto over = trailingAxes(n);
  if (failed(over))
    return failure();
  auto m = moments(n, over->x, over->axes);
  if (failed(m))
    return failure();
  Value inverse = inverseDeviation(n, m->variance, over->epsilon);
  auto normal = multiply(n, m->centred, inverse);
  if (failed(normal))
    return failure();
  auto y = scaleAndShift(n, n.cast(*normal, n.elementType(0)), n.in(1), n.in(2));
  if (failed(y))
    return failure();
  n.set(0, *y);
  n.set(1, m->mean);
  n.set(2, inverse);
  return success();
}

static LogicalResult lowerRMSNormalization(Node &n) {
  auto over = trailingAxes(n);
  if (failed(over))
    return failure();
  Value x = over->x;
  Value squares = n.map(x, getElementTypeOrSelf(x.getType()), [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) * Scalar(b, v[0]);
  });
  Value meanSquare = keepDims(n, reduceMean(n, squares, over->axes), over->axes);
  Value inverse = inverseDeviation(n, meanSquare, over->epsilon);
  auto normal = multiply(n, x, inverse);
  if (failed(normal))
    return failure();
  auto y = multiply(n, n.cast(*normal, n.elementType(0)), n.in(1));
  if (failed(y))
    return failure();
  n.set(0, *y);
  if (n.numOutputs() > 1)
    n.set(1, inverse);
  return success();
}

//===--- ONNX Runtime's ---------------------------------------------------===//

static LogicalResult lowerSimplifiedLayerNormalization(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  return n.lowerAs("RMSNormalization", 23, {n.in(0), n.in(1)});
}

/// The normalized sum of two tensors and perhaps a bias; output 3 is the sum.
static LogicalResult lowerSkipNormalization(Node &n, bool simplified) {
  if (failed(n.requireTensors(3)))
    return failure();
  if (!n.hasAttr("epsilon")) { // another default than ONNX has
    NamedAttrList attrs(n.op.getAttrs());
    attrs.set("epsilon", n.b.getF32FloatAttr(1e-12f));
    n.op.setAttrsAttr(attrs.getDictionary(n.b.getContext()));
  }
  Value gamma = n.in(2), beta = simplified ? Value() : n.in(3), bias = n.in(simplified ? 3 : 4);
  auto sum = n.lowerAs("Add", 14, {n.in(0), n.in(1)});
  if (succeeded(sum) && bias)
    sum = n.lowerAs("Add", 14, {*sum, bias});
  if (failed(sum))
    return failure();
  auto y = simplified ? n.lowerAs("RMSNormalization", 23, {*sum, gamma}) : n.lowerAs("LayerNormalization", 17, {*sum, gamma, beta});
  if (failed(y))
    return failure();
  if (simplified && n.numOutputs() > 2) // the mean comes before the inverse deviation, and is none here
    n.set(2, n.result(1));
  if (n.numOutputs() > 3)
    n.set(3, *sum);
  return success();
}
static LogicalResult lowerSkipLayerNormalization(Node &n) { return lowerSkipNormalization(n, false); }
static LogicalResult lowerSkipSimplifiedLayerNormalization(Node &n) { return lowerSkipNormalization(n, true); }

/// One value a channel (dimension 1), broadcastable against `rank` dimensions.
static Value perChannel(Node &n, Value v, int64_t rank) {
  return n.expandDims(v, llvm::to_vector(llvm::seq<int64_t>(1, rank - 1)));
}

static LogicalResult lowerInstanceNormalization(Node &n) {
  auto epsilon = n.f32("epsilon", 1e-5);
  if (failed(epsilon) || failed(checkFloats(n)) || failed(n.requireTensors(3)))
    return failure();
  int64_t rank = n.rank(0);
  if (rank < 3 || n.rank(1) != 1 || n.rank(2) != 1)
    return n.error("expects input [N, C, spatial...], scale [C] and B [C]");
  Type element = n.elementType(0), wide = accumulator(element, n.b);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(2, rank));
  auto m = moments(n, n.cast(n.in(0), wide), axes);
  if (failed(m))
    return failure();
  auto normal = multiply(n, m->centred, inverseDeviation(n, m->variance, *epsilon));
  if (failed(normal))
    return failure();
  auto y = scaleAndShift(n, *normal, n.cast(perChannel(n, n.in(1), rank), wide),
                         n.cast(perChannel(n, n.in(2), rank), wide));
  if (failed(y))
    return failure();
  n.set(0, n.cast(*y, element));
  return success();
}

/// Scale and bias have one value a group before opset 21, one a channel after.
static LogicalResult lowerGroupNormalization(Node &n) {
  auto epsilon = n.f32("epsilon", 1e-5);
  auto groups = n.i64("num_groups");
  if (failed(epsilon) || failed(groups) || failed(checkFloats(n)) ||
      failed(n.requireTensors(3)))
    return failure();
  int64_t rank = n.rank(0);
  if (rank < 2 || n.rank(1) != 1 || n.rank(2) != 1)
    return n.error("expects input [N, C, ...], scale [C] and bias [C]");
  int64_t channels = n.type(0).getDimSize(1);
  if (ShapedType::isDynamic(channels) || *groups < 1 || channels % *groups != 0)
    return n.error("num_groups " + Twine(*groups) + " does not divide the channels");
  Type element = n.elementType(0), wide = accumulator(element, n.b);
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0)), split(sizes);
  split[1] = n.b.getIndexAttr(*groups);
  split.insert(split.begin() + 2, n.b.getIndexAttr(channels / *groups));
  Value x = n.reshape(n.cast(n.in(0), wide), split);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(2, rank + 1));
  auto m = moments(n, x, axes);
  if (failed(m))
    return failure();
  auto normal = multiply(n, m->centred, inverseDeviation(n, m->variance, *epsilon));
  if (failed(normal))
    return failure();
  bool perGroup = n.opset() < 21;
  Value y = perGroup ? *normal : n.reshape(*normal, sizes);
  int64_t yRank = perGroup ? rank + 1 : rank;
  auto scaled = scaleAndShift(n, y, n.cast(perChannel(n, n.in(1), yRank), wide),
                              n.cast(perChannel(n, n.in(2), yRank), wide));
  if (failed(scaled))
    return failure();
  n.set(0, n.cast(perGroup ? n.reshape(*scaled, sizes) : *scaled, element));
  return success();
}

static LogicalResult lowerMeanVarianceNormalization(Node &n) {
  auto axesAttr = n.ints("axes", SmallVector<int64_t>{0, 2, 3});
  if (failed(axesAttr) || failed(checkFloats(n)))
    return failure();
  SmallVector<int64_t> axes;
  for (int64_t a : *axesAttr) {
    auto axis = n.axis(a, n.rank(0));
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
  }
  Type element = n.elementType(0), wide = accumulator(element, n.b);
  auto m = moments(n, n.cast(n.in(0), wide), axes);
  if (failed(m))
    return failure();
  auto y = n.elementwise({m->centred, m->variance}, wide, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) / (Scalar(b, v[1]).sqrt() + 1e-9);
  });
  if (failed(y))
    return failure();
  n.set(0, n.cast(*y, element));
  return success();
}

static LogicalResult lowerLpNormalization(Node &n) {
  auto axisAttr = n.i64("axis", -1), p = n.i64("p", 2);
  if (failed(axisAttr) || failed(p) || failed(checkFloats(n)))
    return failure();
  auto axis = n.axis(*axisAttr, n.rank(0));
  if (failed(axis))
    return failure();
  if (*p != 1 && *p != 2)
    return n.error("attribute 'p' is " + Twine(*p) + ", expected 1 or 2");
  Type element = n.elementType(0), wide = accumulator(element, n.b);
  Value x = n.cast(n.in(0), wide);
  Value powers = n.map(x, wide, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar s(b, v[0]);
    return *p == 1 ? s.abs() : s * s;
  });
  Value norm = keepDims(n, reduceSum(n, powers, {*axis}), {*axis});
  auto y = n.elementwise({x, norm}, wide, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar s(b, v[1]);
    Scalar length = *p == 1 ? s : s.sqrt();
    Scalar zero = length.eq(length.constant(0));
    return zero.select(length.constant(0), Scalar(b, v[0]) / length); // zeros stay
  });
  if (failed(y))
    return failure();
  n.set(0, n.cast(*y, element));
  return success();
}

static LogicalResult lowerLRN(Node &n) {
  auto size = n.i64("size");
  auto alpha = n.f32("alpha", 1e-4), beta = n.f32("beta", 0.75), bias = n.f32("bias", 1.0);
  if (failed(size) || failed(alpha) || failed(beta) || failed(bias) || failed(checkFloats(n)))
    return failure();
  if (n.rank(0) < 2 || *size < 1)
    return n.error("expects an input [N, C, ...] and a positive size");
  Type element = n.elementType(0), wide = accumulator(element, n.b);
  Value x = n.cast(n.in(0), wide);
  Value y = n.generate(n.sizes(x), wide, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    auto index = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(b, v); };
    // Channels from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2).
    Value channels = tensor::DimOp::create(b, x, 1);
    Value first = arith::SubIOp::create(b, at[1], index((*size - 1) / 2));
    first = arith::MaxSIOp::create(b, first, index(0));
    Value end = arith::AddIOp::create(b, at[1], index(*size / 2 + 1));
    end = arith::MinSIOp::create(b, end, channels);
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(wide));
    auto loop = scf::ForOp::create(
        b, first, end, index(1), ValueRange{zero},
        [&](OpBuilder &ob, Location loc, Value c, ValueRange carried) {
          ImplicitLocOpBuilder ib(loc, ob);
          SmallVector<Value> from(at.begin(), at.end());
          from[1] = c;
          Scalar v(ib, extract(ib, x, from));
          scf::YieldOp::create(ib, ValueRange{Scalar(ib, carried[0]) + v * v});
        });
    Scalar sum(b, loop.getResult(0));
    Scalar base = sum * (*alpha / static_cast<double>(*size)) + *bias;
    Value power = math::PowFOp::create(b, base, base.constant(*beta));
    return Scalar(b, extract(b, x, at)) / Scalar(b, power);
  });
  n.set(0, n.cast(y, element));
  return success();
}

void dlc::legalize::addNormalization(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "floats";
  auto add = [&](llvm::StringLiteral name, int since, LowerFn fn) {
    table.push_back({"", name, since, kLatest, floats, fn});
  };
  add("LayerNormalization", 17, lowerLayerNormalization);
  add("RMSNormalization", 23, lowerRMSNormalization);
  add("InstanceNormalization", 1, lowerInstanceNormalization);
  add("GroupNormalization", 18, lowerGroupNormalization);
  add("MeanVarianceNormalization", 9, lowerMeanVarianceNormalization);
  add("LpNormalization", 1, lowerLpNormalization);
  add("LRN", 1, lowerLRN);
  add("SimplifiedLayerNormalization", 1, lowerSimplifiedLayerNormalization);
  auto addOwn = [&](llvm::StringLiteral name, LowerFn fn) {
    table.push_back({"com.microsoft", name, 1, kLatest, floats, fn});
  };
  addOwn("SimplifiedLayerNormalization", lowerSimplifiedLayerNormalization);
  addOwn("SkipLayerNormalization", lowerSkipLayerNormalization);
  addOwn("SkipSimplifiedLayerNormalization", lowerSkipSimplifiedLayerNormalization);
}
