// This file places buffers in an arena.
#include "passes/memory/Offsets.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace dlc::memory;

namespace {
/// Steps (looks at a neighbour of a buffer) that a search may take: below half a
/// second on a slow machine.
constexpr int64_t kSearchSteps = 20'000'000;
/// The same for one of many questions whether something fits.
constexpr int64_t kTrialSteps = 200'000;
/// Up to this many buffers every order is tried: 5,040 of them.
constexpr size_t kExhaustive = 7;

int64_t alignUp(int64_t v, int64_t align) { return (v + align - 1) / align * align; }
int64_t alignDown(int64_t v, int64_t align) { return v - ((v % align) + align) % align; }

bool alive(const Buffer &x, const Buffer &y) {
  return x.bytes > 0 && y.bytes > 0 && x.first <= y.last && y.first <= x.last;
}

/// Bytes that both buffers take when one overlaps the other as far as it may.
int64_t unionBytes(int64_t input, int64_t output, const Overlap &o, int64_t align) {
  int64_t distance = o.exact ? o.distance : std::min<int64_t>(alignDown(o.distance, align), 0);
  if (o.exact && distance > 0)
    return std::min(input + output, std::max(input, distance + output));
  int64_t both = std::min(input + output, std::max(output, input - distance));
  if (o.above < input)
    both = std::min(both, std::max(input, alignUp(std::max<int64_t>(o.above, 0), align) + output));
  return both;
}

/// Where a buffer must not start, relative to the start of another that has its
/// place: strictly between `above` and `below`.
struct Forbidden {
  size_t other;
  int64_t above, below;
};

class Search {
public:
  Search(std::vector<Buffer> &buffers, const std::vector<Overlap> &overlaps, int64_t align)
      : buffers(buffers), align(align), forbidden(buffers.size()) {
    std::map<std::pair<size_t, size_t>, Overlap> allowed;
    for (const Overlap &o : overlaps)
      allowed[{o.input, o.output}] = o;
    for (size_t i = 0; i < buffers.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        if (!alive(buffers[i], buffers[j]))
          continue;
        if (auto it = allowed.find({j, i}); it != allowed.end())
          forbid(it->second);
        else if (auto it = allowed.find({i, j}); it != allowed.end())
          forbid(it->second);
        else
          forbid(j, i, -buffers[i].bytes, buffers[j].bytes);
      }
  }

  /// First fit in the given order: each buffer goes to the lowest offset that
  /// those placed before it leave.
  int64_t place(const std::vector<size_t> &order) {
    int64_t total = 0;
    placed.assign(buffers.size(), false);
    for (size_t index : order) {
      holes.clear();
      for (const Forbidden &f : forbidden[index])
        if (placed[f.other])
          holes.push_back({buffers[f.other].offset + f.above, buffers[f.other].offset + f.below});
      steps += forbidden[index].size() + 1;
      std::sort(holes.begin(), holes.end());
      int64_t at = 0;
      for (auto [above, below] : holes)
        if (at > above && at < below)
          at = alignUp(below, align);
      buffers[index].offset = at;
      placed[index] = true;
      total = std::max(total, at + buffers[index].bytes);
    }
    return alignUp(total, align);
  }

  int64_t run(int64_t lowerBound, int64_t maxSteps) {
    this->maxSteps = maxSteps;
    std::vector<size_t> order = bestSimpleOrder();
    if (bestTotal <= lowerBound || order.size() < 2)
      return finish();
    if (order.size() <= kExhaustive) {
      std::sort(order.begin(), order.end());
      do
        keep(order, place(order));
      while (bestTotal > lowerBound && std::next_permutation(order.begin(), order.end()));
      return finish();
    }
    climb(lowerBound);
    return finish();
  }

private:
  /// `placedFirst` has its place; `index` must start outside (above, below).
  void forbid(size_t placedFirst, size_t index, int64_t above, int64_t below) {
    if (above >= below)
      return;
    forbidden[index].push_back({placedFirst, above, below});
    forbidden[placedFirst].push_back({index, -below, -above});
  }
  void forbid(const Overlap &o) {
    int64_t input = buffers[o.input].bytes, output = buffers[o.output].bytes;
    if (o.distance % align != 0 && o.exact) {
      forbid(o.input, o.output, -output, input); // no offset of ours fits
      return;
    }
    forbid(o.input, o.output, std::max(o.distance, -output), std::min(input, o.above));
    if (o.exact)
      forbid(o.input, o.output, -output, std::min(o.distance, input));
  }

  void keep(const std::vector<size_t> &order, int64_t total) {
    if (bestTotal >= 0 && total >= bestTotal)
      return;
    bestTotal = total;
    bestOrder = order;
  }
  int64_t finish() { return place(bestOrder); }

