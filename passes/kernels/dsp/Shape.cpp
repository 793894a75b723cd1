// This file reads the sizes of integer contractions and orders their weights.
#include "passes/kernels/dsp/Shape.h"

using namespace mlir;
using namespace dlc::kernels::dsp;

std::optional<Shape> Shape::of(Operation *op) {
  Shape s;
  s.op = op;
  Type accumulator;
  if (auto conv = dyn_cast<nn::ConvOp>(op)) {
    unsigned spatial = conv.getSpatialRank();
    if (!conv.getChannelsLast() || conv.getPacked() || spatial < 1 || spatial > 2)
      return std::nullopt;
    s.input = conv.getInput();
    s.filter = conv.getFilter();
    s.out = conv.getInit();
    accumulator = conv.getAccumulatorType();
  } else if (auto matmul = dyn_cast<nn::MatmulOp>(op)) {
    if (matmul.getPacked())
      return std::nullopt;
    s.input = matmul.getA();
    s.filter = matmul.getB();
    s.out = matmul.getInit();
    accumulator = matmul.getAccumulatorType();
  } else {
    return std::nullopt;
  }
  auto in = cast<ShapedType>(s.input.getType()), filter = cast<ShapedType>(s.filter.getType()),
       out = cast<ShapedType>(s.out.getType());
  Type weight = filter.getElementType();
  if (!in.hasStaticShape() || !filter.hasStaticShape() || !out.hasStaticShape() ||
      !(in.getElementType().isInteger(8) || in.getElementType().isInteger(16)) || !(weight.isInteger(8) || weight.isInteger(16)) ||
      !(accumulator.isInteger(32) || accumulator.isInteger(64)))
    return std::nullopt;
  for (ShapedType type : {in, filter, out})
    if (type.getNumElements() == 0)
      return std::nullopt;
  s.isLong = accumulator.isInteger(64);
  s.rank = out.getRank();
  s.channels = in.getShape().back();
  s.outputs = out.getShape().back();
  if (isa<nn::MatmulOp>(op)) {
    if (s.rank > 3 || filter.getRank() != 2)
      return std::nullopt;
    s.batch = s.rank == 3 ? in.getDimSize(0) : 1;
    s.width = s.outWidth = in.getDimSize(s.rank - 2);
    return s;
  }
  auto conv = cast<nn::ConvOp>(op);
  s.batch = in.getDimSize(0);
  s.groups = conv.getGroup();
  unsigned last = conv.getSpatialRank() - 1;
  s.width = in.getDimSize(last + 1);
  s.outWidth = out.getDimSize(last + 1);
  s.kernelWidth = conv.getKernelSize(last);
  s.strideX = conv.getStrides()[last];
  s.dilationX = conv.getDilations()[last];
  s.padLeft = conv.getPadBefore(last);
  s.padRight = conv.getPadAfter(last);
  if (last == 1) {
    s.height = in.getDimSize(1);
    s.outHeight = out.getDimSize(1);
    s.kernelHeight = conv.getKernelSize(0);
    s.strideY = conv.getStrides()[0];
    s.dilationY = conv.getDilations()[0];
    s.padTop = conv.getPadBefore(0);
    s.padBottom = conv.getPadAfter(0);
  }
  if (conv.isPadded())
    s.padElement = conv.getPadElement();
  return s;
}

bool Shape::isWide() const {
  return cast<ShapedType>(filter.getType()).getElementType().isInteger(16);
}

int64_t Shape::elementBytes() const {
  return cast<ShapedType>(input.getType()).getElementType().isInteger(16) ? 2 : 1;
}

SmallVector<Value> Shape::at(Value n, Value y, Value x, Value o) const {
  if (isa<nn::MatmulOp>(op))
    return rank == 3 ? SmallVector<Value>{n, x, o} : SmallVector<Value>{x, o};
  return rank == 4 ? SmallVector<Value>{n, y, x, o} : SmallVector<Value>{n, x, o};
}

Patch::Patch(const Shape &s) {
  perTap = s.groupChannels();
  hasHalves = s.hasHalves();
  // Positions beside one another are one run when nothing lies between them.
  bool joined = s.groups == 1 && s.dilationX == 1;
  rows = s.kernelHeight;
  columns = joined ? 1 : s.kernelWidth;
  length = joined ? s.kernelWidth * perTap : perTap;
}

std::optional<Patch::Tap> Patch::tap(int64_t k) const {
  int64_t whole = words() * 4, run, element;
  if (k < runs() * whole) {
    run = k / whole;
    element = k % whole;
  } else {
    k -= runs() * whole;
    if (k >= runs() * rest())
      return std::nullopt;
    run = k / rest();
    element = whole + k % rest();
  }
  return Tap{run / columns, run % columns + element / perTap, element % perTap};
}

Steps Flat::steps(const Shape &s) const {
  size_t n = strides.size();
  if (isa<nn::MatmulOp>(s.op))
    return {n == 3 ? strides[0] : 0, 0, strides[n - 2]};
  return {strides[0], n == 4 ? strides[1] : 0, strides[n - 2]};
}

bool dlc::kernels::dsp::canWalk(const Shape &s) {
  Flat flat;
  int64_t offset;
  auto type = dyn_cast<MemRefType>(s.input.getType());
  if (!type || failed(type.getStridesAndOffset(flat.strides, offset)) ||
      llvm::any_of(flat.strides, ShapedType::isDynamic) || flat.strides.back() != 1)
    return false;
  // Runs of several positions (Patch) need them side by side.
  return s.kernelWidth == 1 || flat.steps(s).column == s.channels;
}

Flat dlc::kernels::dsp::flatten(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Flat flat;
  int64_t offset = 0;
  if (failed(type.getStridesAndOffset(flat.strides, offset)))
    return flat;
  if (type.getRank() == 1 && type.getLayout().isIdentity()) {
    flat.buffer = buffer;
    return flat;
  }
  // Not a collapse_shape: it folds into loads, as divisions by all sizes.
  int64_t span = 1;
  for (auto [size, stride] : llvm::zip_equal(type.getShape(), flat.strides))
    span += (size - 1) * stride;
  OpFoldResult start = b.getIndexAttr(offset);
  if (ShapedType::isDynamic(offset))
    start = memref::ExtractStridedMetadataOp::create(b, buffer).getOffset();
  auto flatType = MemRefType::get({span}, type.getElementType(),
                                  offset == 0 ? MemRefLayoutAttrInterface()
                                              : StridedLayoutAttr::get(b.getContext(), offset, {1}),
                                  type.getMemorySpace());
  flat.buffer = memref::ReinterpretCastOp::create(
      b, flatType, buffer, start, ArrayRef<OpFoldResult>{b.getIndexAttr(span)},
      ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  return flat;
}
