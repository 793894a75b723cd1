// This file runs chains of layers band by band, as dlc-plan-rows decided.
#include "passes/memory/RowPasses.h"

#include "dialects/RT/Bands.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/IRMapping.h"
#include "passes/memory/Rows.h"
#include "llvm/ADT/MapVector.h"

namespace dlc {
#define GEN_PASS_DEF_FUSEROWS
#include "passes/memory/RowPasses.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Writes the bands of one chain.
class Weaver {
public:
  Weaver(RowChain &chain, const Bands &bands)
      : chain(chain), plain(chain.plain), bands(bands), b(chain.ops.back().op), tiles(chain.ops.size()),
        lastReaders(bands.count(), SmallVector<size_t>(chain.ops.size())) {
    for (size_t band = 0; band < bands.count(); ++band)
      for (size_t i = 0; i < plain.size(); ++i) {
        lastReaders[band][i] = std::max(lastReaders[band][i], i);
        if (bands.ops[i][band].computes())
          for (const ChainOp::Read &read : plain[i].reads)
            if (read.from != ChainOp::kOutside)
              lastReaders[band][read.from] = i;
      }
  }

  void run() {
    for (size_t i = 0; i < plain.size(); ++i)
      if (plain[i].escapes)
        tiles[i].value = empty(chain.ops[i].op->getLoc(), cast<RankedTensorType>(resultOf(i).getType()));
    for (size_t band = 0; band < bands.count(); ++band)
      for (size_t i = 0; i < plain.size(); ++i) {
        Location loc = bandLoc(chain.ops[i].op->getLoc(), band, bands.count());
        if (bands.ops[i][band].computes())
          compute(loc, i, band);
        for (size_t j = 0; j <= i; ++j)
          if (!plain[j].escapes && lastReaders[band][j] == i)
            keep(loc, j, band);
      }
    finish();
  }

private:
  /// Rows of an operation's output that exist, from row `first`: all of them when
  /// it escapes.
  struct Tile {
    Value value;
    int64_t first = 0;
  };

  Value resultOf(size_t i) { return chain.ops[i].op->getResult(0); }
  RowForm formOf(size_t i) { return *Rows::formOf(resultOf(i).getType(), plain[i].rows); }

  Value empty(Location loc, RankedTensorType type) {
    return tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  }

  static void place(RankedTensorType type, RowForm form, int64_t first, int64_t rows,
                    SmallVectorImpl<OpFoldResult> &offsets, SmallVectorImpl<OpFoldResult> &sizes,
                    SmallVectorImpl<OpFoldResult> &strides) {
    Builder b(type.getContext());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      offsets.push_back(b.getIndexAttr(d == form.dim ? first * form.each : 0));
      sizes.push_back(b.getIndexAttr(d == form.dim ? rows * form.each : type.getDimSize(d)));
      strides.push_back(b.getIndexAttr(1));
    }
  }

  /// Rows [first, last) of `v`.
  Value slice(Location loc, Value v, RowForm form, int64_t first, int64_t last) {
    auto type = cast<RankedTensorType>(v.getType());
    if (type.getDimSize(form.dim) == (last - first) * form.each)
      return v;
    SmallVector<OpFoldResult> offsets, sizes, strides;
    place(type, form, first, last - first, offsets, sizes, strides);
    return tensor::ExtractSliceOp::create(b, loc, withRows(type, form, last - first), v, offsets, sizes, strides);
  }

  Value insert(Location loc, Value rows, Value into, RowForm form, int64_t first) {
    auto type = cast<RankedTensorType>(rows.getType());
    SmallVector<OpFoldResult> offsets, sizes, strides;
    place(cast<RankedTensorType>(into.getType()), form, first, type.getDimSize(form.dim) / form.each, offsets, sizes,
          strides);
    return tensor::InsertSliceOp::create(b, loc, rows, into, offsets, sizes, strides);
  }

