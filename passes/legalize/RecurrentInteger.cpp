// This file lowers RNN, GRU and LSTM between quantized tensors as integers: products of
// integers, gates in fixed point, sigmoids as polynomials from a table.
#include "passes/legalize/Recurrent.h"

#include "passes/legalize/Legalizer.h"
#include "passes/legalize/Scalar.h"
#include "passes/quantize/Emit.h"
#include "passes/quantize/Piecewise.h"

#include "llvm/ADT/StringSet.h"
#include <cmath>
#include <memory>

using namespace mlir;
using namespace dlc::legalize;
using dlc::quantize::Emit;

namespace {
/// Fraction bits of what goes into a sigmoid (16 is 2^31) and of what comes out.
constexpr int kArgument = 27, kResult = 30;
/// Steps finer than this need states with more than 16 bits in the products.
constexpr double kFine = 0x1p-9;
/// Bytes of sums of x at all times that firmware keeps; more cost more than the tenth of
/// the cycles that multiplying in the loop does.
constexpr int64_t kManySums = 16384;

/// Constant weights without zero point, [D, rows, depth], and the scale of each row.
struct Weights {
  int64_t rows, depth;
  std::vector<int64_t> values;
  std::vector<double> scales; ///< D * rows

  int64_t at(int64_t d, int64_t row, int64_t k) const { return values[(d * rows + row) * depth + k]; }
  /// Sum of the elements of a row, or of their sizes.
  int64_t sum(int64_t d, int64_t row, bool sizes) const {
    int64_t s = 0;
    for (int64_t k = 0; k < depth; ++k)
      s += sizes ? std::abs(at(d, row, k)) : at(d, row, k);
    return s;
  }
};

/// A quantized tensor as signed integers.
struct Integers {
  Value tensor;
  double scale;
  int64_t zero, lo, hi;
  /// Size of the largest real number.
  double most() const { return scale * std::max(std::abs(lo - zero), std::abs(hi - zero)); }
};

/// Numbers that integers are multiplied by: (v << left) * factor >> 32.
struct Factors {
  int left = 0;
  SmallVector<std::vector<int32_t>> gates; ///< a gate's rows
  SmallVector<Value> tables;               ///< the same where rows differ
};

/// Numbers of one direction: a gate's argument is the sum of x, h (its parts) and the cell
/// times their factors, and a bias, with `fraction` bits behind the point.
struct Direction {
  Value w;              ///< [I, G*H]
  SmallVector<Value> r; ///< [H, columns]: one, or two for GRU's gates and candidate
  Value bias;           ///< [(G + 1) * H]; the last are added to GRU's h alone
  Factors x, look;
  SmallVector<Factors> h; ///< of parts of h, or parts joined
  int fraction;
};

/// Bits of h that one product takes: `span` bits from bit `low` on, as a number of `width`
/// bits less `offset`; the first part has the sign.
struct Part {
  unsigned width;
  int low;
  int span;
  int64_t offset = 0;
  bool joined = false; ///< its sums are added to those of the next part
};
} // namespace

static std::optional<Weights> weightsOf(Node &n, Value v, int64_t directions) {
  auto dq = v.getDefiningOp<dlc::nn::DequantizeOp>();
  auto constant = dq ? n.legalizer().constant(dq.getInput()) : std::nullopt;
  if (!constant || !isa<IntegerType>(constant->getElementType()))
    return std::nullopt;
  ArrayRef<int64_t> shape = constant->getType().getShape();
  Weights w{shape[1], shape[2], {}, {}};
  ArrayRef<double> scales = dq.getScales();
  ArrayRef<int64_t> zeros = dq.getZeroPoints();
  int64_t axis = dq.getAxis() ? static_cast<int64_t>(*dq.getAxis()) : -1;
  if (axis > 1)
    return std::nullopt;
  auto parameter = [&](int64_t d, int64_t row) { return axis < 0 ? 0 : axis == 0 ? d : row; };
  for (int64_t d = 0; d < directions; ++d)
    for (int64_t row = 0; row < w.rows; ++row)
      w.scales.push_back(static_cast<float>(scales[parameter(d, row)]));
  int64_t i = 0;
  for (const APInt &element : constant->getValues<APInt>()) {
    int64_t row = i / w.depth % w.rows, d = i / w.depth / w.rows;
    w.values.push_back((dq.isUnsigned() ? static_cast<int64_t>(element.getZExtValue())
                                        : element.getSExtValue()) -
                       zeros[parameter(d, row)]);
    ++i;
  }
  return w;
}

