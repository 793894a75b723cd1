// This file gives every buffer of a model an offset in one arena.
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Offsets.h"

namespace dlc {
#define GEN_PASS_DEF_PLANARENA
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Bytes of a buffer; failure when they are not known at compile time.
FailureOr<int64_t> bytesOf(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity()) {
    alloc.emitError("a buffer of the model has no static size: ") << type;
    return failure();
  }
  int64_t bytes = dlc::memory::elementBytes(type.getElementType());
  for (int64_t dim : type.getShape())
    if (llvm::MulOverflow(bytes, dim, bytes)) {
      alloc.emitError("a buffer of the model is too large: ") << type;
      return failure();
    }
  return bytes;
}

struct PlanArena : dlc::impl::PlanArenaBase<PlanArena> {
  using PlanArenaBase::PlanArenaBase;

  LogicalResult plan(func::FuncOp func) {
    SmallVector<memref::AllocOp> allocs;
    func.walk([&](memref::AllocOp op) { allocs.push_back(op); });
    BufferViewFlowAnalysis aliases(func);
    std::vector<Buffer> buffers;
    Lifetimes lifetimes(func, aliases);
    for (memref::AllocOp alloc : allocs) {
      FailureOr<int64_t> bytes = bytesOf(alloc);
      if (failed(bytes))
        return failure();
      auto [first, last] = lifetimes.of(alloc.getMemref());
      buffers.push_back({*bytes, first, last, 0});
    }
    int64_t lowerBound = liveBytes(buffers, dlc::rt::kArenaAlign);
    int64_t total = assignOffsets(buffers, dlc::rt::kArenaAlign);
    if (total > (int64_t{1} << 40))
      return func.emitError("the arena would need ") << total << " bytes";

    OpBuilder b(func.getContext());
    auto arenaType = MemRefType::get({total}, b.getI8Type());
    auto attrs = b.getDictionaryAttr(
        b.getNamedAttr(dlc::rt::kArena, b.getUnitAttr()));
    if (failed(func.insertArgument(0, arenaType, attrs, func.getLoc())))
      return failure();
    Value arena = func.getArgument(0);
    for (auto [alloc, buffer] : llvm::zip_equal(allocs, buffers)) {
      b.setInsertionPoint(alloc);
      Value offset =
          arith::ConstantIndexOp::create(b, alloc.getLoc(), buffer.offset);
      Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(),
                                          arena, offset, ValueRange());
      alloc.getMemref().replaceAllUsesWith(view);
      alloc.erase();
    }
    func.walk([](memref::DeallocOp op) { op.erase(); });
    func->setAttr(dlc::rt::kArenaBytes, b.getI64IntegerAttr(total));
    func->setAttr(dlc::rt::kArenaLowerBound, b.getI64IntegerAttr(lowerBound));
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kInputs) && failed(plan(func)))
        return signalPassFailure();
  }
};
} // namespace
