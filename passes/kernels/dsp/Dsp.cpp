// This file chooses among the integer kernels of the DSP extension and says what
// they need.
#include "passes/kernels/dsp/Dsp.h"

#include "passes/kernels/dsp/Function.h"
#include "passes/kernels/dsp/Weights.h"
#include "passes/kernels/Tile.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;
using namespace dlc::kernels::dsp;

int64_t dlc::kernels::dsp::unrolling(int64_t count, int64_t most) {
  if (count <= most)
    return count;
  for (int64_t u = most; u > 1 && u * 2 > most; --u)
    if (count % u == 0)
      return u;
  return most;
}

Value dlc::kernels::dsp::index(ImplicitLocOpBuilder &b, int64_t v) {
  return arith::ConstantIndexOp::create(b, v);
}

Value dlc::kernels::dsp::add(ImplicitLocOpBuilder &b, Value x, Value y) {
  auto k = getConstantIntValue(y);
  return k ? offsetBy(b, x, *k) : scaled(b, y, x, 1);
}

Value dlc::kernels::dsp::sub(ImplicitLocOpBuilder &b, Value x, Value y) {
  if (auto k = getConstantIntValue(y))
    return offsetBy(b, x, -*k);
  return arith::SubIOp::create(b, x, y);
}

Value dlc::kernels::dsp::mul(ImplicitLocOpBuilder &b, Value x, Value y) {
  auto k = getConstantIntValue(x), l = getConstantIntValue(y);
  if (k && l)
    return index(b, *k * *l);
  if (k == 1 || l == 0)
    return y;
  if (l == 1 || k == 0)
    return x;
  return arith::MulIOp::create(b, x, y);
}

SmallVector<Value> dlc::kernels::dsp::carryLoop(
    ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step, ValueRange values,
    llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, Value, ValueRange)> body) {
  auto first = getConstantIntValue(begin), last = getConstantIntValue(end);
  if (first && last)
    return kernels::carryLoop(b, *first, *last, step, values, body);
  auto loop = scf::ForOp::create(b, begin, end, index(b, step), values,
                                 [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
                                   ImplicitLocOpBuilder ib(loc, builder);
                                   scf::YieldOp::create(ib, body(ib, i, carried));
                                 });
  return SmallVector<Value>(loop.getResults());
}

void dlc::kernels::dsp::loop(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
                             llvm::function_ref<void(ImplicitLocOpBuilder &, Value)> body) {
  carryLoop(b, begin, end, step, {},
            [&](ImplicitLocOpBuilder &ib, Value i, ValueRange) -> SmallVector<Value> {
              body(ib, i);
              return {};
            });
}

bool dlc::kernels::dsp::savesCode(Operation *op) {
  auto module = op->getParentOfType<ModuleOp>();
  auto optimize = module ? module->getAttrOfType<StringAttr>(rt::kOptimize) : StringAttr();
  return optimize && optimize.getValue() == "size";
}

Value dlc::kernels::dsp::takeBias(Operation *op) {
  Block &block = op->getRegion(0).front();
  Value sum = block.getArgument(0);
  if (!sum.hasOneUse())
    return {};
  auto addition = dyn_cast<arith::AddIOp>(*sum.user_begin());
  if (!addition || addition->getBlock() != &block)
    return {};
  auto argument = dyn_cast<BlockArgument>(addition.getLhs() == sum ? addition.getRhs()
                                                                   : addition.getLhs());
  if (!argument || argument.getOwner() != &block || argument == sum)
    return {};
  auto conv = dyn_cast<nn::ConvOp>(op);
  OperandRange operands =
      conv ? conv.getEpilogueInputs() : cast<nn::MatmulOp>(op).getEpilogueInputs();
  Value bias = operands[argument.getArgNumber() - 1];
  if (cast<MemRefType>(bias.getType()).getRank() != 1)
    return {};
  addition.getResult().replaceAllUsesWith(sum);
  addition.erase();
  return bias;
}

Value dlc::kernels::dsp::startOf(ImplicitLocOpBuilder &b, const Shape &s, Value bias, Value output) {
  if (!bias)
    return arith::ConstantOp::create(b, b.getIntegerAttr(b.getIntegerType(s.isLong ? 64 : 32), 0));
  return memref::LoadOp::create(b, bias, output);
}

SmallVector<Value> dlc::kernels::dsp::addWords(ImplicitLocOpBuilder &b, ValueRange sums,
                                               ValueRange words) {
  SmallVector<Value> result;
  for (auto [sum, word] : llvm::zip_equal(sums, words))
    result.push_back(
        arith::AddIOp::create(b, sum, arith::ExtSIOp::create(b, b.getI64Type(), word)));
  return result;
}

