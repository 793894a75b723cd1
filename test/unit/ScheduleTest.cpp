// Orders of operations: the least peak against all orders of small random graphs.
#include "passes/memory/Schedule.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace dlc::memory;

/// Whether every storage is made before it is read.
static bool isValid(const Graph &graph, const std::vector<size_t> &order) {
  std::vector<bool> made(graph.bytes.size(), true), done(graph.steps.size());
  for (const Step &step : graph.steps)
    for (size_t t : step.makes)
      made[t] = false;
  for (size_t s : order) {
    if (done[s])
      return false;
    done[s] = true;
    for (size_t t : graph.steps[s].reads)
      if (!made[t])
        return false;
    for (size_t t : graph.steps[s].makes)
      made[t] = true;
  }
  return order.size() == graph.steps.size();
}

static Graph randomGraph(std::mt19937 &random, size_t n, bool inPlace) {
  Graph graph;
  graph.bytes.push_back(random() % 50);
  for (size_t s = 0; s < n; ++s) {
    Step step;
    for (size_t t = 0; t < graph.bytes.size(); ++t)
      if (random() % graph.bytes.size() < 2)
        step.reads.push_back(t);
    step.makes.push_back(graph.bytes.size());
    if (inPlace && !step.reads.empty() && random() % 3 == 0)
      step.replaces.push_back(step.reads.front());
    graph.bytes.push_back(random() % 100);
    graph.steps.push_back(step);
  }
  graph.kept.assign(graph.bytes.size(), false);
  graph.kept.back() = true;
  return graph;
}

TEST_CASE("the best of all orders of small graphs", "[memory]") {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    Graph graph = randomGraph(random, 2 + random() % 5, round % 2);
    std::vector<size_t> order;
    for (size_t i = 0; i < graph.steps.size(); ++i)
      order.push_back(i);
    int64_t given = peakBytes(graph, order), least = given;
    do
      if (isValid(graph, order))
        least = std::min(least, peakBytes(graph, order));
    while (std::next_permutation(order.begin(), order.end()));
    std::vector<size_t> found = bestOrder(graph, 100000);
    REQUIRE(isValid(graph, found));
    CHECK(peakBytes(graph, found) == least);
    // Without room to search: valid, and no worse than what was there.
    found = bestOrder(graph, 1);
    REQUIRE(isValid(graph, found));
    CHECK(peakBytes(graph, found) <= given);
  }
}

TEST_CASE("long chains and wide graphs end in time", "[memory]") {
  std::mt19937 random(5);
  Graph chain;
  chain.bytes.push_back(10);
  for (size_t s = 0; s < 1000; ++s) {
    chain.steps.push_back({{s}, {s + 1}, {}});
    chain.bytes.push_back(random() % 1000);
  }
  chain.kept.assign(chain.bytes.size(), false);
  std::vector<size_t> order = bestOrder(chain, 20000);
  CHECK(std::is_sorted(order.begin(), order.end()));
  Graph wide = randomGraph(random, 300, true);
  CHECK(isValid(wide, bestOrder(wide, 20000)));
}
