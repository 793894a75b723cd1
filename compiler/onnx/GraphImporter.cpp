// This file builds onnx.graph, onnx.constant and onnx.node from graphs.
#include "compiler/onnx/GraphImporter.h"

#include "compiler/onnx/Messages.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace dlc::import {

Value Scope::find(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->parent)
    if (auto it = scope->values.find(name); it != scope->values.end())
      return it->second;
  return {};
}

GraphImporter::GraphImporter(MLIRContext &context, pb::ModelProto &model, std::string path,
                             ShapeBindings bindings)
    : context(context), builder(&context), model(model), bindings(std::move(bindings)),
      tensors(std::move(path)) {}

LogicalResult GraphImporter::run(ModuleOp module) {
  Frame frame;
  if (failed(readOpsets(module.getLoc(), "", model.opset_import(), frame.opsets)) ||
      failed(collectFunctions()))
    return failure();
  if (frame.opsets.empty())
    return fail(module.getLoc(), "the model imports no opset");
  return importMainGraph(frame, module);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// The name of a node in messages: its own, or what the ONNX specification
/// makes unique in a graph, its first output.
static StringRef shownName(const pb::NodeProto &node) {
  if (!node.name().empty())
    return node.name();
  for (const std::string &output : node.output())
    if (!output.empty())
      return output;
  return node.op_type();
}

Location GraphImporter::nodeLoc(const Context &context, const pb::NodeProto &node,
                                int index) {
  auto clip = [](StringRef text) { return text.take_front(limits::kShownName); };
  std::string name = context.namePrefix + clip(shownName(node)).str();
  std::string what = clip(node.op_type()).str() + "#" + context.numberPrefix +
                     std::to_string(index);
  return namedLoc(this->context, what, name);
}

LogicalResult GraphImporter::define(Context &context, Location loc, StringRef name,
                                    Value value) {
  if (!context.scope.values.try_emplace(name, value).second)
    return fail(loc, "value " + quote(name) + " is defined twice",
                "every value of a graph needs a name of its own");
  return success();
}

/// Whether node `from` needs, directly or not, an output of a node in [to, from].
static bool dependsOn(const NodeList &nodes, int from, int to) {
  llvm::StringMap<int> producer;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes.Get(i).output())
      if (!output.empty())
        producer.try_emplace(output, i);
  llvm::BitVector seen(nodes.size());
  SmallVector<int> work{from};
  seen.set(from);
  while (!work.empty()) {
    int i = work.pop_back_val();
    for (const std::string &input : nodes.Get(i).input()) {
      auto it = producer.find(input);
      if (it == producer.end())
        continue;
      if (it->second == to)
        return true;
      if (!seen.test(it->second)) {
        seen.set(it->second);
        work.push_back(it->second);
      }
    }
  }
  return false;
}

LogicalResult GraphImporter::explainMissing(const Context &context, Location loc,
                                            StringRef name) {
  for (const Scope *scope = &context.scope; scope; scope = scope->parent) {
    if (!scope->nodes)
      continue;
    const NodeList &nodes = *scope->nodes;
    for (int i = scope->current; i < nodes.size(); ++i) {
      if (!llvm::is_contained(nodes.Get(i).output(), name))
        continue;
      if (i == scope->current)
        return fail(loc, "input " + quote(name) + " is an output of the node itself");
      std::string later = "node " + quote(shownName(nodes.Get(i))) + " (" +
                          nodes.Get(i).op_type() + "#" + std::to_string(i) + ")";
      if (dependsOn(nodes, i, scope->current))
        return fail(loc, "input " + quote(name) + " closes a cycle",
                    later + " produces it and depends on this node");
      return fail(loc, "input " + quote(name) + " is used before it is produced",
                  later + " produces it; the nodes of a model must be sorted so that "
                          "producers come first");
    }
  }
  return fail(loc, "value " + quote(name) + " is not defined",
              context.frame.function
                  ? "functions see their own inputs only"
                  : "no node, input or initializer of the graph has this name");
}

