// This file lowers contractions that no micro-kernel takes to plain loops.
#include "passes/kernels/Epilogue.h"
#include "passes/kernels/Needs.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Overlaps.h"
#include "passes/kernels/mve/Mve.h"

namespace dlc {
#define GEN_PASS_DEF_LOWERCONTRACTIONS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::kernels;

namespace {
Value constant(ImplicitLocOpBuilder &b, int64_t v) {
  return arith::ConstantIndexOp::create(b, v);
}

Value sizeOf(ImplicitLocOpBuilder &b, Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.isDynamicDim(dim))
    return memref::DimOp::create(b, buffer, dim);
  return constant(b, type.getDimSize(dim));
}

/// Loops from 0 to `sizes`; `body` gets the indices.
/// With `nn.reversed` on `op` from the last to the first.
void loopNest(ImplicitLocOpBuilder &b, Operation *op, ValueRange sizes,
              llvm::function_ref<void(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<Value> zeros(sizes.size(), constant(b, 0));
  SmallVector<Value> ones(sizes.size(), constant(b, 1));
  scf::buildLoopNest(b, b.getLoc(), zeros, sizes, ones,
                     [&](OpBuilder &builder, Location loc, ValueRange at) {
                       ImplicitLocOpBuilder ib(loc, builder);
                       if (!op->hasAttr(kReversed))
                         return body(ib, at);
                       SmallVector<Value> mirrored;
                       for (auto [i, size] : llvm::zip_equal(at, sizes)) {
                         Value last = arith::SubIOp::create(ib, size, constant(ib, 1));
                         mirrored.push_back(arith::SubIOp::create(ib, last, i));
                       }
                       body(ib, mirrored);
                     });
}

/// The same with one value carried through all loops; returns the last one.
Value reduceNest(ImplicitLocOpBuilder &b, ValueRange sizes, Value start,
                 llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange, Value)> body) {
  SmallVector<Value> zeros(sizes.size(), constant(b, 0));
  SmallVector<Value> ones(sizes.size(), constant(b, 1));
  auto nest = scf::buildLoopNest(
      b, b.getLoc(), zeros, sizes, ones, start,
      [&](OpBuilder &builder, Location loc, ValueRange at, ValueRange carried) {
        ImplicitLocOpBuilder ib(loc, builder);
        return scf::ValueVector{body(ib, at, carried[0])};
      });
  return nest.results[0];
}

Value zeroOf(ImplicitLocOpBuilder &b, Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

void lower(dlc::nn::ConvOp op, dlc::rt::TargetAttr target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t rank = op.getSpatialRank();
  bool last = op.getChannelsLast();
  Value in = op.getInput(), filter = op.getFilter(), out = op.getInit();
  bool packed = op.getPacked() > 0;
  auto outType = cast<MemRefType>(out.getType());
  int64_t groupOutputs = outType.getDimSize(op.getChannelDim()) / op.getGroup();
  int64_t width = packed ? op.getPacked() : 1;
  int64_t panels = llvm::divideCeil(groupOutputs, width);
  Type acc = op.getAccumulatorType();

  SmallVector<Value> outSizes;
  for (int64_t d = 0; d < rank + 2; ++d)
    outSizes.push_back(sizeOf(b, out, d));
  loopNest(b, op, outSizes, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Value channel = at[op.getChannelDim()];
    // First input channel of the group.
    Value base = constant(b, 0);
    Value groupChannels = constant(b, op.getGroupChannels());
    Value group = constant(b, 0);
    if (op.getGroup() > 1) {
      group = arith::DivUIOp::create(b, channel, constant(b, groupOutputs));
      base = arith::MulIOp::create(b, group, groupChannels);
    }
    // Kernel positions, then channels of the group.
    SmallVector<Value> sizes;
    for (int64_t d = 0; d < rank; ++d)
      sizes.push_back(constant(b, op.getKernelSize(d)));
    sizes.push_back(groupChannels);
    Value sum = reduceNest(
        b, sizes, zeroOf(b, acc),
        [&](ImplicitLocOpBuilder &b, ValueRange k, Value carried) -> Value {
          SmallVector<Value> inAt(rank + 2), filterAt(rank + 2);
          inAt[0] = at[0];
          Value inside; // whether the element is not padding; null when none is
          Value c = k[rank];
          inAt[last ? rank + 1 : 1] =
              op.getGroup() > 1 ? arith::AddIOp::create(b, base, c).getResult() : c;
          filterAt[last ? rank + 1 : 0] = channel;
          filterAt[last ? rank : 1] = c;
          for (int64_t d = 0; d < rank; ++d) {
            Value o = at[last ? d + 1 : d + 2];
            Value from = arith::MulIOp::create(b, o, constant(b, op.getStrides()[d]));
            Value step = arith::MulIOp::create(b, k[d], constant(b, op.getDilations()[d]));
            Value i = arith::AddIOp::create(b, from, step);
            if (op.getPadBefore(d) || op.getPadAfter(d)) {
              // Unsigned, what lies before the input is behind it, too.
              i = arith::SubIOp::create(b, i, constant(b, op.getPadBefore(d)));
              Value ok = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, i,
                                               sizeOf(b, in, last ? d + 1 : d + 2));
              inside = inside ? arith::AndIOp::create(b, inside, ok).getResult() : ok;
              i = arith::SelectOp::create(b, ok, i, constant(b, 0));
            }
            inAt[last ? d + 1 : d + 2] = i;
            filterAt[last ? d : d + 2] = k[d];
          }
          if (packed) {
            // [group * panels, kernel..., channels, width]
            Value o = arith::RemUIOp::create(b, channel, constant(b, groupOutputs));
            Value panel = arith::DivUIOp::create(b, o, constant(b, width));
            panel = arith::AddIOp::create(
                b, panel, arith::MulIOp::create(b, group, constant(b, panels)));
            filterAt.assign({panel});
            llvm::append_range(filterAt, k);
            filterAt.push_back(arith::RemUIOp::create(b, o, constant(b, width)));
          }
          if (op.getFilterShape()) {
            Value product = k[0];
            for (int64_t d = 1; d <= rank; ++d)
              product = arith::AddIOp::create(
                  b, arith::MulIOp::create(b, product, sizes[d]), k[d]);
            filterAt.assign({mve::weightAt(b, op, product, channel)});
          }
          Value element = memref::LoadOp::create(b, in, inAt);
          if (inside)
            element = arith::SelectOp::create(
                b, inside, element, arith::ConstantOp::create(b, op.getPadElement()));
          Value x = widen(b, element, acc);
          Value w = widen(b, memref::LoadOp::create(b, filter, filterAt), acc);
          return multiplyAdd(b, x, w, carried, target);
        });
    memref::StoreOp::create(b, applyEpilogue(b, op, sum, at), out, at);
  });
  op.erase();
}

