// NAME.html: a compiled model on one page.
#pragma once

#include "codegen/ModelInfo.h"
#include "codegen/ObjectEmitter.h"

namespace dlc::codegen {
/// One self-contained HTML page: sizes, inputs and outputs, layers, and which
/// part of the arena each layer touches. Same arguments as emitManifest.
std::string emitReport(const ModelInfo &info, const CompiledModel &compiled,
                       llvm::StringRef sourceSha256, llvm::StringRef compiler);
} // namespace dlc::codegen
