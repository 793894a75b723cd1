// This file sums dequantized elements (pools, means) as integers.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_INTEGERSUMS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;

namespace {
/// Whether the body is `element + accumulator` alone.
bool isSum(linalg::GenericOp op, unsigned input) {
  Block &body = *op.getBody();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || body.getOperations().size() != 2)
    return false;
  Value x = body.getArgument(input), acc = body.getArguments().back();
  return (add.getLhs() == x && add.getRhs() == acc) || (add.getLhs() == acc && add.getRhs() == x);
}

struct SumIntegers : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
        op.getNumReductionLoops() == 0 || !isSum(op, 0))
      return failure();
    auto dq = op.getDpsInputs()[0].getDefiningOp<DequantizeOp>();
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    Value start = fill ? fill.getInputs()[0] : op.getDpsInits()[0];
    if (!dq || !dq.isPerTensor() || !matchPattern(start, m_AnyZeroFloat()))
      return failure();
    // How many elements each result sums.
    int64_t count = 1;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (auto [range, kind] : llvm::zip_equal(ranges, op.getIteratorTypesArray()))
      if (kind == utils::IteratorType::reduction) {
        if (ShapedType::isDynamic(range) || llvm::MulOverflow(count, range, count))
          return rewriter.notifyMatchFailure(op, "number of elements is not known");
      }
    int64_t lo = dq.getLo(), hi = dq.getHi(), zero = dq.getZeroPoints()[0], most;
    if (llvm::MulOverflow(count, 2 * std::max(std::abs(lo), std::abs(hi)) + 2, most) ||
        most > INT32_MAX)
      return rewriter.notifyMatchFailure(op, "sum does not fit 32 bits");

    Location loc = op.getLoc();
    Type i32 = rewriter.getI32Type(), f32 = rewriter.getF32Type();
    auto outType = cast<RankedTensorType>(op.getResult(0).getType());
    auto sizes = tensor::getMixedSizes(rewriter, loc, op.getDpsInits()[0]);
    Value none = arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0));
    Value init = tensor::EmptyOp::create(rewriter, loc, sizes, i32);
    init = linalg::FillOp::create(rewriter, loc, none, init).getResult(0);
    SmallVector<Value> inputs(op.getDpsInputs());
    inputs[0] = dq.getInput();
    bool isUnsigned = dq.isUnsigned();
    Value sum = linalg::GenericOp::create(
                    rewriter, loc, outType.clone(i32), inputs, init, op.getIndexingMapsArray(),
                    op.getIteratorTypesArray(),
                    [&](OpBuilder &b, Location l, ValueRange v) {
                      Value x = isUnsigned ? arith::ExtUIOp::create(b, l, i32, v[0]).getResult()
                                           : arith::ExtSIOp::create(b, l, i32, v[0]).getResult();
                      Value y = arith::AddIOp::create(b, l, x, v.back());
                      linalg::YieldOp::create(b, l, y);
                    })
                    .getResult(0);
    AffineMap map = rewriter.getMultiDimIdentityMap(outType.getRank());
    SmallVector<utils::IteratorType> loops(outType.getRank(), utils::IteratorType::parallel);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, f32);
    auto scaled = linalg::GenericOp::create(
        rewriter, loc, outType, sum, empty, ArrayRef<AffineMap>{map, map}, loops,
        [&](OpBuilder &b, Location l, ValueRange v) {
          Value zeros = arith::ConstantOp::create(
              b, l, b.getI32IntegerAttr(static_cast<int32_t>(count * zero)));
          Value y = arith::SubIOp::create(b, l, v[0], zeros);
          y = arith::SIToFPOp::create(b, l, f32, y);
          Value scale = arith::ConstantOp::create(b, l, b.getF32FloatAttr(dq.getScales()[0]));
          Value z = arith::MulFOp::create(b, l, y, scale);
          linalg::YieldOp::create(b, l, z);
        });
    rewriter.replaceOp(op, scaled.getResult(0));
    return success();
  }
};

struct IntegerSums : dlc::impl::IntegerSumsBase<IntegerSums> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SumIntegers>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
