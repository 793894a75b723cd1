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

/// The pattern of one operation: `lower` returns what replaces its results. `at` is
/// the address of an element.
using Address = llvm::function_ref<Value(Value memref, Value converted, ValueRange indices)>;
template <typename OpTy> struct Lower : ConvertOpToLLVMPattern<OpTy> {
  using Build = SmallVector<Value> (*)(ImplicitLocOpBuilder &, OpTy, typename OpTy::Adaptor,
                                       Address);
  Lower(const LLVMTypeConverter &converter, Build build)
      : ConvertOpToLLVMPattern<OpTy>(converter), build(build) {}
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto at = [&](Value memref, Value converted, ValueRange indices) {
      return this->getStridedElementPtr(rewriter, op.getLoc(), cast<MemRefType>(memref.getType()),
                                        converted, indices);
    };
    rewriter.replaceOp(op, build(b, op, adaptor, at));
    return success();
  }
  Build build;
};

template <typename OpTy>
void add(RewritePatternSet &patterns, const LLVMTypeConverter &converter,
         typename Lower<OpTy>::Build build) {
  patterns.add<Lower<OpTy>>(converter, build);
}

SmallVector<Value> lowerVmovl(ImplicitLocOpBuilder &b, arm_mve::VmovlOp op,
                              arm_mve::VmovlOp::Adaptor adaptor, Address) {
  auto from = cast<VectorType>(adaptor.getA().getType());
  SmallVector<int32_t> lanes;
  for (int32_t i = op.getTop(); i < from.getNumElements(); i += 2)
    lanes.push_back(i);
  Value poison = LLVM::PoisonOp::create(b, from);
  Value half = LLVM::ShuffleVectorOp::create(b, adaptor.getA(), poison, lanes);
  return {LLVM::SExtOp::create(b, op.getType(), half)};
}

SmallVector<Value> lowerVqmovn(ImplicitLocOpBuilder &b, arm_mve::VqmovnOp op,
                               arm_mve::VqmovnOp::Adaptor adaptor, Address) {
  std::string types = suffix(op.getType()) + "." + suffix(adaptor.getA().getType());
  Value zero = constant(b, 0), top = constant(b, op.getTop());
  if (op.getShift() == 0) // signed to signed
    return {intrinsic(b, op.getType(), "llvm.arm.mve.vqmovn." + types,
                      {adaptor.getInto(), adaptor.getA(), zero, zero, top})};
  // Saturating, rounding, signed to signed.
  return {intrinsic(b, op.getType(), "llvm.arm.mve.vshrn." + types,
                    {adaptor.getInto(), adaptor.getA(), constant(b, op.getShift()), constant(b, 1),
                     constant(b, 1), zero, zero, top})};
}

SmallVector<Value> lowerLoad(ImplicitLocOpBuilder &b, arm_mve::LoadOp op,
                             arm_mve::LoadOp::Adaptor adaptor, Address at) {
  auto memory = cast<MemRefType>(op.getBase().getType());
  auto type = cast<VectorType>(op.getType());
  Value pointer = at(op.getBase(), adaptor.getBase(), adaptor.getIndices());
  if (op.getWords()) {
    auto words = VectorType::get({4}, b.getI32Type());
    Value loaded = LLVM::LoadOp::create(b, words, pointer, /*alignment=*/4);
    return {LLVM::BitcastOp::create(b, type, loaded)};
  }
  VectorType narrow = inMemory(type, memory);
  Value loaded;
  if (Value count = adaptor.getFirst()) {
    Value zero = LLVM::ZeroOp::create(b, narrow);
    loaded = LLVM::MaskedLoadOp::create(b, narrow, pointer, firstLanes(b, type, count), zero,
                                        alignOf(memory));
  } else {
    loaded = LLVM::LoadOp::create(b, narrow, pointer, alignOf(memory));
  }
  if (narrow != type)
    loaded = op.getZeroes() ? LLVM::ZExtOp::create(b, type, loaded).getResult()
                            : LLVM::SExtOp::create(b, type, loaded).getResult();
  return {loaded};
}

SmallVector<Value> lowerStore(ImplicitLocOpBuilder &b, arm_mve::StoreOp op,
                              arm_mve::StoreOp::Adaptor adaptor, Address at) {
  auto memory = cast<MemRefType>(op.getBase().getType());
  auto type = cast<VectorType>(adaptor.getValue().getType());
  Value pointer = at(op.getBase(), adaptor.getBase(), adaptor.getIndices());
  Value value = adaptor.getValue();
  if (VectorType narrow = inMemory(type, memory); narrow != type)
    value = LLVM::TruncOp::create(b, narrow, value);
  if (Value count = adaptor.getFirst())
    LLVM::MaskedStoreOp::create(b, value, pointer, firstLanes(b, type, count), alignOf(memory));
  else
    LLVM::StoreOp::create(b, value, pointer, alignOf(memory));
  return {};
}

