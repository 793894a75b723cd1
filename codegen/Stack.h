// How much stack generated code needs: frames along calls, and what routines of
// the compiler and the C library take on top.
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Function.h"
#include "llvm/Object/ObjectFile.h"

namespace dlc::codegen {

/// The most bytes of stack that a call of `entry` takes, in `object`, which was made of its
/// module; `frames` are those of its functions. On Cortex-M with the routines that the linker
/// adds, as GCC's libgcc and newlib have them; elsewhere without.
uint64_t deepestStack(const llvm::Function &entry, const llvm::StringMap<uint64_t> &frames,
                      const llvm::object::ObjectFile &object);

} // namespace dlc::codegen