void lower(dlc::nn::MatmulOp op, dlc::rt::TargetAttr target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value left = op.getA(), right = op.getB(), out = op.getInit();
  int64_t rank = cast<MemRefType>(left.getType()).getRank();
  int64_t rightRank = cast<MemRefType>(right.getType()).getRank();
  Type acc = op.getAccumulatorType();
  SmallVector<Value> outSizes;
  for (int64_t d = 0; d < rank; ++d)
    outSizes.push_back(sizeOf(b, out, d));
  loopNest(b, op, outSizes, [&](ImplicitLocOpBuilder &b, ValueRange at) {
    Value depth = sizeOf(b, left, rank - 1);
    Value sum = reduceNest(
        b, depth, zeroOf(b, acc),
        [&](ImplicitLocOpBuilder &b, ValueRange k, Value carried) -> Value {
          SmallVector<Value> leftAt(at.begin(), at.end());
          leftAt[rank - 1] = k[0];
          SmallVector<Value> rightAt(at.begin(), at.end());
          rightAt[rank - 2] = k[0];
          if (op.getPacked() > 0) {
            Value width = constant(b, op.getPacked());
            rightAt.assign({arith::DivUIOp::create(b, at.back(), width), k[0],
                            arith::RemUIOp::create(b, at.back(), width)});
          } else if (rightRank == 1) {
            rightAt.assign({mve::weightAt(b, op, k[0], at.back())});
          } else if (rightRank == 2)
            rightAt.erase(rightAt.begin(), rightAt.begin() + rank - 2);
          Value x = widen(b, memref::LoadOp::create(b, left, leftAt), acc);
          Value y = widen(b, memref::LoadOp::create(b, right, rightAt), acc);
          return multiplyAdd(b, x, y, carried, target);
        });
    memref::StoreOp::create(b, applyEpilogue(b, op, sum, at), out, at);
  });
  op.erase();
}

