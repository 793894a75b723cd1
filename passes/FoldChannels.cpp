// This file removes channels that are the same for every input of the network, or
// that nobody reads, from contractions and what lies between them.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

#include "mlir/IR/IRMapping.h"

namespace dlc {
#define GEN_PASS_DEF_FOLDCHANNELS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::ConvOp;
using dlc::nn::MatmulOp;

namespace {
using Known = SmallVector<std::optional<int64_t>>;

int64_t lastDim(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  // More are no channels, and lists of them would be long.
  return type && type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1) &&
                 type.getShape().back() <= (1 << 16)
             ? type.getShape().back()
             : -1;
}

/// A contraction with constant weights whose channels are last: an image with
/// one group or one group for each channel, or a matrix.
struct Layer {
  Operation *op = nullptr;
  DenseElementsAttr weights;
  bool depthwise = false;

  static std::optional<Layer> of(Operation *op) {
    Layer l;
    l.op = op;
    if (auto conv = dyn_cast<ConvOp>(op)) {
      if (!conv.getChannelsLast() || conv.getPacked() || conv.getPads())
        return std::nullopt;
      int64_t group = conv.getGroup(), in = lastDim(conv.getInput());
      l.depthwise = group > 1 && group == in && group == lastDim(conv.getInit());
      if (group != 1 && !l.depthwise)
        return std::nullopt;
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      if (matmul.getPacked() || cast<ShapedType>(matmul.getB().getType()).getRank() != 2)
        return std::nullopt;
    } else {
      return std::nullopt;
    }
    if (op->getNumResults() != 1 || !matchPattern(op->getOperand(1), m_Constant(&l.weights)) ||
        l.inputs() <= 0 || l.outputs() <= 0)
      return std::nullopt;
    return l;
  }
  int64_t inputs() const { return lastDim(op->getOperand(0)); }
  int64_t outputs() const { return lastDim(op->getResult(0)); }
  Block &epilogue() const { return op->getRegion(0).front(); }
  MutableOperandRange epilogueInputs() const {
    return isa<ConvOp>(op) ? cast<ConvOp>(op).getEpilogueInputsMutable()
                           : cast<MatmulOp>(op).getEpilogueInputsMutable();
  }
  /// Channels of weight `i`, in [k..., C / group, O].
  int64_t outputOf(int64_t i) const { return i % outputs(); }
  int64_t inputOf(int64_t i) const {
    return depthwise ? outputOf(i) : i / outputs() % inputs();
  }
  /// Whether an epilogue operand has one element a channel.
  bool perChannel(Value v) const {
    auto type = cast<ShapedType>(v.getType());
    return type.getRank() == 1 && cast<ShapedType>(op->getResult(0).getType()).getRank() != 1;
  }
};

/// Results of an epilogue on integers for the smallest and the largest sum of
/// each channel; nothing when it reads tensors that are computed at run time.
std::optional<DenseElementsAttr> epilogueAt(const Layer &l, ArrayRef<APInt> sums) {
  Location loc = l.op->getLoc();
  OpBuilder b(l.op);
  SmallVector<Operation *> temporary;
  auto cleanUp = [&] {
    for (Operation *op : llvm::reverse(temporary))
      op->erase();
  };
  int64_t channels = l.outputs();
  Block &block = l.epilogue();
  Type element = block.getTerminator()->getOperand(0).getType();
  auto accType = RankedTensorType::get({2, channels}, block.getArgument(0).getType());
  SmallVector<Value> inputs;
  MLIRContext *context = b.getContext();
  AffineMap all = b.getMultiDimIdentityMap(2);
  AffineMap channel = AffineMap::get(2, 0, getAffineDimExpr(1, context));
  SmallVector<AffineMap> maps;
  auto acc = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(accType, sums));
  temporary.push_back(acc);
  inputs.push_back(acc);
  maps.push_back(all);
  for (OpOperand &operand : l.epilogueInputs()) {
    if (!l.perChannel(operand.get()) || !matchPattern(operand.get(), m_Constant())) {
      cleanUp();
      return std::nullopt;
    }
    inputs.push_back(operand.get());
    maps.push_back(channel);
  }
  maps.push_back(all);
  auto type = RankedTensorType::get({2, channels}, element);
  auto empty = tensor::EmptyOp::create(b, loc, type.getShape(), element);
  temporary.push_back(empty);
  SmallVector<utils::IteratorType> loops(2, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, type, inputs, empty.getResult(), maps, loops,
      [&](OpBuilder &inner, Location, ValueRange values) {
        IRMapping map;
        map.map(block.getArguments(), values.drop_back());
        for (Operation &o : block.without_terminator())
          inner.clone(o, map);
        linalg::YieldOp::create(inner, loc,
                                map.lookupOrDefault(block.getTerminator()->getOperand(0)));
      });
  temporary.push_back(generic);
  auto result = dlc::constantTensor(generic.getResult(0));
  cleanUp();
  return result;
}

