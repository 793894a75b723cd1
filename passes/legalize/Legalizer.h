// Walks an onnx.graph in order and lowers node by node; owns the map from ONNX
// values to lowered ones and the list of operators that are missing.
#pragma once

#include "passes/legalize/Node.h"

#include <map>

namespace dlc::legalize {

class Legalizer {
public:
  explicit Legalizer(mlir::ModuleOp module) : module(module) {}

  /// Lowers the graph to a function of the same name; reports errors.
  LogicalResult run(onnx::GraphOp graph);

  /// Lowers the nodes of a subgraph at `builder`; its inputs are `arguments`,
  /// outer values stay visible. Returns the lowered outputs.
  FailureOr<SmallVector<Value>> lowerGraph(mlir::Region &region,
                                           ValueRange arguments,
                                           mlir::OpBuilder &builder);

  /// The lowered form of an ONNX value; null for an absent optional input.
  Value lookUp(Value onnxValue) { return values.lookup(onnxValue); }
  void bind(Value onnxValue, Value lowered) { values[onnxValue] = lowered; }

  /// The value as a constant when it is known at compile time.
  std::optional<DenseElementsAttr> constant(Value lowered);

private:
  LogicalResult lowerNode(onnx::NodeOp op, mlir::OpBuilder &builder);
  /// Reports all operators without a lowering, grouped; failure if any.
  LogicalResult checkOperators(onnx::GraphOp graph);

  mlir::ModuleOp module;
  llvm::DenseMap<Value, Value> values;
  /// What evaluating constants may still cost: bounds the time that a hostile
  /// model can take.
  int64_t evaluationSteps = 1'000'000'000;
};

/// Whether inputs and outputs of such elements are buffers of bytes: float8, and
/// packed numbers of 4 or 2 bits.
bool isStoredAsBytes(mlir::Type element);
/// Gives a function that form (after makeSignless).
void storeInterface(mlir::func::FuncOp func);

/// Makes all integer types below `op` signless (the last step of legalize).
void makeSignless(mlir::Operation *op);

} // namespace dlc::legalize
