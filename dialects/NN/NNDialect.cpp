// This file implements the nn dialect: registration, verifiers, effects.
#include "dialects/NN/NN.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/NN/NNDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/NN/NNAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/NN/NNOps.cpp.inc"

void dlc::nn::NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/NN/NNAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/NN/NNOps.cpp.inc"
      >();
}

void dlc::nn::setIdentityEpilogue(OpBuilder &b, Location loc, Region &region,
                                  Type accumulator) {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&region, region.end(), {accumulator}, {loc});
  YieldOp::create(b, loc, block->getArguments());
}

int64_t dlc::nn::countMacs(Operation *op) {
  ShapedType out;
  int64_t depth = 0; // products summed for one element of the output
  if (auto conv = dyn_cast<ConvOp>(op)) {
    auto filter = cast<ShapedType>(conv.getFilter().getType());
    out = cast<ShapedType>(conv.getInit().getType());
    int64_t outputs = out.getDimSize(conv.getChannelDim());
    if (conv.getFilterShape())
      depth = conv.getGroupChannels();
    for (unsigned d = 0; conv.getFilterShape() && d < conv.getSpatialRank(); ++d)
      depth *= conv.getKernelSize(d);
    if (!conv.getFilterShape() && filter.hasStaticShape() && outputs > 0)
      depth = filter.getNumElements() / outputs;
  } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
    out = cast<ShapedType>(matmul.getInit().getType());
    depth = cast<ShapedType>(matmul.getA().getType()).getShape().back();
  }
  if (!out || !out.hasStaticShape() || depth <= 0)
    return 0;
  return out.getNumElements() * depth;
}

/// Inputs are read, the init is written, scratch is both, when they are buffers.
template <typename Op>
static void bufferEffects(
    Op op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &out) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isScratch = op.getScratch() && &operand == &op->getOpOperands().back();
    if (op.isDpsInit(&operand) || isScratch)
      out.emplace_back(MemoryEffects::Write::get(), &operand,
                       SideEffects::DefaultResource::get());
    if (!op.isDpsInit(&operand))
      out.emplace_back(MemoryEffects::Read::get(), &operand,
                       SideEffects::DefaultResource::get());
  }
}

/// Shapes of epilogue operands and arguments of the epilogue region.
template <typename Op> static LogicalResult verifyEpilogue(Op op) {
  auto init = cast<ShapedType>(op.getInit().getType());
  Block &block = op.getEpilogue().front();
  if (block.getNumArguments() != op.getEpilogueInputs().size() + 1)
    return op.emitOpError("epilogue takes the accumulator and one element of "
                          "each epilogue operand");
  auto yield = cast<dlc::nn::YieldOp>(block.getTerminator());
  if (yield.getNumOperands() != 1 ||
      yield.getOperand(0).getType() != init.getElementType())
    return op.emitOpError("epilogue must yield one element of the result");
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueInputs())) {
    auto type = cast<ShapedType>(operand.getType());
    if (block.getArgument(i + 1).getType() != type.getElementType())
      return op.emitOpError("epilogue argument ") << i + 1 << " has a wrong type";
    // One side may know a size that the other does not.
    bool perChannel =
        type.getRank() == 1 &&
        succeeded(verifyCompatibleShape(
            type.getShape(), init.getShape().slice(op.getChannelDim(), 1)));
    // Kernels that read whole vectors have longer ones.
    bool longer = type.getRank() == 1 && op.getKernelAttr() && type.hasStaticShape() &&
                  type.getDimSize(0) > init.getDimSize(op.getChannelDim());
    if (!perChannel && !longer && failed(verifyCompatibleShape(type, init)))
      return op.emitOpError("epilogue operand ")
             << i << " has neither the output's shape nor one element a channel";
  }
  return success();
}

int64_t dlc::nn::ConvOp::getKernelSize(unsigned d) {
  if (getFilterShape())
    return (*getFilterShape())[d];
  auto filter = cast<ShapedType>(getFilter().getType());
  return filter.getDimSize(getPacked() ? d + 1 : getChannelsLast() ? d : d + 2);
}

int64_t dlc::nn::ConvOp::getGroupChannels() {
  int64_t rank = getSpatialRank();
  if (getFilterShape())
    return (*getFilterShape())[rank];
  auto filter = cast<ShapedType>(getFilter().getType());
  return filter.getDimSize(getPacked() ? rank + 1 : getChannelsLast() ? rank : 1);
}

bool dlc::nn::ConvOp::isPadded() {
  return getPads() && llvm::any_of(getPadsAttr().asArrayRef(), [](int64_t p) { return p != 0; });
}

TypedAttr dlc::nn::ConvOp::getPadElement() {
  if (getPadValueAttr())
    return getPadValueAttr();
  return Builder(getContext())
      .getZeroAttr(cast<ShapedType>(getInput().getType()).getElementType());
}

/// Scratch is plain bytes, and only on buffers.
template <typename Op> static LogicalResult verifyScratch(Op op) {
  if (!op.getScratch())
    return success();
  auto type = cast<MemRefType>(op.getScratch().getType());
  if (type.getRank() != 1 || !type.getElementType().isInteger(8) || !type.hasStaticShape())
    return op.emitOpError("scratch is one dimension of i8 of known size, found ") << type;
  if (!isa<MemRefType>(op.getInit().getType()))
    return op.emitOpError("only contractions on buffers have scratch");
  return success();
}

