// This file folds multiplications and additions by constants of each channel
// (BatchNormalization) that follow a contraction into its weights and one bias.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SetVector.h"
#include "mlir/IR/IRMapping.h"
#include <cmath>

namespace dlc {
#define GEN_PASS_DEF_FOLDAFFINE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
using Channels = SmallVector<double>;

Channels valuesOf(DenseElementsAttr attr) {
  Channels result;
  for (APFloat v : attr.getValues<APFloat>()) {
    bool lost;
    v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    result.push_back(v.convertToDouble());
  }
  return result;
}

DenseElementsAttr attrOf(RankedTensorType type, ArrayRef<double> values) {
  if (type.getElementType().isF64())
    return DenseElementsAttr::get(type, values);
  SmallVector<float> rounded(values.begin(), values.end());
  return DenseElementsAttr::get(type, ArrayRef<float>(rounded));
}

/// An epilogue, and what its values are as functions of the accumulator.
template <typename Contraction> struct Epilogue {
  Contraction op;
  int64_t channels;
  Block &block;

  /// The values of `v` for every channel, when it does not depend on the
  /// accumulator and all it depends on is known: evaluated as a linalg.generic
  /// over the channels.
  std::optional<Channels> constants(Value v) {
    llvm::SetVector<Operation *> slice;
    llvm::SetVector<Value> leaves;
    SmallVector<Value> work{v};
    while (!work.empty()) {
      Value x = work.pop_back_val();
      Operation *def = x.getDefiningOp();
      if (x == block.getArgument(0))
        return std::nullopt;
      if (!def || def->getBlock() != &block) {
        leaves.insert(x);
        continue;
      }
      if (def->getNumRegions() || !isMemoryEffectFree(def))
        return std::nullopt;
      if (slice.insert(def))
        llvm::append_range(work, def->getOperands());
    }
    OpBuilder b(op);
    Location loc = op.getLoc();
    auto type = RankedTensorType::get({channels}, v.getType());
    SmallVector<Value> inputs, arguments;
    SmallVector<Operation *> temporary;
    IRMapping map;
    llvm::scope_exit cleanUp([&] {
      for (Operation *t : llvm::reverse(temporary))
        t->erase();
    });
    for (Value leaf : leaves) {
      auto arg = dyn_cast<BlockArgument>(leaf);
      if (!arg || arg.getOwner() != &block) {
        // From outside: a scalar.
        auto known = dlc::evaluateAttrs(leaf, dlc::quickLimits());
        if (failed(known) || isa<ShapedType>(leaf.getType()))
          return std::nullopt;
        temporary.push_back(arith::ConstantOp::create(b, loc, known->front()));
        map.map(leaf, temporary.back()->getResult(0));
        continue;
      }
      Value input = op.getEpilogueInputs()[arg.getArgNumber() - 1];
      std::optional<DenseElementsAttr> known = dlc::constantTensor(input);
      if (!known || known->getType().getRank() != 1 ||
          known->getNumElements() != channels)
        return std::nullopt;
      temporary.push_back(arith::ConstantOp::create(b, loc, *known));
      inputs.push_back(temporary.back()->getResult(0));
      arguments.push_back(leaf);
    }
    Value empty = tensor::EmptyOp::create(b, loc, type, ValueRange());
    temporary.push_back(empty.getDefiningOp());
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
    auto generic = linalg::GenericOp::create(
        b, loc, type, inputs, empty, maps, utils::IteratorType::parallel,
        [&](OpBuilder &inner, Location, ValueRange values) {
          for (auto [from, to] : llvm::zip(arguments, values))
            map.map(from, to);
          for (Operation &o : block)
            if (slice.contains(&o))
              inner.clone(o, map);
          linalg::YieldOp::create(inner, loc, map.lookupOrDefault(v));
        });
    temporary.push_back(generic);
    std::optional<DenseElementsAttr> result =
        dlc::constantTensor(generic.getResult(0));
    if (!result)
      return std::nullopt;
    return valuesOf(*result);
  }

  Channels scale, offset; ///< value = scale * accumulator + offset
  Value value;            ///< the last one of that form
  unsigned steps = 0;

  /// Applies `user`, if it maps the value to another one of that form.
  bool follow(Operation *user) {
    if (user->getNumResults() != 1 || user->getResult(0).getType() != value.getType())
      return false;
    auto each = [&](auto f) {
      for (auto [s, o, i] : llvm::zip(scale, offset, llvm::seq<size_t>(0, scale.size())))
        f(s, o, i);
    };
    if (isa<arith::NegFOp>(user)) {
      each([](double &s, double &o, size_t) { s = -s, o = -o; });
      return true;
    }
    if (auto fma = dyn_cast<math::FmaOp>(user)) {
      bool first = fma.getA() == value;
      if (!first && fma.getB() != value)
        return false;
      auto by = constants(first ? fma.getB() : fma.getA());
      auto plus = constants(fma.getC());
      if (!by || !plus)
        return false;
      each([&](double &s, double &o, size_t i) {
        s *= (*by)[i];
        o = o * (*by)[i] + (*plus)[i];
      });
      return true;
    }
    if (user->getNumOperands() != 2)
      return false;
    bool left = user->getOperand(0) == value;
    if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(user) &&
        !(isa<arith::DivFOp>(user) && left))
      return false;
    std::optional<Channels> k = constants(user->getOperand(left ? 1 : 0));
    if (!k)
      return false;
    each([&](double &s, double &o, size_t i) {
      double x = (*k)[i];
      if (isa<arith::AddFOp>(user))
        o += x;
      else if (isa<arith::MulFOp>(user))
        s *= x, o *= x;
      else if (isa<arith::DivFOp>(user))
        s /= x, o /= x;
      else if (left)
        o -= x;
      else
        s = -s, o = x - o;
    });
    return true;
  }

