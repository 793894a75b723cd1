// This file compiles the tensor dialect.
#include "passes/evaluate/Compiler.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cstring>

using namespace mlir;
using namespace dlc::evaluation;

void dlc::evaluation::copyBox(const char *from, ArrayRef<int64_t> fromStrides,
                              char *to, ArrayRef<int64_t> toStrides,
                              ArrayRef<int64_t> sizes, int64_t elementBytes) {
  if (sizes.empty()) {
    std::memcpy(to, from, elementBytes);
    return;
  }
  if (sizes.size() == 1 && fromStrides[0] == 1 && toStrides[0] == 1) {
    std::memcpy(to, from, sizes[0] * elementBytes);
    return;
  }
  for (int64_t i = 0; i < sizes[0]; ++i)
    copyBox(from + i * fromStrides[0] * elementBytes, fromStrides.drop_front(),
            to + i * toStrides[0] * elementBytes, toStrides.drop_front(),
            sizes.drop_front(), elementBytes);
}

static SmallVector<int64_t, 6> get(ArrayRef<Index> indices, Frame &frame) {
  SmallVector<int64_t, 6> result;
  for (const Index &i : indices)
    result.push_back(i.get(frame));
  return result;
}

/// Whether a slice lies inside a tensor of the given shape.
static bool fits(ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets,
                 ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  for (unsigned d = 0; d < shape.size(); ++d) {
    if (sizes[d] < 0 || offsets[d] < 0 || offsets[d] > shape[d])
      return false;
    if (sizes[d] == 0)
      continue;
    int64_t last;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &last) ||
        __builtin_add_overflow(last, offsets[d], &last) || last < 0 ||
        last >= shape[d] || offsets[d] >= shape[d])
      return false;
  }
  return true;
}

