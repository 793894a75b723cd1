// This file orders the loops of linalg operations so that memory is walked in
// order.
#include "passes/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

namespace dlc {
#define GEN_PASS_DEF_ORDERLOOPS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// How well loop `d` serves as the innermost one: neighbouring elements in as
/// many operands as possible, the result above all.
int score(linalg::GenericOp op, unsigned d) {
  int total = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    int weight = op.isDpsInit(&operand) ? 3 : 2;
    if (map.getNumResults() == 0 || !map.isFunctionOfDim(d)) {
      total += 1; // stays in a register
      continue;
    }
    AffineExpr last = map.getResult(map.getNumResults() - 1);
    bool onlyLast = true;
    for (AffineExpr expr : map.getResults().drop_back())
      onlyLast &= !expr.isFunctionOfDim(d);
    if (onlyLast && last == getAffineDimExpr(d, op.getContext()))
      total += weight;
    else if (onlyLast && last.isFunctionOfDim(d))
      total += 1; // window or stride in the last dimension
  }
  return total;
}

void order(linalg::GenericOp op, RewriterBase &rewriter) {
  unsigned loops = op.getNumLoops();
  if (loops < 2)
    return;
  unsigned inner = loops - 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto worth = [&](unsigned d) {
    return ranges[d] == 1 ? -1 : score(op, d); // a loop that runs once is none
  };
  for (unsigned d = 0; d < loops; ++d)
    if (worth(d) > worth(inner))
      inner = d;
  // Parallel loops in the order of the result, then reductions, then `inner`.
  SmallVector<unsigned> permutation;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : out.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && dim.getPosition() != inner)
      permutation.push_back(dim.getPosition());
  for (unsigned d = 0; d < loops; ++d)
    if (d != inner && !llvm::is_contained(permutation, d))
      permutation.push_back(d);
  permutation.push_back(inner);
  if (llvm::equal(permutation, llvm::seq<unsigned>(0, loops)))
    return;
  rewriter.setInsertionPoint(op);
  (void)linalg::interchangeGenericOp(rewriter, op, permutation);
}

struct OrderLoops : dlc::impl::OrderLoopsBase<OrderLoops> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      order(op, rewriter);
  }
};
} // namespace
