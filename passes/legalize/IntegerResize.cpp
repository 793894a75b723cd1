// This file interpolates between quantized tensors (Resize) as integers: weights are fractions of one denominator
// a dimension, all neighbours of a result are summed at once, and their sum is rounded once.
//
// Weights that are no such fractions (scales like 1.3) become multiples of 2^-20, for tensors of 8 bits: their error
// is 2^-12 of a quantum of the input at most. Sums that no exact arithmetic rounds are taken in 31 bits, 2^-22 of
// that quantum (2^-14 for 16 bits).
#include "passes/legalize/Tflite.h"

#include "passes/legalize/Resize.h"
#include "passes/quantize/Emit.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace dlc::legalize;
using dlc::quantize::Emit;

namespace {
/// Weights of one dimension as whole numbers.
struct Numerators {
  SmallVector<int32_t> values;
  int64_t denominator;
  bool exact;
  double most = 0; ///< largest sum of magnitudes of a position
};

constexpr int64_t kMostDenominator = 4096;
constexpr int kBits = 20; ///< of weights that are no fractions
constexpr int64_t kMostTaps = 64;
} // namespace

static int bitsOf(double v) { return static_cast<int>(std::ceil(std::log2(v + 1))); }

/// The weights in units of 1 / denominator; nothing when they are too far from that, or do not make one.
static std::optional<Numerators> scaledBy(const KnownTaps &t, int64_t denominator, double tolerance) {
  Numerators n{{}, denominator, true};
  for (double w : t.weights) {
    double v = w * static_cast<double>(denominator), whole = std::nearbyint(v);
    if (std::abs(v - whole) > tolerance || !(std::abs(whole) < 0x1p30))
      return std::nullopt;
    n.values.push_back(static_cast<int32_t>(whole));
  }
  for (int64_t o = 0; o < t.size; ++o) {
    auto row = MutableArrayRef(n.values).slice(o * t.taps, t.taps);
    int64_t missing = denominator - std::accumulate(row.begin(), row.end(), int64_t(0));
    if (missing && tolerance < 0.5)
      return std::nullopt;
    // What rounding has lost goes to the largest.
    auto largest = std::max_element(row.begin(), row.end());
    if (std::abs(missing) > t.taps)
      return std::nullopt;
    *largest += static_cast<int32_t>(missing);
    double sum = 0;
    for (int32_t v : row)
      sum += std::abs(v);
    n.most = std::max(n.most, sum);
  }
  return n;
}

static std::optional<Numerators> numeratorsOf(const KnownTaps &t, bool roundingAllowed) {
  for (int64_t d = 1; d <= kMostDenominator; ++d)
    if (auto n = scaledBy(t, d, std::ldexp(static_cast<double>(d), -38)))
      return n;
  auto rounded = roundingAllowed ? scaledBy(t, int64_t(1) << kBits, 0.5) : std::nullopt;
  if (rounded)
    rounded->exact = false;
  return rounded;
}

/// A product or sum in 32 bits where `most` allows, else in 64.
static Value combine(ImplicitLocOpBuilder &b, Value x, Value y, double most, bool product) {
  Type type = most < 0x1p31 ? b.getI32Type() : b.getI64Type();
  auto wide = [&](Value v) -> Value {
    return v.getType() == type ? v : arith::ExtSIOp::create(b, type, v).getResult();
  };
  return product ? arith::MulIOp::create(b, wide(x), wide(y)).getResult()
                 : arith::AddIOp::create(b, wide(x), wide(y)).getResult();
}

namespace {
/// How sums become results.
struct Rounding {
  dlc::quantize::Problem problem;
  double most;
  Type storage;

  /// In 31 bits, then a product of 62: what is nearer to a tie than its error is one.
  Value near(ImplicitLocOpBuilder &b, Value sum) const {
    auto number = [&](int64_t v) -> Value { return arith::ConstantOp::create(b, b.getI64IntegerAttr(v)); };
    int down = std::max(0, bitsOf(most) - 30);
    double scale = std::ldexp(problem.scale, down);
    double reach = scale * 0x1p30 + std::abs(problem.offset) + static_cast<double>(problem.hi - problem.lo) + 1;
    int shift = std::min(61 - bitsOf(reach), 30 - (std::ilogb(scale) + 1));
    int64_t error = std::llround(std::ldexp(scale, shift) + 0x1p30) + 1;
    if (!(reach < 0x1p40) || shift < 20 || error > int64_t(1) << (shift - 3))
      return {};
    if (!sum.getType().isInteger(64))
      sum = arith::ExtSIOp::create(b, b.getI64Type(), sum);
    if (down) {
      sum = arith::AddIOp::create(b, sum, number(int64_t(1) << (down - 1)));
      sum = arith::ShRSIOp::create(b, sum, number(down));
      sum = arith::ExtSIOp::create(b, b.getI64Type(), arith::TruncIOp::create(b, b.getI32Type(), sum));
    }
    Value v = arith::MulIOp::create(b, sum, number(std::llround(std::ldexp(scale, shift))));
    v = arith::AddIOp::create(b, v, number(std::llround(std::ldexp(problem.offset, shift)) +
                                           (int64_t(1) << (shift - 1)) + error));
    return Emit(b).roundedEven(v, shift, 2 * error, problem.zero, problem.lo, problem.hi, storage);
  }
};
} // namespace

