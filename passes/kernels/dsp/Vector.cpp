// This file emits products of one row with a matrix: weights are read once and expanded
// on the way; the row, too, unless it has 16 bits, or once before, into scratch (depth 2).
#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmDSP/Schedule.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Dsp.h"
#include "passes/kernels/dsp/Function.h"
#include "passes/kernels/dsp/Weights.h"

using namespace mlir;
using namespace dlc::kernels;
using namespace dlc::kernels::dsp;

namespace {
using Emitter = ImplicitLocOpBuilder;

/// A word of the input of which only `count` elements are left; zero where it ends.
Value partialWord(Emitter &b, Value elements, int64_t from, int64_t count) {
  int64_t bits = cast<MemRefType>(elements.getType()).getElementTypeBitWidth();
  Value word;
  for (int64_t i = 0; i < count; ++i) {
    Value v = memref::LoadOp::create(b, elements, index(b, from + i));
    v = arith::ExtUIOp::create(b, b.getI32Type(), v);
    Value by = arith::ConstantOp::create(b, b.getI32IntegerAttr(bits * i));
    v = i ? arith::ShLIOp::create(b, v, by).getResult() : v;
    word = word ? arith::OrIOp::create(b, word, v).getResult() : v;
  }
  return word ? word : arith::ConstantOp::create(b, b.getI32IntegerAttr(0)).getResult();
}

/// Two pairs of the input from element `at` on, of which `count` are left.
std::array<Value, 2> loadPairs(Emitter &b, const Shape &s, Value input, Value at, int64_t count) {
  auto load = [&](int64_t first, int64_t most) -> Value {
    if (count >= first + most)
      return dlc::arm_dsp::LoadOp::create(b, input, offsetBy(b, at, first));
    return partialWord(b, input, *getConstantIntValue(at) + first, count - first);
  };
  if (s.hasHalves())
    return {load(0, 2), load(2, 2)};
  Value word = load(0, 4);
  return {dlc::arm_dsp::Sxtb16Op::create(b, word, 0), dlc::arm_dsp::Sxtb16Op::create(b, word, 8)};
}
} // namespace

int64_t dlc::kernels::dsp::vectorScratch(const Shape &s, nn::KernelAttr kernel) {
  return kernel.getDepth() == 2 ? s.channels / 4 * 8 : 0;
}

/// Expands the whole words of the row: bytes 0 and 2, then 1 and 3 of each.
static Value expandRow(Emitter &b, Value bytes, int64_t words, Value scratch) {
  Value pairs = memref::ViewOp::create(b, MemRefType::get({2 * words}, b.getI32Type()), scratch,
                                       index(b, 0), ValueRange());
  int64_t unroll = unrolling(words, 4), whole = words / unroll * unroll;
  auto some = [&](Emitter &wb, Value at, int64_t count) {
    SmallVector<Value> loaded;
    for (int64_t u = 0; u < count; ++u)
      loaded.push_back(dlc::arm_dsp::LoadOp::create(
          wb, bytes, offsetBy(wb, scaled(wb, index(wb, 0), at, 4), 4 * u)));
    for (auto [u, word] : llvm::enumerate(loaded))
      for (int64_t half = 0; half < 2; ++half)
        memref::StoreOp::create(wb, dlc::arm_dsp::Sxtb16Op::create(wb, word, half * 8), pairs,
                                offsetBy(wb, scaled(wb, index(wb, 0), at, 2), 2 * u + half));
  };
  plainLoop(b, 0, whole, unroll, [&](Emitter &wb, Value w) { some(wb, w, unroll); });
  some(b, index(b, whole), words - whole);
  return pairs;
}

