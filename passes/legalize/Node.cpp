// This file implements a node's typed access to its inputs and attributes.
#include "passes/legalize/Node.h"

#include "passes/legalize/Legalizer.h"
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

Node::Node(Legalizer &legalizer, onnx::NodeOp op, OpBuilder &builder)
    : b(op.getLoc(), builder), op(op), owner(legalizer),
      results(op.getNumResults()) {}

LogicalResult Node::loadInputs() {
  for (auto [i, operand] : llvm::enumerate(op.getInputs())) {
    if (isa<NoneType>(operand.getType())) {
      inputs.push_back(Value());
      continue;
    }
    Value lowered = owner.lookUp(operand);
    if (!lowered)
      return error("input " + Twine(i) + " has no value here");
    inputs.push_back(lowered);
  }
  while (!inputs.empty() && !inputs.back())
    inputs.pop_back();
  return success();
}

FailureOr<Value> Node::lowerAs(llvm::StringLiteral name, int64_t opset,
                               llvm::ArrayRef<Value> values) {
  const OpEntry *entry = dlc::legalize::lookUp("", name, opset);
  if (!entry)
    return error("needs operator " + name + "-" + Twine(opset));
  inputs.assign(values.begin(), values.end());
  while (!inputs.empty() && !inputs.back())
    inputs.pop_back();
  standIn = name;
  standInOpset = opset;
  Origin origin{op, name, opset, inputs};
  LogicalResult done = entry->lower(*this);
  standIn = {};
  standInOpset = 0;
  if (failed(done))
    return failure();
  owner.remember(results[0], std::move(origin));
  return results[0];
}

LogicalResult Node::requireTensors(unsigned n) {
  for (unsigned i = 0; i < n; ++i) {
    if (!has(i))
      return error("input " + Twine(i) + " is missing");
    if (!isa<RankedTensorType>(in(i).getType()))
      return error("input " + Twine(i) + " is not a tensor");
  }
  return success();
}

std::optional<DenseElementsAttr> Node::constant(unsigned i) {
  if (!has(i))
    return std::nullopt;
  return owner.constant(in(i));
}

FailureOr<SmallVector<int64_t>> Node::constantInts(unsigned i, StringRef what) {
  if (!has(i) || !isa<RankedTensorType>(in(i).getType()) ||
      !isa<IntegerType>(elementType(i)) || rank(i) > 1) {
    (void)error("input " + Twine(i) + " (" + what +
                ") must be a scalar or 1-D integer tensor");
    return failure();
  }
  auto value = constant(i);
  if (!value) {
    (void)error("input " + Twine(i) + " (" + what +
                    ") is not known at compile time",
                "fix the shapes it is computed from with --dim or --shape");
    return failure();
  }
  SmallVector<int64_t> result;
  for (APInt v : value->getValues<APInt>())
    result.push_back(isUnsigned(value->getElementType()) || v.getBitWidth() == 1
                         ? static_cast<int64_t>(v.getZExtValue())
                         : v.getSExtValue());
  return result;
}

FailureOr<SmallVector<double>> Node::constantFloats(unsigned i,
                                                    StringRef what) {
  if (!has(i) || !isa<RankedTensorType>(in(i).getType()) ||
      !isa<FloatType>(elementType(i)) || rank(i) > 1) {
    (void)error("input " + Twine(i) + " (" + what +
                ") must be a scalar or 1-D float tensor");
    return failure();
  }
  auto value = constant(i);
  if (!value) {
    (void)error("input " + Twine(i) + " (" + what +
                ") is not known at compile time");
    return failure();
  }
  SmallVector<double> result;
  for (APFloat v : value->getValues<APFloat>()) {
    bool lost;
    v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    result.push_back(v.convertToDouble());
  }
  return result;
}