bool dlc::kernels::dsp::hasNibbles(nn::KernelAttr kernel) { return kernel.getLanes() == 8; }

Value dlc::kernels::dsp::sumOfNibbles(ImplicitLocOpBuilder &b, Value sum, Value bias, Value output) {
  Value by = arith::ConstantOp::create(b, b.getI32IntegerAttr(4));
  sum = arith::ShRSIOp::create(b, sum, by);
  return bias ? arith::AddIOp::create(b, memref::LoadOp::create(b, bias, output), sum).getResult() : sum;
}

/// Whether the core begins two instructions in a cycle, in order.
static bool issuesPairs(rt::TargetAttr target) { return target.getCpu() == "cortex-m7"; }

bool dlc::kernels::dsp::issuesPairs(Operation *op) {
  rt::TargetAttr target = rt::targetOf(op->getParentOfType<ModuleOp>());
  return target && ::issuesPairs(target);
}

static Value scratchOf(Operation *op) {
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return conv.getScratch();
  return cast<nn::MatmulOp>(op).getScratch();
}

bool dlc::kernels::dsp::isOurs(nn::KernelAttr kernel) {
  return kernel && kernel.getKind().starts_with("dsp");
}

/// Bytes of scratch that hardly count.
static constexpr int64_t kSmallScratch = 640;

nn::KernelAttr dlc::kernels::dsp::plan(Operation *op, rt::TargetAttr target) {
  std::optional<Shape> s = Shape::of(op);
  if (!s || !target.getDsp() || target.getIsa() != "scalar" || !Filter::of(*s))
    return {};
  // Sums of nibbles are 16 times as large.
  int64_t depth = Patch(*s).elements();
  bool narrow = !s->hasHalves() && !s->isLong && depth >= 8 && depth <= 1 << 16 && Filter::of(*s)->isNarrow();
  int64_t lanes = narrow ? 8 : 1;
  auto kernel = [&](StringRef kind, int64_t rows, int64_t columns) {
    return nn::KernelAttr::get(op->getContext(), kind, rows, columns, lanes, 1, false);
  };
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
  if (isa<nn::MatmulOp>(op) && s->batch * s->pixels() == 1) {
    // The input is expanded first where that is little memory and pays for the code.
    bool expands = !s->hasHalves() && s->channels * 2 <= kSmallScratch && s->channels >= 16 && s->outputs >= 32 &&
                   (!s->isWide() || narrow) && (!optimize || optimize.getValue() == "speed");
    // One kind of blocks where bytes count.
    int64_t rows = 4;
    while (savesCode(op) && s->outputs % rows != 0 && rows > 1)
      --rows;
    return nn::KernelAttr::get(op->getContext(), "dsp_vector", rows > 1 ? rows : 4, 1, lanes,
                               expands ? 2 : 1, false);
  }
  if (s->isDepthwise() && !s->isLong && s->dilationX == 1 && s->dilationY == 1 &&
      s->kernelHeight * s->kernelWidth <= 64) {
    int64_t channels = s->channels < 4 ? 1 : 4;
    auto depthwise = [&](bool alongHeight) {
      return nn::KernelAttr::get(op->getContext(), "dsp_depthwise", channels, 2, 1,
                                 alongHeight ? 2 : 1, false);
    };
    // Long lines spread the cost of their weights; they need more scratch.
    bool saveMemory = optimize && optimize.getValue() == "ram";
    bool alongHeight = saveMemory ? depthwiseScratch(*s, depthwise(true)) <
                                        depthwiseScratch(*s, depthwise(false))
                                  : s->outHeight > 2 * s->outWidth;
    // Long lines of few channels are the peak of many a network: fewer at a time then.
    while (saveMemory && channels > 1 &&
           depthwiseScratch(*s, depthwise(alongHeight)) > kSmallScratch)
      channels /= 2;
    return depthwise(alongHeight);
  }
  // Instructions in pairs need values ahead of time: registers for them rather than
  // for a third row. Nibbles need some before they are bytes.
  bool fewRows = ::issuesPairs(target) || narrow || (s->isLong && s->isWide());
  return kernel("dsp", fewRows ? 2 : 3, std::min<int64_t>(2, s->pixels()));
}

int64_t dlc::kernels::dsp::scratchBytes(Operation *op, nn::KernelAttr kernel) {
  std::optional<Shape> s = Shape::of(op);
  if (!s)
    return 0;
  if (kernel.getKind() == "dsp")
    return gemmScratch(*s, kernel);
  if (kernel.getKind() == "dsp_depthwise")
    return depthwiseScratch(*s, kernel);
  return vectorScratch(*s, kernel);
}

