// Which of several memories a buffer goes to.
#pragma once

#include "passes/memory/Offsets.h"

#include <string>

namespace dlc::memory {

/// A memory of the target; `used` is the answer.
struct Memory {
  std::string name;
  int64_t capacity = 0, used = 0;
};

/// Gives each buffer a memory (its number in `homes`) and an offset there. The
/// buffers with most traffic for each of their bytes go to the first memory as long
/// as they fit, then to the second, and so on; the last one takes what is left,
/// whether it fits or not.
void placeInMemories(std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps,
                     const std::vector<int64_t> &traffic, int64_t align,
                     std::vector<Memory> &memories, std::vector<size_t> &homes);

} // namespace dlc::memory
