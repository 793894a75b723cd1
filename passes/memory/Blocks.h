// Memory for buffers whose size has no bound: blocks from the allocator hook.
#pragma once

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "passes/Passes.h"

namespace dlc::memory {

/// Bytes of the list of blocks that a model keeps in its arena (a dlc_pool).
inline constexpr int64_t kPoolBytes = 16;

/// The operation after which a buffer is dead: the last one in its own block that
/// touches it or a view of it. Null when it leaves the block, and lives until the
/// model ends.
mlir::Operation *lastUse(mlir::memref::AllocOp alloc, mlir::BufferViewFlowAnalysis &aliases);

/// Replaces allocations of a model's entry by calls of runtime-lite: dlc_pool_alloc, and
/// dlc_alloc for outputs. The list of blocks lies at `pool` in the memory that is argument
/// `memory`. Ends
/// of lives are given by `lastUses`. Writes the function NAME_fail that releases
/// everything, and names it in `rt.on_error`.
void allocateBlocks(mlir::func::FuncOp entry, llvm::ArrayRef<mlir::memref::AllocOp> allocs,
                    llvm::ArrayRef<mlir::Operation *> lastUses, unsigned memory, int64_t pool);

} // namespace dlc::memory
