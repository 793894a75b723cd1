// This file computes how far outputs of operations may lie over their inputs.
#include "passes/memory/Overlaps.h"

#include "mlir/Interfaces/ViewLikeInterface.h"
#include "passes/kernels/Needs.h"
#include "passes/memory/Lifetimes.h"

using namespace mlir;
using namespace dlc::memory;

std::optional<int64_t> dlc::memory::nestDistance(ArrayRef<int64_t> rounds, ArrayRef<int64_t> input,
                                                 ArrayRef<int64_t> output, int64_t written) {
  // The least input(t) - output(s) over all rounds s before t: they agree in the
  // loops outside of `level`, s is behind there, and are free inside.
  std::optional<int64_t> least;
  size_t depth = rounds.size();
  auto lowest = [&](int64_t factor, size_t d) {
    return std::min<int64_t>(0, factor * (rounds[d] - 1));
  };
  for (size_t level = 0; level < depth; ++level) {
    int64_t n = rounds[level];
    if (n < 2)
      continue;
    int64_t sum = 0;
    for (size_t d = 0; d < level; ++d)
      sum += lowest(input[d] - output[d], d);
    // A linear function of s < t is least in a corner.
    int64_t in = input[level], out = output[level];
    sum += std::min({in, in * (n - 1), in * (n - 1) - out * (n - 2)});
    for (size_t d = level + 1; d < depth; ++d)
      sum += lowest(input[d], d) + lowest(-output[d], d);
    least = std::min(least.value_or(INT64_MAX), sum);
  }
  if (!least)
    return std::nullopt;
  return *least - written;
}

Value dlc::memory::bufferOf(Value v) {
  while (true) {
    auto type = dyn_cast<MemRefType>(v.getType());
    if (!type || !type.getLayout().isIdentity())
      return {};
    Operation *def = v.getDefiningOp();
    if (!def || !isa<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(def))
      return v;
    v = def->getOperand(0);
  }
}

/// Adds `factor` times the linear expression to `strides` and `offset`.
static bool addLinear(AffineExpr expr, int64_t factor, MutableArrayRef<int64_t> strides,
                      int64_t &offset) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    strides[dim.getPosition()] += factor;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    offset += factor * constant.getValue();
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, strides, offset) &&
           addLinear(binary.getRHS(), factor, strides, offset);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && constant &&
         addLinear(binary.getLHS(), factor * constant.getValue(), strides, offset);
}

/// Bytes from the start of the buffer for one round of each loop; false when the
/// operand is not walked linearly.
static bool walkOf(Value buffer, AffineMap map, SmallVectorImpl<int64_t> &strides,
                   int64_t &offset) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.hasStaticShape())
    return false;
  strides.assign(map.getNumDims(), 0);
  offset = 0;
  int64_t factor = elementBytes(type.getElementType());
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    if (!addLinear(map.getResult(d), factor, strides, offset))
      return false;
    factor *= type.getDimSize(d);
  }
  return true;
}

/// linalg.generic becomes a plain nest: each round loads its elements, then stores.
static void overlapsOfGeneric(linalg::GenericOp op, SmallVectorImpl<OperandOverlap> &result) {
  SmallVector<int64_t> rounds = op.getStaticLoopRanges();
  if (llvm::any_of(rounds, [](int64_t n) { return n < 1; }))
    return;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    SmallVector<int64_t> out;
    int64_t outOffset;
    if (!bufferOf(init.get()) ||
        !walkOf(init.get(), op.getMatchingIndexingMap(&init), out, outOffset))
      continue;
    auto outType = cast<MemRefType>(init.get().getType());
    int64_t written = elementBytes(outType.getElementType());
    for (OpOperand *input : op.getDpsInputOperands()) {
      SmallVector<int64_t> in;
      int64_t inOffset;
      if (!isa<MemRefType>(input->get().getType()) || !bufferOf(input->get()) ||
          !walkOf(input->get(), op.getMatchingIndexingMap(input), in, inOffset))
        continue;
      std::optional<int64_t> distance = nestDistance(rounds, in, out, written);
      // A single round: everything was read when it writes.
      if (!distance)
        distance = cast<MemRefType>(input->get().getType()).getNumElements() * 8;
      else
        *distance += inOffset - outOffset;
      result.push_back({input->get(), init.get(), *distance, false});
    }
  }
}

/// A kernel applies the epilogue to each element right before it stores it: operands
/// of the output's form are read where the output is written.
static void overlapsOfEpilogue(ValueRange operands, Value init,
                               SmallVectorImpl<OperandOverlap> &result) {
  auto out = dyn_cast<MemRefType>(init.getType());
  if (!out || !bufferOf(init))
    return;
  for (Value operand : operands) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (type && bufferOf(operand) && type.getShape() == out.getShape() &&
        elementBytes(type.getElementType()) == elementBytes(out.getElementType()))
      result.push_back({operand, init, 0, true});
  }
}

/// What the micro-kernel says of its first input.
static void overlapsOfKernel(Operation *op, Value input, Value init,
                             SmallVectorImpl<OperandOverlap> &result) {
  std::optional<dlc::kernels::Overlap> overlap = dlc::kernels::overlapOf(op);
  if (overlap && bufferOf(input) && bufferOf(init))
    result.push_back({input, init, -overlap->distance, overlap->exactly, overlap->backwards});
}

/// Whether only operands that start where the output starts are worth it: LLVM
/// orders vectors' loads and stores by comparing addresses at run time otherwise,
/// and where memory is plenty time counts.
static bool isInPlaceOnly(Operation *op) {
  auto module = op->getParentOfType<ModuleOp>();
  dlc::rt::TargetAttr target = dlc::rt::targetOf(module);
  auto optimize = module->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
  if (!target || (optimize && optimize.getValue() == "ram"))
    return false;
  return target.getHosted() || (isa<linalg::GenericOp>(op) && target.getVectorBits() > 0);
}

SmallVector<OperandOverlap> dlc::memory::overlapsOf(Operation *op) {
  SmallVector<OperandOverlap> result;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    overlapsOfGeneric(generic, result);
  } else if (auto conv = dyn_cast<dlc::nn::ConvOp>(op)) {
    overlapsOfKernel(op, conv.getInput(), conv.getInit(), result);
    overlapsOfEpilogue(conv.getEpilogueInputs(), conv.getInit(), result);
  } else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op)) {
    overlapsOfKernel(op, matmul.getA(), matmul.getInit(), result);
    overlapsOfEpilogue(matmul.getEpilogueInputs(), matmul.getInit(), result);
  } else if (auto copy = dyn_cast<memref::CopyOp>(op)) {
    // In one place it copies nothing; dlc-plan-arena drops it then.
    if (bufferOf(copy.getSource()) && bufferOf(copy.getTarget()))
      result.push_back({copy.getSource(), copy.getTarget(), 0, true});
  }
  if (!result.empty() && isInPlaceOnly(op)) {
    llvm::erase_if(result, [](const OperandOverlap &o) { return o.exact ? o.distance != 0 : o.distance < 0; });
    for (OperandOverlap &o : result) {
      o.distance = 0;
      o.exact = true;
      o.above = INT64_MAX;
    }
  }
  return result;
}
