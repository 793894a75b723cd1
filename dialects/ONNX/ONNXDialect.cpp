// This file implements the onnx dialect: registration and node locations.
#include "dialects/ONNX/ONNX.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/ONNX/ONNXDialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/ONNX/ONNXTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ONNX/ONNXOps.cpp.inc"

void dlc::onnx::ONNXDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/ONNX/ONNXTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/ONNX/ONNXOps.cpp.inc"
      >();
}

/// The importer's fused location inside `loc`, looking through fusions.
static FusedLoc findNodeLoc(Location loc) {
  FusedLoc found;
  loc->walk([&](Location l) {
    if (auto fused = dyn_cast<FusedLoc>(l))
      if (isa_and_nonnull<StringAttr>(fused.getMetadata())) {
        found = fused;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return found;
}

std::string dlc::onnx::nodeName(Location loc) {
  if (FusedLoc fused = findNodeLoc(loc))
    for (Location inner : fused.getLocations())
      if (auto name = dyn_cast<NameLoc>(inner))
        return name.getName().str();
  return "";
}

std::string dlc::onnx::describeNode(Location loc) {
  FusedLoc fused = findNodeLoc(loc);
  if (!fused)
    return "";
  return "'" + nodeName(loc) + "' (" +
         cast<StringAttr>(fused.getMetadata()).str() + ")";
}
