// This file lowers the operators that sample images at fractional positions:
// GridSample, AffineGrid, RoiAlign and DeformConv.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Arithmetic on scalars of one float type.
struct Floats {
  ImplicitLocOpBuilder &b;
  FloatType type;

  Value constant(double v) {
    return arith::ConstantOp::create(b, b.getFloatAttr(type, v));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value add(Value x, double y) { return add(x, constant(y)); }
  Value sub(Value x, double y) { return sub(x, constant(y)); }
  Value mul(Value x, double y) { return mul(x, constant(y)); }
  Value less(Value x, Value y) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, y);
  }
  Value min(Value x, Value y) { return select(less(y, x), y, x); }
  /// NaN becomes y.
  Value max(Value x, Value y) { return select(less(y, x), x, y); }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, c, x, y);
  }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value floor(Value x) { return math::FloorOp::create(b, x); }
  Value fromIndex(Value i) {
    Value wide = arith::IndexCastOp::create(b, b.getI32Type(), i);
    return arith::SIToFPOp::create(b, type, wide);
  }
  /// Of a whole number; those far outside any image are clamped.
  Value toIndex(Value x) {
    Value limit = constant(1 << 30);
    x = max(min(x, limit), constant(-(1 << 30)));
    Value i = arith::FPToSIOp::create(b, b.getI32Type(), x);
    return arith::IndexCastOp::create(b, b.getIndexType(), i);
  }
};

/// Index arithmetic, short.
struct Indices {
  ImplicitLocOpBuilder &b;
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, v); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, x, y); }
  Value clamp(Value x, Value low, Value high) {
    return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, x, high), low);
  }
  Value inside(Value x, Value size) { // unsigned: negative ones are large
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, size);
  }
};
} // namespace

static FloatType computeType(Node &n, Type element) {
  auto f = cast<FloatType>(element);
  return f.getWidth() < 32 ? cast<FloatType>(Type(n.b.getF32Type())) : f;
}

//===--- AffineGrid -------------------------------------------------------===//

static LogicalResult lowerAffineGrid(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto align = n.i64("align_corners", 0);
  auto size = n.indexVector(1, "size");
  if (failed(align) || failed(size))
    return failure();
  Type element = n.elementType(0);
  int64_t rank = static_cast<int64_t>(size->size()) - 2;
  if (!isa<FloatType>(element))
    return n.error("theta is not of a float type");
  if (rank != 2 && rank != 3)
    return n.error("size has " + Twine(size->size()) +
                   " elements, expected 4 or 5");
  if (n.rank(0) != 3 || n.shape(0)[1] != rank || n.shape(0)[2] != rank + 1)
    return n.error("theta must be [N, " + Twine(rank) + ", " + Twine(rank + 1) +
                   "]");
  RankedTensorType declared = n.declared(0);
  SmallVector<OpFoldResult> to = {n.size(n.in(0), 0)};
  for (int64_t d = 0; d < rank; ++d) {
    OpFoldResult s = (*size)[d + 2];
    if (!getConstantIntValue(s) && declared && declared.getRank() == rank + 2 &&
        !declared.isDynamicDim(d + 1))
      s = n.b.getIndexAttr(declared.getDimSize(d + 1));
    to.push_back(s);
  }
  to.push_back(n.b.getIndexAttr(rank));
  if (failed(n.checkSizes(to)))
    return failure();
  FloatType type = computeType(n, element);
  Value theta = n.in(0);
  n.set(0, n.generate(to, element, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Floats f{b, type};
    // Positions in [-1, 1], x (the last dimension) first.
    Value row = at[rank + 1];
    auto read = [&](int64_t column) {
      Value c = arith::ConstantIndexOp::create(b, column);
      return Node::castScalar(b, extract(b, theta, {at[0], row, c}), element,
                              type);
    };
    Value sum = read(rank);
    for (int64_t k = 0; k < rank; ++k) {
      int64_t d = rank - 1 - k;
      Value i = f.fromIndex(at[d + 1]), s = f.fromIndex(n.index(to[d + 1]));
      Value position;
      if (*align) {
        Value steps = f.max(f.sub(s, 1), f.constant(1));
        position = f.sub(f.div(f.mul(i, 2), steps), 1);
      } else {
        position = f.sub(f.div(f.add(f.mul(i, 2), 1), s), 1);
      }
      sum = f.add(sum, f.mul(position, read(k)));
    }
    return Node::castScalar(b, sum, type, element);
  }));
  return success();
}

