// This file turns pointwise convolutions into matrix products.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_CONVTOMATMUL
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// [N, spatial..., C] to [N * spatial, C].
Value flatten(OpBuilder &b, Location loc, Value v) {
  int64_t rank = cast<RankedTensorType>(v.getType()).getRank();
  SmallVector<ReassociationIndices> groups{
      llvm::to_vector<2>(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
  return tensor::CollapseShapeOp::create(b, loc, v, groups);
}

bool isPointwise(dlc::nn::ConvOp op) {
  if (!op.getChannelsLast() || op.getGroup() != 1 || op.getPacked() || op.isPadded() || !op.getResult())
    return false;
  for (unsigned d = 0; d < op.getSpatialRank(); ++d)
    if (op.getKernelSize(d) != 1 || op.getStrides()[d] != 1)
      return false;
  return cast<RankedTensorType>(op.getInput().getType()).hasStaticShape() &&
         cast<RankedTensorType>(op.getInit().getType()).hasStaticShape();
}

void convert(dlc::nn::ConvOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto out = cast<RankedTensorType>(op.getInit().getType());
  int64_t rank = out.getRank();
  // Kernel dimensions of size 1 and the input channels are the rows.
  Value weights = flatten(b, loc, op.getFilter());
  SmallVector<Value> epilogue;
  for (Value v : op.getEpilogueInputs())
    epilogue.push_back(
        cast<RankedTensorType>(v.getType()).getRank() == rank ? flatten(b, loc, v) : v);
  auto flatType = RankedTensorType::get(
      {out.getNumElements() / out.getShape().back(), out.getShape().back()},
      out.getElementType());
  Value init = tensor::EmptyOp::create(b, loc, flatType.getShape(), out.getElementType());
  auto matmul = dlc::nn::MatmulOp::create(b, loc, flatType, flatten(b, loc, op.getInput()),
                                          weights, epilogue, init);
  matmul.getEpilogue().takeBody(op.getEpilogue());
  SmallVector<ReassociationIndices> groups{
      llvm::to_vector<2>(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
  Value result =
      tensor::ExpandShapeOp::create(b, loc, out, matmul.getResult(), groups);
  op.replaceAllUsesWith(ValueRange{result});
  op.erase();
}

struct ConvToMatmul : dlc::impl::ConvToMatmulBase<ConvToMatmul> {
  void runOnOperation() override {
    SmallVector<dlc::nn::ConvOp> convs;
    getOperation().walk([&](dlc::nn::ConvOp op) {
      if (isPointwise(op) &&
          cast<RankedTensorType>(op.getInit().getType()).getNumElements() != 0)
        convs.push_back(op);
    });
    for (dlc::nn::ConvOp op : convs)
      convert(op);
  }
};
} // namespace
