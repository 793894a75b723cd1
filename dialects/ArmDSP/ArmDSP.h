// The arm_dsp dialect: C++ declarations.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ArmDSP/ArmDSPDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/ArmDSP/ArmDSPOps.h.inc"
