// This file finds what a value is computed from, has it compiled and run, and
// turns the result into constants.
#include "passes/evaluate/Evaluator.h"

#include "passes/compress/Scheme.h"

#include "passes/evaluate/Compiler.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::evaluation;

EvaluateLimits dlc::quickLimits() {
  EvaluateLimits limits;
  limits.maxOps = 64;
  limits.maxSteps = 100'000'000;
  return limits;
}

/// Collects the operations that `values` are computed from, operands before
/// users. False at the first leaf that is not a constant.
static bool collectSlice(ValueRange values, const EvaluateLimits &limits,
                         llvm::SetVector<Operation *> &slice) {
  struct Entry {
    Operation *op;
    SmallVector<Value> inputs;
    size_t next = 0;
  };
  SmallVector<Entry> stack;
  llvm::DenseSet<Operation *> seen;
  bool ok = true;
  auto push = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (!op) {
      ok = false;
      return;
    }
    if (isa<arith::ConstantOp>(op) || !seen.insert(op).second)
      return;
    if (seen.size() > limits.maxOps) {
      ok = false;
      return;
    }
    Entry entry{op, SmallVector<Value>(op->getOperands())};
    if (op->getNumRegions() > 0) {
      llvm::SetVector<Value> captured;
      getUsedValuesDefinedAbove(op->getRegions(), captured);
      entry.inputs.append(captured.begin(), captured.end());
    }
    // Run-time leaves are often direct operands: look at those first.
    for (Value input : entry.inputs)
      if (!input.getDefiningOp()) {
        ok = false;
        return;
      }
    stack.push_back(std::move(entry));
  };
  for (Value value : values) {
    push(value);
    while (ok && !stack.empty()) {
      Entry &top = stack.back();
      if (top.next < top.inputs.size()) {
        push(top.inputs[top.next++]); // may move `top`
      } else {
        slice.insert(top.op);
        stack.pop_back();
      }
    }
    if (!ok)
      return false;
  }
  return true;
}

/// Prepares and runs the program of `frame`, within the limits.
static bool execute(Machine &machine, Frame &frame, const EvaluateLimits &limits,
                    llvm::function_ref<bool()> setArguments) {
  Budget &budget = machine.budget;
  budget.maxBytes = limits.maxBytes;
  budget.maxSteps = limits.pool ? std::min(limits.maxSteps, *limits.pool)
                                : limits.maxSteps;
  bool ok = machine.prepare(frame, nullptr) && setArguments() &&
            machine.run(frame, 1);
  if (limits.pool)
    *limits.pool -= std::min(*limits.pool, budget.steps);
  return ok;
}

/// Registers to constants.
static FailureOr<SmallVector<TypedAttr>> exportAll(ValueRange values,
                                                   ArrayRef<Place> places,
                                                   Frame &frame) {
  SmallVector<TypedAttr> result;
  for (auto [value, place] : llvm::zip(values, places)) {
    if (!place.isTensor) {
      result.push_back(attrOf(frame.at(place.reg), value.getType()));
      continue;
    }
    const TensorRef &tensor = frame.tensors[place.reg];
    if (!tensor)
      return failure();
    result.push_back(exportTensor(*tensor, getElementTypeOrSelf(value.getType())));
  }
  return result;
}

FailureOr<SmallVector<TypedAttr>>
dlc::evaluateAttrs(ValueRange values, const EvaluateLimits &limits) {
  // The common case first: all are constants already.
  SmallVector<TypedAttr> known;
  for (Value value : values) {
    auto op = value.getDefiningOp<arith::ConstantOp>();
    if (!op || isa<DenseResourceElementsAttr>(op.getValue()))
      break;
    known.push_back(op.getValue());
  }
  if (known.size() == values.size())
    return known;

  llvm::SetVector<Operation *> slice;
  if (!collectSlice(values, limits, slice))
    return failure();
  SmallVector<Operation *> ops = slice.takeVector();

  Context context{limits, {}, true, {}, nullptr, nullptr};
  context.pinned.insert(values.begin(), values.end());
  for (Operation *op : ops)
    context.blockOrder &= op->getBlock() == ops.front()->getBlock();
  if (context.blockOrder)
    llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });

  Program program;
  Compiler compiler(program, context);
  for (Operation *op : ops)
    if (!compiler.compileOp(op))
      return failure();
  SmallVector<Place> places;
  for (Value value : values) {
    std::optional<Place> place = compiler.placeOf(value);
    if (!place)
      return failure();
    places.push_back(*place);
  }
  Machine machine;
  Frame frame(program, 1);
  if (!execute(machine, frame, limits, [] { return true; }))
    return failure();
  return exportAll(values, places, frame);
}

FailureOr<SmallVector<DenseElementsAttr>>
dlc::evaluate(ValueRange values, const EvaluateLimits &limits) {
  FailureOr<SmallVector<TypedAttr>> attrs = evaluateAttrs(values, limits);
  if (failed(attrs))
    return failure();
  SmallVector<DenseElementsAttr> result;
  for (TypedAttr attr : *attrs) {
    auto dense = dyn_cast<DenseElementsAttr>(attr);
    if (!dense)
      return failure();
    result.push_back(dense);
  }
  return result;
}

std::optional<DenseElementsAttr>
dlc::constantTensor(Value value, const EvaluateLimits &limits) {
  if (!isa<RankedTensorType>(value.getType()))
    return std::nullopt;
  auto result = evaluate(value, limits);
  if (failed(result))
    return std::nullopt;
  return result->front();
}

