// This file inlines the functions that a model brings along.
#include "compiler/onnx/GraphImporter.h"
#include "compiler/onnx/Messages.h"

using namespace mlir;

namespace dlc::import {

// Fields that are younger than the classes of Debian's libonnx arrive as
// unknown fields; a newer libonnx has accessors.
static constexpr int kNodeOverload = 8;
static constexpr int kFunctionAttributeProto = 11;
static constexpr int kFunctionOverload = 13;

template <typename Message> static std::string overloadOf(const Message &message, int field) {
  if constexpr (requires { message.overload(); }) {
    return message.overload();
  } else {
    std::string value;
    const auto &unknown = message.unknown_fields();
    for (int i = 0; i < unknown.field_count(); ++i)
      if (unknown.field(i).number() == field &&
          unknown.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
        value = unknown.field(i).length_delimited();
    return value;
  }
}

/// Calls `visit` with each attribute that has a default.
template <typename Function, typename Visit>
static LogicalResult visitDefaults(Location loc, const Function &function, Visit visit) {
  if constexpr (requires { function.attribute_proto(); }) {
    for (const auto &attr : function.attribute_proto())
      if (failed(visit(attr)))
        return failure();
  } else {
    const auto &unknown = function.unknown_fields();
    for (int i = 0; i < unknown.field_count(); ++i) {
      if (unknown.field(i).number() != kFunctionAttributeProto ||
          unknown.field(i).type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
        continue;
      pb::AttributeProto attr;
      const std::string &bytes = unknown.field(i).length_delimited();
      google::protobuf::io::CodedInputStream input(
          reinterpret_cast<const uint8_t *>(bytes.data()), static_cast<int>(bytes.size()));
      input.SetRecursionLimit(limits::kMessageNesting);
      if (!attr.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
        return fail(loc, "default of an attribute is not a valid protobuf");
      if (failed(visit(attr)))
        return failure();
    }
  }
  return success();
}

LogicalResult GraphImporter::readOpsets(
    Location loc, StringRef where,
    const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports,
    llvm::StringMap<int64_t> &opsets) {
  for (const auto &import : imports) {
    std::string domain = quote(import.domain().empty() ? "ai.onnx" : import.domain());
    if (import.version() < 1)
      return fail(loc, where + "opset version " + Twine(import.version()) +
                           " of domain " + domain + " is not valid");
    auto [it, isNew] =
        opsets.try_emplace(normalizeDomain(import.domain()), import.version());
    if (!isNew && it->second != import.version())
      return fail(loc, where + "opsets " + Twine(it->second) + " and " +
                           Twine(import.version()) + " of domain " + domain +
                           " are both imported");
  }
  return success();
}

LogicalResult GraphImporter::collectFunctions() {
  for (const auto &function : model.functions()) {
    Location loc = namedLoc(context, "function", function.name());
    if (function.name().empty())
      return fail(loc, "function has no name");
    FunctionInfo info{&function, {}};
    auto keepDefault = [&](const pb::AttributeProto &attr) -> LogicalResult {
      ownedAttributes.push_back(attr);
      if (!info.defaults.emplace(attr.name(), &ownedAttributes.back()).second)
        return fail(loc, "attribute " + quote(attr.name()) + " is declared twice");
      return success();
    };
    if (failed(visitDefaults(loc, function, keepDefault)))
      return failure();
    FunctionKey key{normalizeDomain(function.domain()), function.name(),
                    overloadOf(function, kFunctionOverload)};
    if (!functions.emplace(key, std::move(info)).second)
      return fail(loc, "function is defined twice",
                  "domain " + quote(function.domain()));
  }
  return success();
}

const GraphImporter::FunctionInfo *
GraphImporter::findFunction(const pb::NodeProto &node) const {
  if (functions.empty())
    return nullptr;
  auto it = functions.find(FunctionKey{normalizeDomain(node.domain()), node.op_type(),
                                       overloadOf(node, kNodeOverload)});
  return it == functions.end() ? nullptr : &it->second;
}

LogicalResult GraphImporter::inlineFunction(Context &context, const pb::NodeProto &node,
                                            const FunctionInfo &info,
                                            ArrayRef<BoundAttr> attrs,
                                            ArrayRef<StringRef> names, int index,
                                            Location loc) {
  const pb::FunctionProto &function = *info.proto;
  for (const Frame *frame = &context.frame; frame; frame = frame->caller)
    if (frame->function == &function)
      return fail(loc, "function " + quote(function.name()) + " calls itself",
                  "functions of a model are inlined, recursion is not supported");
  if (nesting >= limits::kNesting)
    return fail(loc, "subgraphs and function calls are nested deeper than " +
                         Twine(limits::kNesting) + " levels");
  if (node.input_size() > function.input_size() ||
      node.output_size() > function.output_size())
    return fail(loc, "call of function " + quote(function.name()) + " with " +
                         Twine(node.input_size()) + " inputs and " +
                         Twine(node.output_size()) + " outputs",
                "the function has " + Twine(function.input_size()) + " inputs and " +
                    Twine(function.output_size()) + " outputs");

  Frame frame{&context.frame, &function, {}, {}};
  for (const auto &[name, proto] : info.defaults)
    frame.attrs[name] = {proto, &context};
  for (auto [name, attr] : llvm::zip(names, attrs)) {
    if (!llvm::is_contained(function.attribute(), name) &&
        !info.defaults.count(name.str()))
      return fail(loc, "function " + quote(function.name()) + " has no attribute " +
                           quote(name));
    frame.attrs[name] = attr;
  }
  if (failed(readOpsets(loc, "function " + quote(function.name()) + ": ",
                        function.opset_import(), frame.opsets)))
    return failure();
  // What the function does not import itself is the model's.
  for (const auto &entry : context.frame.opsets)
    frame.opsets.try_emplace(entry.getKey(), entry.getValue());

  Scope scope;
  scope.nodes = &function.node();
  std::string callName = node.name().empty() ? node.op_type() : node.name();
  Context inner{scope, frame, Context::extend(context.namePrefix, callName) + "/",
                Context::extend(context.numberPrefix, std::to_string(index)) + "."};
  for (int i = 0; i < function.input_size(); ++i) {
    Value value;
    if (i < node.input_size() && !node.input(i).empty()) {
      auto found = lookUp(context, loc, node.input(i));
      if (failed(found))
        return failure();
      value = *found;
    } else {
      value = onnx::NoneOp::create(builder, loc, builder.getNoneType());
    }
    if (failed(define(inner, loc, function.input(i), value)))
      return failure();
  }
  ++nesting;
  LogicalResult result = importNodes(inner, function.node());
  --nesting;
  if (failed(result))
    return failure();
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty())
      continue;
    auto value = lookUp(inner, loc, function.output(i));
    if (failed(value))
      return failure();
    // The call site may state what the function does not.
    if (isa<onnx::UnknownType>(value->getType()) && isa<OpResult>(*value)) {
      auto type = statedType(context.scope, node.output(i), loc);
      if (failed(type))
        return failure();
      value->setType(*type);
    }
    if (failed(define(context, loc, node.output(i), *value)))
      return failure();
  }
  return success();
}

} // namespace dlc::import
