// This file emits depthwise convolution: channels in lanes, sixteen whose sums are int16 as long as they fit,
// or eight of 16 bits.
#include "passes/kernels/mve/Epilogue.h"
#include "passes/kernels/mve/Geometry.h"
#include "passes/kernels/mve/Memory.h"
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
/// Sets of kernel positions whose products, summed in any order, fit an int16
/// for every input: the magnitudes of their weights sum up to 255 or less in every
/// channel (inputs have magnitudes up to 128).
std::vector<std::vector<int64_t>> groupTaps(nn::ConvOp op) {
  DepthwiseOrder w = depthwiseOrder(op);
  std::vector<std::vector<int64_t>> groups;
  if (w.lanes != kLanes)
    return groups;
  DenseElementsAttr value;
  if (auto get = op.getFilter().getDefiningOp<memref::GetGlobalOp>())
    if (auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(get, get.getNameAttr()))
      value = dyn_cast_or_null<DenseElementsAttr>(global.getInitialValueAttr());
  if (!value) { // nothing is known: each on its own
    for (int64_t tap = 0; tap < w.taps; ++tap)
      groups.push_back({tap});
    return groups;
  }
  SmallVector<int8_t> data(value.getValues<int8_t>());
  auto magnitude = [&](int64_t tap, int64_t c) {
    return std::abs(static_cast<int>(data[w.weightAt(c / kLanes, tap, c % kLanes)]));
  };
  // First fit, the largest positions first.
  std::vector<std::pair<int64_t, int64_t>> order;
  for (int64_t tap = 0; tap < w.taps; ++tap) {
    int64_t total = 0;
    for (int64_t c = 0; c < w.channels; ++c)
      total += magnitude(tap, c);
    order.push_back({-total, tap});
  }
  llvm::sort(order);
  std::vector<std::vector<int64_t>> sums;
  for (auto [total, tap] : order) {
    size_t g = 0;
    for (; g < groups.size(); ++g) {
      bool fits = true;
      for (int64_t c = 0; c < w.channels && fits; ++c)
        fits = sums[g][c] + magnitude(tap, c) <= 255;
      if (fits)
        break;
    }
    if (g == groups.size()) {
      groups.emplace_back();
      sums.emplace_back(w.channels, 0);
    }
    groups[g].push_back(tap);
    for (int64_t c = 0; c < w.channels; ++c)
      sums[g][c] += magnitude(tap, c);
  }
  for (auto &group : groups)
    llvm::sort(group);
  llvm::sort(groups);
  return groups;
}

class Depthwise {
public:
  Depthwise(ImplicitLocOpBuilder &b, nn::ConvOp op)
      : op(op), c(op), order(depthwiseOrder(op)), epilogue(op), groups(groupTaps(op)),
        input(b, op.getInput()), output(b, op.getInit()),
        scratch(scratchOf(b, op.getScratch(), cast<MemRefType>(op.getInput().getType()).getElementType())) {
    plane = op.getSpatialRank() == 2;
    rowStride = plane ? input.strides[1] : 0;
    columnStride = input.strides[plane ? 2 : 1];
    outRow = plane ? output.strides[1] : 0;
    outColumn = output.strides[plane ? 2 : 1];
    zeroPoint = cast<IntegerAttr>(op.getPadElement()).getValue().getSExtValue();
    bytes = VectorType::get({kLanes}, b.getI8Type());
    inputs = VectorType::get({c.lanes}, b.getIntegerType(8 * kBytes / c.lanes));
    halves = VectorType::get({kLanes / 2}, b.getI16Type());
    words = VectorType::get({kLanes / 4}, b.getI32Type());
  }

  void emit(ImplicitLocOpBuilder &b) {
    if (readsWindows(op))
      return emitWindows(b);
    plainLoop(b, 0, c.batch, 1, [&](ImplicitLocOpBuilder &ib, Value n) {
      if (op.isPadded())
        fill(ib, scratch, index(ib, 0), c.reachH() * ringPitch(c), zeroPoint);
      plainLoop(ib, 0, c.outH, 1, [&](ImplicitLocOpBuilder &jb, Value y) {
        loadRows(jb, n, y);
        SmallVector<Value> rows;
        for (int64_t ky = 0; ky < c.kernelH; ++ky)
          rows.push_back(slot(jb, plus(jb, times(jb, y, c.strideH), ky * c.dilationH)));
        Value to = plus(jb, times(jb, n, output.strides[0]), times(jb, y, outRow));
        if (order.dense && outColumn == c.outC && hasDenseOperands())
          emitDense(jb, rows, n, y, to);
        else
          plainLoop(jb, 0, c.outW, 1, [&](ImplicitLocOpBuilder &kb, Value x) {
            emitBlocks(kb, n, y, x, to, [&](ImplicitLocOpBuilder &lb, Value channel, Value) {
              Value from = plus(lb, times(lb, x, c.strideW * c.inC), channel);
              Window window{scratch, {}, c.dilationW * c.inC, false};
              for (Value row : rows)
                window.rows.push_back(plus(lb, row, from));
              return window;
            });
          });
      });
    });
  }

private:
  /// Where the inputs of 16 results lie: of each kernel row the first, and how far the
  /// next position is. `exact`: nothing behind the last one may be read.
  struct Window {
    Value memory;
    SmallVector<Value> rows;
    int64_t step;
    bool exact;
  };

