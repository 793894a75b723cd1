// This file applies the epilogues of contractions to scalars and vectors.
#include "passes/kernels/Epilogue.h"
#include "passes/kernels/mve/Mve.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace dlc::kernels;

namespace {
/// What both contractions have, seen alike.
struct Contraction {
  OperandRange epilogueInputs;
  Block &block;
  unsigned channelDim;
  Value init;
};
} // namespace

static Contraction view(Operation *op) {
  if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
    return {conv.getEpilogueInputs(), conv.getEpilogue().front(),
            conv.getChannelDim(), conv.getInit()};
  auto matmul = cast<dlc::nn::MatmulOp>(op);
  return {matmul.getEpilogueInputs(), matmul.getEpilogue().front(),
          matmul.getChannelDim(), matmul.getInit()};
}

/// Indices of the element of an epilogue operand for the result at `at`.
static SmallVector<Value> operandIndices(ImplicitLocOpBuilder &b, Operation *op,
                                         const Contraction &c, Value operand, ValueRange at) {
  auto type = cast<MemRefType>(operand.getType());
  auto init = cast<MemRefType>(c.init.getType());
  if (type.getRank() == 1 && init.getRank() != 1) {
    auto conv = dyn_cast<dlc::nn::ConvOp>(op);
    if (conv && conv.getFilterShape() && conv.getKernelAttr().getKind() == "mve_depthwise")
      return {mve::operandAt(b, conv, at[c.channelDim])};
    return {at[c.channelDim]};
  }
  return SmallVector<Value>(at.begin(), at.end());
}

Value dlc::kernels::applyEpilogue(ImplicitLocOpBuilder &b, Operation *op,
                                  Value accumulator, ValueRange at) {
  Contraction c = view(op);
  IRMapping map;
  map.map(c.block.getArgument(0), accumulator);
  for (auto [arg, operand] :
       llvm::zip_equal(c.block.getArguments().drop_front(), c.epilogueInputs))
    map.map(arg, memref::LoadOp::create(b, operand, operandIndices(b, op, c, operand, at)));
  for (Operation &inner : c.block.without_terminator())
    b.clone(inner, map);
  return map.lookupOrDefault(c.block.getTerminator()->getOperand(0));
}

bool dlc::kernels::isVectorizableEpilogue(Operation *op) {
  for (Operation &inner : view(op).block.without_terminator())
    if (!isa<arith::ConstantOp>(inner) && !OpTrait::hasElementwiseMappableTraits(&inner))
      return false;
  return true;
}

bool dlc::kernels::isIdentityEpilogue(Operation *op) {
  Block &block = view(op).block;
  return block.getTerminator()->getOperand(0) == block.getArgument(0);
}

Value dlc::kernels::applyEpilogueVector(ImplicitLocOpBuilder &b, Operation *op,
                                        Value accumulator, ValueRange at, Value mask) {
  Contraction c = view(op);
  auto type = cast<VectorType>(accumulator.getType());
  auto vectorOf = [&](Type element) {
    return VectorType::get(type.getShape(), element, type.getScalableDims());
  };
  IRMapping map;
  map.map(c.block.getArgument(0), accumulator);
  for (auto [arg, operand] :
       llvm::zip_equal(c.block.getArguments().drop_front(), c.epilogueInputs)) {
    VectorType loaded = vectorOf(arg.getType());
    SmallVector<Value> indices = operandIndices(b, op, c, operand, at);
    if (mask) {
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(loaded));
      map.map(arg, vector::MaskedLoadOp::create(b, loaded, operand, indices, mask, zero));
    } else {
      map.map(arg, vector::LoadOp::create(b, loaded, operand, indices));
    }
  }
  // Values from outside the region and constants are the same for all lanes.
  auto vectorized = [&](Value v) -> Value {
    Value mapped = map.lookupOrNull(v);
    if (mapped)
      return mapped;
    Value wide = vector::BroadcastOp::create(b, vectorOf(v.getType()), v);
    map.map(v, wide);
    return wide;
  };
  for (Operation &inner : c.block.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
      Value scalar = b.clone(inner)->getResult(0);
      map.map(constant.getResult(),
              vector::BroadcastOp::create(b, vectorOf(scalar.getType()), scalar)
                  .getResult());
      continue;
    }
    SmallVector<Value> operands;
    for (Value v : inner.getOperands())
      operands.push_back(vectorized(v));
    SmallVector<Type> types;
    for (Type t : inner.getResultTypes())
      types.push_back(vectorOf(t));
    OperationState state(inner.getLoc(), inner.getName(), operands, types,
                         inner.getDiscardableAttrDictionary().getValue());
    state.propertiesAttr = inner.getPropertiesAsAttribute();
    Operation *wide = b.create(state);
    map.map(inner.getResults(), wide->getResults());
  }
  return vectorized(c.block.getTerminator()->getOperand(0));
}

Value dlc::kernels::widen(ImplicitLocOpBuilder &b, Value v, Type to) {
  Type from = v.getType();
  if (from == to)
    return v;
  if (isa<FloatType>(getElementTypeOrSelf(to)))
    return arith::ExtFOp::create(b, to, v);
  return arith::ExtSIOp::create(b, to, v);
}

Value dlc::kernels::multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value y, Value acc,
                                rt::TargetAttr target) {
  Type element = getElementTypeOrSelf(acc.getType());
  if (isa<IntegerType>(element))
    return arith::AddIOp::create(b, acc, arith::MulIOp::create(b, x, y));
  bool fused = target && ((element.isF32() && target.getFmaF32()) ||
                          (element.isF64() && target.getFmaF64()));
  if (fused)
    return math::FmaOp::create(b, x, y, acc);
  return arith::AddFOp::create(b, acc, arith::MulFOp::create(b, x, y));
}
