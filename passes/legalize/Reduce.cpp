// This file lowers reductions, ArgMax/ArgMin, softmaxes.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// A reduction as map, fold, finish: result = post(fold(pre(x)...)).
struct Reduction {
  double init; ///< start of the fold; +-infinity means the type's extreme
  std::function<Scalar(Scalar)> pre;
  std::function<Scalar(Scalar x, Scalar acc, bool isUnsigned)> fold;
  std::function<Scalar(Scalar)> post;
  bool mean = false;        ///< divide by the number of elements
  bool subtractMax = false; ///< LogSumExp
};
} // namespace

/// Type that sums are formed in: f16 and bf16 in f32.
Type dlc::legalize::accumulator(Type element, OpBuilder &b) {
  auto f = dyn_cast<FloatType>(element);
  return f && f.getWidth() < 32 ? Type(b.getF32Type()) : element;
}

/// The start value of a fold: for max and min the type's extreme.
static Value initial(Node &n, Type element, double init) {
  if (!std::isinf(init))
    return n.scalar(signless(element), init);
  if (isa<FloatType>(element))
    return n.scalar(element, init);
  unsigned w = element.getIntOrFloatBitWidth();
  bool u = element.isUnsignedInteger() || element.isInteger(1);
  APInt v = init < 0
                ? (u ? APInt::getMinValue(w) : APInt::getSignedMinValue(w))
                : (u ? APInt::getMaxValue(w) : APInt::getSignedMaxValue(w));
  return arith::ConstantOp::create(n.b, IntegerAttr::get(signless(element), v));
}

/// Product of the sizes of `axes`, as a scalar of `type`.
Value dlc::legalize::countOf(Node &n, Value tensor, ArrayRef<int64_t> axes,
                             Type type) {
  OpFoldResult count = n.b.getIndexAttr(1);
  for (int64_t a : axes)
    count = n.mul(count, n.size(tensor, a));
  if (auto c = getConstantIntValue(count))
    return n.scalar(signless(type), static_cast<double>(*c));
  Value i = arith::IndexCastOp::create(n.b, n.b.getI64Type(), n.index(count));
  return Node::castScalar(n.b, i, n.b.getI64Type(), type);
}

Value dlc::legalize::reduceMax(Node &n, Value x, ArrayRef<int64_t> axes) {
  Type element = getElementTypeOrSelf(x.getType());
  return n.reduce(x, axes, initial(n, element, -INFINITY),
                  [](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                    return Scalar(b, v).max(Scalar(b, acc));
                  });
}
Value dlc::legalize::reduceSum(Node &n, Value x, ArrayRef<int64_t> axes) {
  Type element = getElementTypeOrSelf(x.getType());
  return n.reduce(x, axes, n.scalar(element, 0.0),
                  [](ImplicitLocOpBuilder &b, Value v, Value acc) -> Value {
                    return Scalar(b, v) + Scalar(b, acc);
                  });
}

/// `small` (without the reduced axes) made broadcastable against the input.
Value dlc::legalize::keepDims(Node &n, Value small, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  return n.expandDims(small, sorted);
}

/// Axes of a reduction: attribute, or input 1 since opset 13 (ReduceSum) or 18.
static FailureOr<SmallVector<int64_t>> reductionAxes(Node &n, bool &identity) {
  // No elements: nothing is left to know.
  bool none = n.has(1) && isa<RankedTensorType>(n.in(1).getType()) &&
              n.type(1).getShape() == ArrayRef<int64_t>{0};
  auto given = n.axes("axes", none ? -1 : 1, n.rank(0));
  auto noop = n.i64("noop_with_empty_axes", 0);
  if (failed(given) || failed(noop))
    return failure();
  identity = false;
  if (*given && !(*given)->empty())
    return **given;
  identity = *noop != 0;
  return llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
}

