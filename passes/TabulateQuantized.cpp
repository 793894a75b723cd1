// This file replaces functions of one quantized integer by tables: of all results, or of
// the coefficients of polynomials.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"
#include "passes/quantize/Emit.h"

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
/// constants and bounds; perhaps also choices between them.
bool isSimple(linalg::GenericOp op, bool withChoices = false) {
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
    if (withChoices && isa<arith::CmpFOp, arith::SelectOp>(inner))
      return true;
    return isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MinimumFOp,
               arith::MaxNumFOp, arith::MinNumFOp, arith::ConstantOp, arith::NegFOp>(inner);
  });
}

/// The quantization whose result `dq` reads at once: both together round a float.
QuantizeOp roundingOf(DequantizeOp dq) {
  auto q = dq.getInput().getDefiningOp<QuantizeOp>();
  return q && q.isPerTensor() && dq.isPerTensor() ? q : QuantizeOp();
}

/// What is computed between one nn.dequantize and a value, through pairs of quantize and
/// dequantize where the value depends on one tensor all the same.
struct Function {
  DequantizeOp source;
  bool simple = true;
  /// Rounded on the way, or made of lines only: the definition is exact, and known to be.
  bool rounds = false, lines = true;

  bool collect(Value v, unsigned depth = 0) {
    if (depth > 64)
      return false;
    if (!seen.insert(v).second)
      return true;
    if (auto dq = v.getDefiningOp<DequantizeOp>()) {
      if (!source || source.getInput() != dq.getInput()) {
        // Rounded on the way from the same source, unless it is a source of its own.
        QuantizeOp q = roundingOf(dq);
        Function inner = *this;
        if (q && inner.collect(q.getInput(), depth + 1)) {
          *this = std::move(inner);
          rounds = true;
          return true;
        }
        if (source)
          return false;
      }
      source = dq;
      return dq.isPerTensor();
    }
    auto op = v.getDefiningOp<linalg::GenericOp>();
    if (!isElementwise(op))
      return false;
    for (Value input : op.getDpsInputs())
      if (!matchPattern(input, m_Constant()) && !collect(input, depth + 1))
        return false;
    simple &= isSimple(op);
    lines &= isSimple(op, /*withChoices=*/true);
    return true;
  }

private:
  llvm::SmallDenseSet<Value> seen;
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

/// round(v / scale) + zero within the bounds of the storage, as dlc-lower-quantize computes it
/// (in f32, or in f64 for the real function); NaN is the lowest value.
template <typename Float> int64_t quantized(Float v, QuantizeOp op) {
  Float lo = static_cast<int64_t>(op.getLo()), hi = static_cast<int64_t>(op.getHi());
  Float step = static_cast<float>(op.getScales()[0]), zero = op.getZeroPoints()[0];
  Float q = std::nearbyint(v / step) + zero;
  q = q > lo ? q : lo;
  q = q < hi ? q : hi;
  return static_cast<int64_t>(q);
}

/// Computes a Function for all values that its source can have, in the order of the stored
/// bits read as an unsigned index, with floats of `element` in the place of f32. In f64 the
/// results are those of the real function.
class Evaluation {
public:
  Evaluation(PatternRewriter &rewriter, DequantizeOp source, FloatType element)
      : rewriter(rewriter), source(source), element(element) {}

  /// No values when something is not evaluated.
  std::vector<double> results(Value v) {
    std::vector<double> numbers;
    if (DenseElementsAttr values = valuesOf(v); values && values.getElementType() == element)
      for (const APFloat &x : values.getValues<APFloat>())
        numbers.push_back(x.convertToDouble());
    return numbers;
  }

private:
  PatternRewriter &rewriter;
  DequantizeOp source;
  FloatType element;
  llvm::DenseMap<Value, DenseElementsAttr> known;

  int64_t size() {
    return int64_t(1) << getElementTypeOrSelf(source.getInput().getType()).getIntOrFloatBitWidth();
  }

  APFloat number(const APFloat &v) {
    APFloat wide = v;
    bool lost;
    wide.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return wide;
  }