  /// Without rows in scratch, see readsWindows().
  void emitWindows(ImplicitLocOpBuilder &b) {
    auto [firstY, lastY] = c.insideH();
    auto [firstX, lastX] = c.insideW();
    plainLoop(b, 0, c.batch, 1, [&, firstY = firstY, lastY = lastY, firstX = firstX,
                                 lastX = lastX](ImplicitLocOpBuilder &ib, Value n) {
      plainLoop(ib, 0, c.outH, 1, [&](ImplicitLocOpBuilder &jb, Value y) {
        if (op->hasAttr(kReversed))
          y = arith::SubIOp::create(jb, index(jb, c.outH - 1), y);
        Value to = plus(jb, times(jb, n, output.strides[0]), times(jb, y, outRow));
        plainLoop(jb, 0, c.outW, 1, [&](ImplicitLocOpBuilder &kb, Value x) {
          Value top = plus(kb, times(kb, y, c.strideH), -c.padTop);
          Value left = plus(kb, times(kb, x, c.strideW), -c.padLeft);
          Value from = plus(kb, times(kb, n, input.strides[0]),
                            plus(kb, times(kb, top, rowStride), times(kb, left, columnStride)));
          auto inside = [&](ImplicitLocOpBuilder &lb, Value channel, Value) {
            Window window{input.memory, {}, c.dilationW * columnStride, true};
            for (int64_t ky = 0; ky < c.kernelH; ++ky)
              window.rows.push_back(plus(lb, plus(lb, from, channel), ky * c.dilationH * rowStride));
            return window;
          };
          if (!op.isPadded())
            return emitBlocks(kb, n, y, x, to, inside);
          auto border = [&](ImplicitLocOpBuilder &lb, Value channel, Value first) {
            copyWindow(lb, top, left, plus(lb, from, channel), first);
            Window window{scratch, {}, c.lanes, false};
            for (int64_t ky = 0; ky < c.kernelH; ++ky)
              window.rows.push_back(index(lb, ky * c.kernelW * c.lanes));
            return window;
          };
          auto within = [&](Value v, int64_t low, int64_t high) -> Value {
            return arith::CmpIOp::create(kb, arith::CmpIPredicate::ult, plus(kb, v, -low),
                                         index(kb, high - low));
          };
          Value isInside = arith::AndIOp::create(kb, within(y, firstY, lastY), within(x, firstX, lastX));
          branch(kb, isInside, [&](ImplicitLocOpBuilder &lb) { emitBlocks(lb, n, y, x, to, inside); },
                 [&](ImplicitLocOpBuilder &lb) { emitBlocks(lb, n, y, x, to, border); });
        });
      });
    });
  }

  /// A vector of channels of a window over the border to scratch; `top` and `left` are its
  /// first position, `from` is where that would lie.
  void copyWindow(ImplicitLocOpBuilder &b, Value top, Value left, Value from, Value first) {
    fill(b, scratch, index(b, 0), order.taps * c.lanes, zeroPoint);
    auto isIn = [](ImplicitLocOpBuilder &ib, Value v, int64_t size) -> Value {
      return arith::CmpIOp::create(ib, arith::CmpIPredicate::ult, v, index(ib, size));
    };
    plainLoop(b, 0, c.kernelH, 1, [&](ImplicitLocOpBuilder &ib, Value ky) {
      Value y = plus(ib, top, times(ib, ky, c.dilationH));
      plainLoop(ib, 0, c.kernelW, 1, [&](ImplicitLocOpBuilder &jb, Value kx) {
        Value x = plus(jb, left, times(jb, kx, c.dilationW));
        Value both = arith::AndIOp::create(jb, isIn(jb, y, c.inH), isIn(jb, x, c.inW));
        branch(jb, both, [&](ImplicitLocOpBuilder &kb) {
          Value at = plus(kb, from, plus(kb, times(kb, ky, c.dilationH * rowStride),
                                         times(kb, kx, c.dilationW * columnStride)));
          Value to = times(kb, plus(kb, times(kb, ky, c.kernelW), kx), c.lanes);
          Value v = arm_mve::LoadOp::create(kb, inputs, input.memory, ValueRange{at}, first, false);
          arm_mve::StoreOp::create(kb, v, scratch, ValueRange{to}, Value());
        });
      });
    });
  }

