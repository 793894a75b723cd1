// This file lowers RNN, GRU and LSTM to a loop over time.
#include "passes/legalize/Recurrent.h"

#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/legalize/Scalar.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace dlc::legalize;

static FailureOr<Value> apply(Node &n, Value x, const Activation &f,
                              std::optional<double> clip = {}) {
  static const llvm::StringSet<> known = {
      "Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
      "HardSigmoid", "Elu", "Softsign", "Softplus"};
  if (!known.contains(f.name)) {
    (void)n.error("activation '" + f.name + "' is not known");
    return failure();
  }
  Type element = getElementTypeOrSelf(x.getType());
  return n.map(x, element, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar s(b, v[0]);
    if (clip)
      s = s.atLeast(s.constant(-*clip)).atMost(s.constant(*clip));
    Scalar zero = s.constant(0);
    if (f.name == "Relu")
      return s.atLeast(zero);
    if (f.name == "Tanh")
      return s.tanh();
    if (f.name == "Sigmoid")
      return s.sigmoid();
    if (f.name == "Affine")
      return s * f.alpha + f.beta;
    if (f.name == "LeakyRelu")
      return s.lt(zero).select(s * f.alpha, s);
    if (f.name == "ThresholdedRelu")
      return s.ge(s.constant(f.alpha)).select(s, zero);
    if (f.name == "ScaledTanh")
      return (s * f.beta).tanh() * f.alpha;
    if (f.name == "HardSigmoid")
      return (s * f.alpha + f.beta).atLeast(zero).atMost(s.constant(1));
    if (f.name == "Elu")
      return s.ge(zero).select(s, (s.exp() - 1.0) * f.alpha);
    if (f.name == "Softsign")
      return s / (s.abs() + 1.0);
    return s.atLeast(zero) + (-s.abs()).exp().log1p(); // Softplus
  });
}

static double defaultAlpha(StringRef name) {
  if (name == "LeakyRelu")
    return 0.01;
  if (name == "HardSigmoid")
    return 0.2;
  return 1.0;
}
static double defaultBeta(StringRef name) { return name == "HardSigmoid" ? 0.5 : 0.0; }

