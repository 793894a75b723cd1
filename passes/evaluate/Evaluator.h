// Computes values whose operands are all constants by interpreting the IR:
// arith, math, affine, tensor, linalg, scf, nn and func on tensors.
//
// Semantics are those of the compiled code:
// - integers wrap; a shift by the width or more (poison) yields 0, or the sign
//   for shrsi; division by zero and INT_MIN / -1 (undefined) are not evaluated;
// - f32 and f64 arithmetic is IEEE; f16, bf16 and the 8-bit types compute in
//   f32 and round after every operation;
// - math functions on f32 and smaller are computed in double and rounded once,
//   those on f64 are the host's libm;
// - fptosi and fptoui saturate, NaN becomes 0;
// - index has 64 bits;
// - reductions add up in the order of the loops, one element after the other;
// - reading or writing outside a tensor is not evaluated.
// "Not evaluated" is a failure without a diagnostic: leave it to run time.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <optional>

namespace dlc {

/// Bounds that make evaluation safe on any verified IR.
struct EvaluateLimits {
  /// Bytes of all tensors alive at one time, results included.
  int64_t maxBytes = int64_t(256) << 20;
  /// Operations on elements executed; those of loops over scalars (scf.for,
  /// scf.while) count four times, as they run that much slower.
  int64_t maxSteps = 2'000'000'000;
  /// When given, steps that several evaluations share: counted down, and the
  /// bound when it is less than maxSteps.
  int64_t *pool = nullptr;
  /// Operations of the backward slice, those inside regions not counted.
  unsigned maxOps = 100'000;
  /// Nesting of regions and calls.
  unsigned maxDepth = 64;
};

/// The constants that `values` (tensors, or integer, index and float scalars)
/// are known to be: DenseElementsAttr, IntegerAttr or FloatAttr. The shape of a
/// tensor is the computed one, even when its value's type is dynamic.
/// Failure when any of them depends on something unknown, uses an operation
/// that is not interpreted, or exceeds a limit.
mlir::FailureOr<mlir::SmallVector<mlir::TypedAttr>>
evaluateAttrs(mlir::ValueRange values, const EvaluateLimits &limits = {});

/// The same for tensors only.
mlir::FailureOr<mlir::SmallVector<mlir::DenseElementsAttr>>
evaluate(mlir::ValueRange values, const EvaluateLimits &limits = {});

/// Limits for asking after each step of a lowering whether a value is known:
/// earlier steps were asked already, so only a short slice is followed and a
/// question about a run-time value costs a bounded time.
EvaluateLimits quickLimits();

/// The value as a constant, when the operations right before it allow.
std::optional<mlir::DenseElementsAttr>
constantTensor(mlir::Value value, const EvaluateLimits &limits = quickLimits());

/// The value of a signed integer, index or one-element integer tensor.
std::optional<int64_t>
constantIndex(mlir::Value value, const EvaluateLimits &limits = quickLimits());

/// What folding may cost in size: a constant may have as many bytes as the
/// constants that it is computed from, and this many more.
struct FoldOptions {
  int64_t extraBytes = int64_t(64) << 10;
  EvaluateLimits limits = quickLimits();
};

/// Replaces the results of `op` by constants when all of them are known and
/// small enough; the operation itself stays, without uses. Returns whether it
/// did. Results of a dynamic type become a constant and a tensor.cast.
bool foldConstants(mlir::Operation *op, const FoldOptions &options = {});

/// The constant that `value` is, made at the builder's place, when it is known
/// and small enough; its type may be more static. Otherwise `value` itself.
mlir::Value foldValue(mlir::OpBuilder &builder, mlir::Value value,
                      const FoldOptions &options = {});

/// Runs a function on `inputs` (one constant for each argument). On failure
/// `culprit` is the operation that is not interpreted or could not be executed,
/// when that is known.
mlir::FailureOr<mlir::SmallVector<mlir::TypedAttr>>
interpret(mlir::func::FuncOp func, mlir::ArrayRef<mlir::TypedAttr> inputs,
          const EvaluateLimits &limits, mlir::Operation **culprit = nullptr);

} // namespace dlc
