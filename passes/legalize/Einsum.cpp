// This file lowers Einsum: one loop nest over all labels for any equation, and
// nn.matmul for products of two tensors that are matrix products.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

namespace {
/// An equation with the ellipsis written out: labels are numbers, those of the
/// ellipsis' dimensions first.
struct Equation {
  SmallVector<SmallVector<int>> inputs;
  SmallVector<int> output;
  int labels = 0;
};
} // namespace

/// "ij,jk->ik": letters, "..." at most once a term, the output optional.
static FailureOr<Equation> parse(Node &n) {
  auto text = n.str("equation");
  if (failed(text))
    return failure();
  std::string equation;
  for (char c : *text)
    if (c != ' ')
      equation += c;
  size_t arrow = equation.find("->");
  StringRef left =
      StringRef(equation).take_front(std::min(arrow, equation.size()));
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  auto invalid = [&](const Twine &why) {
    return n.error("equation '" + *text + "' " + why);
  };
  if (terms.size() != n.numInputs())
    return invalid("has " + Twine(terms.size()) + " terms for " +
                   Twine(n.numInputs()) + " inputs");
  if (failed(n.requireTensors(n.numInputs())))
    return failure();
  // How many dimensions "..." stands for: right-aligned, the largest counts.
  auto letters = [](StringRef term) {
    return static_cast<int64_t>(
        llvm::count_if(term, [](char c) { return c != '.'; }));
  };
  auto hasDots = [](StringRef term) { return term.contains("..."); };
  auto wellFormed = [&](StringRef term) {
    size_t at = term.find("...");
    for (auto [i, c] : llvm::enumerate(term))
      if (!llvm::isAlpha(c) &&
          !(at != StringRef::npos && i >= at && i < at + 3))
        return false;
    return true;
  };
  int64_t ellipsis = 0;
  for (auto [i, term] : llvm::enumerate(terms)) {
    if (!wellFormed(term))
      return invalid("is malformed in term " + Twine(i));
    int64_t rest = n.rank(i) - letters(term);
    if (hasDots(term) ? rest < 0 : rest != 0)
      return invalid("gives input " + Twine(i) + " " + Twine(letters(term)) +
                     " labels, it has rank " + Twine(n.rank(i)));
    if (hasDots(term))
      ellipsis = std::max(ellipsis, rest);
  }
  Equation e;
  e.labels = static_cast<int>(ellipsis);
  std::map<char, int> numbers;
  std::map<char, int> uses;
  auto labelsOf = [&](StringRef term, int64_t dots) {
    SmallVector<int> labels;
    for (size_t i = 0; i < term.size(); ++i) {
      if (term[i] == '.') {
        for (int64_t d = ellipsis - dots; d < ellipsis; ++d)
          labels.push_back(static_cast<int>(d));
        i += 2;
        continue;
      }
      auto [it, added] = numbers.try_emplace(term[i], e.labels);
      if (added)
        ++e.labels;
      labels.push_back(it->second);
    }
    return labels;
  };
  for (auto [i, term] : llvm::enumerate(terms)) {
    for (char c : term)
      if (c != '.')
        ++uses[c];
    e.inputs.push_back(labelsOf(term, n.rank(i) - letters(term)));
  }
  if (arrow != std::string::npos) {
    StringRef right = StringRef(equation).drop_front(arrow + 2);
    if (!wellFormed(right))
      return invalid("is malformed in its output");
    std::map<char, int> seen;
    for (char c : right)
      if (c != '.' && (!uses.count(c) || seen[c]++))
        return invalid("has the output label '" + Twine(c) +
                       "', which no input has or which is given twice");
    e.output = labelsOf(right, hasDots(right) ? ellipsis : 0);
  } else {
    // Implicit: the ellipsis, then labels that occur once, in order.
    std::string once;
    for (auto [c, count] : uses)
      if (count == 1)
        once += c;
    e.output = labelsOf("..." + once, ellipsis);
  }
  return e;
}

