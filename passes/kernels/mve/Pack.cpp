// This file stores weights in the order in which the Helium kernels read them.
#include "passes/kernels/mve/Geometry.h"
#include "passes/kernels/mve/Mve.h"

#include "passes/kernels/mve/Memory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;

static DenseElementsAttr constantOf(Value v) {
  DenseElementsAttr value;
  return matchPattern(v, m_Constant(&value)) ? value : DenseElementsAttr();
}

/// Weights of 8 or 16 bits.
static SmallVector<int16_t> weightsOf(DenseElementsAttr value) {
  if (value.getElementType().isInteger(16))
    return SmallVector<int16_t>(value.getValues<int16_t>());
  auto bytes = value.getValues<int8_t>();
  return SmallVector<int16_t>(bytes.begin(), bytes.end());
}

static Value constant(OpBuilder &b, Location loc, ArrayRef<int16_t> data, Type element) {
  auto type = RankedTensorType::get({static_cast<int64_t>(data.size())}, element);
  if (element.isInteger(16))
    return arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, data));
  std::vector<int8_t> bytes(data.begin(), data.end());
  return arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
}

/// Makes two operands of words of each constant with one 64-bit number a channel.
template <typename Op> static void splitLongOperands(Op op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Block &block = op.getEpilogue().front();
  for (unsigned i = 0, count = op.getEpilogueInputs().size(); i < count; ++i) {
    DenseElementsAttr value = constantOf(op.getEpilogueInputs()[i]);
    if (!value || !value.getElementType().isInteger(64) || value.getType().getRank() != 1)
      continue;
    SmallVector<int32_t> low, high;
    for (int64_t v : value.getValues<int64_t>()) {
      low.push_back(static_cast<int32_t>(v));
      high.push_back(static_cast<int32_t>(v >> 32));
    }
    auto type = RankedTensorType::get(value.getType().getShape(), b.getI32Type());
    b.setInsertionPoint(op);
    Value lows = arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, ArrayRef(low)));
    Value highs = arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, ArrayRef(high)));
    BlockArgument lower = block.getArgument(i + 1);
    BlockArgument upper = block.addArgument(b.getI32Type(), loc);
    b.setInsertionPointToStart(&block);
    Type i64 = b.getI64Type();
    Value word = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
    Value shifted = arith::ShLIOp::create(b, loc, arith::ExtSIOp::create(b, loc, i64, upper), word);
    auto extended = arith::ExtUIOp::create(b, loc, i64, upper); // of `lower`, once that is a word
    Value both = arith::OrIOp::create(b, loc, shifted, extended);
    lower.replaceAllUsesWith(both);
    lower.setType(b.getI32Type());
    extended.getInMutable().assign(lower);
    op.getEpilogueInputsMutable()[i].assign(lows);
    op.getEpilogueInputsMutable().append(highs);
  }
}

/// Calls `put(byte, group, product, channel of the group)` for every weight.
static void forDotWeights(const mve::DotWeights &w,
                          llvm::function_ref<void(int64_t, int64_t, int64_t, int64_t)> put) {
  for (int64_t g = 0; g < w.group; ++g)
    for (int64_t o = 0; o < w.outputs; ++o)
      for (int64_t k = 0; k < w.depth; ++k) {
        int64_t panel = o / w.panel, half = o % w.panel % w.halves;
        int64_t j = o % w.panel / w.halves;
        int64_t at = (g * w.panels() + panel) * w.panelSize() + half * w.halfSize() +
                     (k / w.lanes * w.perHalf() + j) * w.lanes + k % w.lanes;
        put(at, g, k, o);
      }
}

