// This file emits linalg operations with vectors along their last loop.
#include "passes/kernels/mve/Elementwise.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "passes/kernels/mve/Lanes.h"
#include "passes/kernels/mve/Memory.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels::mve;

/// How an operand moves along the last loop.
enum class Walk { None, Stays, Neighbours };

static Walk walkOf(linalg::GenericOp op, OpOperand &operand) {
  unsigned last = op.getNumLoops() - 1;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type)
    return map.getNumResults() == 0 ? Walk::Stays : Walk::None;
  if (!map.isFunctionOfDim(last))
    return Walk::Stays;
  if (!type.isLastDimUnitStride() ||
      llvm::any_of(map.getResults().drop_back(), [&](AffineExpr e) { return e.isFunctionOfDim(last); }))
    return Walk::None;
  // The loop's number plus what does not depend on it.
  AffineExpr rest = map.getResult(map.getNumResults() - 1) - getAffineDimExpr(last, op.getContext());
  return simplifyAffineExpr(rest, map.getNumDims(), 0).isFunctionOfDim(last) ? Walk::None : Walk::Neighbours;
}

/// Whether vectors of memory's elements exist.
static bool hasVectors(Type type) {
  return type.isInteger(8) || type.isInteger(16) || type.isInteger(32) || type.isF32();
}

nn::KernelAttr kernels::mve::plan(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.hasIndexSemantics() || op.getNumLoops() == 0 ||
      op.getNumDpsInits() == 0 || op.getBody()->without_terminator().empty())
    return {};
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  if (llvm::any_of(ranges, [](int64_t n) { return n < 1; }) || ranges.back() < 4 ||
      llvm::any_of(kinds, [](auto kind) { return kind != utils::IteratorType::parallel; }))
    return {};
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument arg = op.getBody()->getArgument(operand.getOperandNumber());
    bool isInit = op.isDpsInit(&operand);
    if (arg.use_empty() && !isInit)
      continue;
    if (!hasVectors(getElementTypeOrSelf(operand.get().getType())))
      return {};
    Walk walk = walkOf(op, operand);
    if (walk == Walk::None || (isInit && walk != Walk::Neighbours))
      return {};
  }
  auto bits = Lanes::widthOf(*op.getBody());
  if (!bits)
    return {};
  return nn::KernelAttr::get(op.getContext(), "mve_lanes", 1, 1, 128 / *bits, 1, false);
}

namespace {
/// One operation being emitted.
struct Emitter {
  linalg::GenericOp op;
  Lanes lanes;
  int64_t count;                ///< lanes of a vector
  SmallVector<int64_t> ranges;
  SmallVector<Value> position; ///< of each loop

  SmallVector<Value> indicesOf(ImplicitLocOpBuilder &b, OpOperand &operand) {
    SmallVector<Value> indices;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      indices.push_back(affine::expandAffineExpr(b, b.getLoc(), expr, position, {}));
    return indices;
  }

  /// Lanes of an operand from the position on, the first `first` of them.
  Value load(ImplicitLocOpBuilder &b, OpOperand &operand, Value first, bool zeroes) {
    Value source = operand.get();
    Type element = getElementTypeOrSelf(source.getType());
    if (walkOf(op, operand) == Walk::Neighbours)
      return arm_mve::LoadOp::create(b, lanes.vectorOf(element), source, indicesOf(b, operand), first, false,
                                     zeroes);
    if (isa<MemRefType>(source.getType()))
      source = memref::LoadOp::create(b, source, indicesOf(b, operand));
    return lanes.broadcast(b, source, zeroes);
  }

  void vectorAt(ImplicitLocOpBuilder &b, Value at, Value first) {
    position.back() = at;
    SmallVector<Value> results = lanes.evaluate(
        b, [&](unsigned i, bool zeroes) { return load(b, op->getOpOperand(i), first, zeroes); });
    for (auto [init, result] : llvm::zip_equal(op.getDpsInitsMutable(), results))
      arm_mve::StoreOp::create(b, result, init.get(), indicesOf(b, init), first);
  }

  void row(ImplicitLocOpBuilder &b) {
    int64_t n = ranges.back(), rest = n % count;
    if (n <= count)
      return vectorAt(b, index(b, 0), rest ? index(b, n) : Value());
    auto loop = scf::ForOp::create(b, index(b, 0), index(b, n), index(b, count));
    ImplicitLocOpBuilder inner(b.getLoc(), loop.getBody()->getTerminator());
    Value at = loop.getInductionVar();
    vectorAt(inner, at, rest ? arith::SubIOp::create(inner, index(inner, n), at).getResult() : Value());
  }

  void emit(ImplicitLocOpBuilder &b, unsigned loop) {
    if (loop + 1 == ranges.size())
      return row(b);
    if (ranges[loop] == 1) {
      position[loop] = index(b, 0);
      return emit(b, loop + 1);
    }
    auto made = scf::ForOp::create(b, index(b, 0), index(b, ranges[loop]), index(b, 1));
    position[loop] = made.getInductionVar();
    ImplicitLocOpBuilder inner(b.getLoc(), made.getBody()->getTerminator());
    emit(inner, loop + 1);
  }
};
} // namespace

void kernels::mve::emit(linalg::GenericOp op, nn::KernelAttr kernel) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Emitter emitter{op, Lanes(*op.getBody(), 128 / kernel.getLanes()), kernel.getLanes(),
                  op.getStaticLoopRanges(), SmallVector<Value>(op.getNumLoops())};
  emitter.emit(b, 0);
  op.erase();
}
