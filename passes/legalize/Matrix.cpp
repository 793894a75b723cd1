// This file lowers operators on matrices and along axes: Trilu, CumSum,
// CumProd, Det, Compress and CenterCropPad.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

static LogicalResult lowerTrilu(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto upper = n.i64("upper", 1);
  if (failed(upper))
    return failure();
  int64_t rank = n.rank(0);
  if (rank < 2)
    return n.error("input has rank " + Twine(rank) + ", expected 2 or more");
  OpFoldResult k = n.b.getIndexAttr(0);
  if (n.has(1)) {
    auto given = n.indexVector(1, "k");
    if (failed(given))
      return failure();
    if (given->size() != 1)
      return n.error("k must be a scalar");
    k = given->front();
    if (auto c = getConstantIntValue(k))
      k = n.b.getIndexAttr(std::clamp<int64_t>(*c, -(1 << 30), 1 << 30));
  }
  Value x = n.in(0);
  Type element = n.elementType(0);
  if (!element.isIntOrFloat())
    return n.error("element type is not supported by this operator");
  n.set(0, n.generate(n.sizes(x), element,
                      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                        // Upper: column >= row + k; lower: column <= row + k.
                        Value limit =
                            arith::AddIOp::create(b, at[rank - 2], n.index(k));
                        Value keep = arith::CmpIOp::create(
                            b,
                            *upper ? arith::CmpIPredicate::sge
                                   : arith::CmpIPredicate::sle,
                            at[rank - 1], limit);
                        Value zero = arith::ConstantOp::create(
                            b, b.getZeroAttr(signless(element)));
                        return arith::SelectOp::create(b, keep,
                                                       extract(b, x, at), zero);
                      }));
  return success();
}

/// CumSum and CumProd.
static LogicalResult lowerCumulative(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto exclusive = n.i64("exclusive", 0), reverse = n.i64("reverse", 0);
  if (failed(exclusive) || failed(reverse))
    return failure();
  Type element = n.elementType(0);
  int64_t rank = n.rank(0);
  if (!element.isIntOrFloat() || element.isInteger(1))
    return n.error("element type is not supported by this operator");
  if (rank < 1)
    return n.error("input is a scalar");
  if (!n.type(1).hasStaticShape() || n.type(1).getNumElements() != 1)
    return n.error("axis must be a scalar");
  bool floats = isa<FloatType>(element);
  Value x = n.in(0);
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  bool product = n.opType() == "CumProd";
  auto add = [&](ImplicitLocOpBuilder &b, Value acc, Value v) -> Value {
    if (product)
      return floats ? arith::MulFOp::create(b, acc, v).getResult()
                    : arith::MulIOp::create(b, acc, v).getResult();
    return floats ? arith::AddFOp::create(b, acc, v).getResult()
                  : arith::AddIOp::create(b, acc, v).getResult();
  };
  auto sumAlong = [&](int64_t axis) {
    // One running sum for each line: the outer loops run over all lines, the
    // inner one carries the sum.
    Value result = n.empty(sizes, element);
    SmallVector<Value> low, high, step;
    for (int64_t d = 0; d < rank; ++d) {
      if (d == axis)
        continue;
      low.push_back(n.index(0));
      high.push_back(n.index(sizes[d]));
      step.push_back(n.index(1));
    }
    auto line = [&](OpBuilder &builder, Location loc, ValueRange outer,
                    ValueRange acc) {
      ImplicitLocOpBuilder b(loc, builder);
      Value first =
          arith::ConstantOp::create(b, product ? b.getOneAttr(signless(element))
                                               : b.getZeroAttr(signless(element)));
      Value extent = n.index(sizes[axis]), one = n.index(1);
      auto loop = scf::ForOp::create(
          b, n.index(0), extent, one, ValueRange{first, acc[0]},
          [&](OpBuilder &inner, Location loc, Value i, ValueRange carried) {
            ImplicitLocOpBuilder b(loc, inner);
            Value t = i;
            if (*reverse)
              t = arith::SubIOp::create(
                  b, arith::SubIOp::create(b, extent, one), i);
            SmallVector<Value> at(outer.begin(), outer.end());
            at.insert(at.begin() + axis, t);
            Value sum = add(b, carried[0], extract(b, x, at));
            Value stored =
                fromSignless(b, *exclusive ? carried[0] : sum, element);
            Value next = tensor::InsertOp::create(b, stored, carried[1], at);
            scf::YieldOp::create(b, ValueRange{sum, next});
          });
      return scf::ValueVector{loop.getResult(1)};
    };
    if (low.empty())
      return line(n.b, n.b.getLoc(), {}, result)[0];
    return scf::buildLoopNest(n.b, n.b.getLoc(), low, high, step, result, line)
        .results[0];
  };
  if (n.constant(1)) {
    auto given = n.constantInts(1, "axis");
    if (failed(given))
      return failure();
    auto axis = n.axis(given->front(), rank);
    if (failed(axis))
      return failure();
    n.set(0, sumAlong(*axis));
    return success();
  }
  if (rank == 1) {
    n.set(0, sumAlong(0));
    return success();
  }
  // The axis is only known at run time: one case for each.
  auto given = n.indexVector(1, "axis");
  if (failed(given))
    return failure();
  Value axis = n.index(n.fromEnd(given->front(), n.b.getIndexAttr(rank)));
  SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  auto type = RankedTensorType::get(n.shape(0), element);
  auto choice = scf::IndexSwitchOp::create(n.b, TypeRange{type}, axis, cases,
                                           cases.size());
  auto fillRegion = [&](Region &region, int64_t axis) {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.createBlock(&region);
    Value result = sumAlong(axis);
    if (result.getType() != type)
      result = tensor::CastOp::create(n.b, type, result);
    scf::YieldOp::create(n.b, result);
  };
  for (int64_t c : cases)
    fillRegion(choice.getCaseRegions()[c], c);
  fillRegion(choice.getDefaultRegion(), rank - 1);
  n.set(0, choice.getResult(0));
  return success();
}