bool Compiler::compileTensor(Operation *op) {
  if (auto extractOp = dyn_cast<tensor::ExtractOp>(op)) {
    SmallVector<unsigned> registers;
    for (Value index : extractOp.getIndices()) {
      std::optional<unsigned> reg = scalar(index);
      if (!reg)
        return false;
      registers.push_back(*reg);
    }
    std::optional<Place> source = placeOf(extractOp.getTensor());
    std::optional<Place> result = define(extractOp.getResult());
    if (!source || !source->isTensor || !result)
      return false;
    extract(result->reg, source->reg, registers);
    return true;
  }
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    std::optional<unsigned> value = scalar(insert.getScalar());
    std::optional<TensorUse> dest = tensor(insert.getDest(), op);
    auto at = indices(getAsOpFoldResult(insert.getIndices()));
    if (!value || !dest || !at)
      return false;
    return defineTensor(op, [value = *value, dest = *dest,
                             at = *at](Machine &machine, Frame &frame) {
      TensorRef tensor = frame.take(dest);
      if (!tensor || tensor->shape.size() != at.size())
        return TensorRef();
      int64_t offset = 0;
      for (auto [index, extent] : llvm::zip(at, tensor->shape)) {
        int64_t i = index.get(frame);
        if (i < 0 || i >= extent)
          return TensorRef();
        offset = offset * extent + i;
      }
      tensor = unshared(std::move(tensor), machine.budget);
      if (tensor)
        store(tensor->element, tensor->data, &offset, 0, frame.reg(value), 1);
      return tensor;
    });
  }
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    std::optional<int64_t> known = dim.getConstantIndex();
    if (!type)
      return false;
    if (known && *known >= 0 && *known < type.getRank() &&
        !type.isDynamicDim(*known)) {
      bind(dim.getResult(), {false, constant(type.getDimSize(*known))});
      return true;
    }
    std::optional<Place> source = placeOf(dim.getSource());
    std::optional<Index> which = index(OpFoldResult(dim.getIndex()));
    std::optional<Place> result = define(dim.getResult());
    if (!source || !which || !result)
      return false;
    call([source = source->reg, which = *which,
          result = result->reg](Machine &, Frame &frame) {
      const TensorRef &tensor = frame.tensors[source];
      int64_t d = which.get(frame);
      if (!tensor || d < 0 || d >= static_cast<int64_t>(tensor->shape.size()))
        return false;
      frame.at(result) = tensor->shape[d];
      return true;
    });
    return true;
  }
  if (auto rank = dyn_cast<tensor::RankOp>(op)) {
    auto type = dyn_cast<RankedTensorType>(rank.getTensor().getType());
    if (type)
      bind(rank.getResult(), {false, constant(type.getRank())});
    return static_cast<bool>(type);
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    auto sizes = indices(empty.getMixedSizes());
    Element element;
    if (auto known = elementOf(empty.getType().getElementType()))
      element = *known;
    else
      return false;
    return sizes && defineTensor(op, [sizes = *sizes, element](Machine &machine, Frame &frame) {
             return makeTensor(element, get(sizes, frame), machine.budget);
           });
  }
  if (isa<tensor::FromElementsOp, tensor::SplatOp>(op)) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    std::optional<Element> element = elementOf(type.getElementType());
    SmallVector<OpFoldResult> mixed;
    SmallVector<Value> values;
    if (auto splat = dyn_cast<tensor::SplatOp>(op)) {
      values.push_back(splat.getInput());
      unsigned next = 0;
      for (int64_t size : type.getShape())
        mixed.push_back(ShapedType::isDynamic(size)
                            ? OpFoldResult(splat.getDynamicSizes()[next++])
                            : IntegerAttr::get(IndexType::get(op->getContext()), size));
    } else {
      llvm::append_range(values, op->getOperands());
      for (int64_t size : type.getShape())
        mixed.push_back(IntegerAttr::get(IndexType::get(op->getContext()), size));
    }
    SmallVector<unsigned> registers;
    for (Value value : values) {
      std::optional<unsigned> reg = scalar(value);
      if (!reg)
        return false;
      registers.push_back(*reg);
    }
    auto sizes = indices(mixed);
    if (!element || !sizes)
      return false;
    return defineTensor(op, [element = *element, sizes = *sizes, registers,
                             isSplat = isa<tensor::SplatOp>(op)](Machine &machine, Frame &frame) {
      TensorRef tensor = makeTensor(element, get(sizes, frame), machine.budget);
      if (!tensor || (!isSplat && tensor->size() != static_cast<int64_t>(registers.size())) ||
          !machine.budget.tick(tensor->size()))
        return TensorRef();
      for (int64_t i = 0; i < tensor->size(); ++i)
        store(element, tensor->data, &i, 0, frame.reg(registers[isSplat ? 0 : i]), 1);
      return tensor;
    });
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    SmallVector<TensorUse> sources;
    for (Value value : concat.getInputs()) {
      std::optional<TensorUse> use = tensor(value, op);
      if (!use)
        return false;
      sources.push_back(*use);
    }
    return defineTensor(op, [sources, axis = concat.getDim()](Machine &machine, Frame &frame) {
      SmallVector<TensorRef> parts;
      SmallVector<int64_t, 6> shape;
      for (TensorUse use : sources) {
        TensorRef part = frame.take(use);
        if (!part)
          return TensorRef();
        if (parts.empty()) {
          shape = part->shape;
        } else {
          for (unsigned d = 0; d < shape.size(); ++d)
            if (d != axis && shape[d] != part->shape[d])
              return TensorRef();
          shape[axis] += part->shape[axis];
        }
        parts.push_back(std::move(part));
      }
      TensorRef result = makeTensor(parts[0]->element, shape, machine.budget);
      if (!result)
        return TensorRef();
      auto strides = result->strides();
      int64_t at = 0;
      for (const TensorRef &part : parts) {
        if (part->size() > 0)
          copyBox(part->data, part->strides(),
                  result->data + at * strides[axis] * result->element.bytes,
                  strides, part->shape, result->element.bytes);
        at += part->shape[axis];
      }
      return result;
    });
  }
  if (isa<tensor::ExtractSliceOp, tensor::InsertSliceOp>(op))
    return compileSlice(op);
  auto alloc = dyn_cast<bufferization::AllocTensorOp>(op);
  if (isa<tensor::CastOp, tensor::BitcastOp, tensor::CollapseShapeOp,
          tensor::ExpandShapeOp, tensor::ReshapeOp>(op) || (alloc && alloc.getCopy()))
    return compileReshape(op);
  if (isa<tensor::GenerateOp>(op))
    return compileGenerate(op);
  if (isa<tensor::PadOp>(op))
    return compilePad(op);
  return false;
}

