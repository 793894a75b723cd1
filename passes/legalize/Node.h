// A node of an ONNX graph on its way into nn, linalg, tensor, scf and arith:
// typed, checked access to its inputs and attributes, and builders that the
// lowerings of all operator families share.
#pragma once

#include "passes/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <optional>

namespace dlc::legalize {

using mlir::DenseElementsAttr;
using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::OpFoldResult;
using mlir::RankedTensorType;
using mlir::SmallVector;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

class Legalizer;

/// Builds one element of a result from one element of each input.
using ScalarFn = llvm::function_ref<Value(mlir::ImplicitLocOpBuilder &, ValueRange)>;

/// One ONNX node being lowered. Everything that can fail reports an error that
/// names the node, and returns failure; lowerings pass it on.
class Node {
public:
  Node(Legalizer &legalizer, onnx::NodeOp op, mlir::OpBuilder &builder);

  mlir::ImplicitLocOpBuilder b;
  onnx::NodeOp op;

  /// Version of the operator's domain that the model imports.
  int64_t opset() { return standInOpset ? standInOpset : op.getOpset(); }
  llvm::StringRef opType() { return standIn.empty() ? op.getOpType() : standIn; }
  /// Lowers as operator `name` of ai.onnx and `opset` on `values`; returns result 0.
  FailureOr<Value> lowerAs(llvm::StringLiteral name, int64_t opset,
                           llvm::ArrayRef<Value> values);
  Legalizer &legalizer() { return owner; }

  //===--- inputs ---===//
  unsigned numInputs() { return inputs.size(); }
  unsigned numOutputs() { return op.getNumResults(); }
  /// Whether input `i` is given (optional inputs may be absent or empty).
  bool has(unsigned i) { return i < inputs.size() && inputs[i]; }
  /// Input `i` as lowered; null when absent. A tensor for tensor inputs.
  Value in(unsigned i) { return i < inputs.size() ? inputs[i] : Value(); }
  /// Replaces the inputs: for operators that are another one on other values.
  void setInputs(llvm::ArrayRef<Value> values) { inputs.assign(values.begin(), values.end()); }
  void setInput(unsigned i, Value value) { inputs[i] = value; }
  /// Checks that inputs 0 to n-1 are given and are ranked tensors.
  LogicalResult requireTensors(unsigned n);
  RankedTensorType type(unsigned i) {
    return mlir::cast<RankedTensorType>(in(i).getType());
  }
  Type elementType(unsigned i) { return type(i).getElementType(); }
  int64_t rank(unsigned i) { return type(i).getRank(); }
  llvm::ArrayRef<int64_t> shape(unsigned i) { return type(i).getShape(); }

  /// Value of input `i` when it is known at compile time.
  std::optional<DenseElementsAttr> constant(unsigned i);
  /// Elements of an integer input of rank 0 or 1 that must be constant
  /// ("axes", "pads", ...); `what` names it in the error.
  FailureOr<SmallVector<int64_t>> constantInts(unsigned i, llvm::StringRef what);
  /// Elements of a float input of rank 0 or 1 that must be constant.
  FailureOr<SmallVector<double>> constantFloats(unsigned i, llvm::StringRef what);
  /// Elements of an integer input of rank 0 or 1 with a static number of
  /// elements: constants where known, else index values. Sizes that went
  /// through Shape, Gather, Concat and the like stay symbolic.
  FailureOr<SmallVector<OpFoldResult>> indexVector(unsigned i, llvm::StringRef what);
  /// The shape that the model states for result `i` (its value_info or output
  /// type), or for a value that elementwise nodes make of it; null when it states
  /// no rank. Sizes that depend on run-time data take their bounds from it. The
  /// element type means nothing.
  RankedTensorType declared(unsigned i);

  //===--- attributes ---===//
  mlir::Attribute attr(llvm::StringRef name) { return op.getAttrs().get(name); }
  bool hasAttr(llvm::StringRef name) { return static_cast<bool>(attr(name)); }
  /// Each returns the default when the attribute is absent, and failure with a
  /// message when it has another kind.
  FailureOr<int64_t> i64(llvm::StringRef name, std::optional<int64_t> dflt = {});
  FailureOr<double> f32(llvm::StringRef name, std::optional<double> dflt = {});
  FailureOr<std::string> str(llvm::StringRef name, std::optional<std::string> dflt = {});
  FailureOr<SmallVector<int64_t>>
  ints(llvm::StringRef name, std::optional<SmallVector<int64_t>> dflt = {});
  FailureOr<SmallVector<double>>
  floats(llvm::StringRef name, std::optional<SmallVector<double>> dflt = {});
  FailureOr<SmallVector<std::string>> strings(llvm::StringRef name);
  /// A TENSOR attribute; null when absent.
  FailureOr<DenseElementsAttr> tensorAttr(llvm::StringRef name);
  /// The subgraph of a GRAPH attribute; null when absent.
  mlir::Region *graph(llvm::StringRef name);
  /// An axis in [-rank, rank) (or [-rank, rank] with `end`), made non-negative:
  /// negative ones count from `rank`.
  FailureOr<int64_t> axis(int64_t value, int64_t rank, bool end = false);
  /// The attribute `axis` for an input of `rank`, where a node without it means the
  /// flattened input.
  FailureOr<std::optional<int64_t>> optionalAxis(int64_t rank);
  /// Axes from an attribute (`attrName`, old opsets) or from the constant input
  /// `inputIndex`, normalized against `rank`, unsorted, duplicates refused.
  /// Empty optional when neither is given.
  FailureOr<std::optional<SmallVector<int64_t>>>
  axes(llvm::StringRef attrName, int inputIndex, int64_t rank);

