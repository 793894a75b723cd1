// This file lowers If, Loop and Scan.
#include "passes/legalize/Legalizer.h"
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace dlc::legalize;

/// Loops with a known number of rounds whose values change shape, or whose
/// values are needed at compile time, are unrolled up to this many rounds.
static constexpr int64_t kUnrollLimit = 64;

/// The value of a constant scalar (rank 0, or one element).
static std::optional<int64_t> constantScalar(Node &n, Value v) {
  auto value = n.legalizer().constant(v);
  if (!value || value->getNumElements() != 1 || !isa<IntegerType>(value->getElementType()))
    return std::nullopt;
  APInt i = *value->getValues<APInt>().begin();
  return i.getBitWidth() == 1 ? static_cast<int64_t>(i.getZExtValue()) : i.getSExtValue();
}

/// The element of a tensor with one element, as a signless scalar.
static Value scalarOf(Node &n, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<Value> zeros(type.getRank(), n.index(0));
  return extract(n.b, v, zeros);
}

static bool isScalarTensor(Value v, bool wantBool) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && type.hasStaticShape() && type.getNumElements() == 1 &&
         type.getElementType().isInteger(1) == wantBool &&
         isa<IntegerType>(type.getElementType());
}

//===--- If ---------------------------------------------------------------===//

/// One branch cannot run with the shapes that the inputs have: the model does what
/// the other one does, and ends with DLC_ERR_DATA when its data asks for the first.
static LogicalResult takeOnly(Node &n, bool isThen, Value condition, scf::IfOp draft,
                              ArrayRef<Value> outputs, ArrayRef<Diagnostic> problems) {
  std::string why = "it is not valid";
  for (const Diagnostic &problem : problems)
    if (problem.getSeverity() == DiagnosticSeverity::Error) {
      why = problem.str();
      break;
    }
  emitWarning(n.op.getLoc()) << "the branch for " << (isThen ? "false" : "true")
                             << " cannot run with these shapes (" << why
                             << "); the model returns DLC_ERR_DATA when it is asked for";
  n.b.setInsertionPoint(draft);
  Value holds = condition;
  if (!isThen)
    holds = arith::XOrIOp::create(n.b, condition, n.scalarInt(n.b.getI1Type(), 1));
  cf::AssertOp::create(n.b, holds, "DLC_ERR_DATA");
  Block &taken = (isThen ? draft.getThenRegion() : draft.getElseRegion()).front();
  draft->getBlock()->getOperations().splice(draft->getIterator(), taken.getOperations());
  for (auto [i, v] : llvm::enumerate(outputs))
    n.set(i, v);
  n.b.setInsertionPoint(draft);
  // Nothing outside refers to the other branch.
  Region &other = isThen ? draft.getElseRegion() : draft.getThenRegion();
  other.front().dropAllDefinedValueUses();
  n.b.setInsertionPointAfter(draft);
  draft.erase();
  return success();
}

