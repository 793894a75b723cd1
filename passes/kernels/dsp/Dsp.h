// Integer kernels for Cortex-M cores with the DSP extension: what to call.
#pragma once

#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Shape.h"

namespace dlc::kernels::dsp {

class KernelFunction;

/// The kernel for a contraction on tensors; null when there is none.
nn::KernelAttr plan(mlir::Operation *op, rt::TargetAttr target);
/// Whether `kernel` is one of ours.
bool isOurs(nn::KernelAttr kernel);
/// Whether `kernel`, one of ours, reads weights of four bits: `lanes` is 8 then.
bool hasNibbles(nn::KernelAttr kernel);
int64_t scratchBytes(mlir::Operation *op, nn::KernelAttr kernel);
std::optional<Overlap> overlapOf(mlir::Operation *op, nn::KernelAttr kernel);
/// Replaces a contraction on buffers by its kernel; false when it has to take
/// the plain loops after all.
bool emit(mlir::Operation *op, nn::KernelAttr kernel);

/// Emits the kernel of `op` as a function, with code for padding even where there is
/// none if `isPadded`; nothing when it has no such form.
std::optional<KernelFunction> emitFunction(mlir::Operation *op, bool isPadded = false);

/// Whether the target begins two instructions in a cycle, in order.
bool issuesPairs(mlir::Operation *op);
/// How many of `count` steps to write out, at most `most`: a divisor when there is
/// a good one.
int64_t unrolling(int64_t count, int64_t most);
mlir::Value index(mlir::ImplicitLocOpBuilder &b, int64_t v);
// Arithmetic on indices, folded where constant.
mlir::Value add(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value sub(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value mul(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
using kernels::carryLoop;
/// Loops whose bounds may be known at run time only; see carryLoop of Tile.h.
void loop(mlir::ImplicitLocOpBuilder &b, mlir::Value begin, mlir::Value end, int64_t step,
          llvm::function_ref<void(mlir::ImplicitLocOpBuilder &, mlir::Value)> body);
llvm::SmallVector<mlir::Value>
carryLoop(mlir::ImplicitLocOpBuilder &b, mlir::Value begin, mlir::Value end, int64_t step,
          mlir::ValueRange values,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ImplicitLocOpBuilder &,
                                                            mlir::Value, mlir::ValueRange)>
              body);
/// Whether short code is what counts (-Osize).
bool savesCode(mlir::Operation *op);

/// Takes the addition of one number a channel to the accumulator, where an epilogue
/// begins with it, out of the epilogue: sums start from its operand, which is
/// returned. Null when there is none.
mlir::Value takeBias(mlir::Operation *op);
/// What the sum of `output` starts from.
mlir::Value startOf(mlir::ImplicitLocOpBuilder &b, const Shape &s, mlir::Value bias,
                    mlir::Value output);
/// Sums of 64 bits plus others of 32.
llvm::SmallVector<mlir::Value> addWords(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange sums,
                                        mlir::ValueRange words);

/// The sum of `output` from what arm_dsp.dot gives with `nibbles`.
mlir::Value sumOfNibbles(mlir::ImplicitLocOpBuilder &b, mlir::Value sum, mlir::Value bias,
                         mlir::Value output);

// One file each.
// With a `function`, they emit its body: code that several layers can share.
void emitGemm(const Shape &s, nn::KernelAttr kernel, mlir::Value scratch,
              KernelFunction *function = nullptr);
void emitVector(const Shape &s, nn::KernelAttr kernel, mlir::Value scratch,
                KernelFunction *function = nullptr);
void emitDepthwise(const Shape &s, nn::KernelAttr kernel, mlir::Value scratch,
                   KernelFunction *function = nullptr);
int64_t vectorScratch(const Shape &s, nn::KernelAttr kernel);
int64_t gemmScratch(const Shape &s, nn::KernelAttr kernel);
int64_t depthwiseScratch(const Shape &s, nn::KernelAttr kernel);

} // namespace dlc::kernels::dsp
