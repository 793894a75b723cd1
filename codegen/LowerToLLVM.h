// The last IR to the LLVM dialect; codegen/README.md states what it may hold.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace dlc::codegen {
/// Lowers `module` from the last IR to the LLVM dialect, in place. Needs
/// `rt.target` on the module; names the operation at fault when it fails.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module);

/// Brings the last IR into the form that can be converted op by op: memrefs with
/// dynamic offsets, sizes or strides are passed to private functions as a base
/// pointer and numbers, small static allocations move to the function's entry,
/// strided copies become loops, and the entry returns its dlc_status.
mlir::LogicalResult prepareLastIR(mlir::ModuleOp module);
} // namespace dlc::codegen
