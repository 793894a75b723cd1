// This file lowers the operators that cut and join tensors: Slice, Split,
// Concat and Where.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// One dimension of a Slice.
struct AxisRange {
  OpFoldResult start, end, step;
  bool given = false;
};
} // namespace

/// Run-time bounds may be INT64_MAX ("to the end"), which an index of 32 bits
/// does not hold.
static OpFoldResult bounded(Node &n, OpFoldResult v) {
  auto cast = isa<Value>(v)
                  ? ::cast<Value>(v).getDefiningOp<arith::IndexCastOp>()
                  : arith::IndexCastOp();
  if (!cast || !cast.getIn().getType().isInteger(64))
    return v;
  Value wide = cast.getIn();
  wide = arith::MinSIOp::create(n.b, wide,
                                n.scalarInt(n.b.getI64Type(), INT32_MAX));
  wide = arith::MaxSIOp::create(n.b, wide,
                                n.scalarInt(n.b.getI64Type(), -INT32_MAX));
  return arith::IndexCastOp::create(n.b, n.b.getIndexType(), wide).getResult();
}

/// Slice whose axes or steps are only known at run time: start and step of
/// every dimension are selected then; sizes are the declared ones.
static LogicalResult sliceAtRunTime(Node &n, ArrayRef<OpFoldResult> starts,
                                    ArrayRef<OpFoldResult> axes,
                                    ArrayRef<OpFoldResult> steps) {
  int64_t rank = n.rank(0);
  RankedTensorType declared = n.declared(0);
  if (!declared || !declared.hasStaticShape() || declared.getRank() != rank)
    return n.error("axes and steps are not known at compile time",
                   "make them initializers, or state the output's shape");
  SmallVector<OpFoldResult> to, from = n.sizes(n.in(0));
  for (int64_t d : declared.getShape())
    to.push_back(n.b.getIndexAttr(d));
  if (failed(n.checkSizes(to)))
    return failure();
  for (int64_t d = 0; d < rank; ++d)
    if (getConstantIntValue(from[d]) == 0 && declared.getDimSize(d) != 0)
      return n.error("the declared result is larger than the input");
  Value zero = n.index(0), one = n.index(1);
  SmallVector<Value> first(rank, zero), by(rank, one);
  for (auto [j, axis] : llvm::enumerate(axes)) {
    Value at = n.index(n.fromEnd(axis, n.b.getIndexAttr(rank)));
    for (int64_t d = 0; d < rank; ++d) {
      Value here = n.b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, at,
                                                   n.index(d));
      // Clamped as for a negative step: the last element at most. A start past
      // the end with a positive step gives an empty result, declared as such.
      Value start = n.index(n.fromEnd(bounded(n, starts[j]), from[d]));
      OpFoldResult last = n.sub(from[d], n.b.getIndexAttr(1));
      start = arith::MaxSIOp::create(
          n.b, arith::MinSIOp::create(n.b, start, n.index(last)), zero);
      first[d] = n.b.createOrFold<arith::SelectOp>(here, start, first[d]);
      by[d] = n.b.createOrFold<arith::SelectOp>(
          here, n.index(bounded(n, steps[j])), by[d]);
    }
  }
  Value x = n.in(0);
  n.set(0,
        n.generate(
            to, n.elementType(0), [&](ImplicitLocOpBuilder &b, ValueRange at) {
              SmallVector<Value> source;
              for (int64_t d = 0; d < rank; ++d) {
                Value i = arith::AddIOp::create(
                    b, first[d], arith::MulIOp::create(b, at[d], by[d]));
                Value last = arith::SubIOp::create(b, n.index(from[d]), one);
                i = arith::MaxSIOp::create(
                    b, arith::MinSIOp::create(b, i, last), zero);
                source.push_back(i);
              }
              return extract(b, x, source);
            }));
  return success();
}

