// This file moves transposes down through the graph until they cancel.
#include "passes/Passes.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace dlc {
#define GEN_PASS_DEF_PROPAGATETRANSPOSES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
Value makeTranspose(OpBuilder &b, Location loc, Value v, ArrayRef<int64_t> permutation) {
  auto sizes = tensor::getMixedSizes(b, loc, v);
  SmallVector<OpFoldResult> permuted = applyPermutation(sizes, permutation);
  Value init = tensor::EmptyOp::create(b, loc, permuted,
                                       cast<RankedTensorType>(v.getType()).getElementType());
  return linalg::TransposeOp::create(b, loc, v, init, permutation)->getResult(0);
}

/// The transpose that makes `v`, if one does.
linalg::TransposeOp transposeOf(Value v) { return v.getDefiningOp<linalg::TransposeOp>(); }

/// Whether a value can be had in any layout for free.
bool isFree(Value v) {
  Operation *def = v.getDefiningOp();
  return def && isa<arith::ConstantOp, tensor::EmptyOp>(def);
}

/// transpose(transpose(x)) -> one transpose, or x.
struct Compose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = transposeOf(op.getInput());
    if (!inner)
      return failure();
    SmallVector<int64_t> permutation;
    for (int64_t p : op.getPermutation())
      permutation.push_back(inner.getPermutation()[p]);
    if (isIdentityPermutation(permutation))
      rewriter.replaceOp(op, inner.getInput());
    else
      rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner.getInput(), permutation));
    return success();
  }
};

/// A transpose that only moves dimensions of size 1 is a reshape.
struct ToReshape : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto from = cast<RankedTensorType>(op.getInput().getType());
    auto to = cast<RankedTensorType>(op->getResult(0).getType());
    if (!from.hasStaticShape() || from.getNumElements() == 0)
      return failure();
    int64_t last = -1;
    for (int64_t p : op.getPermutation()) {
      if (from.getDimSize(p) == 1)
        continue;
      if (p < last)
        return failure();
      last = p;
    }
    Value v = op.getInput();
    ReassociationIndices all = llvm::to_vector<2>(llvm::seq<int64_t>(0, from.getRank()));
    SmallVector<ReassociationIndices> groups{all};
    v = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), v, groups);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, to, v, groups);
    return success();
  }
};

/// Elementwise, pooling and reduction: generic(transpose(x)) reads x through
/// another map; a result of the same rank is written in x's layout and
/// transposed back, so that the transpose moves on.
struct ThroughGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1)
      return failure();
    OpOperand *init = op.getDpsInitOperand(0);
    AffineMap outMap = op.getMatchingIndexingMap(init);
    int64_t rank = outMap.getNumResults();
    // The result moves along when all full operands are transposed alike, or can
    // be had in any layout.
    linalg::TransposeOp first;
    bool moves = outMap.isProjectedPermutation();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      if (auto transpose = transposeOf(operand->get())) {
        if (!first)
          first = transpose;
        moves &= first.getPermutation() == transpose.getPermutation();
      } else if (op.getMatchingIndexingMap(operand) == outMap && !isFree(operand->get())) {
        moves = false;
      }
    }
    if (!first)
      return failure();
    ArrayRef<int64_t> permutation = first.getPermutation();
    moves &= static_cast<int64_t>(permutation.size()) == rank && sameDimensions(op, outMap);

    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (auto transpose = transposeOf(operand->get())) {
        SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
        SmallVector<AffineExpr> exprs(map.getResults());
        map = AffineMap::get(map.getNumDims(), 0, applyPermutation(exprs, inverse),
                             op.getContext());
        inputs.push_back(transpose.getInput());
      } else {
        inputs.push_back(operand->get());
      }
      maps.push_back(map);
    }
    Location loc = op.getLoc();
    SmallVector<int64_t> inverse = invertPermutationVector(permutation);
    Value out = init->get();
    if (moves) {
      SmallVector<AffineExpr> exprs(outMap.getResults());
      outMap = AffineMap::get(outMap.getNumDims(), 0, applyPermutation(exprs, inverse),
                              op.getContext());
      // Empty and filled tensors can be made in any layout.
      if (out.getDefiningOp<tensor::EmptyOp>()) {
        auto sizes = tensor::getMixedSizes(rewriter, loc, out);
        out = tensor::EmptyOp::create(rewriter, loc, applyPermutation(sizes, inverse),
                                      getElementTypeOrSelf(out.getType()));
      } else if (auto fill = out.getDefiningOp<linalg::FillOp>()) {
        auto sizes = tensor::getMixedSizes(rewriter, loc, out);
        Value empty = tensor::EmptyOp::create(
            rewriter, loc, applyPermutation(sizes, inverse),
            getElementTypeOrSelf(out.getType()));
        out = linalg::FillOp::create(rewriter, loc, fill.getInputs()[0], empty).getResult(0);
      } else {
        out = makeTranspose(rewriter, loc, out, inverse);
      }
    }
    maps.push_back(outMap);
    auto moved = linalg::GenericOp::create(rewriter, loc, out.getType(), inputs, out, maps,
                                           op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), moved.getRegion(), moved.getRegion().end());
    moved->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    Value result = moved.getResult(0);
    if (moves)
      result = makeTranspose(rewriter, loc, result, permutation);
    rewriter.replaceOp(op, result);
    return success();
  }

  /// Whether dimension d of the result is made from dimension d of every
  /// transposed operand, so that one permutation serves both.
  static bool sameDimensions(linalg::GenericOp op, AffineMap outMap) {
    for (OpOperand *operand : op.getDpsInputOperands()) {
      if (!transposeOf(operand->get()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (map.getNumResults() != outMap.getNumResults())
        return false;
      for (auto [in, out] : llvm::zip_equal(map.getResults(), outMap.getResults()))
        if (!in.isFunctionOfDim(cast<AffineDimExpr>(out).getPosition()) &&
            !isa<AffineConstantExpr>(in))
          return false;
    }
    return true;
  }
};

/// pad(transpose(x)) -> transpose(pad(x)).
struct ThroughPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    auto transpose = transposeOf(op.getSource());
    Value value = op.getConstantPaddingValue();
    if (!transpose || !value)
      return failure();
    SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
    auto low = applyPermutation(op.getMixedLowPad(), inverse);
    auto high = applyPermutation(op.getMixedHighPad(), inverse);
    Value padded = tensor::PadOp::create(rewriter, op.getLoc(), Type(), transpose.getInput(),
                                         low, high, value, op.getNofold());
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), padded,
                                         transpose.getPermutation()));
    return success();
  }
};