/// The reduction of input 0 over `axes`; with `keep`, these stay with size 1.
static FailureOr<Value> reduceOver(Node &n, const Reduction &how,
                                   ArrayRef<int64_t> axes, bool keep) {
  Type element = n.elementType(0);
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  Type acc = accumulator(element, n.b);
  Value x = n.cast(n.in(0), acc);
  Value shift;
  if (how.subtractMax) {
    // exp never overflows: log(sum(exp(x - m))) + m, with m = 0 when infinite.
    Value m = reduceMax(n, x, axes);
    shift = n.map(m, acc, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar s(b, v[0]);
      Scalar finite = (s - s).eq(s.constant(0));
      return finite.select(s, s.constant(0));
    });
    auto centred =
        n.elementwise({x, keepDims(n, shift, axes)}, acc,
                      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                        return Scalar(b, v[0]) - Scalar(b, v[1]);
                      });
    if (failed(centred))
      return failure();
    x = *centred;
  }
  Value r = n.reduce(x, axes, initial(n, acc, how.init),
                     [&](ImplicitLocOpBuilder &b, Value v, Value a) -> Value {
                       Scalar s(b, v);
                       return how.fold(how.pre ? how.pre(s) : s, Scalar(b, a),
                                       isUnsigned);
                     });
  if (acc.isUnsignedInteger()) // reduce works on signless values
    r = n.map(r, acc,
              [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; });
  if (how.post || how.mean || shift) {
    Value count = how.mean ? countOf(n, x, axes, acc) : Value();
    SmallVector<Value> in{r};
    if (shift)
      in.push_back(shift);
    r = n.map(in, acc, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar s(b, v[0]);
      if (count && s.isFloat())
        s = s / Scalar(b, count);
      else if (count)
        s = s.wrap(isUnsigned
                       ? arith::DivUIOp::create(b, s, count).getResult()
                       : arith::DivSIOp::create(b, s, count).getResult());
      if (how.post)
        s = how.post(s);
      return shift ? s + Scalar(b, v[1]) : s;
    });
  }
  r = n.cast(r, element);
  return keep && !axes.empty() ? keepDims(n, r, axes) : r;
}

/// A reduction whose axes are an input of the model. The declared shape of the
/// result says which sets of axes are possible; when there are several, the one
/// to take is chosen at run time. Axes that are none of them give the result of
/// the last.
static LogicalResult reduceAtRunTime(Node &n, const Reduction &how, bool keep) {
  RankedTensorType declared = n.declared(0);
  int64_t rank = n.rank(0), count = n.shape(1).empty() ? 1 : n.shape(1)[0];
  if (!declared || !declared.hasStaticShape() || !n.type(0).hasStaticShape() ||
      rank > 8 || ShapedType::isDynamic(count))
    return n.error("input 1 (axes) is not known at compile time",
                   "make it an initializer, or state the output's shape");
  SmallVector<SmallVector<int64_t>> candidates;
  SmallVector<int64_t> masks;
  for (int64_t mask = 0; mask < (int64_t(1) << rank); ++mask) {
    SmallVector<int64_t> axes, shape;
    for (int64_t d = 0; d < rank; ++d) {
      bool reduced = (mask >> d) & 1;
      if (reduced)
        axes.push_back(d);
      if (keep || !reduced)
        shape.push_back(reduced ? 1 : n.shape(0)[d]);
    }
    if (static_cast<int64_t>(axes.size()) != count ||
        shape != declared.getShape())
      continue;
    candidates.push_back(axes);
    masks.push_back(mask);
    if (keep) // the others differ in dimensions of size 1: the same result
      break;
  }
  if (candidates.empty())
    return n.error("no " + Twine(count) +
                   " axes give the declared shape of the result");
  if (candidates.size() == 1) {
    auto r = reduceOver(n, how, candidates[0], keep);
    if (failed(r))
      return failure();
    n.set(0, *r);
    return success();
  }
  auto axes = n.indexVector(1, "axes");
  if (failed(axes))
    return failure();
  Value mask = n.index(0);
  for (OpFoldResult axis : *axes) {
    Value at = clampIndex(n.b, n.index(axis), n.index(rank));
    Value bit = arith::ShLIOp::create(n.b, n.index(1), at);
    mask = arith::OrIOp::create(n.b, mask, bit);
  }
  masks.pop_back();
  auto type = RankedTensorType::get(declared.getShape(), n.elementType(0));
  auto choice = scf::IndexSwitchOp::create(n.b, TypeRange{type}, mask, masks,
                                           masks.size());
  for (auto [i, candidate] : llvm::enumerate(candidates)) {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.createBlock(i < masks.size() ? &choice.getCaseRegions()[i]
                                     : &choice.getDefaultRegion());
    auto r = reduceOver(n, how, candidate, keep);
    if (failed(r))
      return failure();
    scf::YieldOp::create(n.b, *r);
  }
  n.set(0, choice.getResult(0));
  return success();
}

