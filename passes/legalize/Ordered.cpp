// This file lets operators that choose elements of tensors work on the integers that these are
// stored as: their order is the same. (Comparisons are left to dlc-lower-quantize, as they may
// become part of a table.)
#include "passes/legalize/OpTable.h"

#include <cmath>

using namespace mlir;
using namespace dlc::legalize;
using dlc::nn::DequantizeOp;

/// Input `i` when all of it is dequantized alike, so that distinct integers are distinct floats.
static DequantizeOp wholeInput(Node &n, unsigned i) {
  auto dq = n.has(i) ? n.in(i).getDefiningOp<DequantizeOp>() : DequantizeOp();
  bool distinct = dq && dq.isPerTensor() && dq.getScales()[0] > 0x1p-126 && dq.getScales()[0] < 0x1p100;
  return distinct ? dq : DequantizeOp();
}

/// Constant input `i` stored as `like` is, when all of its elements are floats that this can stand for.
static std::optional<DenseElementsAttr> storedConstant(Node &n, unsigned i, DequantizeOp like) {
  auto known = n.constant(i);
  if (!known || !known->getElementType().isF32())
    return std::nullopt;
  Type storage = getElementTypeOrSelf(like.getInput().getType());
  int64_t zero = like.getZeroPoints()[0], lo = like.getLo(), hi = like.getHi();
  float scale = static_cast<float>(like.getScales()[0]);
  SmallVector<APInt> values;
  for (APFloat element : known->getValues<APFloat>()) {
    float v = element.convertToFloat();
    double q = std::nearbyint(static_cast<double>(v) / scale) + static_cast<double>(zero);
    if (!(q >= lo && q <= hi) || static_cast<float>(static_cast<int64_t>(q) - zero) * scale != v)
      return std::nullopt;
    values.push_back(APInt(storage.getIntOrFloatBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(q)),
                           /*isSigned=*/false, /*implicitTrunc=*/true));
  }
  return DenseElementsAttr::get(known->getType().clone(storage), values);
}

/// These inputs as integers, when all are dequantized alike or constants of that kind; how the
/// result is then stored.
static DequantizeOp chooseIntegers(Node &n, ArrayRef<unsigned> which) {
  DequantizeOp like;
  for (unsigned i : which)
    if (!like)
      like = wholeInput(n, i);
  if (!like)
    return {};
  SmallVector<Value> stored;
  for (unsigned i : which) {
    if (DequantizeOp dq = wholeInput(n, i); dq && dq.sameParameters(like)) {
      stored.push_back(dq.getInput());
      continue;
    }
    auto constant = storedConstant(n, i, like);
    if (!constant)
      return {};
    stored.push_back(n.constantTensor(*constant));
  }
  for (auto [i, value] : llvm::zip_equal(which, stored))
    n.setInput(i, value);
  return like;
}

DequantizeOp dlc::legalize::useStoredOrder(Node &n) {
  StringRef op = n.opType();
  if (!n.op.getDomain().empty())
    return {};
  if (op == "ArgMax" || op == "ArgMin")
    (void)chooseIntegers(n, 0u);
  else if (op == "Max" || op == "Min")
    return chooseIntegers(n, llvm::to_vector(llvm::seq<unsigned>(0, n.numInputs())));
  else if (op == "Where")
    return chooseIntegers(n, {1u, 2u});
  else if (op.starts_with("Scatter") && n.str("reduction", "none").value_or("") == "none")
    return chooseIntegers(n, {0u, 2u});
  return {};
}
