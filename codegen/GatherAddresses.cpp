// This file separates the scalar part of the addresses of gathers and scatters.
#include "codegen/GatherAddresses.h"

#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace llvm;

/// The same addresses as one scalar pointer and a vector of offsets; null where their
/// chain is of another form, or has this one.
static Value *separated(Value *addresses) {
  SmallVector<GetElementPtrInst *> chain;
  Value *base = addresses;
  while (base->getType()->isVectorTy()) {
    auto *gep = dyn_cast<GetElementPtrInst>(base);
    if (!gep || gep->getNumIndices() != 1) {
      base = getSplatValue(base);
      break;
    }
    chain.push_back(gep);
    base = gep->getPointerOperand();
  }
  if (!base || chain.size() < 2)
    return nullptr;
  GetElementPtrInst *lanes = nullptr; // the one whose offsets differ
  for (GetElementPtrInst *gep : chain) {
    Value *offset = gep->getOperand(1);
    if (!offset->getType()->isVectorTy() || getSplatValue(offset))
      continue;
    if (lanes)
      return nullptr;
    lanes = gep;
  }
  if (!lanes)
    return nullptr;
  // From the base on, each step where it was.
  for (GetElementPtrInst *gep : reverse(chain)) {
    if (gep == lanes)
      continue;
    Value *offset = gep->getOperand(1);
    IRBuilder<> b(gep);
    if (offset->getType()->isVectorTy())
      offset = isa<Constant>(offset) ? cast<Constant>(offset)->getSplatValue()
                                     : b.CreateExtractElement(offset, uint64_t(0));
    base = b.CreateGEP(gep->getSourceElementType(), base, offset);
  }
  IRBuilder<> b(chain.front());
  return b.CreateGEP(lanes->getSourceElementType(), base, lanes->getOperand(1));
}

PreservedAnalyses dlc::codegen::GatherAddresses::run(Function &function, FunctionAnalysisManager &) {
  bool changed = false;
  for (Instruction &i : instructions(function)) {
    auto *call = dyn_cast<IntrinsicInst>(&i);
    if (!call)
      continue;
    unsigned operand = call->getIntrinsicID() == Intrinsic::masked_scatter ? 1 : 0;
    if (operand == 0 && call->getIntrinsicID() != Intrinsic::masked_gather)
      continue;
    if (Value *made = separated(call->getArgOperand(operand))) {
      call->setArgOperand(operand, made);
      changed = true;
    }
  }
  return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}
