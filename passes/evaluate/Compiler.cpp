// This file compiles IR into register programs: values, dispatch, control flow.
#include "passes/evaluate/Compiler.h"

#include "dialects/NN/NN.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace dlc::evaluation;

//===--- values -----------------------------------------------------------===//

unsigned Compiler::constant(Slot value) {
  unsigned reg = newReg();
  program.constants.push_back({reg, value});
  return reg;
}

std::optional<Place> Compiler::define(Value value) {
  Type type = value.getType();
  Place place;
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    if (!elementOf(tensor.getElementType()))
      return std::nullopt;
    place = {true, newTensor()};
  } else {
    if (!elementOf(type))
      return std::nullopt;
    place = {false, newReg()};
  }
  places[value] = place;
  return place;
}

std::optional<SmallVector<Place>> Compiler::defineAll(ValueRange values) {
  SmallVector<Place> result;
  for (Value value : values) {
    std::optional<Place> place = define(value);
    if (!place)
      return std::nullopt;
    result.push_back(*place);
  }
  return result;
}

std::optional<Place> Compiler::placeOf(Value value) {
  auto found = places.find(value);
  if (found != places.end())
    return found->second;
  if (auto op = value.getDefiningOp<arith::ConstantOp>()) {
    Place place;
    if (isa<RankedTensorType>(value.getType())) {
      place = {true, newTensor()};
      program.tensorConstants.push_back({place.reg, op.getValue()});
    } else {
      std::optional<Slot> slot = slotOf(op.getValue());
      if (!slot)
        return std::nullopt;
      place = {false, constant(*slot)};
    }
    places[value] = place;
    return place;
  }
  if (!outer)
    return std::nullopt;
  std::optional<Place> there = outer->placeOf(value);
  if (!there)
    return std::nullopt;
  Place here{there->isTensor, there->isTensor ? newTensor() : newReg()};
  program.captures.push_back({there->reg, here.reg, here.isTensor});
  places[value] = here;
  return here;
}

std::optional<unsigned> Compiler::scalar(Value value) {
  std::optional<Place> place = placeOf(value);
  if (!place || place->isTensor)
    return std::nullopt;
  return place->reg;
}

std::optional<TensorUse> Compiler::tensor(Value value, Operation *user) {
  bool mine = places.contains(value);
  std::optional<Place> place = placeOf(value);
  if (!place || !place->isTensor)
    return std::nullopt;
  return TensorUse{place->reg, mine && isLastUse(value, user)};
}

std::optional<Index> Compiler::index(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return Index{std::nullopt, cast<IntegerAttr>(attr).getInt()};
  std::optional<unsigned> reg = scalar(cast<Value>(value));
  if (!reg)
    return std::nullopt;
  return Index{reg, 0};
}

std::optional<SmallVector<Index>>
Compiler::indices(ArrayRef<OpFoldResult> values) {
  SmallVector<Index> result;
  for (OpFoldResult value : values) {
    std::optional<Index> i = index(value);
    if (!i)
      return std::nullopt;
    result.push_back(*i);
  }
  return result;
}

/// Whether `value` is dead once `user` has read it, so that its storage may be
/// written in place. Branches are followed outwards, loops are not: what is
/// defined outside a loop is read again by the next round.
bool Compiler::isLastUse(Value value, Operation *user) {
  if (!context.blockOrder || context.pinned.contains(value) ||
      value.getDefiningOp<arith::ConstantOp>() ||
      llvm::count(user->getOperands(), value) != 1)
    return false;
  Block *home = value.getParentBlock();
  for (Operation *op = user;;) {
    Block *block = op->getBlock();
    for (Operation *other : value.getUsers()) {
      if (other == user)
        continue;
      Operation *ancestor = block->findAncestorOpInBlock(*other);
      if (!ancestor)
        continue;
      if (ancestor == op ? op == user : op->isBeforeInBlock(ancestor))
        return false;
    }
    if (block == home)
      return true;
    op = block->getParentOp();
    if (!isa_and_nonnull<scf::IfOp, scf::IndexSwitchOp>(op))
      return false;
  }
}

//===--- instructions -----------------------------------------------------===//

Instr &Compiler::emit(Opcode op, unsigned width, unsigned dst, unsigned a,
                      unsigned b, unsigned c) {
  Instr in;
  in.op = op;
  in.width = width;
  in.dst = dst;
  in.a = a;
  in.b = b;
  in.c = c;
  program.code.push_back(in);
  program.origins.push_back(context.current);
  switch (op) {
  case Opcode::Jump:
  case Opcode::JumpIfZero:
  case Opcode::JumpIfNonZero:
  case Opcode::LoopEnter:
  case Opcode::LoopNext:
  case Opcode::TensorMove:
  case Opcode::TensorTake:
  case Opcode::Call:
  case Opcode::Fail:
    program.straight = false;
    break;
  default:
    break;
  }
  return program.code.back();
}

