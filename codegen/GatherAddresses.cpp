// This file separates the scalar part of the addresses of gathers and scatters.
#include "codegen/GatherAddresses.h"

#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"

#include <cstdlib>
#include <optional>

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

static std::optional<int64_t> splatOf(Value *v) {
  auto *constant = dyn_cast<Constant>(v);
  auto *number = constant ? dyn_cast_or_null<ConstantInt>(constant->getSplatValue()) : nullptr;
  return number ? std::optional<int64_t>(number->getSExtValue()) : std::nullopt;
}

/// Whether `offsets`, in units of `bytes`, advance by 512 bytes: LLVM 22 takes gathers that advance by up to that
/// much, but their immediate ends at 508, and 512 is written as 0.
static bool advancesTooFar(Value *offsets, int64_t bytes, unsigned depth = 0) {
  if (auto *phi = dyn_cast<PHINode>(offsets))
    return any_of(phi->incoming_values(), [&](Value *v) {
      auto *sum = dyn_cast<BinaryOperator>(v);
      auto step = sum && sum->getOperand(0) == phi ? splatOf(sum->getOperand(1)) : std::nullopt;
      return step && std::abs(*step * bytes) == 512;
    });
  auto *op = dyn_cast<BinaryOperator>(offsets);
  auto number = op ? splatOf(op->getOperand(1)) : std::nullopt;
  if (!number || depth > 4)
    return false;
  switch (op->getOpcode()) {
  case Instruction::Add:
  case Instruction::Or:
    return std::abs(*number * bytes) == 512 || advancesTooFar(op->getOperand(0), bytes, depth + 1);
  case Instruction::Mul:
    return advancesTooFar(op->getOperand(0), bytes * *number, depth + 1);
  case Instruction::Shl:
    return *number < 16 && advancesTooFar(op->getOperand(0), bytes << *number, depth + 1);
  default:
    return false;
  }
}

/// The addresses from offsets that LLVM does not look through; null where that is not needed.
static Value *keptApart(Value *addresses, const DataLayout &layout) {
  auto *gep = dyn_cast<GetElementPtrInst>(addresses);
  if (!gep || gep->getNumIndices() != 1 || !gep->getOperand(1)->getType()->isVectorTy() ||
      !advancesTooFar(gep->getOperand(1), static_cast<int64_t>(layout.getTypeAllocSize(gep->getSourceElementType()))))
    return nullptr;
  IRBuilder<> b(gep);
  return b.CreateGEP(gep->getSourceElementType(), gep->getPointerOperand(), b.CreateFreeze(gep->getOperand(1)));
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
    if (Value *made = keptApart(call->getArgOperand(operand), function.getDataLayout())) {
      call->setArgOperand(operand, made);
      changed = true;
    }
  }
  return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}
