// This file converts the arm_mve dialect to LLVM's intrinsics.
#include "codegen/LowerMve.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace dlc;

namespace {
Value constant(ImplicitLocOpBuilder &b, int32_t v) {
  return LLVM::ConstantOp::create(b, b.getI32Type(), b.getI32IntegerAttr(v));
}

Value intrinsic(ImplicitLocOpBuilder &b, Type result, StringRef name, ValueRange args) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name), args)
      .getResults();
}

/// "v16i8" for vector<16xi8>.
std::string suffix(Type type) {
  auto vector = cast<VectorType>(type);
  return "v" + std::to_string(vector.getNumElements()) + "i" +
         std::to_string(vector.getElementTypeBitWidth());
}

struct LowerVmladava : ConvertOpToLLVMPattern<arm_mve::VmladavaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VmladavaOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value zero = constant(b, 0); // signed, no subtraction, no exchange
    rewriter.replaceOp(op, intrinsic(b, b.getI32Type(),
                                     "llvm.arm.mve.vmldava." + suffix(adaptor.getA().getType()),
                                     {zero, zero, zero, adaptor.getAcc(), adaptor.getA(),
                                      adaptor.getB()}));
    return success();
  }
};

struct LowerVmull : ConvertOpToLLVMPattern<arm_mve::VmullOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VmullOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, intrinsic(b, op.getType(), "llvm.arm.mve.vmull.v8i16.v16i8",
                                     {adaptor.getA(), adaptor.getB(), constant(b, 0),
                                      constant(b, op.getTop())}));
    return success();
  }
};

struct LowerVmovl : ConvertOpToLLVMPattern<arm_mve::VmovlOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VmovlOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto from = cast<VectorType>(adaptor.getA().getType());
    SmallVector<int32_t> lanes;
    for (int32_t i = op.getTop(); i < from.getNumElements(); i += 2)
      lanes.push_back(i);
    Value poison = LLVM::PoisonOp::create(b, from);
    Value half = LLVM::ShuffleVectorOp::create(b, adaptor.getA(), poison, lanes);
    rewriter.replaceOp(op, LLVM::SExtOp::create(b, op.getType(), half).getResult());
    return success();
  }
};

struct LowerVmulh : ConvertOpToLLVMPattern<arm_mve::VmulhOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VmulhOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, intrinsic(b, op.getType(), "llvm.arm.mve.vmulh.v4i32",
                                     {adaptor.getA(), adaptor.getB(), constant(b, 0)}));
    return success();
  }
};

struct LowerVqmovn : ConvertOpToLLVMPattern<arm_mve::VqmovnOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VqmovnOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    std::string types = suffix(op.getType()) + "." + suffix(adaptor.getA().getType());
    Value zero = constant(b, 0), top = constant(b, op.getTop());
    Value result =
        op.getShift() == 0
            // signed to signed
            ? intrinsic(b, op.getType(), "llvm.arm.mve.vqmovn." + types,
                        {adaptor.getInto(), adaptor.getA(), zero, zero, top})
            // saturating, rounding, signed to signed
            : intrinsic(b, op.getType(), "llvm.arm.mve.vshrn." + types,
                        {adaptor.getInto(), adaptor.getA(), constant(b, op.getShift()),
                         constant(b, 1), constant(b, 1), zero, zero, top});
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct LowerVqadd : ConvertOpToLLVMPattern<arm_mve::VqaddOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::VqaddOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::SAddSat>(op, op.getType(), adaptor.getA(), adaptor.getB());
    return success();
  }
};

/// The predicate of the first `count` lanes.
Value firstLanes(ImplicitLocOpBuilder &b, VectorType type, Value count) {
  int64_t lanes = type.getNumElements();
  if (count.getType() != b.getI32Type())
    count = LLVM::TruncOp::create(b, b.getI32Type(), count);
  return intrinsic(b, VectorType::get({lanes}, b.getI1Type()),
                   "llvm.arm.mve.vctp" + std::to_string(128 / lanes), count);
}

unsigned alignOf(MemRefType memory) { return memory.getElementTypeBitWidth() / 8; }

VectorType inMemory(Type vector, MemRefType memory) {
  return VectorType::get(cast<VectorType>(vector).getShape(), memory.getElementType());
}

struct LowerLoad : ConvertOpToLLVMPattern<arm_mve::LoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::LoadOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto memory = cast<MemRefType>(op.getBase().getType());
    auto type = cast<VectorType>(op.getType());
    Value pointer = getStridedElementPtr(rewriter, op.getLoc(), memory, adaptor.getBase(),
                                         adaptor.getIndices());
    if (op.getWords()) {
      auto words = VectorType::get({4}, b.getI32Type());
      Value loaded = LLVM::LoadOp::create(b, words, pointer, /*alignment=*/4);
      rewriter.replaceOp(op, LLVM::BitcastOp::create(b, type, loaded).getResult());
      return success();
    }
    VectorType narrow = inMemory(type, memory);
    Value loaded;
    if (Value count = adaptor.getFirst()) {
      Value zero = LLVM::ZeroOp::create(b, narrow);
      loaded = LLVM::MaskedLoadOp::create(b, narrow, pointer, firstLanes(b, type, count),
                                          zero, alignOf(memory));
    } else {
      loaded = LLVM::LoadOp::create(b, narrow, pointer, alignOf(memory));
    }
    if (narrow != type)
      loaded = LLVM::SExtOp::create(b, type, loaded);
    rewriter.replaceOp(op, loaded);
    return success();
  }
};

struct LowerStore : ConvertOpToLLVMPattern<arm_mve::StoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::StoreOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto memory = cast<MemRefType>(op.getBase().getType());
    auto type = cast<VectorType>(adaptor.getValue().getType());
    Value pointer = getStridedElementPtr(rewriter, op.getLoc(), memory, adaptor.getBase(),
                                         adaptor.getIndices());
    Value value = adaptor.getValue();
    if (VectorType narrow = inMemory(type, memory); narrow != type)
      value = LLVM::TruncOp::create(b, narrow, value);
    if (Value count = adaptor.getFirst())
      LLVM::MaskedStoreOp::create(b, value, pointer, firstLanes(b, type, count),
                                  alignOf(memory));
    else
      LLVM::StoreOp::create(b, value, pointer, alignOf(memory));
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerVld4 : ConvertOpToLLVMPattern<arm_mve::Vld4Op> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(arm_mve::Vld4Op op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto memory = cast<MemRefType>(op.getBase().getType());
    Value pointer = getStridedElementPtr(rewriter, op.getLoc(), memory, adaptor.getBase(),
                                         adaptor.getIndices());
    Type one = op.getR0().getType();
    auto four = LLVM::LLVMStructType::getLiteral(op.getContext(), {one, one, one, one});
    Value loaded = intrinsic(b, four, "llvm.arm.mve.vld4q.v4i32.p0", pointer);
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void codegen::populateMveToLLVMPatterns(const LLVMTypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<LowerVmladava, LowerVmull, LowerVmovl, LowerVmulh, LowerVqmovn, LowerVqadd, LowerLoad,
               LowerStore, LowerVld4>(converter);
}
