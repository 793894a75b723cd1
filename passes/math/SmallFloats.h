// This file declares conversions between floats below 32 bits and f32 by integer operations.
#pragma once

#include "passes/math/Emitter.h"

namespace dlc::libm {
/// True for a float type of less than 32 bits (element), scalar or vector.
bool isSmallFloat(mlir::Type type);
/// `type` with another element type.
mlir::Type withElement(mlir::Type type, mlir::Type element);
/// True where extendSmall and truncateToSmall know the format: sign, exponent and mantissa.
bool isConvertible(mlir::Type type);

/// A number of a small format as f32, exactly.
mlir::Value extendSmall(Emitter &e, mlir::Value small);
/// f32 to a small format: to nearest, ties to even, subnormals kept. What is too large becomes
/// infinity, NaN where the format has no infinity, the largest number where it has neither.
mlir::Value truncateToSmall(Emitter &e, Val x, mlir::Type type);
/// f64 to f32 so that a second rounding gives what one rounding would: towards zero, the last bit
/// set where anything was lost.
mlir::Value roundToOdd(Emitter &e, mlir::Value wide);
} // namespace dlc::libm
