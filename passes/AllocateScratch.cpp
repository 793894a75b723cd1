// This file gives contractions the scratch memory that their kernels need.
#include "passes/Passes.h"

#include "passes/kernels/Needs.h"

namespace dlc {
#define GEN_PASS_DEF_ALLOCATESCRATCH
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
template <typename Op> void allocate(Op op) {
  int64_t bytes = dlc::kernels::scratchBytes(op);
  if (bytes <= 0 || op.getScratch() || !isa<MemRefType>(op.getInit().getType()))
    return;
  OpBuilder b(op);
  auto type = MemRefType::get({bytes}, b.getI8Type());
  Value scratch =
      memref::AllocOp::create(b, op.getLoc(), type, b.getI64IntegerAttr(dlc::rt::kArenaAlign));
  op.getScratchMutable().append(scratch);
}

struct AllocateScratch : dlc::impl::AllocateScratchBase<AllocateScratch> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
        allocate(conv);
      else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
        allocate(matmul);
    });
  }
};
} // namespace
