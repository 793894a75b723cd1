// This file lowers the operators that write at computed positions: Scatter,
// ScatterElements, ScatterND, TensorScatter and OneHot. Writes happen one after
// the other, so of duplicates the last one counts. Indices out of range at run
// time are clamped to the nearest valid one.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// What becomes of an element that an update meets.
enum class Reduction { None, Add, Mul, Min, Max };

static FailureOr<Reduction> readReduction(Node &n) {
  auto name = n.str("reduction", "none");
  if (failed(name))
    return failure();
  auto kind = llvm::StringSwitch<std::optional<Reduction>>(*name)
                  .Case("none", Reduction::None)
                  .Case("add", Reduction::Add)
                  .Case("mul", Reduction::Mul)
                  .Case("min", Reduction::Min)
                  .Case("max", Reduction::Max)
                  .Default(std::nullopt);
  if (!kind)
    return n.error("reduction '" + *name + "' is unknown",
                   "expected none, add, mul, min or max");
  return *kind;
}

/// Signless scalars of the tensor's element type.
static Value combine(ImplicitLocOpBuilder &b, Reduction how, Value old,
                     Value update, Type element) {
  bool floats = isa<FloatType>(element);
  bool isUnsigned = dlc::legalize::isUnsigned(element) || element.isInteger(1);
  switch (how) {
  case Reduction::None:
    return update;
  case Reduction::Add:
    return floats ? arith::AddFOp::create(b, old, update).getResult()
                  : arith::AddIOp::create(b, old, update).getResult();
  case Reduction::Mul:
    return floats ? arith::MulFOp::create(b, old, update).getResult()
                  : arith::MulIOp::create(b, old, update).getResult();
  case Reduction::Min:
    if (floats)
      return arith::MinimumFOp::create(b, old, update);
    return isUnsigned ? arith::MinUIOp::create(b, old, update).getResult()
                      : arith::MinSIOp::create(b, old, update).getResult();
  case Reduction::Max:
    if (floats)
      return arith::MaximumFOp::create(b, old, update);
    return isUnsigned ? arith::MaxUIOp::create(b, old, update).getResult()
                      : arith::MaxSIOp::create(b, old, update).getResult();
  }
  llvm_unreachable("all reductions are handled");
}

/// Updates `tensor` once for each point of `sizes`, in row-major order:
/// `where` gives the position and the (signless) update of a point.
static Value
scatter(Node &n, Value tensor, ArrayRef<OpFoldResult> sizes, Reduction how,
        llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange point,
                                 SmallVector<Value> &position)>
            where) {
  Type element = getElementTypeOrSelf(tensor.getType());
  SmallVector<Value> low(sizes.size(), n.index(0)), high,
      step(sizes.size(), n.index(1));
  for (OpFoldResult s : sizes)
    high.push_back(n.index(s));
  auto nest = scf::buildLoopNest(
      n.b, n.b.getLoc(), low, high, step, tensor,
      [&](OpBuilder &builder, Location loc, ValueRange point, ValueRange acc) {
        ImplicitLocOpBuilder b(loc, builder);
        SmallVector<Value> position;
        Value update = where(b, point, position);
        Value old =
            how == Reduction::None
                ? Value()
                : toSignless(b, tensor::ExtractOp::create(b, acc[0], position));
        Value v =
            fromSignless(b, combine(b, how, old, update, element), element);
        return scf::ValueVector{
            tensor::InsertOp::create(b, v, acc[0], position)};
      });
  return nest.results.empty() ? tensor : nest.results[0];
}

static Value toIndex(ImplicitLocOpBuilder &b, Value i) {
  return arith::IndexCastOp::create(b, b.getIndexType(), i);
}

/// Data 0, indices 1 and updates 2, of matching element types.
static LogicalResult checkOperands(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  if (!n.elementType(1).isInteger(32) && !n.elementType(1).isInteger(64))
    return n.error("indices are not int32 or int64");
  if (n.elementType(2) != n.elementType(0) || !n.elementType(0).isIntOrFloat())
    return n.error("updates must have the element type of the data");
  if (n.rank(0) < 1)
    return n.error("data is a scalar");
  return success();
}

static LogicalResult writesToNothing(Node &n) {
  return n.error("updates write into an empty dimension");
}

