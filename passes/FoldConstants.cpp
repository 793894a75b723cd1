// This file replaces what is computed from constants alone by constants.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

namespace dlc {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
struct FoldConstants : dlc::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    dlc::FoldOptions options;
    options.extraBytes = extraBytes;
    options.limits.maxOps = 100'000;
    options.limits.maxSteps = maxSteps;
    // One that does not end must not keep the others from being evaluated.
    int64_t pool;
    if (__builtin_mul_overflow(4, maxSteps.getValue(), &pool))
      pool = maxSteps;
    options.limits.pool = &pool;

    // What depends on run-time values is remembered, so that every operation
    // is asked once and costs only itself.
    llvm::DenseSet<Operation *> atRunTime;
    SmallVector<Operation *> order;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != getOperation())
        order.push_back(op);
    });
    llvm::DenseSet<Operation *> folded;
    for (Operation *op : order) {
      if (op->getNumResults() == 0 || folded.contains(op->getParentOp())) {
        if (folded.contains(op->getParentOp()))
          folded.insert(op); // inside an operation that is gone
        continue;
      }
      if (op->hasTrait<OpTrait::ConstantLike>())
        continue;
      bool known = true;
      auto check = [&](Value value) {
        Operation *def = value.getDefiningOp();
        known &= def && !atRunTime.contains(def);
      };
      llvm::for_each(op->getOperands(), check);
      op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
            check(operand);
      });
      if (!known) {
        atRunTime.insert(op);
        continue;
      }
      if (dlc::foldConstants(op, options)) {
        ++numFolded;
        folded.insert(op);
      }
    }
    // Users first, so that what only they used is dead in its turn.
    order.clear();
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != getOperation())
        order.push_back(op);
    });
    for (Operation *op : llvm::reverse(order))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
