// This file emits loads, products and stores of register tiles.
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc::kernels;

Tile::Tile(nn::KernelAttr kernel, Type element, rt::TargetAttr target)
    : kernel(kernel), element(element), target(target) {
  // A scalable panel is walked three vectors at a time.
  vectorCount = kernel.getKind() == "depthwise" ? 1
                : kernel.getScalable()          ? 3
                                                : kernel.getColumns() / kernel.getLanes();
  accumulator = kernel.getLanes() == 1
                    ? element
                    : Type(VectorType::get({kernel.getLanes()}, element,
                                           {kernel.getScalable()}));
}

Value Tile::vectorLength(ImplicitLocOpBuilder &b) const {
  Value lanes = arith::ConstantIndexOp::create(b, kernel.getLanes());
  if (!kernel.getScalable())
    return lanes;
  return arith::MulIOp::create(b, lanes, vector::VectorScaleOp::create(b));
}

SmallVector<Value> Tile::zeros(ImplicitLocOpBuilder &b, int64_t count) const {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(accumulator));
  return SmallVector<Value>(count, zero);
}

Value Tile::load(ImplicitLocOpBuilder &b, Value buffer, ValueRange at, Value mask) const {
  auto vector = dyn_cast<VectorType>(accumulator);
  if (!vector)
    return memref::LoadOp::create(b, buffer, at);
  if (!mask)
    return vector::LoadOp::create(b, vector, buffer, at);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  return vector::MaskedLoadOp::create(b, vector, buffer, at, mask, zero);
}

Value Tile::loadFirst(ImplicitLocOpBuilder &b, Value buffer, ValueRange at, int64_t valid) const {
  if (valid >= kernel.getLanes())
    return load(b, buffer, at);
  Value result = zeros(b, 1).front();
  for (int64_t lane = 0; lane < valid; ++lane) {
    SmallVector<Value> where(at.begin(), at.end());
    where.back() = offsetBy(b, where.back(), lane);
    result = vector::InsertOp::create(b, memref::LoadOp::create(b, buffer, where), result, lane);
  }
  return result;
}

Value Tile::splat(ImplicitLocOpBuilder &b, Value scalar) const {
  if (!isa<VectorType>(accumulator))
    return scalar;
  return vector::BroadcastOp::create(b, accumulator, scalar);
}

Value Tile::multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value y, Value acc) const {
  return dlc::kernels::multiplyAdd(b, x, y, acc, target);
}

Value Tile::mask(ImplicitLocOpBuilder &b, Value count) const {
  auto type = VectorType::get({kernel.getLanes()}, b.getI1Type(), {kernel.getScalable()});
  return vector::CreateMaskOp::create(b, type, count);
}

void Tile::store(ImplicitLocOpBuilder &b, Operation *op, Value out, Value value,
                 ValueRange at, int64_t valid, Value mask) const {
  auto vector = dyn_cast<VectorType>(accumulator);
  if (!vector) {
    memref::StoreOp::create(b, applyEpilogue(b, op, value, at), out, at);
    return;
  }
  if (mask) {
    Value result = applyEpilogueVector(b, op, value, at, mask);
    vector::MaskedStoreOp::create(b, out, at, mask, result);
    return;
  }
  if (valid >= kernel.getLanes()) {
    vector::StoreOp::create(b, applyEpilogueVector(b, op, value, at), out, at);
    return;
  }
  for (int64_t lane = 0; lane < valid; ++lane) {
    Value scalar = vector::ExtractOp::create(b, value, lane);
    SmallVector<Value> where(at.begin(), at.end());
    where.back() = offsetBy(b, where.back(), lane);
    memref::StoreOp::create(b, applyEpilogue(b, op, scalar, where), out, where);
  }
}

SmallVector<Value> dlc::kernels::carryLoop(
    ImplicitLocOpBuilder &b, int64_t begin, int64_t end, int64_t step, ValueRange values,
    llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, ValueRange)>
        body) {
  if (end <= begin)
    return SmallVector<Value>(values.begin(), values.end());
  Value first = arith::ConstantIndexOp::create(b, begin);
  if (end - begin <= step)
    return body(b, first, values);
  auto loop = scf::ForOp::create(
      b, first, arith::ConstantIndexOp::create(b, end),
      arith::ConstantIndexOp::create(b, step), values,
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        ImplicitLocOpBuilder ib(loc, builder);
        scf::YieldOp::create(ib, body(ib, i, carried));
      });
  return SmallVector<Value>(loop.getResults());
}

void dlc::kernels::plainLoop(
    ImplicitLocOpBuilder &b, int64_t begin, int64_t end, int64_t step,
    llvm::function_ref<void(ImplicitLocOpBuilder &, Value)> body) {
  carryLoop(b, begin, end, step, {},
            [&](ImplicitLocOpBuilder &ib, Value i, ValueRange) -> SmallVector<Value> {
              body(ib, i);
              return {};
            });
}

void dlc::kernels::branch(ImplicitLocOpBuilder &b, Value condition,
                          llvm::function_ref<void(ImplicitLocOpBuilder &)> then,
                          llvm::function_ref<void(ImplicitLocOpBuilder &)> otherwise) {
  auto block = [](llvm::function_ref<void(ImplicitLocOpBuilder &)> emit) {
    return [emit](OpBuilder &builder, Location loc) {
      ImplicitLocOpBuilder ib(loc, builder);
      emit(ib);
      scf::YieldOp::create(ib);
    };
  };
  if (otherwise)
    scf::IfOp::create(b, condition, block(then), block(otherwise));
  else
    scf::IfOp::create(b, condition, block(then));
}

Value dlc::kernels::offsetBy(ImplicitLocOpBuilder &b, Value a, int64_t offset) {
  if (offset == 0)
    return a;
  if (auto c = getConstantIntValue(a))
    return arith::ConstantIndexOp::create(b, *c + offset);
  return arith::AddIOp::create(b, a, arith::ConstantIndexOp::create(b, offset));
}

Value dlc::kernels::scaled(ImplicitLocOpBuilder &b, Value a, Value c, int64_t factor) {
  if (auto k = getConstantIntValue(c))
    return offsetBy(b, a, *k * factor);
  Value product = factor == 1 ? c
                              : arith::MulIOp::create(
                                    b, c, arith::ConstantIndexOp::create(b, factor))
                                    .getResult();
  if (getConstantIntValue(a) == 0)
    return product;
  return arith::AddIOp::create(b, a, product);
}
