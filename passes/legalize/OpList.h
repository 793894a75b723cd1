// The list of operators for people: dlc-compile --list-ops.
#pragma once

#include "llvm/Support/raw_ostream.h"

namespace dlc::legalize {
/// One line per entry of the operator table: domain, operator, opset range,
/// element types; separated by tabs, after a header line.
void printOpList(llvm::raw_ostream &os);
} // namespace dlc::legalize
