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

Value extract(ImplicitLocOpBuilder &b, Value tensor, ValueRange indices) {
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

//===--- sizes ------------------------------------------------------------===//

OpFoldResult Node::size(Value tensor, int64_t dim) {
  return tensor::getMixedSize(b, b.getLoc(), tensor, dim);
}

SmallVector<OpFoldResult> Node::sizes(Value tensor) {
  return tensor::getMixedSizes(b, b.getLoc(), tensor);
}

template <typename Op, typename Fold>
static OpFoldResult sizeOp(Node &n, OpFoldResult x, OpFoldResult y, Fold fold) {
  auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
  if (cx && cy)
    return n.b.getIndexAttr(fold(*cx, *cy));
  return Op::create(n.b, n.index(x), n.index(y)).getResult();
}

OpFoldResult Node::add(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 0)
    return x;
  return sizeOp<arith::AddIOp>(*this, x, y, std::plus<int64_t>());
}
OpFoldResult Node::sub(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 0)
    return x;
  return sizeOp<arith::SubIOp>(*this, x, y, std::minus<int64_t>());
}
OpFoldResult Node::mul(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 1)
    return x;
  if (getConstantIntValue(x) == 1)
    return y;
  return sizeOp<arith::MulIOp>(*this, x, y, std::multiplies<int64_t>());
}
OpFoldResult Node::floorDiv(OpFoldResult x, OpFoldResult y) {
  if (getConstantIntValue(y) == 1)
    return x;
  return sizeOp<arith::FloorDivSIOp>(*this, x, y, [](int64_t p, int64_t q) {
    return q == 0 ? 0 : llvm::divideFloorSigned(p, q);
  });
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

//===--- tensors ----------------------------------------------------------===//

Value Node::empty(ArrayRef<OpFoldResult> sizes, Type element) {
  return tensor::EmptyOp::create(b, sizes, element);
}

Value Node::fill(ArrayRef<OpFoldResult> sizes, Value value) {
  Value init = empty(sizes, value.getType());
  return linalg::FillOp::create(b, value, init).getResult(0);
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
      OpFoldResult mine = size(v, d);
      auto cOut = getConstantIntValue(out), cMine = getConstantIntValue(mine);
      if (cOut == 1) {
        out = mine;
      } else if (cMine == 1) {
        continue;
      } else if (cOut && cMine) {
        if (*cOut != *cMine) {
          (void)error("shapes cannot be broadcast together: size " +
                      Twine(*cMine) + " against " + Twine(*cOut) +
                      " in dimension " + Twine(d - type.getRank()));
          return failure();
        }
      } else if (cMine) {
        out = mine; // a dynamic size is 1 or the same
      } else if (!cOut) {
        // Both unknown: 1 gives way to the other.
        Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            index(out), index(1));
        if (index(out) != index(mine))
          out = arith::SelectOp::create(b, isOne, index(mine), index(out))
                    .getResult();
      }
    }
  }
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
  if (staticShape(sizes) == type.getShape() && type.hasStaticShape())
    return tensor;
  // Dimensions that may be 1 at run time only are read through an index that
  // is 0 then; dimensions known to be 1 or equal through the indexing map.
  bool ambiguous = false;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    int64_t mine = type.getDimSize(d);
    auto out = getConstantIntValue(sizes[lead + d]);
    if (mine != 1 && out && mine != ShapedType::kDynamic && *out != mine) {
      (void)error("cannot broadcast size " + Twine(mine) + " to " + Twine(*out));
      return failure();
    }
    ambiguous |= ShapedType::isDynamic(mine);
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
                        from.push_back(arith::SelectOp::create(
                            b, isOne, zero, at[lead + d]));
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
      // A dynamic size that decided the result's size alone is not 1 where
      // the result is not.
      if (ShapedType::isDynamic(mine)) {
        auto dim = dyn_cast<Value>(out);
        auto def = dim ? dim.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
        ambiguous |= !def || def.getSource() != v;
      }
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
  Value acc = fill(kept, init);
  auto to = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder ib(loc, builder);
    Value out = fn(ib, toSignless(ib, args[0]), args[1]);
    linalg::YieldOp::create(ib, out);
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

Value Node::reshape(Value tensor, ArrayRef<OpFoldResult> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape = staticShape(sizes);
  auto resultType = RankedTensorType::get(shape, type.getElementType());
  if (resultType == type && type.hasStaticShape())
    return tensor;
  if (type.hasStaticShape() && resultType.hasStaticShape()) {
    if (auto reassociation = getReassociationIndicesForReshape(type, resultType)) {
      if (type.getRank() > resultType.getRank())
        return tensor::CollapseShapeOp::create(b, resultType, tensor,
                                               *reassociation);
      if (type.getRank() < resultType.getRank())
        return tensor::ExpandShapeOp::create(b, resultType, tensor,
                                             *reassociation);
    }
    // Through one dimension: collapse all, expand all.
    if (type.getNumElements() != 0) {
      auto flat = RankedTensorType::get({type.getNumElements()},
                                        type.getElementType());
      ReassociationIndices all = llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
      Value line = type.getRank() == 1
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
                  ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
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
  // Insertions rather than tensor.concat: they bufferize in place.
  SmallVector<OpFoldResult> total = sizes(tensors[0]);
  for (Value t : tensors.drop_front())
    total[axis] = add(total[axis], size(t, axis));
  Value result =
      empty(total, cast<RankedTensorType>(tensors[0].getType()).getElementType());
  SmallVector<OpFoldResult> offsets(total.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(total.size(), b.getIndexAttr(1));
  for (Value t : tensors) {
    result = tensor::InsertSliceOp::create(b, t, result, offsets, sizes(t), ones);
    offsets[axis] = add(offsets[axis], size(t, axis));
  }
  return result;
}

Value Node::matmul(Value a, Value bMatrix, Type element) {
  SmallVector<OpFoldResult> result = sizes(a);
  auto bType = cast<RankedTensorType>(bMatrix.getType());
  result.back() = size(bMatrix, bType.getRank() - 1);
  Value init = empty(result, element);
  auto op = nn::MatmulOp::create(b, init.getType(), a, bMatrix, ValueRange(), init);
  nn::setIdentityEpilogue(b, b.getLoc(), op.getEpilogue(), element);
  return op.getResult();
}
