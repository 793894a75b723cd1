// How many instructions a layer takes, estimated from the last IR.
#pragma once

#include "dialects/RT/RT.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dlc::codegen {
/// Instructions of one call, from the loops' trip counts and what is in them:
/// loads, stores and arithmetic count one each (more where the target needs a
/// routine or several registers), addresses nothing, a round of a loop two. An
/// estimate: LLVM unrolls, combines and spills.
uint64_t estimateInstructions(mlir::func::FuncOp function, rt::TargetAttr target);
} // namespace dlc::codegen