void Compiler::call(TensorFn fn) {
  emit(Opcode::Call, 64, 0).imm = program.functions.size();
  program.functions.push_back(std::move(fn));
}

bool Compiler::defineTensor(Operation *op,
                            std::function<TensorRef(Machine &, Frame &)> fn) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  std::optional<Place> place = define(op->getResult(0));
  if (!place)
    return false;
  SmallVector<int64_t, 6> expected(type.getShape());
  call([fn = std::move(fn), reg = place->reg,
        expected](Machine &machine, Frame &frame) {
    TensorRef tensor = fn(machine, frame);
    if (!tensor || tensor->shape.size() != expected.size())
      return false;
    for (auto [have, want] : llvm::zip(tensor->shape, expected))
      if (!ShapedType::isDynamic(want) && have != want)
        return false;
    frame.tensors[reg] = std::move(tensor);
    return true;
  });
  return true;
}

void Compiler::extract(unsigned dst, unsigned tensorReg,
                       ArrayRef<unsigned> indexRegs) {
  unsigned first = program.args.size();
  program.args.insert(program.args.end(), indexRegs.begin(), indexRegs.end());
  emit(Opcode::Extract, 64, dst, tensorReg, first, indexRegs.size());
}

unsigned Compiler::loopIndex(unsigned dim) {
  for (auto [reg, d] : loopIndices)
    if (d == dim)
      return reg;
  loopIndices.push_back({newReg(), dim});
  return loopIndices.back().first;
}

void Compiler::move(ArrayRef<Place> from, ArrayRef<bool> take,
                    ArrayRef<Place> to) {
  auto emitMove = [&](Place source, bool taken, Place target) {
    if (!source.isTensor)
      emit(Opcode::Move, 64, target.reg, source.reg);
    else
      emit(taken ? Opcode::TensorTake : Opcode::TensorMove, 64, target.reg, source.reg);
  };
  auto same = [](Place x, Place y) {
    return x.isTensor == y.isTensor && x.reg == y.reg;
  };
  bool overlap = false;
  for (size_t i = 0; i < from.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      overlap |= same(from[i], to[j]);
  if (!overlap) {
    for (size_t i = 0; i < from.size(); ++i)
      if (!same(from[i], to[i]))
        emitMove(from[i], take[i], to[i]);
    return;
  }
  SmallVector<Place> temporaries;
  for (size_t i = 0; i < from.size(); ++i) {
    temporaries.push_back(
        {from[i].isTensor, from[i].isTensor ? newTensor() : newReg()});
    emitMove(from[i], take[i], temporaries[i]);
  }
  for (size_t i = 0; i < from.size(); ++i)
    emitMove(temporaries[i], true, to[i]);
}

bool Compiler::moveValues(ValueRange values, Operation *user,
                          ArrayRef<Place> to) {
  SmallVector<Place> from;
  SmallVector<bool> take;
  for (Value value : values) {
    bool mine = places.contains(value);
    std::optional<Place> place = placeOf(value);
    if (!place)
      return false;
    from.push_back(*place);
    take.push_back(mine && place->isTensor && isLastUse(value, user));
  }
  if (from.size() != to.size())
    return false;
  move(from, take, to);
  return true;
}

//===--- dispatch ---------------------------------------------------------===//

bool Compiler::compileBlock(Block &block) {
  if (depth > context.limits.maxDepth)
    return false;
  for (Operation &op : block.without_terminator())
    if (!compileOp(&op))
      return false;
  return true;
}

bool Compiler::compile(Operation *op) {
  if (isa<arith::ConstantOp>(op))
    return true; // on demand
  auto isKnown = [](Type type) {
    return isa<IntegerType, IndexType, FloatType, RankedTensorType>(type);
  };
  if (!llvm::all_of(op->getOperandTypes(), isKnown) ||
      !llvm::all_of(op->getResultTypes(), isKnown))
    return false;
  ++depth;
  struct Leave {
    size_t &depth;
    ~Leave() { --depth; }
  } leave{depth};
  if (depth > context.limits.maxDepth)
    return false;

  if (isa_and_nonnull<tensor::TensorDialect>(op->getDialect()) || isa<bufferization::AllocTensorOp>(op))
    return compileTensor(op);
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    // The indices belong to the innermost nest, whose body this program is.
    if (op->getParentOfType<linalg::LinalgOp>() != nestOp)
      return false;
    bind(index.getResult(), {false, loopIndex(index.getDim())});
    return true;
  }
  if (isa<linalg::LinalgOp>(op))
    return compileLinalg(op);
  if (isa<nn::ConvOp, nn::MatmulOp>(op))
    return compileContraction(op);
  if (isa_and_nonnull<scf::SCFDialect>(op->getDialect()))
    return compileControl(op);
  if (isa<func::CallOp>(op))
    return compileCall(op);
  if (isa<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(op)) {
    AffineMap map = TypeSwitch<Operation *, AffineMap>(op)
                        .Case<affine::AffineApplyOp>([](auto o) { return o.getAffineMap(); })
                        .Case<affine::AffineMinOp, affine::AffineMaxOp>(
                            [](auto o) { return o.getMap(); });
    SmallVector<unsigned> operands;
    for (Value operand : op->getOperands()) {
      std::optional<unsigned> reg = scalar(operand);
      if (!reg)
        return false;
      operands.push_back(*reg);
    }
    ArrayRef<unsigned> all(operands);
    std::optional<unsigned> result;
    for (AffineExpr expr : map.getResults()) {
      auto value = emitAffine(expr, all.take_front(map.getNumDims()),
                              all.drop_front(map.getNumDims()));
      if (!value)
        return false;
      if (result) {
        unsigned least = newReg();
        emit(isa<affine::AffineMaxOp>(op) ? Opcode::MaxS : Opcode::MinS, 64, least,
             *result, *value);
        result = least;
      } else {
        result = value;
      }
    }
    if (!result)
      return false;
    bind(op->getResult(0), {false, *result});
    return true;
  }
  bool onTensors = llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>) ||
                   llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>);
  if (onTensors)
    return compileElementwise(op);
  SmallVector<unsigned> operands, results;
  for (Value operand : op->getOperands()) {
    std::optional<unsigned> reg = scalar(operand);
    if (!reg)
      return false;
    operands.push_back(*reg);
  }
  if (!emitScalar(op, operands, results))
    return false;
  for (auto [value, reg] : llvm::zip(op->getResults(), results))
    bind(value, {false, reg});
  return true;
}

