// Scalar arithmetic of a fused body read as a linear function of its integers.
#pragma once

#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc::quantize {

/// A number, or one for each channel.
class Numbers {
public:
  Numbers(double v = 0) : values{v} {}
  explicit Numbers(std::vector<double> v) : values(std::move(v)) {}
  size_t size() const { return values.size(); }
  double operator[](size_t i) const { return values[values.size() == 1 ? 0 : i]; }
  template <typename F> friend Numbers combine(const Numbers &a, const Numbers &b, F f) {
    std::vector<double> v;
    for (size_t i = 0, n = std::max(a.size(), b.size()); i < n; ++i)
      v.push_back(f(a[i], b[i]));
    return Numbers(std::move(v));
  }
  template <typename F> bool all(F f) const { return llvm::all_of(values, f); }

private:
  std::vector<double> values;
};

/// The body of an elementwise linalg.generic, or the epilogue of a contraction.
class Body {
public:
  /// Null when `op` is neither.
  static std::unique_ptr<Body> of(mlir::Operation *op);

  mlir::Block &block() { return *body; }
  /// Elements of the dimension that constants of each channel lie along.
  int64_t channels() const { return numChannels; }
  /// What `v` is when that is known at compile time.
  std::optional<Numbers> constants(mlir::Value v);
  /// Smallest and largest value of an integer, for each channel; nothing when unknown.
  std::optional<std::pair<Numbers, Numbers>> range(mlir::Value v);
  /// The values as one scalar of the body: a constant, or a new operand with one
  /// element a channel.
  mlir::Value materialize(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<int32_t> values);
  /// The same as i64.
  mlir::Value materialize(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<int64_t> values);
  /// Removes operands that the body does not use.
  void dropUnusedOperands();

private:
  template <typename T>
  mlir::Value newOperand(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<T> values, mlir::Type type);

  explicit Body(mlir::Operation *op, mlir::Block *body) : op(op), body(body) {}
  std::optional<Numbers> operandConstants(unsigned argument);
  std::optional<std::pair<Numbers, Numbers>> accumulatorRange();
  std::optional<std::pair<Numbers, Numbers>> arithmeticRange(mlir::Value v);

  mlir::Operation *op;
  mlir::Block *body;
  int64_t numChannels = 1;
  int64_t channelDim = -1; ///< of the loops of a generic; -1: not known yet
};

/// sum of factor_i * leaf_i + offset, between lo and hi.
struct Linear {
  struct Term {
    mlir::Value leaf; ///< an integer of at most 64 bits
    Numbers factor;
    /// Set in a product (leaf - zero) * (other - otherZero).
    mlir::Value other;
    int64_t zero = 0, otherZero = 0;
  };
  llvm::SmallVector<Term, 2> terms;
  Numbers offset;
  /// Bounds that a ReLU or Clip put on it.
  Numbers lo = -std::numeric_limits<double>::infinity();
  Numbers hi = std::numeric_limits<double>::infinity();
  bool clamped = false;
};

/// A select that is read as one of its values.
struct Assumption {
  mlir::Operation *select = nullptr;
  bool holds = false; ///< its condition
};

/// Reads a float or integer of the body; nothing when it is not linear.
std::optional<Linear> readLinear(Body &body, mlir::Value v, Assumption assumed = {});

/// The larger or the smaller one of two lines of one integer: LeakyRelu, PRelu, Abs.
struct Bend {
  Linear a, b;
  bool larger;
};

/// Reads a value in which a comparison chooses between two lines that meet there.
std::optional<Bend> readBend(Body &body, mlir::Value v);

/// quantize(x): clamp(round_half_even(x / scale) + zero, lo, hi) as
/// dlc-lower-quantize writes it, ending in `result`.
struct Quantization {
  mlir::Value x;
  Numbers scale, zero;
  int64_t lo, hi;
};
std::optional<Quantization> readQuantization(Body &body, mlir::Value result);

} // namespace dlc::quantize