//===--- GridSample -------------------------------------------------------===//

namespace {
enum class Padding { Zeros, Border, Reflection };
enum class Sampling { Nearest, Linear, Cubic };
} // namespace

/// Reflects a position at `low` and `high` until it is between them.
static Value reflect(Floats f, Value x, Value low, Value high) {
  Value range = f.sub(high, low);
  Value zero = f.constant(0), one = f.constant(1);
  Value degenerate = f.less(range, f.constant(1e-9));
  range = f.select(degenerate, one, range);
  // Distance from low, folded with period 2 * range.
  Value d = f.abs(f.sub(x, low));
  Value period = f.mul(range, 2);
  d = f.sub(d, f.mul(f.floor(f.div(d, period)), period));
  d = f.select(f.less(range, d), f.sub(period, d), d);
  return f.select(degenerate, low, f.add(low, f.max(d, zero)));
}

/// Weight of the neighbour `offset` (-1 to 2) at a fraction in [0, 1): cubic
/// convolution with a = -0.75.
static Value cubicWeight(Floats f, Value fraction, int64_t offset) {
  double a = -0.75;
  Value d = f.abs(f.sub(f.constant(static_cast<double>(offset)), fraction));
  if (offset == 0 || offset == 1)
    return f.add(f.mul(f.mul(f.sub(f.mul(d, a + 2), a + 3), d), d), 1);
  return f.sub(f.mul(f.add(f.mul(f.sub(f.mul(d, a), 5 * a), d), 8 * a), d),
               4 * a);
}

