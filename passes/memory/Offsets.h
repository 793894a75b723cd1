// Offsets of buffers in an arena, such that buffers alive at once are disjoint.
#pragma once

#include <cstdint>
#include <vector>

namespace dlc::memory {

/// A buffer of `bytes` that is alive from time `first` to time `last`
/// (inclusive); `offset` is the answer.
struct Buffer {
  int64_t bytes = 0, first = 0, last = 0, offset = 0;
};

/// Most bytes that are alive at one time: no plan can need less.
int64_t liveBytes(const std::vector<Buffer> &buffers, int64_t align);

/// Assigns offsets (multiples of `align`) and returns the arena's size. Tries
/// several orders of first-fit placement and keeps the best.
int64_t assignOffsets(std::vector<Buffer> &buffers, int64_t align);

} // namespace dlc::memory
