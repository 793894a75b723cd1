// This file emits matrix products and convolutions as sums over lanes.
#include "passes/kernels/mve/Dot.h"
#include "passes/kernels/mve/Mve.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;
using namespace dlc::kernels::mve;

namespace dlc::kernels::mve {
void emitDepthwise(nn::ConvOp op);
}

namespace {
/// Copies of a window that are written out.
constexpr int64_t kWritten = 12;

/// Emits one convolution position by position.
class ConvEmitter {
public:
  ConvEmitter(ImplicitLocOpBuilder &b, nn::ConvOp op)
      : op(op), c(op), input(b, op.getInput()),
        dot(b, op, dotWeights(op), op.getFilter(), op.getInit()) {
    plane = op.getSpatialRank() == 2;
    rowStride = plane ? input.strides[1] : 0;
    columnStride = input.strides[plane ? 2 : 1];
    scratch = scratchOf(b, op.getScratch(), cast<MemRefType>(op.getInput().getType()).getElementType());
    runs = c.hasRuns() && columnStride == c.inC;
  }

  void emit(ImplicitLocOpBuilder &b) {
    StringRef kind = op.getKernelAttr().getKind();
    plainLoop(b, 0, c.batch, 1, [&](ImplicitLocOpBuilder &ib, Value n) {
      plainLoop(ib, 0, c.outH, 1, [&](ImplicitLocOpBuilder &jb, Value y) {
        if (kind == "mve_gather" || (kind == "mve_window" && !runs))
          emitGathered(jb, n, y, c.outW);
        else
          emitDirect(jb, n, y);
      });
    });
  }

private:
  SmallVector<Value> outputAt(Value n, Value y, Value x) const {
    if (plane)
      return {n, y, x};
    return {n, x};
  }

  /// First input element of the window at (y, x), which may lie outside.
  Value windowAt(ImplicitLocOpBuilder &b, Value n, Value y, Value x) const {
    Value at = times(b, n, input.strides[0]);
    at = plus(b, at, times(b, y, c.strideH * rowStride));
    at = plus(b, at, times(b, x, c.strideW * columnStride));
    return plus(b, at, -c.padTop * rowStride - c.padLeft * columnStride);
  }

  void forGroups(ImplicitLocOpBuilder &b,
                 llvm::function_ref<void(ImplicitLocOpBuilder &, Value)> body) const {
    plainLoop(b, 0, c.group, 1, body);
  }