  /// Where padded row `row` lies in scratch.
  Value slot(ImplicitLocOpBuilder &b, Value row) {
    if (c.reachH() == 1)
      return index(b, 0);
    return times(b, arith::RemUIOp::create(b, row, index(b, c.reachH())), ringPitch(c));
  }

  /// Copies the padded rows that output row `y` is the first to read.
  void loadRows(ImplicitLocOpBuilder &b, Value n, Value y) {
    Value end = plus(b, times(b, y, c.strideH), c.reachH());
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y, index(b, 0));
    Value begin = arith::SelectOp::create(b, isFirst, index(b, 0), plus(b, end, -c.strideH));
    scf::ForOp::create(b, begin, end, index(b, 1), ValueRange(),
                       [&](OpBuilder &builder, Location loc, Value row, ValueRange) {
                         ImplicitLocOpBuilder ib(loc, builder);
                         loadRow(ib, n, row);
                         scf::YieldOp::create(ib);
                       });
  }

  void loadRow(ImplicitLocOpBuilder &b, Value n, Value row) {
    Value to = plus(b, slot(b, row), c.padLeft * c.inC);
    Value y = plus(b, row, -c.padTop);
    auto copyRow = [&](ImplicitLocOpBuilder &ib) {
      Value from = plus(ib, times(ib, n, input.strides[0]), times(ib, y, rowStride));
      if (columnStride == c.inC)
        return copy(ib, scratch, to, input.memory, from, c.inW * c.inC, /*slack=*/false);
      plainLoop(ib, 0, c.inW, 1, [&](ImplicitLocOpBuilder &jb, Value x) {
        copy(jb, scratch, plus(jb, to, times(jb, x, c.inC)), input.memory,
             plus(jb, from, times(jb, x, columnStride)), c.inC, /*slack=*/false);
      });
    };
    if (c.padTop == 0 && c.padBottom == 0)
      return copyRow(b);
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, y, index(b, c.inH));
    branch(b, inside, [&](ImplicitLocOpBuilder &ib) { copyRow(ib); },
           [&](ImplicitLocOpBuilder &ib) { fill(ib, scratch, to, c.inW * c.inC, zeroPoint); });
  }

  /// Operands of the output's shape have rows without gaps.
  bool hasDenseOperands() {
    for (auto [i, operand] : llvm::enumerate(epilogue.operands()))
      if (!epilogue.isPerChannel(i) &&
          !cast<MemRefType>(operand.getType()).getLayout().isIdentity())
        return false;
    return true;
  }

  /// Position `x`, a vector of channels at a time. Channels are the inner loop: nothing
  /// there is the same in the next round, which would be kept on the stack.
  void emitBlocks(ImplicitLocOpBuilder &b, Value n, Value y, Value x, Value to,
                  llvm::function_ref<Window(ImplicitLocOpBuilder &, Value channel, Value first)>
                      windowAt) {
    int64_t whole = c.outC / c.lanes, rest = c.outC % c.lanes;
    auto block = [&](ImplicitLocOpBuilder &ib, Value vector, Value first) {
      Value channel = times(ib, vector, c.lanes);
      Window window = windowAt(ib, channel, first);
      Value result = plus(ib, plus(ib, to, times(ib, x, outColumn)), channel);
      emitVector(ib, window, vector, result, operandAt(n, y, x, channel), first);
    };
    plainLoop(b, 0, whole, 1,
              [&](ImplicitLocOpBuilder &ib, Value vector) { block(ib, vector, Value()); });
    if (rest)
      block(b, index(b, whole), index(b, rest));
  }

  /// A vector of neighbouring elements of a row at a time, whatever their channel.
  void emitDense(ImplicitLocOpBuilder &b, ArrayRef<Value> rows, Value n, Value y, Value to) {
    int64_t size = c.outW * c.outC, vectors = order.vectors();
    bool ragged = size % c.lanes != 0;
    SmallVector<Value> start;
    if (vectors > 1)
      start.push_back(index(b, 0));
    carryLoop(b, 0, size, c.lanes, start,
              [&](ImplicitLocOpBuilder &ib, Value at, ValueRange carried) -> SmallVector<Value> {
                Value vector = vectors > 1 ? carried[0] : index(ib, 0);
                Value first = ragged ? arith::SubIOp::create(ib, index(ib, size), at).getResult() : Value();
                Window window{scratch, {}, c.dilationW * c.inC, false};
                for (Value row : rows)
                  window.rows.push_back(plus(ib, row, at));
                // Operands of the output's shape: their row is as long as this one.
                emitVector(ib, window, vector, plus(ib, to, at),
                           operandAt(n, y, index(ib, 0), at), first);
                if (vectors == 1)
                  return {};
                Value next = plus(ib, vector, 1);
                Value wraps = arith::CmpIOp::create(ib, arith::CmpIPredicate::eq, next, index(ib, vectors));
                return {arith::SelectOp::create(ib, wraps, index(ib, 0), next)};
              });
  }

  SmallVector<Value> operandAt(Value n, Value y, Value x, Value channel) {
    if (plane)
      return {n, y, x, channel};
    return {n, x, channel};
  }

  /// A vector of results. `vector`: which weights and operands with one element a channel.
  void emitVector(ImplicitLocOpBuilder &b, const Window &window, Value vector, Value to,
                  ArrayRef<Value> at, Value first) {
    SmallVector<Value> sums;
    if (getConstantIntValue(vector)) // else all weights would go to the stack
      vector = arm_mve::AnewOp::create(b, vector.getType(), vector);
    if (c.lanes != kLanes)
      return emitHalves(b, window, vector, to, at, first);
    Value weight = times(b, vector, order.taps * kLanes);
    for (ArrayRef<int64_t> group : groups) {
      Value low, high; // sums of even and odd lanes
      for (int64_t tap : group) {
        int64_t ky = tap / c.kernelW, kx = tap % c.kernelW;
        Value x = arm_mve::LoadOp::create(b, bytes, window.memory,
                                          ValueRange{plus(b, window.rows[ky], kx * window.step)},
                                          window.exact ? first : Value(), false);
        Value w = arm_mve::LoadOp::create(b, bytes, op.getFilter(),
                                          ValueRange{plus(b, weight, tap * kLanes)}, Value(),
                                          /*words=*/true);
        Value even = arm_mve::VmullOp::create(b, halves, x, w, false);
        Value odd = arm_mve::VmullOp::create(b, halves, x, w, true);
        low = low ? arith::AddIOp::create(b, low, even).getResult() : even;
        high = high ? arith::AddIOp::create(b, high, odd).getResult() : odd;
      }
      addWidened(b, sums, low, high);
    }
    auto perChannel = [&](Value operand, int64_t r) -> Value {
      Value operandAt = plus(b, times(b, vector, kLanes), 4 * r);
      return arm_mve::LoadOp::create(b, words, operand, ValueRange{operandAt}, Value(), false);
    };
    SmallVector<SmallVector<Value>> full = loadOperands(b, at, first);
    for (int64_t r = 0; r < 4; ++r) {
      if (epilogue.bias())
        sums[r] = arith::AddIOp::create(b, sums[r], perChannel(epilogue.bias(), r));
      sums[r] = epilogue.applyUnclamped(b, sums[r], [&](unsigned i) {
        return epilogue.isPerChannel(i) ? perChannel(epilogue.operands()[i], r) : full[i][r];
      });
    }
    // Lanes 0, 4, ... and 2, 6, ... become the even lanes, the others the odd ones.
    Value even = narrow(b, sums[0], sums[2], halves, epilogue.shift());
    Value odd = narrow(b, sums[1], sums[3], halves, epilogue.shift());
    if (int16_t zero = epilogue.zeroPoint()) {
      Value splat = arith::ConstantOp::create(b, DenseElementsAttr::get(halves, zero));
      even = arm_mve::VqaddOp::create(b, even, splat);
      odd = arm_mve::VqaddOp::create(b, odd, splat);
    }
    Value result = narrow(b, even, odd, bytes, 0);
    result = epilogue.bounded(b, result);
    arm_mve::StoreOp::create(b, result, output.memory, ValueRange{to}, first);
  }

  /// Eight results: products of 16 bits are words, even and odd lanes apart.
  void emitHalves(ImplicitLocOpBuilder &b, const Window &window, Value vector, Value to,
                  ArrayRef<Value> at, Value first) {
    Value weight = times(b, vector, order.taps * c.lanes);
    bool whole = bytesOf(op.getFilter()) == 2;
    Value sums[2];
    auto perChannel = [&](Value operand, int64_t r) -> Value {
      Value operandAt = plus(b, times(b, vector, c.lanes), 4 * r);
      return arm_mve::LoadOp::create(b, words, operand, ValueRange{operandAt}, Value(), false);
    };
    for (int64_t tap = 0; tap < order.taps; ++tap) {
      int64_t ky = tap / c.kernelW, kx = tap % c.kernelW;
      Value x = arm_mve::LoadOp::create(b, halves, window.memory,
                                        ValueRange{plus(b, window.rows[ky], kx * window.step)},
                                        window.exact ? first : Value(), false);
      Value w = arm_mve::LoadOp::create(b, halves, op.getFilter(),
                                        ValueRange{plus(b, weight, tap * c.lanes)}, Value(), whole);
      for (bool top : {false, true}) {
        Value product = arm_mve::VmullOp::create(b, words, x, w, top);
        sums[top] = sums[top] ? arith::AddIOp::create(b, sums[top], product).getResult() : product;
      }
    }
    SmallVector<SmallVector<Value>> full;
    for (auto [i, operand] : llvm::enumerate(epilogue.operands())) {
      SmallVector<Value> &lanes = full.emplace_back();
      if (epilogue.isPerChannel(i))
        continue;
      Value v = arm_mve::LoadOp::create(b, halves, operand, at, first, false);
      for (bool top : {false, true})
        lanes.push_back(arm_mve::VmovlOp::create(b, words, v, top));
    }
    for (int64_t r = 0; r < 2; ++r) {
      if (epilogue.bias())
        sums[r] = arith::AddIOp::create(b, sums[r], perChannel(epilogue.bias(), r));
      sums[r] = epilogue.apply(b, sums[r], [&](unsigned i) {
        return epilogue.isPerChannel(i) ? perChannel(epilogue.operands()[i], r) : full[i][r];
      });
    }
    arm_mve::StoreOp::create(b, narrow(b, sums[0], sums[1], halves, 0), output.memory,
                             ValueRange{to}, first);
  }

  /// Adds int16 sums of even and odd lanes to int32 sums of every fourth lane.
  void addWidened(ImplicitLocOpBuilder &b, SmallVector<Value> &sums, Value low, Value high) {
    SmallVector<Value> wide;
    for (bool top : {false, true})
      for (Value half : {low, high})
        wide.push_back(arm_mve::VmovlOp::create(b, words, half, top));
    if (sums.empty())
      sums = wide;
    else
      for (int64_t r = 0; r < 4; ++r)
        sums[r] = arith::AddIOp::create(b, sums[r], wide[r]);
  }

  Value narrow(ImplicitLocOpBuilder &b, Value even, Value odd, VectorType type, int64_t shift) {
    // The lanes that the first step does not write are written by the second.
    Value into = vector::BitCastOp::create(b, type, even);
    Value half = arm_mve::VqmovnOp::create(b, type, into, even, shift, false);
    return arm_mve::VqmovnOp::create(b, type, half, odd, shift, true);
  }

  /// Lanes r, r + 4, ... of the operands with the output's shape.
  SmallVector<SmallVector<Value>> loadOperands(ImplicitLocOpBuilder &b, ArrayRef<Value> at,
                                               Value first) {
    SmallVector<SmallVector<Value>> result;
    for (auto [i, operand] : llvm::enumerate(epilogue.operands())) {
      SmallVector<Value> &lanes = result.emplace_back();
      if (epilogue.isPerChannel(i))
        continue;
      Value v = arm_mve::LoadOp::create(b, bytes, operand, at, first, false);
      Value even = arm_mve::VmovlOp::create(b, halves, v, false);
      Value odd = arm_mve::VmovlOp::create(b, halves, v, true);
      addWidened(b, lanes, even, odd);
    }
    return result;
  }

  nn::ConvOp op;
  Conv c;
  DepthwiseOrder order;
  Epilogue epilogue;
  std::vector<std::vector<int64_t>> groups;
  Flat input, output;
  Value scratch;
  bool plane;
  int64_t rowStride, columnStride, outRow, outColumn;
  int64_t zeroPoint;
  VectorType bytes, inputs, halves, words;
};
} // namespace

void mve::emitDepthwise(nn::ConvOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Depthwise(b, op).emit(b);
  op.erase();
}
