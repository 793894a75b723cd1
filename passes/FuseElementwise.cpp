// This file fuses elementwise operations where nothing is computed twice.
#include "passes/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

namespace dlc {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Whether the consumer reads every element once: no window, no broadcast.
bool readsOnce(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  Operation *producer = operand->get().getDefiningOp();
  if (!consumer || !producer || !producer->hasOneUse())
    return false;
  return consumer.getMatchingIndexingMap(operand).isPermutation();
}

bool isNarrow(Value v) {
  Type type = getElementTypeOrSelf(v.getType());
  return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() <= 16;
}

/// Whether the floats of `op` end as small integers in a few steps: then its operands had
/// better be integers, too, even those that are read many times.
bool isQuantized(linalg::GenericOp op) {
  for (int steps = 0; steps < 16; ++steps) {
    if (!op || op->getNumResults() != 1 || op.getNumReductionLoops() != 0)
      return false;
    Value result = op->getResult(0);
    if (isNarrow(result))
      return true;
    if (!result.hasOneUse())
      return false;
    op = dyn_cast<linalg::GenericOp>(*result.user_begin());
  }
  return false;
}

/// Whether the producer makes wide elements of narrow integers, one by one: a
/// dequantization, cheaper to repeat for each reader than to store.
bool widens(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!consumer || !producer || producer.getNumReductionLoops() != 0 ||
      producer.getNumDpsInputs() == 0 || consumer.getNumReductionLoops() != 0)
    return false;
  Type from = getElementTypeOrSelf(producer.getDpsInputs()[0].getType());
  Type to = getElementTypeOrSelf(operand->get().getType());
  if (!isa<IntegerType>(from) || !isa<FloatType>(to) ||
      from.getIntOrFloatBitWidth() >= to.getIntOrFloatBitWidth())
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  return map.isPermutation() ||
         (map.isProjectedPermutation(/*allowZeroInResults=*/true) && isQuantized(consumer));
}

struct FuseElementwise : dlc::impl::FuseElementwiseBase<FuseElementwise> {
  using FuseElementwiseBase::FuseElementwiseBase;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, onlyWidening ? widens : readsOnce);
    // Splat and scalar constants become scalars of the body.
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