bool Compiler::compileSlice(Operation *op) {
  auto slice = cast<OffsetSizeAndStrideOpInterface>(op);
  auto offsets = indices(slice.getMixedOffsets());
  auto sizes = indices(slice.getMixedSizes());
  auto strides = indices(slice.getMixedStrides());
  if (!offsets || !sizes || !strides)
    return false;
  struct Box {
    SmallVector<Index> offsets, sizes, strides;
  } box{*offsets, *sizes, *strides};
  /// Where the slice of a tensor lies: its sizes, first element and steps.
  struct Slice {
    SmallVector<int64_t, 6> sizes, steps;
    int64_t first = 0;
  };
  auto locate = [box](const Tensor &tensor, Frame &frame) -> std::optional<Slice> {
    auto offsets = get(box.offsets, frame), strides = get(box.strides, frame);
    Slice result;
    result.sizes = get(box.sizes, frame);
    if (tensor.shape.size() != offsets.size() ||
        !fits(tensor.shape, offsets, result.sizes, strides))
      return std::nullopt;
    auto steps = tensor.strides();
    for (unsigned d = 0; d < steps.size(); ++d) {
      result.first += offsets[d] * steps[d];
      result.steps.push_back(strides[d] * steps[d]);
    }
    return result;
  };

  if (auto take = dyn_cast<tensor::ExtractSliceOp>(op)) {
    std::optional<TensorUse> source = tensor(take.getSource(), op);
    if (!source)
      return false;
    llvm::SmallBitVector dropped = take.getDroppedDims();
    return defineTensor(op, [source = *source, locate,
                             dropped](Machine &machine, Frame &frame) {
      TensorRef from = frame.take(source);
      std::optional<Slice> s = from ? locate(*from, frame) : std::nullopt;
      if (!s)
        return TensorRef();
      SmallVector<int64_t, 6> shape;
      for (auto [d, size] : llvm::enumerate(s->sizes)) {
        if (!dropped.test(d))
          shape.push_back(size);
        else if (size != 1)
          return TensorRef();
      }
      TensorRef result = makeTensor(from->element, shape, machine.budget);
      if (!result || result->size() == 0)
        return result;
      int64_t bytes = from->element.bytes;
      SmallVector<int64_t, 6> to(s->sizes.size(), 1);
      for (int64_t d = static_cast<int64_t>(to.size()) - 2; d >= 0; --d)
        to[d] = to[d + 1] * s->sizes[d + 1];
      copyBox(from->data + s->first * bytes, s->steps, result->data, to,
              s->sizes, bytes);
      return result;
    });
  }
  auto put = cast<tensor::InsertSliceOp>(op);
  std::optional<TensorUse> source = tensor(put.getSource(), op);
  std::optional<TensorUse> dest = tensor(put.getDest(), op);
  if (!source || !dest)
    return false;
  return defineTensor(op, [source = *source, dest = *dest,
                           locate](Machine &machine, Frame &frame) {
    TensorRef from = frame.take(source), into = frame.take(dest);
    std::optional<Slice> s = from && into ? locate(*into, frame) : std::nullopt;
    if (!s)
      return TensorRef();
    int64_t count = 1;
    for (int64_t size : s->sizes)
      count *= size;
    if (count != from->size() || !machine.budget.tick(count / 16 + 1))
      return TensorRef();
    into = unshared(std::move(into), machine.budget);
    if (!into || count == 0)
      return into;
    SmallVector<int64_t, 6> steps(s->sizes.size(), 1);
    for (int64_t d = static_cast<int64_t>(steps.size()) - 2; d >= 0; --d)
      steps[d] = steps[d + 1] * s->sizes[d + 1];
    int64_t bytes = into->element.bytes;
    copyBox(from->data, steps, into->data + s->first * bytes, s->steps,
            s->sizes, bytes);
    return into;
  });
}

