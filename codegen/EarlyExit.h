// Functions that may end early, with a status.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace dlc::codegen {

/// Functions of a module that hold a cf.assert or call one that does.
llvm::SmallPtrSet<mlir::Operation *, 8> functionsWithStatus(mlir::ModuleOp module);

/// The number of a status macro of dlc_abi.h ("DLC_ERR_DIMS"); DLC_ERR_OTHER for what is
/// none.
int32_t statusCode(llvm::StringRef macro);

/// Gives these functions an i32 result, 0 or the status that the message of the
/// cf.assert that failed names, and makes their callers pass it on. The entry calls
/// `rt.on_error` before it does. Control flow in them becomes cf.
mlir::LogicalResult lowerEarlyExits(mlir::ModuleOp module);

} // namespace dlc::codegen