static LogicalResult lowerGridSample(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto mode = n.str("mode", "linear"), padding = n.str("padding_mode", "zeros");
  auto align = n.i64("align_corners", 0);
  if (failed(mode) || failed(padding) || failed(align))
    return failure();
  auto sampling = llvm::StringSwitch<std::optional<Sampling>>(*mode)
                      .Cases({"linear", "bilinear"}, Sampling::Linear)
                      .Cases({"cubic", "bicubic"}, Sampling::Cubic)
                      .Case("nearest", Sampling::Nearest)
                      .Default(std::nullopt);
  auto outside = llvm::StringSwitch<std::optional<Padding>>(*padding)
                     .Case("zeros", Padding::Zeros)
                     .Case("border", Padding::Border)
                     .Case("reflection", Padding::Reflection)
                     .Default(std::nullopt);
  if (!sampling)
    return n.error("mode '" + *mode + "' is unknown",
                   "expected linear, nearest or cubic");
  if (!outside)
    return n.error("padding_mode '" + *padding + "' is unknown",
                   "expected zeros, border or reflection");
  Type element = n.elementType(0), gridElement = n.elementType(1);
  int64_t rank = n.rank(0) - 2;
  if (!isa<FloatType>(element) || !isa<FloatType>(gridElement))
    return n.error("inputs are not of float types");
  if (rank < 1 || n.rank(1) != rank + 2 || n.shape(1)[rank + 1] != rank)
    return n.error(
        "input and grid must be [N, C, spatial...] and [N, spatial..., " +
        Twine(std::max<int64_t>(rank, 1)) + "]");
  SmallVector<OpFoldResult> in = n.sizes(n.in(0)), grid = n.sizes(n.in(1));
  auto bx = getConstantIntValue(in[0]), bg = getConstantIntValue(grid[0]);
  if (bx && bg && *bx != *bg)
    return n.error("input and grid have batch sizes " + Twine(*bx) + " and " +
                   Twine(*bg));
  SmallVector<OpFoldResult> to = {in[0], in[1]};
  to.append(grid.begin() + 1, grid.end() - 1);
  if (failed(n.checkSizes(to)))
    return failure();
  for (OpFoldResult s : ArrayRef(in).drop_front(2))
    if (getConstantIntValue(s) == 0 && getConstantIntValue(n.product(to)) != 0)
      return n.error("the input is empty");
  int64_t reach = *sampling == Sampling::Nearest  ? 1
                  : *sampling == Sampling::Linear ? 2
                                                  : 4;
  if (rank > 3 && reach > 2)
    return n.error("cubic sampling of " + Twine(rank) +
                   " spatial dimensions is not supported");
  if (rank > 6)
    return n.error("sampling of " + Twine(rank) +
                   " spatial dimensions is not supported");
  FloatType type = computeType(n, element);
  Value x = n.in(0), g = n.in(1);
  n.set(0, n.generate(to, element, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Floats f{b, type};
    Indices ix{b};
    Value zero = f.constant(0);
    // For each dimension: the neighbours' indices, weights, and whether inside.
    SmallVector<SmallVector<Value>> index(rank), weight(rank), valid(rank);
    for (int64_t d = 0; d < rank; ++d) {
      SmallVector<Value> where = {at[0]};
      llvm::append_range(where, at.drop_front(2));
      where.push_back(
          ix.constant(rank - 1 - d)); // x, the last dimension, first
      Value p = Node::castScalar(b, extract(b, g, where), gridElement, type);
      Value extent = n.index(in[d + 2]), s = f.fromIndex(extent);
      Value last = ix.sub(extent, ix.constant(1));
      Value high = f.sub(s, 1);
      if (*align)
        p = f.mul(f.add(p, 1), f.mul(high, 0.5));
      else
        p = f.mul(f.sub(f.mul(f.add(p, 1), s), 1), 0.5);
      Value lowEdge = *align ? zero : f.constant(-0.5);
      Value highEdge = *align ? high : f.sub(s, 0.5);
      if (*sampling != Sampling::Cubic && *outside == Padding::Border)
        p = f.max(f.min(p, high), zero);
      if (*sampling != Sampling::Cubic && *outside == Padding::Reflection)
        p = f.max(f.min(reflect(f, p, lowEdge, highEdge), high), zero);
      if (*sampling == Sampling::Nearest) // half to even, as rint
        p = math::RoundEvenOp::create(b, p);
      Value base = reach == 1 ? p : f.floor(p);
      Value fraction = f.sub(p, base);
      Value first = f.toIndex(base);
      for (int64_t k = 0; k < reach; ++k) {
        int64_t offset = reach == 4 ? k - 1 : k;
        Value i = ix.add(first, ix.constant(offset));
        if (*sampling == Sampling::Cubic && *outside == Padding::Reflection) {
          Value r = reflect(f, f.fromIndex(i), lowEdge, highEdge);
          i = f.toIndex(math::RoundEvenOp::create(b, r));
        }
        valid[d].push_back(*outside == Padding::Zeros ? ix.inside(i, extent)
                                                      : Value());
        index[d].push_back(ix.clamp(i, ix.constant(0), last));
        if (reach == 1)
          weight[d].push_back(Value());
        else if (reach == 2)
          weight[d].push_back(k ? fraction : f.sub(f.constant(1), fraction));
        else
          weight[d].push_back(cubicWeight(f, fraction, offset));
      }
    }
    Value sum;
    int64_t total = 1;
    for (int64_t d = 0; d < rank; ++d)
      total *= reach;
    for (int64_t c = 0; c < total; ++c) {
      SmallVector<Value> source = {at[0], at[1]};
      Value w, ok;
      int64_t rest = c;
      for (int64_t d = 0; d < rank; ++d, rest /= reach) {
        int64_t k = rest % reach;
        source.push_back(index[d][k]);
        if (weight[d][k])
          w = w ? f.mul(w, weight[d][k]) : weight[d][k];
        if (valid[d][k])
          ok = ok ? arith::AndIOp::create(b, ok, valid[d][k]).getResult()
                  : valid[d][k];
      }
      Value v = Node::castScalar(b, extract(b, x, source), element, type);
      if (ok)
        v = f.select(ok, v, zero);
      if (w)
        v = f.mul(v, w);
      sum = sum ? f.add(sum, v) : v;
    }
    return Node::castScalar(b, sum, type, element);
  }));
  return success();
}

//===--- RoiAlign ---------------------------------------------------------===//