static LogicalResult lowerReduction(Node &n, const Reduction &how,
                                    bool floatsOnly) {
  if (failed(n.requireTensors(1)))
    return failure();
  Type element = n.elementType(0);
  bool isBool = element.isInteger(1);
  if (!element.isIntOrFloat() || (floatsOnly && !isa<FloatType>(element)) ||
      (isBool && !std::isinf(how.init)))
    return n.error(
        "input 0 has an element type that the operator does not take");
  auto keep = n.i64("keepdims", 1);
  if (failed(keep))
    return failure();
  if (n.has(1) && isa<RankedTensorType>(n.in(1).getType()) && !n.constant(1) &&
      n.type(1).getShape() != ArrayRef<int64_t>{0})
    return reduceAtRunTime(n, how, *keep);
  bool identity;
  auto axes = reductionAxes(n, identity);
  if (failed(axes))
    return failure();
  if (identity && !how.pre && !how.post) {
    n.set(0, n.in(0));
    return success();
  }
  if (identity)
    axes->clear();
  auto r = reduceOver(n, how, *axes, *keep);
  if (failed(r))
    return failure();
  n.set(0, *r);
  return success();
}

static Scalar foldAdd(Scalar x, Scalar acc, bool) { return x + acc; }

static LogicalResult lowerReduceSum(Node &n) {
  return lowerReduction(n, {0, nullptr, foldAdd, nullptr}, false);
}
static LogicalResult lowerReduceMean(Node &n) {
  if (n.has(0) && n.type(0).hasStaticShape() &&
      n.type(0).getNumElements() == 0 && isa<IntegerType>(n.elementType(0)))
    return n.error("mean of no integers");
  return lowerReduction(n, {0, nullptr, foldAdd, nullptr, /*mean=*/true},
                        false);
}
static LogicalResult lowerReduceProd(Node &n) {
  return lowerReduction(
      n, {1, nullptr, [](Scalar x, Scalar a, bool) { return x * a; }, nullptr},
      false);
}
static LogicalResult lowerReduceMax(Node &n) {
  return lowerReduction(n,
                        {-INFINITY, nullptr,
                         [](Scalar x, Scalar a, bool u) { return x.max(a, u); },
                         nullptr},
                        false);
}
static LogicalResult lowerReduceMin(Node &n) {
  return lowerReduction(n,
                        {INFINITY, nullptr,
                         [](Scalar x, Scalar a, bool u) { return x.min(a, u); },
                         nullptr},
                        false);
}
static LogicalResult lowerReduceL1(Node &n) {
  bool u = n.has(0) && isUnsigned(n.in(0).getType());
  return lowerReduction(
      n, {0, [=](Scalar x) { return u ? x : x.abs(); }, foldAdd, nullptr},
      false);
}
static LogicalResult lowerReduceSumSquare(Node &n) {
  return lowerReduction(
      n, {0, [](Scalar x) { return x * x; }, foldAdd, nullptr}, false);
}
static LogicalResult lowerReduceL2(Node &n) {
  return lowerReduction(n,
                        {0, [](Scalar x) { return x * x; }, foldAdd,
                         [](Scalar x) { return x.sqrt(); }},
                        true);
}
static LogicalResult lowerReduceLogSum(Node &n) {
  return lowerReduction(
      n, {0, nullptr, foldAdd, [](Scalar x) { return x.log(); }}, true);
}
static LogicalResult lowerReduceLogSumExp(Node &n) {
  Reduction how{0, [](Scalar x) { return x.exp(); }, foldAdd,
                [](Scalar x) { return x.log(); }};
  how.subtractMax = true;
  return lowerReduction(n, how, true);
}

