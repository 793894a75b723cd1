// This file lowers Resize and Upsample of all opsets.
//
// Interpolation is separable: each resized dimension has a table of the source
// positions and weights for each of its output positions. Tables are constants
// when sizes and scales are, and computed at run time otherwise.
#include "passes/legalize/Legalizer.h"
#include "passes/legalize/Num.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Resize.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
enum class Mode { Nearest, Linear, Cubic };

struct Attributes {
  Mode mode = Mode::Nearest;
  std::string transform = "half_pixel", rounding = "round_prefer_floor";
  double cubicA = -0.75, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};

/// One resized dimension. The roi is [0, 1] except for tf_crop_and_resize.
struct Axis {
  int64_t dim;
  OpFoldResult in, out;
  Num scale;
  /// scale * in: may be fractional.
  Num length;
  Num roiStart, roiEnd;
  /// A bound below the scale, for antialias.
  double leastScale;
};

/// What an output position reads: `taps` neighbours from `first` on, weighted.
struct Taps {
  Num first;
  SmallVector<Num> weights;
};

/// The tables of one dimension: [out, taps] of indices and weights, and [out]
/// of whether a position lies outside (tf_crop_and_resize), or null.
struct Tables {
  Value indices, weights, outside;
  int64_t taps;
};
} // namespace

/// The position in the input that output position `x` stands for.
static Num sourcePosition(const Attributes &attrs, const Axis &axis,
                          const Num &x, ImplicitLocOpBuilder &b) {
  Num in = Num::fromIndex(b, axis.in), one(b, 1), zero(b, 0);
  Num scale = axis.scale.at(b), length = axis.length.at(b);
  const std::string &t = attrs.transform;
  if (t == "asymmetric")
    return x / scale;
  if (t == "align_corners")
    return length.ifEqual(one, zero, x * (in - 1) / (length - 1));
  if (t == "tf_half_pixel_for_nn")
    return (x + 0.5) / scale;
  if (t == "tf_crop_and_resize") {
    Num start = axis.roiStart.at(b), end = axis.roiEnd.at(b);
    Num middle = (start + end) * (in - 1) * 0.5;
    Num spread = start * (in - 1) + x * (end - start) * (in - 1) / (length - 1);
    return length.ifEqual(one, middle, spread);
  }
  Num halfPixel = (x + 0.5) / scale - 0.5;
  if (t == "pytorch_half_pixel")
    return length.ifEqual(one, zero, halfPixel);
  if (t == "half_pixel_symmetric") {
    Num adjustment = Num::fromIndex(b, axis.out) / length;
    return in * 0.5 * (one - adjustment) + halfPixel;
  }
  return halfPixel;
}

/// Keys' kernel at distance |x|.
static Num cubicKernel(const Num &x, double a, ImplicitLocOpBuilder &b) {
  Num d = x.abs();
  Num near = (d * (a + 2) - (a + 3)) * d * d + 1;
  Num far = ((d * a - 5 * a) * d + 8 * a) * d - 4 * a;
  return d.ifLess(Num(b, 1), near, d.ifLess(Num(b, 2), far, Num(b, 0)));
}

/// How many neighbours a position reads; antialiasing widens the kernel of a
/// scale below 1.
static int64_t tapCount(const Attributes &attrs, const Axis &axis) {
  if (attrs.mode == Mode::Nearest)
    return 1;
  double support = attrs.mode == Mode::Linear ? 1 : 2;
  double shrink = attrs.antialias ? std::min(1.0, axis.leastScale) : 1;
  return 2 - 2 * static_cast<int64_t>(std::floor(-support / shrink) + 1);
}

