// This file implements arithmetic on sizes, and on small tensors whose scalars
// are known one by one: the form that shape computations stay in.
#include "passes/legalize/Node.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

//===--- sizes ------------------------------------------------------------===//

/// Looks through operations whose result has the size of an operand, so that
/// one size is one value and equal sizes are seen to be equal.
OpFoldResult Node::size(Value tensor, int64_t dim) {
  while (true) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (!type.isDynamicDim(dim))
      return b.getIndexAttr(type.getDimSize(dim));
    Operation *def = tensor.getDefiningOp();
    if (auto dps = dyn_cast_or_null<DestinationStyleOpInterface>(def)) {
      tensor = dps.getTiedOpOperand(cast<OpResult>(tensor))->get();
      continue;
    }
    if (auto made = dyn_cast_or_null<tensor::EmptyOp>(def))
      return made.getMixedSizes()[dim];
    if (auto cast = dyn_cast_or_null<tensor::CastOp>(def)) {
      tensor = cast.getSource();
      continue;
    }
    if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(def))
      return expand.getMixedOutputShape()[dim];
    if (auto cut = dyn_cast_or_null<tensor::ExtractSliceOp>(def))
      if (cut.getSourceType().getRank() == type.getRank())
        return cut.getMixedSizes()[dim];
    if (auto shaped = dyn_cast_or_null<tensor::ReshapeOp>(def))
      if (auto made = shaped.getShape().getDefiningOp<tensor::FromElementsOp>())
        return made.getElements()[dim];
    return tensor::getMixedSize(b, b.getLoc(), tensor, dim);
  }
}

SmallVector<OpFoldResult> Node::sizes(Value tensor) {
  SmallVector<OpFoldResult> result;
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t d = 0; d < rank; ++d)
    result.push_back(size(tensor, d));
  return result;
}

bool Node::sameSize(OpFoldResult x, OpFoldResult y) {
  auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx || cy)
    return cx == cy;
  if (x == y)
    return true;
  auto dx = cast<Value>(x).getDefiningOp<tensor::DimOp>();
  auto dy = cast<Value>(y).getDefiningOp<tensor::DimOp>();
  return dx && dy && dx.getSource() == dy.getSource() &&
         dx.getConstantIndex() &&
         dx.getConstantIndex() == dy.getConstantIndex();
}

OpFoldResult Node::product(ArrayRef<OpFoldResult> sizes) {
  OpFoldResult result = b.getIndexAttr(1);
  for (OpFoldResult s : sizes)
    result = mul(result, s);
  return result;
}

LogicalResult Node::checkSizes(ArrayRef<OpFoldResult> sizes) {
  constexpr int64_t limit = int64_t(1) << 40;
  int64_t total = 1;
  for (auto [d, s] : llvm::enumerate(sizes)) {
    auto c = getConstantIntValue(s);
    if (!c)
      continue;
    if (*c < 0)
      return error("size " + Twine(*c) + " of dimension " + Twine(d) +
                   " is negative");
    if (*c > limit || (*c > 0 && total > limit / *c))
      return error("the result has more than 2^40 elements");
    total *= std::max<int64_t>(*c, 1);
  }
  return success();
}

/// Wraps around rather than overflowing; checkSizes sees absurd results.
template <typename Op, typename Fold>
static OpFoldResult sizeOp(Node &n, OpFoldResult x, OpFoldResult y, Fold fold) {
  auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx && cy)
    return n.b.getIndexAttr(fold(*cx, *cy));
  Value v = n.b.createOrFold<Op>(n.index(x), n.index(y));
  if (auto c = getConstantIntValue(v))
    return n.b.getIndexAttr(*c);
  return v;
}

