// This file lowers normalizations and norms between quantized tensors as integers: exact sums and sums of
// squares, one reciprocal square root a row, and a product of 64 bits an element.
//
// With d the stored integers less their mean or zero point, times the number of elements where it is the mean, and
// W the sum of d^2 (or N times that, less the square of the sum), a normalized element is d / sqrt(W + E), E being
// epsilon in the same units. E has a relative error of at most 2^-32 for rows that are not all equal up to 2^15
// elements of 8 bits. The reciprocal root has 30 bits, so results are off by at most 2^-29 of themselves and
// 2^-24 of a quantum or so: what comes nearer to a tie than that is taken for one, and goes to the even number.
#include "passes/legalize/Tflite.h"

#include "passes/legalize/Legalizer.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/quantize/Emit.h"

#include <cmath>

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Arithmetic on i64 scalars.
struct Wide {
  ImplicitLocOpBuilder &b;

  Value number(int64_t v) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(v)); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, x, y); }
  Value left(Value x, Value by) { return arith::ShLIOp::create(b, x, by); }
  Value left(Value x, int by) { return by ? left(x, number(by)) : x; }
  /// Of unsigned numbers.
  Value right(Value x, Value by) { return arith::ShRUIOp::create(b, x, by); }
  Value right(Value x, int by) { return by ? right(x, number(by)) : x; }
  Value signedRight(Value x, int by) { return arith::ShRSIOp::create(b, x, number(by)); }
  Value extended(Value x, bool isUnsigned = false) {
    if (x.getType().isInteger(64))
      return x;
    return isUnsigned ? arith::ExtUIOp::create(b, b.getI64Type(), x).getResult()
                      : arith::ExtSIOp::create(b, b.getI64Type(), x).getResult();
  }
};

/// The square root of w = v * 2^(64 - 2 s), v from 1/4 to 1.
struct Root {
  Value inverse; ///< 2^31 / sqrt(v), to 30 bits
  Value root;    ///< 2^63 * sqrt(v), unsigned, to 30 bits
  Value shift;   ///< s
};

/// A row of dequantized elements along `axes`.
struct Rows {
  Value x; ///< stored integers of 8 or 16 bits
  SmallVector<int64_t> axes;
  int64_t count;
  double scale;
  int64_t zero; ///< as if the storage were signed
  unsigned width;
  bool isUnsigned;

  /// Elements as signed integers of 32 bits.
  Value element(ImplicitLocOpBuilder &b, Value v) const {
    dlc::quantize::Emit e(b);
    return e.add(e.extended(v, isUnsigned), isUnsigned ? -(int64_t(1) << (width - 1)) : 0);
  }
};

/// What stands before each element and beside it: result = gain * normalized + bias, in the shape of the
/// constants (broadcast).
struct Affine {
  SmallVector<double> gain{1.0}, bias{0.0};
  SmallVector<int64_t> gainShape, biasShape;
};
} // namespace

/// `w` is an i64 from 1 to 2^63 - 1.
static Root squareRoot(ImplicitLocOpBuilder &b, Value w) {
  Wide i{b};
  Value zeros = math::CountLeadingZerosOp::create(b, w);
  Value even = arith::AndIOp::create(b, zeros, i.number(62));
  Value v = i.right(i.left(w, even), 32); // 32 bits behind the point
  // A line within 8.6 %, then Newton's y (3 - v y^2) / 2, 31 bits behind the point: 1.1 %, 2^-12, 2^-24.
  Value y = i.sub(i.number(std::llround(std::ldexp(2.13278, 31))),
                  i.right(i.mul(v, i.number(std::llround(std::ldexp(1.21873, 31)))), 32));
  for (int k = 0; k < 3; ++k) {
    Value square = i.right(i.mul(y, y), 32);
    Value rest = i.sub(i.number(int64_t(3) << 31), i.right(i.mul(v, square), 31));
    y = i.right(i.mul(y, i.right(rest, 1)), 31);
  }
  // Once more with all bits: y + y (1 - v y^2) / 2.
  Value p = i.right(i.add(i.mul(v, y), i.number(int64_t(1) << 30)), 31);
  Value rest = i.signedRight(i.sub(i.number(INT64_MIN), i.mul(p, y)), 32);
  y = i.add(y, i.signedRight(i.add(i.mul(y, rest), i.number(int64_t(1) << 31)), 32));
  return {y, i.mul(v, y), i.right(even, 1)};
}

