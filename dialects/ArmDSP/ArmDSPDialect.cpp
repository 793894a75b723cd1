// This file implements the arm_dsp dialect: registration and verifiers.
#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmDSP/Schedule.h"

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

LogicalResult dlc::arm_dsp::DotOp::verify() {
  int64_t rows = getRows(), pixels = getPixels();
  if (rows < 1 || pixels < 1 || int64_t(getSums().size()) != rows * pixels ||
      getNumResults() != getSums().size())
    return emitOpError("one sum for each row and pixel is taken and returned");
  if ((getCount() ? getGroups() != 0 : getGroups() < 1) || getUnroll() < 1 || getUnroll() > 8)
    return emitOpError("groups are positive, or 0 and counted at run time; unroll is 1 to 8");
  if (getCount() && !llvm::isPowerOf2_64(getUnroll()))
    return emitOpError("with groups counted at run time, unroll is a power of two");
  if (!cast<MemRefType>(getInputs().getType()).getElementType().isInteger(32) && pixels != 1)
    return emitOpError("bytes and halves are those of one pixel");
  if (getCount() && !llvm::isPowerOf2_64(pixels))
    return emitOpError("with groups counted at run time, the number of pixels is a power of two");
  if (getGroups() * pixels * 8 * ((*this)->hasAttr(kNibbles) ? 2 : 1) >= 1 << 16)
    return emitOpError("has more than 16 bits of input bytes");
  if (getRegisters() > 14) // r0 to r12 and lr
    return emitOpError("has no more than 14 registers, found ") << getRegisters();
  if (fewestRegisters() > int64_t(getRegisters()))
    return emitOpError("needs ") << fewestRegisters() << " registers, may use " << getRegisters();
  return success();
}

LogicalResult dlc::arm_dsp::Sxtb16Op::verify() {
  if (getRotation() > 24 || getRotation() % 8 != 0)
    return emitOpError("rotation is 0, 8, 16 or 24, found ") << getRotation();
  return success();
}
