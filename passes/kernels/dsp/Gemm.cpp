// This file emits convolutions and matrix products with SMLAD: a tile of outputs by
// two pixels, whose patches lie expanded to 16 bits in scratch.
#include "dialects/ArmDSP/ArmDSP.h"
#include "passes/kernels/Tile.h"
#include "passes/kernels/dsp/Dsp.h"
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

/// The emitter of one contraction.
class Gemm {
public:
  Gemm(const Shape &s, dlc::nn::KernelAttr kernel, Value scratch)
      : s(s), patch(s), kernel(kernel), pixels(kernel.getColumns()),
        b(s.op->getLoc(), s.op), scratchBytes(scratch) {}

  void emit();

private:
  /// Where a pixel's patch begins, and its indices.
  struct Pixel {
    Value y, x;
  };

  void expandPatch(Emitter &b, Value n, Value group, Value pixel, Pixel at);
  void expand(Emitter &b, Value bytes, Value start, int64_t rowStep, int64_t columnStep,
              Value pixel);
  void copyPadded(Emitter &b, Value n, Value group, Value top, Value left);
  void emitBlocks(Emitter &b, Value n, Value group, ArrayRef<Pixel> at);
  void emitTile(Emitter &b, int64_t rows, Value n, Value output, Value weight,
                ArrayRef<Pixel> at);

  SmallVector<Value> wideSums(Emitter &b, Value weight, ValueRange zeros, int64_t rows);

  const Shape &s;
  Patch patch;
  dlc::nn::KernelAttr kernel;
  int64_t pixels;
  Emitter b;
  Value scratchBytes, words, halves, copy; ///< views of scratch
  Value weights, bias;
  Flat input;
  Steps steps;
  SmallVector<Blocks, 4> blocks;
  int64_t groupWords = 0; ///< weights of one group
};
} // namespace

