// This file reads and writes TensorProto and NumPy files; nothing that a file
// says is trusted.
#include "compiler/run/TensorFiles.h"

#include "compiler/onnx/Proto.h"
#include "compiler/onnx/Types.h"
#include "compiler/onnx/Messages.h"
#include "google/protobuf/io/coded_stream.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include <cstring>

using namespace llvm;
using namespace dlc::run;
namespace import = dlc::import;
namespace pb = dlc::import::pb;

template <typename... Args> static Error fail(const char *format, Args &&...args) {
  return createStringError(formatv(format, std::forward<Args>(args)...).str());
}

//===-- TensorProto ---------------------------------------------------------===//

/// Appends each entry of a typed field as an element of `bytes` bytes.
template <typename Field> static void append(const Field &field, size_t bytes, std::vector<char> &data) {
  for (auto value : field)
    data.insert(data.end(), reinterpret_cast<const char *>(&value), reinterpret_cast<const char *>(&value) + bytes);
}

static void appendTyped(const pb::TensorProto &proto, int dtype, std::vector<char> &data) {
  switch (dtype) {
  case import::kFloat:
  case import::kComplex64:
    return append(proto.float_data(), 4, data);
  case import::kDouble:
  case import::kComplex128:
    return append(proto.double_data(), 8, data);
  case import::kInt64:
    return append(proto.int64_data(), 8, data);
  case import::kUint32:
    return append(proto.uint64_data(), 4, data);
  case import::kUint64:
    return append(proto.uint64_data(), 8, data);
  default: {
    // Everything else is in int32_data: one element an entry, 4-bit ones packed in bytes.
    unsigned bits = import::dataTypeBits(dtype);
    return append(proto.int32_data(), bits < 8 ? 1 : bits / 8, data);
  }
  }
}

Expected<Tensor> dlc::run::parseTensorProto(StringRef bytes) {
  if (bytes.size() > INT32_MAX)
    return fail("larger than 2 GiB");
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(16);
  pb::TensorProto proto;
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return fail("not a TensorProto");
  Tensor tensor;
  tensor.name = proto.name();
  tensor.dtype = proto.data_type();
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  std::optional<uint64_t> need = tensorBytes(tensor.dtype, tensor.dims);
  if (!need)
    return fail("TensorProto of type {0} with shape {1} is not a dense tensor of numbers",
                import::dataTypeName(tensor.dtype), import::shapeText(tensor.dims));
  if (proto.external_data_size())
    return fail("external data is not read here");
  if (proto.has_raw_data())
    tensor.data.assign(proto.raw_data().begin(), proto.raw_data().end());
  else
    appendTyped(proto, tensor.dtype, tensor.data);
  if (tensor.data.size() != *need)
    return fail("found {0} bytes of data, expected {1} for {2} {3}", tensor.data.size(), *need,
                import::dataTypeName(tensor.dtype), import::shapeText(tensor.dims));
  return tensor;
}

//===-- NumPy ---------------------------------------------------------------===//

namespace {
struct NumpyType {
  int dtype;
  StringLiteral code;
};
} // namespace

static constexpr NumpyType kNumpyTypes[] = {
    {import::kBool, "b1"},   {import::kInt8, "i1"},      {import::kUint8, "u1"},     {import::kInt16, "i2"},
    {import::kUint16, "u2"}, {import::kInt32, "i4"},     {import::kUint32, "u4"},    {import::kInt64, "i8"},
    {import::kUint64, "u8"}, {import::kFloat16, "f2"},   {import::kFloat, "f4"},     {import::kDouble, "f8"},
    {import::kComplex64, "c8"}, {import::kComplex128, "c16"},
};

namespace {
/// Reads the Python dictionary of a .npy header: three known keys, each once.
class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : rest(text) {}

  bool parse() {
    if (!eat('{'))
      return false;
    while (!eat('}')) {
      std::string key;
      if (!parseString(key) || !eat(':') || !parseValue(key))
        return false;
      if (!eat(',')) {
        if (!eat('}'))
          return false;
        break;
      }
    }
    return rest.trim().empty() && seen == 7;
  }

  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;

private:
  bool eat(char c) {
    rest = rest.ltrim();
    return rest.consume_front(StringRef(&c, 1));
  }
  bool parseString(std::string &text) {
    rest = rest.ltrim();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
      return false;
    size_t end = rest.find(rest[0], 1);
    if (end == StringRef::npos)
      return false;
    text = rest.substr(1, end - 1).str();
    rest = rest.drop_front(end + 1);
    return true;
  }
  bool first(unsigned bit) {
    bool isFirst = !(seen & bit);
    seen |= bit;
    return isFirst;
  }
  bool parseValue(StringRef key) {
    rest = rest.ltrim();
    if (key == "descr")
      return first(1) && parseString(descr);
    if (key == "fortran_order") {
      fortranOrder = rest.starts_with("True");
      return first(2) && (rest.consume_front("True") || rest.consume_front("False"));
    }
    if (key != "shape" || !first(4) || !eat('('))
      return false;
    while (!eat(')')) {
      int64_t dim;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, dim) || dim < 0)
        return false;
      rest.consume_front("L"); // Python 2 wrote long integers so
      shape.push_back(dim);
      if (!eat(',')) {
        if (!eat(')'))
          return false;
        break;
      }
    }
    return true;
  }

  StringRef rest;
  unsigned seen = 0;
};
} // namespace

