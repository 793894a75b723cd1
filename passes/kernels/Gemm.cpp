// This file emits the GEMM micro-kernel of nn.matmul and nn.conv.
#include "passes/kernels/Gemm.h"

#include "passes/compress/Scheme.h"
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc::kernels;

namespace {
/// What a contraction looks like to the micro-kernel: `rows` results share one
/// panel of weights; the sum runs over `positions` (kernel dimensions) and over
/// `channels` neighbouring elements.
struct Problem {
  Operation *op;
  dlc::nn::KernelAttr kernel;
  Type element;
  Value left, right, out;
  SmallVector<int64_t> positions;
  int64_t channels;
  /// Indices of the left element for row `r`, kernel position and channel.
  llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, int64_t r, ValueRange position,
                                   Value channel)>
      leftAt;
  /// Indices of the first right element of a vector that starts at `column` of
  /// the panel.
  llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange position,
                                   Value channel, Value column)>
      rightAt;
  /// Indices of the result of row `r`, at `column` of the panel.
  llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, int64_t r, Value column)> outAt;
  /// Panels are padded to their width; otherwise nothing lies behind the last column.
  bool padded;
};

/// Sums all products of `rows` rows with the `columns` columns that start at
/// `column` (masks say the same when the vectors are scalable).
SmallVector<Value> accumulate(ImplicitLocOpBuilder &b, const Tile &tile, const Problem &p,
                              int64_t rows, Value column, int64_t columns,
                              ArrayRef<Value> masks) {
  auto columnAt = [&](ImplicitLocOpBuilder &ib, int64_t v) -> Value {
    if (v == 0)
      return column;
    if (!tile.scalable())
      return offsetBy(ib, column, v * tile.lanes());
    return scaled(ib, column, tile.vectorLength(ib), v);
  };
  // One channel: row scalars `x` times the panel's vectors.
  auto step = [&](ImplicitLocOpBuilder &ib, ValueRange position, Value channel,
                  ArrayRef<Value> x, ValueRange carried) {
    SmallVector<Value> y, sums(carried.begin(), carried.end());
    // Vectors behind the last column have no results; of one that straddles it
    // only the elements that exist are read.
    int64_t used = masks.empty() ? std::min<int64_t>(tile.vectors(), llvm::divideCeil(columns, tile.lanes()))
                                 : tile.vectors();
    for (int64_t v = 0; v < used; ++v) {
      SmallVector<Value> at = p.rightAt(ib, position, channel, columnAt(ib, v));
      if (!masks.empty())
        y.push_back(tile.load(ib, p.right, at, masks[v]));
      else if (p.padded)
        y.push_back(tile.load(ib, p.right, at));
      else
        y.push_back(tile.loadFirst(ib, p.right, at, columns - v * tile.lanes()));
      if (tile.lanes() == 1)
        y.back() = widen(ib, y.back(), tile.scalar());
    }
    for (int64_t r = 0; r < rows; ++r) {
      Value left = tile.splat(ib, widen(ib, x[r], tile.scalar()));
      for (int64_t v = 0; v < used; ++v) {
        Value &sum = sums[r * tile.vectors() + v];
        sum = tile.multiplyAdd(ib, left, y[v], sum);
      }
    }
    return sums;
  };
  auto channelLoops = [&](ImplicitLocOpBuilder &ib, ValueRange position, ValueRange carried) {
    int64_t depth = p.kernel.getDepth();
    int64_t whole = depth > 1 ? p.channels / depth * depth : 0;
    SmallVector<Value> at(position.begin(), position.end());
    // `depth` channels of each row in one vector, used lane by lane.
    SmallVector<Value> sums = carryLoop(
        ib, 0, whole, depth, carried,
        [&](ImplicitLocOpBuilder &jb, Value channel, ValueRange inner) {
          SmallVector<Value> wide, sums(inner.begin(), inner.end());
          auto type = VectorType::get({depth}, p.element);
          for (int64_t r = 0; r < rows; ++r)
            wide.push_back(
                vector::LoadOp::create(jb, type, p.left, p.leftAt(jb, r, at, channel)));
          for (int64_t d = 0; d < depth; ++d) {
            SmallVector<Value> x;
            for (int64_t r = 0; r < rows; ++r)
              x.push_back(vector::ExtractOp::create(jb, wide[r], d));
            sums = step(jb, at, offsetBy(jb, channel, d), x, sums);
          }
          return sums;
        });
    auto one = [&](ImplicitLocOpBuilder &jb, Value channel, ValueRange inner) {
      SmallVector<Value> x;
      for (int64_t r = 0; r < rows; ++r)
        x.push_back(memref::LoadOp::create(jb, p.left, p.leftAt(jb, r, at, channel)));
      return step(jb, at, channel, x, inner);
    };
    // Integers: a round costs as much as the products of a channel.
    int64_t unroll = tile.scalar().isInteger() ? 2 : 1;
    int64_t rounds = whole + (p.channels - whole) / unroll * unroll;
    sums = carryLoop(ib, whole, rounds, unroll, sums,
                     [&](ImplicitLocOpBuilder &jb, Value channel, ValueRange inner) {
                       SmallVector<Value> sums(inner.begin(), inner.end());
                       for (int64_t u = 0; u < unroll; ++u)
                         sums = one(jb, offsetBy(jb, channel, u), sums);
                       return sums;
                     });
    return carryLoop(ib, rounds, p.channels, 1, sums, one);
  };
  std::function<SmallVector<Value>(ImplicitLocOpBuilder &, SmallVector<Value>, ValueRange)>
      nest = [&](ImplicitLocOpBuilder &ib, SmallVector<Value> position,
                 ValueRange carried) -> SmallVector<Value> {
    if (position.size() == p.positions.size())
      return channelLoops(ib, position, carried);
    return carryLoop(ib, 0, p.positions[position.size()], 1, carried,
                     [&](ImplicitLocOpBuilder &jb, Value k, ValueRange inner) {
                       SmallVector<Value> deeper = position;
                       deeper.push_back(k);
                       return nest(jb, deeper, inner);
                     });
  };
  return nest(b, {}, tile.zeros(b, rows * tile.vectors()));
}

