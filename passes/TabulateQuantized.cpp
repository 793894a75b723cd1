// This file replaces functions of one quantized integer by tables: of all results, or of
// the coefficients of polynomials.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"
#include "passes/quantize/Emit.h"

#include "llvm/ADT/SetVector.h"
#include "mlir/IR/IRMapping.h"
#include <cmath>
#include <map>

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

/// Bytes that a table of polynomials may have: none where floats have vectors, few where
/// there is an FPU and bytes count more than cycles (the float form of a sigmoid has 300
/// bytes more).
int64_t bytesForPolynomials(Operation *op) {
  dlc::rt::TargetAttr target = dlc::rt::targetOf(op);
  if (!target || !target.getFpuF32())
    return 8192;
  if (target.getVectorBits() != 0 && target.getIsa() != "mve")
    return 0;
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
  return optimize && optimize.getValue() == "size" ? 384 : 8192;
}

/// Computes `f` for all values that its source can have, in the order of the stored bits
/// read as an unsigned index, as floats of `element`; no values when that is not possible.
/// In f64 the results are those of the real function.
std::vector<double> computeAll(QuantizeOp op, Function &f, FloatType element,
                               PatternRewriter &rewriter) {
  Location loc = op.getLoc();
  auto from = cast<RankedTensorType>(f.source.getInput().getType());
  unsigned width = from.getElementTypeBitWidth();
  int64_t count = int64_t(1) << width;
  Type f32 = rewriter.getF32Type();
  // Types and constants with f32 in them become those of `element`.
  auto typeFor = [&](Type t) { return getElementTypeOrSelf(t).isF32() ? Type(element) : getElementTypeOrSelf(t); };
  auto number = [&](const APFloat &v) {
    APFloat wide = v;
    bool lost;
    wide.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return wide;
  };
  SmallVector<APFloat> inputs;
  float scale = f.source.getScales()[0];
  for (int64_t i = 0; i < count; ++i) {
    int64_t stored = f.source.isUnsigned() || i < count / 2 ? i : i - count;
    int64_t steps = stored - f.source.getZeroPoints()[0];
    inputs.push_back(element.isF32() ? APFloat(static_cast<float>(steps) * scale)
                                     : APFloat(static_cast<double>(steps) * scale));
  }
  SmallVector<Operation *> temporary;
  IRMapping map;
  auto add = [&](Operation *made) {
    temporary.push_back(made);
    return made->getResult(0);
  };
  auto all = [&](Attribute value) {
    if (auto v = dyn_cast<FloatAttr>(value); v && v.getType().isF32())
      value = FloatAttr::get(element, number(v.getValue()));
    auto typed = cast<TypedAttr>(value);
    return DenseElementsAttr::get(RankedTensorType::get({count}, typed.getType()), value);
  };
  Value source = add(arith::ConstantOp::create(
      rewriter, loc, DenseElementsAttr::get(RankedTensorType::get({count}, element), inputs)));
  AffineMap line = rewriter.getMultiDimIdentityMap(1);
  auto mapped = [&](Value v) { return v.getDefiningOp<DequantizeOp>() ? source : map.lookup(v); };
  bool possible = true;
  for (linalg::GenericOp inner : f.ops) {
    SmallVector<Value> operands;
    for (Value v : inner.getDpsInputs()) {
      DenseElementsAttr constant;
      if (matchPattern(v, m_Constant(&constant)))
        operands.push_back(add(arith::ConstantOp::create(
            rewriter, loc, all(constant.getSplatValue<Attribute>()))));
      else
        operands.push_back(mapped(v));
    }
    auto type = RankedTensorType::get({count}, typeFor(inner.getResult(0).getType()));
    Value empty =
        add(tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType()));
    auto clone = linalg::GenericOp::create(
        rewriter, loc, type, operands, empty, SmallVector<AffineMap>(operands.size() + 1, line),
        ArrayRef<utils::IteratorType>{utils::IteratorType::parallel});
    rewriter.cloneRegionBefore(inner.getRegion(), clone.getRegion(), clone.getRegion().end());
    map.map(inner.getResult(0), add(clone));
    if (element.isF32())
      continue;
    Block &body = *clone.getBody();
    for (BlockArgument arg : body.getArguments())
      arg.setType(typeFor(arg.getType()));
    for (Operation &o : llvm::make_early_inc_range(body.without_terminator())) {
      if (auto constant = dyn_cast<arith::ConstantOp>(o)) {
        if (auto v = dyn_cast<FloatAttr>(constant.getValue()); v && v.getType().isF32()) {
          constant.setValueAttr(FloatAttr::get(element, number(v.getValue())));
          constant.getResult().setType(element);
        }
        continue;
      }
      for (OpOperand &operand : o.getOpOperands()) {
        FloatAttr outside;
        if (operand.get().getParentBlock() == &body || !operand.get().getType().isF32())
          continue;
        possible &= matchPattern(operand.get(), m_Constant(&outside));
        if (outside)
          operand.set(add(arith::ConstantOp::create(
              rewriter, loc, FloatAttr::get(element, number(outside.getValue())))));
      }
      // Bits of floats, and other widths, have no counterpart.
      bool plain = llvm::all_of(o.getOperandTypes(), [&](Type t) { return !isa<FloatType>(t) || t == element; }) &&
                   llvm::all_of(o.getResultTypes(), [&](Type t) { return !isa<FloatType>(t) || t == f32; });
      if (!plain || isa<arith::BitcastOp, arith::ExtFOp, arith::TruncFOp>(o)) {
        possible = false;
        break;
      }
      for (Value result : o.getResults())
        result.setType(typeFor(result.getType()));
    }
  }
  std::vector<double> results;
  if (possible) {
    dlc::EvaluateLimits limits;
    auto known = dlc::constantTensor(mapped(op.getInput()), limits);
    if (known && known->getElementType() == element)
      for (const APFloat &v : known->getValues<APFloat>())
        results.push_back(v.convertToDouble());
  }
  for (Operation *made : llvm::reverse(temporary))
    rewriter.eraseOp(made);
  return results;
}

