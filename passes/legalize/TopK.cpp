// This file lowers TopK.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// K rounds of a search for the next element in the order (value, then lower
/// index), so that no copy of the input is sorted.
static LogicalResult lowerTopK(Node &n) {
  if (failed(n.requireTensors(n.opset() < 10 ? 1 : 2)))
    return failure();
  auto axisAttr = n.i64("axis", -1), largest = n.i64("largest", 1), sorted = n.i64("sorted", 1);
  if (failed(axisAttr) || failed(largest) || failed(sorted))
    return failure();
  auto axis = n.axis(*axisAttr, n.rank(0));
  if (failed(axis))
    return failure();
  OpFoldResult k;
  if (n.opset() < 10) {
    auto attr = n.i64("k");
    if (failed(attr))
      return failure();
    k = n.b.getIndexAttr(*attr);
  } else {
    auto input = n.indexVector(1, "K");
    if (failed(input))
      return failure();
    if (input->size() != 1)
      return n.error("K must have one element");
    k = input->front();
  }
  Type element = n.elementType(0);
  int64_t size = n.type(0).getDimSize(*axis);
  if (!element.isIntOrFloat() || element.isInteger(1))
    return n.error("input 0 is not a tensor of numbers");
  if (auto known = getConstantIntValue(k)) {
    if (*known < 0 || (!ShapedType::isDynamic(size) && *known > size))
      return n.error("K is " + Twine(*known) + ", axis " + Twine(*axis) + " has " +
                     Twine(size) + " elements");
  }
  bool isUnsigned = dlc::legalize::isUnsigned(element);
  Value x = n.in(0);
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  // Known at run time only, K is at most what there is.
  if (!getConstantIntValue(k) || ShapedType::isDynamic(size))
    k = n.max(n.min(k, sizes[*axis]), n.b.getIndexAttr(0));
  sizes[*axis] = k;
  Value values = n.empty(sizes, element), indices = n.empty(sizes, n.b.getI64Type());
  SmallVector<Value> lower, upper, step;
  for (int64_t d = 0; d < n.rank(0); ++d)
    if (d != *axis) {
      lower.push_back(n.index(0));
      upper.push_back(n.index(sizes[d]));
      step.push_back(n.index(1));
    }
  Value zero = n.index(0), one = n.index(1), last = n.index(k);
  auto slice = [&](OpBuilder &builder, Location loc, ValueRange outer, ValueRange carried) -> scf::ValueVector {
    ImplicitLocOpBuilder b(loc, builder);
    auto at = [&](Value i) {
      SmallVector<Value> full(outer.begin(), outer.end());
      full.insert(full.begin() + *axis, i);
      return full;
    };
    Value end = tensor::DimOp::create(b, x, *axis);
    // Carried: results, and the element found in the round before.
    Value first = arith::ConstantOp::create(b, b.getZeroAttr(signless(element)));
    Value nobody = arith::ConstantIndexOp::create(b, -1);
    auto rounds = scf::ForOp::create(
        b, zero, last, one, ValueRange{carried[0], carried[1], first, nobody},
        [&](OpBuilder &ob, Location l, Value round, ValueRange state) {
          ImplicitLocOpBuilder ib(l, ob);
          Value isFirst = arith::CmpIOp::create(ib, arith::CmpIPredicate::eq, round, zero);
          Value none = arith::ConstantIndexOp::create(ib, -1);
          auto search = scf::ForOp::create(
              ib, zero, end, one, ValueRange{state[2], none},
              [&](OpBuilder &jb, Location m, Value i, ValueRange best) {
                ImplicitLocOpBuilder kb(m, jb);
                Scalar v(kb, extract(kb, x, at(i))), previous(kb, state[2]), now(kb, best[0]);
                auto before = [&](Scalar p, Scalar q) {
                  return *largest ? p.gt(q, isUnsigned) : p.lt(q, isUnsigned);
                };
                // Not yet taken: behind the previous one in the order.
                Value later = arith::CmpIOp::create(kb, arith::CmpIPredicate::sgt, i, state[3]);
                Value tie = arith::AndIOp::create(kb, v.eq(previous), later);
                Value open = arith::OrIOp::create(kb, isFirst, before(previous, v));
                open = arith::OrIOp::create(kb, open, tie);
                Value empty = arith::CmpIOp::create(kb, arith::CmpIPredicate::slt, best[1], zero);
                Value better = arith::OrIOp::create(kb, empty, before(v, now));
                Value take = arith::AndIOp::create(kb, open, better);
                Value bestNow = arith::SelectOp::create(kb, take, v, now);
                Value where = arith::SelectOp::create(kb, take, i, best[1]);
                scf::YieldOp::create(kb, ValueRange{bestNow, where});
              });
          Value found = search.getResult(0), where = search.getResult(1);
          Value out = tensor::InsertOp::create(ib, fromSignless(ib, found, element), state[0],
                                               at(round));
          Value position = arith::IndexCastOp::create(ib, ib.getI64Type(), where);
          Value outIndex = tensor::InsertOp::create(ib, position, state[1], at(round));
          scf::YieldOp::create(ib, ValueRange{out, outIndex, found, where});
        });
    return {rounds.getResult(0), rounds.getResult(1)};
  };
  SmallVector<Value> results;
  if (lower.empty()) {
    auto r = slice(n.b, n.b.getLoc(), {}, {values, indices});
    results.assign(r.begin(), r.end());
  } else {
    auto nest = scf::buildLoopNest(n.b, n.b.getLoc(), lower, upper, step,
                                   ValueRange{values, indices}, slice);
    results.assign(nest.results.begin(), nest.results.end());
  }
  n.set(0, results[0]);
  n.set(1, results[1]);
  return success();
}

void dlc::legalize::addTopK(std::vector<OpEntry> &table) {
  table.push_back({"", "TopK", 1, kLatest, "numbers", lowerTopK});
}
