// This file emits depthwise convolutions with SMLAD: lines of a few channels lie in
// scratch, each channel by itself and expanded to 16 bits, so that neighbouring
// elements of a line are pairs; two results share their loads.
#include "dialects/ArmDSP/ArmDSP.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Dsp.h"
#include "passes/kernels/dsp/Function.h"
#include "passes/kernels/dsp/Weights.h"

using namespace mlir;
using namespace dlc::kernels;
using namespace dlc::kernels::dsp;

namespace {
using Emitter = ImplicitLocOpBuilder;

/// A pair of neighbouring weights of a line: tap `first` below, the next above;
/// taps outside the kernel are zero.
struct WeightPair {
  int64_t first;
};

/// One product: a pair of the input with a pair of weights, or halves of both.
struct Product {
  int64_t result;       ///< which of the two
  int64_t pair, weight; ///< which pair of the line, which pair of weights
  bool both, inputTop, weightTop;
};

/// The products of one line of the kernel for two results.
struct LinePlan {
  SmallVector<WeightPair> weights;
  SmallVector<Product> products; ///< by pair of the input
  int64_t pairs = 0;             ///< of the input that are read

  LinePlan(int64_t taps, int64_t stride) {
    // Pairs of weights that are whole, of both alignments when both occur.
    auto need = [&](int64_t first) {
      for (auto [i, w] : llvm::enumerate(weights))
        if (w.first == first)
          return static_cast<int64_t>(i);
      weights.push_back({first});
      return static_cast<int64_t>(weights.size()) - 1;
    };
    pairs = (stride + taps + 1) / 2;
    auto isTap = [&](int64_t t) { return t >= 0 && t < taps; };
    for (bool whole : {true, false}) // single taps find a place in whole pairs, mostly
      for (int64_t p = 0; p < pairs; ++p)
        for (int64_t j = 0; j < 2; ++j) {
          int64_t t = 2 * p - j * stride;
          bool low = isTap(t), high = isTap(t + 1);
          if (whole && low && high)
            products.push_back({j, p, need(t), true, false, false});
          if (whole || low == high)
            continue;
          int64_t tap = low ? t : t + 1, found = -1;
          for (auto [i, w] : llvm::enumerate(weights))
            if (w.first == tap || w.first + 1 == tap)
              found = i;
          if (found < 0)
            found = need(tap);
          products.push_back({j, p, found, false, !low, weights[found].first != tap});
        }
    llvm::sort(products, [](const Product &a, const Product &b) {
      return std::pair(a.pair, a.result) < std::pair(b.pair, b.result);
    });
  }
};

/// A depthwise convolution whose lines run along the width, or along the height.
struct Lines {
  Shape s; ///< with lines along its width
  bool swapped;

  Lines(const Shape &shape, bool swap) : s(shape), swapped(swap) {
    if (!swap)
      return;
    std::swap(s.height, s.width);
    std::swap(s.outHeight, s.outWidth);
    std::swap(s.kernelHeight, s.kernelWidth);
    std::swap(s.strideY, s.strideX);
    std::swap(s.dilationY, s.dilationX);
    std::swap(s.padTop, s.padLeft);
    std::swap(s.padBottom, s.padRight);
  }
  /// Elements of a line that are read, up to whole pairs.
  int64_t pairs() const {
    int64_t tiles = (s.outWidth + 1) / 2;
    return (tiles - 1) * s.strideX + LinePlan(s.kernelWidth, s.strideX).pairs;
  }
  /// Columns of the input that are read.
  int64_t columns() const {
    return std::min(s.width, (s.outWidth - 1) * s.strideX + s.kernelWidth - s.padLeft);
  }
};

/// The emitter of one convolution. Its sizes are values: constants, or arguments of a
/// function that several layers call; kernel, stride along a line and padding before
/// it are known in any case.
class Depthwise {
public:
  Depthwise(const Lines &lines, const Shape &original, dlc::nn::KernelAttr kernel, Value scratch,
            KernelFunction *function)
      : lines(lines), original(original), s(lines.s), plan(s.kernelWidth, s.strideX),
        channels(kernel.getRows()), function(function), outside(s.op->getLoc(), s.op),
        b(function ? function->body() : outside), scratch(scratch) {}
  void emit();

private:
  Value size(int64_t v) { return function ? function->number(v) : index(b, v); }
  void takeSizes();
  void pack();
  void emitGroup(Emitter &b, Value n, Value channel, int64_t count);
  void expandLine(Emitter &b, Value n, Value channel, Value row, Value slot, int64_t count);
  void copyLine(Emitter &b, Value from, Value to, int64_t count);
  void fillLine(Emitter &b, Value to, int64_t count);
  void emitLine(Emitter &b, Value n, Value channel, Value y, Value first, Value plane);
  void emitTile(Emitter &b, Value n, Value channel, Value y, Value x, Value plane,
                ArrayRef<Value> weights, Value start, int64_t results);
  /// Where a word of scratch lies behind another one: in layers of their own, pairs
  /// of a line lie side by side; in functions, steps are the same for all layers.
  Value step(Emitter &b, Value from, int64_t pairs, int64_t slots, int64_t planes);