/// Reads what the operators share; `defaults` are one direction's activations.
static FailureOr<Recurrence> read(Node &n, int64_t gates, ArrayRef<StringRef> defaults) {
  if (failed(n.requireTensors(3)))
    return failure();
  Recurrence q;
  q.gates = gates;
  q.element = n.elementType(0);
  if (!isa<FloatType>(q.element) || n.rank(0) != 3 || n.rank(1) != 3 || n.rank(2) != 3) {
    (void)n.error("expects floats X [T, N, I], W [D, G*H, I] and R [D, G*H, H]");
    return failure();
  }
  auto direction = n.str("direction", "forward");
  auto layout = n.i64("layout", 0);
  auto names = n.strings("activations");
  auto alphas = n.floats("activation_alpha", SmallVector<double>());
  auto betas = n.floats("activation_beta", SmallVector<double>());
  if (failed(direction) || failed(layout) || failed(names) || failed(alphas) || failed(betas))
    return failure();
  if (*direction != "forward" && *direction != "reverse" && *direction != "bidirectional") {
    (void)n.error("attribute 'direction' is '" + *direction + "'");
    return failure();
  }
  q.reverse = *direction == "reverse";
  q.directions = *direction == "bidirectional" ? 2 : 1;
  q.batchFirst = *layout != 0;
  q.hidden = n.type(2).getDimSize(2);
  auto hidden = n.i64("hidden_size", q.hidden);
  if (failed(hidden))
    return failure();
  int64_t rows = gates * q.hidden;
  if (ShapedType::isDynamic(q.hidden) || *hidden != q.hidden ||
      n.type(1).getDimSize(0) != q.directions || n.type(2).getDimSize(0) != q.directions ||
      n.type(1).getDimSize(1) != rows || n.type(2).getDimSize(1) != rows ||
      n.type(1).getDimSize(2) != n.type(0).getDimSize(2)) {
    (void)n.error("shapes of X, W and R do not fit hidden_size and direction");
    return failure();
  }
  if (n.hasAttr("clip")) {
    auto clip = n.f32("clip");
    if (failed(clip))
      return failure();
    q.clip = *clip;
  }
  size_t alpha = 0, beta = 0;
  for (int64_t d = 0; d < q.directions; ++d)
    for (size_t f = 0; f < defaults.size(); ++f) {
      size_t i = d * defaults.size() + f;
      std::string name = i < names->size() ? (*names)[i] : defaults[f].str();
      // ONNX compares names without case; parameters are given in order to the
      // activations that take them.
      for (StringRef known : {"Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu",
                              "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu",
                              "Softsign", "Softplus"})
        if (known.equals_insensitive(name))
          name = known.str();
      static const llvm::StringSet<> takesAlpha = {"Affine", "LeakyRelu", "ThresholdedRelu",
                                                   "ScaledTanh", "HardSigmoid", "Elu"};
      static const llvm::StringSet<> takesBeta = {"Affine", "ScaledTanh", "HardSigmoid"};
      Activation a{name, defaultAlpha(name), defaultBeta(name)};
      if (takesAlpha.contains(name) && alpha < alphas->size())
        a.alpha = (*alphas)[alpha++];
      if (takesBeta.contains(name) && beta < betas->size())
        a.beta = (*betas)[beta++];
      q.activations.push_back(a);
    }
  q.x = q.batchFirst ? n.transpose(n.in(0), {1, 0, 2}) : n.in(0);
  q.w = n.in(1);
  q.r = n.in(2);
  q.b = n.in(3);
  q.lengths = n.in(4);
  auto state = [&](unsigned i) {
    if (!n.has(i))
      return Value();
    return q.batchFirst ? n.transpose(n.in(i), {1, 0, 2}) : n.in(i);
  };
  if ((n.has(3) && n.rank(3) != 2) || (n.has(5) && n.rank(5) != 3) ||
      (n.has(4) && (n.rank(4) != 1 || !isa<IntegerType>(n.elementType(4))))) {
    (void)n.error("B must be [D, 2*G*H], sequence_lens [N], initial states [D, N, H]");
    return failure();
  }
  if (n.has(3) && n.type(3).getDimSize(1) != 2 * rows) {
    (void)n.error("B must have " + Twine(2 * rows) + " elements a direction");
    return failure();
  }
  q.initialH = state(5);
  if (gates == 4) {
    q.initialC = state(6);
    q.peepholes = n.in(7);
    if (q.peepholes && (n.rank(7) != 2 || n.type(7).getDimSize(1) != 3 * q.hidden)) {
      (void)n.error("P must be [D, 3*H]");
      return failure();
    }
  }
  q.time = n.size(q.x, 0);
  q.batch = n.size(q.x, 1);
  return q;
}


Value dlc::legalize::pick(Node &n, Value t, int64_t d) {
  SmallVector<OpFoldResult> sizes = n.sizes(t), offsets(sizes.size(), n.b.getIndexAttr(0));
  offsets[0] = n.b.getIndexAttr(d);
  sizes[0] = n.b.getIndexAttr(1);
  return n.dropDims(n.slice(t, offsets, sizes), {0});
}

/// Columns [from, from + count) of a matrix, or elements of a vector.
static Value columns(Node &n, Value t, int64_t from, int64_t count) {
  SmallVector<OpFoldResult> sizes = n.sizes(t), offsets(sizes.size(), n.b.getIndexAttr(0));
  offsets.back() = n.b.getIndexAttr(from);
  sizes.back() = n.b.getIndexAttr(count);
  return n.slice(t, offsets, sizes);
}

static FailureOr<Value> sum(Node &n, ValueRange values, Type element) {
  return n.elementwise(values, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    Scalar s(b, v[0]);
    for (Value x : v.drop_front())
      s = s + Scalar(b, x);
    return s;
  });
}
static FailureOr<Value> product(Node &n, Value x, Value y, Type element) {
  return n.elementwise({x, y}, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return Scalar(b, v[0]) * Scalar(b, v[1]);
  });
}

/// `next` where the sequence is not over at time t, else `before`.
static Value keepWhenOver(Node &n, const Recurrence &q, Value t, Value next, Value before,
                          Value over) {
  if (!q.lengths)
    return next;
  Type lengthType = getElementTypeOrSelf(q.lengths.getType());
  Type element = getElementTypeOrSelf(next.getType());
  return n.generate(n.sizes(next), element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
    Value length = Node::castScalar(b, extract(b, q.lengths, at[0]), lengthType, b.getI64Type());
    Value limit = arith::IndexCastOp::create(b, b.getIndexType(), length);
    Value live = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, t, limit);
    return arith::SelectOp::create(b, live, extract(b, next, at),
                                   over ? over : extract(b, before, at));
  });
}