/// The four neighbours of (y, x) in an image of height x width, interpolated;
/// 0 beyond one cell outside. `read` gives a cell's value.
static Value bilinear(Floats f, Value y, Value x, Value height, Value width,
                      bool max, llvm::function_ref<Value(Value, Value)> read) {
  ImplicitLocOpBuilder &b = f.b;
  Indices ix{b};
  Value zero = f.constant(0), one = f.constant(1), minusOne = f.constant(-1);
  auto outsideOf = [&](Value p, Value size) {
    Value low = f.less(p, minusOne), high = f.less(f.fromIndex(size), p);
    return arith::OrIOp::create(b, low, high).getResult();
  };
  Value outside =
      arith::OrIOp::create(b, outsideOf(y, height), outsideOf(x, width));
  struct Side {
    Value low, high, fraction;
  };
  auto split = [&](Value p, Value size) {
    p = f.max(p, zero);
    Value last = ix.sub(size, ix.constant(1));
    Value base = f.floor(p);
    Value low = ix.clamp(f.toIndex(base), ix.constant(0), last);
    Value atEnd = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                        f.toIndex(base), last);
    Value high = ix.clamp(ix.add(low, ix.constant(1)), ix.constant(0), last);
    return Side{low, high, f.select(atEnd, zero, f.sub(p, base))};
  };
  Side sy = split(y, height), sx = split(x, width);
  Value hy = f.sub(one, sy.fraction), hx = f.sub(one, sx.fraction);
  Value corners[] = {
      f.mul(f.mul(hy, hx), read(sy.low, sx.low)),
      f.mul(f.mul(hy, sx.fraction), read(sy.low, sx.high)),
      f.mul(f.mul(sy.fraction, hx), read(sy.high, sx.low)),
      f.mul(f.mul(sy.fraction, sx.fraction), read(sy.high, sx.high))};
  Value result = corners[0];
  for (Value c : ArrayRef(corners).drop_front())
    result = max ? f.max(result, c) : f.add(result, c);
  return f.select(outside, zero, result);
}