/// A product of two tensors without repeated labels in one term, each label in
/// both inputs (batch or contracted) or in one and the output: transpose to
/// [batch..., M, K] and [batch..., K, N], multiply, transpose. Null when the
/// equation is something else.
static Value asMatmul(Node &n, const Equation &e, ArrayRef<OpFoldResult> sizes,
                      Type element) {
  if (e.inputs.size() != 2)
    return Value();
  auto in = [](ArrayRef<int> list, int label) {
    return llvm::is_contained(list, label);
  };
  for (ArrayRef<int> term : {ArrayRef(e.inputs[0]), ArrayRef(e.inputs[1])})
    for (auto [i, label] : llvm::enumerate(term))
      if (in(term.drop_front(i + 1), label))
        return Value();
  SmallVector<int> batch, rows, columns, inner;
  for (int label = 0; label < e.labels; ++label) {
    bool a = in(e.inputs[0], label), b = in(e.inputs[1], label),
         out = in(e.output, label);
    if (a && b)
      (out ? batch : inner).push_back(label);
    else if (!out)
      return Value();
    else
      (a ? rows : columns).push_back(label);
  }
  if (inner.empty())
    return Value();
  // Broadcast dimensions of size 1 stay with the loop nest.
  for (int side : {0, 1})
    for (auto [d, label] : llvm::enumerate(e.inputs[side]))
      if (!Node::sameSize(n.size(n.in(side), d), sizes[label]))
        return Value();
  auto sizeOf = [&](ArrayRef<int> labels) {
    SmallVector<OpFoldResult> list;
    for (int label : labels)
      list.push_back(sizes[label]);
    return n.product(list);
  };
  auto arrange = [&](int side, ArrayRef<int> second, ArrayRef<int> third) {
    SmallVector<int64_t> permutation;
    SmallVector<OpFoldResult> to;
    for (ArrayRef<int> group : {ArrayRef(batch), second, third})
      for (int label : group)
        permutation.push_back(llvm::find(e.inputs[side], label) -
                              e.inputs[side].begin());
    if (!batch.empty())
      to.push_back(sizeOf(batch));
    to.push_back(sizeOf(second));
    to.push_back(sizeOf(third));
    return n.reshape(n.transpose(n.in(side), permutation), to);
  };
  Value product =
      n.matmul(arrange(0, rows, inner), arrange(1, inner, columns), element);
  SmallVector<int> have = batch;
  have.append(rows);
  have.append(columns);
  SmallVector<OpFoldResult> split;
  SmallVector<int64_t> permutation;
  for (int label : have)
    split.push_back(sizes[label]);
  for (int label : e.output)
    permutation.push_back(llvm::find(have, label) - have.begin());
  return n.transpose(n.reshape(product, split), permutation);
}

/// Any equation: a loop over every label that multiplies and adds up.
static Value asLoops(Node &n, const Equation &e, ArrayRef<OpFoldResult> sizes,
                     Type element) {
  bool floats = isa<FloatType>(element);
  Type sum = floats && element.getIntOrFloatBitWidth() < 32 ? n.b.getF32Type()
                                                            : element;
  SmallVector<OpFoldResult> to;
  SmallVector<AffineExpr> out;
  SmallVector<utils::IteratorType> loops(e.labels,
                                         utils::IteratorType::reduction);
  for (int label : e.output) {
    to.push_back(sizes[label]);
    out.push_back(n.b.getAffineDimExpr(label));
    loops[label] = utils::IteratorType::parallel;
  }
  // A label whose inputs all have size 1 where the result has another cannot
  // occur: the size is the largest of them. Inputs of size 1 are broadcast.
  SmallVector<AffineMap> maps;
  SmallVector<Value> operands;
  for (auto [i, labels] : llvm::enumerate(e.inputs)) {
    SmallVector<AffineExpr> exprs;
    for (auto [d, label] : llvm::enumerate(labels)) {
      bool one = n.shape(i)[d] == 1 && getConstantIntValue(sizes[label]) != 1;
      exprs.push_back(one ? n.b.getAffineConstantExpr(0)
                          : n.b.getAffineDimExpr(label));
    }
    operands.push_back(n.in(i));
    maps.push_back(AffineMap::get(e.labels, 0, exprs, n.b.getContext()));
  }
  maps.push_back(AffineMap::get(e.labels, 0, out, n.b.getContext()));
  Value init = n.fill(to, n.scalarInt(sum, 0), sum);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value product;
    for (Value arg : args.drop_back()) {
      Value v = toSignless(b, arg);
      if (floats)
        v = Node::castScalar(b, v, element, sum);
      if (!product)
        product = v;
      else
        product = floats ? arith::MulFOp::create(b, product, v).getResult()
                         : arith::MulIOp::create(b, product, v).getResult();
    }
    Value acc = toSignless(b, args.back());
    Value next = floats ? arith::AddFOp::create(b, acc, product).getResult()
                        : arith::AddIOp::create(b, acc, product).getResult();
    linalg::YieldOp::create(b, fromSignless(b, next, sum));
  };
  Value result = linalg::GenericOp::create(n.b, init.getType(), operands, init,
                                           maps, loops, body)
                     .getResult(0);
  return n.cast(result, element);
}

static LogicalResult lowerEinsum(Node &n) {
  if (n.numInputs() == 0)
    return n.error("there are no inputs");
  auto equation = parse(n);
  if (failed(equation))
    return failure();
  Type element = n.elementType(0);
  if (!element.isIntOrFloat() || element.isInteger(1))
    return n.error("element type is not supported by this operator");
  SmallVector<OpFoldResult> sizes(equation->labels, n.b.getIndexAttr(1));
  for (auto [i, labels] : llvm::enumerate(equation->inputs)) {
    if (n.elementType(i) != element)
      return n.error("input " + Twine(i) +
                     " has another element type than input 0");
    for (auto [d, label] : llvm::enumerate(labels)) {
      auto merged =
          n.broadcastSize(sizes[label], n.size(n.in(i), d),
                          "dimension " + Twine(d) + " of input " + Twine(i));
      if (failed(merged))
        return failure();
      sizes[label] = *merged;
    }
  }
  SmallVector<OpFoldResult> to;
  for (int label : equation->output)
    to.push_back(sizes[label]);
  if (failed(n.checkSizes(to)))
    return failure();
  Value result = asMatmul(n, *equation, sizes, element);
  if (!result)
    result = asLoops(n, *equation, sizes, element);
  n.set(0, result);
  return success();
}

void dlc::legalize::addEinsum(std::vector<OpEntry> &table) {
  table.push_back({"", "Einsum", 12, kLatest, "numbers", lowerEinsum});
}
