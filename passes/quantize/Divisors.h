// Quotients by counts that differ from row to row and from column to column, as
// integer arithmetic: the averages at the borders of a pool.
#pragma once

#include "passes/quantize/Linear.h"

namespace dlc::quantize {

/// Rewrites x / (a * b) with x = s * (n + z), n an integer of 32 bits, z a whole number, a and b
/// constants along one loop each with small whole positive elements, as
/// (n + z) * (A / a) * (B / b) * (s / (A * B)), where A and B are the least common multiples
/// of the elements: one scale for all, which integers can be requantized by.
void scaleByDivisors(mlir::linalg::GenericOp op, Body &body);

} // namespace dlc::quantize
