// TensorProto and SparseTensorProto as constant attributes.
#pragma once

#include "compiler/onnx/ExternalData.h"
#include "compiler/onnx/Types.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"

namespace dlc::import {

/// Converts tensors of every data type and storage form. Keeps what it
/// converted: a function that is inlined often has its constants once.
class TensorReader {
public:
  explicit TensorReader(std::string modelPath) : folder(std::move(modelPath)) {}

  /// Errors say `what` ("attribute 'value'", or "" for an initializer, which
  /// its location names).
  mlir::FailureOr<mlir::DenseElementsAttr> read(mlir::Location loc, llvm::StringRef what,
                                                const pb::TensorProto &tensor);
  /// A sparse tensor made dense; its values and indices are checked.
  mlir::FailureOr<mlir::DenseElementsAttr>
  readSparse(mlir::Location loc, llvm::StringRef what, const pb::SparseTensorProto &tensor);

private:
  mlir::FailureOr<mlir::DenseElementsAttr> convert(mlir::Location loc, llvm::StringRef what,
                                                   const pb::TensorProto &tensor);
  mlir::FailureOr<mlir::DenseElementsAttr>
  densify(mlir::Location loc, llvm::StringRef what, const pb::SparseTensorProto &tensor);
  mlir::LogicalResult account(mlir::Location loc, uint64_t bytes);

  ModelFolder folder;
  uint64_t totalBytes = 0;
  llvm::DenseMap<const void *, mlir::DenseElementsAttr> known;
};

} // namespace dlc::import