static LogicalResult lowerIf(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  Region *thenGraph = n.graph("then_branch"), *elseGraph = n.graph("else_branch");
  if (!thenGraph || !elseGraph)
    return n.error("then_branch or else_branch is missing");
  if (!isScalarTensor(n.in(0), /*wantBool=*/true))
    return n.error("the condition is not one bool");
  if (auto condition = constantScalar(n, n.in(0))) {
    auto outputs =
        n.legalizer().lowerGraph(*condition ? *thenGraph : *elseGraph, {}, n.b);
    if (failed(outputs))
      return failure();
    if (outputs->size() != n.numOutputs())
      return n.error("a branch has another number of outputs than the node");
    for (auto [i, v] : llvm::enumerate(*outputs))
      n.set(i, v);
    return success();
  }
  // Lowered into an operation without results first: what the branches give is
  // known only then.
  Value condition = scalarOf(n, n.in(0));
  auto draft = scf::IfOp::create(n.b, TypeRange(), condition, /*withElse=*/true);
  SmallVector<SmallVector<Value>> outputs;
  // What is wrong with a branch is no error yet: for these shapes of the inputs
  // it may be the one that is never taken.
  std::vector<Diagnostic> problems[2];
  bool possible[2] = {};
  for (auto [number, graph, region] :
       {std::tuple(0, thenGraph, &draft.getThenRegion()), std::tuple(1, elseGraph, &draft.getElseRegion())}) {
    ScopedDiagnosticHandler keep(n.b.getContext(), [&, i = number](Diagnostic &d) {
      problems[i].push_back(std::move(d));
      return success();
    });
    OpBuilder inner = OpBuilder::atBlockBegin(&region->front());
    if (!region->front().empty())
      region->front().back().erase();
    inner.setInsertionPointToStart(&region->front());
    auto values = n.legalizer().lowerGraph(*graph, {}, inner);
    if (succeeded(values) && values->size() != n.numOutputs())
      values = n.error("a branch has another number of outputs than the node");
    outputs.push_back(succeeded(values) ? *values : SmallVector<Value>());
    possible[number] = succeeded(values);
  }
  DiagnosticEngine &engine = n.b.getContext()->getDiagEngine();
  if (possible[0] != possible[1])
    return takeOnly(n, possible[0], condition, draft, outputs[possible[0] ? 0 : 1],
                    problems[possible[0] ? 1 : 0]);
  for (std::vector<Diagnostic> &list : problems)
    for (Diagnostic &problem : list)
      engine.emit(std::move(problem));
  if (!possible[0]) {
    draft.erase();
    return failure();
  }
  SmallVector<Type> types;
  for (auto [x, y] : llvm::zip_equal(outputs[0], outputs[1])) {
    auto a = dyn_cast<RankedTensorType>(x.getType()), b = dyn_cast<RankedTensorType>(y.getType());
    if (!a || !b || a.getElementType() != b.getElementType() || a.getRank() != b.getRank())
      return n.error("the branches give tensors of different element type or rank");
    // Sizes that differ are known at run time only.
    SmallVector<int64_t> shape;
    for (auto [p, q] : llvm::zip_equal(a.getShape(), b.getShape()))
      shape.push_back(p == q ? p : ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(shape, a.getElementType()));
  }
  auto op = scf::IfOp::create(n.b, types, condition, /*withElse=*/true);
  for (unsigned i : {0u, 1u}) {
    Region *from = i ? &draft.getElseRegion() : &draft.getThenRegion();
    Region *to = i ? &op.getElseRegion() : &op.getThenRegion();
    to->takeBody(*from);
    OpBuilder inner = OpBuilder::atBlockEnd(&to->front());
    SmallVector<Value> yielded;
    for (auto [v, type] : llvm::zip_equal(outputs[i], types))
      yielded.push_back(v.getType() == type
                            ? v
                            : tensor::CastOp::create(inner, n.b.getLoc(), type, v).getResult());
    scf::YieldOp::create(inner, n.b.getLoc(), yielded);
  }
  draft.erase();
  for (auto [i, v] : llvm::enumerate(op.getResults()))
    n.set(i, v);
  return success();
}

//===--- loops with a known number of rounds ------------------------------===//

namespace {
/// One round: carried values in; carried values and this round's scan elements
/// out.
struct Round {
  SmallVector<Value> carried, scanned;
};
using RoundFn = llvm::function_ref<FailureOr<Round>(OpBuilder &, Value index, ValueRange carried)>;
} // namespace