bool Compiler::compileReshape(Operation *op) {
  auto alloc = dyn_cast<bufferization::AllocTensorOp>(op); // with a copy
  std::optional<TensorUse> found = tensor(alloc ? alloc.getCopy() : op->getOperand(0), op);
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!found || !type)
    return false;
  std::optional<Element> element = elementOf(type.getElementType());
  if (!element)
    return false;
  TensorUse source = *found;
  if (isa<tensor::CastOp, bufferization::AllocTensorOp>(op))
    return defineTensor(op, [source](Machine &, Frame &frame) {
      return frame.take(source);
    });
  if (isa<tensor::BitcastOp>(op))
    return defineTensor(op, [source, element = *element](Machine &machine, Frame &frame) {
      TensorRef from = frame.take(source);
      if (!from)
        return TensorRef();
      SmallVector<int64_t, 6> shape = from->shape;
      return viewOf(std::move(from), element, shape, machine.budget);
    });
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    auto groups = collapse.getReassociationIndices();
    return defineTensor(op, [source, groups, element = *element](Machine &machine, Frame &frame) {
      TensorRef from = frame.take(source);
      if (!from)
        return TensorRef();
      SmallVector<int64_t, 6> shape;
      for (const auto &group : groups) {
        shape.push_back(1);
        for (int64_t d : group)
          shape.back() *= from->shape[d];
      }
      return viewOf(std::move(from), element, shape, machine.budget);
    });
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    auto sizes = indices(expand.getMixedOutputShape());
    if (!sizes)
      return false;
    return defineTensor(op, [source, sizes = *sizes, element = *element](Machine &machine, Frame &frame) {
      TensorRef from = frame.take(source);
      return from ? viewOf(std::move(from), element, get(sizes, frame), machine.budget)
                  : TensorRef();
    });
  }
  auto reshape = cast<tensor::ReshapeOp>(op);
  std::optional<Place> sizes = placeOf(reshape.getShape());
  if (!sizes || !sizes->isTensor)
    return false;
  return defineTensor(op, [source, sizes = sizes->reg, element = *element](Machine &machine, Frame &frame) {
    TensorRef from = frame.take(source), wanted = frame.tensors[sizes];
    if (!from || !wanted || !wanted->element.isInt() || wanted->size() > 64)
      return TensorRef();
    SmallVector<int64_t, 6> shape;
    for (int64_t i = 0; i < wanted->size(); ++i) {
      Slot slot = 0;
      load(wanted->element, wanted->data, &i, 0, &slot, 1);
      shape.push_back(signExtend(slot, wanted->element.width));
    }
    return viewOf(std::move(from), element, shape, machine.budget);
  });
}

namespace {
/// A region that computes one element from its indices.
struct Generator {
  std::shared_ptr<Program> body;
  SmallVector<unsigned> indexRegs;
  unsigned yield = 0;

