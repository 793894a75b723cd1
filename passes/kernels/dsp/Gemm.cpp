// This file emits convolutions and matrix products with SMLAD: a tile of outputs by
// two pixels, whose patches lie expanded to 16 bits in scratch.
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

/// Outputs of a group in blocks of `rows`, with smaller ones instead of a single
/// output at the end, which would load pixels for little work.
SmallVector<Blocks, 4> blocksOf(int64_t outputs, int64_t rows) {
  SmallVector<Blocks, 4> result;
  int64_t whole = outputs / rows, rest = outputs % rows;
  if (rows == 3 && rest == 1 && whole > 0) {
    --whole;
    rest = 4;
  }
  if (whole)
    result.push_back({rows, 0, whole});
  int64_t first = whole * rows;
  if (rest >= 2)
    result.push_back({2, first, rest / 2});
  if (rest % 2)
    result.push_back({1, outputs - 1, 1});
  return result;
}

/// Bytes of expanded patches: whole groups of weights.
int64_t expandedBytes(const Patch &patch, dlc::nn::KernelAttr kernel) {
  int64_t groups = patch.groups();
  return (hasNibbles(kernel) ? groups + groups % 2 : groups) * 8 * kernel.getColumns();
}

/// The emitter of one contraction. Its sizes are values: constants, or arguments of a
/// function that several layers call.
class Gemm {
public:
  Gemm(const Shape &s, dlc::nn::KernelAttr kernel, Value scratch, KernelFunction *function)
      : s(s), patch(s), kernel(kernel), pixels(kernel.getColumns()),
        perWord(4 / s.elementBytes()), function(function), 
        b(function ? function->body() : Emitter(s.op->getLoc(), s.op)), scratchBytes(scratch),
        nibbles(hasNibbles(kernel)) {}

  void emit();

private:
  /// Where a pixel's patch begins, its indices and its number.
  struct Pixel {
    Value y, x, number;
  };
  /// A run of blocks of outputs.
  struct Run {
    int64_t rows;
    Value count, first, start; ///< first output, first word of the weights
  };

  bool isWide() const { return s.isWide() && !nibbles; }
  Value size(int64_t v) { return function ? function->number(v) : index(b, v); }
  void takeSizes();
  void emitPixels(Emitter &b, Value n, Value group);
  void expandPatch(Emitter &b, Value n, Value group, Value pixel, Pixel at);
  void expand(Emitter &b, Value bytes, Value start, Value step, Value pixel);
  void expandRest(Emitter &b, Value bytes, Value start, Value rowStep, Value pixel);
  void copyPadded(Emitter &b, Value n, Value group, Value top, Value left);
  void emitBlocks(Emitter &b, Value n, Value group, ArrayRef<Pixel> at);
  void emitTile(Emitter &b, int64_t rows, Value n, Value output, Value weight,
                ArrayRef<Pixel> at);

  SmallVector<Value> wideSums(Emitter &b, Value weight, ValueRange zeros, int64_t rows);
  SmallVector<Value> longSums(Emitter &b, Value weight, ValueRange starts, int64_t rows);

  const Shape &s;
  Patch patch;
  dlc::nn::KernelAttr kernel;
  int64_t pixels;
  int64_t perWord; ///< elements of the input in a word
  KernelFunction *function;
  Emitter b;
  Value scratchBytes, words, halves, copy, copyWords; ///< views of scratch
  Value weights, bias, inputBytes;
  Flat input;
  Steps steps;
  SmallVector<Run, 4> runs;
  int64_t groupWords = 0; ///< weights of one group
  bool nibbles;           ///< weights have four bits
  bool isLine = false;    ///< pixels side by side, kernel of one position
  bool isLarge = false;   ///< loops are written out where that saves time
  TypedAttr padElement;   ///< null when patches never reach over the border
  /// Sizes. A patch has `patchWords` whole groups and `patchRest` elements in a run.
  Value pixelCount, width, height, outWidth, outputs, channels, kernelHeight, kernelWidth, strideY,
      strideX, padTop, padLeft, rowStep, patchWords, patchRest, patchGroups;
};
} // namespace

