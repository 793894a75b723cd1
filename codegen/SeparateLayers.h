// Costs of layers from costs of functions.
#pragma once

#include "codegen/ModelInfo.h"

#include "llvm/IR/Module.h"

namespace dlc::codegen {

/// Gives every layer copies of the functions that it shares with others, named after
/// it (NAME_kernel_0_layer_3), so that a tool that counts by function counts by layer.
/// For optimized modules: the copies become the same instructions,
/// but for some registers.
void separateLayers(llvm::Module &module, const ModelInfo &info);

} // namespace dlc::codegen