  /// Windows inside the input are read where they lie, the others from scratch.
  void emitDirect(ImplicitLocOpBuilder &b, Value n, Value y) {
    bool pointwise = op.getKernelAttr().getKind() == "mve_dot";
    Left left{input.memory, pointwise ? 1 : c.kernelH, pointwise ? c.groupC : c.run(),
              c.dilationH * rowStride, c.strideW * columnStride};
    auto [firstY, lastY] = c.insideH();
    auto [firstX, lastX] = c.insideW();
    if (lastX - firstX < 2 && op.isPadded())
      firstX = lastX = c.outW; // all from scratch
    int64_t inner = lastX - firstX;
    auto direct = [&](ImplicitLocOpBuilder &ib) {
      int64_t first = firstX;
      forPairs(ib, inner, dot.mayRepeat(), [&](ImplicitLocOpBuilder &jb, ArrayRef<Value> xs) {
        forGroups(jb, [&](ImplicitLocOpBuilder &kb, Value g) {
          SmallVector<Value> starts;
          SmallVector<SmallVector<Value>> outputs;
          for (Value x : xs) {
            x = plus(kb, x, first);
            starts.push_back(plus(kb, windowAt(kb, n, y, x), times(kb, g, c.groupC)));
            outputs.push_back(outputAt(n, y, x));
          }
          dot.emitRows(kb, left, starts, outputs, g);
        });
      });
    };
    bool allRows = firstY == 0 && lastY == c.outH;
    if (allRows && inner == c.outW)
      return direct(b);
    // Rows at the upper and lower border have no window inside.
    Value isInner;
    if (!allRows) {
      Value above = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, y, index(b, firstY));
      Value below = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, y, index(b, lastY));
      isInner = arith::AndIOp::create(b, above, below);
    }
    if (inner > 0) {
      if (!isInner)
        direct(b);
      else
        branch(b, isInner, [&](ImplicitLocOpBuilder &ib) { direct(ib); });
    }
    // Positions left and right of the inner ones, counted without them.
    Value skipped = index(b, inner), count = index(b, c.outW - inner);
    if (isInner && inner > 0) {
      skipped = arith::SelectOp::create(b, isInner, skipped, index(b, 0));
      count = arith::SelectOp::create(b, isInner, count, index(b, c.outW));
    }
    if (inner == c.outW && !isInner)
      return;
    int64_t rows = dot.mayRepeat() ? 2 : 1;
    scf::ForOp::create(
        b, index(b, 0), count, index(b, rows), ValueRange(),
        [&](OpBuilder &builder, Location loc, Value i, ValueRange) {
          ImplicitLocOpBuilder ib(loc, builder);
          SmallVector<Value> xs;
          for (int64_t r = 0; r < rows; ++r) {
            Value k = r == 0 ? i : plus(ib, i, r);
            if (r != 0)
              k = arith::MinSIOp::create(ib, k, plus(ib, count, -1));
            Value right = arith::CmpIOp::create(ib, arith::CmpIPredicate::sge, k,
                                                index(ib, firstX));
            Value moved = arith::AddIOp::create(ib, k, skipped);
            xs.push_back(arith::SelectOp::create(ib, right, moved, k));
          }
          emitScratch(ib, n, y, xs, /*mayBeInside=*/false);
          scf::YieldOp::create(ib);
        });
  }

  void emitGathered(ImplicitLocOpBuilder &b, Value n, Value y, int64_t count) {
    forPairs(b, count, dot.mayRepeat(), [&](ImplicitLocOpBuilder &ib, ArrayRef<Value> xs) {
      emitScratch(ib, n, y, xs, /*mayBeInside=*/true);
    });
  }

  /// Copies the windows at `xs` to scratch and computes their results.
  void emitScratch(ImplicitLocOpBuilder &b, Value n, Value y, ArrayRef<Value> xs,
                   bool mayBeInside) {
    int64_t pitch = gatherPitch(c);
    forGroups(b, [&](ImplicitLocOpBuilder &ib, Value g) {
      SmallVector<Value> starts;
      SmallVector<SmallVector<Value>> outputs;
      for (auto [r, x] : llvm::enumerate(xs)) {
        starts.push_back(index(ib, r * pitch));
        outputs.push_back(outputAt(n, y, x));
        gather(ib, n, y, x, g, starts.back(), mayBeInside);
      }
      Left left{scratch, 1, c.depth(), 0, pitch, /*whole=*/true};
      dot.emitRows(ib, left, starts, outputs, g);
    });
  }

  /// One window to `to` of scratch.
  void gather(ImplicitLocOpBuilder &b, Value n, Value y, Value x, Value g, Value to,
              bool mayBeInside) {
    Value from = plus(b, windowAt(b, n, y, x), times(b, g, c.groupC));
    if (!op.isPadded())
      return gatherInside(b, from, to);
    if (!mayBeInside)
      return gatherBorder(b, from, y, x, to);
    auto [firstY, lastY] = c.insideH();
    auto [firstX, lastX] = c.insideW();
    Value inside;
    auto within = [&](Value v, int64_t first, int64_t last, int64_t size) {
      if (first == 0 && last == size)
        return;
      Value low = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, v, index(b, first));
      Value high = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, v, index(b, last));
      Value both = arith::AndIOp::create(b, low, high);
      inside = inside ? arith::AndIOp::create(b, inside, both).getResult() : both;
    };
    within(y, firstY, lastY, c.outH);
    within(x, firstX, lastX, c.outW);
    if (!inside)
      return gatherInside(b, from, to);
    branch(b, inside, [&](ImplicitLocOpBuilder &ib) { gatherInside(ib, from, to); },
           [&](ImplicitLocOpBuilder &ib) { gatherBorder(ib, from, y, x, to); });
  }

  void gatherInside(ImplicitLocOpBuilder &b, Value from, Value to) {
    // Ascending: what a copy writes behind its end, the next one overwrites.
    auto copyRow = [&](ImplicitLocOpBuilder &ib, Value ky) {
      Value row = plus(ib, from, times(ib, ky, c.dilationH * rowStride));
      Value target = plus(ib, to, times(ib, ky, c.run()));
      if (runs) {
        copy(ib, scratch, target, input.memory, row, c.run(), /*slack=*/true);
        return;
      }
      plainLoop(ib, 0, c.kernelW, 1, [&](ImplicitLocOpBuilder &jb, Value kx) {
        copy(jb, scratch, plus(jb, target, times(jb, kx, c.groupC)), input.memory,
             plus(jb, row, times(jb, kx, c.dilationW * columnStride)), c.groupC, /*slack=*/true);
      });
    };
    if (runs && c.kernelH * alignUp(c.run(), c.copied()) <= kWritten * c.copied())
      for (int64_t ky = 0; ky < c.kernelH; ++ky)
        copyRow(b, index(b, ky));
    else
      plainLoop(b, 0, c.kernelH, 1, copyRow);
  }

  /// First kernel index inside [0, size) and the one behind the last, for a
  /// window that starts at `start`.
  static std::pair<Value, Value> range(ImplicitLocOpBuilder &b, Value start, int64_t size,
                                       int64_t kernel, int64_t dilation) {
    Value zero = index(b, 0);
    auto divided = [&](Value v) -> Value { // rounded up; v is not negative
      if (dilation == 1)
        return v;
      return arith::DivUIOp::create(b, plus(b, v, dilation - 1), index(b, dilation));
    };
    Value before = arith::MaxSIOp::create(b, arith::SubIOp::create(b, zero, start), zero);
    Value after = arith::MaxSIOp::create(b, arith::SubIOp::create(b, index(b, size), start), zero);
    Value last = arith::MinSIOp::create(b, divided(after), index(b, kernel));
    return {arith::MinSIOp::create(b, divided(before), last), last};
  }

  void gatherBorder(ImplicitLocOpBuilder &b, Value from, Value y, Value x, Value to) {
    auto zeroPoint = cast<IntegerAttr>(op.getPadElement()).getValue().getSExtValue();
    fill(b, scratch, to, alignUp(c.depth(), c.copied()), zeroPoint);
    Value top = plus(b, times(b, y, c.strideH), -c.padTop);
    Value left = plus(b, times(b, x, c.strideW), -c.padLeft);
    auto [firstY, lastY] = range(b, top, c.inH, c.kernelH, c.dilationH);
    auto [firstX, lastX] = range(b, left, c.inW, c.kernelW, c.dilationW);
    Value one = index(b, 1);
    scf::ForOp::create(
        b, firstY, lastY, one, ValueRange(),
        [&, firstX = firstX, lastX = lastX](OpBuilder &builder, Location loc, Value ky, ValueRange) {
          ImplicitLocOpBuilder ib(loc, builder);
          Value row = plus(ib, from, times(ib, ky, c.dilationH * rowStride));
          Value target = plus(ib, to, times(ib, ky, c.run()));
          if (runs) {
            Value count = times(ib, arith::SubIOp::create(ib, lastX, firstX), c.groupC);
            copy(ib, scratch, plus(ib, target, times(ib, firstX, c.groupC)), input.memory,
                 plus(ib, row, times(ib, firstX, columnStride)), count);
          } else {
            scf::ForOp::create(
                ib, firstX, lastX, one, ValueRange(),
                [&](OpBuilder &innerBuilder, Location innerLoc, Value kx, ValueRange) {
                  ImplicitLocOpBuilder jb(innerLoc, innerBuilder);
                  copy(jb, scratch, plus(jb, target, times(jb, kx, c.groupC)), input.memory,
                       plus(jb, row, times(jb, kx, c.dilationW * columnStride)), c.groupC,
                       /*slack=*/false);
                  scf::YieldOp::create(jb);
                });
          }
          scf::YieldOp::create(ib);
        });
  }

  nn::ConvOp op;
  Conv c;
  Flat input;
  Dot dot;
  Value scratch;
  bool plane, runs; ///< runs: kernel rows are contiguous in the buffer
  int64_t rowStride, columnStride;
};
} // namespace

