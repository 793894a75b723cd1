// This file turns reshapes with sizes known at run time into flattening and expanding.
#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERRESHAPES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
SmallVector<ReassociationIndices> oneGroup(int64_t rank) {
  if (rank == 0)
    return {};
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))};
}

/// All dimensions as one; a scalar as one element.
Value flatten(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 1)
    return tensor;
  int64_t elements = type.hasStaticShape() ? type.getNumElements() : ShapedType::kDynamic;
  auto flat = RankedTensorType::get({elements}, type.getElementType());
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(b, flat, tensor, oneGroup(0));
  return tensor::CollapseShapeOp::create(b, flat, tensor, oneGroup(type.getRank()));
}

void lower(tensor::ReshapeOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  auto shape = op.getShape().getDefiningOp<tensor::FromElementsOp>();
  auto source = dyn_cast<RankedTensorType>(op.getSource().getType());
  bool hasSizes = type && (type.getRank() == 0 || shape);
  if (!hasSizes || !source)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<OpFoldResult> sizes;
  for (auto [d, size] : llvm::enumerate(type.getShape()))
    sizes.push_back(ShapedType::isDynamic(size) ? OpFoldResult(shape.getElements()[d])
                                                : OpFoldResult(b.getIndexAttr(size)));
  // No elements, whatever the dynamic sizes are: nothing to carry over. (Upstream's
  // collapsing of a static 0 with dynamic sizes has a type of its own kind.)
  if (llvm::is_contained(type.getShape(), 0) || llvm::is_contained(source.getShape(), 0)) {
    op.replaceAllUsesWith(
        tensor::EmptyOp::create(b, sizes, type.getElementType()).getResult());
    op.erase();
    return;
  }
  Value line = flatten(b, op.getSource());
  int64_t elements = type.hasStaticShape() ? type.getNumElements() : ShapedType::kDynamic;
  auto flat = RankedTensorType::get({elements}, type.getElementType());
  if (line.getType() != flat)
    line = tensor::CastOp::create(b, flat, line);
  if (type.getRank() == 0) {
    line = tensor::CollapseShapeOp::create(b, type, line, oneGroup(0));
  } else if (type.getRank() > 1) {
    line = tensor::ExpandShapeOp::create(b, type, line, oneGroup(type.getRank()), sizes);
  }
  op.replaceAllUsesWith(line);
  op.erase();
}

struct LowerReshapes : dlc::impl::LowerReshapesBase<LowerReshapes> {
  void runOnOperation() override {
    SmallVector<tensor::ReshapeOp> reshapes;
    getOperation().walk([&](tensor::ReshapeOp op) { reshapes.push_back(op); });
    for (tensor::ReshapeOp op : reshapes)
      lower(op);
  }
};
} // namespace
