// LLVM's TargetMachine for the #rt.target of a module.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace dlc::codegen {
/// What to spend: -Ospeed, -Osize, -Oram (code is generated as for speed, the
/// RAM is saved by the passes).
enum class OptimizeFor { Speed, Size, Ram };

/// The machine that generates code for `module`'s target. Firmware is linked at
/// fixed addresses; hosted code is position independent, so that it serves
/// executables and shared libraries alike.
mlir::FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(mlir::ModuleOp module, OptimizeFor optimizeFor);
} // namespace dlc::codegen
