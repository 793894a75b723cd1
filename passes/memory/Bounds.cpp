// This file bounds sizes by interval arithmetic over the operations that compute them.
#include "passes/memory/Bounds.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using dlc::memory::Interval;

namespace {
int64_t clamp(__int128 v) {
  return static_cast<int64_t>(
      std::clamp<__int128>(v, Interval::kMin, Interval::kMax));
}
/// Keeps an end without a bound what it is.
int64_t addEnds(int64_t a, int64_t b, int64_t infinity) {
  return a == infinity || b == infinity ? infinity
                                        : clamp(static_cast<__int128>(a) + b);
}
Interval add(Interval a, Interval b) {
  return {addEnds(a.low, b.low, Interval::kMin),
          addEnds(a.high, b.high, Interval::kMax)};
}
Interval negate(Interval a) { return {clamp(-static_cast<__int128>(a.high)),
                                      clamp(-static_cast<__int128>(a.low))}; }
template <typename Fn> Interval corners(Interval a, Interval b, Fn fn) {
  Interval r{Interval::kMax, Interval::kMin};
  for (int64_t x : {a.low, a.high})
    for (int64_t y : {b.low, b.high}) {
      int64_t v = clamp(fn(x, y));
      r.low = std::min(r.low, v);
      r.high = std::max(r.high, v);
    }
  return r;
}
Interval multiply(Interval a, Interval b) {
  return corners(a, b, [](__int128 x, __int128 y) -> __int128 {
    return x * y;
  });
}
/// Quotients by a divisor >= 1, whatever the rounding (`up` and `down` by one
/// where the rounding may go there); by others nothing is known.
Interval divide(Interval a, Interval b, bool up, bool down) {
  if (b.low < 1)
    return {};
  auto quotient = [&](int64_t x, int64_t y) -> __int128 {
    if (x == Interval::kMin || x == Interval::kMax)
      return x;
    int64_t q = x / y, rest = x % y;
    return q + (up && rest > 0) - (down && rest < 0);
  };
  return corners(a, b, quotient);
}
Interval join(Interval a, Interval b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}
Interval minimum(Interval a, Interval b) {
  return {std::min(a.low, b.low), std::min(a.high, b.high)};
}
Interval maximum(Interval a, Interval b) {
  return {std::max(a.low, b.low), std::max(a.high, b.high)};
}
Interval point(int64_t v) { return {v, v}; }

/// Walks from a value to what it is computed from. A size that a loop hands on
/// unchanged is what it was before the loop; one that it computes anew from the
/// old one has no bound.
class Walk {
public:
  Interval value(Value v) {
    if (auto constant = getConstantIntValue(v))
      return point(clamp(*constant));
    if (depth > 200 || !v.getType().isIntOrIndex())
      return {};
    ++depth, ++level;
    Interval result = compute(v);
    --depth, --level;
    return result;
  }
  Interval value(OpFoldResult v) {
    if (auto constant = getConstantIntValue(v))
      return point(clamp(*constant));
    return value(cast<Value>(v));
  }

