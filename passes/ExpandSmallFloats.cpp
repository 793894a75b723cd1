// This file replaces arithmetic on and conversions of floats below 32 bits.
#include "passes/Passes.h"
#include "passes/math/SmallFloats.h"

namespace dlc {
#define GEN_PASS_DEF_EXPANDSMALLFLOATS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc;
using namespace dlc::libm;

namespace {
class Converter {
public:
  Converter(ModuleOp module, bool native) : helpers(module) {
    if (rt::TargetAttr target = rt::targetOf(module))
      nativeHalf = native && target.getConvertF16();
  }

  bool touchesSmallFloats(Operation *op) const {
    return llvm::any_of(op->getOperandTypes(), isSmallFloat) ||
           llvm::any_of(op->getResultTypes(), isSmallFloat);
  }
  /// Moves numbers without looking at them, or is one of the conversions.
  bool isStorage(Operation *op) const;
  LogicalResult check(Operation *op) const;
  void computeInF32(Operation *op);
  void selectBits(arith::SelectOp op);
  void integerToBFloat(Operation *op, bool isSigned);
  void extend(arith::ExtFOp op);
  void truncate(arith::TruncFOp op);

private:
  Value toSmall(ImplicitLocOpBuilder &b, Value x, Type type);
  Value fromSmall(ImplicitLocOpBuilder &b, Value x);

  Helpers helpers;
  bool nativeHalf = false;
};
} // namespace

static Type f32Like(Type type) {
  return withElement(type, Float32Type::get(type.getContext()));
}

bool Converter::isStorage(Operation *op) const {
  if (isa<arith::ConstantOp, arith::BitcastOp, arith::SelectOp, arith::ExtFOp,
          arith::TruncFOp>(op))
    return true;
  if (isa<arith::ArithDialect, mlir::math::MathDialect>(op->getDialect()))
    return false;
  // Of vector only what computes; of other dialects nothing does.
  return !isa<vector::FMAOp, vector::ReductionOp, vector::MultiDimReductionOp,
              vector::OuterProductOp, vector::ContractionOp, vector::ScanOp>(op);
}

LogicalResult Converter::check(Operation *op) const {
  if (isa<arith::ScalingExtFOp, arith::ScalingTruncFOp>(op))
    return op->emitOpError("has no expansion: convert and multiply instead");
  auto checkType = [&](Type type) -> LogicalResult {
    if (isSmallFloat(type) && !isConvertible(type))
      return op->emitOpError("on ")
             << type << " has no expansion, expected a float format with sign "
             << "and mantissa";
    if (isSmallFloat(type) && isa<TensorType>(type))
      return op->emitOpError("on ")
             << type << " cannot be expanded: run after bufferization, when "
             << "operands are scalars and vectors";
    return success();
  };
  for (Type type : op->getOperandTypes())
    if (checkType(type).failed())
      return failure();
  for (Type type : op->getResultTypes())
    if (checkType(type).failed())
      return failure();
  return success();
}

void Converter::computeInF32(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Operation *wide = b.clone(*op);
  b.setInsertionPoint(wide);
  for (OpOperand &operand : wide->getOpOperands())
    if (isSmallFloat(operand.get().getType()))
      operand.set(arith::ExtFOp::create(b, f32Like(operand.get().getType()),
                                        operand.get()));
  b.setInsertionPointAfter(wide);
  for (auto [old, result] : llvm::zip(op->getResults(), wide->getResults())) {
    Value value = result;
    if (isSmallFloat(old.getType())) {
      result.setType(f32Like(old.getType()));
      value = arith::TruncFOp::create(b, old.getType(), result);
    }
    old.replaceAllUsesWith(value);
  }
  op->erase();
}

void Converter::selectBits(arith::SelectOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto element = cast<FloatType>(getElementTypeOrSelf(op.getType()));
  Type bits = withElement(op.getType(), b.getIntegerType(element.getWidth()));
  Value yes = arith::BitcastOp::create(b, bits, op.getTrueValue());
  Value no = arith::BitcastOp::create(b, bits, op.getFalseValue());
  Value chosen = arith::SelectOp::create(b, op.getCondition(), yes, no);
  op.replaceAllUsesWith(
      Value(arith::BitcastOp::create(b, op.getType(), chosen)));
  op.erase();
}

/// Integers beyond f32's precision to bf16, which has f32's range: through f64, after what f64
/// could not hold was gathered in one bit. (f16 and f8 overflow where f32 is exact.)
void Converter::integerToBFloat(Operation *op, bool isSigned) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value x = op->getOperand(0);
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  if (width > 53) {
    auto constant = [&](APInt value) -> Value {
      TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(x.getType()), value);
      if (auto vector = dyn_cast<VectorType>(x.getType()))
        attr = DenseElementsAttr::get(vector, Attribute(attr));
      return arith::ConstantOp::create(b, attr);
    };
    using P = arith::CmpIPredicate;
    unsigned low = width - 52;
    Value mask = constant(APInt::getLowBitsSet(width, low));
    Value rest = arith::AndIOp::create(b, x, mask);
    Value any = arith::CmpIOp::create(b, P::ne, rest, constant(APInt(width, 0)));
    Value kept = arith::XOrIOp::create(b, x, rest);
    Value sticky =
        arith::OrIOp::create(b, kept, constant(APInt::getOneBitSet(width, low - 1)));
    Value gathered = arith::SelectOp::create(b, any, sticky, kept);
    // Only numbers that need it: below 2^48 in magnitude all bits matter and fit.
    Value bound = constant(APInt::getOneBitSet(width, 48));
    Value isLarge;
    if (isSigned) {
      Value isPositive = arith::CmpIOp::create(b, P::sge, x, bound);
      Value negative = constant(-APInt::getOneBitSet(width, 48));
      Value isNegative = arith::CmpIOp::create(b, P::slt, x, negative);
      isLarge = arith::OrIOp::create(b, isPositive, isNegative);
    } else {
      isLarge = arith::CmpIOp::create(b, P::uge, x, bound);
    }
    x = arith::SelectOp::create(b, isLarge, gathered, x);
  }
  Type f64 = withElement(op->getResult(0).getType(), b.getF64Type());
  Value wide = isSigned ? Value(arith::SIToFPOp::create(b, f64, x))
                        : Value(arith::UIToFPOp::create(b, f64, x));
  op->getResult(0).replaceAllUsesWith(
      Value(arith::TruncFOp::create(b, op->getResult(0).getType(), wide)));
  op->erase();
}

