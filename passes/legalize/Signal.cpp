// This file lowers the operators of signal processing: windows, DFT, STFT.
#include "passes/legalize/Families.h"
#include "passes/legalize/Scalar.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

static Value toFloat(ImplicitLocOpBuilder &b, Value index, Type type) {
  Value i = arith::IndexCastOp::create(b, b.getI64Type(), index);
  return arith::SIToFPOp::create(b, type, i);
}

//===--- windows ----------------------------------------------------------===//

/// a0 - a1 cos(2 pi i / N) + a2 cos(4 pi i / N); N is one less when the window is
/// symmetric.
static LogicalResult lowerCosineWindow(Node &n, double a0, double a1, double a2) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto code = n.i64("output_datatype", 1), periodic = n.i64("periodic", 1);
  auto size = n.indexVector(0, "size");
  if (failed(code) || failed(periodic) || failed(size))
    return failure();
  if (size->size() != 1)
    return n.error("size must be one integer");
  Type element = onnxElementType(n.b.getContext(), *code), f64 = n.b.getF64Type();
  if (!element || !element.isIntOrFloat() || element.isInteger(1))
    return n.error("output_datatype " + Twine(*code) + " is not a type of numbers");
  OpFoldResult length = size->front();
  if (!getConstantIntValue(length))
    length = n.max(length, n.b.getIndexAttr(0));
  if (failed(n.checkSizes(length)))
    return failure();
  OpFoldResult steps = *periodic ? length : n.sub(length, n.b.getIndexAttr(1));
  Scalar turn(n.b, toFloat(n.b, n.index(n.max(steps, n.b.getIndexAttr(1))), f64));
  Value step = turn.constant(2 * M_PI) / turn;
  n.set(0, n.generate(length, element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    Scalar angle = Scalar(b, toFloat(b, at[0], f64)) * Scalar(b, step);
    Scalar w = a0 - angle.math<math::CosOp>() * a1;
    if (a2 != 0)
      w = w + (angle * 2.0).math<math::CosOp>() * a2;
    return Node::castScalar(b, w, f64, element);
  }));
  return success();
}

static LogicalResult lowerHann(Node &n) { return lowerCosineWindow(n, 0.5, 0.5, 0); }
static LogicalResult lowerHamming(Node &n) {
  return lowerCosineWindow(n, 25.0 / 46.0, 21.0 / 46.0, 0);
}
static LogicalResult lowerBlackman(Node &n) { return lowerCosineWindow(n, 0.42, 0.5, 0.08); }

//===--- Fourier transforms -----------------------------------------------===//

namespace {
/// Sums of a signal times the powers of a root of unity.
struct Transform {
  Node &n;
  Type element;
  OpFoldResult length; ///< of the period
  Value cosines, sines;

  Transform(Node &n, Type element, OpFoldResult length) : n(n), element(element), length(length) {
    cosines = table<math::CosOp>();
    sines = table<math::SinOp>();
  }

  /// Real and imaginary part at `bin`: the sum over `count` elements, which
  /// `read` gives (imaginary part null for real signals).
  std::pair<Value, Value>
  sum(ImplicitLocOpBuilder &b, Value bin, Value count, bool inverse,
      llvm::function_ref<std::pair<Value, Value>(ImplicitLocOpBuilder &, Value)> read) const {
    Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(element)), period = n.index(length);
    auto loop = scf::ForOp::create(
        b, zero, count, one, ValueRange{none, none},
        [&](OpBuilder &builder, Location loc, Value t, ValueRange acc) {
          ImplicitLocOpBuilder ib(loc, builder);
          // Whole turns change nothing, and small angles are exact.
          Value at = arith::RemUIOp::create(ib, arith::MulIOp::create(ib, bin, t), period);
          Scalar c(ib, extract(ib, cosines, at)), s(ib, extract(ib, sines, at));
          if (!inverse)
            s = -s;
          auto [real, imaginary] = read(ib, t);
          Scalar x(ib, real), re(ib, acc[0]), im(ib, acc[1]);
          re = re + x * c;
          im = im + x * s;
          if (imaginary) {
            Scalar y(ib, imaginary);
            re = re - y * s;
            im = im + y * c;
          }
          scf::YieldOp::create(ib, ValueRange{re, im});
        });
    return {loop.getResult(0), loop.getResult(1)};
  }

private:
  template <typename Op> Value table() {
    Type f64 = n.b.getF64Type();
    Scalar turn(n.b, toFloat(n.b, n.index(length), f64));
    Value step = turn.constant(2 * M_PI) / turn;
    return n.generate(length, element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
      Scalar angle = Scalar(b, toFloat(b, at[0], f64)) * Scalar(b, step);
      return Node::castScalar(b, angle.math<Op>(), f64, element);
    });
  }
};

