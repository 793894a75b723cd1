// This file makes kernels functions whose sizes are arguments, one for all layers
// that can share it.
#include "passes/kernels/dsp/Function.h"

#include "passes/kernels/dsp/Dsp.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace dlc::kernels::dsp;

static OperandRange epilogueInputs(Operation *op) {
  if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
    return conv.getEpilogueInputs();
  return cast<dlc::nn::MatmulOp>(op).getEpilogueInputs();
}

/// Whether elements lie one behind another.
static bool isDense(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  return type && type.hasStaticShape() && type.getLayout().isIdentity();
}

bool KernelFunction::accepts(const Shape &s) {
  if (!isDense(s.input) || !isDense(s.out))
    return false;
  auto out = cast<MemRefType>(s.out.getType());
  // What the epilogue takes from outside are constants.
  Region &region = s.op->getRegion(0);
  bool isOpen = false;
  region.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!region.isAncestor(operand.getParentRegion()))
        isOpen |= isa<nn::YieldOp>(inner) || !operand.getDefiningOp<arith::ConstantOp>();
  });
  return !isOpen && llvm::all_of(epilogueInputs(s.op), [&](Value operand) {
    auto type = cast<MemRefType>(operand.getType());
    return isDense(operand) && (type.getRank() == 1 || type.getShape() == out.getShape());
  });
}

bool KernelFunction::isPerChannel(const Shape &s) {
  return llvm::all_of(epilogueInputs(s.op), [](Value operand) {
    return cast<MemRefType>(operand.getType()).getRank() == 1;
  });
}

/// Brings sums of two scaled numbers into one order, whichever of them an Add has first: what
/// depends on the accumulator is added last, to the other one and the constant.
static void orderSums(Block &block) {
  DenseSet<Value> dependent{block.getArgument(0)};
  SmallVector<arith::AddIOp> sums;
  for (Operation &op : block.without_terminator()) {
    if (llvm::any_of(op.getOperands(), [&](Value v) { return dependent.contains(v); }))
      dependent.insert(op.result_begin(), op.result_end());
    if (auto sum = dyn_cast<arith::AddIOp>(op))
      sums.push_back(sum);
  }
  for (arith::AddIOp sum : sums) {
    Value other = sum.getLhs();
    auto inner = sum.getRhs().getDefiningOp<arith::AddIOp>();
    if (dependent.contains(other) || !inner || !inner->hasOneUse() ||
        !dependent.contains(inner.getLhs()) || dependent.contains(inner.getRhs()))
      continue;
    // other + (x + c): x + (other + c)
    Value x = inner.getLhs(), c = inner.getRhs();
    OpBuilder b(sum);
    Value rest = arith::AddIOp::create(b, sum.getLoc(), other, c);
    sum->setOperands({x, rest});
    inner.erase();
  }
}

/// Orders operations by need: each right before the first that takes its result, operands
/// from left to right.
static void orderByNeed(Block &block) {
  Operation *end = block.getTerminator();
  DenseSet<Operation *> done;
  std::function<void(Operation *)> visit = [&](Operation *op) {
    if (!done.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      if (Operation *made = operand.getDefiningOp(); made && made->getBlock() == &block)
        visit(made);
    if (op != end)
      op->moveBefore(end);
  };
  visit(end);
}

KernelFunction::KernelFunction(Operation *op, bool isPadded) : op(op), padded(isPadded) {
  if (savesCode(op)) {
    Block &block = op->getRegion(0).front();
    orderSums(block);
    orderByNeed(block);
  }
  auto layer = op->getParentOfType<func::FuncOp>();
  OpBuilder b(layer);
  func = func::FuncOp::create(b, op->getLoc(), "kernel", b.getFunctionType({}, {}));
  func.setPrivate();
  entry = func.addEntryBlock();
}

ImplicitLocOpBuilder KernelFunction::body() const {
  ImplicitLocOpBuilder b(op->getLoc(), op->getContext());
  b.setInsertionPointToEnd(entry);
  return b;
}

Value KernelFunction::argument(Value value, Type type) {
  passed.push_back(value);
  return func.getBody().front().addArgument(type, op->getLoc());
}

Value KernelFunction::number(int64_t v) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  return argument(arith::ConstantIndexOp::create(b, v), b.getIndexType());
}

