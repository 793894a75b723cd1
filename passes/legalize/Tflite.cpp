// This file lowers operators between quantized tensors as TensorFlow Lite's
// kernels compute them: `--requant=tflite` (XNNPACK's where that has the operator),
// `tflm` and `single` (the reference kernels).
//
// Convolutions, matrix products and plain requantizations are not here: they are one
// multiplication of an exact sum, which dlc-integer-requantize rounds.
#include "passes/legalize/Tflite.h"

#include "passes/legalize/Legalizer.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;
using namespace dlc::quantize;

namespace {
/// A tensor of integers of 8 bits.
struct Quantized {
  Value stored;
  Format format;
  bool isUnsigned() const { return format.lo == 0; }
};

/// One operator between quantized tensors. `out` has the bounds of an activation
/// that follows.
using QuantizedFn = Value (*)(Node &n, const Format &out, Rounding mode);
} // namespace

static bool isByte(Type storage) {
  auto type = dyn_cast<IntegerType>(storage);
  return type && type.getWidth() == 8;
}

/// Input `i` when it is a dequantized tensor.
static std::optional<Quantized> quantizedInput(Node &n, unsigned i) {
  auto dq = n.has(i) ? n.in(i).getDefiningOp<dlc::nn::DequantizeOp>() : dlc::nn::DequantizeOp();
  Type storage = dq ? getElementTypeOrSelf(dq.getInput().getType()) : Type();
  if (!dq || !dq.isPerTensor() || !isByte(storage))
    return std::nullopt;
  return Quantized{dq.getInput(),
                   {static_cast<float>(dq.getScales()[0]), dq.getZeroPoints()[0],
                    static_cast<int64_t>(dq.getLo()), static_cast<int64_t>(dq.getHi()), storage}};
}

/// The tensor's element as i32, less `zero`.
static Value centered(Emit &e, Value element, const Quantized &q, int64_t zero) {
  return e.add(e.extended(element, q.isUnsigned()), -zero);
}

static Value orNull(FailureOr<Value> v) { return failed(v) ? Value() : *v; }

//===--- Sums and products ------------------------------------------------===//

static Value addOrSubtract(Node &n, const Format &out, Rounding mode, bool subtract) {
  auto x = quantizedInput(n, 0), y = quantizedInput(n, 1);
  if (!x || !y)
    return {};
  std::optional<SmallSum> small;
  if (mode == Rounding::Float)
    small = smallSumOf(x->format.scale, y->format.scale, out.scale, subtract);
  if (small)
    return orNull(n.elementwise(
        {x->stored, y->stored}, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
          Emit e(b);
          Value s = e.apply(*small, centered(e, v[0], *x, x->format.zero),
                            centered(e, v[1], *y, y->format.zero));
          return e.narrowed(e.add(s, out.zero), out.lo, out.hi, b.getI8Type());
        }));
  Sum sum = sumOf(x->format.scale, y->format.scale, out.scale, subtract);
  // Stored integers as -128 to 127.
  int64_t xMiddle = x->isUnsigned() ? 128 : 0, yMiddle = y->isUnsigned() ? 128 : 0;
  int64_t xZero = x->format.zero - xMiddle, yZero = y->format.zero - yMiddle;
  int64_t middle = out.storage.isUnsignedInteger() ? 128 : 0, lo = out.lo - middle,
          hi = out.hi - middle, zero = out.zero - middle;
  double a = static_cast<double>(x->format.scale) / out.scale;
  double c = static_cast<double>(y->format.scale) / out.scale * (subtract ? -1 : 1);
  std::optional<Pair> pair;
  if (std::abs(a) < 1e4 && std::abs(c) < 1e4) {
    std::vector<int8_t> wanted;
    for (int64_t i = -128; i < 128; ++i)
      for (int64_t k = -128; k < 128; ++k)
        wanted.push_back(static_cast<int8_t>(
            std::clamp(apply(sum, i - xZero, k - yZero, mode) + zero, lo, hi)));
    pair = findPair(a, c, {1, -a * xZero - c * yZero, zero, lo, hi, -128, 127}, wanted,
                    /*tolerated=*/0);
  }
  return orNull(n.elementwise(
      {x->stored, y->stored}, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Emit e(b);
        if (pair) {
          Value s = e.apply(*pair, centered(e, v[0], *x, xMiddle), centered(e, v[1], *y, yMiddle));
          return e.narrowed(e.add(s, middle), out.lo, out.hi, b.getI8Type());
        }
        Value s = e.apply(sum, centered(e, v[0], *x, x->format.zero),
                          centered(e, v[1], *y, y->format.zero), mode);
        return e.narrowed(e.add(s, out.zero), out.lo, out.hi, b.getI8Type());
      }));
}