  /// Classical orders: size, area, length, start, end.
  std::vector<size_t> bestSimpleOrder() {
    std::vector<size_t> order;
    for (size_t i = 0; i < buffers.size(); ++i)
      order.push_back(i);
    auto length = [](const Buffer &b) {
      return static_cast<double>(b.last) - static_cast<double>(b.first) + 1;
    };
    using Less = std::function<bool(const Buffer &, const Buffer &)>;
    const Less orders[] = {
        [](const Buffer &x, const Buffer &y) { return x.bytes > y.bytes; },
        [&](const Buffer &x, const Buffer &y) { return x.bytes * length(x) > y.bytes * length(y); },
        [&](const Buffer &x, const Buffer &y) { return length(x) > length(y); },
        [](const Buffer &x, const Buffer &y) { return x.first < y.first; },
        [](const Buffer &x, const Buffer &y) { return x.last > y.last; },
    };
    for (const Less &less : orders) {
      std::sort(order.begin(), order.end(), [&](size_t x, size_t y) {
        if (less(buffers[x], buffers[y]))
          return true;
        return !less(buffers[y], buffers[x]) && x < y;
      });
      keep(order, place(order));
    }
    return bestOrder;
  }

  /// Iterated local search on the order: moves a buffer that ends at the top (or
  /// any other) before a random one; keeps what is not worse; shakes the best
  /// order when nothing has helped for a while.
  void climb(int64_t lowerBound) {
    uint64_t state = 0x9e3779b97f4a7c15;
    auto random = [&](size_t below) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return static_cast<size_t>((state >> 16) % below);
    };
    std::vector<size_t> order = bestOrder, trial;
    int64_t current = place(order);
    size_t n = order.size(), idle = 0;
    auto move = [&](std::vector<size_t> &list, size_t from, size_t to) {
      if (from > to)
        std::rotate(list.begin() + to, list.begin() + from, list.begin() + from + 1);
      else
        std::rotate(list.begin() + from, list.begin() + from + 1, list.begin() + to + 1);
    };
    while (bestTotal > lowerBound && steps < maxSteps) {
      // Positions in the order of what ends at the top.
      tops.clear();
      for (size_t i = 0; i < n; ++i)
        if (alignUp(buffers[order[i]].offset + buffers[order[i]].bytes, align) == current)
          tops.push_back(i);
      trial = order;
      size_t from = tops.empty() || random(3) == 0 ? random(n) : tops[random(tops.size())];
      if (random(2) == 0 && from > 0)
        move(trial, from, random(from));
      else
        std::swap(trial[from], trial[random(n)]);
      int64_t total = place(trial);
      keep(trial, total);
      if (total <= current) {
        idle = total < current ? 0 : idle + 1;
        order = trial;
        current = total;
      } else {
        ++idle;
      }
      if (idle > 4 * n + 50) {
        idle = 0;
        order = bestOrder;
        for (size_t i = 0; i < 2 + n / 8; ++i)
          move(order, random(n), random(n));
        current = place(order);
        keep(order, current);
      } else if (order != trial) {
        place(order); // offsets of the order that goes on
      }
    }
  }

  std::vector<Buffer> &buffers;
  int64_t align;
  std::vector<std::vector<Forbidden>> forbidden;
  std::vector<bool> placed;
  std::vector<std::pair<int64_t, int64_t>> holes;
  std::vector<size_t> tops, bestOrder;
  int64_t bestTotal = -1, steps = 0, maxSteps = 0;
};
} // namespace

int64_t dlc::memory::liveBytes(const std::vector<Buffer> &buffers,
                               const std::vector<Overlap> &overlaps, int64_t align) {
  // Sweep over starts and ends; an end counts until after its own time.
  std::vector<std::pair<int64_t, int64_t>> events;
  auto during = [&](int64_t first, int64_t last, int64_t bytes) {
    events.push_back({first, bytes});
    if (last != INT64_MAX)
      events.push_back({last + 1, -bytes});
  };
  for (const Buffer &b : buffers)
    during(b.first, b.last, alignUp(b.bytes, align));
  // What overlaps counts once; no buffer gives more than it has, as an input of the
  // operation that reads it last and as an output of the one that writes it first.
  std::vector<int64_t> asInput, asOutput;
  for (const Buffer &b : buffers)
    asInput.push_back(alignUp(b.bytes, align));
  asOutput = asInput;
  for (const Overlap &o : overlaps) {
    const Buffer &in = buffers[o.input], &out = buffers[o.output];
    if (!alive(in, out))
      continue;
    int64_t saved = alignUp(in.bytes, align) + alignUp(out.bytes, align) -
                    unionBytes(alignUp(in.bytes, align), alignUp(out.bytes, align), o, align);
    saved = std::min({saved, asInput[o.input], asOutput[o.output]});
    asInput[o.input] -= saved;
    asOutput[o.output] -= saved;
    during(std::max(in.first, out.first), std::min(in.last, out.last), -saved);
  }
  // At one time: what ends makes room before what starts.
  std::sort(events.begin(), events.end());
  int64_t live = 0, most = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    live += events[i].second;
    if (i + 1 == events.size() || events[i + 1].first != events[i].first)
      most = std::max(most, live);
  }
  return most;
}

int64_t dlc::memory::assignOffsets(std::vector<Buffer> &buffers,
                                   const std::vector<Overlap> &overlaps, int64_t align,
                                   int64_t enough) {
  return Search(buffers, overlaps, align).run(
      std::max(enough, liveBytes(buffers, overlaps, align)), enough ? kTrialSteps : kSearchSteps);
}
