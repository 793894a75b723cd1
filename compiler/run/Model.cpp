// This file reads a model's signature, compiles it for the shapes of given
// inputs and runs the result.
#include "compiler/run/Model.h"

#include "compiler/Driver.h"
#include "compiler/onnx/Messages.h"
#include "compiler/onnx/Proto.h"
#include "compiler/onnx/Types.h"
#include "compiler/run/TensorFiles.h"
#include "google/protobuf/io/coded_stream.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace dlc;
using namespace dlc::run;
namespace pb = dlc::import::pb;

template <typename... Args> static Error fail(const char *format, Args &&...args) {
  return createStringError(formatv(format, std::forward<Args>(args)...).str());
}

bool Value::isStatic() const { return ranked && !is_contained(dims, -1); }

static Value readValue(const pb::ValueInfoProto &proto) {
  Value value;
  value.name = proto.name();
  if (!proto.type().has_tensor_type())
    return value;
  const auto &tensor = proto.type().tensor_type();
  value.dtype = tensor.elem_type();
  value.ranked = tensor.has_shape();
  for (const auto &dim : tensor.shape().dim()) {
    bool known = dim.has_dim_value() && dim.dim_value() >= 0;
    value.dims.push_back(known ? dim.dim_value() : -1);
    value.symbols.push_back(dim.dim_param());
  }
  return value;
}

Expected<Signature> dlc::run::readSignature(const std::string &path) {
  auto buffer = MemoryBuffer::getFile(path, false, false);
  if (!buffer)
    return fail("{0}: error: {1}", path, buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.size() > limits::kModelBytes)
    return fail("{0}: error: larger than 2 GiB", path);
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(limits::kMessageNesting);
  pb::ModelProto model;
  if (!model.ParseFromCodedStream(&stream))
    return fail("{0}: error: not an ONNX model", path);
  StringSet<> initialized;
  for (const auto &initializer : model.graph().initializer())
    initialized.insert(initializer.name());
  for (const auto &initializer : model.graph().sparse_initializer())
    initialized.insert(initializer.values().name());
  Signature signature;
  for (const auto &input : model.graph().input())
    if (!initialized.contains(input.name()))
      signature.inputs.push_back(readValue(input));
  for (const auto &output : model.graph().output())
    signature.outputs.push_back(readValue(output));
  return signature;
}

Expected<std::vector<Tensor>> dlc::run::arrange(ArrayRef<Value> values, std::vector<Tensor> tensors, StringRef kind,
                                                bool allowMissing) {
  std::vector<Tensor> result(values.size());
  std::vector<bool> given(values.size());
  auto indexOf = [&](StringRef name) {
    for (size_t i = 0; i < values.size(); i++)
      if (values[i].name == name)
        return i;
    return values.size();
  };
  StringSet<> names;
  bool byName = all_of(tensors, [&](const Tensor &tensor) {
    return indexOf(tensor.name) < values.size() && names.insert(tensor.name).second;
  });
  if (tensors.size() > values.size())
    return fail("{0} {1}s given, the model has {2}", tensors.size(), kind, values.size());
  for (size_t i = 0; i < tensors.size(); i++) {
    size_t at = byName ? indexOf(tensors[i].name) : i;
    tensors[i].name = values[at].name;
    // NumPy has no bfloat16: tools, and onnx's own tests, store its bits as uint16.
    if (values[at].dtype == import::kBfloat16 && tensors[i].dtype == import::kUint16)
      tensors[i].dtype = import::kBfloat16;
    result[at] = std::move(tensors[i]);
    given[at] = true;
  }
  for (size_t i = 0; i < values.size() && !allowMissing; i++)
    if (!given[i])
      return fail("{0} {1} is missing", kind, import::quote(values[i].name));
  return result;
}