OpFoldResult bins(Node &n, OpFoldResult length, bool onesided) {
  OpFoldResult one = n.b.getIndexAttr(1), two = n.b.getIndexAttr(2);
  return onesided ? n.add(n.floorDiv(length, two), one) : length;
}

/// Real and imaginary part, picked by the last index.
Value pick(ImplicitLocOpBuilder &b, Value which, std::pair<Value, Value> parts) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isReal = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, which, zero);
  return arith::SelectOp::create(b, isReal, parts.first, parts.second);
}

LogicalResult checkSignal(Node &n, int64_t parts) {
  Type element = n.elementType(0);
  if (!element.isF32() && !element.isF64())
    return n.error("the signal is not float32 or float64");
  if (parts != 1 && parts != 2)
    return n.error("the last dimension of the signal is not 1 (real) or 2 (complex)");
  return success();
}
} // namespace

static LogicalResult lowerDFT(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  int64_t rank = n.rank(0);
  if (rank < 2)
    return n.error("the signal has rank " + Twine(rank) + ", expected at least 2");
  int64_t parts = n.shape(0)[rank - 1];
  auto inverse = n.i64("inverse", 0), onesided = n.i64("onesided", 0);
  if (failed(inverse) || failed(onesided) || failed(checkSignal(n, parts)))
    return failure();
  int64_t where = n.opset() < 20 ? 1 : -2;
  if (n.opset() < 20) {
    auto attr = n.i64("axis", 1);
    if (failed(attr))
      return failure();
    where = *attr;
  } else if (n.has(2)) {
    auto given = n.constantInts(2, "axis");
    if (failed(given) || given->size() != 1)
      return failed(given) ? failure() : n.error("axis must be one integer");
    where = given->front();
  }
  auto axis = n.axis(where, rank);
  if (failed(axis))
    return failure();
  if (*axis == rank - 1)
    return n.error("axis is the dimension of real and imaginary parts");
  if (*inverse && *onesided)
    return n.error("an inverse one-sided transform is not supported");
  Value x = n.in(0);
  Type element = n.elementType(0);
  SmallVector<OpFoldResult> sizes = n.sizes(x);
  OpFoldResult length = sizes[*axis], available = length;
  if (n.has(1)) {
    auto given = n.indexVector(1, "dft_length");
    if (failed(given) || given->size() != 1)
      return failed(given) ? failure() : n.error("dft_length must be one integer");
    length = given->front();
  }
  if (auto known = getConstantIntValue(length); known && *known < 1)
    return n.error("dft_length is " + Twine(*known) + ", expected at least 1");
  if (!getConstantIntValue(length))
    length = n.max(length, n.b.getIndexAttr(1));
  sizes[*axis] = bins(n, length, *onesided != 0);
  sizes[rank - 1] = n.b.getIndexAttr(2);
  if (failed(n.checkSizes(sizes)))
    return failure();
  Transform transform(n, element, length);
  Value count = n.index(n.min(length, available)), period = n.index(length);
  n.set(0, n.generate(sizes, element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    auto read = [&](ImplicitLocOpBuilder &ib, Value t) -> std::pair<Value, Value> {
      SmallVector<Value> from(at.begin(), at.end());
      from[*axis] = t;
      from[rank - 1] = arith::ConstantIndexOp::create(ib, 0);
      Value real = extract(ib, x, from);
      if (parts == 1)
        return {real, Value()};
      from[rank - 1] = arith::ConstantIndexOp::create(ib, 1);
      return {real, extract(ib, x, from)};
    };
    Scalar result(b, pick(b, at[rank - 1], transform.sum(b, at[*axis], count, *inverse != 0, read)));
    return *inverse ? result / Scalar(b, toFloat(b, period, element)) : result;
  }));
  return success();
}

