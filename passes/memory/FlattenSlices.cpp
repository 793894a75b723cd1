// This file turns neighbouring rows of buffers into views of the arena.
#include "passes/memory/RowPasses.h"

#include "dialects/RT/Bands.h"
#include "passes/memory/Lifetimes.h"

namespace dlc {
#define GEN_PASS_DEF_FLATTENSLICES
#include "passes/memory/RowPasses.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Neighbouring bytes of a memory of bytes.
struct Place {
  Value memory;
  int64_t offset = 0;
  int64_t first = 0, bytes = 0; ///< of the buffer that it is part of
};

int64_t bytesOf(MemRefType type) {
  return type.getNumElements() * dlc::memory::elementBytes(type.getElementType());
}

/// Whether the elements of `type` stand one after the other, and where the first is.
bool isDense(MemRefType type, int64_t &offset) {
  SmallVector<int64_t> strides;
  if (!type.hasStaticShape() || failed(type.getStridesAndOffset(strides, offset)) || ShapedType::isDynamic(offset))
    return false;
  return type.areTrailingDimsContiguous(type.getRank());
}

/// Whether the views of `v` can become views of the memory, too, all the way: the type
/// of one that stays would tell of an offset that is no longer there.
bool areViewsDense(Value v) {
  return llvm::all_of(v.getUsers(), [](Operation *user) {
    if (!isa<ViewLikeOpInterface>(user))
      return true;
    auto type = dyn_cast<MemRefType>(user->getResult(0).getType());
    int64_t offset;
    return isa<memref::SubViewOp, memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(user) && type &&
           isDense(type, offset) && areViewsDense(user->getResult(0));
  });
}

struct FlattenSlices : dlc::impl::FlattenSlicesBase<FlattenSlices> {
  /// Bytes of an argument of integers of 8 bits as a memory.
  static Value flatten(BlockArgument argument) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity() || !type.getElementType().isInteger(8) ||
        type.getRank() < 2)
      return {};
    OpBuilder b = OpBuilder::atBlockBegin(argument.getOwner());
    SmallVector<ReassociationIndices> all{llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()))};
    return memref::CollapseShapeOp::create(b, argument.getLoc(), argument, all);
  }

  static void run(func::FuncOp func) {
    llvm::DenseMap<Value, Place> places; // what is, or becomes, a view
    llvm::DenseMap<Value, Value> memories;
    auto placeOf = [&](Value v) -> std::optional<Place> {
      // Other shapes of a whole buffer are the buffer.
      while (!places.contains(v) &&
             isa_and_nonnull<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(v.getDefiningOp()))
        v = v.getDefiningOp()->getOperand(0);
      if (auto it = places.find(v); it != places.end())
        return it->second;
      if (auto view = v.getDefiningOp<memref::ViewOp>()) {
        auto offset = getConstantIntValue(view.getByteShift());
        if (!offset || !view.getType().hasStaticShape())
          return std::nullopt;
        return Place{view.getSource(), *offset, *offset, bytesOf(view.getType())};
      }
      auto argument = dyn_cast<BlockArgument>(v);
      if (!argument)
        return std::nullopt;
      auto [it, isNew] = memories.try_emplace(v);
      if (isNew)
        it->second = flatten(argument);
      if (!it->second)
        return std::nullopt;
      return Place{it->second, 0, 0, bytesOf(cast<MemRefType>(v.getType()))};
    };
    SmallVector<Operation *> dead;
    for (Operation &op : func.front()) {
      bool isSlice = isa<memref::SubViewOp>(op);
      bool isShape = isa<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(op);
      // Whole buffers in other shapes may stay what they are.
      if (!isSlice && !(isShape && places.contains(op.getOperand(0))))
        continue;
      auto type = dyn_cast<MemRefType>(op.getResult(0).getType());
      int64_t offset = 0, before = 0;
      auto source = cast<MemRefType>(op.getOperand(0).getType());
      if (!type || !isDense(type, offset) || !isDense(source, before) || !areViewsDense(op.getResult(0)))
        continue;
      std::optional<Place> place = placeOf(op.getOperand(0));
      if (!place)
        continue;
      place->offset += (offset - before) * dlc::memory::elementBytes(type.getElementType());
      places[op.getResult(0)] = *place;
      dead.push_back(&op);
    }
    for (Operation *op : dead) {
      const Place &place = places[op->getResult(0)];
      auto type = cast<MemRefType>(op->getResult(0).getType());
      OpBuilder b(op);
      Value offset = arith::ConstantIndexOp::create(b, op->getLoc(), place.offset);
      auto view = memref::ViewOp::create(b, op->getLoc(), MemRefType::get(type.getShape(), type.getElementType()),
                                         place.memory, offset, ValueRange());
      view->setAttr(dlc::rt::kPartOf, b.getDenseI64ArrayAttr({place.first, place.bytes}));
      op->getResult(0).replaceAllUsesWith(view.getResult());
    }
    for (Operation *op : llvm::reverse(dead))
      op->erase();
    for (auto [argument, memory] : memories)
      if (memory && memory.use_empty())
        memory.getDefiningOp()->erase();
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kArenaBytes))
        run(func);
  }
};
} // namespace
