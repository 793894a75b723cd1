// This file lets elementwise operations write over one of their operands.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_REUSEOPERANDS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Whether the buffer of `v` may be written: it is computed here, not a
/// constant or an argument.
bool isTemporary(Value v) {
  Operation *def = v.getDefiningOp();
  while (def && isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(def)) {
    v = def->getOperand(0);
    def = v.getDefiningOp();
  }
  if (!def || isa<arith::ConstantOp, bufferization::ToTensorOp>(def))
    return false;
  return isa<linalg::LinalgOp, dlc::nn::ConvOp, dlc::nn::MatmulOp>(def);
}

/// outs(empty) -> outs(operand) where an operand of the same type is read at
/// the very element that is written. Bufferization decides whether the operand
/// is dead by then; if not it allocates, and nothing is lost.
void reuse(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0)
    return;
  OpOperand *init = op.getDpsInitOperand(0);
  if (!init->get().getDefiningOp<tensor::EmptyOp>() ||
      op.payloadUsesValueFromOperand(init))
    return;
  AffineMap outMap = op.getMatchingIndexingMap(init);
  if (!outMap.isIdentity())
    return;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (input->get().getType() != init->get().getType() ||
        op.getMatchingIndexingMap(input) != outMap ||
        !input->get().hasOneUse() || !isTemporary(input->get()))
      continue;
    unsigned number = input->getOperandNumber();
    Block *body = op.getBody();
    body->getArgument(number).replaceAllUsesWith(
        body->getArgument(init->getOperandNumber()));
    init->set(input->get());
    SmallVector<Attribute> maps(op.getIndexingMaps().getAsRange<Attribute>());
    maps.erase(maps.begin() + number);
    op.setIndexingMapsAttr(ArrayAttr::get(op.getContext(), maps));
    op.getInputsMutable().erase(number);
    body->eraseArgument(number);
    return;
  }
}

struct ReuseOperands : dlc::impl::ReuseOperandsBase<ReuseOperands> {
  void runOnOperation() override {
    getOperation().walk([](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics())
        reuse(op);
    });
  }
};
} // namespace