static LogicalResult lowerScatterElements(Node &n) {
  if (failed(checkOperands(n)))
    return failure();
  auto how = readReduction(n);
  auto value = n.i64("axis", 0);
  if (failed(how) || failed(value))
    return failure();
  int64_t rank = n.rank(0);
  auto axis = n.axis(*value, rank);
  if (failed(axis))
    return failure();
  if (n.rank(1) != rank || n.rank(2) != rank)
    return n.error("data, indices and updates have ranks " + Twine(rank) +
                   ", " + Twine(n.rank(1)) + " and " + Twine(n.rank(2)) +
                   ", expected one rank");
  SmallVector<OpFoldResult> data = n.sizes(n.in(0)), sizes = n.sizes(n.in(1));
  bool none = getConstantIntValue(n.product(sizes)) == 0;
  for (int64_t d = 0; d < rank; ++d) {
    auto x = getConstantIntValue(data[d]), y = getConstantIntValue(sizes[d]);
    auto z = getConstantIntValue(n.size(n.in(2), d));
    if (y && z && *y != *z)
      return n.error("indices have size " + Twine(*y) + " in dimension " +
                     Twine(d) + ", updates " + Twine(*z));
    if (d != *axis && x && y && *y > *x)
      return n.error("indices have size " + Twine(*y) + " in dimension " +
                     Twine(d) + ", the data only " + Twine(*x));
    if (x == 0 && !none)
      return writesToNothing(n);
  }
  Value indices = n.in(1), updates = n.in(2);
  n.set(0, scatter(n, n.in(0), sizes, *how,
                   [&](ImplicitLocOpBuilder &b, ValueRange at,
                       SmallVector<Value> &position) {
                     position.assign(at.begin(), at.end());
                     position[*axis] =
                         clampIndex(b, toIndex(b, extract(b, indices, at)),
                                    n.index(data[*axis]));
                     return extract(b, updates, at);
                   }));
  return success();
}

static LogicalResult lowerScatterND(Node &n) {
  if (failed(checkOperands(n)))
    return failure();
  auto how = readReduction(n);
  if (failed(how))
    return failure();
  int64_t r = n.rank(0), q = n.rank(1);
  if (q < 1)
    return n.error("indices are a scalar");
  int64_t depth = n.shape(1)[q - 1];
  if (ShapedType::isDynamic(depth))
    return n.error(
        "the last dimension of indices is not known at compile time");
  if (depth < 1 || depth > r)
    return n.error("the last dimension of indices is " + Twine(depth) +
                   ", expected 1 to " + Twine(r));
  if (n.rank(2) != q - 1 + r - depth)
    return n.error("updates have rank " + Twine(n.rank(2)) + ", expected " +
                   Twine(q - 1 + r - depth));
  SmallVector<OpFoldResult> data = n.sizes(n.in(0)), sizes = n.sizes(n.in(2));
  SmallVector<OpFoldResult> expected = n.sizes(n.in(1));
  expected.pop_back();
  expected.append(data.begin() + depth, data.end());
  for (auto [d, x, y] : llvm::enumerate(sizes, expected)) {
    auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
    if (cx && cy && *cx != *cy)
      return n.error("updates have size " + Twine(*cx) + " in dimension " +
                     Twine(d) + ", expected " + Twine(*cy));
  }
  if (getConstantIntValue(n.product(sizes)) != 0)
    for (OpFoldResult s : data)
      if (getConstantIntValue(s) == 0)
        return writesToNothing(n);
  Value indices = n.in(1), updates = n.in(2);
  n.set(0, scatter(n, n.in(0), sizes, *how,
                   [&](ImplicitLocOpBuilder &b, ValueRange at,
                       SmallVector<Value> &position) {
                     SmallVector<Value> where(at.take_front(q - 1));
                     where.push_back(Value());
                     for (int64_t d = 0; d < depth; ++d) {
                       where.back() = arith::ConstantIndexOp::create(b, d);
                       Value raw = toIndex(b, extract(b, indices, where));
                       position.push_back(clampIndex(b, raw, n.index(data[d])));
                     }
                     llvm::append_range(position, at.drop_front(q - 1));
                     return extract(b, updates, at);
                   }));
  return success();
}

/// Writes `update` into a cache at positions that start, for each batch entry,
/// at write_indices (0 when absent) along `axis`, wrapping around if circular.
static LogicalResult lowerTensorScatter(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto value = n.i64("axis", -2);
  auto mode = n.str("mode", "linear");
  if (failed(value) || failed(mode))
    return failure();
  int64_t rank = n.rank(0);
  auto axis = n.axis(*value, rank);
  if (failed(axis))
    return failure();
  if (*mode != "linear" && *mode != "circular")
    return n.error("mode '" + *mode + "' is unknown",
                   "expected linear or circular");
  if (n.rank(1) != rank || n.elementType(1) != n.elementType(0))
    return n.error("past_cache and update differ in rank or element type");
  if (*axis == 0)
    return n.error("axis 0 is the batch");
  SmallVector<OpFoldResult> cache = n.sizes(n.in(0)), sizes = n.sizes(n.in(1));
  for (int64_t d = 0; d < rank; ++d) {
    auto x = getConstantIntValue(cache[d]), y = getConstantIntValue(sizes[d]);
    if (x && y && (d == *axis ? *y > *x : *y != *x))
      return n.error("update has size " + Twine(*y) + " in dimension " +
                     Twine(d) + ", the cache " + Twine(*x));
  }
  Value starts = n.in(2), update = n.in(1);
  if (starts && (!isa<RankedTensorType>(starts.getType()) || n.rank(2) != 1 ||
                 !n.elementType(2).isInteger(64) ||
                 (!n.type(2).isDynamicDim(0) && !n.type(0).isDynamicDim(0) &&
                  n.shape(2)[0] != n.shape(0)[0])))
    return n.error(
        "write_indices must be an int64 vector with one element a batch entry");
  n.set(0, scatter(n, n.in(0), sizes, Reduction::None,
                   [&](ImplicitLocOpBuilder &b, ValueRange at,
                       SmallVector<Value> &position) {
                     position.assign(at.begin(), at.end());
                     Value extent = n.index(cache[*axis]);
                     if (starts) {
                       Value start = toIndex(b, extract(b, starts, at[0]));
                       position[*axis] =
                           arith::AddIOp::create(b, start, at[*axis]);
                     }
                     if (*mode == "circular")
                       position[*axis] =
                           arith::RemSIOp::create(b, position[*axis], extent);
                     position[*axis] = clampIndex(b, position[*axis], extent);
                     return extract(b, update, at);
                   }));
  return success();
}

