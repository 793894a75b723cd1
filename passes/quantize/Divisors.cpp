// This file turns quotients by counts into products with whole numbers.
#include "passes/quantize/Divisors.h"

#include <numeric>

using namespace mlir;
using namespace dlc::quantize;

namespace {
/// A constant operand of whole positive numbers, and the least multiple of them all.
struct Counts {
  unsigned input; ///< of the generic
  SmallVector<int64_t> values;
  int64_t multiple = 1;
};

std::optional<Counts> countsOf(linalg::GenericOp op, Value v) {
  auto arg = dyn_cast<BlockArgument>(v);
  if (!arg || arg.getOwner() != op.getBody() || arg.getArgNumber() >= op.getNumDpsInputs())
    return std::nullopt;
  Counts counts{arg.getArgNumber(), {}, 1};
  DenseElementsAttr attr;
  if (!matchPattern(op.getDpsInputs()[counts.input], m_Constant(&attr)) || !attr.getElementType().isF32())
    return std::nullopt;
  for (float f : attr.getValues<float>()) {
    if (!(f >= 1 && f <= 4096) || f != std::floor(f))
      return std::nullopt;
    counts.values.push_back(static_cast<int64_t>(f));
    counts.multiple = std::lcm(counts.multiple, counts.values.back());
    if (counts.multiple > 65536)
      return std::nullopt;
  }
  return counts;
}

/// The factors of a product of counts; false when it is something else.
bool collect(linalg::GenericOp op, Value v, SmallVectorImpl<Counts> &all) {
  if (auto mul = v.getDefiningOp<arith::MulFOp>())
    return collect(op, mul.getLhs(), all) && collect(op, mul.getRhs(), all);
  auto counts = countsOf(op, v);
  if (counts)
    all.push_back(std::move(*counts));
  return counts.has_value();
}

/// multiple / count for each count, as an i32 scalar of the body.
Value cofactors(linalg::GenericOp op, ImplicitLocOpBuilder &b, const Counts &counts) {
  SmallVector<int32_t> values;
  for (int64_t v : counts.values)
    values.push_back(static_cast<int32_t>(counts.multiple / v));
  OpBuilder outside(op);
  auto shape = cast<RankedTensorType>(op.getDpsInputs()[counts.input].getType());
  Value tensor = arith::ConstantOp::create(
      outside, op.getLoc(),
      DenseElementsAttr::get(shape.clone(b.getI32Type()), ArrayRef<int32_t>(values)));
  unsigned at = op.getNumDpsInputs();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.insert(maps.begin() + at, AffineMap(maps[counts.input]));
  op.getInputsMutable().append(tensor);
  op.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
  return op.getBody()->insertArgument(at, b.getI32Type(), op.getLoc());
}
} // namespace

void dlc::quantize::scaleByDivisors(linalg::GenericOp op, Body &body) {
  SmallVector<arith::DivFOp> divisions(op.getBody()->getOps<arith::DivFOp>());
  for (arith::DivFOp division : divisions) {
    SmallVector<Counts> all;
    if (!division.getType().isF32() || !collect(op, division.getRhs(), all))
      continue;
    auto x = readLinear(body, division.getLhs());
    if (!x || x->terms.size() != 1 || x->clamped || x->terms[0].other ||
        x->terms[0].factor.size() != 1 || x->offset.size() != 1 || x->terms[0].factor[0] == 0)
      continue;
    Value leaf = x->terms[0].leaf;
    auto range = leaf.getType().isInteger(32) ? body.range(leaf) : std::nullopt;
    if (!range || range->first.size() != 1)
      continue;
    double scale = x->terms[0].factor[0], z = std::nearbyint(x->offset[0] / scale);
    double least = range->first[0] + z, most = range->second[0] + z, multiple = 1;
    for (const Counts &counts : all)
      multiple *= counts.multiple;
    if (std::abs(x->offset[0] - z * scale) > 0x1p-40 * std::abs(x->offset[0]) ||
        std::max(std::abs(least), std::abs(most)) * multiple > INT32_MAX)
      continue;
    ImplicitLocOpBuilder b(division.getLoc(), division);
    Value n = arith::AddIOp::create(
        b, leaf, arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(z))));
    for (const Counts &counts : all)
      n = arith::MulIOp::create(b, n, cofactors(op, b, counts));
    Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(scale / multiple));
    Value real = arith::MulFOp::create(b, arith::SIToFPOp::create(b, b.getF32Type(), n), one);
    division.replaceAllUsesWith(real);
    division.erase();
  }
}
