// This file lowers Softmax between quantized tensors as integers: exponentials as
// products of two numbers from short tables, and one division a row.
#include "passes/legalize/Tflite.h"

#include "passes/legalize/OpTable.h"
#include "passes/legalize/Scalar.h"
#include "passes/quantize/Emit.h"

#include "dialects/RT/Loops.h"

#include <cmath>

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// e^-(16 a + b)s is the product of e^-16as and e^-bs: two tables of 16 numbers. The first
/// has 31 bits behind the point, the second 32, where 2^32 has to be 2^32 - 1.
constexpr int kDigit = 4, kHighBits = 31, kLowBits = 32;
} // namespace

/// Whether floats are no worse here: where there are vectors of them.
static bool hasFloatVectors(Operation *op) {
  dlc::rt::TargetAttr target = dlc::rt::targetOf(op);
  return target && target.getFpuF32() && target.getVectorBits() != 0 && target.getIsa() != "mve";
}

bool dlc::legalize::prefersFloats(Operation *op) {
  dlc::rt::TargetAttr target = dlc::rt::targetOf(op);
  if (!target || !target.getFpuF32())
    return false;
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
  return hasFloatVectors(op) || (optimize && optimize.getValue() == "size");
}

/// x / y where the quotient has at most 32 bits, bit by bit: cores without a division of 64 bits
/// would call 750 bytes of library for it.
static Value quotient(ImplicitLocOpBuilder &b, Value x, Value y) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto number = [](ImplicitLocOpBuilder &ib, Type type, int64_t v) -> Value {
    return arith::ConstantOp::create(ib, ib.getIntegerAttr(type, v));
  };
  // Bits of the quotient push those of x out of the lower word.
  Value upper = arith::ShRUIOp::create(b, x, number(b, i64, 32));
  Value lower = arith::TruncIOp::create(b, i32, x);
  auto at = [&](int64_t v) { return arith::ConstantIndexOp::create(b, v).getResult(); };
  auto loop = scf::ForOp::create(
      b, at(0), at(32), at(1), ValueRange{upper, lower},
      [&](OpBuilder &builder, Location loc, Value, ValueRange carried) {
        ImplicitLocOpBuilder ib(loc, builder);
        Value bit = arith::ExtUIOp::create(
            ib, i64, arith::ShRUIOp::create(ib, carried[1], number(ib, i32, 31)).getResult());
        Value rest = arith::OrIOp::create(
            ib, arith::ShLIOp::create(ib, carried[0], number(ib, i64, 1)).getResult(), bit);
        Value fits = arith::CmpIOp::create(ib, arith::CmpIPredicate::uge, rest, y);
        Value less = arith::SubIOp::create(ib, rest, y);
        rest = arith::SelectOp::create(ib, fits, less, rest);
        Value bits = arith::OrIOp::create(
            ib, arith::ShLIOp::create(ib, carried[1], number(ib, i32, 1)).getResult(),
            arith::ExtUIOp::create(ib, i32, fits).getResult());
        scf::YieldOp::create(ib, ValueRange{rest, bits});
      });
  loop->setAttr(dlc::rt::kRolled, b.getUnitAttr());
  return arith::ExtUIOp::create(b, i64, loop.getResult(1));
}

Value dlc::legalize::softmaxOfExponentials(Node &n, nn::DequantizeOp dq, int64_t axis, int64_t whole, int shift,
                                           const Format &out, Combine exponential, Combine quotient) {
  ImplicitLocOpBuilder &b = n.b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Type storage = b.getIntegerType(getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth());
  int64_t rank = n.rank(0);
  bool isUnsigned = dq.isUnsigned();
  Value x = dq.getInput();
  Value lowest = n.scalarInt(storage, static_cast<int64_t>(dq.getLo()));
  Value most = n.reduce(x, {axis}, lowest, [&](ImplicitLocOpBuilder &ib, Value v, Value acc) -> Value {
    return Scalar(ib, v).max(Scalar(ib, acc), isUnsigned);
  });
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
  // steps / sum, rounded; 2^31 + 1 at most, as a sum has at least 2^31 - 1.
  Value factor = n.map(sum, i64, [&](ImplicitLocOpBuilder &ib, ValueRange v) -> Value {
    Value half = arith::ShRUIOp::create(ib, v[0], number(ib, 1));
    return quotient(ib, arith::AddIOp::create(ib, number(ib, whole), half), v[0]);
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

Value dlc::legalize::exactSoftmax(Node &n, const Format &out) {
  auto dq = n.has(0) ? n.in(0).getDefiningOp<nn::DequantizeOp>() : nn::DequantizeOp();
  auto axisAttr = n.i64("axis", n.opset() < 13 ? 1 : -1);
  if (!dq || !dq.isPerTensor() || getElementTypeOrSelf(dq.getInput().getType()).getIntOrFloatBitWidth() != 8)
    return {};
  int64_t rank = n.rank(0);
  if (failed(axisAttr) || rank == 0 || hasFloatVectors(n.op))
    return {};
  int64_t axis = *axisAttr < 0 ? *axisAttr + rank : *axisAttr;
  if (axis < 0 || axis >= rank || (n.opset() < 13 && axis != rank - 1))
    return {};
  // Result steps in 1: q = e / sum * steps + zero.
  double steps = 1 / static_cast<double>(out.scale);
  if (!(steps > 1e-6 && steps < 0x1p24))
    return {};
  // An exponential is the upper half of the product. Its error is below two units of its last
  // bit: half of one from the first number, half of one from the second (where 2^32 is meant,
  // too), one from the lower half. The rounded quotient below adds at most steps * 2^-31, so
  // a result among k is off by less than (k + 2) * steps * 2^-30.
  int shift = 62 - llvm::Log2_64_Ceil(static_cast<uint64_t>(std::ceil(std::max(steps, 1.0))));
  int64_t whole = std::llround(std::ldexp(steps, shift));

  auto table = [&](int step, int bits) {
    SmallVector<int32_t> values;
    for (int k = 0; k < 1 << kDigit; ++k) {
      int64_t value = std::llround(std::ldexp(std::exp(-k * step * dq.getScales()[0]), bits));
      values.push_back(static_cast<int32_t>(static_cast<uint32_t>(std::min(value, int64_t(UINT32_MAX)))));
    }
    return n.constantTensor(DenseElementsAttr::get(
        RankedTensorType::get({1 << kDigit}, n.b.getI32Type()), ArrayRef<int32_t>(values)));
  };
  Value high = table(1 << kDigit, kHighBits), low = table(1, kLowBits);
  ImplicitLocOpBuilder &b = n.b;
  Type i64 = b.getI64Type();
  bool isUnsigned = dq.isUnsigned();
  auto exponential = [&](ImplicitLocOpBuilder &ib, Value v, Value max) -> Value {
    quantize::Emit e(ib);
    Value distance = e.sub(e.extended(max, isUnsigned), e.extended(v, isUnsigned));
    auto entry = [&](Value of, Value digit) -> Value {
      Value at = arith::IndexCastOp::create(ib, ib.getIndexType(), digit);
      return arith::ExtUIOp::create(ib, i64, extract(ib, of, at));
    };
    Value x = entry(high, arith::ShRUIOp::create(ib, distance, e.constant(kDigit)));
    Value y = entry(low, arith::AndIOp::create(ib, distance, e.constant((1 << kDigit) - 1)));
    return arith::ShRUIOp::create(ib, arith::MulIOp::create(ib, x, y), arith::ConstantOp::create(ib, ib.getI64IntegerAttr(kLowBits)));
  };
  return softmaxOfExponentials(n, dq, axis, whole, shift, out, exponential, quotient);
}