  Type typeFor(Type t) { return getElementTypeOrSelf(t).isF32() ? element : getElementTypeOrSelf(t); }

  DenseElementsAttr tensorOf(ArrayRef<APFloat> values) {
    return DenseElementsAttr::get(RankedTensorType::get({size()}, element), values);
  }

  APFloat dequantized(int64_t stored, DequantizeOp dq) {
    int64_t steps = stored - dq.getZeroPoints()[0];
    float scale = dq.getScales()[0];
    return element.isF32() ? APFloat(static_cast<float>(steps) * scale)
                           : APFloat(static_cast<double>(steps) * scale);
  }

  DenseElementsAttr valuesOf(Value v) {
    auto [at, isNew] = known.try_emplace(v);
    if (!isNew)
      return at->second;
    auto dq = v.getDefiningOp<DequantizeOp>();
    DenseElementsAttr values = dq ? rounded(dq) : computed(v.getDefiningOp<linalg::GenericOp>());
    return known[v] = values;
  }

  DenseElementsAttr rounded(DequantizeOp dq) {
    SmallVector<APFloat> values;
    if (dq.getInput() == source.getInput()) {
      for (int64_t i = 0, n = size(); i < n; ++i)
        values.push_back(dequantized(dq.isUnsigned() || i < n / 2 ? i : i - n, dq));
      return tensorOf(values);
    }
    QuantizeOp q = roundingOf(dq);
    DenseElementsAttr inner = q ? valuesOf(q.getInput()) : DenseElementsAttr();
    if (!inner || inner.getElementType() != element)
      return {};
    for (const APFloat &x : inner.getValues<APFloat>())
      values.push_back(dequantized(element.isF32() ? quantized(x.convertToFloat(), q)
                                                   : quantized(x.convertToDouble(), q), dq));
    return tensorOf(values);
  }

  /// The same operation on all values.
  DenseElementsAttr computed(linalg::GenericOp op) {
    Location loc = op.getLoc();
    SmallVector<Operation *> temporary;
    auto add = [&](Operation *made) {
      temporary.push_back(made);
      return made->getResult(0);
    };
    SmallVector<DenseElementsAttr> inputs;
    for (Value input : op.getDpsInputs()) {
      DenseElementsAttr constant;
      if (matchPattern(input, m_Constant(&constant))) {
        auto value = constant.getSplatValue<Attribute>();
        if (auto v = dyn_cast<FloatAttr>(value); v && v.getType().isF32())
          value = FloatAttr::get(element, number(v.getValue()));
        inputs.push_back(DenseElementsAttr::get(
            RankedTensorType::get({size()}, cast<TypedAttr>(value).getType()), value));
      } else if (DenseElementsAttr values = valuesOf(input)) {
        inputs.push_back(values);
      } else {
        return {};
      }
    }
    SmallVector<Value> operands;
    for (DenseElementsAttr input : inputs)
      operands.push_back(add(arith::ConstantOp::create(rewriter, loc, input)));
    auto type = RankedTensorType::get({size()}, typeFor(op.getResult(0).getType()));
    Value empty =
        add(tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType()));
    auto clone = linalg::GenericOp::create(
        rewriter, loc, type, operands, empty,
        SmallVector<AffineMap>(operands.size() + 1, rewriter.getMultiDimIdentityMap(1)),
        ArrayRef<utils::IteratorType>{utils::IteratorType::parallel});
    rewriter.cloneRegionBefore(op.getRegion(), clone.getRegion(), clone.getRegion().end());
    add(clone);
    std::optional<DenseElementsAttr> values;
    if (element.isF32() || convertBody(*clone.getBody(), loc, temporary)) {
      dlc::EvaluateLimits limits;
      values = dlc::constantTensor(clone->getResult(0), limits);
    }
    // Constants that the body uses were made after it.
    clone->erase();
    llvm::erase(temporary, clone.getOperation());
    for (Operation *made : llvm::reverse(temporary))
      rewriter.eraseOp(made);
    return values ? *values : DenseElementsAttr();
  }