  /// The same elements in another shape.
  Value reshape(Location loc, Value v, RankedTensorType type) {
    auto from = cast<RankedTensorType>(v.getType());
    if (from == type)
      return v;
    if (from.getRank() != type.getRank())
      if (auto groups = getReassociationIndicesForReshape(from, type)) {
        if (from.getRank() > type.getRank())
          return tensor::CollapseShapeOp::create(b, loc, type, v, *groups);
        return tensor::ExpandShapeOp::create(b, loc, type, v, *groups);
      }
    auto flat = RankedTensorType::get({type.getNumElements()}, type.getElementType());
    SmallVector<ReassociationIndices> all{llvm::to_vector<2>(llvm::seq<int64_t>(0, from.getRank()))};
    if (from.getRank() != 1)
      v = tensor::CollapseShapeOp::create(b, loc, flat, v, all);
    all = {llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()))};
    return type.getRank() == 1 ? v : tensor::ExpandShapeOp::create(b, loc, type, v, all).getResult();
  }

  /// What one operand of a band is.
  Value operandOf(Location loc, const RowRead &read, const ChainOp::Read &plainRead, const Band &band) {
    auto [first, last] = rowsRead(plainRead, band.from, band.to);
    RowForm form = *Rows::formOf(read.source.getType(), read.rows);
    Value v;
    if (plainRead.from == ChainOp::kOutside) {
      v = slice(loc, read.source, form, first, last);
    } else {
      size_t j = plainRead.from;
      v = slice(loc, tiles[j].value, formOf(j), first - tiles[j].first, last - tiles[j].first);
      v = reshape(loc, v, withRows(read.source.getType(), form, last - first));
    }
    tensor::PadOp pad = read.pad;
    if (!pad)
      return v;
    SmallVector<int64_t> low(pad.getStaticLow()), high(pad.getStaticHigh());
    low[form.dim] = std::max<int64_t>(0, first - (band.from * read.scale + read.low));
    high[form.dim] = std::max<int64_t>(0, (band.to - 1) * read.scale + read.high + 1 - last);
    if (llvm::all_of(llvm::concat<int64_t>(low, high), [](int64_t n) { return n == 0; }))
      return v;
    auto type = cast<RankedTensorType>(v.getType());
    SmallVector<int64_t> shape(type.getShape());
    SmallVector<OpFoldResult> lows, highs;
    for (size_t d = 0; d < shape.size(); ++d) {
      shape[d] += low[d] + high[d];
      lows.push_back(b.getIndexAttr(low[d]));
      highs.push_back(b.getIndexAttr(high[d]));
    }
    return tensor::PadOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), v, lows, highs,
                                 pad.getConstantPaddingValue());
  }

  /// What a band of an operation starts from.
  Value initOf(Location loc, Operation *op, RankedTensorType type) {
    Value init = cast<DestinationStyleOpInterface>(op).getDpsInits()[0];
    Value result = empty(loc, type);
    DenseElementsAttr value;
    Value element;
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      element = fill.getInputs()[0];
    else if (matchPattern(init, m_Constant(&value)))
      element = arith::ConstantOp::create(b, loc, value.getSplatValue<TypedAttr>());
    if (!element)
      return result;
    return linalg::FillOp::create(b, loc, ValueRange{element}, ValueRange{result}).getResult(0);
  }

  void compute(Location loc, size_t i, size_t number) {
    const Band &band = bands.ops[i][number];
    RowOp &row = chain.ops[i];
    RowForm form = formOf(i);
    auto type = cast<RankedTensorType>(resultOf(i).getType());
    Value whole; // with what was kept
    if (!plain[i].escapes && band.first < band.from)
      whole = insert(loc, tiles[i].value, empty(loc, withRows(type, form, band.to - band.first)), form, 0);

    llvm::DenseMap<OpOperand *, Value> operands;
    for (auto [read, plainRead] : llvm::zip_equal(row.reads, plain[i].reads))
      operands[read.operand] = operandOf(loc, read, plainRead, band);
    RankedTensorType bandType = withRows(type, form, band.to - band.from);
    operands[&cast<DestinationStyleOpInterface>(row.op).getDpsInitsMutable()[0]] = initOf(loc, row.op, bandType);
    // Operands first: where one value is read twice it is two slices.
    Operation *copy = b.clone(*row.op);
    copy->setLoc(loc);
    copy->removeAttr(dlc::rt::kBands);
    for (auto [operand, v] : operands)
      copy->setOperand(operand->getOperandNumber(), v);
    copy->getResult(0).setType(bandType);
    Value result = copy->getResult(0);

    if (plain[i].escapes)
      tiles[i].value = insert(loc, result, tiles[i].value, form, band.from);
    else
      tiles[i] = {whole ? insert(loc, result, whole, form, band.from - band.first) : result, band.first};
  }

  /// Rows that the next band needs get memory of their own; the others are dead.
  void keep(Location loc, size_t i, size_t number) {
    auto [first, last] = bands.kept(i, number);
    if (first >= last || !tiles[i].value)
      return;
    RowForm form = formOf(i);
    Value rows = slice(loc, tiles[i].value, form, first - tiles[i].first, last - tiles[i].first);
    if (rows != tiles[i].value)
      rows = bufferization::AllocTensorOp::create(b, loc, cast<RankedTensorType>(rows.getType()), ValueRange(), rows);
    tiles[i] = {rows, first};
  }

  void finish() {
    Operation *first = chain.ops.front().op, *last = chain.ops.back().op;
    // Reshapes between the operations whose operand is ready only now.
    SmallVector<Operation *> late;
    llvm::SmallPtrSet<Operation *, 8> isLate;
    for (Operation *op = first; op != last; op = op->getNextNode())
      if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp, tensor::CastOp>(op)) {
        Operation *def = op->getOperand(0).getDefiningOp();
        bool inChain = llvm::any_of(chain.ops, [&](RowOp &row) { return row.op == def; });
        if (def && (inChain || isLate.contains(def))) {
          late.push_back(op);
          isLate.insert(op);
        }
      }
    Operation *after = last;
    for (Operation *op : late) {
      op->moveAfter(after);
      after = op;
    }
    for (size_t i = 0; i < plain.size(); ++i)
      if (plain[i].escapes)
        resultOf(i).replaceAllUsesWith(tiles[i].value);
    for (Operation *op : llvm::reverse(late))
      if (op->use_empty())
        op->erase();
    for (RowOp &row : llvm::reverse(chain.ops)) {
      SmallVector<Operation *> sources;
      for (RowRead &read : row.reads)
        if (Operation *def = read.operand->get().getDefiningOp())
          sources.push_back(def);
      row.op->erase();
      for (Operation *op : sources)
        eraseDead(op);
    }
  }

  static void eraseDead(Operation *op) {
    while (op && op->use_empty() && isa<tensor::PadOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
      Operation *source = op->getOperand(0).getDefiningOp();
      op->erase();
      op = source;
    }
  }

  RowChain &chain;
  std::vector<ChainOp> &plain;
  const Bands &bands;
  OpBuilder b;
  SmallVector<Tile> tiles;
  SmallVector<SmallVector<size_t>> lastReaders; ///< by band, then operation
};

struct FuseRows : dlc::impl::FuseRowsBase<FuseRows> {
  LogicalResult fuse(Block &block) {
    llvm::MapVector<int64_t, SmallVector<Operation *>> chains;
    llvm::DenseMap<int64_t, int64_t> heights;
    for (Operation &op : block)
      if (auto bands = op.getAttrOfType<DenseI64ArrayAttr>(dlc::rt::kBands)) {
        if (bands.size() != 2)
          return op.emitError(dlc::rt::kBands) << " has " << bands.size() << " elements, expected a chain and a height";
        chains[bands[0]].push_back(&op);
        heights[bands[0]] = bands[1];
      }
    for (auto &[number, ops] : chains) {
      std::optional<RowChain> chain = chainOf(Rows(block), ops);
      if (!chain)
        return ops.front()->emitError("operations of chain ") << number << " do not run row by row";
      std::optional<Bands> bands = bandsOf(chain->plain, heights[number]);
      if (!bands)
        return ops.front()->emitError("bands of ") << heights[number] << " rows read nothing but padding";
      Weaver(*chain, *bands).run();
    }
    return success();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && func.getBody().hasOneBlock() && failed(fuse(func.front())))
        return signalPassFailure();
  }
};
} // namespace
