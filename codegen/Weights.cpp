// This file moves the weights of a model out of its object (--weights=external).
#include "codegen/Weights.h"

#include "codegen/LLVMModule.h"

#include "llvm/IR/Constants.h"
#include "llvm/Support/Alignment.h"

using namespace llvm;

namespace {
/// Appends the bytes of `constant` as they lie in memory of a little-endian
/// target; false for what has no bytes of its own (addresses).
bool appendBytes(const Constant *constant, const DataLayout &layout,
                 std::string &bytes) {
  if (constant->isNullValue()) {
    bytes.append(layout.getTypeAllocSize(constant->getType()), '\0');
    return true;
  }
  if (auto *data = dyn_cast<ConstantDataSequential>(constant)) {
    bytes += data->getRawDataValues();
    return true;
  }
  if (isa<ConstantArray>(constant)) {
    for (const Use &element : constant->operands())
      if (!appendBytes(cast<Constant>(element), layout, bytes))
        return false;
    return true;
  }
  APInt value;
  if (auto *integer = dyn_cast<ConstantInt>(constant))
    value = integer->getValue();
  else if (auto *real = dyn_cast<ConstantFP>(constant))
    value = real->getValueAPF().bitcastToAPInt();
  else
    return false;
  uint64_t size = layout.getTypeAllocSize(constant->getType());
  for (uint64_t i = 0; i < size; ++i)
    bytes += i * 8 < value.getBitWidth()
                 ? static_cast<char>(value.extractBitsAsZExtValue(
                       std::min<unsigned>(8, value.getBitWidth() - i * 8), i * 8))
                 : '\0';
  return true;
}
} // namespace

std::string dlc::codegen::extractWeights(Module &module, const ModelInfo &info) {
  const DataLayout &layout = module.getDataLayout();
  LLVMContext &context = module.getContext();
  std::string section = ".rodata." + info.name + ".weights", blob;
  SmallVector<std::pair<GlobalVariable *, uint64_t>> moved;
  for (GlobalVariable &global : module.globals()) {
    if (!global.hasInitializer() || global.getSection() != section ||
        layout.getTypeAllocSize(global.getValueType()) < dlc::codegen::kMovedBytes)
      continue;
    std::string bytes;
    if (!appendBytes(global.getInitializer(), layout, bytes))
      continue;
    blob.resize(alignTo(blob.size(), Align(kMovedAlign)), '\0');
    moved.push_back({&global, blob.size()});
    blob += bytes;
  }
  if (moved.empty())
    return blob;
  auto *type = ArrayType::get(Type::getInt8Ty(context), blob.size());
  auto *weights = new GlobalVariable(module, type, /*isConstant=*/true,
                                     GlobalValue::ExternalLinkage, nullptr,
                                     info.name + "_weights");
  weights->setAlignment(Align(kMovedAlign));
  for (auto [global, offset] : moved) {
    Constant *address = ConstantExpr::getInBoundsGetElementPtr(
        Type::getInt8Ty(context), weights,
        ConstantInt::get(layout.getIndexType(weights->getType()), offset));
    global->replaceAllUsesWith(address);
    global->eraseFromParent();
  }
  return blob;
}
