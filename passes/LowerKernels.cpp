// This file emits the micro-kernels that PlanKernels chose.
#include "passes/kernels/Needs.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Dsp.h"
#include "passes/kernels/dsp/Function.h"
#include "passes/kernels/dsp/Weights.h"
#include "passes/kernels/mve/Mve.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERKERNELS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Vectors are loaded along the last dimension: it must be contiguous.
bool hasUnitStride(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  if (!type)
    return false;
  return type.getRank() == 0 || type.isLastDimUnitStride();
}

struct LowerKernels : dlc::impl::LowerKernelsBase<LowerKernels> {
  void runOnOperation() override {
    dlc::rt::TargetAttr target = dlc::rt::targetOf(getOperation());
    // Layers that share a kernel with others first.
    dlc::kernels::dsp::emitShared(getOperation());
    getOperation().walk([&](Operation *op) {
      if (!isa<dlc::nn::ConvOp, dlc::nn::MatmulOp>(op) ||
          !llvm::all_of(op->getOperands(), hasUnitStride))
        return; // LowerContractions takes it
      dlc::nn::KernelAttr kernel = op->getAttrOfType<dlc::nn::KernelAttr>("kernel");
      if (dlc::kernels::dsp::isOurs(kernel)) {
        dlc::kernels::dsp::emit(op, kernel);
      } else if (auto conv = dyn_cast<dlc::nn::ConvOp>(op)) {
        if (!conv.getKernelAttr() ||
            (conv.isPadded() && !dlc::kernels::takesPads(conv)))
          return;
        if (dlc::kernels::mve::isMve(conv.getKernelAttr()))
          return dlc::kernels::mve::emit(conv);
        if (conv.getKernelAttr().getKind() == "depthwise")
          dlc::kernels::emitDepthwise(conv, target);
        else if (conv.getPacked())
          dlc::kernels::emitGemm(conv, target);
      } else if (auto matmul = cast<dlc::nn::MatmulOp>(op); matmul.getKernelAttr()) {
        if (dlc::kernels::mve::isMve(matmul.getKernelAttr()))
          return dlc::kernels::mve::emit(matmul);
        dlc::kernels::emitGemm(matmul, target);
      }
    });
    dlc::kernels::dsp::eraseUnusedConstants(getOperation());
  }
};
} // namespace