/// One tile of `rows` rows by a panel of which `columns` are valid.
void emitTile(ImplicitLocOpBuilder &b, const Tile &tile, const Problem &p, int64_t rows,
              int64_t columns) {
  if (!tile.scalable()) {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    SmallVector<Value> sums = accumulate(b, tile, p, rows, zero, columns, {});
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < tile.vectors(); ++v) {
        int64_t first = v * tile.lanes();
        if (first >= columns)
          continue;
        Value column = arith::ConstantIndexOp::create(b, first);
        tile.store(b, p.op, p.out, sums[r * tile.vectors() + v], p.outAt(b, r, column),
                   columns - first);
      }
    return;
  }
  // Three vectors at a time, whatever their length; lanes past the panel's valid
  // columns are off.
  Value length = tile.vectorLength(b);
  Value stride = arith::MulIOp::create(b, length, arith::ConstantIndexOp::create(b, tile.vectors()));
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value end = arith::ConstantIndexOp::create(b, columns);
  scf::ForOp::create(
      b, zero, end, stride, ValueRange(),
      [&](OpBuilder &builder, Location loc, Value column, ValueRange) {
        ImplicitLocOpBuilder ib(loc, builder);
        SmallVector<Value> masks, starts;
        for (int64_t v = 0; v < tile.vectors(); ++v) {
          Value start = v ? scaled(ib, column, length, v) : column;
          Value left = arith::SubIOp::create(ib, end, start);
          starts.push_back(start);
          masks.push_back(tile.mask(ib, arith::MaxSIOp::create(ib, left, zero)));
        }
        SmallVector<Value> sums = accumulate(ib, tile, p, rows, column, columns, masks);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t v = 0; v < tile.vectors(); ++v)
            tile.store(ib, p.op, p.out, sums[r * tile.vectors() + v],
                       p.outAt(ib, r, starts[v]), tile.lanes(), masks[v]);
        scf::YieldOp::create(ib);
      });
}

