// This file applies epilogues to vectors of four int32 sums.
#include "passes/kernels/mve/Epilogue.h"

#include "passes/kernels/mve/Geometry.h"

#include "dialects/ArmMVE/ArmMVE.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels::mve;

/// Whether lanes of `type` fill a vector of four words.
static bool isWord(Type type) { return type.isInteger(32) || type.isF32(); }

static std::optional<int64_t> integer(Value v) {
  APInt value;
  if (matchPattern(v, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

/// Narrow lanes exist extended only: those of memory are extended as they are loaded,
/// cut ones become words again at once.
static bool isExtension(Operation &op) {
  Value from = isa<arith::ExtSIOp>(op) ? op.getOperand(0) : Value();
  return from && op.getResult(0).getType().isInteger(32) &&
         (isa<BlockArgument>(from) || from.getDefiningOp<arith::TruncIOp>());
}

static bool isCutThenExtended(Operation &op) {
  return isa<arith::TruncIOp>(op) && op.getOperand(0).getType().isInteger(32) &&
         llvm::all_of(op.getUsers(), [](Operation *user) { return isExtension(*user); });
}

/// The 32-bit number that `v` extends with its sign.
static Value extendedWord(Value v) {
  auto extension = v.getDefiningOp<arith::ExtSIOp>();
  return extension && extension.getIn().getType().isInteger(32) ? extension.getIn() : Value();
}

/// Whether `op` is 64-bit arithmetic that words can do, or comes from it: what
/// requantization consists of.
static bool isLong(Operation &op) {
  auto is64 = [](Value v) { return v.getType().isInteger(64); };
  if (isa<arith::ExtSIOp, arith::ExtUIOp>(op))
    return is64(op.getResult(0)) && op.getOperand(0).getType().isInteger(32);
  if (isa<arith::TruncIOp>(op))
    return is64(op.getOperand(0)) && op.getResult(0).getType().isInteger(32);
  if (op.getNumResults() != 1 || !is64(op.getResult(0)))
    return false;
  if (isa<arith::MulIOp>(op))
    return extendedWord(op.getOperand(0)) && extendedWord(op.getOperand(1));
  if (isa<arith::AddIOp, arith::OrIOp>(op))
    return true;
  auto by = isa<arith::ShLIOp, arith::ShRSIOp>(op) ? integer(op.getOperand(1)) : std::nullopt;
  return by && (isa<arith::ShLIOp>(op) ? *by == 32 : *by >= 32 && *by < 64);
}

/// Whether `v` is clamped to what `bits` bits hold.
static bool fitsBits(Value v, unsigned bits) {
  int64_t low = -(int64_t(1) << (bits - 1)), high = -low - 1;
  bool above = false, below = false;
  for (int i = 0; i < 2; ++i) {
    if (auto max = v.getDefiningOp<arith::MaxSIOp>(); max && integer(max.getRhs())) {
      above = above || *integer(max.getRhs()) >= low;
      if (*integer(max.getRhs()) > high)
        return false;
      v = max.getLhs();
    } else if (auto min = v.getDefiningOp<arith::MinSIOp>(); min && integer(min.getRhs())) {
      below = below || *integer(min.getRhs()) <= high;
      if (*integer(min.getRhs()) < low)
        return false;
      v = min.getLhs();
    }
  }
  return above && below;
}

bool kernels::mve::Epilogue::isPerChannel(unsigned operand) const {
  return cast<ShapedType>(inputs[operand].getType()).getRank() == 1 &&
         cast<ShapedType>(init.getType()).getRank() != 1;
}

kernels::mve::Epilogue::Epilogue(Operation *op) {
  if (auto conv = dyn_cast<nn::ConvOp>(op)) {
    block = &conv.getEpilogue().front();
    inputs = conv.getEpilogueInputs();
    init = conv.getInit();
  } else {
    auto matmul = cast<nn::MatmulOp>(op);
    block = &matmul.getEpilogue().front();
    inputs = matmul.getEpilogueInputs();
    init = matmul.getInit();
  }
  result = block->getTerminator()->getOperand(0);
  BlockArgument sum = block->getArgument(0);
  vector = sum.getType().isInteger(32);

  for (unsigned i = 0; i < inputs.size(); ++i) {
    BlockArgument arg = block->getArgument(i + 1);
    fullOperands |= !isPerChannel(i);
    bool narrow = arg.getType().isInteger(8) || arg.getType().isInteger(16);
    // Narrow lanes exist extended only.
    if (narrow ? !llvm::all_of(arg.getUsers(), [](Operation *user) {
          return isa<arith::ExtSIOp>(user) && user->getResult(0).getType().isInteger(32);
        })
               : !isWord(arg.getType()) &&
                     // Packing makes words of it.
                     !(arg.getType().isInteger(64) && isPerChannel(i) &&
                       inputs[i].getDefiningOp<arith::ConstantOp>()))
      vector = false;
  }
  for (Operation &inner : block->without_terminator()) {
    if (isa<arith::ConstantOp>(inner))
      continue;
    bool isResult = inner.getNumResults() == 1 && inner.getResult(0) == result;
    if (auto trunc = dyn_cast<arith::TruncIOp>(inner);
        trunc && isResult && (trunc.getType().isInteger(8) || trunc.getType().isInteger(16)) && trunc.getIn().getType().isInteger(32)) {
      truncated = true;
      continue;
    }
    if (isExtension(inner) || isCutThenExtended(inner) || isLong(inner))
      continue;
    if (!OpTrait::hasElementwiseMappableTraits(&inner) || isa<arith::MulUIExtendedOp>(inner))
      vector = false;
    auto fits = [](Type type) { return isWord(type) || type.isInteger(1); };
    if (!llvm::all_of(inner.getOperandTypes(), fits) || !llvm::all_of(inner.getResultTypes(), fits))
      vector = false;
  }
  if (!truncated && !isWord(result.getType()))
    vector = false;

  // The bias.
  if (vector && sum.hasOneUse())
    if (auto add = dyn_cast<arith::AddIOp>(*sum.getUsers().begin())) {
      Value other = add.getLhs() == sum ? add.getRhs() : add.getLhs();
      auto arg = dyn_cast<BlockArgument>(other);
      if (arg && arg.getOwner() == block && arg != sum && isPerChannel(arg.getArgNumber() - 1)) {
        biasOperand = inputs[arg.getArgNumber() - 1];
        biased = add.getResult();
      }
    }

  // min(max(x >> shift, low), high), in either order.
  if (!truncated)
    return;
  Value v = cast<arith::TruncIOp>(result.getDefiningOp()).getIn();
  int64_t lowest = INT32_MIN, highest = INT32_MAX;
  for (int i = 0; i < 2; ++i) {
    if (auto max = v.getDefiningOp<arith::MaxSIOp>(); max && integer(max.getRhs())) {
      // Applied before a minimum that was seen already: min(max(x, l), h) with l <= h.
      lowest = std::max(lowest, *integer(max.getRhs()));
      v = max.getLhs();
    } else if (auto min = v.getDefiningOp<arith::MinSIOp>(); min && integer(min.getRhs())) {
      highest = std::min(highest, *integer(min.getRhs()));
      v = min.getLhs();
    }
  }
  if (!result.getType().isInteger(8) || lowest < -128 || highest > 127 || lowest > highest)
    return;
  this->low = lowest;
  this->high = highest;
  clampInput = v;
  // (high + constant) >> shift: with half of the shifted-out range taken away the
  // constant is for a shift that rounds; what is left is mostly a zero point,
  // which can wait until lanes are narrow. Upper halves of products are far from
  // an overflow.
  auto shift = v.getDefiningOp<arith::ShRSIOp>();
  auto amount = shift ? integer(shift.getRhs()) : std::nullopt;
  if (!amount || *amount < 1 || *amount > 16)
    return;
  auto add = shift.getLhs().getDefiningOp<arith::AddIOp>();
  Value high = add ? add.getLhs() : shift.getLhs();
  int64_t constant = 0;
  if (add) {
    auto value = integer(add.getRhs());
    if (!value || std::abs(*value) > (1 << 29))
      return;
    constant = *value;
  }
  auto product = high.getDefiningOp<arith::MulSIExtendedOp>();
  if (!product || high != product.getHigh())
    return;
  clampInput = high;
  clampShift = *amount;
  constant -= int64_t(1) << (*amount - 1);
  int64_t unit = int64_t(1) << *amount;
  if (constant % unit == 0 && std::abs(constant / unit) <= 1024)
    zero = constant / unit;
  else
    offset = constant;
}

Value kernels::mve::Epilogue::evaluate(ImplicitLocOpBuilder &b, Value wanted, Value sums,
                                       Load load) const {
  auto wide = [](Type element) { return VectorType::get({kPanel}, element); };
  IRMapping map;
  map.map(biased ? biased : Value(block->getArgument(0)), sums);
  llvm::DenseMap<Value, Long> longs;
  std::function<Value(Value)> need;
  auto words = wide(b.getI32Type());
  auto splat = [&](int64_t v) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(words, static_cast<int32_t>(v)));
  };
  auto sum = [&](Value x, Value y) -> Value {
    return x && y ? arith::AddIOp::create(b, x, y).getResult() : x ? x : y;
  };
  std::function<Long(Value)> needLong = [&](Value v) -> Long {
    if (auto done = longs.find(v); done != longs.end())
      return done->second;
    Operation *op = v.getDefiningOp();
    Long made;
    if (auto number = integer(v)) {
      made.low = static_cast<int32_t>(*number) ? splat(*number) : Value();
      made.high = *number >> 32 ? splat(*number >> 32) : Value();
    } else if (isa<arith::ExtUIOp>(op)) {
      made.low = need(op->getOperand(0));
    } else if (isa<arith::ExtSIOp>(op)) {
      made.low = need(op->getOperand(0));
      made.high = arith::ShRSIOp::create(b, made.low, splat(31));
    } else if (isa<arith::MulIOp>(op)) {
      Value x = need(extendedWord(op->getOperand(0))), y = need(extendedWord(op->getOperand(1)));
      made.low = arith::MulIOp::create(b, x, y);
      made.high = arm_mve::VmulhOp::create(b, x, y);
    } else if (isa<arith::ShLIOp>(op)) {
      made.high = needLong(op->getOperand(0)).low;
    } else if (isa<arith::ShRSIOp>(op)) {
      Value high = needLong(op->getOperand(0)).high;
      int64_t by = *integer(op->getOperand(1)) - 32;
      made.low = high && by ? arith::ShRSIOp::create(b, high, splat(by)).getResult() : high;
      made.high = high ? arith::ShRSIOp::create(b, high, splat(31)).getResult() : high;
    } else {
      Long x = needLong(op->getOperand(0)), y = needLong(op->getOperand(1));
      auto either = [&](Value p, Value q) -> Value {
        return p && q ? arith::OrIOp::create(b, p, q).getResult() : p ? p : q;
      };
      if (isa<arith::OrIOp>(op)) {
        made = {either(x.low, y.low), either(x.high, y.high)};
      } else {
        made = {sum(x.low, y.low), sum(x.high, y.high)};
        if (x.low && y.low) {
          // The carry: the sum is less than either.
          Value one = sum(made.high, splat(1)), none = made.high ? made.high : splat(0);
          Value carries = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, made.low, y.low);
          made.high = arith::SelectOp::create(b, carries, one, none);
        }
      }
    }
    longs[v] = made;
    return made;
  };
  need = [&](Value v) -> Value {
    if (Value done = map.lookupOrNull(v))
      return done;
    Value made;
    auto arg = dyn_cast<BlockArgument>(v);
    Operation *op = v.getDefiningOp();
    if (arg && arg.getOwner() == block) {
      made = load(arg.getArgNumber() - 1);
    } else if (!op || op->getBlock() != block) {
      made = vector::BroadcastOp::create(b, wide(v.getType()), v);
    } else if (isa<arith::ConstantOp>(op)) {
      Value scalar = b.clone(*op)->getResult(0);
      made = vector::BroadcastOp::create(b, wide(v.getType()), scalar);
    } else if (isa<arith::TruncIOp>(op) && op->getOperand(0).getType().isInteger(64)) {
      Long from = needLong(op->getOperand(0));
      made = from.low ? from.low : splat(0);
    } else if (isa<arith::ExtSIOp>(op) && isa<BlockArgument>(op->getOperand(0))) {
      made = need(op->getOperand(0)); // extended by its load
    } else if (isExtension(*op)) {
      // Cut to fewer bits and extended again.
      auto cut = op->getOperand(0).getDefiningOp<arith::TruncIOp>();
      unsigned bits = cut.getType().getIntOrFloatBitWidth();
      made = need(cut.getIn());
      if (!fitsBits(cut.getIn(), bits)) {
        auto type = wide(b.getI32Type());
        Value by = arith::ConstantOp::create(
            b, DenseElementsAttr::get(type, static_cast<int32_t>(32 - bits)));
        made = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, made, by), by);
      }
    } else if (auto product = dyn_cast<arith::MulSIExtendedOp>(op)) {
      Value x = need(product.getLhs()), y = need(product.getRhs());
      made = v == product.getHigh() ? arm_mve::VmulhOp::create(b, x, y).getResult()
                                    : arith::MulIOp::create(b, x, y).getResult();
    } else {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(need(operand));
      SmallVector<Type> types;
      for (Type type : op->getResultTypes())
        types.push_back(wide(type));
      OperationState state(op->getLoc(), op->getName(), operands, types,
                           op->getDiscardableAttrDictionary().getValue());
      state.propertiesAttr = op->getPropertiesAsAttribute();
      Operation *made_ = b.create(state);
      map.map(op->getResults(), made_->getResults());
      return map.lookup(v);
    }
    map.map(v, made);
    return made;
  };
  return need(wanted);
}

Value kernels::mve::Epilogue::apply(ImplicitLocOpBuilder &b, Value sums, Load load) const {
  Value wanted = truncated ? cast<arith::TruncIOp>(result.getDefiningOp()).getIn() : result;
  return evaluate(b, wanted, sums, load);
}

Value kernels::mve::Epilogue::applyUnclamped(ImplicitLocOpBuilder &b, Value sums,
                                             Load load) const {
  Value v = evaluate(b, clampInput, sums, load);
  if (offset == 0)
    return v;
  auto constant = DenseElementsAttr::get(cast<VectorType>(v.getType()), offset);
  return arith::AddIOp::create(b, v, arith::ConstantOp::create(b, constant));
}

Value kernels::mve::Epilogue::bounded(ImplicitLocOpBuilder &b, Value results) const {
  auto bound = [&](int8_t v) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(cast<VectorType>(results.getType()), v));
  };
  if (low > -128)
    results = arith::MaxSIOp::create(b, results, bound(low));
  if (high < 127)
    results = arith::MinSIOp::create(b, results, bound(high));
  return results;
}
