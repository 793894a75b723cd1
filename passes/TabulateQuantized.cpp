// This file replaces functions of one small quantized integer by tables.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

#include "llvm/ADT/SetVector.h"
#include "mlir/IR/IRMapping.h"
#include <cmath>

namespace dlc {
#define GEN_PASS_DEF_TABULATEQUANTIZED
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;
using dlc::nn::QuantizeOp;

namespace {
/// An elementwise operation whose tensors of full shape are read and written in
/// order, and whose other operands are single constants.
bool isElementwise(linalg::GenericOp op) {
  if (!op || !op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() != 0 || op.hasIndexSemantics() ||
      !op.getIndexingMapsArray().back().isIdentity() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return false;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    DenseElementsAttr constant;
    if (matchPattern(operand->get(), m_Constant(&constant))) {
      if (!constant.isSplat())
        return false;
    } else if (!op.getMatchingIndexingMap(operand).isIdentity()) {
      return false;
    }
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (inner.getNumRegions() || isa<tensor::ExtractOp>(inner) || !isMemoryEffectFree(&inner))
      return false;
    // Scalars from outside may not be known.
    for (Value v : inner.getOperands())
      if (v.getParentBlock() != op.getBody() && !matchPattern(v, m_Constant()))
        return false;
  }
  return true;
}

/// Whether the body is what dlc-integer-requantize reads: sums, products with
/// constants and bounds.
bool isSimple(linalg::GenericOp op) {
  auto isConstant = [&](Value v) {
    if (matchPattern(v, m_Constant()))
      return true;
    auto arg = dyn_cast<BlockArgument>(v);
    return arg && arg.getArgNumber() < op.getNumDpsInputs() &&
           matchPattern(op.getDpsInputs()[arg.getArgNumber()], m_Constant());
  };
  return llvm::all_of(op.getBody()->without_terminator(), [&](Operation &inner) {
    if (isa<arith::MulFOp>(inner))
      return isConstant(inner.getOperand(0)) || isConstant(inner.getOperand(1));
    if (isa<arith::DivFOp>(inner))
      return isConstant(inner.getOperand(1));
    return isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MinimumFOp,
               arith::MaxNumFOp, arith::MinNumFOp, arith::ConstantOp, arith::NegFOp>(inner);
  });
}

/// The operations between one nn.dequantize and `root`.
struct Function {
  DequantizeOp source;
  llvm::SetVector<linalg::GenericOp> ops; ///< in order of definition
  bool simple = true;

  bool collect(Value v, unsigned depth = 0) {
    if (auto dq = v.getDefiningOp<DequantizeOp>()) {
      if (source && source.getInput() != dq.getInput())
        return false;
      source = dq;
      return dq.isPerTensor();
    }
    auto op = v.getDefiningOp<linalg::GenericOp>();
    if (depth > 64 || !isElementwise(op))
      return false;
    if (ops.contains(op))
      return true;
    for (Value input : op.getDpsInputs())
      if (!matchPattern(input, m_Constant()) && !collect(input, depth + 1))
        return false;
    simple &= isSimple(op);
    ops.insert(op);
    return true;
  }
};

struct Tabulate : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Function f;
    if (!op.isPerTensor() || !f.collect(op.getInput()) || !f.source || f.simple)
      return rewriter.notifyMatchFailure(op, "not a function of one quantized tensor");
    auto from = cast<RankedTensorType>(f.source.getInput().getType());
    auto to = cast<RankedTensorType>(op.getType());
    unsigned width = from.getElementTypeBitWidth();
    if (width > 8 || to.getElementTypeBitWidth() > 8)
      return rewriter.notifyMatchFailure(op, "table would be large");
    auto table = tabulate(op, f, rewriter);
    if (!table)
      return rewriter.notifyMatchFailure(op, "not evaluated");

