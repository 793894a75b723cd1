// This file implements the builders that all operator families share.
#include "passes/legalize/Node.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace dlc::legalize {
Type signless(Type type) {
  if (auto i = dyn_cast<IntegerType>(type))
    return IntegerType::get(type.getContext(), i.getWidth());
  return type;
}

Value toSignless(ImplicitLocOpBuilder &b, Value scalar) {
  Type type = signless(scalar.getType());
  if (type == scalar.getType())
    return scalar;
  return UnrealizedConversionCastOp::create(b, type, scalar).getResult(0);
}

Value fromSignless(ImplicitLocOpBuilder &b, Value scalar, Type type) {
  if (type == scalar.getType())
    return scalar;
  assert(signless(type) == scalar.getType());
  return UnrealizedConversionCastOp::create(b, type, scalar).getResult(0);
}

Value clampIndex(ImplicitLocOpBuilder &b, Value i, Value size) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value negative =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, i, zero);
  Value wrapped = b.createOrFold<arith::AddIOp>(i, size);
  Value at = b.createOrFold<arith::SelectOp>(negative, wrapped, i);
  Value last = b.createOrFold<arith::SubIOp>(size, one);
  at = b.createOrFold<arith::MinSIOp>(at, last);
  return b.createOrFold<arith::MaxSIOp>(at, zero);
}

Value foldNewOps(ImplicitLocOpBuilder &b, Operation *from, Value value) {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.getInsertionBlock();
  Block::iterator end = b.getInsertionPoint();
  Block::iterator it = from ? std::next(from->getIterator()) : block->begin();
  while (it != end) {
    Operation &op = *it++;
    SmallVector<Value> folded;
    b.setInsertionPoint(&op);
    if (op.getNumRegions() || op.getNumResults() != 1 ||
        failed(b.tryFold(&op, folded)) || folded.empty())
      continue;
    if (value == op.getResult(0))
      value = folded[0];
    op.getResult(0).replaceAllUsesWith(folded[0]);
    op.erase();
  }
  return value;
}

Value extract(ImplicitLocOpBuilder &b, Value tensor, ValueRange indices) {
  if (auto made = tensor.getDefiningOp<tensor::FromElementsOp>()) {
    auto at = indices.empty() ? std::optional<int64_t>(0)
                              : getConstantIntValue(indices[0]);
    if (at && indices.size() <= 1 && *at >= 0 &&
        *at < static_cast<int64_t>(made.getElements().size()))
      return toSignless(b, made.getElements()[*at]);
  }
  return toSignless(b, tensor::ExtractOp::create(b, tensor, indices));
}
} // namespace dlc::legalize

static SmallVector<int64_t> staticShape(ArrayRef<OpFoldResult> sizes) {
  SmallVector<int64_t> shape;
  for (OpFoldResult s : sizes)
    shape.push_back(getConstantIntValue(s).value_or(ShapedType::kDynamic));
  return shape;
}

//===--- scalars and constants --------------------------------------------===//

Value Node::index(int64_t v) { return arith::ConstantIndexOp::create(b, v); }

Value Node::index(OpFoldResult v) {
  return getValueOrCreateConstantIndexOp(b, b.getLoc(), v);
}

Value Node::scalar(Type type, double v) {
  if (auto f = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(f, v));
  return scalarInt(type, static_cast<int64_t>(v));
}

Value Node::scalarInt(Type type, int64_t v) {
  type = signless(type);
  if (auto f = dyn_cast<FloatType>(type))
    return scalar(f, static_cast<double>(v));
  if (isa<IndexType>(type))
    return index(v);
  unsigned width = type.getIntOrFloatBitWidth();
  return arith::ConstantOp::create(
      b, IntegerAttr::get(type, APInt(64, v).zextOrTrunc(width)));
}

Value Node::constantTensor(DenseElementsAttr value) {
  return arith::ConstantOp::create(b, value.getType(), value);
}

Value Node::splat(RankedTensorType type, double v) {
  Type element = type.getElementType();
  if (auto f = dyn_cast<FloatType>(element))
    return constantTensor(
        DenseElementsAttr::get(type, b.getFloatAttr(f, v).getValue()));
  unsigned width = element.getIntOrFloatBitWidth();
  return constantTensor(DenseElementsAttr::get(
      type, APInt(64, static_cast<int64_t>(v)).zextOrTrunc(width)));
}

