// The rt dialect: C++ declarations.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"

#include "dialects/RT/RTDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/RT/RTAttrs.h.inc"

namespace dlc::rt {
inline constexpr llvm::StringLiteral kTarget = "rt.target";
inline constexpr llvm::StringLiteral kName = "rt.name";
inline constexpr llvm::StringLiteral kInputs = "rt.inputs";
inline constexpr llvm::StringLiteral kOutputs = "rt.outputs";
inline constexpr llvm::StringLiteral kOptimize = "rt.optimize";
inline constexpr llvm::StringLiteral kRequant = "rt.requant";
inline constexpr llvm::StringLiteral kProfile = "rt.profile";
inline constexpr llvm::StringLiteral kThreads = "rt.threads";
inline constexpr llvm::StringLiteral kIoArena = "rt.io_arena";
inline constexpr llvm::StringLiteral kPoisonArena = "rt.poison_arena";
inline constexpr llvm::StringLiteral kRamBudget = "rt.ram_budget";
inline constexpr llvm::StringLiteral kMemories = "rt.memories";
inline constexpr llvm::StringLiteral kIsInput = "rt.is_input";
inline constexpr llvm::StringLiteral kIsOutput = "rt.is_output";
inline constexpr llvm::StringLiteral kArena = "rt.arena";
inline constexpr llvm::StringLiteral kDims = "rt.dims";
inline constexpr llvm::StringLiteral kArenaBytes = "rt.arena_bytes";
inline constexpr llvm::StringLiteral kArenaLowerBound =
    "rt.arena_lower_bound_bytes";
inline constexpr llvm::StringLiteral kLayer = "rt.layer";
inline constexpr llvm::StringLiteral kTasks = "rt.tasks";
inline constexpr llvm::StringLiteral kBytes = "rt.bytes";
inline constexpr llvm::StringLiteral kOutputBlock = "rt.output_block";
inline constexpr llvm::StringLiteral kOnError = "rt.on_error";

/// The target of the module around `op`; null when it has none.
TargetAttr targetOf(mlir::Operation *op);
/// Arguments and tensors in the arena start on multiples of this many bytes.
inline constexpr int64_t kArenaAlign = 16;
} // namespace dlc::rt
