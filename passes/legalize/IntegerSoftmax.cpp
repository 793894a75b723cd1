// This file lowers Softmax between quantized tensors as integers: a table of
// all exponentials, and one division a row.
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
} // namespace

bool dlc::legalize::prefersFloats(Operation *op) {
  dlc::rt::TargetAttr target = dlc::rt::targetOf(op);
  if (!target || !target.getFpuF32())
    return false;
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
  bool scalar = target.getVectorBits() == 0 || target.getIsa() == "mve";
  return !scalar || (optimize && optimize.getValue() == "size");
}

Value dlc::legalize::exactSoftmax(Node &n, const Format &out) {
  auto dq = n.has(0) ? n.in(0).getDefiningOp<nn::DequantizeOp>() : nn::DequantizeOp();
  auto axisAttr = n.i64("axis", n.opset() < 13 ? 1 : -1);
  if (!dq || !dq.isPerTensor() || getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth() != 8)
    return {};
  int64_t rank = n.rank(0);
  if (failed(axisAttr) || rank == 0 || prefersFloats(n.op))
    return {};
  int64_t axis = *axisAttr < 0 ? *axisAttr + rank : *axisAttr;
  if (axis < 0 || axis >= rank || (n.opset() < 13 && axis != rank - 1))
    return {};
  // Result steps in 1: q = e / sum * steps + zero.
  double steps = 1 / static_cast<double>(out.scale);
  if (!(steps > 1e-6 && steps < 0x1p24))
    return {};
  int shift = 61 - std::max(std::ilogb(steps) + 1, 0);
  int64_t whole = std::llround(std::ldexp(steps, shift));

  SmallVector<int32_t> values;
  for (int d = 0; d < 256; ++d)
    values.push_back(static_cast<int32_t>(static_cast<uint32_t>(
        std::llround(std::ldexp(std::exp(-d * dq.getScales()[0]), kBits)))));
  ImplicitLocOpBuilder &b = n.b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value exps = n.constantTensor(DenseElementsAttr::get(
      RankedTensorType::get({256}, i32), ArrayRef<int32_t>(values)));
  bool isUnsigned = dq.isUnsigned();
  Value x = dq.getInput();
  Value lowest = n.scalarInt(b.getI8Type(), static_cast<int64_t>(dq.getLo()));
  Value most = n.reduce(x, {axis}, lowest, [&](ImplicitLocOpBuilder &ib, Value v, Value acc) -> Value {
    return Scalar(ib, v).max(Scalar(ib, acc), isUnsigned);
  });
  auto exponential = [&](ImplicitLocOpBuilder &ib, Value v, Value max) -> Value {
    quantize::Emit e(ib);
    Value distance = e.sub(e.extended(max, isUnsigned), e.extended(v, isUnsigned));
    Value at = arith::IndexCastOp::create(ib, ib.getIndexType(), distance);
    return arith::ExtUIOp::create(ib, i64, extract(ib, exps, at));
  };
  auto number = [&](ImplicitLocOpBuilder &ib, int64_t v) -> Value {
    return arith::ConstantOp::create(ib, ib.getI64IntegerAttr(v));
  };
  SmallVector<OpFoldResult> rows = n.sizes(x);
  rows.erase(rows.begin() + axis);
  AffineMap all = b.getMultiDimIdentityMap(rank), row = all.dropResult(axis);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  loops[axis] = utils::IteratorType::reduction;
  Value zeros = n.fill(rows, n.scalarInt(i64, 0));
  Value sum = linalg::GenericOp::create(
                  b, zeros.getType(), ValueRange{x, most}, zeros,
                  ArrayRef<AffineMap>{all, row, row}, loops,
                  [&](OpBuilder &ob, Location loc, ValueRange v) {
                    ImplicitLocOpBuilder ib(loc, ob);
                    Value one = exponential(ib, toSignless(ib, v[0]), toSignless(ib, v[1]));
                    linalg::YieldOp::create(ib, arith::AddIOp::create(ib, one, v[2]).getResult());
                  })
                  .getResult(0);
  // steps / sum, rounded; less than 2^31, as a sum has at least 2^31.
  Value factor = n.map(sum, i64, [&](ImplicitLocOpBuilder &ib, ValueRange v) -> Value {
    Value half = arith::ShRUIOp::create(ib, v[0], number(ib, 1));
    return arith::DivUIOp::create(ib, arith::AddIOp::create(ib, number(ib, whole), half), v[0]);
  });
  auto result = n.elementwise(
      {x, n.expandDims(most, {axis}), n.expandDims(factor, {axis})}, out.storage,
      [&](ImplicitLocOpBuilder &ib, ValueRange v) -> Value {
        quantize::Emit e(ib);
        Value y = arith::MulIOp::create(ib, exponential(ib, v[0], v[1]), v[2]);
        y = arith::AddIOp::create(ib, y, number(ib, int64_t(1) << (shift - 1)));
        y = arith::ShRUIOp::create(ib, y, number(ib, shift));
        y = arith::TruncIOp::create(ib, i32, y);
        return e.narrowed(e.add(y, out.zero), out.lo, out.hi, ib.getIntegerType(out.storage.getIntOrFloatBitWidth()));
      });
  return failed(result) ? Value() : *result;
}
