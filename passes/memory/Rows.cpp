// This file finds out which rows of operands the rows of a result are computed from.
#include "passes/memory/Rows.h"

#include "passes/memory/Lifetimes.h"

using namespace mlir;
using namespace dlc::memory;

bool dlc::memory::isFree(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<tensor::EmptyOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp>(op) ||
         (isa<linalg::FillOp>(op) && op->getOperand(1).getDefiningOp<tensor::EmptyOp>());
}

Value dlc::memory::unshapedOf(Value v) {
  while (Operation *def = v.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def))
      break;
    v = def->getOperand(0);
  }
  return v;
}

static RankedTensorType staticTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getNumElements() > 0 ? tensor : RankedTensorType();
}

std::optional<RowForm> Rows::formOf(Type type, int64_t rows) {
  RankedTensorType tensor = staticTensor(type);
  if (!tensor || rows < 1)
    return std::nullopt;
  int64_t dim = 0;
  while (dim + 1 < tensor.getRank() && tensor.getDimSize(dim) == 1)
    ++dim;
  if (tensor.getRank() == 0 || tensor.getDimSize(dim) % rows != 0)
    return std::nullopt;
  return RowForm{dim, tensor.getDimSize(dim) / rows};
}

RankedTensorType dlc::memory::withRows(Type type, RowForm form, int64_t rows) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[form.dim] = rows * form.each;
  return RankedTensorType::get(shape, tensor.getElementType());
}

int64_t Rows::rowsOf(Value v) const { return rows.lookup(unshapedOf(v)); }

/// Operands that have as many rows as the result, one for one.
static SmallVector<Value> alikeOf(Operation *op) {
  SmallVector<Value> values;
  if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op)) {
    values.push_back(matmul.getA());
    for (Value v : matmul.getEpilogueInputs())
      if (v.getType() == matmul.getInit().getType())
        values.push_back(v);
  } else if (auto generic = dyn_cast<linalg::GenericOp>(op); generic && generic.getNumDpsInits() == 1) {
    AffineMap out = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
    for (OpOperand *input : generic.getDpsInputOperands())
      if (generic.getMatchingIndexingMap(input) == out)
        values.push_back(input->get());
  }
  if (!values.empty())
    values.push_back(op->getResult(0));
  return values;
}

Rows::Rows(Block &block) {
  // Images say themselves what a row is.
  auto note = [&](Value v) {
    RankedTensorType type = staticTensor(v.getType());
    if (type && type.getRank() >= 3 && type.getDimSize(0) == 1 && type.getDimSize(1) > 1)
      rows.try_emplace(unshapedOf(v), type.getDimSize(1));
  };
  for (BlockArgument arg : block.getArguments())
    note(arg);
  for (Operation &op : block)
    for (Value v : op.getResults())
      note(v);
  // Matrices say it of one another.
  auto spread = [&](Operation &op) {
    SmallVector<Value> values = alikeOf(&op);
    int64_t known = 0;
    for (Value v : values)
      known = std::max(known, rowsOf(v));
    if (known)
      for (Value v : values)
        if (formOf(v.getType(), known))
          rows.try_emplace(unshapedOf(v), known);
  };
  for (Operation &op : block)
    spread(op);
  for (Operation &op : llvm::reverse(block))
    spread(op);
  auto guess = [&](Value v) {
    if (RankedTensorType type = staticTensor(v.getType()); type && type.getRank() == 2 && type.getDimSize(0) > 1)
      rows.try_emplace(unshapedOf(v), type.getDimSize(0));
  };
  for (Operation &op : block)
    for (Value v : op.getResults())
      guess(v);
}

bool Rows::addRead(RowOp &result, OpOperand &operand, int64_t scale, int64_t low, int64_t high) const {
  RowRead read;
  read.operand = &operand;
  read.source = operand.get();
  read.scale = scale;
  read.low = low;
  read.high = high;
  if (auto pad = operand.get().getDefiningOp<tensor::PadOp>(); pad && pad->hasOneUse()) {
    auto source = staticTensor(pad.getSourceType());
    Value element = pad.getConstantPaddingValue();
    if (source && staticTensor(pad.getType()) && element && matchPattern(element, m_Constant())) {
      int64_t n = rowsOf(pad.getSource());
      auto form = formOf(source, n);
      bool before = form.has_value();
      // Nothing is padded in front of the rows, and rows only one by one.
      for (int64_t d = 0; form && d < form->dim; ++d)
        before &= pad.getStaticLow()[d] == 0 && pad.getStaticHigh()[d] == 0;
      if (before && form->each == 1 && pad.getStaticLow()[form->dim] >= 0 && pad.getStaticHigh()[form->dim] >= 0) {
        read.pad = pad;
        read.source = pad.getSource();
        read.low -= pad.getStaticLow()[form->dim];
        read.high -= pad.getStaticLow()[form->dim];
      }
    }
  }
  read.rows = rowsOf(read.source);
  if (read.rows < 1 || !formOf(read.source.getType(), read.rows))
    return false;
  result.reads.push_back(read);
  return true;
}

