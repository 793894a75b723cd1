// This file compiles arith, math and affine expressions on scalars, and on
// tensors element by element.
#include "passes/evaluate/Compiler.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace dlc::evaluation;

namespace {
/// How the registers of an operation are read.
struct Form {
  Opcode op;
  /// Integers take the width of the first operand; floats exist in two forms
  /// and are rounded when the result is smaller than f32.
  enum { Integer, Float, FloatPredicate } kind;
  double (*math1)(double) = nullptr;
  double (*math2)(double, double) = nullptr;
};
} // namespace

static double rsqrtOf(double x) { return 1.0 / std::sqrt(x); }

/// Operations that one instruction computes from registers a, b, c.
static std::optional<Form> formOf(Operation *op) {
  using R = std::optional<Form>;
  auto integer = [](Opcode o) { return R(Form{o, Form::Integer}); };
  auto real = [](Opcode o) { return R(Form{o, Form::Float}); };
  auto predicate = [](Opcode o) { return R(Form{o, Form::FloatPredicate}); };
  auto math = [](double (*f)(double)) { return R(Form{Opcode::Math1, Form::Float, f}); };
  auto math2 = [](double (*f)(double, double)) {
    return R(Form{Opcode::Math2, Form::Float, nullptr, f});
  };
#define CASE(TYPE, RESULT) .Case<TYPE>([&](auto) { return RESULT; })
  if (isa_and_nonnull<arith::ArithDialect>(op->getDialect()))
    return TypeSwitch<Operation *, R>(op)
    CASE(arith::AddIOp, integer(Opcode::AddI))
    CASE(arith::SubIOp, integer(Opcode::SubI))
    CASE(arith::MulIOp, integer(Opcode::MulI))
    CASE(arith::DivUIOp, integer(Opcode::DivU))
    CASE(arith::DivSIOp, integer(Opcode::DivS))
    CASE(arith::CeilDivUIOp, integer(Opcode::CeilDivU))
    CASE(arith::CeilDivSIOp, integer(Opcode::CeilDivS))
    CASE(arith::FloorDivSIOp, integer(Opcode::FloorDivS))
    CASE(arith::RemUIOp, integer(Opcode::RemU))
    CASE(arith::RemSIOp, integer(Opcode::RemS))
    CASE(arith::AndIOp, integer(Opcode::And))
    CASE(arith::OrIOp, integer(Opcode::Or))
    CASE(arith::XOrIOp, integer(Opcode::Xor))
    CASE(arith::ShLIOp, integer(Opcode::Shl))
    CASE(arith::ShRUIOp, integer(Opcode::ShrU))
    CASE(arith::ShRSIOp, integer(Opcode::ShrS))
    CASE(arith::MaxSIOp, integer(Opcode::MaxS))
    CASE(arith::MaxUIOp, integer(Opcode::MaxU))
    CASE(arith::MinSIOp, integer(Opcode::MinS))
    CASE(arith::MinUIOp, integer(Opcode::MinU))
    CASE(arith::AddFOp, real(Opcode::AddF))
    CASE(arith::SubFOp, real(Opcode::SubF))
    CASE(arith::MulFOp, real(Opcode::MulF))
    CASE(arith::DivFOp, real(Opcode::DivF))
    CASE(arith::RemFOp, real(Opcode::RemF))
    CASE(arith::NegFOp, real(Opcode::NegF))
    CASE(arith::MaximumFOp, real(Opcode::MaximumF))
    CASE(arith::MinimumFOp, real(Opcode::MinimumF))
    CASE(arith::MaxNumFOp, real(Opcode::MaxNumF))
    CASE(arith::MinNumFOp, real(Opcode::MinNumF))
        .Default(std::nullopt);
  return TypeSwitch<Operation *, R>(op)
    CASE(math::AbsIOp, integer(Opcode::AbsI))
    CASE(math::CountLeadingZerosOp, integer(Opcode::Ctlz))
    CASE(math::CountTrailingZerosOp, integer(Opcode::Cttz))
    CASE(math::CtPopOp, integer(Opcode::CtPop))
    CASE(math::IPowIOp, integer(Opcode::PowI))
    CASE(math::AbsFOp, real(Opcode::AbsF))
    CASE(math::CopySignOp, real(Opcode::CopySign))
    CASE(math::FmaOp, real(Opcode::Fma))
    CASE(math::IsNaNOp, predicate(Opcode::IsNaN))
    CASE(math::IsInfOp, predicate(Opcode::IsInf))
    CASE(math::IsFiniteOp, predicate(Opcode::IsFinite))
    CASE(math::IsNormalOp, predicate(Opcode::IsNormal))
    CASE(math::AcosOp, math(::acos))
    CASE(math::AcoshOp, math(::acosh))
    CASE(math::AsinOp, math(::asin))
    CASE(math::AsinhOp, math(::asinh))
    CASE(math::AtanOp, math(::atan))
    CASE(math::AtanhOp, math(::atanh))
    CASE(math::CbrtOp, math(::cbrt))
    CASE(math::CeilOp, math(::ceil))
    CASE(math::CosOp, math(::cos))
    CASE(math::CoshOp, math(::cosh))
    CASE(math::SinOp, math(::sin))
    CASE(math::SinhOp, math(::sinh))
    CASE(math::ErfOp, math(::erf))
    CASE(math::ErfcOp, math(::erfc))
    CASE(math::ExpOp, math(::exp))
    CASE(math::Exp2Op, math(::exp2))
    CASE(math::ExpM1Op, math(::expm1))
    CASE(math::FloorOp, math(::floor))
    CASE(math::LogOp, math(::log))
    CASE(math::Log10Op, math(::log10))
    CASE(math::Log1pOp, math(::log1p))
    CASE(math::Log2Op, math(::log2))
    CASE(math::RsqrtOp, math(rsqrtOf))
    CASE(math::SqrtOp, math(::sqrt))
    CASE(math::TanOp, math(::tan))
    CASE(math::TanhOp, math(::tanh))
    CASE(math::RoundEvenOp, math(::nearbyint)) // the host rounds to even
    CASE(math::RoundOp, math(::round))
    CASE(math::TruncOp, math(::trunc))
    CASE(math::Atan2Op, math2(::atan2))
    CASE(math::PowFOp, math2(::pow))
      .Default(std::nullopt);
#undef CASE
}