  const Lines &lines;
  const Shape &original, &s;
  LinePlan plan;
  int64_t channels;
  KernelFunction *function;
  Emitter outside, b;
  Value scratch, input, words, halves, packed, padPair, bias;
  int64_t lineWords = 0, channelWords = 0; ///< of the packed weights
  bool mayEnd = true; ///< a line may have an odd number of results
  /// Sizes; steps are those in the input, of a result in the output.
  Value allChannels, height, outHeight, outWidth, padTop, strideY, linePairs, copiedPairs, copiedRest,
      batchStep, rowStep, columnStep, outRowStep, outColumnStep;
};
} // namespace

void Depthwise::takeSizes() {
  int64_t columns = lines.columns(), begin = s.padLeft % 2;
  allChannels = size(s.channels);
  height = size(s.height);
  outHeight = size(s.outHeight);
  outWidth = size(s.outWidth);
  padTop = size(s.padTop);
  strideY = size(s.strideY);
  linePairs = size(lines.pairs());
  copiedPairs = size(std::max<int64_t>(0, columns - begin) / 2);
  copiedRest = size(std::max<int64_t>(0, columns - begin) % 2);
  mayEnd = savesCode(s.op) || s.outWidth % 2;
  if (function) {
    input = function->buffer(s.input);
    Value width = lines.swapped ? Value() : size(s.width);
    rowStep = lines.swapped ? allChannels : mul(b, width, allChannels);
    columnStep = lines.swapped ? mul(b, height, allChannels) : allChannels;
    outRowStep = lines.swapped ? allChannels : mul(b, outWidth, allChannels);
    outColumnStep = lines.swapped ? mul(b, outHeight, allChannels) : allChannels;
    batchStep = index(b, 0);
    return;
  }
  Flat flat = flatten(b, s.input);
  Steps steps = flat.steps(original);
  input = flat.buffer;
  batchStep = index(b, steps.batch);
  rowStep = index(b, lines.swapped ? steps.column : steps.row);
  columnStep = index(b, lines.swapped ? steps.row : steps.column);
}

Value Depthwise::step(Emitter &b, Value from, int64_t pairs, int64_t slots, int64_t planes) {
  if (function)
    return offsetBy(b, from, (pairs * s.kernelHeight + slots) * channels + planes);
  return offsetBy(b, from, pairs + (slots * channels + planes) * lines.pairs());
}

