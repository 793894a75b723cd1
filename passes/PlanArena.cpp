// This file gives every buffer of a model an offset in one arena.
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "passes/memory/Bounds.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Offsets.h"
#include "passes/memory/Overlaps.h"

namespace dlc {
#define GEN_PASS_DEF_PLANARENA
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Bytes of a buffer, by upper bounds of its sizes where they are known at run
/// time only; empty when a size has none. Failure when it is too large.
FailureOr<std::optional<int64_t>> bytesOf(Value value) {
  auto type = cast<MemRefType>(value.getType());
  if (!type.getLayout().isIdentity())
    return emitError(value.getLoc(), "a buffer of the model is not row-major: ") << type;
  int64_t bytes = elementBytes(type.getElementType());
  bool isStatic = type.hasStaticShape();
  for (int64_t d = 0; d < type.getRank(); ++d) {
    int64_t size = isStatic ? type.getDimSize(d) : intervalOfDim(value, d).high;
    if (!llvm::MulOverflow(bytes, size, bytes) && (isStatic || bytes <= kLargestBound))
      continue;
    if (!isStatic)
      return std::optional<int64_t>();
    return emitError(value.getLoc(), "a buffer of the model is too large: ") << type;
  }
  return std::optional<int64_t>(bytes);
}

/// Whether nothing ever looks at the elements: a window of a pooling operation
/// only lends its shape.
bool isOnlyShape(Value buffer, BufferViewFlowAnalysis &aliases) {
  for (Value alias : aliases.resolve(buffer))
    for (OpOperand &use : alias.getUses()) {
      if (isa<ViewLikeOpInterface>(use.getOwner()))
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (!generic || generic.isDpsInit(&use) || generic.payloadUsesValueFromOperand(&use))
        return false;
    }
  return true;
}

/// Adds to the facts of inputs or outputs where in the arena they lie.
ArrayAttr placed(ArrayAttr facts, ArrayRef<Value> arguments, ArrayRef<Buffer> buffers) {
  Builder b(facts.getContext());
  SmallVector<Attribute> result;
  for (auto [fact, argument, buffer] : llvm::zip_equal(facts, arguments, buffers)) {
    NamedAttrList list(cast<DictionaryAttr>(fact));
    list.set("arena_offset", b.getI64IntegerAttr(buffer.offset));
    list.set("buffer", TypeAttr::get(argument.getType()));
    result.push_back(list.getDictionary(facts.getContext()));
  }
  return b.getArrayAttr(result);
}

/// Whether two dense buffers are views of one place in the arena.
bool samePlace(Value x, Value y) {
  x = bufferOf(x);
  y = bufferOf(y);
  auto viewX = x ? x.getDefiningOp<memref::ViewOp>() : memref::ViewOp();
  auto viewY = y ? y.getDefiningOp<memref::ViewOp>() : memref::ViewOp();
  return viewX && viewY &&
         getConstantIntValue(viewX.getByteShift()) == getConstantIntValue(viewY.getByteShift());
}

struct PlanArena : dlc::impl::PlanArenaBase<PlanArena> {
  using PlanArenaBase::PlanArenaBase;

  /// Which buffers may lie over which: the output of an operation over an input
  /// that nobody reads after it.
  static std::vector<Overlap> findOverlaps(func::FuncOp func, ArrayRef<Value> values,
                                           ArrayRef<Buffer> buffers, const Lifetimes &lifetimes,
                                           BufferViewFlowAnalysis &aliases) {
    llvm::DenseMap<Value, size_t> numbers;
    for (auto [i, value] : llvm::enumerate(values))
      numbers[value] = i;
    // The operation must know the buffer as one operand, not by further views.
    auto isOneOperand = [&](Operation *op, Value buffer) {
      int64_t uses = 0;
      for (Value alias : aliases.resolve(buffer))
        for (Operation *user : alias.getUsers())
          uses += op->isAncestor(user);
      return uses == 1;
    };
    std::vector<Overlap> result;
    func.walk([&](Operation *op) {
      for (const OperandOverlap &o : overlapsOf(op)) {
        auto input = numbers.find(bufferOf(o.input)), output = numbers.find(bufferOf(o.output));
        if (input == numbers.end() || output == numbers.end())
          continue;
        auto [begin, end] = lifetimes.of(op);
        if (buffers[input->second].last != end || buffers[output->second].first != begin ||
            !isOneOperand(op, input->first) || !isOneOperand(op, output->first))
          continue;
        result.push_back({input->second, output->second, o.distance, o.exact});
      }
    });
    return result;
  }