/// Determinants by Gaussian elimination with partial pivoting, on a working
/// copy of each matrix.
static LogicalResult lowerDet(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  Type element = n.elementType(0);
  int64_t rank = n.rank(0);
  if (!isa<FloatType>(element))
    return n.error("input is not of a float type");
  if (rank < 2)
    return n.error("input has rank " + Twine(rank) + ", expected 2 or more");
  int64_t rows = n.shape(0)[rank - 2], columns = n.shape(0)[rank - 1];
  if (rows != columns || ShapedType::isDynamic(rows))
    return n.error("matrices are " + Twine(rows) + " x " + Twine(columns) +
                   ", expected a known square size");
  Type type = element.getIntOrFloatBitWidth() < 32 ? n.b.getF32Type() : element;
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0)),
                            batch(sizes.begin(), sizes.end() - 2);
  OpFoldResult size = n.b.getIndexAttr(rows);
  OpFoldResult count = n.product(batch);
  Value x = n.reshape(n.in(0), {count, size, size});
  Value zero = n.index(0), one = n.index(1), N = n.index(rows);
  Value start = n.empty(count, type);
  auto loop = scf::ForOp::create(
      n.b, zero, n.index(count), one, ValueRange{start},
      [&](OpBuilder &builder, Location loc, Value m, ValueRange results) {
        ImplicitLocOpBuilder b(loc, builder);
        auto read = [&](ImplicitLocOpBuilder &b, Value t, Value i,
                        Value j) -> Value {
          return tensor::ExtractOp::create(b, t, ValueRange{i, j});
        };
        OpBuilder::InsertionGuard guard(n.b);
        n.b.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
        Value work = n.generate(
            {size, size}, type, [&](ImplicitLocOpBuilder &b, ValueRange at) {
              return Node::castScalar(b, extract(b, x, {m, at[0], at[1]}),
                                      element, type);
            });
        b.setInsertionPointAfterValue(work);
        Value det = arith::ConstantOp::create(
            b, b.getFloatAttr(cast<FloatType>(type), 1.0));
        auto eliminate = scf::ForOp::create(
            b, zero, N, one, ValueRange{work, det},
            [&](OpBuilder &builder, Location loc, Value k, ValueRange carried) {
              ImplicitLocOpBuilder b(loc, builder);
              Value a = carried[0];
              // The row with the largest element of column k from k on.
              Value best0 = math::AbsFOp::create(b, read(b, a, k, k));
              auto pivot = scf::ForOp::create(
                  b, k, N, one, ValueRange{k, best0},
                  [&](OpBuilder &builder, Location loc, Value i,
                      ValueRange best) {
                    ImplicitLocOpBuilder b(loc, builder);
                    Value v = math::AbsFOp::create(b, read(b, a, i, k));
                    Value more = arith::CmpFOp::create(
                        b, arith::CmpFPredicate::OGT, v, best[1]);
                    Value row = arith::SelectOp::create(b, more, i, best[0]);
                    Value size = arith::SelectOp::create(b, more, v, best[1]);
                    scf::YieldOp::create(b, ValueRange{row, size});
                  });
              Value p = pivot.getResult(0);
              // Swap rows k and p, element by element.
              auto swap = scf::ForOp::create(
                  b, zero, N, one, ValueRange{a},
                  [&](OpBuilder &builder, Location loc, Value j,
                      ValueRange acc) {
                    ImplicitLocOpBuilder b(loc, builder);
                    Value u = read(b, acc[0], k, j), v = read(b, acc[0], p, j);
                    Value t = tensor::InsertOp::create(b, v, acc[0],
                                                       ValueRange{k, j});
                    t = tensor::InsertOp::create(b, u, t, ValueRange{p, j});
                    scf::YieldOp::create(b, t);
                  });
              a = swap.getResult(0);
              Value diagonal = read(b, a, k, k);
              Value f0 = arith::ConstantOp::create(b, b.getZeroAttr(type));
              Value singular = arith::CmpFOp::create(
                  b, arith::CmpFPredicate::OEQ, diagonal, f0);
              Value f1 = arith::ConstantOp::create(b, b.getOneAttr(type));
              Value divisor =
                  arith::SelectOp::create(b, singular, f1, diagonal);
              Value next = arith::AddIOp::create(b, k, one);
              auto rowsBelow = scf::ForOp::create(
                  b, next, N, one, ValueRange{a},
                  [&](OpBuilder &builder, Location loc, Value i,
                      ValueRange acc) {
                    ImplicitLocOpBuilder b(loc, builder);
                    Value factor = arith::DivFOp::create(
                        b, read(b, acc[0], i, k), divisor);
                    auto columnsRight = scf::ForOp::create(
                        b, next, N, one, ValueRange{acc[0]},
                        [&](OpBuilder &builder, Location loc, Value j,
                            ValueRange acc) {
                          ImplicitLocOpBuilder b(loc, builder);
                          Value product = arith::MulFOp::create(
                              b, factor, read(b, acc[0], k, j));
                          Value v = arith::SubFOp::create(
                              b, read(b, acc[0], i, j), product);
                          Value t = tensor::InsertOp::create(b, v, acc[0],
                                                             ValueRange{i, j});
                          scf::YieldOp::create(b, t);
                        });
                    scf::YieldOp::create(b, columnsRight.getResult(0));
                  });
              Value product = arith::MulFOp::create(b, carried[1], diagonal);
              Value moved =
                  arith::CmpIOp::create(b, arith::CmpIPredicate::ne, p, k);
              Value negated = arith::NegFOp::create(b, product);
              Value det = arith::SelectOp::create(b, moved, negated, product);
              scf::YieldOp::create(b, ValueRange{rowsBelow.getResult(0), det});
            });
        Value out =
            tensor::InsertOp::create(b, eliminate.getResult(1), results[0], m);
        scf::YieldOp::create(b, out);
      });
  n.set(0, n.reshape(n.cast(loop.getResult(0), element), batch));
  return success();
}

