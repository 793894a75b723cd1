// The last IR to one standalone C++17 file.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace dlc::codegen {
/// Prints `module` as C++17 that needs nothing but runtime-lite's headers and
/// computes bit for bit what the object computes. Fails with an error at the
/// operation when the module holds something that has no C++; what was printed
/// until then is worthless. With `profile`, the hooks of dlc_runtime.h are called
/// around every layer. Weights are always embedded.
mlir::LogicalResult emitCpp(mlir::ModuleOp module, llvm::raw_ostream &os,
                            bool profile = false);
} // namespace dlc::codegen