/// Channel by channel, line by line: the pairs of weights, two to a word so that
/// SXTB16 yields them, or one to a word when they are wide.
void Depthwise::pack() {
  Filter filter = *Filter::of(original);
  int64_t count = plan.weights.size();
  lineWords = s.isWide() ? count : (count + 1) / 2;
  channelWords = lineWords * s.kernelHeight;
  std::vector<int32_t> data;
  for (int64_t c = 0; c < s.channels; ++c)
    for (int64_t line = 0; line < s.kernelHeight; ++line) {
      auto weight = [&](int64_t pair, int64_t half) -> int32_t {
        if (pair >= count)
          return 0;
        int64_t tap = plan.weights[pair].first + half;
        if (tap < 0 || tap >= s.kernelWidth)
          return 0;
        return lines.swapped ? filter.at({tap, line, 0}, c) : filter.at({line, tap, 0}, c);
      };
      for (int64_t i = 0; i < lineWords; ++i)
        data.push_back(s.isWide() ? pairOf(weight(i, 0), weight(i, 1))
                                  : wordOf(weight(2 * i, 0), weight(2 * i + 1, 0),
                                           weight(2 * i, 1), weight(2 * i + 1, 1)));
    }
  packed = storeWords(outside, s, data);
  if (function)
    packed = function->buffer(packed);
}

void Depthwise::emit() {
  pack();
  bias = takeBias(s.op);
  if (function && bias)
    bias = function->buffer(bias);
  takeSizes();
  int64_t total = s.kernelHeight * channels * lines.pairs();
  auto view = [&](Type element, int64_t count) -> Value {
    return memref::ViewOp::create(outside, MemRefType::get({count}, element), scratch,
                                  index(outside, 0), ValueRange());
  };
  words = view(b.getI32Type(), total);
  if (function)
    words = function->buffer(words);
  else
    halves = view(b.getI16Type(), 2 * total);
  Value zero = index(b, 0);
  int32_t pad = s.padElement ? cast<IntegerAttr>(s.padElement).getValue().getSExtValue() : 0;
  auto pair = b.getI32IntegerAttr(pairOf(pad, pad));
  padPair = function ? function->constant(pair) : arith::ConstantOp::create(b, pair).getResult();
  if (s.padElement) {
    // The ends of lines stay as they are: what is copied lies between them.
    Value end = mul(b, linePairs, index(b, s.kernelHeight * channels));
    loop(b, zero, end, 1, [&](Emitter &wb, Value i) { memref::StoreOp::create(wb, padPair, words, i); });
  }
  if (function)
    return loop(b, zero, allChannels, channels,
                [&](Emitter &cb, Value channel) { emitGroup(cb, zero, channel, channels); });
  plainLoop(b, 0, s.batch, 1, [&](Emitter &nb, Value n) {
    int64_t whole = s.channels / channels * channels;
    plainLoop(nb, 0, whole, channels,
              [&](Emitter &cb, Value channel) { emitGroup(cb, n, channel, channels); });
    plainLoop(nb, whole, s.channels, 1,
              [&](Emitter &cb, Value channel) { emitGroup(cb, n, channel, 1); });
  });
}

/// `count` channels: line r of the padded input lies in slot r mod kernelHeight.
void Depthwise::emitGroup(Emitter &b, Value n, Value channel, int64_t count) {
  int64_t kernel = s.kernelHeight;
  auto slotOf = [&](Emitter &yb, Value row) -> Value {
    if (kernel == 1)
      return index(yb, 0);
    return arith::RemUIOp::create(yb, row, index(yb, kernel));
  };
  loop(b, index(b, 0), outHeight, 1, [&](Emitter &yb, Value y) {
    Value first = mul(yb, y, strideY), end = offsetBy(yb, first, kernel);
    Value begin = index(yb, 0); // the first line of results needs all lines of the kernel
    if (function || s.outHeight > 1) {
      if (auto stride = getConstantIntValue(strideY))
        begin = offsetBy(yb, first, kernel - std::min(*stride, kernel));
      else
        begin = arith::MaxSIOp::create(yb, first, sub(yb, end, strideY));
      Value isFirst = arith::CmpIOp::create(yb, arith::CmpIPredicate::eq, y, index(yb, 0));
      begin = arith::SelectOp::create(yb, isFirst, index(yb, 0), begin);
    }
    scf::ForOp::create(yb, begin, end, index(yb, 1), ValueRange(),
                       [&](OpBuilder &builder, Location loc, Value row, ValueRange) {
                         Emitter rb(loc, builder);
                         expandLine(rb, n, channel, row, slotOf(rb, row), count);
                         scf::YieldOp::create(rb);
                       });
    Value rotation = slotOf(yb, first);
    plainLoop(yb, 0, count, 1, [&](Emitter &cb, Value c) {
      Value at = getConstantIntValue(c) == 0 ? channel : add(cb, channel, c);
      Value plane = function ? c : scaled(cb, index(cb, 0), c, lines.pairs());
      emitLine(cb, n, at, y, rotation, plane);
    });
  });
}

