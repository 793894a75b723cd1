// This file copies functions that several layers call, one copy for each.
#include "codegen/SeparateLayers.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace dlc;

namespace {
/// The copies of one layer.
class Copies {
public:
  Copies(const llvm::StringSet<> &layers, std::string suffix) : layers(layers), suffix(std::move(suffix)) {}

  /// Makes `function` and what it calls call copies.
  void redirect(llvm::Function &function) {
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : block) {
        auto *call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        llvm::Function *callee = call ? call->getCalledFunction() : nullptr;
        if (callee && !callee->isDeclaration() && callee->hasLocalLinkage() && !layers.contains(callee->getName()))
          call->setCalledFunction(copyOf(*callee));
      }
  }

private:
  llvm::Function *copyOf(llvm::Function &callee) {
    if (made.contains(&callee))
      return &callee;
    llvm::Function *&copy = copies[&callee];
    if (copy)
      return copy;
    llvm::ValueToValueMapTy map;
    copy = llvm::CloneFunction(&callee, map);
    llvm::Function *result = copy;
    result->setName(callee.getName() + suffix);
    if (callee.hasSection())
      result->setSection((callee.getSection() + suffix).str());
    made.insert(result);
    redirect(*result);
    return result;
  }

  const llvm::StringSet<> &layers;
  std::string suffix;
  llvm::DenseMap<llvm::Function *, llvm::Function *> copies;
  llvm::SmallPtrSet<llvm::Function *, 8> made;
};
} // namespace

void codegen::separateLayers(llvm::Module &module, const ModelInfo &info) {
  llvm::StringSet<> layers;
  for (const LayerInfo &layer : info.layers)
    layers.insert(layer.function);
  llvm::SmallVector<llvm::Function *> shared;
  for (llvm::Function &function : module)
    if (!function.isDeclaration() && function.hasLocalLinkage() && !layers.contains(function.getName()))
      shared.push_back(&function);
  llvm::StringSet<> done;
  for (const LayerInfo &layer : info.layers) {
    llvm::Function *function = module.getFunction(layer.function);
    if (!function || function->isDeclaration() || !done.insert(layer.function).second)
      continue;
    llvm::StringRef name = layer.function;
    name.consume_front(info.name);
    Copies(layers, name.str()).redirect(*function);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (llvm::Function *&function : shared)
      if (function && function->use_empty()) {
        function->eraseFromParent();
        function = nullptr;
        changed = true;
      }
  }
}