//===--- ArgMax, ArgMin ---------------------------------------------------===//

/// Index of the largest (or smallest) element along `axis`, the first or last of equal ones: one loop that
/// carries the best value and its index. The result (i64) lacks the axis.
static Value bestIndex(Node &n, Value x, int64_t axis, bool max, bool last) {
  bool u = isUnsigned(getElementTypeOrSelf(x.getType()));
  SmallVector<OpFoldResult> kept = n.sizes(x);
  kept.erase(kept.begin() + axis);
  Type i64 = n.b.getI64Type();
  return n.generate(kept, i64, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    auto indices = [&](Value i) {
      SmallVector<Value> full(at.begin(), at.end());
      full.insert(full.begin() + axis, i);
      return full;
    };
    Value end = tensor::DimOp::create(b, x, axis);
    Value first = extract(b, x, indices(zero));
    auto loop = scf::ForOp::create(b, one, end, one, ValueRange{first, zero},
                                   [&](OpBuilder &ob, Location loc, Value i, ValueRange carried) {
                                     ImplicitLocOpBuilder ib(loc, ob);
                                     Scalar v(ib, extract(ib, x, indices(i))), best(ib, carried[0]);
                                     Scalar better = last ? (max ? v.ge(best, u) : v.le(best, u))
                                                          : (max ? v.gt(best, u) : v.lt(best, u));
                                     Value bestNow = better.select(v, best);
                                     Value where = arith::SelectOp::create(ib, better, i, carried[1]);
                                     scf::YieldOp::create(ib, ValueRange{bestNow, where});
                                   });
    return arith::IndexCastOp::create(b, i64, loop.getResult(1));
  });
}

static LogicalResult lowerArg(Node &n, bool max) {
  auto axisAttr = n.i64("axis", 0), keep = n.i64("keepdims", 1),
       last = n.i64("select_last_index", 0);
  if (failed(axisAttr) || failed(keep) || failed(last) ||
      failed(n.requireTensors(1)))
    return failure();
  auto axis = n.axis(*axisAttr, n.rank(0));
  if (failed(axis))
    return failure();
  if (n.type(0).getDimSize(*axis) == 0)
    return n.error("axis " + Twine(*axis) + " has no elements");
  Type element = n.elementType(0);
  if (!element.isIntOrFloat() || element.isInteger(1))
    return n.error("input 0 is not a tensor of numbers");
  Value result = bestIndex(n, n.in(0), *axis, max, *last != 0);
  if (*keep)
    result = n.expandDims(result, {*axis});
  n.set(0, result);
  return success();
}
static LogicalResult lowerArgMax(Node &n) { return lowerArg(n, true); }
static LogicalResult lowerArgMin(Node &n) { return lowerArg(n, false); }

//===--- softmaxes --------------------------------------------------------===//

namespace {
/// What softmax and its logarithm are made of: x less its largest element, the
/// exponentials of that, and their sum with the summed axes kept.
struct Exponentials {
  Value centred, exps, sum;
};
} // namespace

static FailureOr<Exponentials> exponentials(Node &n, Value x, ArrayRef<int64_t> axes) {
  Type element = getElementTypeOrSelf(x.getType());
  auto centred = n.elementwise({x, keepDims(n, reduceMax(n, x, axes), axes)}, element,
                               [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                                 return Scalar(b, v[0]) - Scalar(b, v[1]);
                               });
  if (failed(centred))
    return failure();
  Value exps = n.map(*centred, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]).exp();
  });
  return Exponentials{*centred, exps, keepDims(n, reduceSum(n, exps, axes), axes)};
}

static FailureOr<Value> softmax(Node &n, Value x, ArrayRef<int64_t> axes) {
  auto e = exponentials(n, x, axes);
  if (failed(e))
    return failure();
  return n.elementwise({e->exps, e->sum}, getElementTypeOrSelf(x.getType()),
                       [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         return Scalar(b, v[0]) / Scalar(b, v[1]);
                       });
}