/// Calls `body` for all panels: (panel, valid columns). The last one may be
/// partly valid and has code of its own.
void panelLoop(ImplicitLocOpBuilder &b, int64_t columns, int64_t width,
               llvm::function_ref<void(ImplicitLocOpBuilder &, Value, int64_t)> body) {
  int64_t full = columns / width;
  plainLoop(b, 0, full, 1,
            [&](ImplicitLocOpBuilder &ib, Value panel) { body(ib, panel, width); });
  if (columns % width)
    body(b, arith::ConstantIndexOp::create(b, full), columns % width);
}

/// Expands panel `panel` of packed weights into scratch; returns it.
Value stage(ImplicitLocOpBuilder &b, Value packed, Value panel, Value scratch) {
  auto type = cast<MemRefType>(packed.getType());
  ArrayRef<int64_t> shape = type.getShape().drop_front();
  auto staged = MemRefType::get(shape, type.getElementType());
  Value to = memref::ViewOp::create(b, staged, scratch, arith::ConstantIndexOp::create(b, 0), ValueRange());
  std::function<void(ImplicitLocOpBuilder &, SmallVector<Value>)> copy = [&](ImplicitLocOpBuilder &ib, SmallVector<Value> at) {
    if (at.size() + 1 < shape.size())
      return plainLoop(ib, 0, shape[at.size()], 1, [&](ImplicitLocOpBuilder &jb, Value i) {
        SmallVector<Value> deeper = at;
        deeper.push_back(i);
        copy(jb, deeper);
      });
    at.push_back(Value());
    for (int64_t column = 0; column < shape.back(); ++column) {
      at.back() = arith::ConstantIndexOp::create(ib, column);
      SmallVector<Value> from{panel};
      llvm::append_range(from, at);
      memref::StoreOp::create(ib, memref::LoadOp::create(ib, packed, from), to, at);
    }
  };
  copy(b, {});
  return to;
}

/// Calls `body` for all tiles of rows: (first row, rows).
void rowLoop(ImplicitLocOpBuilder &b, int64_t rows, int64_t height,
             llvm::function_ref<void(ImplicitLocOpBuilder &, Value, int64_t)> body) {
  int64_t whole = rows / height * height;
  plainLoop(b, 0, whole, height,
            [&](ImplicitLocOpBuilder &ib, Value row) { body(ib, row, height); });
  if (rows % height)
    body(b, arith::ConstantIndexOp::create(b, whole), rows % height);
}
} // namespace

