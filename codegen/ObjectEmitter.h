// The last IR to object, assembly and LLVM text.
#pragma once

#include "codegen/ModelInfo.h"
#include "codegen/TargetMachine.h"
#include "llvm/ADT/SmallVector.h"

namespace dlc::codegen {
struct EmitOptions {
  OptimizeFor optimizeFor = OptimizeFor::Speed;
  /// Calls dlc_profile_begin and dlc_profile_end around every layer, and puts the
  /// table of layers (names, nodes, macs) into the descriptor.
  bool profile = false;
  /// Gives every layer copies of the functions that it shares with others.
  bool separateLayers = false;
  /// Leaves the weights out of the object: CompiledModel::weights.
  bool externalWeights = false;
  bool assembly = false; ///< fill CompiledModel::assembly
  bool llvm = false;     ///< fill CompiledModel::llvm
};

/// The outputs of one compilation, all of the same code, and what was read back
/// from the object.
struct CompiledModel {
  llvm::SmallVector<char, 0> object;
  std::string assembly, llvm;
  /// With externalWeights, what the user provides as `const unsigned char
  /// NAME_weights[]`, aligned to 16 bytes.
  std::string weights;
  uint64_t codeBytes = 0;    ///< all else that is loaded: code, tables, descriptor
  uint64_t weightsBytes = 0; ///< section .rodata.NAME.weights
  /// The deepest chain of frames from the entry down, without the support
  /// routines that the object does not define.
  uint64_t stackBytes = 0;
  std::vector<std::string> undefinedSymbols; ///< sorted
};

/// Compiles a module of the last IR, which stays as it is. Diagnostics, crashes
/// and fatal errors of LLVM become errors on the module.
mlir::FailureOr<CompiledModel> compileModel(mlir::ModuleOp module,
                                            const ModelInfo &info,
                                            const EmitOptions &options);
} // namespace dlc::codegen
