// This file moves nn.dequantize down and nn.quantize up through operations that
// only move data, so that these work on small integers and the two meet.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace dlc {
#define GEN_PASS_DEF_SINKDEQUANTIZE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;
using dlc::nn::QuantizeOp;

namespace {
/// nn.dequantize of `x` with the parameters of `like`, of dimension `axis`.
Value dequantize(OpBuilder &b, Location loc, Value x, DequantizeOp like, IntegerAttr axis) {
  auto type = cast<RankedTensorType>(x.getType()).clone(b.getF32Type());
  return DequantizeOp::create(b, loc, type, x, like.getScalesAttr(), like.getZeroPointsAttr(),
                              axis, like.getLoAttr(), like.getHiAttr());
}

Value quantize(OpBuilder &b, Location loc, Value x, QuantizeOp like, IntegerAttr axis) {
  auto type = cast<RankedTensorType>(x.getType())
                  .clone(cast<RankedTensorType>(like.getType()).getElementType());
  return QuantizeOp::create(b, loc, type, x, like.getScalesAttr(), like.getZeroPointsAttr(), axis,
                            like.getLoAttr(), like.getHiAttr());
}

/// The nn.dequantize of a whole tensor that makes `v`.
DequantizeOp wholeDequantize(Value v) {
  auto op = v.getDefiningOp<DequantizeOp>();
  return op && op.isPerTensor() ? op : DequantizeOp();
}

/// The stored integer that stands for the float `value`, when one does exactly.
std::optional<APInt> stored(DequantizeOp op, double value) {
  double q = value / op.getScales()[0] + op.getZeroPoints()[0];
  if (q != std::floor(q) || q < static_cast<int64_t>(op.getLo()) ||
      q > static_cast<int64_t>(op.getHi()))
    return std::nullopt;
  unsigned width = getElementTypeOrSelf(op.getInput().getType()).getIntOrFloatBitWidth();
  return APInt(width, static_cast<uint64_t>(static_cast<int64_t>(q)), /*isSigned=*/false,
               /*implicitTrunc=*/true);
}

/// The float that a scalar constant is.
std::optional<double> floatConstant(Value v) {
  FloatAttr attr;
  if (!v || !matchPattern(v, m_Constant(&attr)))
    return std::nullopt;
  return attr.getValueAsDouble();
}

/// x ^ 2^(width-1): maps unsigned integers to signed ones, keeping the order.
Value flipSign(OpBuilder &b, Location loc, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  unsigned width = type.getElementTypeBitWidth();
  DenseElementsAttr constant;
  if (matchPattern(x, m_Constant(&constant)))
    return arith::ConstantOp::create(
        b, loc, cast<DenseIntElementsAttr>(constant).mapValues(
                    type.getElementType(), [&](const APInt &v) {
                      return v ^ APInt::getSignMask(width);
                    }));
  auto sizes = tensor::getMixedSizes(b, loc, x);
  Value init = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  AffineMap map = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, x, init, ArrayRef<AffineMap>{map, map}, loops,
             [&](OpBuilder &inner, Location l, ValueRange v) {
               Value mask = arith::ConstantOp::create(
                   inner, l, inner.getIntegerAttr(type.getElementType(),
                                                  APInt::getSignMask(width)));
               Value y = arith::XOrIOp::create(inner, l, v[0], mask);
               linalg::YieldOp::create(inner, l, y);
             })
      .getResult(0);
}

/// The tensor whose signs `v` is flipped from.
Value flippedFrom(Value v) {
  auto op = v.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 0 ||
      !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap m) { return m.isIdentity(); }))
    return {};
  Block &body = *op.getBody();
  auto flip = body.getTerminator()->getOperand(0).getDefiningOp<arith::XOrIOp>();
  APInt mask;
  if (!flip || body.getOperations().size() > 3 || flip.getLhs() != body.getArgument(0) ||
      !matchPattern(flip.getRhs(), m_ConstantInt(&mask)) || !mask.isSignMask())
    return {};
  return op.getDpsInputs()[0];
}

/// Signs that are flipped twice.
struct CancelFlips : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    Value once = op->getNumResults() == 1 ? flippedFrom(op->getResult(0)) : Value();
    Value source = once ? flippedFrom(once) : Value();
    if (!source)
      return failure();
    rewriter.replaceOp(op, source);
    return success();
  }
};

