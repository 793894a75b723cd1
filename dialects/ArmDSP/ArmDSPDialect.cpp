// This file implements the arm_dsp dialect: registration and verifiers.
#include "dialects/ArmDSP/ArmDSP.h"

using namespace mlir;

#include "dialects/ArmDSP/ArmDSPDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ArmDSP/ArmDSPOps.cpp.inc"

void dlc::arm_dsp::ArmDSPDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ArmDSP/ArmDSPOps.cpp.inc"
      >();
}

LogicalResult dlc::arm_dsp::Sxtb16Op::verify() {
  if (getRotation() > 24 || getRotation() % 8 != 0)
    return emitOpError("rotation is 0, 8, 16 or 24, found ") << getRotation();
  return success();
}
