// This file lowers the arm_dsp dialect to LLVM's intrinsics.
#include "codegen/ArmDSPToLLVM.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
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
    rewriter.replaceOp(op, intrinsic(rewriter, op.getLoc(), name, adaptor.getOperands()));
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
} // namespace

void codegen::populateArmDSPToLLVMPatterns(LLVMTypeConverter &converter,
                                           RewritePatternSet &patterns) {
  patterns.add<MultiplyAddPattern<arm_dsp::SmladOp>, MultiplyAddPattern<arm_dsp::SmlabbOp>,
               MultiplyAddPattern<arm_dsp::SmlabtOp>, MultiplyAddPattern<arm_dsp::SmlatbOp>,
               MultiplyAddPattern<arm_dsp::SmlattOp>, Sxtb16Pattern, LoadPattern>(converter);
}
