// Lowering of the arm_dsp dialect to LLVM's intrinsics.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

namespace dlc::codegen {
void populateArmDSPToLLVMPatterns(mlir::LLVMTypeConverter &converter,
                                  mlir::RewritePatternSet &patterns);
} // namespace dlc::codegen
