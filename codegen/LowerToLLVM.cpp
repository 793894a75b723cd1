// This file lowers the last IR to the LLVM dialect.
#include "codegen/LowerToLLVM.h"

#include "codegen/ArmDSPToLLVM.h"
#include "codegen/ExpandFloats.h"
#include "codegen/LowerMve.h"
#include "codegen/ParallelCalls.h"
#include "codegen/TargetMachine.h"
#include "dialects/RT/Loops.h"
#include "dialects/RT/RT.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ArmNeon/ArmNeonDialect.h"
#include "mlir/Dialect/ArmSVE/IR/ArmSVEDialect.h"
#include "mlir/Dialect/ArmSVE/Transforms/Transforms.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace dlc;

namespace {
/// Vector operations of more than one dimension, or without an instruction of
/// their own, to those that map to LLVM one to one.
void populateVectorLowerings(RewritePatternSet &patterns) {
  vector::populateVectorToVectorCanonicalizationPatterns(patterns);
  vector::populateVectorBitCastLoweringPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorContractLoweringPatterns(
      patterns, vector::VectorContractLowering::OuterProduct);
  vector::populateVectorOuterProductLoweringPatterns(patterns);
  vector::populateVectorMaskOpLoweringPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInterleaveLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(
      patterns, vector::VectorTransposeLowering::EltWise);
  vector::populateVectorTransferLoweringPatterns(patterns,
                                                 /*maxTransferRank=*/1);
  vector::populateVectorMultiReductionLoweringPatterns(
      patterns, vector::VectorMultiReductionLowering::InnerParallel);
  vector::populateVectorMaskMaterializationPatterns(
      patterns, /*force32BitVectorIndices=*/true);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorRankReducingFMAPattern(patterns);
  vector::populateVectorGatherLoweringPatterns(patterns);
  vector::populateVectorFromElementsUnrollPatterns(patterns);
  vector::populateVectorToElementsUnrollPatterns(patterns);
}

/// Constants of a float type that travels as an integer.
struct ConstantAsInteger : OpConversionPattern<arith::ConstantOp> {
  ConstantAsInteger(const TypeConverter &converter, MLIRContext *context)
      : OpConversionPattern(converter, context, /*benefit=*/10) {}
  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isa<FloatType>(getElementTypeOrSelf(op.getType())))
      return rewriter.notifyMatchFailure(op, "not a float");
    Type converted = getTypeConverter()->convertType(
        getElementTypeOrSelf(op.getType()));
    if (!isa<IntegerType>(converted))
      return rewriter.notifyMatchFailure(op, "a float of the target");
    TypedAttr bits;
    if (auto scalar = dyn_cast<FloatAttr>(op.getValue()))
      bits = rewriter.getIntegerAttr(converted, scalar.getValue().bitcastToAPInt());
    else if (auto dense = dyn_cast<DenseElementsAttr>(op.getValue()))
      bits = dense.bitcast(converted);
    else
      return rewriter.notifyMatchFailure(op, "not dense");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, bits);
    return success();
  }
};

/// The same for weights.
struct GlobalAsInteger : OpConversionPattern<memref::GlobalOp> {
  GlobalAsInteger(const TypeConverter &converter, MLIRContext *context,
                  SymbolTableCollection &symbols)
      : OpConversionPattern(converter, context, /*benefit=*/10),
        symbols(symbols) {}
  LogicalResult
  matchAndRewrite(memref::GlobalOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MemRefType type = op.getType();
    Type converted = getTypeConverter()->convertType(type.getElementType());
    if (!isa<FloatType>(type.getElementType()) || !isa<IntegerType>(converted))
      return rewriter.notifyMatchFailure(op, "a type of the target");
    auto bitsType = RankedTensorType::get(type.getShape(), converted);
    Attribute bits;
    Attribute value = op.getInitialValueAttr();
    if (auto dense = dyn_cast_or_null<DenseElementsAttr>(value))
      bits = dense.bitcast(converted);
    else if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(value)) {
      AsmResourceBlob *blob = resource.getRawHandle().getBlob();
      if (!blob)
        return op.emitError() << "constant has no data";
      bits = DenseElementsAttr::getFromRawBuffer(bitsType, blob->getData());
    } else {
      return op.emitError() << "constant has no dense value";
    }
    // Upstream's lowering of the new one renames what collides in the table.
    SymbolTable &table = symbols.getSymbolTable(op->getParentOp());
    table.remove(op);
    table.insert(rewriter.replaceOpWithNewOp<memref::GlobalOp>(
        op, op.getSymNameAttr(), op.getSymVisibilityAttr(),
        TypeAttr::get(MemRefType::get(type.getShape(), converted)), bits,
        op.getConstantAttr(), op.getAlignmentAttr()));
    return success();
  }

  SymbolTableCollection &symbols;
};

