// This file computes quantized results from integers alone, without floats.
#include "passes/Passes.h"

#include "passes/evaluate/Evaluator.h"

#include "passes/quantize/Divisors.h"
#include "passes/quantize/Emit.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Reciprocal.h"
#include "passes/quantize/Requantize.h"

#include "llvm/ADT/SetVector.h"
#include "mlir/IR/IRMapping.h"

namespace dlc {
#define GEN_PASS_DEF_INTEGERREQUANTIZE
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::quantize;

namespace {
// Emit's operations at a builder's place.
Value toI32(ImplicitLocOpBuilder &b, Value v) { return Emit(b).extended(v); }
Value constant(ImplicitLocOpBuilder &b, int64_t v) { return Emit(b).constant(v); }
Value narrowed(ImplicitLocOpBuilder &b, Value v, int64_t lo, int64_t hi, Type storage) {
  return Emit(b).narrowed(v, lo, hi, storage);
}

struct Requantizer {
  Body &body;
  Rounding mode;

  /// The quantized result for a bound of a ReLU or Clip.
  int64_t bound(double v, double zero, int64_t lo, int64_t hi) const {
    if (std::isinf(v))
      return v < 0 ? lo : hi;
    double whole = mode == Rounding::Onnx ? std::nearbyint(v) : std::round(v);
    return static_cast<int64_t>(
        std::clamp(whole + zero, static_cast<double>(lo), static_cast<double>(hi)));
  }

  /// An integer form of the quantization that ends in `result`; null when there is none.
  Value convert(ImplicitLocOpBuilder &b, Value result) {
    auto q = readQuantization(body, result);
    if (!q || q->zero.size() != 1)
      return {};
    if (auto linear = readLinear(body, q->x))
      return convertLinear(b, *linear, *q, result);
    auto bend = mode == Rounding::Onnx ? readBend(body, q->x) : std::nullopt;
    if (!bend)
      return {};
    // Rounding keeps the order, so the larger one's result is the larger result.
    Value x = convertLinear(b, bend->a, *q, result);
    Value y = x ? convertLinear(b, bend->b, *q, result) : Value();
    if (!y)
      return {};
    return bend->larger ? arith::MaxSIOp::create(b, x, y).getResult()
                        : arith::MinSIOp::create(b, x, y).getResult();
  }

  Value convertLinear(ImplicitLocOpBuilder &b, Linear &linear, const Quantization &q, Value result) {
    if (linear.terms.empty())
      return {};
    auto scaled = [&](const Numbers &n) {
      return combine(n, q.scale, [](double a, double s) { return a / s; });
    };
    // Float: a product of scales is f32, and the quotient, too.
    auto scaledFactor = [&](const Numbers &n) {
      return mode != Rounding::Float ? scaled(n) : combine(n, q.scale, [](double a, double s) {
        return static_cast<double>(static_cast<float>(a) / static_cast<float>(s));
      });
    };
    for (Linear::Term &t : linear.terms)
      t.factor = scaledFactor(t.factor);
    linear.offset = scaled(linear.offset);
    int64_t lo = q.lo, hi = q.hi;
    if (linear.clamped) {
      Numbers low = scaled(linear.lo), high = scaled(linear.hi);
      if (low.size() != 1 || high.size() != 1)
        return {};
      lo = bound(low[0], q.zero[0], q.lo, q.hi);
      hi = bound(high[0], q.zero[0], q.lo, q.hi);
      if (lo > hi)
        return {};
      if (lo == hi) // all results are bounded to one
        return arith::ConstantOp::create(b, b.getIntegerAttr(result.getType(), lo));
    }
    if (linear.terms.size() == 1 &&
        (!linear.terms[0].other || agrees(linear, q.zero[0], lo, hi, result)))
      if (Value single = convertSingle(b, linear, q.zero[0], lo, hi, result.getType()))
        return single;
    if (linear.terms.size() == 2)
      if (Value pair = convertPair(b, linear, q.zero[0], lo, hi, result))
        return pair;
    if (linear.terms.size() > 1 || linear.terms[0].other)
      if (Value sum = convertSum(b, linear, q.zero[0], lo, hi, result))
        return sum;
    return linear.terms.size() == 1 ? tabulated(b, linear.terms[0], result) : Value();
  }

