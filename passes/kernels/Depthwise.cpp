// This file emits the depthwise convolution kernel: channels in lanes.
#include "passes/kernels/Tile.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Overlaps.h"

using namespace mlir;
using namespace dlc::kernels;

void dlc::kernels::emitDepthwise(nn::ConvOp op, rt::TargetAttr target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto in = cast<MemRefType>(op.getInput().getType());
  auto out = cast<MemRefType>(op.getInit().getType());
  Type element = in.getElementType();
  Tile vectors(op.getKernelAttr(), element, target);
  Tile scalars(nn::KernelAttr::get(op.getContext(), "depthwise", 1, 1, 1, 1, false), element,
               target);
  int64_t rank = op.getSpatialRank(), channels = out.getShape().back();
  SmallVector<int64_t> kernel;
  for (int64_t d = 0; d < rank; ++d)
    kernel.push_back(op.getKernelSize(d));

  // One tile: `rows` neighbouring positions, one vector of channels at `channel`.
  auto emitTile = [&](ImplicitLocOpBuilder &tb, const Tile &tile, ArrayRef<Value> at,
                      Value row, int64_t rows, Value channel, Value mask) {
    std::function<SmallVector<Value>(ImplicitLocOpBuilder &, SmallVector<Value>, ValueRange)>
        nest = [&](ImplicitLocOpBuilder &ib, SmallVector<Value> position,
                   ValueRange carried) -> SmallVector<Value> {
      if (static_cast<int64_t>(position.size()) < rank)
        return carryLoop(ib, 0, kernel[position.size()], 1, carried,
                         [&](ImplicitLocOpBuilder &jb, Value k, ValueRange inner) {
                           SmallVector<Value> deeper = position;
                           deeper.push_back(k);
                           return nest(jb, deeper, inner);
                         });
      SmallVector<Value> filterAt = position;
      filterAt.push_back(arith::ConstantIndexOp::create(ib, 0));
      filterAt.push_back(channel);
      Value w = tile.load(ib, op.getFilter(), filterAt, mask);
      SmallVector<Value> sums(carried.begin(), carried.end());
      for (int64_t r = 0; r < rows; ++r) {
        SmallVector<Value> from{at[0]};
        for (int64_t d = 0; d < rank; ++d) {
          Value o = d + 1 < rank ? at[d + 1] : offsetBy(ib, row, r);
          Value zero = arith::ConstantIndexOp::create(ib, 0);
          Value start = scaled(ib, zero, o, op.getStrides()[d]);
          from.push_back(scaled(ib, start, position[d], op.getDilations()[d]));
        }
        from.push_back(channel);
        Value x = tile.load(ib, op.getInput(), from, mask);
        sums[r] = tile.multiplyAdd(ib, x, w, sums[r]);
      }
      return sums;
    };
    SmallVector<Value> sums = nest(tb, {}, tile.zeros(tb, rows));
    for (int64_t r = 0; r < rows; ++r) {
      SmallVector<Value> to(at.begin(), at.end());
      to.push_back(offsetBy(tb, row, r));
      to.push_back(channel);
      tile.store(tb, op, op.getInit(), sums[r], to, tile.lanes(), mask);
    }
  };

  // All channels of the positions from `row` on.
  auto emitRow = [&](ImplicitLocOpBuilder &rb, ArrayRef<Value> at, Value row, int64_t rows) {
    if (vectors.scalable()) {
      Value zero = arith::ConstantIndexOp::create(rb, 0);
      Value end = arith::ConstantIndexOp::create(rb, channels);
      scf::ForOp::create(rb, zero, end, vectors.vectorLength(rb), ValueRange(),
                         [&](OpBuilder &builder, Location loc, Value channel, ValueRange) {
                           ImplicitLocOpBuilder ib(loc, builder);
                           Value mask = vectors.mask(
                               ib, arith::SubIOp::create(ib, end, channel));
                           emitTile(ib, vectors, at, row, rows, channel, mask);
                           scf::YieldOp::create(ib);
                         });
      return;
    }
    int64_t lanes = vectors.lanes(), whole = channels / lanes * lanes;
    plainLoop(rb, 0, whole, lanes, [&](ImplicitLocOpBuilder &ib, Value channel) {
      emitTile(ib, vectors, at, row, rows, channel, Value());
    });
    plainLoop(rb, whole, channels, 1, [&](ImplicitLocOpBuilder &ib, Value channel) {
      emitTile(ib, scalars, at, row, rows, channel, Value());
    });
  };

  int64_t height = op.getKernelAttr().getRows(), width = out.getDimSize(rank);
  std::function<void(ImplicitLocOpBuilder &, SmallVector<Value>)> outer =
      [&](ImplicitLocOpBuilder &ib, SmallVector<Value> at) {
        if (static_cast<int64_t>(at.size()) < rank) {
          plainLoop(ib, 0, out.getDimSize(at.size()), 1,
                    [&](ImplicitLocOpBuilder &jb, Value i) {
                      SmallVector<Value> deeper = at;
                      deeper.push_back(i);
                      outer(jb, deeper);
                    });
          return;
        }
        int64_t whole = width / height * height;
        plainLoop(ib, 0, whole, height, [&](ImplicitLocOpBuilder &jb, Value row) {
          emitRow(jb, at, row, height);
        });
        if (width % height)
          emitRow(ib, at, arith::ConstantIndexOp::create(ib, whole), width % height);
      };
  outer(b, {});
  op.erase();
}

std::optional<Overlap> dlc::kernels::overlapOfDepthwise(nn::ConvOp op) {
  auto in = cast<ShapedType>(op.getInput().getType()), out = cast<ShapedType>(op.getInit().getType());
  for (ShapedType type : {in, out}) {
    auto buffer = dyn_cast<MemRefType>(type);
    if (!type.hasStaticShape() || (buffer && !buffer.areTrailingDimsContiguous(buffer.getRank())))
      return std::nullopt;
  }
  if (op.isPadded())
    return std::nullopt;
  int64_t rank = op.getSpatialRank(), height = op.getKernelAttr().getRows();
  int64_t element = memory::elementBytes(in.getElementType());
  if (memory::elementBytes(out.getElementType()) != element)
    return std::nullopt;
  // Loops of emitDepthwise: batch, spatial dimensions, blocks of the last one,
  // channels. All taps of a block are read before it is stored, and vectors of
  // channels are read and stored at once: no later than one channel after the other.
  SmallVector<int64_t> rounds, from, to;
  int64_t inStride = element, outStride = element;
  rounds.push_back(out.getDimSize(rank + 1));
  from.push_back(inStride);
  to.push_back(outStride);
  for (int64_t d = rank; d >= 0; --d) {
    inStride *= in.getDimSize(d + 1);
    outStride *= out.getDimSize(d + 1);
    int64_t block = d == rank && rank > 0 ? height : 1;
    int64_t step = d > 0 ? op.getStrides()[d - 1] : 1;
    rounds.push_back(llvm::divideCeil(out.getDimSize(d), block));
    from.push_back(inStride * step * block);
    to.push_back(outStride * block);
  }
  std::reverse(rounds.begin(), rounds.end());
  std::reverse(from.begin(), from.end());
  std::reverse(to.begin(), to.end());
  int64_t channelsOfRow = out.getDimSize(rank + 1) * element;
  auto distance = memory::nestDistance(rounds, from, to, (height - 1) * channelsOfRow + element);
  if (!distance)
    return std::nullopt;
  return Overlap{-*distance, false};
}
