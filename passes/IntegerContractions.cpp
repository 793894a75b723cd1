// This file multiplies dequantized matrices and images as integers: exact sums of
// products, scaled to floats in the epilogue.
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace dlc {
#define GEN_PASS_DEF_INTEGERCONTRACTIONS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;

namespace {
/// Constant weights as signed integers without zero point.
struct Weights {
  std::vector<int64_t> values;
  SmallVector<int64_t> shape;
  int64_t channelDim;
  SmallVector<double> scales; ///< one, or one a channel

  int64_t channels() const { return shape[channelDim]; }
  int64_t channelOf(int64_t i) const {
    int64_t inner = 1;
    for (int64_t d : ArrayRef(shape).drop_front(channelDim + 1))
      inner *= d;
    return i / inner % channels();
  }
  /// The narrowest of i8, i16 and i32 that holds all values.
  unsigned width() const {
    int64_t most = 0;
    for (int64_t v : values)
      most = std::max(most, v < 0 ? -v - 1 : v);
    return most < 128 ? 8 : most < 32768 ? 16 : 32;
  }
};

std::optional<Weights> weightsOf(DequantizeOp op, int64_t channelDim) {
  DenseElementsAttr constant;
  if (!matchPattern(op.getInput(), m_Constant(&constant)))
    return std::nullopt;
  if (op.getAxis() && static_cast<int64_t>(*op.getAxis()) != channelDim)
    return std::nullopt;
  Weights w;
  w.shape.assign(constant.getType().getShape().begin(), constant.getType().getShape().end());
  w.channelDim = channelDim;
  w.scales.assign(op.getScales().begin(), op.getScales().end());
  ArrayRef<int64_t> zeros = op.getZeroPoints();
  int64_t i = 0;
  for (const APInt &v : constant.getValues<APInt>()) {
    int64_t zero = zeros[zeros.size() == 1 ? 0 : w.channelOf(i)];
    w.values.push_back((op.isUnsigned() ? v.getZExtValue() : v.getSExtValue()) - zero);
    ++i;
  }
  return w;
}


/// Adds operands and operations in front of an epilogue on floats, which gets
/// an accumulator of integers.
template <typename Contraction>
Contraction rebuild(PatternRewriter &rewriter, Contraction op, Value left, Value right,
                    Type accumulator, ArrayRef<Value> channelOperands,
                    llvm::function_ref<Value(ImplicitLocOpBuilder &, Value, ValueRange)> toFloat) {
  Location loc = op.getLoc();
  SmallVector<Value> operands{left, right};
  llvm::append_range(operands, op.getEpilogueInputs());
  llvm::append_range(operands, channelOperands);
  operands.push_back(op.getInit());
  OperationState state(loc, op->getName(), operands, op->getResultTypes(),
                       op->getDiscardableAttrDictionary().getValue());
  auto &properties = state.getOrAddProperties<typename Contraction::Properties>();
  properties = op.getProperties();
  properties.operandSegmentSizes[2] = operands.size() - 3;
  state.addRegion();
  auto clone = cast<Contraction>(rewriter.create(state));
  auto *block = new Block;
  clone.getEpilogue().push_back(block);
  Block &old = op.getEpilogue().front();
  ImplicitLocOpBuilder b(loc, rewriter);
  IRMapping map;
  Value acc = block->addArgument(accumulator, loc);
  for (BlockArgument arg : old.getArguments().drop_front())
    map.map(arg, block->addArgument(arg.getType(), loc));
  SmallVector<Value> channel;
  for (Value v : channelOperands)
    channel.push_back(block->addArgument(getElementTypeOrSelf(v.getType()), loc));
  b.setInsertionPointToStart(block);
  map.map(old.getArgument(0), toFloat(b, acc, channel));
  for (Operation &inner : old)
    b.clone(inner, map);
  return clone;
}

template <typename T>
Value vectorConstant(OpBuilder &b, Location loc, ArrayRef<T> values, Type element) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, element);
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, values));
}

