// This file turns copies of strided buffers into loops, and of equal elements into fills.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERCOPIES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// A constant of equal elements (the start of a sum or maximum) is not worth its
/// place among the weights: fills with the element instead. False when `op`
/// copies something else.
bool fillInstead(memref::CopyOp op, SymbolTableCollection &symbols) {
  auto get = op.getSource().getDefiningOp<memref::GetGlobalOp>();
  auto global = get ? symbols.lookupNearestSymbolFrom<memref::GlobalOp>(
                          get, get.getNameAttr())
                    : memref::GlobalOp();
  if (!global || !global.getConstant())
    return false;
  auto splat = dyn_cast_or_null<SplatElementsAttr>(global.getInitialValueAttr());
  if (!splat)
    return false;
  OpBuilder b(op);
  Value element = arith::ConstantOp::create(b, op.getLoc(),
                                            splat.getSplatValue<TypedAttr>());
  linalg::FillOp::create(b, op.getLoc(), element, op.getTarget());
  op.erase();
  if (get.use_empty())
    get.erase();
  if (SymbolTable::symbolKnownUseEmpty(global, global->getParentOp()))
    global.erase();
  return true;
}

/// Whether `v` is neighbouring elements of a buffer that is allocated here.
bool isRows(Value v) {
  auto type = cast<MemRefType>(v.getType());
  if (!type.hasStaticShape() || !type.areTrailingDimsContiguous(type.getRank()))
    return false;
  while (isa_and_nonnull<memref::SubViewOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(v.getDefiningOp()))
    v = v.getDefiningOp()->getOperand(0);
  auto alloc = v.getDefiningOp<memref::AllocOp>();
  return alloc && alloc.getType().hasStaticShape();
}

struct LowerCopies : dlc::impl::LowerCopiesBase<LowerCopies> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    SymbolTableCollection symbols;
    for (memref::CopyOp op : copies) {
      if (fillInstead(op, symbols))
        continue;
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
      // So are rows of buffers that will be views of the arena.
      if (isRows(op.getSource()) && isRows(op.getTarget()))
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
