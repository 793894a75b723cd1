// This file compiles linalg operations and nn contractions into loop nests.
#include "passes/evaluate/Compiler.h"

#include "dialects/NN/NN.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineExprVisitor.h"

using namespace mlir;
using namespace dlc::evaluation;

namespace {
/// A sum of multiples of loop indices.
struct Linear {
  SmallVector<int64_t, 8> coefs;
  int64_t constant = 0;
};

/// One operand of a linalg operation.
struct Operand {
  TensorUse tensor;
  unsigned reg = 0;
  SmallVector<Linear, 4> map; ///< of each tensor dimension
  bool gathered = false;      ///< read by the body through Extract
};
struct Output : Operand {
  unsigned yield = 0;
  unsigned result = 0; ///< tensor register
  bool isRead = true;
};
} // namespace

/// `expr` as a linear function of the loop indices; false when it is none.
static bool addLinear(AffineExpr expr, int64_t factor, Linear &out) {
  int64_t product;
  switch (expr.getKind()) {
  case AffineExprKind::Constant:
    return !__builtin_mul_overflow(
               factor, cast<AffineConstantExpr>(expr).getValue(), &product) &&
           !__builtin_add_overflow(out.constant, product, &out.constant);
  case AffineExprKind::DimId:
    return !__builtin_add_overflow(
        out.coefs[cast<AffineDimExpr>(expr).getPosition()], factor,
        &out.coefs[cast<AffineDimExpr>(expr).getPosition()]);
  case AffineExprKind::Add: {
    auto sum = cast<AffineBinaryOpExpr>(expr);
    return addLinear(sum.getLHS(), factor, out) &&
           addLinear(sum.getRHS(), factor, out);
  }
  case AffineExprKind::Mul: {
    auto mul = cast<AffineBinaryOpExpr>(expr);
    auto by = dyn_cast<AffineConstantExpr>(mul.getRHS());
    return by && !__builtin_mul_overflow(factor, by.getValue(), &product) &&
           addLinear(mul.getLHS(), product, out);
  }
  default:
    return false;
  }
}

static std::optional<SmallVector<Linear, 4>> linearMap(AffineMap map) {
  SmallVector<Linear, 4> result;
  for (AffineExpr expr : map.getResults()) {
    Linear linear;
    linear.coefs.assign(map.getNumDims(), 0);
    if (!addLinear(expr, 1, linear))
      return std::nullopt;
    result.push_back(std::move(linear));
  }
  return result;
}

/// The access of a tensor through a map; nothing when some index leaves its
/// dimension.
static bool accessOf(const Tensor &tensor, ArrayRef<Linear> map,
                     const Nest &nest, Access &access) {
  if (map.size() != tensor.shape.size())
    return false;
  access.data = tensor.data;
  access.element = tensor.element;
  access.coefs.assign(nest.extents.size(), 0);
  SmallVector<int64_t, 6> strides = tensor.strides();
  for (auto [k, linear] : llvm::enumerate(map)) {
    Access one; // this dimension alone
    one.base = linear.constant;
    one.coefs = linear.coefs;
    if (!staysInside(nest, one, tensor.shape[k]))
      return false;
    access.base += linear.constant * strides[k];
    // Inside, so small, but for loops of one round: those move nothing.
    for (auto [d, coef] : llvm::enumerate(linear.coefs))
      if (nest.extents[d] > 1)
        access.coefs[d] += coef * strides[k];
  }
  return true;
}

