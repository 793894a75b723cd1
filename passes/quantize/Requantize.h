// Rounding of scaled integers to quantized ones: what each rounding mode defines,
// and fixed-point arithmetic that computes just that.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace dlc::quantize {

/// How a real number becomes an integer.
enum class Rounding {
  Onnx,   ///< to the nearest, ties to even (QuantizeLinear)
  Double, ///< gemmlowp's multiplication: two roundings
  Single, ///< one rounding of the 31-bit product, ties up (TFLITE_SINGLE_ROUNDING)
  Float,  ///< x as f32 times an f32 scale, to the nearest, ties to even (XNNPACK)
};

/// q(x) = clamp(round(scale * x + offset) + zero, lo, hi) for integers x from
/// `first` to `last`. `scale` is positive, `offset` in units of results.
struct Problem {
  double scale, offset = 0;
  int64_t zero, lo, hi;
  int64_t first, last;
};

/// A real multiplier as TensorFlow Lite stores it: `significand` * 2^(shift - 31).
struct Multiplier {
  int32_t significand;
  int shift;
};
Multiplier quantizeMultiplier(double real);

/// `v` to the nearest integer, ties to even. A tie is what differs from one by no more
/// than doubles do that were computed from numbers of `size`.
int64_t roundEven(double v, double size);

/// The definition: q(x) in a rounding mode, computed exactly. In other modes than
/// Onnx, offset / scale is rounded to an integer that is added to x (a bias).
int64_t requantize(const Problem &p, Rounding mode, int64_t x);

/// q(x) = clamp((((((x << left) + bias) * multiplier) >> 32) + offset) >> shift, lo, hi)
/// in 32-bit arithmetic (the product in 64 bits): one entry for each channel, or a
/// single one where all agree.
struct FixedPoint {
  llvm::SmallVector<int32_t> bias, multiplier, offset, shift;
  int left = 0;
};

/// Fixed-point parameters that give the definition's result for every x of every
/// channel; nothing when there are none. `problems` has one entry a channel; lo
/// and hi are the same in all. `loose` (Onnx only) lets sums go either way that are a
/// tie within the rounding of f32 arithmetic, but not exactly.
std::optional<FixedPoint> findFixedPoint(llvm::ArrayRef<Problem> problems, Rounding mode,
                                         bool loose = false);

/// Ties to even where they happen: with v = x * multiplier + offset (32 bits),
/// q(x) = clamp(((v + 2^(shift - 1) - 1 + ((v >> shift) & 1)) >> shift) + zero, lo, hi);
/// one entry for each channel, or a single one where all agree.
struct EvenShift {
  llvm::SmallVector<int32_t> multiplier, offset, shift;
};

/// Parameters when every scale and offset is a multiple of some power of two;
/// then the Onnx result is exact. Nothing otherwise.
std::optional<EvenShift> findEvenShift(llvm::ArrayRef<Problem> problems);

/// 64-bit arithmetic: with v = x * multiplier + offset and u = v >> shift,
/// q(x) = clamp(u - (u & 1 & (the lower `shift` bits of v <= tie)) + zero, lo, hi).
/// A multiplier and an offset for each channel; `tie` is negative where nothing is to be
/// taken away.
struct Wide {
  llvm::SmallVector<int64_t> multiplier, offset;
  int shift = 0;
  int64_t tie = -1;
};

/// Parameters that give the Onnx result for every x of every channel, exact ties to
/// even; nothing when there are none. `loose` as in findFixedPoint.
std::optional<Wide> findWide(llvm::ArrayRef<Problem> problems, bool loose = false);

/// q(x, y) = clamp((hi(x << kLeft, first) + hi(y << kLeft, second) + offset) >> shift,
/// lo, hi) for two 8-bit integers, hi being the upper half of a 64-bit product.
struct Pair {
  static constexpr int kLeft = 23;
  int32_t first, second, offset;
  int shift;
};

/// Parameters that give wanted[(x + 128) * 256 + y + 128] for a x + c y + p.offset
/// (p.scale is not used) and all pairs of 8-bit integers; at most `tolerated` pairs may
/// give the exact result instead, where f32 arithmetic (`wanted`) has another. Nothing
/// when there are none.
std::optional<Pair> findPair(double a, double c, const Problem &p,
                             llvm::ArrayRef<int8_t> wanted, int tolerated = 8);

/// One term of a sum: a factor for each channel (or one), and the largest magnitude of
/// its integer.
struct SumTerm {
  llvm::SmallVector<double> factors;
  double most;
};

/// With v = sum of x_i * multipliers_i + offset and u = v >> shift,
/// q = clamp(u - (u & 1 & (the lower `shift` bits of v <= tie)) + zero, lo, hi):
/// in 64-bit arithmetic, or in 32 bits when `narrow`.
struct ExactSum {
  llvm::SmallVector<llvm::SmallVector<int64_t>> multipliers;
  llvm::SmallVector<int64_t> offset;
  int shift = 0;
  int64_t tie = 0;
  bool narrow = false;
};

/// Parameters for sum of factor_i * x_i + offset, results from `least` to `most` before
/// the zero point: exact where all factors are multiples of a power of two, else to
/// many more bits than doubles need to tell a tie. Nothing when numbers are too large.
std::optional<ExactSum> findExactSum(llvm::ArrayRef<SumTerm> terms,
                                     llvm::ArrayRef<double> offsets, int64_t least, int64_t most);

} // namespace dlc::quantize
