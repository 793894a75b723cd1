// Bounded reading of the model file and of tensor data in files beside it.
#pragma once

#include "compiler/onnx/Proto.h"
#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <vector>

namespace dlc::import {

/// Owns an open file descriptor.
class FileHandle {
public:
  explicit FileHandle(int fd = -1) : fd(fd) {}
  FileHandle(FileHandle &&other) noexcept : fd(other.fd) { other.fd = -1; }
  FileHandle &operator=(FileHandle &&other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~FileHandle();
  int get() const { return fd; }
  explicit operator bool() const { return fd >= 0; }

private:
  int fd;
};

/// The folder of a model: opens files inside of it and nowhere else, whatever
/// their names say, links included, and whatever happens to the folder
/// meanwhile (each part of a path is opened relative to the part before it).
class ModelFolder {
public:
  /// `modelPath` is the model's own path; its folder is opened on first use.
  explicit ModelFolder(std::string modelPath) : modelPath(std::move(modelPath)) {}

  /// Reads the bytes that a tensor's external_data names: exactly `bytes` of
  /// them. Reports errors at `loc`.
  mlir::LogicalResult read(mlir::Location loc, const pb::TensorProto &tensor,
                           uint64_t bytes, std::vector<char> &data);

private:
  struct File {
    FileHandle handle;
    uint64_t size = 0;
    uint64_t bytesRead = 0;
  };
  mlir::FailureOr<File *> open(mlir::Location loc, llvm::StringRef location);

  std::string modelPath;
  FileHandle folder;
  llvm::StringMap<std::unique_ptr<File>> files;
};

} // namespace dlc::import
