// What a buffer of the last IR is a view of.
#pragma once

#include "mlir/IR/Value.h"
#include <optional>

namespace dlc::codegen {
/// A value that is no view (an argument, memref.get_global, ...), and how many
/// bytes into it a view starts, when that is known.
struct Origin {
  mlir::Value base;
  std::optional<uint64_t> offset = 0;
};

/// Follows views to what they look at, adding up known byte offsets.
Origin originOf(mlir::Value value);

/// Bytes of one element in memory; 0 for types that have no size.
uint64_t elementBytes(mlir::Type type);
} // namespace dlc::codegen