    Location loc = op.getLoc();
    Value values = arith::ConstantOp::create(rewriter, loc, *table);
    Value init = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, f.source.getInput()),
        to.getElementType());
    AffineMap map = rewriter.getMultiDimIdentityMap(to.getRank());
    SmallVector<utils::IteratorType> loops(to.getRank(), utils::IteratorType::parallel);
    rewriter.replaceOp(
        op, linalg::GenericOp::create(rewriter, loc, to, f.source.getInput(), init,
                                      ArrayRef<AffineMap>{map, map}, loops,
                                      [&](OpBuilder &b, Location l, ValueRange v) {
                                        Value at = arith::IndexCastUIOp::create(
                                            b, l, b.getIndexType(), v[0]);
                                        Value y = tensor::ExtractOp::create(b, l, values, at);
                                        linalg::YieldOp::create(b, l, y);
                                      }));
    return success();
  }

  /// Results in the order of the stored bits, read as an unsigned index.
  static std::optional<DenseElementsAttr> tabulate(QuantizeOp op, Function &f,
                                                   PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    auto from = cast<RankedTensorType>(f.source.getInput().getType());
    unsigned width = from.getElementTypeBitWidth();
    int64_t count = int64_t(1) << width;
    auto floats = RankedTensorType::get({count}, rewriter.getF32Type());
    SmallVector<float> inputs;
    float scale = f.source.getScales()[0];
    for (int64_t i = 0; i < count; ++i) {
      int64_t stored = f.source.isUnsigned() || i < count / 2 ? i : i - count;
      inputs.push_back(static_cast<float>(stored - f.source.getZeroPoints()[0]) * scale);
    }
    // The same operations on all values that the input can have.
    SmallVector<Operation *> temporary;
    IRMapping map;
    auto add = [&](Operation *made) {
      temporary.push_back(made);
      return made->getResult(0);
    };
    Value all = add(arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(floats, ArrayRef<float>(inputs))));
    AffineMap line = rewriter.getMultiDimIdentityMap(1);
    auto mapped = [&](Value v) { return v.getDefiningOp<DequantizeOp>() ? all : map.lookup(v); };
    for (linalg::GenericOp inner : f.ops) {
      SmallVector<Value> operands;
      for (Value v : inner.getDpsInputs()) {
        DenseElementsAttr constant;
        if (!matchPattern(v, m_Constant(&constant))) {
          operands.push_back(mapped(v));
          continue;
        }
        operands.push_back(add(arith::ConstantOp::create(
            rewriter, loc,
            constant.resizeSplat(RankedTensorType::get({count}, constant.getElementType())))));
      }
      auto type = RankedTensorType::get(
          {count}, getElementTypeOrSelf(inner.getResult(0).getType()));
      Value empty =
          add(tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType()));
      auto clone = linalg::GenericOp::create(
          rewriter, loc, type, operands, empty, SmallVector<AffineMap>(operands.size() + 1, line),
          ArrayRef<utils::IteratorType>{utils::IteratorType::parallel});
      rewriter.cloneRegionBefore(inner.getRegion(), clone.getRegion(), clone.getRegion().end());
      map.map(inner.getResult(0), add(clone));
    }
    dlc::EvaluateLimits limits;
    auto results = dlc::constantTensor(mapped(op.getInput()), limits);
    for (Operation *made : llvm::reverse(temporary))
      rewriter.eraseOp(made);
    if (!results || !results->getElementType().isF32())
      return std::nullopt;
    auto to = cast<RankedTensorType>(op.getType());
    unsigned bits = to.getElementTypeBitWidth();
    float lo = static_cast<int64_t>(op.getLo()), hi = static_cast<int64_t>(op.getHi());
    float step = op.getScales()[0], zero = op.getZeroPoints()[0];
    SmallVector<APInt> table;
    for (float v : results->getValues<float>()) {
      float q = std::nearbyint(v / step) + zero;
      q = q > lo ? q : lo;
      q = q < hi ? q : hi;
      table.push_back(APInt(bits, static_cast<uint64_t>(static_cast<int64_t>(q)),
                            /*isSigned=*/false, /*implicitTrunc=*/true));
    }
    return DenseElementsAttr::get(RankedTensorType::get({count}, to.getElementType()), table);
  }
};

struct TabulateQuantized : dlc::impl::TabulateQuantizedBase<TabulateQuantized> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Tabulate>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
