// This file prints operations on scalable vectors with the SVE intrinsics of arm_sve.h.
#include "codegen/cpp/Printer.h"

using namespace mlir;
using namespace dlc::cpp;

LogicalResult Printer::printScalable(Operation &op) { return unsupported(op); }