/// An index as row * scale + what windows add (from low to high).
static bool addIndex(AffineExpr expr, unsigned row, int64_t factor, ArrayRef<int64_t> ranges, int64_t &scale,
                     int64_t &low, int64_t &high) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    if (dim.getPosition() == row) {
      scale += factor;
      return true;
    }
    (factor < 0 ? low : high) += factor * (ranges[dim.getPosition()] - 1);
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    low += factor * constant.getValue();
    high += factor * constant.getValue();
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addIndex(binary.getLHS(), row, factor, ranges, scale, low, high) &&
           addIndex(binary.getRHS(), row, factor, ranges, scale, low, high);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && constant &&
         addIndex(binary.getLHS(), row, factor * constant.getValue(), ranges, scale, low, high);
}

/// Whether a band can start from a tensor like this one: nothing, or one element everywhere.
static bool isInit(Value v) {
  if (v.getDefiningOp<tensor::EmptyOp>())
    return true;
  if (auto fill = v.getDefiningOp<linalg::FillOp>())
    return fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>() != nullptr;
  DenseElementsAttr value;
  return matchPattern(v, m_Constant(&value)) && value.isSplat();
}

bool Rows::addGeneric(RowOp &result, linalg::GenericOp op) const {
  if (op.getNumDpsInits() != 1 || op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      !isInit(op.getDpsInits()[0]))
    return false;
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto form = formOf(op->getResult(0));
  if (!form || !outMap.isProjectedPermutation())
    return false;
  unsigned row = outMap.getDimPosition(form->dim);
  if (op.getIteratorTypesArray()[row] != utils::IteratorType::parallel)
    return false;
  // What counts rows must not begin anew in each band.
  bool counts = false;
  op.walk([&](linalg::IndexOp index) { counts |= index.getDim() == row; });
  if (counts)
    return false;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (llvm::any_of(ranges, ShapedType::isDynamic))
    return false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isFunctionOfDim(row))
      continue; // read as a whole
    auto in = formOf(input->get());
    if (!in)
      return false;
    int64_t scale = 0, low = 0, high = 0;
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      if (!expr.isFunctionOfDim(row))
        continue;
      if (static_cast<int64_t>(d) != in->dim || !addIndex(expr, row, 1, ranges, scale, low, high))
        return false;
    }
    if (scale < 1 || in->each != form->each || (in->each != 1 && (scale != 1 || low != 0 || high != 0)) ||
        !addRead(result, *input, scale, low, high))
      return false;
  }
  return !result.reads.empty();
}

std::optional<RowOp> Rows::of(Operation *op) const {
  if (op->getNumResults() != 1 || !staticTensor(op->getResult(0).getType()))
    return std::nullopt;
  RowOp result;
  result.op = op;
  result.rows = rowsOf(op->getResult(0));
  auto form = formOf(op->getResult(0));
  if (!form || result.rows < 2)
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) && !staticTensor(operand.getType()))
      return std::nullopt;
  Type type = op->getResult(0).getType();
  auto addEpilogue = [&](MutableOperandRange operands) {
    for (OpOperand &operand : operands)
      if (operand.get().getType() == type && !addRead(result, operand, 1, 0, 0))
        return false;
    return true;
  };
  if (auto conv = dyn_cast<dlc::nn::ConvOp>(op)) {
    auto in = cast<RankedTensorType>(conv.getInput().getType());
    if (!conv.getChannelsLast() || conv.getKernelAttr() || conv.getPads() || conv.getPacked() ||
        in.getDimSize(0) != 1 || form->dim != 1 || form->each != 1 ||
        !addRead(result, conv.getInputMutable(), conv.getStrides()[0], 0,
                 (conv.getKernelSize(0) - 1) * conv.getDilations()[0]) ||
        cast<RankedTensorType>(result.reads.back().source.getType()).getDimSize(1) != result.reads.back().rows ||
        !addEpilogue(conv.getEpilogueInputsMutable()))
      return std::nullopt;
    return result;
  }
  if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op)) {
    auto in = cast<RankedTensorType>(matmul.getA().getType());
    auto inForm = formOf(in, result.rows);
    int64_t m = in.getRank() - 2;
    if (matmul.getKernelAttr() || matmul.getPacked() ||
        cast<RankedTensorType>(matmul.getB().getType()).getRank() != 2 || form->dim != m || !inForm ||
        inForm->dim != m || rowsOf(matmul.getA()) != result.rows ||
        !addRead(result, matmul.getAMutable(), 1, 0, 0) || result.reads.back().pad ||
        !addEpilogue(matmul.getEpilogueInputsMutable()))
      return std::nullopt;
    return result;
  }
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    if (addGeneric(result, generic))
      return result;
  return std::nullopt;
}

