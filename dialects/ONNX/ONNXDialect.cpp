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

/// The first location of the importer inside `loc`, looking through fusions
/// and call sites. The metadata of a node's has a '#', that of an initializer's,
/// input's or output's does not.
static FusedLoc findLoc(Location loc, bool node) {
  FusedLoc found;
  loc->walk([&](Location l) {
    if (auto fused = dyn_cast<FusedLoc>(l))
      if (auto what = dyn_cast_or_null<StringAttr>(fused.getMetadata()))
        if (what.getValue().contains('#') == node) {
          found = fused;
          return WalkResult::interrupt();
        }
    return WalkResult::advance();
  });
  return found;
}

static std::string nameIn(FusedLoc fused) {
  for (Location inner : fused.getLocations())
    if (auto name = dyn_cast<NameLoc>(inner))
      return name.getName().str();
  return "";
}

static StringRef metadata(FusedLoc fused) {
  return cast<StringAttr>(fused.getMetadata()).getValue();
}

std::string dlc::onnx::nodeName(Location loc) {
  FusedLoc fused = findLoc(loc, /*node=*/true);
  return fused ? nameIn(fused) : "";
}

std::string dlc::onnx::describeNode(Location loc) {
  FusedLoc fused = findLoc(loc, /*node=*/true);
  if (!fused)
    return "";
  return ("'" + nameIn(fused) + "' (" + metadata(fused) + ")").str();
}

std::string dlc::onnx::describeLocation(Location loc) {
  if (std::string node = describeNode(loc); !node.empty())
    return "node " + node;
  if (FusedLoc fused = findLoc(loc, /*node=*/false))
    return (metadata(fused) + " '" + nameIn(fused) + "'").str();
  return "";
}