  /// A table of what the floats give, for a function of one 8-bit integer whose ties f32
  /// decides by its own errors.
  Value tabulated(ImplicitLocOpBuilder &b, const Linear::Term &t, Value result) {
    Operation *op = body.block().getParentOp();
    if (mode != Rounding::Onnx || !isa<linalg::GenericOp>(op) || !t.leaf.getType().isInteger(8) ||
        (t.other && t.other != t.leaf) || !result.getType().isInteger(8))
      return {};
    auto pairs = definition(result, t.leaf, t.leaf);
    if (!pairs)
      return {};
    SmallVector<int8_t> table(256);
    for (int i = 0; i < 256; ++i)
      table[i ^ 128] = (*pairs)[i * 257];
    OpBuilder outside(op);
    Value values = arith::ConstantOp::create(
        outside, op->getLoc(),
        DenseElementsAttr::get(RankedTensorType::get({256}, b.getI8Type()), ArrayRef<int8_t>(table)));
    Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), t.leaf);
    return tensor::ExtractOp::create(b, values, at);
  }

  /// Smallest and largest value of a term's integer.
  std::optional<std::pair<Numbers, Numbers>> rangeOf(const Linear::Term &t) {
    auto range = body.range(t.leaf);
    if (!range || !t.other)
      return range;
    auto other = body.range(t.other);
    if (!other || range->first.size() != 1 || other->first.size() != 1)
      return std::nullopt;
    double least = INFINITY, most = -INFINITY;
    for (double x : {range->first[0] - t.zero, range->second[0] - t.zero})
      for (double y : {other->first[0] - t.otherZero, other->second[0] - t.otherZero})
        least = std::min(least, x * y), most = std::max(most, x * y);
    return std::make_pair(Numbers(least), Numbers(most));
  }

  /// The integer of a term.
  Value integerOf(ImplicitLocOpBuilder &b, const Linear::Term &t) {
    if (!t.other)
      return t.leaf;
    auto range = rangeOf(t);
    Type type = range && range->first[0] >= INT32_MIN && range->second[0] <= INT32_MAX
                    ? b.getI32Type() : b.getI64Type();
    auto centered = [&](Value v, int64_t zero) -> Value {
      v = arith::ExtSIOp::create(b, type, v);
      return zero ? arith::SubIOp::create(b, v, arith::ConstantOp::create(b, b.getIntegerAttr(type, zero)))
                        .getResult()
                  : v;
    };
    return arith::MulIOp::create(b, centered(t.leaf, t.zero), centered(t.other, t.otherZero));
  }

  /// Whether the exact results are those of the float operations, for all pairs of 8-bit
  /// integers but a handful next to ties. True for other widths, where floats have fewer
  /// bits than the result needs.
  bool agrees(const Linear &l, int64_t zero, int64_t lo, int64_t hi, Value result) {
    SmallVector<Value> leaves;
    for (const Linear::Term &t : l.terms)
      for (Value v : {t.leaf, t.other})
        if (v && !llvm::is_contained(leaves, v))
          leaves.push_back(v);
    if (mode != Rounding::Onnx)
      return false; // operators of their own (legalize/Tflite.cpp)
    if (!result.getType().isInteger(8) || leaves.size() > 2 ||
        llvm::any_of(leaves, [](Value v) { return !v.getType().isInteger(8); }))
      return true;
    if (l.offset.size() != 1 || llvm::any_of(l.terms, [](auto &t) { return t.factor.size() != 1; }))
      return true;
    auto wanted = definition(result, leaves.front(), leaves.back());
    if (!wanted)
      return false;
    int differ = 0;
    for (int i = 0; i < 65536; ++i) {
      int64_t x = i / 256 - 128, y = i % 256 - 128;
      if (leaves.size() == 1 && i % 256 != 0)
        continue;
      double real = l.offset[0], size = std::abs(real);
      for (const Linear::Term &t : l.terms) {
        int64_t v = t.leaf == leaves.front() ? x : y;
        if (t.other)
          v = (v - t.zero) * ((t.other == leaves.front() ? x : y) - t.otherZero);
        real += t.factor[0] * v;
        size += std::abs(t.factor[0] * v);
      }
      differ += std::clamp(roundEven(real, size) + zero, lo, hi) != (*wanted)[leaves.size() == 1 ? i / 256 * 257 : i];
    }
    return differ <= 8;
  }