FailureOr<SmallVector<OpFoldResult>> Node::indexVector(unsigned i,
                                                       StringRef what) {
  if (!has(i) || !isa<RankedTensorType>(in(i).getType()) ||
      !isa<IntegerType>(elementType(i)) || rank(i) > 1 ||
      !type(i).hasStaticShape()) {
    (void)error("input " + Twine(i) + " (" + what +
                ") must be a scalar or 1-D integer tensor of static size");
    return failure();
  }
  if (type(i).getNumElements() > 4096) {
    (void)error("input " + Twine(i) + " (" + what + ") has " +
                Twine(type(i).getNumElements()) + " elements");
    return failure();
  }
  SmallVector<OpFoldResult> result;
  if (constant(i)) {
    auto ints = constantInts(i, what);
    if (failed(ints))
      return failure();
    for (int64_t v : *ints)
      result.push_back(b.getIndexAttr(v));
    return result;
  }
  auto toIndex = [&](Value element) -> OpFoldResult {
    if (auto v = getConstantIntValue(element))
      return b.getIndexAttr(*v);
    if (auto cast = element.getDefiningOp<arith::IndexCastOp>())
      if (isa<IndexType>(cast.getIn().getType()))
        return cast.getIn();
    return arith::IndexCastOp::create(b, b.getIndexType(), element).getResult();
  };
  if (auto known = elements(in(i))) {
    for (Value element : *known)
      result.push_back(toIndex(element));
    return result;
  }
  for (int64_t e = 0, n = type(i).getNumElements(); e < n; ++e) {
    SmallVector<Value> at;
    if (rank(i) == 1)
      at.push_back(index(e));
    result.push_back(toIndex(extract(b, in(i), at)));
  }
  return result;
}

/// Whether the result of `user` has the shape that the values in `same` have:
/// it is elementwise, and its other operand is one of them or a scalar.
static bool keepsShape(Legalizer &legalizer, dlc::onnx::NodeOp user,
                       const llvm::SmallDenseSet<Value> &same) {
  static constexpr StringRef unary[] = {
      "Abs",   "Cast",     "CastLike", "Ceil",       "Cos",  "Exp",
      "Floor", "Identity", "Log",      "Neg",        "Relu", "Round",
      "Sin",   "Sigmoid",  "Sqrt",     "Reciprocal", "Tanh"};
  static constexpr StringRef binary[] = {"Add", "Div", "Mul", "Pow", "Sub"};
  if (!user.getDomain().empty() || user.getNumResults() != 1 ||
      user.getInputs().empty())
    return false;
  if (llvm::is_contained(unary, user.getOpType()))
    return same.contains(user.getInputs()[0]);
  if (!llvm::is_contained(binary, user.getOpType()) ||
      user.getInputs().size() != 2)
    return false;
  bool any = false;
  for (Value input : user.getInputs()) {
    if (same.contains(input)) {
      any = true;
      continue;
    }
    Value other = legalizer.lookUp(input);
    auto type = other ? dyn_cast<RankedTensorType>(other.getType())
                      : RankedTensorType();
    if (!type || type.getRank() != 0)
      return false;
  }
  return any;
}

RankedTensorType Node::declared(unsigned i) {
  if (i >= op.getNumResults())
    return RankedTensorType();
  if (auto type = dyn_cast<RankedTensorType>(op.getResult(i).getType()))
    return type;
  llvm::SmallDenseSet<Value> same = {op.getResult(i)};
  Operation *next = op->getNextNode();
  for (int distance = 0; next && distance < 64;
       ++distance, next = next->getNextNode()) {
    auto user = dyn_cast<onnx::NodeOp>(next);
    if (!user || !keepsShape(owner, user, same))
      continue;
    if (auto type = dyn_cast<RankedTensorType>(user.getResult(0).getType()))
      return type;
    same.insert(user.getResult(0));
  }
  return RankedTensorType();
}

//===--- attributes -------------------------------------------------------===//

/// Reports that `name` is absent or of another kind.
static LogicalResult attrError(Node &n, StringRef name, StringRef kind) {
  if (!n.hasAttr(name))
    return n.error("attribute '" + Twine(name) + "' is missing");
  return n.error("attribute '" + Twine(name) + "' is not " + kind);
}

FailureOr<int64_t> Node::i64(StringRef name, std::optional<int64_t> dflt) {
  if (!hasAttr(name) && dflt)
    return *dflt;
  if (auto value = dyn_cast_or_null<IntegerAttr>(attr(name)))
    return value.getValue().getSExtValue();
  return attrError(*this, name, "an integer");
}

FailureOr<double> Node::f32(StringRef name, std::optional<double> dflt) {
  if (!hasAttr(name) && dflt)
    return *dflt;
  if (auto value = dyn_cast_or_null<FloatAttr>(attr(name)))
    return value.getValueAsDouble();
  return attrError(*this, name, "a float");
}