static int bitsOf(double v) { return static_cast<int>(std::ceil(std::log2(v + 1))); }

/// Sum along the rows of what `f` makes of an element (a signed i32): in 32 bits where `most` is below 2^31.
static Value sumOf(Node &n, const Rows &rows, double most, llvm::function_ref<Value(Wide &, Value)> f) {
  Type type = most < 0x1p31 ? n.b.getI32Type() : n.b.getI64Type();
  return n.reduce(rows.x, rows.axes, n.scalarInt(type, 0), [&](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
    Wide i{b};
    Value term = f(i, rows.element(b, v));
    if (term.getType() != type)
      term = type.isInteger(64) ? i.extended(term) : arith::TruncIOp::create(b, type, term).getResult();
    return i.add(term, acc);
  });
}

/// Input 0 along `axes`, when it is dequantized as a whole and its rows have a known size.
static std::optional<Rows> rowsOf(Node &n, Value stored, dlc::nn::DequantizeOp dq, ArrayRef<int64_t> axes) {
  auto type = cast<RankedTensorType>(stored.getType());
  unsigned width = type.getElementTypeBitWidth();
  if ((width != 8 && width != 16) || axes.empty())
    return std::nullopt;
  Rows rows{stored, SmallVector<int64_t>(axes), 1, dq.getScales()[0], dq.getZeroPoints()[0], width, dq.isUnsigned()};
  llvm::sort(rows.axes);
  for (int64_t axis : axes)
    if (type.isDynamicDim(axis) || llvm::MulOverflow(rows.count, type.getDimSize(axis), rows.count))
      return std::nullopt;
  if (rows.isUnsigned)
    rows.zero -= int64_t(1) << (width - 1);
  // N^2 squares fit 62 bits.
  if (rows.count < 1 || rows.count > int64_t(1) << (31 - width))
    return std::nullopt;
  return rows;
}

/// What dequantizes input 0; null where floats do better, which have too few bits for results of 16. (Helium has
/// vectors of floats, and none of 64 bits: half of the cycles.)
static dlc::nn::DequantizeOp quantizedInput(Node &n, const Format &out) {
  auto dq = n.has(0) ? n.in(0).getDefiningOp<dlc::nn::DequantizeOp>() : dlc::nn::DequantizeOp();
  dlc::rt::TargetAttr target = dlc::rt::targetOf(n.op);
  bool vectors = target && target.getFpuF32() && target.getIsa() == "mve";
  bool floats = out.storage.getIntOrFloatBitWidth() <= 8 && (vectors || prefersFloats(n.op));
  return dq && dq.isPerTensor() && !floats ? dq : dlc::nn::DequantizeOp();
}

/// W of rows, at most `most`, times 2^fraction plus E, i64.
struct Squares {
  Value sum; ///< of the elements, null when these are not centred
  Value w;
  int fraction;
};