void Gemm::takeSizes() {
  isLine = s.outHeight == 1 && s.height == 1 && s.kernelHeight == 1 && s.kernelWidth == 1 &&
           !s.padElement && s.strideX == 1;
  padElement = s.padElement;
  if (function && function->isPadded() && !isLine && !padElement)
    padElement = b.getIntegerAttr(cast<MemRefType>(s.input.getType()).getElementType(), 0); // no patch will ask for it
  pixelCount = size(s.pixels());
  channels = isLine && function ? Value() : size(s.groupChannels());
  kernelHeight = isLine ? index(b, 1) : size(s.kernelHeight);
  kernelWidth = isLine ? index(b, 1) : size(s.kernelWidth);
  if (!isLine) {
    width = size(s.width);
    height = size(s.height);
    outWidth = size(s.outWidth);
    strideY = size(s.strideY);
    strideX = size(s.strideX);
    padTop = size(s.padTop);
    padLeft = size(s.padLeft);
  }
  patchWords = size(patch.words());
  patchRest = patch.rest() ? size(patch.rest()) : index(b, 0);
  if (isLine && function)
    channels = add(b, mul(b, patchWords, index(b, 4)), patchRest);
  patchGroups = nibbles                    ? size(llvm::divideCeil(patch.groups(), 2))
                : patch.rest() || !isLine ? size(patch.groups())
                                          : patchWords;
  if (function)
    rowStep = isLine ? channels : mul(b, width, channels);
}

void Gemm::emit() {
  SmallVector<Blocks, 4> blocks = blocksOf(s.groupOutputs(), kernel.getRows());
  Emitter outside(s.op->getLoc(), s.op);
  Panels panels = nibbles ? packNarrowPanels(outside, s, blocks, /*onlyPairs=*/false)
                          : packPanels(outside, s, blocks);
  bias = takeBias(s.op);
  groupWords = panels.perGroup;
  isLarge = !savesCode(s.op);
  if (function) {
    weights = function->buffer(panels.words);
    bias = bias ? function->buffer(bias) : bias;
    inputBytes = function->buffer(s.input);
  } else {
    weights = panels.words;
    input = flatten(b, s.input);
    inputBytes = input.buffer;
    steps = input.steps(s);
  }
  takeSizes();
  Value zero = index(b, 0);
  int64_t expanded = expandedBytes(patch, kernel);
  auto view = [&](Type element, int64_t start, int64_t count) -> Value {
    Value part = memref::ViewOp::create(outside, MemRefType::get({count}, element), scratchBytes,
                                        index(outside, start), ValueRange());
    return function ? function->buffer(part) : part;
  };
  words = view(b.getI32Type(), 0, expanded / 4);
  if (patch.rest())
    halves = view(b.getI16Type(), 0, expanded / 2);
  // Without padding the copy is never made: any part of scratch will do.
  int64_t copyStart = s.padElement ? expanded : 0;
  int64_t copied = s.padElement ? patch.elements() : expanded / s.elementBytes();
  if (padElement)
    copy = view(padElement.getType(), copyStart, copied);
  if (function && padElement && s.channels % perWord == 0)
    copyWords = view(b.getI32Type(), copyStart, copied / perWord);

  // Blocks of all sizes there are, none of them where others suffice.
  Value first = zero, start = zero;
  Value perOutput = isWide() ? mul(b, patchGroups, index(b, 2)) : patchGroups;
  for (int64_t rows = kernel.getRows(); rows > 0; --rows) {
    int64_t count = 0;
    for (Blocks &run : blocks)
      count += run.rows == rows ? run.count : 0;
    bool may = function && (rows == kernel.getRows() || rows == 2);
    if (!count && !may)
      continue;
    Run run{rows, size(count), first, start};
    runs.push_back(run);
    first = add(b, first, mul(b, run.count, index(b, rows)));
    start = add(b, start, mul(b, mul(b, run.count, index(b, rows)), perOutput));
  }
  outputs = first; // of a group
  if (function)
    return emitPixels(b, zero, zero);
  plainLoop(b, 0, s.groups, 1, [&](Emitter &gb, Value group) {
    plainLoop(gb, 0, s.batch, 1, [&](Emitter &nb, Value n) { emitPixels(nb, n, group); });
  });
}

