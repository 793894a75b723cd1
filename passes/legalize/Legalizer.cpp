// This file walks an onnx.graph in order and lowers it node by node.
#include "passes/legalize/Legalizer.h"

#include "passes/evaluate/Evaluator.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Tflite.h"

using namespace mlir;
using namespace dlc::legalize;

std::optional<DenseElementsAttr> Legalizer::constant(Value lowered) {
  EvaluateLimits limits = quickLimits();
  limits.pool = &evaluationSteps;
  return constantTensor(lowered, limits);
}

const Origin *Legalizer::originOf(Value lowered) const {
  auto it = origins.find(lowered);
  return it == origins.end() ? nullptr : &it->second;
}

void Legalizer::remember(Value lowered, Origin origin) {
  if (rounding != quantize::Rounding::Onnx || hasIntegerForm(origin.name))
    origins[lowered] = std::move(origin);
}

Node Legalizer::recall(const Origin &origin, OpBuilder &builder) {
  Node node(*this, origin.op, builder);
  node.inputs = origin.inputs;
  node.standIn = origin.name;
  node.standInOpset = origin.opset;
  return node;
}

LogicalResult Legalizer::checkOperators(onnx::GraphOp graph) {
  // All missing operators at once, grouped, so that a user sees the whole gap.
  std::map<std::string, SmallVector<onnx::NodeOp>> missing;
  graph.walk([&](onnx::NodeOp op) {
    if (!dlc::legalize::lookUp(op.getDomain(), op.getOpType(), op.getOpset())) {
      std::string name =
          (op.getDomain().empty() ? "" : op.getDomain().str() + ".") +
          op.getOpType().str() + "-" + std::to_string(op.getOpset());
      missing[name].push_back(op);
    }
  });
  for (auto &[name, nodes] : missing) {
    auto diag = emitError(nodes.front().getLoc())
                << "operator " << name << " is not supported (" << nodes.size()
                << (nodes.size() == 1 ? " node)" : " nodes)");
    for (onnx::NodeOp op : ArrayRef(nodes).drop_front())
      diag.attachNote(op.getLoc()) << "also used here";
  }
  return success(missing.empty());
}

/// Results with the storage type of `like` become floats as `like` says.
static void dequantizeResults(Node &node, dlc::nn::DequantizeOp like) {
  Type storage = getElementTypeOrSelf(like.getInput().getType());
  for (unsigned i = 0; i < node.numOutputs(); ++i) {
    Value result = node.result(i);
    auto type = result ? dyn_cast<RankedTensorType>(result.getType()) : RankedTensorType();
    if (type && type.getElementType() == storage)
      node.set(i, dlc::nn::DequantizeOp::create(node.b, type.clone(node.b.getF32Type()), result,
                                                like.getScalesAttr(), like.getZeroPointsAttr(),
                                                IntegerAttr(), like.getLoAttr(),
                                                like.getHiAttr()));
  }
}

/// The importer's limit for what a file says (compiler/onnx/Limits.h) holds for what nodes compute, too.
static constexpr int64_t kMaxRank = 16;

LogicalResult Legalizer::lowerNode(onnx::NodeOp op, OpBuilder &builder) {
  const OpEntry *entry =
      dlc::legalize::lookUp(op.getDomain(), op.getOpType(), op.getOpset());
  if (!entry)
    return emitError(op.getLoc())
           << "operator " << op.getOpType() << " is not supported";
  Node node(*this, op, builder);
  if (failed(node.loadInputs()))
    return failure();
  dlc::nn::DequantizeOp quantized;
  auto selects = dlc::legalize::selectsElements(node);
  if (failed(selects))
    return failure();
  if (*selects && node.has(0))
    quantized = node.in(0).getDefiningOp<dlc::nn::DequantizeOp>();
  if (quantized && quantized.isPerTensor())
    node.setInput(0, quantized.getInput());
  else
    quantized = useStoredOrder(node);
  Origin origin{op, op.getOpType(), node.opset(), node.inputs};
  if (failed(entry->lower(node)))
    return failure();
  if (quantized)
    dequantizeResults(node, quantized);
  // What is known by now becomes a constant, with its true shape: so shapes
  // that the model computes reach the nodes that need them.
  FoldOptions fold;
  fold.limits.pool = &evaluationSteps;
  for (auto [i, result] : llvm::enumerate(op.getResults())) {
    Value lowered = node.result(i);
    if (lowered) {
      auto type = dyn_cast<RankedTensorType>(lowered.getType());
      if (type && type.getRank() > kMaxRank)
        return node.error("output " + Twine(i) + " has rank " + Twine(type.getRank()) + ", at most " +
                          Twine(kMaxRank) + " are supported");
      bind(result, foldValue(builder, lowered, fold));
      if (i == 0 && op.getDomain().empty())
        remember(lookUp(result), origin);
    } else if (!result.use_empty())
      return node.error("output " + Twine(i) + " is not supported");
  }
  return success();
}

