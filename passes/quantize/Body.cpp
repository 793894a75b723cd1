// This file gives fused bodies of generics and contractions one face: which
// values are known, what ranges integers have, and new constant operands.
#include "passes/quantize/Linear.h"

using namespace mlir;
using namespace dlc::quantize;

std::unique_ptr<Body> Body::of(Operation *op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (!generic.hasPureTensorSemantics() || generic.getNumDpsInits() != 1 ||
        generic.getNumReductionLoops() != 0)
      return nullptr;
    return std::unique_ptr<Body>(new Body(op, generic.getBody()));
  }
  if (!isa<nn::ConvOp, nn::MatmulOp>(op) || op->getNumResults() != 1)
    return nullptr;
  std::unique_ptr<Body> body(new Body(op, &op->getRegion(0).front()));
  auto init = cast<ShapedType>(cast<DestinationStyleOpInterface>(op).getDpsInits()[0].getType());
  unsigned dim = isa<nn::ConvOp>(op) ? cast<nn::ConvOp>(op).getChannelDim()
                                     : cast<nn::MatmulOp>(op).getChannelDim();
  if (init.isDynamicDim(dim))
    return nullptr;
  body->numChannels = init.getDimSize(dim);
  return body;
}

static std::vector<double> elementsOf(DenseElementsAttr attr) {
  std::vector<double> result;
  auto count = attr.isSplat() ? 1 : attr.getNumElements();
  if (isa<FloatType>(attr.getElementType())) {
    auto values = attr.getValues<APFloat>();
    for (int64_t i = 0; i < count; ++i) {
      APFloat v = values[i];
      bool lost;
      v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      result.push_back(v.convertToDouble());
    }
    return result;
  }
  auto values = attr.getValues<APInt>();
  for (int64_t i = 0; i < count; ++i)
    result.push_back(values[i].getSExtValue());
  return result;
}

std::optional<Numbers> Body::operandConstants(unsigned argument) {
  DenseElementsAttr attr;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (argument >= generic.getNumDpsInputs())
      return std::nullopt;
    OpOperand *operand = generic.getDpsInputOperand(argument);
    if (!matchPattern(operand->get(), m_Constant(&attr)))
      return std::nullopt;
    if (attr.isSplat() || attr.getNumElements() == 1)
      return Numbers(elementsOf(attr));
    // One dimension of the loops, the same for all constants.
    AffineMap map = generic.getMatchingIndexingMap(operand);
    int64_t dim = -1;
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      if (auto c = dyn_cast<AffineConstantExpr>(expr); c && attr.getType().getDimSize(d) == 1)
        continue;
      auto e = dyn_cast<AffineDimExpr>(expr);
      if (!e || (dim >= 0 && attr.getType().getDimSize(d) != 1))
        return std::nullopt;
      if (attr.getType().getDimSize(d) != 1)
        dim = e.getPosition();
    }
    if (dim < 0 || (channelDim >= 0 && dim != channelDim))
      return std::nullopt;
    channelDim = dim;
    numChannels = attr.getNumElements();
    return Numbers(elementsOf(attr));
  }
  if (argument == 0)
    return std::nullopt;
  Value operand = isa<nn::ConvOp>(op) ? cast<nn::ConvOp>(op).getEpilogueInputs()[argument - 1]
                                      : cast<nn::MatmulOp>(op).getEpilogueInputs()[argument - 1];
  if (!matchPattern(operand, m_Constant(&attr)))
    return std::nullopt;
  if (!attr.isSplat() &&
      (attr.getType().getRank() != 1 || attr.getNumElements() != numChannels))
    return std::nullopt;
  return Numbers(elementsOf(attr));
}