static double leastNormal(const Element &element) {
  llvm::APFloat least = llvm::APFloat::getSmallestNormalized(*element.semantics);
  bool lost;
  least.convert(llvm::APFloat::IEEEdouble(),
                llvm::APFloat::rmNearestTiesToEven, &lost);
  return least.convertToDouble();
}

static Opcode formFor(Opcode op, const Element &element) {
  return element.isF64()
             ? static_cast<Opcode>(static_cast<int>(op) + kDoubleForm)
             : op;
}

bool Compiler::emitScalar(Operation *op, ArrayRef<unsigned> x,
                          SmallVectorImpl<unsigned> &results) {
  if (op->getNumOperands() == 0 || op->getNumResults() == 0)
    return false;
  std::optional<Element> from =
      elementOf(getElementTypeOrSelf(op->getOperand(0).getType()));
  std::optional<Element> to =
      elementOf(getElementTypeOrSelf(op->getResult(0).getType()));
  if (!from || !to)
    return false;
  auto reg = [&](unsigned i) { return i < x.size() ? x[i] : 0; };
  auto add = [&](Opcode o, unsigned width) -> Instr & {
    results.push_back(newReg());
    return emit(o, width, results.back(), reg(0), reg(1), reg(2));
  };
  /// Rounds the last result to a type below f32.
  auto round = [&](const Element &element) {
    if (element.isSmall())
      emit(Opcode::RoundSmall, 64, results.back(), results.back()).element = element;
    return true;
  };

  if (std::optional<Form> form = formOf(op)) {
    if (form->kind == Form::Integer) {
      add(form->op, from->width);
      return from->isInt();
    }
    if (from->isInt())
      return false;
    Instr &in = add(formFor(form->op, *from), 64);
    if (form->math1)
      in.math1 = form->math1;
    else if (form->math2)
      in.math2 = form->math2;
    if (form->op == Opcode::IsNormal)
      in.imm = slotOf(leastNormal(*from));
    return form->kind == Form::FloatPredicate || round(*to);
  }

  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    add(Opcode::CmpI, from->width).flag = static_cast<uint8_t>(compare.getPredicate());
    return true;
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    add(formFor(Opcode::CmpF, *from), 64).flag =
        static_cast<uint8_t>(compare.getPredicate());
    return true;
  }
  if (isa<arith::SelectOp>(op)) {
    add(Opcode::Select, 64);
    return true;
  }
  if (isa<arith::ExtUIOp>(op)) {
    add(Opcode::Move, 64);
    return true;
  }
  if (isa<arith::TruncIOp, arith::IndexCastUIOp>(op)) {
    add(Opcode::Mask, to->width);
    return true;
  }
  if (isa<arith::ExtSIOp, arith::IndexCastOp>(op)) {
    if (to->width >= from->width)
      add(Opcode::SignExtend, to->width).flag = from->width;
    else
      add(Opcode::Mask, to->width);
    return true;
  }
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op)) {
    bool isSigned = isa<arith::SIToFPOp>(op);
    add(to->isF64() ? (isSigned ? Opcode::SToD : Opcode::UToD)
                    : (isSigned ? Opcode::SToF : Opcode::UToF),
        from->width);
    return round(*to);
  }
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op)) {
    bool isSigned = isa<arith::FPToSIOp>(op);
    add(from->isF64() ? (isSigned ? Opcode::DToS : Opcode::DToU)
                      : (isSigned ? Opcode::FToS : Opcode::FToU),
        to->width);
    return true;
  }
  if (isa<arith::ExtFOp>(op)) {
    add(to->isF64() && !from->isF64() ? Opcode::ExtF : Opcode::Move, 64);
    return true;
  }
  if (auto truncate = dyn_cast<arith::TruncFOp>(op)) {
    if (auto mode = truncate.getRoundingmode();
        mode && *mode != arith::RoundingMode::to_nearest_even)
      return false;
    if (!from->isF64()) {
      add(Opcode::Move, 64);
      return round(*to);
    }
    add(to->isSmall() ? Opcode::TruncFSmall : Opcode::TruncF, 64).element = *to;
    return true;
  }
  if (isa<arith::BitcastOp>(op)) {
    if (from->isSmall())
      add(Opcode::EncodeSmall, 64).element = *from;
    else
      add(Opcode::Move, 64);
    if (to->isSmall())
      emit(Opcode::DecodeSmall, 64, results.back(), results.back()).element = *to;
    return true;
  }
  if (isa<arith::AddUIExtendedOp>(op)) {
    add(Opcode::AddI, from->width);
    add(Opcode::CarryU, from->width);
    return true;
  }
  if (isa<arith::MulSIExtendedOp, arith::MulUIExtendedOp>(op)) {
    add(Opcode::MulI, from->width);
    add(isa<arith::MulSIExtendedOp>(op) ? Opcode::MulHighS : Opcode::MulHighU, from->width);
    return true;
  }
  if (isa<math::FPowIOp>(op)) {
    std::optional<Element> exponent =
        elementOf(getElementTypeOrSelf(op->getOperand(1).getType()));
    if (!exponent)
      return false;
    add(formFor(Opcode::PowFI, *from), exponent->width);
    return round(*to);
  }
  if (isa<math::SincosOp>(op)) {
    for (double (*f)(double) : {static_cast<double (*)(double)>(::sin),
                                static_cast<double (*)(double)>(::cos)}) {
      add(formFor(Opcode::Math1, *from), 64).math1 = f;
      round(*to);
    }
    return true;
  }
  if (isa<math::ClampFOp>(op)) {
    unsigned above = newReg();
    emit(formFor(Opcode::MaximumF, *from), 64, above, reg(0), reg(1));
    results.push_back(newReg());
    emit(formFor(Opcode::MinimumF, *from), 64, results.back(), above, reg(2));
    return true;
  }
  if (isa<UnrealizedConversionCastOp>(op)) {
    // Between signed, unsigned and signless integers: the same bits.
    if (op->getNumOperands() != 1 || op->getNumResults() != 1 || !from->isInt() ||
        !to->isInt() || from->width != to->width)
      return false;
    add(Opcode::Move, 64);
    return true;
  }
  return false;
}