FailureOr<SmallVector<Value>> Legalizer::lowerGraph(Region &region,
                                                    ValueRange arguments,
                                                    OpBuilder &builder) {
  Block &block = region.front();
  for (auto [from, to] : llvm::zip_equal(block.getArguments(), arguments))
    bind(from, to);
  for (Operation &op : block) {
    if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
      auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!value)
        return emitError(op.getLoc(), "initializer has an unsupported form");
      bind(constant.getOutput(),
           arith::ConstantOp::create(builder, op.getLoc(), value.getType(),
                                     value));
    } else if (auto node = dyn_cast<onnx::NodeOp>(op)) {
      if (failed(lowerNode(node, builder)))
        return failure();
    } else if (auto ret = dyn_cast<onnx::ReturnOp>(op)) {
      SmallVector<Value> outputs;
      for (Value v : ret.getOutputs()) {
        Value lowered = lookUp(v);
        if (!lowered)
          return emitError(op.getLoc(), "a graph output has no value");
        outputs.push_back(lowered);
      }
      return outputs;
    }
  }
  return emitError(region.getLoc(), "graph has no outputs");
}

static std::string printed(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// ONNX's name of an element type: uint8, float32, bool, ...
static std::string dtypeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  if (type.isBF16())
    return "bfloat16";
  if (isa<FloatType>(type) && isStoredAsBytes(type)) {
    // f8E4M3FN is float8e4m3fn, f4E2M1FN float4e2m1, f8E8M0FNU float8e8m0.
    std::string text = "float" + StringRef(printed(type)).drop_front().lower();
    for (StringRef ending : {"e2m1fn", "e8m0fnu"})
      if (StringRef(text).ends_with(ending))
        text.resize(text.size() - ending.size() + 4);
    return text;
  }
  if (auto i = dyn_cast<IntegerType>(type))
    return ((i.isUnsigned() ? "uint" : "int") + Twine(i.getWidth())).str();
  if (type.isF16() || type.isF32() || type.isF64())
    return ("float" + Twine(type.getIntOrFloatBitWidth())).str();
  return printed(type);
}

/// Whether generated headers have a C type for the elements of a buffer (the
/// table of codegen/ModelInfo.cpp).
static bool hasCType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return llvm::is_contained({1, 8, 16, 32, 64}, integer.getWidth());
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element);
}

static LogicalResult checkInterface(Location loc, StringRef role, StringRef name,
                                    Type type) {
  Type element = getElementTypeOrSelf(type);
  auto shaped = dyn_cast<RankedTensorType>(type);
  bool packed = isStoredAsBytes(element) && element.getIntOrFloatBitWidth() < 8;
  if (hasCType(element) || (isStoredAsBytes(element) && (!packed || (shaped && shaped.hasStaticShape()))))
    return success();
  if (packed && shaped) {
    auto diag = emitError(loc) << role << " '" << name << "' has packed elements of type " << element
                               << " and a size that is not known";
    diag.attachNote() << "fix it with --dim NAME=N or --shape INPUT=AxBxC";
    return failure();
  }
  auto diag = emitError(loc) << role << " '" << name << "' has elements of type "
                             << element << ", which generated code cannot take";
  diag.attachNote() << "expected bool, an integer of 2 to 64 bits, or a float of "
                       "4 to 64 bits";
  return failure();
}