/// transpose(pad(x)) -> pad(transpose(x)), where nothing before the pad is a
/// transpose to cancel with: one copy then transposes into the padded buffer.
struct AbovePad : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<tensor::PadOp>();
    if (!pad || !pad->hasOneUse() || !pad.getConstantPaddingValue())
      return failure();
    ArrayRef<int64_t> permutation = op.getPermutation();
    Value source = makeTranspose(rewriter, op.getLoc(), pad.getSource(), permutation);
    rewriter.replaceOpWithNewOp<tensor::PadOp>(
        op, op->getResult(0).getType(), source,
        applyPermutation(pad.getMixedLowPad(), permutation),
        applyPermutation(pad.getMixedHighPad(), permutation),
        pad.getConstantPaddingValue(), pad.getNofold());
    return success();
  }
};

/// insert_slice(transpose(x), empty or transpose(y)) -> transpose(insert_slice).
struct ThroughInsertSlice : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::InsertSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto source = transposeOf(op.getSource());
    auto dest = transposeOf(op.getDest());
    if (op.getSourceType().getRank() != op.getDestType().getRank())
      return failure();
    auto some = source ? source : dest;
    if (!some || (source && dest && source.getPermutation() != dest.getPermutation()))
      return failure();
    Location loc = op.getLoc();
    SmallVector<int64_t> permutation(some.getPermutation());
    SmallVector<int64_t> inverse = invertPermutationVector(permutation);
    // The side that is not transposed is given the inverse one: nothing for an
    // empty destination, and one transpose instead of another otherwise.
    auto inside = [&](linalg::TransposeOp transpose, Value v) {
      return transpose ? transpose.getInput() : makeTranspose(rewriter, loc, v, inverse);
    };
    if (!(source && (dest || op.getDest().getDefiningOp<tensor::EmptyOp>())))
      return failure();
    Value from = inside(source, op.getSource());
    Value into = op.getDest();
    if (auto empty = op.getDest().getDefiningOp<tensor::EmptyOp>())
      into = tensor::EmptyOp::create(rewriter, loc,
                                     applyPermutation(empty.getMixedSizes(), inverse),
                                     empty.getType().getElementType());
    else
      into = inside(dest, into);
    Value inserted = tensor::InsertSliceOp::create(
        rewriter, loc, from, into, applyPermutation(op.getMixedOffsets(), inverse),
        applyPermutation(op.getMixedSizes(), inverse),
        applyPermutation(op.getMixedStrides(), inverse));
    rewriter.replaceOp(op, makeTranspose(rewriter, loc, inserted, permutation));
    return success();
  }
};

/// extract_slice(transpose(x)) -> transpose(extract_slice(x)).
struct ThroughExtractSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = transposeOf(op.getSource());
    if (!transpose || op.getSourceType().getRank() != op.getType().getRank())
      return failure();
    SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
    Value slice = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), transpose.getInput(),
        applyPermutation(op.getMixedOffsets(), inverse),
        applyPermutation(op.getMixedSizes(), inverse),
        applyPermutation(op.getMixedStrides(), inverse));
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), slice,
                                         transpose.getPermutation()));
    return success();
  }
};

struct PropagateTransposes : dlc::impl::PropagateTransposesBase<PropagateTransposes> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Compose, ToReshape, ThroughGeneric, ThroughPad, ThroughInsertSlice,
                 ThroughExtractSlice>(&getContext());
    // A transpose that cannot move on stays; each rewrite moves one downwards,
    // so this ends.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    RewritePatternSet upwards(&getContext());
    upwards.add<Compose, ToReshape, AbovePad>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(upwards))))
      return signalPassFailure();
  }
};
} // namespace