void dlc::kernels::emitGemm(nn::MatmulOp op, rt::TargetAttr target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto left = cast<MemRefType>(op.getA().getType());
  auto right = cast<MemRefType>(op.getB().getType());
  auto out = cast<MemRefType>(op.getInit().getType());
  Tile tile(op.getKernelAttr(), op.getAccumulatorType(), target);
  int64_t rank = left.getRank(), width = op.getKernelAttr().getColumns();
  int64_t rows = out.getDimSize(rank - 2), columns = out.getDimSize(rank - 1);
  bool packed = op.getPacked() > 0;

  std::function<void(ImplicitLocOpBuilder &, SmallVector<Value>)> batches =
      [&](ImplicitLocOpBuilder &ib, SmallVector<Value> batch) {
        if (static_cast<int64_t>(batch.size()) < rank - 2) {
          plainLoop(ib, 0, out.getDimSize(batch.size()), 1,
                    [&](ImplicitLocOpBuilder &jb, Value i) {
                      SmallVector<Value> deeper = batch;
                      deeper.push_back(i);
                      batches(jb, deeper);
                    });
          return;
        }
        panelLoop(ib, columns, width, [&](ImplicitLocOpBuilder &jb, Value panel, int64_t valid) {
          Value staged = packed && op.getScratch() ? stage(jb, op.getB(), panel, op.getScratch()) : Value();
          rowLoop(jb, rows, op.getKernelAttr().getRows(), [&](ImplicitLocOpBuilder &kb, Value row, int64_t height) {
            auto leftAt = [&](ImplicitLocOpBuilder &lb, int64_t r, ValueRange, Value c) {
              SmallVector<Value> at = batch;
              at.push_back(offsetBy(lb, row, r));
              at.push_back(c);
              return at;
            };
            auto rightAt = [&](ImplicitLocOpBuilder &lb, ValueRange, Value c, Value column) {
              if (staged)
                return SmallVector<Value>{c, column};
              if (packed)
                return SmallVector<Value>{panel, c, column};
              SmallVector<Value> at;
              if (right.getRank() > 2)
                at = batch;
              at.push_back(c);
              at.push_back(scaled(lb, column, panel, width));
              return at;
            };
            auto outAt = [&](ImplicitLocOpBuilder &lb, int64_t r, Value column) {
              SmallVector<Value> at = batch;
              at.push_back(offsetBy(lb, row, r));
              at.push_back(scaled(lb, column, panel, width));
              return at;
            };
            Problem p{op, op.getKernelAttr(), left.getElementType(), op.getA(), staged ? staged : op.getB(),
                      op.getInit(), {}, left.getDimSize(rank - 1), leftAt, rightAt, outAt,
                      packed};
            emitTile(kb, tile, p, height, valid);
          });
        });
      };
  batches(b, {});
  op.erase();
}

void dlc::kernels::emitGemm(nn::ConvOp op, rt::TargetAttr target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto in = cast<MemRefType>(op.getInput().getType());
  auto out = cast<MemRefType>(op.getInit().getType());
  Tile tile(op.getKernelAttr(), op.getAccumulatorType(), target);
  int64_t rank = op.getSpatialRank(), width = op.getKernelAttr().getColumns();
  int64_t group = op.getGroup(), groupChannels = op.getGroupChannels();
  int64_t groupOutputs = out.getShape().back() / group;
  int64_t panels = llvm::divideCeil(groupOutputs, width);
  SmallVector<int64_t> kernel;
  for (int64_t d = 0; d < rank; ++d)
    kernel.push_back(op.getKernelSize(d));

  // Batch and all spatial dimensions but the last, as plain loops.
  std::function<void(ImplicitLocOpBuilder &, SmallVector<Value>, llvm::function_ref<void(ImplicitLocOpBuilder &, ArrayRef<Value>)>)>
      outer = [&](ImplicitLocOpBuilder &ib, SmallVector<Value> at, auto body) {
        if (static_cast<int64_t>(at.size()) == rank) {
          body(ib, at);
          return;
        }
        plainLoop(ib, 0, out.getDimSize(at.size()), 1,
                  [&](ImplicitLocOpBuilder &jb, Value i) {
                    SmallVector<Value> deeper = at;
                    deeper.push_back(i);
                    outer(jb, deeper, body);
                  });
      };
  plainLoop(b, 0, group, 1, [&](ImplicitLocOpBuilder &gb, Value g) {
    panelLoop(gb, groupOutputs, width, [&](ImplicitLocOpBuilder &jb, Value panel, int64_t valid) {
      Value staged;
      if (op.getScratch())
        staged = stage(jb, op.getFilter(), scaled(jb, panel, g, panels), op.getScratch());
      outer(jb, {}, [&](ImplicitLocOpBuilder &ib, ArrayRef<Value> at) {
        rowLoop(ib, out.getDimSize(rank), op.getKernelAttr().getRows(), [&](ImplicitLocOpBuilder &kb, Value row, int64_t height) {
          auto leftAt = [&](ImplicitLocOpBuilder &lb, int64_t r, ValueRange position, Value c) {
            SmallVector<Value> from{at[0]};
            for (int64_t d = 0; d < rank; ++d) {
              Value o = d + 1 < rank ? at[d + 1] : offsetBy(lb, row, r);
              Value zero = arith::ConstantIndexOp::create(lb, 0);
              Value start = scaled(lb, zero, o, op.getStrides()[d]);
              from.push_back(scaled(lb, start, position[d], op.getDilations()[d]));
            }
            from.push_back(scaled(lb, c, g, groupChannels));
            return from;
          };
          auto rightAt = [&](ImplicitLocOpBuilder &lb, ValueRange position, Value c, Value column) {
            SmallVector<Value> from;
            if (!staged)
              from.push_back(scaled(lb, panel, g, panels));
            llvm::append_range(from, position);
            from.push_back(c);
            from.push_back(column);
            return from;
          };
          auto outAt = [&](ImplicitLocOpBuilder &lb, int64_t r, Value column) {
            SmallVector<Value> to(at.begin(), at.end());
            to.push_back(offsetBy(lb, row, r));
            Value o = scaled(lb, column, panel, width);
            to.push_back(scaled(lb, o, g, groupOutputs));
            return to;
          };
          Problem p{op, op.getKernelAttr(), in.getElementType(), op.getInput(), staged ? staged : op.getFilter(),
                    op.getInit(), kernel, groupChannels, leftAt, rightAt, outAt,
                    /*padded=*/true};
          emitTile(kb, tile, p, height, valid);
        });
      });
    });
  });
  op.erase();
}