/// Pixels in order, over the ends of lines.
void Gemm::emitPixels(Emitter &b, Value n, Value group) {
  Value zero = index(b, 0);
  bool mayEnd = function ? pixels > 1 : s.pixels() % pixels != 0;
  auto body = [&](Emitter &pb, Value p, ValueRange at) -> SmallVector<Value> {
    Pixel first{at[0], at[1], p};
    if (isLine)
      first.x = p;
    SmallVector<Pixel> all{first};
    Pixel next = first;
    for (int64_t j = 0; j < pixels; ++j) {
      // The last tile repeats the last pixel where there is none left.
      Value x = offsetBy(pb, next.x, 1);
      Pixel after{next.y, x, offsetBy(pb, p, j + 1)};
      if (!isLine && (function || s.outHeight > 1)) {
        Value wraps = arith::CmpIOp::create(pb, arith::CmpIPredicate::eq, x, outWidth);
        after.x = arith::SelectOp::create(pb, wraps, index(pb, 0), x);
        after.y = arith::SelectOp::create(pb, wraps, offsetBy(pb, next.y, 1), next.y);
      }
      next = after;
      if (j + 1 == pixels)
        break;
      if (mayEnd) {
        Value inside = arith::CmpIOp::create(pb, arith::CmpIPredicate::slt, after.number, pixelCount);
        after.x = arith::SelectOp::create(pb, inside, after.x, all.back().x);
        after.y = arith::SelectOp::create(pb, inside, after.y, all.back().y);
        after.number = isLine ? after.x
                              : arith::SelectOp::create(pb, inside, after.number, all.back().number)
                                    .getResult();
      }
      all.push_back(after);
    }
    bool isWritten = function && isLine && isLarge; // once for each pixel: short, no choice
    for (int64_t j = 0; isWritten && j < pixels; ++j)
      expandPatch(pb, n, group, index(pb, j), all[j]);
    plainLoop(pb, 0, isWritten ? 0 : pixels, 1, [&](Emitter &jb, Value j) {
      Pixel at = all[0];
      for (int64_t k = 1; k < pixels; ++k) {
        Value is = arith::CmpIOp::create(jb, arith::CmpIPredicate::eq, j, index(jb, k));
        at.x = arith::SelectOp::create(jb, is, all[k].x, at.x);
        at.y = arith::SelectOp::create(jb, is, all[k].y, at.y);
      }
      expandPatch(jb, n, group, j, at);
    });
    emitBlocks(pb, n, group, all);
    return {next.y, next.x};
  };
  if (isLine) // one number says where
    loop(b, zero, pixelCount, pixels,
         [&](Emitter &pb, Value p) { body(pb, p, {index(pb, 0), p}); });
  else
    carryLoop(b, zero, pixelCount, pixels, {zero, zero}, body);
}