/// Line `row` of the padded input into its slot.
void Depthwise::expandLine(Emitter &b, Value n, Value channel, Value row, Value slot,
                           int64_t count) {
  Value to = scaled(b, index(b, 0), slot, function ? channels : channels * lines.pairs());
  Value y = sub(b, row, padTop);
  auto copy = [&](Emitter &ib) {
    Value from = add(ib, channel, mul(ib, n, batchStep));
    copyLine(ib, add(ib, from, mul(ib, y, rowStep)), to, count);
  };
  if (!s.padElement || (!function && !s.padTop && !s.padBottom))
    return copy(b);
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, y, height);
  branch(b, inside, [&](Emitter &ib) { copy(ib); }, [&](Emitter &ib) { fillLine(ib, to, count); });
}

/// `count` lines of padding from word `to` on.
void Depthwise::fillLine(Emitter &b, Value to, int64_t count) {
  Value zero = index(b, 0);
  if (!function)
    return plainLoop(b, 0, count * lines.pairs(), 1, [&](Emitter &wb, Value i) {
      memref::StoreOp::create(wb, padPair, words, add(wb, to, i));
    });
  loop(b, zero, linePairs, 1, [&](Emitter &pb, Value pair) {
    Value target = scaled(pb, to, pair, s.kernelHeight * channels);
    for (int64_t c = 0; c < count; ++c)
      memref::StoreOp::create(pb, padPair, words, step(pb, target, 0, 0, c));
  });
}