/// `centred`: around the mean, else around the zero point.
static Squares squaresOf(Node &n, const Rows &rows, bool centred, double epsilon) {
  double half = std::ldexp(1.0, rows.width - 1), count = static_cast<double>(rows.count);
  double least = -half - static_cast<double>(rows.zero), farthest = centred ? half : std::max(-least, least + 2 * half);
  double most = centred ? count * count * half * half : count * farthest * farthest;
  double units = centred ? count * count / (rows.scale * rows.scale) : count / (rows.scale * rows.scale);
  Squares s;
  s.fraction = 62 - bitsOf(most + epsilon * units);
  s.fraction -= s.fraction & 1;
  int64_t whole = std::llround(std::ldexp(epsilon * units, s.fraction));
  Value squares = sumOf(n, rows, count * farthest * farthest, [&](Wide &i, Value v) -> Value {
    if (!centred)
      v = dlc::quantize::Emit(i.b).add(v, -rows.zero);
    if (farthest * farthest >= 0x1p31)
      v = i.extended(v);
    return i.mul(v, v);
  });
  SmallVector<Value> values{squares};
  if (centred) {
    s.sum = sumOf(n, rows, count * half, [](Wide &, Value v) { return v; });
    values.push_back(s.sum);
  }
  s.w = n.map(values, n.b.getI64Type(), [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Wide i{b};
    Value w = i.extended(v[0]);
    if (centred) {
      Value sum = i.extended(v[1]);
      w = i.sub(i.mul(w, i.number(rows.count)), i.mul(sum, sum));
    }
    w = s.fraction >= 0 ? i.left(w, s.fraction) : i.right(w, -s.fraction);
    return whole ? i.add(w, i.number(whole)) : w;
  });
  return s;
}

static Value atLeastOne(Wide &i, Value v) { return arith::MaxSIOp::create(i.b, v, i.number(1)); }

/// Constants of 32 bits where they fit, else 64.
static Value table(Node &n, ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  bool narrow = llvm::all_of(values, [](int64_t v) { return v == static_cast<int32_t>(v); });
  SmallVector<APInt> elements;
  for (int64_t v : values)
    elements.push_back(APInt(narrow ? 32 : 64, v, /*isSigned=*/true));
  auto type = RankedTensorType::get(shape, narrow ? n.b.getI32Type() : n.b.getI64Type());
  return n.constantTensor(DenseElementsAttr::get(type, ArrayRef(elements)));
}

/// The elements of `rows`, less their mean when there is a `sum` (with the axes kept), times `factor` of the row,
/// which is 2^(62 - tall) / sqrt(W) where no element exceeds 2^tall of these, scaled.
static Value normalized(Node &n, const Rows &rows, Value sum, Value factor, double farthest, const Affine &affine,
                        const Format &out) {
  int tall = bitsOf(farthest - 1), fraction = 30 - tall; // of an element in 32 bits
  double gain = 0, offset = 0, scale = out.scale, range = static_cast<double>(out.hi - out.lo) + 1;
  for (double g : affine.gain)
    gain = std::max(gain, std::abs(g) / scale);
  for (double v : affine.bias)
    offset = std::max(offset, std::abs(v) / scale);
  double reach = gain * std::ldexp(1, tall) + offset + range;
  if (!(reach < 0x1p36))
    return {};
  // The gain in 31 bits, the result in 62.
  int shift = std::min(61 - bitsOf(reach), fraction + 30 - (gain > 0 ? std::ilogb(gain) + 1 : 0));
  if (shift < 20)
    return {};
  // What the reciprocal root, the element and the gain lose, in units of the last bit.
  double size = std::min(gain * std::ldexp(1, tall), range + offset);
  int64_t error = std::llround(std::ldexp(size, shift - 29) + std::ldexp(2 * gain, shift - fraction) + 0x1p30) + 1;
  if (error > int64_t(1) << (shift - 3))
    return {};
  SmallVector<int64_t> gains, biases;
  for (double g : affine.gain)
    gains.push_back(std::llround(std::ldexp(g / scale, shift - fraction)));
  for (double v : affine.bias)
    biases.push_back(std::llround(std::ldexp(v / scale, shift)) + (int64_t(1) << (shift - 1)) + error);

  SmallVector<Value> values{rows.x, n.expandDims(factor, rows.axes)};
  if (sum)
    values.push_back(n.expandDims(sum, rows.axes));
  // Constants that are the same everywhere need no operand.
  auto operand = [&](ArrayRef<int64_t> numbers, ArrayRef<int64_t> shape) -> size_t {
    if (llvm::all_equal(numbers))
      return 0;
    values.push_back(table(n, numbers, shape));
    return values.size() - 1;
  };
  size_t gainAt = operand(gains, affine.gainShape), biasAt = operand(biases, affine.biasShape);
  auto result = n.elementwise(values, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Wide i{b};
    dlc::quantize::Emit e(b);
    Value d = rows.element(b, v[0]);
    if (sum) {
      bool wide = !v[2].getType().isInteger(32) || std::ldexp(rows.count, rows.width) >= 0x1p31;
      Type type = wide ? b.getI64Type() : b.getI32Type();
      Value count = arith::ConstantOp::create(b, b.getIntegerAttr(type, rows.count));
      d = i.sub(i.mul(wide ? i.extended(d) : d, count), wide ? i.extended(v[2]) : v[2]);
    } else {
      d = e.add(d, -rows.zero);
    }
    Value y = i.mul(i.extended(d), v[1]);
    y = i.signedRight(i.add(y, i.number(int64_t(1) << 31)), 32);
    y = arith::TruncIOp::create(b, b.getI32Type(), y);
    y = i.mul(i.extended(y), gainAt ? i.extended(v[gainAt]) : i.number(gains[0]));
    y = i.add(y, biasAt ? i.extended(v[biasAt]) : i.number(biases[0]));
    return e.roundedEven(y, shift, 2 * error, out.zero, out.lo, out.hi,
                         b.getIntegerType(out.storage.getIntOrFloatBitWidth()));
  });
  return failed(result) ? Value() : *result;
}

