// This file emits depthwise convolutions with SMLAD: lines of a few channels lie in
// scratch, each channel by itself and expanded to 16 bits, so that neighbouring
// elements of a line are pairs; two results share their loads.
#include "dialects/ArmDSP/ArmDSP.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Dsp.h"
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

class Depthwise {
public:
  Depthwise(const Lines &lines, const Shape &original, dlc::nn::KernelAttr kernel, Value scratch)
      : lines(lines), original(original), s(lines.s), plan(s.kernelWidth, s.strideX), linePairs(lines.pairs()),
        channels(kernel.getRows()), b(s.op->getLoc(), s.op), scratch(scratch) {
    Flat flat = flatten(b, s.input);
    Steps steps = flat.steps(original);
    input = flat.buffer;
    batchStep = steps.batch;
    rowStep = lines.swapped ? steps.column : steps.row;
    columnStep = lines.swapped ? steps.row : steps.column;
  }
  void emit();

private:
  void pack();
  void emitGroup(Emitter &b, Value n, Value channel, int64_t count);
  void expandLine(Emitter &b, Value n, Value channel, Value row, Value slot, int64_t count);
  void copyLine(Emitter &b, Value from, Value to, int64_t count);
  void fill(Emitter &b, Value from, int64_t count);
  void emitLine(Emitter &b, Value n, Value channel, Value y, Value first, Value plane);
  void emitTile(Emitter &b, Value n, Value channel, Value y, Value x, Value plane,
                ArrayRef<Value> weights, Value start, int64_t results);

  const Lines &lines;
  const Shape &original, &s;
  LinePlan plan;
  int64_t linePairs, channels;
  Emitter b;
  Value scratch, input, words, halves, packed, padPair, bias;
  int64_t batchStep, rowStep, columnStep;
  int64_t lineWords = 0, channelWords = 0; ///< of the packed weights
};
} // namespace

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
  packed = storeWords(b, s, data);
}

void Depthwise::emit() {
  pack();
  bias = takeBias(s.op);
  int64_t total = s.kernelHeight * channels * linePairs;
  Value zero = index(b, 0);
  words = memref::ViewOp::create(b, MemRefType::get({total}, b.getI32Type()), scratch, zero,
                                 ValueRange());
  halves = memref::ViewOp::create(b, MemRefType::get({2 * total}, b.getI16Type()), scratch, zero,
                                  ValueRange());
  if (s.padElement) {
    int32_t pad = cast<IntegerAttr>(s.padElement).getValue().getSExtValue();
    padPair = arith::ConstantOp::create(b, b.getI32IntegerAttr(pairOf(pad, pad)));
    // The ends of lines stay as they are: what is copied lies between them.
    fill(b, zero, total);
  }
  plainLoop(b, 0, s.batch, 1, [&](Emitter &nb, Value n) {
    int64_t whole = s.channels / channels * channels;
    plainLoop(nb, 0, whole, channels,
              [&](Emitter &cb, Value channel) { emitGroup(cb, n, channel, channels); });
    plainLoop(nb, whole, s.channels, 1,
              [&](Emitter &cb, Value channel) { emitGroup(cb, n, channel, 1); });
  });
  s.op->erase();
}

/// `count` pairs of padding from `from` on.
void Depthwise::fill(Emitter &b, Value from, int64_t count) {
  plainLoop(b, 0, count, 1, [&](Emitter &wb, Value i) {
    memref::StoreOp::create(wb, padPair, words, add(wb, from, i));
  });
}

/// `count` channels: line r of the padded input lies in slot r mod kernelHeight.
void Depthwise::emitGroup(Emitter &b, Value n, Value channel, int64_t count) {
  int64_t height = s.kernelHeight, fresh = std::min(s.strideY, height);
  auto slotOf = [&](Emitter &yb, Value row) -> Value {
    if (height == 1)
      return index(yb, 0);
    return arith::RemUIOp::create(yb, row, index(yb, height));
  };
  plainLoop(b, 0, s.outHeight, 1, [&](Emitter &yb, Value y) {
    Value first = scaled(yb, index(yb, 0), y, s.strideY), end = offsetBy(yb, first, height);
    Value begin = index(yb, 0); // the first line of results needs all lines of the kernel
    if (s.outHeight > 1) {
      begin = offsetBy(yb, first, height - fresh);
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
      emitLine(cb, n, at, y, rotation, scaled(cb, index(cb, 0), c, linePairs));
    });
  });
}

