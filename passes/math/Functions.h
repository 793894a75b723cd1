// This file declares the expansions of math functions: each emits the body for one type.
#pragma once

#include "passes/math/Emitter.h"

namespace dlc::libm {
/// Emits `op(arguments)` for arguments of `e`'s type with the operations below it only: arith,
/// select, other math functions (expanded in turn), scf.
using Expansion = Val (*)(Emitter &e, llvm::ArrayRef<Val> arguments);

// Exp.cpp
Val expandExp(Emitter &e, llvm::ArrayRef<Val> a);
Val expandExp2(Emitter &e, llvm::ArrayRef<Val> a);
Val expandExpM1(Emitter &e, llvm::ArrayRef<Val> a);
Val expandTanh(Emitter &e, llvm::ArrayRef<Val> a);
Val expandSinh(Emitter &e, llvm::ArrayRef<Val> a);
Val expandCosh(Emitter &e, llvm::ArrayRef<Val> a);
// Log.cpp
Val expandLog(Emitter &e, llvm::ArrayRef<Val> a);
Val expandLog2(Emitter &e, llvm::ArrayRef<Val> a);
Val expandLog10(Emitter &e, llvm::ArrayRef<Val> a);
Val expandLog1p(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAsinh(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAcosh(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAtanh(Emitter &e, llvm::ArrayRef<Val> a);
// Trigonometry.cpp
Val expandSin(Emitter &e, llvm::ArrayRef<Val> a);
Val expandCos(Emitter &e, llvm::ArrayRef<Val> a);
Val expandTan(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAsin(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAcos(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAtan(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAtan2(Emitter &e, llvm::ArrayRef<Val> a);
// Erf.cpp
Val expandErf(Emitter &e, llvm::ArrayRef<Val> a);
Val expandErfc(Emitter &e, llvm::ArrayRef<Val> a);
// Power.cpp
Val expandPow(Emitter &e, llvm::ArrayRef<Val> a);
/// x^y for a constant y where a few operations do; null otherwise.
Val expandPowConstant(Emitter &e, Val x, double y);
Val expandCbrt(Emitter &e, llvm::ArrayRef<Val> a);
Val expandSqrt(Emitter &e, llvm::ArrayRef<Val> a);
Val expandRsqrt(Emitter &e, llvm::ArrayRef<Val> a);
/// x^n, n an integer of any width with the shape of x (not of `e`'s width).
Val expandPowInteger(Emitter &e, Val x, mlir::Value n);
/// Integer power, n < 0 as math.ipowi defines it.
mlir::Value expandIntegerPower(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                               mlir::Value n);
// Simple.cpp
Val expandFloor(Emitter &e, llvm::ArrayRef<Val> a);
Val expandCeil(Emitter &e, llvm::ArrayRef<Val> a);
Val expandTrunc(Emitter &e, llvm::ArrayRef<Val> a);
Val expandRound(Emitter &e, llvm::ArrayRef<Val> a);
Val expandRoundEven(Emitter &e, llvm::ArrayRef<Val> a);
Val expandFma(Emitter &e, llvm::ArrayRef<Val> a);
Val expandAbs(Emitter &e, llvm::ArrayRef<Val> a);
Val expandCopySign(Emitter &e, llvm::ArrayRef<Val> a);
Val expandClamp(Emitter &e, llvm::ArrayRef<Val> a);
Val expandIsNaN(Emitter &e, llvm::ArrayRef<Val> a);
Val expandIsInf(Emitter &e, llvm::ArrayRef<Val> a);
Val expandIsFinite(Emitter &e, llvm::ArrayRef<Val> a);
Val expandIsNormal(Emitter &e, llvm::ArrayRef<Val> a);
Val expandMaximum(Emitter &e, llvm::ArrayRef<Val> a);
Val expandMinimum(Emitter &e, llvm::ArrayRef<Val> a);
Val expandMaxNum(Emitter &e, llvm::ArrayRef<Val> a);
Val expandMinNum(Emitter &e, llvm::ArrayRef<Val> a);
/// arith.remf: the exact remainder with the sign of the dividend (C's fmod).
Val expandRemainder(Emitter &e, llvm::ArrayRef<Val> a);
// Integer.cpp: operands of any integer type.
mlir::Value expandAbsInteger(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value expandPopCount(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value expandLeadingZeros(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value expandTrailingZeros(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
} // namespace dlc::libm