std::optional<Numbers> Body::constants(Value v) {
  Attribute attr;
  if (matchPattern(v, m_Constant(&attr))) {
    if (auto f = dyn_cast<FloatAttr>(attr))
      return Numbers(f.getValueAsDouble());
    if (auto i = dyn_cast<IntegerAttr>(attr); i && i.getType().isSignlessInteger())
      return Numbers(static_cast<double>(i.getValue().getSExtValue()));
    return std::nullopt;
  }
  if (auto arg = dyn_cast<BlockArgument>(v))
    return arg.getOwner() == body ? operandConstants(arg.getArgNumber()) : std::nullopt;
  Operation *def = v.getDefiningOp();
  if (!def || def->getBlock() != body)
    return std::nullopt;
  if (isa<arith::SIToFPOp, arith::ExtFOp, arith::ExtSIOp>(def))
    return constants(def->getOperand(0));
  auto both = [&](auto f) -> std::optional<Numbers> {
    auto a = constants(def->getOperand(0));
    auto b = a ? constants(def->getOperand(1)) : std::nullopt;
    return b ? std::optional<Numbers>(combine(*a, *b, f)) : std::nullopt;
  };
  if (isa<arith::MulFOp>(def))
    return both([](double a, double b) { return a * b; });
  if (isa<arith::AddFOp>(def))
    return both([](double a, double b) { return a + b; });
  if (isa<arith::SubFOp>(def))
    return both([](double a, double b) { return a - b; });
  if (isa<arith::DivFOp>(def))
    return both([](double a, double b) { return a / b; });
  return std::nullopt;
}

/// Range of sums that a generic makes of narrow integers.
static std::optional<std::pair<Numbers, Numbers>> sumRange(Value tensor) {
  while (Operation *def = tensor.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp>(def))
      break;
    tensor = def->getOperand(0);
  }
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return std::nullopt;
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  Value init = fill ? fill.getInputs()[0] : op.getDpsInits()[0];
  DenseElementsAttr start;
  bool fromZero = fill ? matchPattern(init, m_Zero())
                       : matchPattern(init, m_Constant(&start)) && start.isSplat() &&
                             isa<IntegerType>(start.getElementType()) &&
                             start.getSplatValue<APInt>().isZero();
  if (!fromZero)
    return std::nullopt;
  auto add = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  auto ext = add ? add.getLhs().getDefiningOp<arith::ExtSIOp>() : arith::ExtSIOp();
  if (!ext || add.getRhs() != op.getBody()->getArguments().back())
    return std::nullopt;
  int64_t count = 1;
  for (auto [range, kind] :
       llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction &&
        (ShapedType::isDynamic(range) || llvm::MulOverflow(count, range, count)))
      return std::nullopt;
  unsigned width = ext.getIn().getType().getIntOrFloatBitWidth();
  if (width > 16)
    return std::nullopt;
  double half = std::ldexp(1.0, width - 1);
  return std::make_pair(Numbers(-half * count), Numbers((half - 1) * count));
}

std::optional<std::pair<Numbers, Numbers>> Body::accumulatorRange() {
  Value left = op->getOperand(0), right = op->getOperand(1);
  auto bits = [](Value v) { return getElementTypeOrSelf(v.getType()).getIntOrFloatBitWidth(); };
  if (!isa<IntegerType>(getElementTypeOrSelf(left.getType())) || bits(left) > 16)
    return std::nullopt;
  double xLo = -std::ldexp(1.0, bits(left) - 1), xHi = -xLo - 1;
  DenseElementsAttr weights;
  auto type = cast<ShapedType>(right.getType());
  if (!matchPattern(right, m_Constant(&weights))) {
    auto depth = cast<ShapedType>(left.getType()).getShape().back();
    if (!isa<nn::MatmulOp>(op) || ShapedType::isDynamic(depth) || bits(right) > 16)
      return std::nullopt;
    double most = depth * xLo * -std::ldexp(1.0, bits(right) - 1);
    return std::make_pair(Numbers(-most), Numbers(most));
  }
  bool last = true;
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    last = conv.getChannelsLast();
  std::vector<double> low(numChannels, 0), high(numChannels, 0);
  int64_t n = weights.getNumElements(), inner = last ? 1 : n / type.getDimSize(0);
  auto values = weights.getValues<APInt>();
  for (int64_t i = 0; i < n; ++i) {
    double w = values[i].getSExtValue();
    int64_t c = i / inner % numChannels;
    low[c] += std::min(w * xLo, w * xHi);
    high[c] += std::max(w * xLo, w * xHi);
  }
  return std::make_pair(Numbers(low), Numbers(high));
}

