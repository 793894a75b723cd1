// This file lets dlc_parallel_for call what consists of parts.
#include "codegen/ParallelCalls.h"

#include "dialects/RT/RT.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace dlc;

namespace {
LLVM::LLVMFuncOp runtimeFunction(ModuleOp module, Type index) {
  constexpr StringLiteral kName = "dlc_parallel_for";
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(kName))
    return known;
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()),
                                          {pointer, pointer, index});
  return LLVM::LLVMFuncOp::create(b, module.getLoc(), kName, type);
}

Value fieldOf(ImplicitLocOpBuilder &b, LLVM::LLVMStructType type, Value structure, int32_t field) {
  return LLVM::GEPOp::create(b, structure.getType(), type, structure,
                             ArrayRef<LLVM::GEPArg>{0, field});
}

/// void task(void *context, size_t index): the part `index` with the arguments in
/// `context`.
LLVM::LLVMFuncOp taskOf(LLVM::LLVMFuncOp part, LLVM::LLVMStructType arguments, Type index) {
  ImplicitLocOpBuilder b(part.getLoc(), part);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, index});
  auto task = LLVM::LLVMFuncOp::create(b, (part.getName() + "_task").str(), type,
                                       LLVM::Linkage::Internal);
  Block *body = task.addEntryBlock(b);
  b.setInsertionPointToStart(body);
  SmallVector<Value> operands{body->getArgument(1)};
  for (auto [i, field] : llvm::enumerate(arguments.getBody()))
    operands.push_back(
        LLVM::LoadOp::create(b, field, fieldOf(b, arguments, body->getArgument(0), i)));
  LLVM::CallOp::create(b, part, operands);
  LLVM::ReturnOp::create(b, ValueRange());
  return task;
}
} // namespace

void codegen::lowerParallelCalls(ModuleOp module) {
  SymbolTable symbols(module);
  SmallVector<std::pair<LLVM::CallOp, LLVM::LLVMFuncOp>> calls;
  module.walk([&](LLVM::CallOp call) {
    auto callee = call.getCallee() ? symbols.lookup<LLVM::LLVMFuncOp>(*call.getCallee())
                                   : LLVM::LLVMFuncOp();
    if (callee && callee->hasAttr(rt::kTasks))
      calls.push_back({call, callee});
  });
  for (auto [call, part] : calls) {
    ImplicitLocOpBuilder b(call.getLoc(), call);
    auto operands = call.getArgOperands();
    Type index = operands.front().getType();
    auto arguments = LLVM::LLVMStructType::getLiteral(
        b.getContext(), llvm::to_vector(operands.drop_front().getTypes()));
    LLVM::LLVMFuncOp task = taskOf(part, arguments, index);
    Value one = LLVM::ConstantOp::create(b, b.getI32Type(), b.getI32IntegerAttr(1));
    Value context = LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), arguments, one);
    for (auto [i, v] : llvm::enumerate(operands.drop_front()))
      LLVM::StoreOp::create(b, v, fieldOf(b, arguments, context, i));
    Value count = LLVM::ConstantOp::create(
        b, index, b.getIntegerAttr(index, part->getAttrOfType<IntegerAttr>(rt::kTasks).getInt()));
    LLVM::CallOp::create(b, runtimeFunction(module, index),
                         ValueRange{LLVM::AddressOfOp::create(b, task), context, count});
    call.erase();
  }
}
