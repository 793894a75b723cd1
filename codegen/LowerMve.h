// Conversion of the arm_mve dialect to LLVM's intrinsics.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace dlc::codegen {
void populateMveToLLVMPatterns(const mlir::LLVMTypeConverter &converter,
                               mlir::RewritePatternSet &patterns);
} // namespace dlc::codegen
