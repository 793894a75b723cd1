// This file lowers elementwise operators of one input: math and activations.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

/// What input 0 may be.
enum class Accepts { Floats, SignedOrFloat, Numbers };

/// Checks input 0 and its element type.
static LogicalResult checkInput(Node &n, Accepts accepts) {
  if (failed(n.requireTensors(1)))
    return failure();
  Type t = n.elementType(0);
  bool ok = isa<FloatType>(t) ||
            (accepts != Accepts::Floats && isa<IntegerType>(t) && !t.isInteger(1));
  if (!ok)
    return n.error("input 0 has element type that the operator does not take");
  return success();
}

/// Maps `fn` over input 0.
template <typename Fn>
static LogicalResult unary(Node &n, Accepts accepts, Fn fn, Type result = Type()) {
  if (failed(checkInput(n, accepts)))
    return failure();
  Type element = n.elementType(0);
  n.set(0, n.map(n.in(0), result ? result : element,
                 [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                   return fn(Scalar(b, v[0]));
                 }));
  return success();
}

template <typename Op> static LogicalResult lowerMath(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) { return x.math<Op>(); });
}

static LogicalResult lowerAbs(Node &n) {
  bool isUnsigned = n.has(0) && dlc::legalize::isUnsigned(n.in(0).getType());
  return unary(n, Accepts::Numbers,
               [&](Scalar x) { return isUnsigned ? x : x.abs(); });
}
static LogicalResult lowerNeg(Node &n) {
  return unary(n, Accepts::Numbers, [](Scalar x) { return -x; });
}
static LogicalResult lowerReciprocal(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) { return 1.0 / x; });
}
static LogicalResult lowerSign(Node &n) {
  bool isUnsigned = n.has(0) && dlc::legalize::isUnsigned(n.in(0).getType());
  return unary(n, Accepts::Numbers, [&](Scalar x) {
    Scalar zero = x.constant(0), one = x.constant(1);
    Scalar positive = x.gt(zero, isUnsigned).select(one, zero);
    if (isUnsigned)
      return positive;
    // NaN stays NaN only if no comparison holds: x * 0 + ... is not needed,
    // ONNX leaves it open; numpy gives NaN.
    Scalar result = x.lt(zero).select(x.constant(-1), positive);
    return x.isFloat() ? x.isNan().select(x, result) : result;
  });
}
static LogicalResult lowerIsNaN(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) { return x.isNan(); },
               n.b.getI1Type());
}
static LogicalResult lowerIsInf(Node &n) {
  auto negative = n.i64("detect_negative", 1), positive = n.i64("detect_positive", 1);
  if (failed(negative) || failed(positive))
    return failure();
  if (failed(checkInput(n, Accepts::Floats)))
    return failure();
  auto type = cast<FloatType>(n.elementType(0));
  n.set(0, n.map(n.in(0), n.b.getI1Type(),
                 [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                   Value hit = arith::ConstantOp::create(b, b.getBoolAttr(false));
                   for (bool minus : {false, true}) {
                     if (!(minus ? *negative : *positive))
                       continue;
                     auto inf = APFloat::getInf(type.getFloatSemantics(), minus);
                     Value c = arith::ConstantOp::create(b, FloatAttr::get(type, inf));
                     Value eq = arith::CmpFOp::create(
                         b, arith::CmpFPredicate::OEQ, v[0], c);
                     hit = arith::OrIOp::create(b, hit, eq);
                   }
                   return hit;
                 }));
  return success();
}

//===--- activations ------------------------------------------------------===//