/// Puts `element` at position `at` of `buffer`, along a new dimension `axis`.
static Value insertAt(Node &n, OpBuilder &builder, Value element, Value buffer, Value at,
                      int64_t axis) {
  OpBuilder::InsertionGuard guard(n.b);
  n.b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
  SmallVector<OpFoldResult> sizes = n.sizes(element);
  sizes.insert(sizes.begin() + axis, n.b.getIndexAttr(1));
  SmallVector<OpFoldResult> offsets(sizes.size(), n.b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(sizes.size(), n.b.getIndexAttr(1));
  offsets[axis] = at;
  return tensor::InsertSliceOp::create(n.b, element, buffer, offsets, sizes, ones);
}

/// All rounds one after the other; scan outputs are concatenated.
static FailureOr<SmallVector<Value>> unroll(Node &n, int64_t rounds, SmallVector<Value> carried,
                                            unsigned numScans, ArrayRef<int64_t> axes,
                                            RoundFn round) {
  SmallVector<SmallVector<Value>> scans(numScans);
  for (int64_t i = 0; i < rounds; ++i) {
    auto result = round(n.b, n.index(i), carried);
    if (failed(result))
      return failure();
    carried = result->carried;
    for (auto [s, v] : llvm::enumerate(result->scanned))
      scans[s].push_back(n.expandDims(v, {axes[s]}));
  }
  for (unsigned s = 0; s < numScans; ++s) {
    if (scans[s].empty()) {
      (void)n.error("a loop without rounds has a scan output of unknown shape");
      return failure();
    }
    carried.push_back(n.concat(scans[s], axes[s]));
  }
  return carried;
}

/// scf.for over the rounds, in place. Null (and no diagnostic) when carried
/// values change their type.
static FailureOr<SmallVector<Value>> emitFor(Node &n, OpFoldResult rounds, ValueRange initial,
                                             unsigned numScans, ArrayRef<int64_t> axes,
                                             RoundFn round, bool &changesType) {
  changesType = false;
  // A draft of the body tells the types of scan elements.
  auto draft = scf::ForOp::create(n.b, n.index(0), n.index(rounds), n.index(1), initial);
  OpBuilder inner = OpBuilder::atBlockBegin(draft.getBody());
  auto result = round(inner, draft.getInductionVar(), draft.getRegionIterArgs());
  if (failed(result))
    return failure();
  for (auto [now, old] : llvm::zip_equal(result->carried, initial))
    changesType |= now.getType() != old.getType();
  for (Value v : result->scanned)
    changesType |= !cast<RankedTensorType>(v.getType()).hasStaticShape();
  if (changesType) {
    draft.getBody()->dropAllDefinedValueUses();
    draft.erase();
    return SmallVector<Value>();
  }
  SmallVector<Value> starts(initial.begin(), initial.end());
  n.b.setInsertionPoint(draft);
  for (auto [s, v] : llvm::enumerate(result->scanned)) {
    auto type = cast<RankedTensorType>(v.getType());
    SmallVector<int64_t> shape(type.getShape());
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(n.b.getContext(), shape);
    sizes.insert(sizes.begin() + axes[s], rounds);
    starts.push_back(n.empty(sizes, type.getElementType()));
  }
  auto loop = scf::ForOp::create(n.b, draft.getLowerBound(), draft.getUpperBound(),
                                 draft.getStep(), starts);
  Block *body = loop.getBody();
  if (!body->empty())
    body->back().erase();
  SmallVector<Value> arguments{loop.getInductionVar()};
  llvm::append_range(arguments, loop.getRegionIterArgs().take_front(initial.size()));
  Operation *terminator = draft.getBody()->empty() ? nullptr : &draft.getBody()->back();
  if (terminator && isa<scf::YieldOp>(terminator))
    terminator->erase();
  // Move the drafted operations over.
  for (auto [from, to] : llvm::zip_equal(draft.getBody()->getArguments(), arguments))
    from.replaceAllUsesWith(to);
  body->getOperations().splice(body->end(), draft.getBody()->getOperations());
  auto mapped = [&](Value v) {
    for (auto [from, to] : llvm::zip_equal(draft.getBody()->getArguments(), arguments))
      if (v == from)
        return to;
    return v;
  };
  OpBuilder end = OpBuilder::atBlockEnd(body);
  SmallVector<Value> yielded;
  for (auto [i, v] : llvm::enumerate(result->carried)) {
    Value now = mapped(v), home = loop.getRegionIterArgs()[i];
    // Carried values live in the loop's own buffers.
    yielded.push_back(now == home ? now
                                  : linalg::CopyOp::create(end, n.b.getLoc(), now, home)
                                        .getResult(0));
  }
  for (auto [s, v] : llvm::enumerate(result->scanned))
    yielded.push_back(insertAt(n, end, mapped(v), loop.getRegionIterArgs()[initial.size() + s],
                               loop.getInductionVar(), axes[s]));
  scf::YieldOp::create(end, n.b.getLoc(), yielded);
  n.b.setInsertionPointAfter(loop);
  draft.erase();
  return SmallVector<Value>(loop.getResults());
}

static FailureOr<SmallVector<Value>> emitRounds(Node &n, OpFoldResult count,
                                                SmallVector<Value> initial, unsigned numScans,
                                                ArrayRef<int64_t> axes, RoundFn round) {
  auto known = getConstantIntValue(count);
  if (!known || *known > 0) {
    bool changesType;
    auto result = emitFor(n, count, initial, numScans, axes, round, changesType);
    if (failed(result) || !changesType)
      return result;
  }
  if (!known) {
    (void)n.error("values change their shape from round to round in a loop whose number of rounds is "
                  "not known at compile time");
    return failure();
  }
  int64_t rounds = *known;
  if (rounds > kUnrollLimit) {
    (void)n.error("values change their shape from round to round, for " + Twine(rounds) +
                  " rounds",
                  "up to " + Twine(kUnrollLimit) + " rounds of such loops are supported");
    return failure();
  }
  return unroll(n, rounds, initial, numScans, axes, round);
}

//===--- Loop -------------------------------------------------------------===//

static LogicalResult lowerLoop(Node &n) {
  Region *graph = n.graph("body");
  if (!graph)
    return n.error("attribute 'body' is missing");
  SmallVector<Value> initial;
  for (unsigned i = 2; i < n.numInputs(); ++i) {
    if (!n.has(i) || !isa<RankedTensorType>(n.in(i).getType()))
      return n.error("carried input " + Twine(i) + " is not a tensor");
    initial.push_back(n.in(i));
  }
  if (graph->front().getNumArguments() != initial.size() + 2)
    return n.error("the body takes " + Twine(graph->front().getNumArguments()) +
                   " inputs, expected " + Twine(initial.size() + 2));
  if ((n.has(0) && !isScalarTensor(n.in(0), false)) ||
      (n.has(1) && !isScalarTensor(n.in(1), true)))
    return n.error("the trip count must be one integer and the condition one bool");
  auto *ret = graph->front().getTerminator();
  int64_t numScans = static_cast<int64_t>(ret->getNumOperands()) - 1 - initial.size();
  if (numScans < 0 || n.numOutputs() > initial.size() + numScans)
    return n.error("the body has " + Twine(ret->getNumOperands()) +
                   " outputs, too few for the node");
  if (!n.has(0))
    return n.error("a loop without a trip count is not supported",
                   "give Loop a first input");
  OpFoldResult rounds;
  if (auto trips = constantScalar(n, n.in(0)))
    rounds = n.b.getIndexAttr(std::max<int64_t>(*trips, 0));
  else
    rounds = n.max(arith::IndexCastOp::create(n.b, n.b.getIndexType(), scalarOf(n, n.in(0)))
                       .getResult(),
                   n.b.getIndexAttr(0));
  if (n.has(1)) {
    if (auto start = constantScalar(n, n.in(1)))
      rounds = *start ? rounds : OpFoldResult(n.b.getIndexAttr(0));
    else
      rounds = arith::SelectOp::create(n.b, scalarOf(n, n.in(1)), n.index(rounds), n.index(0))
                   .getResult();
  }
  bool conditional = false;
  auto round = [&](OpBuilder &builder, Value index, ValueRange carried) -> FailureOr<Round> {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
    SmallVector<Value> arguments;
    if (auto known = getConstantIntValue(index))
      arguments.push_back(n.reshape(n.intTensor({*known}), {}));
    else
      arguments.push_back(tensor::FromElementsOp::create(
          n.b, RankedTensorType::get({}, n.b.getI64Type()),
          ValueRange{arith::IndexCastOp::create(n.b, n.b.getI64Type(), index)}));
    arguments.push_back(n.splat(RankedTensorType::get({}, n.b.getI1Type()), 1));
    llvm::append_range(arguments, carried);
    OpBuilder inner(n.b);
    auto outputs = n.legalizer().lowerGraph(*graph, arguments, inner);
    if (failed(outputs))
      return failure();
    builder.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    auto again = constantScalar(n, (*outputs)[0]);
    // Handing the condition on unchanged keeps it true.
    conditional |= !(again && *again) && (*outputs)[0] != arguments[1];
    Round result;
    result.carried.assign(outputs->begin() + 1, outputs->begin() + 1 + initial.size());
    result.scanned.assign(outputs->begin() + 1 + initial.size(), outputs->end());
    return result;
  };
  auto results = emitRounds(n, rounds, initial, numScans,
                            SmallVector<int64_t>(numScans, 0), round);
  if (failed(results))
    return failure();
  if (conditional)
    return n.error("a condition that ends the loop is not known at compile time");
  for (auto [i, v] : llvm::enumerate(*results))
    n.set(i, v);
  return success();
}

//===--- Scan -------------------------------------------------------------===//

/// Scan-9 and later; Scan-8 has a batch dimension and sequence lengths.
static LogicalResult lowerScan(Node &n) {
  Region *graph = n.graph("body");
  auto numScanInputs = n.i64("num_scan_inputs");
  if (!graph || failed(numScanInputs))
    return graph ? failure() : n.error("attribute 'body' is missing");
  int64_t states = static_cast<int64_t>(n.numInputs()) - *numScanInputs;
  if (*numScanInputs < 1 || states < 0 || failed(n.requireTensors(n.numInputs())))
    return n.error("num_scan_inputs " + Twine(*numScanInputs) + " does not fit " +
                   Twine(n.numInputs()) + " inputs");
  auto *ret = graph->front().getTerminator();
  int64_t numScans = static_cast<int64_t>(ret->getNumOperands()) - states;
  if (numScans < 0 || graph->front().getNumArguments() != n.numInputs() ||
      n.numOutputs() > ret->getNumOperands())
    return n.error("inputs and outputs of the body do not fit the node");
  SmallVector<int64_t> zerosIn(*numScanInputs, 0), zerosOut(numScans, 0);
  auto inAxes = n.ints("scan_input_axes", zerosIn), outAxes = n.ints("scan_output_axes", zerosOut);
  auto inDirections = n.ints("scan_input_directions", zerosIn);
  auto outDirections = n.ints("scan_output_directions", zerosOut);
  if (failed(inAxes) || failed(outAxes) || failed(inDirections) || failed(outDirections))
    return failure();
  if (static_cast<int64_t>(inAxes->size()) != *numScanInputs ||
      static_cast<int64_t>(inDirections->size()) != *numScanInputs ||
      static_cast<int64_t>(outAxes->size()) != numScans ||
      static_cast<int64_t>(outDirections->size()) != numScans)
    return n.error("axes or directions have a wrong number of elements");
  std::optional<int64_t> rounds;
  for (int64_t i = 0; i < *numScanInputs; ++i) {
    auto axis = n.axis((*inAxes)[i], n.rank(states + i));
    if (failed(axis))
      return failure();
    (*inAxes)[i] = *axis;
    int64_t size = n.type(states + i).getDimSize(*axis);
    if (ShapedType::isDynamic(size) || (rounds && *rounds != size))
      return n.error("scan inputs must have one known length");
    rounds = size;
  }
  for (bool reverse : llvm::map_range(*outDirections, [](int64_t d) { return d != 0; }))
    if (reverse)
      return n.error("scan outputs in reverse direction are not supported");
  SmallVector<Value> initial;
  for (int64_t i = 0; i < states; ++i)
    initial.push_back(n.in(i));
  auto round = [&](OpBuilder &builder, Value index, ValueRange carried) -> FailureOr<Round> {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
    SmallVector<Value> arguments(carried.begin(), carried.end());
    for (int64_t i = 0; i < *numScanInputs; ++i) {
      Value from = n.in(states + i), at = index;
      if ((*inDirections)[i])
        at = arith::SubIOp::create(n.b, n.index(*rounds - 1), index);
      SmallVector<OpFoldResult> sizes = n.sizes(from);
      SmallVector<OpFoldResult> offsets(sizes.size(), n.b.getIndexAttr(0));
      offsets[(*inAxes)[i]] = getAsOpFoldResult(at);
      sizes[(*inAxes)[i]] = n.b.getIndexAttr(1);
      arguments.push_back(n.dropDims(n.slice(from, offsets, sizes), {(*inAxes)[i]}));
    }
    OpBuilder inner(n.b);
    auto outputs = n.legalizer().lowerGraph(*graph, arguments, inner);
    if (failed(outputs))
      return failure();
    builder.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    Round result;
    result.carried.assign(outputs->begin(), outputs->begin() + states);
    result.scanned.assign(outputs->begin() + states, outputs->end());
    for (auto [s, v] : llvm::enumerate(result.scanned)) {
      auto axis = n.axis((*outAxes)[s], cast<RankedTensorType>(v.getType()).getRank() + 1);
      if (failed(axis))
        return failure();
      (*outAxes)[s] = *axis;
    }
    return result;
  };
  // Output axes are known after the first round at the latest; all zero mostly.
  SmallVector<int64_t> axes;
  for (int64_t a : *outAxes) {
    if (a < 0)
      return n.error("negative scan_output_axes are not supported");
    axes.push_back(a);
  }
  auto results = emitRounds(n, n.b.getIndexAttr(*rounds), initial, numScans, axes, round);
  if (failed(results))
    return failure();
  for (auto [i, v] : llvm::enumerate(*results))
    n.set(i, v);
  return success();
}

void dlc::legalize::addControlFlow(std::vector<OpEntry> &table) {
  table.push_back({"", "If", 1, kLatest, "any", lowerIf});
  table.push_back({"", "Loop", 1, kLatest, "any", lowerLoop});
  table.push_back({"", "Scan", 9, kLatest, "any", lowerScan});
}
