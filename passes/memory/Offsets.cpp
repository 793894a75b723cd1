// This file places buffers in an arena.
#include "passes/memory/Offsets.h"

#include <algorithm>
#include <functional>
#include <numeric>

using namespace dlc::memory;

static int64_t alignUp(int64_t v, int64_t align) {
  return (v + align - 1) / align * align;
}

int64_t dlc::memory::liveBytes(const std::vector<Buffer> &buffers, int64_t align) {
  // Sweep over starts and ends; an end counts until after its own time.
  std::vector<std::pair<int64_t, int64_t>> events;
  for (const Buffer &b : buffers) {
    events.push_back({b.first, alignUp(b.bytes, align)});
    events.push_back({b.last + 1, -alignUp(b.bytes, align)});
  }
  std::sort(events.begin(), events.end());
  int64_t live = 0, most = 0;
  for (auto [time, bytes] : events) {
    live += bytes;
    most = std::max(most, live);
  }
  return most;
}

/// First fit in the given order: each buffer goes to the lowest offset at which
/// it overlaps none of the buffers placed before that are alive with it.
static int64_t place(std::vector<Buffer> &buffers, const std::vector<size_t> &order,
                     int64_t align) {
  int64_t total = 0;
  std::vector<size_t> placed; // by offset
  for (size_t index : order) {
    Buffer &b = buffers[index];
    int64_t at = 0;
    for (size_t other : placed) {
      const Buffer &o = buffers[other];
      if (o.last < b.first || b.last < o.first || o.bytes == 0)
        continue;
      if (o.offset >= at + b.bytes)
        break;
      at = std::max(at, alignUp(o.offset + o.bytes, align));
    }
    b.offset = at;
    total = std::max(total, at + b.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), index,
                                   [&](size_t x, size_t y) {
                                     return buffers[x].offset < buffers[y].offset;
                                   }),
                  index);
  }
  return alignUp(total, align);
}

int64_t dlc::memory::assignOffsets(std::vector<Buffer> &buffers, int64_t align) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  auto length = [](const Buffer &b) { return b.last - b.first + 1; };
  using Less = std::function<bool(const Buffer &, const Buffer &)>;
  const Less orders[] = {
      [](const Buffer &x, const Buffer &y) { return x.bytes > y.bytes; },
      [&](const Buffer &x, const Buffer &y) {
        return x.bytes * length(x) > y.bytes * length(y);
      },
      [&](const Buffer &x, const Buffer &y) { return length(x) > length(y); },
      [](const Buffer &x, const Buffer &y) { return x.first < y.first; },
      [](const Buffer &x, const Buffer &y) { return x.last > y.last; },
  };
  std::vector<Buffer> best;
  int64_t bestTotal = -1;
  for (const Less &less : orders) {
    std::vector<Buffer> trial = buffers;
    std::vector<size_t> trialOrder = order;
    std::sort(trialOrder.begin(), trialOrder.end(), [&](size_t x, size_t y) {
      if (less(buffers[x], buffers[y]))
        return true;
      return !less(buffers[y], buffers[x]) && x < y;
    });
    int64_t total = place(trial, trialOrder, align);
    if (bestTotal < 0 || total < bestTotal) {
      bestTotal = total;
      best = std::move(trial);
    }
  }
  buffers = std::move(best);
  return bestTotal;
}
