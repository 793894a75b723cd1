// This file moves constant padding into convolutions whose kernel pads by itself.
#include "passes/Passes.h"

#include "passes/kernels/Needs.h"

namespace dlc {
#define GEN_PASS_DEF_FOLDPADS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Padding of the spatial dimensions (begins, then ends); nothing when other
/// dimensions are padded or a size is not constant.
std::optional<SmallVector<int64_t>> spatialPads(tensor::PadOp pad, dlc::nn::ConvOp conv) {
  int64_t rank = conv.getSpatialRank(), first = conv.getChannelsLast() ? 1 : 2;
  SmallVector<int64_t> low(pad.getStaticLow()), high(pad.getStaticHigh()), result;
  for (auto &sizes : {low, high})
    for (auto [d, size] : llvm::enumerate(sizes)) {
      bool isSpatial = static_cast<int64_t>(d) >= first && static_cast<int64_t>(d) < first + rank;
      if (ShapedType::isDynamic(size) || size < 0 || (!isSpatial && size != 0))
        return std::nullopt;
      if (isSpatial)
        result.push_back(size);
    }
  return result;
}

struct FoldPads : dlc::impl::FoldPadsBase<FoldPads> {
  void runOnOperation() override {
    getOperation().walk([](dlc::nn::ConvOp op) {
      auto pad = op.getInput().getDefiningOp<tensor::PadOp>();
      if (!pad || !dlc::kernels::takesPads(op))
        return;
      Value element = pad.getConstantPaddingValue();
      TypedAttr value;
      if (!element || !matchPattern(element, m_Constant(&value)))
        return;
      std::optional<SmallVector<int64_t>> pads = spatialPads(pad, op);
      // One value surrounds the input: pads of another one stay outside.
      if (!pads || (op.isPadded() && op.getPadElement() != value))
        return;
      for (auto [d, size] : llvm::enumerate(*pads))
        size += op.getPads() ? (*op.getPads())[d] : 0;
      op.setPads(*pads);
      op.setPadValueAttr(value);
      op.getInputMutable().assign(pad.getSource());
      if (pad->use_empty())
        pad.erase();
    });
  }
};
} // namespace