static LogicalResult lowerSlice(Node &n) {
  bool inputs = n.opset() >= 10;
  if (failed(n.requireTensors(inputs ? 3 : 1)))
    return failure();
  SmallVector<OpFoldResult> starts, ends, axes, steps;
  auto fromAttr = [&](StringRef name, SmallVector<OpFoldResult> &out) {
    auto v = n.ints(name);
    if (failed(v))
      return failure();
    for (int64_t x : *v)
      out.push_back(n.b.getIndexAttr(x));
    return success();
  };
  auto fromInput = [&](unsigned i, StringRef name,
                       SmallVector<OpFoldResult> &out) {
    auto v = n.indexVector(i, name);
    if (failed(v))
      return failure();
    out = *v;
    return success();
  };
  if (inputs ? failed(fromInput(1, "starts", starts)) ||
                   failed(fromInput(2, "ends", ends))
             : failed(fromAttr("starts", starts)) ||
                   failed(fromAttr("ends", ends)))
    return failure();
  if (inputs ? (n.has(3) && failed(fromInput(3, "axes", axes))) ||
                   (n.has(4) && failed(fromInput(4, "steps", steps)))
             : n.hasAttr("axes") && failed(fromAttr("axes", axes)))
    return failure();
  if (inputs ? !n.has(3) : !n.hasAttr("axes"))
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(n.b.getIndexAttr(i));
  if (!inputs || !n.has(4))
    steps.assign(starts.size(), n.b.getIndexAttr(1));
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size())
    return n.error("starts, ends, axes and steps have different lengths (" +
                   Twine(starts.size()) + ", " + Twine(ends.size()) + ", " +
                   Twine(axes.size()) + ", " + Twine(steps.size()) + ")");
  auto known = [](OpFoldResult v) {
    return getConstantIntValue(v).has_value();
  };
  if (!llvm::all_of(axes, known) || !llvm::all_of(steps, known))
    return sliceAtRunTime(n, starts, axes, steps);

  int64_t rank = n.rank(0);
  SmallVector<AxisRange> ranges(rank);
  for (size_t i = 0; i < starts.size(); ++i) {
    auto axis = n.axis(*getConstantIntValue(axes[i]), rank);
    if (failed(axis))
      return failure();
    if (ranges[*axis].given)
      return n.error("axis " + Twine(*axis) + " is given twice");
    if (getConstantIntValue(steps[i]) == 0)
      return n.error("step of axis " + Twine(*axis) + " is 0");
    ranges[*axis] = {starts[i], ends[i], steps[i], true};
  }
  RankedTensorType declared = n.declared(0);
  SmallVector<OpFoldResult> size = n.sizes(n.in(0)), offsets, lengths, strides;
  OpFoldResult zero = n.b.getIndexAttr(0), one = n.b.getIndexAttr(1);
  bool backwards = false, clampReads = false;
  for (int64_t d = 0; d < rank; ++d) {
    AxisRange &r = ranges[d];
    if (!r.given) {
      offsets.push_back(zero);
      lengths.push_back(size[d]);
      strides.push_back(one);
      continue;
    }
    int64_t step = *getConstantIntValue(r.step);
    // More than any dimension holds: one element.
    step = std::clamp<int64_t>(step, -INT32_MAX, INT32_MAX);
    auto cs = getConstantIntValue(r.start), ce = getConstantIntValue(r.end);
    OpFoldResult lo = step > 0 ? zero : n.b.getIndexAttr(-1);
    OpFoldResult hi = step > 0 ? size[d] : n.sub(size[d], one);
    auto clamp = [&](OpFoldResult v, std::optional<int64_t> c) {
      if (c && *c >= INT32_MAX)
        return hi; // stays symbolic
      if (c && *c <= -INT32_MAX)
        return lo;
      if (!c)
        v = bounded(n, v);
      v = n.fromEnd(v, size[d]);
      // A size is never negative, and 0 never past the end.
      auto k = getConstantIntValue(v);
      bool isSize = isa<Value>(v) && isa_and_nonnull<tensor::DimOp>(
                                         cast<Value>(v).getDefiningOp());
      if (!(step > 0 && k == 0))
        v = n.min(v, hi);
      if (!isSize && !(step > 0 && k && *k >= 0 && !getConstantIntValue(v)))
        v = n.max(v, lo);
      return v;
    };
    OpFoldResult start = clamp(r.start, cs), end = clamp(r.end, ce);
    OpFoldResult span = step > 0 ? n.sub(end, start) : n.sub(start, end);
    OpFoldResult length = n.ceilDiv(span, n.b.getIndexAttr(std::abs(step)));
    if (!(step > 0 && Node::sameSize(length, size[d])))
      length = n.max(length, zero);
    if (!getConstantIntValue(length) && declared &&
        declared.getRank() == rank && !declared.isDynamicDim(d)) {
      // The bounds are data; the model promises the length.
      length = n.b.getIndexAttr(declared.getDimSize(d));
      if (failed(n.checkSizes(length)))
        return failure();
      clampReads = true;
    }
    offsets.push_back(start);
    lengths.push_back(length);
    strides.push_back(n.b.getIndexAttr(step));
    backwards |= step < 0;
    if (getConstantIntValue(length) ==
        0) // an empty slice may start past the end
      offsets.back() = zero;
  }
  if (rank == 1)
    if (auto scalars = n.elements(n.in(0))) {
      auto at = getConstantIntValue(offsets[0]),
           count = getConstantIntValue(lengths[0]);
      if (at && count) {
        SmallVector<Value> kept;
        for (int64_t i = 0; i < *count; ++i)
          kept.push_back(
              (*scalars)[*at + i * *getConstantIntValue(strides[0])]);
        n.set(0, n.fromElements(
                     kept, RankedTensorType::get(*count, n.elementType(0))));
        return success();
      }
    }
  if (!backwards && !clampReads) {
    n.set(0, n.slice(n.in(0), offsets, lengths, strides));
    return success();
  }
  Value x = n.in(0);
  n.set(0,
        n.generate(lengths, n.elementType(0),
                   [&](ImplicitLocOpBuilder &b, ValueRange at) {
                     SmallVector<Value> source;
                     for (int64_t d = 0; d < rank; ++d) {
                       Value i = at[d];
                       if (getConstantIntValue(strides[d]) != 1)
                         i = arith::MulIOp::create(b, i, n.index(strides[d]));
                       if (getConstantIntValue(offsets[d]) != 0)
                         i = arith::AddIOp::create(b, i, n.index(offsets[d]));
                       if (clampReads) {
                         i = arith::MinSIOp::create(
                             b, i, n.index(n.sub(size[d], one)));
                         i = arith::MaxSIOp::create(b, i, n.index(0));
                       }
                       source.push_back(i);
                     }
                     return extract(b, x, source);
                   }));
  return success();
}

