// This file gives convolutions channels-last layout, between transposes.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_CHANNELSLAST
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Transpose to a fresh tensor.
Value transpose(OpBuilder &b, Location loc, Value v, ArrayRef<int64_t> permutation) {
  auto sizes = tensor::getMixedSizes(b, loc, v);
  SmallVector<OpFoldResult> permuted;
  for (int64_t p : permutation)
    permuted.push_back(sizes[p]);
  Value init = tensor::EmptyOp::create(b, loc, permuted,
                                       cast<RankedTensorType>(v.getType()).getElementType());
  return linalg::TransposeOp::create(b, loc, v, init, permutation)->getResult(0);
}

void convert(dlc::nn::ConvOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  int64_t rank = op.getSpatialRank();
  // N C spatial... -> N spatial... C and back; O C kernel... -> kernel... C O.
  SmallVector<int64_t> toLast{0}, toFirst{0, rank + 1}, filter;
  for (int64_t d = 0; d < rank; ++d) {
    toLast.push_back(d + 2);
    toFirst.push_back(d + 1);
    filter.push_back(d + 2);
  }
  toLast.push_back(1);
  filter.append({1, 0});
  SmallVector<Value> operands{transpose(b, loc, op.getInput(), toLast),
                              transpose(b, loc, op.getFilter(), filter)};
  int64_t outRank = rank + 2;
  for (Value v : op.getEpilogueInputs())
    operands.push_back(cast<RankedTensorType>(v.getType()).getRank() == outRank
                           ? transpose(b, loc, v, toLast)
                           : v);
  auto sizes = tensor::getMixedSizes(b, loc, op.getInit());
  SmallVector<OpFoldResult> permuted;
  for (int64_t p : toLast)
    permuted.push_back(sizes[p]);
  Value init = tensor::EmptyOp::create(
      b, loc, permuted, cast<RankedTensorType>(op.getInit().getType()).getElementType());
  operands.push_back(init);
  OperationState state(loc, op->getName(), operands, init.getType(),
                       op->getDiscardableAttrDictionary().getValue());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  state.addRegion()->takeBody(op.getEpilogue());
  auto converted = cast<dlc::nn::ConvOp>(b.create(state));
  converted.setChannelsLast(true);
  op.replaceAllUsesWith(ValueRange{transpose(b, loc, converted.getResult(), toFirst)});
  op.erase();
}

struct ChannelsLast : dlc::impl::ChannelsLastBase<ChannelsLast> {
  void runOnOperation() override {
    SmallVector<dlc::nn::ConvOp> convs;
    getOperation().walk([&](dlc::nn::ConvOp op) {
      if (!op.getChannelsLast() && op.getResult())
        convs.push_back(op);
    });
    for (dlc::nn::ConvOp op : convs)
      convert(op);
  }
};
} // namespace