FailureOr<std::string> Node::str(StringRef name,
                                 std::optional<std::string> dflt) {
  if (!hasAttr(name) && dflt)
    return *dflt;
  if (auto value = dyn_cast_or_null<StringAttr>(attr(name)))
    return value.str();
  return attrError(*this, name, "a string");
}

FailureOr<SmallVector<int64_t>>
Node::ints(StringRef name, std::optional<SmallVector<int64_t>> dflt) {
  if (!hasAttr(name) && dflt)
    return *dflt;
  if (auto value = dyn_cast_or_null<DenseI64ArrayAttr>(attr(name)))
    return SmallVector<int64_t>(value.asArrayRef());
  return attrError(*this, name, "a list of integers");
}

FailureOr<SmallVector<double>>
Node::floats(StringRef name, std::optional<SmallVector<double>> dflt) {
  if (!hasAttr(name) && dflt)
    return *dflt;
  if (auto value = dyn_cast_or_null<DenseF32ArrayAttr>(attr(name)))
    return llvm::to_vector(llvm::map_range(
        value.asArrayRef(), [](float f) { return static_cast<double>(f); }));
  return attrError(*this, name, "a list of floats");
}

FailureOr<SmallVector<std::string>> Node::strings(StringRef name) {
  SmallVector<std::string> result;
  if (!hasAttr(name))
    return result;
  auto array = dyn_cast<ArrayAttr>(attr(name));
  if (!array)
    return attrError(*this, name, "a list of strings");
  for (Attribute a : array) {
    auto s = dyn_cast<StringAttr>(a);
    if (!s)
      return attrError(*this, name, "a list of strings");
    result.push_back(s.str());
  }
  return result;
}

FailureOr<DenseElementsAttr> Node::tensorAttr(StringRef name) {
  if (!hasAttr(name))
    return DenseElementsAttr();
  if (auto value = dyn_cast<DenseElementsAttr>(attr(name)))
    return value;
  return attrError(*this, name, "a tensor");
}

Region *Node::graph(StringRef name) {
  for (auto [i, attr] : llvm::enumerate(op.getGraphNames()))
    if (cast<StringAttr>(attr).getValue() == name)
      return &op.getGraphs()[i];
  return nullptr;
}

FailureOr<std::optional<int64_t>> Node::optionalAxis(int64_t rank) {
  if (!hasAttr("axis"))
    return std::optional<int64_t>();
  auto value = i64("axis");
  if (failed(value))
    return failure();
  auto normal = axis(*value, rank);
  if (failed(normal))
    return failure();
  return std::optional<int64_t>(*normal);
}

FailureOr<int64_t> Node::axis(int64_t value, int64_t rank, bool end) {
  if (value < -rank || value >= rank + (end ? 1 : 0)) {
    (void)error("axis " + Twine(value) + " is out of range for rank " +
                Twine(rank));
    return failure();
  }
  return value < 0 ? value + rank : value;
}

FailureOr<std::optional<SmallVector<int64_t>>>
Node::axes(StringRef attrName, int inputIndex, int64_t rank) {
  SmallVector<int64_t> raw;
  if (inputIndex >= 0 && has(inputIndex)) {
    auto given = constantInts(inputIndex, attrName);
    if (failed(given))
      return failure();
    raw = *given;
  } else if (hasAttr(attrName)) {
    auto given = ints(attrName);
    if (failed(given))
      return failure();
    raw = *given;
  } else {
    return std::optional<SmallVector<int64_t>>();
  }
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t &a : raw) {
    auto normal = axis(a, rank);
    if (failed(normal))
      return failure();
    a = *normal;
    if (!seen.insert(a).second) {
      (void)error("axis " + Twine(a) + " is given twice");
      return failure();
    }
  }
  return std::optional<SmallVector<int64_t>>(raw);
}

//===--- results ----------------------------------------------------------===//

void Node::set(unsigned i, Value value) {
  if (i < results.size())
    results[i] = value;
}

LogicalResult Node::error(const Twine &message) {
  return mlir::emitError(op.getLoc(), message);
}

LogicalResult Node::error(const Twine &message, const Twine &note) {
  auto diag = mlir::emitError(op.getLoc(), message);
  diag.attachNote(op.getLoc()) << note;
  return diag;
}
