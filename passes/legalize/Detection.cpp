// This file lowers NonMaxSuppression.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// The corners of a box, lower one first, whichever way round it is given.
struct Box {
  Scalar y1, x1, y2, x2;
  Scalar area() const { return (y2 - y1) * (x2 - x1); }
};

Box readBox(ImplicitLocOpBuilder &b, Value boxes, Value batch, Value i, bool center) {
  auto at = [&](int64_t k) {
    Value coordinate = arith::ConstantIndexOp::create(b, k);
    return Scalar(b, extract(b, boxes, ValueRange{batch, i, coordinate}));
  };
  Scalar p = at(0), q = at(1), r = at(2), s = at(3);
  if (center) { // x, y, width, height
    Scalar w = r * 0.5, h = s * 0.5;
    return {q - h, p - w, q + h, p + w};
  }
  return {p.min(r), q.min(s), p.max(r), q.max(s)};
}

/// Intersection over union is above the threshold. Without a division: boxes
/// without area overlap nothing.
Value overlaps(ImplicitLocOpBuilder &b, Box p, Box q, Value threshold) {
  Scalar h = p.y2.min(q.y2) - p.y1.max(q.y1), w = p.x2.min(q.x2) - p.x1.max(q.x1);
  Scalar zero = h.constant(0);
  Scalar common = h.max(zero) * w.max(zero);
  Scalar all = p.area() + q.area() - common;
  Value above = common.gt(all * Scalar(b, threshold));
  Value real = arith::AndIOp::create(b, p.area().gt(zero), q.area().gt(zero));
  real = arith::AndIOp::create(b, real, all.gt(zero));
  return arith::AndIOp::create(b, above, real);
}
} // namespace

/// A scalar input: one element of rank 0 or 1; `dflt` when it is not given.
static FailureOr<Value> scalarInput(Node &n, unsigned i, Type type, double dflt, StringRef what) {
  if (!n.has(i))
    return n.scalar(type, dflt);
  auto tensor = dyn_cast<RankedTensorType>(n.in(i).getType());
  if (!tensor || !tensor.hasStaticShape() || tensor.getNumElements() != 1 ||
      tensor.getElementType() != type) {
    (void)n.error("input " + Twine(i) + " (" + what + ") is not one number");
    return failure();
  }
  return extract(n.b, n.in(i), SmallVector<Value>(tensor.getRank(), n.index(0)));
}

