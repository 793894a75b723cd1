// The arm_mve dialect: C++ declarations.
#pragma once

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ArmMVE/ArmMVEDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/ArmMVE/ArmMVEOps.h.inc"
