// This file lowers Pad in all its modes and opsets.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
struct Pads {
  SmallVector<OpFoldResult> low, high;
};
} // namespace

/// Pads of axes that are only known at run time: for every dimension, those of
/// the axis that is equal to it.
static FailureOr<Pads> padsAtRunTime(Node &n, ArrayRef<OpFoldResult> given) {
  int64_t rank = n.rank(0);
  auto axes = n.indexVector(3, "axes");
  if (failed(axes))
    return failure();
  size_t count = axes->size();
  if (given.size() != 2 * count)
    return n.error("pads has " + Twine(given.size()) + " elements, expected " +
                   Twine(2 * count));
  Pads pads;
  for (int64_t d = 0; d < rank; ++d) {
    Value low = n.index(0), high = low;
    for (auto [i, axis] : llvm::enumerate(*axes)) {
      Value at = n.index(n.fromEnd(axis, n.b.getIndexAttr(rank)));
      Value here =
          arith::CmpIOp::create(n.b, arith::CmpIPredicate::eq, at, n.index(d));
      low = arith::SelectOp::create(n.b, here, n.index(given[i]), low);
      high =
          arith::SelectOp::create(n.b, here, n.index(given[count + i]), high);
    }
    pads.low.push_back(low);
    pads.high.push_back(high);
  }
  return pads;
}

/// Pads of every dimension from the attribute or input and, since opset 18, the
/// axes.
static FailureOr<Pads> readPads(Node &n) {
  int64_t rank = n.rank(0);
  SmallVector<OpFoldResult> given;
  if (n.opset() >= 11) {
    auto v = n.indexVector(1, "pads");
    if (failed(v))
      return failure();
    given = *v;
  } else {
    auto v = n.ints(n.opset() < 2 ? "paddings" : "pads");
    if (failed(v))
      return failure();
    for (int64_t p : *v)
      given.push_back(n.b.getIndexAttr(p));
  }
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (n.opset() >= 18 && n.has(3) && !n.constant(3))
    return padsAtRunTime(n, given);
  if (n.opset() >= 18 && n.has(3)) {
    auto v = n.axes("axes", 3, rank);
    if (failed(v))
      return failure();
    axes = **v;
  }
  if (given.size() != 2 * axes.size())
    return n.error("pads has " + Twine(given.size()) + " elements, expected " +
                   Twine(2 * axes.size()));
  OpFoldResult zero = n.b.getIndexAttr(0);
  Pads pads{SmallVector<OpFoldResult>(rank, zero),
            SmallVector<OpFoldResult>(rank, zero)};
  for (auto [i, a] : llvm::enumerate(axes)) {
    pads.low[a] = given[i];
    pads.high[a] = given[axes.size() + i];
  }
  for (OpFoldResult p : llvm::concat<OpFoldResult>(pads.low, pads.high))
    if (auto c = getConstantIntValue(p); c && std::abs(*c) > (int64_t(1) << 40))
      return n.error("pads has the value " + Twine(*c));
  return pads;
}

/// The element that mode constant fills with, signless.
static FailureOr<Value> padValue(Node &n) {
  Type element = n.elementType(0);
  if (n.opset() < 11) {
    auto v = n.f32("value", 0.0);
    if (failed(v))
      return failure();
    return n.scalar(element, *v);
  }
  if (!n.has(2))
    return n.scalarInt(element, 0);
  if (!isa<RankedTensorType>(n.in(2).getType()) ||
      n.elementType(2) != element || !n.type(2).hasStaticShape() ||
      n.type(2).getNumElements() > 1)
    return n.error(
        "constant_value must be a scalar of the input's element type");
  if (n.type(2).getNumElements() == 0)
    return n.scalarInt(element, 0);
  if (auto known = n.constant(2)) {
    Attribute v = *known->getValues<Attribute>().begin();
    if (auto i = dyn_cast<IntegerAttr>(v))
      v = IntegerAttr::get(signless(element), i.getValue());
    return arith::ConstantOp::create(n.b, cast<TypedAttr>(v)).getResult();
  }
  return extract(n.b, n.in(2), SmallVector<Value>(n.rank(2), n.index(0)));
}

/// Where a padded position reads: `i` counts from the input's first element.
static Value sourceIndex(ImplicitLocOpBuilder &b, StringRef mode, Value i,
                         Value size) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value last = arith::SubIOp::create(b, size, one);
  auto positiveMod = [&](Value x, Value m) -> Value {
    Value r = arith::RemSIOp::create(b, x, m);
    Value negative =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, r, zero);
    return arith::SelectOp::create(b, negative, arith::AddIOp::create(b, r, m),
                                   r);
  };
  if (mode == "wrap")
    return positiveMod(i, size);
  if (mode == "edge")
    return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, i, last), zero);
  // Reflection without the edge has the period 2 (size - 1).
  Value period =
      arith::MaxSIOp::create(b, arith::AddIOp::create(b, last, last), one);
  Value m = positiveMod(i, period);
  return arith::MinSIOp::create(b, m, arith::SubIOp::create(b, period, m));
}