/// 2^(62 - tall) / sqrt(W) of each row (i64), the largest element being 2^tall of its unit at most. `addend` is
/// what comes to sqrt(W), small against it.
static Value factorOf(Node &n, const Squares &s, double farthest, double addend = 0) {
  int bits = 62 - bitsOf(farthest - 1), base = s.fraction / 2 + bits - 63;
  return n.map(s.w, n.b.getI64Type(), [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Wide i{b};
    Root r = squareRoot(b, atLeastOne(i, v[0]));
    Value factor = base >= 0 ? i.left(r.inverse, i.add(r.shift, i.number(base)))
                             : i.right(i.left(r.inverse, 31), i.sub(i.number(31 - base), r.shift));
    if (addend == 0)
      return factor;
    // 1 / (r + a) is 1 / r - a / r^2 but for a square: (factor * 2^-32) * (a 2^k) is a / r in 2^31sts.
    int k = std::min(29 - std::ilogb(addend), 62), down = bits - 32 + k - 31;
    Value part = i.right(i.mul(i.right(factor, 32), i.number(std::llround(std::ldexp(addend, k)))), down);
    return i.sub(factor, i.mul(i.right(factor, 31), part));
  });
}

/// The floats of constant input `i`, which may be quantized; nothing when they are not known.
static std::optional<SmallVector<double>> constantFloats(Node &n, unsigned i) {
  auto dq = n.in(i).getDefiningOp<dlc::nn::DequantizeOp>();
  auto known = dq ? n.legalizer().constant(dq.getInput()) : n.constant(i);
  if (!known || known->getNumElements() == 0)
    return std::nullopt;
  SmallVector<double> values;
  if (dq) {
    int64_t inner = 1, axis = dq.isPerTensor() ? 0 : static_cast<int64_t>(*dq.getAxis());
    for (int64_t d : known->getType().getShape().drop_front(std::min(axis + 1, known->getType().getRank())))
      inner *= d;
    for (APInt v : known->getValues<APInt>()) {
      size_t c = dq.isPerTensor() ? 0 : values.size() / inner % dq.getScales().size();
      int64_t q = dq.isUnsigned() ? static_cast<int64_t>(v.getZExtValue()) : v.getSExtValue();
      values.push_back(static_cast<float>(q - dq.getZeroPoints()[c]) * static_cast<float>(dq.getScales()[c]));
    }
    return values;
  }
  if (!isa<FloatType>(known->getElementType()))
    return std::nullopt;
  for (APFloat v : known->getValues<APFloat>()) {
    bool lost;
    v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    values.push_back(v.convertToDouble());
  }
  return values;
}