static Taps tapsAt(const Attributes &attrs, const Axis &axis,
                   const Num &position, int64_t taps, ImplicitLocOpBuilder &b) {
  Num one(b, 1), zero(b, 0), half(b, 0.5);
  if (attrs.mode == Mode::Nearest) {
    Num below = position.floor(), ratio = position - below,
        above = position.ceil();
    if (attrs.rounding == "floor")
      return {below, {one}};
    if (attrs.rounding == "ceil")
      return {above, {one}};
    Num up = attrs.rounding == "round_prefer_ceil"
                 ? ratio.ifLess(half, below, above)
                 : half.ifLess(ratio, above, below);
    return {up, {one}};
  }
  // The neighbour on the left is the base, so that the ratio is in (0, 1].
  Num base = position.ceil() - 1, ratio = position - base;
  Num first = base - static_cast<double>(taps / 2 - 1);
  Num shrink = attrs.antialias ? axis.scale.at(b).min(one) : one;
  SmallVector<Num> weights;
  Num sum = zero;
  for (int64_t t = 0; t < taps; ++t) {
    Num distance =
        (Num(b, static_cast<double>(t - (taps / 2 - 1))) - ratio) * shrink;
    Num w = attrs.mode == Mode::Linear ? (one - distance.abs()).max(zero)
                                       : cubicKernel(distance, attrs.cubicA, b);
    if (attrs.excludeOutside) {
      Num at = first + static_cast<double>(t);
      Num last = Num::fromIndex(b, axis.in) - 1;
      w = at.ifLess(zero, zero, last.ifLess(at, zero, w));
    }
    weights.push_back(w);
    sum = sum + w;
  }
  if (attrs.excludeOutside || attrs.antialias)
    for (Num &w : weights)
      w = w / sum;
  return {first, weights};
}

/// Builds the tables of a dimension; `type` is that of the weights.
static Tables buildTables(Node &n, const Attributes &attrs, const Axis &axis,
                          Type type) {
  int64_t taps = tapCount(attrs, axis);
  bool crop = attrs.transform == "tf_crop_and_resize";
  Type i32 = n.b.getI32Type();
  auto in = getConstantIntValue(axis.in), out = getConstantIntValue(axis.out);
  OpFoldResult width = n.b.getIndexAttr(taps);
  if (in && out && axis.scale.constant() && axis.length.constant() &&
      axis.roiStart.constant() && axis.roiEnd.constant() &&
      *out * taps <= (1 << 22)) {
    SmallVector<int32_t> indices;
    SmallVector<Attribute> weights;
    SmallVector<bool> outside;
    for (int64_t o = 0; o < *out; ++o) {
      Num position =
          sourcePosition(attrs, axis, Num(n.b, static_cast<double>(o)), n.b);
      double p = *position.constant();
      // Absurd scales: anything far outside reads the edge.
      p = std::isfinite(p) ? std::clamp(p, -1e9, 1e9) : 0;
      Taps t = tapsAt(attrs, axis, Num(n.b, p), taps, n.b);
      outside.push_back(crop && (p < 0 || p > *in - 1));
      for (int64_t k = 0; k < taps; ++k) {
        double i = std::clamp<double>(*t.first.constant() + k, 0, *in - 1);
        indices.push_back(static_cast<int32_t>(i));
        weights.push_back(n.b.getFloatAttr(type, *t.weights[k].constant()));
      }
    }
    SmallVector<int64_t> shape = {*out, taps};
    auto table = [&](ArrayRef<int64_t> shape, Type element) {
      return RankedTensorType::get(shape, element);
    };
    Tables t;
    t.taps = taps;
    t.indices = n.constantTensor(
        DenseElementsAttr::get(table(shape, i32), ArrayRef(indices)));
    t.weights =
        n.constantTensor(DenseElementsAttr::get(table(shape, type), weights));
    if (crop && llvm::is_contained(outside, true))
      t.outside = n.constantTensor(DenseElementsAttr::get(
          table(*out, n.b.getI1Type()), ArrayRef(outside)));
    return t;
  }
  auto position = [&](ImplicitLocOpBuilder &b, Value x) {
    return sourcePosition(attrs, axis, Num::fromIndex(b, x), b);
  };
  Tables t;
  t.taps = taps;
  t.indices = n.generate(
      {axis.out, width}, i32,
      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
        Taps here = tapsAt(attrs, axis, position(b, at[0]), taps, b);
        Num last = Num::fromIndex(b, axis.in) - 1;
        Num i =
            (here.first + Num::fromIndex(b, at[1])).min(last).max(Num(b, 0));
        return arith::FPToSIOp::create(b, i32, i.value());
      });
  t.weights = n.generate(
      {axis.out, width}, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Taps here = tapsAt(attrs, axis, position(b, at[0]), taps, b);
        Value w = here.weights[0].value(type);
        for (int64_t k = 1; k < taps; ++k) {
          Value mine =
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq, at[1],
                                    arith::ConstantIndexOp::create(b, k));
          w = arith::SelectOp::create(b, mine, here.weights[k].value(type), w);
        }
        return w;
      });
  if (crop)
    t.outside = n.generate(
        axis.out, n.b.getI1Type(),
        [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
          Value p = position(b, at[0]).value();
          Value last = (Num::fromIndex(b, axis.in) - 1).value();
          Value low = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, p,
                                            Num(b, 0).value());
          Value high =
              arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, p, last);
          return arith::OrIOp::create(b, low, high);
        });
  return t;
}

