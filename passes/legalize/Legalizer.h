// Walks an onnx.graph in order and lowers node by node; owns the map from ONNX
// values to lowered ones and the list of operators that are missing.
#pragma once

#include "passes/legalize/Node.h"
#include "passes/quantize/Emit.h"

#include <map>

namespace dlc::legalize {

/// The operator that made a value, and what it was lowered from.
struct Origin {
  onnx::NodeOp op;
  llvm::StringRef name; ///< of the operator, which QLinear nodes only stand for
  int64_t opset;
  SmallVector<Value> inputs;
};

class Legalizer {
public:
  explicit Legalizer(mlir::ModuleOp module)
      : module(module), rounding(quantize::roundingOf(module)) {}

  /// The rounding of quantized results, `--requant`.
  quantize::Rounding getRounding() const { return rounding; }
  /// Where a lowered value comes from; null when that is not known. Kept only for
  /// rounding modes that depend on the operator.
  const Origin *originOf(Value lowered) const;
  void remember(Value lowered, Origin origin);
  /// The node of an origin, to be lowered once more.
  Node recall(const Origin &origin, mlir::OpBuilder &builder);

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
  quantize::Rounding rounding;
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, Origin> origins;
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