std::optional<Overlap> dlc::kernels::dsp::overlapOf(Operation *op, nn::KernelAttr kernel) {
  std::optional<Shape> s = Shape::of(op);
  // What the kernel cannot walk takes plain loops, in another order.
  if (!s || (isa<MemRefType>(s->input.getType()) && !canWalk(*s)))
    return std::nullopt;
  auto out = cast<ShapedType>(s->out.getType());
  int64_t bytes = llvm::divideCeil(out.getElementTypeBitWidth(), 8);
  int64_t element = s->elementBytes();
  int64_t inputBytes = s->batch * s->height * s->width * s->channels * element;
  if (kernel.getKind() == "dsp_depthwise") {
    // Channel by channel: a result may only fall on bytes of its own channels, of
    // lines that have been read.
    bool readAhead = s->kernelHeight > s->padTop && s->kernelWidth > s->padLeft;
    bool sameLines = s->outWidth == s->width && s->outHeight == s->height;
    if (s->batch != 1 || bytes != element || !readAhead ||
        !(kernel.getDepth() == 2 ? sameLines : s->outWidth <= s->width && s->outHeight <= s->height))
      return std::nullopt;
    return Overlap{0, /*exactly=*/true};
  }
  if (kernel.getKind() != "dsp" || s->groups != 1 || s->batch != 1)
    return std::nullopt;
  // Results are written tile by tile; what the next tile reads must still be there.
  int64_t distance = -inputBytes, tile = kernel.getColumns();
  for (int64_t done = tile; done < s->pixels(); done += tile) {
    int64_t y = std::max<int64_t>(0, done / s->outWidth * s->strideY - s->padTop);
    int64_t x = std::max<int64_t>(0, done % s->outWidth * s->strideX - s->padLeft);
    // A line that begins further left in the next line reads further down.
    int64_t unread = (y * s->width + x) * s->channels;
    if (done / s->outWidth + 1 < s->outHeight)
      unread = std::min(unread, std::max<int64_t>(0, (done / s->outWidth + 1) * s->strideY - s->padTop) *
                                    s->width * s->channels);
    distance = std::max(distance, done * s->outputs * bytes - unread * element);
  }
  return Overlap{distance};
}

std::optional<KernelFunction> dlc::kernels::dsp::emitFunction(Operation *op, bool isPadded) {
  std::optional<Shape> s = Shape::of(op);
  auto kernel = op->getAttrOfType<nn::KernelAttr>("kernel");
  if (!s || !isOurs(kernel) || !canWalk(*s) || !Filter::of(*s) || !KernelFunction::accepts(*s) ||
      s->batch != 1 || (s->isWide() && !hasNibbles(kernel)) || s->isLong)
    return std::nullopt;
  Value scratch = scratchOf(op);
  int64_t bytes = scratchBytes(op, kernel);
  if (bytes && (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() < bytes))
    return std::nullopt;
  if (kernel.getKind() == "dsp" && s->groups == 1 && s->dilationX == 1 && s->dilationY == 1) {
    KernelFunction function(op, isPadded);
    emitGemm(*s, kernel, scratch, &function);
    return function;
  }
  if (kernel.getKind() == "dsp_depthwise" && s->channels % kernel.getRows() == 0 &&
      KernelFunction::isPerChannel(*s)) {
    KernelFunction function(op);
    emitDepthwise(*s, kernel, scratch, &function);
    return function;
  }
  // Elsewhere its code is worth the bytes: hardly anything but the loop.
  if (kernel.getKind() == "dsp_vector" && savesCode(op) && !s->hasHalves() &&
      s->channels % (hasNibbles(kernel) ? 8 : 4) == 0 && KernelFunction::isPerChannel(*s)) {
    KernelFunction function(op);
    emitVector(*s, kernel, scratch, &function);
    return function;
  }
  return std::nullopt;
}

bool dlc::kernels::dsp::emit(Operation *op, nn::KernelAttr kernel) {
  std::optional<Shape> s = Shape::of(op);
  if (!s || !canWalk(*s) || !Filter::of(*s))
    return false;
  Value scratch = scratchOf(op);
  int64_t bytes = scratchBytes(op, kernel);
  if (bytes && (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() < bytes))
    return false;
  if (kernel.getKind() == "dsp_vector")
    emitVector(*s, kernel, scratch);
  else if (kernel.getKind() == "dsp_depthwise")
    emitDepthwise(*s, kernel, scratch);
  else
    emitGemm(*s, kernel, scratch);
  return true;
}