/// gamma and beta of inputs `scale` and `scale` + 1 (may be missing); nothing when they are not known.
static std::optional<Affine> affineOf(Node &n, unsigned scale, double factor, bool bias) {
  Affine a;
  a.gain[0] = factor;
  auto read = [&](unsigned input, SmallVector<double> &values, SmallVector<int64_t> &shape, double times) {
    if (!n.has(input))
      return true;
    auto known = constantFloats(n, input);
    if (!known || !llvm::all_of(*known, [](double v) { return std::isfinite(v); }))
      return false;
    shape.assign(n.shape(input).begin(), n.shape(input).end());
    values = *known;
    for (double &v : values)
      v *= times;
    return true;
  };
  if (!read(scale, a.gain, a.gainShape, factor) || (bias && !read(scale + 1, a.bias, a.biasShape, 1)))
    return std::nullopt;
  return a;
}

/// Values a channel as constants for dimension 1 of `rank`.
static void alongChannels(Affine &a, int64_t rank) {
  for (SmallVector<int64_t> *shape : {&a.gainShape, &a.biasShape})
    if (shape->size() == 1)
      shape->append(rank - 2, 1);
}

/// Around the mean of each row: sqrt(N - 1) is the largest result there is.
static Value centredRows(Node &n, const Rows &rows, double epsilon, double addend, const Affine &affine,
                         const Format &out) {
  if (!(epsilon >= 0) || !(epsilon * rows.count * rows.count / (rows.scale * rows.scale) < 0x1p60))
    return {};
  double farthest = std::max(1.0, std::sqrt(rows.count - 1.0));
  double units = addend * static_cast<double>(rows.count) / rows.scale;
  if (units > farthest * 0x1p-14)
    return {};
  Squares s = squaresOf(n, rows, /*centred=*/true, epsilon);
  return normalized(n, rows, s.sum, factorOf(n, s, farthest, units < farthest * 0x1p-40 ? 0 : units), farthest, affine, out);
}

/// Around the zero point: no element exceeds the root.
static Value plainRows(Node &n, const Rows &rows, double epsilon, const Affine &affine, const Format &out) {
  if (!(epsilon >= 0) || !(epsilon * rows.count / (rows.scale * rows.scale) < 0x1p60))
    return {};
  Squares s = squaresOf(n, rows, /*centred=*/false, epsilon);
  return normalized(n, rows, Value(), factorOf(n, s, 1), 1, affine, out);
}

static Value layerNormalization(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto axisAttr = n.i64("axis", -1);
  auto epsilon = n.f32("epsilon", 1e-5);
  auto axis = failed(axisAttr) ? axisAttr : n.axis(*axisAttr, n.rank(0));
  if (!dq || failed(axis) || failed(epsilon))
    return {};
  auto rows = rowsOf(n, dq.getInput(), dq, llvm::to_vector(llvm::seq<int64_t>(*axis, n.rank(0))));
  bool root = n.opType() == "RMSNormalization";
  auto affine = rows ? affineOf(n, 1, root ? std::sqrt(static_cast<double>(rows->count)) : 1, !root) : std::nullopt;
  if (!affine)
    return {};
  return root ? plainRows(n, *rows, *epsilon, *affine, out) : centredRows(n, *rows, *epsilon, 0, *affine, out);
}

static Value instanceNormalization(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto epsilon = n.f32("epsilon", 1e-5);
  if (!dq || failed(epsilon))
    return {};
  auto rows = rowsOf(n, dq.getInput(), dq, llvm::to_vector(llvm::seq<int64_t>(2, n.rank(0))));
  auto affine = rows ? affineOf(n, 1, 1, true) : std::nullopt;
  if (!affine)
    return {};
  alongChannels(*affine, n.rank(0));
  return centredRows(n, *rows, *epsilon, 0, *affine, out);
}