Value KernelFunction::constant(TypedAttr v) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  return argument(arith::ConstantOp::create(b, v), v.getType());
}

Value KernelFunction::output(Value memref) {
  if (outArgument)
    return outArgument;
  // Whether it is an operand of the epilogue, too, makes no difference to the code.
  Value operand = buffers.lookup(memref);
  buffers.erase(memref);
  outArgument = buffer(memref);
  buffers.erase(memref);
  if (operand)
    buffers[memref] = operand;
  return outArgument;
}

Value KernelFunction::buffer(Value memref) {
  if (Value found = buffers.lookup(memref))
    return found;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value flat = flatten(b, memref).buffer;
  auto type = MemRefType::get({ShapedType::kDynamic}, cast<MemRefType>(memref.getType()).getElementType());
  flat = memref::CastOp::create(b, type, flat);
  Value result = argument(flat, type);
  buffers[memref] = result;
  return result;
}

/// Whether operand `number` of `op` may be any number at next to no cost.
static bool mayVary(Operation *op, unsigned number) {
  if (isa<arith::ShRSIOp, arith::ShRUIOp, arith::ShLIOp>(op))
    return number == 1;
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MulSIExtendedOp>(op);
}

Value KernelFunction::applyEpilogue(ImplicitLocOpBuilder &b, Value sum, Value at, Value channel) {
  Block &block = op->getRegion(0).front();
  IRMapping map;
  map.map(block.getArgument(0), sum);
  for (auto [argument, operand] :
       llvm::zip_equal(block.getArguments().drop_front(), epilogueInputs(op)))
    if (!argument.use_empty())
      map.map(argument, memref::LoadOp::create(
                            b, buffer(operand),
                            cast<MemRefType>(operand.getType()).getRank() == 1 ? channel : at));
  for (Operation &inner : block.without_terminator()) {
    for (auto [i, operand] : llvm::enumerate(inner.getOperands())) {
      if (map.contains(operand))
        continue;
      // From outside of the region: a constant.
      Value &given = numbers[{&inner, i}];
      if (!given && operand.getType().isInteger(32) && mayVary(&inner, i)) {
        given = argument(operand, operand.getType());
      } else if (!given) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(&func.getBody().front());
        given = b.clone(*operand.getDefiningOp())->getResult(0);
      }
    }
    Operation *copy = b.clone(inner, map);
    for (auto [i, operand] : llvm::enumerate(inner.getOperands()))
      if (Value given = numbers.lookup({&inner, i}))
        copy->setOperand(i, given);
  }
  Value result = block.getTerminator()->getOperand(0);
  return map.lookupOrDefault(result);
}

std::string KernelFunction::finish() {
  ImplicitLocOpBuilder b = body();
  func::ReturnOp::create(b);
  func.setFunctionType(b.getFunctionType(func.getBody().front().getArgumentTypes(), {}));
  std::string text;
  llvm::raw_string_ostream os(text);
  func->print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
  return text;
}

/// What `buffer` is a part of.
static Value wholeOf(Value buffer) {
  while (isa_and_nonnull<memref::CastOp, memref::ReinterpretCastOp, memref::ViewOp>(buffer.getDefiningOp()))
    buffer = buffer.getDefiningOp()->getOperand(0);
  return buffer;
}

/// Whether nothing else that a kernel touches overlaps operand `number` of its call.
static bool isAlone(func::CallOp call, unsigned number) {
  Value buffer = wholeOf(call.getOperand(number));
  for (unsigned i = 0; i < call.getNumOperands(); ++i)
    if (i != number && isa<MemRefType>(call.getOperand(i).getType()) && wholeOf(call.getOperand(i)) == buffer)
      return false;
  if (buffer.getDefiningOp<memref::GetGlobalOp>())
    return true;
  auto argument = dyn_cast<BlockArgument>(buffer);
  auto func = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  return func && func.getArgAttr(argument.getArgNumber(), "llvm.noalias");
}

