// This file takes zero points out of integer products: the weights' at compile
// time, the input's as an addend of each output channel.
#include "passes/legalize/Narrow.h"

#include "passes/evaluate/Evaluator.h"

using namespace mlir;
using namespace dlc::legalize;

static SmallVector<int64_t> integers(DenseElementsAttr attr) {
  bool isUnsigned = attr.getElementType().isUnsignedInteger();
  SmallVector<int64_t> result;
  for (const APInt &v : attr.getValues<APInt>())
    result.push_back(isUnsigned ? v.getZExtValue() : v.getSExtValue());
  return result;
}

FailureOr<std::optional<NarrowProduct>> dlc::legalize::narrowProduct(Node &n, unsigned zero,
                                                                     int64_t channel) {
  std::optional<NarrowProduct> none;
  auto weights = n.constant(1);
  if (!weights || (n.has(zero) && (!isa<RankedTensorType>(n.in(zero).getType()) ||
                                   n.elementType(zero) != n.elementType(0) ||
                                   !n.type(zero).hasStaticShape() ||
                                   n.type(zero).getNumElements() != 1)))
    return none;
  int64_t outputs = n.shape(1)[channel], inner = 1;
  for (int64_t d : n.shape(1).drop_front(channel + 1))
    inner *= d;
  SmallVector<int64_t> zeros(1, 0);
  if (n.has(zero + 1)) {
    auto known = n.constant(zero + 1);
    if (!known || known->getElementType() != n.elementType(1) ||
        (known->getNumElements() != 1 && known->getNumElements() != outputs))
      return none;
    zeros = integers(*known);
  }
  // Weights without zero points, and their sums.
  SmallVector<int64_t> w = integers(*weights);
  SmallVector<int32_t> sums(outputs, 0);
  int64_t most = 0;
  for (auto [i, v] : llvm::enumerate(w)) {
    int64_t o = static_cast<int64_t>(i) / inner % outputs;
    v -= zeros[zeros.size() == 1 ? 0 : o];
    sums[o] += v;
    most = std::max(most, v < 0 ? -v - 1 : v);
  }
  unsigned width = most < 128 ? 8 : 16;
  SmallVector<APInt> elements;
  for (int64_t v : w)
    elements.push_back(APInt(width, v, /*isSigned=*/true));
  NarrowProduct p;
  p.weights = n.constantTensor(DenseElementsAttr::get(
      RankedTensorType::get(n.shape(1), n.b.getIntegerType(width)), elements));

  // The input: uint8 as int8, which keeps differences.
  Type from = n.elementType(0), i8 = n.b.getI8Type(), i32 = n.b.getI32Type();
  bool flips = isUnsigned(from);
  auto flipped = [&](ImplicitLocOpBuilder &b, Value v) -> Value {
    Value mask = arith::ConstantOp::create(b, b.getI8IntegerAttr(-128));
    return flips ? arith::XOrIOp::create(b, v, mask).getResult() : v;
  };
  p.values = n.in(0);
  if (flips)
    p.values = n.map({n.in(0)}, i8, [&](ImplicitLocOpBuilder &b, ValueRange v) {
      return flipped(b, v[0]);
    });
  if (n.has(zero)) {
    Value scalar = n.reshape(n.in(zero), {});
    p.zeroPoint = flipped(n.b, extract(n.b, scalar, {}));
  } else {
    p.zeroPoint = arith::ConstantOp::create(n.b, n.b.getI8IntegerAttr(flips ? -128 : 0));
  }
  IntegerAttr known;
  if (matchPattern(p.zeroPoint, m_Constant(&known)) && known.getValue().isZero())
    return std::optional(p);
  Value total = n.constantTensor(
      DenseElementsAttr::get(RankedTensorType::get({outputs}, i32), ArrayRef<int32_t>(sums)));
  Value z = arith::ExtSIOp::create(n.b, i32, p.zeroPoint);
  p.correction = n.map({total}, i32, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    return arith::SubIOp::create(b, none, arith::MulIOp::create(b, v[0], z));
  });
  p.correction = dlc::foldValue(n.b, p.correction);
  return std::optional(p);
}