Value Node::intTensor(ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())},
                                    b.getI64Type());
  return constantTensor(DenseElementsAttr::get(type, values));
}

//===--- tensors ----------------------------------------------------------===//

Value Node::empty(ArrayRef<OpFoldResult> sizes, Type element) {
  return tensor::EmptyOp::create(b, sizes, element);
}

Value Node::fill(ArrayRef<OpFoldResult> sizes, Value value) {
  return fill(sizes, value, value.getType());
}

Value Node::fill(ArrayRef<OpFoldResult> sizes, Value value, Type element) {
  Value init = empty(sizes, element);
  return linalg::FillOp::create(b, fromSignless(b, value, element), init)
      .getResult(0);
}

FailureOr<OpFoldResult> Node::broadcastSize(OpFoldResult x, OpFoldResult y,
                                            const Twine &what) {
  auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx == 1)
    return y;
  if (cy == 1)
    return x;
  if (cx && cy && *cx != *cy) {
    (void)error("shapes cannot be broadcast together: size " + Twine(*cy) +
                " against " + Twine(*cx) + " in " + what);
    return failure();
  }
  if (cx)
    return x; // the other one, not known, is 1 or the same
  if (cy)
    return y;
  if (sameSize(x, y))
    return x;
  // Both unknown: 1 gives way to the other.
  Value isOne =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index(x), index(1));
  return OpFoldResult(
      arith::SelectOp::create(b, isOne, index(y), index(x)).getResult());
}

FailureOr<SmallVector<OpFoldResult>> Node::broadcastSizes(ValueRange values) {
  int64_t rank = 0;
  for (Value v : values)
    rank = std::max(rank, cast<RankedTensorType>(v.getType()).getRank());
  SmallVector<OpFoldResult> result(rank, b.getIndexAttr(1));
  for (Value v : values) {
    auto type = cast<RankedTensorType>(v.getType());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      OpFoldResult &out = result[rank - type.getRank() + d];
      auto merged = broadcastSize(out, size(v, d),
                                  "dimension " + Twine(d - type.getRank()));
      if (failed(merged))
        return failure();
      out = *merged;
    }
  }
  if (failed(checkSizes(result)))
    return failure();
  return result;
}

FailureOr<Value> Node::broadcastTo(Value tensor, ArrayRef<OpFoldResult> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t lead = static_cast<int64_t>(sizes.size()) - type.getRank();
  if (lead < 0) {
    (void)error("cannot broadcast rank " + Twine(type.getRank()) + " to rank " +
                Twine(sizes.size()));
    return failure();
  }
  bool equal = lead == 0;
  for (int64_t d = 0; equal && d < type.getRank(); ++d)
    equal = sameSize(sizes[d], size(tensor, d));
  if (equal)
    return tensor;
  // Dimensions that may be 1 at run time only are read through an index that
  // is 0 then; dimensions known to be 1 or equal through the indexing map.
  bool ambiguous = false;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    int64_t mine = type.getDimSize(d);
    auto out = getConstantIntValue(sizes[lead + d]);
    if (mine != 1 && out && mine != ShapedType::kDynamic && *out != mine) {
      (void)error("cannot broadcast size " + Twine(mine) + " to " +
                  Twine(*out));
      return failure();
    }
    ambiguous |= ShapedType::isDynamic(mine) && out != 1 &&
                 !sameSize(size(tensor, d), sizes[lead + d]);
  }
  if (ambiguous)
    return generate(sizes, type.getElementType(),
                    [&](ImplicitLocOpBuilder &b, ValueRange at) {
                      SmallVector<Value> from;
                      Value zero = arith::ConstantIndexOp::create(b, 0);
                      Value one = arith::ConstantIndexOp::create(b, 1);
                      for (int64_t d = 0; d < type.getRank(); ++d) {
                        Value dim = tensor::DimOp::create(b, tensor, d);
                        Value isOne = arith::CmpIOp::create(
                            b, arith::CmpIPredicate::eq, dim, one);
                        from.push_back(arith::SelectOp::create(b, isOne, zero,
                                                               at[lead + d]));
                      }
                      return extract(b, tensor, from);
                    });
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < type.getRank(); ++d)
    exprs.push_back(type.getDimSize(d) == 1 ? b.getAffineConstantExpr(0)
                                            : b.getAffineDimExpr(lead + d));
  auto from = AffineMap::get(sizes.size(), 0, exprs, b.getContext());
  Value init = empty(sizes, type.getElementType());
  SmallVector<utils::IteratorType> loops(sizes.size(),
                                         utils::IteratorType::parallel);
  auto body = [](OpBuilder &b, Location loc, ValueRange args) {
    linalg::YieldOp::create(b, loc, args[0]);
  };
  return linalg::GenericOp::create(
             b, init.getType(), tensor, init,
             ArrayRef<AffineMap>{from, b.getMultiDimIdentityMap(sizes.size())},
             loops, body)
      .getResult(0);
}

