// Tensors of the evaluator: contiguous row-major buffers, shared until written.
#pragma once

#include "passes/evaluate/Element.h"

#include <memory>

namespace dlc::evaluation {

/// Bytes of all tensors alive, and the most there may be.
struct Budget {
  int64_t bytes = 0;
  int64_t maxBytes = 0;
  int64_t steps = 0;
  int64_t maxSteps = 0;

  /// Counts n operations; false when the budget is used up.
  bool tick(int64_t n) {
    steps += n;
    return steps <= maxSteps;
  }
};

class Tensor {
public:
  Element element;
  mlir::SmallVector<int64_t, 6> shape;
  /// Of the element data; owned, or borrowed from an attribute.
  char *data = nullptr;

  ~Tensor() {
    if (budget)
      budget->bytes -= ownedBytes;
  }
  int64_t size() const { return count; }
  int64_t bytes() const { return count * element.bytes; }
  bool isOwned() const { return budget != nullptr; }
  mlir::SmallVector<int64_t, 6> strides() const;

private:
  int64_t count = 0;
  int64_t ownedBytes = 0;
  std::unique_ptr<char[]> storage;
  Budget *budget = nullptr;
  friend std::shared_ptr<Tensor> makeTensor(const Element &,
                                            mlir::ArrayRef<int64_t>, Budget &);
  friend std::shared_ptr<Tensor> importTensor(mlir::Attribute, Budget &);
  friend std::shared_ptr<Tensor> viewOf(std::shared_ptr<Tensor>,
                                        const Element &,
                                        mlir::ArrayRef<int64_t>, Budget &);
};
using TensorRef = std::shared_ptr<Tensor>;

/// A tensor of zeros; null when a size is negative or the budget is exceeded.
TensorRef makeTensor(const Element &element, mlir::ArrayRef<int64_t> shape,
                     Budget &budget);
/// The tensor of a dense constant; null when it is of no kind we know.
TensorRef importTensor(mlir::Attribute attr, Budget &budget);
/// The same elements under another shape or element type of the same size;
/// null when the numbers of elements differ. Takes the storage when it may.
TensorRef viewOf(TensorRef tensor, const Element &element,
                 mlir::ArrayRef<int64_t> shape, Budget &budget);
/// A tensor that nobody else sees and that may be written; null when too big.
TensorRef unshared(TensorRef tensor, Budget &budget);
/// As a constant of `elementType`; splats are found.
mlir::DenseElementsAttr exportTensor(const Tensor &tensor,
                                     mlir::Type elementType);

} // namespace dlc::evaluation