/// inputs[t] of [T, N, C].
static Value inputAt(Node &n, Value inputs, Value t) {
  SmallVector<OpFoldResult> sizes = n.sizes(inputs), offsets(3, n.b.getIndexAttr(0));
  offsets[0] = t;
  sizes[0] = n.b.getIndexAttr(1);
  return n.dropDims(n.slice(inputs, offsets, sizes), {0});
}

/// Runs one direction. Results: Y [T, N, H] and the final states [N, H].
static FailureOr<SmallVector<Value>> run(Node &n, const Recurrence &q, const RecurrentForm &form,
                                         int64_t d) {
  // All input products at once, before the loop.
  Value inputs = form.project(d);
  SmallVector<OpFoldResult> ySizes{q.time, q.batch, n.b.getIndexAttr(q.hidden)};
  SmallVector<Value> carried{n.fill(ySizes, n.scalar(q.element, 0.0))};
  for (unsigned s = 0; s < form.states; ++s)
    carried.push_back(form.initial(d, s));
  Value zero = n.index(0), one = n.index(1), end = n.index(q.time);
  bool backwards = q.reverse || d == 1;
  bool bad = false;
  auto loop = scf::ForOp::create(n.b, zero, end, one, carried);
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToStart(loop.getBody());
    Value t = loop.getInductionVar();
    if (backwards)
      t = arith::SubIOp::create(n.b, arith::SubIOp::create(n.b, end, one), t);
    SmallVector<Value> before(loop.getRegionIterArgs().drop_front());
    SmallVector<Value> next = before;
    bad = failed(form.step(d, inputs, t, next));
    if (!bad) {
      Type element = getElementTypeOrSelf(next[0].getType());
      Value none = isa<FloatType>(element) ? n.scalar(element, 0.0) : n.scalarInt(element, 0);
      Value shown = form.show(0, keepWhenOver(n, q, t, next[0], before[0], none));
      for (auto [now, old] : llvm::zip_equal(next, before))
        now = keepWhenOver(n, q, t, now, old, Value());
      SmallVector<OpFoldResult> offsets{t, n.b.getIndexAttr(0), n.b.getIndexAttr(0)};
      SmallVector<OpFoldResult> one3{n.b.getIndexAttr(1), n.b.getIndexAttr(1), n.b.getIndexAttr(1)};
      SmallVector<OpFoldResult> ySlice{n.b.getIndexAttr(1), q.batch, n.b.getIndexAttr(q.hidden)};
      SmallVector<Value> yielded{tensor::InsertSliceOp::create(
          n.b, shown, loop.getRegionIterArgs()[0], offsets, ySlice, one3)};
      // States live in the loop's own buffers.
      for (auto [now, old] : llvm::zip_equal(next, before))
        yielded.push_back(linalg::CopyOp::create(n.b, now, old).getResult(0));
      scf::YieldOp::create(n.b, yielded);
    }
  }
  if (bad)
    return failure();
  return SmallVector<Value>(loop.getResults());
}

/// b[d, from .. from + count) as [count]; null without B.
static Value bias(Node &n, const Recurrence &q, int64_t d, int64_t from, int64_t count) {
  return q.b ? columns(n, pick(n, q.b, d), from, count) : Value();
}

/// x + biases, those that exist.
static FailureOr<Value> plus(Node &n, ArrayRef<Value> values, Type element) {
  SmallVector<Value> given;
  for (Value v : values)
    if (v)
      given.push_back(v);
  if (given.size() == 1)
    return given[0];
  return sum(n, given, element);
}

