// This file lowers the optimizers of ai.onnx.preview.training: Adagrad, Adam, Momentum.
#include "passes/legalize/Families.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Inputs R and T, then groups of as many tensors as are trained: X, G and states.
struct Optimizer {
  unsigned count = 0, states = 0;
  Value input(Node &n, unsigned group, unsigned i) const { return n.in(2 + group * count + i); }
};

FailureOr<Optimizer> readOptimizer(Node &n, unsigned states) {
  unsigned groups = 2 + states;
  if (n.numInputs() < 2 + groups || (n.numInputs() - 2) % groups != 0) {
    (void)n.error("has " + Twine(n.numInputs()) + " inputs, expected 2 and a multiple of " + Twine(groups));
    return failure();
  }
  if (failed(n.requireTensors(n.numInputs())))
    return failure();
  Optimizer result{(n.numInputs() - 2) / groups, states};
  for (unsigned i : {0u, 1u})
    if (!n.type(i).hasStaticShape() || n.type(i).getNumElements() != 1) {
      (void)n.error("input " + Twine(i) + " is not one number");
      return failure();
    }
  if (!isa<FloatType>(n.elementType(0)) || !n.elementType(1).isInteger(64)) {
    (void)n.error("the learning rate must be a float and the count an int64");
    return failure();
  }
  for (unsigned i = 0; i < result.count; ++i)
    for (unsigned g = 0; g < groups; ++g) {
      auto first = cast<RankedTensorType>(result.input(n, 0, i).getType());
      if (result.input(n, g, i).getType() != first || !isa<FloatType>(first.getElementType())) {
        (void)n.error("tensor " + Twine(i) + ", its gradient and its states must be floats of one shape");
        return failure();
      }
    }
  return result;
}

Value scalarOf(Node &n, unsigned i) {
  return extract(n.b, n.in(i), SmallVector<Value>(n.rank(i), n.index(0)));
}

/// The learning rate and the count of updates, as numbers of `element`.
Value rate(Node &n, Type element) {
  return Node::castScalar(n.b, scalarOf(n, 0), n.elementType(0), element);
}
Value updates(Node &n, Type element) {
  return Node::castScalar(n.b, scalarOf(n, 1), n.elementType(1), element);
}
Value isFirst(Node &n) {
  return arith::CmpIOp::create(n.b, arith::CmpIPredicate::sle, scalarOf(n, 1),
                               n.scalarInt(n.b.getI64Type(), 0));
}
} // namespace

static LogicalResult lowerAdagrad(Node &n) {
  auto o = readOptimizer(n, 1);
  auto norm = n.f32("norm_coefficient", 0), decay = n.f32("decay_factor", 0), epsilon = n.f32("epsilon", 0);
  if (failed(o) || failed(norm) || failed(decay) || failed(epsilon))
    return failure();
  for (unsigned i = 0; i < o->count; ++i) {
    Value x = o->input(n, 0, i), g = o->input(n, 1, i), h = o->input(n, 2, i);
    Type element = getElementTypeOrSelf(x.getType());
    Scalar count(n.b, updates(n, element));
    Value step = Scalar(n.b, rate(n, element)) / (count * *decay + 1.0);
    auto gradient = [&](ImplicitLocOpBuilder &b, Value x, Value g) {
      return Scalar(b, x) * *norm + Scalar(b, g);
    };
    Value squares = n.map({x, g, h}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar d = gradient(b, v[0], v[1]);
      return Scalar(b, v[2]) + d * d;
    });
    n.set(i, n.map({x, g, squares}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar d = gradient(b, v[0], v[1]);
      return Scalar(b, v[0]) - Scalar(b, step) * d / (Scalar(b, v[2]).sqrt() + *epsilon);
    }));
    n.set(o->count + i, squares);
  }
  return success();
}