/// The whole factor when the table repeats each input that many times; else 0.
static int64_t repeatFactor(Node &n, const Axis &axis, const Tables &tables) {
  auto in = getConstantIntValue(axis.in), out = getConstantIntValue(axis.out);
  auto known = n.legalizer().constant(tables.indices);
  if (!known || !in || !out || *in == 0 || *out % *in != 0)
    return 0;
  int64_t factor = *out / *in;
  for (auto [o, i] : llvm::enumerate(known->getValues<int32_t>()))
    if (i != static_cast<int64_t>(o) / factor)
      return 0;
  return factor;
}

/// Nearest: one read for each output element.
static FailureOr<Value> pick(Node &n, Value x, ArrayRef<Axis> axes,
                             ArrayRef<Tables> tables) {
  SmallVector<OpFoldResult> to = n.sizes(x), wide;
  SmallVector<int64_t> unit, factors(to.size(), 1);
  bool repeats = true;
  for (auto [axis, t] : llvm::zip_equal(axes, tables)) {
    factors[axis.dim] = repeatFactor(n, axis, t);
    repeats &= factors[axis.dim] != 0;
    to[axis.dim] = axis.out;
  }
  if (repeats) {
    // [h, w] -> [h, 1, w, 1] -> [h, s, w, s]: a broadcast, which fuses.
    for (auto [d, s] : llvm::enumerate(n.sizes(x))) {
      wide.push_back(s);
      if (factors[d] != 1) {
        unit.push_back(wide.size());
        wide.push_back(n.b.getIndexAttr(factors[d]));
      }
    }
    auto spread = n.broadcastTo(n.expandDims(x, unit), wide);
    if (failed(spread))
      return failure();
    return n.reshape(*spread, to);
  }
  int64_t rank = to.size();
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [axis, t] : llvm::zip_equal(axes, tables)) {
    operands.push_back(t.indices);
    maps.push_back(AffineMap::get(
        rank, 0, {n.b.getAffineDimExpr(axis.dim), n.b.getAffineConstantExpr(0)},
        n.b.getContext()));
  }
  maps.push_back(n.b.getMultiDimIdentityMap(rank));
  Value init = n.empty(to, getElementTypeOrSelf(x.getType()));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<Value> source;
    for (int64_t d = 0; d < rank; ++d)
      source.push_back(linalg::IndexOp::create(b, d));
    for (auto [k, axis] : llvm::enumerate(axes))
      source[axis.dim] =
          arith::IndexCastOp::create(b, b.getIndexType(), args[k]);
    linalg::YieldOp::create(
        b, tensor::ExtractOp::create(b, x, source).getResult());
  };
  return linalg::GenericOp::create(n.b, init.getType(), operands, init, maps,
                                   loops, body)
      .getResult(0);
}

