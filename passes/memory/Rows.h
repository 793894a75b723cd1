// Operations on tensors that compute rows of their result from rows of their operands.
#pragma once

#include "passes/Passes.h"
#include "passes/memory/Bands.h"

namespace dlc::memory {

/// Operations without memory or work of their own: they stand where they are used.
bool isFree(mlir::Operation *op);

/// The value that `v` is another form of: the operand of the first reshape.
mlir::Value unshapedOf(mlir::Value v);

/// An operand of which an operation reads rows.
struct RowRead {
  mlir::OpOperand *operand = nullptr;
  mlir::Value source;     ///< what is read; under `pad` when there is one
  mlir::tensor::PadOp pad; ///< read by this operation only
  int64_t rows = 0;       ///< of `source`
  /// Output row y needs rows y * scale + low to y * scale + high of `source`.
  int64_t scale = 1, low = 0, high = 0;
};

/// An operation that computes each row of its result by itself.
struct RowOp {
  mlir::Operation *op = nullptr;
  int64_t rows = 0; ///< of the result
  llvm::SmallVector<RowRead> reads;
};

/// How rows lie in a type: dimension `dim`, `each` of its elements to a row.
struct RowForm {
  int64_t dim = 0, each = 1;
};

/// The rows of all tensors of a block. A row is one element of the dimension behind
/// the batch (of size 1); flattening images to matrices keeps rows together.
class Rows {
public:
  explicit Rows(mlir::Block &block);
  /// Nothing when the operation is not computed row by row.
  std::optional<RowOp> of(mlir::Operation *op) const;
  int64_t rowsOf(mlir::Value v) const;
  /// Nothing when rows are not neighbouring elements in memory.
  static std::optional<RowForm> formOf(mlir::Type type, int64_t rows);
  std::optional<RowForm> formOf(mlir::Value v) const { return formOf(v.getType(), rowsOf(v)); }

private:
  bool addRead(RowOp &result, mlir::OpOperand &operand, int64_t scale, int64_t low, int64_t high) const;
  bool addGeneric(RowOp &result, mlir::linalg::GenericOp op) const;
  llvm::DenseMap<mlir::Value, int64_t> rows;
};

/// `type` with another number of rows.
mlir::RankedTensorType withRows(mlir::Type type, RowForm form, int64_t rows);

/// Operations that can run band by band, one after the other.
struct RowChain {
  llvm::SmallVector<RowOp> ops;
  std::vector<ChainOp> plain; ///< the same for Bands.h
};

/// Nothing when one of `ops` (in the order of their block) is not computed row by
/// row, needs a whole result of another one, or something else stands in between.
std::optional<RowChain> chainOf(const Rows &rows, llvm::ArrayRef<mlir::Operation *> ops);


/// `loc` with a note that this is the work of one band of several.
mlir::Location bandLoc(mlir::Location loc, int64_t band, int64_t of);
/// What bandLoc noted: number of the band, from 0, and how many there are.
std::optional<std::pair<int64_t, int64_t>> bandOf(mlir::Location loc);

} // namespace dlc::memory
