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

KernelFunction::KernelFunction(Operation *op) : op(op) {
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

Value KernelFunction::buffer(Value memref) {
  Value &found = buffers[memref];
  if (found)
    return found;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value flat = flatten(b, memref).buffer;
  auto type = MemRefType::get({ShapedType::kDynamic}, cast<MemRefType>(memref.getType()).getElementType());
  flat = memref::CastOp::create(b, type, flat);
  return found = argument(flat, type);
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

/// Whether nothing else that a layer touches overlaps `buffer`.
static bool isAlone(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (isa<memref::GetGlobalOp>(op))
      return true;
    if (!isa<memref::CastOp, memref::CollapseShapeOp>(op))
      return false; // views of scratch overlap one another
    buffer = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(buffer);
  auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
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
    if (llvm::all_of(calls, [&](func::CallOp call) { return isAlone(call.getOperand(argument.getArgNumber())); }))
      func.setArgAttr(argument.getArgNumber(), "llvm.noalias", b.getUnitAttr());
}

SmallVector<Operation *> dlc::kernels::dsp::emitShared(ModuleOp module, ArrayRef<Operation *> ops) {
  struct Pending {
    Operation *op;
    KernelFunction function;
  };
  std::vector<std::vector<Pending>> groups; // in order of the layers
  llvm::StringMap<size_t> groupOf;
  SmallVector<Operation *> rest;
  for (Operation *op : ops) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    // Emitting a kernel changes its contraction.
    Operation *copy = b.clone(*op);
    std::optional<KernelFunction> function = emitFunction(copy);
    if (!function) {
      copy->erase();
      rest.push_back(op);
      continue;
    }
    auto [found, isNew] = groupOf.try_emplace(function->finish(), groups.size());
    if (isNew)
      groups.emplace_back();
    groups[found->second].push_back({op, *function});
  }
  unsigned number = 0;
  std::string name = "kernel";
  if (auto given = module->getAttrOfType<StringAttr>(rt::kName))
    name = given.str() + "_kernel";
  for (std::vector<Pending> &group : groups) {
    func::FuncOp shared = group.front().function.function();
    SmallVector<func::CallOp> calls;
    for (Pending &p : group) {
      Operation *copy = p.function.contraction();
      if (group.size() > 1) {
        OpBuilder b(p.op);
        calls.push_back(func::CallOp::create(b, p.op->getLoc(), shared, p.function.operands()));
        p.op->erase();
      } else {
        rest.push_back(p.op);
      }
      copy->erase();
      if (&p != &group.front() || group.size() == 1)
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
    shared->setAttr("passthrough", OpBuilder(shared).getStrArrayAttr({"noinline"}));
  }
  // What was prepared for functions that nothing calls.
  for (bool changed = true; changed;) {
    changed = false;
    module.walk([&](Operation *op) {
      if (!isa<memref::CastOp, memref::CollapseShapeOp, memref::GetGlobalOp, memref::ViewOp>(op) ||
          !op->use_empty())
        return;
      op->erase();
      changed = true;
    });
  }
  return rest;
}