/// More than that is no small price.
static constexpr int64_t kLargestPanel = 8192;
/// Tiles of rows from which on a panel is expanded once for all of them.
static constexpr int64_t kManyTiles = 3;

int64_t dlc::kernels::gemmScratch(Operation *op) {
  auto conv = dyn_cast<nn::ConvOp>(op);
  auto matmul = dyn_cast<nn::MatmulOp>(op);
  auto kernel = op->getAttrOfType<nn::KernelAttr>("kernel");
  if ((!conv && !matmul) || !kernel || kernel.getKind() != "gemm" || kernel.getLanes() != 1 ||
      (conv ? conv.getPacked() : matmul.getPacked()) == 0)
    return 0;
  Value filter = conv ? conv.getFilter() : matmul.getB();
  auto type = cast<ShapedType>(filter.getType());
  auto module = op->getParentOfType<ModuleOp>();
  rt::TargetAttr target = rt::targetOf(module);
  auto optimize = module->getAttrOfType<StringAttr>(rt::kOptimize);
  if (!type.getElementType().isF32() || !target || target.getHosted() ||
      (optimize && optimize.getValue() != "speed"))
    return 0;
  auto out = cast<ShapedType>((conv ? conv.getInit() : matmul.getInit()).getType()).getShape();
  int64_t tiles = llvm::divideCeil(out[out.size() - 2], int64_t(kernel.getRows()));
  for (int64_t size : conv ? out.drop_back(2) : ArrayRef<int64_t>())
    tiles *= size;
  int64_t bytes = type.getNumElements() / type.getDimSize(0) * 4;
  if (tiles < kManyTiles || bytes > kLargestPanel)
    return 0;
  DenseElementsAttr value;
  if (auto get = filter.getDefiningOp<memref::GetGlobalOp>()) {
    auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(get, get.getNameAttr());
    if (global && global.getConstant())
      value = dyn_cast_or_null<DenseElementsAttr>(global.getInitialValue().value_or(Attribute()));
  } else {
    matchPattern(filter, m_Constant(&value));
  }
  return value && compress::schemeOf(value, /*wholeRows=*/false) ? bytes : 0;
}
