// Writes everything that --emit asks for.
#pragma once

#include "compiler/Options.h"

#include "mlir/IR/BuiltinOps.h"

namespace dlc {

/// Writes the files of options.emit next to each other as PREFIX.*, all or
/// none. Returns an exit code (Driver.h); errors go to standard error.
int emitAll(mlir::ModuleOp module, const CompileOptions &options);

} // namespace dlc