/// Range of a sum, difference or product of 32 bits that does not overflow.
std::optional<std::pair<Numbers, Numbers>> Body::arithmeticRange(Value v) {
  APInt known;
  if (matchPattern(v, m_ConstantInt(&known)))
    return std::make_pair(Numbers(known.getSExtValue()), Numbers(known.getSExtValue()));
  Operation *def = v.getDefiningOp();
  if (!v.getType().isInteger(32) || !isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(def))
    return std::nullopt;
  auto x = range(def->getOperand(0)), y = range(def->getOperand(1));
  if (!x || !y || x->first.size() != 1 || y->first.size() != 1)
    return std::nullopt;
  double least = INFINITY, most = -INFINITY;
  for (double a : {x->first[0], x->second[0]})
    for (double b : {y->first[0], y->second[0]}) {
      double r = isa<arith::AddIOp>(def) ? a + b : isa<arith::SubIOp>(def) ? a - b : a * b;
      least = std::min(least, r), most = std::max(most, r);
    }
  if (least < INT32_MIN || most > INT32_MAX)
    return std::nullopt;
  return std::make_pair(Numbers(least), Numbers(most));
}

std::optional<std::pair<Numbers, Numbers>> Body::range(Value v) {
  auto type = cast<IntegerType>(v.getType());
  if (type.getWidth() <= 16) {
    double half = std::ldexp(1.0, type.getWidth() - 1);
    return std::make_pair(Numbers(-half), Numbers(half - 1));
  }
  // Bounds that a lowering put on a number.
  APInt lo, hi;
  auto most = v.getDefiningOp<arith::MinSIOp>();
  auto least = most ? most.getLhs().getDefiningOp<arith::MaxSIOp>() : arith::MaxSIOp();
  if (least && matchPattern(most.getRhs(), m_ConstantInt(&hi)) &&
      matchPattern(least.getRhs(), m_ConstantInt(&lo)))
    return std::make_pair(Numbers(lo.getSExtValue()), Numbers(hi.getSExtValue()));
  auto arg = dyn_cast<BlockArgument>(v);
  if (!arg)
    return arithmeticRange(v);
  if (arg.getOwner() != body)
    return std::nullopt;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (arg.getArgNumber() >= generic.getNumDpsInputs())
      return std::nullopt;
    Value tensor = generic.getDpsInputs()[arg.getArgNumber()];
    DenseElementsAttr known;
    if (!matchPattern(tensor, m_Constant(&known)))
      return sumRange(tensor);
    Numbers all(elementsOf(known));
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < all.size(); ++i)
      least = std::min(least, all[i]), most = std::max(most, all[i]);
    return std::make_pair(Numbers(least), Numbers(most));
  }
  if (arg.getArgNumber() == 0)
    return accumulatorRange();
  return std::nullopt;
}

template <typename T>
Value Body::newOperand(ImplicitLocOpBuilder &b, ArrayRef<T> values, Type scalar) {
  if (llvm::all_equal(values))
    return arith::ConstantOp::create(b, b.getIntegerAttr(scalar, values[0]));
  OpBuilder outside(op);
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, scalar);
  Value tensor = arith::ConstantOp::create(outside, op->getLoc(),
                                           DenseElementsAttr::get(type, values));
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    unsigned at = generic.getNumDpsInputs();
    SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
    maps.insert(maps.begin() + at, AffineMap::get(generic.getNumLoops(), 0,
                                                  b.getAffineDimExpr(channelDim)));
    generic.getInputsMutable().append(tensor);
    generic.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
    return body->insertArgument(at, scalar, op->getLoc());
  }
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    conv.getEpilogueInputsMutable().append(tensor);
  else
    cast<nn::MatmulOp>(op).getEpilogueInputsMutable().append(tensor);
  return body->addArgument(scalar, op->getLoc());
}

Value Body::materialize(ImplicitLocOpBuilder &b, ArrayRef<int32_t> values) {
  return newOperand(b, values, b.getI32Type());
}

Value Body::materialize(ImplicitLocOpBuilder &b, ArrayRef<int64_t> values) {
  return newOperand(b, values, b.getI64Type());
}

void Body::dropUnusedOperands() {
  if (isa<linalg::GenericOp>(op))
    return; // linalg's own patterns do
  MutableOperandRange operands = isa<nn::ConvOp>(op)
                                     ? cast<nn::ConvOp>(op).getEpilogueInputsMutable()
                                     : cast<nn::MatmulOp>(op).getEpilogueInputsMutable();
  for (unsigned i = operands.size(); i-- > 0;)
    if (body->getArgument(i + 1).use_empty()) {
      body->eraseArgument(i + 1);
      operands.erase(i);
    }
}
