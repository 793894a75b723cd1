// This file reads an ONNX file: protobuf, versions, symbolic dimensions.
#include "compiler/onnx/Importer.h"

#include "compiler/onnx/GraphImporter.h"
#include "compiler/onnx/Messages.h"
#include "dialects/ONNX/ONNX.h"
#include "mlir/IR/Verifier.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/stubs/logging.h>
#include <sys/stat.h>

using namespace mlir;

namespace dlc {
using namespace import;

/// Parses the file; the messages of protobuf itself are not for users.
static LogicalResult parseModel(Location loc, const std::string &path, pb::ModelProto &model) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (!file || ::fstat(file.get(), &info) != 0)
    return fail(loc, "cannot open the file: " + Twine(std::strerror(errno)));
  if (!S_ISREG(info.st_mode))
    return fail(loc, "not a regular file");
  if (static_cast<uint64_t>(info.st_size) > limits::kModelBytes)
    return fail(loc, "file of " + Twine(info.st_size) + " bytes, at most " +
                         Twine(limits::kModelBytes) + " are supported",
                "store the weights as external data");
  if (info.st_size == 0)
    return fail(loc, "file is empty");

  google::protobuf::LogSilencer silence;
  google::protobuf::io::FileInputStream bytes(file.get());
  google::protobuf::io::CodedInputStream input(&bytes);
  input.SetRecursionLimit(limits::kMessageNesting);
  if (!model.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    return fail(loc, "not an ONNX model: the protobuf is damaged, cut off, or nested "
                     "too deeply");
  if (!model.has_graph())
    return fail(loc, "not an ONNX model: there is no graph");
  return success();
}

/// `'a', 'b'` for messages.
template <typename Map> static std::string list(const Map &names) {
  std::string text;
  int shown = 0;
  for (const auto &entry : names) {
    text += (shown ? ", " : "") + quote(llvm::StringRef(entry.first));
    if (++shown == 32) {
      text += ", ...";
      break;
    }
  }
  return text;
}

/// Binds symbolic dimensions to --dim, and writes --shape into the inputs'
/// types, so that everything later reads one truth.
static LogicalResult bindShapes(Location loc, const ImportOptions &options,
                                pb::GraphProto &graph, ShapeBindings &bindings) {
  llvm::StringMap<bool> initialized;
  for (const auto &tensor : graph.initializer())
    initialized[tensor.name()] = true;
  for (const auto &tensor : graph.sparse_initializer())
    initialized[tensor.values().name()] = true;

  // Some writers say ? for every size they do not know: no name that equal sizes share.
  for (auto *values : {graph.mutable_input(), graph.mutable_output()})
    for (auto &value : *values)
      if (value.type().tensor_type().has_shape())
        for (auto &dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
          if (dim.dim_param() == "?")
            dim.clear_value();

  std::map<std::string, pb::ValueInfoProto *> inputs;
  std::map<std::string, std::string> dimNames; // dimension -> an input that has it
  for (auto &input : *graph.mutable_input()) {
    if (initialized.contains(input.name()))
      continue;
    inputs[input.name()] = &input;
    for (const auto &dim : input.type().tensor_type().shape().dim())
      if (!dim.dim_param().empty())
        dimNames[dim.dim_param()] = input.name();
  }

  for (const auto &[name, size] : options.dims) {
    if (!dimNames.count(name))
      return fail(loc, "--dim " + quote(name) + ": no input has a dimension of this name",
                  dimNames.empty() ? "the inputs have no symbolic dimensions"
                                   : "symbolic dimensions: " + list(dimNames));
    if (size < 0)
      return fail(loc, "--dim " + quote(name) + ": " + Twine(size) + " is negative");
    bindings.dims[name] = size;
  }
  for (const auto &[name, shape] : options.shapes) {
    auto it = inputs.find(name);
    if (it == inputs.end())
      return fail(loc, "--shape " + quote(name) + ": no input has this name",
                  inputs.empty() ? "the model has no inputs" : "inputs: " + list(inputs));
    pb::TypeProto *type = it->second->mutable_type();
    if (it->second->has_type() && type->value_case() != pb::TypeProto::kTensorType)
      return fail(loc, "--shape " + quote(name) + ": the input is not a tensor");
    if (!elementCount(shape) || llvm::any_of(shape, [](int64_t dim) { return dim < 0; }))
      return fail(loc, "--shape " + quote(name) + ": " + shapeText(shape) +
                           " is not a shape");
    auto *tensor = type->mutable_tensor_type();
    bool stated = tensor->has_shape();
    if (stated && tensor->shape().dim_size() != static_cast<int>(shape.size()))
      return fail(loc, "--shape " + quote(name) + ": rank " + Twine(shape.size()) +
                           ", the input has rank " + Twine(tensor->shape().dim_size()));
    for (auto [i, size] : llvm::enumerate(shape)) {
      auto *dim = stated ? tensor->mutable_shape()->mutable_dim(i)
                         : tensor->mutable_shape()->add_dim();
      if (!dim->dim_param().empty()) {
        auto [bound, isNew] = bindings.dims.try_emplace(dim->dim_param(), size);
        if (!isNew && bound->second != size)
          return fail(loc, "--shape " + quote(name) + ": dimension " +
                               quote(dim->dim_param()) + " would be both " +
                               Twine(bound->second) + " and " + Twine(size));
      } else if (stated && dim->dim_value() >= 0 && dim->has_dim_value() &&
                 dim->dim_value() != size) {
        bindings.forgetShapes = true;
      }
    }
  }
  // Only now: a dimension may be bound by a later input.
  for (const auto &[name, shape] : options.shapes) {
    auto *dims = inputs[name]->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (auto [i, size] : llvm::enumerate(shape))
      dims->mutable_dim(i)->set_dim_value(size);
  }
  return success();
}

FailureOr<OwningOpRef<ModuleOp>> importOnnx(MLIRContext &context,
                                            const ImportOptions &options) {
  context.loadDialect<onnx::ONNXDialect>();
  Location loc = UnknownLoc::get(&context);
  pb::ModelProto model;
  if (failed(parseModel(loc, options.path, model)))
    return failure();
  if (!model.has_ir_version())
    return fail(loc, "not an ONNX model: there is no IR version");
  if (model.ir_version() < limits::kMinIrVersion)
    return fail(loc, "IR version " + Twine(model.ir_version()) +
                         " is not supported, it must be " +
                         Twine(limits::kMinIrVersion) + " or later");
  ShapeBindings bindings;
  if (failed(bindShapes(loc, options, *model.mutable_graph(), bindings)))
    return failure();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  GraphImporter importer(context, model, options.path, std::move(bindings));
  if (failed(importer.run(*module)) || failed(verify(*module)))
    return failure();
  return module;
}

} // namespace dlc
