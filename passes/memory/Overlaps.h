// Which operands of an operation its output may lie over, computed from the order of its loops.
#pragma once

#include "passes/Passes.h"

namespace dlc::memory {

/// The buffer of operand `output` may start at most `distance` bytes after the
/// buffer of operand `input`, exactly there when `exact`; or at least `above` bytes
/// after it when the operation runs backwards (`nn.reversed`).
struct OperandOverlap {
  mlir::Value input, output;
  int64_t distance = 0;
  bool exact = false;
  int64_t above = INT64_MAX;
};

/// What `op`, an operation on buffers, bears. Operands that it does not name must
/// not overlap its outputs, nor one that it reads a second time. `input` and `output`
/// are operands as they stand; bufferOf leads to the allocation.
llvm::SmallVector<OperandOverlap> overlapsOf(mlir::Operation *op);

/// The buffer that `v` is another view of, with the same first byte and the same
/// elements in the same order; null when it is only a part or laid out otherwise.
mlir::Value bufferOf(mlir::Value v);

/// A nest of loops with the last one innermost: in every round an output element of
/// `written` bytes is stored at the sum of round number times `output` stride, after
/// everything of this round was loaded at or behind the sum of `input` strides.
/// Returns how many bytes after the input's start the output's may lie, such that
/// nothing is written before it was read; nothing when no round follows another.
std::optional<int64_t> nestDistance(llvm::ArrayRef<int64_t> rounds, llvm::ArrayRef<int64_t> input,
                                    llvm::ArrayRef<int64_t> output, int64_t written);

} // namespace dlc::memory
