// Float operations that a target has no instruction for, as those that it has.
#pragma once

#include "dialects/RT/RT.h"
#include "mlir/IR/PatternMatch.h"

namespace dlc::codegen {
/// Whether values of `type` travel as integers of the same width: LLVM would call
/// support routines that not every C compiler's library has (or, for bf16 on Arm,
/// crash).
bool isStoredAsInteger(mlir::Type type, rt::TargetAttr target);

/// Conversions between half-precision formats and the wider ones by integer
/// arithmetic, correctly rounded; minimum and maximum (also as reductions) by
/// comparison where LLVM would call libm.
void populateExpandFloatsPatterns(mlir::RewritePatternSet &patterns,
                                  rt::TargetAttr target);
} // namespace dlc::codegen