void mve::emit(nn::ConvOp op) {
  if (!Flat::fits(op.getInput()) || !Flat::fits(op.getInit()))
    return; // LowerContractions takes it
  if (op.getKernelAttr().getKind() == "mve_depthwise")
    return emitDepthwise(op);
  ImplicitLocOpBuilder b(op.getLoc(), op);
  ConvEmitter(b, op).emit(b);
  op.erase();
}

void mve::emit(nn::MatmulOp op) {
  if (!Flat::fits(op.getA()))
    return; // LowerContractions takes it
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto type = cast<MemRefType>(op.getA().getType());
  int64_t rank = type.getRank(), rows = type.getDimSize(rank - 2);
  Flat left(b, op.getA());
  Dot dot(b, op, dotWeights(op), op.getB(), op.getInit());
  Left operand{left.memory, 1, type.getDimSize(rank - 1), 0, left.strides[rank - 2]};
  std::function<void(ImplicitLocOpBuilder &, SmallVector<Value>, Value)> batches =
      [&](ImplicitLocOpBuilder &ib, SmallVector<Value> at, Value start) {
        if (static_cast<int64_t>(at.size()) < rank - 2) {
          int64_t d = at.size();
          plainLoop(ib, 0, type.getDimSize(d), 1, [&](ImplicitLocOpBuilder &jb, Value i) {
            SmallVector<Value> deeper = at;
            deeper.push_back(i);
            batches(jb, deeper, plus(jb, start, times(jb, i, left.strides[d])));
          });
          return;
        }
        forPairs(ib, rows, dot.mayRepeat(), [&](ImplicitLocOpBuilder &jb, ArrayRef<Value> ms) {
          SmallVector<Value> starts;
          SmallVector<SmallVector<Value>> outputs;
          for (Value m : ms) {
            starts.push_back(plus(jb, start, times(jb, m, left.strides[rank - 2])));
            outputs.push_back(at);
            outputs.back().push_back(m);
          }
          dot.emitRows(jb, operand, starts, outputs, index(jb, 0));
        });
      };
  batches(b, {}, index(b, 0));
  op.erase();
}
