// Upper bounds of sizes that are known only at run time.
#pragma once

#include "passes/Passes.h"

namespace dlc::memory {

/// All values that an index may take, ends included. The ends saturate at
/// kMin and kMax, which mean "no bound".
struct Interval {
  static constexpr int64_t kMin = -(int64_t(1) << 62), kMax = int64_t(1) << 62;
  int64_t low = kMin, high = kMax;
  bool isBounded() const { return high < kMax; }
};

/// The values that an integer or index can take at run time, from the
/// arithmetic that computes it: constants, min and max, sizes of tensors and
/// buffers, loops. What nothing is known about is not bounded.
Interval intervalOf(mlir::Value value);

/// A buffer whose bound is more bytes than this counts as unbounded.
inline constexpr int64_t kLargestBound = int64_t(1) << 30;

/// The same for size `dim` of a tensor or buffer; never below 0.
Interval intervalOfDim(mlir::Value shaped, int64_t dim);

} // namespace dlc::memory