/// Unsigned storage becomes signed storage with smaller zero points.
template <typename Op> struct MakeSigned : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!op.isUnsigned())
      return failure();
    int64_t half = (static_cast<int64_t>(op.getHi()) + 1) / 2;
    SmallVector<int64_t> zeros;
    for (int64_t z : op.getZeroPoints())
      zeros.push_back(z - half);
    Value x = op.getInput();
    Location loc = op.getLoc();
    if constexpr (std::is_same_v<Op, DequantizeOp>) {
      Value inner = flippedFrom(x);
      x = inner ? inner : flipSign(rewriter, loc, x);
    }
    Value y = Op::create(rewriter, loc, op.getType(), x, op.getScalesAttr(),
                         rewriter.getDenseI64ArrayAttr(zeros), op.getAxisAttr(),
                         rewriter.getI64IntegerAttr(-half), rewriter.getI64IntegerAttr(half - 1));
    if constexpr (std::is_same_v<Op, QuantizeOp>)
      y = flipSign(rewriter, loc, y);
    rewriter.replaceOp(op, y);
    return success();
  }
};

/// quantize(dequantize(x)) with equal parameters is x.
struct Cancel : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<DequantizeOp>();
    if (!inner || !op.sameParameters(inner) || inner.getInput().getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, inner.getInput());
    return success();
  }
};

struct SinkTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    auto dq = op.getInput().getDefiningOp<DequantizeOp>();
    if (!dq)
      return failure();
    ArrayRef<int64_t> permutation = op.getPermutation();
    IntegerAttr axis;
    if (auto old = dq.getAxis())
      axis = rewriter.getI64IntegerAttr(
          llvm::find(permutation, static_cast<int64_t>(*old)) - permutation.begin());
    auto sizes = tensor::getMixedSizes(rewriter, op.getLoc(), dq.getInput());
    Value init = tensor::EmptyOp::create(rewriter, op.getLoc(),
                                         applyPermutation(sizes, permutation),
                                         getElementTypeOrSelf(dq.getInput().getType()));
    Value moved = linalg::TransposeOp::create(rewriter, op.getLoc(), dq.getInput(), init,
                                              permutation)->getResult(0);
    moved = dlc::foldValue(rewriter, moved); // weights stay constants
    rewriter.replaceOp(op, dequantize(rewriter, op.getLoc(), moved, dq, axis));
    return success();
  }
};

/// Reshapes and slices: `Op` has one tensor operand first, and attributes.
template <typename Op> struct SinkUnary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    DequantizeOp dq = wholeDequantize(op->getOperand(0));
    if (!dq)
      return failure();
    auto clone = cast<Op>(rewriter.clone(*op.getOperation()));
    clone->setOperand(0, dq.getInput());
    clone->getResult(0).setType(
        cast<RankedTensorType>(op->getResult(0).getType())
            .clone(cast<RankedTensorType>(dq.getInput().getType()).getElementType()));
    rewriter.replaceOp(op, dequantize(rewriter, op.getLoc(), clone->getResult(0), dq, {}));
    return success();
  }
};

struct SinkPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    DequantizeOp dq = wholeDequantize(op.getSource());
    auto value = floatConstant(op.getConstantPaddingValue());
    auto storage = dq && value ? stored(dq, *value) : std::nullopt;
    if (!storage)
      return failure();
    auto type = cast<RankedTensorType>(dq.getInput().getType());
    Value padding = arith::ConstantOp::create(
        rewriter, op.getLoc(), rewriter.getIntegerAttr(type.getElementType(), *storage));
    Value padded = tensor::PadOp::create(rewriter, op.getLoc(),
                                         op.getType().clone(type.getElementType()),
                                         dq.getInput(), op.getMixedLowPad(), op.getMixedHighPad(),
                                         padding, op.getNofold());
    rewriter.replaceOp(op, dequantize(rewriter, op.getLoc(), padded, dq, {}));
    return success();
  }
};

/// insert_slice(dequantize(x), d) with d empty, filled by a number, or
/// dequantized alike.
struct SinkInsertSlice : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::InsertSliceOp op,
                                PatternRewriter &rewriter) const override {
    DequantizeOp dq = wholeDequantize(op.getSource());
    if (!dq)
      return failure();
    Location loc = op.getLoc();
    Type element = getElementTypeOrSelf(dq.getInput().getType());
    auto empty = [&](Value like) -> Value {
      return tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, like),
                                     element);
    };
    Value dest;
    if (auto other = wholeDequantize(op.getDest()); other && other.sameParameters(dq)) {
      dest = other.getInput();
    } else if (op.getDest().getDefiningOp<tensor::EmptyOp>()) {
      dest = empty(op.getDest());
    } else if (auto fill = op.getDest().getDefiningOp<linalg::FillOp>()) {
      auto value = floatConstant(fill.getInputs()[0]);
      auto storage = value ? stored(dq, *value) : std::nullopt;
      if (!storage)
        return failure();
      Value number =
          arith::ConstantOp::create(rewriter, loc, rewriter.getIntegerAttr(element, *storage));
      dest = linalg::FillOp::create(rewriter, loc, number, empty(op.getDest())).getResult(0);
    } else {
      return failure();
    }
    Value inserted =
        tensor::InsertSliceOp::create(rewriter, loc, dq.getInput(), dest, op.getMixedOffsets(),
                                      op.getMixedSizes(), op.getMixedStrides());
    rewriter.replaceOp(op, dequantize(rewriter, loc, inserted, dq, {}));
    return success();
  }
};

