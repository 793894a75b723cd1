// ONNX element types and value types as MLIR types.
#pragma once

#include "compiler/onnx/Proto.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"
#include <optional>

namespace dlc::import {

/// Data types by the numbers of onnx.proto (newer ones included: the field is
/// a plain integer in the file). Names as messages say them.
enum DataType : int {
  kFloat = 1, kUint8, kInt8, kUint16, kInt16, kInt32, kInt64, kString, kBool,
  kFloat16, kDouble, kUint32, kUint64, kComplex64, kComplex128, kBfloat16,
  kFloat8E4M3FN, kFloat8E4M3FNUZ, kFloat8E5M2, kFloat8E5M2FNUZ, kUint4, kInt4,
  kFloat4E2M1, kFloat8E8M0, kUint2, kInt2
};

/// `float32`, `uint4`, ...; `data type 99` when there is no such type.
std::string dataTypeName(int dataType);
/// Bits of an element in raw data (4 for int4, 8 for bool); 0 for strings and
/// unknown types.
int dataTypeBits(int dataType);
/// The MLIR element type: signless integers for signed, ui for unsigned, i1 for
/// bool, !onnx.string; null when there is no such data type.
mlir::Type elementType(mlir::MLIRContext &context, int dataType);

/// Number of elements; nothing when a dimension is negative, there are more
/// than kRank, or the product overflows. Dynamic dimensions count as one.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> dims);

/// Values of symbolic dimensions, and what to do with the file's shapes.
struct ShapeBindings {
  llvm::StringMap<int64_t> dims;
  /// An input got another shape than the file states: shapes stated for values
  /// inside the graph no longer hold and are forgotten.
  bool forgetShapes = false;
};

/// The type of a value: a tensor (`?` for dimensions not known), !onnx.seq,
/// !onnx.optional, !onnx.map, !onnx.sparse, or !onnx.unknown. Reports errors
/// at `loc`.
mlir::FailureOr<mlir::Type> convertType(mlir::Location loc, const pb::TypeProto &type,
                                        const ShapeBindings &bindings, int depth = 0);

} // namespace dlc::import
