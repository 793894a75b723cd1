// This file lowers NonZero and Unique, whose number of results is data: it is
// counted at run time, and bounded by the number of elements.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// A count that later passes can bound: it never exceeds `most`.
OpFoldResult bounded(Node &n, Value count, OpFoldResult most) {
  return n.min(count, most);
}

Value toI64(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI64Type(), index);
}
Value toIndex(ImplicitLocOpBuilder &b, Value i64) {
  return arith::IndexCastOp::create(b, b.getIndexType(), i64);
}
Value constantIndex(ImplicitLocOpBuilder &b, int64_t v) {
  return arith::ConstantIndexOp::create(b, v);
}

/// scf.for from 0 to `end` with carried values, built in place.
SmallVector<Value> loop(ImplicitLocOpBuilder &b, Value end, ValueRange initial,
                        llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, ValueRange)> body) {
  auto op = scf::ForOp::create(
      b, constantIndex(b, 0), end, constantIndex(b, 1), initial,
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        ImplicitLocOpBuilder inner(loc, builder);
        scf::YieldOp::create(inner, body(inner, i, carried));
      });
  return SmallVector<Value>(op.getResults());
}
} // namespace

//===--- NonZero ----------------------------------------------------------===//

static LogicalResult lowerNonZero(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  Value x = n.in(0);
  Type element = n.elementType(0), i64 = n.b.getI64Type(), i1 = n.b.getI1Type();
  int64_t rank = n.rank(0);
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rank));
  auto isSet = [&](ImplicitLocOpBuilder &b, Value v) {
    return Node::castScalar(b, v, element, i1);
  };
  Value ones = n.map(x, i64, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return arith::ExtUIOp::create(b, i64, isSet(b, v[0]));
  });
  Value total = n.reduce(ones, axes, n.scalarInt(i64, 0),
                         [](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                           return arith::AddIOp::create(b, acc, v);
                         });
  OpFoldResult count =
      bounded(n, toIndex(n.b, extract(n.b, total, {})), n.product(sizes));
  Value out = n.empty({n.b.getIndexAttr(rank), count}, i64);
  if (rank == 0) { // ONNX, unlike NumPy: no row for a scalar
    n.set(0, out);
    return success();
  }
  SmallVector<Value> lower(rank, n.index(0)), step(rank, n.index(1)), upper;
  for (OpFoldResult size : sizes)
    upper.push_back(n.index(size));
  auto nest = scf::buildLoopNest(
      n.b, n.b.getLoc(), lower, upper, step, ValueRange{out, n.index(0)},
      [&](OpBuilder &builder, Location loc, ValueRange at, ValueRange carried) -> scf::ValueVector {
        ImplicitLocOpBuilder b(loc, builder);
        auto branch = scf::IfOp::create(
            b, isSet(b, extract(b, x, at)),
            [&](OpBuilder &builder, Location loc) {
              ImplicitLocOpBuilder b(loc, builder);
              Value rows = carried[0];
              for (auto [d, i] : llvm::enumerate(at))
                rows = tensor::InsertOp::create(
                    b, toI64(b, i), rows, ValueRange{constantIndex(b, d), carried[1]});
              Value next = arith::AddIOp::create(b, carried[1], constantIndex(b, 1));
              scf::YieldOp::create(b, ValueRange{rows, next});
            },
            [&](OpBuilder &builder, Location loc) {
              scf::YieldOp::create(builder, loc, carried);
            });
        return {branch.getResult(0), branch.getResult(1)};
      });
  n.set(0, nest.results[0]);
  return success();
}

//===--- Unique -----------------------------------------------------------===//

namespace {
/// The rows of a matrix, compared element by element; NaN equals NaN and comes
/// last, as NumPy has it.
struct Rows {
  Value matrix, width;
  bool isUnsigned;

  Scalar at(ImplicitLocOpBuilder &b, Value row, Value column) const {
    return Scalar(b, extract(b, matrix, ValueRange{row, column}));
  }
  Value less(Scalar p, Scalar q, ImplicitLocOpBuilder &b) const {
    Value below = p.lt(q, isUnsigned);
    if (!p.isFloat())
      return below;
    Value onlyLast = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, p.isNan(), q.isNan());
    return arith::OrIOp::create(b, below, onlyLast);
  }
  /// -1, 0 or 1: the order of two rows.
  Value compare(ImplicitLocOpBuilder &b, Value p, Value q) const {
    Type type = b.getI32Type();
    Value zero = arith::ConstantIntOp::create(b, type, 0);
    return loop(b, width, zero,
                [&](ImplicitLocOpBuilder &b, Value j, ValueRange order) -> SmallVector<Value> {
                  Scalar x = at(b, p, j), y = at(b, q, j);
                  Value above = arith::ExtUIOp::create(b, type, less(y, x, b));
                  Value below = arith::ExtUIOp::create(b, type, less(x, y, b));
                  Value here = arith::SubIOp::create(b, above, below);
                  Value open = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, order[0], zero);
                  return {arith::SelectOp::create(b, open, here, order[0])};
                })[0];
  }
};
} // namespace