/// The number of selected slices is data: it is the condition's when constant,
/// what the model declares, or counted at run time.
static LogicalResult lowerCompress(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (!n.elementType(1).isInteger(1) || n.rank(1) != 1)
    return n.error("the condition must be a boolean vector");
  Value x = n.in(0), condition = n.in(1);
  auto given = n.optionalAxis(n.rank(0));
  if (failed(given))
    return failure();
  int64_t axis = given->value_or(0);
  if (!*given) {
    OpFoldResult all = n.product(n.sizes(x));
    x = n.reshape(x, all);
  }
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  OpFoldResult length = n.size(condition, 0);
  auto known = n.constant(1);
  auto cl = getConstantIntValue(length), cs = getConstantIntValue(sizes[axis]);
  if (cl && cs && *cl > *cs)
    return n.error("the condition has " + Twine(*cl) +
                   " elements, the dimension " + Twine(*cs));
  int64_t rank = sizes.size();
  RankedTensorType declared = n.declared(0);
  OpFoldResult count;
  if (known) {
    count = n.b.getIndexAttr(llvm::count(known->getValues<bool>(), true));
  } else if (declared && declared.getRank() == rank &&
             !declared.isDynamicDim(axis)) {
    count = n.b.getIndexAttr(declared.getDimSize(axis));
  } else {
    Value total =
        n.reduce(n.cast(condition, n.b.getI32Type()), 0,
                 n.scalarInt(n.b.getI32Type(), 0),
                 [](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                   return arith::AddIOp::create(b, acc, v);
                 });
    count = arith::IndexCastOp::create(n.b, n.b.getIndexType(),
                                       extract(n.b, total, {}))
                .getResult();
  }
  SmallVector<OpFoldResult> to = sizes;
  to[axis] = count;
  if (failed(n.checkSizes(to)))
    return failure();
  if (getConstantIntValue(n.product(to)) == 0) {
    n.set(0, n.empty(to, n.elementType(0)));
    return success();
  }
  // Positions of the selected slices, then a gather.
  Value zero = n.index(0), one = n.index(1), room = n.index(count);
  Value positions = n.fill(n.max(count, n.b.getIndexAttr(1)), zero);
  auto loop = scf::ForOp::create(
      n.b, zero, n.index(length), one, ValueRange{positions, zero},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange acc) {
        ImplicitLocOpBuilder b(loc, builder);
        Value fits =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, acc[1], room);
        Value chosen = arith::AndIOp::create(b, extract(b, condition, i), fits);
        // Not chosen: the same place is written again by the next one chosen.
        Value last = arith::MaxSIOp::create(
            b, arith::SubIOp::create(b, room, one), zero);
        Value slot = arith::MinSIOp::create(b, acc[1], last);
        Value old = tensor::ExtractOp::create(b, acc[0], slot);
        Value stored = arith::SelectOp::create(b, chosen, i, old);
        Value next = tensor::InsertOp::create(b, stored, acc[0], slot);
        Value more = arith::SelectOp::create(
            b, chosen, arith::AddIOp::create(b, acc[1], one), acc[1]);
        scf::YieldOp::create(b, ValueRange{next, more});
      });
  Value from = loop.getResult(0);
  n.set(0, n.generate(to, n.elementType(0),
                      [&](ImplicitLocOpBuilder &b, ValueRange at) {
                        SmallVector<Value> source(at.begin(), at.end());
                        source[axis] =
                            tensor::ExtractOp::create(b, from, at[axis]);
                        return extract(b, x, source);
                      }));
  return success();
}

