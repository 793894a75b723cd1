// This file orders the operations of a model such that the least memory is needed at once.
#include "passes/Passes.h"

#include "mlir/Transforms/RegionUtils.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Schedule.h"

namespace dlc {
#define GEN_PASS_DEF_SCHEDULEOPERATIONS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Sets of done operations that the search may look at: some tenths of a second.
constexpr size_t kMaxStates = 20000;

/// Operations without memory or work of their own: they stand where they are used.
bool isFree(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<tensor::EmptyOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp>(op) ||
         (isa<linalg::FillOp>(op) && op->getOperand(1).getDefiningOp<tensor::EmptyOp>());
}

/// The value whose memory `v` shares; null when it has none before it is written.
Value storageOf(Value v) {
  while (Operation *def = v.getDefiningOp()) {
    if (!isFree(def))
      return v;
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(def))
      return {};
    v = def->getOperand(0);
  }
  return v;
}

/// Everything that an operation reads, also inside its regions.
llvm::SetVector<Value> operandsOf(Operation *op) {
  llvm::SetVector<Value> values;
  values.insert(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values;
}

int64_t bytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return 0;
  return tensor.getNumElements() * elementBytes(tensor.getElementType());
}

/// Operands whose place the result may take, if they are dead by then.
void replaceable(Operation *op, llvm::function_ref<void(Value)> add) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (generic.getNumDpsInits() == 1 && generic.getNumReductionLoops() == 0) {
      OpOperand *init = generic.getDpsInitOperand(0);
      for (OpOperand *input : generic.getDpsInputOperands())
        if (generic.getMatchingIndexingMap(input) == generic.getMatchingIndexingMap(init) &&
            bytesOf(input->get().getType()) >= bytesOf(init->get().getType()))
          add(input->get());
    }
  } else if (isa<dlc::nn::ConvOp, dlc::nn::MatmulOp>(op)) {
    for (Value operand : op->getOperands())
      if (operand.getType() == op->getResult(0).getType() && operand != op->getOperand(0))
        add(operand); // an epilogue's
  }
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    for (OpOperand &init : destination.getDpsInitsMutable())
      add(init.get());
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    add(insert.getDest());
}

struct ScheduleOperations : dlc::impl::ScheduleOperationsBase<ScheduleOperations> {
  void schedule(func::FuncOp func) {
    Block &block = func.front();
    Operation *terminator = block.getTerminator();
    std::vector<Operation *> ops;
    for (Operation &op : block.without_terminator()) {
      if (isFree(&op))
        continue;
      if (!isMemoryEffectFree(&op))
        return; // its order may matter
      ops.push_back(&op);
    }

    Graph graph;
    llvm::DenseMap<Value, size_t> storages;
    bool ioInArena = getOperation()->hasAttr(dlc::rt::kIoArena);
    auto storage = [&](Value v, int64_t bytes) {
      auto [it, isNew] = storages.try_emplace(v, graph.bytes.size());
      if (isNew) {
        graph.bytes.push_back(bytes);
        graph.kept.push_back(false);
      }
      return it->second;
    };
    // The caller's buffers are not ours to save.
    for (BlockArgument arg : block.getArguments())
      storage(arg, ioInArena ? bytesOf(arg.getType()) : 0);
    for (Operation *op : ops) {
      Step step;
      auto addOnce = [](std::vector<size_t> &list, size_t t) {
        if (!llvm::is_contained(list, t))
          list.push_back(t);
      };
      for (Value v : operandsOf(op))
        if (Value from = storageOf(v))
          if (auto it = storages.find(from); it != storages.end())
            addOnce(step.reads, it->second);
      for (Value result : op->getResults())
        step.makes.push_back(storage(result, bytesOf(result.getType())));
      replaceable(op, [&](Value v) {
        if (Value from = storageOf(v))
          if (auto it = storages.find(from); it != storages.end())
            addOnce(step.replaces, it->second);
      });
      graph.steps.push_back(std::move(step));
    }
    for (Value v : terminator->getOperands())
      if (Value from = storageOf(v))
        if (auto it = storages.find(from); it != storages.end()) {
          graph.kept[it->second] = true;
          if (!ioInArena)
            graph.bytes[it->second] = 0;
        }

    std::vector<size_t> order = bestOrder(graph, kMaxStates);
    if (llvm::is_sorted(order))
      return;
    // Rebuild the block before its terminator, free operations at their first use.
    llvm::SmallPtrSet<Operation *, 32> placed;
    std::function<void(Operation *)> place = [&](Operation *op) {
      if (!placed.insert(op).second)
        return;
      for (Value v : operandsOf(op))
        if (Operation *def = v.getDefiningOp(); def && def->getBlock() == &block && isFree(def))
          place(def);
      if (op != terminator)
        op->moveBefore(terminator);
    };
    std::vector<Operation *> rest;
    for (Operation &op : block.without_terminator())
      if (isFree(&op))
        rest.push_back(&op);
    for (size_t i : order)
      place(ops[i]);
    for (Operation *op : rest)
      place(op);
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kInputs) && !func.isExternal() && func.getBody().hasOneBlock())
        schedule(func);
  }
};
} // namespace
