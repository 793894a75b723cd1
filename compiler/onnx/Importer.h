// Reads an ONNX file into the onnx dialect.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>
#include <string>

namespace dlc {

struct ImportOptions {
  /// The model file.
  std::string path;
  /// Sizes of symbolic dimensions, by name (--dim NAME=N).
  std::map<std::string, int64_t> dims;
  /// Whole shapes of inputs, by name (--shape INPUT=1x3x224x224).
  std::map<std::string, llvm::SmallVector<int64_t>> shapes;
};

/// A module with one onnx.graph: functions inlined, initializers as
/// onnx.constant, every node an onnx.node. Whatever the file's bytes are, the
/// result is a module that verifies, or failure with at least one error
/// diagnostic. Limits.h says what is accepted at most.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importOnnx(mlir::MLIRContext &context,
                                                              const ImportOptions &options);

} // namespace dlc
