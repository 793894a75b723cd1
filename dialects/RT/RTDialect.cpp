// This file implements the rt dialect: registration and target look-up.
#include "dialects/RT/RT.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/RT/RTDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/RT/RTAttrs.cpp.inc"

void dlc::rt::RTDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/RT/RTAttrs.cpp.inc"
      >();
}

dlc::rt::TargetAttr dlc::rt::targetOf(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  return module ? module->getAttrOfType<TargetAttr>(kTarget) : TargetAttr();
}