LogicalResult dlc::nn::ConvOp::verify() {
  auto in = cast<ShapedType>(getInput().getType());
  auto filter = cast<ShapedType>(getFilter().getType());
  auto init = cast<ShapedType>(getInit().getType());
  int64_t rank = getSpatialRank();
  if (getPacked() < 0 || (getPacked() > 0 && !getChannelsLast()))
    return emitOpError("packed filters need channels_last");
  int64_t packed = getPacked() > 0 ? 1 : 0;
  if (getFilterShape() && (packed || !getChannelsLast() || !getKernelAttr() ||
                           static_cast<int64_t>(getFilterShape()->size()) != rank + 2))
    return emitOpError("filter_shape is [kernel..., C/group, O] of a filter packed for a kernel");
  int64_t filterRank = getFilterShape() ? 1 : rank + 2 + packed;
  if (in.getRank() != rank + 2 || filter.getRank() != filterRank ||
      init.getRank() != rank + 2 ||
      static_cast<int64_t>(getDilations().size()) != rank)
    return emitOpError("ranks of operands, strides and dilations differ");
  for (int64_t v : llvm::concat<const int64_t>(getStrides(), getDilations()))
    if (v < 1)
      return emitOpError("strides and dilations must be positive");
  bool last = getChannelsLast();
  int64_t channels = in.getDimSize(last ? rank + 1 : 1);
  int64_t groupChannels = getGroupChannels();
  int64_t outputs = init.getDimSize(last ? rank + 1 : 1);
  if (packed && filter.getDimSize(rank + 2) != static_cast<int64_t>(getPacked()))
    return emitOpError("panels of the filter have another width than packed says");
  if (getGroup() < 1 || outputs % getGroup() != 0 ||
      (!ShapedType::isDynamic(channels) &&
       channels != groupChannels * static_cast<int64_t>(getGroup())))
    return emitOpError("channels do not match groups");
  if (getPads()) {
    if (static_cast<int64_t>(getPads()->size()) != 2 * rank)
      return emitOpError("pads has ") << getPads()->size() << " elements, expected "
                                      << 2 * rank << " (begins, then ends)";
    for (int64_t p : getPadsAttr().asArrayRef())
      if (p < 0)
        return emitOpError("pads must not be negative");
  }
  if (getPadValueAttr() && getPadValueAttr().getType() != in.getElementType())
    return emitOpError("pad_value has type ") << getPadValueAttr().getType()
           << ", the input's elements have " << in.getElementType();
  for (int64_t d = 0; d < rank; ++d) {
    int64_t i = in.getDimSize(last ? d + 1 : d + 2);
    int64_t k = getKernelSize(d);
    int64_t o = init.getDimSize(last ? d + 1 : d + 2);
    if (ShapedType::isDynamic(i) || ShapedType::isDynamic(o))
      continue;
    if ((o - 1) * getStrides()[d] + (k - 1) * getDilations()[d] + 1 >
        i + getPadBefore(d) + getPadAfter(d))
      return emitOpError("spatial dimension ") << d << " reads past the input";
  }
  if (failed(verifyScratch(*this)))
    return failure();
  return verifyEpilogue(*this);
}

MutableOperandRange dlc::nn::ConvOp::getDpsInitsMutable() {
  return getInitMutable();
}
void dlc::nn::ConvOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &out) {
  bufferEffects(*this, out);
}

LogicalResult dlc::nn::MatmulOp::verify() {
  if (failed(verifyScratch(*this)))
    return failure();
  auto a = cast<ShapedType>(getA().getType());
  auto b = cast<ShapedType>(getB().getType());
  auto init = cast<ShapedType>(getInit().getType());
  int64_t rank = a.getRank();
  if (getPacked() > 0) {
    if (rank < 2 || init.getRank() != rank || b.getRank() != 3 ||
        b.getDimSize(2) != static_cast<int64_t>(getPacked()))
      return emitOpError("packed b is [ceil(N / P), K, P]");
    return verifyEpilogue(*this);
  }
  bool ownOrder = b.getRank() == 1 && getKernelAttr();
  if (rank < 2 || init.getRank() != rank ||
      (b.getRank() != rank && b.getRank() != 2 && !ownOrder))
    return emitOpError("needs matrices, or equal batch ranks");
  return verifyEpilogue(*this);
}

MutableOperandRange dlc::nn::MatmulOp::getDpsInitsMutable() {
  return getInitMutable();
}
void dlc::nn::MatmulOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &out) {
  bufferEffects(*this, out);
}

template <typename Op>
static LogicalResult verifyQuantization(Op op, RankedTensorType floats,
                                        RankedTensorType integers) {
  auto storage = dyn_cast<IntegerType>(integers.getElementType());
  int64_t lo = op.getLo(), hi = op.getHi();
  if (!floats.getElementType().isF32() || !storage || storage.getWidth() > 16 ||
      floats.getShape() != integers.getShape())
    return op.emitOpError("maps between f32 and integers of at most 16 bits of one shape");
  if (lo > hi || hi - lo >= (int64_t(1) << storage.getWidth()))
    return op.emitOpError("range does not fit the storage type");
  size_t count = 1;
  if (auto axis = op.getAxis()) {
    if (static_cast<int64_t>(*axis) >= floats.getRank() || floats.isDynamicDim(*axis))
      return op.emitOpError("axis has no static dimension");
    count = floats.getDimSize(*axis);
  }
  if (op.getScales().size() != count || op.getZeroPoints().size() != count)
    return op.emitOpError("needs ") << count << " scales and zero points";
  return success();
}

LogicalResult dlc::nn::QuantizeOp::verify() {
  return verifyQuantization(*this, cast<RankedTensorType>(getInput().getType()),
                            cast<RankedTensorType>(getType()));
}

LogicalResult dlc::nn::DequantizeOp::verify() {
  return verifyQuantization(*this, cast<RankedTensorType>(getType()),
                            cast<RankedTensorType>(getInput().getType()));
}
