// Scratch memory of the GEMM micro-kernel.
#pragma once

#include "dialects/NN/NN.h"

namespace dlc::kernels {

/// Bytes of one panel of weights that dlc-compress-constants will store in few bits, expanded
/// before the rows that share it; 0 where they are expanded on the way: with few rows, on hosted targets, and
/// where memory or flash count more than time.
int64_t gemmScratch(mlir::Operation *op);

} // namespace dlc::kernels