Expected<std::vector<Tensor>> dlc::run::loadArguments(ArrayRef<std::string> arguments) {
  std::vector<Tensor> tensors;
  for (StringRef argument : arguments) {
    // Names and paths may both contain '=': the first split that names a file counts.
    StringRef path = argument, name;
    for (size_t at = argument.find('='); !sys::fs::exists(path) && at != StringRef::npos;
         at = argument.find('=', at + 1)) {
      name = argument.take_front(at);
      path = argument.drop_front(at + 1);
    }
    if (!sys::fs::exists(path))
      return fail("{0}: there is no such file", argument);
    Expected<Tensor> tensor = readTensorFile(path);
    if (!tensor)
      return tensor.takeError();
    tensor->name = name.str();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

ScratchFolder::ScratchFolder() {
  SmallString<128> path;
  if (std::error_code error = sys::fs::createUniqueDirectory("dlc-run", path))
    report_fatal_error(Twine("cannot make a temporary folder: ") + error.message(), false);
  folder = path.str().str();
}

ScratchFolder::~ScratchFolder() {
  if (!kept)
    sys::fs::remove_directories(folder);
}

Model::Model(const RunOptions &options, rt::TargetAttr target, Platform platform, Signature signature,
             std::string folder)
    : options(options), target(target), platform(platform), sig(std::move(signature)), prefix(folder + "/model"),
      program(std::move(platform), folder, symbolName(options.compile)) {}

int Model::compileShapes(std::map<std::string, std::vector<int64_t>> shapes) {
  if (compiled && *compiled == shapes)
    return kOk;
  CompileOptions compile = options.compile;
  prefix = StringRef(prefix).rsplit('/').first.str() + "/model" + std::to_string(variant++);
  compile.output = prefix;
  compile.shapes = shapes;
  compiled.reset();
  if (int code = dlc::compile(compile))
    return code;
  if (options.viaCpp)
    if (Error error = compileCpp(platform, target, prefix, options.cxx)) {
      errs() << "dlc-run: error: " << toString(std::move(error)) << "\n";
      return kDefect;
    }
  compiled = std::move(shapes);
  return kOk;
}

int Model::compile() { return compileShapes(options.compile.shapes); }

int Model::compile(ArrayRef<Tensor> inputs) {
  auto shapes = options.compile.shapes;
  for (size_t i = 0; i < inputs.size(); i++) {
    const Value &value = sig.inputs[i];
    auto refuse = [&](const std::string &found, const std::string &expected) {
      errs() << options.compile.input << ": error: input " << import::quote(value.name) << ": found " << found
             << ", expected " << expected << "\n";
      return kBadModel;
    };
    if (value.dtype != inputs[i].dtype)
      return refuse(import::dataTypeName(inputs[i].dtype),
                    value.dtype ? import::dataTypeName(value.dtype) : "a value that is not a tensor");
    if (shapes.count(value.name))
      continue;
    bool fits = !value.ranked || value.dims.size() == inputs[i].dims.size();
    for (size_t d = 0; fits && value.ranked && d < value.dims.size(); d++)
      fits = value.dims[d] < 0 || value.dims[d] == inputs[i].dims[d];
    if (!fits)
      return refuse("shape " + import::shapeText(inputs[i].dims), "shape " + import::shapeText(value.dims));
    if (!value.isStatic() && !(options.dynamic && value.ranked))
      shapes[value.name] = inputs[i].dims;
  }
  return compileShapes(std::move(shapes));
}

Expected<std::vector<Tensor>> Model::randomInputs(unsigned seed) const {
  Expected<json::Value> manifestJson = json::parse(manifest());
  if (!manifestJson)
    return manifestJson.takeError();
  const json::Array *list = nullptr;
  if (const json::Object *object = manifestJson->getAsObject())
    list = object->getArray("inputs");
  std::vector<Tensor> inputs;
  for (size_t i = 0; list && i < list->size(); i++) {
    const json::Object *entry = (*list)[i].getAsObject();
    const json::Array *shape = entry ? entry->getArray("shape") : nullptr;
    if (!shape || i >= sig.inputs.size())
      break;
    Tensor tensor;
    tensor.name = sig.inputs[i].name;
    tensor.dtype = sig.inputs[i].dtype;
    for (const json::Value &dim : *shape)
      tensor.dims.push_back(dim.getAsInteger().value_or(-1));
    if (is_contained(tensor.dims, -1))
      return fail("{0}: error: input {1} has no fixed shape; give --input, --dim or --shape", options.compile.input,
                  import::quote(tensor.name));
    if (!tensorBytes(tensor.dtype, tensor.dims))
      return fail("{0}: error: input {1} is not a dense tensor of numbers", options.compile.input,
                  import::quote(tensor.name));
    fillRandom(tensor, seed * 1000003u + i);
    inputs.push_back(std::move(tensor));
  }
  if (inputs.size() != sig.inputs.size())
    return fail("{0}: error: the manifest does not list the inputs of the model", prefix + ".json");
  return inputs;
}

RunResult Model::run(ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup) {
  RunResult result =
      program.run(prefix + ".o", inputs, runs, warmup, options.compile.threads, options.timeout);
  for (size_t i = 0; i < result.outputs.size() && i < sig.outputs.size(); i++)
    result.outputs[i].name = sig.outputs[i].name;
  if (result.error.empty() && result.outputs.size() != sig.outputs.size())
    result.error = formatv("the compiled model has {0} outputs, the graph {1}", result.outputs.size(),
                           sig.outputs.size());
  return result;
}

Error Model::link(ArrayRef<Tensor> inputs, const std::string &elf) {
  bool doesNotFit = false;
  return program.link(prefix + ".o", inputs, elf, doesNotFit);
}

std::string Model::manifest() const {
  auto buffer = MemoryBuffer::getFile(prefix + ".json", false, false);
  return buffer ? (*buffer)->getBuffer().str() : "";
}
