// This file moves elementwise operations after a contraction into its epilogue.
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace dlc {
#define GEN_PASS_DEF_FUSEEPILOGUES
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// How an operand of the elementwise operation enters the epilogue.
enum class Access { Accumulator, Full, Channel, Scalar, None };

Access classify(linalg::GenericOp op, OpOperand &operand, unsigned channelDim) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type)
    return Access::None;
  if (map.isIdentity())
    return Access::Full;
  bool channel = false;
  for (auto [d, expr] : llvm::enumerate(map.getResults())) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr);
        constant && constant.getValue() == 0 && type.getDimSize(d) == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || dim.getPosition() != channelDim || channel)
      return Access::None;
    channel = true;
  }
  return channel ? Access::Channel : Access::Scalar;
}

/// One element a channel, as a tensor of rank 1.
Value toRank1(OpBuilder &b, Location loc, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  if (type.getRank() == 1)
    return v;
  ReassociationIndices all = llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  return tensor::CollapseShapeOp::create(b, loc, v, SmallVector<ReassociationIndices>{all});
}

/// The single element of a tensor whose sizes are all 1.
Value toScalar(OpBuilder &b, Location loc, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<Value> zeros(type.getRank(), arith::ConstantIndexOp::create(b, loc, 0));
  return tensor::ExtractOp::create(b, loc, v, zeros);
}

template <typename Contraction>
LogicalResult fuse(linalg::GenericOp op, OpOperand &fused, Contraction producer,
                   PatternRewriter &rewriter) {
  unsigned channelDim = producer.getChannelDim();
  SmallVector<Access> access;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    access.push_back(operand == &fused ? Access::Accumulator
                                       : classify(op, *operand, channelDim));
    if (access.back() == Access::None)
      return rewriter.notifyMatchFailure(op, "operand is neither like the result nor "
                                             "one element a channel");
    if (access.back() == Access::Channel &&
        !cast<RankedTensorType>(operand->get().getType()).hasStaticShape())
      return rewriter.notifyMatchFailure(op, "channel operand of unknown size");
  }
  Location loc = rewriter.getFusedLoc({producer.getLoc(), op.getLoc()});
  SmallVector<Value> inputs(producer.getEpilogueInputs());
  SmallVector<Value> scalars(access.size());
  SmallVector<unsigned> argument(access.size());
  for (auto [i, operand] : llvm::enumerate(op.getDpsInputOperands())) {
    Value v = operand->get();
    if (access[i] == Access::Scalar) {
      scalars[i] = toScalar(rewriter, loc, v);
    } else if (access[i] != Access::Accumulator) {
      argument[i] = inputs.size() + 1;
      inputs.push_back(access[i] == Access::Channel ? toRank1(rewriter, loc, v) : v);
    }
  }
  Value init = op.getDpsInits()[0];
  IRMapping map;
  SmallVector<Value> operands(producer->getOperands().take_front(2));
  llvm::append_range(operands, inputs);
  operands.push_back(init);
  OperationState state(loc, producer->getName(), operands, init.getType(),
                       producer->getDiscardableAttrDictionary().getValue());
  auto properties = producer.getProperties();
  properties.operandSegmentSizes[2] = inputs.size();
  state.getOrAddProperties<typename Contraction::Properties>() = properties;
  Region *region = state.addRegion();
  // The old epilogue first, then the elementwise body on what it yielded.
  rewriter.cloneRegionBefore(producer.getEpilogue(), *region, region->end());
  Block &block = region->front();
  for (Value v : ArrayRef(inputs).drop_front(producer.getEpilogueInputs().size()))
    block.addArgument(getElementTypeOrSelf(v.getType()), loc);
  Operation *oldYield = block.getTerminator();
  rewriter.setInsertionPoint(oldYield);
  for (auto [i, a] : llvm::enumerate(access)) {
    BlockArgument arg = op.getBody()->getArgument(i);
    if (a == Access::Accumulator)
      map.map(arg, oldYield->getOperand(0));
    else if (a == Access::Scalar)
      map.map(arg, scalars[i]);
    else
      map.map(arg, block.getArgument(argument[i]));
  }
  for (Operation &inner : op.getBody()->without_terminator())
    rewriter.clone(inner, map);
  Value out = map.lookupOrDefault(op.getBody()->getTerminator()->getOperand(0));
  dlc::nn::YieldOp::create(rewriter, loc, ValueRange{out});
  rewriter.eraseOp(oldYield);
  rewriter.setInsertionPoint(op);
  Operation *result = rewriter.create(state);
  rewriter.replaceOp(op, result->getResults());
  return success();
}

struct FuseEpilogue : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
        op.getNumReductionLoops() != 0 || op.hasIndexSemantics())
      return rewriter.notifyMatchFailure(op, "not elementwise");
    OpOperand *init = op.getDpsInitOperand(0);
    if (!op.getMatchingIndexingMap(init).isIdentity() ||
        op.payloadUsesValueFromOperand(init) ||
        !init->get().getDefiningOp<tensor::EmptyOp>())
      return rewriter.notifyMatchFailure(op, "result is not written in order");
    for (Operation &inner : op.getBody()->without_terminator())
      if (inner.getNumRegions() || isa<tensor::ExtractOp>(inner) || !isMemoryEffectFree(&inner))
        return rewriter.notifyMatchFailure(op, "body is not scalar arithmetic");
    // The latest of several contractions, so that the others come before it.
    OpOperand *best = nullptr;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      Operation *def = operand->get().getDefiningOp();
      if (!isa_and_nonnull<dlc::nn::ConvOp, dlc::nn::MatmulOp>(def) ||
          !operand->get().hasOneUse() || def->getBlock() != op->getBlock() ||
          !op.getMatchingIndexingMap(operand).isIdentity())
        continue;
      auto init = cast<DestinationStyleOpInterface>(def).getDpsInits()[0];
      if (!init.getDefiningOp<tensor::EmptyOp>())
        continue;
      if (!best || best->get().getDefiningOp()->isBeforeInBlock(def))
        best = operand;
    }
    if (!best)
      return rewriter.notifyMatchFailure(op, "no contraction before it");
    // A dequantization belongs to those who read it: small integers are stored.
    Type stored = getElementTypeOrSelf(best->get().getType());
    if (isa<IntegerType>(stored) && stored.getIntOrFloatBitWidth() <
                                        getElementTypeOrSelf(op.getResult(0).getType())
                                            .getIntOrFloatBitWidth())
      return rewriter.notifyMatchFailure(op, "the result would need more memory");
    Operation *def = best->get().getDefiningOp();
    if (auto conv = dyn_cast<dlc::nn::ConvOp>(def))
      return fuse(op, *best, conv, rewriter);
    return fuse(op, *best, cast<dlc::nn::MatmulOp>(def), rewriter);
  }
};

struct FuseEpilogues : dlc::impl::FuseEpiloguesBase<FuseEpilogues> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseEpilogue>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