  /// A sum of any integers, in 64-bit arithmetic or, where that is exact, in 32 bits.
  Value convertSum(ImplicitLocOpBuilder &b, const Linear &linear, int64_t zero, int64_t lo,
                   int64_t hi, Value result) {
    SmallVector<SumTerm> terms;
    for (const Linear::Term &t : linear.terms) {
      auto range = rangeOf(t);
      if (!range)
        return {};
      SumTerm term{{}, 0};
      for (size_t c = 0; c < t.factor.size(); ++c)
        term.factors.push_back(t.factor[c]);
      for (const Numbers &end : {range->first, range->second})
        for (size_t c = 0; c < end.size(); ++c)
          term.most = std::max(term.most, std::abs(end[c]));
      terms.push_back(term);
    }
    SmallVector<double> offsets;
    for (size_t c = 0; c < linear.offset.size(); ++c)
      offsets.push_back(linear.offset[c]);
    auto sum = findExactSum(terms, offsets, lo - zero, hi - zero);
    if (!sum || !agrees(linear, zero, lo, hi, result))
      return {};
    Type type = sum->narrow ? b.getI32Type() : b.getI64Type();
    Value v = numbers(b, sum->offset, type);
    for (auto [t, m] : llvm::zip_equal(linear.terms, sum->multipliers)) {
      Value x = integerOf(b, t);
      if (x.getType() != type)
        x = arith::ExtSIOp::create(b, type, x);
      v = arith::AddIOp::create(b, v, arith::MulIOp::create(b, x, numbers(b, m, type)));
    }
    return roundedEven(b, v, sum->shift, sum->tie, zero, lo, hi, result.getType());
  }

  /// An offset that is a whole number of steps but for the rounding of a bias to
  /// f32 is that number: the bias was an integer.
  static double snapped(double offset, double scale) {
    double steps = offset / scale, whole = std::nearbyint(steps);
    return std::abs(steps - whole) <= std::abs(whole) * 0x1p-22 ? whole * scale : offset;
  }

  /// The arithmetic of `even`, before bounds.
  Value roundedEven(ImplicitLocOpBuilder &b, Value v, const EvenShift &even, int64_t zero) {
    SmallVector<int32_t> half;
    for (int32_t shift : even.shift)
      half.push_back((1 << (shift - 1)) - 1);
    v = arith::MulIOp::create(b, v, body.materialize(b, even.multiplier));
    v = arith::AddIOp::create(b, v, body.materialize(b, even.offset));
    Value by = body.materialize(b, even.shift);
    Value odd = arith::AndIOp::create(b, arith::ShRSIOp::create(b, v, by), constant(b, 1));
    v = arith::AddIOp::create(b, v, body.materialize(b, half));
    v = arith::ShRSIOp::create(b, arith::AddIOp::create(b, v, odd), by);
    return zero ? arith::AddIOp::create(b, v, constant(b, zero)).getResult() : v;
  }

  /// Numbers as scalars of `type` (i32 or i64). Products of extended 32-bit numbers are
  /// one instruction.
  Value numbers(ImplicitLocOpBuilder &b, ArrayRef<int64_t> values, Type type) {
    bool narrow = llvm::all_of(values, [](int64_t n) { return n == static_cast<int32_t>(n); });
    if (!narrow)
      return body.materialize(b, values);
    Value v = body.materialize(b, SmallVector<int32_t>(values.begin(), values.end()));
    return type.isInteger(32) ? v : arith::ExtSIOp::create(b, type, v).getResult();
  }

