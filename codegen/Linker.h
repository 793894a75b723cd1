// Static and shared libraries of a compiled model, runtime-lite included.
#pragma once

#include "codegen/ObjectEmitter.h"
#include "dialects/RT/RT.h"
#include "llvm/Support/Error.h"

namespace dlc::codegen {
/// Whether this dlc carries runtime-lite for `target`.
bool hasRuntime(rt::TargetAttr target);

/// A static library of the model's object and runtime-lite, without dates or
/// owners in it.
llvm::Expected<std::string> makeArchive(const ModelInfo &info,
                                        const CompiledModel &compiled,
                                        rt::TargetAttr target);

/// A shared library (ELF, hosted targets) of the same; memcpy and its like are
/// left to the process that loads it.
llvm::Expected<std::string> makeSharedLibrary(const ModelInfo &info,
                                              const CompiledModel &compiled,
                                              rt::TargetAttr target);
} // namespace dlc::codegen
