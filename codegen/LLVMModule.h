// The LLVM module of a model: sections, attributes, descriptor; its optimization.
#pragma once

#include "codegen/ObjectEmitter.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Module.h"

namespace dlc::codegen {
/// Translates the LLVM dialect to LLVM IR and gives functions and constants
/// their linkage, sections and attributes.
std::unique_ptr<llvm::Module> translateToLLVM(mlir::ModuleOp lowered,
                                              llvm::LLVMContext &context,
                                              const ModelInfo &info,
                                              const EmitOptions &options,
                                              llvm::TargetMachine &machine);

/// Adds `const dlc_model NAME_model`, as in dlc_abi.h, and the adapter from the
/// generic call to the entry function; the profiling hooks when asked for. False
/// when the calls to layers are not those that `info` lists.
bool addDescriptor(llvm::Module &module, const ModelInfo &info,
                   const EmitOptions &options, bool hosted);

/// Moves weights out of `module`, which then reads them at the external symbol
/// NAME_weights, and returns its contents (aligned to 16 bytes).
std::string extractWeights(llvm::Module &module, const ModelInfo &info);

/// Runs LLVM's pipeline for what is to be spent.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              const EmitOptions &options, bool hosted);

/// The library functions that generated code may call: none but mem*.
llvm::TargetLibraryInfoImpl libraryFunctions(const llvm::Triple &triple);
} // namespace dlc::codegen