  /// v / 2^shift rounded down, where lower bits up to `tie` are a tie, which goes to the
  /// even number; then zero point and bounds. `v` is i32 or i64.
  Value roundedEven(ImplicitLocOpBuilder &b, Value v, int shift, int64_t tie, int64_t zero,
                    int64_t lo, int64_t hi, Type storage) {
    Type type = v.getType();
    auto number = [&](int64_t n) -> Value {
      return arith::ConstantOp::create(b, b.getIntegerAttr(type, n));
    };
    Value q = arith::ShRSIOp::create(b, v, number(shift));
    if (tie >= 0) {
      Value rest = arith::AndIOp::create(b, v, number((int64_t(1) << shift) - 1));
      Value isTie = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, rest, number(tie));
      Value odd = arith::AndIOp::create(b, q, arith::ExtUIOp::create(b, type, isTie));
      q = arith::SubIOp::create(b, q, odd);
    }
    if (type.isInteger(64)) {
      // More than 32 bits only with few behind the point.
      if (shift < 31) {
        q = arith::MaxSIOp::create(b, q, number(lo - zero));
        q = arith::MinSIOp::create(b, q, number(hi - zero));
      }
      q = arith::TruncIOp::create(b, b.getI32Type(), q);
    }
    if (zero)
      q = arith::AddIOp::create(b, q, constant(b, zero));
    return narrowed(b, q, lo, hi, storage);
  }

  Value wideRequantized(ImplicitLocOpBuilder &b, Value v, const Wide &wide, int64_t zero,
                        int64_t lo, int64_t hi, Type storage) {
    Type i64 = b.getI64Type();
    Value offset = numbers(b, wide.offset, i64);
    bool isLong = llvm::any_of(wide.multiplier, [](int64_t m) { return m != static_cast<int32_t>(m); });
    dlc::rt::TargetAttr target = dlc::rt::targetOf(body.block().getParentOp()->getParentOfType<ModuleOp>());
    if (isLong && !v.getType().isInteger(64) && target && target.getIndexBits() == 32) {
      // m = high * 2^32 + low with low signed: SMLAL and MLA, where LLVM takes six
      // instructions for a product of 64 bits.
      v = toI32(b, v);
      SmallVector<int64_t> low, high;
      for (int64_t m : wide.multiplier) {
        low.push_back(static_cast<int32_t>(m));
        high.push_back((m - low.back()) >> 32);
      }
      Value upper = arith::MulIOp::create(b, v, numbers(b, high, b.getI32Type()));
      Value word = arith::ConstantOp::create(b, b.getI64IntegerAttr(32));
      upper = arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i64, upper), word);
      v = arith::MulIOp::create(b, arith::ExtSIOp::create(b, i64, v), numbers(b, low, i64));
      v = arith::AddIOp::create(b, arith::AddIOp::create(b, v, offset), upper);
    } else {
      if (!v.getType().isInteger(64))
        v = arith::ExtSIOp::create(b, i64, v);
      v = arith::MulIOp::create(b, v, numbers(b, wide.multiplier, i64));
      v = arith::AddIOp::create(b, v, offset);
    }
    return roundedEven(b, v, wide.shift, wide.tie, zero, lo, hi, storage);
  }

  Value convertSingle(ImplicitLocOpBuilder &b, const Linear &linear, int64_t zero, int64_t lo,
                      int64_t hi, Type storage) {
    const Linear::Term &term = linear.terms.front();
    auto range = rangeOf(term);
    if (!range && mode == Rounding::Onnx)
      return {};
    if (!range)
      range.emplace(Numbers(INT32_MIN), Numbers(INT32_MAX));
    size_t count = std::max({term.factor.size(), linear.offset.size(), range->first.size()});
    std::vector<Problem> problems;
    for (size_t c = 0; c < count; ++c)
      problems.push_back({term.factor[c], snapped(linear.offset[c], term.factor[c]), zero, lo, hi,
                          static_cast<int64_t>(range->first[c]),
                          static_cast<int64_t>(range->second[c])});
    Value leaf = integerOf(b, term);
    bool grow = term.factor.all([](double f) { return f > 0; });
    if (mode != Rounding::Onnx && !grow) {
      // The sequences that define these modes take positive scales.
      if (leaf.getType().isInteger(64) || !term.factor.all([](double f) { return f < 0; }))
        return {};
      leaf = arith::SubIOp::create(b, constant(b, 0), toI32(b, leaf));
      for (Problem &p : problems)
        p.scale = -p.scale, std::tie(p.first, p.last) = std::make_pair(-p.last, -p.first);
      grow = true;
    }
    // Results that fall with x grow with -x, and ties stay ties. Those that do not depend on it
    // are what they are for 0.
    SmallVector<int> signs;
    for (Problem &p : problems) {
      signs.push_back(p.scale > 0 ? 1 : p.scale < 0 ? -1 : 0);
      if (p.scale < 0)
        p.scale = -p.scale, std::tie(p.first, p.last) = std::make_pair(-p.last, -p.first);
      else if (p.scale == 0)
        p.scale = 1, p.first = p.last = 0;
    }
    auto expand = [&](auto &values) {
      if (values.size() == 1)
        values.assign(count, values.front());
    };
    auto turn = [&](auto &multipliers) {
      if (grow)
        return;
      expand(multipliers);
      for (auto [m, sign] : llvm::zip_equal(multipliers, signs))
        m *= sign;
    };
    auto wide = [&](Wide &found) {
      turn(found.multiplier);
      return wideRequantized(b, leaf, found, zero, lo, hi, storage);
    };
    if (leaf.getType().isInteger(64) || (mode == Rounding::Onnx && hi - lo > 255)) {
      if (mode != Rounding::Onnx)
        return {};
      auto found = findWide(problems);
      if (!found)
        found = findWide(problems, /*loose=*/true);
      return found ? wide(*found) : Value();
    }
    Value v = toI32(b, leaf);
    // Powers of two: ties are frequent, and exact.
    if (auto even = mode == Rounding::Onnx ? findEvenShift(problems) : std::nullopt) {
      turn(even->multiplier);
      return narrowed(b, roundedEven(b, v, *even, zero), lo, hi, storage);
    }
    auto fixed = findFixedPoint(problems, mode);
    if (!fixed && mode == Rounding::Onnx) {
      if (auto found = findWide(problems))
        return wide(*found);
      fixed = findFixedPoint(problems, mode, /*loose=*/true);
    }
    if (!fixed)
      return mode == Rounding::Onnx ? Value() : literal(b, v, problems, storage);
    if (!grow) {
      // (-x + bias) * m is (x - bias) * -m.
      for (auto *values : {&fixed->bias, &fixed->multiplier, &fixed->offset})
        expand(*values);
      for (size_t c = 0; c < count; ++c)
        if (signs[c] == 0)
          fixed->offset[c] += static_cast<int32_t>((int64_t(fixed->bias[c]) * fixed->multiplier[c]) >> 32);
      turn(fixed->bias);
      turn(fixed->multiplier);
    }
    if (fixed->left)
      v = arith::ShLIOp::create(b, v, constant(b, fixed->left));
    if (!llvm::all_of(fixed->bias, [](int32_t x) { return x == 0; }))
      v = arith::AddIOp::create(b, v, body.materialize(b, fixed->bias));
    v = arith::MulSIExtendedOp::create(b, v, body.materialize(b, fixed->multiplier)).getHigh();
    v = arith::AddIOp::create(b, v, body.materialize(b, fixed->offset));
    v = arith::ShRSIOp::create(b, v, body.materialize(b, fixed->shift));
    return narrowed(b, v, lo, hi, storage);
  }

  /// The sequence that defines Double, Single or Float, for what has no cheaper form.
  Value literal(ImplicitLocOpBuilder &b, Value v, ArrayRef<Problem> problems, Type storage) {
    SmallVector<int32_t> bias, significand, left, right, total, reals;
    for (const Problem &p : problems) {
      double offset = std::nearbyint(p.offset / p.scale);
      if (!(p.scale > 0) || !(std::abs(offset) < INT32_MAX))
        return {};
      Multiplier m = quantizeMultiplier(p.scale);
      bias.push_back(static_cast<int32_t>(offset));
      significand.push_back(m.significand);
      left.push_back(std::max(m.shift, 0));
      right.push_back(std::max(-m.shift, 0));
      total.push_back(31 - m.shift);
      reals.push_back(llvm::bit_cast<int32_t>(static_cast<float>(p.scale)));
    }
    Emit e(b);
    const Problem &first = problems.front();
    v = e.add(v, body.materialize(b, bias));
    if (mode == Rounding::Float) {
      Value scale = arith::BitcastOp::create(b, b.getF32Type(), body.materialize(b, reals));
      return narrowed(b, e.scaledByFloat(v, scale, first.zero), first.lo, first.hi, storage);
    }
    Value factor = body.materialize(b, significand);
    if (mode == Rounding::Single) {
      // The whole product: shifts by less than 33 need its lower half.
      Type i64 = b.getI64Type();
      auto wide = [&](Value x) -> Value { return arith::ExtSIOp::create(b, i64, x); };
      Value by = wide(body.materialize(b, total));
      Value one = arith::ConstantOp::create(b, b.getI64IntegerAttr(1));
      Value half = arith::ShLIOp::create(b, one, arith::SubIOp::create(b, by, one));
      Value product = arith::MulIOp::create(b, wide(v), wide(factor));
      product = arith::ShRSIOp::create(b, arith::AddIOp::create(b, product, half), by);
      v = arith::TruncIOp::create(b, b.getI32Type(), product);
    } else {
      if (llvm::any_of(left, [](int32_t s) { return s != 0; }))
        v = arith::ShLIOp::create(b, v, body.materialize(b, left));
      v = e.doublingHighMul(v, factor);
      if (llvm::all_equal(right)) {
        v = e.divideByPower(v, right.front());
      } else {
        // Emit::divideByPower with a power of each channel's own.
        SmallVector<int32_t> mask, half;
        for (int32_t r : right) {
          mask.push_back(static_cast<int32_t>((uint64_t(1) << r) - 1));
          half.push_back(mask.back() >> 1);
        }
        Value rest = arith::AndIOp::create(b, v, body.materialize(b, mask));
        Value limit = e.sub(body.materialize(b, half), e.shiftRight(v, 31));
        Value more = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, rest, limit);
        v = arith::ShRSIOp::create(b, v, body.materialize(b, right));
        v = e.add(v, arith::ExtUIOp::create(b, b.getI32Type(), more));
      }
    }
    return narrowed(b, e.add(v, first.zero), first.lo, first.hi, storage);
  }

  /// Two small integers (a sum of two tensors): all pairs are checked.
  Value convertPair(ImplicitLocOpBuilder &b, const Linear &linear, int64_t zero, int64_t lo,
                    int64_t hi, Value result) {
    Type storage = result.getType();
    const Linear::Term &x = linear.terms[0], &y = linear.terms[1];
    for (const Linear::Term &t : {x, y})
      if (!t.leaf.getType().isInteger(8) || t.other || t.factor.size() != 1)
        return {};
    // Sums in other modes are operators of their own (legalize/Tflite.cpp).
    if (linear.offset.size() != 1 || mode != Rounding::Onnx)
      return {};
    Problem problem{1, linear.offset[0], zero, lo, hi, -128, 127};
    double a = x.factor[0], c = y.factor[0];
    if (!(std::abs(a) < 1e4) || !(std::abs(c) < 1e4) || !(std::abs(problem.offset) < 1e6))
      return {};
    auto wanted = definition(result, x.leaf, y.leaf);
    if (!wanted)
      return {};
    if (auto pair = findPair(a, c, problem, *wanted)) {
      auto product = [&](Value leaf, int32_t by) -> Value {
        Value v = arith::ShLIOp::create(b, toI32(b, leaf), constant(b, Pair::kLeft));
        return arith::MulSIExtendedOp::create(b, v, constant(b, by)).getHigh();
      };
      Value v = product(x.leaf, pair->first);
      v = arith::AddIOp::create(b, v, constant(b, pair->offset));
      v = arith::AddIOp::create(b, product(y.leaf, pair->second), v);
      v = arith::ShRSIOp::create(b, v, constant(b, pair->shift));
      return narrowed(b, v, lo, hi, storage);
    }
    return {};
  }

  /// What the floats give for all pairs of two 8-bit integers of the body.
  std::optional<std::vector<int8_t>> definition(Value result, Value x, Value y) {
    // The operations between the pair and the result, on a table of all pairs.
    llvm::SetVector<Operation *> slice;
    SmallVector<Value> work{result};
    while (!work.empty()) {
      Value v = work.pop_back_val();
      Operation *def = v.getDefiningOp();
      if (v == x || v == y || (def && def->hasTrait<OpTrait::ConstantLike>()))
        continue;
      if (!def || def->getBlock() != &body.block()) {
        auto known = body.constants(v);
        if (!known || known->size() != 1 || !v.getType().isF32())
          return std::nullopt;
        continue;
      }
      if (slice.insert(def))
        llvm::append_range(work, def->getOperands());
    }
    Operation *op = body.block().getParentOp();
    OpBuilder b(op);
    Location loc = op->getLoc();
    auto type = RankedTensorType::get({65536}, b.getI8Type());
    std::vector<int8_t> left(65536), right(65536);
    for (int i = 0; i < 65536; ++i)
      left[i] = i / 256 - 128, right[i] = i % 256 - 128;
    SmallVector<Operation *> made;
    auto add = [&](Operation *o) {
      made.push_back(o);
      return o->getResult(0);
    };
    Value lefts = add(arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(left))));
    Value rights = add(arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(right))));
    Value empty = add(tensor::EmptyOp::create(b, loc, type.getShape(), b.getI8Type()));
    AffineMap line = b.getMultiDimIdentityMap(1);
    auto generic = linalg::GenericOp::create(
        b, loc, type, ValueRange{lefts, rights}, empty, ArrayRef<AffineMap>{line, line, line},
        ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
        [&](OpBuilder &inner, Location l, ValueRange v) {
          IRMapping map;
          map.map(x, v[0]);
          map.map(y, v[1]);
          for (Operation &o : body.block()) {
            if (!slice.contains(&o))
              continue;
            for (Value operand : o.getOperands())
              if (!map.contains(operand) && isa<BlockArgument>(operand))
                map.map(operand, arith::ConstantOp::create(
                                     inner, l, inner.getF32FloatAttr((*body.constants(operand))[0])));
              else if (!map.contains(operand) && operand.getParentBlock() == &body.block())
                if (Operation *def = operand.getDefiningOp(); def && !slice.contains(def))
                  inner.clone(*def, map);
            inner.clone(o, map);
          }
          linalg::YieldOp::create(inner, l, map.lookup(result));
        });
    made.push_back(generic);
    dlc::EvaluateLimits limits;
    auto known = dlc::constantTensor(generic.getResult(0), limits);
    for (Operation *o : llvm::reverse(made))
      o->erase();
    if (!known)
      return std::nullopt;
    auto values = known->getValues<int8_t>();
    return std::vector<int8_t>(values.begin(), values.end());
  }
};

