// Addresses of gathers and scatters in the form that LLVM's Helium backend reads rightly.
#pragma once

#include "llvm/IR/PassManager.h"

namespace dlc::codegen {

/// Vectors of addresses that are moved by scalars become scalar addresses with a vector
/// of offsets. LLVM 22 folds the former into nothing: base 0, and a loop without an end. Offsets that
/// advance by 512 bytes are hidden from it.
struct GatherAddresses : llvm::PassInfoMixin<GatherAddresses> {
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &);
};

} // namespace dlc::codegen