/// Whether all of `v` is needed by others than the chain's reads of rows.
static bool escapesFrom(Value v, const llvm::SmallPtrSetImpl<OpOperand *> &reads,
                        const llvm::SmallPtrSetImpl<Operation *> &pads) {
  return llvm::any_of(v.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user))
      return escapesFrom(user->getResult(0), reads, pads);
    return !reads.contains(&use) && !pads.contains(user);
  });
}

std::optional<RowChain> dlc::memory::chainOf(const Rows &rows, ArrayRef<Operation *> ops) {
  RowChain chain;
  llvm::DenseMap<Operation *, size_t> numbers;
  llvm::SmallPtrSet<OpOperand *, 16> reads;
  llvm::SmallPtrSet<Operation *, 8> pads;
  for (Operation *op : ops) {
    std::optional<RowOp> row = rows.of(op);
    if (!row || op->getBlock() != ops.front()->getBlock())
      return std::nullopt;
    for (RowRead &read : row->reads) {
      reads.insert(read.operand);
      if (read.pad)
        pads.insert(read.pad);
    }
    for (OpOperand &operand : op->getOpOperands())
      if (!reads.contains(&operand))
        if (Operation *def = unshapedOf(operand.get()).getDefiningOp(); def && numbers.contains(def))
          return std::nullopt; // needed as a whole
    numbers[op] = chain.ops.size();
    chain.ops.push_back(std::move(*row));
  }
  // Nothing else happens in between.
  for (Operation *op = ops.front(); op != ops.back(); op = op->getNextNode())
    if (!op || (!isFree(op) && !numbers.contains(op) && !pads.contains(op)))
      return std::nullopt;
  for (RowOp &row : chain.ops) {
    ChainOp op;
    Value result = row.op->getResult(0);
    auto type = cast<RankedTensorType>(result.getType());
    op.rows = row.rows;
    op.rowBytes = type.getNumElements() * elementBytes(type.getElementType()) / row.rows;
    op.escapes = row.op == ops.back() || escapesFrom(result, reads, pads);
    for (RowRead &read : row.reads) {
      ChainOp::Read plain{ChainOp::kOutside, read.scale, read.low, read.high, read.rows};
      if (Operation *def = unshapedOf(read.source).getDefiningOp(); def && numbers.contains(def)) {
        plain.from = numbers.lookup(def);
        if (chain.ops[plain.from].rows != read.rows)
          return std::nullopt;
      }
      op.reads.push_back(plain);
    }
    chain.plain.push_back(std::move(op));
  }
  return chain;
}

Location dlc::memory::bandLoc(Location loc, int64_t band, int64_t of) {
  Builder b(loc.getContext());
  auto note = b.getDictionaryAttr({b.getNamedAttr("band", b.getI64IntegerAttr(band)),
                                   b.getNamedAttr("of", b.getI64IntegerAttr(of))});
  return FusedLoc::get(loc.getContext(), {loc}, note);
}

std::optional<std::pair<int64_t, int64_t>> dlc::memory::bandOf(Location loc) {
  std::optional<std::pair<int64_t, int64_t>> result;
  loc->walk([&](Location l) {
    auto fused = dyn_cast<FusedLoc>(l);
    auto note = fused ? dyn_cast_or_null<DictionaryAttr>(fused.getMetadata()) : DictionaryAttr();
    auto band = note ? note.getAs<IntegerAttr>("band") : IntegerAttr();
    auto of = note ? note.getAs<IntegerAttr>("of") : IntegerAttr();
    if (!band || !of)
      return WalkResult::advance();
    result = {band.getInt(), of.getInt()};
    return WalkResult::interrupt();
  });
  return result;
}