static LogicalResult lowerOneHot(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  for (unsigned i = 0; i < 2; ++i)
    if (!n.elementType(i).isIntOrFloat() || n.elementType(i).isInteger(1))
      return n.error("input " + Twine(i) + " is not numeric");
  if (n.rank(2) != 1 || n.shape(2)[0] != 2)
    return n.error("values must be [off, on]");
  if (!n.type(1).hasStaticShape() || n.type(1).getNumElements() != 1)
    return n.error("depth must be a scalar");
  auto value = n.i64("axis", -1);
  if (failed(value))
    return failure();
  int64_t rank = n.rank(0);
  auto axis = n.axis(*value, rank + 1);
  if (failed(axis))
    return failure();
  OpFoldResult depth;
  RankedTensorType declared = n.declared(0);
  Type depthType = n.elementType(1);
  if (auto known = n.constant(1)) {
    double d = 0;
    if (isa<FloatType>(depthType)) {
      APFloat v = *known->value_begin<APFloat>();
      bool lost;
      v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      d = v.convertToDouble();
    } else {
      APInt v = *known->value_begin<APInt>();
      d = isUnsigned(depthType) ? v.roundToDouble(false)
                                : v.signedRoundToDouble();
    }
    if (!(d >= 0 && d < 1e12))
      return n.error("depth " + std::to_string(d) + " is out of range");
    depth = n.b.getIndexAttr(static_cast<int64_t>(d));
  } else if (declared && declared.getRank() == rank + 1 &&
             !declared.isDynamicDim(*axis)) {
    depth = n.b.getIndexAttr(declared.getDimSize(*axis));
  } else {
    Value v = extract(n.b, n.in(1), SmallVector<Value>(n.rank(1), n.index(0)));
    v = Node::castScalar(n.b, v, depthType, n.b.getI32Type());
    depth = n.max(toIndex(n.b, v), n.b.getIndexAttr(0));
  }
  SmallVector<OpFoldResult> to = n.sizes(n.in(0));
  to.insert(to.begin() + *axis, depth);
  if (failed(n.checkSizes(to)))
    return failure();
  Value indices = n.in(0), values = n.in(2);
  Type from = n.elementType(0), i64 = n.b.getI64Type();
  n.set(0,
        n.generate(
            to, n.elementType(2),
            [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
              SmallVector<Value> where(at.begin(), at.end());
              where.erase(where.begin() + *axis);
              // Valid indices are in [-depth, depth); others leave the whole
              // row off.
              Value i =
                  Node::castScalar(b, extract(b, indices, where), from, i64);
              Value d = arith::IndexCastOp::create(b, i64, n.index(depth));
              Value here = arith::IndexCastOp::create(b, i64, at[*axis]);
              Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
              Value negative =
                  arith::CmpIOp::create(b, arith::CmpIPredicate::slt, i, zero);
              Value wrapped = arith::SelectOp::create(
                  b, negative, arith::AddIOp::create(b, i, d), i);
              Value on = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                               wrapped, here);
              Value offValue = extract(
                  b, values, arith::ConstantIndexOp::create(b, 0).getResult());
              Value onValue = extract(
                  b, values, arith::ConstantIndexOp::create(b, 1).getResult());
              return arith::SelectOp::create(b, on, onValue, offValue);
            }));
  return success();
}

void dlc::legalize::addScatter(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral all = "numbers, bool";
  table.push_back({"", "Scatter", 9, 10, all, lowerScatterElements});
  table.push_back(
      {"", "ScatterElements", 11, kLatest, all, lowerScatterElements});
  table.push_back({"", "ScatterND", 11, kLatest, all, lowerScatterND});
  table.push_back({"", "TensorScatter", 24, kLatest, all, lowerTensorScatter});
  table.push_back({"", "OneHot", 9, kLatest, "numbers, bool", lowerOneHot});
}