static Value add(Node &n, const Format &out, Rounding mode) {
  return addOrSubtract(n, out, mode, false);
}
static Value subtract(Node &n, const Format &out, Rounding mode) {
  return addOrSubtract(n, out, mode, true);
}

static Value multiply(Node &n, const Format &out, Rounding mode) {
  auto x = quantizedInput(n, 0), y = quantizedInput(n, 1);
  if (!x || !y)
    return {};
  double scale = mode == Rounding::Float
                     ? static_cast<double>(x->format.scale * y->format.scale / out.scale)
                     : productScale(x->format.scale, y->format.scale, out.scale);
  Problem problem{scale,
                  0, out.zero, out.lo, out.hi, -255 * 255, 255 * 255};
  return orNull(n.elementwise(
      {x->stored, y->stored}, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Emit e(b);
        Value p = arith::MulIOp::create(b, centered(e, v[0], *x, x->format.zero),
                                        centered(e, v[1], *y, y->format.zero));
        return e.requantize(problem, mode, p, b.getI8Type());
      }));
}

//===--- Means ------------------------------------------------------------===//

Value dlc::legalize::meanOfIntegers(ImplicitLocOpBuilder &b, Value sum, Value count,
                                    bool isUnsigned) {
  Scalar s(b, sum), c(b, count);
  Value half = arith::ShRUIOp::create(b, count, c.constant(1));
  Scalar h(b, half);
  if (isUnsigned)
    return arith::DivUIOp::create(b, s + h, c);
  Scalar rounded = s.gt(s.constant(0)).select(s + h, s - h);
  return arith::DivSIOp::create(b, rounded, c);
}

static Value averagePool(Node &n, const Format &out, Rounding) {
  auto x = quantizedInput(n, 0);
  if (!x || x->format.scale != out.scale || x->format.zero != out.zero ||
      x->format.storage != out.storage)
    return {};
  n.setInputs({x->stored});
  Value mean = averagePoolOfIntegers(n);
  if (!mean || (x->format.lo == out.lo && x->format.hi == out.hi))
    return mean;
  return n.map(mean, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Emit e(b);
    return e.narrowed(e.extended(v[0], x->isUnsigned()), out.lo, out.hi, b.getI8Type());
  });
}