OpFoldResult Node::add(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 0)
    return x;
  if (getConstantIntValue(x) == 0)
    return y;
  return sizeOp<arith::AddIOp>(*this, x, y, [](uint64_t p, uint64_t q) {
    return static_cast<int64_t>(p + q);
  });
}
OpFoldResult Node::sub(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 0)
    return x;
  if (sameSize(x, y))
    return b.getIndexAttr(0);
  return sizeOp<arith::SubIOp>(*this, x, y, [](uint64_t p, uint64_t q) {
    return static_cast<int64_t>(p - q);
  });
}
OpFoldResult Node::mul(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 1)
    return x;
  if (getConstantIntValue(x) == 1)
    return y;
  return sizeOp<arith::MulIOp>(*this, x, y, [](int64_t p, int64_t q) {
    int64_t result;
    // Saturated: too large for any check on sizes.
    return __builtin_mul_overflow(p, q, &result)
               ? ((p < 0) == (q < 0) ? INT64_MAX : INT64_MIN + 1)
               : result;
  });
}
OpFoldResult Node::floorDiv(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 1)
    return x;
  if (sameSize(x, y) && getConstantIntValue(y) != 0)
    return b.getIndexAttr(1);
  return sizeOp<arith::FloorDivSIOp>(*this, x, y, [](int64_t p, int64_t q) {
    return q == 0 || (q == -1 && p == INT64_MIN)
               ? 0
               : llvm::divideFloorSigned(p, q);
  });
}
OpFoldResult Node::ceilDiv(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 1)
    return x;
  return sizeOp<arith::CeilDivSIOp>(*this, x, y, [](int64_t p, int64_t q) {
    return q == 0 || (q == -1 && p == INT64_MIN) ? 0
                                                 : llvm::divideCeilSigned(p, q);
  });
}
OpFoldResult Node::min(OpFoldResult x, OpFoldResult y) {
  if (sameSize(x, y))
    return x;
  return sizeOp<arith::MinSIOp>(
      *this, x, y, [](int64_t p, int64_t q) { return std::min(p, q); });
}
OpFoldResult Node::max(OpFoldResult x, OpFoldResult y) {
  if (sameSize(x, y))
    return x;
  return sizeOp<arith::MaxSIOp>(
      *this, x, y, [](int64_t p, int64_t q) { return std::max(p, q); });
}
OpFoldResult Node::fromEnd(OpFoldResult v, OpFoldResult size) {
  if (auto c = getConstantIntValue(v))
    return *c < 0 ? add(size, v) : v;
  Value x = index(v);
  Value negative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, index(0));
  return arith::SelectOp::create(b, negative, index(add(v, size)), x)
      .getResult();
}

//===--- scalars of shape computations ------------------------------------===//

std::optional<SmallVector<Value>> Node::elements(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || type.getRank() > 1 || !type.hasStaticShape() ||
      type.getNumElements() > kMaxElements ||
      !type.getElementType().isIntOrFloat())
    return std::nullopt;
  SmallVector<Value> result;
  DenseElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant))) {
    Type element = signless(type.getElementType());
    if (auto f = dyn_cast<FloatType>(element)) {
      for (APFloat v : constant.getValues<APFloat>())
        result.push_back(arith::ConstantOp::create(b, FloatAttr::get(f, v)));
    } else {
      for (APInt v : constant.getValues<APInt>())
        result.push_back(
            arith::ConstantOp::create(b, IntegerAttr::get(element, v)));
    }
    return result;
  }
  auto made = tensor.getDefiningOp<tensor::FromElementsOp>();
  if (!made)
    return std::nullopt;
  for (Value v : made.getElements())
    result.push_back(toSignless(b, v));
  return result;
}

Value Node::fromElements(ArrayRef<Value> scalars, RankedTensorType type) {
  SmallVector<Attribute> known;
  for (Value v : scalars) {
    Attribute attr;
    if (!matchPattern(v, m_Constant(&attr)))
      break;
    if (auto i = dyn_cast<IntegerAttr>(attr))
      attr = IntegerAttr::get(type.getElementType(), i.getValue());
    known.push_back(attr);
  }
  if (known.size() == scalars.size())
    return constantTensor(DenseElementsAttr::get(type, known));
  SmallVector<Value> typed;
  for (Value v : scalars)
    typed.push_back(fromSignless(b, v, type.getElementType()));
  return tensor::FromElementsOp::create(b, type, typed);
}

Value dlc::legalize::onElements(Node &n, ValueRange values, Type element,
                                ScalarFn fn) {
  int64_t count = 1, rank = 0;
  SmallVector<SmallVector<Value>> scalars;
  for (Value v : values) {
    auto type = cast<RankedTensorType>(v.getType());
    if (type.getRank() > 1 || !type.hasStaticShape())
      return Value();
    rank = std::max(rank, type.getRank());
    if (type.getNumElements() != 1)
      count = type.getNumElements();
  }
  for (Value v : values) {
    auto known = n.elements(v);
    if (!known)
      return Value();
    scalars.push_back(std::move(*known));
  }
  SmallVector<Value> result;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Value> args;
    for (ArrayRef<Value> s : scalars)
      args.push_back(s[s.size() == 1 ? 0 : i]);
    Block *block = n.b.getInsertionBlock();
    auto at = n.b.getInsertionPoint();
    Operation *before = at == block->begin() ? nullptr : &*std::prev(at);
    result.push_back(foldNewOps(n.b, before, fn(n.b, args)));
  }
  SmallVector<int64_t> shape(rank, count);
  return n.fromElements(result, RankedTensorType::get(shape, element));
}

Value Node::sizesTensor(ArrayRef<OpFoldResult> values) {
  SmallVector<int64_t> known;
  for (OpFoldResult v : values)
    if (auto c = getConstantIntValue(v))
      known.push_back(*c);
  if (known.size() == values.size())
    return intTensor(known);
  SmallVector<Value> elements;
  for (OpFoldResult v : values)
    elements.push_back(arith::IndexCastOp::create(b, b.getI64Type(), index(v)));
  return tensor::FromElementsOp::create(b, elements);
}