/// Line `row` of the padded input into its slot.
void Depthwise::expandLine(Emitter &b, Value n, Value channel, Value row, Value slot,
                           int64_t count) {
  Value to = scaled(b, index(b, 0), slot, channels * linePairs);
  Value y = offsetBy(b, row, -s.padTop);
  auto copy = [&](Emitter &ib) {
    Value from = scaled(ib, channel, n, batchStep);
    copyLine(ib, scaled(ib, from, y, rowStep), to, count);
  };
  if (!s.padTop && !s.padBottom)
    return copy(b);
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, y, index(b, s.height));
  scf::IfOp::create(
      b, inside,
      [&](OpBuilder &builder, Location loc) {
        Emitter ib(loc, builder);
        copy(ib);
        scf::YieldOp::create(ib);
      },
      [&](OpBuilder &builder, Location loc) {
        Emitter ib(loc, builder);
        fill(ib, to, count * linePairs);
        scf::YieldOp::create(ib);
      });
}

/// Expands `count` channels of a line: pixels two by two, four channels at once.
void Depthwise::copyLine(Emitter &b, Value from, Value to, int64_t count) {
  int64_t columns = lines.columns();
  auto constant = [&](Emitter &ib, int32_t v) -> Value {
    return arith::ConstantOp::create(ib, ib.getI32IntegerAttr(v));
  };
  // One pixel, in the lower or upper half of its pairs.
  auto single = [&](Emitter &ib, int64_t x) {
    Value at = offsetBy(ib, from, x * columnStep);
    for (int64_t c = 0; c < count; ++c) {
      Value v = memref::LoadOp::create(ib, input, offsetBy(ib, at, c));
      v = arith::ExtSIOp::create(ib, ib.getI16Type(), v);
      Value place = scaled(ib, index(ib, 2 * c * linePairs + x + s.padLeft), to, 2);
      memref::StoreOp::create(ib, v, halves, place);
    }
  };
  int64_t begin = s.padLeft % 2, pairs = std::max<int64_t>(0, columns - begin) / 2;
  if (begin && columns > 0)
    single(b, 0);
  Value start = offsetBy(b, from, begin * columnStep);
  Value place = offsetBy(b, to, (s.padLeft + begin) / 2);
  plainLoop(b, 0, pairs, 1, [&](Emitter &pb, Value pair) {
    Value at = scaled(pb, start, pair, 2 * columnStep), target = add(pb, place, pair);
    auto store = [&](Value v, int64_t c) {
      memref::StoreOp::create(pb, v, words, offsetBy(pb, target, c * linePairs));
    };
    // Lower halves, upper halves of two registers: PKHBT and PKHTB.
    auto lower = [&](Value x, Value y) -> Value {
      return arith::OrIOp::create(pb, arith::AndIOp::create(pb, x, constant(pb, 0xffff)),
                                  arith::ShLIOp::create(pb, y, constant(pb, 16)));
    };
    auto upper = [&](Value x, Value y) -> Value {
      return arith::OrIOp::create(pb, arith::AndIOp::create(pb, y, constant(pb, -65536)),
                                  arith::ShRUIOp::create(pb, x, constant(pb, 16)));
    };
    Value next = offsetBy(pb, at, columnStep);
    if (count == 4) {
      Value x = dlc::arm_dsp::LoadOp::create(pb, input, at);
      Value y = dlc::arm_dsp::LoadOp::create(pb, input, next);
      for (int64_t half = 0; half < 2; ++half) {
        Value even = dlc::arm_dsp::Sxtb16Op::create(pb, x, 8 * half);
        Value odd = dlc::arm_dsp::Sxtb16Op::create(pb, y, 8 * half);
        store(lower(even, odd), half);
        store(upper(even, odd), half + 2);
      }
      return;
    }
    for (int64_t c = 0; c < count; ++c) {
      Value x = memref::LoadOp::create(pb, input, offsetBy(pb, at, c));
      Value y = memref::LoadOp::create(pb, input, offsetBy(pb, next, c));
      x = arith::ExtSIOp::create(pb, pb.getI32Type(), x);
      y = arith::ExtSIOp::create(pb, pb.getI32Type(), y);
      store(lower(x, y), c);
    }
  });
  if (begin + 2 * pairs < columns)
    single(b, begin + 2 * pairs);
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
  Value start = startOf(b, bias, channel);
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
  Value from = scaled(b, plane, column, s.strideX);
  for (int64_t slot = 0; slot < s.kernelHeight; ++slot) {
    Value pair;
    int64_t loaded = -1;
    for (const Product &p : plan.products) {
      if (p.result >= results)
        continue;
      if (p.pair != loaded)
        pair = memref::LoadOp::create(b, words,
                                      offsetBy(b, from, slot * channels * linePairs + p.pair));
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

void dlc::kernels::dsp::emitDepthwise(const Shape &s, nn::KernelAttr kernel, Value scratch) {
  Lines lines(s, kernel.getDepth() == 2);
  Depthwise(lines, s, kernel, scratch).emit();
}