bool Compiler::compileLinalg(Operation *op) {
  auto linalgOp = cast<linalg::LinalgOp>(op);
  Block *block = linalgOp.getBlock();
  AffineMap loops = linalgOp.getShapesToLoopsMap();
  if (!linalgOp.hasPureTensorSemantics() || !loops || !block)
    return false;
  auto body = std::make_shared<Program>();
  Compiler inner(*body, context, this);
  inner.nestOp = op;
  SmallVector<bool, 8> reduction;
  for (utils::IteratorType type : linalgOp.getIteratorTypesArray())
    reduction.push_back(type != utils::IteratorType::parallel);

  SmallVector<Operand, 4> inputs;
  SmallVector<Output, 2> outputs;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument arg = linalgOp.getMatchingBlockArgument(&operand);
    bool isInit = linalgOp.isDpsInit(&operand);
    if (!isa<RankedTensorType>(operand.get().getType())) {
      std::optional<unsigned> reg = inner.scalar(operand.get());
      if (!reg || isInit)
        return false;
      inner.bind(arg, {false, *reg});
      continue;
    }
    AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
    std::optional<SmallVector<Linear, 4>> linear = linearMap(map);
    std::optional<TensorUse> use = tensor(operand.get(), op);
    if (!use || !elementOf(arg.getType()) || (isInit && !linear) ||
        map.getNumSymbols() != 0)
      return false;
    if (isInit) {
      Output out;
      out.tensor = *use;
      out.reg = inner.newReg();
      out.map = std::move(*linear);
      // A body that overwrites every element need not see the old ones.
      out.isRead = !arg.use_empty() || !map.isPermutation();
      inner.bind(arg, {false, out.reg});
      outputs.push_back(std::move(out));
      continue;
    }
    Operand in;
    in.tensor = *use;
    in.reg = inner.newReg();
    if (linear) {
      in.map = std::move(*linear);
    } else {
      in.gathered = true;
      SmallVector<unsigned> dims, indices;
      for (unsigned d = 0; d < map.getNumDims(); ++d)
        dims.push_back(inner.loopIndex(d));
      for (AffineExpr expr : map.getResults()) {
        std::optional<unsigned> index = inner.emitAffine(expr, dims, {});
        if (!index)
          return false;
        indices.push_back(*index);
      }
      std::optional<TensorUse> captured = inner.tensor(operand.get(), op);
      if (!captured)
        return false;
      in.tensor.last = false;
      inner.extract(in.reg, captured->reg, indices);
    }
    inner.bind(arg, {false, in.reg});
    inputs.push_back(std::move(in));
  }
  if (!inner.compileBlock(*block))
    return false;
  for (auto [out, value, result] :
       llvm::zip(outputs, block->getTerminator()->getOperands(),
                 op->getResults())) {
    std::optional<unsigned> yield = inner.scalar(value);
    std::optional<Place> place = define(result);
    if (!yield || !place)
      return false;
    out.yield = *yield;
    out.result = place->reg;
  }

  // Positions of each operand's sizes in the argument of the shape map.
  SmallVector<std::pair<bool, unsigned>> order; // (is output, which)
  unsigned nextInput = 0, nextOutput = 0;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType()))
      order.push_back(linalgOp.isDpsInit(&operand)
                          ? std::pair(true, nextOutput++)
                          : std::pair(false, nextInput++));

  call([body, inputs, outputs, order, loops, reduction,
        indices = inner.loopIndices](Machine &machine, Frame &frame) {
    Frame inside(*body, lanesFor(*body));
    if (!machine.prepare(inside, &frame))
      return false;
    SmallVector<TensorRef> sources, targets;
    for (const Operand &in : inputs)
      sources.push_back(frame.take(in.tensor));
    for (const Output &out : outputs)
      targets.push_back(frame.take(out.tensor));
    SmallVector<int64_t> sizes;
    for (auto [isOutput, k] : order) {
      const TensorRef &tensor = isOutput ? targets[k] : sources[k];
      if (!tensor)
        return false;
      llvm::append_range(sizes, tensor->shape);
    }
    if (loops.getNumDims() != sizes.size())
      return false;
    Nest nest;
    llvm::append_range(nest.extents, loops.compose(sizes));
    nest.reduction = reduction;
    nest.indices = indices;
    bool anyReduction = llvm::is_contained(reduction, true);
    for (auto [in, tensor] : llvm::zip(inputs, sources)) {
      if (in.gathered)
        continue;
      Access access;
      if (!accessOf(*tensor, in.map, nest, access))
        return false;
      access.reg = in.reg;
      nest.inputs.push_back(std::move(access));
    }
    for (auto [out, tensor] : llvm::zip(outputs, targets)) {
      bool keep = out.isRead || anyReduction;
      bool mine = tensor.use_count() == 1 && tensor->isOwned();
      if (keep || mine)
        tensor = unshared(std::move(tensor), machine.budget);
      else
        tensor = makeTensor(tensor->element, tensor->shape, machine.budget);
      Nest::Output access;
      if (!tensor || !accessOf(*tensor, out.map, nest, access))
        return false;
      access.reg = out.reg;
      access.yield = out.yield;
      access.init = keep;
      nest.outputs.push_back(std::move(access));
    }
    if (!runNest(machine, nest, inside))
      return false;
    for (auto [out, tensor] : llvm::zip(outputs, targets))
      frame.tensors[out.result] = std::move(tensor);
    return true;
  });
  return true;
}