bool Compiler::compileElementwise(Operation *op) {
  // Casts that only change the signedness share the storage.
  if (isa<UnrealizedConversionCastOp>(op)) {
    if (op->getNumOperands() != 1 || op->getNumResults() != 1)
      return false;
    auto from = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    auto to = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!from || !to || !isa<IntegerType>(from.getElementType()) ||
        !isa<IntegerType>(to.getElementType()) ||
        from.getElementTypeBitWidth() != to.getElementTypeBitWidth())
      return false;
    std::optional<TensorUse> source = tensor(op->getOperand(0), op);
    if (!source)
      return false;
    return defineTensor(op, [source = *source](Machine &, Frame &frame) {
      return frame.take(source); // integers of one width are stored alike
    });
  }
  if (!op->hasTrait<OpTrait::Elementwise>())
    return false;
  auto body = std::make_shared<Program>();
  Compiler inner(*body, context, this);
  SmallVector<unsigned> registers, yields;
  SmallVector<std::pair<unsigned, TensorUse>> inputs;
  for (Value operand : op->getOperands()) {
    if (isa<RankedTensorType>(operand.getType())) {
      std::optional<TensorUse> use = tensor(operand, op);
      if (!use)
        return false;
      registers.push_back(inner.newReg());
      inputs.push_back({registers.back(), *use});
    } else {
      std::optional<unsigned> reg = inner.scalar(operand);
      if (!reg)
        return false;
      registers.push_back(*reg);
    }
  }
  if (inputs.empty() || !inner.emitScalar(op, registers, yields))
    return false;
  struct Result {
    unsigned reg, yield;
    Element element;
  };
  SmallVector<Result> results;
  for (auto [value, yield] : llvm::zip(op->getResults(), yields)) {
    std::optional<Place> place = define(value);
    if (!place)
      return false;
    results.push_back(
        {place->reg, yield, *elementOf(getElementTypeOrSelf(value.getType()))});
  }
  call([body, inputs, results](Machine &machine, Frame &frame) {
    Frame inside(*body, lanesFor(*body));
    if (!machine.prepare(inside, &frame))
      return false;
    Nest nest;
    SmallVector<TensorRef> sources, targets;
    for (auto [reg, use] : inputs) {
      TensorRef source = frame.take(use);
      if (!source || (!sources.empty() && source->shape != sources[0]->shape))
        return false;
      Access &access = nest.inputs.emplace_back();
      access.data = source->data;
      access.element = source->element;
      access.reg = reg;
      access.coefs.push_back(1);
      sources.push_back(std::move(source));
    }
    nest.extents.push_back(sources[0]->size());
    nest.reduction.push_back(false);
    for (const Result &result : results) {
      TensorRef target =
          makeTensor(result.element, sources[0]->shape, machine.budget);
      if (!target)
        return false;
      Nest::Output &access = nest.outputs.emplace_back();
      access.data = target->data;
      access.element = result.element;
      access.reg = access.yield = result.yield;
      access.coefs.push_back(1);
      access.init = false;
      targets.push_back(std::move(target));
    }
    if (!runNest(machine, nest, inside))
      return false;
    for (auto [result, target] : llvm::zip(results, targets))
      frame.tensors[result.reg] = std::move(target);
    return true;
  });
  return true;
}

std::optional<unsigned> Compiler::emitAffine(AffineExpr expr,
                                             ArrayRef<unsigned> dims,
                                             ArrayRef<unsigned> symbols) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (auto value = dyn_cast<AffineConstantExpr>(expr))
    return constant(static_cast<Slot>(value.getValue()));
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<unsigned> lhs = emitAffine(binary.getLHS(), dims, symbols);
  std::optional<unsigned> rhs = emitAffine(binary.getRHS(), dims, symbols);
  if (!lhs || !rhs)
    return std::nullopt;
  Opcode op;
  switch (expr.getKind()) {
  case AffineExprKind::Add: op = Opcode::AddI; break;
  case AffineExprKind::Mul: op = Opcode::MulI; break;
  case AffineExprKind::Mod: op = Opcode::FloorModS; break;
  case AffineExprKind::FloorDiv: op = Opcode::FloorDivS; break;
  case AffineExprKind::CeilDiv: op = Opcode::CeilDivS; break;
  default: return std::nullopt;
  }
  unsigned result = newReg();
  emit(op, 64, result, *lhs, *rhs);
  return result;
}