  /// Floats of f32 in a body become those of `element`; false when some have no counterpart.
  bool convertBody(Block &body, Location loc, SmallVectorImpl<Operation *> &temporary) {
    Type f32 = rewriter.getF32Type();
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
        if (!matchPattern(operand.get(), m_Constant(&outside)))
          return false;
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPoint(body.getParentOp());
        auto made = arith::ConstantOp::create(
            rewriter, loc, FloatAttr::get(element, number(outside.getValue())));
        temporary.push_back(made);
        operand.set(made);
      }
      // Bits of floats, and other widths, have no counterpart.
      bool plain = llvm::all_of(o.getOperandTypes(), [&](Type t) { return !isa<FloatType>(t) || t == element; }) &&
                   llvm::all_of(o.getResultTypes(), [&](Type t) { return !isa<FloatType>(t) || t == f32; });
      if (!plain || isa<arith::BitcastOp, arith::ExtFOp, arith::TruncFOp>(o))
        return false;
      for (Value result : o.getResults())
        result.setType(typeFor(result.getType()));
    }
    return true;
  }
};

struct Tabulate {
  /// Replaces `op` where it rounds a function of one quantized tensor.
  LogicalResult rewrite(QuantizeOp op, PatternRewriter &rewriter) {
    Function f;
    rewriter.setInsertionPoint(op);
    if (!op.isPerTensor() || !f.collect(op.getInput()) || !f.source || f.simple)
      return rewriter.notifyMatchFailure(op, "not a function of one quantized tensor");
    auto from = cast<RankedTensorType>(f.source.getInput().getType());
    return from.getElementTypeBitWidth() <= 8 ? look(op, f, rewriter) : approach(op, f, rewriter);
  }

private:
  static std::vector<double> evaluate(QuantizeOp op, Function &f, FloatType element,
                                      PatternRewriter &rewriter) {
    return Evaluation(rewriter, f.source, element).results(op.getInput());
  }

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
    std::vector<double> results = evaluate(op, f, rewriter.getF32Type(), rewriter);
    if (results.empty())
      return rewriter.notifyMatchFailure(op, "not evaluated");
    auto to = cast<RankedTensorType>(op.getType());
    unsigned bits = to.getElementTypeBitWidth();
    SmallVector<APInt> table;
    for (double v : results)
      table.push_back(APInt(bits, static_cast<uint64_t>(quantized(static_cast<float>(v), op)),
                            /*isSigned=*/false, /*implicitTrunc=*/true));
    auto type = RankedTensorType::get({static_cast<int64_t>(table.size())}, to.getElementType());
    Value values = arith::ConstantOp::create(rewriter, op.getLoc(), DenseElementsAttr::get(type, table));
    replace(op, f, rewriter, [&](ImplicitLocOpBuilder &b, Value x) -> Value {
      Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), x);
      return tensor::ExtractOp::create(b, values, at);
    });
    return success();
  }

  /// Polynomials over segments of the integers.
  LogicalResult approach(QuantizeOp op, Function &f, PatternRewriter &rewriter) {
    int64_t maxBytes = bytesForPolynomials(op);
    if (maxBytes == 0)
      return rewriter.notifyMatchFailure(op, "floats are no slower");
    std::vector<double> results = evaluate(op, f, rewriter.getF64Type(), rewriter);
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
    // What other arithmetic computes exactly must not become nearly so.
    if (!p || (p->different && (f.rounds || f.lines)))
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

  /// What was searched: networks repeat their activations.
  std::map<std::vector<double>, std::optional<dlc::quantize::Piecewise>> found;
};

struct TabulateQuantized : dlc::impl::TabulateQuantizedBase<TabulateQuantized> {
  void runOnOperation() override {
    SmallVector<QuantizeOp> ops;
    getOperation()->walk([&](QuantizeOp op) { ops.push_back(op); });
    PatternRewriter rewriter(&getContext());
    Tabulate tables;
    // The last first: what is rounded on the way needs no table of its own then.
    for (QuantizeOp op : llvm::reverse(ops))
      if (op->use_empty())
        rewriter.eraseOp(op);
      else
        (void)tables.rewrite(op, rewriter);
  }
};
} // namespace
