// This file implements the arm_mve dialect: registration and verifiers.
#include "dialects/ArmMVE/ArmMVE.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace dlc::arm_mve;

#include "dialects/ArmMVE/ArmMVEDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ArmMVE/ArmMVEOps.cpp.inc"

void ArmMVEDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ArmMVE/ArmMVEOps.cpp.inc"
      >();
}

static unsigned bitsOf(Type type) { return getElementTypeOrSelf(type).getIntOrFloatBitWidth(); }

/// Lanes are as wide as memory's elements or wider; the last dimension is contiguous.
static LogicalResult verifyAccess(Operation *op, MemRefType memory, unsigned indices,
                                  Type vector) {
  if (indices != memory.getRank())
    return op->emitOpError("has ") << indices << " indices, expected " << memory.getRank();
  Type element = memory.getElementType();
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(vector));
  if (isFloat ? element != getElementTypeOrSelf(vector)
              : !isa<IntegerType>(element) || bitsOf(memory) > bitsOf(vector) || bitsOf(memory) < 8)
    return op->emitOpError("cannot move ")
           << vector << " to or from elements of type " << memory.getElementType();
  if (!memory.isLastDimUnitStride())
    return op->emitOpError("needs a contiguous last dimension, found ") << memory;
  return success();
}

LogicalResult VmladavaOp::verify() {
  if (getA().getType() != getB().getType())
    return emitOpError("multiplies vectors of different types");
  return success();
}

LogicalResult VmullOp::verify() {
  if (2 * bitsOf(getA().getType()) != bitsOf(getResult().getType()))
    return emitOpError("doubles the width of lanes");
  return success();
}

LogicalResult VmovlOp::verify() {
  if (2 * bitsOf(getA().getType()) != bitsOf(getResult().getType()))
    return emitOpError("doubles the width of lanes");
  return success();
}

LogicalResult VqmovnOp::verify() {
  unsigned bits = bitsOf(getInto().getType());
  if (2 * bits != bitsOf(getA().getType()))
    return emitOpError("halves the width of lanes");
  if (getShift() > bits)
    return emitOpError("shift ") << getShift() << " is not in 0.." << bits;
  return success();
}

LogicalResult LoadOp::verify() {
  MemRefType memory = cast<MemRefType>(getBase().getType());
  if (getWords() && (getFirst() || bitsOf(memory) != bitsOf(getResult().getType())))
    return emitOpError("of words are whole vectors that are not extended");
  return verifyAccess(*this, memory, getIndices().size(), getResult().getType());
}

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, cast<MemRefType>(getBase().getType()), getIndices().size(),
                      getValue().getType());
}

LogicalResult Vld4Op::verify() {
  MemRefType memory = cast<MemRefType>(getBase().getType());
  if (bitsOf(memory) != 32)
    return emitOpError("reads words, found ") << memory.getElementType();
  return verifyAccess(*this, memory, getIndices().size(), getR0().getType());
}