/// Weighs the neighbours along one dimension; x has elements of type `from`, the result
/// and the weights of type `type`.
static Value interpolate(Node &n, Value x, const Axis &axis, const Tables &t,
                         Type from, Type type) {
  SmallVector<OpFoldResult> to = n.sizes(x);
  to[axis.dim] = axis.out;
  int64_t rank = to.size();
  // Few taps are written out; many are a loop.
  bool unrolled = t.taps <= 8;
  int64_t dims = unrolled ? rank : rank + 1, count = unrolled ? t.taps : 1;
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (Value table : {t.indices, t.weights})
    for (int64_t k = 0; k < count; ++k) {
      operands.push_back(table);
      AffineExpr tap =
          unrolled ? n.b.getAffineConstantExpr(k) : n.b.getAffineDimExpr(rank);
      maps.push_back(AffineMap::get(
          dims, 0, {n.b.getAffineDimExpr(axis.dim), tap}, n.b.getContext()));
    }
  SmallVector<AffineExpr> own;
  for (int64_t d = 0; d < rank; ++d)
    own.push_back(n.b.getAffineDimExpr(d));
  maps.push_back(AffineMap::get(dims, 0, own, n.b.getContext()));
  Value init = unrolled ? n.empty(to, type) : n.fill(to, n.scalar(type, 0));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  if (!unrolled)
    loops.push_back(utils::IteratorType::reduction);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value sum = unrolled ? Value() : args.back();
    for (int64_t k = 0; k < count; ++k) {
      SmallVector<Value> source;
      for (int64_t d = 0; d < rank; ++d)
        source.push_back(linalg::IndexOp::create(b, d));
      source[axis.dim] =
          arith::IndexCastOp::create(b, b.getIndexType(), args[k]);
      Value v = Node::castScalar(b, extract(b, x, source), from, type);
      Value w = args[count + k];
      Value product = isa<FloatType>(type) ? arith::MulFOp::create(b, v, w).getResult()
                                           : arith::MulIOp::create(b, v, w).getResult();
      if (!sum)
        sum = product;
      else
        sum = isa<FloatType>(type) ? arith::AddFOp::create(b, sum, product).getResult()
                                   : arith::AddIOp::create(b, sum, product).getResult();
    }
    linalg::YieldOp::create(b, sum);
  };
  return linalg::GenericOp::create(n.b, init.getType(), operands, init, maps,
                                   loops, body)
      .getResult(0);
}

/// Everything outside becomes the extrapolation value.
static Value extrapolate(Node &n, Value x, ArrayRef<Axis> axes,
                         ArrayRef<Tables> tables, double value) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<Value> operands = {x};
  SmallVector<AffineMap> maps = {n.b.getMultiDimIdentityMap(type.getRank())};
  for (auto [axis, t] : llvm::zip_equal(axes, tables))
    if (t.outside) {
      operands.push_back(t.outside);
      maps.push_back(
          AffineMap::get(type.getRank(), 0, n.b.getAffineDimExpr(axis.dim)));
    }
  if (operands.size() == 1)
    return x;
  maps.push_back(maps.front());
  Type element = type.getElementType();
  Value init = n.empty(n.sizes(x), element);
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value fill = Num(b, value).value(b.getF64Type());
    fill = fromSignless(b, Node::castScalar(b, fill, b.getF64Type(), element),
                        element);
    Value result = args[0];
    for (Value outside : args.drop_front().drop_back())
      result = arith::SelectOp::create(b, outside, fill, result);
    linalg::YieldOp::create(b, result);
  };
  return linalg::GenericOp::create(n.b, init.getType(), operands, init, maps,
                                   loops, body)
      .getResult(0);
}