/// The kernel as the body of `function`: the row has any number of whole words.
static void emitBody(const Shape &s, ArrayRef<Blocks> blocks, bool nibbles, KernelFunction &function) {
  Emitter outside(s.op->getLoc(), s.op), b = function.body();
  Panels panels = nibbles ? packNarrowPanels(outside, s, blocks, /*onlyPairs=*/true)
                          : packPanels(outside, s, blocks);
  Value bias = takeBias(s.op);
  Value weights = function.buffer(panels.words), row = function.buffer(s.input),
        out = function.output(s.out), groups = function.number(s.channels / (nibbles ? 8 : 4));
  if (bias)
    bias = function.buffer(bias);
  Value weight = index(b, 0);
  for (const Blocks &run : panels.blocks) {
    Value count = function.number(run.count), first = function.number(run.first);
    Value perBlock = mul(b, groups, index(b, run.rows));
    loop(b, index(b, 0), count, 1, [&](Emitter &ob, Value block) {
      Value output = scaled(ob, first, block, run.rows);
      SmallVector<Value> sums, results;
      for (int64_t r = 0; r < run.rows; ++r)
        sums.push_back(startOf(ob, s, nibbles ? Value() : bias, offsetBy(ob, output, r)));
      auto dot = dlc::arm_dsp::DotOp::create(ob, weights, add(ob, weight, mul(ob, block, perBlock)),
                                             row, index(ob, 0), sums, run.rows, 1, 0,
                                             nibbles ? 1 : 2, issuesPairs(s.op), groups);
      if (nibbles)
        dot->setAttr(dlc::arm_dsp::kNibbles, ob.getUnitAttr());
      for (int64_t r = 0; r < run.rows; ++r) {
        Value place = offsetBy(ob, output, r);
        Value sum = dot.getResults()[r];
        if (nibbles)
          sum = sumOfNibbles(ob, sum, bias, place);
        results.push_back(function.applyEpilogue(ob, sum, place, place));
      }
      for (auto [r, result] : llvm::enumerate(results))
        memref::StoreOp::create(ob, result, out, offsetBy(ob, output, r));
    });
    weight = add(b, weight, mul(b, count, perBlock));
  }
}

