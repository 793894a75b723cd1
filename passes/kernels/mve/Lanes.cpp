// This file evaluates scalar bodies of linalg operations on vectors of 128 bits.
#include "passes/kernels/mve/Lanes.h"

#include "dialects/ArmMVE/ArmMVE.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels::mve;

static unsigned widthOf(Type type) { return type.getIntOrFloatBitWidth(); }

/// Types that have lanes.
static bool isLane(Type type) {
  return type.isInteger(1) || type.isInteger(8) || type.isInteger(16) || type.isInteger(32) || type.isF32();
}

static std::optional<int64_t> integer(Value v) {
  APInt value;
  if (matchPattern(v, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

/// Whether `v` is clamped to what a signed integer of `bits` bits holds.
static bool fitsBits(Value v, unsigned bits) {
  int64_t low = -(int64_t(1) << (bits - 1)), high = -low - 1;
  bool above = false, below = false;
  for (int i = 0; i < 2; ++i) {
    if (auto max = v.getDefiningOp<arith::MaxSIOp>(); max && integer(max.getRhs())) {
      above |= *integer(max.getRhs()) >= low;
      if (*integer(max.getRhs()) > high)
        return false;
      v = max.getLhs();
    } else if (auto min = v.getDefiningOp<arith::MinSIOp>(); min && integer(min.getRhs())) {
      below |= *integer(min.getRhs()) <= high;
      if (*integer(min.getRhs()) < low)
        return false;
      v = min.getLhs();
    }
  }
  return above && below;
}

/// Operations that exist on vectors as they are.
static bool isElementwise(Operation &op) {
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp,
             arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, arith::CmpIOp, arith::SelectOp,
             arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::NegFOp, arith::CmpFOp, arith::MaxNumFOp,
             arith::MinNumFOp, arith::MaximumFOp, arith::MinimumFOp, arith::BitcastOp, math::AbsFOp,
             math::RoundEvenOp, math::FloorOp, math::CeilOp, math::TruncOp, math::FmaOp, arith::DivFOp>(op);
}

static bool isSupported(Operation &op) {
  auto constantAmount = [&] {
    auto amount = integer(op.getOperand(1));
    return amount && *amount >= 0 && *amount < widthOf(op.getOperand(0).getType());
  };
  if (isa<arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp>(op))
    return constantAmount();
  if (auto product = dyn_cast<arith::MulSIExtendedOp>(op))
    return product.getLhs().getType().isInteger(32);
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    return !cmp.getLhs().getType().isInteger(1);
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return !select.getTrueValue().getType().isInteger(1);
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    return !op.getOperand(0).getType().isInteger(1);
  if (isa<arith::FPToSIOp, arith::FPToUIOp, arith::TruncIOp>(op))
    return !op.getResult(0).getType().isInteger(1);
  if (isa<arith::ExtSIOp, arith::ExtUIOp>(op))
    return true;
  if (isa<arith::XOrIOp>(op) && op.getResult(0).getType().isInteger(1))
    return false;
  return isElementwise(op);
}

std::optional<unsigned> Lanes::widthOf(Block &body) {
  unsigned bits = 8;
  auto add = [&](Type type) {
    if (!isLane(type))
      return false;
    bits = std::max(bits, ::widthOf(type));
    return true;
  };
  for (BlockArgument arg : body.getArguments())
    if (!arg.use_empty() && (!add(arg.getType()) || arg.getType().isInteger(1)))
      return std::nullopt;
  for (Operation &op : body.without_terminator()) {
    if (isa<arith::ConstantOp>(op)) {
      if (!add(op.getResult(0).getType()))
        return std::nullopt;
      continue;
    }
    if (!isSupported(op) || !llvm::all_of(op.getOperandTypes(), add) || !llvm::all_of(op.getResultTypes(), add))
      return std::nullopt;
  }
  for (Value v : body.getTerminator()->getOperands())
    if (!add(v.getType()) || v.getType().isInteger(1))
      return std::nullopt;
  return bits;
}

VectorType Lanes::vectorOf(Type element) const {
  if (element.isInteger() && !element.isInteger(1))
    element = IntegerType::get(element.getContext(), bits);
  return VectorType::get({128 / bits}, element);
}

Value Lanes::broadcast(ImplicitLocOpBuilder &b, Value scalar, bool zeroes) const {
  VectorType type = vectorOf(scalar.getType());
  Type lane = type.getElementType();
  TypedAttr constant;
  if (matchPattern(scalar, m_Constant(&constant))) {
    if (auto number = dyn_cast<IntegerAttr>(constant); number && !lane.isInteger(1))
      constant = b.getIntegerAttr(lane, number.getValue().sext(bits));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(constant)));
  }
  if (lane != scalar.getType())
    scalar = zeroes ? arith::ExtUIOp::create(b, lane, scalar).getResult()
                    : arith::ExtSIOp::create(b, lane, scalar).getResult();
  return vector::BroadcastOp::create(b, type, scalar);
}

namespace {
/// One evaluation of a body.
struct Evaluation {
  const Lanes &lanes;
  Block &body;
  unsigned bits;
  ImplicitLocOpBuilder &b;
  Lanes::Load load;
  /// Lanes of a value, and whether their upper bits are the value's sign.
  struct Vector {
    Value v;
    bool extended;
  };
  llvm::DenseMap<Value, Vector> known;

  Value constant(int64_t v) {
    auto type = VectorType::get({128 / bits}, b.getIntegerType(bits));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(bits, v, true)));
  }

  bool isNarrow(Type type) { return type.isInteger() && !type.isInteger(1) && widthOf(type) < bits; }

  /// Lanes with any upper bits.
  Vector raw(Value v) {
    auto it = known.find(v);
    if (it != known.end())
      return it->second;
    Vector made = compute(v);
    if (!isNarrow(v.getType()))
      made.extended = true;
    return known[v] = made;
  }

  /// Lanes whose upper bits are the sign.
  Value extended(Value v) {
    Vector vector = raw(v);
    if (!vector.extended) {
      Value by = constant(bits - widthOf(v.getType()));
      vector.v = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, vector.v, by), by);
      vector.extended = true;
      known[v] = vector;
    }
    return vector.v;
  }

  /// An argument that is only zero-extended.
  BlockArgument unsignedArgument(Value v) {
    auto arg = dyn_cast<BlockArgument>(v);
    return arg && arg.getOwner() == &body && isNarrow(v.getType()) ? arg : BlockArgument();
  }

  /// The argument x of x ^ 0x80..: an unsigned integer that was made signed.
  BlockArgument shifted(Value v) {
    auto flip = v.getDefiningOp<arith::XOrIOp>();
    auto number = flip ? integer(flip.getRhs()) : std::nullopt;
    if (!number || *number != -(int64_t(1) << (widthOf(v.getType()) - 1)))
      return {};
    return unsignedArgument(flip.getLhs());
  }

  /// Lanes whose upper bits are zero.
  Value zeroExtended(Value v) {
    if (!isNarrow(v.getType()))
      return raw(v).v;
    if (BlockArgument arg = unsignedArgument(v))
      return load(arg.getArgNumber(), true);
    return arith::AndIOp::create(b, raw(v).v, constant((int64_t(1) << widthOf(v.getType())) - 1));
  }

  /// The operation on vectors.
  Operation *repeat(Operation *op, ValueRange operands) {
    SmallVector<Type> types;
    for (Type type : op->getResultTypes())
      types.push_back(lanes.vectorOf(type));
    OperationState state(b.getLoc(), op->getName(), operands, types,
                         op->getDiscardableAttrDictionary().getValue());
    // Bits above a narrow value may be anything: what is said of overflow does not hold.
    if (!isa<arith::ArithIntegerOverflowFlagsInterface>(op) || !isNarrow(op->getResult(0).getType()))
      state.propertiesAttr = op->getPropertiesAsAttribute();
    return b.create(state);
  }

  Vector compute(Value v) {
    Operation *op = v.getDefiningOp();
    if (auto arg = dyn_cast<BlockArgument>(v); arg && arg.getOwner() == &body)
      return {load(arg.getArgNumber(), false), true};
    if (!op || op->getBlock() != &body || isa<arith::ConstantOp>(op))
      return {lanes.broadcast(b, v), true};
    if (isa<arith::TruncIOp>(op)) {
      Vector from = raw(op->getOperand(0));
      return {from.v, fitsBits(op->getOperand(0), widthOf(v.getType()))};
    }
    Value x = op->getOperand(0);
    if (isa<arith::ExtSIOp, arith::ExtUIOp>(op)) {
      if (x.getType().isInteger(1))
        return {arith::SelectOp::create(b, raw(x).v, constant(isa<arith::ExtSIOp>(op) ? -1 : 1), constant(0)), true};
      // LLVM would flip the bit before it extends.
      if (BlockArgument arg = shifted(x); arg && isa<arith::ExtSIOp>(op))
        return {arith::SubIOp::create(b, load(arg.getArgNumber(), true),
                                      constant(int64_t(1) << (widthOf(x.getType()) - 1))), true};
      return {isa<arith::ExtSIOp>(op) ? extended(x) : zeroExtended(x), true};
    }
    if (isa<arith::UIToFPOp>(op) && isNarrow(x.getType()))
      return {arith::SIToFPOp::create(b, lanes.vectorOf(v.getType()), zeroExtended(x)), true};
    if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
      return {repeat(op, extended(x))->getResult(0), true};
    if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
      return {repeat(op, raw(x).v)->getResult(0), false};
    if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
      return {repeat(op, {raw(x).v, raw(op->getOperand(1)).v})->getResult(0), false};
    if (isa<arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp>(op)) {
      Value value = isa<arith::ShLIOp>(op) ? raw(x).v : isa<arith::ShRSIOp>(op) ? extended(x) : zeroExtended(x);
      int64_t amount = *integer(op->getOperand(1));
      return {repeat(op, {value, constant(amount)})->getResult(0), isa<arith::ShRSIOp>(op)};
    }
    if (isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op)) {
      Vector l = raw(x), r = raw(op->getOperand(1));
      return {repeat(op, {l.v, r.v})->getResult(0), l.extended && r.extended};
    }
    if (auto select = dyn_cast<arith::SelectOp>(op)) {
      Vector l = raw(select.getTrueValue()), r = raw(select.getFalseValue());
      return {repeat(op, {raw(x).v, l.v, r.v})->getResult(0), l.extended && r.extended};
    }
    if (auto product = dyn_cast<arith::MulSIExtendedOp>(op)) {
      Value l = raw(x).v, r = raw(product.getRhs()).v;
      return {v == product.getHigh() ? arm_mve::VmulhOp::create(b, l, r).getResult()
                                     : arith::MulIOp::create(b, l, r).getResult(),
              true};
    }
    // Comparisons, minima and maxima, also unsigned ones: extension keeps the order.
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(extended(operand));
    return {repeat(op, operands)->getResult(0), true};
  }
};
} // namespace

SmallVector<Value> Lanes::evaluate(ImplicitLocOpBuilder &b, Load load) const {
  Evaluation evaluation{*this, body, bits, b, load, llvm::DenseMap<Value, Evaluation::Vector>()};
  SmallVector<Value> results;
  for (Value v : body.getTerminator()->getOperands())
    results.push_back(evaluation.raw(v).v);
  return results;
}