/// Arguments that are the same number in every call become constants of the body, and
/// two that always agree become one.
static void dropArguments(func::FuncOp func, MutableArrayRef<func::CallOp> calls) {
  Block &body = func.getBody().front();
  OpBuilder b(func.getContext());
  b.setInsertionPointToStart(&body);
  auto equal = [](Value x, Value y) {
    if (x == y)
      return true;
    auto a = getConstantIntValue(x), c = getConstantIntValue(y);
    return a && a == c && x.getType() == y.getType();
  };
  for (unsigned i = body.getNumArguments(); i-- > 0;) {
    BlockArgument argument = body.getArgument(i);
    Value replacement;
    Value first = calls[0].getOperand(i);
    if (first.getDefiningOp<arith::ConstantOp>() && llvm::all_of(calls, [&](func::CallOp call) {
          return equal(call.getOperand(i), first);
        }))
      replacement = b.clone(*first.getDefiningOp())->getResult(0);
    for (unsigned j = 0; j < i && !replacement; ++j)
      if (llvm::all_of(calls, [&](func::CallOp call) {
            return equal(call.getOperand(i), call.getOperand(j));
          }))
        replacement = body.getArgument(j);
    if (!replacement && !argument.use_empty())
      continue;
    if (replacement)
      argument.replaceAllUsesWith(replacement);
    body.eraseArgument(i);
    for (func::CallOp call : calls)
      call->eraseOperand(i);
  }
  func.setFunctionType(b.getFunctionType(body.getArgumentTypes(), {}));
  // What nothing else of a layer touches.
  for (BlockArgument argument : body.getArguments())
    if (llvm::all_of(calls, [&](func::CallOp call) { return isAlone(call, argument.getArgNumber()); }))
      func.setArgAttr(argument.getArgNumber(), "llvm.noalias", b.getUnitAttr());
}

namespace {
/// How much slower a network may become for shared kernels with -Ospeed and -Oram.
constexpr double kSharingBudget = 0.10;

/// A layer whose kernel has been emitted as a function.
struct Pending {
  Operation *op;
  KernelFunction function;
  std::vector<int64_t> sizes;
  double cost = 0;  ///< cycles on Cortex-M4 that it takes more than code for this layer
  double bytes = 0; ///< of code for this layer
  bool isChosen = true;
};
using Group = std::vector<Pending>;
} // namespace

/// Fills in what `p` costs and saves; returns the cycles of the layer. Measured on the
/// networks of MLPerf Tiny.
static double estimate(const Shape &s, dlc::nn::KernelAttr kernel, Pending &p) {
  p.sizes = {s.height, s.width, s.channels, s.outHeight, s.outWidth, s.outputs,
             s.kernelHeight, s.kernelWidth, s.strideY, s.strideX, s.padTop, s.padLeft};
  double results = s.batch * s.pixels() * s.outputs;
  double macs = results * s.kernelHeight * s.kernelWidth * s.groupChannels();
  // Sizes and amounts of shifts that are reloaded. Short lines spill in any case.
  if (kernel.getKind() == "dsp_depthwise") {
    p.cost = s.outWidth > 8 ? results * 7 : 0;
    p.bytes = 1900;
    return macs * 3.2;
  }
  // The round that begins in the middle; patches whose loops are not written out.
  bool isLine = s.kernelHeight * s.kernelWidth == 1 && s.outHeight == 1;
  double tiles = results / (kernel.getRows() * kernel.getColumns());
  p.cost = tiles * (isLine ? 30 : 65);
  p.bytes = isLine ? 1150 : 2600;
  return macs * 1.5;
}

/// Chooses the layers that share: those first that save the most bytes for a cycle.
static void choose(std::vector<Group> &groups, double cycles) {
  SmallVector<Pending *> candidates;
  for (Group &group : groups) {
    // Layers of equal sizes are one function without any of this (dlc-share-layers).
    bool differ = llvm::any_of(group, [&](Pending &p) { return p.sizes != group[0].sizes; });
    for (Pending &p : group) {
      p.isChosen = false;
      if (differ)
        candidates.push_back(&p);
    }
  }
  std::vector<std::pair<double, size_t>> order;
  for (auto [i, p] : llvm::enumerate(candidates))
    order.push_back({p->cost / p->bytes, i});
  llvm::sort(order);
  double budget = cycles * kSharingBudget;
  for (auto [ratio, i] : order) {
    candidates[i]->isChosen = cycles > 0 && candidates[i]->cost <= budget;
    if (candidates[i]->isChosen)
      budget -= candidates[i]->cost;
  }
}

