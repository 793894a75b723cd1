// Which stretches of a schedule run in bands of rows, within a bound of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dlc::memory {

/// Steps first to last of a schedule in bands of `height` rows: most bytes alive
/// meanwhile, and what it costs more than without bands.
struct Stretch {
  size_t first = 0, last = 0;
  int64_t height = 0, bytes = 0;
  double cost = 0;
  size_t bands = 0;
};

/// A schedule: bytes alive at each step, and the stretches to choose from.
struct Plan {
  std::vector<int64_t> live;
  std::vector<Stretch> stretches;
};

/// Disjoint stretches, in order, with the most bytes alive at any step and the sum of
/// costs.
struct Choice {
  std::vector<Stretch> stretches;
  int64_t bytes = 0;
  double cost = 0;
};

/// The cheapest choice such that never more than `bound` bytes are alive; nothing
/// when there is none.
std::optional<Choice> choose(const Plan &plan, int64_t bound);

/// The choice of the least bytes among those that cost at most `most`.
std::optional<Choice> chooseLeast(const Plan &plan, double most);

} // namespace dlc::memory