Value Converter::fromSmall(ImplicitLocOpBuilder &b, Value x) {
  Type f32 = f32Like(x.getType());
  if (nativeHalf && getElementTypeOrSelf(x.getType()).isF16())
    return arith::ExtFOp::create(b, f32, x);
  Emitter e(b, f32, Native(), helpers);
  return extendSmall(e, x);
}

Value Converter::toSmall(ImplicitLocOpBuilder &b, Value x, Type type) {
  if (nativeHalf && getElementTypeOrSelf(type).isF16())
    return arith::TruncFOp::create(b, type, x);
  Emitter e(b, f32Like(type), Native(), helpers);
  return truncateToSmall(e, e.wrap(x), type);
}

void Converter::extend(arith::ExtFOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type to = op.getType();
  Value x;
  Attribute constant;
  if (matchPattern(op.getIn(), m_Constant(&constant))) {
    if (auto dense = dyn_cast<SplatElementsAttr>(constant))
      constant = dense.getSplatValue<Attribute>();
    if (auto number = dyn_cast<FloatAttr>(constant)) {
      bool lost;
      APFloat value = number.getValue();
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      TypedAttr attr = b.getFloatAttr(b.getF32Type(), value);
      if (auto vector = dyn_cast<VectorType>(to))
        attr = DenseElementsAttr::get(cast<ShapedType>(f32Like(vector)), Attribute(attr));
      x = arith::ConstantOp::create(b, attr);
    }
  }
  if (!x)
    x = fromSmall(b, op.getIn());
  Type element = getElementTypeOrSelf(to);
  if (element.isF64())
    x = arith::ExtFOp::create(b, to, x);
  else if (isSmallFloat(to)) // to a wider small format
    x = toSmall(b, x, to);
  op.replaceAllUsesWith(x);
  op.erase();
}

void Converter::truncate(arith::TruncFOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value x = op.getIn();
  Type element = getElementTypeOrSelf(x.getType());
  if (element.isF64()) {
    Emitter e(b, f32Like(op.getType()), Native(), helpers);
    x = roundToOdd(e, x);
  } else if (isSmallFloat(x.getType())) {
    x = fromSmall(b, x);
  }
  op.replaceAllUsesWith(toSmall(b, x, op.getType()));
  op.erase();
}

namespace {
struct ExpandSmallFloats
    : dlc::impl::ExpandSmallFloatsBase<ExpandSmallFloats> {
  using ExpandSmallFloatsBase::ExpandSmallFloatsBase;

  void runOnOperation() override {
    Converter converter(getOperation(), nativeConversions);
    SmallVector<Operation *> computing, selecting, converting;
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      if (!converter.touchesSmallFloats(op))
        return;
      if (!converter.isStorage(op)) {
        failed |= converter.check(op).failed();
        computing.push_back(op);
      } else if (isa<arith::SelectOp>(op)) {
        selecting.push_back(op);
      }
    });
    if (failed)
      return signalPassFailure();
    for (Operation *op : computing) {
      // Integers of 24 bits are exact in f32.
      bool toInt = isa<arith::SIToFPOp, arith::UIToFPOp>(op);
      if (toInt && getElementTypeOrSelf(op->getResult(0).getType()).isBF16() &&
          getElementTypeOrSelf(op->getOperand(0).getType())
                  .getIntOrFloatBitWidth() > 24)
        converter.integerToBFloat(op, isa<arith::SIToFPOp>(op));
      else
        converter.computeInF32(op);
    }
    for (Operation *op : selecting)
      converter.selectBits(cast<arith::SelectOp>(op));
    getOperation().walk([&](Operation *op) {
      if (isa<arith::ExtFOp, arith::TruncFOp>(op) &&
          converter.touchesSmallFloats(op)) {
        failed |= converter.check(op).failed();
        converting.push_back(op);
      }
    });
    if (failed)
      return signalPassFailure();
    for (Operation *op : converting) {
      if (auto extend = dyn_cast<arith::ExtFOp>(op))
        converter.extend(extend);
      else
        converter.truncate(cast<arith::TruncFOp>(op));
    }
    numComputed += computing.size();
    numConverted += converting.size();
  }
};
} // namespace