/// Adds a number for each channel to the accumulator, in the addend that is there
/// already or in a new one.
void addToAccumulator(const Layer &l, ArrayRef<int64_t> addends) {
  Block &block = l.epilogue();
  BlockArgument acc = block.getArgument(0);
  unsigned width = acc.getType().getIntOrFloatBitWidth();
  auto type = RankedTensorType::get({l.outputs()}, acc.getType());
  OpBuilder b(l.op);
  auto constant = [&](ArrayRef<APInt> values) -> Value {
    return arith::ConstantOp::create(b, l.op->getLoc(), DenseElementsAttr::get(type, values));
  };
  SmallVector<APInt> values;
  for (int64_t v : addends)
    values.push_back(APInt(width, v, /*isSigned=*/true));
  if (acc.hasOneUse()) {
    auto add = dyn_cast<arith::AddIOp>(*acc.user_begin());
    auto other = add ? dyn_cast<BlockArgument>(add.getLhs() == acc ? add.getRhs() : add.getLhs())
                     : BlockArgument();
    DenseElementsAttr old;
    if (other && other.getOwner() == &block && other.hasOneUse()) {
      OpOperand &operand = l.epilogueInputs()[other.getArgNumber() - 1];
      if (l.perChannel(operand.get()) && matchPattern(operand.get(), m_Constant(&old))) {
        for (auto [v, o] : llvm::zip_equal(values, old.getValues<APInt>()))
          v += o;
        operand.set(constant(values));
        return;
      }
    }
  }
  l.epilogueInputs().append(constant(values));
  BlockArgument extra = block.addArgument(acc.getType(), l.op->getLoc());
  b.setInsertionPointToStart(&block);
  auto add = arith::AddIOp::create(b, l.op->getLoc(), acc, extra);
  acc.replaceAllUsesExcept(add, add);
}

/// Whether `op` computes each channel of its result from the same channel of operand 0,
/// and from what has no channels: pools, elementwise operations.
bool isPerChannel(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumResults() != 1 || generic.getNumDpsInits() != 1 ||
      generic.getNumDpsInputs() < 1 || lastDim(generic.getResult(0)) <= 0 ||
      lastDim(generic.getOperand(0)) != lastDim(generic.getResult(0)))
    return false;
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  AffineMap out = maps.back();
  auto channel = dyn_cast<AffineDimExpr>(out.getResults().back());
  if (!channel || maps[0].getNumResults() == 0 || maps[0].getResults().back() != channel ||
      generic.getIteratorTypesArray()[channel.getPosition()] != utils::IteratorType::parallel)
    return false;
  for (auto [i, map] : llvm::enumerate(maps)) {
    bool hasChannel = i == 0 || i + 1 == maps.size();
    for (AffineExpr e : hasChannel ? map.getResults().drop_back() : map.getResults())
      if (e.isFunctionOfDim(channel.getPosition()))
        return false;
  }
  bool looks = false;
  generic.getRegion().walk([&](Operation *inner) {
    looks |= isa<linalg::IndexOp>(inner);
    for (Value v : inner->getOperands())
      looks |= isa<ShapedType>(v.getType());
  });
  DenseElementsAttr init;
  Value start = generic.getDpsInits()[0];
  return !looks && (start.getDefiningOp<tensor::EmptyOp>() ||
                    (matchPattern(start, m_Constant(&init)) && init.isSplat()));
}

