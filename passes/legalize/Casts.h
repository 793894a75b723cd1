// Conversions of numbers that more than Cast needs.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {
/// `x` (f32), made to fit the range of a small format: above it, infinity too,
/// becomes the largest number; NaN stays.
Value saturateTo(mlir::ImplicitLocOpBuilder &b, Value x, mlir::FloatType format);
} // namespace dlc::legalize
