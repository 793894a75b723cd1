// This file spreads buffers over several memories.
#include "passes/memory/Memories.h"

#include <algorithm>

using namespace dlc::memory;

/// Offsets of a part of the buffers; returns the bytes that it needs.
static int64_t assignSome(std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps,
                          const std::vector<size_t> &some, int64_t align, int64_t enough) {
  std::vector<Buffer> part;
  std::vector<size_t> numbers(buffers.size(), SIZE_MAX);
  for (size_t i : some) {
    numbers[i] = part.size();
    part.push_back(buffers[i]);
  }
  std::vector<Overlap> inside;
  for (Overlap o : overlaps)
    if (numbers[o.input] != SIZE_MAX && numbers[o.output] != SIZE_MAX) {
      o.input = numbers[o.input];
      o.output = numbers[o.output];
      inside.push_back(o);
    }
  // Too much whatever the offsets: no search.
  int64_t least = liveBytes(part, inside, align);
  if (enough && least > enough)
    return least;
  int64_t total = assignOffsets(part, inside, align, enough);
  for (size_t i = 0; i < some.size(); ++i)
    buffers[some[i]].offset = part[i].offset;
  return total;
}

void dlc::memory::placeInMemories(std::vector<Buffer> &buffers,
                                  const std::vector<Overlap> &overlaps,
                                  const std::vector<int64_t> &traffic, int64_t align,
                                  std::vector<Memory> &memories, std::vector<size_t> &homes) {
  std::vector<size_t> left;
  for (size_t i = 0; i < buffers.size(); ++i)
    left.push_back(i);
  if (memories.size() > 1)
    std::sort(left.begin(), left.end(), [&](size_t x, size_t y) {
      // Traffic for a byte, without a division.
      double a = static_cast<double>(traffic[x]) * buffers[y].bytes;
      double b = static_cast<double>(traffic[y]) * buffers[x].bytes;
      return a != b ? a > b : x < y;
    });
  for (size_t m = 0; m < memories.size(); ++m) {
    std::vector<size_t> chosen, rest;
    if (m + 1 == memories.size()) {
      chosen = left;
    } else {
      for (size_t i : left) {
        chosen.push_back(i);
        if (assignSome(buffers, overlaps, chosen, align, memories[m].capacity) > memories[m].capacity) {
          chosen.pop_back();
          rest.push_back(i);
        }
      }
    }
    memories[m].used = assignSome(buffers, overlaps, chosen, align, 0);
    for (size_t i : chosen)
      homes[i] = m;
    left = rest;
  }
}