FailureOr<Value> dlc::legalize::logSoftmax(Node &n, Value x, ArrayRef<int64_t> axes) {
  auto e = exponentials(n, x, axes);
  if (failed(e))
    return failure();
  return n.elementwise({e->centred, e->sum}, getElementTypeOrSelf(x.getType()),
                       [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         return Scalar(b, v[0]) - Scalar(b, v[1]).log();
                       });
}

enum class Soft { Max, LogMax, Hard };

/// Over one axis since opset 13; over all axes from `axis` on before.
static LogicalResult lowerSoft(Node &n, Soft kind) {
  bool flat = n.opset() < 13;
  auto axisAttr = n.i64("axis", flat ? 1 : -1);
  if (failed(axisAttr) || failed(n.requireTensors(1)))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element))
    return n.error("input 0 is not a floating-point tensor");
  if (n.rank(0) == 0)
    return n.error("input 0 is a scalar");
  auto axis = n.axis(*axisAttr, n.rank(0), /*end=*/flat);
  if (failed(axis))
    return failure();
  SmallVector<int64_t> axes{*axis};
  if (flat)
    axes = llvm::to_vector(llvm::seq<int64_t>(*axis, n.rank(0)));
  Type acc = accumulator(element, n.b);
  Value x = n.cast(n.in(0), acc);
  if (kind == Soft::Hard) {
    // 1 at the first largest element in row-major order of the axes.
    SmallVector<OpFoldResult> sizes = n.sizes(x);
    OpFoldResult outer = n.b.getIndexAttr(1), inner = outer;
    Value line = x;
    int64_t axisInLine = axes[0];
    if (flat) {
      for (int64_t d = 0; d < n.rank(0); ++d)
        (d < *axis ? outer : inner) =
            n.mul(d < *axis ? outer : inner, sizes[d]);
      line = n.reshape(x, {outer, inner});
      axisInLine = 1;
    }
    Value best = bestIndex(n, line, axisInLine, /*max=*/true, /*last=*/false);
    Value result = n.generate(n.sizes(line), element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
      SmallVector<Value> kept(at.begin(), at.end());
      kept.erase(kept.begin() + axisInLine);
      Value where = arith::IndexCastOp::create(b, b.getIndexType(), extract(b, best, kept));
      Value hit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, at[axisInLine], where);
      return arith::UIToFPOp::create(b, element, hit);
    });
    n.set(0, flat ? n.reshape(result, sizes) : result);
    return success();
  }
  auto result = kind == Soft::Max ? softmax(n, x, axes) : logSoftmax(n, x, axes);
  if (failed(result))
    return failure();
  n.set(0, n.cast(*result, element));
  return success();
}
static LogicalResult lowerSoftmax(Node &n) { return lowerSoft(n, Soft::Max); }
static LogicalResult lowerLogSoftmax(Node &n) {
  return lowerSoft(n, Soft::LogMax);
}
static LogicalResult lowerHardmax(Node &n) { return lowerSoft(n, Soft::Hard); }

void dlc::legalize::addReduce(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "floats", numbers = "numbers";
  auto add = [&](llvm::StringLiteral name, llvm::StringLiteral dtypes,
                 LowerFn fn) {
    table.push_back({"", name, 1, kLatest, dtypes, fn});
  };
  add("ReduceSum", numbers, lowerReduceSum);
  add("ReduceMean", numbers, lowerReduceMean);
  add("ReduceProd", numbers, lowerReduceProd);
  add("ReduceMax", "numbers, bool", lowerReduceMax);
  add("ReduceMin", "numbers, bool", lowerReduceMin);
  add("ReduceL1", numbers, lowerReduceL1);
  add("ReduceL2", floats, lowerReduceL2);
  add("ReduceSumSquare", numbers, lowerReduceSumSquare);
  add("ReduceLogSum", floats, lowerReduceLogSum);
  add("ReduceLogSumExp", floats, lowerReduceLogSumExp);
  add("ArgMax", numbers, lowerArgMax);
  add("ArgMin", numbers, lowerArgMin);
  add("Softmax", floats, lowerSoftmax);
  add("LogSoftmax", floats, lowerLogSoftmax);
  add("Hardmax", floats, lowerHardmax);
}
