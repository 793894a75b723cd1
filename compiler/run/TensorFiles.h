// Reads and writes tensors as ONNX TensorProto (.pb) and NumPy (.npy) files.
#pragma once

#include "compiler/run/Tensor.h"
#include "llvm/Support/Error.h"

namespace dlc::run {

/// Reads a file by its ending, .npy or .pb. Errors start with the path.
llvm::Expected<Tensor> readTensorFile(llvm::StringRef path);

/// The content of a .pb file; typed fields and raw data, any type of fixed size.
llvm::Expected<Tensor> parseTensorProto(llvm::StringRef bytes);

/// The content of a .npy file: versions 1 to 3, little endian (or one byte),
/// C order; integers, floats, bool and complex.
llvm::Expected<Tensor> parseNpy(llvm::StringRef bytes);

/// Writes `folder`/`stem`.npy, or .pb for types that NumPy does not have.
llvm::Error writeTensorFile(llvm::StringRef folder, llvm::StringRef stem, const Tensor &tensor);

/// The content of a .npy file; nothing for types that NumPy does not have.
std::optional<std::string> formatNpy(const Tensor &tensor);

} // namespace dlc::run