/// Puts the patch of the result at `at` into scratch, as pixel `pixel` of the tile.
void Gemm::expandPatch(Emitter &b, Value n, Value group, Value pixel, Pixel at) {
  if (function && isLine)
    return expand(b, inputBytes, mul(b, at.x, channels), channels, pixel);
  if (isLine) {
    Value start = scaled(b, scaled(b, index(b, 0), n, steps.batch), at.x, steps.column);
    start = scaled(b, start, group, s.groupChannels());
    return expand(b, inputBytes, start, index(b, 0), pixel);
  }
  Value top = sub(b, mul(b, at.y, strideY), padTop), left = sub(b, mul(b, at.x, strideX), padLeft);
  auto inside = [&](Emitter &ib) {
    if (function) {
      Value start = add(ib, mul(ib, top, rowStep), mul(ib, left, channels));
      return expand(ib, inputBytes, start, rowStep, pixel);
    }
    Value start = scaled(ib, index(ib, 0), n, steps.batch);
    if (s.kernelHeight > 1 || s.height > 1)
      start = scaled(ib, start, top, steps.row);
    start = scaled(ib, start, left, steps.column);
    start = scaled(ib, start, group, s.groupChannels());
    expand(ib, inputBytes, start, index(ib, steps.row * s.dilationY), pixel);
  };
  if (!padElement)
    return inside(b);
  auto fits = [&](Value first, Value size, int64_t known, Value kernelSize, int64_t reach) -> Value {
    if (!function && known <= reach) // a kernel larger than the input
      return arith::ConstantOp::create(b, b.getBoolAttr(false));
    // Unsigned, what begins before the input is behind it, too.
    Value end = function ? sub(b, size, offsetBy(b, kernelSize, -1))
                         : index(b, known - reach);
    if (function) // kernels larger than the input
      end = arith::MaxSIOp::create(b, end, index(b, 0));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first, end);
  };
  Value whole = fits(left, width, s.width, kernelWidth, (s.kernelWidth - 1) * s.dilationX);
  if (function || s.padTop || s.padBottom)
    whole = arith::AndIOp::create(
        b, whole, fits(top, height, s.height, kernelHeight, (s.kernelHeight - 1) * s.dilationY));
  branch(b, whole, [&](Emitter &ib) { inside(ib); },
         [&](Emitter &ib) {
           copyPadded(ib, n, group, top, left);
           expand(ib, copy, index(ib, 0), mul(ib, kernelWidth, channels), pixel);
         });
}

/// Copies the elements of a patch that reaches over the border into scratch.
void Gemm::copyPadded(Emitter &b, Value n, Value group, Value top, Value left) {
  TypedAttr element = padElement;
  if (copyWords) {
    int32_t v = cast<IntegerAttr>(element).getValue().getSExtValue();
    element = b.getI32IntegerAttr(s.hasHalves() ? pairOf(v, v) : wordOf(v, v, v, v));
  }
  Value pad = function ? function->constant(element) : arith::ConstantOp::create(b, element).getResult();
  Value zero = index(b, 0);
  // A loop over the channels, in words where that is possible: `each` gets the first.
  auto overChannels = [&](Emitter &cb, llvm::function_ref<void(Emitter &, Value)> each) {
    loop(cb, zero, channels, copyWords ? perWord : 1, each);
  };
  auto store = [&](Emitter &cb, Value v, Value at) {
    if (!copyWords)
      memref::StoreOp::create(cb, v, copy, at);
    else
      memref::StoreOp::create(cb, v, copyWords, arith::ShRUIOp::create(cb, at, index(cb, s.hasHalves() ? 1 : 2)).getResult());
  };
  loop(b, zero, kernelHeight, 1, [&](Emitter &yb, Value ky) {
    Value y = scaled(yb, top, ky, s.dilationY);
    Value insideY = arith::CmpIOp::create(yb, arith::CmpIPredicate::ult, y, height);
    loop(yb, zero, kernelWidth, 1, [&](Emitter &xb, Value kx) {
      Value x = scaled(xb, left, kx, s.dilationX);
      Value inside = arith::AndIOp::create(
          xb, insideY, arith::CmpIOp::create(xb, arith::CmpIPredicate::ult, x, width));
      Value to = mul(xb, add(xb, mul(xb, ky, kernelWidth), kx), channels);
      auto copyIn = [&](Emitter &ib) {
        Value from;
        if (function) {
          from = add(ib, mul(ib, y, rowStep), mul(ib, x, channels));
        } else {
          from = scaled(ib, index(ib, 0), n, steps.batch);
          from = scaled(ib, from, y, steps.row);
          from = scaled(ib, from, x, steps.column);
          from = scaled(ib, from, group, patch.perTap);
        }
        overChannels(ib, [&](Emitter &cb, Value c) {
          Value at = add(cb, from, c);
          Value v = copyWords ? dlc::arm_dsp::LoadOp::create(cb, inputBytes, at).getResult()
                              : memref::LoadOp::create(cb, inputBytes, at).getResult();
          store(cb, v, add(cb, to, c));
        });
      };
      branch(xb, inside, copyIn, [&](Emitter &ib) {
        overChannels(ib, [&](Emitter &cb, Value c) { store(cb, pad, add(cb, to, c)); });
      });
    });
  });
}