static LogicalResult lowerRelu(Node &n) {
  return unary(n, Accepts::Numbers, [](Scalar x) { return x.atLeast(x.constant(0)); });
}
static LogicalResult lowerSigmoid(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) { return x.sigmoid(); });
}
static LogicalResult lowerLeakyRelu(Node &n) {
  auto alpha = n.f32("alpha", 0.01);
  if (failed(alpha))
    return failure();
  return unary(n, Accepts::Floats, [&](Scalar x) {
    return x.lt(x.constant(0)).select(x * *alpha, x);
  });
}
static LogicalResult lowerElu(Node &n) {
  auto alpha = n.f32("alpha", 1.0);
  if (failed(alpha))
    return failure();
  return unary(n, Accepts::Floats, [&](Scalar x) {
    return x.lt(x.constant(0)).select((x.exp() - 1.0) * *alpha, x);
  });
}
static LogicalResult lowerSelu(Node &n) {
  // Opset 1 has shorter default constants.
  auto alpha = n.f32("alpha", n.opset() < 6 ? 1.6732 : 1.67326319217681884765625);
  auto gamma = n.f32("gamma", n.opset() < 6 ? 1.0507 : 1.05070102214813232421875);
  if (failed(alpha) || failed(gamma))
    return failure();
  return unary(n, Accepts::Floats, [&](Scalar x) {
    return x.le(x.constant(0)).select(x.exp() * *alpha - *alpha, x) * *gamma;
  });
}
static LogicalResult lowerCelu(Node &n) {
  auto alpha = n.f32("alpha", 1.0);
  if (failed(alpha))
    return failure();
  if (*alpha == 0.0)
    return n.error("attribute 'alpha' is 0");
  return unary(n, Accepts::Floats, [&](Scalar x) {
    Scalar zero = x.constant(0);
    return x.atLeast(zero) + zero.atMost(((x / *alpha).exp() - 1.0) * *alpha);
  });
}
static LogicalResult lowerHardSigmoid(Node &n) {
  auto alpha = n.f32("alpha", 0.2), beta = n.f32("beta", 0.5);
  if (failed(alpha) || failed(beta))
    return failure();
  return unary(n, Accepts::Floats, [&](Scalar x) {
    return (x * *alpha + *beta).atMost(x.constant(1)).atLeast(x.constant(0));
  });
}
static LogicalResult lowerHardSwish(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) {
    return x * (x / 6.0 + 0.5).atMost(x.constant(1)).atLeast(x.constant(0));
  });
}
static LogicalResult lowerSoftplus(Node &n) {
  // max(x, 0) + log(1 + exp(-|x|)): no overflow for large x.
  return unary(n, Accepts::Floats, [](Scalar x) {
    return x.atLeast(x.constant(0)) + (-x.abs()).exp().log1p();
  });
}
static LogicalResult lowerSoftsign(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) { return x / (x.abs() + 1.0); });
}
static LogicalResult lowerThresholdedRelu(Node &n) {
  auto alpha = n.f32("alpha", 1.0);
  if (failed(alpha))
    return failure();
  return unary(n, Accepts::Floats, [&](Scalar x) {
    return x.gt(x.constant(*alpha)).select(x, x.constant(0));
  });
}
static LogicalResult lowerGelu(Node &n) {
  auto approximate = n.str("approximate", "none");
  if (failed(approximate))
    return failure();
  if (*approximate != "none" && *approximate != "tanh")
    return n.error("attribute 'approximate' is '" + *approximate +
                   "', expected none or tanh");
  return unary(n, Accepts::Floats, [&](Scalar x) {
    if (*approximate == "none")
      return x * 0.5 * ((x * 0.70710678118654752440).erf() + 1.0);
    Scalar inner = (x + x * x * x * 0.044715) * 0.79788456080286535588;
    return x * 0.5 * (inner.tanh() + 1.0);
  });
}
static LogicalResult lowerMish(Node &n) {
  return unary(n, Accepts::Floats, [](Scalar x) {
    Scalar softplus = x.atLeast(x.constant(0)) + (-x.abs()).exp().log1p();
    return x * softplus.tanh();
  });
}
static LogicalResult lowerSwish(Node &n) {
  auto alpha = n.f32("alpha", 1.0);
  if (failed(alpha))
    return failure();
  return unary(n, Accepts::Floats,
               [&](Scalar x) { return x * (x * *alpha).sigmoid(); });
}
static LogicalResult lowerShrink(Node &n) {
  auto lambd = n.f32("lambd", 0.5), bias = n.f32("bias", 0.0);
  if (failed(lambd) || failed(bias))
    return failure();
  // Integers are compared as floats, as lambd is one.
  if (failed(checkInput(n, Accepts::Numbers)))
    return failure();
  Type element = n.elementType(0);
  n.set(0, n.map(n.in(0), element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Type wide = isa<FloatType>(element) ? element : Type(b.getF32Type());
    Scalar x(b, Node::castScalar(b, v[0], element, wide));
    Scalar low = x.lt(x.constant(-*lambd)).select(x + *bias, x.constant(0));
    Scalar out = x.gt(x.constant(*lambd)).select(x - *bias, low);
    return Node::castScalar(b, out, wide, element);
  }));
  return success();
}
static LogicalResult lowerPRelu(Node &n) {
  if (failed(n.requireTensors(2)) || failed(checkInput(n, Accepts::Numbers)))
    return failure();
  Type element = n.elementType(0);
  if (n.elementType(1) != element)
    return n.error("slope has another element type than the input");
  Value slope = n.in(1);
  // Before opset 7 the slope has one element per channel.
  if (n.opset() < 7 && n.rank(1) == 1 && n.rank(0) > 2 && n.type(1).getDimSize(0) != 1)
    slope = n.expandDims(slope, llvm::to_vector(llvm::seq<int64_t>(1, n.rank(0) - 1)));
  bool isUnsigned = dlc::legalize::isUnsigned(element);
  auto result = n.elementwise(
      {n.in(0), slope}, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Scalar x(b, v[0]), s(b, v[1]);
        if (isUnsigned)
          return x;
        return x.lt(x.constant(0)).select(x * s, x);
      });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Clip: bounds are attributes before opset 11, inputs after.
