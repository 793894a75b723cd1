// This file makes models end with a status when sizes at run time do not fit together.
#include "passes/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace dlc {
#define GEN_PASS_DEF_CHECKSIZES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Checks the sizes of one operation, in front of it.
class Checker {
public:
  explicit Checker(Operation *op) : op(op), b(op->getLoc(), op) {}

  void check() {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      return checkLoops(linalgOp);
    if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
      return checkMatmul(matmul);
    if (auto cast = dyn_cast<tensor::CastOp>(op))
      return checkCast(cast);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return checkExpand(expand);
    if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
      return checkReshape(reshape);
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      return checkWindow(slice.getSource(), slice);
    if (auto slice = dyn_cast<tensor::InsertSliceOp>(op)) {
      checkWindow(slice.getDest(), slice);
      llvm::SmallBitVector dropped = slice.getDroppedDims();
      unsigned from = 0;
      for (auto [d, size] : llvm::enumerate(slice.getMixedSizes()))
        if (!dropped.test(d))
          same(sizeOf(slice.getSource(), from++), size);
    } else if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
      for (Value input : concat.getInputs().drop_front())
        for (int64_t d = 0; d < concat.getResultType().getRank(); ++d)
          if (d != static_cast<int64_t>(concat.getDim()))
            same(sizeOf(concat.getInputs().front(), d), sizeOf(input, d));
    }
  }

