// This file turns copies between buffers that are not both contiguous into loops.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERCOPIES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
struct LowerCopies : dlc::impl::LowerCopiesBase<LowerCopies> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies) {
      auto from = cast<MemRefType>(op.getSource().getType());
      auto to = cast<MemRefType>(op.getTarget().getType());
      if (op.getSource() == op.getTarget()) {
        op.erase();
        continue;
      }
      // A memcpy of the whole; LLVM's lowering of anything else would call a
      // run-time library.
      if (from.getLayout().isIdentity() && to.getLayout().isIdentity())
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      Value zero = arith::ConstantIndexOp::create(b, loc, 0);
      Value one = arith::ConstantIndexOp::create(b, loc, 1);
      SmallVector<Value> lower, upper, step, at;
      for (int64_t d = 0; d < from.getRank(); ++d) {
        lower.push_back(zero);
        step.push_back(one);
        upper.push_back(
            from.isDynamicDim(d)
                ? memref::DimOp::create(b, loc, op.getSource(), d).getResult()
                : arith::ConstantIndexOp::create(b, loc, from.getDimSize(d))
                      .getResult());
      }
      auto body = [&](OpBuilder &b, Location loc, ValueRange iv) {
        Value v = memref::LoadOp::create(b, loc, op.getSource(), iv);
        memref::StoreOp::create(b, loc, v, op.getTarget(), iv);
      };
      if (from.getRank() == 0)
        body(b, loc, {});
      else
        scf::buildLoopNest(b, loc, lower, upper, step, body);
      op.erase();
    }
  }
};
} // namespace