/// The elements of a constant of floats, dequantized or not.
static std::optional<std::vector<double>> numbersOf(Node &n, Value v) {
  std::vector<double> result;
  if (auto constant = n.legalizer().constant(v); constant && constant->getElementType().isF32()) {
    for (float f : constant->getValues<float>())
      result.push_back(f);
    return result;
  }
  auto dq = v.getDefiningOp<dlc::nn::DequantizeOp>();
  auto stored = dq && dq.isPerTensor() ? n.legalizer().constant(dq.getInput()) : std::nullopt;
  if (!stored)
    return std::nullopt;
  for (const APInt &element : stored->getValues<APInt>())
    result.push_back(((dq.isUnsigned() ? static_cast<int64_t>(element.getZExtValue()) : element.getSExtValue()) -
                      dq.getZeroPoints()[0]) *
                     static_cast<double>(static_cast<float>(dq.getScales()[0])));
  return result;
}

/// What was dequantized to `v`, through transposes.
static std::optional<Integers> integersOf(Node &n, Value v) {
  if (auto transpose = v.getDefiningOp<linalg::TransposeOp>()) {
    auto inner = integersOf(n, transpose.getInput());
    if (inner)
      inner->tensor = n.transpose(inner->tensor, transpose.getPermutation());
    return inner;
  }
  auto dq = v.getDefiningOp<dlc::nn::DequantizeOp>();
  if (!dq || !dq.isPerTensor())
    return std::nullopt;
  Integers x{dq.getInput(), static_cast<float>(dq.getScales()[0]), dq.getZeroPoints()[0],
             static_cast<int64_t>(dq.getLo()), static_cast<int64_t>(dq.getHi())};
  unsigned width = getElementTypeOrSelf(x.tensor.getType()).getIntOrFloatBitWidth();
  if (width != 8 && width != 16)
    return std::nullopt;
  if (!dq.isUnsigned())
    return x;
  int64_t half = int64_t(1) << (width - 1);
  x.zero -= half, x.lo -= half, x.hi -= half;
  x.tensor = n.map(x.tensor, n.b.getIntegerType(width), [&](ImplicitLocOpBuilder &b, ValueRange e) -> Value {
    Value sign = arith::ConstantOp::create(
        b, b.getIntegerAttr(e[0].getType(), APInt::getSignMask(width)));
    return arith::XOrIOp::create(b, e[0], sign);
  });
  return x;
}

/// Whether a result of the node is only quantized, perhaps after operators that move data;
/// `finest` becomes the smallest step.
static bool isQuantizedAtOnce(Node &n, Value result, double &finest, unsigned depth = 0) {
  static const llvm::StringSet<> moves = {"Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose",
                                          "Slice", "Gather", "Identity", "Concat", "Split"};
  for (OpOperand &use : result.getUses()) {
    auto user = dyn_cast<dlc::onnx::NodeOp>(use.getOwner());
    if (!user || depth > 8)
      return false;
    if (user.getOpType() == "QuantizeLinear" && use.getOperandNumber() == 0) {
      Value lowered = n.legalizer().lookUp(user->getOperand(1));
      auto scale = lowered ? n.legalizer().constant(lowered) : std::nullopt;
      if (!scale || !scale->getElementType().isF32())
        return false;
      for (float s : scale->getValues<float>())
        finest = std::min<double>(finest, s);
      continue;
    }
    if (!moves.contains(user.getOpType()) ||
        (use.getOperandNumber() != 0 && user.getOpType() != "Concat"))
      return false;
    for (Value next : user->getResults())
      if (!isQuantizedAtOnce(n, next, finest, depth + 1))
        return false;
  }
  return true;
}

namespace {
/// Everything that the steps need; shared by the functions of a RecurrentForm.
class IntegerRecurrence {
public:
  IntegerRecurrence(Node &n, const Recurrence &q, bool flag) : n(n), q(q), flag(flag) {}

  /// Whether the operator has an integer form; prepares it.
  bool prepare();

  Value project(int64_t d);
  /// What x contributes at time t: [N, G*H], or of all times.
  Value sumsAt(int64_t d, Value inputs, Value t);
  Value initial(int64_t d, unsigned s);
  void stepRNN(int64_t d, Value inputs, Value t, SmallVector<Value> &states);
  void stepGRU(int64_t d, Value inputs, Value t, SmallVector<Value> &states);
  void stepLSTM(int64_t d, Value inputs, Value t, SmallVector<Value> &states);
  Value show(unsigned s, Value state);

private:
  /// The products of h's parts with some columns of R.
  struct Sums {
    SmallVector<Value> parts;
    int64_t first; ///< column of R at which they begin
  };
  using Builder = ImplicitLocOpBuilder;