struct FoldChannels : dlc::impl::FoldChannelsBase<FoldChannels> {
  llvm::DenseMap<Value, Known> known;
  // By Value::getAsOpaquePointer(), and no DenseMap: references to entries outlive new ones.
  std::unordered_map<void *, llvm::BitVector> live;

  /// Operations that keep every channel of operand 0 in its place.
  static bool isTied(Operation *op) {
    if (isPerChannel(op))
      return true;
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      return lastDim(op->getOperand(0)) > 0 &&
             lastDim(op->getOperand(0)) == lastDim(op->getResult(0));
    auto pad = dyn_cast<tensor::PadOp>(op);
    return pad && pad.getConstantPaddingValue() && lastDim(pad.getSource()) > 0 &&
           lastDim(pad.getSource()) == lastDim(pad.getResult());
  }

  //===--- constants, forwards ---===//

  void propagate(Operation *op) {
    if (isTied(op)) {
      auto it = known.find(op->getOperand(0));
      if (it == known.end())
        return;
      Known values = it->second;
      if (isPerChannel(op))
        values = evaluate(op, values);
      if (auto pad = dyn_cast<tensor::PadOp>(op)) {
        APInt border;
        bool isInt = matchPattern(pad.getConstantPaddingValue(), m_ConstantInt(&border));
        for (auto &v : values)
          if (v && (!isInt || *v != border.getSExtValue()))
            v = std::nullopt;
      }
      known[op->getResult(0)] = values;
      return;
    }
    if (auto layer = Layer::of(op))
      foldInputs(*layer);
  }