/// Expands a patch to 16 bits, whose rows lie `rowStep` apart. A group of four elements
/// becomes two words for each pixel of the tile: the first pair of all pixels, then the
/// second (see Patch::inPair).
void Gemm::expand(Emitter &b, Value bytes, Value start, Value rowStep, Value pixel) {
  auto some = [&](Emitter &wb, Value from, Value to, int64_t count) {
    SmallVector<Value> loaded;
    for (int64_t u = 0; u < 4 * count; u += perWord)
      loaded.push_back(dlc::arm_dsp::LoadOp::create(wb, bytes, offsetBy(wb, from, u)));
    for (int64_t u = 0; u < 2 * count; ++u) {
      Value pair = s.hasHalves() ? loaded[u]
                                 : dlc::arm_dsp::Sxtb16Op::create(wb, loaded[u / 2], u % 2 * 8);
      memref::StoreOp::create(wb, pair, words, offsetBy(wb, to, u * pixels));
    }
  };
  Value zero = index(b, 0);
  if (function) {
    Value perRun = mul(b, patchWords, index(b, 2 * pixels));
    loop(b, zero, kernelHeight, 1, [&](Emitter &yb, Value ky) {
      Value from = add(yb, start, mul(yb, ky, rowStep));
      Value to = add(yb, pixel, mul(yb, ky, perRun)), whole = zero;
      auto words = [&](Emitter &wb, Value w, int64_t count) {
        some(wb, scaled(wb, from, w, 4), scaled(wb, to, w, 2 * pixels), count);
      };
      if (isLarge) {
        whole = arith::AndIOp::create(yb, patchWords, index(yb, -4));
        loop(yb, zero, whole, 4, [&](Emitter &wb, Value w) { words(wb, w, 4); });
      }
      loop(yb, whole, patchWords, 1, [&](Emitter &wb, Value w) { words(wb, w, 1); });
    });
    if (patch.rest())
      expandRest(b, bytes, start, rowStep, pixel);
    return;
  }
  int64_t unroll = std::max<int64_t>(1, unrolling(patch.words(), 4));
  int64_t wholeWords = patch.words() / unroll * unroll;
  // Positions that are not joined to one run lie side by side in the input.
  int64_t columnStep = bytes == copy ? patch.length : steps.column * s.dilationX;
  int64_t lineStep = getConstantIntValue(rowStep).value_or(0);
  if (patch.words())
    plainLoop(b, 0, patch.rows, 1, [&](Emitter &yb, Value ky) {
      plainLoop(yb, 0, patch.columns, 1, [&](Emitter &xb, Value kx) {
        Value from = scaled(xb, scaled(xb, start, ky, lineStep), kx, columnStep);
        int64_t perRun = patch.words() * 2 * pixels;
        Value to = scaled(xb, scaled(xb, pixel, ky, patch.columns * perRun), kx, perRun);
        plainLoop(xb, 0, wholeWords, unroll, [&](Emitter &wb, Value w) {
          some(wb, scaled(wb, from, w, 4), scaled(wb, to, w, 2 * pixels), unroll);
        });
        some(xb, offsetBy(xb, from, wholeWords * 4), offsetBy(xb, to, wholeWords * 2 * pixels),
             patch.words() - wholeWords);
      });
    });
  // What is left of the runs, element by element.
  int64_t first = patch.runs() * patch.words() * 4;
  for (int64_t run = 0; run < patch.runs(); ++run)
    for (int64_t element = 0; element < patch.rest(); ++element) {
      int64_t k = first + run * patch.rest() + element;
      int64_t from = run / patch.columns * lineStep + run % patch.columns * columnStep +
                     patch.words() * 4 + element;
      Value v = widen(b, memref::LoadOp::create(b, bytes, offsetBy(b, start, from)), b.getI16Type());
      // Halves of the words: group, first or second pair, pixel, lower or upper.
      int64_t pair = s.hasHalves() ? k % 4 / 2 : k % 2, half = s.hasHalves() ? k % 2 : k % 4 / 2;
      int64_t word = (k / 4 * 2 + pair) * pixels;
      Value to = offsetBy(b, scaled(b, index(b, 0), pixel, 2), word * 2 + half);
      memref::StoreOp::create(b, v, halves, to);
    }
}

