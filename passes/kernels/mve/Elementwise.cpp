// This file emits linalg operations with vectors along their last loop.
#include "passes/kernels/mve/Elementwise.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "dialects/RT/RT.h"
#include "passes/kernels/mve/Lanes.h"
#include "passes/kernels/mve/Memory.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels::mve;

/// How an operand moves along the last loop.
enum class Walk { Stays, Neighbours, Steps };

static Walk walkOf(linalg::GenericOp op, OpOperand &operand) {
  unsigned last = op.getNumLoops() - 1;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type || !map.isFunctionOfDim(last))
    return Walk::Stays;
  if (!type.isLastDimUnitStride() ||
      llvm::any_of(map.getResults().drop_back(), [&](AffineExpr e) { return e.isFunctionOfDim(last); }))
    return Walk::Steps;
  // The loop's number plus what does not depend on it.
  AffineExpr rest = map.getResult(map.getNumResults() - 1) - getAffineDimExpr(last, op.getContext());
  return simplifyAffineExpr(rest, map.getNumDims(), 0).isFunctionOfDim(last) ? Walk::Steps : Walk::Neighbours;
}

/// Whether vectors of memory's elements exist.
static bool hasVectors(Type type) {
  return type.isInteger(8) || type.isInteger(16) || type.isInteger(32) || type.isF32();
}

/// Results of `op`: parallel loops, then reductions, then the loop of the lanes.
static bool isOrdered(ArrayRef<utils::IteratorType> kinds) {
  return kinds.back() == utils::IteratorType::parallel &&
         llvm::is_sorted(kinds.drop_back(), [](auto a, auto b) {
           return a == utils::IteratorType::parallel && b != utils::IteratorType::parallel;
         });
}

static int64_t termsOf(linalg::GenericOp op) {
  int64_t terms = 1;
  for (auto [n, kind] : llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    terms *= kind == utils::IteratorType::parallel ? 1 : n;
  return terms;
}

/// A sum of so few bytes that 16 bits hold it: yield extsi(input) + init.
static bool isShortSum(linalg::GenericOp op) {
  auto add = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1 || !add || !add.getType().isInteger(32))
    return false;
  Value init = op.getBody()->getArguments().back(), term = add.getLhs() == init ? add.getRhs() : add.getLhs();
  auto extend = term.getDefiningOp<arith::ExtSIOp>();
  return extend && (add.getLhs() == init || add.getRhs() == init) && isa<BlockArgument>(extend.getIn()) &&
         extend.getIn().getType().isInteger(8) && termsOf(op) * 128 <= INT16_MAX;
}

static bool isForSize(Operation *op) {
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
  return optimize && optimize.getValue() == "size";
}

nn::KernelAttr kernels::mve::plan(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.hasIndexSemantics() || op.getNumLoops() == 0 ||
      op.getNumDpsInits() == 0 || op.getBody()->without_terminator().empty())
    return {};
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  if (llvm::any_of(ranges, [](int64_t n) { return n < 1; }) || ranges.back() < 4 ||
      !isOrdered(kinds))
    return {};
  bool steps = false;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument arg = op.getBody()->getArgument(operand.getOperandNumber());
    bool isInit = op.isDpsInit(&operand);
    if (arg.use_empty() && !isInit)
      continue;
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!hasVectors(getElementTypeOrSelf(operand.get().getType())) ||
        (!type && op.getMatchingIndexingMap(&operand).getNumResults() > 0))
      return {};
    Walk walk = walkOf(op, operand);
    if (isInit && walk != Walk::Neighbours)
      return {};
    steps |= walk == Walk::Steps;
  }
  // Elements that lie apart are loaded one by one, and LLVM can gather; but it does not
  // find this product.
  if (steps && (op.getNumReductionLoops() > 0 || op.getBody()->getOps<arith::MulSIExtendedOp>().empty()))
    return {};
  auto bits = Lanes::widthOf(*op.getBody());
  if (!bits)
    return {};
  int64_t lanes = 128 / *bits;
  if (op.getNumReductionLoops() == 0)
    return nn::KernelAttr::get(op.getContext(), "mve_lanes", 1, 1, lanes, 1, false);
  // Results of reductions are kept in lanes.
  for (OpOperand &init : op.getDpsInitsMutable())
    if (getElementTypeOrSelf(init.get().getType()).getIntOrFloatBitWidth() != *bits)
      return {};
  bool small = isForSize(op), isShort = !small && isShortSum(op);
  if (isShort)
    lanes *= 2;
  int64_t vectors = !small && op.getNumDpsInits() == 1 ? std::clamp<int64_t>(ranges.back() / lanes, 1, 4) : 1;
  return nn::KernelAttr::get(op.getContext(), isShort ? "mve_short_sums" : "mve_reduction", 1, vectors, lanes, 1,
                             false);
}

