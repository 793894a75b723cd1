// Offsets of buffers in an arena, such that none writes over what another still needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dlc::memory {

/// A buffer of `bytes` that is alive from time `first` to time `last`
/// (inclusive); `offset` is the answer.
struct Buffer {
  int64_t bytes = 0, first = 0, last = 0, offset = 0;
};

/// The operation that reads `input` for the last time and starts to write
/// `output` bears that the two overlap: the output may start at most `distance`
/// bytes after the input (negative: at least that much before it), exactly there
/// when `exact`, or at least `above` bytes after it, where the operation can run
/// backwards. The numbers are indices of buffers.
struct Overlap {
  size_t input = 0, output = 0;
  int64_t distance = 0;
  bool exact = false;
  int64_t above = INT64_MAX;
};

/// Most bytes that are needed at one time: no plan can do with less.
int64_t liveBytes(const std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps,
                  int64_t align);

/// Assigns offsets (multiples of `align`) and returns the arena's size. First-fit
/// placement in several orders, then a search for a better order that stops at
/// the lower bound, at `enough` bytes, or after a fixed amount of work: the same answer
/// every time.
int64_t assignOffsets(std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps,
                      int64_t align, int64_t enough = 0);

} // namespace dlc::memory