/// x quantized as a whole, constant weights.
template <typename Contraction>
LogicalResult convert(Contraction op, DequantizeOp x, const Weights &w,
                      PatternRewriter &rewriter) {
  Location loc = op.getLoc();
  int64_t channels = w.channels(), zero = x.getZeroPoints()[0];
  // The zero point leaves the sums: sum (x - z) w = sum x w - z sum w.
  std::vector<int64_t> sums(channels, 0), low(channels, 0), high(channels, 0);
  int64_t xLo = x.getLo(), xHi = x.getHi();
  for (auto [i, v] : llvm::enumerate(w.values)) {
    int64_t c = w.channelOf(i);
    sums[c] += v;
    low[c] += std::min(v * xLo, v * xHi);
    high[c] += std::max(v * xLo, v * xHi);
  }
  bool wide = false;
  SmallVector<int64_t> correction;
  for (int64_t c = 0; c < channels; ++c) {
    correction.push_back(-zero * sums[c]);
    for (int64_t bound : {low[c], high[c], low[c] + correction[c], high[c] + correction[c],
                          correction[c]})
      wide |= bound < INT32_MIN || bound > INT32_MAX;
  }
  Type accumulator = wide ? rewriter.getI64Type() : rewriter.getI32Type();
  unsigned width = w.width();
  auto weightType = RankedTensorType::get(w.shape, rewriter.getIntegerType(width));
  SmallVector<APInt> elements;
  for (int64_t v : w.values)
    elements.push_back(APInt(width, v, /*isSigned=*/true));
  Value weights = arith::ConstantOp::create(
      rewriter, loc, DenseElementsAttr::get(weightType, ArrayRef<APInt>(elements)));

  SmallVector<Value> operands;
  bool shifted = llvm::any_of(correction, [](int64_t v) { return v != 0; });
  if (shifted) {
    SmallVector<APInt> values;
    for (int64_t v : correction)
      values.push_back(APInt(wide ? 64 : 32, v, /*isSigned=*/true));
    operands.push_back(vectorConstant<APInt>(rewriter, loc, values, accumulator));
  }
  bool perChannel = w.scales.size() > 1;
  SmallVector<float> scales(w.scales.begin(), w.scales.end());
  if (perChannel)
    operands.push_back(vectorConstant<float>(rewriter, loc, scales, rewriter.getF32Type()));
  auto result = rebuild(
      rewriter, op, x.getInput(), weights, accumulator, operands,
      [&](ImplicitLocOpBuilder &b, Value acc, ValueRange extra) -> Value {
        if (shifted)
          acc = arith::AddIOp::create(b, acc, extra.front());
        Value y = arith::SIToFPOp::create(b, b.getF32Type(), acc);
        // Two factors, each exact: their product may not be an f32.
        Value ws = perChannel ? extra.back()
                              : Value(arith::ConstantOp::create(b, b.getF32FloatAttr(scales[0])));
        y = arith::MulFOp::create(b, y, ws);
        Value xs = arith::ConstantOp::create(b, b.getF32FloatAttr(x.getScales()[0]));
        return arith::MulFOp::create(b, y, xs);
      });
  rewriter.replaceOp(op, result);
  return success();
}

/// A dequantized tensor as integers without zero point: itself, or i16.
Value centered(PatternRewriter &b, DequantizeOp op) {
  int64_t zero = op.getZeroPoints()[0];
  if (zero == 0 && !op.isUnsigned())
    return op.getInput();
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Type i16 = b.getI16Type();
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, op.getInput()), i16);
  AffineMap map = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type.clone(i16), op.getInput(), init, ArrayRef<AffineMap>{map, map}, loops,
             [&](OpBuilder &inner, Location l, ValueRange v) {
               Value x = op.isUnsigned() ? arith::ExtUIOp::create(inner, l, i16, v[0]).getResult()
                                         : arith::ExtSIOp::create(inner, l, i16, v[0]).getResult();
               Value z = arith::ConstantOp::create(inner, l, inner.getI16IntegerAttr(zero));
               Value y = arith::SubIOp::create(inner, l, x, z);
               linalg::YieldOp::create(inner, l, y);
             })
      .getResult(0);
}

/// Two tensors that are both computed at run time.
LogicalResult convertDynamic(dlc::nn::MatmulOp op, DequantizeOp a, DequantizeOp m,
                             PatternRewriter &rewriter) {
  auto width = [](DequantizeOp dq) {
    return getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth();
  };
  int64_t depth = cast<ShapedType>(op.getA().getType()).getShape().back();
  if (width(a) > 8 || width(m) > 8 || ShapedType::isDynamic(depth) || depth > (1 << 14))
    return rewriter.notifyMatchFailure(op, "sum may not fit 32 bits");
  auto result = rebuild(
      rewriter, op, centered(rewriter, a), centered(rewriter, m), rewriter.getI32Type(), {},
      [&](ImplicitLocOpBuilder &b, Value acc, ValueRange) -> Value {
        Value y = arith::SIToFPOp::create(b, b.getF32Type(), acc);
        for (double scale : {a.getScales()[0], m.getScales()[0]})
          y = arith::MulFOp::create(b, y, arith::ConstantOp::create(b, b.getF32FloatAttr(scale)));
        return y;
      });
  rewriter.replaceOp(op, result);
  return success();
}

template <typename Contraction> struct Convert : OpRewritePattern<Contraction> {
  using OpRewritePattern<Contraction>::OpRewritePattern;
  LogicalResult matchAndRewrite(Contraction op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || op.getPacked() || !op.getAccumulatorType().isF32())
      return failure();
    auto x = op->getOperand(0).template getDefiningOp<DequantizeOp>();
    auto y = op->getOperand(1).template getDefiningOp<DequantizeOp>();
    if (!x || !y || !x.isPerTensor())
      return rewriter.notifyMatchFailure(op, "operands are not quantized");
    int64_t rank = cast<ShapedType>(y.getType()).getRank(), channelDim = rank - 1;
    if constexpr (std::is_same_v<Contraction, dlc::nn::ConvOp>)
      channelDim = op.getChannelsLast() ? rank - 1 : 0;
    else if (rank > 2 && y.getAxis())
      return rewriter.notifyMatchFailure(op, "scales of a batch of matrices");
    if (auto w = weightsOf(y, channelDim); w && w->channels() > 0 && (rank == 2 || !std::is_same_v<Contraction, dlc::nn::MatmulOp>))
      return convert(op, x, *w, rewriter);
    if constexpr (std::is_same_v<Contraction, dlc::nn::MatmulOp>)
      if (y.isPerTensor())
        return convertDynamic(op, x, y, rewriter);
    return failure();
  }
};

struct IntegerContractions : dlc::impl::IntegerContractionsBase<IntegerContractions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Convert<dlc::nn::ConvOp>, Convert<dlc::nn::MatmulOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
