// NAME.h: what a C or C++ program needs to call a compiled model.
#pragma once

#include "codegen/ModelInfo.h"

namespace dlc::codegen {
/// The text of the header: C11 and C++17, without warnings whatever the names in
/// the model are.
/// @param compiler              e.g. "dlc 0.1.0"
/// @param externalWeightsBytes  size of NAME_weights; 0 when they are in the object
std::string emitHeader(const ModelInfo &info, llvm::StringRef compiler,
                       uint64_t externalWeightsBytes = 0);

/// `text` between the quotes of a C string literal.
std::string cString(llvm::StringRef text);
/// `text` as it may stand in a C comment.
std::string commentText(llvm::StringRef text);
/// "f32[1,49,10,1], scale 0.0039, zero point -128": a tensor in words.
std::string describeTensor(const TensorInfo &tensor);
/// The prototype of the entry, without a semicolon.
std::string entryPrototype(const ModelInfo &info);
} // namespace dlc::codegen