//===--- control flow -----------------------------------------------------===//

bool Compiler::compileRegion(Region &region, ArrayRef<Place> results) {
  if (!region.hasOneBlock() || !compileBlock(region.front()))
    return false;
  Operation *yield = region.front().getTerminator();
  return moveValues(yield->getOperands(), yield, results);
}

bool Compiler::compileControl(Operation *op) {
  auto here = [&] { return program.code.size(); };
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    unsigned width = elementOf(loop.getInductionVar().getType())->width;
    auto lower = scalar(loop.getLowerBound());
    auto upper = scalar(loop.getUpperBound());
    auto step = scalar(loop.getStep());
    if (!lower || !upper || !step)
      return false;
    bool isUnsigned = op->hasAttr("unsignedCmp");
    auto wide = [&](unsigned reg) {
      if (width == 64 || isUnsigned)
        return reg;
      unsigned result = newReg();
      emit(Opcode::SignExtend, 64, result, reg).flag = width;
      return result;
    };
    unsigned bound = wide(*upper), by = wide(*step), from = wide(*lower);
    unsigned counter = newReg();
    auto args = defineAll(loop.getRegionIterArgs());
    if (!args || !moveValues(loop.getInitArgs(), op, *args))
      return false;
    emit(Opcode::Move, 64, counter, from);
    size_t enter = here();
    emit(Opcode::LoopEnter, 64, 0, counter, bound, by).flag = isUnsigned;
    size_t body = here();
    unsigned induction = counter;
    if (width != 64) {
      induction = newReg();
      emit(Opcode::Mask, width, induction, counter);
    }
    bind(loop.getInductionVar(), {false, induction});
    if (!compileRegion(loop.getRegion(), *args))
      return false;
    Instr &next = emit(Opcode::LoopNext, 64, counter, 0, bound, by);
    next.flag = isUnsigned;
    next.imm = body;
    program.code[enter].imm = here();
    for (auto [result, place] : llvm::zip(loop.getResults(), *args))
      bind(result, place);
    return true;
  }
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    auto condition = scalar(branch.getCondition());
    auto results = defineAll(op->getResults());
    if (!condition || !results)
      return false;
    size_t jump = here();
    emit(Opcode::JumpIfZero, 1, 0, *condition);
    if (!compileRegion(branch.getThenRegion(), *results))
      return false;
    size_t leave = here();
    emit(Opcode::Jump, 64, 0);
    program.code[jump].imm = here();
    if (!branch.getElseRegion().empty() &&
        !compileRegion(branch.getElseRegion(), *results))
      return false;
    program.code[leave].imm = here();
    return true;
  }
  if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    auto before = defineAll(loop.getBeforeArguments());
    auto results = defineAll(op->getResults());
    if (!before || !results || !moveValues(loop.getInits(), op, *before) ||
        !loop.getBefore().hasOneBlock() || !loop.getAfter().hasOneBlock())
      return false;
    size_t start = here();
    scf::ConditionOp condition = loop.getConditionOp();
    if (!compileBlock(loop.getBefore().front()))
      return false;
    auto flag = scalar(condition.getCondition());
    if (!flag || !moveValues(condition.getArgs(), condition, *results))
      return false;
    size_t leave = here();
    emit(Opcode::JumpIfZero, 1, 0, *flag);
    for (auto [arg, place] : llvm::zip(loop.getAfterArguments(), *results))
      bind(arg, place);
    if (!compileRegion(loop.getAfter(), *before))
      return false;
    Instr &again = emit(Opcode::LoopNext, 64, 0);
    again.flag = 2;
    again.imm = start;
    program.code[leave].imm = here();
    return true;
  }
  if (auto choice = dyn_cast<scf::IndexSwitchOp>(op)) {
    auto argument = scalar(choice.getArg());
    auto results = defineAll(op->getResults());
    if (!argument || !results)
      return false;
    SmallVector<size_t> leaves;
    for (auto [i, value] : llvm::enumerate(choice.getCases())) {
      unsigned differs = newReg();
      emit(Opcode::CmpI, 64, differs, *argument, constant(value)).flag =
          static_cast<uint8_t>(arith::CmpIPredicate::ne);
      size_t skip = here();
      emit(Opcode::JumpIfNonZero, 1, 0, differs);
      if (!compileRegion(choice.getCaseRegions()[i], *results))
        return false;
      leaves.push_back(here());
      emit(Opcode::Jump, 64, 0);
      program.code[skip].imm = here();
    }
    if (!compileRegion(choice.getDefaultRegion(), *results))
      return false;
    for (size_t leave : leaves)
      program.code[leave].imm = here();
    return true;
  }
  if (auto inlined = dyn_cast<scf::ExecuteRegionOp>(op)) {
    auto results = defineAll(op->getResults());
    return results && compileRegion(inlined.getRegion(), *results);
  }
  return false;
}

