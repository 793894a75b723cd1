// This file maps ONNX data types and value types to MLIR types.
#include "compiler/onnx/Types.h"

#include "compiler/onnx/Messages.h"
#include "dialects/ONNX/ONNX.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace dlc::import {

static constexpr llvm::StringLiteral kNames[] = {
    "",          "float32",      "uint8",      "int8",           "uint16",
    "int16",     "int32",        "int64",      "string",         "bool",
    "float16",   "float64",      "uint32",     "uint64",         "complex64",
    "complex128", "bfloat16",    "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4",   "int4",       "float4e2m1",     "float8e8m0",
    "uint2",     "int2"};
static constexpr int kBits[] = {0,  32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64,
                                64, 128, 16, 8, 8, 8, 8,  4,  4, 4, 8,  2,  2};

std::string dataTypeName(int dataType) {
  if (dataType > 0 && dataType < static_cast<int>(std::size(kNames)))
    return kNames[dataType].str();
  return "data type " + std::to_string(dataType);
}

int dataTypeBits(int dataType) {
  return dataType > 0 && dataType < static_cast<int>(std::size(kBits))
             ? kBits[dataType]
             : 0;
}

Type elementType(MLIRContext &context, int dataType) {
  Builder b(&context);
  auto integer = [&](unsigned bits, bool isUnsigned) -> Type {
    return IntegerType::get(&context, bits,
                            isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  switch (dataType) {
  case kFloat: return b.getF32Type();
  case kDouble: return b.getF64Type();
  case kFloat16: return b.getF16Type();
  case kBfloat16: return b.getBF16Type();
  case kUint8: return integer(8, true);
  case kUint16: return integer(16, true);
  case kUint32: return integer(32, true);
  case kUint64: return integer(64, true);
  case kInt8: return integer(8, false);
  case kInt16: return integer(16, false);
  case kInt32: return integer(32, false);
  case kInt64: return integer(64, false);
  case kUint4: return integer(4, true);
  case kInt4: return integer(4, false);
  case kUint2: return integer(2, true);
  case kInt2: return integer(2, false);
  case kBool: return b.getI1Type();
  case kString: return onnx::StringType::get(&context);
  case kComplex64: return ComplexType::get(b.getF32Type());
  case kComplex128: return ComplexType::get(b.getF64Type());
  case kFloat8E4M3FN: return Float8E4M3FNType::get(&context);
  case kFloat8E4M3FNUZ: return Float8E4M3FNUZType::get(&context);
  case kFloat8E5M2: return Float8E5M2Type::get(&context);
  case kFloat8E5M2FNUZ: return Float8E5M2FNUZType::get(&context);
  case kFloat4E2M1: return Float4E2M1FNType::get(&context);
  case kFloat8E8M0: return Float8E8M0FNUType::get(&context);
  default: return {};
  }
}

std::optional<int64_t> elementCount(ArrayRef<int64_t> dims) {
  if (static_cast<int64_t>(dims.size()) > limits::kRank)
    return {};
  // Zero dimensions do not excuse the others: consumers multiply subsets.
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : dims) {
    if (ShapedType::isDynamic(dim))
      continue;
    if (dim < 0)
      return {};
    if (dim == 0)
      empty = true;
    else if (llvm::MulOverflow(count, dim, count))
      return {};
  }
  return empty ? 0 : count;
}

/// Checks that the sizes in bits fit 64 bits, too.
static LogicalResult checkShape(Location loc, ArrayRef<int64_t> dims, int dataType) {
  if (static_cast<int64_t>(dims.size()) > limits::kRank)
    return fail(loc, "tensor of rank " + Twine(dims.size()) + ", at most " +
                         Twine(limits::kRank) + " are supported");
  std::optional<int64_t> count = elementCount(dims);
  int64_t bits;
  if (!count ||
      llvm::MulOverflow<int64_t>(*count, std::max(8, dataTypeBits(dataType)), bits))
    return fail(loc, "shape " + shapeText(dims) + " has too many elements");
  return success();
}

static FailureOr<Type> convertTensor(Location loc, const pb::TypeProto_Tensor &tensor,
                                     const ShapeBindings &bindings) {
  MLIRContext *context = loc.getContext();
  if (tensor.elem_type() == 0)
    return Type(onnx::UnknownType::get(context));
  Type element = elementType(*context, tensor.elem_type());
  if (!element)
    return fail(loc, "unknown element type " + Twine(tensor.elem_type()));
  if (!tensor.has_shape() || bindings.forgetShapes)
    return Type(UnrankedTensorType::get(element));
  SmallVector<int64_t> dims;
  if (tensor.shape().dim_size() > limits::kRank)
    return fail(loc, "tensor of rank " + Twine(tensor.shape().dim_size()) +
                         ", at most " + Twine(limits::kRank) + " are supported");
  for (const auto &dim : tensor.shape().dim()) {
    int64_t size = ShapedType::kDynamic;
    // Some writers say -1 for a size they do not know.
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      size = dim.dim_value();
    else if (dim.has_dim_param())
      if (auto it = bindings.dims.find(dim.dim_param()); it != bindings.dims.end())
        size = it->second;
    dims.push_back(size);
  }
  if (failed(checkShape(loc, dims, tensor.elem_type())))
    return failure();
  return Type(RankedTensorType::get(dims, element));
}

FailureOr<Type> convertType(Location loc, const pb::TypeProto &type,
                            const ShapeBindings &bindings, int depth) {
  MLIRContext *context = loc.getContext();
  if (depth > limits::kTypeNesting)
    return fail(loc, "type is nested deeper than " + Twine(limits::kTypeNesting) +
                         " levels");
  switch (type.value_case()) {
  case pb::TypeProto::kTensorType:
    return convertTensor(loc, type.tensor_type(), bindings);
  case pb::TypeProto::kSparseTensorType: {
    pb::TypeProto_Tensor dense;
    dense.set_elem_type(type.sparse_tensor_type().elem_type());
    if (type.sparse_tensor_type().has_shape())
      *dense.mutable_shape() = type.sparse_tensor_type().shape();
    auto inner = convertTensor(loc, dense, bindings);
    if (failed(inner))
      return failure();
    return Type(onnx::SparseType::get(context, *inner));
  }
  case pb::TypeProto::kSequenceType: {
    auto inner = convertType(loc, type.sequence_type().elem_type(), bindings, depth + 1);
    if (failed(inner))
      return failure();
    return Type(onnx::SequenceType::get(context, *inner));
  }
  case pb::TypeProto::kOptionalType: {
    auto inner = convertType(loc, type.optional_type().elem_type(), bindings, depth + 1);
    if (failed(inner))
      return failure();
    return Type(onnx::OptionalType::get(context, *inner));
  }
  case pb::TypeProto::kMapType: {
    Type key = elementType(*context, type.map_type().key_type());
    if (!key)
      return fail(loc, "unknown key type " + Twine(type.map_type().key_type()) +
                           " of a map");
    auto inner = convertType(loc, type.map_type().value_type(), bindings, depth + 1);
    if (failed(inner))
      return failure();
    return Type(onnx::MapType::get(context, key, *inner));
  }
  default: // opaque types, and what newer files may bring
    break;
  }
  return Type(onnx::UnknownType::get(context));
}

} // namespace dlc::import