/// Scale and zero point that all of a tensor's quantized uses agree on.
using Quantization = std::optional<std::pair<double, int64_t>>;

/// How `v`, an input of the model, is dequantized, perhaps after its data moved.
static Quantization quantizationOfUses(Value v) {
  Quantization result;
  for (Operation *user : v.getUsers()) {
    Quantization here;
    if (auto dq = dyn_cast<dlc::nn::DequantizeOp>(user); dq && dq.isPerTensor())
      here = {dq.getScales()[0], dq.getZeroPoints()[0]};
    else if (isa<linalg::TransposeOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user))
      here = quantizationOfUses(user->getResult(0));
    if (!here || (result && result != here))
      return std::nullopt;
    result = here;
  }
  return result;
}

/// How `v`, an output of the model, was quantized, perhaps before its data moved.
static Quantization quantizationOfResult(Value v) {
  while (Operation *def = v.getDefiningOp()) {
    if (auto stated = def->getAttrOfType<ArrayAttr>(kQuantization))
      return {{cast<FloatAttr>(stated[0]).getValueAsDouble(), cast<IntegerAttr>(stated[1]).getInt()}};
    if (!isa<linalg::TransposeOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def))
      break;
    v = def->getOperand(0);
  }
  auto q = v.getDefiningOp<dlc::nn::QuantizeOp>();
  return q && q.isPerTensor() ? Quantization({q.getScales()[0], q.getZeroPoints()[0]})
                              : std::nullopt;
}

/// Notes scales and zero points of inputs and outputs, for header and manifest.
static void noteQuantization(func::FuncOp func, ValueRange outputs) {
  Builder b(func.getContext());
  auto note = [&](StringRef list, ValueRange values, auto &&find) {
    SmallVector<Attribute> infos(func->getAttrOfType<ArrayAttr>(list).getValue());
    for (auto [info, value] : llvm::zip_equal(infos, values))
      if (Quantization q = find(value)) {
        NamedAttrList attrs(cast<DictionaryAttr>(info));
        attrs.set("scale", b.getF64FloatAttr(q->first));
        attrs.set("zero_point", b.getI64IntegerAttr(q->second));
        info = attrs.getDictionary(b.getContext());
      }
    func->setAttr(list, b.getArrayAttr(infos));
  };
  note(dlc::rt::kInputs, func.getArguments(), quantizationOfUses);
  note(dlc::rt::kOutputs, outputs, quantizationOfResult);
  func.walk([](Operation *op) { op->removeAttr(kQuantization); });
}