std::optional<int64_t> dlc::constantIndex(Value value,
                                          const EvaluateLimits &limits) {
  Type type = getElementTypeOrSelf(value.getType());
  if (!isa<IntegerType, IndexType>(type))
    return std::nullopt;
  auto result = evaluateAttrs(value, limits);
  if (failed(result))
    return std::nullopt;
  llvm::APInt bits;
  if (auto integer = dyn_cast<IntegerAttr>(result->front()))
    bits = integer.getValue();
  else if (auto dense = dyn_cast<DenseIntElementsAttr>(result->front());
           dense && dense.getNumElements() == 1)
    bits = *dense.value_begin<llvm::APInt>();
  else
    return std::nullopt;
  if (bits.getBitWidth() == 1 || type.isUnsignedInteger())
    return static_cast<int64_t>(bits.getZExtValue());
  return bits.getSExtValue();
}

/// Bytes of the value once it is materialized.
static int64_t bytesOf(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasStaticShape())
    return 8;
  std::optional<Element> element = elementOf(shaped.getElementType());
  return element ? shaped.getNumElements() * element->bytes : 8;
}

/// f32 made of numbers of two bits.
static constexpr int64_t kMostExpansion = 16;

/// The results of `op` when they are known and as small as asked for.
static FailureOr<SmallVector<TypedAttr>> fold(Operation *op, ValueRange results,
                                              const FoldOptions &options) {
  llvm::SmallPtrSet<Operation *, 4> sources;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (auto constant = operand.getDefiningOp<arith::ConstantOp>();
          constant && isa<TensorType>(constant.getType()) && !op->isProperAncestor(constant))
        sources.insert(constant);
  });
  int64_t given = 0;
  for (Operation *constant : sources)
    given += bytesOf(constant->getResult(0).getType());
  int64_t allowed = options.extraBytes + given;
  // A result that is known to be too large need not be computed.
  int64_t size = 0;
  for (Type type : results.getTypes())
    size += bytesOf(type);
  // Quantized weights as floats are stored in few bits in the end (dlc-compress-constants).
  bool mayCompress = size > allowed && size <= kMostExpansion * given &&
                     llvm::all_of(results.getTypes(), [](Type type) { return getElementTypeOrSelf(type).isF32(); });
  if (size > allowed && !mayCompress)
    return failure();
  FailureOr<SmallVector<TypedAttr>> values = evaluateAttrs(results, options.limits);
  if (failed(values))
    return failure();
  size = 0;
  for (TypedAttr value : *values) {
    auto dense = mayCompress ? dyn_cast<DenseElementsAttr>(value) : DenseElementsAttr();
    std::optional<compress::Scheme> scheme = dense ? compress::schemeOf(dense, /*wholeRows=*/false) : std::nullopt;
    size += scheme ? dense.getNumElements() * scheme->bits / 8 + scheme->tableBytes() : bytesOf(value.getType());
  }
  if (size > allowed)
    return failure();
  return values;
}

bool dlc::foldConstants(Operation *op, const FoldOptions &options) {
  if (op->getNumResults() == 0 || isa<arith::ConstantOp, tensor::EmptyOp>(op) ||
      op->hasTrait<OpTrait::IsTerminator>())
    return false;
  FailureOr<SmallVector<TypedAttr>> values = fold(op, op->getResults(), options);
  if (failed(values))
    return false;
  OpBuilder b(op);
  for (auto [result, value] : llvm::zip(op->getResults(), *values)) {
    if (result.use_empty())
      continue;
    Value replacement = arith::ConstantOp::create(b, op->getLoc(), value);
    if (replacement.getType() != result.getType())
      replacement = tensor::CastOp::create(b, op->getLoc(), result.getType(), replacement);
    result.replaceAllUsesWith(replacement);
  }
  return true;
}

Value dlc::foldValue(OpBuilder &builder, Value value, const FoldOptions &options) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<arith::ConstantOp, tensor::EmptyOp>(op))
    return value;
  FailureOr<SmallVector<TypedAttr>> known = fold(op, value, options);
  if (failed(known))
    return value;
  return arith::ConstantOp::create(builder, op->getLoc(), known->front());
}

FailureOr<SmallVector<TypedAttr>>
dlc::interpret(func::FuncOp func, ArrayRef<TypedAttr> inputs,
               const EvaluateLimits &limits, Operation **culprit) {
  if (!func.getBody().hasOneBlock() || inputs.size() != func.getNumArguments())
    return failure();
  Context context{limits, {}, true, {func}, nullptr, nullptr};
  Program program;
  Compiler compiler(program, context);
  Block &block = func.getBody().front();
  SmallVector<Place> arguments;
  for (BlockArgument arg : block.getArguments()) {
    std::optional<Place> place = compiler.define(arg);
    if (!place)
      return failure();
    arguments.push_back(*place);
  }
  if (!compiler.compileBlock(block)) {
    if (culprit)
      *culprit = context.culprit;
    return failure();
  }
  Operation *end = block.getTerminator();
  SmallVector<Place> places;
  for (Value value : end->getOperands()) {
    std::optional<Place> place = compiler.placeOf(value);
    if (!place)
      return failure();
    places.push_back(*place);
  }
  Machine machine;
  Frame frame(program, 1);
  auto setArguments = [&] {
    for (auto [place, input] : llvm::zip(arguments, inputs)) {
      if (place.isTensor) {
        frame.tensors[place.reg] = importTensor(input, machine.budget);
        if (!frame.tensors[place.reg])
          return false;
      } else if (std::optional<Slot> slot = slotOf(input)) {
        frame.at(place.reg) = *slot;
      } else {
        return false;
      }
    }
    return true;
  };
  if (!execute(machine, frame, limits, setArguments)) {
    if (culprit)
      *culprit = machine.culprit;
    return failure();
  }
  return exportAll(end->getOperands(), places, frame);
}
