// The driver: import, stages, emission of all requested files.
#pragma once

#include "compiler/Options.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace dlc {

class DiagnosticsHandler;

/// Exit codes of CONTRACT.md.
enum ExitCode : int { kOk = 0, kBadModel = 1, kBadUsage = 2, kDefect = 3 };

/// Compiles as the options say and writes the files. Errors go to standard
/// error. Returns an exit code. No file is left behind on failure.
int compile(const CompileOptions &options);

/// Everything up to the last IR (the input of codegen), in memory.
/// `exitCode` is set when the result is null.
mlir::OwningOpRef<mlir::ModuleOp> compileToLastIR(mlir::MLIRContext &context,
                                                  const CompileOptions &options,
                                                  DiagnosticsHandler &diagnostics,
                                                  int &exitCode);

} // namespace dlc
