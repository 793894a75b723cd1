// This file says what the chosen kernels need besides their operands.
#include "passes/kernels/Needs.h"

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

bool dlc::kernels::takesPads(nn::ConvOp op) { return kindOf(op) == "dsp"; }

int64_t dlc::kernels::scratchBytes(Operation *op) { return 0; }

std::optional<dlc::kernels::Overlap> dlc::kernels::overlapOf(Operation *op) { return std::nullopt; }