static LogicalResult lowerRoiAlign(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  auto mode = n.str("mode", "avg");
  auto transform = n.str("coordinate_transformation_mode",
                         n.opset() >= 16 ? "half_pixel" : "output_half_pixel");
  auto outH = n.i64("output_height", 1), outW = n.i64("output_width", 1);
  auto ratio = n.i64("sampling_ratio", 0);
  auto scale = n.f32("spatial_scale", 1.0);
  if (failed(mode) || failed(transform) || failed(outH) || failed(outW) ||
      failed(ratio) || failed(scale))
    return failure();
  if (*mode != "avg" && *mode != "max")
    return n.error("mode '" + *mode + "' is unknown", "expected avg or max");
  if (*transform != "half_pixel" && *transform != "output_half_pixel")
    return n.error("coordinate_transformation_mode '" + *transform +
                   "' is unknown");
  Type element = n.elementType(0);
  if (!isa<FloatType>(element) || n.elementType(1) != element)
    return n.error("input and rois must have one float type");
  if (!n.elementType(2).isInteger(64) && !n.elementType(2).isInteger(32))
    return n.error("batch_indices are not integers");
  if (n.rank(0) != 4 || n.rank(1) != 2 || n.shape(1)[1] != 4 || n.rank(2) != 1)
    return n.error("inputs must be [N, C, H, W], [rois, 4] and [rois]");
  if (*outH < 1 || *outW < 1 || *ratio < 0 || *ratio > (1 << 16))
    return n.error(
        "output_height, output_width or sampling_ratio is out of range");
  SmallVector<OpFoldResult> in = n.sizes(n.in(0));
  SmallVector<OpFoldResult> to = {n.size(n.in(1), 0), in[1],
                                  n.b.getIndexAttr(*outH),
                                  n.b.getIndexAttr(*outW)};
  auto r1 = getConstantIntValue(to[0]),
       r2 = getConstantIntValue(n.size(n.in(2), 0));
  if (r1 && r2 && *r1 != *r2)
    return n.error("there are " + Twine(*r1) + " rois and " + Twine(*r2) +
                   " batch_indices");
  if (failed(n.checkSizes(to)))
    return failure();
  for (OpFoldResult s : in)
    if (getConstantIntValue(s) == 0 && getConstantIntValue(n.product(to)) != 0)
      return n.error("the input is empty");
  FloatType type = computeType(n, element);
  bool max = *mode == "max", half = *transform == "half_pixel";
  Value x = n.in(0), rois = n.in(1), batches = n.in(2);
  n.set(0, n.generate(to, element, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Floats f{b, type};
    Indices ix{b};
    Value zero = f.constant(0);
    Value batch = arith::IndexCastOp::create(b, b.getIndexType(),
                                             extract(b, batches, at[0]));
    batch = clampIndex(b, batch, n.index(in[0]));
    SmallVector<Value> corner;
    for (int64_t k = 0; k < 4; ++k) {
      Value v = extract(b, rois, {at[0], ix.constant(k)});
      v = f.mul(Node::castScalar(b, v, element, type), *scale);
      corner.push_back(half ? f.sub(v, 0.5) : v);
    }
    // Along one dimension: first position, cell size and number of samples.
    struct Line {
      Value start, cell, samples;
    };
    auto line = [&](Value first, Value end, int64_t cells) {
      Value length = f.sub(end, first);
      if (!half)
        length = f.max(length, f.constant(1));
      Value cell = f.div(length, f.constant(static_cast<double>(cells)));
      Value samples;
      if (*ratio > 0) {
        samples = ix.constant(*ratio);
      } else {
        Value up = f.sub(zero, f.floor(f.sub(zero, cell)));
        samples = ix.clamp(f.toIndex(up), ix.constant(0), ix.constant(1 << 16));
      }
      return Line{first, cell, samples};
    };
    Line ly = line(corner[1], corner[3], *outH),
         lx = line(corner[0], corner[2], *outW);
    auto position = [&](Floats f, Line l, Value cellIndex, Value sample) {
      Value base = f.add(l.start, f.mul(f.fromIndex(cellIndex), l.cell));
      Value part = f.div(f.mul(f.add(f.fromIndex(sample), 0.5), l.cell),
                         f.fromIndex(l.samples));
      return f.add(base, part);
    };
    Value lowest =
        max ? f.constant(-std::numeric_limits<double>::infinity()) : zero;
    Value i0 = ix.constant(0), i1 = ix.constant(1);
    auto rows = scf::ForOp::create(
        b, i0, ly.samples, i1, ValueRange{lowest},
        [&](OpBuilder &builder, Location loc, Value sy, ValueRange outer) {
          ImplicitLocOpBuilder b(loc, builder);
          Value y = position(Floats{b, type}, ly, at[2], sy);
          auto columns = scf::ForOp::create(
              b, i0, lx.samples, i1, ValueRange{outer[0]},
              [&](OpBuilder &builder, Location loc, Value sx, ValueRange acc) {
                ImplicitLocOpBuilder b(loc, builder);
                Floats f{b, type};
                Value px = position(f, lx, at[3], sx);
                Value v =
                    bilinear(f, y, px, n.index(in[2]), n.index(in[3]), max,
                             [&](Value yy, Value xx) {
                               Value e = extract(b, x, {batch, at[1], yy, xx});
                               return Node::castScalar(b, e, element, type);
                             });
                scf::YieldOp::create(b,
                                     max ? f.max(acc[0], v) : f.add(acc[0], v));
              });
          scf::YieldOp::create(b, columns.getResults());
        });
    Value result = rows.getResult(0);
    Value count = ix.mul(ly.samples, lx.samples);
    Value none = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count, i0);
    if (!max) {
      Value divisor = f.fromIndex(ix.clamp(count, i1, ix.constant(INT32_MAX)));
      result = f.div(result, divisor);
    }
    result = f.select(none, zero, result);
    return Node::castScalar(b, result, type, element);
  }));
  return success();
}

//===--- DeformConv -------------------------------------------------------===//

