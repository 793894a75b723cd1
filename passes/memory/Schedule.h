// Orders of a graph of operations that need little memory at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dlc::memory {

/// What an operation does to memory. `reads` and `makes` are numbers of storages,
/// each listed once; `replaces` are those of `reads` whose place a result may take
/// when nobody reads them afterwards.
struct Step {
  std::vector<size_t> reads, makes, replaces;
};

/// Steps in a valid order, and the bytes of the storages. A storage that no step
/// makes is there from the start when its bytes are to be counted. `kept` ones are
/// alive to the end.
struct Graph {
  std::vector<Step> steps;
  std::vector<int64_t> bytes;
  std::vector<bool> kept;
};

/// Most bytes alive at once when the steps run in `order`.
int64_t peakBytes(const Graph &graph, const std::vector<size_t> &order);

/// An order of the least peak when the search ends within `maxStates` sets of done
/// steps, otherwise a good one; never worse than the given one, which is returned
/// when it is as good.
std::vector<size_t> bestOrder(const Graph &graph, size_t maxStates);

} // namespace dlc::memory
