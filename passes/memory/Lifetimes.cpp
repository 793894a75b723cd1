// This file computes when buffers are alive.
#include "passes/memory/Lifetimes.h"

#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace dlc::memory;

Lifetimes::Lifetimes(func::FuncOp func, BufferViewFlowAnalysis &aliases)
    : aliases(aliases) {
  int64_t next = 0;
  std::function<void(Operation *)> number = [&](Operation *op) {
    int64_t begin = next++;
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Operation &inner : block)
          number(&inner);
    int64_t end = op->getNumRegions() ? next++ : begin;
    numbers[op] = {begin, end};
  };
  number(func);
}

std::pair<int64_t, int64_t> Lifetimes::of(Value buffer) {
  Region *home = buffer.getParentRegion();
  int64_t first = INT64_MAX, last = -1;
  for (Value alias : aliases.resolve(buffer))
    for (Operation *user : alias.getUsers()) {
      // Views touch nothing themselves; their own users are counted.
      if (isa<ViewLikeOpInterface>(user))
        continue;
      auto [begin, end] = numbers.lookup(user);
      // The outermost loop around the use that does not hold the allocation.
      for (Operation *op = user->getParentOp();
           op && !op->isAncestor(home->getParentOp()); op = op->getParentOp())
        if (isa<LoopLikeOpInterface>(op))
          std::tie(begin, end) = numbers.lookup(op);
      first = std::min(first, begin);
      last = std::max(last, end);
    }
  if (last < 0)
    first = last = 0;
  return {first, last};
}

int64_t dlc::memory::elementBytes(Type type) {
  if (type.isIndex())
    return 8;
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}