//===--- nn.conv and nn.matmul --------------------------------------------===//

/// The body acc = acc + a * b on registers 0, 1 and 2 (the accumulator), result
/// in the returned register.
static unsigned emitMultiplyAdd(Compiler &c, const Element &a, const Element &b,
                                const Element &acc) {
  unsigned regs[2] = {c.newReg(), c.newReg()}, sum = c.newReg();
  unsigned product = c.newReg(), result = c.newReg();
  const Element *from[2] = {&a, &b};
  for (int i = 0; i < 2; ++i) {
    bool widen = acc.isInt() ? from[i]->width < acc.width
                             : acc.isF64() && !from[i]->isF64();
    if (!widen)
      continue;
    unsigned wide = c.newReg();
    if (acc.isInt())
      c.emit(Opcode::SignExtend, acc.width, wide, regs[i]).flag = from[i]->width;
    else
      c.emit(Opcode::ExtF, 64, wide, regs[i]);
    regs[i] = wide;
  }
  bool isDouble = acc.isF64();
  c.emit(acc.isInt() ? Opcode::MulI : isDouble ? Opcode::MulD : Opcode::MulF, acc.width,
         product, regs[0], regs[1]);
  if (acc.isSmall())
    c.emit(Opcode::RoundSmall, 64, product, product).element = acc;
  c.emit(acc.isInt() ? Opcode::AddI : isDouble ? Opcode::AddD : Opcode::AddF, acc.width,
         result, sum, product);
  if (acc.isSmall())
    c.emit(Opcode::RoundSmall, 64, result, result).element = acc;
  return result;
}

namespace {
/// What both contractions have in common.
struct Contraction {
  TensorUse a, b, init;
  SmallVector<TensorUse> epilogueInputs;
  unsigned result = 0;
  unsigned channelDim = 0;
  unsigned yield = 0, epilogueYield = 0;
  std::shared_ptr<Program> body, epilogue;
};
} // namespace

/// Runs a contraction whose nest (extents, accesses of a, b and the result) is
/// complete. `resultDims` are the loops of the result's dimensions; a dimension
/// made of two loops (groups and channels in them) gives both, outer first.
static bool runContraction(Machine &machine, Frame &frame, Nest &nest,
                           const Contraction &c, TensorRef init,
                           ArrayRef<SmallVector<unsigned, 2>> resultDims) {
  Frame body(*c.body, lanesFor(*c.body));
  Frame epilogue(*c.epilogue, lanesFor(*c.epilogue));
  if (!machine.prepare(body, &frame) || !machine.prepare(epilogue, &frame))
    return false;
  TensorRef out = makeTensor(init->element, init->shape, machine.budget);
  if (!out)
    return false;
  auto place = [&](Access &access, const Tensor &tensor, bool channelOnly) {
    access.data = tensor.data;
    access.element = tensor.element;
    access.coefs.assign(nest.extents.size(), 0);
    SmallVector<int64_t, 6> strides = tensor.strides();
    for (auto [d, loops] : llvm::enumerate(resultDims)) {
      if (channelOnly && d != c.channelDim)
        continue;
      int64_t stride = strides[channelOnly ? 0 : d];
      for (unsigned loop : llvm::reverse(loops)) {
        access.coefs[loop] = stride;
        stride *= nest.extents[loop];
      }
    }
    return staysInside(nest, access, tensor.size());
  };
  nest.inputs[0].reg = 0;
  nest.inputs[1].reg = 1;
  Nest::Output &result = nest.outputs.emplace_back();
  result.reg = 2;
  result.yield = c.yield;
  result.init = result.store = false;
  if (!place(result, *out, false))
    return false;
  SmallVector<TensorRef> epilogueInputs;
  for (auto [i, use] : llvm::enumerate(c.epilogueInputs)) {
    TensorRef tensor = frame.take(use);
    if (!tensor)
      return false;
    Access &access = nest.epilogueInputs.emplace_back();
    access.reg = 1 + i;
    bool perChannel = tensor->shape.size() == 1 && out->shape.size() != 1;
    if (perChannel ? tensor->shape[0] != out->shape[c.channelDim]
                   : tensor->shape != out->shape)
      return false;
    if (!place(access, *tensor, perChannel))
      return false;
    epilogueInputs.push_back(std::move(tensor));
  }
  nest.epilogue = &epilogue;
  nest.epilogueYield = c.epilogueYield;
  for (const Access &in : nest.inputs)
    if (!in.data)
      return false;
  if (!runNest(machine, nest, body))
    return false;
  frame.tensors[c.result] = std::move(out);
  return true;
}