void dlc::kernels::dsp::emitVector(const Shape &s, nn::KernelAttr kernel, Value scratch,
                                   KernelFunction *function) {
  Emitter b(s.op->getLoc(), s.op);
  int64_t outputs = s.outputs, rows = kernel.getRows();
  SmallVector<Blocks> blocks;
  if (outputs / rows)
    blocks.push_back({rows, 0, outputs / rows});
  if (outputs % rows)
    blocks.push_back({outputs % rows, outputs / rows * rows, 1});
  if (function)
    return emitBody(s, blocks, hasNibbles(kernel), *function);
  bool nibbles = hasNibbles(kernel), isWide = s.isWide() && !nibbles;
  Panels panels = nibbles ? packNarrowPanels(b, s, blocks, /*onlyPairs=*/true)
                          : packPanels(b, s, blocks);
  Flat input = flatten(b, s.input);
  // Rounds cost four cycles of a hundred: worth the code where most of the time goes.
  bool large = s.channels * s.outputs >= 1 << 16;
  Value bias = takeBias(s.op);
  int64_t wholeGroups = s.channels / 4, rest = s.channels % 4;
  int64_t words = isWide ? 2 : 1; // of a weight group of one output
  int64_t narrow = nibbles ? wholeGroups / 2 : 0; // pairs of groups that share words
  Value row = kernel.getDepth() == 2 ? expandRow(b, input.buffer, wholeGroups, scratch)
                                     : input.buffer;

  // The products of one group of four with `count` rows.
  auto step = [&](Emitter &qb, std::array<Value, 2> pairs, Value weight, int64_t count,
                  ValueRange carried) {
    SmallVector<Value> sums(carried.begin(), carried.end()), w;
    for (int64_t i = 0; i < count * words; ++i)
      w.push_back(memref::LoadOp::create(qb, panels.words, offsetBy(qb, weight, i)));
    for (int64_t r = 0; r < count; ++r)
      for (int64_t half = 0; half < 2; ++half) {
        Value pair = isWide ? w[2 * r + half]
                                : dlc::arm_dsp::Sxtb16Op::create(qb, w[r], half * 8).getResult();
        sums[r] = multiplyAdd(qb, s, pair, pairs[half], sums[r]);
      }
    return sums;
  };
  for (const Blocks &run : panels.blocks)
    plainLoop(b, 0, run.count, 1, [&](Emitter &ob, Value block) {
      int64_t perGroup = run.rows * words;
      Value weight = scaled(ob, index(ob, run.start), block, (wholeGroups - narrow + (rest != 0)) * perGroup);
      Value output = scaled(ob, index(ob, run.first), block, run.rows);
      SmallVector<Value> sums;
      for (int64_t r = 0; r < run.rows; ++r)
        sums.push_back(startOf(ob, s, nibbles ? Value() : bias, offsetBy(ob, output, r)));
      int64_t unroll = std::max<int64_t>(1, unrolling(wholeGroups, large ? 8 : 4));
      auto several = [&](Emitter &qb, Value q, ValueRange carried, int64_t count) {
        SmallVector<Value> inner(carried.begin(), carried.end());
        for (int64_t u = 0; u < count; ++u) {
          Value at = offsetBy(qb, q, u);
          auto pairs = loadPairs(qb, s, input.buffer, scaled(qb, index(qb, 0), at, 4), 4);
          inner = step(qb, pairs, scaled(qb, weight, at, perGroup), run.rows, inner);
        }
        return inner;
      };
      if (narrow) {
        auto dot = dlc::arm_dsp::DotOp::create(
            ob, panels.words, weight, row, index(ob, 0), sums, run.rows, 1, narrow,
            std::max<int64_t>(1, unrolling(narrow, large ? 4 : 2)), issuesPairs(s.op));
        dot->setAttr(dlc::arm_dsp::kNibbles, ob.getUnitAttr());
        sums.assign(dot.getResults().begin(), dot.getResults().end());
      }
      for (int64_t r = 0; nibbles && r < run.rows; ++r)
        sums[r] = sumOfNibbles(ob, sums[r], bias, offsetBy(ob, output, r));
      weight = offsetBy(ob, weight, -narrow * perGroup); // as if all groups had words of their own
      int64_t whole = isWide ? wholeGroups / unroll * unroll : wholeGroups;
      // Sums of 64 bits are those of parts that fit 32.
      auto dot = [&](Emitter &qb, Value q, ValueRange carried, int64_t groups) {
        SmallVector<Value> starts(carried.begin(), carried.end());
        if (s.isLong)
          starts.assign(carried.size(), arith::ConstantOp::create(qb, qb.getI32IntegerAttr(0)));
        int64_t elements = kernel.getDepth() == 2 ? 2 : 4; // of the row, for a group
        auto products = dlc::arm_dsp::DotOp::create(
            qb, panels.words, scaled(qb, weight, q, run.rows), row,
            scaled(qb, index(qb, 0), q, elements), starts, run.rows, 1, groups,
            std::max<int64_t>(1, unrolling(groups, large ? 8 : 4)), issuesPairs(s.op));
        return s.isLong ? addWords(qb, carried, products.getResults())
                        : SmallVector<Value>(products.getResults());
      };
      if (!isWide && !nibbles && wholeGroups) {
        int64_t most = s.isLong ? groupsOfWords(s) : wholeGroups, rounds = wholeGroups / most * most;
        sums = carryLoop(ob, 0, rounds, most, sums, [&](Emitter &qb, Value q, ValueRange carried) {
          return dot(qb, q, carried, most);
        });
        if (wholeGroups > rounds)
          sums = dot(ob, index(ob, rounds), sums, wholeGroups - rounds);
      }
      sums = carryLoop(ob, 0, isWide ? whole : 0, unroll, sums, [&](Emitter &qb, Value q, ValueRange carried) {
        return several(qb, q, carried, unroll);
      });
      if (nibbles)
        whole = 2 * narrow;
      sums = several(ob, index(ob, whole), sums, wholeGroups - whole);
      if (rest) {
        auto pairs = loadPairs(ob, s, input.buffer, index(ob, wholeGroups * 4), rest);
        sums = step(ob, pairs, offsetBy(ob, weight, wholeGroups * perGroup), run.rows, sums);
      }
      SmallVector<Value> results;
      SmallVector<SmallVector<Value>> places;
      Value zero = index(ob, 0);
      for (int64_t r = 0; r < run.rows; ++r) {
        places.push_back(s.at(zero, zero, zero, offsetBy(ob, output, r)));
        results.push_back(applyEpilogue(ob, s.op, sums[r], places.back()));
      }
      for (auto [result, place] : llvm::zip_equal(results, places))
        memref::StoreOp::create(ob, result, s.out, place);
    });
  s.op->erase();
}
