// This file emits sums over lanes: tiles of 1 or 2 rows by 4 channels.
#include "passes/kernels/mve/Dot.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "passes/kernels/Epilogue.h"
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;
using namespace dlc::kernels::mve;

/// Loops over vectors are unrolled when rows have at most this many together, and one at
/// most 8.
static constexpr int64_t kUnrolled = 12;

Dot::Dot(ImplicitLocOpBuilder &b, Operation *op, DotWeights weights, Value filter, Value init)
    : op(op), epilogue(op), weights(weights), filter(filter), init(init) {}

SmallVector<Value> Dot::accumulate(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                                   Value weightsAt, SmallVector<Value> sums) const {
  auto type = VectorType::get({kLanes}, b.getI8Type());
  int64_t rows = starts.size(), channels = weights.perHalf();
  int64_t whole = left.whole ? llvm::divideCeil(left.run, kLanes) : left.run / kLanes;
  int64_t rest = left.whole ? 0 : left.run % kLanes;

  // Loads and products alternate: the core overlaps two neighbours of different
  // kinds, not two of one kind.
  // `ahead`: the first row's vector, loaded before; `next`: where its next one lies,
  // which is returned behind the sums.
  auto step = [&](ImplicitLocOpBuilder &ib, ValueRange from, Value weight, Value first,
                  ValueRange carried, Value ahead = {}, Value next = {}) {
    SmallVector<Value> now(carried.begin(), carried.end()), x(rows);
    x[0] = ahead;
    for (int64_t j = 0; j < channels; ++j) {
      Value w;
      for (int64_t r = 0; r < rows; ++r) {
        if (!x[r])
          x[r] = arm_mve::LoadOp::create(ib, type, left.memory, ValueRange{from[r]}, first, false);
        if (!w)
          w = arm_mve::LoadOp::create(ib, type, filter,
                                      ValueRange{plus(ib, weight, j * kLanes)}, Value(), true);
        if (next && j == channels - 1 && r == rows - 1)
          next = arm_mve::LoadOp::create(ib, type, left.memory, ValueRange{next}, Value(), false);
        Value &sum = now[j * rows + r];
        sum = arm_mve::VmladavaOp::create(ib, b.getI32Type(), sum, x[r], w);
      }
    }
    if (next)
      now.push_back(next);
    return now;
  };
  // One run; `from` and `weight` are where it starts.
  auto run = [&](ImplicitLocOpBuilder &ib, ArrayRef<Value> from, Value weight, ValueRange carried) {
    auto vector = [&](ImplicitLocOpBuilder &jb, Value v, Value first, ValueRange inner) {
      SmallVector<Value> at;
      for (Value start : from)
        at.push_back(plus(jb, start, times(jb, v, kLanes)));
      return step(jb, at, plus(jb, weight, times(jb, v, channels * kLanes)), first, inner);
    };
    SmallVector<Value> now(carried.begin(), carried.end());
    if (whole * rows <= kUnrolled && whole <= 8)
      for (int64_t v = 0; v < whole; ++v)
        now = vector(ib, index(ib, v), {}, now);
    else {
      // A vector is loaded one round ahead, so that no round starts with two loads.
      now.push_back(arm_mve::LoadOp::create(ib, type, left.memory, ValueRange{from[0]}, Value(), false));
      now = carryLoop(ib, 0, whole - 1, 1, now,
                      [&](ImplicitLocOpBuilder &jb, Value v, ValueRange inner) {
                        SmallVector<Value> at;
                        for (Value start : from)
                          at.push_back(plus(jb, start, times(jb, v, kLanes)));
                        return step(jb, at, plus(jb, weight, times(jb, v, channels * kLanes)), {},
                                    inner.drop_back(), inner.back(), plus(jb, at[0], kLanes));
                      });
      Value ahead = now.pop_back_val(), v = index(ib, whole - 1);
      SmallVector<Value> at;
      for (Value start : from)
        at.push_back(plus(ib, start, times(ib, v, kLanes)));
      now = step(ib, at, plus(ib, weight, times(ib, v, channels * kLanes)), {}, now, ahead);
    }
    if (rest)
      now = vector(ib, index(ib, whole), index(ib, rest), now);
    return now;
  };
  int64_t perRun = whole + (rest != 0);
  return carryLoop(b, 0, left.runs, 1, sums,
                   [&](ImplicitLocOpBuilder &ib, Value r, ValueRange carried) {
                     SmallVector<Value> from;
                     for (Value start : starts)
                       from.push_back(plus(ib, start, times(ib, r, left.runStride)));
                     Value weight = plus(ib, weightsAt, times(ib, r, perRun * channels * kLanes));
                     return run(ib, from, weight, carried);
                   });
}

static SmallVector<Value> indicesAt(ImplicitLocOpBuilder &b, ArrayRef<Value> output,
                                    Value channel, int64_t lane) {
  SmallVector<Value> indices(output.begin(), output.end());
  indices.push_back(plus(b, channel, lane));
  return indices;
}

