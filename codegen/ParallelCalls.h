// Calls of functions that consist of parts, as parallel loops of the runtime.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace dlc::codegen {

/// In the LLVM dialect: each call of a function with `rt.tasks` = N becomes
/// dlc_parallel_for(task, context, N) (runtime-lite), `context` being a structure
/// on the stack that holds the arguments, `task` a function that unpacks them.
void lowerParallelCalls(mlir::ModuleOp module);

} // namespace dlc::codegen