/// Runs all directions and sets the results.
static LogicalResult lowerAll(Node &n, const Recurrence &q, const RecurrentForm &form) {
  SmallVector<Value> ys;
  SmallVector<SmallVector<Value>> finals(form.states);
  for (int64_t d = 0; d < q.directions; ++d) {
    auto results = run(n, q, form, d);
    if (failed(results))
      return failure();
    ys.push_back(n.expandDims((*results)[0], {1})); // [T, 1, N, H]
    for (unsigned s = 0; s < form.states; ++s)
      if (s == 0 || n.wants(s + 1))
        finals[s].push_back(n.expandDims(form.show(s, (*results)[s + 1]), {0})); // [1, N, H]
  }
  Value y = n.concat(ys, 1);
  n.set(0, q.batchFirst ? n.transpose(y, {2, 0, 1, 3}) : y);
  for (unsigned s = 0; s < form.states && s + 1 < n.numOutputs(); ++s) {
    if (finals[s].empty())
      continue;
    Value last = n.concat(finals[s], 0);
    n.set(s + 1, q.batchFirst ? n.transpose(last, {1, 0, 2}) : last);
  }
  return success();
}

/// Runs all directions in floats with a step of the operator's own.
static LogicalResult
lowerAll(Node &n, const Recurrence &q, unsigned numStates,
         llvm::function_ref<LogicalResult(Node &, int64_t d, Value input, SmallVector<Value> &)>
             step) {
  RecurrentForm form;
  form.states = numStates;
  form.project = [&](int64_t d) {
    Value w = n.transpose(pick(n, q.w, d), {1, 0});
    SmallVector<OpFoldResult> flat{n.mul(q.time, q.batch), n.size(q.x, 2)};
    Value inputs = n.matmul(n.reshape(q.x, flat), w, q.element);
    SmallVector<OpFoldResult> cube{q.time, q.batch, n.b.getIndexAttr(q.gates * q.hidden)};
    return n.reshape(inputs, cube);
  };
  form.initial = [&](int64_t d, unsigned s) -> Value {
    SmallVector<OpFoldResult> sizes{q.batch, n.b.getIndexAttr(q.hidden)};
    Value given = s == 0 ? q.initialH : q.initialC, start = n.empty(sizes, q.element);
    return given ? linalg::CopyOp::create(n.b, pick(n, given, d), start).getResult(0)
                 : n.fill(sizes, n.scalar(q.element, 0.0));
  };
  form.step = [&](int64_t d, Value inputs, Value t, SmallVector<Value> &states) {
    return step(n, d, inputAt(n, inputs, t), states);
  };
  form.show = [](unsigned, Value state) { return state; };
  return lowerAll(n, q, form);
}