void dlc::kernels::dsp::emitShared(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<dlc::nn::ConvOp, dlc::nn::MatmulOp>(op) &&
        isOurs(op->getAttrOfType<dlc::nn::KernelAttr>("kernel")))
      ops.push_back(op);
  });
  std::vector<Group> groups; // in order of the layers
  llvm::StringMap<size_t> groupOf;
  double cycles = 0;
  // Emitting a kernel changes its contraction.
  auto emitCopy = [](Operation *op, bool isPadded) {
    Operation *copy = ImplicitLocOpBuilder(op->getLoc(), op).clone(*op);
    std::optional<KernelFunction> function = emitFunction(copy, isPadded);
    if (!function)
      copy->erase();
    return function;
  };
  for (Operation *op : ops) {
    std::optional<Shape> shape = Shape::of(op);
    if (!shape)
      continue;
    std::optional<KernelFunction> function = emitCopy(op, false);
    Pending pending{op, function ? *function : KernelFunction(), {}};
    cycles += estimate(*shape, op->getAttrOfType<dlc::nn::KernelAttr>("kernel"), pending);
    if (!function)
      continue;
    auto [found, isNew] = groupOf.try_emplace(pending.function.finish(), groups.size());
    if (isNew)
      groups.emplace_back();
    groups[found->second].push_back(pending);
  }
  // Code for padding does no harm where nothing is padded.
  for (Group &group : groups) {
    if (group.empty() || !savesCode(group[0].op))
      continue;
    SmallVector<KernelFunction> padded;
    for (Pending &p : group)
      padded.push_back(*emitCopy(p.op, true));
    size_t other = 0;
    bool isKnown = llvm::all_of(padded, [&](KernelFunction &function) {
      auto found = groupOf.find(function.finish());
      other = found == groupOf.end() ? other : found->second;
      return found != groupOf.end() && &groups[other] != &group;
    });
    for (auto [p, function] : llvm::zip_equal(group, padded)) {
      if (isKnown)
        std::swap(p.function, function);
      function.contraction()->erase();
      function.erase();
    }
    if (!isKnown)
      continue;
    llvm::append_range(groups[other], group);
    group.clear();
  }
  if (!ops.empty() && !savesCode(ops[0]))
    // Cores of dual issue lose more than they have to spend: 6 % on Cortex-M7.
    choose(groups, issuesPairs(ops[0]) ? 0 : cycles);
  unsigned number = 0;
  std::string name = "kernel";
  if (auto given = module->getAttrOfType<StringAttr>(rt::kName))
    name = given.str() + "_kernel";
  for (Group &group : groups) {
    // This form is short even for one layer: no loop is written out.
    int64_t least = savesCode(group[0].op) ? 1 : 2;
    bool isShared = llvm::count_if(group, [](Pending &p) { return p.isChosen; }) >= least;
    func::FuncOp shared;
    SmallVector<func::CallOp> calls;
    for (Pending &p : group) {
      Operation *copy = p.function.contraction();
      if (isShared && p.isChosen) {
        OpBuilder b(p.op);
        if (!shared)
          shared = p.function.function();
        calls.push_back(func::CallOp::create(b, p.op->getLoc(), shared, p.function.operands()));
        p.op->erase();
      }
      copy->erase();
      if (shared != p.function.function())
        p.function.erase();
    }
    if (calls.empty())
      continue;
    while (module.lookupSymbol(name + "_" + std::to_string(number)))
      ++number;
    shared.setName(name + "_" + std::to_string(number++));
    for (func::CallOp call : calls)
      call.setCallee(shared.getName());
    dropArguments(shared, calls);
    // A layer's function is called once only, and what it calls must not vanish in it.
    shared->setAttr("passthrough", OpBuilder(shared).getStrArrayAttr({"noinline", "dlc-rolled"}));
  }
  // What was prepared for functions that nothing calls.
  for (bool changed = true; changed;) {
    changed = false;
    module.walk([&](Operation *op) {
      if (!isa<memref::CastOp, memref::ReinterpretCastOp, memref::GetGlobalOp, memref::ViewOp>(op) ||
          !op->use_empty())
        return;
      op->erase();
      changed = true;
    });
  }
}