/// Expands `count` channels of a line: pixels two by two, four channels at once.
void Depthwise::copyLine(Emitter &b, Value from, Value to, int64_t count) {
  auto constant = [&](Emitter &ib, int32_t v) -> Value {
    return arith::ConstantOp::create(ib, ib.getI32IntegerAttr(v));
  };
  // Lower halves, upper halves of two registers: PKHBT and PKHTB.
  auto lower = [&](Emitter &pb, Value x, Value y) -> Value {
    return arith::OrIOp::create(pb, arith::AndIOp::create(pb, x, constant(pb, 0xffff)),
                                arith::ShLIOp::create(pb, y, constant(pb, 16)));
  };
  auto upper = [&](Emitter &pb, Value x, Value y) -> Value {
    return arith::OrIOp::create(pb, arith::AndIOp::create(pb, y, constant(pb, -65536)),
                                arith::ShRUIOp::create(pb, x, constant(pb, 16)));
  };
  // One pixel beside padding, in the lower or upper half of pair `pair`.
  int64_t begin = s.padLeft % 2, firstPair = s.padLeft / 2;
  auto single = [&](Emitter &ib, Value x, Value pair, bool isUpper) {
    Value at = add(ib, from, mul(ib, x, columnStep));
    for (int64_t c = 0; c < count; ++c) {
      Value v = memref::LoadOp::create(ib, input, offsetBy(ib, at, c));
      if (function) {
        v = widen(ib, v, ib.getI32Type());
        v = isUpper ? lower(ib, padPair, v) : lower(ib, v, padPair);
        Value target = scaled(ib, to, pair, s.kernelHeight * channels);
        memref::StoreOp::create(ib, v, words, step(ib, target, 0, 0, c));
        continue;
      }
      v = widen(ib, v, ib.getI16Type());
      Value place = scaled(ib, index(ib, 2 * c * lines.pairs() + isUpper), add(ib, to, pair), 2);
      memref::StoreOp::create(ib, v, halves, place);
    }
  };
  Value zero = index(b, 0);
  if (begin && lines.columns() > 0)
    single(b, zero, index(b, firstPair), true);
  Value start = begin ? add(b, from, columnStep) : from;
  loop(b, zero, copiedPairs, 1, [&](Emitter &pb, Value pair) {
    Value at = add(pb, start, mul(pb, pair, mul(pb, columnStep, index(pb, 2))));
    Value target = function ? scaled(pb, step(pb, to, firstPair + begin, 0, 0), pair,
                                     s.kernelHeight * channels)
                            : add(pb, offsetBy(pb, to, firstPair + begin), pair);
    auto store = [&](Value v, int64_t c) {
      memref::StoreOp::create(pb, v, words, step(pb, target, 0, 0, c));
    };
    Value next = add(pb, at, columnStep);
    for (int64_t c = 0; s.hasHalves() && c + 1 < count; c += 2) {
      Value x = dlc::arm_dsp::LoadOp::create(pb, input, offsetBy(pb, at, c));
      Value y = dlc::arm_dsp::LoadOp::create(pb, input, offsetBy(pb, next, c));
      store(lower(pb, x, y), c);
      store(upper(pb, x, y), c + 1);
    }
    if (s.hasHalves() && count % 2 == 0)
      return;
    if (!s.hasHalves() && count == 4) {
      Value x = dlc::arm_dsp::LoadOp::create(pb, input, at);
      Value y = dlc::arm_dsp::LoadOp::create(pb, input, next);
      for (int64_t half = 0; half < 2; ++half) {
        Value even = dlc::arm_dsp::Sxtb16Op::create(pb, x, 8 * half);
        Value odd = dlc::arm_dsp::Sxtb16Op::create(pb, y, 8 * half);
        store(lower(pb, even, odd), half);
        store(upper(pb, even, odd), half + 2);
      }
      return;
    }
    for (int64_t c = s.hasHalves() ? count - 1 : 0; c < count; ++c) {
      Value x = memref::LoadOp::create(pb, input, offsetBy(pb, at, c));
      Value y = memref::LoadOp::create(pb, input, offsetBy(pb, next, c));
      x = widen(pb, x, pb.getI32Type());
      y = widen(pb, y, pb.getI32Type());
      store(lower(pb, x, y), c);
    }
  });
  loop(b, zero, copiedRest, 1, [&](Emitter &rb, Value) {
    Value x = offsetBy(rb, mul(rb, copiedPairs, index(rb, 2)), begin);
    single(rb, x, offsetBy(rb, copiedPairs, firstPair + begin), false);
  });
}

/// A line of results of one channel, whose lines begin at `plane` of their slots;
/// the first line of the kernel meets slot `rotation`.
void Depthwise::emitLine(Emitter &b, Value n, Value channel, Value y, Value rotation,
                         Value plane) {
  // Slots stay where they are, so weights turn: registers hold those of each slot.
  SmallVector<Value> weights;
  Value mine = scaled(b, index(b, 0), channel, channelWords);
  for (int64_t slot = 0; slot < s.kernelHeight; ++slot) {
    Value at = mine;
    if (s.kernelHeight > 1) {
      Value line = arith::SubIOp::create(b, index(b, slot), rotation);
      Value wraps = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, rotation, index(b, slot));
      line = arith::SelectOp::create(b, wraps, offsetBy(b, line, s.kernelHeight), line);
      at = scaled(b, mine, line, lineWords);
    }
    for (int64_t i = 0; i < lineWords; ++i) {
      Value word = memref::LoadOp::create(b, packed, offsetBy(b, at, i));
      if (s.isWide()) {
        weights.push_back(word);
        continue;
      }
      for (int64_t half = 0; half < 2; ++half)
        if (2 * i + half < static_cast<int64_t>(plan.weights.size()))
          weights.push_back(dlc::arm_dsp::Sxtb16Op::create(b, word, 8 * half));
    }
  }
  Value start = startOf(b, s, bias, channel);
  if (function) // what lies behind the last result is computed, too
    return loop(b, index(b, 0), outWidth, 2, [&](Emitter &xb, Value x) {
      emitTile(xb, n, channel, y, x, plane, weights, start, 2);
    });
  int64_t whole = s.outWidth / 2 * 2;
  plainLoop(b, 0, whole, 2, [&](Emitter &xb, Value x) {
    emitTile(xb, n, channel, y, x, plane, weights, start, 2);
  });
  if (s.outWidth % 2)
    emitTile(b, n, channel, y, index(b, whole), plane, weights, start, 1);
}