static LogicalResult lowerSplit(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto value = n.i64("axis", 0);
  if (failed(value))
    return failure();
  auto axis = n.axis(*value, n.rank(0));
  if (failed(axis))
    return failure();
  OpFoldResult total = n.size(n.in(0), *axis);
  auto known = getConstantIntValue(total);
  int64_t count = n.numOutputs();
  SmallVector<OpFoldResult> parts;
  if (n.has(1)) {
    auto given = n.indexVector(1, "split");
    if (failed(given))
      return failure();
    parts = *given;
    for (auto [i, p] : llvm::enumerate(parts))
      if (RankedTensorType d = n.declared(i); !getConstantIntValue(p) && d &&
                                              d.getRank() == n.rank(0) &&
                                              !d.isDynamicDim(*axis))
        p = n.b.getIndexAttr(d.getDimSize(*axis));
  } else if (n.hasAttr("split")) {
    auto given = n.ints("split");
    if (failed(given))
      return failure();
    for (int64_t p : *given)
      parts.push_back(n.b.getIndexAttr(p));
  } else {
    auto wanted = n.i64("num_outputs", count);
    if (failed(wanted))
      return failure();
    if (*wanted != count)
      return n.error("num_outputs is " + Twine(*wanted) + ", the node has " +
                     Twine(count) + " outputs");
    if (n.opset() < 18 && known && *known % count != 0)
      return n.error("dimension " + Twine(*axis) + " of size " + Twine(*known) +
                     " does not divide into " + Twine(count) + " equal parts");
    // Equal parts, the last one smaller.
    OpFoldResult part = n.ceilDiv(total, n.b.getIndexAttr(count));
    OpFoldResult left = total;
    for (int64_t i = 0; i + 1 < count; ++i) {
      // With few elements the last parts are empty.
      parts.push_back(known ? n.min(part, left) : part);
      left = n.sub(left, parts.back());
    }
    parts.push_back(left);
  }
  if (static_cast<int64_t>(parts.size()) != count)
    return n.error("split has " + Twine(parts.size()) + " sizes for " +
                   Twine(count) + " outputs");
  OpFoldResult sum = n.b.getIndexAttr(0);
  for (OpFoldResult p : parts) {
    if (auto c = getConstantIntValue(p);
        c && (*c < 0 || *c > (int64_t(1) << 40)))
      return n.error("split has the size " + Twine(*c));
    sum = n.add(sum, p);
  }
  if (auto c = getConstantIntValue(sum); c && known && *c != *known)
    return n.error("split adds up to " + Twine(*c) + ", dimension " +
                   Twine(*axis) + " has size " + Twine(*known));
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  SmallVector<OpFoldResult> offsets(sizes.size(), n.b.getIndexAttr(0));
  auto scalars = n.elements(n.in(0));
  for (auto [i, p] : llvm::enumerate(parts)) {
    sizes[*axis] = p;
    auto from = getConstantIntValue(offsets[*axis]),
         length = getConstantIntValue(p);
    if (scalars && from && length && known)
      n.set(i,
            n.fromElements(ArrayRef(*scalars).slice(*from, *length),
                           RankedTensorType::get(*length, n.elementType(0))));
    else
      n.set(i, n.slice(n.in(0), offsets, sizes));
    offsets[*axis] = n.add(offsets[*axis], p);
  }
  return success();
}

