// Fixed-point arithmetic of 32 bits as operations: what quantize/Requantize.h and
// quantize/Gemmlowp.h define as numbers.
#pragma once

#include "passes/quantize/Gemmlowp.h"
#include "passes/quantize/Piecewise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::quantize {

/// How `op` rounds in the mode that its module asks for (`rt.requant`).
Rounding roundingOf(mlir::Operation *op);

/// Builds operations on i32 scalars.
class Emit {
public:
  explicit Emit(mlir::ImplicitLocOpBuilder &b) : b(b) {}

  mlir::Value constant(int64_t v);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value shiftLeft(mlir::Value x, int by);
  mlir::Value shiftRight(mlir::Value x, int by);
  /// An integer of at most 32 bits as i32.
  mlir::Value extended(mlir::Value x, bool isUnsigned = false);
  /// clamp(v, lo, hi) as `storage`.
  mlir::Value narrowed(mlir::Value v, int64_t lo, int64_t hi, mlir::Type storage);

  mlir::Value doublingHighMul(mlir::Value x, mlir::Value y);
  mlir::Value divideByPower(mlir::Value x, int exponent);
  mlir::Value multiply(mlir::Value x, Multiplier m, Rounding mode);
  mlir::Value reciprocalOfOnePlus(mlir::Value x);
  /// quantize::softmaxElement in two steps.
  mlir::Value softmaxReciprocal(mlir::Value sum);
  mlir::Value softmaxElement(mlir::Value exponential, mlir::Value sum, mlir::Value reciprocal);

  /// The sum of two 8-bit integers (as i32, -128 to 127) with `Pair`'s arithmetic,
  /// not clamped.
  mlir::Value apply(const Pair &p, mlir::Value x, mlir::Value y);
  /// quantize::apply(s, x, y).
  mlir::Value apply(const Sum &s, mlir::Value x, mlir::Value y, Rounding mode);
  mlir::Value apply(const SmallSum &s, mlir::Value x, mlir::Value y);
  /// quantize::apply(p, x) in the storage type. `rows` is p.rows() as a tensor of
  /// p.segments() rows.
  mlir::Value apply(const Piecewise &p, mlir::Value rows, mlir::Value x, mlir::Type storage);
  /// x as f32 times `scale`, to the nearest, ties to even, plus `zero`. Results beyond
  /// 2^21 are some integers beyond, of the same sign.
  mlir::Value scaledByFloat(mlir::Value x, mlir::Value scale, int64_t zero);
  /// v / 2^shift rounded down, where lower bits up to `tie` (not negative) are a tie, which goes to the even
  /// number; then zero point and bounds. `v` is an i64.
  mlir::Value roundedEven(mlir::Value v, int shift, int64_t tie, int64_t zero, int64_t lo, int64_t hi,
                          mlir::Type storage);
  /// requantize(p, Rounding::Onnx, x) of an i32 or i64 in the storage type; null when no arithmetic is found.
  mlir::Value nearest(const Problem &p, mlir::Value x, mlir::Type storage);
  /// requantize(p, mode, x) in the storage type: cheap arithmetic where it is the
  /// same, the definition's own otherwise. Not for Rounding::Onnx.
  mlir::Value requantize(const Problem &p, Rounding mode, mlir::Value x, mlir::Type storage);

private:
  /// x * y / 2^shift, rounded to the nearest, ties up.
  mlir::Value scaled(mlir::Value x, mlir::Value y, int shift);

  mlir::ImplicitLocOpBuilder &b;
};

} // namespace dlc::quantize
