// This file lowers BatchNormalization of all opsets.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
struct Normalization {
  double epsilon;
  Type sum; ///< statistics are computed in this type (f32 for half precision)
};
} // namespace

/// Applies scale, bias, mean and variance, one element for each channel (or,
/// with spatial=0, for each cell): y = x * a + c, a = scale / sqrt(var + eps),
/// c = bias - mean * a. With constants, a and c are known at compile time.
static LogicalResult normalize(Node &n, Value mean, Value var,
                               Normalization how) {
  Type element = n.elementType(0);
  auto wide = [&](ImplicitLocOpBuilder &b, Value v) {
    return Node::castScalar(b, v, v.getType(), how.sum);
  };
  Value factor =
      n.map({n.in(1), var}, how.sum,
            [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
              Value eps = arith::ConstantOp::create(
                  b, b.getFloatAttr(how.sum, how.epsilon));
              Value deviation = math::SqrtOp::create(
                  b, arith::AddFOp::create(b, wide(b, v[1]), eps));
              return arith::DivFOp::create(b, wide(b, v[0]), deviation);
            });
  Value offset = n.map({n.in(2), mean, factor}, how.sum,
                       [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         Value shift =
                             arith::MulFOp::create(b, wide(b, v[1]), v[2]);
                         return arith::SubFOp::create(b, wide(b, v[0]), shift);
                       });
  int64_t rank = n.rank(0), own = n.rank(1);
  SmallVector<int64_t> trailing;
  for (int64_t d = 0; d < rank - 1 - own; ++d)
    trailing.push_back(own + d);
  // [C] lines up with dimension 1.
  if (!trailing.empty()) {
    factor = n.expandDims(factor, trailing);
    offset = n.expandDims(offset, trailing);
  }
  auto result =
      n.elementwise({n.in(0), factor, offset}, element,
                    [&](ImplicitLocOpBuilder &b, ValueRange v) {
                      Value scaled =
                          arith::MulFOp::create(b, wide(b, v[0]), v[1]);
                      Value y = arith::AddFOp::create(b, scaled, v[2]);
                      return Node::castScalar(b, y, how.sum, element);
                    });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Mean and (population) variance of input 0 over all but the channels.
static std::pair<Value, Value> statistics(Node &n, Type sum) {
  SmallVector<int64_t> axes = {0};
  for (int64_t d = 2; d < n.rank(0); ++d)
    axes.push_back(d);
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  sizes.erase(sizes.begin() + 1);
  Value count = arith::SIToFPOp::create(
      n.b, sum,
      arith::IndexCastOp::create(n.b, n.b.getI64Type(),
                                 n.index(n.product(sizes))));
  Type element = n.elementType(0);
  auto divide = [&](Value v) {
    return n.map(v, sum, [&](ImplicitLocOpBuilder &b, ValueRange x) -> Value {
      return arith::DivFOp::create(b, x[0], count);
    });
  };
  auto add = [&](ImplicitLocOpBuilder &b, Value x, Value acc) -> Value {
    return arith::AddFOp::create(b, acc, x);
  };
  Value wide = element == sum ? n.in(0) : n.cast(n.in(0), sum);
  Value mean = divide(n.reduce(wide, axes, n.scalar(sum, 0), add));
  SmallVector<int64_t> ones;
  for (int64_t d = 2; d < n.rank(0); ++d)
    ones.push_back(d - 1);
  auto squares =
      n.elementwise({wide, n.expandDims(mean, ones)}, sum,
                    [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                      Value d = arith::SubFOp::create(b, v[0], v[1]);
                      return arith::MulFOp::create(b, d, d);
                    });
  if (failed(squares))
    return {};
  return {mean, divide(n.reduce(*squares, axes, n.scalar(sum, 0), add))};
}

static LogicalResult lowerBatchNormalization(Node &n) {
  if (failed(n.requireTensors(5)))
    return failure();
  auto epsilon = n.f32("epsilon", 1e-5), momentum = n.f32("momentum", 0.9);
  auto training = n.i64("training_mode", 0), spatial = n.i64("spatial", 1);
  if (failed(epsilon) || failed(momentum) || failed(training) ||
      failed(spatial))
    return failure();
  auto element = dyn_cast<FloatType>(n.elementType(0));
  if (!element)
    return n.error("input is not of a float type");
  if (n.rank(0) < 2)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected 2 or more");
  bool cells = n.opset() < 9 && *spatial == 0;
  int64_t rank = cells ? n.rank(0) - 1 : 1;
  for (unsigned i = 1; i < 5; ++i) {
    if (!isa<FloatType>(n.elementType(i)))
      return n.error("input " + Twine(i) + " is not of a float type");
    if (n.rank(i) != rank)
      return n.error("input " + Twine(i) + " has rank " + Twine(n.rank(i)) +
                     ", expected " + Twine(rank));
    for (int64_t d = 0; d < rank; ++d) {
      int64_t mine = n.shape(i)[d], expected = n.shape(0)[d + 1];
      if (ShapedType::isDynamic(mine))
        return n.error("the shape of input " + Twine(i) +
                       " is not known at compile time");
      if (!ShapedType::isDynamic(expected) && mine != expected)
        return n.error("input " + Twine(i) + " has size " + Twine(mine) +
                       " in dimension " + Twine(d) + ", expected " +
                       Twine(expected));
    }
  }
  // Statistics may have another float type than the data (opset 14).
  Type sum = element.getWidth() < 32 ? n.b.getF32Type() : Type(element);
  for (unsigned i = 1; i < 5; ++i)
    if (n.elementType(i).getIntOrFloatBitWidth() > sum.getIntOrFloatBitWidth())
      sum = n.elementType(i);
  Normalization how{*epsilon, sum};
  if (n.opset() < 14) {
    for (unsigned i = 1; i < n.numOutputs(); ++i)
      if (n.wants(i))
        return n.error("training outputs are not supported before opset 14");
    return normalize(n, n.in(3), n.in(4), how);
  }
  if (!*training)
    return normalize(n, n.in(3), n.in(4), how);
  auto [mean, var] = statistics(n, sum);
  if (!mean)
    return failure();
  // running = running * momentum + current * (1 - momentum)
  auto running = [&](unsigned i, Value current) {
    Type type = n.elementType(i);
    return n.map(
        {n.in(i), current}, type,
        [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
          auto constant = [&](double x) -> Value {
            return arith::ConstantOp::create(b, b.getFloatAttr(sum, x));
          };
          Value old = arith::MulFOp::create(
              b, Node::castScalar(b, v[0], type, sum), constant(*momentum));
          Value now = arith::MulFOp::create(b, v[1], constant(1 - *momentum));
          return Node::castScalar(b, arith::AddFOp::create(b, old, now), sum,
                                  type);
        });
  };
  if (n.wants(1))
    n.set(1, running(3, mean));
  if (n.wants(2))
    n.set(2, running(4, var));
  return normalize(n, mean, var, how);
}

void dlc::legalize::addBatchNorm(std::vector<OpEntry> &table) {
  table.push_back({"", "BatchNormalization", 1, kLatest, "floats",
                   lowerBatchNormalization});
}
