// Tests of passes/memory/Bands: chains of layers in bands of rows.
#include "passes/memory/Bands.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace dlc::memory;

/// A window of `size` rows with a stride, padded above by `pad`.
static ChainOp::Read window(size_t from, int64_t rows, int64_t size, int64_t stride = 1, int64_t pad = 0) {
  return {from, stride, -pad, size - 1 - pad, rows};
}

static ChainOp layer(int64_t rows, int64_t rowBytes, std::vector<ChainOp::Read> reads, bool escapes = false) {
  ChainOp op;
  op.rows = rows;
  op.rowBytes = rowBytes;
  op.reads = std::move(reads);
  op.escapes = escapes;
  return op;
}

static std::vector<std::pair<int64_t, int64_t>> computedBy(const Bands &bands, size_t op) {
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (const Band &band : bands.ops[op])
    rows.push_back({band.from, band.to});
  return rows;
}

using RowRanges = std::vector<std::pair<int64_t, int64_t>>;

TEST_CASE("Rows that a window reads end at the image", "[memory]") {
  ChainOp::Read read = window(ChainOp::kOutside, 8, 3, 2, 1);
  CHECK(rowsRead(read, 0, 1) == std::pair<int64_t, int64_t>(0, 2));
  CHECK(rowsRead(read, 1, 3) == std::pair<int64_t, int64_t>(1, 6));
  CHECK(rowsRead(read, 3, 4) == std::pair<int64_t, int64_t>(5, 8));
}

TEST_CASE("Bands of two convolutions compute nothing twice", "[memory]") {
  std::vector<ChainOp> chain = {layer(6, 12, {window(ChainOp::kOutside, 6, 3, 1, 1)}),
                                layer(6, 8, {window(0, 6, 3, 1, 1)}, /*escapes=*/true)};
  auto bands = bandsOf(chain, 2);
  REQUIRE(bands);
  REQUIRE(bands->count() == 3);
  CHECK(computedBy(*bands, 0) == RowRanges{{0, 3}, {3, 5}, {5, 6}});
  CHECK(computedBy(*bands, 1) == RowRanges{{0, 2}, {2, 4}, {4, 6}});
  CHECK(bands->kept(0, 0) == std::pair<int64_t, int64_t>(1, 3));
  CHECK(bands->kept(0, 1) == std::pair<int64_t, int64_t>(3, 5));
  // Two kept rows of 12 bytes beside the four of the next band that they are copied into;
  // 24 bytes are copied out and in, twice.
  ChainNeeds needs = needsOf(chain, *bands, {0, 0}, {false, false});
  CHECK(needs.peak == 72);
  CHECK(needs.copied == 96);
  CHECK(needs.steps == 6);
  // Scratch counts while its layer runs.
  CHECK(needsOf(chain, *bands, {0, 100}, {false, false}).peak == 148);
}

TEST_CASE("Rows that nobody reads are left out", "[memory]") {
  // A pool that takes one row of three.
  std::vector<ChainOp> chain = {layer(9, 4, {window(ChainOp::kOutside, 9, 1)}),
                                layer(3, 4, {window(0, 9, 1, 3)}, /*escapes=*/true)};
  auto bands = bandsOf(chain, 1);
  REQUIRE(bands);
  CHECK(computedBy(*bands, 0) == RowRanges{{0, 1}, {3, 4}, {6, 7}});
}

TEST_CASE("In place, a band takes the place of what it reads", "[memory]") {
  std::vector<ChainOp> chain = {layer(8, 10, {window(ChainOp::kOutside, 8, 1)}), layer(8, 10, {window(0, 8, 1)}),
                                layer(8, 10, {window(1, 8, 1)}, /*escapes=*/true)};
  auto bands = bandsOf(chain, 2);
  REQUIRE(bands);
  CHECK(needsOf(chain, *bands, {0, 0, 0}, {false, false, false}).peak == 40);
  CHECK(needsOf(chain, *bands, {0, 0, 0}, {false, true, false}).peak == 20);
}

TEST_CASE("Bands that would read padding only are refused", "[memory]") {
  std::vector<ChainOp> chain = {layer(4, 4, {window(ChainOp::kOutside, 4, 1)}),
                                layer(8, 4, {window(0, 4, 1, 1, 2)}, /*escapes=*/true)};
  CHECK(!bandsOf(chain, 1));
  CHECK(!bandsOf({}, 1));
  CHECK(!bandsOf(chain, 0));
}

/// A chain of random windows, residuals and values that escape.
static std::vector<ChainOp> randomChain(std::mt19937 &random) {
  auto between = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  std::vector<ChainOp> chain;
  int64_t input = between(4, 24);
  for (int64_t i = 0, n = between(2, 6); i < n; ++i) {
    size_t from = chain.empty() ? ChainOp::kOutside : chain.size() - 1;
    int64_t rows = chain.empty() ? input : chain.back().rows;
    int64_t size = between(1, std::min<int64_t>(4, rows)), stride = between(1, 2), pad = between(0, size - 1);
    ChainOp op = layer((rows + pad - size) / stride + 1, between(1, 9), {window(from, rows, size, stride, pad)});
    // A residual operand: an earlier value with as many rows.
    for (size_t j = 0; j + 1 < chain.size(); ++j)
      if (chain[j].rows == op.rows && between(0, 1)) {
        op.reads.push_back(window(j, op.rows, 1));
        break;
      }
    op.escapes = i + 1 == n || between(0, 3) == 0;
    chain.push_back(op);
  }
  return chain;
}

TEST_CASE("Bands of random chains: every row once, from rows that are there", "[memory]") {
  std::mt19937 random(7);
  int tried = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<ChainOp> chain = randomChain(random);
    for (int64_t height = 1; height < chain.back().rows; ++height) {
      auto bands = bandsOf(chain, height);
      if (!bands)
        continue;
      ++tried;
      bool good = true;
      for (size_t i = 0; i < chain.size(); ++i) {
        int64_t done = 0;
        for (size_t b = 0; b < bands->count(); ++b) {
          const Band &band = bands->ops[i][b];
          good &= band.from >= done && (!chain[i].escapes || !band.computes() || band.from == done);
          good &= band.first <= band.from && band.from <= band.to;
          done = std::max(done, band.to);
          // What is there and not computed now was computed before, or kept.
          if (band.first < band.from && !chain[i].escapes)
            good &= b > 0 && bands->ops[i][b - 1].first <= band.first && band.from <= bands->ops[i][b - 1].to;
          if (!band.computes())
            continue;
          for (const ChainOp::Read &read : chain[i].reads)
            if (read.from != ChainOp::kOutside) {
              auto [first, last] = rowsRead(read, band.from, band.to);
              const Band &source = bands->ops[read.from][b];
              good &= last <= source.to && (chain[read.from].escapes || source.first <= first);
            }
        }
        if (chain[i].escapes)
          good &= done == chain[i].rows;
      }
      INFO("round " << round << ", height " << height);
      REQUIRE(good);
    }
  }
  CHECK(tried > 3000);
}
