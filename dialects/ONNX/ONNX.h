// The onnx dialect: C++ declarations.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ONNX/ONNXDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/ONNX/ONNXTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/ONNX/ONNXOps.h.inc"

namespace dlc::onnx {
/// How messages name the node behind a location: `'backbone.0' (Conv#17)`.
/// Locations of the importer are fused<"Conv#17">["backbone.0"]; empty when
/// `loc` has none.
std::string describeNode(mlir::Location loc);
/// The node's own name (`backbone.0`), or an empty string.
std::string nodeName(mlir::Location loc);
/// What `loc` names, a node or something else of the model: `node 'backbone.0'
/// (Conv#17)`, `initializer 'w'`, `input 'x'`, or an empty string.
std::string describeLocation(mlir::Location loc);
} // namespace dlc::onnx