  bool prepareDirection(int64_t d, const Weights &w, const Weights &r, ArrayRef<double> biases,
                        ArrayRef<double> peepholes);
  bool isTanh(int64_t gate) const { return q.gates == 1 || (q.gates == 3 ? gate == 2 : gate == 3); }
  int64_t blocksOfR() const { return q.gates == 3 && !flag ? 2 : 1; }
  Value matrix(const Weights &w, int64_t d, int64_t from, int64_t count);
  Sums recurrent(int64_t d, unsigned block, Value h);

  // Scalars.
  static Value number(Builder &b, int64_t v) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(v)); }
  static Value wide(Builder &b, Value v) { return arith::ExtSIOp::create(b, b.getI64Type(), v); }
  static Value product(Builder &b, Value x, Value y) { return arith::MulIOp::create(b, wide(b, x), wide(b, y)); }
  /// v / 2^by, to the nearest, as i32; `v` is i64.
  static Value shifted(Builder &b, Value v, int by) {
    if (by > 0) {
      v = arith::AddIOp::create(b, v, number(b, int64_t(1) << (by - 1)));
      v = arith::ShRSIOp::create(b, v, number(b, by));
    }
    return arith::TruncIOp::create(b, b.getI32Type(), v);
  }
  static Value bounded(Builder &b, Value v, int64_t lo, int64_t hi) {
    Emit e(b);
    v = arith::MaxSIOp::create(b, v, e.constant(lo));
    return arith::MinSIOp::create(b, v, e.constant(hi));
  }
  /// Within 2^bits, as one instruction saturates.
  static Value saturated(Builder &b, Value v, int bits) {
    return bounded(b, v, -(int64_t(1) << bits), (int64_t(1) << bits) - 1);
  }
  /// v * y / 2^32, rounded down.
  static Value high(Builder &b, Value v, Value y) {
    return arith::MulSIExtendedOp::create(b, v, y).getHigh();
  }
  Value sigmoid(Builder &b, Value argument);
  /// tanh(x), from 2x.
  Value tanh(Builder &b, Value argument) {
    Emit e(b);
    return e.add(e.shiftLeft(sigmoid(b, argument), 1), -(int64_t(1) << kResult));
  }
  Value rowIndex(Builder &b, int64_t gate, Value j) {
    return arith::AddIOp::create(b, j, arith::ConstantIndexOp::create(b, gate * q.hidden));
  }
  /// `v` times a gate's factor.
  Value times(Builder &b, Value v, const Factors &f, int64_t gate, Value j) {
    Emit e(b);
    Value by = f.tables[gate] ? extract(b, f.tables[gate], j) : e.constant(f.gates[gate][0]);
    return high(b, e.shiftLeft(v, f.left), by);
  }
  Value fromX(Builder &b, int64_t d, int64_t gate, Value inputs, Value t, ValueRange at);
  Value fromH(Builder &b, int64_t d, int64_t gate, const Sums &sums, ValueRange at);
  Value biasOf(Builder &b, int64_t d, int64_t gate, Value j) {
    return extract(b, directions[d].bias, rowIndex(b, gate, j));
  }
  /// An argument with the direction's fraction, clipped, for `sigmoid`.
  Value argument(Builder &b, int64_t d, int64_t gate, Value v);
  /// What the activation of a gate gives.
  Value gate(Builder &b, int64_t d, int64_t gate, Value inputs, Value t, const Sums &sums,
             ValueRange at, int64_t peephole = -1, Value cell = {});

  Node &n;
  const Recurrence &q;
  bool flag;
  Integers x;
  std::optional<Integers> h0, c0;
  bool fine = false;
  bool late = false; ///< x is multiplied in the loop: slower, but no sums of all times are kept
  SmallVector<Part> parts; ///< of h, upper bits first
  int hBits = kResult, cBits = 26; ///< fraction bits of the states
  int segmentBits;
  Value sigmoids; ///< coefficients
  std::vector<Direction> directions;
};
} // namespace

/// Fraction bits for numbers up to `most` (positive, finite) in 31 bits.
static int fractionFor(double most) { return 30 - std::max(0, static_cast<int>(std::ceil(std::log2(most)))); }