static LogicalResult lowerConcat(Node &n) {
  if (n.numInputs() == 0)
    return n.error("there are no inputs");
  if (failed(n.requireTensors(n.numInputs())))
    return failure();
  auto value =
      n.i64("axis", n.opset() < 4 ? std::optional<int64_t>(1) : std::nullopt);
  if (failed(value))
    return failure();
  auto axis = n.axis(*value, n.rank(0));
  if (failed(axis))
    return failure();
  SmallVector<Value> parts;
  int64_t total = 0;
  for (unsigned i = 0; i < n.numInputs(); ++i) {
    if (n.elementType(i) != n.elementType(0))
      return n.error("input " + Twine(i) +
                     " has another element type than input 0");
    if (n.rank(i) != n.rank(0))
      return n.error("input " + Twine(i) + " has rank " + Twine(n.rank(i)) +
                     ", expected " + Twine(n.rank(0)));
    for (int64_t d = 0; d < n.rank(0); ++d) {
      int64_t x = n.shape(0)[d], y = n.shape(i)[d];
      if (d != *axis && x != y && !ShapedType::isDynamic(x) &&
          !ShapedType::isDynamic(y))
        return n.error("input " + Twine(i) + " has size " + Twine(y) +
                       " in dimension " + Twine(d) + ", expected " + Twine(x));
    }
    if (int64_t s = n.shape(i)[*axis]; !ShapedType::isDynamic(s))
      total += s;
    parts.push_back(n.in(i));
  }
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  sizes[*axis] = n.b.getIndexAttr(total);
  if (failed(n.checkSizes(sizes)))
    return failure();
  n.set(0, n.concat(parts, *axis));
  return success();
}

static LogicalResult lowerWhere(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  if (!n.elementType(0).isInteger(1))
    return n.error("the condition is not boolean");
  if (n.elementType(1) != n.elementType(2))
    return n.error("inputs 1 and 2 have different element types");
  auto result =
      n.elementwise({n.in(0), n.in(1), n.in(2)}, n.elementType(1),
                    [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                      return arith::SelectOp::create(b, v[0], v[1], v[2]);
                    });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

void dlc::legalize::addSlices(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral all = "numbers, bool";
  table.push_back({"", "Slice", 1, kLatest, all, lowerSlice});
  table.push_back({"", "Split", 1, kLatest, all, lowerSplit});
  table.push_back({"", "Concat", 1, kLatest, all, lowerConcat});
  table.push_back({"", "Where", 9, kLatest, all, lowerWhere});
}