SmallVector<Value> lowerVld4(ImplicitLocOpBuilder &b, arm_mve::Vld4Op op,
                             arm_mve::Vld4Op::Adaptor adaptor, Address at) {
  Type one = op.getR0().getType();
  auto four = LLVM::LLVMStructType::getLiteral(op.getContext(), {one, one, one, one});
  Value loaded = intrinsic(b, four, "llvm.arm.mve.vld4q.v4i32.p0",
                           at(op.getBase(), adaptor.getBase(), adaptor.getIndices()));
  SmallVector<Value> results;
  for (int64_t i = 0; i < 4; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
  return results;
}

/// Inline assembly: its outputs are all operands, of which pointers are inputs, too.
SmallVector<Value> lowerDot(ImplicitLocOpBuilder &b, arm_mve::DotOp op,
                            arm_mve::DotOp::Adaptor adaptor, Address at) {
  using Operand = arm_mve::DotOp::Operand;
  Value inputs = at(op.getInputs(), adaptor.getInputs(), adaptor.getInputAt());
  Value weights = at(op.getWeights(), adaptor.getWeights(), adaptor.getWeightAt());
  SmallVector<Operand> kinds = op.getAssemblyOperands();
  SmallVector<Type> types;
  SmallVector<Value> tied;
  std::string outputs, ties;
  for (auto [i, kind] : llvm::enumerate(kinds)) {
    bool isVector = kind == Operand::Result || kind == Operand::Vector;
    bool isPointer = kind == Operand::Inputs || kind == Operand::Weights;
    outputs += isVector                             ? "=&w,"
               : kind == Operand::Sum               ? "=&^Te,"
               : kind != Operand::Sum && op.extends(kind) ? "=&l,"
                                                    : "=&r,";
    if (isPointer) {
      tied.push_back(kind == Operand::Inputs ? inputs : weights);
      types.push_back(tied.back().getType());
      ties += std::to_string(i) + ",";
    } else {
      types.push_back(isVector ? op.getResult(0).getType() : Type(b.getI32Type()));
    }
  }
  std::string assembly = op.getAssembly([&](int64_t i) {
    bool isVector = kinds[i] == Operand::Result || kinds[i] == Operand::Vector;
    return isVector ? "${" + std::to_string(i) + ":q}" : "$" + std::to_string(i);
  });
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  auto made = LLVM::InlineAsmOp::create(
      b, result, tied, assembly, outputs + ties + (op.changesLr() ? "~{lr}," : "") + "~{memory},~{cc}",
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr(), ArrayAttr());
  SmallVector<Value> results;
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, made.getResult(0), i));
  return results;
}
} // namespace

void codegen::populateMveToLLVMPatterns(const LLVMTypeConverter &converter,
                                        RewritePatternSet &patterns) {
  using namespace arm_mve;
  using Builder = ImplicitLocOpBuilder;
  add<VmladavaOp>(patterns, converter, [](Builder &b, VmladavaOp op, VmladavaOp::Adaptor adaptor,
                                          Address) -> SmallVector<Value> {
    Value zero = constant(b, 0); // signed, no subtraction, no exchange
    return {intrinsic(b, op.getType(), "llvm.arm.mve.vmldava." + suffix(adaptor.getA().getType()),
                      {zero, zero, zero, adaptor.getAcc(), adaptor.getA(), adaptor.getB()})};
  });
  add<VmullOp>(patterns, converter, [](Builder &b, VmullOp op, VmullOp::Adaptor adaptor,
                                       Address) -> SmallVector<Value> {
    std::string types = suffix(op.getType()) + "." + suffix(adaptor.getA().getType());
    return {intrinsic(b, op.getType(), "llvm.arm.mve.vmull." + types,
                      {adaptor.getA(), adaptor.getB(), constant(b, 0), constant(b, op.getTop())})};
  });
  add<VmulhOp>(patterns, converter, [](Builder &b, VmulhOp op, VmulhOp::Adaptor adaptor,
                                       Address) -> SmallVector<Value> {
    return {intrinsic(b, op.getType(), "llvm.arm.mve.vmulh.v4i32",
                      {adaptor.getA(), adaptor.getB(), constant(b, 0)})};
  });
  add<VqaddOp>(patterns, converter, [](Builder &b, VqaddOp op, VqaddOp::Adaptor adaptor,
                                       Address) -> SmallVector<Value> {
    return {LLVM::SAddSat::create(b, op.getType(), adaptor.getA(), adaptor.getB())};
  });
  add<AnewOp>(patterns, converter, [](Builder &b, AnewOp op, AnewOp::Adaptor adaptor,
                                      Address) -> SmallVector<Value> {
    Value index = adaptor.getIndex();
    return {LLVM::InlineAsmOp::create(b, index.getType(), index, "", "=r,0",
                                      /*has_side_effects=*/true, /*is_align_stack=*/false,
                                      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
                .getResult(0)};
  });
  add<VmovlOp>(patterns, converter, lowerVmovl);
  add<VqmovnOp>(patterns, converter, lowerVqmovn);
  add<LoadOp>(patterns, converter, lowerLoad);
  add<StoreOp>(patterns, converter, lowerStore);
  add<Vld4Op>(patterns, converter, lowerVld4);
  add<DotOp>(patterns, converter, lowerDot);
}