bool IntegerRecurrence::prepare() {
  static const SmallVector<StringRef> plain[] = {{}, {"Tanh"}, {}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
  ArrayRef<StringRef> wanted = plain[q.gates];
  for (auto [i, f] : llvm::enumerate(q.activations))
    if (f.name != wanted[i % wanted.size()])
      return false;
  if (q.hidden <= 0)
    return false;
  double finest = INFINITY;
  for (unsigned i = 0; i < n.numOutputs(); ++i)
    if (!isQuantizedAtOnce(n, n.op->getResult(i), finest))
      return false;
  if (!q.element.isF32() || !std::isfinite(finest))
    return false;
  auto w = weightsOf(n, q.w, q.directions), r = weightsOf(n, q.r, q.directions);
  auto given = w && r ? integersOf(n, q.x) : std::nullopt;
  if (!given)
    return false;
  x = *given;
  auto state = [&](Value v, std::optional<Integers> &to) {
    if (!v)
      return true;
    if (auto zeros = numbersOf(n, v); zeros && llvm::all_of(*zeros, [](double f) { return f == 0; }))
      return true;
    to = integersOf(n, v);
    // Of finer steps a shift of 64 bits could not make a state.
    return to && to->scale > 0x1p-40;
  };
  if (!state(q.initialH, h0) || !state(q.initialC, c0))
    return false;
  fine = finest < kFine;
  if (h0)
    hBits = fractionFor(std::max(1.0, h0->most()));
  // Each step adds at most 1 to a cell.
  auto steps = getConstantIntValue(q.time);
  cBits = std::min(26, fractionFor((c0 ? c0->most() : 0) + (steps ? *steps : 1 << 20) + 1));
  if (hBits < 20 || cBits < (fine ? 22 : 16))
    return false;
  // Cores with vectors of bytes multiply two bytes in the time of one 16-bit number.
  dlc::rt::TargetAttr target = dlc::rt::targetOf(n.op);
  if (target && target.getIsa() == "mve")
    parts = {{8, 23, 8, 0, /*joined=*/true}, {8, 15, 8, 128}};
  else
    parts = {{16, 15, 16}};
  if (fine && parts.size() == 2)
    parts.append({{8, 7, 8, 128, /*joined=*/true}, {8, 0, 7}});
  else if (fine)
    parts.push_back({16, 0, 15});
  auto optimize = n.op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
  late = optimize && optimize.getValue() != "speed";
  auto batch = getConstantIntValue(q.batch);
  if (target && !target.getHosted() && steps && batch)
    late |= *steps * *batch * q.gates * q.hidden * 4 > kManySums;
  std::vector<double> biases(q.directions * 2 * q.gates * q.hidden, 0);
  std::vector<double> peepholes(q.peepholes ? q.directions * 3 * q.hidden : 0, 0);
  for (auto [v, to] : {std::pair(q.b, &biases), std::pair(q.peepholes, &peepholes)}) {
    auto known = v ? numbersOf(n, v) : std::nullopt;
    if (v && (!known || known->size() != to->size()))
      return false;
    if (known)
      *to = *known;
  }
  for (int64_t d = 0; d < q.directions; ++d) {
    size_t b = 2 * q.gates * q.hidden, p = q.peepholes ? 3 * q.hidden : 0;
    if (!prepareDirection(d, *w, *r, ArrayRef(biases).slice(d * b, b), ArrayRef(peepholes).slice(d * p, p)))
      return false;
  }
  segmentBits = fine ? 25 : 26;
  auto rows = dlc::quantize::approximate([](double v) { return 1 / (1 + std::exp(-v)); }, 0,
                                         std::ldexp(1.0, segmentBits - kArgument),
                                         1 << (31 - segmentBits), 4, kResult);
  auto type = RankedTensorType::get({1 << (31 - segmentBits), 5}, n.b.getI32Type());
  sigmoids = n.constantTensor(DenseElementsAttr::get(type, ArrayRef<int32_t>(rows)));
  return true;
}

bool IntegerRecurrence::prepareDirection(int64_t d, const Weights &w, const Weights &r,
                                         ArrayRef<double> biases, ArrayRef<double> peepholes) {
  Direction out;
  int64_t rows = q.gates * q.hidden;
  // What a step of the arguments is worth in x and in the lowest part of h.
  double hStep = std::ldexp(1.0, parts.back().low - hBits), bound = 1;
  double cMost = std::ldexp(1.0, 30 - cBits);
  std::vector<double> xScale, hScale, offset, look;
  int64_t xMost = 1, rMost = 1;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t gate = row / q.hidden, j = row % q.hidden;
    double twice = isTanh(gate) ? 2 : 1; // tanh(x) is 2 sigmoid(2x) - 1
    xScale.push_back(twice * x.scale * w.scales[d * rows + row]);
    hScale.push_back(twice * hStep * r.scales[d * rows + row]);
    bool apart = q.gates == 3 && flag && gate == 2; // R h + Rb is multiplied
    double wb = twice * biases[row], rb = twice * biases[rows + row];
    double zero = xScale[row] * x.zero * w.sum(d, row, false);
    offset.push_back(wb + (apart ? 0 : rb) - zero);
    int64_t xSum = std::max(std::abs(x.lo), std::abs(x.hi)) * w.sum(d, row, true);
    int64_t rSum = r.sum(d, row, true);
    xMost = std::max(xMost, xSum);
    rMost = std::max(rMost, rSum);
    double most = xScale[row] * xSum + std::ldexp(hScale[row], 31 - parts.back().low) * rSum +
                  std::abs(zero) + std::abs(wb) + std::abs(rb);
    // Peepholes are stored in the order i, o, f; gates i, o, f, c.
    if (!peepholes.empty() && gate < 3) {
      look.push_back(peepholes[row]);
      most += std::abs(peepholes[gate * q.hidden + j]) * cMost;
    }
    bound = std::max(bound, most);
  }
  if (xMost > INT32_MAX || rMost * 32768 > INT32_MAX || !std::isfinite(bound))
    return false;
  auto factors = [&](ArrayRef<double> scales, double most, int bits) -> std::optional<Factors> {
    Factors f;
    double top = 0;
    for (double s : scales)
      top = std::max(top, std::abs(s));
    // top * 2^(bits + 32 - left) is a factor of at most 31 bits.
    f.left = std::max(0, bits + 1 + (top > 0 ? std::ilogb(top) + 1 : 0));
    if (std::ldexp(most, f.left) > INT32_MAX)
      return std::nullopt;
    for (size_t from = 0; from < scales.size(); from += q.hidden) {
      std::vector<int32_t> values;
      for (double s : scales.slice(from, q.hidden))
        values.push_back(static_cast<int32_t>(std::llround(std::clamp(
            std::ldexp(s, bits + 32 - f.left), -0x1p31 + 1, 0x1p31 - 1))));
      f.gates.push_back(values);
    }
    return f;
  };
  // As many bits as the largest argument leaves, and all products.
  std::optional<Factors> fx, look32;
  for (out.fraction = std::min(kArgument, fractionFor(bound)); out.fraction >= 18; --out.fraction) {
    fx = factors(xScale, xMost, out.fraction);
    look32 = look.empty() ? Factors() : factors(look, 0x1p30, out.fraction - cBits);
    out.h.clear();
    bool fits = fx && look32;
    for (size_t i = 0; i < parts.size() && fits; ++i) {
      if (parts[i].joined)
        continue;
      std::vector<double> scales = hScale;
      for (double &s : scales)
        s = std::ldexp(s, parts[i].low - parts.back().low);
      double most = i > 0 && parts[i - 1].joined ? 32768.0 * rMost
                                                 : std::ldexp(static_cast<double>(rMost), parts[i].width - 1);
      auto fh = factors(scales, most, out.fraction);
      fits = fh.has_value();
      if (fits)
        out.h.push_back(*fh);
    }
    if (fits)
      break;
  }
  if (out.fraction < 18)
    return false;
  out.x = *fx, out.look = *look32;
  auto table = [&](ArrayRef<int32_t> values) {
    auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, n.b.getI32Type());
    return n.constantTensor(DenseElementsAttr::get(type, values));
  };
  auto makeTables = [&](Factors &f) {
    for (const std::vector<int32_t> &values : f.gates)
      f.tables.push_back(llvm::all_equal(values) ? Value() : table(values));
  };
  makeTables(out.x);
  makeTables(out.look);
  for (Factors &f : out.h)
    makeTables(f);
  // Bytes below the upper part are stored less 128.
  auto lowOffset = [&](int64_t row) {
    double units = 0;
    for (const Part &part : ArrayRef(parts).drop_front())
      units += std::ldexp(static_cast<double>(part.offset), part.low - parts.back().low);
    return units * hScale[row] * r.sum(d, row, false);
  };
  // Every product is rounded down: on average half a unit is lost.
  double lost = (1 + out.h.size() + (look.empty() ? 0 : 1)) / 2.0;
  auto fixed = [&](double v) {
    return static_cast<int32_t>(std::llround(std::ldexp(v, out.fraction) + lost));
  };
  SmallVector<int32_t> bias;
  for (int64_t row = 0; row < rows; ++row) {
    bool apart = q.gates == 3 && flag && row / q.hidden == 2;
    bias.push_back(fixed(offset[row] + (apart ? 0 : lowOffset(row))));
  }
  for (int64_t j = 0; j < q.hidden; ++j) {
    int64_t row = rows - q.hidden + j;
    double twice = isTanh(q.gates - 1) ? 2 : 1;
    bias.push_back(fixed(twice * biases[rows + row] + lowOffset(row)));
  }
  out.bias = table(bias);
  out.w = matrix(w, d, 0, rows);
  if (blocksOfR() == 2) {
    out.r.push_back(matrix(r, d, 0, 2 * q.hidden));
    out.r.push_back(matrix(r, d, 2 * q.hidden, q.hidden));
  } else {
    out.r.push_back(matrix(r, d, 0, rows));
  }
  directions.push_back(std::move(out));
  return true;
}

