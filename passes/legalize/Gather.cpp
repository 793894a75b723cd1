// This file lowers the operators that read at computed positions: Gather,
// GatherElements, GatherND, ReverseSequence. Indices out of range at run time
// are clamped to the nearest valid one.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

static LogicalResult checkIndices(Node &n, unsigned i) {
  Type t = n.elementType(i);
  if (!t.isInteger(32) && !t.isInteger(64))
    return n.error("indices are not int32 or int64");
  return success();
}

/// Refuses a read from an empty dimension, and constant indices out of range.
static LogicalResult checkRange(Node &n, int64_t size, int64_t results) {
  if (size == 0 && results != 0)
    return n.error("indices select from an empty dimension");
  if (auto known = n.constant(1); known && !ShapedType::isDynamic(size))
    for (APInt v : known->getValues<APInt>())
      if (v.getSExtValue() < -size || v.getSExtValue() >= size)
        return n.error("index " + Twine(v.getSExtValue()) +
                       " is out of range for a dimension of size " +
                       Twine(size));
  return success();
}

static Value toIndex(ImplicitLocOpBuilder &b, Value i) {
  return arith::IndexCastOp::create(b, b.getIndexType(), i);
}

static LogicalResult lowerGather(Node &n) {
  if (failed(n.requireTensors(2)) || failed(checkIndices(n, 1)))
    return failure();
  auto value = n.i64("axis", 0);
  if (failed(value))
    return failure();
  auto axis = n.axis(*value, n.rank(0));
  if (failed(axis))
    return failure();
  int64_t indexCount =
      n.type(1).hasStaticShape() ? n.type(1).getNumElements() : -1;
  if (failed(checkRange(n, n.shape(0)[*axis], indexCount)))
    return failure();
  SmallVector<OpFoldResult> from = n.sizes(n.in(0)), indices = n.sizes(n.in(1)),
                            to;
  to.append(from.begin(), from.begin() + *axis);
  to.append(indices);
  to.append(from.begin() + *axis + 1, from.end());
  if (failed(n.checkSizes(to)))
    return failure();
  Type element = n.elementType(0);
  Value x = n.in(0), at = n.in(1);
  auto known = n.constant(1);
  auto size = getConstantIntValue(from[*axis]);
  // Scalars of a shape.
  if (auto scalars = n.elements(x);
      scalars && known && size && n.rank(1) <= 1) {
    SmallVector<Value> picked;
    for (APInt v : known->getValues<APInt>())
      picked.push_back((*scalars)[v.isNegative() ? v.getSExtValue() + *size
                                                 : v.getSExtValue()]);
    n.set(0,
          n.fromElements(picked, RankedTensorType::get(n.shape(1), element)));
    return success();
  }
  // One known index: a slice.
  if (known && indexCount == 1 &&
      (size || !known->getSplatValue<APInt>().isNegative())) {
    int64_t i = known->getSplatValue<APInt>().getSExtValue();
    SmallVector<OpFoldResult> offsets(from.size(), n.b.getIndexAttr(0)),
        sizes = from;
    offsets[*axis] = n.b.getIndexAttr(i < 0 ? i + *size : i);
    sizes[*axis] = n.b.getIndexAttr(1);
    n.set(0, n.reshape(n.slice(x, offsets, sizes), to));
    return success();
  }
  // The indices are an operand of the loop; the data is read inside.
  int64_t rank = to.size(), count = n.rank(1);
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < count; ++d)
    exprs.push_back(n.b.getAffineDimExpr(*axis + d));
  Value init = n.empty(to, element);
  SmallVector<AffineMap> maps = {
      AffineMap::get(rank, 0, exprs, n.b.getContext()),
      n.b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  Value extent = n.index(from[*axis]);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value i = clampIndex(b, toIndex(b, args[0]), extent);
    SmallVector<Value> source;
    for (int64_t d = 0; d < *axis; ++d)
      source.push_back(linalg::IndexOp::create(b, d));
    source.push_back(i);
    for (int64_t d = *axis + 1; d < n.rank(0); ++d)
      source.push_back(linalg::IndexOp::create(b, d + count - 1));
    linalg::YieldOp::create(
        b, tensor::ExtractOp::create(b, x, source).getResult());
  };
  n.set(0, linalg::GenericOp::create(n.b, init.getType(), at, init, maps, loops,
                                     body)
               .getResult(0));
  return success();
}

static LogicalResult lowerGatherElements(Node &n) {
  if (failed(n.requireTensors(2)) || failed(checkIndices(n, 1)))
    return failure();
  auto value = n.i64("axis", 0);
  if (failed(value))
    return failure();
  auto axis = n.axis(*value, n.rank(0));
  if (failed(axis))
    return failure();
  int64_t rank = n.rank(0);
  if (n.rank(1) != rank)
    return n.error("indices have rank " + Twine(n.rank(1)) + ", the data " +
                   Twine(rank));
  int64_t count = n.type(1).hasStaticShape() ? n.type(1).getNumElements() : -1;
  if (failed(checkRange(n, n.shape(0)[*axis], count)))
    return failure();
  for (int64_t d = 0; d < rank; ++d) {
    int64_t x = n.shape(0)[d], y = n.shape(1)[d];
    if (d != *axis && !ShapedType::isDynamic(x) && !ShapedType::isDynamic(y) &&
        y > x)
      return n.error("indices have size " + Twine(y) + " in dimension " +
                     Twine(d) + ", the data only " + Twine(x));
  }
  Value x = n.in(0);
  Value extent = n.index(n.size(x, *axis));
  SmallVector<OpFoldResult> to = n.sizes(n.in(1));
  Value init = n.empty(to, n.elementType(0));
  SmallVector<AffineMap> maps(2, n.b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<Value> source;
    for (int64_t d = 0; d < rank; ++d)
      source.push_back(linalg::IndexOp::create(b, d));
    source[*axis] = clampIndex(b, toIndex(b, args[0]), extent);
    linalg::YieldOp::create(
        b, tensor::ExtractOp::create(b, x, source).getResult());
  };
  n.set(0, linalg::GenericOp::create(n.b, init.getType(), n.in(1), init, maps,
                                     loops, body)
               .getResult(0));
  return success();
}

