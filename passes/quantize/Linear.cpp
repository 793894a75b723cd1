// This file reads scalar arithmetic as linear functions and quantizations.
#include "passes/quantize/Linear.h"

using namespace mlir;
using namespace dlc::quantize;

/// The zero point of factor * (leaf - zero) with small integers; nothing when `l` is
/// something else.
static std::optional<int64_t> zeroOf(const Linear &l) {
  if (l.terms.size() != 1 || l.clamped || l.terms[0].other)
    return std::nullopt;
  const Linear::Term &t = l.terms[0];
  double zero = std::nearbyint(-l.offset[0] / t.factor[0]);
  Numbers rest = combine(l.offset, t.factor, [&](double o, double f) {
    return std::abs(o + zero * f) - 0x1p-40 * std::abs(o);
  });
  if (t.leaf.getType().getIntOrFloatBitWidth() > 16 || !(std::abs(zero) <= 65536) ||
      !rest.all([](double d) { return d <= 0; }) || !t.factor.all([](double f) { return f != 0; }))
    return std::nullopt;
  return static_cast<int64_t>(zero);
}

/// The product of two dequantized integers.
static std::optional<Linear> productOf(const Linear &a, const Linear &b) {
  auto za = zeroOf(a), zb = zeroOf(b);
  if (!za || !zb)
    return std::nullopt;
  Linear l;
  Numbers factor = combine(a.terms[0].factor, b.terms[0].factor, [](double x, double y) { return x * y; });
  l.terms.push_back({a.terms[0].leaf, factor, b.terms[0].leaf, *za, *zb});
  return l;
}