/// Rows [from, from + count) of direction d as columns of a constant.
Value IntegerRecurrence::matrix(const Weights &w, int64_t d, int64_t from, int64_t count) {
  int64_t most = 0;
  for (int64_t row = from; row < from + count; ++row)
    for (int64_t k = 0; k < w.depth; ++k)
      most = std::max(most, w.at(d, row, k) < 0 ? -w.at(d, row, k) - 1 : w.at(d, row, k));
  unsigned width = most < 128 ? 8 : most < 32768 ? 16 : 32;
  SmallVector<APInt> elements;
  for (int64_t k = 0; k < w.depth; ++k)
    for (int64_t row = from; row < from + count; ++row)
      elements.push_back(APInt(width, w.at(d, row, k), /*isSigned=*/true));
  auto type = RankedTensorType::get({w.depth, count}, n.b.getIntegerType(width));
  return n.constantTensor(DenseElementsAttr::get(type, elements));
}

Value IntegerRecurrence::project(int64_t d) {
  if (late)
    return x.tensor;
  Value w = directions[d].w;
  SmallVector<OpFoldResult> flat{n.mul(q.time, q.batch), n.size(x.tensor, 2)};
  Value sums = n.matmul(n.reshape(x.tensor, flat), w, n.b.getI32Type());
  SmallVector<OpFoldResult> cube{q.time, q.batch, n.b.getIndexAttr(q.gates * q.hidden)};
  return n.reshape(sums, cube);
}