static LogicalResult lowerCenterCropPad(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  int64_t rank = n.rank(0);
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto given = n.axes("axes", -1, rank);
  auto shape = n.indexVector(1, "shape");
  if (failed(given) || failed(shape))
    return failure();
  if (*given)
    dims = **given;
  if (shape->size() != dims.size())
    return n.error("shape has " + Twine(shape->size()) +
                   " elements, expected " + Twine(dims.size()));
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  SmallVector<OpFoldResult> offsets(rank, n.b.getIndexAttr(0)),
      kept = sizes, low = offsets, high = offsets;
  OpFoldResult two = n.b.getIndexAttr(2), zero = n.b.getIndexAttr(0);
  RankedTensorType declared = n.declared(0);
  SmallVector<OpFoldResult> to = sizes;
  for (auto [d, wanted] : llvm::zip_equal(dims, *shape)) {
    if (!getConstantIntValue(wanted) && declared &&
        declared.getRank() == rank && !declared.isDynamicDim(d))
      wanted = n.b.getIndexAttr(declared.getDimSize(d));
    to[d] = wanted;
    if (failed(n.checkSizes(to)))
      return failure();
    OpFoldResult cut = n.max(n.sub(sizes[d], wanted), zero);
    OpFoldResult add = n.max(n.sub(wanted, sizes[d]), zero);
    offsets[d] = n.floorDiv(cut, two);
    kept[d] = n.min(sizes[d], wanted);
    low[d] = n.floorDiv(add, two);
    high[d] = n.sub(add, low[d]);
  }
  Value x = n.slice(n.in(0), offsets, kept);
  n.set(0, n.pad(x, low, high, n.scalarInt(n.elementType(0), 0)));
  return success();
}

void dlc::legalize::addMatrix(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral numbers = "numbers", all = "numbers, bool";
  table.push_back({"", "Trilu", 14, kLatest, all, lowerTrilu});
  table.push_back({"", "CumSum", 11, kLatest, numbers, lowerCumulative});
  table.push_back({"", "CumProd", 26, kLatest, numbers, lowerCumulative});
  table.push_back({"", "Det", 11, kLatest, "floats", lowerDet});
  table.push_back({"", "Compress", 9, kLatest, all, lowerCompress});
  table.push_back({"", "CenterCropPad", 18, kLatest, all, lowerCenterCropPad});
}