  Interval dim(Value shaped, int64_t d) {
    auto type = dyn_cast<ShapedType>(shaped.getType());
    if (!type || !type.hasRank() || d < 0 || d >= type.getRank())
      return {0, Interval::kMax};
    if (!type.isDynamicDim(d))
      return point(type.getDimSize(d));
    Interval result{0, Interval::kMax};
    auto [it, isNew] = open.try_emplace({shaped, d}, level);
    if (!isNew) // a loop: its own value contributes nothing when not changed
      return it->second == level ? Interval{Interval::kMax, Interval::kMin} : result;
    if (++depth <= 200)
      result = computeDim(shaped, d);
    --depth;
    open.erase({shaped, d});
    // Sizes are not negative; an empty interval (only loops) stays empty.
    if (result.low <= result.high) {
      result.low = std::max<int64_t>(result.low, 0);
      result.high = std::max<int64_t>(result.high, 0);
    }
    return result;
  }

private:
  Interval compute(Value v) {
    if (auto argument = dyn_cast<BlockArgument>(v)) {
      auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop || argument != loop.getInductionVar())
        return {};
      return {value(loop.getLowerBound()).low,
              addEnds(value(loop.getUpperBound()).high, -1, Interval::kMax)};
    }
    Operation *op = v.getDefiningOp();
    auto lhs = [&] { return value(op->getOperand(0)); };
    auto rhs = [&] { return value(op->getOperand(1)); };
    // What unsigned operations give for operands that may be negative is large.
    auto bothNatural = [&] { return lhs().low >= 0 && rhs().low >= 0; };
    if (isa<arith::AddIOp>(op))
      return add(lhs(), rhs());
    if (isa<arith::SubIOp>(op))
      return op->getOperand(0) == op->getOperand(1) ? point(0)
                                                    : add(lhs(), negate(rhs()));
    if (isa<arith::MulIOp>(op))
      return multiply(lhs(), rhs());
    if (isa<arith::DivSIOp>(op))
      return divide(lhs(), rhs(), false, false);
    if (isa<arith::FloorDivSIOp>(op))
      return divide(lhs(), rhs(), false, true);
    if (isa<arith::CeilDivSIOp>(op))
      return divide(lhs(), rhs(), true, false);
    if (isa<arith::DivUIOp>(op) && bothNatural())
      return divide(lhs(), rhs(), false, false);
    if (isa<arith::CeilDivUIOp>(op) && bothNatural())
      return divide(lhs(), rhs(), true, false);
    if (isa<arith::RemSIOp, arith::RemUIOp>(op) && bothNatural())
      return {0, std::min(lhs().high, addEnds(rhs().high, -1, Interval::kMax))};
    if (isa<arith::MinSIOp>(op))
      return minimum(lhs(), rhs());
    if (isa<arith::MaxSIOp>(op))
      return maximum(lhs(), rhs());
    if (isa<arith::MinUIOp>(op)) {
      // Below the smaller one of those that are not negative.
      Interval a = lhs(), b = rhs();
      if (a.low >= 0 && b.low >= 0)
        return minimum(a, b);
      return a.low >= 0 ? Interval{0, a.high} : b.low >= 0 ? Interval{0, b.high} : Interval{};
    }
    if (isa<arith::MaxUIOp>(op) && bothNatural())
      return maximum(lhs(), rhs());
    if (auto select = dyn_cast<arith::SelectOp>(op))
      return join(value(select.getTrueValue()), value(select.getFalseValue()));
    if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
      return lhs();
    if (isa<arith::IndexCastUIOp, arith::ExtUIOp>(op)) {
      Interval from = lhs();
      unsigned width = op->getOperand(0).getType().isIndex()
                           ? 64
                           : op->getOperand(0).getType().getIntOrFloatBitWidth();
      if (from.low >= 0)
        return from;
      return width < 62 ? Interval{0, (int64_t(1) << width) - 1} : Interval{};
    }
    if (isa<arith::TruncIOp>(op)) {
      Interval from = lhs();
      unsigned width = v.getType().getIntOrFloatBitWidth();
      int64_t half = width < 62 ? int64_t(1) << (width - 1) : Interval::kMax;
      if (from.low >= -half && from.high < half)
        return from;
      return width < 62 ? Interval{-half, half - 1} : Interval{};
    }
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
      return expression(apply.getAffineMap().getResult(0), apply.getAffineMap(),
                        apply.getMapOperands());
    if (isa<affine::AffineMinOp, affine::AffineMaxOp>(op)) {
      bool isMin = isa<affine::AffineMinOp>(op);
      AffineMap map = isMin ? cast<affine::AffineMinOp>(op).getAffineMap()
                            : cast<affine::AffineMaxOp>(op).getAffineMap();
      std::optional<Interval> result;
      for (AffineExpr e : map.getResults()) {
        Interval next = expression(e, map, op->getOperands());
        result = !result ? next : isMin ? minimum(*result, next) : maximum(*result, next);
      }
      return result.value_or(Interval{});
    }
    if (auto size = dyn_cast<tensor::DimOp>(op))
      return sizeOp(size.getSource(), size.getConstantIndex());
    if (auto size = dyn_cast<memref::DimOp>(op))
      return sizeOp(size.getSource(), size.getConstantIndex());
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      unsigned i = cast<OpResult>(v).getResultNumber();
      return branch.elseBlock() ? join(value(branch.thenYield().getOperand(i)),
                                       value(branch.elseYield().getOperand(i)))
                                : Interval{};
    }
    if (auto integer = dyn_cast<IntegerType>(v.getType());
        integer && integer.getWidth() < 32) {
      // Loaded from a tensor of small integers.
      int64_t half = int64_t(1) << (integer.getWidth() - 1);
      return {-half, half - 1};
    }
    return {};
  }

  Interval sizeOp(Value source, std::optional<int64_t> index) {
    return index ? dim(source, *index) : Interval{0, Interval::kMax};
  }

  Interval expression(AffineExpr e, AffineMap map, ValueRange operands) {
    switch (e.getKind()) {
    case AffineExprKind::Constant:
      return point(cast<AffineConstantExpr>(e).getValue());
    case AffineExprKind::DimId:
      return value(operands[cast<AffineDimExpr>(e).getPosition()]);
    case AffineExprKind::SymbolId:
      return value(operands[map.getNumDims() + cast<AffineSymbolExpr>(e).getPosition()]);
    default:
      break;
    }
    auto binary = cast<AffineBinaryOpExpr>(e);
    Interval a = expression(binary.getLHS(), map, operands),
             b = expression(binary.getRHS(), map, operands);
    switch (e.getKind()) {
    case AffineExprKind::Add:
      return add(a, b);
    case AffineExprKind::Mul:
      return multiply(a, b);
    case AffineExprKind::FloorDiv:
      return divide(a, b, false, true);
    case AffineExprKind::CeilDiv:
      return divide(a, b, true, false);
    case AffineExprKind::Mod:
      return b.low > 0 ? Interval{0, b.isBounded() ? b.high - 1 : b.high} : Interval{};
    default:
      return {};
    }
  }

  Interval computeDim(Value shaped, int64_t d) {
    Interval unknown{0, Interval::kMax};
    if (auto argument = dyn_cast<BlockArgument>(shaped)) {
      auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop || argument == loop.getInductionVar())
        return unknown;
      return carried(loop, argument.getArgNumber() - 1, d);
    }
    Operation *op = shaped.getDefiningOp();
    auto mixed = [&](auto sizes) { return value(sizes[d]); };
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return mixed(empty.getMixedSizes());
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      return value(alloc.getDynamicSizes()[alloc.getType().getDynamicDimIndex(d)]);
    if (auto view = dyn_cast<memref::ViewOp>(op))
      return value(view.getSizes()[view.getType().getDynamicDimIndex(d)]);
    if (auto cut = dyn_cast<tensor::ExtractSliceOp>(op))
      return slice(cut.getMixedSizes(), cut.getDroppedDims(), d);
    if (auto cut = dyn_cast<memref::SubViewOp>(op))
      return slice(cut.getMixedSizes(), cut.getDroppedDims(), d);
    if (auto again = dyn_cast<memref::ReinterpretCastOp>(op))
      return mixed(again.getMixedSizes());
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return mixed(expand.getMixedOutputShape());
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op))
      return mixed(expand.getMixedOutputShape());
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      return product(collapse.getSrc(), collapse.getReassociationIndices()[d]);
    if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op))
      return product(collapse.getSrc(), collapse.getReassociationIndices()[d]);
    if (auto reshape = dyn_cast<tensor::ReshapeOp>(op)) {
      auto made = reshape.getShape().getDefiningOp<tensor::FromElementsOp>();
      return made ? value(made.getElements()[d]) : unknown;
    }
    if (auto pad = dyn_cast<tensor::PadOp>(op))
      return add(part(pad.getSource(), d),
                 add(value(pad.getMixedLowPad()[d]), value(pad.getMixedHighPad()[d])));
    if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
      Interval sum = point(0);
      for (Value input : concat.getInputs())
        if (static_cast<int64_t>(concat.getDim()) == d)
          sum = add(sum, part(input, d));
        else
          return dim(input, d);
      return sum;
    }
    if (auto generate = dyn_cast<tensor::GenerateOp>(op))
      return value(generate.getDynamicExtents()[generate.getType().getDynamicDimIndex(d)]);
    if (isa<tensor::CastOp, memref::CastOp, bufferization::ToTensorOp,
            bufferization::ToBufferOp>(op))
      return dim(op->getOperand(0), d);
    if (auto insert = dyn_cast<tensor::InsertOp>(op))
      return dim(insert.getDest(), d);
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      unsigned i = cast<OpResult>(shaped).getResultNumber();
      return join(dim(branch.thenYield().getOperand(i), d),
                  dim(branch.elseYield().getOperand(i), d));
    }
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return carried(loop, cast<OpResult>(shaped).getResultNumber(), d);
    if (auto select = dyn_cast<arith::SelectOp>(op))
      return join(dim(select.getTrueValue(), d), dim(select.getFalseValue(), d));
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
      return dim(destination.getTiedOpOperand(cast<OpResult>(shaped))->get(), d);
    return unknown;
  }

  /// What a loop carries: the initial value and what the rounds hand on.
  Interval carried(scf::ForOp loop, unsigned i, int64_t d) {
    auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
    return join(dim(loop.getInitArgs()[i], d), dim(yield.getOperand(i), d));
  }

  Interval slice(ArrayRef<OpFoldResult> sizes, llvm::SmallBitVector dropped, int64_t d) {
    for (auto [i, size] : llvm::enumerate(sizes))
      if (!dropped.test(i) && d-- == 0)
        return value(size);
    return {0, Interval::kMax};
  }

  Interval product(Value source, ArrayRef<int64_t> dims) {
    Interval result = point(1);
    for (int64_t d : dims)
      result = multiply(result, part(source, d));
    return result;
  }

  /// A size that another one is computed from.
  Interval part(Value source, int64_t d) {
    ++level;
    Interval result = dim(source, d);
    --level;
    return result;
  }

  /// Sizes that the walk is in the middle of, with the number of computations
  /// around them.
  llvm::DenseMap<std::pair<Value, int64_t>, int> open;
  int depth = 0, level = 0;
};
} // namespace

Interval dlc::memory::intervalOf(Value value) { return Walk().value(value); }

Interval dlc::memory::intervalOfDim(Value shaped, int64_t dim) {
  Interval result = Walk().dim(shaped, dim);
  return result.low <= result.high ? result : Interval{0, Interval::kMax};
}