  void followAll() {
    scale.assign(channels, 1.0);
    offset.assign(channels, 0.0);
    value = block.getArgument(0);
    while (value.hasOneUse()) {
      Operation *user = *value.user_begin();
      if (user->getBlock() != &block || !follow(user))
        return;
      value = user->getResult(0);
      ++steps;
    }
  }
};

/// Which channel element i of the weights belongs to.
int64_t channelOf(dlc::nn::ConvOp op, int64_t i, int64_t n, int64_t channels) {
  return op.getChannelsLast() ? i % channels : i / (n / channels);
}
int64_t channelOf(dlc::nn::MatmulOp, int64_t i, int64_t, int64_t channels) {
  return i % channels;
}

template <typename Contraction>
LogicalResult fold(Contraction op, PatternRewriter &rewriter) {
  if (op->getNumResults() != 1 || op.getPacked() != 0)
    return rewriter.notifyMatchFailure(op, "on buffers, or weights are packed");
  OpOperand &weights = op->getOpOperand(1);
  DenseElementsAttr filter;
  if (!matchPattern(weights.get(), m_Constant(&filter)) ||
      !weights.get().hasOneUse())
    return rewriter.notifyMatchFailure(op, "weights are shared or no constant");
  Type element = op.getAccumulatorType();
  if ((!element.isF32() && !element.isF64()) || filter.getElementType() != element)
    return rewriter.notifyMatchFailure(op, "weights are not f32 or f64 like the sums");
  int64_t channels = cast<RankedTensorType>(op.getInit().getType())
                         .getDimSize(op.getChannelDim());
  int64_t n = filter.getNumElements();
  if (ShapedType::isDynamic(channels) || channels == 0 || n % channels != 0)
    return rewriter.notifyMatchFailure(op, "number of channels is not known");

  Block &block = op.getEpilogue().front();
  Epilogue<Contraction> epilogue{op, channels, block, {}, {}, {}, 0};
  epilogue.followAll();
  bool scales = llvm::any_of(epilogue.scale, [](double s) { return s != 1.0; });
  bool shifts = llvm::any_of(epilogue.offset, [](double o) { return o != 0.0; });
  if (epilogue.steps == 0 || (!scales && shifts && epilogue.steps == 1))
    return rewriter.notifyMatchFailure(op, "nothing to fold");

  // In double, rounded once; what overflows stays as it was.
  auto type = cast<RankedTensorType>(filter.getType());
  Channels product;
  double largest = element.isF32() ? std::numeric_limits<float>::max()
                                   : std::numeric_limits<double>::max();
  auto fits = [&](double v) { return std::fabs(v) <= largest; };
  if (scales) {
    product = valuesOf(filter);
    for (auto [i, w] : llvm::enumerate(product)) {
      w *= epilogue.scale[channelOf(op, i, n, channels)];
      if (!fits(w))
        return rewriter.notifyMatchFailure(op, "scaled weights overflow");
    }
  }
  if (!llvm::all_of(epilogue.offset, fits))
    return rewriter.notifyMatchFailure(op, "bias overflows");

  rewriter.startOpModification(op);
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  if (scales)
    weights.set(arith::ConstantOp::create(rewriter, loc, attrOf(type, product)));
  Value start = block.getArgument(0);
  if (shifts) {
    auto biasType = RankedTensorType::get({channels}, element);
    Value bias = arith::ConstantOp::create(rewriter, loc, attrOf(biasType, epilogue.offset));
    op.getEpilogueInputsMutable().append(bias);
    rewriter.setInsertionPointToStart(&block);
    start = arith::AddFOp::create(rewriter, loc, start, block.addArgument(element, loc));
  }
  rewriter.replaceAllUsesWith(epilogue.value, start);
  for (Operation &dead : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&dead))
      rewriter.eraseOp(&dead);
  for (unsigned i = op.getEpilogueInputs().size(); i-- > 0;)
    if (block.getArgument(i + 1).use_empty()) {
      block.eraseArgument(i + 1);
      op.getEpilogueInputsMutable().erase(i);
    }
  rewriter.finalizeOpModification(op);
  return success();
}

template <typename Contraction>
struct FoldAffineInto : OpRewritePattern<Contraction> {
  using OpRewritePattern<Contraction>::OpRewritePattern;
  LogicalResult matchAndRewrite(Contraction op,
                                PatternRewriter &rewriter) const override {
    return fold(op, rewriter);
  }
};

struct FoldAffine : dlc::impl::FoldAffineBase<FoldAffine> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldAffineInto<dlc::nn::ConvOp>, FoldAffineInto<dlc::nn::MatmulOp>>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
