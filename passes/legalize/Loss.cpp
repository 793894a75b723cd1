// This file lowers NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Reductions.h"
#include "passes/legalize/Scalar.h"

using namespace mlir;
using namespace dlc::legalize;

/// Loss of log-probabilities [N, C, d...] for classes [N, d...]; classes out of
/// range count as ignored, so that nothing outside the input is read.
static LogicalResult lowerLikelihood(Node &n, Value logs) {
  auto reduction = n.str("reduction", "mean");
  if (failed(reduction))
    return failure();
  if (*reduction != "none" && *reduction != "sum" && *reduction != "mean")
    return n.error("attribute 'reduction' is '" + *reduction +
                   "', expected none, sum or mean");
  std::optional<int64_t> ignore;
  if (n.hasAttr("ignore_index")) {
    auto index = n.i64("ignore_index");
    if (failed(index))
      return failure();
    ignore = *index;
  }
  auto type = cast<RankedTensorType>(logs.getType());
  Type element = type.getElementType();
  Value target = n.in(1), weights = n.in(2);
  Type labelType = n.elementType(1);
  if (n.rank(1) != type.getRank() - 1 || !isa<IntegerType>(labelType))
    return n.error("target must be integers [N, d...] for an input [N, C, d...]");
  if (weights && (n.rank(2) != 1 || n.elementType(2) != n.elementType(0)))
    return n.error("weight must be [C] of the input's element type");
  Value wide = weights ? n.cast(weights, element) : Value();
  SmallVector<OpFoldResult> sizes = n.sizes(target);
  // Weight of each label (0 when ignored), and the loss of each label.
  auto labelled = [&](bool wantLoss) {
    return n.generate(sizes, element, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
      Value label = extract(b, target, at);
      Value asI64 = Node::castScalar(b, label, labelType, b.getI64Type());
      Value c = arith::IndexCastOp::create(b, b.getIndexType(), asI64);
      Value zero = arith::ConstantIndexOp::create(b, 0);
      Value classes = tensor::DimOp::create(b, logs, 1);
      Value bad = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, c, classes);
      if (ignore) {
        Value ignored = arith::ConstantOp::create(b, b.getI64IntegerAttr(*ignore));
        Value hit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, asI64, ignored);
        bad = arith::OrIOp::create(b, bad, hit);
      }
      Value safe = arith::SelectOp::create(b, bad, zero, c);
      Value none = arith::ConstantOp::create(b, b.getZeroAttr(element));
      Value weight = wide ? extract(b, wide, safe)
                          : Value(arith::ConstantOp::create(b, b.getOneAttr(element)));
      if (wantLoss) {
        SmallVector<Value> from(at.begin(), at.end());
        from.insert(from.begin() + 1, safe);
        weight = -(Scalar(b, extract(b, logs, from)) * Scalar(b, weight));
      }
      return arith::SelectOp::create(b, bad, none, weight);
    });
  };
  Value loss = labelled(true);
  Type out = n.elementType(0);
  if (*reduction == "none") {
    n.set(0, n.cast(loss, out));
    return success();
  }
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
  Value total = reduceSum(n, loss, all);
  if (*reduction == "mean") {
    Value weight = reduceSum(n, labelled(false), all);
    auto mean = n.elementwise({total, weight}, element, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
      return Scalar(b, v[0]) / Scalar(b, v[1]);
    });
    if (failed(mean))
      return failure();
    total = *mean;
  }
  n.set(0, n.cast(total, out));
  return success();
}

static LogicalResult checkInputs(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (!isa<FloatType>(n.elementType(0)) || n.rank(0) < 2)
    return n.error("input 0 must be floats [N, C, d...]");
  return success();
}

static LogicalResult lowerNegativeLogLikelihood(Node &n) {
  if (failed(checkInputs(n)))
    return failure();
  return lowerLikelihood(n, n.cast(n.in(0), accumulator(n.elementType(0), n.b)));
}

static LogicalResult lowerSoftmaxCrossEntropy(Node &n) {
  if (failed(checkInputs(n)))
    return failure();
  auto logs = logSoftmax(n, n.cast(n.in(0), accumulator(n.elementType(0), n.b)), {1});
  if (failed(logs))
    return failure();
  if (n.numOutputs() > 1)
    n.set(1, n.cast(*logs, n.elementType(0)));
  return lowerLikelihood(n, *logs);
}

void dlc::legalize::addLoss(std::vector<OpEntry> &table) {
  table.push_back({"", "NegativeLogLikelihoodLoss", 12, kLatest, "floats",
                   lowerNegativeLogLikelihood});
  table.push_back({"", "SoftmaxCrossEntropyLoss", 12, kLatest, "floats",
                   lowerSoftmaxCrossEntropy});
}