Expected<Tensor> dlc::run::parseNpy(StringRef bytes) {
  if (!bytes.consume_front("\x93NUMPY") || bytes.size() < 4)
    return fail("not a NumPy file");
  int version = static_cast<unsigned char>(bytes[0]);
  if (version < 1 || version > 3)
    return fail("NumPy format version {0} is not known", version);
  size_t lengthBytes = version == 1 ? 2 : 4;
  if (bytes.size() < 2 + lengthBytes)
    return fail("the NumPy header is cut off");
  uint64_t length = version == 1 ? support::endian::read16le(bytes.data() + 2)
                                 : support::endian::read32le(bytes.data() + 2);
  bytes = bytes.drop_front(2 + lengthBytes);
  if (length > bytes.size())
    return fail("the NumPy header is cut off");
  HeaderParser header(bytes.take_front(length));
  if (!header.parse())
    return fail("the NumPy header is malformed");
  bytes = bytes.drop_front(length);

  StringRef code = header.descr;
  if (code.starts_with(">"))
    return fail("NumPy type '{0}' is big endian; save it as '<{1}'", code, code.drop_front());
  code = code.ltrim("<|=");
  Tensor tensor;
  for (const NumpyType &type : kNumpyTypes)
    if (type.code == code)
      tensor.dtype = type.dtype;
  if (!tensor.dtype)
    return fail("NumPy type '{0}' is not supported", header.descr);
  tensor.dims = header.shape;
  if (header.fortranOrder && tensor.dims.size() > 1)
    return fail("the array is in Fortran order; save numpy.ascontiguousarray of it");
  std::optional<uint64_t> need = tensorBytes(tensor.dtype, tensor.dims);
  if (!need || *need != bytes.size())
    return fail("found {0} bytes of data, expected {1} for {2} {3}", bytes.size(),
                need ? std::to_string(*need) : "fewer", import::dataTypeName(tensor.dtype),
                import::shapeText(tensor.dims));
  tensor.data.assign(bytes.begin(), bytes.end());
  return tensor;
}

std::optional<std::string> dlc::run::formatNpy(const Tensor &tensor) {
  StringRef code;
  for (const NumpyType &type : kNumpyTypes)
    if (type.dtype == tensor.dtype)
      code = type.code;
  if (code.empty())
    return std::nullopt;
  std::string header = ("{'descr': '" + Twine(code.ends_with("1") && code.size() == 2 ? "|" : "<") + code +
                        "', 'fortran_order': False, 'shape': (")
                           .str();
  for (int64_t dim : tensor.dims)
    header += std::to_string(dim) + ", ";
  header += "), }";
  // The data starts at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size() & 255);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(tensor.data.begin(), tensor.data.end());
  return file;
}

//===-- Files ---------------------------------------------------------------===//

Expected<Tensor> dlc::run::readTensorFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail("{0}: {1}", path, buffer.getError().message());
  bool isNumpy = path.ends_with(".npy");
  if (!isNumpy && !path.ends_with(".pb"))
    return fail("{0}: expected a file that ends in .npy or .pb", path);
  Expected<Tensor> tensor = isNumpy ? parseNpy((*buffer)->getBuffer()) : parseTensorProto((*buffer)->getBuffer());
  if (!tensor)
    return fail("{0}: {1}", path, toString(tensor.takeError()));
  return tensor;
}

Error dlc::run::writeTensorFile(StringRef folder, StringRef stem, const Tensor &tensor) {
  std::optional<std::string> npy = formatNpy(tensor);
  std::string content;
  if (npy) {
    content = *npy;
  } else {
    pb::TensorProto proto;
    proto.set_name(tensor.name);
    proto.set_data_type(tensor.dtype);
    for (int64_t dim : tensor.dims)
      proto.add_dims(dim);
    proto.set_raw_data(tensor.data.data(), tensor.data.size());
    content = proto.SerializeAsString();
  }
  if (std::error_code error = sys::fs::create_directories(folder))
    return fail("{0}: {1}", folder, error.message());
  std::string path = (folder + "/" + stem + (npy ? ".npy" : ".pb")).str();
  std::error_code error;
  ToolOutputFile file(path, error, sys::fs::OF_None);
  if (error)
    return fail("{0}: {1}", path, error.message());
  file.os() << content;
  file.os().close();
  if (file.os().has_error()) {
    file.os().clear_error();
    return fail("{0}: cannot be written", path);
  }
  file.keep();
  return Error::success();
}
