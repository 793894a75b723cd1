// Attributes of operations that run in bands of rows.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace dlc::rt {
/// On an operation (i64 array): the number of its chain, and how many rows of the
/// chain's last result are computed in each band.
inline constexpr llvm::StringLiteral kBands = "rt.bands";
/// On a memref.view (i64 array): offset and bytes of the buffer in the arena that it is
/// some rows of.
inline constexpr llvm::StringLiteral kPartOf = "rt.part_of";
} // namespace dlc::rt
