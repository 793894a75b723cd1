// Declarations of the passes that run layers in bands of rows, generated from RowPasses.td.
#pragma once

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DECL
#include "passes/memory/RowPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/memory/RowPasses.h.inc"
} // namespace dlc