static FailureOr<Attributes> readAttributes(Node &n, bool resize11) {
  Attributes a;
  auto mode = n.str("mode", "nearest");
  if (failed(mode))
    return failure();
  if (*mode == "nearest")
    a.mode = Mode::Nearest;
  else if (*mode == "linear" || *mode == "bilinear")
    a.mode = Mode::Linear;
  else if (*mode == "cubic" && resize11)
    a.mode = Mode::Cubic;
  else
    return n.error("mode '" + *mode + "' is unknown",
                   "expected nearest, linear or cubic");
  if (!resize11) {
    a.transform = "asymmetric";
    a.rounding = "floor";
    return a;
  }
  auto transform = n.str("coordinate_transformation_mode", "half_pixel");
  auto rounding = n.str("nearest_mode", "round_prefer_floor");
  auto cubicA = n.f32("cubic_coeff_a", -0.75),
       extrapolation = n.f32("extrapolation_value", 0.0);
  auto exclude = n.i64("exclude_outside", 0), antialias = n.i64("antialias", 0);
  if (failed(transform) || failed(rounding) || failed(cubicA) ||
      failed(extrapolation) || failed(exclude) || failed(antialias))
    return failure();
  static constexpr StringRef transforms[] = {
      "half_pixel",          "half_pixel_symmetric", "pytorch_half_pixel",
      "align_corners",       "asymmetric",           "tf_crop_and_resize",
      "tf_half_pixel_for_nn"};
  static constexpr StringRef roundings[] = {
      "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  if (!llvm::is_contained(transforms, *transform))
    return n.error("coordinate_transformation_mode '" + *transform +
                   "' is unknown");
  if (!llvm::is_contained(roundings, *rounding))
    return n.error("nearest_mode '" + *rounding + "' is unknown");
  a.transform = *transform;
  a.rounding = *rounding;
  a.cubicA = *cubicA;
  a.extrapolation = *extrapolation;
  // A neighbour of nearest is always inside.
  a.excludeOutside = *exclude && a.mode != Mode::Nearest;
  a.antialias = *antialias && a.mode != Mode::Nearest;
  return a;
}

/// Element `e` of the 1-D float input `i`, at compile time or at run time.
static Num floatAt(Node &n, unsigned i, int64_t e) {
  if (auto known = n.constant(i)) {
    APFloat v = *(known->value_begin<APFloat>() + e);
    bool lost;
    v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return Num(n.b, v.convertToDouble());
  }
  Value v = extract(n.b, n.in(i), n.index(e));
  return Num(n.b, Node::castScalar(n.b, v, v.getType(), n.b.getF64Type()));
}

/// Whether input `i` is given and holds something; checks that it is a float
/// vector of `count` elements.
static FailureOr<bool> givenFloats(Node &n, unsigned i, int64_t count,
                                   StringRef what) {
  if (!n.has(i) || !isa<RankedTensorType>(n.in(i).getType()) ||
      n.type(i).getShape() == ArrayRef<int64_t>{0})
    return false;
  if (n.rank(i) != 1 || !isa<FloatType>(n.elementType(i)) ||
      n.shape(i)[0] != count)
    return n.error("input " + Twine(i) + " (" + what +
                   ") must be a float vector of " + Twine(count) + " elements");
  return true;
}

/// The dimensions that `axes` names, with output sizes and scales.
static FailureOr<SmallVector<Axis>> readAxes(Node &n, const Attributes &attrs,
                                             bool resize11) {
  int64_t rank = n.rank(0);
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto given = n.axes("axes", -1, rank);
  auto policy = n.str("keep_aspect_ratio_policy", "stretch");
  if (failed(given) || failed(policy))
    return failure();
  if (*given)
    dims = **given;
  if (*policy != "stretch" && *policy != "not_larger" &&
      *policy != "not_smaller")
    return n.error("keep_aspect_ratio_policy '" + *policy + "' is unknown",
                   "expected stretch, not_larger or not_smaller");
  int64_t count = dims.size();
  SmallVector<Num> scales;
  SmallVector<OpFoldResult> wanted;
  unsigned scalesInput = resize11 ? 2 : 1;
  if (n.opType() == "Upsample" && n.opset() < 9) {
    SmallVector<double> values;
    if (n.hasAttr("scales")) {
      auto v = n.floats("scales");
      if (failed(v))
        return failure();
      values = *v;
    } else {
      auto h = n.f32("height_scale"), w = n.f32("width_scale");
      if (failed(h) || failed(w))
        return failure();
      values = {1, 1, *h, *w};
    }
    if (static_cast<int64_t>(values.size()) != rank)
      return n.error("scales has " + Twine(values.size()) +
                     " elements, expected " + Twine(rank));
    for (double v : values)
      scales.push_back(Num(n.b, v));
  } else {
    auto byScale = givenFloats(n, scalesInput, count, "scales");
    if (failed(byScale))
      return failure();
    if (*byScale) {
      for (int64_t i = 0; i < count; ++i)
        scales.push_back(floatAt(n, scalesInput, i));
    } else if (resize11 && n.has(3)) {
      auto v = n.indexVector(3, "sizes");
      if (failed(v))
        return failure();
      wanted = *v;
      if (static_cast<int64_t>(wanted.size()) != count)
        return n.error("sizes has " + Twine(wanted.size()) +
                       " elements, expected " + Twine(count));
    } else {
      return n.error("neither scales nor sizes are given");
    }
  }
  bool crop = attrs.transform == "tf_crop_and_resize";
  SmallVector<Num> starts(count, Num(n.b, 0)), ends(count, Num(n.b, 1));
  if (crop) {
    auto roi = givenFloats(n, 1, 2 * count, "roi");
    if (failed(roi))
      return failure();
    if (!*roi)
      return n.error("tf_crop_and_resize needs a roi");
    for (int64_t i = 0; i < count; ++i) {
      starts[i] = floatAt(n, 1, i);
      ends[i] = floatAt(n, 1, count + i);
    }
  }
  // One common scale for all axes.
  std::optional<Num> common;
  if (!wanted.empty() && *policy != "stretch")
    for (auto [i, d] : llvm::enumerate(dims)) {
      Num s = Num::fromIndex(n.b, wanted[i]) /
              Num::fromIndex(n.b, n.size(n.in(0), d));
      common = !common                   ? s
               : *policy == "not_larger" ? common->min(s)
                                         : common->max(s);
    }
  RankedTensorType declared = n.declared(0);
  SmallVector<Axis> axes;
  for (auto [i, d] : llvm::enumerate(dims)) {
    OpFoldResult in = n.size(n.in(0), d), out;
    Num inNum = Num::fromIndex(n.b, in);
    std::optional<int64_t> promised;
    if (declared && declared.getRank() == rank && !declared.isDynamicDim(d))
      promised = declared.getDimSize(d);
    auto sizeFrom = [&](const Num &v) -> FailureOr<OpFoldResult> {
      if (auto c = v.constant()) {
        if (!(*c >= 0 && *c < 1e12))
          return n.error("dimension " + Twine(d) + " would have the size " +
                         std::to_string(*c));
        return OpFoldResult(n.b.getIndexAttr(static_cast<int64_t>(*c)));
      }
      if (promised)
        return OpFoldResult(n.b.getIndexAttr(*promised));
      return OpFoldResult(n.max(v.toIndex(), n.b.getIndexAttr(0)));
    };
    Num scale(n.b, 1), length(n.b, 0);
    if (!scales.empty()) {
      scale = scales[i];
      if (auto c = scale.constant(); c && !(*c > 0 && *c < 1e9))
        return n.error("scale " + std::to_string(*c) + " of dimension " +
                       Twine(d) + " is out of range");
      length = inNum * scale;
      Num part = crop ? (ends[i] - starts[i]) * length : length;
      auto size = sizeFrom(part.floor());
      if (failed(size))
        return failure();
      out = *size;
    } else if (common) {
      scale = *common;
      auto size = sizeFrom((scale * inNum + 0.5).floor());
      if (failed(size))
        return failure();
      out = *size;
      length = scale * inNum;
    } else {
      out = wanted[i];
      if (!getConstantIntValue(out) && promised)
        out = n.b.getIndexAttr(*promised);
      length = Num::fromIndex(n.b, out);
      scale = length / inNum;
    }
    if (failed(n.checkSizes(out)))
      return failure();
    if (getConstantIntValue(in) == 0 && getConstantIntValue(out) != 0)
      return n.error("dimension " + Twine(d) +
                     " is empty and cannot be resized");
    bool same = Node::sameSize(in, out) && scale.constant() == 1.0 &&
                starts[i].constant() == 0.0 && ends[i].constant() == 1.0;
    if (same && getConstantIntValue(out) != 0)
      continue;
    // out = floor(in * scale), so out / in is never more than the scale.
    double least = scale.constant().value_or(0);
    auto knownIn = getConstantIntValue(in), knownOut = getConstantIntValue(out);
    if (!scale.constant() && knownIn && knownOut && !crop && *knownIn > 0)
      least = static_cast<double>(*knownOut) / *knownIn;
    if (attrs.antialias && least < 1e-4)
      return n.error(
          "antialias needs scales of at least 0.0001 that are known at "
          "compile time");
    axes.push_back({static_cast<int64_t>(d), in, out, scale, length, starts[i],
                    ends[i], least});
  }
  return axes;
}

/// Weights in units of 2^-bits, which are what they are exactly, and one in sum.
static std::optional<DenseElementsAttr> wholeWeights(Node &n, const Tables &t, int bits) {
  auto known = n.legalizer().constant(t.weights);
  if (!known || t.outside || t.taps == 0)
    return std::nullopt;
  SmallVector<int16_t> values;
  int64_t sum = 0;
  for (APFloat v : known->getValues<APFloat>()) {
    double w = std::ldexp(v.convertToDouble(), bits);
    if (w < 0 || w != std::floor(w) || w > (1 << bits))
      return std::nullopt;
    values.push_back(static_cast<int16_t>(w));
    sum += values.back();
    if (values.size() % t.taps == 0 && std::exchange(sum, 0) != (1 << bits))
      return std::nullopt;
  }
  return DenseElementsAttr::get(
      RankedTensorType::get(known->getType().getShape(), n.b.getI16Type()), ArrayRef(values));
}

/// Interpolation of a dequantized 8-bit tensor as integers of 16 bits that hold every
/// result exactly, dequantized by a finer scale; null when they do not.
static Value interpolateIntegers(Node &n, ArrayRef<Axis> axes, ArrayRef<Tables> tables) {
  auto dq = n.in(0).getDefiningOp<dlc::nn::DequantizeOp>();
  if (!dq || !dq.isPerTensor() || n.legalizer().getRounding() != dlc::quantize::Rounding::Onnx ||
      getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth() != 8)
    return {};
  constexpr int kMost = 7; // 255 * 2^7 fits
  int total = 0;
  SmallVector<Tables> whole;
  for (const Tables &t : tables) {
    std::optional<DenseElementsAttr> weights;
    int bits = 0;
    while (bits <= kMost && !(weights = wholeWeights(n, t, bits)))
      ++bits;
    total += bits;
    if (!weights || total > kMost)
      return {};
    whole.push_back({t.indices, n.constantTensor(*weights), {}, t.taps});
  }
  Type i16 = n.b.getI16Type();
  Type from = IntegerType::get(n.b.getContext(), 8,
                               dq.isUnsigned() ? IntegerType::Unsigned : IntegerType::Signless);
  Value x = dq.getInput();
  for (auto [axis, t] : llvm::zip_equal(axes, whole)) {
    x = interpolate(n, x, axis, t, from, i16);
    from = i16;
  }
  return dlc::nn::DequantizeOp::create(
      n.b, cast<RankedTensorType>(x.getType()).clone(n.b.getF32Type()), x,
      n.b.getDenseF64ArrayAttr(std::ldexp(dq.getScales()[0], -total)),
      n.b.getDenseI64ArrayAttr(dq.getZeroPoints()[0] * (int64_t(1) << total)), IntegerAttr(),
      n.b.getI64IntegerAttr(INT16_MIN), n.b.getI64IntegerAttr(INT16_MAX));
}

static LogicalResult lowerResize(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  bool resize11 = n.opType() == "Resize" && n.opset() >= 11;
  Type element = n.elementType(0);
  if (!element.isIntOrFloat())
    return n.error("element type is not supported by this operator");
  auto attrs = readAttributes(n, resize11);
  if (failed(attrs))
    return failure();
  auto axes = readAxes(n, *attrs, resize11);
  if (failed(axes))
    return failure();
  Value x = n.in(0);
  SmallVector<OpFoldResult> to = n.sizes(x);
  for (const Axis &axis : *axes)
    to[axis.dim] = axis.out;
  if (failed(n.checkSizes(to)))
    return failure();
  if (getConstantIntValue(n.product(to)) == 0) {
    n.set(0, n.empty(to, element));
    return success();
  }
  if (axes->empty()) {
    n.set(0, x);
    return success();
  }
  bool nearest = attrs->mode == Mode::Nearest;
  Type type = isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 64
                  ? element
                  : Type(n.b.getF32Type());
  SmallVector<Tables> tables;
  for (const Axis &axis : *axes)
    tables.push_back(buildTables(n, *attrs, axis, type));
  if (Value integers = attrs->mode == Mode::Linear ? interpolateIntegers(n, *axes, tables) : Value()) {
    n.set(0, integers);
    return success();
  }
  if (nearest) {
    auto picked = pick(n, x, *axes, tables);
    if (failed(picked))
      return failure();
    x = *picked;
  } else {
    for (auto [axis, t] : llvm::zip_equal(*axes, tables))
      x = interpolate(n, x, axis, t, getElementTypeOrSelf(x.getType()), type);
    x = n.cast(x, element);
  }
  n.set(0, extrapolate(n, x, *axes, tables, attrs->extrapolation));
  return success();
}

std::optional<SmallVector<KnownTaps>> dlc::legalize::knownTaps(Node &n) {
  bool resize11 = n.opType() == "Resize" && n.opset() >= 11;
  auto attrs = readAttributes(n, resize11);
  if (failed(attrs) || attrs->mode == Mode::Nearest)
    return std::nullopt;
  auto axes = readAxes(n, *attrs, resize11);
  if (failed(axes))
    return std::nullopt;
  SmallVector<KnownTaps> result;
  for (const Axis &axis : *axes) {
    auto size = getConstantIntValue(axis.out);
    if (!size || *size < 1)
      return std::nullopt;
    Tables t = buildTables(n, *attrs, axis, n.b.getF64Type());
    auto indices = n.legalizer().constant(t.indices), weights = n.legalizer().constant(t.weights);
    auto outside = t.outside ? n.legalizer().constant(t.outside) : std::nullopt;
    if (!indices || !weights || (t.outside && !outside))
      return std::nullopt;
    KnownTaps taps{axis.dim, *size, t.taps, {}, {}, {}, attrs->extrapolation};
    llvm::append_range(taps.indices, indices->getValues<int32_t>());
    llvm::append_range(taps.weights, weights->getValues<double>());
    if (outside)
      llvm::append_range(taps.outside, outside->getValues<bool>());
    result.push_back(std::move(taps));
  }
  return result;
}

void dlc::legalize::addResize(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral numbers = "numbers";
  table.push_back({"", "Resize", 10, kLatest, numbers, lowerResize});
  table.push_back({"", "Upsample", 1, 9, numbers, lowerResize});
}