FailureOr<Value> GraphImporter::lookUp(const Context &context, Location loc,
                                       StringRef name) {
  if (Value value = context.scope.find(name))
    return value;
  return explainMissing(context, loc, name);
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

void GraphImporter::collectTypes(Scope &scope, const pb::GraphProto &graph) {
  // The first one wins, and what the graph promises comes first.
  for (const auto *values : {&graph.output(), &graph.value_info()})
    for (const auto &value : *values)
      scope.types.try_emplace(value.name(), &value);
}

FailureOr<Type> GraphImporter::statedType(const Scope &scope, StringRef name, Location loc) {
  auto it = scope.types.find(name);
  if (it == scope.types.end() || !it->second->has_type())
    return Type(onnx::UnknownType::get(&context));
  return convertType(loc, it->second->type(), bindings);
}

/// The `inputs` and `outputs` of onnx.graph.
FailureOr<ArrayAttr> GraphImporter::describeValues(
    const google::protobuf::RepeatedPtrField<pb::ValueInfoProto> &values, StringRef kind,
    const llvm::StringMap<Value> *constants) {
  SmallVector<Attribute> described;
  for (const auto &value : values) {
    if (constants && constants->contains(value.name()))
      continue;
    Location loc = namedLoc(context, kind, value.name());
    // An input's shape is what the caller gives, only inner ones are forgotten.
    ShapeBindings own{bindings.dims, bindings.forgetShapes && !constants};
    auto type = convertType(loc, value.type(), own);
    if (failed(type))
      return failure();
    SmallVector<NamedAttribute> entries;
    entries.push_back(builder.getNamedAttr("name", builder.getStringAttr(value.name())));
    entries.push_back(builder.getNamedAttr("type", TypeAttr::get(*type)));
    if (auto tensor = dyn_cast<RankedTensorType>(*type)) {
      SmallVector<Attribute> dims;
      for (auto [i, size] : llvm::enumerate(tensor.getShape())) {
        const auto &dim = value.type().tensor_type().shape().dim(i);
        if (!ShapedType::isDynamic(size))
          dims.push_back(builder.getI64IntegerAttr(size));
        else if (!dim.dim_param().empty())
          dims.push_back(builder.getStringAttr(dim.dim_param()));
        else
          dims.push_back(builder.getUnitAttr());
      }
      entries.push_back(builder.getNamedAttr("dims", builder.getArrayAttr(dims)));
    }
    described.push_back(builder.getDictionaryAttr(entries));
  }
  return builder.getArrayAttr(described);
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::importInitializers(Context &context,
                                                const pb::GraphProto &graph) {
  auto add = [&](Location loc, StringRef name, FailureOr<DenseElementsAttr> elements) {
    if (failed(elements))
      return failure();
    auto op = onnx::ConstantOp::create(builder, loc, elements->getType(), *elements);
    return define(context, loc, name, op.getOutput());
  };
  for (const auto &tensor : graph.initializer()) {
    Location loc = namedLoc(this->context, "initializer", tensor.name());
    if (tensor.name().empty())
      return fail(loc, "initializer has no name");
    if (failed(add(loc, tensor.name(), tensors.read(loc, "", tensor))))
      return failure();
  }
  for (const auto &tensor : graph.sparse_initializer()) {
    const std::string &name = tensor.values().name();
    Location loc = namedLoc(this->context, "initializer", name);
    if (name.empty())
      return fail(loc, "initializer has no name");
    if (failed(add(loc, name, tensors.readSparse(loc, "", tensor))))
      return failure();
  }
  return success();
}

/// Makes block arguments of the inputs that have no initializer. One that has
/// is a constant: its default is the only value it can have here.
LogicalResult GraphImporter::importInputs(Context &context, const pb::GraphProto &graph,
                                          Block &block) {
  for (const auto &input : graph.input()) {
    Location loc = namedLoc(this->context, "input", input.name());
    if (input.name().empty())
      return fail(loc, "input has no name");
    bool isMain = !context.scope.parent;
    ShapeBindings own{bindings.dims, bindings.forgetShapes && !isMain};
    auto type = convertType(loc, input.type(), own);
    if (failed(type))
      return failure();
    auto known = context.scope.values.find(input.name());
    if (known != context.scope.values.end() && isa<OpResult>(known->second)) {
      auto tensor = dyn_cast<ShapedType>(*type);
      auto constant = cast<RankedTensorType>(known->second.getType());
      if (!isa<onnx::UnknownType>(*type) &&
          (!tensor || tensor.getElementType() != constant.getElementType()))
        return fail(loc, "the input's initializer has another element type",
                    "found " + typeText(constant) + ", expected " + typeText(*type));
      continue;
    }
    if (isMain && isa<onnx::UnknownType>(*type))
      return fail(loc, "input has no type");
    if (failed(define(context, loc, input.name(), block.addArgument(*type, loc))))
      return failure();
  }
  return success();
}

/// Everything of a graph but its inputs and initializers.
LogicalResult GraphImporter::importBody(Context &context, const pb::GraphProto &graph) {
  if (failed(importNodes(context, graph.node())))
    return failure();
  SmallVector<Value> outputs;
  for (const auto &output : graph.output()) {
    Location loc = namedLoc(this->context, "output", output.name());
    if (output.name().empty())
      return fail(loc, "output has no name");
    Value value = context.scope.find(output.name());
    if (!value)
      return fail(loc, "no node produces the output");
    outputs.push_back(value);
  }
  OperationState state(UnknownLoc::get(&this->context), onnx::ReturnOp::getOperationName());
  state.addOperands(outputs);
  builder.create(state);
  return success();
}

LogicalResult GraphImporter::importMainGraph(const Frame &frame, ModuleOp module) {
  pb::GraphProto &graph = *model.mutable_graph();
  Scope scope;
  scope.nodes = &graph.node();
  Context main{scope, frame, "", ""};
  collectTypes(scope, graph);

  SmallVector<NamedAttribute> opsets;
  for (const auto &entry : frame.opsets)
    opsets.push_back(
        builder.getNamedAttr(entry.getKey().empty() ? "ai.onnx" : entry.getKey(),
                             builder.getI64IntegerAttr(entry.getValue())));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  auto op = onnx::GraphOp::create(
      builder, module.getLoc(), graph.name().empty() ? "main_graph" : graph.name(),
      builder.getDictionaryAttr(opsets), builder.getArrayAttr({}), builder.getArrayAttr({}));
  Block &block = op.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&block);

  if (failed(importInitializers(main, graph)))
    return failure();
  llvm::StringMap<Value> constants(scope.values);
  // The dialect's attributes hold the data now; the file's copy can go.
  for (auto &tensor : *graph.mutable_initializer())
    delete tensor.release_raw_data();
  auto inputs = describeValues(graph.input(), "input", &constants);
  auto outputs = describeValues(graph.output(), "output", nullptr);
  if (failed(inputs) || failed(outputs))
    return failure();
  op.setInputsAttr(*inputs);
  op.setOutputsAttr(*outputs);
  if (failed(importInputs(main, graph, block)))
    return failure();
  return importBody(main, graph);
}

LogicalResult GraphImporter::importSubgraph(const Context &outer,
                                            const pb::GraphProto &graph, Region &region,
                                            std::string namePrefix,
                                            std::string numberPrefix, Location loc) {
  if (nesting >= limits::kNesting)
    return fail(loc, "subgraphs and function calls are nested deeper than " +
                         Twine(limits::kNesting) + " levels");
  Scope scope;
  scope.parent = &outer.scope;
  scope.nodes = &graph.node();
  Context inner{scope, outer.frame, std::move(namePrefix), std::move(numberPrefix)};
  collectTypes(scope, graph);
  OpBuilder::InsertionGuard guard(builder);
  Block &block = region.emplaceBlock();
  builder.setInsertionPointToEnd(&block);
  ++nesting;
  LogicalResult result =
      success(succeeded(importInitializers(inner, graph)) &&
              succeeded(importInputs(inner, graph, block)) &&
              succeeded(importBody(inner, graph)));
  --nesting;
  return result;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

LogicalResult GraphImporter::importNodes(Context &context, const NodeList &nodes) {
  for (int i = 0; i < nodes.size(); ++i) {
    context.scope.current = i;
    if (failed(importNode(context, nodes.Get(i), i)))
      return failure();
  }
  // From here on nothing is missing because it comes later.
  context.scope.current = nodes.size();
  return success();
}

LogicalResult GraphImporter::importNode(Context &context, const pb::NodeProto &node,
                                        int index) {
  Location loc = nodeLoc(context, node, index);
  if (++nodeCount > limits::kNodes)
    return fail(loc, "the model has more than " + Twine(limits::kNodes) +
                         " nodes once its functions are inlined");
  if (node.op_type().empty())
    return fail(loc, "node has no operator");

  // Attributes, with references to those of the function around replaced.
  SmallVector<StringRef> names;
  SmallVector<BoundAttr> attrs;
  llvm::StringSet<> seen;
  for (const auto &attr : node.attribute()) {
    if (attr.name().empty())
      return fail(loc, "an attribute has no name");
    if (!seen.insert(attr.name()).second)
      return fail(loc, "attribute " + quote(attr.name()) + " is given twice");
    BoundAttr bound{&attr, &context};
    if (!attr.ref_attr_name().empty()) {
      if (!context.frame.function)
        return fail(loc, "attribute " + quote(attr.name()) +
                             " refers to a function's attribute outside of a function");
      auto it = context.frame.attrs.find(attr.ref_attr_name());
      if (it == context.frame.attrs.end()) {
        if (llvm::is_contained(context.frame.function->attribute(), attr.ref_attr_name()))
          continue; // not given by the caller: absent here, too
        return fail(loc, "attribute " + quote(attr.name()) + " refers to " +
                             quote(attr.ref_attr_name()) + ", which function " +
                             quote(context.frame.function->name()) + " does not have");
      }
      bound = it->second;
      if (attr.type() != pb::AttributeProto::UNDEFINED &&
          attr.type() != attributeType(*bound.proto))
        return fail(loc, "attribute " + quote(attr.name()) + " refers to " +
                             quote(attr.ref_attr_name()) + ", which has another type");
    }
    names.push_back(attr.name());
    attrs.push_back(bound);
  }
  if (const FunctionInfo *function = findFunction(node))
    return inlineFunction(context, node, *function, attrs, names, index, loc);

  StringRef domain = normalizeDomain(node.domain());
  auto opset = context.frame.opsets.find(domain);
  if (opset == context.frame.opsets.end())
    return fail(loc, "domain " + quote(domain.empty() ? "ai.onnx" : domain) +
                         " is not in the model's opset imports");

  SmallVector<Value> inputs;
  for (const std::string &name : node.input()) {
    if (name.empty()) {
      inputs.push_back(onnx::NoneOp::create(builder, loc, builder.getNoneType()));
      continue;
    }
    auto value = lookUp(context, loc, name);
    if (failed(value))
      return failure();
    inputs.push_back(*value);
  }
  SmallVector<Type> types;
  for (const std::string &name : node.output()) {
    auto type = statedType(context.scope, name, loc);
    if (failed(type))
      return failure();
    types.push_back(*type);
  }

  SmallVector<NamedAttribute> converted;
  struct Subgraph {
    const pb::GraphProto *graph;
    const Context *context;
    std::string name;
  };
  SmallVector<Subgraph> graphs;
  SmallVector<Attribute> graphNames;
  for (auto [name, attr] : llvm::zip(names, attrs)) {
    auto type = attributeType(*attr.proto);
    auto addGraph = [&](const pb::GraphProto &graph) {
      graphs.push_back({&graph, attr.context, name.str()});
      graphNames.push_back(builder.getStringAttr(name));
    };
    if (type == pb::AttributeProto::GRAPH) {
      if (!attr.proto->has_g())
        return fail(loc, "attribute " + quote(name) + " has no graph");
      addGraph(attr.proto->g());
    } else if (type == pb::AttributeProto::GRAPHS) {
      for (const auto &graph : attr.proto->graphs())
        addGraph(graph);
    } else {
      auto value = convertAttribute(loc, *attr.proto);
      if (failed(value))
        return failure();
      converted.push_back(builder.getNamedAttr(name, *value));
    }
  }

  OperationState state(loc, onnx::NodeOp::getOperationName());
  state.addOperands(inputs);
  state.addTypes(types);
  auto &properties = state.getOrAddProperties<onnx::NodeOp::Properties>();
  properties.op_type = builder.getStringAttr(node.op_type());
  properties.domain = builder.getStringAttr(domain);
  properties.attrs = builder.getDictionaryAttr(converted);
  properties.graph_names = builder.getArrayAttr(graphNames);
  properties.opset = builder.getI64IntegerAttr(opset->second);
  for (size_t i = 0; i < graphs.size(); ++i)
    state.addRegion();
  Operation *op = builder.create(state);
  for (auto [graph, region] : llvm::zip(graphs, op->getRegions())) {
    std::string number = std::to_string(index) + "." + graph.name;
    if (failed(importSubgraph(*graph.context, *graph.graph, region, context.namePrefix,
                              Context::extend(context.numberPrefix, number) + ".", loc)))
      return failure();
  }
  for (auto [name, result] : llvm::zip(node.output(), op->getResults()))
    if (!name.empty() && failed(define(context, loc, name, result)))
      return failure();
  return success();
}

} // namespace dlc::import
