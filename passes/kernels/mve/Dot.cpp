// This file emits sums over lanes: tiles of 2 rows by 4 channels, or 1 row by 4 or 8.
#include "passes/kernels/mve/Dot.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "dialects/RT/RT.h"
#include "passes/kernels/Epilogue.h"
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;
using namespace dlc::kernels::mve;

/// Vectors of two rows that stay in registers while channels are the inner loop, with
/// room for the epilogue, which LLVM then moves between the products.
static constexpr int64_t kHeldTogether = 6;

Dot::Dot(ImplicitLocOpBuilder &b, Operation *op, DotWeights weights, Value filter, Value init)
    : op(op), epilogue(op), weights(weights), filter(filter), init(init) {
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
  straight = optimize && optimize.getValue() == "size" ? 4 : 36;
}

SmallVector<Value> Dot::accumulate(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                                   Value weightsAt, SmallVector<Value> sums) const {
  int64_t lanes = weights.lanes;
  auto type = VectorType::get({lanes}, b.getIntegerType(8 * kBytes / lanes));
  bool words = bytesOf(filter) * lanes == kBytes; // weights are whole vectors
  int64_t rows = starts.size(), channels = weights.perHalf();
  int64_t whole = left.whole ? llvm::divideCeil(left.run, lanes) : left.run / lanes;
  int64_t rest = left.whole ? 0 : left.run % lanes;

  // Loads and products alternate: the core overlaps two neighbours of different
  // kinds, not two of one kind.
  auto step = [&](ImplicitLocOpBuilder &ib, ValueRange from, Value weight, Value first,
                  ValueRange carried) {
    SmallVector<Value> now(carried.begin(), carried.end()), x(rows);
    for (int64_t j = 0; j < channels; ++j) {
      Value w;
      for (int64_t r = 0; r < rows; ++r) {
        if (!x[r])
          x[r] = arm_mve::LoadOp::create(ib, type, left.memory, ValueRange{from[r]}, first, false);
        if (!w)
          w = arm_mve::LoadOp::create(ib, type, filter,
                                      ValueRange{plus(ib, weight, j * lanes)}, Value(), words);
        Value &sum = now[j * rows + r];
        sum = arm_mve::VmladavaOp::create(ib, b.getI32Type(), sum, x[r], w);
      }
    }
    return now;
  };
  for (int64_t v = 0; v < whole + (rest != 0); ++v) {
    SmallVector<Value> from;
    for (Value start : starts)
      from.push_back(plus(b, start, v * lanes));
    sums = step(b, from, plus(b, weightsAt, v * channels * lanes),
                v == whole ? index(b, rest) : Value(), sums);
  }
  return sums;
}

static SmallVector<Value> indicesAt(ImplicitLocOpBuilder &b, ArrayRef<Value> output,
                                    Value channel, int64_t lane) {
  SmallVector<Value> indices(output.begin(), output.end());
  indices.push_back(plus(b, channel, lane));
  return indices;
}

Value Dot::load(ImplicitLocOpBuilder &b, unsigned i, const Quad &quad) const {
  Value operand = epilogue.operands()[i];
  SmallVector<Value> indices = epilogue.isPerChannel(i)
                                   ? SmallVector<Value>{quad.channel}
                                   : indicesAt(b, quad.output, quad.channel, 0);
  Type element = cast<MemRefType>(operand.getType()).getElementType();
  if (isa<IntegerType>(element))
    return arm_mve::LoadOp::create(b, VectorType::get({kPanel}, b.getI32Type()), operand, indices,
                                   quad.valid < kPanel ? index(b, quad.valid) : Value(), false);
  auto type = VectorType::get({kPanel}, element);
  if (quad.valid == kPanel)
    return vector::LoadOp::create(b, type, operand, indices);
  Value result = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (int64_t lane = 0; lane < quad.valid; ++lane) {
    Value scalar = memref::LoadOp::create(b, operand, indices);
    result = vector::InsertOp::create(b, scalar, result, lane);
    indices.back() = plus(b, indices.back(), 1);
  }
  return result;
}

