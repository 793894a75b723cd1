// This file replaces what is left of nn.quantize and nn.dequantize by elementwise
// operations. What dequantized tensors are only compared for is known from their integers.
#include "passes/Passes.h"

#include <cmath>

namespace dlc {
#define GEN_PASS_DEF_LOWERQUANTIZE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::DequantizeOp;
using dlc::nn::QuantizeOp;

namespace {
/// Parameters as operands of a generic: none when they are the same everywhere.
template <typename Op>
Value operandOf(PatternRewriter &b, Op op, ArrayRef<float> values) {
  if (op.isPerTensor())
    return {};
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, b.getF32Type());
  return arith::ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(type, values));
}

/// An elementwise operation on the input, with `body` given the element, the
/// scale and the zero point (as f32 values).
template <typename Op, typename Body>
void lower(PatternRewriter &b, Op op, Body body) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getType());
  SmallVector<float> scales(op.getScales().begin(), op.getScales().end()), zeros;
  for (int64_t z : op.getZeroPoints())
    zeros.push_back(z);
  SmallVector<Value> inputs{op.getInput()};
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps{identity};
  for (ArrayRef<float> values : {ArrayRef<float>(scales), ArrayRef<float>(zeros)})
    if (Value operand = operandOf(b, op, values)) {
      inputs.push_back(operand);
      maps.push_back(AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(*op.getAxis())));
    }
  maps.push_back(identity);
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, op.getInput()), type.getElementType());
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, type, inputs, init, maps, loops, [&](OpBuilder &inner, Location l, ValueRange v) {
        ImplicitLocOpBuilder ib(l, inner);
        auto number = [&](float f) -> Value {
          return arith::ConstantOp::create(ib, ib.getF32FloatAttr(f));
        };
        Value scale = op.isPerTensor() ? number(scales[0]) : v[1];
        Value zero = op.isPerTensor() ? (zeros[0] != 0 ? number(zeros[0]) : Value()) : v[2];
        linalg::YieldOp::create(ib, body(ib, v[0], scale, zero));
      });
  b.replaceOp(op, generic.getResult(0));
}

struct LowerQ : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Type storage = getElementTypeOrSelf(op.getType());
    lower(rewriter, op, [&](ImplicitLocOpBuilder &b, Value x, Value scale, Value zero) -> Value {
      Value y = math::RoundEvenOp::create(b, arith::DivFOp::create(b, x, scale));
      if (zero)
        y = arith::AddFOp::create(b, y, zero);
      // NaN compares false, so it becomes the lowest value.
      auto bound = [&](arith::CmpFPredicate better, int64_t limit) {
        Value c = arith::ConstantOp::create(b, b.getF32FloatAttr(limit));
        y = arith::SelectOp::create(b, arith::CmpFOp::create(b, better, y, c), y, c);
      };
      bound(arith::CmpFPredicate::OGT, op.getLo());
      bound(arith::CmpFPredicate::OLT, op.getHi());
      Value i = arith::FPToSIOp::create(b, b.getI32Type(), y);
      return arith::TruncIOp::create(b, storage, i);
    });
    return success();
  }
};

struct LowerDQ : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    lower(rewriter, op, [&](ImplicitLocOpBuilder &b, Value x, Value scale, Value zero) -> Value {
      Type i32 = b.getI32Type();
      Value y = op.isUnsigned() ? arith::ExtUIOp::create(b, i32, x).getResult()
                                : arith::ExtSIOp::create(b, i32, x).getResult();
      y = arith::SIToFPOp::create(b, b.getF32Type(), y);
      // Both are small integers: the difference is exact.
      if (zero)
        y = arith::SubFOp::create(b, y, zero);
      return arith::MulFOp::create(b, y, scale);
    });
    return success();
  }
};

/// The float that stored integer `q` stands for.
float dequantized(DequantizeOp dq, int64_t q) {
  return static_cast<float>(q - dq.getZeroPoints()[0]) * static_cast<float>(dq.getScales()[0]);
}

