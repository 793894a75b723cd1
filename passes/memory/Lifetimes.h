// When buffers are alive: intervals over a numbering of a function's operations.
#pragma once

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace dlc::memory {

/// Numbers the operations of a function in order of execution (an operation with
/// regions before and after what it holds) and finds first and last uses.
class Lifetimes {
public:
  Lifetimes(mlir::func::FuncOp func, mlir::BufferViewFlowAnalysis &aliases);

  /// Numbers of the first and the last operation that may touch the buffer.
  /// A use inside a loop that does not hold the allocation counts for the whole
  /// loop, as the next round may use it again.
  std::pair<int64_t, int64_t> of(mlir::Value buffer);
  /// Numbers before and after an operation.
  std::pair<int64_t, int64_t> of(mlir::Operation *op) const { return numbers.lookup(op); }

private:
  mlir::BufferViewFlowAnalysis &aliases;
  llvm::DenseMap<mlir::Operation *, std::pair<int64_t, int64_t>> numbers;
};

/// Bytes that an element takes in memory.
int64_t elementBytes(mlir::Type type);

} // namespace dlc::memory
