// This file writes everything that --emit asks for.
#include "compiler/Emit.h"

#include "compiler/Driver.h"

#include "llvm/Support/raw_ostream.h"

int dlc::emitAll(mlir::ModuleOp module, const CompileOptions &options) {
  llvm::errs() << "dlc-compile: error: emission is not linked in\n";
  return kDefect;
}
