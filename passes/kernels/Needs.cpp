// This file says what the chosen kernels need besides their operands.
#include "passes/kernels/Needs.h"

#include "passes/kernels/Gemm.h"
#include "passes/kernels/dsp/Dsp.h"
#include "passes/kernels/mve/Mve.h"
#include "passes/kernels/Tile.h"

using namespace mlir;

static dlc::nn::KernelAttr kernelOf(Operation *op) {
  if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
    return conv.getKernelAttr();
  if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
    return matmul.getKernelAttr();
  return {};
}

bool dlc::kernels::takesPads(nn::ConvOp op) {
  nn::KernelAttr kernel = kernelOf(op);
  if (!kernel) {
    // Plain loops test every position: time for the RAM of a padded copy.
    auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
    return optimize && optimize.getValue() == "ram";
  }
  return dsp::isOurs(kernel) || (mve::isMve(kernel) && kernel.getKind() != "mve_dot");
}

int64_t dlc::kernels::scratchBytes(Operation *op) {
  nn::KernelAttr kernel = kernelOf(op);
  if (dsp::isOurs(kernel))
    return dsp::scratchBytes(op, kernel);
  return mve::isMve(kernel) ? mve::scratchBytes(op) : gemmScratch(op);
}

std::optional<dlc::kernels::Overlap> dlc::kernels::overlapOf(Operation *op) {
  nn::KernelAttr kernel = kernelOf(op);
  if (!kernel)
    return overlapOfLoops(op);
  if (kernel.getKind() == "depthwise")
    return overlapOfDepthwise(cast<dlc::nn::ConvOp>(op));
  if (dsp::isOurs(kernel))
    return dsp::overlapOf(op, kernel);
  return mve::isMve(kernel) ? mve::overlapOf(op) : std::nullopt;
}
