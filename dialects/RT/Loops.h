// What a loop says to code generation.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace dlc::rt {
/// On scf.for, a unit: the loop stays a loop, however few its rounds.
inline constexpr llvm::StringLiteral kRolled = "rt.rolled";
} // namespace dlc::rt
