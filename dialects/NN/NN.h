// The nn dialect: C++ declarations.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/NN/NNDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/NN/NNAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/NN/NNOps.h.inc"

namespace dlc::nn {
/// Gives `op` an epilogue that stores the accumulator unchanged.
void setIdentityEpilogue(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Region &region, mlir::Type accumulator);
/// Multiplications with accumulation that `op` does by itself, without its
/// regions; 0 for anything but a contraction, and when its shape is not static.
int64_t countMacs(mlir::Operation *op);
/// Makes one-shot bufferization understand the dialect.
void registerBufferizableOpInterfaces(mlir::DialectRegistry &registry);
} // namespace dlc::nn
