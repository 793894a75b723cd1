// This file merges loops of linalg operations that walk memory as one loop would.
#include "passes/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

namespace dlc {
#define GEN_PASS_DEF_COLLAPSELOOPS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// How one operand is walked: for each of its dimensions that a loop moves along, the loop, and
/// the distance of neighbours.
struct Access {
  Value operand;
  int64_t offset = 0;
  SmallVector<unsigned> loops;
  SmallVector<int64_t> strides;

  /// Whether `outer` then `inner` is one walk.
  bool continues(unsigned outer, unsigned inner, int64_t innerSize) const {
    auto *at = llvm::find(loops, outer);
    auto *next = llvm::find(loops, inner);
    if (at == loops.end() || next == loops.end())
      return at == loops.end() && next == loops.end();
    size_t i = at - loops.begin(), j = next - loops.begin();
    return j == i + 1 && strides[i] == strides[j] * innerSize;
  }
};
} // namespace

/// The access of an operand, loops that run once left out; none where it is not a plain walk.
static std::optional<Access> accessOf(Value operand, AffineMap map,
                                      ArrayRef<int64_t> ranges) {
  Access access;
  access.operand = operand;
  auto type = dyn_cast<MemRefType>(operand.getType());
  if (!type) // a scalar
    return map.getNumResults() == 0 ? std::optional(access) : std::nullopt;
  SmallVector<int64_t> strides;
  if (!type.hasStaticShape() ||
      type.getStridesAndOffset(strides, access.offset).failed() ||
      ShapedType::isDynamic(access.offset) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return std::nullopt;
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides)) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      access.offset += constant.getValue() * stride;
      continue;
    }
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    if (ranges[dim.getPosition()] == 1)
      continue;
    if (llvm::is_contained(access.loops, dim.getPosition()))
      return std::nullopt; // a diagonal
    access.loops.push_back(dim.getPosition());
    access.strides.push_back(stride);
  }
  return access;
}

static LogicalResult collapse(linalg::GenericOp op, RewriterBase &rewriter) {
  if (!op.hasPureBufferSemantics() || op.hasIndexSemantics())
    return failure();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (llvm::any_of(ranges, ShapedType::isDynamic))
    return failure();
  SmallVector<Access> accesses;
  for (OpOperand &operand : op->getOpOperands()) {
    auto access =
        accessOf(operand.get(), op.getMatchingIndexingMap(&operand), ranges);
    if (!access)
      return failure();
    accesses.push_back(*access);
  }

  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  SmallVector<SmallVector<unsigned>> groups;
  for (unsigned loop = 0; loop < ranges.size(); ++loop) {
    if (ranges[loop] == 1)
      continue;
    bool joins = !groups.empty() && kinds[groups.back().back()] == kinds[loop] &&
                 llvm::all_of(accesses, [&](const Access &access) {
                   return access.continues(groups.back().back(), loop,
                                           ranges[loop]);
                 });
    if (joins)
      groups.back().push_back(loop);
    else
      groups.push_back({loop});
  }
  if (groups.empty() || groups.size() == ranges.size())
    return failure();

  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (const Access &access : accesses) {
    // Dimensions stay in the operand's order, which need not be that of the loops: by position in
    // the operand, the group that moves along it.
    SmallVector<std::pair<size_t, unsigned>> dimensions;
    for (auto [number, group] : llvm::enumerate(groups))
      if (auto *last = llvm::find(access.loops, group.back());
          last != access.loops.end())
        dimensions.push_back({size_t(last - access.loops.begin()), number});
    llvm::sort(dimensions);
    SmallVector<AffineExpr> results;
    SmallVector<int64_t> sizes, strides;
    for (auto [position, number] : dimensions) {
      results.push_back(rewriter.getAffineDimExpr(number));
      int64_t size = 1;
      for (unsigned loop : groups[number])
        size *= ranges[loop];
      sizes.push_back(size);
      strides.push_back(access.strides[position]);
    }
    maps.push_back(
        AffineMap::get(groups.size(), 0, results, rewriter.getContext()));
    auto type = dyn_cast<MemRefType>(access.operand.getType());
    if (!type) {
      operands.push_back(access.operand);
      continue;
    }
    auto layout =
        StridedLayoutAttr::get(rewriter.getContext(), access.offset, strides);
    auto flat = MemRefType::get(sizes, type.getElementType(), layout,
                                type.getMemorySpace());
    operands.push_back(memref::ReinterpretCastOp::create(
        rewriter, loc, flat, access.operand, access.offset, sizes, strides));
  }
  SmallVector<utils::IteratorType> newKinds;
  for (const auto &group : groups)
    newKinds.push_back(kinds[group.back()]);
  unsigned inputs = op.getNumDpsInputs();
  auto collapsed = linalg::GenericOp::create(
      rewriter, loc, TypeRange(), ArrayRef<Value>(operands).take_front(inputs),
      ArrayRef<Value>(operands).drop_front(inputs), maps, newKinds);
  collapsed->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(op.getRegion(), collapsed.getRegion(),
                              collapsed.getRegion().begin());
  rewriter.eraseOp(op);
  return success();
}

namespace {
struct CollapseLoops : dlc::impl::CollapseLoopsBase<CollapseLoops> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> work;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op.hasPureBufferSemantics() && isa<linalg::GenericOp, linalg::FillOp,
                                             linalg::CopyOp, linalg::MapOp>(op))
        work.push_back(op);
    });
    for (linalg::LinalgOp op : work) {
      auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
      if (!generic) {
        rewriter.setInsertionPoint(op);
        FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
        if (failed(made))
          continue;
        generic = *made;
      }
      if (collapse(generic, rewriter).succeeded())
        ++numCollapsed;
    }
  }
};
} // namespace