  //===--- results ---===//
  /// Sets result `i`. Every result that is used must be set.
  void set(unsigned i, Value value);
  bool wants(unsigned i) { return i < op.getNumResults() && !op.getResult(i).use_empty(); }
  Value result(unsigned i) { return results[i]; }
  /// Reports an error at this node; returns failure.
  LogicalResult error(const llvm::Twine &message);
  /// The same with a note that states what was found or what to do.
  LogicalResult error(const llvm::Twine &message, const llvm::Twine &note);

  //===--- building blocks ---===//
  Value index(int64_t v);
  Value index(OpFoldResult v);
  /// Scalar constant of an integer, index or float type.
  Value scalar(Type type, double v);
  Value scalarInt(Type type, int64_t v);
  /// Tensor constants.
  Value constantTensor(DenseElementsAttr value);
  Value splat(RankedTensorType type, double v);
  Value intTensor(llvm::ArrayRef<int64_t> values);
  /// An empty tensor of the given sizes.
  Value empty(llvm::ArrayRef<OpFoldResult> sizes, Type element);
  /// A tensor of the given sizes filled with `value`.
  Value fill(llvm::ArrayRef<OpFoldResult> sizes, Value value);
  /// The same with a signless value and the tensor's element type.
  Value fill(llvm::ArrayRef<OpFoldResult> sizes, Value value, Type element);
  /// Refuses negative sizes and more than 2^40 elements.
  LogicalResult checkSizes(llvm::ArrayRef<OpFoldResult> sizes);
  SmallVector<OpFoldResult> sizes(Value tensor);
  /// A size, looking through the operations that made the tensor.
  OpFoldResult size(Value tensor, int64_t dim);
  /// Whether two sizes are known to be equal.
  static bool sameSize(OpFoldResult a, OpFoldResult b);
  OpFoldResult product(llvm::ArrayRef<OpFoldResult> sizes);
  /// Arithmetic on sizes, folded when constant.
  OpFoldResult add(OpFoldResult a, OpFoldResult b);
  OpFoldResult sub(OpFoldResult a, OpFoldResult b);
  OpFoldResult mul(OpFoldResult a, OpFoldResult b);
  OpFoldResult floorDiv(OpFoldResult a, OpFoldResult b);
  OpFoldResult ceilDiv(OpFoldResult a, OpFoldResult b);
  OpFoldResult min(OpFoldResult a, OpFoldResult b);
  OpFoldResult max(OpFoldResult a, OpFoldResult b);
  /// `v`, or `v + size` when v is negative.
  OpFoldResult fromEnd(OpFoldResult v, OpFoldResult size);
  /// Scalars (signless) of a small tensor of rank 0 or 1 that is a constant or
  /// was put together from scalars; shape computations stay in this form.
  std::optional<SmallVector<Value>> elements(Value tensor);
  /// A tensor of rank 0 or 1 of the scalars: a constant when all are.
  Value fromElements(llvm::ArrayRef<Value> scalars, RankedTensorType type);
  /// 1-D int64 tensor of the values.
  Value sizesTensor(llvm::ArrayRef<OpFoldResult> values);