void Gemm::emit() {
  Panels panels = packPanels(b, s, blocksOf(s.groupOutputs(), kernel.getRows()));
  weights = panels.words;
  bias = takeBias(s.op);
  blocks = panels.blocks;
  groupWords = panels.perGroup;
  input = flatten(b, s.input);
  steps = input.steps(s);
  int64_t expanded = patch.groups() * 8 * pixels;
  Value zero = index(b, 0);
  auto view = [&](Type element, int64_t start, int64_t count) -> Value {
    return memref::ViewOp::create(b, MemRefType::get({count}, element), scratchBytes,
                                  index(b, start), ValueRange());
  };
  words = view(b.getI32Type(), 0, expanded / 4);
  if (patch.rest())
    halves = view(b.getI16Type(), 0, expanded / 2);
  if (s.padElement)
    copy = view(b.getI8Type(), expanded, patch.bytes());

  plainLoop(b, 0, s.groups, 1, [&](Emitter &gb, Value group) {
    plainLoop(gb, 0, s.batch, 1, [&](Emitter &nb, Value n) {
      // Pixels in order, over the ends of lines.
      carryLoop(nb, 0, s.pixels(), pixels, {zero, zero},
                [&](Emitter &pb, Value p, ValueRange at) -> SmallVector<Value> {
                  Pixel first{at[0], at[1]};
                  SmallVector<Pixel> all{first};
                  Pixel next = first;
                  for (int64_t j = 0; j < pixels; ++j) {
                    // The last tile repeats the last pixel where there is none left.
                    Value x = offsetBy(pb, next.x, 1);
                    Pixel after{next.y, x};
                    if (s.outHeight > 1) {
                      Value wraps = arith::CmpIOp::create(pb, arith::CmpIPredicate::eq, x,
                                                          index(pb, s.outWidth));
                      after.x = arith::SelectOp::create(pb, wraps, index(pb, 0), x);
                      after.y = arith::SelectOp::create(pb, wraps, offsetBy(pb, next.y, 1), next.y);
                    }
                    next = after;
                    if (j + 1 == pixels)
                      break;
                    if (s.pixels() % pixels) {
                      Value inside = arith::CmpIOp::create(pb, arith::CmpIPredicate::slt,
                                                           offsetBy(pb, p, j + 1),
                                                           index(pb, s.pixels()));
                      after.x = arith::SelectOp::create(pb, inside, after.x, all.back().x);
                      after.y = arith::SelectOp::create(pb, inside, after.y, all.back().y);
                    }
                    all.push_back(after);
                  }
                  plainLoop(pb, 0, pixels, 1, [&](Emitter &jb, Value j) {
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
                });
    });
  });
  s.op->erase();
}

/// Puts the patch of the result at `at` into scratch, as pixel `pixel` of the tile.
void Gemm::expandPatch(Emitter &b, Value n, Value group, Value pixel, Pixel at) {
  Value top = scaled(b, index(b, -s.padTop), at.y, s.strideY);
  Value left = scaled(b, index(b, -s.padLeft), at.x, s.strideX);
  auto inside = [&](Emitter &ib) {
    Value start = scaled(ib, index(ib, 0), n, steps.batch);
    if (s.kernelHeight > 1 || s.height > 1)
      start = scaled(ib, start, top, steps.row);
    start = scaled(ib, start, left, steps.column);
    start = scaled(ib, start, group, s.groupChannels());
    expand(ib, input.buffer, start, steps.row * s.dilationY, steps.column * s.dilationX, pixel);
  };
  if (!s.padElement)
    return inside(b);
  auto fits = [&](Value first, int64_t size, int64_t reach) -> Value {
    // Unsigned, what begins before the input is behind it, too.
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first,
                                 index(b, std::max<int64_t>(0, size - reach)));
  };
  Value whole = fits(left, s.width, (s.kernelWidth - 1) * s.dilationX);
  if (s.padTop || s.padBottom)
    whole = arith::AndIOp::create(b, whole, fits(top, s.height, (s.kernelHeight - 1) * s.dilationY));
  scf::IfOp::create(
      b, whole,
      [&](OpBuilder &builder, Location loc) {
        Emitter ib(loc, builder);
        inside(ib);
        scf::YieldOp::create(ib);
      },
      [&](OpBuilder &builder, Location loc) {
        Emitter ib(loc, builder);
        copyPadded(ib, n, group, top, left);
        expand(ib, copy, index(ib, 0), patch.columns * patch.length, patch.length, pixel);
        scf::YieldOp::create(ib);
      });
}

/// Copies the bytes of a patch that reaches over the border into scratch.
void Gemm::copyPadded(Emitter &b, Value n, Value group, Value top, Value left) {
  int64_t bytes = patch.perTap;
  Value pad = arith::ConstantOp::create(b, s.padElement);
  plainLoop(b, 0, s.kernelHeight, 1, [&](Emitter &yb, Value ky) {
    Value y = scaled(yb, top, ky, s.dilationY);
    Value insideY = arith::CmpIOp::create(yb, arith::CmpIPredicate::ult, y, index(yb, s.height));
    plainLoop(yb, 0, s.kernelWidth, 1, [&](Emitter &xb, Value kx) {
      Value x = scaled(xb, left, kx, s.dilationX);
      Value inside = arith::AndIOp::create(
          xb, insideY, arith::CmpIOp::create(xb, arith::CmpIPredicate::ult, x, index(xb, s.width)));
      Value to = scaled(xb, index(xb, 0), ky, s.kernelWidth * bytes);
      to = scaled(xb, to, kx, bytes);
      scf::IfOp::create(
          xb, inside,
          [&](OpBuilder &builder, Location loc) {
            Emitter ib(loc, builder);
            Value from = scaled(ib, index(ib, 0), n, steps.batch);
            from = scaled(ib, from, y, steps.row);
            from = scaled(ib, from, x, steps.column);
            from = scaled(ib, from, group, bytes);
            plainLoop(ib, 0, bytes, 1, [&](Emitter &cb, Value c) {
              Value v = memref::LoadOp::create(cb, input.buffer, add(cb, from, c));
              memref::StoreOp::create(cb, v, copy, add(cb, to, c));
            });
            scf::YieldOp::create(ib);
          },
          [&](OpBuilder &builder, Location loc) {
            Emitter ib(loc, builder);
            plainLoop(ib, 0, bytes, 1, [&](Emitter &cb, Value c) {
              memref::StoreOp::create(cb, pad, copy, add(cb, to, c));
            });
            scf::YieldOp::create(ib);
          });
    });
  });
}

/// Expands a patch to 16 bits. A group of four bytes becomes two words for each
/// pixel of the tile: bytes 0 and 2 of all pixels, then bytes 1 and 3.
void Gemm::expand(Emitter &b, Value bytes, Value start, int64_t rowStep, int64_t columnStep,
                  Value pixel) {
  int64_t unroll = std::max<int64_t>(1, unrolling(patch.words(), 4));
  int64_t wholeWords = patch.words() / unroll * unroll;
  auto some = [&](Emitter &wb, Value from, Value to, int64_t count) {
    SmallVector<Value> loaded;
    for (int64_t u = 0; u < count; ++u)
      loaded.push_back(dlc::arm_dsp::LoadOp::create(wb, bytes, offsetBy(wb, from, u * 4)));
    for (auto [u, word] : llvm::enumerate(loaded))
      for (int64_t half = 0; half < 2; ++half) {
        Value pair = dlc::arm_dsp::Sxtb16Op::create(wb, word, half * 8);
        memref::StoreOp::create(wb, pair, words, offsetBy(wb, to, (2 * u + half) * pixels));
      }
  };
  if (patch.words())
    plainLoop(b, 0, patch.rows, 1, [&](Emitter &yb, Value ky) {
      plainLoop(yb, 0, patch.columns, 1, [&](Emitter &xb, Value kx) {
        Value from = scaled(xb, scaled(xb, start, ky, rowStep), kx, columnStep);
        int64_t perRun = patch.words() * 2 * pixels;
        Value to = scaled(xb, scaled(xb, pixel, ky, patch.columns * perRun), kx, perRun);
        plainLoop(xb, 0, wholeWords, unroll, [&](Emitter &wb, Value w) {
          some(wb, scaled(wb, from, w, 4), scaled(wb, to, w, 2 * pixels), unroll);
        });
        some(xb, offsetBy(xb, from, wholeWords * 4), offsetBy(xb, to, wholeWords * 2 * pixels),
             patch.words() - wholeWords);
      });
    });
  // What is left of the runs, byte by byte.
  int64_t first = patch.runs() * patch.words() * 4;
  for (int64_t run = 0; run < patch.runs(); ++run)
    for (int64_t byte = 0; byte < patch.rest(); ++byte) {
      int64_t k = first + run * patch.rest() + byte;
      int64_t from = run / patch.columns * rowStep + run % patch.columns * columnStep +
                     patch.words() * 4 + byte;
      Value v = memref::LoadOp::create(b, bytes, offsetBy(b, start, from));
      v = arith::ExtSIOp::create(b, b.getI16Type(), v);
      // Halves of the words: group, byte 0 and 2 or 1 and 3, pixel, first or second.
      int64_t word = (k / 4 * 2 + k % 2) * pixels;
      Value to = offsetBy(b, scaled(b, index(b, 0), pixel, 2), word * 2 + k % 4 / 2);
      memref::StoreOp::create(b, v, halves, to);
    }
}

void Gemm::emitBlocks(Emitter &b, Value n, Value group, ArrayRef<Pixel> at) {
  int64_t perOutput = patch.groups() * (s.isWide() ? 2 : 1);
  for (const Blocks &run : blocks) {
    plainLoop(b, 0, run.count, 1, [&](Emitter &ob, Value block) {
      Value weight = scaled(ob, index(ob, run.start), group, groupWords);
      weight = scaled(ob, weight, block, perOutput * run.rows);
      Value output = scaled(ob, index(ob, run.first), group, s.groupOutputs());
      output = scaled(ob, output, block, run.rows);
      emitTile(ob, run.rows, n, output, weight, at);
    });
  }
}

/// The sums of `rows` outputs from `output` on at all pixels, and their stores.
void Gemm::emitTile(Emitter &b, int64_t rows, Value n, Value output, Value weight,
                    ArrayRef<Pixel> at) {
  int64_t total = patch.groups(), unroll = unrolling(total, 6);
  SmallVector<Value> sums;
  for (int64_t r = 0; r < rows; ++r)
    sums.append(pixels, startOf(b, bias, offsetBy(b, output, r)));
  if (!s.isWide()) {
    auto dot = dlc::arm_dsp::DotOp::create(b, weights, weight, words, index(b, 0), sums, rows,
                                           pixels, total, unroll);
    sums.assign(dot.getResults().begin(), dot.getResults().end());
  } else {
    sums = wideSums(b, weight, sums, rows);
  }

  // All results before the first store: an operand of the epilogue may lie
  // where the output does.
  SmallVector<Value> results;
  SmallVector<SmallVector<Value>> places;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < pixels; ++j) {
      places.push_back(s.at(n, at[j].y, at[j].x, offsetBy(b, output, r)));
      results.push_back(applyEpilogue(b, s.op, sums[r * pixels + j], places.back()));
    }
  for (auto [result, place] : llvm::zip_equal(results, places))
    memref::StoreOp::create(b, result, s.out, place);
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
          sums[r * pixels + j] =
              dlc::arm_dsp::SmladOp::create(qb, w[2 * r + half], x, sums[r * pixels + j]);
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
  return patch.groups() * 8 * kernel.getColumns() + (s.padElement ? patch.bytes() : 0);
}

void dlc::kernels::dsp::emitGemm(const Shape &s, nn::KernelAttr kernel, Value scratch) {
  Gemm(s, kernel, scratch).emit();
}