static LogicalResult lowerSTFT(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (n.rank(0) != 3)
    return n.error("the signal has rank " + Twine(n.rank(0)) + ", expected 3");
  int64_t parts = n.shape(0)[2];
  auto onesided = n.i64("onesided", 1);
  auto step = n.constantInts(1, "frame_step");
  if (failed(onesided) || failed(step) || failed(checkSignal(n, parts)))
    return failure();
  if (step->size() != 1 || step->front() < 1)
    return n.error("frame_step must be one positive integer");
  Type element = n.elementType(0);
  Value x = n.in(0), window = n.in(2);
  OpFoldResult length;
  if (n.has(3)) {
    auto given = n.constantInts(3, "frame_length");
    if (failed(given) || given->size() != 1)
      return failed(given) ? failure() : n.error("frame_length must be one integer");
    length = n.b.getIndexAttr(given->front());
  } else if (window) {
    length = n.size(window, 0);
  } else {
    return n.error("neither a window nor frame_length is given");
  }
  if (window && (n.rank(2) != 1 || n.elementType(2) != element))
    return n.error("the window must be a vector of the signal's type");
  auto known = getConstantIntValue(length), total = getConstantIntValue(n.size(x, 1));
  if (!known || *known < 1 || (total && *known > *total))
    return n.error("frames are longer than the signal, or of a length not known at compile time");
  if (window && !Node::sameSize(n.size(window, 0), length))
    return n.error("window and frame_length differ");
  if (*onesided && parts == 2)
    return n.error("the transform of a complex signal is not one-sided");
  OpFoldResult frames = n.add(n.floorDiv(n.max(n.sub(n.size(x, 1), length), n.b.getIndexAttr(0)),
                                         n.b.getIndexAttr(step->front())),
                              n.b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes{n.size(x, 0), frames, bins(n, length, *onesided != 0),
                                  n.b.getIndexAttr(2)};
  if (failed(n.checkSizes(sizes)))
    return failure();
  Transform transform(n, element, length);
  Value count = n.index(length), hop = n.index(step->front());
  n.set(0, n.generate(sizes, element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    auto read = [&](ImplicitLocOpBuilder &ib, Value t) -> std::pair<Value, Value> {
      Value i = arith::AddIOp::create(ib, arith::MulIOp::create(ib, at[1], hop), t);
      auto part = [&](int64_t p) -> Value {
        Scalar v(ib, extract(ib, x, ValueRange{at[0], i, arith::ConstantIndexOp::create(ib, p)}));
        return window ? v * Scalar(ib, extract(ib, window, t)) : v;
      };
      return {part(0), parts == 2 ? part(1) : Value()};
    };
    return pick(b, at[3], transform.sum(b, at[2], count, false, read));
  }));
  return success();
}

void dlc::legalize::addSignal(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "float32, float64";
  table.push_back({"", "HannWindow", 17, kLatest, "numbers", lowerHann});
  table.push_back({"", "HammingWindow", 17, kLatest, "numbers", lowerHamming});
  table.push_back({"", "BlackmanWindow", 17, kLatest, "numbers", lowerBlackman});
  table.push_back({"", "DFT", 17, kLatest, floats, lowerDFT});
  table.push_back({"", "STFT", 17, kLatest, floats, lowerSTFT});
}