std::optional<Linear> dlc::quantize::readLinear(Body &body, Value v, Assumption assumed) {
  auto read = [&](Value x) { return readLinear(body, x, assumed); };
  if (auto known = body.constants(v)) {
    Linear l;
    l.offset = *known;
    return l;
  }
  auto scaled = [](Linear l, const Numbers &by) -> std::optional<Linear> {
    auto times = [&](const Numbers &n) {
      return combine(n, by, [](double a, double b) { return a * b; });
    };
    if (l.clamped && !by.all([](double d) { return d > 0; }))
      return std::nullopt;
    for (Linear::Term &t : l.terms)
      t.factor = times(t.factor);
    l.offset = times(l.offset);
    if (l.clamped)
      l.lo = times(l.lo), l.hi = times(l.hi);
    return l;
  };
  auto added = [](Linear a, const Linear &b, double sign) -> std::optional<Linear> {
    // A bounded sum plus a number moves its bounds; plus a variable is not linear.
    if (b.clamped || (a.clamped && !b.terms.empty()))
      return std::nullopt;
    auto plus = [&](const Numbers &x, const Numbers &y) {
      return combine(x, y, [&](double p, double q) { return p + sign * q; });
    };
    for (const Linear::Term &t : b.terms) {
      auto *same = llvm::find_if(a.terms, [&](const Linear::Term &o) {
        return o.leaf == t.leaf && !o.other && !t.other;
      });
      if (same != a.terms.end()) {
        same->factor = plus(same->factor, t.factor);
      } else {
        a.terms.push_back(t);
        a.terms.back().factor = plus(Numbers(0), t.factor);
      }
    }
    a.offset = plus(a.offset, b.offset);
    if (a.clamped)
      a.lo = plus(a.lo, b.offset), a.hi = plus(a.hi, b.offset);
    return a;
  };
  auto leaf = [&]() -> std::optional<Linear> {
    auto type = dyn_cast<IntegerType>(v.getType());
    if (!type || type.getWidth() > 64)
      return std::nullopt;
    Linear l;
    l.terms.push_back({v, Numbers(1), {}});
    return l;
  };
  Operation *op = v.getDefiningOp();
  if (!op || op->getBlock() != &body.block())
    return leaf();
  auto both = [&](double sign) -> std::optional<Linear> {
    auto a = read(op->getOperand(0)), b = read(op->getOperand(1));
    if (!a || !b)
      return std::nullopt;
    if (a->clamped || !b->clamped)
      return added(*a, *b, sign);
    if (sign < 0)
      return std::nullopt;
    return added(*b, *a, sign);
  };
  auto bounded = [&](Value x, Value limit, bool below) -> std::optional<Linear> {
    auto known = body.constants(limit);
    auto l = known ? read(x) : std::nullopt;
    if (!l)
      return std::nullopt;
    auto least = [](double a, double b) { return std::min(a, b); };
    auto most = [](double a, double b) { return std::max(a, b); };
    if (below)
      l->hi = combine(l->hi, *known, least), l->lo = combine(l->lo, *known, least);
    else
      l->lo = combine(l->lo, *known, most), l->hi = combine(l->hi, *known, most);
    l->clamped = true;
    return l;
  };
  auto either = [&](bool below) {
    auto l = bounded(op->getOperand(0), op->getOperand(1), below);
    return l ? l : bounded(op->getOperand(1), op->getOperand(0), below);
  };
  if (isa<arith::SIToFPOp, arith::ExtFOp>(op))
    return read(op->getOperand(0));
  if (isa<arith::ExtSIOp>(op)) {
    auto inner = read(op->getOperand(0));
    return inner ? inner : leaf();
  }
  if (isa<arith::AddFOp>(op))
    return both(1);
  if (isa<arith::SubFOp>(op))
    return both(-1);
  // Integers of 32 bits that do not overflow: products and sums of small ones.
  if (isa<arith::AddIOp, arith::SubIOp>(op) && v.getType().isInteger(32)) {
    auto l = both(isa<arith::AddIOp>(op) ? 1 : -1);
    return l ? l : leaf();
  }
  if (isa<arith::NegFOp>(op)) {
    auto l = read(op->getOperand(0));
    return l ? scaled(*l, Numbers(-1)) : std::nullopt;
  }
  if (isa<arith::MulFOp>(op)) {
    for (unsigned i : {1u, 0u})
      if (auto by = body.constants(op->getOperand(i))) {
        auto l = read(op->getOperand(1 - i));
        return l ? scaled(*l, *by) : std::nullopt;
      }
    auto a = read(op->getOperand(0)), c = read(op->getOperand(1));
    return a && c ? productOf(*a, *c) : std::nullopt;
  }
  if (isa<arith::DivFOp>(op)) {
    auto by = body.constants(op->getOperand(1));
    auto l = by ? read(op->getOperand(0)) : std::nullopt;
    if (!l)
      return std::nullopt;
    // Divided, not multiplied by a rounded reciprocal.
    auto over = [&](const Numbers &n) {
      return combine(n, *by, [](double a, double b) { return a / b; });
    };
    if (l->clamped && !by->all([](double d) { return d > 0; }))
      return std::nullopt;
    for (Linear::Term &t : l->terms)
      t.factor = over(t.factor);
    l->offset = over(l->offset);
    if (l->clamped)
      l->lo = over(l->lo), l->hi = over(l->hi);
    return l;
  }
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return either(false);
  if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return either(true);
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    if (select == assumed.select)
      return read(assumed.holds ? select.getTrueValue() : select.getFalseValue());
    // select(x > c, x, c) and its kin.
    auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
    if (!cmp || !isa<FloatType>(v.getType()))
      return std::nullopt;
    using P = arith::CmpFPredicate;
    bool greater = llvm::is_contained({P::OGT, P::OGE, P::UGT, P::UGE}, cmp.getPredicate());
    bool less = llvm::is_contained({P::OLT, P::OLE, P::ULT, P::ULE}, cmp.getPredicate());
    Value a = cmp.getLhs(), b = cmp.getRhs(), t = select.getTrueValue(),
          f = select.getFalseValue();
    if (!greater && !less)
      return std::nullopt;
    if (t == b && f == a) {
      std::swap(t, f);
      greater = !greater;
    } else if (t != a || f != b) {
      // Constants may be different values of one number.
      auto known = [&](Value x) { return body.constants(x); };
      auto equal = [&](Value x, Value y) {
        auto p = known(x), q = known(y);
        return x == y || (p && q && p->size() == 1 && q->size() == 1 && (*p)[0] == (*q)[0]);
      };
      if (equal(t, b) && equal(f, a)) {
        std::swap(t, f);
        greater = !greater;
      } else if (!equal(t, a) || !equal(f, b)) {
        return std::nullopt;
      }
    }
    // Now select(t > f) is the larger of both, select(t < f) the smaller.
    auto l = bounded(t, f, !greater);
    return l ? l : bounded(f, t, !greater);
  }
  return leaf();
}

/// A choice by the sign of something below `v`, in the order of its use.
static arith::SelectOp findChoice(Body &body, Value v, unsigned depth = 0) {
  Operation *op = v.getDefiningOp();
  if (!op || op->getBlock() != &body.block() || depth > 16)
    return {};
  auto select = dyn_cast<arith::SelectOp>(op);
  if (select && select.getCondition().getDefiningOp<arith::CmpFOp>() && !readLinear(body, v))
    return select;
  for (Value operand : op->getOperands())
    if (isa<FloatType>(operand.getType()))
      if (arith::SelectOp found = findChoice(body, operand, depth + 1))
        return found;
  return {};
}