/// Vectors of a row that are written out.
static constexpr int64_t kShortRow = 4;

namespace {
/// One operation being emitted.
struct Emitter {
  linalg::GenericOp op;
  Lanes lanes;
  int64_t count;                ///< lanes of a vector
  int64_t group = 1;            ///< vectors of results of a reduction at once
  SmallVector<int64_t> ranges;
  SmallVector<Value> position; ///< of each loop
  unsigned reductions;          ///< loops before the last one
  bool straight;                ///< reductions are written out

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
    if (isa<MemRefType>(source.getType()) && walkOf(op, operand) == Walk::Steps)
      return elements(b, operand, first, zeroes);
    if (isa<MemRefType>(source.getType()))
      source = memref::LoadOp::create(b, source, indicesOf(b, operand));
    return lanes.broadcast(b, source, zeroes);
  }

  /// Elements that lie apart; those behind the last one are the last one again.
  Value elements(ImplicitLocOpBuilder &b, OpOperand &operand, Value first, bool zeroes) {
    VectorType type = lanes.vectorOf(getElementTypeOrSelf(operand.get().getType()));
    Value at = position.back();
    SmallVector<Value> scalars;
    for (int64_t i = 0; i < count; ++i) {
      position.back() = plus(b, at, i);
      if (first)
        position.back() = arith::MinSIOp::create(b, position.back(), index(b, ranges.back() - 1));
      Value v = memref::LoadOp::create(b, operand.get(), indicesOf(b, operand));
      if (v.getType() != type.getElementType())
        v = zeroes ? arith::ExtUIOp::create(b, type.getElementType(), v).getResult()
                   : arith::ExtSIOp::create(b, type.getElementType(), v).getResult();
      scalars.push_back(v);
    }
    position.back() = at;
    return vector::FromElementsOp::create(b, type, scalars);
  }

  void store(ImplicitLocOpBuilder &b, ValueRange results, Value first) {
    for (auto [init, result] : llvm::zip_equal(op.getDpsInitsMutable(), results))
      arm_mve::StoreOp::create(b, result, init.get(), indicesOf(b, init), first);
  }

  /// The results of the body; `sums` are those so far, if any.
  SmallVector<Value> apply(ImplicitLocOpBuilder &b, Value first, ValueRange sums) {
    unsigned inputs = op.getNumDpsInputs();
    return lanes.evaluate(b, [&](unsigned i, bool zeroes) {
      return !sums.empty() && i >= inputs ? sums[i - inputs] : load(b, op->getOpOperand(i), first, zeroes);
    });
  }

  /// Calls `step` for every position of the reductions, with what it gave before.
  SmallVector<Value> reduce(ImplicitLocOpBuilder &b, unsigned loop, SmallVector<Value> sums,
                            llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> step) {
    if (loop + 1 == ranges.size())
      return step(b, sums);
    if (straight || ranges[loop] == 1) {
      for (int64_t i = 0; i < ranges[loop]; ++i) {
        position[loop] = index(b, i);
        sums = reduce(b, loop + 1, sums, step);
      }
      return sums;
    }
    auto made = scf::ForOp::create(b, index(b, 0), index(b, ranges[loop]), index(b, 1), sums);
    position[loop] = made.getInductionVar();
    ImplicitLocOpBuilder inner(b.getLoc(), made.getBody(), made.getBody()->end());
    SmallVector<Value> next = reduce(inner, loop + 1, SmallVector<Value>(made.getRegionIterArgs()), step);
    scf::YieldOp::create(inner, next);
    return SmallVector<Value>(made.getResults());
  }

  unsigned firstReduction() const { return ranges.size() - 1 - reductions; }

  /// `vectors` neighbouring vectors of results from `at` on.
  void reduction(ImplicitLocOpBuilder &b, Value at, int64_t vectors, Value first) {
    SmallVector<Value> starts, sums;
    for (int64_t i = 0; i < vectors; ++i) {
      starts.push_back(plus(b, at, i * count));
      position.back() = starts.back();
      for (OpOperand &init : op.getDpsInitsMutable())
        sums.push_back(load(b, init, first, false));
    }
    sums = reduce(b, firstReduction(), sums, [&](ImplicitLocOpBuilder &ib, ValueRange before) {
      SmallVector<Value> after;
      for (int64_t i = 0; i < vectors; ++i) {
        position.back() = starts[i];
        llvm::append_range(after, apply(ib, first, before.slice(i * op.getNumDpsInits(), op.getNumDpsInits())));
      }
      return after;
    });
    for (int64_t i = 0; i < vectors; ++i) {
      position.back() = starts[i];
      store(b, ValueRange(sums).slice(i * op.getNumDpsInits(), op.getNumDpsInits()), first);
    }
  }