/// DeformConv (2-D): samples every kernel position at its offset, times its
/// mask, into columns [N, C, kernel, out], then nn.matmul for each group.
static LogicalResult lowerDeformConv(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element) || n.elementType(1) != element ||
      n.elementType(2) != element)
    return n.error("input, weights and offsets must have one float type");
  if (n.rank(0) != 4 || n.rank(1) != 4 || n.rank(2) != 4)
    return n.error(
        "only 2-D deformable convolution is supported: input has rank " +
        Twine(n.rank(0)));
  for (unsigned i = 0; i < 3; ++i)
    if (!n.type(i).hasStaticShape())
      return n.error("the shape of input " + Twine(i) +
                     " is not known at compile time");
  auto group = n.i64("group", 1), offsetGroup = n.i64("offset_group", 1);
  if (failed(group) || failed(offsetGroup))
    return failure();
  ArrayRef<int64_t> xs = n.shape(0), ws = n.shape(1), os = n.shape(2);
  if (*group < 1 || *offsetGroup < 1 || xs[1] % *group || ws[0] % *group ||
      xs[1] % *offsetGroup || ws[1] * *group != xs[1])
    return n.error("channels do not match group " + Twine(*group) +
                   " and offset_group " + Twine(*offsetGroup));
  SmallVector<OpFoldResult> in = n.sizes(n.in(0));
  auto window =
      readWindow(n, ArrayRef(in).drop_front(2), ws.drop_front(2), false);
  if (failed(window))
    return failure();
  int64_t kh = ws[2], kw = ws[3], taps = kh * kw;
  int64_t oh = *getConstantIntValue(window->output[0]);
  int64_t ow = *getConstantIntValue(window->output[1]);
  SmallVector<int64_t> wantedOffset = {xs[0], *offsetGroup * taps * 2, oh, ow};
  SmallVector<int64_t> wantedMask = {xs[0], *offsetGroup * taps, oh, ow};
  if (os != ArrayRef(wantedOffset))
    return n.error("offset has a wrong shape: dimension 1 is " + Twine(os[1]) +
                   ", expected " + Twine(wantedOffset[1]) +
                   " for an output of " + Twine(oh) + " x " + Twine(ow));
  if (n.has(4) &&
      (!isa<RankedTensorType>(n.in(4).getType()) ||
       n.elementType(4) != element || n.shape(4) != ArrayRef(wantedMask)))
    return n.error("mask has a wrong shape or element type");
  if (n.has(3) &&
      (!isa<RankedTensorType>(n.in(3).getType()) ||
       n.elementType(3) != element || n.rank(3) != 1 || n.shape(3)[0] != ws[0]))
    return n.error("bias must have " + Twine(ws[0]) + " elements");
  auto num = [&](int64_t v) -> OpFoldResult { return n.b.getIndexAttr(v); };
  SmallVector<OpFoldResult> columnSizes = {num(xs[0]), num(xs[1]), num(taps),
                                           num(oh), num(ow)};
  if (failed(n.checkSizes(columnSizes)))
    return failure();
  FloatType type = computeType(n, element);
  Value x = n.in(0), offset = n.in(2), mask = n.in(4);
  int64_t padTop = *getConstantIntValue(window->padLow[0]);
  int64_t padLeft = *getConstantIntValue(window->padLow[1]);
  Value columns = n.generate(
      columnSizes, element, [&](ImplicitLocOpBuilder &b, ValueRange at) {
        Floats f{b, type};
        Indices ix{b};
        Value perOffset = ix.constant(xs[1] / *offsetGroup);
        Value og = arith::DivUIOp::create(b, at[1], perOffset);
        Value tap = ix.add(ix.mul(og, ix.constant(taps)), at[2]);
        Value ky = arith::DivUIOp::create(b, at[2], ix.constant(kw));
        Value kx = arith::RemUIOp::create(b, at[2], ix.constant(kw));
        auto position = [&](Value o, Value k, unsigned d, int64_t pad) {
          Value base =
              ix.sub(ix.add(ix.mul(o, ix.constant(window->strides[d])),
                            ix.mul(k, ix.constant(window->dilations[d]))),
                     ix.constant(pad));
          Value channel = ix.add(ix.mul(tap, ix.constant(2)), ix.constant(d));
          Value shift = extract(b, offset, {at[0], channel, at[3], at[4]});
          return f.add(f.fromIndex(base),
                       Node::castScalar(b, shift, element, type));
        };
        Value y = position(at[3], ky, 0, padTop),
              px = position(at[4], kx, 1, padLeft);
        // Neighbours outside count as 0.
        Value y0 = f.floor(y), x0 = f.floor(px);
        Value fy = f.sub(y, y0), fx = f.sub(px, x0), one = f.constant(1),
              zero = f.constant(0);
        Value sum;
        for (int64_t c = 0; c < 4; ++c) {
          Value iy = ix.add(f.toIndex(y0), ix.constant(c / 2));
          Value jx = ix.add(f.toIndex(x0), ix.constant(c % 2));
          Value w =
              f.mul(c / 2 ? fy : f.sub(one, fy), c % 2 ? fx : f.sub(one, fx));
          Value ok = arith::AndIOp::create(b, ix.inside(iy, ix.constant(xs[2])),
                                           ix.inside(jx, ix.constant(xs[3])));
          iy = ix.clamp(iy, ix.constant(0), ix.constant(xs[2] - 1));
          jx = ix.clamp(jx, ix.constant(0), ix.constant(xs[3] - 1));
          Value v = Node::castScalar(b, extract(b, x, {at[0], at[1], iy, jx}),
                                     element, type);
          v = f.select(ok, f.mul(w, v), zero);
          sum = sum ? f.add(sum, v) : v;
        }
        if (mask) {
          Value m = extract(b, mask, {at[0], tap, at[3], at[4]});
          sum = f.mul(sum, Node::castScalar(b, m, element, type));
        }
        return Node::castScalar(b, sum, type, element);
      });
  // [N, g, C/g * taps, oh * ow] times [g, M/g, C/g * taps].
  int64_t g = *group, k = ws[1] * taps, m = ws[0] / g;
  SmallVector<OpFoldResult> batched = {num(xs[0]), num(g), num(k),
                                       num(oh * ow)};
  Value b2 = n.reshape(columns, batched);
  Value a = n.reshape(n.in(1), {num(1), num(g), num(m), num(k)});
  auto wide = n.broadcastTo(a, {num(xs[0]), num(g), num(m), num(k)});
  if (failed(wide))
    return failure();
  Value product = n.matmul(*wide, b2, element);
  Value y = n.reshape(product, {num(xs[0]), num(ws[0]), num(oh), num(ow)});
  if (n.has(3)) {
    auto biased =
        n.elementwise({y, n.expandDims(n.in(3), {1, 2})}, element,
                      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                        return arith::AddFOp::create(b, v[0], v[1]);
                      });
    if (failed(biased))
      return failure();
    y = *biased;
  }
  n.set(0, y);
  return success();
}

