// This file emits the linalg operations that PlanVectors chose as loops over vectors.
#include "passes/Passes.h"

#include "passes/kernels/mve/Elementwise.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERVECTORS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
struct LowerVectors : dlc::impl::LowerVectorsBase<LowerVectors> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      if (auto kernel = op->getAttrOfType<dlc::nn::KernelAttr>(dlc::kernels::mve::kVectorKernel))
        dlc::kernels::mve::emit(op, kernel);
  }
};
} // namespace
