// The last IR to one standalone C++17 file.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace dlc::codegen {
/// Prints `module` as C++17 that needs nothing but runtime-lite's headers and
/// computes bit for bit what the object computes. Fails with an error at the
/// operation when the module holds something that has no C++; what was printed
/// until then is worthless. With `profile`, the hooks of dlc_runtime.h are called
/// around every layer. With `weights`, larger constants are read at the external
/// symbol NAME_weights; what has to lie there is stored in `weights`, and is what
/// the object's weights are.
mlir::LogicalResult emitCpp(mlir::ModuleOp module, llvm::raw_ostream &os,
                            bool profile = false, std::string *weights = nullptr);
} // namespace dlc::codegen
