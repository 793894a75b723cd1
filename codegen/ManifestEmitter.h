// NAME.json: the manifest of a compiled model.
#pragma once

#include "codegen/ModelInfo.h"
#include "codegen/ObjectEmitter.h"

namespace dlc::codegen {
/// The text of the manifest.
/// @param compiled      the object that its sizes are of
/// @param sourceSha256  of the ONNX file, in hexadecimal
/// @param compiler      e.g. "dlc 0.1.0"
std::string emitManifest(const ModelInfo &info, const CompiledModel &compiled,
                         llvm::StringRef sourceSha256, llvm::StringRef compiler);
} // namespace dlc::codegen
