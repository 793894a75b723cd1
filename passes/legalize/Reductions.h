// Reductions that several operator families are made of.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// Type that sums are formed in: f16 and bf16 in f32, others as they are.
Type accumulator(Type element, mlir::OpBuilder &b);
/// Largest element along `axes`; the result has no reduced dimensions.
Value reduceMax(Node &n, Value x, llvm::ArrayRef<int64_t> axes);
/// Sum along `axes` (floats).
Value reduceSum(Node &n, Value x, llvm::ArrayRef<int64_t> axes);
/// Number of elements along `axes`, as a scalar of `type`.
Value countOf(Node &n, Value tensor, llvm::ArrayRef<int64_t> axes, Type type);
/// `small`, which lacks `axes`, with these as dimensions of size 1.
Value keepDims(Node &n, Value small, llvm::ArrayRef<int64_t> axes);
/// Sum along `axes` divided by their number of elements.
Value reduceMean(Node &n, Value x, llvm::ArrayRef<int64_t> axes);
/// log(softmax(x)) along `axes` together.
FailureOr<Value> logSoftmax(Node &n, Value x, llvm::ArrayRef<int64_t> axes);

} // namespace dlc::legalize