void Dot::store(ImplicitLocOpBuilder &b, Value sums, const Quad &quad) const {
  auto at = [&](int64_t lane) { return indicesAt(b, quad.output, quad.channel, lane); };
  if (!epilogue.isVector()) {
    for (int64_t lane = 0; lane < quad.valid; ++lane) {
      Value result = applyEpilogue(b, op, vector::ExtractOp::create(b, sums, lane), at(lane));
      memref::StoreOp::create(b, result, init, at(lane));
    }
    return;
  }
  Value first = quad.valid < kPanel ? index(b, quad.valid) : Value();
  Value result = epilogue.apply(b, sums, [&](unsigned i) { return load(b, i, quad); });
  auto type = cast<VectorType>(result.getType());
  if (type.getElementType().isInteger(32)) {
    arm_mve::StoreOp::create(b, result, init, at(0), first);
  } else if (!first) {
    vector::StoreOp::create(b, result, init, at(0));
  } else {
    for (int64_t lane = 0; lane < quad.valid; ++lane)
      memref::StoreOp::create(b, vector::ExtractOp::create(b, result, lane), init, at(lane));
  }
}

void Dot::storeClamped(ImplicitLocOpBuilder &b, ValueRange sums, ArrayRef<Quad> quads) const {
  auto words = VectorType::get({kPanel}, b.getI32Type());
  auto halves = VectorType::get({kLanes / 2}, b.getI16Type());
  auto bytes = VectorType::get({kLanes}, b.getI8Type());
  // Quads in the lower and the upper halves of words.
  Value both;
  for (auto [i, quad] : llvm::enumerate(quads)) {
    Value v = epilogue.applyUnclamped(b, sums[i], [&, i = i](unsigned operand) {
      return load(b, operand, quads[i]);
    });
    Value into = i == 0 ? vector::BitCastOp::create(b, halves, v).getResult() : both;
    both = arm_mve::VqmovnOp::create(b, halves, into, v, epilogue.shift(), i == 1);
  }
  if (int16_t zero = epilogue.zeroPoint())
    both = arm_mve::VqaddOp::create(
        b, both, arith::ConstantOp::create(b, DenseElementsAttr::get(halves, zero)));
  Value result = arm_mve::VqmovnOp::create(b, bytes, vector::BitCastOp::create(b, bytes, both),
                                           both, 0, false);
  result = epilogue.bounded(b, result);
  result = vector::BitCastOp::create(b, words, result);
  for (auto [i, quad] : llvm::enumerate(quads)) {
    if (i == 1) {
      Value half = arith::ConstantOp::create(b, DenseElementsAttr::get(words, int32_t(16)));
      result = arith::ShRUIOp::create(b, result, half);
    }
    Value first = quad.valid < kPanel ? index(b, quad.valid) : Value();
    arm_mve::StoreOp::create(b, result, init, indicesAt(b, quad.output, quad.channel, 0), first);
  }
}

SmallVector<Value> Dot::sumInAssembly(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                                      Value weightsAt, ArrayRef<Quad> quads) const {
  int64_t rows = starts.size();
  auto words = VectorType::get({kPanel}, b.getI32Type());
  SmallVector<Type> types(rows * weights.panel / kPanel, words);
  auto number = [&](int64_t n) { return b.getI64IntegerAttr(n); };
  int64_t lanes = weights.lanes, bytes = bytesOf(left.memory);
  int64_t vectors = left.whole ? llvm::divideCeil(left.run, lanes) : left.run / lanes;
  auto dot = arm_mve::DotOp::create(
      b, types, filter, weightsAt, left.memory, starts[0], number(rows), number(weights.panel),
      number(weights.halves), number(left.runs), number(vectors),
      number(left.whole ? 0 : left.run % lanes), number(left.runs > 1 ? left.runStride * bytes : 0),
      number(rows > 1 ? left.rowStride * bytes : 0), number(straight));
  SmallVector<Value> sums;
  for (auto [i, quad] : llvm::enumerate(quads)) {
    Value v = dot.getResult(i);
    if (epilogue.bias())
      v = arith::AddIOp::create(
          b, v,
          arm_mve::LoadOp::create(b, words, epilogue.bias(), ValueRange{quad.channel},
                                  quad.valid < kPanel ? index(b, quad.valid) : Value(), false));
    sums.push_back(v);
  }
  return sums;
}