static Value groupNormalization(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto epsilon = n.f32("epsilon", 1e-5);
  auto groups = n.i64("num_groups");
  if (!dq || failed(epsilon) || failed(groups))
    return {};
  int64_t rank = n.rank(0), channels = n.type(0).getDimSize(1);
  auto affine = affineOf(n, 1, 1, true);
  if (!affine || ShapedType::isDynamic(channels))
    return {};
  SmallVector<OpFoldResult> sizes = n.sizes(dq.getInput()), split(sizes);
  split[1] = n.b.getIndexAttr(*groups);
  split.insert(split.begin() + 2, n.b.getIndexAttr(channels / *groups));
  auto rows = rowsOf(n, n.reshape(dq.getInput(), split), dq, llvm::to_vector(llvm::seq<int64_t>(2, rank + 1)));
  if (!rows)
    return {};
  if (n.opset() < 21) {
    alongChannels(*affine, rank + 1);
  } else {
    for (SmallVector<int64_t> *shape : {&affine->gainShape, &affine->biasShape}) {
      shape->assign({*groups, channels / *groups});
      shape->append(rank - 2, 1);
    }
  }
  Value y = centredRows(n, *rows, *epsilon, 0, *affine, out);
  return y ? n.reshape(y, sizes) : Value();
}

static Value meanVarianceNormalization(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto given = n.ints("axes", SmallVector<int64_t>{0, 2, 3});
  if (!dq || failed(given))
    return {};
  SmallVector<int64_t> axes;
  for (int64_t a : *given) {
    auto axis = n.axis(a, n.rank(0));
    if (failed(axis))
      return {};
    axes.push_back(*axis);
  }
  auto rows = rowsOf(n, dq.getInput(), dq, axes);
  return rows ? centredRows(n, *rows, 0, 1e-9, {}, out) : Value();
}

/// Sum of magnitudes of each row, around the zero point.
static Value magnitudes(Node &n, const Rows &rows) {
  return sumOf(n, rows, std::ldexp(static_cast<double>(rows.count), rows.width), [&](Wide &i, Value v) -> Value {
    return math::AbsIOp::create(i.b, dlc::quantize::Emit(i.b).add(v, -rows.zero));
  });
}

static Value lpNormalization(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto axisAttr = n.i64("axis", -1), p = n.i64("p", 2);
  auto axis = failed(axisAttr) ? axisAttr : n.axis(*axisAttr, n.rank(0));
  if (!dq || failed(axis) || failed(p))
    return {};
  auto rows = rowsOf(n, dq.getInput(), dq, {*axis});
  if (!rows)
    return {};
  if (*p == 2)
    return plainRows(n, *rows, 0, {}, out);
  Value factor = n.map(magnitudes(n, *rows), n.b.getI64Type(), [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Wide i{b};
    Value sum = atLeastOne(i, i.extended(v[0]));
    return arith::DivUIOp::create(b, i.add(i.number(int64_t(1) << 62), i.right(sum, 1)), sum);
  });
  return normalized(n, *rows, Value(), factor, 1, {}, out);
}

//===--- Norms ------------------------------------------------------------===//

