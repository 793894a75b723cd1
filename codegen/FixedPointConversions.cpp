// This file keeps conversions of vectors apart from products with powers of two.
#include "codegen/FixedPointConversions.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

/// A product of a vector with one power of two.
static BinaryOperator *scaledByPower(Value *v) {
  auto *product = dyn_cast<BinaryOperator>(v);
  if (!product || product->getOpcode() != Instruction::FMul || !product->getType()->isVectorTy())
    return nullptr;
  auto *constant = dyn_cast<Constant>(product->getOperand(1));
  auto *number = constant ? dyn_cast_or_null<ConstantFP>(constant->getSplatValue()) : nullptr;
  return number && number->getValueAPF().getExactLog2Abs() != INT_MIN ? product : nullptr;
}

/// `v` for its users alone: a fence that costs no instruction.
static Value *fenced(Instruction *v) {
  IRBuilder<> b(v->getNextNode());
  return b.CreateArithmeticFence(v, v->getType());
}

PreservedAnalyses dlc::codegen::FixedPointConversions::run(Function &function, FunctionAnalysisManager &) {
  SmallVector<std::pair<Use *, Instruction *>> apart;
  for (Instruction &i : instructions(function)) {
    if (BinaryOperator *product = scaledByPower(&i))
      if (isa<SIToFPInst, UIToFPInst>(product->getOperand(0)))
        apart.push_back({&product->getOperandUse(0), cast<Instruction>(product->getOperand(0))});
    if (isa<FPToSIInst, FPToUIInst>(i))
      if (BinaryOperator *product = scaledByPower(i.getOperand(0)))
        apart.push_back({&i.getOperandUse(0), product});
  }
  for (auto [use, value] : apart)
    use->set(fenced(value));
  return apart.empty() ? PreservedAnalyses::all() : PreservedAnalyses::none();
}
