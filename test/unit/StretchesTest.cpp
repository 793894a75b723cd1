// Tests of passes/memory/Stretches: which layers run in bands, against all possible choices.
#include "passes/memory/Stretches.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <random>

using namespace dlc::memory;

static Plan randomPlan(std::mt19937 &random) {
  auto between = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  Plan plan;
  for (int64_t i = 0, n = between(1, 9); i < n; ++i)
    plan.live.push_back(between(1, 40));
  for (int64_t i = 0, n = between(0, 9); i < n; ++i) {
    Stretch s;
    s.first = static_cast<size_t>(between(0, static_cast<int64_t>(plan.live.size()) - 1));
    s.last = static_cast<size_t>(between(static_cast<int64_t>(s.first), static_cast<int64_t>(plan.live.size()) - 1));
    s.height = between(1, 4);
    s.bytes = between(1, 40);
    s.cost = static_cast<double>(between(0, 20));
    plan.stretches.push_back(s);
  }
  return plan;
}

/// Visits bytes and cost of every choice of disjoint stretches.
static void eachChoice(const Plan &plan, const std::function<void(int64_t, double)> &visit) {
  std::function<void(size_t, int64_t, double)> from = [&](size_t t, int64_t bytes, double cost) {
    if (t == plan.live.size())
      return visit(bytes, cost);
    from(t + 1, std::max(bytes, plan.live[t]), cost);
    for (const Stretch &s : plan.stretches)
      if (s.first == t)
        from(s.last + 1, std::max(bytes, s.bytes), cost + s.cost);
  };
  from(0, 0, 0);
}

/// Whether stretches are disjoint and in order, and the sums are theirs.
static bool isConsistent(const Plan &plan, const Choice &choice) {
  int64_t bytes = 0;
  double cost = 0;
  size_t t = 0;
  for (const Stretch &s : choice.stretches) {
    if (s.first < t)
      return false;
    for (; t < s.first; ++t)
      bytes = std::max(bytes, plan.live[t]);
    bytes = std::max(bytes, s.bytes);
    cost += s.cost;
    t = s.last + 1;
  }
  for (; t < plan.live.size(); ++t)
    bytes = std::max(bytes, plan.live[t]);
  return bytes == choice.bytes && cost == choice.cost;
}

TEST_CASE("The cheapest stretches within a bound", "[memory]") {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    Plan plan = randomPlan(random);
    for (int64_t bound = 0; bound <= 42; bound += 3) {
      double cheapest = std::numeric_limits<double>::infinity();
      eachChoice(plan, [&](int64_t bytes, double cost) {
        if (bytes <= bound)
          cheapest = std::min(cheapest, cost);
      });
      auto choice = choose(plan, bound);
      INFO("round " << round << ", bound " << bound);
      REQUIRE(choice.has_value() == (cheapest < std::numeric_limits<double>::infinity()));
      if (choice) {
        REQUIRE(isConsistent(plan, *choice));
        REQUIRE(choice->bytes <= bound);
        REQUIRE(choice->cost == cheapest);
      }
    }
  }
}

TEST_CASE("The least bytes for a cost", "[memory]") {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    Plan plan = randomPlan(random);
    for (double most : {0.0, 5.0, 20.0, 1000.0}) {
      int64_t least = std::numeric_limits<int64_t>::max();
      eachChoice(plan, [&](int64_t bytes, double cost) {
        if (cost <= most)
          least = std::min(least, bytes);
      });
      auto choice = chooseLeast(plan, most);
      INFO("round " << round << ", most " << most);
      REQUIRE(choice); // without stretches it costs nothing
      REQUIRE(isConsistent(plan, *choice));
      REQUIRE(choice->bytes == least);
      REQUIRE(choice->cost <= most);
    }
  }
}
