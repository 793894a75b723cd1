// This file expands float operations that a target has no instruction for.
#include "codegen/ExpandFloats.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"

using namespace mlir;
using namespace dlc;

namespace {
/// `type`, or vectors of its shape, with another element type.
Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

/// Integer arithmetic on scalars or vectors alike.
struct Bits {
  ImplicitLocOpBuilder b;
  Type shape;
  Bits(PatternRewriter &rewriter, Location loc, Type shape)
      : b(loc, rewriter), shape(shape) {}

  Type i(unsigned width) { return withElement(shape, b.getIntegerType(width)); }
  Type f32() { return withElement(shape, b.getF32Type()); }
  Type f64() { return withElement(shape, b.getF64Type()); }
  Value constant(uint64_t value, unsigned width = 32) {
    auto attr = b.getIntegerAttr(b.getIntegerType(width),
                                 APInt(width, value, false, true));
    if (auto vector = dyn_cast<VectorType>(i(width)))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, attr));
    return arith::ConstantOp::create(b, attr);
  }
  Value constantF32(float value) {
    auto attr = b.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(f32()))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, attr));
    return arith::ConstantOp::create(b, attr);
  }
  template <typename Op> Value op(Value x, Value y) { return Op::create(b, x, y); }
  Value cast(Type type, Value x) { return arith::BitcastOp::create(b, type, x); }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, c, x, y);
  }
  Value compare(arith::CmpIPredicate p, Value x, Value y) {
    return arith::CmpIOp::create(b, p, x, y);
  }
};

bool isFormat(Type type, function_ref<bool(Type)> format) {
  return format(getElementTypeOrSelf(type));
}

/// f16 -> f32: the exponent is rebased by a multiplication with 2^112, which also
/// normalizes subnormal numbers; infinities and NaNs are patched.
struct ExtendHalf : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isFormat(op.getIn().getType(), [](Type t) { return t.isF16(); }) ||
        !isFormat(op.getType(), [](Type t) { return t.isF32(); }))
      return rewriter.notifyMatchFailure(op, "not f16 to f32");
    Bits x(rewriter, op.getLoc(), op.getType());
    Value half = arith::ExtUIOp::create(x.b, x.i(32), x.cast(x.i(16), op.getIn()));
    Value sign = x.op<arith::ShLIOp>(
        x.op<arith::AndIOp>(half, x.constant(0x8000)), x.constant(16));
    Value magnitude = x.op<arith::AndIOp>(half, x.constant(0x7fff));
    Value shifted = x.op<arith::ShLIOp>(magnitude, x.constant(13));
    Value rebased = x.op<arith::MulFOp>(x.cast(x.f32(), shifted),
                                        x.constantF32(0x1p112f));
    Value finite = x.cast(x.i(32), rebased);
    Value special = x.op<arith::OrIOp>(shifted, x.constant(0x7f800000));
    Value isSpecial = x.compare(arith::CmpIPredicate::uge, magnitude,
                                x.constant(0x7c00));
    Value bits = x.op<arith::OrIOp>(x.select(isSpecial, special, finite), sign);
    rewriter.replaceOp(op, x.cast(op.getType(), bits));
    return success();
  }
};

/// f32 -> f16, to nearest, ties to even.
struct TruncateToHalf : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isFormat(op.getIn().getType(), [](Type t) { return t.isF32(); }) ||
        !isFormat(op.getType(), [](Type t) { return t.isF16(); }))
      return rewriter.notifyMatchFailure(op, "not f32 to f16");
    Bits x(rewriter, op.getLoc(), op.getType());
    Value bits = x.cast(x.i(32), op.getIn());
    Value sign = x.op<arith::AndIOp>(bits, x.constant(0x80000000));
    Value magnitude = x.op<arith::XOrIOp>(bits, sign);
    // Subnormal results: adding 0.5 lets the FPU shift and round the mantissa.
    Value magic = x.constant(0x3f000000);
    Value sum = x.op<arith::AddFOp>(x.cast(x.f32(), magnitude), x.constantF32(0.5f));
    Value small = x.op<arith::SubIOp>(x.cast(x.i(32), sum), magic);
    // Normal ones: rebase the exponent, add half an ulp (less one when even).
    Value odd = x.op<arith::AndIOp>(
        x.op<arith::ShRUIOp>(magnitude, x.constant(13)), x.constant(1));
    Value rebased = x.op<arith::AddIOp>(magnitude, x.constant(0xc8000fffu));
    Value normal = x.op<arith::ShRUIOp>(x.op<arith::AddIOp>(rebased, odd),
                                        x.constant(13));
    Value isNan =
        x.compare(arith::CmpIPredicate::ugt, magnitude, x.constant(0x7f800000));
    Value large = x.select(isNan, x.constant(0x7e00), x.constant(0x7c00));
    Value isLarge =
        x.compare(arith::CmpIPredicate::uge, magnitude, x.constant(0x47800000));
    Value isSmall =
        x.compare(arith::CmpIPredicate::ult, magnitude, x.constant(0x38800000));
    Value result = x.select(isLarge, large, x.select(isSmall, small, normal));
    result = x.op<arith::OrIOp>(result,
                                x.op<arith::ShRUIOp>(sign, x.constant(16)));
    Value half = arith::TruncIOp::create(x.b, x.i(16), result);
    rewriter.replaceOp(op, x.cast(op.getType(), half));
    return success();
  }
};

bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

/// Half formats -> f64 in two exact steps.
struct ExtendToDouble : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isFormat(op.getIn().getType(), isHalf) ||
        !isFormat(op.getType(), [](Type t) { return t.isF64(); }))
      return rewriter.notifyMatchFailure(op, "not half to f64");
    Value single = arith::ExtFOp::create(
        rewriter, op.getLoc(), withElement(op.getType(), rewriter.getF32Type()),
        op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), single);
    return success();
  }
};

/// f64 -> half formats through f32 rounded to odd, so that the second rounding
/// sees what the first one dropped.
struct TruncateDouble : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isFormat(op.getIn().getType(), [](Type t) { return t.isF64(); }) ||
        !isFormat(op.getType(), isHalf))
      return rewriter.notifyMatchFailure(op, "not f64 to half");
    Bits x(rewriter, op.getLoc(), op.getType());
    Value wide = op.getIn();
    Value single = arith::TruncFOp::create(x.b, x.f32(), wide);
    Value back = arith::ExtFOp::create(x.b, x.f64(), single);
    Value bits = x.cast(x.i(32), single);
    Value inexact = arith::CmpFOp::create(x.b, arith::CmpFPredicate::ONE, back, wide);
    // Magnitudes compare as integers without the sign.
    Value mask = x.constant(0x7fffffffffffffffull, 64);
    Value grew = x.compare(
        arith::CmpIPredicate::ugt, x.op<arith::AndIOp>(x.cast(x.i(64), back), mask),
        x.op<arith::AndIOp>(x.cast(x.i(64), wide), mask));
    Value towardZero =
        x.select(grew, x.op<arith::SubIOp>(bits, x.constant(1)), bits);
    Value odd = x.op<arith::OrIOp>(towardZero, x.constant(1));
    Value rounded = x.cast(x.f32(), x.select(inexact, odd, bits));
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), rounded);
    return success();
  }
};

/// Minimum and maximum of a vector's lanes, one after the other.
struct ReduceByLanes : OpRewritePattern<vector::ReductionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::ReductionOp op,
                                PatternRewriter &rewriter) const override {
    using Kind = vector::CombiningKind;
    VectorType type = op.getSourceVectorType();
    Kind kind = op.getKind();
    bool isExtremum = kind == Kind::MAXIMUMF || kind == Kind::MINIMUMF ||
                      kind == Kind::MAXNUMF || kind == Kind::MINNUMF;
    if (!isExtremum || type.isScalable() || type.getRank() != 1)
      return rewriter.notifyMatchFailure(op, "not a float extremum of fixed length");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value result = op.getAcc();
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      Value lane = vector::ExtractOp::create(b, op.getVector(), i);
      if (!result)
        result = lane;
      else if (kind == Kind::MAXIMUMF)
        result = arith::MaximumFOp::create(b, result, lane);
      else if (kind == Kind::MINIMUMF)
        result = arith::MinimumFOp::create(b, result, lane);
      else if (kind == Kind::MAXNUMF)
        result = arith::MaxNumFOp::create(b, result, lane);
      else
        result = arith::MinNumFOp::create(b, result, lane);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

bool codegen::isStoredAsInteger(Type type, rt::TargetAttr target) {
  return (type.isBF16() && !target.getBf16()) ||
         (type.isF16() && !target.getConvertF16());
}

void codegen::populateExpandFloatsPatterns(RewritePatternSet &patterns,
                                           rt::TargetAttr target) {
  patterns.add<ExtendToDouble, TruncateDouble>(patterns.getContext());
  arith::populateExpandBFloat16Patterns(patterns);
  if (!target.getConvertF16())
    patterns.add<ExtendHalf, TruncateToHalf>(patterns.getContext());
  // NEON and x86 have instructions; elsewhere LLVM may call fmaxf and the like.
  if (target.getIsa() == "scalar" || target.getIsa() == "mve") {
    patterns.add<ReduceByLanes>(patterns.getContext());
    arith::populateArithExpandOpsPatterns(patterns);
  }
}