/// The mean along `axes`, one multiplication: the number of elements goes into the
/// multiplier.
static Value meanAlong(Node &n, ArrayRef<int64_t> axes, bool keep, const Format &out,
                       Rounding mode) {
  auto x = quantizedInput(n, 0);
  auto type = x ? cast<RankedTensorType>(x->stored.getType()) : RankedTensorType();
  int64_t count = 1;
  for (int64_t axis : axes)
    if (!x || type.isDynamicDim(axis) || llvm::MulOverflow(count, type.getDimSize(axis), count))
      return {};
  if (!x || count <= 0 || count > (1 << 20))
    return {};
  Problem problem{x->format.scale / (out.scale * static_cast<float>(count)),
                  0, out.zero, out.lo, out.hi, -255 * count, 255 * count};
  Multiplier m = quantizeMultiplier(static_cast<double>(x->format.scale) / out.scale);
  int shift = std::min<int>(llvm::Log2_64(count), 31 + m.shift);
  m.significand = static_cast<int32_t>((int64_t(m.significand) << shift) / count);
  m.shift -= shift;
  Value sum = n.reduce(x->stored, axes, n.scalarInt(n.b.getI32Type(), 0),
                       [&](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                         return arith::AddIOp::create(b, Emit(b).extended(v, x->isUnsigned()), acc);
                       });
  Value mean = n.map(sum, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Emit e(b);
    Value centred = e.add(v[0], -x->format.zero * count);
    if (mode == Rounding::Float)
      return e.requantize(problem, mode, centred, b.getI8Type());
    Value scaled = e.multiply(centred, m, mode);
    return e.narrowed(e.add(scaled, out.zero), out.lo, out.hi, b.getI8Type());
  });
  if (!keep)
    return mean;
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  return n.expandDims(mean, sorted);
}

static Value reduceMean(Node &n, const Format &out, Rounding mode) {
  auto keep = n.i64("keepdims", 1);
  auto axes = n.axes("axes", 1, n.rank(0));
  if (failed(keep) || failed(axes) || !*axes || (*axes)->empty())
    return {};
  return meanAlong(n, **axes, *keep, out, mode);
}

static Value globalAveragePool(Node &n, const Format &out, Rounding mode) {
  return meanAlong(n, llvm::to_vector(llvm::seq<int64_t>(2, n.rank(0))), true, out, mode);
}

//===--- Softmax ----------------------------------------------------------===//

static Value table(Node &n, ArrayRef<int32_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, n.b.getI32Type());
  return n.constantTensor(DenseElementsAttr::get(type, values));
}

static Value softmax(Node &n, const Format &out, Rounding mode) {
  auto x = quantizedInput(n, 0);
  auto axisAttr = n.i64("axis", n.opset() < 13 ? 1 : -1);
  if (!x || failed(axisAttr) || n.rank(0) == 0 || out.scale != 1.0f / 256 || out.zero != out.lo)
    return {};
  int64_t last = n.rank(0) - 1;
  if ((*axisAttr < 0 ? *axisAttr + n.rank(0) : *axisAttr) != last)
    return {};
  ImplicitLocOpBuilder &b = n.b;
  bool isUnsigned = x->isUnsigned();
  Value lowest = n.scalarInt(b.getI8Type(), x->format.lo);
  Value most = n.reduce(x->stored, {last}, lowest,
                        [&](ImplicitLocOpBuilder &ib, Value v, Value acc) -> Value {
                          return Scalar(ib, v).max(Scalar(ib, acc), isUnsigned);
                        });
  // All exponentials that there are, by how far an element is below the largest.
  Value exps = table(n, softmaxTable(x->format.scale, mode));
  auto exponential = [&](ImplicitLocOpBuilder &ib, Value v, Value max) -> Value {
    Emit e(ib);
    Value distance = e.sub(e.extended(max, isUnsigned), e.extended(v, isUnsigned));
    return extract(ib, exps, arith::IndexCastOp::create(ib, ib.getIndexType(), distance).getResult());
  };
  SmallVector<OpFoldResult> rows = n.sizes(x->stored);
  rows.pop_back();
  AffineMap all = b.getMultiDimIdentityMap(last + 1);
  AffineMap row = all.dropResult(last);
  SmallVector<utils::IteratorType> loops(last, utils::IteratorType::parallel);
  loops.push_back(utils::IteratorType::reduction);
  Value zeros = n.fill(rows, n.scalarInt(b.getI32Type(), 0));
  Value sum = linalg::GenericOp::create(
                  b, zeros.getType(), ValueRange{x->stored, most}, zeros,
                  ArrayRef<AffineMap>{all, row, row}, loops,
                  [&](OpBuilder &ob, Location loc, ValueRange v) {
                    ImplicitLocOpBuilder ib(loc, ob);
                    Value one = exponential(ib, toSignless(ib, v[0]), toSignless(ib, v[1]));
                    Emit e(ib);
                    linalg::YieldOp::create(ib, e.add(e.divideByPower(one, 12), v[2]));
                  })
                  .getResult(0);
  Value reciprocal = n.map(sum, b.getI32Type(), [](ImplicitLocOpBuilder &ib, ValueRange v) {
    return Emit(ib).softmaxReciprocal(v[0]);
  });
  return orNull(n.elementwise(
      {x->stored, n.expandDims(most, {last}), n.expandDims(sum, {last}),
       n.expandDims(reciprocal, {last})},
      out.storage, [&](ImplicitLocOpBuilder &ib, ValueRange v) -> Value {
        Emit e(ib);
        Value y = e.softmaxElement(exponential(ib, v[0], v[1]), v[2], v[3]);
        return e.narrowed(e.add(y, out.zero), out.lo, out.hi, ib.getI8Type());
      }));
}

