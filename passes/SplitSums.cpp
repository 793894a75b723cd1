// This file splits long sums of f32 numbers into sums of sums.
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace dlc {
#define GEN_PASS_DEF_SPLITSUMS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Shorter sums are left alone: they lose two or three bits at most.
constexpr int64_t kLongSum = 512;
/// Partial sums need memory: at most one for so many numbers.
constexpr int64_t kLeastPart = 8;

/// Whether `op` only adds the f32 numbers of a tensor up, static in size; and
/// not products, whose number is that of no tensor.
bool isSum(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op->getNumResults() != 1 || op.hasDynamicShape() || op.getNumReductionLoops() == 0)
    return false;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto add = yield.getValues()[0].getDefiningOp<arith::AddFOp>();
  BlockArgument acc = op.getRegionOutputArgs()[0];
  bool reads = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    return op.getMatchingIndexingMap(input).isPermutation();
  });
  return reads && out.isProjectedPermutation() && add && add.getType().isF32() && acc.hasOneUse() &&
         llvm::is_contained(add->getOperands(), acc) && !op.hasIndexSemantics();
}

/// One of several summed dimensions is summed first, the others in an operation
/// of their own. Returns the latter, or null.
linalg::GenericOp peel(linalg::GenericOp op, ArrayRef<unsigned> sums, ArrayRef<int64_t> ranges, RewriterBase &rewriter) {
  unsigned first = sums.back();
  for (unsigned d : llvm::reverse(sums))
    if (ranges[first] < kLeastPart && ranges[d] > ranges[first])
      first = d;
  if (ranges[first] < kLeastPart)
    return {};
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  b.setInsertionPoint(op);
  Value init = op.getDpsInits()[0];
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto iterators = op.getIteratorTypesArray();
  SmallVector<AffineExpr> partDims(out.getResults());
  SmallVector<int64_t> partShape(cast<RankedTensorType>(init.getType()).getShape());
  for (unsigned d : sums)
    if (d != first) {
      partDims.push_back(b.getAffineDimExpr(d));
      partShape.push_back(ranges[d]);
      iterators[d] = utils::IteratorType::parallel;
    }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.back() = AffineMap::get(op.getNumLoops(), 0, partDims, b.getContext());
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  Value empty = tensor::EmptyOp::create(b, partShape, b.getF32Type());
  Value start = linalg::FillOp::create(b, zero, empty).getResult(0);
  auto parts = linalg::GenericOp::create(b, start.getType(), op.getDpsInputs(), start, maps, iterators);
  rewriter.cloneRegionBefore(op.getRegion(), parts.getRegion(), parts.getRegion().end());

  unsigned kept = out.getNumResults(), rank = partShape.size();
  SmallVector<utils::IteratorType> outer(kept, utils::IteratorType::parallel);
  outer.append(rank - kept, utils::IteratorType::reduction);
  AffineMap all = b.getMultiDimIdentityMap(rank);
  AffineMap result = AffineMap::get(rank, 0, all.getResults().take_front(kept), b.getContext());
  auto total = linalg::GenericOp::create(b, init.getType(), parts.getResult(0), init, {all, result},
                                         outer, [](OpBuilder &ob, Location loc, ValueRange v) {
                                           Value sum = arith::AddFOp::create(ob, loc, v[0], v[1]);
                                           linalg::YieldOp::create(ob, loc, sum);
                                         });
  rewriter.replaceOp(op, total);
  return total;
}

/// The divisor of `size` next to its square root, or 1.
int64_t part(int64_t size) {
  int64_t root = std::sqrt(static_cast<double>(size));
  for (int64_t d = root; d >= kLeastPart; --d)
    if (size % d == 0)
      return d;
  return 1;
}

void split(linalg::GenericOp op, RewriterBase &rewriter) {
  while (op && isSum(op)) {
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    SmallVector<unsigned> sums, all;
    op.getReductionDims(all);
    int64_t count = 1;
    for (unsigned d : all)
      if (ranges[d] > 1) {
        sums.push_back(d);
        count *= ranges[d];
      }
    if (count < kLongSum)
      return;
    if (all.size() > 1) {
      op = sums.size() > 1 ? peel(op, all, ranges, rewriter) : linalg::GenericOp();
      continue;
    }
    int64_t outer = part(count);
    if (outer == 1)
      return;
    // Upstream reads past the reshaped dimensions of an operand that the sum does
    // not run over.
    for (OpOperand *operand : op.getDpsInputOperands())
      if (!op.getMatchingIndexingMap(operand).isFunctionOfDim(all.front()))
        return;
    // Neighbours are summed first, where that walks memory.
    rewriter.setInsertionPoint(op);
    unsigned at = op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getNumResults();
    (void)linalg::splitReduction(rewriter, op, [&](linalg::LinalgOp) {
      return linalg::SplitReductionOptions{outer, at, /*innerParallel=*/false};
    });
    return;
  }
}

struct SplitSums : dlc::impl::SplitSumsBase<SplitSums> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      split(op, rewriter);
  }
};
} // namespace
