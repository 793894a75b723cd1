// This file chooses stretches of a schedule that run in bands of rows.
#include "passes/memory/Stretches.h"

#include <algorithm>
#include <limits>

using namespace dlc::memory;

std::optional<Choice> dlc::memory::choose(const Plan &plan, int64_t bound) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  constexpr size_t kAlone = SIZE_MAX;
  size_t n = plan.live.size();
  // From the end: the least cost of steps t and later, and how step t runs.
  std::vector<double> cost(n + 1, kNever);
  std::vector<size_t> how(n + 1, kAlone);
  std::vector<std::vector<size_t>> starting(n);
  for (size_t i = 0; i < plan.stretches.size(); ++i)
    if (plan.stretches[i].bytes <= bound)
      starting[plan.stretches[i].first].push_back(i);
  cost[n] = 0;
  for (size_t t = n; t-- > 0;) {
    if (plan.live[t] <= bound)
      cost[t] = cost[t + 1];
    for (size_t i : starting[t]) {
      const Stretch &s = plan.stretches[i];
      if (s.cost + cost[s.last + 1] < cost[t]) {
        cost[t] = s.cost + cost[s.last + 1];
        how[t] = i;
      }
    }
  }
  if (cost[0] == kNever)
    return std::nullopt;
  Choice choice;
  choice.cost = cost[0];
  for (size_t t = 0; t < n;) {
    if (how[t] == kAlone) {
      choice.bytes = std::max(choice.bytes, plan.live[t++]);
      continue;
    }
    const Stretch &s = plan.stretches[how[t]];
    choice.stretches.push_back(s);
    choice.bytes = std::max(choice.bytes, s.bytes);
    t = s.last + 1;
  }
  return choice;
}

std::optional<Choice> dlc::memory::chooseLeast(const Plan &plan, double most) {
  std::vector<int64_t> bounds = plan.live;
  for (const Stretch &s : plan.stretches)
    bounds.push_back(s.bytes);
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  // More bytes never cost more.
  size_t low = 0, high = bounds.size();
  std::optional<Choice> best;
  while (low < high) {
    size_t middle = (low + high) / 2;
    std::optional<Choice> choice = choose(plan, bounds[middle]);
    if (choice && choice->cost <= most) {
      best = choice;
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return best;
}