Value IntegerRecurrence::sumsAt(int64_t d, Value inputs, Value t) {
  if (!late)
    return inputs;
  // Copied: kernels read buffers whose place is known.
  SmallVector<OpFoldResult> sizes{q.batch, n.size(inputs, 2)};
  Value now = n.generate(sizes, getElementTypeOrSelf(inputs.getType()), [&](Builder &b, ValueRange at) -> Value {
    return extract(b, inputs, {t, at[0], at[1]});
  });
  return n.matmul(now, directions[d].w, n.b.getI32Type());
}

Value IntegerRecurrence::initial(int64_t d, unsigned s) {
  Type i32 = n.b.getI32Type();
  SmallVector<OpFoldResult> sizes{q.batch, n.b.getIndexAttr(q.hidden)};
  const std::optional<Integers> &given = s == 0 ? h0 : c0;
  if (!given)
    return n.fill(sizes, n.scalarInt(i32, 0));
  int bits = s == 0 ? hBits : cBits;
  // The scale as 30 bits and a shift: at most 2^30 as a result.
  int shift = 29 - std::ilogb(std::ldexp(given->scale, bits));
  auto factor = std::llround(std::ldexp(given->scale, bits + shift));
  Value start = n.map(pick(n, given->tensor, d), i32, [&](Builder &b, ValueRange v) -> Value {
    Value whole = arith::SubIOp::create(b, wide(b, v[0]), number(b, given->zero));
    whole = arith::MulIOp::create(b, whole, number(b, factor));
    if (shift < 0)
      return saturated(b, arith::TruncIOp::create(b, i32, arith::ShLIOp::create(b, whole, number(b, -shift))), 30);
    return saturated(b, shifted(b, whole, shift), 30);
  });
  return linalg::CopyOp::create(n.b, start, n.empty(sizes, i32)).getResult(0);
}

IntegerRecurrence::Sums IntegerRecurrence::recurrent(int64_t d, unsigned block, Value h) {
  Type i32 = n.b.getI32Type();
  Sums sums{{}, static_cast<int64_t>(block) * 2 * q.hidden};
  for (const Part &part : parts) {
    Type type = n.b.getIntegerType(part.width);
    Value values = n.map(h, type, [&](Builder &b, ValueRange v) -> Value {
      Emit e(b);
      // Rounded to the lowest bit of all parts.
      int lowest = parts.back().low;
      Value whole = e.add(v[0], lowest ? int64_t(1) << (lowest - 1) : 0);
      whole = arith::MinSIOp::create(b, whole, e.constant((int64_t(1) << 30) - 1));
      whole = e.shiftRight(whole, part.low);
      if (&part != &parts.front()) {
        whole = arith::AndIOp::create(b, whole, e.constant((int64_t(1) << part.span) - 1));
        whole = e.add(whole, -part.offset);
      }
      return arith::TruncIOp::create(b, type, whole);
    });
    sums.parts.push_back(n.matmul(values, directions[d].r[block], i32));
  }
  return sums;
}