bool Compiler::compileCall(Operation *op) {
  auto callOp = cast<func::CallOp>(op);
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, callOp.getCalleeAttr());
  if (!callee || !callee.getBody().hasOneBlock() ||
      llvm::is_contained(context.callStack, callee) ||
      context.callStack.size() >= context.limits.maxDepth)
    return false;
  auto body = std::make_shared<Program>();
  context.callStack.push_back(callee);
  Compiler inner(*body, context);
  inner.depth = depth;
  Block &block = callee.getBody().front();
  auto parameters = inner.defineAll(block.getArguments());
  bool ok = parameters && inner.compileBlock(block);
  context.callStack.pop_back();
  if (!ok)
    return false;
  SmallVector<Place> arguments, returned;
  for (Value value : op->getOperands()) {
    auto place = placeOf(value);
    if (!place)
      return false;
    arguments.push_back(*place);
  }
  for (Value value : block.getTerminator()->getOperands()) {
    auto place = inner.placeOf(value);
    if (!place)
      return false;
    returned.push_back(*place);
  }
  auto results = defineAll(op->getResults());
  if (!results)
    return false;
  call([body, arguments, parameters = *parameters, returned,
        results = *results](Machine &machine, Frame &frame) {
    Frame inside(*body, 1);
    if (!machine.prepare(inside, nullptr))
      return false;
    auto copy = [](Frame &to, ArrayRef<Place> targets, Frame &from,
                   ArrayRef<Place> sources) {
      for (auto [target, source] : llvm::zip(targets, sources)) {
        if (target.isTensor)
          to.tensors[target.reg] = from.tensors[source.reg];
        else
          to.at(target.reg) = from.at(source.reg);
      }
    };
    copy(inside, parameters, frame, arguments);
    if (!machine.run(inside, 1))
      return false;
    copy(frame, results, inside, returned);
    return true;
  });
  return true;
}