FailureOr<Value> Node::elementwise(ValueRange values, Type resultElement,
                                   ScalarFn fn) {
  auto sizes = broadcastSizes(values);
  if (failed(sizes))
    return failure();
  if (Value small = onElements(*this, values, resultElement, fn))
    return small;
  int64_t rank = sizes->size();
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (Value v : values) {
    auto type = cast<RankedTensorType>(v.getType());
    int64_t lead = rank - type.getRank();
    SmallVector<AffineExpr> exprs;
    bool ambiguous = false;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      int64_t mine = type.getDimSize(d);
      OpFoldResult out = (*sizes)[lead + d];
      bool one = mine == 1 && getConstantIntValue(out) != 1;
      // A dynamic size that is the result's is not 1 where the result's is not.
      ambiguous |= ShapedType::isDynamic(mine) && !sameSize(size(v, d), out);
      exprs.push_back(one ? b.getAffineConstantExpr(0)
                          : b.getAffineDimExpr(lead + d));
    }
    if (ambiguous && values.size() > 1) {
      auto wide = broadcastTo(v, *sizes);
      if (failed(wide))
        return failure();
      operands.push_back(*wide);
      maps.push_back(b.getMultiDimIdentityMap(rank));
      continue;
    }
    operands.push_back(v);
    maps.push_back(AffineMap::get(rank, 0, exprs, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(rank));
  Value init = empty(*sizes, resultElement);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder ib(loc, builder);
    SmallVector<Value> in;
    for (Value a : args.drop_back())
      in.push_back(toSignless(ib, a));
    Value out = fn(ib, in);
    linalg::YieldOp::create(ib, fromSignless(ib, out, resultElement));
  };
  return linalg::GenericOp::create(b, init.getType(), operands, init, maps,
                                   loops, body)
      .getResult(0);
}

Value Node::map(ValueRange values, Type resultElement, ScalarFn fn) {
  if (Value small = onElements(*this, values, resultElement, fn))
    return small;
  auto type = cast<RankedTensorType>(values[0].getType());
  SmallVector<AffineMap> maps(values.size() + 1,
                              b.getMultiDimIdentityMap(type.getRank()));
  Value init = empty(sizes(values[0]), resultElement);
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder ib(loc, builder);
    SmallVector<Value> in;
    for (Value a : args.drop_back())
      in.push_back(toSignless(ib, a));
    linalg::YieldOp::create(ib, fromSignless(ib, fn(ib, in), resultElement));
  };
  return linalg::GenericOp::create(b, init.getType(), values, init, maps, loops,
                                   body)
      .getResult(0);
}

Value Node::generate(
    ArrayRef<OpFoldResult> sizes, Type element,
    llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> fn) {
  Value init = empty(sizes, element);
  SmallVector<utils::IteratorType> loops(sizes.size(),
                                         utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange) {
    ImplicitLocOpBuilder ib(loc, builder);
    SmallVector<Value> at;
    for (size_t d = 0; d < sizes.size(); ++d)
      at.push_back(linalg::IndexOp::create(ib, d));
    Value out = fn(ib, at);
    linalg::YieldOp::create(ib, fromSignless(ib, out, element));
  };
  return linalg::GenericOp::create(
             b, init.getType(), ValueRange(), init,
             ArrayRef<AffineMap>{b.getMultiDimIdentityMap(sizes.size())}, loops,
             body)
      .getResult(0);
}

