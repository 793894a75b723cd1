// This file divides chains of layers into bands of rows.
#include "passes/memory/Bands.h"

#include <algorithm>

using namespace dlc::memory;

std::pair<int64_t, int64_t> dlc::memory::rowsRead(const ChainOp::Read &read, int64_t from, int64_t to) {
  int64_t first = std::clamp<int64_t>(from * read.scale + read.low, 0, read.rows);
  int64_t last = std::clamp<int64_t>((to - 1) * read.scale + read.high + 1, 0, read.rows);
  return {first, last};
}

std::optional<Bands> dlc::memory::bandsOf(const std::vector<ChainOp> &chain, int64_t height) {
  size_t n = chain.size();
  if (n == 0 || height < 1)
    return std::nullopt;
  size_t count = (chain.back().rows + height - 1) / height;
  Bands bands;
  bands.ops.assign(n, std::vector<Band>(count));

  // Backwards: where each band must have come to.
  for (size_t b = 0; b < count; ++b)
    for (size_t i = n; i-- > 0;) {
      Band &band = bands.ops[i][b];
      if (i + 1 == n)
        band.to = std::min<int64_t>(chain[i].rows, (b + 1) * height);
      else if (chain[i].escapes && b + 1 == count)
        band.to = chain[i].rows;
      if (b > 0)
        band.to = std::max(band.to, bands.ops[i][b - 1].to);
      int64_t before = b > 0 ? bands.ops[i][b - 1].to : 0;
      if (band.to > before)
        for (const ChainOp::Read &read : chain[i].reads)
          if (read.from != ChainOp::kOutside) {
            int64_t &to = bands.ops[read.from][b].to;
            to = std::max(to, rowsRead(read, before, band.to).second);
          }
    }

  // Where it begins: rows that no one reads are left out, those that are read
  // again stay. Readers first, as they may leave out rows themselves.
  for (size_t b = 0; b < count; ++b)
    for (size_t i = n; i-- > 0;) {
      Band &band = bands.ops[i][b];
      int64_t before = b > 0 ? bands.ops[i][b - 1].to : 0, first = INT64_MAX;
      for (size_t c = i + 1; c < n; ++c)
        for (const ChainOp::Read &read : chain[c].reads) {
          const Band &reader = bands.ops[c][b];
          if (read.from != i)
            continue;
          // What it computes next, in this band or a later one.
          size_t next = b;
          while (next < count && bands.ops[c][next].to == (b > 0 ? bands.ops[c][b - 1].to : 0))
            ++next;
          if (next == count)
            continue; // it is done
          int64_t from = next == b ? reader.from : b > 0 ? bands.ops[c][b - 1].to : 0;
          first = std::min(first, rowsRead(read, from, from + 1).first);
        }
      if (chain[i].escapes) {
        band.first = band.from = before;
        if (first < before)
          band.first = first;
        continue;
      }
      band.first = std::min(first, band.to);
      band.from = std::min(std::max(before, band.first), band.to);
    }

  for (size_t i = 0; i < n; ++i)
    for (const Band &band : bands.ops[i])
      if (band.computes())
        for (const ChainOp::Read &read : chain[i].reads) {
          auto [first, last] = rowsRead(read, band.from, band.to);
          if (first >= last)
            return std::nullopt;
        }
  return bands;
}

ChainNeeds dlc::memory::needsOf(const std::vector<ChainOp> &chain, const Bands &bands,
                                const std::vector<int64_t> &scratch, const std::vector<bool> &inPlace) {
  ChainNeeds needs;
  size_t n = chain.size(), count = bands.count();
  // Three times for each operation of each band: rows kept from the last band are
  // copied in, the operation runs, rows for the next band are copied out.
  std::vector<int64_t> changes(3 * (count + 1) * n + 4, 0);
  auto alive = [&](int64_t first, int64_t last, int64_t bytes) {
    changes[first] += bytes;
    changes[last + 1] -= bytes;
  };
  auto timeOf = [&](size_t b, size_t i) { return static_cast<int64_t>(3 * (b * n + i)); };
  // The last operation of a band that reads the output of `i`; `i` itself when none does.
  auto lastReader = [&](size_t b, size_t i) {
    size_t last = i;
    for (size_t c = i + 1; c < n; ++c)
      if (bands.ops[c][b].computes())
        for (const ChainOp::Read &read : chain[c].reads)
          if (read.from == i)
            last = c;
    return last;
  };
  auto tileBytes = [&](size_t b, size_t i) {
    return (bands.ops[i][b].to - bands.ops[i][b].first) * chain[i].rowBytes;
  };
  for (size_t b = 0; b < count; ++b)
    for (size_t i = 0; i < n; ++i) {
      const Band &band = bands.ops[i][b];
      if (!band.computes())
        continue;
      ++needs.steps;
      int64_t now = timeOf(b, i);
      alive(now + 1, now + 1, scratch[i]);
      if (inPlace[i] && !chain[i].escapes && band.first == band.from && !chain[i].reads.empty()) {
        size_t from = chain[i].reads.front().from;
        if (from != ChainOp::kOutside && !chain[from].escapes && lastReader(b, from) == i) {
          auto [first, last] = bands.kept(from, b);
          if (first >= last)
            alive(now + 1, now + 1, -std::min(tileBytes(b, i), tileBytes(b, from)));
        }
      }
    }
  for (size_t i = 0; i < n; ++i) {
    if (chain[i].escapes)
      continue;
    for (size_t b = 0; b < count; ++b) {
      const Band &band = bands.ops[i][b];
      auto [first, last] = bands.kept(i, b);
      bool keeps = first < last;
      int64_t end = timeOf(b, lastReader(b, i));
      // What a band does not compute is what it kept.
      if (band.first < band.to)
        alive(timeOf(b, i) + (band.first < band.from ? 0 : 1), end + (keeps ? 2 : 1), tileBytes(b, i));
      if (keeps) {
        int64_t bytes = (last - first) * chain[i].rowBytes;
        alive(end + 2, timeOf(b + 1, i) - (bands.ops[i][b + 1].computes() ? 0 : 1), bytes);
        needs.copied += bytes * 2;
      }
    }
  }
  int64_t live = 0;
  for (int64_t change : changes) {
    live += change;
    needs.peak = std::max(needs.peak, live);
  }
  return needs;
}
