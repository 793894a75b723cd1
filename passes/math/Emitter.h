// This file declares the small language in which the bodies of math functions are written: one
// body serves f32 and f64, scalars and vectors of any shape, fixed or scalable.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <cmath>

namespace dlc::libm {
class Emitter;

/// A value in the language: real (f32, f64), integer of the same width, or i1.
struct Val {
  mlir::Value v;
  Emitter *e = nullptr;
  operator mlir::Value() const { return v; }
};

/// What the target does in one instruction for one float type, and what the user allows.
struct Native {
  bool fma = false;
  /// Add, multiply, divide and square root.
  bool arithmetic = false;
  /// floor, ceil, trunc, round, roundeven.
  bool rounding = false;
  /// maxnumf, minnumf.
  bool minMaxNum = false;
  /// maximumf, minimumf.
  bool minMax = false;
};

/// Private functions that hold expanded bodies, made on first use.
class Helpers {
public:
  /// `inlineStraight`: LLVM is to inline bodies without branches everywhere.
  explicit Helpers(mlir::ModuleOp module, bool inlineStraight = false)
      : module(module), inlineStraight(inlineStraight) {}
  using Body = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                              mlir::ValueRange)>;
  mlir::func::FuncOp get(llvm::StringRef name, mlir::TypeRange arguments,
                         mlir::Type result, Body body);
  /// A private constant of 32-bit words.
  mlir::memref::GlobalOp table(llvm::StringRef name,
                               llvm::ArrayRef<uint32_t> words);
  unsigned made = 0;

private:
  mlir::ModuleOp module;
  bool inlineStraight;
};

/// A number in two parts, |lo| <= ulp(hi)/2.
struct Pair {
  Val hi, lo;
};

class Emitter {
public:
  /// `type`: f32, f64 or a vector of them.
  Emitter(mlir::ImplicitLocOpBuilder &b, mlir::Type type, Native native,
          Helpers &helpers);

  mlir::ImplicitLocOpBuilder &b;
  const mlir::Type realType;
  mlir::Type intType, boolType;
  const Native native;
  Helpers &helpers;
  /// f64 (else f32).
  const bool wide;
  const unsigned width, mantissaBits;
  const int bias;

  Val wrap(mlir::Value v) { return {v, this}; }
  Val real(double value);
  Val integer(int64_t value);
  Val infinity();
  Val nan();
  Val trueValue(bool value);
  /// One of the values for the two types.
  double pick(double forF32, double forF64) const {
    return wide ? forF64 : forF32;
  }
  Val constant(const double (&values)[2]) { return real(values[wide]); }

  uint64_t mantissaMask() const { return (uint64_t(1) << mantissaBits) - 1; }
  uint64_t exponentMask() const {
    return ((uint64_t(1) << (width - 1 - mantissaBits)) - 1) << mantissaBits;
  }
  uint64_t signMask() const { return uint64_t(1) << (width - 1); }
  /// The bits of a number of this type.
  uint64_t bitsOf(double value) const;
  /// 1.5 * 2^mantissaBits: adding it rounds to an integer in the low bits.
  double magic() const { return std::ldexp(1.5, mantissaBits); }
  double smallestNormal() const { return std::ldexp(1.0, 1 - bias); }

  // a*b + c, fused where the target can.
  Val mad(Val a, Val b, Val c);
  /// c - a*b, fused where the target can.
  Val nmad(Val a, Val b, Val c);
  /// Polynomial, lowest coefficient first (Horner).
  Val poly(Val x, llvm::ArrayRef<double> coefficients);
  template <size_t N, size_t M>
  Val poly(Val x, const double (&f32)[N], const double (&f64)[M]) {
    return wide ? poly(x, llvm::ArrayRef<double>(f64))
                : poly(x, llvm::ArrayRef<double>(f32));
  }

  Val bits(Val x);     // real -> integer
  Val fromBits(Val i); // integer -> real
  Val abs(Val x);
  Val negate(Val x);
  /// magnitude of `x` with the sign of `sign`; `x` must not be negative.
  Val withSign(Val x, Val sign);
  Val isNegative(Val x); // the sign bit
  Val sqrt(Val x);
  template <typename Op, typename... Args> Val op(Args... args) {
    return wrap(Op::create(b, mlir::Value(args)...));
  }
  Val select(Val condition, Val yes, Val no);
  Val select(Val condition, Val yes, double no);
  Val select(Val condition, double yes, Val no);
  Val cmp(mlir::arith::CmpFPredicate predicate, Val a, Val b);
  Val cmp(mlir::arith::CmpIPredicate predicate, Val a, Val b);

  /// Nearest integer of |x| < 2^(mantissaBits-1), as a number and as an integer.
  std::pair<Val, Val> nearest(Val x);
  /// An integer of fewer than mantissaBits-1 bits as a number, exactly.
  Val toReal(Val i);
  /// 2^i for normal results.
  Val pow2(Val i);
  /// p * 2^i, rounded once, for i in twice the range of exponents.
  Val scale(Val p, Val i);

  // Exact and nearly exact arithmetic.
  Pair twoSum(Val a, Val b);
  Pair fastTwoSum(Val a, Val b); // |a| >= |b|
  Pair twoProduct(Val a, Val b);
  /// `x` with the low half of its mantissa cleared.
  Val upperHalf(Val x);

  bool isVector() const;
  /// Calls `f` where `condition` holds in any lane (scalar: where it holds), else gives `otherwise`.
  /// `f` may compute garbage in the other lanes.
  Val ifAny(Val condition, Val otherwise, llvm::function_ref<Val()> f);
  /// Applies a function of scalars to every lane.
  Val eachLane(mlir::func::FuncOp scalar, llvm::ArrayRef<Val> arguments);
  std::string typeName() const { return wide ? "f64" : "f32"; }
};

Val operator+(Val a, Val b);
Val operator-(Val a, Val b);
Val operator*(Val a, Val b);
Val operator/(Val a, Val b);
Val operator&(Val a, Val b);
Val operator|(Val a, Val b);
Val operator^(Val a, Val b);
Val operator<<(Val a, int by);
/// Logical shift right.
Val operator>>(Val a, int by);
Val shiftArithmetic(Val a, int by);
Val operator!(Val a);
// With constants of the type of the other operand.
Val operator+(Val a, double b);
Val operator-(Val a, double b);
Val operator*(Val a, double b);
Val operator*(double a, Val b);
Val operator/(double a, Val b);
Val operator+(double a, Val b);
Val operator-(double a, Val b);
Val operator&(Val a, uint64_t b);
Val operator|(Val a, uint64_t b);
// Ordered comparisons of numbers, signed ones of integers.
Val operator<(Val a, Val b);
Val operator>(Val a, Val b);
Val operator<=(Val a, Val b);
Val operator>=(Val a, Val b);
Val operator<(Val a, double b);
Val operator>(Val a, double b);
Val operator<=(Val a, double b);
Val operator>=(Val a, double b);
Val equal(Val a, Val b);
Val equal(Val a, double b);
/// True for NaN.
Val isNaN(Val a);
} // namespace dlc::libm