struct Tabulate : OpRewritePattern<QuantizeOp> {
  using Found = std::map<std::vector<double>, std::optional<dlc::quantize::Piecewise>>;
  Tabulate(MLIRContext *context, Found &found) : OpRewritePattern(context), found(found) {}

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Function f;
    if (!op.isPerTensor() || !f.collect(op.getInput()) || !f.source || f.simple)
      return rewriter.notifyMatchFailure(op, "not a function of one quantized tensor");
    auto from = cast<RankedTensorType>(f.source.getInput().getType());
    return from.getElementTypeBitWidth() <= 8 ? look(op, f, rewriter) : approach(op, f, rewriter);
  }

private:
  /// Replaces `op` by an elementwise operation on the stored integers.
  static void replace(QuantizeOp op, Function &f, PatternRewriter &rewriter,
                      llvm::function_ref<Value(ImplicitLocOpBuilder &, Value)> body) {
    Location loc = op.getLoc();
    auto to = cast<RankedTensorType>(op.getType());
    Value x = f.source.getInput();
    Value init = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, x), to.getElementType());
    AffineMap map = rewriter.getMultiDimIdentityMap(to.getRank());
    SmallVector<utils::IteratorType> loops(to.getRank(), utils::IteratorType::parallel);
    rewriter.replaceOp(
        op, linalg::GenericOp::create(rewriter, loc, to, x, init, ArrayRef<AffineMap>{map, map},
                                      loops, [&](OpBuilder &ob, Location l, ValueRange v) {
                                        ImplicitLocOpBuilder b(l, ob);
                                        linalg::YieldOp::create(b, body(b, v[0]));
                                      }));
  }

  /// A table of all results.
  static LogicalResult look(QuantizeOp op, Function &f, PatternRewriter &rewriter) {
    std::vector<double> results = computeAll(op, f, rewriter.getF32Type(), rewriter);
    if (results.empty())
      return rewriter.notifyMatchFailure(op, "not evaluated");
    auto to = cast<RankedTensorType>(op.getType());
    unsigned bits = to.getElementTypeBitWidth();
    float lo = static_cast<int64_t>(op.getLo()), hi = static_cast<int64_t>(op.getHi());
    float step = op.getScales()[0], zero = op.getZeroPoints()[0];
    SmallVector<APInt> table;
    for (double v : results) {
      float q = std::nearbyint(static_cast<float>(v) / step) + zero;
      q = q > lo ? q : lo;
      q = q < hi ? q : hi;
      table.push_back(APInt(bits, static_cast<uint64_t>(static_cast<int64_t>(q)),
                            /*isSigned=*/false, /*implicitTrunc=*/true));
    }
    auto type = RankedTensorType::get({static_cast<int64_t>(table.size())}, to.getElementType());
    Value values = arith::ConstantOp::create(rewriter, op.getLoc(), DenseElementsAttr::get(type, table));
    replace(op, f, rewriter, [&](ImplicitLocOpBuilder &b, Value x) -> Value {
      Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), x);
      return tensor::ExtractOp::create(b, values, at);
    });
    return success();
  }

  /// Polynomials over segments of the integers.
  LogicalResult approach(QuantizeOp op, Function &f, PatternRewriter &rewriter) const {
    int64_t maxBytes = bytesForPolynomials(op);
    if (maxBytes == 0)
      return rewriter.notifyMatchFailure(op, "floats are no slower");
    std::vector<double> results = computeAll(op, f, rewriter.getF64Type(), rewriter);
    if (results.empty())
      return rewriter.notifyMatchFailure(op, "not evaluated");
    // From the order of the bits to that of the numbers.
    int64_t lowest = f.source.isUnsigned() ? 0 : -static_cast<int64_t>(results.size() / 2);
    if (lowest < 0)
      std::rotate(results.begin(), results.begin() - lowest, results.end());
    double step = static_cast<float>(op.getScales()[0]), zero = op.getZeroPoints()[0];
    for (double &v : results) {
      v = v / step + zero;
      if (std::isnan(v))
        return rewriter.notifyMatchFailure(op, "some results are not numbers");
    }
    int64_t lo = op.getLo(), hi = op.getHi(), sourceZero = f.source.getZeroPoints()[0];
    std::vector<double> key = results;
    for (int64_t v : {lowest, sourceZero, lo, hi})
      key.push_back(static_cast<double>(v));
    auto [known, isNew] = found.try_emplace(std::move(key));
    if (isNew)
      known->second = dlc::quantize::findPiecewise(results, lowest, sourceZero, lo, hi, maxBytes);
    const std::optional<dlc::quantize::Piecewise> &p = known->second;
    if (!p)
      return rewriter.notifyMatchFailure(op, "no polynomials are near enough");
    std::vector<int32_t> rows = p->rows();
    int64_t columns = static_cast<int64_t>(rows.size()) / p->segments();
    auto type = RankedTensorType::get({p->segments(), columns}, rewriter.getI32Type());
    Value table = arith::ConstantOp::create(
        rewriter, op.getLoc(), DenseElementsAttr::get(type, ArrayRef<int32_t>(rows)));
    replace(op, f, rewriter, [&](ImplicitLocOpBuilder &b, Value x) -> Value {
      return dlc::quantize::Emit(b).apply(*p, table, x, getElementTypeOrSelf(op.getType()));
    });
    return success();
  }

  Found &found; ///< what was searched: networks repeat their activations
};

struct TabulateQuantized : dlc::impl::TabulateQuantizedBase<TabulateQuantized> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    Tabulate::Found found;
    patterns.add<Tabulate>(&getContext(), found);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
