// This file gives every buffer of a model an offset in one arena.
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "passes/kernels/Needs.h"
#include "passes/memory/Blocks.h"
#include "passes/memory/Bounds.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Memories.h"
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

/// Bytes that are read and written of a buffer in one inference: a contraction reads
/// its input once for every product, others what their loops walk over.
int64_t trafficOf(Value buffer, BufferViewFlowAnalysis &aliases) {
  int64_t total = 0;
  for (Value alias : aliases.resolve(buffer))
    for (OpOperand &use : alias.getUses()) {
      Operation *user = use.getOwner();
      auto type = dyn_cast<MemRefType>(alias.getType());
      if (isa<ViewLikeOpInterface>(user) || !type || !type.hasStaticShape())
        continue;
      int64_t elements = type.getNumElements();
      auto destination = dyn_cast<DestinationStyleOpInterface>(user);
      if (auto linalg = dyn_cast<linalg::LinalgOp>(user)) {
        int64_t rounds = 1;
        for (int64_t range : linalg.getStaticLoopRanges())
          rounds *= std::max<int64_t>(range, 1);
        elements = std::max(elements, rounds);
      } else if (destination && use.getOperandNumber() == 0 && !destination.isDpsInit(&use)) {
        elements = std::max(elements, dlc::nn::countMacs(user));
      }
      total += elements * dlc::memory::elementBytes(type.getElementType());
    }
  return total;
}