/// The smallest stored integer for which `holds`, which then holds for all larger ones;
/// hi + 1 when there is none.
int64_t firstStored(DequantizeOp dq, llvm::function_ref<bool(float)> holds) {
  int64_t low = static_cast<int64_t>(dq.getLo()), high = static_cast<int64_t>(dq.getHi()) + 1;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (holds(dequantized(dq, middle)))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

using Floats = arith::CmpFPredicate;
using Integers = arith::CmpIPredicate;

std::optional<Integers> onIntegers(Floats p) {
  switch (p) {
  case Floats::OEQ: return Integers::eq;
  case Floats::OLT: return Integers::slt;
  case Floats::OLE: return Integers::sle;
  case Floats::OGT: return Integers::sgt;
  case Floats::OGE: return Integers::sge;
  default: return std::nullopt;
  }
}

/// The integer that the stored one, on the left, is compared with where the float is with `c`.
int64_t thresholdOf(DequantizeOp dq, Integers p, float c) {
  int64_t least = static_cast<int64_t>(dq.getLo()), none = static_cast<int64_t>(dq.getHi()) + 1;
  bool less = p == Integers::slt || p == Integers::sle;
  if (std::isnan(c)) // no comparison holds
    return less ? least - 1 : none;
  int64_t reached = firstStored(dq, [&](float v) { return v >= c; });
  int64_t passed = firstStored(dq, [&](float v) { return v > c; });
  if (p == Integers::eq)
    return reached < passed ? reached : none;
  return p == Integers::slt || p == Integers::sge ? reached : passed - 1;
}

/// A comparison of dequantized tensors, or of one with constants, on the stored integers.
struct CompareStored : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 || op.getNumReductionLoops() != 0 ||
        op.getBody()->getOperations().size() != 2)
      return failure();
    auto compare = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::CmpFOp>();
    auto predicate = compare ? onIntegers(compare.getPredicate()) : std::nullopt;
    if (!predicate)
      return failure();
    unsigned at[2];
    DequantizeOp dq[2];
    for (auto [i, side] : llvm::enumerate(compare->getOperands())) {
      auto arg = dyn_cast<BlockArgument>(side);
      if (!arg || arg.getOwner() != op.getBody() || arg.getArgNumber() > 1)
        return failure();
      at[i] = arg.getArgNumber();
      dq[i] = op.getDpsInputs()[at[i]].getDefiningOp<DequantizeOp>();
      if (dq[i] && (!dq[i].isPerTensor() || dq[i].isUnsigned() || !(dq[i].getScales()[0] > 0x1p-126) ||
                    !(dq[i].getScales()[0] < 0x1p100)))
        return failure();
    }
    if (at[0] == at[1])
      return failure();
    SmallVector<Value> inputs(2);
    if (dq[0] && dq[1]) {
      if (!dq[0].sameParameters(dq[1]))
        return failure();
      inputs = {dq[0].getInput(), dq[1].getInput()};
    } else {
      unsigned side = dq[0] ? 0 : 1;
      DenseElementsAttr known;
      if (!dq[side] || !matchPattern(op.getDpsInputs()[at[1 - side]], m_Constant(&known)))
        return failure();
      Integers p = side == 0 ? *predicate : swapped(*predicate);
      int64_t lo = static_cast<int64_t>(dq[side].getLo()), hi = static_cast<int64_t>(dq[side].getHi());
      SmallVector<int32_t> limits;
      std::optional<bool> always;
      bool varies = false;
      for (float c : known.getValues<float>()) {
        int64_t limit = thresholdOf(dq[side], p, c);
        limits.push_back(static_cast<int32_t>(limit));
        bool low = apply(p, lo, limit), high = apply(p, hi, limit);
        varies |= low != high || (p == Integers::eq && limit <= hi) || (always && *always != low);
        always = low;
      }
      auto type = cast<RankedTensorType>(op.getResult(0).getType());
      if (!varies && always && type.hasStaticShape()) {
        rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, DenseElementsAttr::get(type, *always));
        return success();
      }
      inputs[side] = dq[side].getInput();
      inputs[1 - side] = arith::ConstantOp::create(
          rewriter, op.getLoc(),
          DenseElementsAttr::get(known.getType().clone(rewriter.getI32Type()), ArrayRef(limits)));
    }
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    auto integers = linalg::GenericOp::create(
        rewriter, op.getLoc(), op.getResult(0).getType(), inputs, op.getDpsInits()[0],
        ArrayRef<AffineMap>{maps[at[0]], maps[at[1]], maps[2]}, op.getIteratorTypesArray(),
        [&](OpBuilder &b, Location loc, ValueRange v) {
          auto wide = [&](Value x) -> Value {
            return x.getType().isInteger(32) ? x : arith::ExtSIOp::create(b, loc, b.getI32Type(), x).getResult();
          };
          Value holds = arith::CmpIOp::create(b, loc, *predicate, wide(v[0]), wide(v[1]));
          linalg::YieldOp::create(b, loc, holds);
        });
    rewriter.replaceOp(op, integers);
    return success();
  }

  static bool apply(Integers p, int64_t x, int64_t y) {
    switch (p) {
    case Integers::slt: return x < y;
    case Integers::sle: return x <= y;
    case Integers::sgt: return x > y;
    case Integers::sge: return x >= y;
    default: return x == y;
    }
  }
  static Integers swapped(Integers p) {
    switch (p) {
    case Integers::slt: return Integers::sgt;
    case Integers::sle: return Integers::sge;
    case Integers::sgt: return Integers::slt;
    case Integers::sge: return Integers::sle;
    default: return p;
    }
  }
};

struct LowerQuantize : dlc::impl::LowerQuantizeBase<LowerQuantize> {
  void runOnOperation() override {
    RewritePatternSet comparisons(&getContext());
    comparisons.add<CompareStored>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(comparisons))))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerQ, LowerDQ>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