/// quantize(move(x)) is move(quantize(x)), so that the quantization meets what
/// computes x.
struct HoistQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Operation *def = op.getInput().getDefiningOp();
    if (!def || !def->hasOneUse() || !op.isPerTensor())
      return failure();
    Location loc = op.getLoc();
    auto element = getElementTypeOrSelf(op.getType());
    rewriter.setInsertionPoint(def);
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def)) {
      Value inner = quantize(rewriter, loc, def->getOperand(0), op, {});
      Operation *clone = rewriter.clone(*def);
      clone->setOperand(0, inner);
      clone->getResult(0).setType(op.getType());
      rewriter.replaceOp(op, clone->getResult(0));
      return success();
    }
    if (auto transpose = dyn_cast<linalg::TransposeOp>(def)) {
      Value inner = quantize(rewriter, loc, transpose.getInput(), op, {});
      Value init = tensor::EmptyOp::create(
          rewriter, loc, tensor::getMixedSizes(rewriter, loc, transpose.getInit()), element);
      rewriter.replaceOp(op, linalg::TransposeOp::create(rewriter, loc, inner, init,
                                                         transpose.getPermutation())
                                 ->getResult(0));
      return success();
    }
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(def)) {
      Value source = quantize(rewriter, loc, insert.getSource(), op, {}), dest;
      if (insert.getDest().getDefiningOp<tensor::EmptyOp>())
        dest = tensor::EmptyOp::create(
            rewriter, loc, tensor::getMixedSizes(rewriter, loc, insert.getDest()), element);
      else
        dest = quantize(rewriter, loc, insert.getDest(), op, {});
      rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
          op, source, dest, insert.getMixedOffsets(), insert.getMixedSizes(),
          insert.getMixedStrides());
      return success();
    }
    return failure();
  }
};

/// A loop that writes slices of a tensor which is quantized as a whole after it: each
/// slice is quantized.
struct HoistQuantizeIntoLoop : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto result = dyn_cast<OpResult>(op.getInput());
    auto loop = result ? dyn_cast<scf::ForOp>(result.getOwner()) : scf::ForOp();
    if (!loop || !result.hasOneUse() || !op.isPerTensor())
      return failure();
    unsigned number = result.getResultNumber();
    BlockArgument carried = loop.getRegionIterArg(number);
    Value init = loop.getInitArgs()[number];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    auto value = fill ? floatConstant(fill.getInputs()[0]) : std::nullopt;
    if (!carried.hasOneUse() || !(value || init.getDefiningOp<tensor::EmptyOp>()))
      return failure();
    auto insert = dyn_cast<tensor::InsertSliceOp>(*carried.getUsers().begin());
    if (!insert || insert.getDest() != carried || !insert->hasOneUse() ||
        insert->getUses().begin()->getOwner() != loop.getBody()->getTerminator() ||
        insert->getUses().begin()->getOperandNumber() != number)
      return failure();
    Location loc = op.getLoc();
    Type element = getElementTypeOrSelf(op.getType());
    auto type = cast<RankedTensorType>(carried.getType()).clone(element);
    rewriter.setInsertionPoint(loop);
    Value start = tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, init), element);
    if (value) {
      double q = std::nearbyint(static_cast<float>(*value) / static_cast<float>(op.getScales()[0])) + op.getZeroPoints()[0];
      q = std::clamp<double>(q, static_cast<int64_t>(op.getLo()), static_cast<int64_t>(op.getHi()));
      Value number = arith::ConstantOp::create(
          rewriter, loc, rewriter.getIntegerAttr(element, static_cast<int64_t>(q)));
      start = linalg::FillOp::create(rewriter, loc, number, start).getResult(0);
    }
    rewriter.setInsertionPoint(insert);
    Value source = quantize(rewriter, loc, insert.getSource(), op, {});
    rewriter.modifyOpInPlace(loop, [&] {
      loop.getInitArgsMutable()[number].set(start);
      carried.setType(type);
      result.setType(type);
    });
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(insert, source, carried, insert.getMixedOffsets(),
                                                       insert.getMixedSizes(), insert.getMixedStrides());
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct SinkDequantize : dlc::impl::SinkDequantizeBase<SinkDequantize> {
  void runOnOperation() override {
    // Signs first: an unsigned padding in between would keep two flips apart.
    RewritePatternSet flips(&getContext());
    flips.add<MakeSigned<QuantizeOp>, MakeSigned<DequantizeOp>, CancelFlips>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(flips))))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<Cancel, SinkTranspose,
                 SinkUnary<tensor::CollapseShapeOp>, SinkUnary<tensor::ExpandShapeOp>,
                 SinkUnary<tensor::ExtractSliceOp>, SinkPad, SinkInsertSlice, HoistQuantize,
                 HoistQuantizeIntoLoop>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
