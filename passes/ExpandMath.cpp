// This file replaces math operations that the target has no instruction for.
#include "passes/Passes.h"
#include "passes/math/Functions.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Triple.h"

namespace dlc {
#define GEN_PASS_DEF_EXPANDMATH
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc;
using dlc::libm::Emitter;
using dlc::libm::Native;
using dlc::libm::Val;

namespace {
/// When an operation is left alone.
enum class Keep { never, arithmetic, rounding, fma, minMaxNum, minMax };

struct Entry {
  libm::Expansion expand;
  Keep keep = Keep::never;
  /// On scalars: a call of a private function.
  bool outline = true;
};

const llvm::StringMap<Entry> &table() {
  using namespace dlc::libm;
  static const llvm::StringMap<Entry> entries = {
      {"math.exp", {expandExp}},
      {"math.exp2", {expandExp2}},
      {"math.expm1", {expandExpM1}},
      {"math.tanh", {expandTanh}},
      {"math.sinh", {expandSinh}},
      {"math.cosh", {expandCosh}},
      {"math.log", {expandLog}},
      {"math.log2", {expandLog2}},
      {"math.log10", {expandLog10}},
      {"math.log1p", {expandLog1p}},
      {"math.asinh", {expandAsinh}},
      {"math.acosh", {expandAcosh}},
      {"math.atanh", {expandAtanh}},
      {"math.sin", {expandSin}},
      {"math.cos", {expandCos}},
      {"math.tan", {expandTan}},
      {"math.asin", {expandAsin}},
      {"math.acos", {expandAcos}},
      {"math.atan", {expandAtan}},
      {"math.atan2", {expandAtan2}},
      {"math.erf", {expandErf}},
      {"math.erfc", {expandErfc}},
      {"math.powf", {expandPow}},
      {"math.cbrt", {expandCbrt}},
      {"math.sqrt", {expandSqrt, Keep::arithmetic}},
      {"math.rsqrt", {expandRsqrt, Keep::never, false}},
      {"math.floor", {expandFloor, Keep::rounding, false}},
      {"math.ceil", {expandCeil, Keep::rounding, false}},
      {"math.trunc", {expandTrunc, Keep::rounding, false}},
      {"math.round", {expandRound, Keep::rounding, false}},
      {"math.roundeven", {expandRoundEven, Keep::rounding, false}},
      {"math.fma", {expandFma, Keep::fma, false}},
      {"vector.fma", {expandFma, Keep::fma, false}},
      {"math.absf", {expandAbs, Keep::arithmetic, false}},
      {"math.copysign", {expandCopySign, Keep::arithmetic, false}},
      {"math.clampf", {expandClamp, Keep::never, false}},
      {"math.isnan", {expandIsNaN, Keep::never, false}},
      {"math.isinf", {expandIsInf, Keep::never, false}},
      {"math.isfinite", {expandIsFinite, Keep::never, false}},
      {"math.isnormal", {expandIsNormal, Keep::never, false}},
      {"arith.maximumf", {expandMaximum, Keep::minMax, false}},
      {"arith.minimumf", {expandMinimum, Keep::minMax, false}},
      {"arith.maxnumf", {expandMaxNum, Keep::minMaxNum, false}},
      {"arith.minnumf", {expandMinNum, Keep::minMaxNum, false}},
      {"arith.remf", {expandRemainder, Keep::never, false}},
  };
  return entries;
}

/// Which integer operations have instructions.
struct IntegerFacts {
  bool count = false, zeros = false;
};

/// Whether LLVM vectorizes float loops for the target.
bool hasVectorUnit(rt::TargetAttr target) {
  return target && target.getIsa() != "scalar" && target.getIsa() != "mve";
}

class Expander {
public:
  Expander(ModuleOp module, bool fma, bool inlineHelpers, bool vectorize)
      : module(module),
        helpers(module, vectorize && hasVectorUnit(rt::targetOf(module))),
        inlineHelpers(inlineHelpers) {
    rt::TargetAttr target = rt::targetOf(module);
    if (!target)
      return;
    llvm::Triple triple(target.getTriple());
    bool arm64 = triple.isAArch64(), x86 = triple.isX86();
    auto fill = [&](Native &n, bool fpu, bool fused, bool rounding) {
      n.arithmetic = fpu;
      n.fma = fused && fma;
      n.rounding = rounding;
      n.minMaxNum = arm64 || x86 || rounding;
      // For f64 on 32-bit Arm LLVM 22 cannot select these.
      n.minMax = arm64 || x86;
    };
    fill(f32, target.getFpuF32(), target.getFmaF32(), target.getRoundF32());
    fill(f64, target.getFpuF64(), target.getFmaF64(), target.getRoundF64());
    integers.count = arm64;
    // Armv6-M and v8-M Baseline have no CLZ.
    bool thumb1 = triple.getSubArch() == llvm::Triple::ARMSubArch_v6m ||
                  triple.getSubArch() == llvm::Triple::ARMSubArch_v8m_baseline;
    integers.zeros =
        arm64 || x86 || ((triple.isARM() || triple.isThumb()) && !thumb1);
  }