struct IntegerRequantize : dlc::impl::IntegerRequantizeBase<IntegerRequantize> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<linalg::GenericOp, dlc::nn::ConvOp, dlc::nn::MatmulOp>(op))
        ops.push_back(op);
    });
    dlc::rt::TargetAttr target = dlc::rt::targetOf(getOperation());
    bool multiplies = target && target.getFmaF32();
    for (Operation *op : ops) {
      auto body = Body::of(op);
      if (!body)
        continue;
      if (auto generic = dyn_cast<linalg::GenericOp>(op); generic && roundingOf(op) == Rounding::Onnx)
        scaleByDivisors(generic, *body);
      SmallVector<arith::TruncIOp> results(body->block().getOps<arith::TruncIOp>());
      bool changed = false;
      for (arith::TruncIOp result : results) {
        ImplicitLocOpBuilder b(result.getLoc(), result);
        if (Value integer = Requantizer{*body, roundingOf(op)}.convert(b, result)) {
          result.getResult().replaceAllUsesWith(integer);
          changed = true;
        }
      }
      // Quotients that stay: two multiplications are quicker.
      if (multiplies && isa<linalg::GenericOp>(op))
        for (arith::TruncIOp result : results)
          if (!result->use_empty())
            multiplyByReciprocal(*body, result);
      if (!changed)
        continue;
      // What only the floats needed.
      for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(body->block())))
        if (isOpTriviallyDead(&inner))
          inner.erase();
      body->dropUnusedOperands();
    }
  }
};
} // namespace