  /// The size that two sizes broadcast to; `what` names the place in the error.
  FailureOr<OpFoldResult> broadcastSize(OpFoldResult a, OpFoldResult b,
                                        const llvm::Twine &what);
  /// Sizes of the multidirectional broadcast of `values` (ONNX Broadcasting).
  FailureOr<SmallVector<OpFoldResult>> broadcastSizes(ValueRange values);
  /// Elementwise operation with multidirectional broadcasting.
  FailureOr<Value> elementwise(ValueRange values, Type resultElement, ScalarFn fn);
  /// Elementwise operation on inputs of equal shapes.
  Value map(ValueRange values, Type resultElement, ScalarFn fn);
  /// A tensor whose element at indices (i0, i1, ...) is what `fn` returns;
  /// `fn` may read other tensors with tensor.extract.
  Value generate(llvm::ArrayRef<OpFoldResult> sizes, Type element,
                 llvm::function_ref<Value(mlir::ImplicitLocOpBuilder &, ValueRange)> fn);
  /// Reduces `axes` of `tensor`: acc = fn(element, acc), from `init`.
  /// The result has no reduced dimensions.
  Value reduce(Value tensor, llvm::ArrayRef<int64_t> axes, Value init,
               llvm::function_ref<Value(mlir::ImplicitLocOpBuilder &, Value, Value)> fn);
  /// Inserts dimensions of size 1 before the given result positions (sorted).
  Value expandDims(Value tensor, llvm::ArrayRef<int64_t> positions);
  /// Drops the given dimensions of size 1.
  Value dropDims(Value tensor, llvm::ArrayRef<int64_t> positions);
  /// Row-major reshape to sizes with the same number of elements.
  Value reshape(Value tensor, llvm::ArrayRef<OpFoldResult> sizes);
  Value transpose(Value tensor, llvm::ArrayRef<int64_t> permutation);
  /// Broadcasts (numpy rules, right-aligned) to the given sizes.
  FailureOr<Value> broadcastTo(Value tensor, llvm::ArrayRef<OpFoldResult> sizes);
  /// Slice with static or dynamic offsets and sizes, strides >= 1.
  Value slice(Value tensor, llvm::ArrayRef<OpFoldResult> offsets,
              llvm::ArrayRef<OpFoldResult> sizes,
              llvm::ArrayRef<OpFoldResult> strides = {});
  /// `tensor` padded with `value`, low and high counts (>= 0) per dimension.
  Value pad(Value tensor, llvm::ArrayRef<OpFoldResult> low,
            llvm::ArrayRef<OpFoldResult> high, Value value);
  /// Concatenation along `axis` (types equal but for that dimension).
  Value concat(ValueRange tensors, int64_t axis);
  /// nn.matmul of a [batch..., M, K] and b [batch..., K, N] or [K, N] with
  /// equal batch sizes, result element type `element` (also accumulator).
  Value matmul(Value a, Value bMatrix, Type element);
  /// Fills the epilogue of an nn contraction whose result has `element`s: the
  /// arguments of `fn` are the accumulator and one element of each operand, all
  /// of the accumulator's type for floats (f32 for half precision). Null `fn`
  /// stores the accumulator.
  void epilogue(mlir::Region &region, Type element, llvm::ArrayRef<Type> operands,
                ScalarFn fn);
  /// Element type conversion as ONNX Cast-19 defines it.
  Value cast(Value tensor, Type element);
  /// The same for one signless scalar; `from` and `to` carry signedness.
  static Value castScalar(mlir::ImplicitLocOpBuilder &b, Value scalar, Type from,
                          Type to);

  LogicalResult loadInputs();

private:
  Legalizer &owner;
  SmallVector<Value> inputs;
  SmallVector<Value> results;
  llvm::StringRef standIn; ///< what the node is lowered as, when not its own operator
  int64_t standInOpset = 0;
  friend class Legalizer;
};

/// Tensors keep ONNX's signedness until the end of legalize: int8..int64 are
/// i8..i64, uint8..uint64 are ui8..ui64, bool is i1. Scalars inside the bodies
/// that ScalarFn and friends build are always signless; the builders above
/// insert the conversions, and the last step of legalize makes all types
/// signless. So an operator that only moves data never thinks of it.
inline bool isUnsigned(Type type) {
  return mlir::getElementTypeOrSelf(type).isUnsignedInteger();
}
/// The signless form of an element type.
Type signless(Type type);
/// Conversions between a scalar of a tensor's element type and its signless form.
Value toSignless(mlir::ImplicitLocOpBuilder &b, Value scalar);
Value fromSignless(mlir::ImplicitLocOpBuilder &b, Value scalar, Type type);
/// The element type for a TensorProto.DataType; null for strings and unknown.
Type onnxElementType(mlir::MLIRContext *ctx, int64_t dataType);
/// An index made valid for a dimension: negative ones count from the end, and
/// those out of range are clamped.
Value clampIndex(mlir::ImplicitLocOpBuilder &b, Value i, Value size);
/// Folds the operations between `from` (exclusive; null: block start) and the
/// insertion point, and returns what `value` became.
Value foldNewOps(mlir::ImplicitLocOpBuilder &b, mlir::Operation *from, Value value);
/// Tensors up to this many elements are computed scalar by scalar (see
/// Node::elements).
inline constexpr int64_t kMaxElements = 64;
/// An elementwise operation on tensors whose scalars are known: done scalar by
/// scalar and folded. Null when it does not apply.
Value onElements(Node &n, ValueRange values, Type element, ScalarFn fn);
/// tensor.extract, signless.
Value extract(mlir::ImplicitLocOpBuilder &b, Value tensor, ValueRange indices);

} // namespace dlc::legalize
