// This file converts tensors of every data type and storage form (raw bytes,
// typed fields, external files, sparse) to dense attributes.
#include "compiler/onnx/Tensors.h"

#include "compiler/onnx/Messages.h"
#include <bit>
#include <cstring>

using namespace mlir;

namespace dlc::import {

static_assert(std::endian::native == std::endian::little,
              "raw tensor data is little-endian, and so is MLIR's copy of it here");

namespace {

/// Elements as MLIR stores them (bool and types below a byte: one byte each),
/// in a buffer of ours or still inside the protobuf.
struct Elements {
  std::vector<char> owned;
  ArrayRef<char> view;

  std::vector<char> &own(size_t bytes) {
    owned.assign(bytes, 0);
    view = owned;
    return owned;
  }
};

/// What is known of a tensor before its data is looked at.
struct Header {
  Type element;
  int dataType;
  int bits;
  SmallVector<int64_t> dims;
  int64_t count;
  /// Bytes of the data in the file, and as MLIR stores it.
  uint64_t packedBytes, storedBytes;

  std::string text() const { return "shape " + shapeText(dims) + " of " + dataTypeName(dataType); }
};

} // namespace

static std::string prefix(StringRef what) { return what.empty() ? "" : (what + ": ").str(); }

template <typename Dims>
static FailureOr<Header> readHeader(Location loc, StringRef what, int dataType,
                                    const Dims &dims) {
  Header header;
  header.dataType = dataType;
  header.element = elementType(*loc.getContext(), dataType);
  header.bits = dataTypeBits(dataType);
  if (!header.element)
    return fail(loc, prefix(what) + (dataType ? "unknown element type " + Twine(dataType)
                                              : Twine("no element type")));
  if (dims.size() > limits::kRank)
    return fail(loc, prefix(what) + "tensor of rank " + Twine(dims.size()) + ", at most " +
                         Twine(limits::kRank) + " are supported");
  for (int64_t dim : dims) {
    if (dim < 0)
      return fail(loc, prefix(what) + "negative dimension in shape " + shapeText(dims));
    header.dims.push_back(dim);
  }
  std::optional<int64_t> count = elementCount(header.dims);
  if (!count || *count > INT64_MAX / 256)
    return fail(loc, prefix(what) + "shape " + shapeText(dims) + " has too many elements");
  header.count = *count;
  header.packedBytes = (static_cast<uint64_t>(*count) * header.bits + 7) / 8;
  header.storedBytes = static_cast<uint64_t>(*count) * ((header.bits + 7) / 8);
  return header;
}

/// Splits bytes into the 4-bit or 2-bit elements that they hold, lowest first.
static void unpack(ArrayRef<char> packed, const Header &header, Elements &elements) {
  std::vector<char> data(header.storedBytes);
  int perByte = 8 / header.bits;
  for (int64_t i = 0; i < header.count; ++i)
    data[i] = (static_cast<unsigned char>(packed[i / perByte]) >>
               (i % perByte * header.bits)) &
              ((1 << header.bits) - 1);
  elements.owned = std::move(data);
  elements.view = elements.owned;
}

/// Brings raw bytes into the form MLIR stores.
static void fromRaw(ArrayRef<char> raw, const Header &header, Elements &elements) {
  if (header.bits < 8) {
    unpack(raw, header, elements);
  } else if (header.dataType == kBool) {
    std::vector<char> data(raw.begin(), raw.end());
    for (char &c : data)
      c = c != 0;
    elements.owned = std::move(data);
    elements.view = elements.owned;
  } else {
    elements.view = raw;
  }
}

static LogicalResult wrongLength(Location loc, StringRef what, StringRef field,
                                 uint64_t found, uint64_t expected, StringRef unit,
                                 const Header &header) {
  return fail(loc,
              prefix(what) + field + " has " + Twine(found) + " " + unit + ", " +
                  Twine(expected) + " expected",
              "tensor of " + header.text());
}

/// Copies a typed field whose elements are the tensor's, bit for bit.
template <typename Field>
static LogicalResult fromField(Location loc, StringRef what, StringRef name,
                               const Field &field, const Header &header,
                               Elements &elements) {
  size_t size = sizeof(*field.data());
  if (field.size() * size != header.storedBytes)
    return wrongLength(loc, what, name, field.size(), header.storedBytes / size, "elements",
                       header);
  std::vector<char> &data = elements.own(header.storedBytes);
  if (!data.empty()) // an empty field has no address
    std::memcpy(data.data(), field.data(), data.size());
  return success();
}

/// Elements of 32 bits and less live in int32_data, or uint64_data for uint32.
template <typename Field>
static LogicalResult fromWide(Location loc, StringRef what, StringRef name,
                              const Field &field, const Header &header,
                              Elements &elements) {
  bool packed = header.bits < 8;
  uint64_t expected = packed ? header.packedBytes : static_cast<uint64_t>(header.count);
  if (static_cast<uint64_t>(field.size()) != expected)
    return wrongLength(loc, what, name, field.size(), expected, "elements", header);
  int bits = packed ? 8 : header.bits;
  size_t bytes = bits / 8;
  bool isFloat = isa<FloatType>(header.element);
  bool isUnsigned = header.element.isUnsignedInteger() || isFloat || packed;
  int64_t low = isUnsigned ? 0 : -(int64_t{1} << (bits - 1));
  int64_t high = (int64_t{1} << (isUnsigned ? bits : bits - 1)) - 1;
  // Floats are bit patterns and packed bytes have no sign: some writers go
  // through a signed type of their width.
  if (isFloat || packed)
    low = -(int64_t{1} << (bits - 1));
  std::vector<char> &data = elements.own(expected * bytes);
  for (uint64_t i = 0; i < expected; ++i) {
    auto value = field.Get(static_cast<int>(i));
    if (header.dataType == kBool) {
      data[i] = value != 0;
      continue;
    }
    // uint64_data: what does not fit int64 is out of any range here, too.
    if (static_cast<int64_t>(value) < low || static_cast<int64_t>(value) > high)
      return fail(loc, prefix(what) + "element " + Twine(i) + " of " + name + ", " +
                           Twine(value) + ", is out of the range of " +
                           dataTypeName(header.dataType));
    std::memcpy(data.data() + i * bytes, &value, bytes);
  }
  if (packed)
    unpack(std::vector<char>(data), header, elements);
  return success();
}

static LogicalResult fromTypedField(Location loc, StringRef what,
                                    const pb::TensorProto &tensor, const Header &header,
                                    Elements &elements) {
  switch (header.dataType) {
  case kFloat:
  case kComplex64:
    return fromField(loc, what, "float_data", tensor.float_data(), header, elements);
  case kDouble:
  case kComplex128:
    return fromField(loc, what, "double_data", tensor.double_data(), header, elements);
  case kInt64:
    return fromField(loc, what, "int64_data", tensor.int64_data(), header, elements);
  case kUint64:
    return fromField(loc, what, "uint64_data", tensor.uint64_data(), header, elements);
  case kUint32:
    return fromWide(loc, what, "uint64_data", tensor.uint64_data(), header, elements);
  default:
    return fromWide(loc, what, "int32_data", tensor.int32_data(), header, elements);
  }
}

/// The elements of a tensor that does not hold strings.
static LogicalResult readElements(Location loc, StringRef what,
                                  const pb::TensorProto &tensor, const Header &header,
                                  ModelFolder &folder, Elements &elements) {
  if (tensor.has_segment())
    return fail(loc, prefix(what) + "tensor in segments is not supported");
  if (tensor.data_location() == pb::TensorProto::EXTERNAL) {
    if (!tensor.raw_data().empty())
      return fail(loc, prefix(what) + "tensor has both raw and external data");
    std::vector<char> raw;
    if (failed(folder.read(loc, tensor, header.packedBytes, raw)))
      return failure();
    fromRaw(raw, header, elements);
    if (elements.view.data() == raw.data()) {
      elements.owned = std::move(raw);
      elements.view = elements.owned;
    }
    return success();
  }
  bool typed = tensor.float_data_size() || tensor.int32_data_size() ||
               tensor.int64_data_size() || tensor.double_data_size() ||
               tensor.uint64_data_size() || tensor.string_data_size();
  if (!tensor.has_raw_data() || (tensor.raw_data().empty() && typed))
    return fromTypedField(loc, what, tensor, header, elements);
  if (typed)
    return fail(loc, prefix(what) + "tensor has both raw and typed data");
  const std::string &raw = tensor.raw_data();
  if (raw.size() != header.packedBytes)
    return wrongLength(loc, what, "raw_data", raw.size(), header.packedBytes, "bytes",
                       header);
  fromRaw(ArrayRef<char>(raw.data(), raw.size()), header, elements);
  return success();
}

static DenseElementsAttr makeAttr(const Header &header, ArrayRef<char> data) {
  auto type = RankedTensorType::get(header.dims, header.element);
  if (header.dataType == kBool)
    return DenseElementsAttr::get(
        type, ArrayRef<bool>(reinterpret_cast<const bool *>(data.data()), data.size()));
  return DenseElementsAttr::getFromRawBuffer(type, data);
}

LogicalResult TensorReader::account(Location loc, uint64_t bytes) {
  totalBytes += bytes;
  if (totalBytes > limits::kConstantBytes)
    return fail(loc, "the model's constants have more than " +
                         Twine(limits::kConstantBytes) + " bytes");
  return success();
}

FailureOr<DenseElementsAttr> TensorReader::convert(Location loc, StringRef what,
                                                   const pb::TensorProto &tensor) {
  FailureOr<Header> header = readHeader(loc, what, tensor.data_type(), tensor.dims());
  if (failed(header) || failed(account(loc, header->storedBytes)))
    return failure();
  if (header->dataType == kString) {
    if (tensor.data_location() == pb::TensorProto::EXTERNAL || tensor.has_raw_data())
      return fail(loc, prefix(what) + "strings must be in string_data");
    if (tensor.string_data_size() != header->count)
      return wrongLength(loc, what, "string_data", tensor.string_data_size(),
                         header->count, "elements", *header);
    SmallVector<StringRef> strings;
    for (const std::string &text : tensor.string_data())
      strings.push_back(text);
    return DenseElementsAttr(DenseStringElementsAttr::get(
        RankedTensorType::get(header->dims, header->element), strings));
  }
  Elements elements;
  if (failed(readElements(loc, what, tensor, *header, folder, elements)))
    return failure();
  return makeAttr(*header, elements.view);
}

FailureOr<DenseElementsAttr> TensorReader::densify(Location loc, StringRef what,
                                                   const pb::SparseTensorProto &tensor) {
  FailureOr<Header> dense =
      readHeader(loc, what, tensor.values().data_type(), tensor.dims());
  FailureOr<Header> values =
      readHeader(loc, what, tensor.values().data_type(), tensor.values().dims());
  FailureOr<Header> indices =
      readHeader(loc, what, tensor.indices().data_type(), tensor.indices().dims());
  if (failed(dense) || failed(values) || failed(indices))
    return failure();
  if (dense->dataType == kString)
    return fail(loc, prefix(what) + "sparse tensor of strings is not supported");
  if (indices->dataType != kInt64)
    return fail(loc, prefix(what) + "indices of a sparse tensor are " +
                         dataTypeName(indices->dataType) + ", int64 expected");
  if (dense->storedBytes > limits::kFoldedBytes)
    return fail(loc, prefix(what) + "sparse tensor has " + Twine(dense->storedBytes) +
                         " bytes when dense, at most " + Twine(limits::kFoldedBytes) +
                         " are supported",
                "tensor of " + dense->text());
  int64_t rank = static_cast<int64_t>(dense->dims.size());
  bool linear = indices->dims.size() == 1;
  if (values->dims.size() != 1 || indices->dims.empty() || indices->dims.size() > 2 ||
      indices->dims[0] != values->count || (!linear && indices->dims[1] != rank))
    return fail(loc, prefix(what) + "indices of shape " + shapeText(indices->dims) +
                         " do not fit the values of a sparse tensor",
                "values of shape " + shapeText(values->dims) + ", expected indices " +
                    Twine(values->count) + " or " + Twine(values->count) + "x" +
                    Twine(rank));
  if (failed(account(loc, dense->storedBytes + values->storedBytes + indices->storedBytes)))
    return failure();
  Elements valueData, indexData, result;
  if (failed(readElements(loc, what, tensor.values(), *values, folder, valueData)) ||
      failed(readElements(loc, what, tensor.indices(), *indices, folder, indexData)))
    return failure();

  size_t size = (dense->bits + 7) / 8;
  std::vector<char> &data = result.own(dense->storedBytes);
  int64_t previous = -1;
  int64_t perValue = linear ? 1 : rank;
  for (int64_t i = 0; i < values->count; ++i) {
    int64_t flat = 0;
    for (int64_t d = 0; d < perValue; ++d) {
      int64_t index;
      std::memcpy(&index, indexData.view.data() + (i * perValue + d) * 8, 8);
      int64_t extent = linear ? dense->count : dense->dims[d];
      if (index < 0 || index >= extent)
        return fail(loc, prefix(what) + "index " + Twine(index) + " of value " + Twine(i) +
                             " of a sparse tensor is out of range",
                    "tensor of " + dense->text());
      flat = linear ? index : flat * extent + index;
    }
    if (flat <= previous || flat >= dense->count)
      return fail(loc, prefix(what) + "indices of a sparse tensor are not sorted or not "
                                      "unique at value " + Twine(i));
    previous = flat;
    std::memcpy(data.data() + flat * size, valueData.view.data() + i * size, size);
  }
  return makeAttr(*dense, data);
}

FailureOr<DenseElementsAttr> TensorReader::read(Location loc, StringRef what,
                                                const pb::TensorProto &tensor) {
  if (auto it = known.find(&tensor); it != known.end())
    return it->second;
  auto attr = convert(loc, what, tensor);
  if (succeeded(attr))
    known[&tensor] = *attr;
  return attr;
}

FailureOr<DenseElementsAttr> TensorReader::readSparse(Location loc, StringRef what,
                                                      const pb::SparseTensorProto &tensor) {
  if (auto it = known.find(&tensor); it != known.end())
    return it->second;
  auto attr = densify(loc, what, tensor);
  if (succeeded(attr))
    known[&tensor] = *attr;
  return attr;
}

} // namespace dlc::import
