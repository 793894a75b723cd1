// Operators between quantized tensors as TensorFlow Lite's reference kernels
// compute them, or as ONNX defines them.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// Attribute of an operation whose result is quantized though no nn.quantize makes it:
/// [scale, zero point]. Gone at the end of legalization.
inline constexpr llvm::StringLiteral kQuantization = "nn.quantization";

/// How a tensor of integers stands for real numbers.
struct Format {
  float scale;
  int64_t zero, lo, hi;
  Type storage; ///< of its elements: i8, ui8, ...
};

/// The operator that made `x`, computed on stored integers, with the result in
/// format `out`. Null when that is no different from quantizing `x`.
Value quantizedResult(Node &n, Value x, const Format &out);

/// Whether quantizedResult may find such a form for an operator, or through one, in the default rounding mode.
bool hasIntegerForm(llvm::StringRef name);

using Combine = llvm::function_ref<Value(mlir::ImplicitLocOpBuilder &, Value, Value)>;

/// Softmax along `axis` of the tensor behind `dq`: exponential(x, largest of the row) are i64 of about 2^31 at
/// most, `whole` is the number of result steps in 1 times 2^shift, and `quotient` divides it, once a row, by
/// their sum.
Value softmaxOfExponentials(Node &n, nn::DequantizeOp dq, int64_t axis, int64_t whole, int shift, const Format &out,
                            Combine exponential, Combine quotient);

/// Softmax along any axis of a dequantized 8-bit tensor, of exponentials with 31 bits;
/// null when its form is another, or floats suit the target better.
Value exactSoftmax(Node &n, const Format &out);
/// The same of a 16-bit tensor: exponentials are products of two from tables.
Value wideSoftmax(Node &n, const Format &out);

/// An operator between quantized tensors as ONNX defines it, in integers; null when it has another form.
using ExactFn = Value (*)(Node &n, const Format &out);
/// That of a normalization or norm; null for other operators.
ExactFn exactNormalization(llvm::StringRef name);
/// Interpolation (Resize, linear or cubic).
Value exactResize(Node &n, const Format &out);
/// Whether the target computes such operators at least as well in floats: it has vectors of them, or an FPU
/// where bytes count more than cycles (tables, more instructions).
bool prefersFloats(mlir::Operation *op);

/// AveragePool of integers (their sums divided, halves away from zero for signed
/// ones); null when padding counts or sizes are not known.
Value averagePoolOfIntegers(Node &n);
/// sum / count to the nearest integer, both i32.
Value meanOfIntegers(mlir::ImplicitLocOpBuilder &b, Value sum, Value count, bool isUnsigned);

} // namespace dlc::legalize
