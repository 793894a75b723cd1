// This file finds what has to be printed: compilers warn about variables that nobody reads.
#include "codegen/cpp/Printer.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace dlc::cpp;

/// Whether `op` is printed as a number whatever its source is.
static bool isStaticDim(Operation *op) {
  auto dim = dyn_cast<memref::DimOp>(op);
  if (!dim)
    return false;
  auto type = dyn_cast<MemRefType>(dim.getSource().getType());
  std::optional<int64_t> index = dim.getConstantIndex();
  return type && index && *index >= 0 && *index < type.getRank() && !type.isDynamicDim(*index);
}

static bool isStructured(Operation *op) {
  return isa<scf::ForOp, scf::IfOp, scf::WhileOp, scf::IndexSwitchOp>(op);
}

void Printer::markValue(Value v, llvm::SmallVectorImpl<Value> &work) {
  if (liveValues.insert(v).second)
    work.push_back(v);
}

void Printer::markOp(Operation *op, llvm::SmallVectorImpl<Value> &work) {
  if (!liveOps.insert(op).second)
    return;
  if (Operation *parent = op->getParentOp(); parent && parent != module)
    markOp(parent, work);
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    for (Value v : {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
      markValue(v, work);
  } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
    markValue(branch.getCondition(), work);
  } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    markValue(loop.getConditionOp().getCondition(), work);
  } else if (auto select = dyn_cast<scf::IndexSwitchOp>(op)) {
    markValue(select.getArg(), work);
  } else if (!isa<func::FuncOp>(op) && !isStaticDim(op)) {
    for (Value v : op->getOperands())
      markValue(v, work);
  }
}

void Printer::findLive() {
  llvm::SmallVector<Value> work;
  module.walk([&](Operation *op) {
    if (isa<func::ReturnOp>(op) ||
        (!isStructured(op) && !op->hasTrait<OpTrait::IsTerminator>() &&
         !isa<func::FuncOp, ModuleOp, memref::GlobalOp>(op) && !wouldOpBeTriviallyDead(op)))
      markOp(op, work);
  });
  while (!work.empty()) {
    Value v = work.pop_back_val();
    auto arg = dyn_cast<BlockArgument>(v);
    Operation *op = arg ? arg.getOwner()->getParentOp() : v.getDefiningOp();
    markOp(op, work);
    unsigned k = arg ? arg.getArgNumber() : cast<OpResult>(v).getResultNumber();
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (arg && k == 0)
        continue; // the induction variable
      k -= arg ? 1 : 0;
      markValue(loop.getInitArgs()[k], work);
      markValue(loop.getYieldedValues()[k], work);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      if (arg && arg.getOwner() == loop.getBeforeBody()) {
        markValue(loop.getInits()[k], work);
        markValue(loop.getYieldOp().getOperand(k), work);
      } else {
        markValue(loop.getConditionOp().getArgs()[k], work);
      }
    } else if (!arg && isStructured(op)) {
      for (Region &region : op->getRegions())
        if (!region.empty())
          markValue(region.front().getTerminator()->getOperand(k), work);
    }
  }
}

bool Printer::isLive(OpOperand &use) const {
  Operation *op = use.getOwner();
  unsigned k = use.getOperandNumber();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return liveOps.contains(op) && (k < 3 || carries(loop, k - 3));
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return liveOps.contains(op) && isLive(loop.getBeforeArguments()[k]);
  if (isa<scf::YieldOp, scf::ConditionOp>(op)) {
    Operation *parent = op->getParentOp();
    if (!liveOps.contains(parent))
      return false;
    if (auto loop = dyn_cast<scf::ForOp>(parent))
      return carries(loop, k);
    if (auto loop = dyn_cast<scf::WhileOp>(parent)) {
      if (isa<scf::YieldOp>(op))
        return isLive(loop.getBeforeArguments()[k]);
      return k == 0 || isLive(loop.getAfterArguments()[k - 1]) || isLive(loop.getResults()[k - 1]);
    }
    return isLive(parent->getResult(k));
  }
  return liveOps.contains(op) && !isStaticDim(op);
}

bool Printer::carries(scf::ForOp loop, unsigned k) const {
  return isLive(loop.getRegionIterArgs()[k]) || isLive(loop.getResults()[k]);
}
