// This file lowers the arm_dsp dialect to LLVM's intrinsics.
#include "codegen/ArmDSPToLLVM.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace dlc;

namespace {
Value intrinsic(OpBuilder &b, Location loc, StringRef name, ValueRange args) {
  return LLVM::CallIntrinsicOp::create(b, loc, b.getI32Type(), b.getStringAttr(name), args)
      ->getResult(0);
}

/// arm_dsp.NAME to llvm.arm.NAME.
template <typename Op> struct MultiplyAddPattern : ConvertOpToLLVMPattern<Op> {
  using ConvertOpToLLVMPattern<Op>::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    std::string name = ("llvm.arm." + op->getName().stripDialect()).str();
    rewriter.replaceOp(op, LLVM::CallIntrinsicOp::create(rewriter, op.getLoc(), op.getType(),
                                                         rewriter.getStringAttr(name),
                                                         adaptor.getOperands()));
    return success();
  }
};

struct Sxtb16Pattern : ConvertOpToLLVMPattern<arm_dsp::Sxtb16Op> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_dsp::Sxtb16Op op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    if (op.getRotation()) { // a funnel shift of x with itself, which folds into SXTB16
      Value by = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32Type(),
                                          rewriter.getI32IntegerAttr(op.getRotation()));
      x = LLVM::FshrOp::create(rewriter, loc, x, x, by);
    }
    rewriter.replaceOp(op, intrinsic(rewriter, loc, "llvm.arm.sxtb16", x));
    return success();
  }
};

struct LoadPattern : ConvertOpToLLVMPattern<arm_dsp::LoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_dsp::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value address = getStridedElementPtr(rewriter, op.getLoc(), op.getBytes().getType(),
                                         adaptor.getBytes(), adaptor.getAt());
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, rewriter.getI32Type(), address,
                                              /*alignment=*/1);
    return success();
  }
};

/// arm_dsp.dot to inline assembly: outputs are the sums, the two pointers and the
/// temporaries, of which sums and pointers are inputs, too.
struct DotPattern : ConvertOpToLLVMPattern<arm_dsp::DotOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_dsp::DotOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<Value> operands(adaptor.getSums());
    operands.push_back(getStridedElementPtr(rewriter, loc, op.getWeights().getType(),
                                            adaptor.getWeights(), adaptor.getWeightAt()));
    operands.push_back(getStridedElementPtr(rewriter, loc, op.getInputs().getType(),
                                            adaptor.getInputs(), adaptor.getInputAt()));
    int64_t sums = op.getSums().size(), outputs = operands.size() + op.countTemporaries();
    std::string constraints;
    SmallVector<Type> types;
    for (int64_t i = 0; i < outputs; ++i) {
      constraints += "=&r,";
      types.push_back(i < int64_t(operands.size()) ? operands[i].getType()
                                                    : Type(rewriter.getI32Type()));
    }
    for (size_t i = 0; i < operands.size(); ++i)
      constraints += std::to_string(i) + ",";
    if (adaptor.getCount()) {
      constraints += std::to_string(op.getCountOperand()) + ",";
      operands.push_back(adaptor.getCount());
    }
    constraints += "~{memory},~{cc}";
    auto result = LLVM::LLVMStructType::getLiteral(op.getContext(), types);
    auto assembly = LLVM::InlineAsmOp::create(
        rewriter, loc, result, operands,
        op.getAssembly([](int64_t i) { return "$" + std::to_string(i); }), constraints,
        /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
        LLVM::AsmDialectAttr(), ArrayAttr());
    SmallVector<Value> results;
    for (int64_t i = 0; i < sums; ++i)
      results.push_back(LLVM::ExtractValueOp::create(rewriter, loc, assembly.getResult(0), i));
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// The upper half of a product with a constant, or with one that is an argument. Left to
/// itself LLVM makes an unsigned product of it and corrects that; products of two other
/// variables it knows as SMMUL.
struct MultiplyHighPattern : ConvertOpToLLVMPattern<arith::MulSIExtendedOp> {
  MultiplyHighPattern(const LLVMTypeConverter &converter)
      : ConvertOpToLLVMPattern(converter, /*benefit=*/10) {}
  LogicalResult matchAndRewrite(arith::MulSIExtendedOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto isNumber = [](Value v) { return getConstantIntValue(v) || isa<BlockArgument>(v); };
    if (!op.getLow().getType().isInteger(32) || !op.getLow().use_empty() ||
        (!isNumber(op.getLhs()) && !isNumber(op.getRhs())))
      return rewriter.notifyMatchFailure(op, "not the upper half of a product with a constant");
    Location loc = op.getLoc();
    auto assembly = LLVM::InlineAsmOp::create(
        rewriter, loc, rewriter.getI32Type(), adaptor.getOperands(), "smmul $0, $1, $2",
        "=r,r,r", /*has_side_effects=*/false, /*is_align_stack=*/false,
        LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
    Value none = LLVM::PoisonOp::create(rewriter, loc, rewriter.getI32Type());
    rewriter.replaceOp(op, {none, assembly.getResult(0)});
    return success();
  }
};
} // namespace

void codegen::populateArmDSPToLLVMPatterns(LLVMTypeConverter &converter,
                                           RewritePatternSet &patterns, bool vectors) {
  if (!vectors) // LLVM makes vectors of what it understands
    patterns.add<MultiplyHighPattern>(converter);
  patterns.add<MultiplyAddPattern<arm_dsp::SmladOp>, MultiplyAddPattern<arm_dsp::SmlaldOp>, MultiplyAddPattern<arm_dsp::SmlabbOp>,
               MultiplyAddPattern<arm_dsp::SmlabtOp>, MultiplyAddPattern<arm_dsp::SmlatbOp>,
               MultiplyAddPattern<arm_dsp::SmlattOp>, Sxtb16Pattern, LoadPattern,
               DotPattern>(converter);
}