Value Node::reduce(
    Value tensor, ArrayRef<int64_t> axes, Value init,
    llvm::function_ref<Value(ImplicitLocOpBuilder &, Value, Value)> fn) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 1 && axes.size() == 1 &&
      type.getElementType().isSignlessInteger())
    if (auto known = elements(tensor)) {
      Block *block = b.getInsertionBlock();
      auto at = b.getInsertionPoint();
      Operation *before = at == block->begin() ? nullptr : &*std::prev(at);
      Value acc = init;
      for (Value v : *known)
        acc = fn(b, v, acc);
      return fromElements(foldNewOps(b, before, acc),
                          RankedTensorType::get({}, init.getType()));
    }
  SmallVector<OpFoldResult> kept;
  SmallVector<AffineExpr> exprs;
  SmallVector<utils::IteratorType> loops;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (llvm::is_contained(axes, d)) {
      loops.push_back(utils::IteratorType::reduction);
      continue;
    }
    loops.push_back(utils::IteratorType::parallel);
    kept.push_back(size(tensor, d));
    exprs.push_back(b.getAffineDimExpr(d));
  }
  Type element = signless(type.getElementType()) == init.getType()
                     ? type.getElementType()
                     : init.getType();
  Value acc = fill(kept, init, element);
  auto to = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder ib(loc, builder);
    Value out = fn(ib, toSignless(ib, args[0]), toSignless(ib, args[1]));
    linalg::YieldOp::create(ib, fromSignless(ib, out, element));
  };
  return linalg::GenericOp::create(
             b, acc.getType(), tensor, acc,
             ArrayRef<AffineMap>{b.getMultiDimIdentityMap(type.getRank()), to},
             loops, body)
      .getResult(0);
}

Value Node::expandDims(Value tensor, ArrayRef<int64_t> positions) {
  SmallVector<OpFoldResult> old = sizes(tensor), result;
  size_t from = 0;
  for (size_t i = 0, n = old.size() + positions.size(); i < n; ++i)
    result.push_back(llvm::is_contained(positions, static_cast<int64_t>(i))
                         ? OpFoldResult(b.getIndexAttr(1))
                         : old[from++]);
  return reshape(tensor, result);
}

Value Node::dropDims(Value tensor, ArrayRef<int64_t> positions) {
  SmallVector<OpFoldResult> result;
  for (auto [d, s] : llvm::enumerate(sizes(tensor)))
    if (!llvm::is_contained(positions, static_cast<int64_t>(d)))
      result.push_back(s);
  return reshape(tensor, result);
}

/// A reshape with dynamic sizes that merges and splits neighbours whose
/// products are known to agree: collapse, then expand. Null when it does not
/// apply.
static Value reshapeGroups(Node &n, Value tensor, ArrayRef<OpFoldResult> to,
                           RankedTensorType resultType) {
  SmallVector<OpFoldResult> from = n.sizes(tensor);
  if (from.empty() || to.empty())
    return Value();
  auto isOne = [](OpFoldResult s) { return getConstantIntValue(s) == 1; };
  SmallVector<ReassociationIndices> in, out;
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    ReassociationIndices gi, gj;
    bool both = i < from.size() && j < to.size();
    if (both && Node::sameSize(from[i], to[j])) {
      gi.push_back(i++);
      gj.push_back(j++);
    } else if (i < from.size() && isOne(from[i])) {
      gi.push_back(i++);
    } else if (j < to.size() && isOne(to[j])) {
      gj.push_back(j++);
    } else if (both) {
      // Static products, with at most one pair of equal dynamic sizes.
      OpFoldResult dynIn, dynOut;
      int64_t pi = 1, pj = 1;
      auto take = [&](OpFoldResult s, int64_t &p, OpFoldResult &dyn) {
        auto c = getConstantIntValue(s);
        if (c)
          return *c > 0 && !__builtin_mul_overflow(p, *c, &p);
        if (dyn)
          return false;
        dyn = s;
        return true;
      };
      do {
        bool takeIn = gi.empty() || (!gj.empty() && i < from.size() &&
                                     (pi < pj || (dynOut && !dynIn)));
        if (takeIn ? i >= from.size() : j >= to.size())
          return Value();
        if (takeIn ? !take(from[i], pi, dynIn) : !take(to[j], pj, dynOut))
          return Value();
        takeIn ? gi.push_back(i++) : gj.push_back(j++);
      } while (gj.empty() || pi != pj || !dynIn != !dynOut);
      if (dynIn && !Node::sameSize(dynIn, dynOut))
        return Value();
    } else {
      return Value();
    }
    // Units without a partner join their neighbour.
    if (!in.empty() && (gi.empty() || gj.empty())) {
      in.back().append(gi);
      out.back().append(gj);
    } else if (!in.empty() && (in.back().empty() || out.back().empty())) {
      in.back().append(gi);
      out.back().append(gj);
    } else {
      in.push_back(gi);
      out.push_back(gj);
    }
  }
  if (in.size() == 1 && (in[0].empty() || out[0].empty()))
    return Value();
  SmallVector<OpFoldResult> merged;
  SmallVector<int64_t> mergedShape;
  for (ReassociationIndices &g : in) {
    OpFoldResult p = n.b.getIndexAttr(1);
    for (int64_t d : g)
      p = n.mul(p, from[d]);
    merged.push_back(p);
    mergedShape.push_back(
        getConstantIntValue(p).value_or(ShapedType::kDynamic));
  }
  Type element = resultType.getElementType();
  auto mergedType = RankedTensorType::get(mergedShape, element);
  if (in.size() != from.size())
    tensor = tensor::CollapseShapeOp::create(n.b, mergedType, tensor, in);
  if (out.size() != to.size())
    tensor = tensor::ExpandShapeOp::create(n.b, resultType, tensor, out,
                                           llvm::to_vector(to));
  else if (tensor.getType() != resultType)
    tensor = tensor::CastOp::create(n.b, resultType, tensor);
  return tensor;
}