private:
  /// A size, looking through what keeps it, so that equal ones are one value.
  OpFoldResult sizeOf(Value tensor, int64_t d) {
    while (true) {
      auto type = cast<RankedTensorType>(tensor.getType());
      if (!type.isDynamicDim(d))
        return b.getIndexAttr(type.getDimSize(d));
      Operation *def = tensor.getDefiningOp();
      if (auto destination = dyn_cast_or_null<DestinationStyleOpInterface>(def)) {
        tensor = destination.getTiedOpOperand(cast<OpResult>(tensor))->get();
      } else if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(def)) {
        return empty.getMixedSizes()[d];
      } else if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(def)) {
        return expand.getMixedOutputShape()[d];
      } else if (auto cast = dyn_cast_or_null<tensor::CastOp>(def)) {
        tensor = cast.getSource();
      } else if (auto made = dyn_cast_or_null<bufferization::ToTensorOp>(def);
                 made && made.getBuffer().getDefiningOp<memref::ReinterpretCastOp>()) {
        return made.getBuffer().getDefiningOp<memref::ReinterpretCastOp>().getMixedSizes()[d];
      } else if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(def);
                 slice && slice.getSourceType().getRank() == type.getRank()) {
        return slice.getMixedSizes()[d];
      } else if (auto reshape = dyn_cast_or_null<tensor::ReshapeOp>(def);
                 reshape && reshape.getShape().getDefiningOp<tensor::FromElementsOp>()) {
        return reshape.getShape().getDefiningOp<tensor::FromElementsOp>().getElements()[d];
      } else {
        break;
      }
    }
    // One operation for each size, so that what is compared twice is seen to be equal.
    for (Operation *user : tensor.getUsers())
      if (auto dim = dyn_cast<tensor::DimOp>(user);
          dim && dim.getConstantIndex() == d && dim->getBlock() == op->getBlock() &&
          dim->isBeforeInBlock(op))
        return dim.getResult();
    return tensor::DimOp::create(b, tensor, d).getResult();
  }

  Value index(OpFoldResult v) { return getValueOrCreateConstantIndexOp(b, b.getLoc(), v); }

  void require(arith::CmpIPredicate predicate, OpFoldResult x, OpFoldResult y) {
    Value holds = arith::CmpIOp::create(b, predicate, index(x), index(y));
    cf::AssertOp::create(b, holds, "DLC_ERR_DIMS");
  }

  void same(OpFoldResult x, OpFoldResult y) {
    auto cx = getConstantIntValue(x), cy = getConstantIntValue(y);
    if (x == y || (cx && cy))
      return;
    require(arith::CmpIPredicate::eq, x, y);
  }

  OpFoldResult product(ArrayRef<OpFoldResult> sizes) {
    int64_t known = 1;
    Value rest;
    for (OpFoldResult size : sizes) {
      if (auto c = getConstantIntValue(size))
        known *= *c;
      else
        rest = rest ? arith::MulIOp::create(b, rest, cast<Value>(size)).getResult()
                    : cast<Value>(size);
    }
    if (!rest)
      return b.getIndexAttr(known);
    if (known == 1)
      return rest;
    return arith::MulIOp::create(b, rest, arith::ConstantIndexOp::create(b, known)).getResult();
  }

  /// Operands that are walked by one loop have one size there.
  void checkLoops(linalg::LinalgOp linalgOp) {
    SmallVector<OpFoldResult> extents(linalgOp.getNumLoops());
    for (OpOperand &operand : linalgOp->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
      for (auto [d, e] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(e);
        if (!loop)
          continue;
        OpFoldResult size = sizeOf(operand.get(), d), &extent = extents[loop.getPosition()];
        if (!extent)
          extent = size;
        else
          same(extent, size);
      }
    }
  }

  void checkMatmul(dlc::nn::MatmulOp matmul) {
    Value x = matmul.getDpsInputOperand(0)->get(), y = matmul.getDpsInputOperand(1)->get();
    auto rankOf = [](Value v) {
      auto type = dyn_cast<RankedTensorType>(v.getType());
      return type ? type.getRank() : 0;
    };
    int64_t rx = rankOf(x), ry = rankOf(y);
    if (rx < 2 || ry < 2)
      return;
    same(sizeOf(x, rx - 1), sizeOf(y, ry - 2));
    Value init = matmul.getDpsInitOperand(0)->get();
    if (rankOf(init) == rx)
      for (int64_t d = 0; d + 1 < rx; ++d)
        same(sizeOf(init, d), sizeOf(x, d));
  }

  void checkCast(tensor::CastOp op) {
    auto from = dyn_cast<RankedTensorType>(op.getSource().getType()),
         to = dyn_cast<RankedTensorType>(op.getType());
    for (int64_t d = 0; from && to && d < to.getRank(); ++d)
      if (from.isDynamicDim(d) && !to.isDynamicDim(d))
        same(sizeOf(op.getSource(), d), b.getIndexAttr(to.getDimSize(d)));
  }

  void checkExpand(tensor::ExpandShapeOp op) {
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    for (auto [d, group] : llvm::enumerate(op.getReassociationIndices())) {
      if (!op.getSrcType().isDynamicDim(d) || group.size() == 1)
        continue;
      SmallVector<OpFoldResult> parts;
      for (int64_t g : group)
        parts.push_back(sizes[g]);
      same(sizeOf(op.getSrc(), d), product(parts));
    }
  }

  void checkReshape(tensor::ReshapeOp op) {
    auto from = dyn_cast<RankedTensorType>(op.getSource().getType()),
         to = dyn_cast<RankedTensorType>(op.getType());
    auto made = op.getShape().getDefiningOp<tensor::FromElementsOp>();
    if (!from || !to || !made)
      return;
    SmallVector<OpFoldResult> x, y;
    for (int64_t d = 0; d < from.getRank(); ++d)
      x.push_back(sizeOf(op.getSource(), d));
    for (int64_t d = 0; d < to.getRank(); ++d)
      y.push_back(to.isDynamicDim(d) ? OpFoldResult(made.getElements()[d])
                                     : OpFoldResult(b.getIndexAttr(to.getDimSize(d))));
    same(product(x), product(y));
  }

  /// What is cut out lies inside.
  template <typename SliceOp> void checkWindow(Value whole, SliceOp slice) {
    for (auto [d, offset, size, stride] : llvm::enumerate(
             slice.getMixedOffsets(), slice.getMixedSizes(), slice.getMixedStrides())) {
      OpFoldResult extent = sizeOf(whole, d);
      auto start = getConstantIntValue(offset), step = getConstantIntValue(stride);
      bool isStatic = start && getConstantIntValue(size) && getConstantIntValue(extent);
      if (isStatic || step != 1 || (start == 0 && size == extent))
        continue;
      Value end = index(size);
      if (start != 0)
        end = arith::AddIOp::create(b, index(offset), end);
      // Unsigned: a negative end or offset is large.
      require(arith::CmpIPredicate::ule, end, extent);
      if (!start)
        require(arith::CmpIPredicate::sge, offset, b.getIndexAttr(0));
    }
  }

  Operation *op;
  ImplicitLocOpBuilder b;
};

struct CheckSizes : dlc::impl::CheckSizesBase<CheckSizes> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kInputs))
        func.walk([&](Operation *op) { work.push_back(op); });
    for (Operation *op : work)
      Checker(op).check();
  }
};
} // namespace
