// This file gives each operation a fresh tensor to write to.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_UNSHAREINITS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Empty tensors and fills: cheaper made again than kept and copied.
bool isInit(Operation *op) { return isa<tensor::EmptyOp, linalg::FillOp>(op); }

struct UnshareInits : dlc::impl::UnshareInitsBase<UnshareInits> {
  void runOnOperation() override {
    SmallVector<Operation *> inits;
    getOperation().walk([&](Operation *op) {
      if (isInit(op) && op->getNumResults() == 1 &&
          isa<RankedTensorType>(op->getResult(0).getType()))
        inits.push_back(op);
    });
    // Users before what they use: a fill's own empty tensor comes after it.
    for (Operation *op : llvm::reverse(inits)) {
      SmallVector<OpOperand *> uses(llvm::make_pointer_range(op->getResult(0).getUses()));
      if (uses.empty())
        continue;
      for (OpOperand *use : ArrayRef(uses).drop_back()) {
        OpBuilder b(use->getOwner());
        use->set(b.clone(*op)->getResult(0));
      }
      // The remaining one goes to its user, too: it lives no longer than needed.
      Operation *last = uses.back()->getOwner();
      if (last->getBlock() == op->getBlock())
        op->moveBefore(last);
    }
  }
};
} // namespace