//===--- Functions of one element -----------------------------------------===//

/// The results of all stored integers.
static Value lookUpAll(Node &n, const Quantized &x, const Format &out,
                       llvm::function_ref<int64_t(const Unary &, int64_t)> f) {
  Unary u{x.format.scale, out.scale, x.format.zero, out.zero, out.lo, out.hi};
  SmallVector<int8_t> values;
  for (int64_t v = x.format.lo; v < x.format.lo + 256; ++v)
    values.push_back(static_cast<int8_t>(f(u, v)));
  auto type = RankedTensorType::get({256}, n.b.getI8Type());
  Value results = n.constantTensor(DenseElementsAttr::get(type, ArrayRef<int8_t>(values)));
  return n.map(x.stored, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Emit e(b);
    Value at = centered(e, v[0], x, x.format.lo);
    return extract(b, results, arith::IndexCastOp::create(b, b.getIndexType(), at).getResult());
  });
}

static Value sigmoid(Node &n, const Format &out, Rounding mode) {
  auto x = quantizedInput(n, 0);
  int64_t lowest = out.storage.isUnsignedInteger() ? 0 : -128;
  if (!x || out.scale != 1.0f / 256 || out.zero != lowest)
    return {};
  return lookUpAll(n, *x, out, [&](const Unary &u, int64_t v) { return sigmoidOf(u, v, mode); });
}

static Value hyperbolicTangent(Node &n, const Format &out, Rounding mode) {
  auto x = quantizedInput(n, 0);
  int64_t middle = out.storage.isUnsignedInteger() ? 128 : 0;
  if (!x || out.scale != 1.0f / 128 || out.zero != middle)
    return {};
  return lookUpAll(n, *x, out, [&](const Unary &u, int64_t v) { return tanhOf(u, v, mode); });
}

static Value hardSwish(Node &n, const Format &out, Rounding) {
  auto x = quantizedInput(n, 0);
  if (!x)
    return {};
  return lookUpAll(n, *x, out, [&](const Unary &u, int64_t v) { return hardSwishOf(u, v); });
}

static Value leakyRelu(Node &n, const Format &out, Rounding mode) {
  auto x = quantizedInput(n, 0);
  auto alpha = n.f32("alpha", 0.01);
  if (!x || failed(alpha))
    return {};
  return lookUpAll(n, *x, out, [&](const Unary &u, int64_t v) {
    return leakyReluOf(u, static_cast<float>(*alpha), v, mode);
  });
}

//===--- All --------------------------------------------------------------===//

static QuantizedFn find(StringRef name) {
  static const llvm::StringMap<QuantizedFn> table = {
      {"Add", add},
      {"Sub", subtract},
      {"Mul", multiply},
      {"AveragePool", averagePool},
      {"GlobalAveragePool", globalAveragePool},
      {"ReduceMean", reduceMean},
      {"Softmax", softmax},
      {"Sigmoid", sigmoid},
      {"Tanh", hyperbolicTangent},
      {"HardSwish", hardSwish},
      {"LeakyRelu", leakyRelu},
  };
  return table.lookup(name);
}