/// Adds to the facts of inputs or outputs where in the arena they lie.
ArrayAttr placed(ArrayAttr facts, ArrayRef<Value> arguments, ArrayRef<Buffer> buffers,
                 ArrayRef<size_t> homes) {
  Builder b(facts.getContext());
  SmallVector<Attribute> result;
  for (auto [fact, argument, buffer, home] : llvm::zip_equal(facts, arguments, buffers, homes)) {
    NamedAttrList list(cast<DictionaryAttr>(fact));
    if (home)
      list.set("memory", b.getI64IntegerAttr(home));
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
  return viewX && viewY && viewX.getSource() == viewY.getSource() &&
         getConstantIntValue(viewX.getByteShift()) == getConstantIntValue(viewY.getByteShift());
}

struct PlanArena : dlc::impl::PlanArenaBase<PlanArena> {
  using PlanArenaBase::PlanArenaBase;

  /// Which buffers may lie over which: the output of an operation over an input
  /// that nobody reads after it.
  static std::vector<Overlap> findOverlaps(func::FuncOp func, ArrayRef<Value> values,
                                           ArrayRef<Buffer> buffers, const Lifetimes &lifetimes,
                                           BufferViewFlowAnalysis &aliases,
                                           SmallVectorImpl<Operation *> &owners) {
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
        result.push_back({input->second, output->second, o.distance, o.exact, o.above});
        owners.push_back(op);
      }
    });
    return result;
  }

  /// Arena, inputs and outputs must fit --ram-budget.
  LogicalResult checkBudget(func::FuncOp func, int64_t arena, bool argumentsInArena,
                            ArrayRef<Value> values, ArrayRef<Buffer> buffers) {
    auto budget = getOperation()->getAttrOfType<IntegerAttr>(dlc::rt::kRamBudget);
    if (!budget)
      return success();
    int64_t outside = 0;
    if (!argumentsInArena)
      for (Value argument : func.getArguments()) {
        FailureOr<std::optional<int64_t>> bytes = bytesOf(argument);
        if (failed(bytes))
          return failure();
        outside += bytes->value_or(0); // unbounded: a block of the allocator
      }
    if (arena + outside <= budget.getInt())
      return success();
    auto diag = func.emitError("the model needs ")
                << arena + outside << " bytes of RAM (arena " << arena
                << ", inputs and outputs outside it " << outside << "), which is more than --ram-budget="
                << budget.getInt();
    // Who needs the most: what is alive when most is.
    int64_t most = -1, when = 0;
    for (const Buffer &start : buffers) {
      int64_t live = 0;
      for (const Buffer &b : buffers)
        if (b.first <= start.first && start.first <= b.last)
          live += b.bytes;
      if (live > most) {
        most = live;
        when = start.first;
      }
    }
    for (auto [value, buffer] : llvm::zip_first(values, buffers))
      if (buffer.bytes && buffer.first <= when && when <= buffer.last)
        diag.attachNote(value.getLoc()) << "most is needed where a tensor of " << buffer.bytes
                                        << " bytes is alive: " << value.getType();
    auto optimize = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    if (!optimize || optimize.getValue() != "ram")
      diag.attachNote() << "-Oram needs less, at the price of speed";
    if (!argumentsInArena)
      diag.attachNote() << "--io=arena lets inputs and outputs share the arena";
    diag.attachNote() << "smaller inputs (--shape, --dim) or a quantized model need less";
    return failure();
  }

  /// Buffers that go to the arena, and on hosted targets those that cannot.
  static LogicalResult collect(func::FuncOp func, SmallVectorImpl<Value> &values,
                               SmallVectorImpl<memref::AllocOp> &blocks) {
    auto target = dlc::rt::targetOf(func);
    bool hosted = target && target.getHosted();
    WalkResult result = func.walk([&](memref::AllocOp op) {
      FailureOr<std::optional<int64_t>> bytes = bytesOf(op.getMemref());
      if (failed(bytes))
        return WalkResult::interrupt();
      if (*bytes && !op->hasAttr(dlc::rt::kOutputBlock)) {
        values.push_back(op.getMemref());
        return WalkResult::advance();
      }
      if (hosted) {
        blocks.push_back(op);
        return WalkResult::advance();
      }
      auto diag = emitError(op.getLoc())
                  << "a tensor has a size without a bound: " << op.getType();
      diag.attachNote() << "this target has no memory for it; fix sizes of inputs with "
                           "--dim NAME=N or --shape INPUT=AxBxC";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult plan(func::FuncOp func) {
    auto inputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kInputs);
    auto outputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kOutputs);
    SmallVector<Value> values;
    SmallVector<memref::AllocOp> blocks; // without a bound
    if (failed(collect(func, values, blocks)))
      return failure();
    size_t numAllocs = values.size();
    bool ioInArena = func->getParentOp()->hasAttr(dlc::rt::kIoArena);
    size_t numIo = inputs.size() + (outputs ? outputs.size() : 0);
    // Behind inputs and outputs stand their dims, if they are known at run time.
    bool hasDims = func.getNumArguments() == numIo + 1 &&
                   func.getArgAttr(numIo, dlc::rt::kDims);
    if (ioInArena && outputs && numIo + hasDims == func.getNumArguments())
      llvm::append_range(values, func.getArguments().take_front(numIo));

    BufferViewFlowAnalysis aliases(func);
    SmallVector<Operation *> lastUses;
    for (memref::AllocOp block : blocks)
      lastUses.push_back(lastUse(block, aliases));
    std::vector<Buffer> buffers;
    Lifetimes lifetimes(func, aliases);
    for (auto [i, value] : llvm::enumerate(values)) {
      FailureOr<std::optional<int64_t>> bytes = bytesOf(value);
      if (failed(bytes))
        return failure();
      auto [first, last] = lifetimes.of(value);
      if (i < numAllocs && isOnlyShape(value, aliases))
        **bytes = 0;
      // Inputs are there before the run, outputs after it.
      if (i >= numAllocs + inputs.size())
        last = INT64_MAX;
      else if (i >= numAllocs)
        first = 0;
      buffers.push_back({**bytes, first, last, 0});
    }
    // The list of blocks is there from the beginning to the end.
    if (!blocks.empty())
      buffers.push_back({kPoolBytes, 0, INT64_MAX, 0});
    SmallVector<Operation *> owners;
    std::vector<Overlap> overlaps =
        findOverlaps(func, values, buffers, lifetimes, aliases, owners);
    int64_t lowerBound = liveBytes(buffers, overlaps, dlc::rt::kArenaAlign);
    std::vector<Memory> memories;
    std::vector<size_t> homes(buffers.size(), 0);
    if (auto list = getOperation()->getAttrOfType<ArrayAttr>(dlc::rt::kMemories))
      for (auto memory : list.getAsRange<DictionaryAttr>())
        memories.push_back({memory.getAs<StringAttr>("name").str(),
                            memory.getAs<IntegerAttr>("bytes").getInt()});
    if (memories.empty())
      memories.push_back({"", INT64_MAX});
    std::vector<int64_t> traffic;
    if (memories.size() > 1)
      for (Value value : values)
        traffic.push_back(trafficOf(value, aliases));
    traffic.resize(memories.size() > 1 ? buffers.size() : 0);
    placeInMemories(buffers, overlaps, traffic, dlc::rt::kArenaAlign, memories, homes);
    int64_t total = 0;
    for (const Memory &memory : memories) {
      total += memory.used;
      if (memory.used > memory.capacity)
        return func.emitError("the model needs ")
               << memory.used << " bytes of memory '" << memory.name << "', which has "
               << memory.capacity << "; " << lowerBound << " bytes are the least in all memories";
    }
    if (total > (int64_t{1} << 40))
      return func.emitError("the arena would need ") << total << " bytes";

    // Outputs that begin behind the start of their input are written from the end.
    for (auto [overlap, op] : llvm::zip_equal(overlaps, owners)) {
      const Buffer &in = buffers[overlap.input], &out = buffers[overlap.output];
      int64_t distance = out.offset - in.offset;
      if (homes[overlap.input] == homes[overlap.output] && !overlap.exact &&
          distance > overlap.distance && distance < in.bytes && distance + out.bytes > 0)
        op->setAttr(dlc::kernels::kReversed, UnitAttr::get(func.getContext()));
    }

    bool argumentsInArena = values.size() > numAllocs;
    if (failed(checkBudget(func, total, argumentsInArena, values, buffers)))
      return failure();

    OpBuilder b(func.getContext());
    for (auto [i, memory] : llvm::enumerate(memories)) {
      auto arenaType = MemRefType::get({memory.used}, b.getI8Type());
      Attribute name = memories.size() > 1 ? Attribute(b.getStringAttr(memory.name)) : b.getUnitAttr();
      auto attrs = b.getDictionaryAttr(b.getNamedAttr(dlc::rt::kArena, name));
      if (failed(func.insertArgument(i, arenaType, attrs, func.getLoc())))
        return failure();
    }
    if (values.size() > numAllocs) {
      ArrayRef<Value> arguments = ArrayRef(values).drop_front(numAllocs);
      ArrayRef<Buffer> places = ArrayRef(buffers).slice(numAllocs, numIo);
      ArrayRef<size_t> in = ArrayRef(homes).slice(numAllocs, numIo);
      size_t n = inputs.size();
      func->setAttr(dlc::rt::kInputs,
                    placed(inputs, arguments.take_front(n), places.take_front(n), in.take_front(n)));
      func->setAttr(dlc::rt::kOutputs,
                    placed(outputs, arguments.drop_front(n), places.drop_front(n), in.drop_front(n)));
    }
    int64_t pool = buffers.empty() ? 0 : buffers.back().offset;
    for (auto [i, value] : llvm::enumerate(values)) {
      const Buffer &buffer = buffers[i];
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
      auto view = memref::ViewOp::create(b, value.getLoc(), type, func.getArgument(homes[i]),
                                         offset, sizes);
      if (!type.hasStaticShape())
        view->setAttr(dlc::rt::kBytes, b.getI64IntegerAttr(buffer.bytes));
      if (i >= numAllocs)
        view->setAttr(i < numAllocs + inputs.size() ? dlc::rt::kIsInput : dlc::rt::kIsOutput,
                      b.getUnitAttr());
      value.replaceAllUsesWith(view.getResult());
      if (Operation *alloc = value.getDefiningOp())
        alloc->erase();
    }
    if (values.size() > numAllocs) {
      llvm::BitVector arguments(func.getNumArguments());
      arguments.set(memories.size(), memories.size() + numIo);
      if (failed(func.eraseArguments(arguments)))
        return failure();
    }
    func.walk([](memref::DeallocOp op) { op.erase(); });
    if (!blocks.empty())
      allocateBlocks(func, blocks, lastUses, homes.back(), pool);
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