/// Each row is compared with the distinct ones before it, so that no copy is
/// sorted: the position of a row in the order is the number of smaller ones.
static LogicalResult lowerUnique(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto sorted = n.i64("sorted", 1);
  if (failed(sorted))
    return failure();
  Type element = n.elementType(0), i64 = n.b.getI64Type();
  if (!element.isIntOrFloat())
    return n.error("input 0 is not a tensor of numbers");
  Value x = n.in(0);
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  OpFoldResult one = n.b.getIndexAttr(1), rows, width = one;
  auto given = n.optionalAxis(n.rank(0));
  if (failed(given))
    return failure();
  int64_t axis = given->value_or(0);
  SmallVector<int64_t> order; // axis first
  if (*given) {
    order.push_back(axis);
    for (int64_t d = 0; d < n.rank(0); ++d)
      if (d != axis) {
        order.push_back(d);
        width = n.mul(width, sizes[d]);
      }
    rows = sizes[axis];
    x = n.transpose(x, order);
  } else {
    rows = n.product(sizes);
  }
  x = n.reshape(x, {rows, width});
  Rows matrix{x, n.index(width), isUnsigned(element)};
  Value none = n.fill(rows, n.scalarInt(i64, 0)), zero = n.index(0);
  // Distinct rows: the first place of each and how often it occurs; for every
  // row which of them it is.
  auto found = loop(
      n.b, n.index(rows), ValueRange{none, none, none, zero},
      [&](ImplicitLocOpBuilder &b, Value i, ValueRange s) -> SmallVector<Value> {
        Value first = s[0], inverse = s[1], counts = s[2], distinct = s[3];
        Value nobody = constantIndex(b, -1);
        Value match = loop(b, distinct, nobody,
                           [&](ImplicitLocOpBuilder &b, Value u, ValueRange best) -> SmallVector<Value> {
                             Value same = matrix.compare(b, toIndex(b, extract(b, first, u)), i);
                             Value zero32 = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
                             Value equal = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, same, zero32);
                             return {arith::SelectOp::create(b, equal, u, best[0])};
                           })[0];
        Value isNew = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, match, constantIndex(b, 0));
        Value slot = arith::SelectOp::create(b, isNew, distinct, match);
        Value place = arith::SelectOp::create(b, isNew, toI64(b, i), extract(b, first, slot));
        Value count = arith::AddIOp::create(b, extract(b, counts, slot),
                                            arith::ConstantIntOp::create(b, i64, 1));
        Value more = arith::AddIOp::create(b, distinct, constantIndex(b, 1));
        return {tensor::InsertOp::create(b, place, first, slot),
                tensor::InsertOp::create(b, toI64(b, slot), inverse, i),
                tensor::InsertOp::create(b, count, counts, slot),
                arith::SelectOp::create(b, isNew, more, distinct)};
      });
  Value first = found[0], inverse = found[1], counts = found[2];
  OpFoldResult distinct = bounded(n, found[3], rows);
  Value end = n.index(distinct);
  // Where each distinct row goes.
  Value places = n.empty(distinct, i64);
  places = loop(n.b, end, places,
                [&](ImplicitLocOpBuilder &b, Value u, ValueRange s) -> SmallVector<Value> {
                  Value place = u;
                  if (*sorted) {
                    Value mine = toIndex(b, extract(b, first, u));
                    place = loop(b, end, constantIndex(b, 0),
                                 [&](ImplicitLocOpBuilder &b, Value v, ValueRange smaller) -> SmallVector<Value> {
                                   Value c = matrix.compare(b, toIndex(b, extract(b, first, v)), mine);
                                   Value zero32 = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
                                   Value less = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, c, zero32);
                                   Value one = arith::ExtUIOp::create(b, i64, less);
                                   return {arith::AddIOp::create(b, smaller[0], toIndex(b, one))};
                                 })[0];
                  }
                  return {tensor::InsertOp::create(b, toI64(b, place), s[0], u)};
                })[0];
  auto results = loop(
      n.b, end,
      ValueRange{n.empty({distinct, width}, element), n.empty(distinct, i64), n.empty(distinct, i64)},
      [&](ImplicitLocOpBuilder &b, Value u, ValueRange s) -> SmallVector<Value> {
        Value to = toIndex(b, extract(b, places, u)), from = extract(b, first, u);
        Value row = toIndex(b, from);
        Value copied = loop(b, matrix.width, s[0],
                            [&](ImplicitLocOpBuilder &b, Value j, ValueRange y) -> SmallVector<Value> {
                              Value v = fromSignless(b, matrix.at(b, row, j), element);
                              return {tensor::InsertOp::create(b, v, y[0], ValueRange{to, j})};
                            })[0];
        return {copied, tensor::InsertOp::create(b, from, s[1], to),
                tensor::InsertOp::create(b, extract(b, counts, u), s[2], to)};
      });
  SmallVector<OpFoldResult> shape{distinct};
  for (int64_t d : ArrayRef(order).drop_front(order.empty() ? 0 : 1))
    shape.push_back(sizes[d]);
  Value y = n.reshape(results[0], shape);
  if (!order.empty()) {
    SmallVector<int64_t> back(order.size());
    for (auto [i, d] : llvm::enumerate(order))
      back[d] = i;
    y = n.transpose(y, back);
  }
  n.set(0, y);
  n.set(1, results[1]);
  if (n.wants(2))
    n.set(2, n.generate(rows, i64, [&](ImplicitLocOpBuilder &b, ValueRange at) {
      return extract(b, places, toIndex(b, extract(b, inverse, at)));
    }));
  n.set(3, results[2]);
  return success();
}

void dlc::legalize::addSelect(std::vector<OpEntry> &table) {
  table.push_back({"", "NonZero", 9, kLatest, "numbers, bool", lowerNonZero});
  table.push_back({"", "Unique", 11, kLatest, "numbers, bool", lowerUnique});
}