static LogicalResult lowerPad(Node &n) {
  if (failed(n.requireTensors(n.opset() >= 11 ? 2 : 1)))
    return failure();
  auto mode = n.str("mode", "constant");
  auto pads = readPads(n);
  if (failed(mode) || failed(pads))
    return failure();
  bool constant = *mode == "constant";
  if (!constant && *mode != "reflect" && *mode != "edge" && *mode != "wrap")
    return n.error("mode '" + *mode + "' is unknown",
                   "expected constant, reflect, edge or wrap");
  auto fillValue = constant ? padValue(n) : FailureOr<Value>(Value());
  if (failed(fillValue))
    return failure();
  int64_t rank = n.rank(0);
  SmallVector<OpFoldResult> size = n.sizes(n.in(0)), to;
  RankedTensorType declared = n.declared(0);
  bool runTime = false;
  for (int64_t d = 0; d < rank; ++d) {
    bool known =
        getConstantIntValue(pads->low[d]) && getConstantIntValue(pads->high[d]);
    runTime |= !known;
    OpFoldResult s = n.add(n.add(pads->low[d], size[d]), pads->high[d]);
    if (!known && declared && declared.getRank() == rank &&
        !declared.isDynamicDim(d))
      s = n.b.getIndexAttr(declared.getDimSize(d));
    auto c = getConstantIntValue(s);
    if (c && *c < 0)
      return n.error("pads remove more than dimension " + Twine(d) + " has");
    if (!constant && getConstantIntValue(size[d]) == 0 && c != 0)
      return n.error("mode " + *mode + " cannot pad dimension " + Twine(d) +
                     ", which is empty");
    to.push_back(s);
  }
  if (failed(n.checkSizes(to)))
    return failure();
  Value x = n.in(0);
  if (runTime) {
    for (int64_t d = 0; d < rank; ++d)
      if (getConstantIntValue(size[d]) == 0)
        return n.error("pads of an empty input are not known at compile time");
    n.set(
        0,
        n.generate(
            to, n.elementType(0), [&](ImplicitLocOpBuilder &b, ValueRange at) {
              SmallVector<Value> source;
              Value inside = arith::ConstantOp::create(b, b.getBoolAttr(true));
              for (int64_t d = 0; d < rank; ++d) {
                Value i =
                    arith::SubIOp::create(b, at[d], n.index(pads->low[d]));
                Value s = n.index(size[d]);
                // Unsigned: negative positions are large.
                Value in =
                    arith::CmpIOp::create(b, arith::CmpIPredicate::ult, i, s);
                inside = arith::AndIOp::create(b, inside, in);
                source.push_back(
                    sourceIndex(b, constant ? "edge" : *mode, i, s));
              }
              Value v = extract(b, x, source);
              return constant
                         ? arith::SelectOp::create(b, inside, v, *fillValue)
                               .getResult()
                         : v;
            }));
    return success();
  }
  // Negative pads cut first; what is left is padded.
  OpFoldResult zero = n.b.getIndexAttr(0);
  SmallVector<OpFoldResult> offsets, kept, low, high;
  bool cuts = false, pad = false;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t l = *getConstantIntValue(pads->low[d]),
            h = *getConstantIntValue(pads->high[d]);
    int64_t cutLow = std::max<int64_t>(-l, 0),
            cutHigh = std::max<int64_t>(-h, 0);
    OpFoldResult left = n.sub(size[d], n.b.getIndexAttr(cutLow + cutHigh));
    if (auto c = getConstantIntValue(left); c && *c < 0) {
      // More is cut on one side than there is: all that remains is padding.
      if (!constant)
        return n.error("pads remove more than dimension " + Twine(d) + " has");
      int64_t total = *getConstantIntValue(to[d]);
      left = zero;
      l = 0;
      h = total;
      cutLow = 0;
    }
    cuts |= !Node::sameSize(left, size[d]);
    pad |= l > 0 || h > 0;
    offsets.push_back(n.b.getIndexAttr(cutLow));
    kept.push_back(left);
    low.push_back(n.b.getIndexAttr(std::max<int64_t>(l, 0)));
    high.push_back(n.b.getIndexAttr(std::max<int64_t>(h, 0)));
  }
  if (cuts)
    x = n.slice(x, offsets, kept);
  if (!pad) {
    n.set(0, x);
    return success();
  }
  if (constant) {
    n.set(0, n.pad(x, low, high, *fillValue));
    return success();
  }
  for (int64_t d = 0; d < rank; ++d)
    if (getConstantIntValue(kept[d]) == 0 && getConstantIntValue(to[d]) != 0)
      return n.error("mode " + *mode + " cannot pad dimension " + Twine(d) +
                     ", of which nothing is left");
  n.set(0,
        n.generate(
            to, n.elementType(0), [&](ImplicitLocOpBuilder &b, ValueRange at) {
              SmallVector<Value> source;
              for (int64_t d = 0; d < rank; ++d) {
                if (getConstantIntValue(low[d]) == 0 &&
                    getConstantIntValue(high[d]) == 0) {
                  source.push_back(at[d]);
                  continue;
                }
                Value i = arith::SubIOp::create(b, at[d], n.index(low[d]));
                source.push_back(sourceIndex(b, *mode, i, n.index(kept[d])));
              }
              return extract(b, x, source);
            }));
  return success();
}

void dlc::legalize::addPad(std::vector<OpEntry> &table) {
  table.push_back({"", "Pad", 1, kLatest, "numbers, bool", lowerPad});
}