std::optional<Bend> dlc::quantize::readBend(Body &body, Value v) {
  arith::SelectOp select = findChoice(body, v);
  if (!select)
    return std::nullopt;
  auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
  auto left = readLinear(body, cmp.getLhs()), right = readLinear(body, cmp.getRhs());
  auto chosen = readLinear(body, v, {select, true}), other = readLinear(body, v, {select, false});
  if (!left || !right || !chosen || !other)
    return std::nullopt;
  using P = arith::CmpFPredicate;
  bool less = llvm::is_contained({P::OLT, P::OLE, P::ULT, P::ULE}, cmp.getPredicate());
  if (!less && !llvm::is_contained({P::OGT, P::OGE, P::UGT, P::UGE}, cmp.getPredicate()))
    return std::nullopt;
  if (left->terms.empty())
    std::swap(left, right), less = !less;
  // All of one integer, compared with a number.
  auto isLine = [&](const Linear &l) {
    return !l.clamped && l.terms.size() == 1 && !l.terms[0].other &&
           l.terms[0].leaf == left->terms[0].leaf;
  };
  if (left->terms.empty() || !right->terms.empty() || !isLine(*left) || chosen->terms.size() != 1 ||
      other->terms.size() != 1 || chosen->terms[0].leaf != left->terms[0].leaf ||
      other->terms[0].leaf != left->terms[0].leaf || chosen->terms[0].other || other->terms[0].other)
    return std::nullopt;
  auto minus = [](double a, double b) { return a - b; };
  auto over = [](double a, double b) { return a / b; };
  Numbers at = combine(combine(right->offset, left->offset, minus), left->terms[0].factor, over);
  // Where the choice changes, both are the same number.
  const Numbers &f = chosen->terms[0].factor, &g = other->terms[0].factor;
  Numbers slope = combine(f, g, minus), offset = combine(chosen->offset, other->offset, minus);
  size_t count = std::max({at.size(), slope.size(), offset.size(), left->terms[0].factor.size()});
  bool larger = true, smaller = true;
  for (size_t c = 0; c < count; ++c) {
    double size = std::abs(f[c] * at[c]) + std::abs(chosen->offset[c]);
    if (!(std::abs(slope[c] * at[c] + offset[c]) <= 1e-6 * size))
      return std::nullopt;
    // `chosen` holds below `at` or above it; there it is the larger or the smaller one.
    bool below = less == (left->terms[0].factor[c] > 0);
    larger &= below ? slope[c] <= 0 : slope[c] >= 0;
    smaller &= below ? slope[c] >= 0 : slope[c] <= 0;
  }
  if (!larger && !smaller)
    return std::nullopt;
  return Bend{std::move(*chosen), std::move(*other), larger};
}

/// `x` of clamp(x) written as a select of a comparison with a constant.
static Value clampedBy(Body &body, Value v, arith::CmpFPredicate better, int64_t &limit) {
  auto select = v.getDefiningOp<arith::SelectOp>();
  auto cmp = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!cmp || cmp.getPredicate() != better || cmp.getLhs() != select.getTrueValue())
    return {};
  auto known = body.constants(select.getFalseValue());
  auto compared = body.constants(cmp.getRhs());
  if (!known || !compared || known->size() != 1 || (*known)[0] != (*compared)[0])
    return {};
  limit = static_cast<int64_t>((*known)[0]);
  return select.getTrueValue();
}

std::optional<Quantization> dlc::quantize::readQuantization(Body &body, Value result) {
  auto trunc = result.getDefiningOp<arith::TruncIOp>();
  auto convert = trunc ? trunc.getIn().getDefiningOp<arith::FPToSIOp>() : arith::FPToSIOp();
  if (!convert)
    return std::nullopt;
  Quantization q;
  Value v = clampedBy(body, convert.getIn(), arith::CmpFPredicate::OLT, q.hi);
  if (v)
    v = clampedBy(body, v, arith::CmpFPredicate::OGT, q.lo);
  if (!v)
    return std::nullopt;
  if (auto add = v.getDefiningOp<arith::AddFOp>()) {
    auto zero = body.constants(add.getRhs());
    if (!zero)
      return std::nullopt;
    q.zero = *zero;
    v = add.getLhs();
  }
  auto round = v.getDefiningOp<math::RoundEvenOp>();
  if (!round)
    return std::nullopt;
  q.x = round.getOperand();
  q.scale = Numbers(1);
  if (auto div = q.x.getDefiningOp<arith::DivFOp>())
    if (auto scale = body.constants(div.getRhs())) {
      q.scale = *scale;
      q.x = div.getLhs();
    }
  return q;
}
