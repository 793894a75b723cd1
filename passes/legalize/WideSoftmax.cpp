// This file lowers Softmax of 16-bit tensors as integers: exponentials are products of two
// from tables, and one division a row.
#include "passes/legalize/Tflite.h"

#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"
#include "passes/quantize/Emit.h"

#include <cmath>

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// Fraction bits of exponentials: e^0 is 2^31.
constexpr int kBits = 31;
/// Distances below the largest element are an upper and a lower part of so many bits.
constexpr int kLower = 8;
} // namespace

Value dlc::legalize::wideSoftmax(Node &n, const Format &out) {
  auto dq = n.has(0) ? n.in(0).getDefiningOp<nn::DequantizeOp>() : nn::DequantizeOp();
  auto axisAttr = n.i64("axis", n.opset() < 13 ? 1 : -1);
  if (!dq || !dq.isPerTensor() || getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth() != 16)
    return {};
  int64_t rank = n.rank(0);
  if (failed(axisAttr) || rank == 0 || prefersFloats(n.op))
    return {};
  int64_t axis = *axisAttr < 0 ? *axisAttr + rank : *axisAttr;
  if (axis < 0 || axis >= rank || (n.opset() < 13 && axis != rank - 1))
    return {};
  // Result steps in 1: q = e / sum * steps + zero.
  double steps = 1 / static_cast<double>(out.scale), scale = static_cast<float>(dq.getScales()[0]);
  if (!(steps > 1e-6 && steps < 0x1p24))
    return {};
  int shift = 61 - std::max(std::ilogb(steps) + 1, 0);
  int64_t whole = std::llround(std::ldexp(steps, shift));

  // exp(-(256 a + b) s): first all b, then a until nothing is left; farther ones share the
  // last, which is 0.
  SmallVector<int32_t> values;
  auto add = [&](double distance) {
    auto e = std::llround(std::ldexp(std::exp(-distance * scale), kBits));
    values.push_back(static_cast<int32_t>(static_cast<uint32_t>(e)));
    return e;
  };
  for (int b = 0; b < 1 << kLower; ++b)
    add(b);
  int64_t last = 0;
  while (add(static_cast<double>(last) * (1 << kLower)) != 0 && last < (1 << (16 - kLower)) - 1)
    ++last;
  ImplicitLocOpBuilder &b = n.b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value exps = n.constantTensor(DenseElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(values.size())}, i32), ArrayRef<int32_t>(values)));
  bool isUnsigned = dq.isUnsigned();
  auto exponential = [&](ImplicitLocOpBuilder &ib, Value v, Value max) -> Value {
    quantize::Emit e(ib);
    auto at = [&](Value i) -> Value {
      Value place = arith::IndexCastUIOp::create(ib, ib.getIndexType(), i);
      return arith::ExtUIOp::create(ib, i64, extract(ib, exps, place));
    };
    Value distance = e.sub(e.extended(max, isUnsigned), e.extended(v, isUnsigned));
    Value lower = arith::AndIOp::create(ib, distance, e.constant((1 << kLower) - 1));
    Value upper = arith::ShRUIOp::create(ib, distance, e.constant(kLower));
    upper = arith::MinUIOp::create(ib, upper, e.constant(last));
    Value product = arith::MulIOp::create(ib, at(lower), at(e.add(upper, 1 << kLower)));
    return arith::ShRUIOp::create(ib, product, arith::ConstantOp::create(ib, ib.getI64IntegerAttr(kBits)));
  };
  auto quotient = [](ImplicitLocOpBuilder &ib, Value x, Value y) -> Value {
    return arith::DivUIOp::create(ib, x, y);
  };
  return softmaxOfExponentials(n, dq, axis, whole, shift, out, exponential, quotient);
}