  LogicalResult plan(func::FuncOp func) {
    auto inputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kInputs);
    auto outputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kOutputs);
    SmallVector<Value> values;
    func.walk([&](memref::AllocOp op) { values.push_back(op.getMemref()); });
    size_t numAllocs = values.size();
    bool ioInArena = func->getParentOp()->hasAttr(dlc::rt::kIoArena);
    size_t numIo = inputs.size() + (outputs ? outputs.size() : 0);
    // Behind inputs and outputs stand their dims, if they are known at run time.
    bool hasDims = func.getNumArguments() == numIo + 1 &&
                   func.getArgAttr(numIo, dlc::rt::kDims);
    if (ioInArena && outputs && numIo + hasDims == func.getNumArguments())
      llvm::append_range(values, func.getArguments().take_front(numIo));

    BufferViewFlowAnalysis aliases(func);
    std::vector<Buffer> buffers;
    Lifetimes lifetimes(func, aliases);
    for (auto [i, value] : llvm::enumerate(values)) {
      FailureOr<std::optional<int64_t>> known = bytesOf(value);
      if (failed(known))
        return failure();
      std::optional<int64_t> bytes = *known;
      if (!bytes) {
        auto diag = emitError(value.getLoc())
                    << "a tensor has a size without a bound: " << value.getType();
        diag.attachNote() << "this target has no memory for it; fix sizes of inputs with "
                             "--dim NAME=N or --shape INPUT=AxBxC";
        return failure();
      }
      auto [first, last] = lifetimes.of(value);
      if (i < numAllocs && isOnlyShape(value, aliases))
        *bytes = 0;
      // Inputs are there before the run, outputs after it.
      if (i >= numAllocs + inputs.size())
        last = INT64_MAX;
      else if (i >= numAllocs)
        first = 0;
      buffers.push_back({*bytes, first, last, 0});
    }
    std::vector<Overlap> overlaps = findOverlaps(func, values, buffers, lifetimes, aliases);
    int64_t lowerBound = liveBytes(buffers, overlaps, dlc::rt::kArenaAlign);
    int64_t total = assignOffsets(buffers, overlaps, dlc::rt::kArenaAlign);
    if (total > (int64_t{1} << 40))
      return func.emitError("the arena would need ") << total << " bytes";

    OpBuilder b(func.getContext());
    auto arenaType = MemRefType::get({total}, b.getI8Type());
    auto attrs = b.getDictionaryAttr(
        b.getNamedAttr(dlc::rt::kArena, b.getUnitAttr()));
    if (failed(func.insertArgument(0, arenaType, attrs, func.getLoc())))
      return failure();
    Value arena = func.getArgument(0);
    if (values.size() > numAllocs) {
      ArrayRef<Value> arguments = ArrayRef(values).drop_front(numAllocs);
      ArrayRef<Buffer> places = ArrayRef(buffers).drop_front(numAllocs);
      size_t n = inputs.size();
      func->setAttr(dlc::rt::kInputs,
                    placed(inputs, arguments.take_front(n), places.take_front(n)));
      func->setAttr(dlc::rt::kOutputs,
                    placed(outputs, arguments.drop_front(n), places.drop_front(n)));
    }
    for (auto [value, buffer] : llvm::zip_equal(values, buffers)) {
      if (Operation *alloc = value.getDefiningOp())
        b.setInsertionPoint(alloc);
      else
        b.setInsertionPointToStart(&func.front());
      Value offset =
          arith::ConstantIndexOp::create(b, value.getLoc(), buffer.offset);
      auto type = cast<MemRefType>(value.getType());
      ValueRange sizes;
      if (auto alloc = value.getDefiningOp<memref::AllocOp>())
        sizes = alloc.getDynamicSizes();
      auto view =
          memref::ViewOp::create(b, value.getLoc(), type, arena, offset, sizes);
      if (!type.hasStaticShape())
        view->setAttr(dlc::rt::kBytes, b.getI64IntegerAttr(buffer.bytes));
      value.replaceAllUsesWith(view.getResult());
      if (Operation *alloc = value.getDefiningOp())
        alloc->erase();
    }
    if (values.size() > numAllocs) {
      llvm::BitVector arguments(func.getNumArguments());
      arguments.set(1, 1 + numIo);
      if (failed(func.eraseArguments(arguments)))
        return failure();
    }
    func.walk([](memref::DeallocOp op) { op.erase(); });
    func.walk([](memref::CopyOp op) {
      if (samePlace(op.getSource(), op.getTarget()))
        op.erase();
    });
    func->setAttr(dlc::rt::kArenaBytes, b.getI64IntegerAttr(total));
    func->setAttr(dlc::rt::kArenaLowerBound, b.getI64IntegerAttr(lowerBound));
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kInputs) && failed(plan(func)))
        return signalPassFailure();
  }
};
} // namespace