Value IntegerRecurrence::sigmoid(Builder &b, Value argument) {
  Emit e(b);
  // Of the size; sigmoid(-x) is 1 - sigmoid(x). The size of x < 0 is one unit less.
  Value sign = e.shiftRight(argument, 31);
  Value size = arith::XOrIOp::create(b, argument, sign);
  Value row = arith::IndexCastUIOp::create(
      b, b.getIndexType(), arith::ShRUIOp::create(b, size, e.constant(segmentBits)));
  Value place = arith::XOrIOp::create(b, e.shiftLeft(size, 32 - segmentBits), e.constant(INT32_MIN));
  auto coefficient = [&](int64_t i) -> Value {
    return extract(b, sigmoids, {row, arith::ConstantIndexOp::create(b, i)});
  };
  Value v = coefficient(4);
  for (int i = 3; i >= 0; --i)
    v = e.add(arith::MulSIExtendedOp::create(b, v, place).getHigh(), coefficient(i));
  Value one = arith::AndIOp::create(b, sign, e.constant((int64_t(1) << kResult) + 1));
  return e.add(arith::XOrIOp::create(b, v, sign), one);
}

Value IntegerRecurrence::fromX(Builder &b, int64_t d, int64_t gate, Value inputs, Value t, ValueRange at) {
  SmallVector<Value> place{at[0], rowIndex(b, gate, at[1])};
  if (!late)
    place.insert(place.begin(), t);
  return times(b, extract(b, inputs, place), directions[d].x, gate, at[1]);
}

Value IntegerRecurrence::fromH(Builder &b, int64_t d, int64_t gate, const Sums &sums, ValueRange at) {
  Emit e(b);
  Value column = rowIndex(b, gate - sums.first / q.hidden, at[1]), total, above;
  unsigned next = 0;
  for (auto [part, sum] : llvm::zip_equal(parts, sums.parts)) {
    Value v = extract(b, sum, {at[0], column});
    if (above)
      v = e.add(e.shiftLeft(above, part.span), v);
    above = part.joined ? v : Value();
    if (part.joined)
      continue;
    v = times(b, v, directions[d].h[next++], gate, at[1]);
    total = total ? e.add(total, v) : v;
  }
  return total;
}

Value IntegerRecurrence::argument(Builder &b, int64_t d, int64_t gate, Value v) {
  int fraction = directions[d].fraction, bits = fraction + 31 - kArgument;
  if (q.clip) {
    double clip = std::ldexp(*q.clip * (isTanh(gate) ? 2 : 1), fraction);
    if (clip < std::ldexp(1.0, bits))
      v = bounded(b, v, -std::llround(clip), std::llround(clip));
  }
  return Emit(b).shiftLeft(saturated(b, v, bits), kArgument - fraction);
}

Value IntegerRecurrence::gate(Builder &b, int64_t d, int64_t gate, Value inputs, Value t,
                              const Sums &sums, ValueRange at, int64_t peephole, Value cell) {
  const Direction &dir = directions[d];
  Emit e(b);
  Value v = e.add(fromX(b, d, gate, inputs, t, at), biasOf(b, d, gate, at[1]));
  v = e.add(fromH(b, d, gate, sums, at), v);
  if (peephole >= 0 && !dir.look.gates.empty())
    v = e.add(times(b, cell, dir.look, peephole, at[1]), v);
  v = argument(b, d, gate, v);
  return isTanh(gate) ? tanh(b, v) : sigmoid(b, v);
}

void IntegerRecurrence::stepRNN(int64_t d, Value inputs, Value t, SmallVector<Value> &states) {
  Sums sums = recurrent(d, 0, states[0]);
  states[0] = n.generate(n.sizes(states[0]), n.b.getI32Type(), [&](Builder &b, ValueRange at) -> Value {
    Value next = gate(b, d, 0, inputs, t, sums, at);
    return saturated(b, Emit(b).shiftRight(next, kResult - hBits), 30);
  });
}