  /// The constant channels of the result of an operation on each channel by itself.
  static Known evaluate(Operation *op, const Known &in) {
    Known out(in.size());
    auto type = cast<RankedTensorType>(op->getOperand(0).getType());
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    if (!type.hasStaticShape() || !result.hasStaticShape() || type.getNumElements() > (1 << 20) ||
        result.getNumElements() > (1 << 20) || !type.getElementType().isSignlessInteger() ||
        !result.getElementType().isSignlessInteger() ||
        llvm::none_of(in, [](auto v) { return v.has_value(); }))
      return out;
    int64_t channels = in.size();
    unsigned width = type.getElementTypeBitWidth();
    SmallVector<APInt> values;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      values.push_back(APInt(width, in[i % channels].value_or(0), /*isSigned=*/true));
    OpBuilder b(op);
    auto input = arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(type, values));
    Operation *copy = b.clone(*op);
    copy->setOperand(0, input);
    auto results = dlc::constantTensor(copy->getResult(0));
    copy->erase();
    input.erase();
    if (!results)
      return out;
    auto all = results->getValues<APInt>();
    for (int64_t c = 0; c < channels; ++c) {
      bool isEqual = in[c].has_value();
      for (int64_t i = c; isEqual && i < result.getNumElements(); i += channels)
        isEqual = all[i] == all[c];
      if (isEqual)
        out[c] = all[c].getSExtValue();
    }
    return out;
  }

  /// Moves what constant inputs add to the sums into the epilogue, and finds the
  /// constant outputs.
  void foldInputs(const Layer &old) {
    Layer l = old;
    if (!isa<IntegerType>(l.epilogue().getArgument(0).getType()) ||
        !isa<IntegerType>(l.weights.getElementType()))
      return;
    auto bits = getElementTypeOrSelf(l.op->getOperand(0).getType()).getIntOrFloatBitWidth();
    if (bits > 16)
      return;
    const Known *in = nullptr;
    if (auto it = known.find(l.op->getOperand(0)); it != known.end())
      in = &it->second;
    int64_t lo = -(int64_t(1) << (bits - 1)), hi = -lo - 1, outputs = l.outputs();
    SmallVector<int64_t> addends(outputs, 0), low(outputs, 0), high(outputs, 0);
    SmallVector<APInt> kept;
    bool folded = false;
    int64_t i = 0;
    for (APInt w : l.weights.getValues<APInt>()) {
      int64_t o = l.outputOf(i), value = w.getSExtValue();
      auto x = in ? (*in)[l.inputOf(i)] : std::nullopt;
      if (x && value != 0) {
        addends[o] += *x * value;
        folded = true;
        w = APInt(w.getBitWidth(), 0);
      } else {
        low[o] += std::min(value * lo, value * hi);
        high[o] += std::max(value * lo, value * hi);
      }
      kept.push_back(w);
      ++i;
    }
    if (folded) {
      OpBuilder b(l.op);
      l.weights = DenseElementsAttr::get(l.weights.getType(), kept);
      l.op->setOperand(1, arith::ConstantOp::create(b, l.op->getLoc(), l.weights));
      addToAccumulator(l, addends);
    }
    unsigned width = l.epilogue().getArgument(0).getType().getIntOrFloatBitWidth();
    SmallVector<APInt> sums;
    for (ArrayRef<int64_t> bounds : {ArrayRef<int64_t>(low), ArrayRef<int64_t>(high)})
      for (int64_t v : bounds)
        sums.push_back(APInt(width, v, /*isSigned=*/true, /*implicitTrunc=*/true));
    if (!isa<IntegerType>(getElementTypeOrSelf(l.op->getResult(0).getType())))
      return;
    auto results = epilogueAt(l, sums);
    if (!results)
      return;
    // A result that is the same for both ends is the same in between: an
    // epilogue that requantizes is monotone. Other ones must have one sum only.
    auto values = results->getValues<APInt>();
    Known out(outputs);
    bool monotone = isMonotone(l.epilogue());
    for (int64_t c = 0; c < outputs; ++c)
      if ((monotone || low[c] == high[c]) && values[c] == values[outputs + c])
        out[c] = values[c].getSExtValue();
    known[l.op->getResult(0)] = out;
  }

  /// Whether the epilogue is a chain of operations that keep the order of numbers.
  static bool isMonotone(Block &block) {
    llvm::DenseSet<Value> ordered{block.getArgument(0)};
    for (Operation &op : block.without_terminator()) {
      bool uses = llvm::any_of(op.getOperands(), [&](Value v) { return ordered.contains(v); });
      if (!uses)
        continue;
      bool second = op.getNumOperands() > 1 && ordered.contains(op.getOperand(1));
      bool both = second && ordered.contains(op.getOperand(0));
      if (isa<arith::ExtSIOp, arith::TruncIOp>(op) ||
          (isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp>(op) && !both) ||
          (isa<arith::SubIOp, arith::ShLIOp, arith::ShRSIOp>(op) && !second) ||
          (isa<arith::MulSIExtendedOp>(op) && !both)) {
        // Narrowing follows a clamp, and multipliers are positive, in what
        // dlc-integer-requantize writes; a negative one keeps ends apart or equal.
        llvm::for_each(op.getResults(), [&](Value r) { ordered.insert(r); });
        continue;
      }
      return false;
    }
    return ordered.contains(block.getTerminator()->getOperand(0));
  }

  //===--- readers, backwards ---===//

  llvm::BitVector &liveOf(Value v) {
    return live.try_emplace(v.getAsOpaquePointer(), std::max<int64_t>(lastDim(v), 0)).first->second;
  }
  /// Adds readers; returns whether that changed anything.
  bool mark(Value v, const llvm::BitVector &bits) {
    llvm::BitVector &old = liveOf(v);
    llvm::BitVector before = old;
    if (old.size() == bits.size())
      old |= bits;
    else
      old.set();
    return old != before;
  }
  bool markAll(Value v) {
    int64_t n = lastDim(v);
    return n > 0 && mark(v, llvm::BitVector(n, true));
  }

  bool visit(Operation *op) {
    bool changed = false;
    if (isTied(op)) {
      // Both keep the same channels.
      changed |= mark(op->getOperand(0), liveOf(op->getResult(0)));
      changed |= mark(op->getResult(0), liveOf(op->getOperand(0)));
      for (Value v : op->getOperands().drop_front())
        if (isPerChannel(op) && isa<RankedTensorType>(v.getType()) && !v.getDefiningOp<tensor::EmptyOp>())
          changed |= markAll(v);
      return changed;
    }
    auto layer = Layer::of(op);
    if (!layer) {
      for (Value v : op->getOperands())
        if (isa<RankedTensorType>(v.getType()) && !isa<tensor::EmptyOp>(v.getDefiningOp() ? v.getDefiningOp() : op))
          changed |= markAll(v);
      op->walk([&](Operation *inner) {
        if (inner != op)
          for (Value v : inner->getOperands())
            if (isa<RankedTensorType>(v.getType()))
              changed |= markAll(v);
      });
      for (Value v : op->getResults())
        if (isa<RankedTensorType>(v.getType()))
          changed |= markAll(v);
      return changed;
    }
    Value in = op->getOperand(0), out = op->getResult(0);
    for (OpOperand &operand : layer->epilogueInputs())
      if (!layer->perChannel(operand.get())) {
        changed |= mark(operand.get(), liveOf(out));
        changed |= mark(out, liveOf(operand.get()));
      } else if (!matchPattern(operand.get(), m_Constant())) {
        changed |= markAll(out);
      }
    auto init = cast<DestinationStyleOpInterface>(op).getDpsInits()[0];
    if (!init.getDefiningOp<tensor::EmptyOp>())
      changed |= markAll(out);
    if (layer->depthwise) {
      changed |= mark(in, liveOf(out));
      changed |= mark(out, liveOf(in));
      return changed;
    }
    llvm::BitVector reads(layer->inputs());
    const llvm::BitVector &needed = liveOf(out);
    bool isFloat = isa<FloatType>(layer->weights.getElementType());
    if (layer->weights.isSplat()) {
      reads.set();
    } else if (isFloat) {
      // 0 * infinity is not 0: only whole channels nobody reads go.
      reads.set();
    } else {
      int64_t i = 0;
      for (const APInt &w : layer->weights.getValues<APInt>()) {
        if (!w.isZero() && needed.test(layer->outputOf(i)))
          reads.set(layer->inputOf(i));
        ++i;
      }
    }
    return mark(in, reads) || changed;
  }

  //===--- removal ---===//

  /// Kept channels of `v`: the live ones, and dead ones up to a whole number of
  /// words, as kernels read words.
  SmallVector<int64_t> keptOf(Value v) {
    int64_t n = lastDim(v);
    SmallVector<int64_t> kept;
    auto it = live.find(v.getAsOpaquePointer());
    if (n <= 0 || it == live.end() || it->second.all()) {
      for (int64_t i = 0; i < std::max<int64_t>(n, 0); ++i)
        kept.push_back(i);
      return kept;
    }
    int64_t want = std::max<int64_t>(it->second.count(), 1);
    want = std::min(n, (want + 3) / 4 * 4);
    int64_t spare = want - it->second.count();
    for (int64_t i = 0; i < n; ++i)
      if (it->second.test(i) || (spare > 0 && spare--))
        kept.push_back(i);
    return kept;
  }

  static RankedTensorType withLast(Type type, int64_t n) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape.back() = n;
    return tensor.clone(shape);
  }

  static Value gathered(OpBuilder &b, Location loc, DenseElementsAttr attr,
                        RankedTensorType type, llvm::function_ref<int64_t(int64_t)> from) {
    if (attr.isSplat())
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(type, attr.getSplatValue<Attribute>()));
    SmallVector<Attribute> values;
    auto old = attr.getValues<Attribute>();
    for (int64_t i = 0, n = type.getNumElements(); i < n; ++i)
      values.push_back(old[from(i)]);
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, values));
  }

  void shrink(Operation *op) {
    if (op->getNumResults() != 1 || !(isTied(op) || Layer::of(op)))
      return;
    Value out = op->getResult(0);
    SmallVector<int64_t> keptOut = kept.lookup(out), keptIn = kept.lookup(op->getOperand(0));
    int64_t outputs = lastDim(out);
    bool less = static_cast<int64_t>(keptOut.size()) != outputs;
    auto layer = Layer::of(op);
    if (!layer) {
      if (less) {
        RankedTensorType small = withLast(out.getType(), keptOut.size());
        out.setType(small);
        if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
          OpBuilder b(op);
          DenseElementsAttr start;
          OpOperand &init = generic.getDpsInitsMutable()[0];
          if (matchPattern(init.get(), m_Constant(&start)))
            init.set(arith::ConstantOp::create(
                b, op->getLoc(), DenseElementsAttr::get(small, start.getSplatValue<Attribute>())));
          else
            init.set(tensor::EmptyOp::create(b, op->getLoc(), small.getShape(), small.getElementType()));
        }
        if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
          SmallVector<int64_t> shape(expand.getStaticOutputShape());
          shape.back() = keptOut.size();
          expand.setStaticOutputShape(shape);
        }
        ++numShrunk;
      }
      return;
    }
    // The input may have been shrunk by its producer already: `inputs` is the old size.
    int64_t inputs = oldSize.lookup(op->getOperand(0));
    if (!less && static_cast<int64_t>(keptIn.size()) == inputs)
      return;
    ++numShrunk;
    OpBuilder b(op);
    Location loc = op->getLoc();
    auto type = cast<RankedTensorType>(layer->weights.getType());
    SmallVector<int64_t> shape(type.getShape());
    int64_t newIn = layer->depthwise ? 1 : keptIn.size(), newOut = keptOut.size();
    int64_t oldIn = layer->depthwise ? 1 : inputs;
    shape[shape.size() - 2] = newIn;
    shape.back() = newOut;
    op->setOperand(1, gathered(b, loc, layer->weights, type.clone(shape), [&](int64_t i) {
                     int64_t o = keptOut[i % newOut], c = i / newOut % newIn;
                     int64_t k = i / newOut / newIn;
                     return (k * oldIn + (layer->depthwise ? 0 : keptIn[c])) * outputs + o;
                   }));
    if (less) {
      for (OpOperand &operand : layer->epilogueInputs()) {
        DenseElementsAttr attr;
        if (!layer->perChannel(operand.get()) ||
            !matchPattern(operand.get(), m_Constant(&attr)))
          continue; // of full shape: shrunk by its producer
        operand.set(gathered(b, loc, attr, RankedTensorType::get({newOut}, attr.getElementType()),
                             [&](int64_t i) { return keptOut[i]; }));
      }
      auto init = cast<DestinationStyleOpInterface>(op).getDpsInitsMutable().begin();
      auto small = withLast(out.getType(), newOut);
      init->set(tensor::EmptyOp::create(b, loc, small.getShape(), small.getElementType()));
      out.setType(small);
      if (auto conv = dyn_cast<ConvOp>(op); conv && layer->depthwise)
        conv.setGroup(newOut);
    }
  }

  llvm::DenseMap<Value, SmallVector<int64_t>> kept;
  llvm::DenseMap<Value, int64_t> oldSize;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func.getBody().hasOneBlock())
        continue;
      known.clear(), live.clear(), kept.clear(), oldSize.clear();
      Block &block = func.getBody().front();
      for (Operation &op : llvm::make_early_inc_range(block))
        propagate(&op);
      for (Value v : block.getArguments())
        markAll(v);
      bool changed = true;
      while (changed) {
        changed = false;
        for (Operation &op : llvm::reverse(block))
          changed |= visit(&op);
      }
      for (Operation &op : block)
        for (Value v : op.getResults())
          if (lastDim(v) > 0) {
            kept[v] = keptOf(v);
            oldSize[v] = lastDim(v);
          }
      for (Value v : block.getArguments())
        if (lastDim(v) > 0) {
          kept[v] = keptOf(v);
          oldSize[v] = lastDim(v);
        }
      // Before the results change type, so that layers are still recognised.
      SmallVector<Operation *> ops;
      for (Operation &op : block)
        ops.push_back(&op);
      for (Operation *op : llvm::reverse(ops))
        shrink(op);
    }
  }
};
} // namespace