/// Packed weights [group * panels, rest..., panel] as [rest..., outputs].
static TensorRef unpack(Machine &machine, const Tensor &packed, int64_t outputs,
                        int64_t group) {
  int64_t panel = packed.shape.back();
  if (group < 1 || panel < 1 || outputs % group != 0)
    return nullptr;
  int64_t inGroup = outputs / group, panels = (inGroup + panel - 1) / panel;
  SmallVector<int64_t, 6> shape(ArrayRef(packed.shape).drop_front());
  shape.back() = outputs;
  TensorRef result = makeTensor(packed.element, shape, machine.budget);
  if (!result || packed.shape[0] != panels * group)
    return nullptr;
  int64_t rows = outputs ? result->size() / outputs : 0;
  int64_t bytes = packed.element.bytes;
  for (int64_t o = 0; o < outputs; ++o) {
    int64_t inside = o % inGroup;
    int64_t at = o / inGroup * panels + inside / panel;
    copyBox(packed.data + (at * rows * panel + inside % panel) * bytes, {panel},
            result->data + o * bytes, {outputs}, {rows}, bytes);
  }
  return result;
}

/// Surroundings of a convolution's input.
namespace {
struct Padding {
  SmallVector<int64_t> sizes; ///< begins, then ends; empty when there are none
  Attribute value;            ///< one element as a constant
};
} // namespace

/// `in` with its padding around it; null when it is too large.
static TensorRef padded(Machine &machine, TensorRef in, const Padding &padding, bool last) {
  unsigned rank = padding.sizes.size() / 2, first = last ? 1 : 2;
  if (in->shape.size() != rank + 2)
    return nullptr;
  SmallVector<int64_t, 6> shape = in->shape;
  int64_t start = 0;
  for (unsigned d = 0; d < rank; ++d)
    if (__builtin_add_overflow(shape[first + d], padding.sizes[d], &shape[first + d]) ||
        __builtin_add_overflow(shape[first + d], padding.sizes[rank + d], &shape[first + d]))
      return nullptr;
  TensorRef result = makeTensor(in->element, shape, machine.budget);
  TensorRef element = importTensor(padding.value, machine.budget);
  if (!result || !element || element->size() != 1 || element->element.bytes != in->element.bytes)
    return nullptr;
  int64_t bytes = in->element.bytes;
  for (int64_t i = 0; i < result->size(); ++i)
    std::memcpy(result->data + i * bytes, element->data, bytes);
  auto strides = result->strides();
  for (unsigned d = 0; d < rank; ++d)
    start += padding.sizes[d] * strides[first + d];
  copyBox(in->data, in->strides(), result->data + start * bytes, strides, in->shape, bytes);
  return result;
}