Value Node::reshape(Value tensor, ArrayRef<OpFoldResult> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape = staticShape(sizes);
  auto resultType = RankedTensorType::get(shape, type.getElementType());
  if (resultType == type && llvm::all_of(llvm::enumerate(sizes), [&](auto s) {
        return sameSize(s.value(), size(tensor, s.index()));
      }))
    return tensor;
  if (type.getRank() <= 1 && resultType.getRank() <= 1)
    if (auto known = elements(tensor))
      return fromElements(*known, resultType);
  if (DenseElementsAttr value;
      resultType.hasStaticShape() && matchPattern(tensor, m_Constant(&value)))
    return constantTensor(value.reshape(resultType));
  if (type.hasStaticShape() && resultType.hasStaticShape()) {
    if (auto reassociation =
            getReassociationIndicesForReshape(type, resultType)) {
      if (type.getRank() > resultType.getRank())
        return tensor::CollapseShapeOp::create(b, resultType, tensor,
                                               *reassociation);
      if (type.getRank() < resultType.getRank())
        return tensor::ExpandShapeOp::create(b, resultType, tensor,
                                             *reassociation);
    }
    // Through one dimension: collapse all, expand all.
    if (type.getNumElements() != 0) {
      auto flat =
          RankedTensorType::get({type.getNumElements()}, type.getElementType());
      ReassociationIndices all =
          llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
      Value line =
          type.getRank() == 1
              ? tensor
              : tensor::CollapseShapeOp::create(
                    b, flat, tensor,
                    type.getRank() ? SmallVector<ReassociationIndices>{all}
                                   : SmallVector<ReassociationIndices>{})
                    .getResult();
      if (type.getRank() == 0)
        line = tensor::ExpandShapeOp::create(b, flat, tensor,
                                             ArrayRef<ReassociationIndices>{});
      if (resultType.getRank() == 1)
        return line;
      if (resultType.getRank() == 0)
        return tensor::CollapseShapeOp::create(
            b, resultType, line, ArrayRef<ReassociationIndices>{});
      ReassociationIndices out =
          llvm::to_vector<2>(llvm::seq<int64_t>(0, resultType.getRank()));
      return tensor::ExpandShapeOp::create(
          b, resultType, line, SmallVector<ReassociationIndices>{out});
    }
    return empty(sizes, type.getElementType());
  }
  if (Value grouped = reshapeGroups(*this, tensor, sizes, resultType))
    return grouped;
  // Dynamic: tensor.reshape takes the sizes as a tensor.
  SmallVector<Value> elements;
  for (OpFoldResult s : sizes)
    elements.push_back(index(s));
  Value shapeTensor =
      elements.empty()
          ? tensor::EmptyOp::create(b, ArrayRef<int64_t>{0}, b.getIndexType())
                .getResult()
          : tensor::FromElementsOp::create(b, elements).getResult();
  return tensor::ReshapeOp::create(b, resultType, tensor, shapeTensor);
}

Value Node::transpose(Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return tensor;
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> old = sizes(tensor), result;
  for (int64_t p : permutation)
    result.push_back(old[p]);
  Value init = empty(result, type.getElementType());
  return linalg::TransposeOp::create(b, tensor, init, permutation)
      ->getResult(0);
}