/// The results at x and, with two `results`, behind it.
void Depthwise::emitTile(Emitter &b, Value n, Value channel, Value y, Value x, Value plane,
                         ArrayRef<Value> weights, Value start, int64_t results) {
  SmallVector<Value> sums(results, start);
  // x is even: stride * x / 2 pairs.
  Value column = x;
  if (auto constant = getConstantIntValue(x))
    column = index(b, *constant / 2);
  else
    column = arith::ShRUIOp::create(b, x, index(b, 1));
  Value from = scaled(b, plane, column, s.strideX * (function ? s.kernelHeight * channels : 1));
  for (int64_t slot = 0; slot < s.kernelHeight; ++slot) {
    Value pair;
    int64_t loaded = -1;
    for (const Product &p : plan.products) {
      if (p.result >= results)
        continue;
      if (p.pair != loaded)
        pair = memref::LoadOp::create(b, words, step(b, from, p.pair, slot, 0));
      loaded = p.pair;
      Value w = weights[slot * plan.weights.size() + p.weight], &sum = sums[p.result];
      using namespace dlc::arm_dsp;
      if (p.both)
        sum = SmladOp::create(b, pair, w, sum);
      else if (p.inputTop)
        sum = p.weightTop ? SmlattOp::create(b, pair, w, sum).getResult()
                          : SmlatbOp::create(b, pair, w, sum).getResult();
      else
        sum = p.weightTop ? SmlabtOp::create(b, pair, w, sum).getResult()
                          : SmlabbOp::create(b, pair, w, sum).getResult();
    }
  }
  if (function) {
    Value out = function->output(s.out);
    Value at = add(b, add(b, mul(b, y, outRowStep), mul(b, x, outColumnStep)), channel);
    SmallVector<Value> values;
    for (Value sum : sums)
      values.push_back(function->applyEpilogue(b, sum, Value(), channel));
    Value next = add(b, at, outColumnStep);
    if (mayEnd) { // what is too much goes where the first result goes then
      Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, offsetBy(b, x, 1), outWidth);
      next = arith::SelectOp::create(b, inside, next, at);
    }
    memref::StoreOp::create(b, values[1], out, next);
    memref::StoreOp::create(b, values[0], out, at);
    return;
  }
  SmallVector<Value> values;
  SmallVector<SmallVector<Value>> places;
  for (int64_t j = 0; j < results; ++j) {
    Value at = offsetBy(b, x, j);
    places.push_back(lines.swapped ? s.at(n, at, y, channel) : s.at(n, y, at, channel));
    values.push_back(applyEpilogue(b, s.op, sums[j], places.back()));
  }
  for (auto [value, place] : llvm::zip_equal(values, places))
    memref::StoreOp::create(b, value, s.out, place);
}

int64_t dlc::kernels::dsp::depthwiseScratch(const Shape &s, nn::KernelAttr kernel) {
  Lines lines(s, kernel.getDepth() == 2);
  return lines.s.kernelHeight * kernel.getRows() * lines.pairs() * 4;
}

void dlc::kernels::dsp::emitDepthwise(const Shape &s, nn::KernelAttr kernel, Value scratch,
                                      KernelFunction *function) {
  Lines lines(s, kernel.getDepth() == 2);
  Depthwise(lines, s, kernel, scratch, function).emit();
  if (!function)
    s.op->erase();
}