  /// The same for sums that fit 16 bits: they are extended at the end, by way of `room`.
  void shortSums(ImplicitLocOpBuilder &b, Value at, int64_t vectors, Value first) {
    auto type = VectorType::get({count}, b.getI16Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    OpOperand &input = *op.getDpsInputOperand(termOperand());
    SmallVector<Value> starts, sums(vectors, zero);
    for (int64_t i = 0; i < vectors; ++i)
      starts.push_back(plus(b, at, i * count));
    sums = reduce(b, firstReduction(), sums, [&](ImplicitLocOpBuilder &ib, ValueRange before) {
      SmallVector<Value> after;
      for (int64_t i = 0; i < vectors; ++i) {
        position.back() = starts[i];
        Value term = arm_mve::LoadOp::create(ib, type, input.get(), indicesOf(ib, input), first, false);
        after.push_back(arith::AddIOp::create(ib, before[i], term));
      }
      return after;
    });
    OpOperand &init = *op.getDpsInitOperand(0);
    for (int64_t i = 0; i < vectors; ++i) {
      arm_mve::StoreOp::create(b, sums[i], room, writeAt, Value());
      for (int64_t half = 0; half < count; half += count / 2) {
        Value left = first;
        if (first && half) {
          // None of the second half is left where there are no more lanes than in the first.
          Value some = arith::MaxSIOp::create(b, first, index(b, half));
          left = arith::SubIOp::create(b, some, index(b, half));
        }
        position.back() = plus(b, starts[i], half);
        Value sum =
            arm_mve::LoadOp::create(b, lanes.vectorOf(b.getI32Type()), room, plus(b, readAt, half), Value(), false);
        sum = arith::AddIOp::create(b, sum, load(b, init, left, false));
        store(b, sum, left);
      }
    }
  }

  /// The argument that is summed.
  unsigned termOperand() {
    for (BlockArgument arg : op.getBody()->getArguments().drop_back())
      if (!arg.use_empty())
        return arg.getArgNumber();
    llvm_unreachable("the plan saw a term");
  }
  Value room, writeAt, readAt;

  void vectors(ImplicitLocOpBuilder &b, Value at, int64_t vectors, Value first) {
    if (room)
      return shortSums(b, at, vectors, first);
    if (reductions)
      return reduction(b, at, vectors, first);
    position.back() = at;
    store(b, apply(b, first, {}), first);
  }

  void row(ImplicitLocOpBuilder &b) {
    int64_t n = ranges.back(), rest = n % count, at = 0;
    if (group > 1) {
      int64_t step = group * count, whole = n / step * step;
      if (whole == step) {
        vectors(b, index(b, 0), group, Value());
      } else if (whole) {
        auto loop = scf::ForOp::create(b, index(b, 0), index(b, whole), index(b, step));
        ImplicitLocOpBuilder inner(b.getLoc(), loop.getBody()->getTerminator());
        vectors(inner, loop.getInductionVar(), group, Value());
      }
      at = whole;
    }
    if (n - at == 0)
      return;
    // A short row of several, or one vector.
    bool isShort = ranges.size() > 1 && reductions == 0 && !isForSize(op) && n - at <= kShortRow * count;
    if (n - at <= count || isShort) {
      for (; at < n; at += count)
        vectors(b, index(b, at), 1, n - at < count ? index(b, n - at) : Value());
      return;
    }
    auto loop = scf::ForOp::create(b, index(b, at), index(b, n), index(b, count));
    ImplicitLocOpBuilder inner(b.getLoc(), loop.getBody()->getTerminator());
    Value i = loop.getInductionVar();
    vectors(inner, i, 1, rest ? arith::SubIOp::create(inner, index(inner, n), i).getResult() : Value());
  }

  void emit(ImplicitLocOpBuilder &b, unsigned loop) {
    if (loop == firstReduction())
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

/// Positions of a window that are written out.
static constexpr int64_t kStraight = 12;

void kernels::mve::emit(linalg::GenericOp op, nn::KernelAttr kernel) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  bool isShort = kernel.getKind() == "mve_short_sums";
  int64_t bits = (isShort ? 256 : 128) / kernel.getLanes();
  Emitter emitter{op,
                  Lanes(*op.getBody(), bits),
                  kernel.getLanes(),
                  kernel.getColumns(),
                  op.getStaticLoopRanges(),
                  SmallVector<Value>(op.getNumLoops()),
                  op.getNumReductionLoops(),
                  !isForSize(op) && termsOf(op) <= kStraight,
                  Value(),
                  Value(),
                  Value()};
  if (isShort) {
    // Two names of element 0: LLVM would move lane by lane what it sees to be read
    // where it was written.
    emitter.room = memref::AllocaOp::create(b, MemRefType::get({kernel.getLanes()}, b.getI16Type()));
    emitter.writeAt = arm_mve::AnewOp::create(b, index(b, 0));
    emitter.readAt = arm_mve::AnewOp::create(b, index(b, 0));
  }
  emitter.emit(b, 0);
  op.erase();
}