Value Node::slice(Value tensor, ArrayRef<OpFoldResult> offsets,
                  ArrayRef<OpFoldResult> sizes,
                  ArrayRef<OpFoldResult> strides) {
  // An empty slice may start at the end, which extract_slice refuses.
  auto isZero = [](OpFoldResult v) { return getConstantIntValue(v) == 0; };
  if (llvm::any_of(sizes, isZero))
    return empty(sizes, getElementTypeOrSelf(tensor.getType()));
  SmallVector<OpFoldResult> ones(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes,
                                        strides.empty() ? ones : strides);
}

Value Node::pad(Value tensor, ArrayRef<OpFoldResult> low,
                ArrayRef<OpFoldResult> high, Value value) {
  auto isZero = [](OpFoldResult v) { return getConstantIntValue(v) == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return tensor;
  auto type = cast<RankedTensorType>(tensor.getType());
  Value padding = fromSignless(b, value, type.getElementType());
  return tensor::PadOp::create(b, Type(), tensor, low, high, padding);
}

Value Node::concat(ValueRange tensors, int64_t axis) {
  if (tensors.size() == 1)
    return tensors[0];
  auto first = cast<RankedTensorType>(tensors[0].getType());
  if (first.getRank() == 1) {
    SmallVector<Value> all;
    bool known = llvm::all_of(tensors, [&](Value t) {
      auto some = elements(t);
      if (some)
        all.append(*some);
      return some && all.size() <= kMaxElements;
    });
    if (known)
      return fromElements(
          all, RankedTensorType::get({static_cast<int64_t>(all.size())},
                                     first.getElementType()));
  }
  // Insertions rather than tensor.concat: they bufferize in place.
  SmallVector<OpFoldResult> total = sizes(tensors[0]);
  for (Value t : tensors.drop_front()) {
    total[axis] = add(total[axis], size(t, axis));
    for (size_t d = 0; d < total.size(); ++d) // a static size says more
      if (!getConstantIntValue(total[d]) && static_cast<int64_t>(d) != axis)
        total[d] = size(t, d);
  }
  Value result = empty(
      total, cast<RankedTensorType>(tensors[0].getType()).getElementType());
  SmallVector<OpFoldResult> offsets(total.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(total.size(), b.getIndexAttr(1));
  for (Value t : tensors) {
    if (llvm::is_contained(cast<RankedTensorType>(t.getType()).getShape(), 0))
      continue;
    result =
        tensor::InsertSliceOp::create(b, t, result, offsets, sizes(t), ones);
    offsets[axis] = add(offsets[axis], size(t, axis));
  }
  return result;
}

Value Node::matmul(Value a, Value bMatrix, Type element) {
  SmallVector<OpFoldResult> result = sizes(a);
  auto bType = cast<RankedTensorType>(bMatrix.getType());
  result.back() = size(bMatrix, bType.getRank() - 1);
  Value init = empty(result, element);
  auto op =
      nn::MatmulOp::create(b, init.getType(), a, bMatrix, ValueRange(), init);
  epilogue(op.getEpilogue(), element, {}, nullptr);
  return op.getResult();
}

void Node::epilogue(Region &region, Type element, ArrayRef<Type> operands,
                    ScalarFn fn) {
  OpBuilder::InsertionGuard guard(b);
  Type acc = signless(element);
  // Half precision is for storage: sums are kept in f32.
  if (auto f = dyn_cast<FloatType>(acc); f && f.getWidth() < 32)
    acc = b.getF32Type();
  SmallVector<Type> types = {isa<FloatType>(acc) ? acc : element};
  types.append(operands.begin(), operands.end());
  SmallVector<Location> locs(types.size(), b.getLoc());
  Block *block = b.createBlock(&region, region.end(), types, locs);
  SmallVector<Value> args;
  for (Value v : block->getArguments()) {
    Value arg = toSignless(b, v);
    if (isa<FloatType>(acc) && arg.getType() != acc)
      arg = castScalar(b, arg, arg.getType(), acc);
    args.push_back(arg);
  }
  Value out = fn ? fn(b, args) : args[0];
  if (out.getType() != signless(element))
    out = castScalar(b, out, out.getType(), element);
  nn::YieldOp::create(b, fromSignless(b, out, element));
}