  bool run(Machine &machine, Frame &frame, Tensor &to) const {
    Frame inside(*body, lanesFor(*body));
    if (!machine.prepare(inside, &frame))
      return false;
    Nest nest;
    llvm::append_range(nest.extents, to.shape);
    nest.reduction.assign(to.shape.size(), false);
    for (auto [d, reg] : llvm::enumerate(indexRegs))
      nest.indices.push_back({reg, static_cast<unsigned>(d)});
    Nest::Output &out = nest.outputs.emplace_back();
    out.data = to.data;
    out.element = to.element;
    llvm::append_range(out.coefs, to.strides());
    out.reg = out.yield = yield;
    out.init = false;
    return runNest(machine, nest, inside);
  }
};
} // namespace

/// Compiles the region of tensor.generate or tensor.pad.
static std::optional<Generator> compileGenerator(Region &region, Compiler &outer) {
  Generator result;
  result.body = std::make_shared<Program>();
  Compiler inner(*result.body, outer.context, &outer);
  Block &block = region.front();
  for (BlockArgument arg : block.getArguments()) {
    result.indexRegs.push_back(inner.newReg());
    inner.bind(arg, {false, result.indexRegs.back()});
  }
  if (!region.hasOneBlock() || !inner.compileBlock(block))
    return std::nullopt;
  std::optional<unsigned> yield = inner.scalar(block.getTerminator()->getOperand(0));
  if (!yield)
    return std::nullopt;
  // A register of its own: constants and indices must survive.
  result.yield = inner.newReg();
  inner.emit(Opcode::Move, 64, result.yield, *yield);
  return result;
}

bool Compiler::compileGenerate(Operation *op) {
  auto generate = cast<tensor::GenerateOp>(op);
  auto type = cast<RankedTensorType>(generate.getType());
  SmallVector<OpFoldResult> mixed;
  unsigned next = 0;
  for (int64_t size : type.getShape())
    mixed.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(generate.getDynamicExtents()[next++])
                        : IntegerAttr::get(IndexType::get(op->getContext()), size));
  auto sizes = indices(mixed);
  std::optional<Element> element = elementOf(type.getElementType());
  std::optional<Generator> body = compileGenerator(generate.getBody(), *this);
  if (!sizes || !element || !body)
    return false;
  return defineTensor(op, [sizes = *sizes, element = *element,
                           body = *body](Machine &machine, Frame &frame) {
    TensorRef result = makeTensor(element, get(sizes, frame), machine.budget);
    if (result && !body.run(machine, frame, *result))
      result = nullptr;
    return result;
  });
}

bool Compiler::compilePad(Operation *op) {
  auto pad = cast<tensor::PadOp>(op);
  std::optional<TensorUse> source = tensor(pad.getSource(), op);
  auto low = indices(pad.getMixedLowPad()), high = indices(pad.getMixedHighPad());
  std::optional<Generator> body = compileGenerator(pad.getRegion(), *this);
  if (!source || !low || !high || !body)
    return false;
  return defineTensor(op, [source = *source, low = *low, high = *high,
                           body = *body](Machine &machine, Frame &frame) {
    TensorRef from = frame.take(source);
    if (!from || from->shape.size() != low.size())
      return TensorRef();
    SmallVector<int64_t, 6> before = get(low, frame), after = get(high, frame), shape;
    for (unsigned d = 0; d < low.size(); ++d) {
      int64_t size;
      if (before[d] < 0 || after[d] < 0 ||
          __builtin_add_overflow(before[d], after[d], &size) ||
          __builtin_add_overflow(size, from->shape[d], &size))
        return TensorRef();
      shape.push_back(size);
    }
    TensorRef result = makeTensor(from->element, shape, machine.budget);
    if (!result || !body.run(machine, frame, *result))
      return TensorRef();
    auto strides = result->strides();
    int64_t first = 0;
    for (unsigned d = 0; d < low.size(); ++d)
      first += before[d] * strides[d];
    if (from->size() > 0)
      copyBox(from->data, from->strides(), result->data + first * result->element.bytes,
              strides, from->shape, result->element.bytes);
    return result;
  });
}