static LogicalResult lowerClip(Node &n) {
  if (failed(checkInput(n, Accepts::Numbers)))
    return failure();
  Type element = n.elementType(0);
  bool isUnsigned = dlc::legalize::isUnsigned(element);
  if (n.opset() < 11) {
    auto lo = n.f32("min", -3.402823e+38), hi = n.f32("max", 3.402823e+38);
    if (failed(lo) || failed(hi))
      return failure();
    return unary(n, Accepts::Floats, [&](Scalar x) {
      return x.atLeast(x.constant(*lo)).atMost(x.constant(*hi));
    });
  }
  SmallVector<Value> values{n.in(0)};
  for (unsigned i : {1u, 2u})
    if (n.has(i)) {
      if (n.elementType(i) != element || n.type(i).getNumElements() != 1)
        return n.error("bounds must be scalars of the input's element type");
      values.push_back(n.rank(i) ? n.reshape(n.in(i), {}) : n.in(i));
    }
  bool hasMin = n.has(1);
  auto result = n.elementwise(values, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar x(b, v[0]);
    unsigned next = 1;
    if (hasMin)
      x = x.atLeast(Scalar(b, v[next++]), isUnsigned);
    if (next < v.size())
      x = x.atMost(Scalar(b, v[next]), isUnsigned);
    return x;
  });
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

static LogicalResult lowerNot(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (!n.elementType(0).isInteger(1))
    return n.error("input 0 is not a bool tensor");
  n.set(0, n.map(n.in(0), n.b.getI1Type(), [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Value one = arith::ConstantOp::create(b, b.getBoolAttr(true));
    return arith::XOrIOp::create(b, v[0], one);
  }));
  return success();
}
static LogicalResult lowerBitwiseNot(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (!isa<IntegerType>(n.elementType(0)))
    return n.error("input 0 is not an integer tensor");
  return unary(n, Accepts::Numbers, [](Scalar x) {
    return x.constant(-1) - x; // two's complement
  });
}

void dlc::legalize::addUnary(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "floats", numbers = "numbers";
  auto add = [&](llvm::StringLiteral name, int since, llvm::StringLiteral dtypes,
                 LowerFn fn) { table.push_back({"", name, since, kLatest, dtypes, fn}); };
  add("Abs", 1, numbers, lowerAbs);
  add("Neg", 1, numbers, lowerNeg);
  add("Reciprocal", 1, floats, lowerReciprocal);
  add("Sign", 9, numbers, lowerSign);
  add("IsNaN", 9, floats, lowerIsNaN);
  add("IsInf", 10, floats, lowerIsInf);
  add("Sqrt", 1, floats, lowerMath<math::SqrtOp>);
  add("Exp", 1, floats, lowerMath<math::ExpOp>);
  add("Log", 1, floats, lowerMath<math::LogOp>);
  add("Sin", 7, floats, lowerMath<math::SinOp>);
  add("Cos", 7, floats, lowerMath<math::CosOp>);
  add("Tan", 7, floats, lowerMath<math::TanOp>);
  add("Asin", 7, floats, lowerMath<math::AsinOp>);
  add("Acos", 7, floats, lowerMath<math::AcosOp>);
  add("Atan", 7, floats, lowerMath<math::AtanOp>);
  add("Sinh", 9, floats, lowerMath<math::SinhOp>);
  add("Cosh", 9, floats, lowerMath<math::CoshOp>);
  add("Tanh", 1, floats, lowerMath<math::TanhOp>);
  add("Asinh", 9, floats, lowerMath<math::AsinhOp>);
  add("Acosh", 9, floats, lowerMath<math::AcoshOp>);
  add("Atanh", 9, floats, lowerMath<math::AtanhOp>);
  add("Erf", 9, floats, lowerMath<math::ErfOp>);
  add("Ceil", 1, floats, lowerMath<math::CeilOp>);
  add("Floor", 1, floats, lowerMath<math::FloorOp>);
  add("Round", 11, floats, lowerMath<math::RoundEvenOp>);
  add("Relu", 1, numbers, lowerRelu);
  add("Sigmoid", 1, floats, lowerSigmoid);
  add("LeakyRelu", 1, floats, lowerLeakyRelu);
  add("Elu", 1, floats, lowerElu);
  add("Selu", 1, floats, lowerSelu);
  add("Celu", 12, floats, lowerCelu);
  add("HardSigmoid", 1, floats, lowerHardSigmoid);
  add("HardSwish", 14, floats, lowerHardSwish);
  add("Softplus", 1, floats, lowerSoftplus);
  add("Softsign", 1, floats, lowerSoftsign);
  add("ThresholdedRelu", 10, floats, lowerThresholdedRelu);
  add("Gelu", 20, floats, lowerGelu);
  add("Mish", 18, floats, lowerMish);
  add("Swish", 24, floats, lowerSwish);
  add("Shrink", 9, numbers, lowerShrink);
  add("PRelu", 1, numbers, lowerPRelu);
  add("Clip", 1, numbers, lowerClip);
  add("Not", 1, "bool", lowerNot);
  add("BitwiseNot", 18, "integers", lowerBitwiseNot);
}