static bool runConv(Machine &machine, Frame &frame, const Contraction &c,
                    ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations,
                    int64_t group, bool last, bool packed, const Padding &padding) {
  TensorRef in = frame.take(c.a), filter = frame.take(c.b),
            init = frame.take(c.init);
  if (packed && filter && init && filter->shape.size() == strides.size() + 3) {
    if (!last)
      return false;
    filter = unpack(machine, *filter, init->shape.back(), group);
  }
  if (in && !padding.sizes.empty())
    in = padded(machine, std::move(in), padding, last);
  unsigned rank = strides.size();
  if (!in || !filter || !init || in->shape.size() != rank + 2 ||
      filter->shape.size() != rank + 2 || init->shape.size() != rank + 2 ||
      group < 1)
    return false;
  auto inStrides = in->strides(), filterStrides = filter->strides();
  unsigned channelIn = last ? rank + 1 : 1, spatial = last ? 1 : 2;
  unsigned filterIn = last ? rank : 1, filterOut = last ? rank + 1 : 0;
  unsigned kernel = last ? 0 : 2;
  int64_t outputs = filter->shape[filterOut], perGroup = filter->shape[filterIn];
  if (outputs % group != 0 || in->shape[channelIn] != perGroup * group ||
      init->shape[channelIn] != outputs || in->shape[0] != init->shape[0])
    return false;
  int64_t groupOutputs = outputs / group;

  // Loops: batch, group, channel in it, spatial...; input channel, kernel...
  Nest nest;
  Access input, weight;
  auto loop = [&](int64_t extent, bool reduction, int64_t a, int64_t b,
                  int64_t factor = 1) {
    nest.extents.push_back(extent);
    nest.reduction.push_back(reduction);
    // A step that is taken was found to stay inside; others may overflow.
    input.coefs.push_back(extent > 1 ? a * factor : 0);
    weight.coefs.push_back(b);
  };
  for (unsigned d = 0; d < rank; ++d) {
    int64_t out = init->shape[spatial + d], k = filter->shape[kernel + d];
    int64_t reach, more;
    if (out > 0 && k > 0 &&
        (__builtin_mul_overflow(out - 1, strides[d], &reach) ||
         __builtin_mul_overflow(k - 1, dilations[d], &more) ||
         __builtin_add_overflow(reach, more, &reach) ||
         reach >= in->shape[spatial + d]))
      return false;
    if (out == 0 || k == 0)
      return false; // nothing to sum or to store: not worth a case
  }
  loop(in->shape[0], false, inStrides[0], 0);
  loop(group, false, perGroup * inStrides[channelIn],
       groupOutputs * filterStrides[filterOut]);
  loop(groupOutputs, false, 0, filterStrides[filterOut]);
  for (unsigned d = 0; d < rank; ++d)
    loop(init->shape[spatial + d], false, inStrides[spatial + d], 0, strides[d]);
  loop(perGroup, true, inStrides[channelIn], filterStrides[filterIn]);
  for (unsigned d = 0; d < rank; ++d)
    loop(filter->shape[kernel + d], true, inStrides[spatial + d],
         filterStrides[kernel + d], dilations[d]);
  input.data = in->data;
  input.element = in->element;
  weight.data = filter->data;
  weight.element = filter->element;
  if (!staysInside(nest, input, in->size()) ||
      !staysInside(nest, weight, filter->size()))
    return false;
  nest.inputs.push_back(input);
  nest.inputs.push_back(weight);

  SmallVector<SmallVector<unsigned, 2>> resultDims(rank + 2);
  resultDims[0] = {0};
  resultDims[channelIn] = {1, 2};
  for (unsigned d = 0; d < rank; ++d)
    resultDims[spatial + d] = {3 + d};
  return runContraction(machine, frame, nest, c, std::move(init), resultDims);
}

static bool runMatmul(Machine &machine, Frame &frame, const Contraction &c,
                      bool packed) {
  TensorRef a = frame.take(c.a), b = frame.take(c.b), init = frame.take(c.init);
  if (packed && b && init && b->shape.size() == 3)
    b = unpack(machine, *b, init->shape.back(), 1);
  if (!a || !b || !init || a->shape.size() < 2 ||
      init->shape.size() != a->shape.size())
    return false;
  unsigned rank = a->shape.size(), rankB = b->shape.size();
  if ((rankB != rank && rankB != 2) ||
      a->shape[rank - 1] != b->shape[rankB - 2] ||
      a->shape[rank - 2] != init->shape[rank - 2] ||
      b->shape[rankB - 1] != init->shape[rank - 1])
    return false;
  auto aStrides = a->strides(), bStrides = b->strides();
  Nest nest;
  Access left, right;
  SmallVector<SmallVector<unsigned, 2>> resultDims;
  for (unsigned d = 0; d < rank; ++d) {
    bool batch = d + 2 < rank;
    if (batch && (a->shape[d] != init->shape[d] ||
                  (rankB == rank && b->shape[d] != init->shape[d])))
      return false;
    nest.extents.push_back(init->shape[d]);
    nest.reduction.push_back(false);
    left.coefs.push_back(d + 1 < rank ? aStrides[d] : 0);
    right.coefs.push_back(d + 1 == rank           ? bStrides[rankB - 1]
                          : batch && rankB == rank ? bStrides[d]
                                                   : 0);
    resultDims.push_back({d});
  }
  nest.extents.push_back(a->shape[rank - 1]);
  nest.reduction.push_back(true);
  left.coefs.push_back(aStrides[rank - 1]);
  right.coefs.push_back(bStrides[rankB - 2]);
  left.data = a->data;
  left.element = a->element;
  right.data = b->data;
  right.element = b->element;
  if (!staysInside(nest, left, a->size()) ||
      !staysInside(nest, right, b->size()))
    return false;
  nest.inputs.push_back(left);
  nest.inputs.push_back(right);
  return runContraction(machine, frame, nest, c, std::move(init), resultDims);
}

