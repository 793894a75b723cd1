// This file says what the chosen kernels need besides their operands.
#include "passes/kernels/Needs.h"

#include "passes/kernels/mve/Mve.h"
#include "passes/kernels/Tile.h"

using namespace mlir;

/// The kernel's kind; empty without one.
static StringRef kindOf(Operation *op) {
  dlc::nn::KernelAttr kernel;
  if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
    kernel = conv.getKernelAttr();
  else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
    kernel = matmul.getKernelAttr();
  return kernel ? kernel.getKind() : StringRef();
}

bool dlc::kernels::takesPads(nn::ConvOp op) {
  StringRef kind = kindOf(op);
  if (kind.empty()) {
    // Plain loops test every position: time for the RAM of a padded copy.
    auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
    return optimize && optimize.getValue() == "ram";
  }
  return kind == "dsp" || (mve::isMve(op.getKernelAttr()) && kind != "mve_dot");
}

int64_t dlc::kernels::scratchBytes(Operation *op) {
  return kindOf(op).starts_with("mve_") ? mve::scratchBytes(op) : 0;
}

std::optional<dlc::kernels::Overlap> dlc::kernels::overlapOf(Operation *op) {
  if (kindOf(op).empty())
    return overlapOfLoops(op);
  if (kindOf(op) == "depthwise")
    return overlapOfDepthwise(cast<dlc::nn::ConvOp>(op));
  return kindOf(op).starts_with("mve_") ? mve::overlapOf(op) : std::nullopt;
}
