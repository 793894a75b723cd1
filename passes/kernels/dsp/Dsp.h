// Integer kernels for Cortex-M cores with the DSP extension: what to call.
#pragma once

#include "passes/kernels/Needs.h"
#include "passes/kernels/dsp/Shape.h"

namespace dlc::kernels::dsp {

/// The kernel for a contraction on tensors; null when there is none.
nn::KernelAttr plan(mlir::Operation *op, rt::TargetAttr target);
/// Whether `kernel` is one of ours.
bool isOurs(nn::KernelAttr kernel);
int64_t scratchBytes(mlir::Operation *op, nn::KernelAttr kernel);
std::optional<Overlap> overlapOf(mlir::Operation *op, nn::KernelAttr kernel);
/// Replaces a contraction on buffers by its kernel; false when it has to take
/// the plain loops after all.
bool emit(mlir::Operation *op, nn::KernelAttr kernel);

/// How many of `count` steps to write out, at most `most`: a divisor when there is
/// a good one.
int64_t unrolling(int64_t count, int64_t most);
mlir::Value index(mlir::ImplicitLocOpBuilder &b, int64_t v);
mlir::Value add(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);

/// Takes the addition of one number a channel to the accumulator, where an epilogue
/// begins with it, out of the epilogue: sums start from its operand, which is
/// returned. Null when there is none.
mlir::Value takeBias(mlir::Operation *op);
/// What the sum of `output` starts from.
mlir::Value startOf(mlir::ImplicitLocOpBuilder &b, mlir::Value bias, mlir::Value output);

// One file each.
void emitGemm(const Shape &s, nn::KernelAttr kernel, mlir::Value scratch);
void emitVector(const Shape &s, nn::KernelAttr kernel);
void emitDepthwise(const Shape &s, nn::KernelAttr kernel, mlir::Value scratch);
int64_t gemmScratch(const Shape &s, nn::KernelAttr kernel);
int64_t depthwiseScratch(const Shape &s, nn::KernelAttr kernel);

} // namespace dlc::kernels::dsp
