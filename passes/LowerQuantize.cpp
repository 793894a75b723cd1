// This file replaces what is left of nn.quantize and nn.dequantize by elementwise
// operations.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERQUANTIZE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;
using dlc::nn::QuantizeOp;

namespace {
/// Parameters as operands of a generic: none when they are the same everywhere.
template <typename Op>
Value operandOf(PatternRewriter &b, Op op, ArrayRef<float> values) {
  if (op.isPerTensor())
    return {};
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, b.getF32Type());
  return arith::ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(type, values));
}

/// An elementwise operation on the input, with `body` given the element, the
/// scale and the zero point (as f32 values).
template <typename Op, typename Body>
void lower(PatternRewriter &b, Op op, Body body) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getType());
  SmallVector<float> scales(op.getScales().begin(), op.getScales().end()), zeros;
  for (int64_t z : op.getZeroPoints())
    zeros.push_back(z);
  SmallVector<Value> inputs{op.getInput()};
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps{identity};
  for (ArrayRef<float> values : {ArrayRef<float>(scales), ArrayRef<float>(zeros)})
    if (Value operand = operandOf(b, op, values)) {
      inputs.push_back(operand);
      maps.push_back(AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(*op.getAxis())));
    }
  maps.push_back(identity);
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, op.getInput()), type.getElementType());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, type, inputs, init, maps, loops, [&](OpBuilder &inner, Location l, ValueRange v) {
        ImplicitLocOpBuilder ib(l, inner);
        auto number = [&](float f) -> Value {
          return arith::ConstantOp::create(ib, ib.getF32FloatAttr(f));
        };
        Value scale = op.isPerTensor() ? number(scales[0]) : v[1];
        Value zero = op.isPerTensor() ? (zeros[0] != 0 ? number(zeros[0]) : Value()) : v[2];
        linalg::YieldOp::create(ib, body(ib, v[0], scale, zero));
      });
  b.replaceOp(op, generic.getResult(0));
}

struct LowerQ : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Type storage = getElementTypeOrSelf(op.getType());
    lower(rewriter, op, [&](ImplicitLocOpBuilder &b, Value x, Value scale, Value zero) -> Value {
      Value y = math::RoundEvenOp::create(b, arith::DivFOp::create(b, x, scale));
      if (zero)
        y = arith::AddFOp::create(b, y, zero);
      // NaN compares false, so it becomes the lowest value.
      auto bound = [&](arith::CmpFPredicate better, int64_t limit) {
        Value c = arith::ConstantOp::create(b, b.getF32FloatAttr(limit));
        y = arith::SelectOp::create(b, arith::CmpFOp::create(b, better, y, c), y, c);
      };
      bound(arith::CmpFPredicate::OGT, op.getLo());
      bound(arith::CmpFPredicate::OLT, op.getHi());
      Value i = arith::FPToSIOp::create(b, b.getI32Type(), y);
      return arith::TruncIOp::create(b, storage, i);
    });
    return success();
  }
};

struct LowerDQ : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    lower(rewriter, op, [&](ImplicitLocOpBuilder &b, Value x, Value scale, Value zero) -> Value {
      Type i32 = b.getI32Type();
      Value y = op.isUnsigned() ? arith::ExtUIOp::create(b, i32, x).getResult()
                                : arith::ExtSIOp::create(b, i32, x).getResult();
      y = arith::SIToFPOp::create(b, b.getF32Type(), y);
      // Both are small integers: the difference is exact.
      if (zero)
        y = arith::SubFOp::create(b, y, zero);
      return arith::MulFOp::create(b, y, scale);
    });
    return success();
  }
};

struct LowerQuantize : dlc::impl::LowerQuantizeBase<LowerQuantize> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerQ, LowerDQ>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
