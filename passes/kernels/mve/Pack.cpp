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

static Value bytes(OpBuilder &b, Location loc, ArrayRef<int8_t> data) {
  auto type = RankedTensorType::get({static_cast<int64_t>(data.size())}, b.getI8Type());
  return arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, data));
}

/// Calls `put(byte, group, product, channel of the group)` for every weight.
static void forDotWeights(const mve::DotWeights &w,
                          llvm::function_ref<void(int64_t, int64_t, int64_t, int64_t)> put) {
  for (int64_t g = 0; g < w.group; ++g)
    for (int64_t o = 0; o < w.outputs; ++o)
      for (int64_t k = 0; k < w.depth; ++k) {
        int64_t panel = o / w.panel, half = o % w.panel % w.halves;
        int64_t j = o % w.panel / w.halves;
        int64_t at = (g * w.panels() + panel) * w.panelBytes() + half * w.halfBytes() +
                     (k / mve::kLanes * w.perHalf() + j) * mve::kLanes + k % mve::kLanes;
        put(at, g, k, o);
      }
}

static std::vector<int8_t> packDepthwise(nn::ConvOp op, ArrayRef<int8_t> from) {
  mve::DepthwiseOrder order = mve::depthwiseOrder(op);
  int64_t lanes = order.vectors() * mve::kLanes;
  std::vector<int8_t> to(lanes * order.taps);
  SmallVector<int64_t> sources(lanes); // channels of operands
  for (int64_t v = 0; v < order.vectors(); ++v)
    for (int64_t lane = 0; lane < mve::kLanes; ++lane) {
      int64_t c = order.channel(v, lane);
      for (int64_t tap = 0; tap < order.taps; ++tap)
        to[order.weightAt(v, tap, lane)] = from[tap * order.channels + c];
      sources[v * mve::kLanes + order.operandLane(lane)] = c;
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
  SmallVector<int8_t> from(value.getValues<int8_t>());
  std::vector<int8_t> to;
  if (op.getKernelAttr().getKind() == "mve_depthwise") {
    to = packDepthwise(op, from);
  } else {
    DotWeights w = dotWeights(op);
    to.resize(w.bytes());
    forDotWeights(w, [&](int64_t at, int64_t g, int64_t k, int64_t o) {
      to[at] = from[k * w.group * w.outputs + g * w.outputs + o];
    });
  }
  OpBuilder b(op);
  op.setFilterShape(type.getShape());
  op.getFilterMutable().assign(bytes(b, op.getLoc(), to));
}

void mve::pack(nn::MatmulOp op) {
  DenseElementsAttr value = constantOf(op.getB());
  if (!value || cast<ShapedType>(op.getB().getType()).getRank() != 2)
    return;
  SmallVector<int8_t> from(value.getValues<int8_t>());
  DotWeights w = dotWeights(op);
  std::vector<int8_t> to(w.bytes());
  forDotWeights(w, [&](int64_t at, int64_t, int64_t k, int64_t o) {
    to[at] = from[k * w.outputs + o];
  });
  OpBuilder b(op);
  op.getBMutable().assign(bytes(b, op.getLoc(), to));
}

Value mve::weightAt(ImplicitLocOpBuilder &b, Operation *op, Value k, Value o) {
  auto divided = [&](Value v, int64_t by) -> Value { return arith::DivUIOp::create(b, v, index(b, by)); };
  auto rest = [&](Value v, int64_t by) -> Value { return arith::RemUIOp::create(b, v, index(b, by)); };
  auto conv = dyn_cast<nn::ConvOp>(op);
  if (conv && conv.getKernelAttr().getKind() == "mve_depthwise") {
    Value block = plus(b, times(b, divided(o, kLanes), depthwiseOrder(conv).taps), k);
    return plus(b, times(b, block, kLanes), rest(o, kLanes));
  }
  DotWeights w = conv ? dotWeights(conv) : dotWeights(cast<nn::MatmulOp>(op));
  Value group = divided(o, w.outputs), channel = rest(o, w.outputs);
  Value panel = plus(b, times(b, group, w.panels()), divided(channel, w.panel));
  Value inPanel = rest(channel, w.panel);
  Value at = times(b, panel, w.panelBytes());
  at = plus(b, at, times(b, rest(inPanel, w.halves), w.halfBytes()));
  Value line = plus(b, times(b, divided(k, kLanes), w.perHalf()), divided(inPanel, w.halves));
  return plus(b, plus(b, at, times(b, line, kLanes)), rest(k, kLanes));
}

Value mve::operandAt(ImplicitLocOpBuilder &b, Value channel) {
  Value block = arith::DivUIOp::create(b, channel, index(b, kLanes));
  Value lane = arith::RemUIOp::create(b, channel, index(b, kLanes));
  Value row = arith::RemUIOp::create(b, lane, index(b, 4));
  Value column = arith::DivUIOp::create(b, lane, index(b, 4));
  return plus(b, times(b, block, kLanes), plus(b, times(b, row, 4), column));
}