/// float8e8m0 holds scales, powers of two: it has neither a sign nor a zero, so nothing can be computed in it.
static LogicalResult checkScalesOnly(func::FuncOp func) {
  auto isScale = [](Value value) { return isa<Float8E8M0FNUType>(getElementTypeOrSelf(value.getType())); };
  WalkResult walked = func.walk([&](Operation *op) {
    StringRef dialect = op->getDialect() ? op->getDialect()->getNamespace() : "";
    if ((dialect != "arith" && dialect != "math" && dialect != "nn") ||
        isa<arith::BitcastOp, arith::ConstantOp, arith::SelectOp>(op) ||
        (llvm::none_of(op->getOperands(), isScale) && llvm::none_of(op->getResults(), isScale)))
      return WalkResult::advance();
    auto diag = emitError(op->getLoc()) << "elements of type float8e8m0 cannot be computed with";
    diag.attachNote() << "expected another type of floats; Cast converts";
    return WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult Legalizer::run(onnx::GraphOp graph) {
  if (failed(checkOperators(graph)))
    return failure();
  Block &body = graph.getBody().front();
  auto target = rt::targetOf(graph);
  for (auto [i, arg] : llvm::enumerate(body.getArguments())) {
    auto info = cast<DictionaryAttr>(graph.getInputs()[i]);
    auto name = info.getAs<StringAttr>("name");
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      return emitError(graph.getLoc())
             << "input '" << (name ? name.getValue() : "") << "' has type "
             << arg.getType() << ", expected a tensor of known rank";
    if (failed(checkInterface(graph.getLoc(), "input",
                              name ? name.getValue() : "", type)))
      return failure();
    if (!type.hasStaticShape() && target && !target.getHosted()) {
      auto diag = emitError(graph.getLoc())
                  << "input '" << (name ? name.getValue() : "")
                  << "' has a size that is not known, and target "
                  << target.getName() << " needs static shapes";
      diag.attachNote() << "fix it with --dim NAME=N or --shape INPUT=AxBxC";
      return failure();
    }
  }
  OpBuilder builder(graph);
  auto func = func::FuncOp::create(
      builder, graph.getLoc(), graph.getSymName(),
      builder.getFunctionType(body.getArgumentTypes(), {}));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto outputs = lowerGraph(graph.getBody(), entry->getArguments(), builder);
  if (failed(outputs)) {
    func.erase();
    return failure();
  }
  for (auto [i, v] : llvm::enumerate(*outputs)) {
    if (!isa<RankedTensorType>(v.getType()))
      return emitError(graph.getLoc()) << "output " << i << " is not a tensor";
    auto name = cast<DictionaryAttr>(graph.getOutputs()[i]).getAs<StringAttr>("name");
    if (failed(checkInterface(graph.getLoc(), "output", name ? name.getValue() : "",
                              v.getType())))
      return failure();
  }
  if (failed(checkScalesOnly(func)))
    return failure();
  func::ReturnOp::create(builder, graph.getLoc(), *outputs);
  func.setType(builder.getFunctionType(body.getArgumentTypes(),
                                       ValueRange(*outputs).getTypes()));
  // Names and element types as ONNX has them, for header and manifest: after
  // this stage nobody knows what was unsigned.
  auto describe = [&](ArrayAttr infos, TypeRange types) {
    SmallVector<Attribute> result;
    for (auto [info, type] : llvm::zip_equal(infos, types)) {
      NamedAttrList attrs(cast<DictionaryAttr>(info));
      attrs.set("dtype",
                builder.getStringAttr(dtypeName(getElementTypeOrSelf(type))));
      result.push_back(attrs.getDictionary(builder.getContext()));
    }
    return builder.getArrayAttr(result);
  };
  func->setAttr(rt::kInputs,
                describe(graph.getInputs(), body.getArgumentTypes()));
  func->setAttr(rt::kOutputs,
                describe(graph.getOutputs(), ValueRange(*outputs).getTypes()));
  graph.erase();
  makeSignless(func);
  noteQuantization(func, func.front().getTerminator()->getOperands());
  storeInterface(func);
  return success();
}

static Type signlessType(Type type) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(signless(shaped.getElementType()));
  return signless(type);
}

void dlc::legalize::makeSignless(Operation *root) {
  root->walk([](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument arg : block.getArguments())
          arg.setType(signlessType(arg.getType()));
    for (Value result : op->getResults())
      result.setType(signlessType(result.getType()));
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (value && value.getElementType().isUnsignedInteger())
        constant.setValueAttr(DenseElementsAttr::getFromRawBuffer(
            cast<ShapedType>(signlessType(value.getType())),
            value.getRawData()));
    } else if (auto func = dyn_cast<func::FuncOp>(op)) {
      auto type = func.getFunctionType();
      auto convert = [](TypeRange types) {
        return llvm::map_to_vector(types, signlessType);
      };
      func.setType(FunctionType::get(op->getContext(),
                                     convert(type.getInputs()),
                                     convert(type.getResults())));
    }
  });
  root->walk([](UnrealizedConversionCastOp cast) {
    if (cast->getNumOperands() == 1 &&
        cast.getOperand(0).getType() == cast.getResult(0).getType()) {
      cast.getResult(0).replaceAllUsesWith(cast.getOperand(0));
      cast.erase();
    }
  });
}