static std::vector<int16_t> packDepthwise(nn::ConvOp op, ArrayRef<int16_t> from) {
  mve::DepthwiseOrder order = mve::depthwiseOrder(op);
  int64_t lanes = order.vectors() * order.lanes;
  std::vector<int16_t> to(lanes * order.taps);
  SmallVector<int64_t> sources(lanes); // channels of operands
  for (int64_t v = 0; v < order.vectors(); ++v)
    for (int64_t lane = 0; lane < order.lanes; ++lane) {
      int64_t c = order.channel(v, lane);
      for (int64_t tap = 0; tap < order.taps; ++tap)
        to[order.weightAt(v, tap, lane)] = from[tap * order.channels + c];
      sources[v * order.lanes + order.operandLane(lane)] = c;
    }
  OpBuilder b(op);
  for (OpOperand &operand : op.getEpilogueInputsMutable()) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (type.getRank() != 1)
      continue;
    SmallVector<Attribute> old(constantOf(operand.get()).getValues<Attribute>()), values;
    for (int64_t c : sources)
      values.push_back(old[c]);
    auto ordered = RankedTensorType::get({lanes}, type.getElementType());
    operand.set(arith::ConstantOp::create(b, op.getLoc(), ordered,
                                          DenseElementsAttr::get(ordered, values)));
  }
  return to;
}

void mve::pack(nn::ConvOp op) {
  DenseElementsAttr value = constantOf(op.getFilter());
  auto type = cast<RankedTensorType>(op.getFilter().getType());
  if (!value || op.getFilterShape())
    return;
  splitLongOperands(op);
  SmallVector<int16_t> from = weightsOf(value);
  std::vector<int16_t> to;
  if (op.getKernelAttr().getKind() == "mve_depthwise") {
    to = packDepthwise(op, from);
  } else {
    DotWeights w = dotWeights(op);
    to.resize(w.size());
    forDotWeights(w, [&](int64_t at, int64_t g, int64_t k, int64_t o) {
      to[at] = from[k * w.group * w.outputs + g * w.outputs + o];
    });
  }
  OpBuilder b(op);
  op.setFilterShape(type.getShape());
  op.getFilterMutable().assign(constant(b, op.getLoc(), to, type.getElementType()));
}

void mve::pack(nn::MatmulOp op) {
  DenseElementsAttr value = constantOf(op.getB());
  if (!value || cast<ShapedType>(op.getB().getType()).getRank() != 2)
    return;
  splitLongOperands(op);
  SmallVector<int16_t> from = weightsOf(value);
  DotWeights w = dotWeights(op);
  std::vector<int16_t> to(w.size());
  forDotWeights(w, [&](int64_t at, int64_t, int64_t k, int64_t o) {
    to[at] = from[k * w.outputs + o];
  });
  OpBuilder b(op);
  op.getBMutable().assign(constant(b, op.getLoc(), to, value.getElementType()));
}

Value mve::weightAt(ImplicitLocOpBuilder &b, Operation *op, Value k, Value o) {
  auto divided = [&](Value v, int64_t by) -> Value { return arith::DivUIOp::create(b, v, index(b, by)); };
  auto rest = [&](Value v, int64_t by) -> Value { return arith::RemUIOp::create(b, v, index(b, by)); };
  auto conv = dyn_cast<nn::ConvOp>(op);
  if (conv && conv.getKernelAttr().getKind() == "mve_depthwise") {
    DepthwiseOrder order = depthwiseOrder(conv);
    Value block = plus(b, times(b, divided(o, order.lanes), order.taps), k);
    return plus(b, times(b, block, order.lanes), rest(o, order.lanes));
  }
  DotWeights w = conv ? dotWeights(conv) : dotWeights(cast<nn::MatmulOp>(op));
  Value group = divided(o, w.outputs), channel = rest(o, w.outputs);
  Value panel = plus(b, times(b, group, w.panels()), divided(channel, w.panel));
  Value inPanel = rest(channel, w.panel);
  Value at = times(b, panel, w.panelSize());
  at = plus(b, at, times(b, rest(inPanel, w.halves), w.halfSize()));
  Value line = plus(b, times(b, divided(k, w.lanes), w.perHalf()), divided(inPanel, w.halves));
  return plus(b, plus(b, at, times(b, line, w.lanes)), rest(k, w.lanes));
}

Value mve::operandAt(ImplicitLocOpBuilder &b, nn::ConvOp op, Value channel) {
  DepthwiseOrder order = depthwiseOrder(op);
  Value block = arith::DivUIOp::create(b, channel, index(b, order.lanes));
  Value lane = arith::RemUIOp::create(b, channel, index(b, order.lanes));
  Value row = arith::RemUIOp::create(b, lane, index(b, order.quads()));
  Value column = arith::DivUIOp::create(b, lane, index(b, order.quads()));
  return plus(b, times(b, block, order.lanes), plus(b, times(b, row, 4), column));
}