Value dlc::legalize::exactResize(Node &n, const Format &out) {
  auto dq = n.has(0) ? n.in(0).getDefiningOp<nn::DequantizeOp>() : nn::DequantizeOp();
  Type from = dq ? getElementTypeOrSelf(dq.getInput().getType()) : Type();
  if (!dq || !dq.isPerTensor() || (from.getIntOrFloatBitWidth() != 8 && from.getIntOrFloatBitWidth() != 16))
    return {};
  auto taps = knownTaps(n);
  if (!taps || taps->empty())
    return {};
  unsigned width = from.getIntOrFloatBitWidth();
  bool isUnsigned = dq.isUnsigned(), exact = true;
  int64_t middle = isUnsigned ? int64_t(1) << (width - 1) : 0, count = 1;
  SmallVector<Numerators> weights;
  SmallVector<double> most{std::ldexp(1.0, width - 1)}; // of what is summed inside
  double denominator = 1;
  std::optional<double> extrapolation;
  for (const KnownTaps &t : *taps) {
    auto w = numeratorsOf(t, width == 8);
    if (!w || (count *= t.taps) > kMostTaps)
      return {};
    denominator *= static_cast<double>(w->denominator);
    exact &= w->exact;
    weights.push_back(*w);
    if (!t.outside.empty())
      extrapolation = t.extrapolation;
  }
  // The last dimension is summed first.
  for (const Numerators &w : llvm::reverse(weights))
    most.insert(most.begin(), most.front() * w.most);
  if (!(most.front() < 0x1p60))
    return {};
  double scale = dq.getScales()[0] / out.scale;
  double zero = static_cast<double>(dq.getZeroPoints()[0] - middle);
  Type storage = n.b.getIntegerType(out.storage.getIntOrFloatBitWidth());
  int64_t bound = static_cast<int64_t>(most.front());
  Rounding rounding{{scale / denominator, -zero * scale, out.zero, out.lo, out.hi, -bound, bound}, most.front(), storage};
  int64_t filler = 0;
  if (extrapolation) {
    double q = std::nearbyint(static_cast<float>(*extrapolation) / out.scale) + static_cast<double>(out.zero);
    filler = static_cast<int64_t>(std::clamp(q, static_cast<double>(out.lo), static_cast<double>(out.hi)));
  }

  Value x = dq.getInput();
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  SmallVector<OpFoldResult> to = n.sizes(x);
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  auto column = [&](Value table, int64_t dim, std::optional<int64_t> tap) {
    SmallVector<AffineExpr> at{n.b.getAffineDimExpr(dim)};
    if (tap)
      at.push_back(n.b.getAffineConstantExpr(*tap));
    operands.push_back(table);
    maps.push_back(AffineMap::get(rank, 0, at, n.b.getContext()));
  };
  SmallVector<unsigned> first, flags; // operands of a dimension: indices, then weights
  for (auto [t, w] : llvm::zip_equal(*taps, weights)) {
    to[t.dim] = n.b.getIndexAttr(t.size);
    first.push_back(operands.size());
    auto shape = RankedTensorType::get({t.size, t.taps}, n.b.getI32Type());
    Value indices = n.constantTensor(DenseElementsAttr::get(shape, ArrayRef(t.indices))), numerators;
    if (llvm::all_of(w.values, [](int32_t v) { return v == static_cast<int16_t>(v); }))
      numerators = n.constantTensor(DenseElementsAttr::get(
          shape.clone(n.b.getI16Type()), ArrayRef(SmallVector<int16_t>(w.values.begin(), w.values.end()))));
    else
      numerators = n.constantTensor(DenseElementsAttr::get(shape, ArrayRef(w.values)));
    for (Value table : {indices, numerators})
      for (int64_t k = 0; k < t.taps; ++k)
        column(table, t.dim, k);
  }
  for (const KnownTaps &t : *taps)
    if (!t.outside.empty()) {
      flags.push_back(operands.size());
      column(n.constantTensor(DenseElementsAttr::get(RankedTensorType::get({t.size}, n.b.getI1Type()), ArrayRef(t.outside))),
             t.dim, std::nullopt);
    }
  maps.push_back(n.b.getMultiDimIdentityMap(rank));
  bool found = true;
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<Value> source;
    for (int64_t d = 0; d < rank; ++d)
      source.push_back(linalg::IndexOp::create(b, d));
    auto sum = [&](auto &self, size_t level) -> Value {
      if (level == taps->size()) {
        Emit e(b);
        return e.add(e.extended(extract(b, x, source), isUnsigned), -middle);
      }
      const KnownTaps &t = (*taps)[level];
      Value total;
      for (int64_t k = 0; k < t.taps; ++k) {
        source[t.dim] = arith::IndexCastOp::create(b, b.getIndexType(), args[first[level] + k]);
        Value weight = Emit(b).extended(args[first[level] + t.taps + k]);
        Value product = combine(b, self(self, level + 1), weight, most[level], /*product=*/true);
        total = total ? combine(b, total, product, most[level], /*product=*/false) : product;
      }
      return total;
    };
    Value acc = sum(sum, 0);
    Value q = exact ? Emit(b).nearest(rounding.problem, acc, storage) : Value();
    if (!q)
      q = rounding.near(b, acc);
    found = static_cast<bool>(q);
    if (!found)
      q = arith::ConstantOp::create(b, b.getIntegerAttr(storage, 0));
    for (unsigned flag : flags)
      q = arith::SelectOp::create(b, args[flag], arith::ConstantOp::create(b, b.getIntegerAttr(storage, filler)), q);
    linalg::YieldOp::create(b, fromSignless(b, q, out.storage));
  };
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  Value init = n.empty(to, out.storage);
  Value result = linalg::GenericOp::create(n.b, init.getType(), operands, init, maps, loops, body).getResult(0);
  return found ? result : Value();
}