static LogicalResult lowerGatherND(Node &n) {
  if (failed(n.requireTensors(2)) || failed(checkIndices(n, 1)))
    return failure();
  auto batch = n.i64("batch_dims", 0);
  if (failed(batch))
    return failure();
  int64_t r = n.rank(0), q = n.rank(1);
  if (r < 1 || q < 1)
    return n.error("data and indices must have at least one dimension");
  if (*batch < 0 || *batch >= std::min(r, q))
    return n.error("batch_dims " + Twine(*batch) + " is out of range");
  int64_t depth = n.shape(1)[q - 1];
  if (ShapedType::isDynamic(depth))
    return n.error(
        "the last dimension of indices is not known at compile time");
  if (depth < 1 || *batch + depth > r)
    return n.error("the last dimension of indices is " + Twine(depth) +
                   ", expected 1 to " + Twine(r - *batch));
  SmallVector<OpFoldResult> from = n.sizes(n.in(0)), at = n.sizes(n.in(1)), to;
  to.append(at.begin(), at.end() - 1);
  to.append(from.begin() + *batch + depth, from.end());
  for (int64_t d = 0; d < *batch; ++d) {
    auto x = getConstantIntValue(from[d]), y = getConstantIntValue(at[d]);
    if (x && y && *x != *y)
      return n.error("batch dimension " + Twine(d) + " has size " + Twine(*x) +
                     " in the data and " + Twine(*y) + " in the indices");
  }
  if (failed(n.checkSizes(to)))
    return failure();
  if (getConstantIntValue(n.product(to)) != 0)
    for (int64_t d = 0; d < depth; ++d)
      if (getConstantIntValue(from[*batch + d]) == 0)
        return n.error("indices select from an empty dimension");
  Value x = n.in(0), indices = n.in(1);
  n.set(0, n.generate(to, n.elementType(0),
                      [&](ImplicitLocOpBuilder &b, ValueRange i) {
                        SmallVector<Value> source(i.take_front(*batch));
                        SmallVector<Value> where(i.take_front(q - 1));
                        where.push_back(Value());
                        for (int64_t d = 0; d < depth; ++d) {
                          where.back() = arith::ConstantIndexOp::create(b, d);
                          Value raw = toIndex(b, extract(b, indices, where));
                          source.push_back(
                              clampIndex(b, raw, n.index(from[*batch + d])));
                        }
                        llvm::append_range(source, i.drop_front(q - 1));
                        return extract(b, x, source);
                      }));
  return success();
}

static LogicalResult lowerReverseSequence(Node &n) {
  if (failed(n.requireTensors(2)) || failed(checkIndices(n, 1)))
    return failure();
  auto batch = n.i64("batch_axis", 1), time = n.i64("time_axis", 0);
  if (failed(batch) || failed(time))
    return failure();
  auto bAxis = n.axis(*batch, n.rank(0)), tAxis = n.axis(*time, n.rank(0));
  if (failed(bAxis) || failed(tAxis))
    return failure();
  if (*bAxis == *tAxis)
    return n.error("batch_axis and time_axis are the same");
  if (n.rank(1) != 1)
    return n.error("sequence_lens has rank " + Twine(n.rank(1)) +
                   ", expected 1");
  if (int64_t x = n.shape(0)[*bAxis], y = n.shape(1)[0];
      x != y && !ShapedType::isDynamic(x) && !ShapedType::isDynamic(y))
    return n.error("sequence_lens has " + Twine(y) + " elements, expected " +
                   Twine(x));
  Value x = n.in(0), lens = n.in(1);
  Value extent = n.index(n.size(x, *tAxis));
  n.set(0, n.generate(n.sizes(x), n.elementType(0),
                      [&](ImplicitLocOpBuilder &b, ValueRange at) {
                        Value len = toIndex(b, extract(b, lens, at[*bAxis]));
                        len = arith::MinSIOp::create(b, len, extent);
                        Value t = at[*tAxis];
                        Value inside = arith::CmpIOp::create(
                            b, arith::CmpIPredicate::slt, t, len);
                        Value mirrored = arith::SubIOp::create(
                            b, arith::SubIOp::create(b, len, t),
                            arith::ConstantIndexOp::create(b, 1));
                        SmallVector<Value> source(at.begin(), at.end());
                        source[*tAxis] =
                            arith::SelectOp::create(b, inside, mirrored, t);
                        return extract(b, x, source);
                      }));
  return success();
}

void dlc::legalize::addGather(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral all = "numbers, bool";
  table.push_back({"", "Gather", 1, kLatest, all, lowerGather});
  table.push_back(
      {"", "GatherElements", 11, kLatest, all, lowerGatherElements});
  table.push_back({"", "GatherND", 11, kLatest, all, lowerGatherND});
  table.push_back(
      {"", "ReverseSequence", 10, kLatest, all, lowerReverseSequence});
}