//===--- Col2Im -----------------------------------------------------------===//

/// Col2Im: every column element is added to its place in the image.
static LogicalResult lowerCol2Im(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  Type element = n.elementType(0);
  if (n.rank(0) != 3 || !n.type(0).hasStaticShape() ||
      !element.isIntOrFloat() || element.isInteger(1))
    return n.error(
        "input must be a numeric tensor [N, C * block, L] of known shape");
  auto image = n.indexVector(1, "image_shape"),
       block = n.indexVector(2, "block_shape");
  if (failed(image) || failed(block))
    return failure();
  unsigned rank = image->size();
  if (rank == 0 || block->size() != rank)
    return n.error("image_shape has " + Twine(rank) +
                   " elements, block_shape " + Twine(block->size()));
  auto window = readKernel(n, rank, SmallVector<int64_t>(rank, 1));
  auto pads = readPads(n, rank);
  if (failed(window) || failed(pads))
    return failure();
  auto num = [&](int64_t v) -> OpFoldResult { return n.b.getIndexAttr(v); };
  RankedTensorType declared = n.declared(0);
  if (declared && declared.getRank() != static_cast<int64_t>(rank) + 2)
    declared = RankedTensorType();
  ArrayRef<int64_t> shape = n.shape(0);
  SmallVector<OpFoldResult> count;
  for (unsigned d = 0; d < rank; ++d) {
    OpFoldResult &cells = (*image)[d], k = (*block)[d];
    if (!getConstantIntValue(cells) && declared &&
        !declared.isDynamicDim(d + 2))
      cells = num(declared.getDimSize(d + 2));
    if (auto c = getConstantIntValue(k); c && (*c < 1 || *c > (1 << 30)))
      return n.error("block_shape has the value " + Twine(*c));
    if (failed(n.checkSizes(cells)))
      return failure();
    OpFoldResult span =
        n.add(n.mul(n.sub(k, num(1)), num(window->dilations[d])), num(1));
    OpFoldResult room =
        n.sub(n.add(cells, num((*pads)[d] + (*pads)[rank + d])), span);
    if (auto c = getConstantIntValue(room); c && *c < 0)
      return n.error(
          "the block is larger than the padded image in spatial dimension " +
          Twine(d));
    count.push_back(n.add(n.floorDiv(room, num(window->strides[d])), num(1)));
  }
  OpFoldResult taps = n.product(*block), positions = n.product(count);
  auto ct = getConstantIntValue(taps), cp = getConstantIntValue(positions);
  if ((ct && shape[1] % *ct != 0) || (cp && shape[2] != *cp))
    return n.error("input is [" + Twine(shape[0]) + ", " + Twine(shape[1]) +
                       ", " + Twine(shape[2]) + "]",
                   "expected channels that divide by the block's " +
                       Twine(ct.value_or(0)) + " cells, and " +
                       Twine(cp.value_or(0)) + " positions");
  OpFoldResult channels = n.floorDiv(num(shape[1]), taps);
  if (!ct && declared && !declared.isDynamicDim(1))
    channels = num(declared.getDimSize(1));
  SmallVector<OpFoldResult> padded = {num(shape[0]), channels}, out = padded;
  SmallVector<OpFoldResult> offsets(2, num(0)), loops = padded;
  loops.append(*block);
  loops.append(count);
  for (unsigned d = 0; d < rank; ++d) {
    padded.push_back(n.add((*image)[d], num((*pads)[d] + (*pads)[rank + d])));
    out.push_back((*image)[d]);
    offsets.push_back(num((*pads)[d]));
  }
  if (failed(n.checkSizes(padded)))
    return failure();
  if (shape[0] * shape[1] * shape[2] == 0)
    return n.error("the input is empty");
  Value x = n.in(0);
  Value canvas = n.fill(padded, n.scalarInt(element, 0), element);
  SmallVector<Value> low(loops.size(), n.index(0)), high,
      step(loops.size(), n.index(1));
  for (OpFoldResult s : loops)
    high.push_back(n.index(s));
  auto nest = scf::buildLoopNest(
      n.b, n.b.getLoc(), low, high, step, canvas,
      [&](OpBuilder &builder, Location loc, ValueRange at, ValueRange acc) {
        ImplicitLocOpBuilder b(loc, builder);
        Indices ix{b};
        Value zero = ix.constant(0), column = at[1], position = zero;
        SmallVector<Value> place = {at[0], at[1]};
        for (unsigned d = 0; d < rank; ++d) {
          Value k = at[2 + d], o = at[2 + rank + d];
          column = ix.add(ix.mul(column, high[2 + d]), k);
          position = ix.add(ix.mul(position, high[2 + rank + d]), o);
          Value p = ix.add(ix.mul(o, ix.constant(window->strides[d])),
                           ix.mul(k, ix.constant(window->dilations[d])));
          place.push_back(p);
        }
        // Shapes that are data may not fit the input.
        if (!ct || !cp) {
          column = ix.clamp(column, zero, ix.constant(shape[1] - 1));
          position = ix.clamp(position, zero, ix.constant(shape[2] - 1));
          for (unsigned d = 0; d < rank; ++d)
            place[d + 2] =
                ix.clamp(place[d + 2], zero,
                         ix.sub(n.index(padded[d + 2]), ix.constant(1)));
        }
        Value old = extract(b, acc[0], place),
              v = extract(b, x, {at[0], column, position});
        Value sum = isa<FloatType>(element)
                        ? arith::AddFOp::create(b, old, v).getResult()
                        : arith::AddIOp::create(b, old, v).getResult();
        sum = fromSignless(b, sum, element);
        return scf::ValueVector{
            tensor::InsertOp::create(b, sum, acc[0], place)};
      });
  n.set(0, n.slice(nest.results[0], offsets, out));
  return success();
}

void dlc::legalize::addSampling(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "floats";
  table.push_back({"", "AffineGrid", 20, kLatest, floats, lowerAffineGrid});
  table.push_back({"", "GridSample", 16, kLatest, floats, lowerGridSample});
  table.push_back({"", "RoiAlign", 10, kLatest, floats, lowerRoiAlign});
  table.push_back({"", "DeformConv", 19, kLatest, floats, lowerDeformConv});
  table.push_back({"", "Col2Im", 18, kLatest, "numbers", lowerCol2Im});
}
