// Which rows of every tensor a chain of layers computes when, band by band.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dlc::memory {

/// An operation whose output row y is computed from rows y * scale + low to
/// y * scale + high (inclusive) of what it reads; rows outside of it are padding.
struct ChainOp {
  static constexpr size_t kOutside = SIZE_MAX;
  struct Read {
    size_t from = kOutside; ///< number of the operation in the chain that makes it
    int64_t scale = 1, low = 0, high = 0;
    int64_t rows = 0; ///< of what is read
  };
  int64_t rows = 0, rowBytes = 0; ///< of the output
  std::vector<Read> reads;
  bool escapes = false; ///< the whole output is needed after the chain
};

/// What one band does for one operation: rows [from, to) are computed, and rows
/// [first, to) are there when others read it: [first, from) were computed before.
struct Band {
  int64_t first = 0, from = 0, to = 0;
  bool computes() const { return from < to; }
};

/// Bands of all operations of a chain.
struct Bands {
  std::vector<std::vector<Band>> ops; ///< by operation, then band
  size_t count() const { return ops.empty() ? 0 : ops.front().size(); }
  /// Rows [first, second) of an operation's output that band `b + 1` needs from the
  /// bands up to `b`; none when the first is not less than the second.
  std::pair<int64_t, int64_t> kept(size_t op, size_t b) const {
    if (b + 1 >= count())
      return {0, 0};
    return {ops[op][b + 1].first, ops[op][b].to};
  }
};

/// Rows of what is read that rows [from, to) of the output need.
std::pair<int64_t, int64_t> rowsRead(const ChainOp::Read &read, int64_t from, int64_t to);

/// The bands of `chain` (operations in the order in which they run) when the last
/// operation computes `height` rows in each. Nothing is computed twice. Nothing
/// when a band would read padding only.
std::optional<Bands> bandsOf(const std::vector<ChainOp> &chain, int64_t height);

/// What the steps of a chain in bands need besides the tensors that stay whole.
struct ChainNeeds {
  int64_t peak = 0;   ///< bytes alive at once
  int64_t copied = 0; ///< bytes copied from band to band
  int64_t steps = 0;  ///< operations run, all bands together
};

/// `scratch[i]`: bytes that operation i needs while it runs; `inPlace[i]`: its output
/// may take the place of what it reads first.
ChainNeeds needsOf(const std::vector<ChainOp> &chain, const Bands &bands,
                   const std::vector<int64_t> &scratch, const std::vector<bool> &inPlace);

} // namespace dlc::memory