/// The elements behind the whole groups of all rows, of which any number may be left.
void Gemm::expandRest(Emitter &b, Value bytes, Value start, Value rowStep, Value pixel) {
  Value zero = index(b, 0), whole = mul(b, patchWords, index(b, 4));
  Value first = mul(b, kernelHeight, whole), place = mul(b, pixel, index(b, 2));
  loop(b, zero, kernelHeight, 1, [&](Emitter &yb, Value ky) {
    Value from = add(yb, add(yb, start, whole), mul(yb, ky, rowStep));
    Value row = add(yb, first, mul(yb, ky, patchRest));
    loop(yb, zero, patchRest, 1, [&](Emitter &cb, Value element) {
      Value v = widen(cb, memref::LoadOp::create(cb, bytes, add(cb, from, element)), cb.getI16Type());
      // As above: four elements are 4 * pixels halves.
      Value k = add(cb, row, element);
      auto bits = [&](int64_t shift, int64_t mask) -> Value {
        Value x = shift ? arith::ShRUIOp::create(cb, k, index(cb, shift)).getResult() : k;
        return mask ? arith::AndIOp::create(cb, x, index(cb, mask)).getResult() : x;
      };
      Value to = add(cb, place, s.hasHalves() ? bits(0, 1) : bits(1, 1));
      to = scaled(cb, to, s.hasHalves() ? bits(1, 1) : bits(0, 1), 2 * pixels);
      to = scaled(cb, to, bits(2, 0), 4 * pixels);
      memref::StoreOp::create(cb, v, halves, to);
    });
  });
}

void Gemm::emitBlocks(Emitter &b, Value n, Value group, ArrayRef<Pixel> at) {
  Value perOutput = isWide() ? mul(b, patchGroups, index(b, 2)) : patchGroups;
  for (const Run &run : runs)
    loop(b, index(b, 0), run.count, 1, [&](Emitter &ob, Value block) {
      Value weight = scaled(ob, run.start, group, groupWords);
      weight = add(ob, weight, mul(ob, block, mul(ob, perOutput, index(ob, run.rows))));
      Value output = scaled(ob, run.first, group, s.groupOutputs());
      output = scaled(ob, output, block, run.rows);
      emitTile(ob, run.rows, n, output, weight, at);
    });
}

/// The sums of `rows` outputs from `output` on at all pixels, and their stores.
void Gemm::emitTile(Emitter &b, int64_t rows, Value n, Value output, Value weight,
                    ArrayRef<Pixel> at) {
  SmallVector<Value> sums;
  for (int64_t r = 0; r < rows; ++r)
    sums.append(pixels, startOf(b, s, nibbles ? Value() : bias, offsetBy(b, output, r)));
  if (s.isLong && !s.isWide()) {
    sums = longSums(b, weight, sums, rows);
  } else if (!isWide()) {
    int64_t perGroup = nibbles ? 2 : 1, groups = llvm::divideCeil(patch.groups(), perGroup);
    auto dot = function ? dlc::arm_dsp::DotOp::create(b, weights, weight, words, index(b, 0), sums,
                                                      rows, pixels, 0, (isLarge ? 8 : 2) / perGroup,
                                                      issuesPairs(s.op), patchGroups)
                        : dlc::arm_dsp::DotOp::create(b, weights, weight, words, index(b, 0), sums,
                                                      rows, pixels, groups,
                                                      unrolling(groups, 6 / perGroup),
                                                      issuesPairs(s.op));
    if (nibbles)
      dot->setAttr(dlc::arm_dsp::kNibbles, b.getUnitAttr());
    sums.assign(dot.getResults().begin(), dot.getResults().end());
    for (int64_t i = 0; nibbles && i < rows * pixels; ++i)
      sums[i] = sumOfNibbles(b, sums[i], bias, offsetBy(b, output, i / pixels));
  } else {
    sums = wideSums(b, weight, sums, rows);
  }

  // All results before the first store: an operand of the epilogue may lie
  // where the output does.
  SmallVector<Value> results;
  SmallVector<SmallVector<Value>> places;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < pixels; ++j) {
      Value channel = offsetBy(b, output, r), sum = sums[r * pixels + j];
      if (function) {
        places.push_back({add(b, mul(b, at[j].number, outputs), channel)});
        results.push_back(function->applyEpilogue(b, sum, places.back()[0], channel));
      } else {
        places.push_back(s.at(n, at[j].y, at[j].x, channel));
        results.push_back(applyEpilogue(b, s.op, sum, places.back()));
      }
    }
  Value out = function ? function->output(s.out) : s.out;
  for (auto [result, place] : llvm::zip_equal(results, places))
    memref::StoreOp::create(b, result, out, place);
}