SmallVector<Value> Dot::sum(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                            Value weightsAt, Value channel, int64_t valid) const {
  int64_t rows = starts.size();
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  // Sums by row and channel.
  SmallVector<SmallVector<Value>> sums(rows, SmallVector<Value>(kPanel, zero));
  for (int64_t half = 0; half < weights.halves; ++half) {
    SmallVector<Value> start;
    for (int64_t j = 0; j < weights.perHalf(); ++j) {
      int64_t c = half + weights.halves * j;
      Value first = zero;
      if (epilogue.bias() && c < valid)
        first = memref::LoadOp::create(b, epilogue.bias(), ValueRange{plus(b, channel, c)});
      start.append(rows, first);
    }
    SmallVector<Value> end =
        accumulate(b, left, starts, plus(b, weightsAt, half * weights.halfSize()), start);
    for (int64_t j = 0; j < weights.perHalf(); ++j)
      for (int64_t r = 0; r < rows; ++r)
        sums[r][half + weights.halves * j] = end[j * rows + r];
  }
  SmallVector<Value> vectors;
  for (ArrayRef<Value> row : sums)
    vectors.push_back(
        vector::FromElementsOp::create(b, VectorType::get({kPanel}, b.getI32Type()), row));
  return vectors;
}

void Dot::emitTile(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                   ArrayRef<SmallVector<Value>> outputs, Value weightsAt, Value channel,
                   int64_t valid) const {
  SmallVector<Quad> quads;
  for (ArrayRef<Value> output : outputs)
    for (int64_t c = 0; c < valid; c += kPanel)
      quads.push_back({output, plus(b, channel, c), std::min(valid - c, kPanel)});
  int64_t vectors = llvm::divideCeil(left.run, weights.lanes);
  bool held = left.runs == 1 && weights.panel == kPanel &&
              vectors <= (starts.size() == 1 ? kHeld : kHeldTogether / 2);
  SmallVector<Value> sums = held ? sum(b, left, starts, weightsAt, channel, valid)
                                 : sumInAssembly(b, left, starts, weightsAt, quads);
  if (epilogue.isVector() && epilogue.clamps())
    return storeClamped(b, sums, quads);
  for (auto [i, quad] : llvm::enumerate(quads))
    store(b, sums[i], quad);
}

void Dot::emitRows(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                   ArrayRef<SmallVector<Value>> outputs, Value group) const {
  int64_t full = weights.outputs / weights.panel, rest = weights.outputs % weights.panel;
  Value base = times(b, group, weights.panels() * weights.panelSize());
  Value firstChannel = times(b, group, weights.outputs);
  auto panel = [&](ImplicitLocOpBuilder &ib, Value p, int64_t valid) {
    emitTile(ib, left, starts, outputs, plus(ib, base, times(ib, p, weights.panelSize())),
             plus(ib, firstChannel, times(ib, p, weights.panel)), valid);
  };
  plainLoop(b, 0, full, 1, [&](ImplicitLocOpBuilder &ib, Value p) { panel(ib, p, weights.panel); });
  if (rest)
    panel(b, index(b, full), rest);
}

void mve::forPairs(ImplicitLocOpBuilder &b, int64_t count, bool repeat,
                   llvm::function_ref<void(ImplicitLocOpBuilder &, ArrayRef<Value>)> body) {
  bool odd = count % 2;
  if (count > 1)
    plainLoop(b, 0, odd && !repeat ? count - 1 : count, 2,
              [&](ImplicitLocOpBuilder &ib, Value i) {
                if (odd && repeat)
                  i = getConstantIntValue(i) ? index(ib, std::min(*getConstantIntValue(i), count - 2))
                                             : arith::MinSIOp::create(ib, i, index(ib, count - 2)).getResult();
                body(ib, {i, plus(ib, i, 1)});
              });
  if (count == 1 || (odd && !repeat))
    body(b, index(b, count - 1));
}
