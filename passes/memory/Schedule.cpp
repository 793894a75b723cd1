// This file searches for orders of operations that need little memory at once.
#include "passes/memory/Schedule.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

using namespace dlc::memory;

namespace {
/// Which steps are done, as bits in a string: the key of a state.
using Done = std::string;

bool has(const Done &done, size_t i) { return done[i / 8] >> (i % 8) & 1; }
void add(Done &done, size_t i) { done[i / 8] |= static_cast<char>(1 << (i % 8)); }

class Search {
public:
  explicit Search(const Graph &graph) : graph(graph), maker(graph.bytes.size(), kNone), readers(graph.bytes.size()) {
    for (size_t s = 0; s < graph.steps.size(); ++s) {
      for (size_t t : graph.steps[s].makes)
        maker[t] = s;
      for (size_t t : graph.steps[s].reads)
        readers[t].push_back(s);
    }
  }

  Done start() const { return Done((graph.steps.size() + 7) / 8, '\0'); }

  /// Bytes alive before the first step.
  int64_t startBytes() const {
    int64_t live = 0;
    for (size_t t = 0; t < graph.bytes.size(); ++t)
      if (maker[t] == kNone)
        live += graph.bytes[t];
    return live;
  }

  bool isReady(const Done &done, size_t step) const {
    return !has(done, step) && std::all_of(graph.steps[step].reads.begin(), graph.steps[step].reads.end(), [&](size_t t) {
      return maker[t] == kNone || has(done, maker[t]);
    });
  }

  /// Bytes during the step and after it, when `live` are alive before it.
  std::pair<int64_t, int64_t> run(const Done &done, int64_t live, size_t step) const {
    const Step &s = graph.steps[step];
    int64_t made = 0, freed = 0, replaced = 0;
    for (size_t t : s.makes) {
      made += graph.bytes[t];
      if (readers[t].empty() && !graph.kept[t])
        freed += graph.bytes[t];
    }
    for (size_t t : s.reads) {
      if (graph.kept[t] || !std::all_of(readers[t].begin(), readers[t].end(), [&](size_t r) {
            return r == step || has(done, r);
          }))
        continue;
      freed += graph.bytes[t];
      if (std::find(s.replaces.begin(), s.replaces.end(), t) != s.replaces.end())
        replaced = std::max(replaced, graph.bytes[t]);
    }
    return {live + made - std::min(made, replaced), live + made - freed};
  }

  /// Best first: the state with the least peak so far, of those the one with most
  /// steps done. Empty when there are more than `maxStates`.
  std::vector<size_t> exact(size_t maxStates) const {
    struct State {
      Done done;
      int64_t live, peak;
      size_t count, parent, step;
    };
    std::vector<State> states;
    // Peak of the best way to a set of steps.
    std::unordered_map<Done, int64_t> reached;
    auto later = [&](size_t x, size_t y) {
      const State &a = states[x], &b = states[y];
      return std::tuple(a.peak, b.count, a.live, x) > std::tuple(b.peak, a.count, b.live, y);
    };
    std::priority_queue<size_t, std::vector<size_t>, decltype(later)> queue(later);
    states.push_back({start(), startBytes(), startBytes(), 0, kNone, kNone});
    queue.push(0);
    size_t n = graph.steps.size();
    while (!queue.empty()) {
      size_t at = queue.top();
      queue.pop();
      if (states[at].count == n) {
        std::vector<size_t> order;
        for (size_t i = at; states[i].step != kNone; i = states[i].parent)
          order.push_back(states[i].step);
        std::reverse(order.begin(), order.end());
        return order;
      }
      if (auto it = reached.find(states[at].done); it != reached.end() && it->second < states[at].peak)
        continue;
      std::vector<State> next;
      for (size_t s = 0; s < n; ++s) {
        if (!isReady(states[at].done, s))
          continue;
        auto [during, after] = run(states[at].done, states[at].live, s);
        State state{states[at].done, after, std::max(states[at].peak, during), states[at].count + 1, at, s};
        add(state.done, s);
        // What costs nothing and leaves no more behind may as well be next.
        if (during <= states[at].peak && after <= states[at].live) {
          next.assign(1, std::move(state));
          break;
        }
        next.push_back(std::move(state));
      }
      for (State &state : next) {
        auto [it, isNew] = reached.try_emplace(state.done, state.peak);
        if (!isNew && it->second <= state.peak)
          continue;
        it->second = state.peak;
        if (states.size() >= maxStates)
          return {};
        states.push_back(std::move(state));
        queue.push(states.size() - 1);
      }
    }
    return {};
  }

  /// Takes the ready step that raises the peak least, of those the one that leaves
  /// the least behind.
  std::vector<size_t> greedy() const {
    std::vector<size_t> order;
    Done done = start();
    int64_t live = startBytes(), peak = live;
    while (order.size() < graph.steps.size()) {
      size_t best = kNone;
      std::tuple<int64_t, int64_t> bestCost;
      for (size_t s = 0; s < graph.steps.size(); ++s) {
        if (!isReady(done, s))
          continue;
        auto [during, after] = run(done, live, s);
        std::tuple cost{std::max(peak, during), after};
        if (best == kNone || cost < bestCost) {
          best = s;
          bestCost = cost;
        }
      }
      if (best == kNone)
        return {}; // not a graph without cycles
      std::tie(peak, live) = bestCost;
      add(done, best);
      order.push_back(best);
    }
    return order;
  }

  int64_t peak(const std::vector<size_t> &order) const {
    Done done = start();
    int64_t live = startBytes(), most = live;
    for (size_t s : order) {
      auto [during, after] = run(done, live, s);
      most = std::max(most, during);
      live = after;
      add(done, s);
    }
    return most;
  }

private:
  static constexpr size_t kNone = SIZE_MAX;
  const Graph &graph;
  std::vector<size_t> maker;
  std::vector<std::vector<size_t>> readers;
};
} // namespace

int64_t dlc::memory::peakBytes(const Graph &graph, const std::vector<size_t> &order) {
  return Search(graph).peak(order);
}

std::vector<size_t> dlc::memory::bestOrder(const Graph &graph, size_t maxStates) {
  Search search(graph);
  std::vector<size_t> best;
  for (size_t i = 0; i < graph.steps.size(); ++i)
    best.push_back(i);
  int64_t least = search.peak(best);
  std::vector<size_t> trial = search.exact(maxStates);
  if (trial.empty())
    trial = search.greedy();
  if (trial.size() == best.size() && search.peak(trial) < least)
    best = trial;
  return best;
}