#define DLC_TRY(name, expression)                                                        \
  auto name##OrError = (expression);                                                     \
  if (failed(name##OrError))                                                             \
    return failure();                                                                    \
  Value name = *name##OrError

static LogicalResult lowerRNN(Node &n) {
  auto q = read(n, 1, {"Tanh"});
  if (failed(q))
    return failure();
  if (auto integers = integerForm(n, *q, false))
    return lowerAll(n, *q, *integers);
  int64_t h = q->hidden;
  return lowerAll(n, *q, 1, [&](Node &n, int64_t d, Value input, SmallVector<Value> &s) -> LogicalResult {
    Value r = n.transpose(pick(n, q->r, d), {1, 0});
    Value recurrent = n.matmul(s[0], r, q->element);
    DLC_TRY(total, plus(n, {input, recurrent, bias(n, *q, d, 0, h), bias(n, *q, d, h, h)}, q->element));
    DLC_TRY(next, apply(n, total, q->activations[d], q->clip));
    s[0] = next;
    return success();
  });
}

/// Gates z, r, h. Source: ONNX GRU-22.
static LogicalResult lowerGRU(Node &n) {
  auto q = read(n, 3, {"Sigmoid", "Tanh"});
  auto before = n.i64("linear_before_reset", 0);
  if (failed(q) || failed(before))
    return failure();
  if (auto integers = integerForm(n, *q, *before != 0))
    return lowerAll(n, *q, *integers);
  int64_t h = q->hidden;
  Type e = q->element;
  return lowerAll(n, *q, 1, [&](Node &n, int64_t d, Value input, SmallVector<Value> &s) -> LogicalResult {
    const Activation &f = q->activations[2 * d], &g = q->activations[2 * d + 1];
    Value r = n.transpose(pick(n, q->r, d), {1, 0}); // [H, 3H]
    Value gates = n.matmul(s[0], columns(n, r, 0, 2 * h), e);
    auto gate = [&](int64_t i) -> FailureOr<Value> {
      auto total = plus(n, {columns(n, input, i * h, h), columns(n, gates, i * h, h),
                            bias(n, *q, d, i * h, h), bias(n, *q, d, (3 + i) * h, h)}, e);
      if (failed(total))
        return failure();
      return apply(n, *total, f, q->clip);
    };
    DLC_TRY(z, gate(0));
    DLC_TRY(reset, gate(1));
    Value rh = columns(n, r, 2 * h, h), wb = bias(n, *q, d, 2 * h, h), rb = bias(n, *q, d, 5 * h, h);
    FailureOr<Value> total = failure();
    if (*before) {
      DLC_TRY(linear, plus(n, {n.matmul(s[0], rh, e), rb}, e));
      DLC_TRY(part, product(n, reset, linear, e));
      total = plus(n, {columns(n, input, 2 * h, h), part, wb}, e);
    } else {
      DLC_TRY(part, product(n, reset, s[0], e));
      total = plus(n, {columns(n, input, 2 * h, h), n.matmul(part, rh, e), wb, rb}, e);
    }
    if (failed(total))
      return failure();
    DLC_TRY(candidate, apply(n, *total, g, q->clip));
    // (1 - z) * candidate + z * h
    DLC_TRY(next, n.elementwise({z, candidate, s[0]}, e, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      Scalar z(b, v[0]);
      return (1.0 - z) * Scalar(b, v[1]) + z * Scalar(b, v[2]);
    }));
    s[0] = next;
    return success();
  });
}

/// Gates i, o, f, c. Source: ONNX LSTM-22.
static LogicalResult lowerLSTM(Node &n) {
  auto q = read(n, 4, {"Sigmoid", "Tanh", "Tanh"});
  auto inputForget = n.i64("input_forget", 0);
  if (failed(q) || failed(inputForget))
    return failure();
  if (auto integers = integerForm(n, *q, *inputForget != 0))
    return lowerAll(n, *q, *integers);
  int64_t h = q->hidden;
  Type e = q->element;
  return lowerAll(n, *q, 2, [&](Node &n, int64_t d, Value input, SmallVector<Value> &s) -> LogicalResult {
    const Activation *a = &q->activations[3 * d];
    Value r = n.transpose(pick(n, q->r, d), {1, 0});
    DLC_TRY(gates, plus(n, {input, n.matmul(s[0], r, e), bias(n, *q, d, 0, 4 * h), bias(n, *q, d, 4 * h, 4 * h)}, e));
    auto gate = [&](int64_t i, const Activation &f, int64_t peephole, Value cell) -> FailureOr<Value> {
      Value total = columns(n, gates, i * h, h);
      if (q->peepholes && peephole >= 0) {
        auto look = product(n, cell, columns(n, pick(n, q->peepholes, d), peephole * h, h), e);
        if (failed(look))
          return failure();
        auto both = sum(n, {total, *look}, e);
        if (failed(both))
          return failure();
        total = *both;
      }
      return apply(n, total, f, q->clip);
    };
    // Peepholes are stored in the order i, o, f.
    DLC_TRY(i, gate(0, a[0], 0, s[1]));
    FailureOr<Value> forget = *inputForget
        ? FailureOr<Value>(n.map(i, e, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value { return 1.0 - Scalar(b, v[0]); }))
        : gate(2, a[0], 2, s[1]);
    if (failed(forget))
      return failure();
    DLC_TRY(candidate, gate(3, a[1], -1, s[1]));
    DLC_TRY(cell, n.elementwise({*forget, s[1], i, candidate}, e, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      return Scalar(b, v[0]) * Scalar(b, v[1]) + Scalar(b, v[2]) * Scalar(b, v[3]);
    }));
    DLC_TRY(o, gate(1, a[0], 1, cell));
    DLC_TRY(shown, apply(n, cell, a[2]));
    DLC_TRY(next, product(n, o, shown, e));
    s[0] = next;
    s[1] = cell;
    return success();
  });
}
#undef DLC_TRY

void dlc::legalize::addRecurrent(std::vector<OpEntry> &table) {
  table.push_back({"", "RNN", 1, kLatest, "floats", lowerRNN});
  table.push_back({"", "GRU", 1, kLatest, "floats", lowerGRU});
  table.push_back({"", "LSTM", 1, kLatest, "floats", lowerLSTM});
}