/// The same sums in 64 bits, of parts that fit 32.
SmallVector<Value> Gemm::longSums(Emitter &b, Value weight, ValueRange starts, int64_t rows) {
  int64_t total = patch.groups(), most = groupsOfWords(s), whole = total / most * most;
  auto part = [&](Emitter &qb, Value q, ValueRange carried, int64_t groups) {
    SmallVector<Value> zeros(carried.size(), arith::ConstantOp::create(qb, qb.getI32IntegerAttr(0)));
    auto dot = dlc::arm_dsp::DotOp::create(
        qb, weights, scaled(qb, weight, q, rows), words, scaled(qb, index(qb, 0), q, 2 * pixels),
        zeros, rows, pixels, groups, unrolling(groups, 6), issuesPairs(s.op));
    return addWords(qb, carried, dot.getResults());
  };
  SmallVector<Value> sums =
      carryLoop(b, 0, whole, most, starts, [&](Emitter &qb, Value q, ValueRange carried) {
        return part(qb, q, carried, most);
      });
  return total > whole ? part(b, index(b, whole), sums, total - whole) : sums;
}

/// The same sums with weights of 16 bits, by intrinsics.
SmallVector<Value> Gemm::wideSums(Emitter &b, Value weight, ValueRange zeros, int64_t rows) {
  int64_t perGroup = rows * 2;
  auto step = [&](Emitter &qb, Value q, ValueRange carried) {
    SmallVector<Value> sums(carried.begin(), carried.end()), w;
    Value from = scaled(qb, weight, q, perGroup), pairs = scaled(qb, index(qb, 0), q, 2 * pixels);
    for (int64_t i = 0; i < perGroup; ++i)
      w.push_back(memref::LoadOp::create(qb, weights, offsetBy(qb, from, i)));
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t j = 0; j < pixels; ++j) {
        Value x = memref::LoadOp::create(qb, words, offsetBy(qb, pairs, half * pixels + j));
        for (int64_t r = 0; r < rows; ++r)
          sums[r * pixels + j] = multiplyAdd(qb, s, w[2 * r + half], x, sums[r * pixels + j]);
      }
    return sums;
  };
  int64_t total = patch.groups(), unroll = unrolling(total, 2), whole = total / unroll * unroll;
  SmallVector<Value> sums =
      carryLoop(b, 0, whole, unroll, zeros, [&](Emitter &qb, Value q, ValueRange carried) {
        SmallVector<Value> inner(carried.begin(), carried.end());
        for (int64_t u = 0; u < unroll; ++u)
          inner = step(qb, offsetBy(qb, q, u), inner);
        return inner;
      });
  for (int64_t q = whole; q < total; ++q)
    sums = step(b, index(b, q), sums);
  return sums;
}

int64_t dlc::kernels::dsp::gemmScratch(const Shape &s, nn::KernelAttr kernel) {
  Patch patch(s);
  int64_t copied = s.padElement ? patch.elements() * s.elementBytes() : 0;
  return expandedBytes(patch, kernel) + copied;
}

void dlc::kernels::dsp::emitGemm(const Shape &s, nn::KernelAttr kernel, Value scratch,
                                 KernelFunction *function) {
  Gemm(s, kernel, scratch, function).emit();
  if (!function)
    s.op->erase();
}