  /// True when `op` is to be replaced.
  bool wants(Operation *op) const;
  LogicalResult expand(Operation *op);
  unsigned helpersMade() const { return helpers.made; }

private:
  bool kept(Operation *op, Keep keep) const;
  LogicalResult throughF32(Operation *op);
  LogicalResult expandInteger(Operation *op);

  ModuleOp module;
  libm::Helpers helpers;
  bool inlineHelpers;
  Native f32, f64;
  IntegerFacts integers;
};
} // namespace

static bool isSmallFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() < 32;
}

/// `type` with f32 in the place of a narrower float.
static Type widened(Type type) {
  if (!isSmallFloat(type))
    return type;
  Type f32 = Float32Type::get(type.getContext());
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(f32);
  return f32;
}

bool Expander::kept(Operation *op, Keep keep) const {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  if (!element.isF32() && !element.isF64())
    return false;
  const Native &native = element.isF32() ? f32 : f64;
  switch (keep) {
  case Keep::never:
    return false;
  case Keep::arithmetic:
    return native.arithmetic;
  case Keep::rounding:
    return native.rounding;
  case Keep::fma:
    return native.fma;
  case Keep::minMaxNum:
    return native.minMaxNum;
  case Keep::minMax:
    return native.minMax;
  }
  llvm_unreachable("covered switch");
}

bool Expander::wants(Operation *op) const {
  if (isa<mlir::math::AbsIOp, mlir::math::IPowIOp, mlir::math::FPowIOp,
          mlir::math::SincosOp>(op))
    return true;
  if (isa<mlir::math::CtPopOp>(op))
    return !integers.count;
  if (isa<mlir::math::CountLeadingZerosOp, mlir::math::CountTrailingZerosOp>(op))
    return !integers.zeros;
  auto entry = table().find(op->getName().getStringRef());
  return entry != table().end() && !kept(op, entry->second.keep);
}

LogicalResult Expander::throughF32(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Type wide = widened(operand.getType());
    operands.push_back(wide == operand.getType()
                           ? operand
                           : Value(arith::ExtFOp::create(b, wide, operand)));
  }
  SmallVector<Type> results;
  for (Type type : op->getResultTypes())
    results.push_back(widened(type));
  OperationState state(op->getLoc(), op->getName(), operands, results);
  Operation *wide = b.create(state);
  for (auto [old, result] : llvm::zip(op->getResults(), wide->getResults())) {
    Value value = result;
    if (old.getType() != value.getType())
      value = arith::TruncFOp::create(b, old.getType(), value);
    old.replaceAllUsesWith(value);
  }
  op->erase();
  return success();
}

LogicalResult Expander::expandInteger(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  if (!element.isSignlessInteger())
    return op->emitOpError("on ")
           << op->getOperand(0).getType()
           << " has no expansion, expected signless integers";
  Value x = op->getOperand(0), y;
  if (isa<mlir::math::AbsIOp>(op))
    y = libm::expandAbsInteger(b, x);
  else if (isa<mlir::math::CtPopOp>(op))
    y = libm::expandPopCount(b, x);
  else if (isa<mlir::math::CountLeadingZerosOp>(op))
    y = libm::expandLeadingZeros(b, x);
  else if (isa<mlir::math::CountTrailingZerosOp>(op))
    y = libm::expandTrailingZeros(b, x);
  else
    y = libm::expandIntegerPower(b, x, op->getOperand(1));
  op->getResult(0).replaceAllUsesWith(y);
  op->erase();
  return success();
}

