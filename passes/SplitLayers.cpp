// This file cuts the work of large layers into parts that threads do at the same time.
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

namespace dlc {
#define GEN_PASS_DEF_SPLITLAYERS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::ConvOp;
using dlc::nn::MatmulOp;

namespace {
/// Multiplications, or elements of other loops, that are worth a part: waking a
/// thread takes some microseconds.
constexpr int64_t kLeastWork = 1 << 16;

ArrayRef<int64_t> shapeOf(Value v) { return cast<ShapedType>(v.getType()).getShape(); }

/// A dimension of the result that can be cut every `step` elements.
struct Cut {
  unsigned dim;
  int64_t size, step;
  int64_t pieces() const { return llvm::divideCeil(size, step); }
};

/// One part of a layer: elements [first, first + size) of the dimension.
struct Part {
  int64_t first, size;
};

/// `v` restricted to [first, first + size) of dimension `dim`.
Value slice(OpBuilder &b, Location loc, Value v, unsigned dim, int64_t first, int64_t size) {
  SmallVector<OpFoldResult> offsets(shapeOf(v).size(), b.getIndexAttr(0)),
      strides(shapeOf(v).size(), b.getIndexAttr(1)), sizes;
  for (int64_t s : shapeOf(v))
    sizes.push_back(b.getIndexAttr(s));
  offsets[dim] = b.getIndexAttr(first), sizes[dim] = b.getIndexAttr(size);
  return memref::SubViewOp::create(b, loc, v, offsets, sizes, strides);
}

/// Epilogue operands of the part: those of the result's shape, and those with one
/// element a channel when channels are cut.
template <typename Op>
void sliceEpilogue(OpBuilder &b, Op op, const Cut &cut, Part part, IRMapping &map) {
  for (Value v : op.getEpilogueInputs()) {
    bool perChannel = shapeOf(v) != shapeOf(op.getInit());
    if (!perChannel)
      map.map(v, slice(b, op.getLoc(), v, cut.dim, part.first, part.size));
    else if (cut.dim == op.getChannelDim())
      map.map(v, slice(b, op.getLoc(), v, 0, part.first, part.size));
  }
}

//===--- Matrix products --------------------------------------------------===//

SmallVector<Cut> cutsOf(MatmulOp op) {
  ArrayRef<int64_t> out = shapeOf(op.getInit());
  dlc::nn::KernelAttr kernel = op.getKernelAttr();
  bool ownOrder = shapeOf(op.getB()).size() == 1;
  SmallVector<Cut> cuts;
  for (unsigned d = 0; d + 1 < out.size(); ++d) {
    bool isRow = d + 2 == out.size();
    cuts.push_back({d, out[d], isRow && kernel ? kernel.getRows() : 1});
  }
  if (!ownOrder && (op.getPacked() || !kernel || !kernel.getScalable()))
    cuts.push_back({op.getChannelDim(), out.back(), op.getPacked() ? int64_t(op.getPacked()) : 16});
  return cuts;
}

void makePart(OpBuilder &b, MatmulOp op, const Cut &cut, Part part, IRMapping &map) {
  Location loc = op.getLoc();
  unsigned rank = shapeOf(op.getInit()).size();
  if (cut.dim != op.getChannelDim())
    map.map(op.getA(), slice(b, loc, op.getA(), cut.dim, part.first, part.size));
  else if (op.getPacked())
    map.map(op.getB(), slice(b, loc, op.getB(), 0, part.first / op.getPacked(),
                             llvm::divideCeil(part.size, op.getPacked())));
  else
    map.map(op.getB(), slice(b, loc, op.getB(), shapeOf(op.getB()).size() - 1, part.first,
                             part.size));
  // Every batch with its own right side.
  if (cut.dim + 2 < rank && shapeOf(op.getB()).size() == rank)
    map.map(op.getB(), slice(b, loc, op.getB(), cut.dim, part.first, part.size));
}

//===--- Convolutions -----------------------------------------------------===//

SmallVector<Cut> cutsOf(ConvOp op) {
  if (!op.getChannelsLast() || op.isPadded())
    return {};
  ArrayRef<int64_t> out = shapeOf(op.getInit());
  SmallVector<Cut> cuts{{0, out[0], 1}, {1, out[1], 1}};
  if (op.getPacked() && op.getGroup() == 1)
    cuts.push_back({op.getChannelDim(), out.back(), int64_t(op.getPacked())});
  return cuts;
}

void makePart(OpBuilder &b, ConvOp op, const Cut &cut, Part part, IRMapping &map) {
  Location loc = op.getLoc();
  if (cut.dim == 0) {
    map.map(op.getInput(), slice(b, loc, op.getInput(), 0, part.first, part.size));
  } else if (cut.dim == op.getChannelDim()) {
    map.map(op.getFilter(), slice(b, loc, op.getFilter(), 0, part.first / op.getPacked(),
                                  llvm::divideCeil(part.size, op.getPacked())));
  } else {
    int64_t stride = op.getStrides()[0], reach = (op.getKernelSize(0) - 1) * op.getDilations()[0];
    map.map(op.getInput(), slice(b, loc, op.getInput(), 1, part.first * stride,
                                 (part.size - 1) * stride + reach + 1));
  }
}

//===--- All --------------------------------------------------------------===//

/// The cut with the most even parts. Cuts of rows come first, and those of channels,
/// for which every part reads the whole input, must be better by a tenth.
std::optional<Cut> bestOf(ArrayRef<Cut> cuts, int64_t parts) {
  const Cut *best = nullptr;
  auto longest = [&](const Cut &c) {
    return static_cast<double>(llvm::divideCeil(c.pieces(), parts)) / c.pieces();
  };
  for (const Cut &c : cuts)
    if (c.pieces() > 1 && (!best || longest(c) < 0.9 * longest(*best)))
      best = &c;
  return best ? std::optional(*best) : std::nullopt;
}

/// Equal parts, as far as steps allow.
SmallVector<Part> partsOf(const Cut &cut, int64_t count) {
  SmallVector<Part> parts;
  count = std::min(count, cut.pieces());
  for (int64_t k = 0; k < count; ++k) {
    int64_t first = cut.pieces() * k / count * cut.step;
    int64_t end = std::min(cut.pieces() * (k + 1) / count * cut.step, cut.size);
    parts.push_back({first, end - first});
  }
  return parts;
}

template <typename Op> std::optional<Cut> cutContraction(Op op, int64_t parts) {
  // A kernel with scratch memory would share it among threads.
  return op.getScratch() ? std::nullopt : bestOf(cutsOf(op), parts);
}

/// The loop of a linalg operation to cut: parallel, and one iteration is one element
/// of each operand.
std::optional<Cut> cutLoops(linalg::LinalgOp op, int64_t parts) {
  SmallVector<Cut> cuts;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (auto [d, size] : llvm::enumerate(sizes)) {
    if (kinds[d] == utils::IteratorType::parallel)
      cuts.push_back({static_cast<unsigned>(d), size, 1});
    if (cuts.size() == 2) // deeper loops would cut rows
      break;
  }
  return bestOf(cuts, parts);
}

std::optional<Cut> cutOf(Operation *op, int64_t parts) {
  return llvm::TypeSwitch<Operation *, std::optional<Cut>>(op)
      .Case<ConvOp, MatmulOp>([&](auto contraction) { return cutContraction(contraction, parts); })
      .Case<linalg::LinalgOp>([&](auto loops) { return cutLoops(loops, parts); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Multiplications, or innermost rounds of loops.
int64_t workOf(Operation *op) {
  if (auto loops = dyn_cast<linalg::LinalgOp>(op)) {
    int64_t rounds = 1;
    for (int64_t size : loops.getStaticLoopRanges())
      if (size < 0 || llvm::MulOverflow(rounds, size, rounds))
        return 0;
    return rounds;
  }
  return dlc::nn::countMacs(op);
}

/// Writes one part of `op`; `map` holds the views that the function has made.
LogicalResult emitPart(OpBuilder &b, Operation *op, const Cut &cut, Part part, IRMapping map) {
  auto contraction = [&](auto typed) {
    IRMapping pieces;
    // Slices are taken of what stands in the new function.
    auto copy = cast<decltype(typed)>(b.clone(*typed, map));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(copy);
    makePart(b, copy, cut, part, pieces);
    sliceEpilogue(b, copy, cut, part, pieces);
    pieces.map(copy.getInit(),
               slice(b, copy.getLoc(), copy.getInit(), cut.dim, part.first, part.size));
    b.clone(*copy, pieces);
    copy->erase();
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<ConvOp, MatmulOp>(contraction)
      .Default([&](Operation *loops) -> LogicalResult {
        auto copy = cast<TilingInterface>(b.clone(*loops, map));
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(copy);
        SmallVector<OpFoldResult> offsets, sizes;
        for (auto [d, size] : llvm::enumerate(cast<linalg::LinalgOp>(*copy).getStaticLoopRanges())) {
          offsets.push_back(b.getIndexAttr(d == cut.dim ? part.first : 0));
          sizes.push_back(b.getIndexAttr(d == cut.dim ? part.size : size));
        }
        FailureOr<TilingResult> made = copy.getTiledImplementation(b, offsets, sizes);
        copy->erase();
        return success(succeeded(made));
      });
}

struct SplitLayers : dlc::impl::SplitLayersBase<SplitLayers> {
  /// The only operation of the layer that does anything; null when there are more.
  static Operation *workIn(func::FuncOp layer) {
    Operation *work = nullptr;
    for (Operation &op : layer.front()) {
      if (isa<ViewLikeOpInterface, memref::GetGlobalOp>(op) ||
          op.hasTrait<OpTrait::ConstantLike>() || op.hasTrait<OpTrait::IsTerminator>())
        continue;
      if (work || !isa<ConvOp, MatmulOp, linalg::LinalgOp>(op))
        return nullptr;
      work = &op;
    }
    return work;
  }

  LogicalResult split(func::FuncOp layer, int64_t threads) {
    Operation *work = layer.isExternal() ? nullptr : workIn(layer);
    if (!work || !llvm::all_of(layer.getArgumentTypes(), [](Type type) {
          auto memref = dyn_cast<MemRefType>(type);
          return memref && memref.hasStaticShape() && memref.getLayout().isIdentity();
        }))
      return success();
    int64_t count = std::min(threads, workOf(work) / kLeastWork);
    if (count < 2)
      return success();
    auto cut = cutOf(work, count);
    if (!cut)
      return success();
    SmallVector<Part> parts = partsOf(*cut, count);

    ImplicitLocOpBuilder b(layer.getLoc(), layer);
    SmallVector<Type> types{b.getIndexType()};
    llvm::append_range(types, layer.getArgumentTypes());
    auto task = func::FuncOp::create(b, (layer.getName() + "_part").str(),
                                     b.getFunctionType(types, {}));
    task.setPrivate();
    task->setAttr(dlc::rt::kTasks, b.getI64IntegerAttr(parts.size()));
    Block *body = task.addEntryBlock();
    for (unsigned i = 0; i < layer.getNumArguments(); ++i)
      if (Attribute alone = layer.getArgAttr(i, "llvm.noalias"))
        task.setArgAttr(i + 1, "llvm.noalias", alone);
    b.setInsertionPointToStart(body);
    IRMapping map;
    map.map(layer.getArguments(), body->getArguments().drop_front());
    for (Operation &op : layer.front())
      if (&op != work && !op.hasTrait<OpTrait::IsTerminator>())
        b.clone(op, map);
    SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(0, parts.size() - 1));
    auto select = scf::IndexSwitchOp::create(b, TypeRange(), body->getArgument(0), cases,
                                             cases.size());
    func::ReturnOp::create(b);
    for (auto [k, part] : llvm::enumerate(parts)) {
      Region &region = k < cases.size() ? select.getCaseRegions()[k] : select.getDefaultRegion();
      b.setInsertionPointToStart(&region.emplaceBlock());
      auto end = scf::YieldOp::create(b);
      b.setInsertionPoint(end);
      if (failed(emitPart(b, work, *cut, part, map)))
        return work->emitError("cannot be cut into parts");
    }

    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(layer.front())))
      if (!op.hasTrait<OpTrait::IsTerminator>())
        op.erase();
    b.setInsertionPointToStart(&layer.front());
    SmallVector<Value> arguments{arith::ConstantIndexOp::create(b, 0)};
    llvm::append_range(arguments, layer.getArguments());
    func::CallOp::create(b, task, arguments);
    return success();
  }

  void runOnOperation() override {
    auto threads = getOperation()->getAttrOfType<IntegerAttr>(dlc::rt::kThreads);
    if (!threads || threads.getInt() < 2)
      return;
    SmallVector<func::FuncOp> layers;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kLayer))
        layers.push_back(func);
    for (func::FuncOp layer : layers)
      if (failed(split(layer, threads.getInt())))
        return signalPassFailure();
  }
};
} // namespace