bool Compiler::compileContraction(Operation *op) {
  auto conv = dyn_cast<nn::ConvOp>(op);
  auto matmul = dyn_cast<nn::MatmulOp>(op);
  if (op->getNumResults() != 1)
    return false;
  Value a = conv ? conv.getInput() : matmul.getA();
  Value b = conv ? conv.getFilter() : matmul.getB();
  Value init = conv ? conv.getInit() : matmul.getInit();
  Region &region = conv ? conv.getEpilogue() : matmul.getEpilogue();
  ValueRange more = conv ? conv.getEpilogueInputs() : matmul.getEpilogueInputs();
  Block &block = region.front();
  std::optional<Element> elementA = elementOf(getElementTypeOrSelf(a.getType()));
  std::optional<Element> elementB = elementOf(getElementTypeOrSelf(b.getType()));
  std::optional<Element> sum = elementOf(block.getArgument(0).getType());
  if (!elementA || !elementB || !sum || elementA->isInt() != sum->isInt() ||
      elementB->isInt() != sum->isInt())
    return false;

  Contraction c;
  c.channelDim = conv ? conv.getChannelDim() : matmul.getChannelDim();
  auto use = [&](Value value, TensorUse &to) {
    std::optional<TensorUse> found = tensor(value, op);
    if (found)
      to = *found;
    return found.has_value();
  };
  if (!use(a, c.a) || !use(b, c.b) || !use(init, c.init))
    return false;
  for (Value value : more)
    if (!use(value, c.epilogueInputs.emplace_back()))
      return false;
  c.body = std::make_shared<Program>();
  Compiler multiply(*c.body, context, this);
  c.yield = emitMultiplyAdd(multiply, *elementA, *elementB, *sum);

  c.epilogue = std::make_shared<Program>();
  Compiler inner(*c.epilogue, context, this);
  for (BlockArgument arg : block.getArguments())
    inner.bind(arg, {false, inner.newReg()});
  if (!inner.compileBlock(block))
    return false;
  std::optional<unsigned> yield = inner.scalar(block.getTerminator()->getOperand(0));
  std::optional<Place> result = define(op->getResult(0));
  if (!yield || !result)
    return false;
  c.epilogueYield = *yield;
  c.result = result->reg;
  Padding padding;
  if (conv && conv.isPadded()) {
    padding.sizes.append(conv.getPadsAttr().asArrayRef().begin(), conv.getPadsAttr().asArrayRef().end());
    TypedAttr element = conv.getPadElement();
    padding.value =
        DenseElementsAttr::get(RankedTensorType::get({}, element.getType()), Attribute(element));
  }
  if (conv)
    call([c, padding, strides = SmallVector<int64_t>(conv.getStrides()),
          dilations = SmallVector<int64_t>(conv.getDilations()),
          group = static_cast<int64_t>(conv.getGroup()),
          last = conv.getChannelsLast(),
          packed = conv.getPacked() != 0](Machine &machine, Frame &frame) {
      return runConv(machine, frame, c, strides, dilations, group, last, packed, padding);
    });
  else
    call([c, packed = matmul.getPacked() != 0](Machine &machine, Frame &frame) {
      return runMatmul(machine, frame, c, packed);
    });
  return true;
}