/// Everything that is left, in one conversion with one type converter, so that
/// `index` has the width of the target everywhere.
struct ConvertLastIRToLLVM
    : PassWrapper<ConvertLastIRToLLVM, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertLastIRToLLVM)
  explicit ConvertLastIRToLLVM(std::string layout) : layout(std::move(layout)) {}
  StringRef getArgument() const override { return "dlc-convert-last-ir-to-llvm"; }
  StringRef getDescription() const override {
    return "convert the last IR to the LLVM dialect";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    rt::TargetAttr target = rt::targetOf(getOperation());
    {
      RewritePatternSet patterns(context);
      populateVectorLowerings(patterns);
      codegen::populateExpandFloatsPatterns(patterns, target);
      arith::populateCeilFloorDivExpandOpsPatterns(patterns);
      if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
        return signalPassFailure();
    }
    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    options.allocLowering = LowerToLLVMOptions::AllocLowering::None;
    options.dataLayout = llvm::DataLayout(layout);
    options.overrideIndexBitwidth(target.getIndexBits());
    LLVMTypeConverter converter(context, options);
    converter.addConversion([=](FloatType type) -> std::optional<Type> {
      if (!codegen::isStoredAsInteger(type, target))
        return std::nullopt;
      return IntegerType::get(type.getContext(), type.getWidth());
    });
    RewritePatternSet patterns(context);
    SymbolTableCollection symbols;
    patterns.add<ConstantAsInteger>(converter, context);
    patterns.add<GlobalAsInteger>(converter, context, symbols);
    populateFuncToLLVMConversionPatterns(converter, patterns, &symbols);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns, &symbols);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    if (target.getDsp())
      codegen::populateArmDSPToLLVMPatterns(converter, patterns,
                                             target.getVectorBits() != 0);
    populateVectorToLLVMConversionPatterns(converter, patterns,
                                           /*reassociateFPReductions=*/false,
                                           /*force32BitVectorIndices=*/true);
    codegen::populateMveToLLVMPatterns(converter, patterns);
    LLVMConversionTarget legality(*context);
    legality.addLegalDialect<arm_neon::ArmNeonDialect>();
    legality.addLegalOp<ModuleOp>();
    if (target.getIsa() == "sve") {
      populateArmSVELegalizeForLLVMExportPatterns(converter, patterns);
      configureArmSVELegalizeForExportTarget(legality);
    }
    if (failed(applyFullConversion(getOperation(), legality, std::move(patterns))))
      signalPassFailure();
  }

  std::string layout;
};
} // namespace

LogicalResult codegen::lowerToLLVM(ModuleOp module) {
  auto target = module->getAttrOfType<rt::TargetAttr>(rt::kTarget);
  if (!target)
    return module.emitError() << "module has no '" << rt::kTarget
                              << "' attribute";
  auto machine = createTargetMachine(module, OptimizeFor::Speed);
  if (failed(machine))
    return failure();
  std::string layout = (*machine)->createDataLayout().getStringRepresentation();
  if (failed(prepareLastIR(module)))
    return failure();

  module.walk([](scf::ForOp loop) {
    if (!loop->hasAttr(rt::kRolled))
      return;
    auto unroll = LLVM::LoopUnrollAttr::get(loop.getContext(), BoolAttr::get(loop.getContext(), true), {},
                                            {}, {}, {}, {}, {});
    loop->setAttr("loop_annotation",
                  LLVM::LoopAnnotationAttr::get(loop.getContext(), {}, {}, {}, unroll, {}, {}, {}, {}, {}, {},
                                                {}, {}, {}, {}, {}));
  });
  PassManager manager(module->getContext(), ModuleOp::getOperationName());
  // Fails when the program has not registered MLIR's debugging options.
  (void)applyPassManagerCLOptions(manager);
  OpPassManager &functions = manager.nest<func::FuncOp>();
  // Arithmetic on formats that are for storage only happens in f32.
  arith::ArithEmulateUnsupportedFloatsOptions storage{{"bf16"}, "f32"};
  math::MathExtendToSupportedTypesOptions supported{{}, "f32"};
  if (target.getArithF16())
    supported.extraTypeStrs.push_back("f16");
  else
    storage.sourceTypeStrs.push_back("f16");
  functions.addPass(arith::createArithEmulateUnsupportedFloats(storage));
  functions.addPass(math::createMathExtendToSupportedTypes(supported));
  // Transfers of several dimensions to loops; the last IR has none of its own,
  // they come from hand-written modules only.
  functions.addPass(createConvertVectorToSCFPass());
  functions.addPass(memref::createExpandOpsPass());
  // Subviews become offsets of their base: descriptors in the converted code
  // then carry no chain of inserts for LLVM to see through.
  functions.addPass(memref::createExpandStridedMetadataPass());
  functions.addPass(createLowerAffinePass());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(createCanonicalizerPass());
  manager.addPass(std::make_unique<ConvertLastIRToLLVM>(layout));
  manager.addPass(createCanonicalizerPass());
  if (failed(manager.run(module)))
    return failure();
  codegen::lowerParallelCalls(module);
  module->setAttr(LLVM::LLVMDialect::getDataLayoutAttrName(),
                  StringAttr::get(module->getContext(), layout));
  module->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
                  StringAttr::get(module->getContext(), target.getTriple()));
  return success();
}
