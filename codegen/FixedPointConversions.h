// Conversions between integers and scaled floats in the form that LLVM's Helium backend encodes rightly.
#pragma once

#include "llvm/IR/PassManager.h"

namespace dlc::codegen {

/// Keeps vectors of integers that become floats, and floats that become integers, apart from
/// their product with a power of two. LLVM 22 makes one VCVT of both, whose immediate it takes for
/// the number of a register where the same constant lies in one.
struct FixedPointConversions : llvm::PassInfoMixin<FixedPointConversions> {
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &);
};

} // namespace dlc::codegen