/// ReduceL1, ReduceL2, ReduceSumSquare.
static Value norm(Node &n, const Format &out) {
  auto dq = quantizedInput(n, out);
  auto keep = n.i64("keepdims", 1), noop = n.i64("noop_with_empty_axes", 0);
  if (!dq || failed(keep) || failed(noop) || (n.has(1) && !n.constant(1)))
    return {};
  bool none = n.has(1) && n.type(1).getNumElements() == 0;
  auto given = n.axes("axes", none ? -1 : 1, n.rank(0));
  if (failed(given))
    return {};
  SmallVector<int64_t> axes;
  if (*given && !(*given)->empty())
    axes = **given;
  else if (*noop)
    return {};
  else
    axes = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
  auto rows = rowsOf(n, dq.getInput(), dq, axes);
  if (!rows)
    return {};
  Type storage = n.b.getIntegerType(out.storage.getIntOrFloatBitWidth());
  double half = std::ldexp(1.0, rows->width - 1), zero = static_cast<double>(rows->zero);
  double farthest = std::max(half + zero, half - 1 - zero), count = static_cast<double>(rows->count);
  double scale = rows->scale / out.scale;
  Value y;
  if (n.opType() == "ReduceL2") {
    // The root in 31 bits, then a product of 64.
    int fraction = 30 - bitsOf(std::sqrt(count) * farthest);
    double reach = scale * std::sqrt(count) * farthest + static_cast<double>(out.hi - out.lo) + 1;
    int shift = std::min(61 - bitsOf(reach), fraction + 30 - (std::ilogb(scale) + 1));
    if (!(reach < 0x1p36) || shift < 20 || fraction < 0)
      return {};
    int64_t gain = std::llround(std::ldexp(scale, shift - fraction));
    int64_t error = std::llround(std::ldexp(reach, shift - 29) + std::ldexp(scale, shift - fraction) + std::ldexp(1, 30)) + 1;
    if (error > int64_t(1) << (shift - 3))
      return {};
    Squares s = squaresOf(n, *rows, /*centred=*/false, 0);
    y = n.map(s.w, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Wide i{b};
      Root r = squareRoot(b, atLeastOne(i, v[0]));
      // sqrt(W) = root 2^-63 2^(32 - s) 2^(-fraction of W / 2); a zero has no such root.
      Value by = arith::MinSIOp::create(b, i.add(r.shift, i.number(31 + s.fraction / 2 - fraction)), i.number(63));
      Value rounding = i.right(i.left(i.number(1), by), 1);
      Value root = i.right(i.add(i.right(r.root, 1), i.right(rounding, 1)), i.sub(by, i.number(1)));
      Value zero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, v[0], i.number(0));
      root = arith::SelectOp::create(b, zero, i.number(0), root);
      Value t = i.add(i.mul(root, i.number(gain)), i.number((int64_t(1) << (shift - 1)) + error));
      return dlc::quantize::Emit(b).roundedEven(t, shift, 2 * error, out.zero, out.lo, out.hi, storage);
    });
  } else {
    bool squares = n.opType() == "ReduceSumSquare";
    double most = count * (squares ? farthest * farthest : farthest);
    dlc::quantize::Problem problem{squares ? scale * rows->scale : scale, 0, out.zero, out.lo, out.hi, 0,
                                   static_cast<int64_t>(most)};
    Value sum;
    if (squares)
      sum = sumOf(n, *rows, most, [&](Wide &i, Value v) -> Value {
        v = dlc::quantize::Emit(i.b).add(v, -rows->zero);
        if (farthest * farthest >= 0x1p31)
          v = i.extended(v);
        return i.mul(v, v);
      });
    else
      sum = magnitudes(n, *rows);
    bool found = true;
    y = n.map(sum, out.storage, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Value q = dlc::quantize::Emit(b).nearest(problem, v[0], storage);
      found = static_cast<bool>(q);
      return found ? q : arith::ConstantOp::create(b, b.getIntegerAttr(storage, 0)).getResult();
    });
    if (!found)
      return {};
  }
  return *keep ? n.expandDims(y, rows->axes) : y;
}

ExactFn dlc::legalize::exactNormalization(StringRef name) {
  static const llvm::StringMap<ExactFn> table = {
      {"LayerNormalization", layerNormalization},
      {"RMSNormalization", layerNormalization},
      {"InstanceNormalization", instanceNormalization},
      {"GroupNormalization", groupNormalization},
      {"MeanVarianceNormalization", meanVarianceNormalization},
      {"LpNormalization", lpNormalization},
      {"ReduceL1", norm},
      {"ReduceL2", norm},
      {"ReduceSumSquare", norm},
  };
  return table.lookup(name);
}
