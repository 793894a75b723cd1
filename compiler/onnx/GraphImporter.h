// Walks graphs, subgraphs and functions and builds the onnx dialect.
#pragma once

#include "compiler/onnx/Limits.h"
#include "compiler/onnx/Tensors.h"
#include "compiler/onnx/Types.h"
#include "dialects/ONNX/ONNX.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include <deque>
#include <map>

namespace dlc::import {

using NodeList = google::protobuf::RepeatedPtrField<pb::NodeProto>;

/// The names that nodes of one graph or function body see.
struct Scope {
  /// Null for the main graph and for function bodies.
  const Scope *parent = nullptr;
  const NodeList *nodes = nullptr;
  llvm::StringMap<mlir::Value> values;
  /// Stated types of values that are not built yet.
  llvm::StringMap<const pb::ValueInfoProto *> types;
  /// The node of this graph that is being built.
  int current = 0;

  mlir::Value find(llvm::StringRef name) const;
};

struct Context;

/// An attribute and the surroundings that its graphs see: a function's caller
/// for attributes that the call passed on.
struct BoundAttr {
  const pb::AttributeProto *proto;
  const Context *context;
};

/// A function call that is being inlined; all null for the model itself.
struct Frame {
  const Frame *caller = nullptr;
  const pb::FunctionProto *function = nullptr;
  llvm::StringMap<int64_t> opsets;
  llvm::StringMap<BoundAttr> attrs;
};

/// Where a node stands.
struct Context {
  Scope &scope;
  const Frame &frame;
  /// What the names and numbers of nodes start with: `call/` and `17.`.
  std::string namePrefix, numberPrefix;

  /// A prefix for what is inside of `part`; it does not grow without bound.
  static std::string extend(const std::string &prefix, llvm::StringRef part) {
    std::string longer = prefix + part.take_front(limits::kShownName).str();
    return longer.size() <= 4 * limits::kShownName ? longer : "...";
  }
};

class GraphImporter {
public:
  GraphImporter(mlir::MLIRContext &context, pb::ModelProto &model, std::string path,
                ShapeBindings bindings);
  mlir::LogicalResult run(mlir::ModuleOp module);

private:
  struct FunctionInfo {
    const pb::FunctionProto *proto;
    std::map<std::string, const pb::AttributeProto *> defaults;
  };
  using FunctionKey = std::tuple<std::string, std::string, std::string>;

  // Functions.cpp
  mlir::LogicalResult collectFunctions();
  const FunctionInfo *findFunction(const pb::NodeProto &node) const;
  mlir::LogicalResult inlineFunction(Context &context, const pb::NodeProto &node,
                                     const FunctionInfo &function,
                                     llvm::ArrayRef<BoundAttr> attrs,
                                     llvm::ArrayRef<llvm::StringRef> names, int index,
                                     mlir::Location loc);
  mlir::LogicalResult readOpsets(
      mlir::Location loc, llvm::StringRef where,
      const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports,
      llvm::StringMap<int64_t> &opsets);

  // GraphImporter.cpp
  mlir::LogicalResult importMainGraph(const Frame &frame, mlir::ModuleOp module);
  mlir::LogicalResult importInitializers(Context &context, const pb::GraphProto &graph);
  mlir::LogicalResult importInputs(Context &context, const pb::GraphProto &graph,
                                   mlir::Block &block);
  mlir::LogicalResult importBody(Context &context, const pb::GraphProto &graph);
  mlir::LogicalResult importSubgraph(const Context &outer, const pb::GraphProto &graph,
                                     mlir::Region &region, std::string namePrefix,
                                     std::string numberPrefix, mlir::Location loc);
  mlir::LogicalResult importNodes(Context &context, const NodeList &nodes);
  mlir::LogicalResult importNode(Context &context, const pb::NodeProto &node, int index);
  void collectTypes(Scope &scope, const pb::GraphProto &graph);
  mlir::LogicalResult define(Context &context, mlir::Location loc, llvm::StringRef name,
                             mlir::Value value);
  mlir::FailureOr<mlir::Value> lookUp(const Context &context, mlir::Location loc,
                                      llvm::StringRef name);
  mlir::LogicalResult explainMissing(const Context &context, mlir::Location loc,
                                     llvm::StringRef name);
  mlir::FailureOr<mlir::Type> statedType(const Scope &scope, llvm::StringRef name,
                                         mlir::Location loc);
  mlir::Location nodeLoc(const Context &context, const pb::NodeProto &node, int index);
  mlir::FailureOr<mlir::ArrayAttr> describeValues(
      const google::protobuf::RepeatedPtrField<pb::ValueInfoProto> &values,
      llvm::StringRef kind, const llvm::StringMap<mlir::Value> *constants);

  // Attributes.cpp
  mlir::FailureOr<mlir::Attribute> convertAttribute(mlir::Location loc,
                                                    const pb::AttributeProto &attr);

  mlir::MLIRContext &context;
  mlir::OpBuilder builder;
  pb::ModelProto &model;
  ShapeBindings bindings;
  TensorReader tensors;
  std::map<FunctionKey, FunctionInfo> functions;
  /// Attribute defaults of functions, which libonnx's classes do not know yet.
  std::deque<pb::AttributeProto> ownedAttributes;
  int64_t nodeCount = 0;
  int nesting = 0;
};

/// Type of an attribute: as stated, or by the field that is set in files of
/// writers that do not state it.
pb::AttributeProto::AttributeType attributeType(const pb::AttributeProto &attr);
/// Domain names compare equal when this does: "ai.onnx" is the default domain.
inline llvm::StringRef normalizeDomain(llvm::StringRef domain) {
  return domain == "ai.onnx" ? llvm::StringRef() : domain;
}

} // namespace dlc::import