Value Dot::load(ImplicitLocOpBuilder &b, unsigned i, ArrayRef<Value> output, Value channel,
                int64_t valid) const {
  Value operand = epilogue.operands()[i];
  SmallVector<Value> indices =
      epilogue.isPerChannel(i) ? SmallVector<Value>{channel} : indicesAt(b, output, channel, 0);
  Type element = cast<MemRefType>(operand.getType()).getElementType();
  if (isa<IntegerType>(element))
    return arm_mve::LoadOp::create(b, VectorType::get({kPanel}, b.getI32Type()), operand, indices,
                                   valid < kPanel ? index(b, valid) : Value(), false);
  auto type = VectorType::get({kPanel}, element);
  if (valid == kPanel)
    return vector::LoadOp::create(b, type, operand, indices);
  Value result = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (int64_t lane = 0; lane < valid; ++lane) {
    Value scalar = memref::LoadOp::create(b, operand, indices);
    result = vector::InsertOp::create(b, scalar, result, lane);
    indices.back() = plus(b, indices.back(), 1);
  }
  return result;
}

void Dot::store(ImplicitLocOpBuilder &b, ArrayRef<Value> sums, ArrayRef<Value> output,
                Value channel, int64_t valid) const {
  auto at = [&](int64_t lane) { return indicesAt(b, output, channel, lane); };
  if (!epilogue.isVector()) {
    for (int64_t lane = 0; lane < valid; ++lane) {
      Value result = applyEpilogue(b, op, sums[lane], at(lane));
      memref::StoreOp::create(b, result, init, at(lane));
    }
    return;
  }
  Value first = valid < kPanel ? index(b, valid) : Value();
  Value vector =
      vector::FromElementsOp::create(b, VectorType::get({kPanel}, b.getI32Type()), sums);
  Value result = epilogue.apply(b, vector, [&](unsigned i) {
    return load(b, i, output, channel, valid);
  });
  auto type = cast<VectorType>(result.getType());
  if (type.getElementType().isInteger(32)) {
    arm_mve::StoreOp::create(b, result, init, at(0), first);
  } else if (!first) {
    vector::StoreOp::create(b, result, init, at(0));
  } else {
    for (int64_t lane = 0; lane < valid; ++lane)
      memref::StoreOp::create(b, vector::ExtractOp::create(b, result, lane), init, at(lane));
  }
}

void Dot::storeClamped(ImplicitLocOpBuilder &b, ArrayRef<SmallVector<Value>> sums,
                       ArrayRef<SmallVector<Value>> outputs, Value channel, int64_t valid) const {
  auto words = VectorType::get({kPanel}, b.getI32Type());
  auto halves = VectorType::get({kLanes / 2}, b.getI16Type());
  auto bytes = VectorType::get({kLanes}, b.getI8Type());
  // Rows in the lower and the upper halves of words.
  Value both;
  for (auto [r, row] : llvm::enumerate(sums)) {
    Value vector = vector::FromElementsOp::create(b, words, row);
    Value v = epilogue.applyUnclamped(b, vector, [&, r = r](unsigned i) {
      return load(b, i, outputs[r], channel, valid);
    });
    Value into = r == 0 ? vector::BitCastOp::create(b, halves, v).getResult() : both;
    both = arm_mve::VqmovnOp::create(b, halves, into, v, epilogue.shift(), r == 1);
  }
  if (int16_t zero = epilogue.zeroPoint())
    both = arm_mve::VqaddOp::create(
        b, both, arith::ConstantOp::create(b, DenseElementsAttr::get(halves, zero)));
  Value result = arm_mve::VqmovnOp::create(b, bytes, vector::BitCastOp::create(b, bytes, both),
                                           both, 0, false);
  auto bound = [&](int8_t v) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(bytes, v));
  };
  if (epilogue.lowest() > -128)
    result = arith::MaxSIOp::create(b, result, bound(epilogue.lowest()));
  if (epilogue.highest() < 127)
    result = arith::MinSIOp::create(b, result, bound(epilogue.highest()));
  result = vector::BitCastOp::create(b, words, result);
  Value first = valid < kPanel ? index(b, valid) : Value();
  for (auto [r, output] : llvm::enumerate(outputs)) {
    if (r == 1) {
      Value half = arith::ConstantOp::create(b, DenseElementsAttr::get(words, int32_t(16)));
      result = arith::ShRUIOp::create(b, result, half);
    }
    arm_mve::StoreOp::create(b, result, init, indicesAt(b, output, channel, 0), first);
  }
}

void Dot::emitTile(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                   ArrayRef<SmallVector<Value>> outputs, Value weightsAt, Value channel,
                   int64_t valid) const {
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
        accumulate(b, left, starts, plus(b, weightsAt, half * weights.halfBytes()), start);
    for (int64_t j = 0; j < weights.perHalf(); ++j)
      for (int64_t r = 0; r < rows; ++r)
        sums[r][half + weights.halves * j] = end[j * rows + r];
  }
  if (epilogue.isVector() && epilogue.clamps())
    return storeClamped(b, sums, outputs, channel, valid);
  for (int64_t r = 0; r < rows; ++r)
    store(b, sums[r], outputs[r], channel, valid);
}

void Dot::emitRows(ImplicitLocOpBuilder &b, const Left &left, ValueRange starts,
                   ArrayRef<SmallVector<Value>> outputs, Value group) const {
  int64_t full = weights.outputs / kPanel, rest = weights.outputs % kPanel;
  Value base = times(b, group, weights.panels() * weights.panelBytes());
  Value firstChannel = times(b, group, weights.outputs);
  auto panel = [&](ImplicitLocOpBuilder &ib, Value p, int64_t valid) {
    emitTile(ib, left, starts, outputs, plus(ib, base, times(ib, p, weights.panelBytes())),
             plus(ib, firstChannel, times(ib, p, kPanel)), valid);
  };
  plainLoop(b, 0, full, 1, [&](ImplicitLocOpBuilder &ib, Value p) { panel(ib, p, kPanel); });
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
