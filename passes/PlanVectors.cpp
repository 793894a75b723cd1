// This file chooses which linalg operations on buffers run on vectors, as an attribute.
#include "passes/Passes.h"

#include "passes/kernels/mve/Elementwise.h"

namespace dlc {
#define GEN_PASS_DEF_PLANVECTORS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
struct PlanVectors : dlc::impl::PlanVectorsBase<PlanVectors> {
  void runOnOperation() override {
    dlc::rt::TargetAttr target = dlc::rt::targetOf(getOperation());
    if (!target || target.getIsa() != "mve")
      return; // LLVM finds the vectors of the others
    getOperation().walk([&](linalg::GenericOp op) {
      dlc::nn::KernelAttr kernel = dlc::kernels::mve::plan(op);
      if (!kernel)
        return;
      op->setAttr(dlc::kernels::mve::kVectorKernel, kernel);
      ++numPlanned;
    });
  }
};
} // namespace