struct LowerContractions : dlc::impl::LowerContractionsBase<LowerContractions> {
  void runOnOperation() override {
    dlc::rt::TargetAttr target = dlc::rt::targetOf(getOperation());
    getOperation().walk([&](Operation *op) {
      if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
        lower(conv, target);
      else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
        lower(matmul, target);
    });
  }
};
} // namespace

std::optional<Overlap> dlc::kernels::overlapOfLoops(Operation *op) {
  auto conv = dyn_cast<nn::ConvOp>(op);
  auto matmul = dyn_cast<nn::MatmulOp>(op);
  if (!conv && !matmul)
    return std::nullopt;
  auto in = cast<ShapedType>(op->getOperand(0).getType());
  auto out = cast<ShapedType>((conv ? conv.getInit() : matmul.getInit()).getType());
  for (ShapedType type : {in, out}) {
    auto buffer = dyn_cast<MemRefType>(type);
    if (!type.hasStaticShape() || (buffer && !buffer.areTrailingDimsContiguous(buffer.getRank())))
      return std::nullopt;
  }
  // Bytes from one element of a dimension to the next.
  auto stridesOf = [](ShapedType type) {
    SmallVector<int64_t> strides(type.getRank());
    int64_t factor = memory::elementBytes(type.getElementType());
    for (int64_t d = type.getRank() - 1; d >= 0; --d) {
      strides[d] = factor;
      factor *= type.getDimSize(d);
    }
    return strides;
  };
  // The loops over the output stand outside, in its order. Each element is stored
  // after all that it sums was read: from `start` to `end` beside the place that
  // moves with the loops by `from`.
  SmallVector<int64_t> from = stridesOf(in), to = stridesOf(out);
  int64_t start = 0, end = memory::elementBytes(in.getElementType());
  if (matmul) {
    end += from.back() * (in.getShape().back() - 1);
    from.back() = 0; // every column reads the whole row
  } else {
    unsigned channel = conv.getChannelDim();
    int64_t outputs = out.getDimSize(channel) / static_cast<int64_t>(conv.getGroup());
    if (conv.getGroup() == 1) {
      end += from[channel] * (in.getDimSize(channel) - 1);
      from[channel] = 0;
    } else if (outputs != 1 || conv.getGroupChannels() != 1) {
      return std::nullopt;
    }
    for (unsigned d = 0; d < conv.getSpatialRank(); ++d) {
      unsigned dim = conv.getChannelsLast() ? d + 1 : d + 2;
      int64_t reach = (conv.getKernelSize(d) - 1) * conv.getDilations()[d];
      start -= conv.getPadBefore(d) * from[dim];
      end += (reach - conv.getPadBefore(d)) * from[dim];
      from[dim] *= conv.getStrides()[d];
    }
  }
  auto distance = memory::nestDistance(out.getShape(), from, to, 0);
  if (!distance)
    return std::nullopt;
  Overlap result{memory::elementBytes(out.getElementType()) - *distance - start, false};
  // Backwards the same holds for what lies before the last place of both.
  int64_t lastRead = end, lastWritten = 0;
  for (int64_t d = 0; d < out.getRank(); ++d) {
    lastRead += from[d] * (out.getDimSize(d) - 1);
    lastWritten += to[d] * (out.getDimSize(d) - 1);
  }
  result.backwards = lastRead - lastWritten - *distance;
  return result;
}
