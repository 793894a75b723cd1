// Operands of integer products (ConvInteger, MatMulInteger) as small integers with
// their zero points apart.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// x * w summed over the depth is sum(values * weights) + correction, with one
/// correction for each output channel.
struct NarrowProduct {
  Value values;     ///< int8: input 0, uint8 shifted by -128
  Value zeroPoint;  ///< i8 scalar that stands for 0 in `values`: what padding holds
  Value weights;    ///< constant int8, or int16 where weight minus zero point needs it
  Value correction; ///< tensor [O] of i32; null when zero everywhere
};

/// Inputs 0 and 1 with zero points at inputs `zero` and `zero` + 1. Output channels
/// are dimension `channel` of input 1. Nothing when the form does not fit: weights
/// that are not constant, or zero points along another axis.
FailureOr<std::optional<NarrowProduct>> narrowProduct(Node &n, unsigned zero, int64_t channel);

} // namespace dlc::legalize
