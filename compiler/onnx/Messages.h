// How messages of the importer name things, and their locations.
#pragma once

#include "compiler/onnx/Limits.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace dlc::import {

/// `'name'`, shortened when a hostile file makes it endless.
inline std::string quote(llvm::StringRef name) {
  if (name.size() <= limits::kShownName)
    return ("'" + name + "'").str();
  return ("'" + name.take_front(limits::kShownName) + "...'").str();
}

/// `2x?x4`, or `scalar`.
template <typename Dims> std::string shapeText(const Dims &dims) {
  std::string text;
  llvm::raw_string_ostream os(text);
  int shown = 0;
  for (int64_t dim : dims) {
    if (shown++)
      os << 'x';
    if (shown > limits::kRank) {
      os << "...";
      break;
    }
    if (mlir::ShapedType::isDynamic(dim))
      os << '?';
    else
      os << dim;
  }
  return shown ? text : "scalar";
}

inline std::string typeText(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// The location of something that is not a node: fused<"initializer">["w"].
inline mlir::Location namedLoc(mlir::MLIRContext &context, llvm::StringRef kind,
                               llvm::StringRef name) {
  mlir::Location inner = mlir::NameLoc::get(mlir::StringAttr::get(&context, name));
  return mlir::FusedLoc::get({inner}, mlir::StringAttr::get(&context, kind), &context);
}

/// Reports an error with an optional note; always returns failure.
inline mlir::LogicalResult fail(mlir::Location loc, const llvm::Twine &message,
                                const llvm::Twine &note = "") {
  auto diag = mlir::emitError(loc, message);
  if (!note.isTriviallyEmpty())
    diag.attachNote() << note;
  return mlir::failure();
}

} // namespace dlc::import