LogicalResult Expander::expand(Operation *op) {
  Type type = op->getOperand(0).getType();
  if (isa<ShapedType>(type) && !isa<VectorType>(type))
    return op->emitOpError("on ")
           << type << " cannot be expanded: run after bufferization, when "
           << "operands are scalars and vectors";
  if (auto vector = dyn_cast<VectorType>(type);
      vector && vector.isScalable() && vector.getRank() != 1)
    return op->emitOpError("on ") << type
                                  << " cannot be expanded, scalable vectors "
                                     "must have rank 1";
  if (isa<mlir::math::AbsIOp, mlir::math::IPowIOp, mlir::math::CtPopOp,
          mlir::math::CountLeadingZerosOp, mlir::math::CountTrailingZerosOp>(op))
    return expandInteger(op);
  if (isSmallFloat(type))
    return throughF32(op);
  Type element = getElementTypeOrSelf(type);
  if (!element.isF32() && !element.isF64())
    return op->emitOpError("on ")
           << type << " has no expansion, expected f64 or a narrower float";

  ImplicitLocOpBuilder b(op->getLoc(), op);
  const Native &native = element.isF32() ? f32 : f64;
  Emitter e(b, type, native, helpers);
  if (isa<mlir::math::SincosOp>(op)) {
    op->getResult(0).replaceAllUsesWith(
        mlir::math::SinOp::create(b, op->getOperand(0)));
    op->getResult(1).replaceAllUsesWith(
        mlir::math::CosOp::create(b, op->getOperand(0)));
    op->erase();
    return success();
  }

  SmallVector<Val> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(e.wrap(operand));
  auto replace = [&](Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
    return success();
  };
  if (isa<mlir::math::FPowIOp>(op))
    return replace(libm::expandPowInteger(e, arguments[0], op->getOperand(1)));
  if (isa<mlir::math::PowFOp>(op)) {
    Attribute exponent;
    if (matchPattern(op->getOperand(1), m_Constant(&exponent))) {
      if (auto dense = dyn_cast<SplatElementsAttr>(exponent))
        exponent = dense.getSplatValue<Attribute>();
      if (auto number = dyn_cast<FloatAttr>(exponent))
        if (Val y = libm::expandPowConstant(e, arguments[0],
                                            number.getValueAsDouble());
            y.v)
          return replace(y);
    }
  }
  const Entry &entry = table().find(op->getName().getStringRef())->second;
  if (!entry.outline || inlineHelpers || isa<VectorType>(type))
    return replace(entry.expand(e, arguments));

  StringRef function = op->getName().stripDialect();
  SmallVector<Type> types(op->getOperandTypes());
  func::FuncOp helper = helpers.get(
      ("dlc_" + function + "_" + e.typeName()).str(), types, type,
      [&](ImplicitLocOpBuilder &inner, ValueRange values) -> Value {
        Emitter body(inner, type, native, helpers);
        SmallVector<Val> wrapped;
        for (Value value : values)
          wrapped.push_back(body.wrap(value));
        return entry.expand(body, wrapped);
      });
  return replace(func::CallOp::create(b, helper, op->getOperands()).getResult(0));
}

namespace {
struct ExpandMath : dlc::impl::ExpandMathBase<ExpandMath> {
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override {
    Expander expander(getOperation(), fma, inlineHelpers, vectorize);
    // Expansions use simpler math operations, which are expanded in the next round.
    bool failed = false;
    while (!failed) {
      SmallVector<Operation *> work;
      getOperation().walk([&](Operation *op) {
        if (expander.wants(op))
          work.push_back(op);
      });
      if (work.empty())
        break;
      for (Operation *op : work)
        failed |= expander.expand(op).failed();
      numExpanded += work.size();
    }
    numHelpers += expander.helpersMade();
    if (failed)
      signalPassFailure();
  }
};
} // namespace
