// This file emits flat access, fills and copies of the Helium kernels.
#include "passes/kernels/mve/Memory.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/mve/Geometry.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;
using namespace dlc::kernels::mve;

bool Flat::fits(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  return type && type.hasStaticShape() && succeeded(type.getStridesAndOffset(strides, offset)) &&
         ShapedType::isStaticShape(strides) && llvm::all_of(strides, [](int64_t s) { return s >= 0; }) &&
         (strides.empty() || strides.back() == 1);
}

Flat::Flat(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  if (type.getRank() == 1) {
    memory = buffer;
    return;
  }
  if (type.getLayout().isIdentity()) {
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    memory = memref::CollapseShapeOp::create(b, buffer, ArrayRef<ReassociationIndices>{all});
    return;
  }
  // From the first to the last element, with whatever lies between rows.
  int64_t span = 1;
  for (auto [size, stride] : llvm::zip_equal(type.getShape(), strides))
    span += (size - 1) * stride;
  OpFoldResult start = b.getIndexAttr(offset);
  if (ShapedType::isDynamic(offset))
    start = memref::ExtractStridedMetadataOp::create(b, buffer).getOffset();
  auto flat = MemRefType::get({span}, type.getElementType(),
                              StridedLayoutAttr::get(b.getContext(), offset, {1}));
  memory = memref::ReinterpretCastOp::create(b, flat, buffer, start,
                                             ArrayRef<OpFoldResult>{b.getIndexAttr(span)},
                                             ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
}

Value mve::plus(ImplicitLocOpBuilder &b, Value x, Value y) {
  if (auto c = getConstantIntValue(x))
    return plus(b, y, *c);
  if (auto c = getConstantIntValue(y))
    return plus(b, x, *c);
  return arith::AddIOp::create(b, x, y);
}

Value mve::plus(ImplicitLocOpBuilder &b, Value x, int64_t y) { return offsetBy(b, x, y); }

Value mve::times(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return scaled(b, index(b, 0), x, y);
}

/// A vector of the elements of `memory`.
static VectorType vectorOf(Value memory) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  return VectorType::get({kBytes / bytesOf(memory)}, element);
}

void mve::fill(ImplicitLocOpBuilder &b, Value memory, Value at, int64_t count, int64_t value) {
  VectorType type = vectorOf(memory);
  int64_t lanes = type.getNumElements(), whole = count / lanes * lanes;
  Value v = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, b.getIntegerAttr(type.getElementType(), value)));
  plainLoop(b, 0, whole, lanes, [&](ImplicitLocOpBuilder &ib, Value i) {
    arm_mve::StoreOp::create(ib, v, memory, ValueRange{plus(ib, at, i)}, Value());
  });
  if (count > whole)
    arm_mve::StoreOp::create(b, v, memory, ValueRange{plus(b, at, whole)}, index(b, count - whole));
}

void mve::copy(ImplicitLocOpBuilder &b, Value to, Value toAt, Value from, Value fromAt,
               int64_t count, bool slack) {
  VectorType type = vectorOf(from);
  int64_t lanes = type.getNumElements(), whole = count / lanes * lanes, rest = count % lanes;
  auto one = [&](ImplicitLocOpBuilder &ib, Value i, Value first) {
    Value v = arm_mve::LoadOp::create(ib, type, from, ValueRange{plus(ib, fromAt, i)}, first, false);
    arm_mve::StoreOp::create(ib, v, to, ValueRange{plus(ib, toAt, i)}, slack ? Value() : first);
  };
  if (whole <= 4 * lanes)
    for (int64_t i = 0; i < whole; i += lanes)
      one(b, index(b, i), {});
  else
    plainLoop(b, 0, whole, lanes, [&](ImplicitLocOpBuilder &ib, Value i) { one(ib, i, {}); });
  if (rest)
    one(b, index(b, whole), index(b, rest));
}

void mve::copy(ImplicitLocOpBuilder &b, Value to, Value toAt, Value from, Value fromAt,
               Value count) {
  VectorType type = vectorOf(from);
  scf::ForOp::create(b, index(b, 0), count, index(b, type.getNumElements()), ValueRange(),
                     [&](OpBuilder &builder, Location loc, Value i, ValueRange) {
                       ImplicitLocOpBuilder ib(loc, builder);
                       Value left = arith::SubIOp::create(ib, count, i);
                       Value v = arm_mve::LoadOp::create(
                           ib, type, from, ValueRange{plus(ib, fromAt, i)}, left, false);
                       arm_mve::StoreOp::create(ib, v, to, ValueRange{plus(ib, toAt, i)}, left);
                       scf::YieldOp::create(ib);
                     });
}

Value mve::scratchOf(ImplicitLocOpBuilder &b, Value scratch, Type type) {
  if (!scratch || type.isInteger(8))
    return scratch;
  int64_t bytes = cast<MemRefType>(scratch.getType()).getNumElements();
  auto view = MemRefType::get({bytes * 8 / type.getIntOrFloatBitWidth()}, type);
  return memref::ViewOp::create(b, view, scratch, index(b, 0), ValueRange());
}