void IntegerRecurrence::stepGRU(int64_t d, Value inputs, Value t, SmallVector<Value> &states) {
  Type i32 = n.b.getI32Type();
  Value h = states[0];
  Sums sums = recurrent(d, 0, h), candidate = sums;
  if (!flag) {
    Value part = n.generate(n.sizes(h), i32, [&](Builder &b, ValueRange at) -> Value {
      Value reset = gate(b, d, 1, inputs, t, sums, at);
      return shifted(b, product(b, reset, extract(b, h, at)), kResult);
    });
    candidate = recurrent(d, 1, part);
  }
  states[0] = n.generate(n.sizes(h), i32, [&](Builder &b, ValueRange at) -> Value {
    Emit e(b);
    Value update = gate(b, d, 0, inputs, t, sums, at), next;
    if (flag) {
      Value reset = gate(b, d, 1, inputs, t, sums, at);
      Value linear = e.add(fromH(b, d, 2, sums, at), biasOf(b, d, 3, at[1]));
      Value v = e.add(shifted(b, product(b, reset, linear), kResult), fromX(b, d, 2, inputs, t, at));
      next = tanh(b, argument(b, d, 2, e.add(v, biasOf(b, d, 2, at[1]))));
    } else {
      next = gate(b, d, 2, inputs, t, candidate, at);
    }
    // (1 - z) * next + z * h
    next = e.shiftRight(next, kResult - hBits);
    Value distance = arith::SubIOp::create(b, wide(b, extract(b, h, at)), wide(b, next));
    Value part = arith::MulIOp::create(b, distance, wide(b, update));
    return saturated(b, e.add(shifted(b, part, kResult), next), 30);
  });
}

void IntegerRecurrence::stepLSTM(int64_t d, Value inputs, Value t, SmallVector<Value> &states) {
  Type i32 = n.b.getI32Type();
  Value h = states[0], c = states[1];
  Sums sums = recurrent(d, 0, h);
  Value cell = n.generate(n.sizes(c), i32, [&](Builder &b, ValueRange at) -> Value {
    Emit e(b);
    Value before = extract(b, c, at);
    Value in = gate(b, d, 0, inputs, t, sums, at, 0, before);
    Value forget = flag ? e.sub(e.constant(int64_t(1) << kResult), in)
                        : gate(b, d, 2, inputs, t, sums, at, 2, before);
    Value candidate = gate(b, d, 3, inputs, t, sums, at);
    Value kept = shifted(b, product(b, forget, before), kResult);
    Value added = shifted(b, product(b, in, candidate), 2 * kResult - cBits);
    return saturated(b, e.add(kept, added), 30);
  });
  states[1] = cell;
  states[0] = n.generate(n.sizes(h), i32, [&](Builder &b, ValueRange at) -> Value {
    Value now = extract(b, cell, at);
    Value out = gate(b, d, 1, inputs, t, sums, at, 1, now);
    // 2c, as an argument.
    Value twice = Emit(b).shiftLeft(saturated(b, now, cBits + 30 - kArgument), kArgument + 1 - cBits);
    Value next = shifted(b, product(b, out, tanh(b, twice)), 2 * kResult - hBits);
    return saturated(b, next, 30);
  });
}

Value IntegerRecurrence::show(unsigned s, Value state) {
  // Bits that no quantization reads are rounded away: what is left is cheaper to scale.
  int drop = fine ? 2 : 6, bits = s == 0 ? hBits : cBits;
  return n.map(state, q.element, [&](Builder &b, ValueRange v) -> Value {
    Emit e(b);
    Value whole = e.shiftRight(e.add(v[0], 1 << (drop - 1)), drop);
    whole = bounded(b, whole, -(int64_t(1) << (30 - drop)), int64_t(1) << (30 - drop));
    Value real = arith::SIToFPOp::create(b, q.element, whole);
    Value step = arith::ConstantOp::create(b, b.getF32FloatAttr(std::ldexp(1.0f, drop - bits)));
    return arith::MulFOp::create(b, real, step);
  });
}

std::optional<RecurrentForm> dlc::legalize::integerForm(Node &n, const Recurrence &q, bool flag) {
  auto r = std::make_shared<IntegerRecurrence>(n, q, flag);
  if (!r->prepare())
    return std::nullopt;
  RecurrentForm form;
  form.states = q.gates == 4 ? 2 : 1;
  form.project = [r](int64_t d) { return r->project(d); };
  form.initial = [r](int64_t d, unsigned s) { return r->initial(d, s); };
  form.step = [r, gates = q.gates](int64_t d, Value inputs, Value t, SmallVector<Value> &states) {
    inputs = r->sumsAt(d, inputs, t);
    gates == 1 ? r->stepRNN(d, inputs, t, states)
    : gates == 3 ? r->stepGRU(d, inputs, t, states)
                 : r->stepLSTM(d, inputs, t, states);
    return success();
  };
  form.show = [r](unsigned s, Value state) { return r->show(s, state); };
  return form;
}
