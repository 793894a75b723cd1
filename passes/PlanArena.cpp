// This file gives every buffer of a model an offset in one arena.
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Offsets.h"

namespace dlc {
#define GEN_PASS_DEF_PLANARENA
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Bytes of a buffer; failure when they are not known at compile time.
FailureOr<int64_t> bytesOf(Location loc, MemRefType type) {
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return emitError(loc, "a buffer of the model has no static size: ") << type;
  int64_t bytes = dlc::memory::elementBytes(type.getElementType());
  for (int64_t dim : type.getShape())
    if (llvm::MulOverflow(bytes, dim, bytes))
      return emitError(loc, "a buffer of the model is too large: ") << type;
  return bytes;
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

struct PlanArena : dlc::impl::PlanArenaBase<PlanArena> {
  using PlanArenaBase::PlanArenaBase;

  LogicalResult plan(func::FuncOp func) {
    auto inputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kInputs);
    auto outputs = func->getAttrOfType<ArrayAttr>(dlc::rt::kOutputs);
    SmallVector<Value> values;
    func.walk([&](memref::AllocOp op) { values.push_back(op.getMemref()); });
    size_t numAllocs = values.size();
    bool ioInArena = func->getParentOp()->hasAttr(dlc::rt::kIoArena);
    if (ioInArena && outputs &&
        inputs.size() + outputs.size() == func.getNumArguments())
      llvm::append_range(values, func.getArguments());

    BufferViewFlowAnalysis aliases(func);
    std::vector<Buffer> buffers;
    Lifetimes lifetimes(func, aliases);
    for (auto [i, value] : llvm::enumerate(values)) {
      FailureOr<int64_t> bytes =
          bytesOf(value.getLoc(), cast<MemRefType>(value.getType()));
      if (failed(bytes))
        return failure();
      auto [first, last] = lifetimes.of(value);
      // Inputs are there before the run, outputs after it.
      if (i >= numAllocs + inputs.size())
        last = INT64_MAX;
      else if (i >= numAllocs)
        first = 0;
      buffers.push_back({*bytes, first, last, 0});
    }
    int64_t lowerBound = liveBytes(buffers, dlc::rt::kArenaAlign);
    int64_t total = assignOffsets(buffers, dlc::rt::kArenaAlign);
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
      Value view = memref::ViewOp::create(b, value.getLoc(),
                                          cast<MemRefType>(value.getType()),
                                          arena, offset, ValueRange());
      value.replaceAllUsesWith(view);
      if (Operation *alloc = value.getDefiningOp())
        alloc->erase();
    }
    if (values.size() > numAllocs) {
      llvm::BitVector arguments(func.getNumArguments(), true);
      arguments.reset(0);
      if (failed(func.eraseArguments(arguments)))
        return failure();
    }
    func.walk([](memref::DeallocOp op) { op.erase(); });
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