/// For each batch and class: boxes in the order of their scores (then index),
/// each one taken that overlaps none taken before.
static LogicalResult lowerNonMaxSuppression(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto center = n.i64("center_point_box", 0);
  if (failed(center))
    return failure();
  Type f32 = n.b.getF32Type(), i64 = n.b.getI64Type();
  if (n.rank(0) != 3 || n.rank(1) != 3 || n.elementType(0) != f32 || n.elementType(1) != f32)
    return n.error("boxes and scores must be float tensors of rank 3");
  if (int64_t four = n.shape(0)[2]; four != 4)
    return n.error("a box has " + Twine(four) + " coordinates, expected 4");
  for (auto [d, e] : {std::pair(0, 0), std::pair(1, 2)})
    if (int64_t p = n.shape(0)[d], q = n.shape(1)[e];
        p != q && !ShapedType::isDynamic(p) && !ShapedType::isDynamic(q))
      return n.error("boxes have shape " + Twine(n.shape(0)[0]) + "x" + Twine(n.shape(0)[1]) +
                     "x4, scores " + Twine(n.shape(1)[0]) + "x" + Twine(n.shape(1)[1]) + "x" +
                     Twine(n.shape(1)[2]));
  auto most = scalarInput(n, 2, i64, 0, "max_output_boxes_per_class");
  auto iou = scalarInput(n, 3, f32, 0, "iou_threshold");
  auto least = scalarInput(n, 4, f32, 0, "score_threshold");
  if (failed(most) || failed(iou) || failed(least))
    return failure();
  bool hasLeast = n.has(4);
  Value boxes = n.in(0), scores = n.in(1);
  OpFoldResult batches = n.size(boxes, 0), classes = n.size(scores, 1), count = n.size(boxes, 1);
  // At most this many of each class.
  OpFoldResult perClass;
  if (auto known = getConstantIntValue(*most))
    perClass = n.b.getIndexAttr(std::clamp<int64_t>(*known, 0, INT32_MAX));
  else
    perClass = n.max(arith::IndexCastOp::create(n.b, n.b.getIndexType(), *most).getResult(),
                     n.b.getIndexAttr(0));
  perClass = n.min(perClass, count);
  OpFoldResult room = n.mul(n.mul(batches, classes), perClass);
  SmallVector<OpFoldResult> shape{room, n.b.getIndexAttr(3)};
  if (failed(n.checkSizes(shape)))
    return failure();
  Value zero = n.index(0), one = n.index(1), end = n.index(count), limit = n.index(perClass);
  Value out = n.empty(shape, i64);
  auto toI64 = [&](ImplicitLocOpBuilder &b, Value v) -> Value {
    return arith::IndexCastOp::create(b, i64, v);
  };

  auto body = [&](OpBuilder &builder, Location loc, ValueRange at, ValueRange carried) -> scf::ValueVector {
    ImplicitLocOpBuilder b(loc, builder);
    Value batch = at[0], clazz = at[1], start = carried[1];
    Value nobody = arith::ConstantIndexOp::create(b, -1);
    Value top = arith::ConstantOp::create(b, b.getF32FloatAttr(std::numeric_limits<float>::infinity()));
    auto score = [&](ImplicitLocOpBuilder &b, Value i) {
      return Scalar(b, extract(b, scores, ValueRange{batch, clazz, i}));
    };
    // Carried: selected boxes, their number, the candidate of the round before
    // (score, index), whether there was one.
    Value yes = arith::ConstantIntOp::create(b, b.getI1Type(), 1);
    auto rounds = scf::ForOp::create(
        b, zero, end, one, ValueRange{carried[0], start, top, nobody, yes},
        [&](OpBuilder &builder, Location loc, Value, ValueRange s) {
          ImplicitLocOpBuilder b(loc, builder);
          Value taken = arith::SubIOp::create(b, s[1], start);
          Value open = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, taken, limit);
          open = arith::AndIOp::create(b, open, s[4]);
          auto round = scf::IfOp::create(
              b, open,
              [&](OpBuilder &builder, Location loc) {
                ImplicitLocOpBuilder b(loc, builder);
                // The best one behind the last candidate.
                auto search = scf::ForOp::create(
                    b, zero, end, one, ValueRange{s[2], nobody},
                    [&](OpBuilder &builder, Location loc, Value i, ValueRange best) {
                      ImplicitLocOpBuilder b(loc, builder);
                      Scalar v = score(b, i), previous(b, s[2]), now(b, best[0]);
                      Value later = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, i, s[3]);
                      Value tie = arith::AndIOp::create(b, v.eq(previous), later);
                      Value behind = arith::OrIOp::create(b, v.lt(previous), tie);
                      if (hasLeast)
                        behind = arith::AndIOp::create(b, behind, v.gt(Scalar(b, *least)));
                      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, best[1], zero);
                      Value better = arith::OrIOp::create(b, isFirst, v.gt(now));
                      Value take = arith::AndIOp::create(b, behind, better);
                      scf::YieldOp::create(
                          b, ValueRange{arith::SelectOp::create(b, take, v, now),
                                        arith::SelectOp::create(b, take, i, best[1])});
                    });
                Value found = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                                    search.getResult(1), zero);
                Value candidate = arith::MaxSIOp::create(b, search.getResult(1), zero);
                Box mine = readBox(b, boxes, batch, candidate, *center != 0);
                auto clash = scf::ForOp::create(
                    b, start, s[1], one, ValueRange{found},
                    [&](OpBuilder &builder, Location loc, Value k, ValueRange good) {
                      ImplicitLocOpBuilder b(loc, builder);
                      Value two = arith::ConstantIndexOp::create(b, 2);
                      Value other = arith::IndexCastOp::create(
                          b, b.getIndexType(), extract(b, s[0], ValueRange{k, two}));
                      Box theirs = readBox(b, boxes, batch, other, *center != 0);
                      Box same{Scalar(b, mine.y1), Scalar(b, mine.x1), Scalar(b, mine.y2),
                               Scalar(b, mine.x2)};
                      Value bad = overlaps(b, same, theirs, *iou);
                      Value no = arith::ConstantIntOp::create(b, b.getI1Type(), 0);
                      scf::YieldOp::create(
                          b, ValueRange{arith::SelectOp::create(b, bad, no, good[0])});
                    });
                auto add = scf::IfOp::create(
                    b, clash.getResult(0),
                    [&](OpBuilder &builder, Location loc) {
                      ImplicitLocOpBuilder b(loc, builder);
                      Value rows = s[0];
                      const Value row[] = {batch, clazz, candidate};
                      for (auto [k, v] : llvm::enumerate(row))
                        rows = tensor::InsertOp::create(
                            b, toI64(b, v), rows,
                            ValueRange{s[1], arith::ConstantIndexOp::create(b, k)});
                      Value next = arith::AddIOp::create(b, s[1], one);
                      scf::YieldOp::create(b, ValueRange{rows, next});
                    },
                    [&](OpBuilder &builder, Location loc) {
                      scf::YieldOp::create(builder, loc, ValueRange{s[0], s[1]});
                    });
                scf::YieldOp::create(b, ValueRange{add.getResult(0), add.getResult(1),
                                                   search.getResult(0), search.getResult(1), found});
              },
              [&](OpBuilder &builder, Location loc) { scf::YieldOp::create(builder, loc, s); });
          scf::YieldOp::create(b, round.getResults());
        });
    return {rounds.getResult(0), rounds.getResult(1)};
  };
  auto nest = scf::buildLoopNest(n.b, n.b.getLoc(), {zero, zero}, {n.index(batches), n.index(classes)},
                                 {one, one}, ValueRange{out, zero}, body);
  OpFoldResult selected = n.min(nest.results[1], room);
  SmallVector<OpFoldResult> offsets(2, n.b.getIndexAttr(0));
  n.set(0, n.slice(nest.results[0], offsets, {selected, n.b.getIndexAttr(3)}));
  return success();
}

void dlc::legalize::addDetection(std::vector<OpEntry> &table) {
  table.push_back({"", "NonMaxSuppression", 10, kLatest, "float32", lowerNonMaxSuppression});
}
