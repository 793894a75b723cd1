// This file replaces divisions by a scale in quantizations that stay float.
#include "passes/quantize/Reciprocal.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using namespace dlc::quantize;

/// The float number `n` in their order; 0 is zero.
static float numbered(int64_t n) {
  float magnitude = llvm::bit_cast<float>(static_cast<int32_t>(std::abs(n)));
  return n < 0 ? -magnitude : magnitude;
}

std::optional<Reciprocal> dlc::quantize::findReciprocal(float scale, int64_t lo, int64_t hi) {
  // Far from floats that are not normal; 16 bits of steps at most.
  if (!(scale > 0x1p-60f) || !(scale < 0x1p60f) || hi - lo > 65536 || lo < -65536 || hi > 65536)
    return std::nullopt;
  double exact = 1.0 / scale;
  // Rounded down: infinite numbers stay infinite.
  float high = static_cast<float>(exact);
  if (high > exact)
    high = std::nextafter(high, 0.0f);
  Reciprocal r{high, static_cast<float>(exact - high)};
  // Both grow with x, so they are the same where each integer is first reached at the same x.
  auto divided = [&](float x) { return std::nearbyint(x / scale); };
  auto multiplied = [&](float x) {
    return std::nearbyint(r.low == 0 ? x * r.high : std::fma(x, r.high, x * r.low));
  };
  auto first = [&](auto quantized, int64_t k) {
    int64_t below = -0x7f7fffff, at = 0x7f7fffff; // the largest floats
    while (at - below > 1) {
      int64_t middle = below + (at - below) / 2;
      (quantized(numbered(middle)) >= k ? at : below) = middle;
    }
    return at;
  };
  for (int64_t k = lo + 1; k <= hi; ++k) {
    int64_t at = first(divided, k);
    if (multiplied(numbered(at)) < k || multiplied(numbered(at - 1)) >= k)
      return std::nullopt;
  }
  return r;
}

void dlc::quantize::multiplyByReciprocal(Body &body, Value result) {
  auto q = readQuantization(body, result);
  if (!q || q->scale.size() != 1 || q->zero.size() != 1 || !q->x.getType().isF32())
    return;
  // Up to the division: it is the only reader of what q->x is divided by.
  Operation *division = nullptr;
  for (Operation *user : q->x.getUsers())
    if (auto div = dyn_cast<arith::DivFOp>(user); div && div.getLhs() == q->x && div->hasOneUse() &&
                                                  isa<math::RoundEvenOp>(*div->getUsers().begin())) {
      auto divisor = body.constants(div.getRhs());
      if (divisor && divisor->size() == 1 && (*divisor)[0] == q->scale[0])
        division = div;
    }
  auto scale = static_cast<float>(q->scale[0]);
  auto zero = static_cast<int64_t>(q->zero[0]);
  auto r = division ? findReciprocal(scale, q->lo - zero, q->hi - zero) : std::nullopt;
  if (!r)
    return;
  ImplicitLocOpBuilder b(division->getLoc(), division);
  auto number = [&](float f) -> Value { return arith::ConstantOp::create(b, b.getF32FloatAttr(f)); };
  Value high = number(r->high);
  Value product = r->low == 0 ? arith::MulFOp::create(b, q->x, high).getResult()
                              : math::FmaOp::create(b, q->x, high, arith::MulFOp::create(b, q->x, number(r->low)))
                                    .getResult();
  division->getResult(0).replaceAllUsesWith(product);
  division->erase();
}
