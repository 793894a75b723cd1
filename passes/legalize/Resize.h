// What Resize reads, for lowerings of its own kind.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

/// What the positions of one resized dimension read, known at compile time: `taps` neighbours each.
struct KnownTaps {
  int64_t dim, size, taps;
  SmallVector<int32_t> indices; ///< [size, taps]
  SmallVector<double> weights;  ///< [size, taps]
  SmallVector<bool> outside;    ///< [size], what takes the extrapolation value instead; empty where nothing does
  double extrapolation;
};

/// The taps of a Resize that interpolates; nothing when they are not known, or it does not.
std::optional<SmallVector<KnownTaps>> knownTaps(Node &n);

} // namespace dlc::legalize
