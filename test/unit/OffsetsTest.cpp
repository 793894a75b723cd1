// Offsets of buffers: valid, at the lower bound where it can be reached, and overlaps
// against loops that are played through byte by byte.
#include "passes/memory/Offsets.h"
#include "passes/memory/Overlaps.h"

#include <catch2/catch.hpp>
#include <random>

using namespace dlc::memory;

/// Number of pairs of buffers that disturb each other.
static int conflicts(const std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps) {
  int wrong = 0;
  for (size_t i = 0; i < buffers.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const Buffer &x = buffers[i], &y = buffers[j];
      bool disjointInTime = x.last < y.first || y.last < x.first;
      bool disjoint = x.offset + x.bytes <= y.offset || y.offset + y.bytes <= x.offset;
      bool allowed = false;
      for (const Overlap &o : overlaps) {
        if (!((o.input == i && o.output == j) || (o.input == j && o.output == i)))
          continue;
        int64_t distance = buffers[o.output].offset - buffers[o.input].offset;
        allowed |= o.exact ? distance == o.distance
                           : distance <= o.distance || distance >= o.above;
      }
      wrong += !disjointInTime && !disjoint && !allowed;
    }
  return wrong;
}

TEST_CASE("a chain of buffers of three sizes reaches the lower bound", "[memory]") {
  // Padded input, depthwise, pointwise, again and again: first fit needs 112,384.
  std::vector<Buffer> buffers;
  int64_t sizes[] = {48384, 32000, 32000};
  for (int64_t i = 0; i < 12; ++i)
    buffers.push_back({sizes[i % 3], i, i + 1, 0});
  CHECK(liveBytes(buffers, {}, 16) == 80384);
  CHECK(assignOffsets(buffers, {}, 16) == 80384);
  CHECK(conflicts(buffers, {}) == 0);
}

TEST_CASE("an output over the end of its input", "[memory]") {
  // 48 x 48 x 8 to 48 x 48 x 16 bytes in the place of the larger one.
  std::vector<Buffer> buffers = {{18432, 0, 1, 0}, {36864, 1, 2, 0}};
  std::vector<Overlap> overlaps = {{0, 1, -18432, false}};
  CHECK(liveBytes(buffers, overlaps, 16) == 36864);
  CHECK(assignOffsets(buffers, overlaps, 16) == 36864);
  CHECK(buffers[0].offset == 18432);
  CHECK(buffers[1].offset == 0);
}

TEST_CASE("forwards and backwards in turn", "[memory]") {
  // Each output 384 bytes before its input, or as much behind it.
  std::vector<Buffer> buffers;
  std::vector<Overlap> overlaps;
  for (size_t i = 0; i < 10; ++i) {
    buffers.push_back({8000, static_cast<int64_t>(i), static_cast<int64_t>(i) + 1, 0});
    if (i)
      overlaps.push_back({i - 1, i, -384, false, 384});
  }
  CHECK(liveBytes(buffers, overlaps, 16) == 8384);
  CHECK(assignOffsets(buffers, overlaps, 16) == 8384);
  CHECK(conflicts(buffers, overlaps) == 0);
}

TEST_CASE("random plans are valid and repeat themselves", "[memory]") {
  std::mt19937 random(7);
  int reached = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<Buffer> buffers;
    size_t n = 2 + random() % 30;
    for (size_t i = 0; i < n; ++i) {
      int64_t first = random() % 20;
      buffers.push_back({static_cast<int64_t>(random() % 1000), first,
                         first + static_cast<int64_t>(random() % 4), 0});
    }
    std::vector<Overlap> overlaps;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        if (i != j && buffers[i].last == buffers[j].first && random() % 3 == 0)
          overlaps.push_back({i, j, static_cast<int64_t>(random() % 600) - 500, random() % 4 == 0});
    for (Overlap &o : overlaps)
      if (!o.exact && random() % 2)
        o.above = o.distance + 1 + random() % 500;
    // A buffer lies over an input or under an output, not both ways.
    std::erase_if(overlaps, [&](const Overlap &o) {
      return std::any_of(overlaps.begin(), overlaps.end(), [&](const Overlap &p) {
        return p.input == o.output && p.output == o.input;
      });
    });
    std::vector<Buffer> again = buffers;
    int64_t bound = liveBytes(buffers, overlaps, 16);
    int64_t total = assignOffsets(buffers, overlaps, 16);
    CHECK(conflicts(buffers, overlaps) == 0);
    CHECK(total >= bound);
    reached += total == bound;
    CHECK(assignOffsets(again, overlaps, 16) == total);
    for (size_t i = 0; i < n; ++i)
      CHECK(again[i].offset == buffers[i].offset);
  }
  CHECK(reached >= 40);
}

TEST_CASE("the distance of a nest of loops is the least that never destroys", "[memory]") {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    size_t depth = 1 + random() % 3;
    llvm::SmallVector<int64_t> rounds, input, output;
    for (size_t d = 0; d < depth; ++d) {
      rounds.push_back(1 + random() % 4);
      input.push_back(static_cast<int64_t>(random() % 9) - (random() % 8 ? 0 : 4));
      output.push_back(random() % 9);
    }
    int64_t written = 1 + random() % 4;
    // All rounds in order, with where they read and write.
    std::vector<std::pair<int64_t, int64_t>> at = {{0, 0}};
    for (size_t d = 0; d < depth; ++d) {
      std::vector<std::pair<int64_t, int64_t>> next;
      for (auto [i, o] : at)
        for (int64_t r = 0; r < rounds[d]; ++r)
          next.push_back({i + r * input[d], o + r * output[d]});
      at = next;
    }
    std::optional<int64_t> least;
    for (size_t s = 0; s < at.size(); ++s)
      for (size_t t = s + 1; t < at.size(); ++t)
        least = std::min(least.value_or(INT64_MAX), at[t].first - at[s].second - written);
    CHECK(nestDistance(rounds, input, output, written) == least);
  }
}