/// Narrows the bounds of `out` to those of a Relu or Clip; false for others.
static bool boundBy(Node &n, Format &out, Rounding mode) {
  auto narrow = [&](double lo, double hi) {
    auto stored = [&](double v) {
      float steps = static_cast<float>(v) / out.scale;
      double q = (mode == Rounding::Onnx ? std::nearbyint(steps) : std::round(steps)) + static_cast<double>(out.zero);
      return static_cast<int64_t>(
          std::clamp(q, static_cast<double>(out.lo), static_cast<double>(out.hi)));
    };
    int64_t low = std::isinf(lo) ? out.lo : stored(lo), high = std::isinf(hi) ? out.hi : stored(hi);
    out.lo = low, out.hi = high;
    return low <= high;
  };
  if (n.opType() == "Relu")
    return narrow(0, INFINITY);
  if (n.opType() != "Clip")
    return false;
  auto bound = [&](unsigned i, StringRef attr, double none) -> std::optional<double> {
    if (n.opset() < 11) {
      auto v = n.f32(attr, none);
      return failed(v) ? std::nullopt : std::optional<double>(*v);
    }
    if (!n.has(i))
      return none;
    auto value = n.constant(i);
    if (!value || !value->getElementType().isF32() || value->getNumElements() != 1)
      return std::nullopt;
    return (*value->getValues<APFloat>().begin()).convertToDouble();
  };
  auto lo = bound(1, "min", -INFINITY), hi = bound(2, "max", INFINITY);
  return lo && hi && narrow(*lo, *hi);
}

static bool isResize(StringRef name) { return name == "Resize" || name == "Upsample"; }

bool dlc::legalize::hasIntegerForm(StringRef name) {
  return name == "Softmax" || isResize(name) || name == "Relu" || name == "Clip" || exactNormalization(name);
}

Value dlc::legalize::quantizedResult(Node &n, Value x, const Format &format) {
  Legalizer &legalizer = n.legalizer();
  Rounding mode = legalizer.getRounding();
  const Origin *origin = legalizer.originOf(x);
  if (mode != Rounding::Onnx && !isByte(format.storage))
    return {};
  Format out = format;
  while (origin && (origin->name == "Relu" || origin->name == "Clip")) {
    Node activation = legalizer.recall(*origin, n.b);
    if (!boundBy(activation, out, mode))
      return {};
    origin = legalizer.originOf(origin->inputs[0]);
  }
  if (!origin)
    return {};
  auto type = cast<RankedTensorType>(x.getType());
  if (out.lo == out.hi) // nothing else lies between the bounds
    return type.hasStaticShape() ? n.constantTensor(DenseElementsAttr::get(
                                       type.clone(out.storage), APInt(out.storage.getIntOrFloatBitWidth(), out.lo,
                                                                      /*isSigned=*/false, /*implicitTrunc=*/true)))
                                 : Value();
  // What TensorFlow Lite does not have is as ONNX says.
  ExactFn exact = exactNormalization(origin->name);
  if (mode == Rounding::Onnx && origin->name == "Softmax")
    exact = exactSoftmax;
  else if (mode == Rounding::Onnx && isResize(origin->name))
    exact = exactResize;
  if (exact) {
    Node node = legalizer.recall(*origin, n.b);
    Value wide = exact == exactSoftmax ? wideSoftmax(node, out) : Value();
    return wide ? wide : exact(node, out);
  }
  if (mode == Rounding::Onnx)
    return {};
  QuantizedFn fn = origin ? find(origin->name) : nullptr;
  if (!fn)
    return {};
  Node node = legalizer.recall(*origin, n.b);
  return fn(node, out, mode);
}
