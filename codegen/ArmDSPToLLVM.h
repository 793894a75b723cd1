// Lowering of the arm_dsp dialect to LLVM's intrinsics.
#pragma once

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

namespace dlc::codegen {
/// `vectors`: the core has vector instructions besides.
void populateArmDSPToLLVMPatterns(mlir::LLVMTypeConverter &converter,
                                  mlir::RewritePatternSet &patterns, bool vectors);
} // namespace dlc::codegen