static LogicalResult lowerAdam(Node &n) {
  auto o = readOptimizer(n, 2);
  auto alpha = n.f32("alpha", 0.9f), beta = n.f32("beta", 0.999f), epsilon = n.f32("epsilon", 0);
  auto norm = n.f32("norm_coefficient", 0), post = n.f32("norm_coefficient_post", 0);
  if (failed(o) || failed(alpha) || failed(beta) || failed(epsilon) || failed(norm) || failed(post))
    return failure();
  for (unsigned i = 0; i < o->count; ++i) {
    Value x = o->input(n, 0, i), g = o->input(n, 1, i), v0 = o->input(n, 2, i), h0 = o->input(n, 3, i);
    Type element = getElementTypeOrSelf(x.getType());
    // The means start at 0: the first steps are corrected for it.
    Scalar r(n.b, rate(n, element)), t(n.b, updates(n, element));
    auto power = [&](double base) {
      return t.wrap(math::PowFOp::create(n.b, t.constant(base), t));
    };
    Scalar corrected = r * (1.0 - power(*beta)).sqrt() / (1.0 - power(*alpha));
    Value step = arith::SelectOp::create(n.b, isFirst(n), r, corrected);
    auto gradient = [&](ImplicitLocOpBuilder &b, Value x, Value g) {
      return Scalar(b, x) * *norm + Scalar(b, g);
    };
    Value mean = n.map({x, g, v0}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      return Scalar(b, v[2]) * *alpha + gradient(b, v[0], v[1]) * (1.0 - *alpha);
    });
    Value squares = n.map({x, g, h0}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar d = gradient(b, v[0], v[1]);
      return Scalar(b, v[2]) * *beta + d * d * (1.0 - *beta);
    });
    n.set(i, n.map({x, mean, squares}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar moved = Scalar(b, v[0]) - Scalar(b, step) * Scalar(b, v[1]) / (Scalar(b, v[2]).sqrt() + *epsilon);
      return moved * (1.0 - *post);
    }));
    n.set(o->count + i, mean);
    n.set(2 * o->count + i, squares);
  }
  return success();
}

static LogicalResult lowerMomentum(Node &n) {
  auto o = readOptimizer(n, 1);
  auto alpha = n.f32("alpha"), beta = n.f32("beta"), norm = n.f32("norm_coefficient");
  auto mode = n.str("mode");
  if (failed(o) || failed(alpha) || failed(beta) || failed(norm) || failed(mode))
    return failure();
  if (*mode != "standard" && *mode != "nesterov")
    return n.error("mode is '" + Twine(*mode) + "', expected standard or nesterov");
  for (unsigned i = 0; i < o->count; ++i) {
    Value x = o->input(n, 0, i), g = o->input(n, 1, i), v0 = o->input(n, 2, i);
    Type element = getElementTypeOrSelf(x.getType());
    Scalar r(n.b, rate(n, element));
    Value step = r, share = arith::SelectOp::create(n.b, isFirst(n), r.constant(1), r.constant(*beta));
    auto gradient = [&](ImplicitLocOpBuilder &b, Value x, Value g) {
      return Scalar(b, x) * *norm + Scalar(b, g);
    };
    Value velocity = n.map({x, g, v0}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      return Scalar(b, v[2]) * *alpha + gradient(b, v[0], v[1]) * Scalar(b, share);
    });
    n.set(i, n.map({x, g, velocity}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar move(b, v[2]);
      if (*mode == "nesterov")
        move = gradient(b, v[0], v[1]) + move * *alpha;
      return Scalar(b, v[0]) - Scalar(b, step) * move;
    }));
    n.set(o->count + i, velocity);
  }
  return success();
}

void dlc::legalize::addTraining(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral domain = "ai.onnx.preview.training", floats = "float32, float64";
  table.push_back({domain, "Adagrad", 1, kLatest, floats, lowerAdagrad});
  table.push_back({domain, "Adam", 1, kLatest, floats, lowerAdam});
  table.push_back({domain, "Momentum", 1, kLatest, floats, lowerMomentum});
}
