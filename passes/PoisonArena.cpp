// This file changes every byte of the arena that no tensor owns, after each operation.
#include "passes/Passes.h"

#include "mlir/Interfaces/ViewLikeInterface.h"
#include "passes/memory/Lifetimes.h"

namespace dlc {
#define GEN_PASS_DEF_POISONARENA
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Bytes [begin, end) of the arena that a tensor owns from time first to last.
struct Owned {
  int64_t begin, end, first, last;
};

struct PoisonArena : dlc::impl::PoisonArenaBase<PoisonArena> {
  /// A function that changes the bytes [begin, end) of the arena. Adding an odd
  /// number changes every byte, whatever it holds, 255 times in a row.
  static func::FuncOp makePoison(func::FuncOp entry, unsigned number) {
    OpBuilder b(entry);
    Location loc = entry.getLoc();
    Type index = b.getIndexType();
    StringRef name = entry.getName();
    name.consume_back("_run");
    auto func = func::FuncOp::create(
        b, loc, (name + "_poison" + (number ? Twine(number) : Twine())).str(),
        b.getFunctionType({entry.getArgument(number).getType(), index, index}, {}));
    func.setPrivate();
    Block *body = func.addEntryBlock();
    b.setInsertionPointToStart(body);
    Value arena = body->getArgument(0);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value change = arith::ConstantIntOp::create(b, loc, 0x55, 8);
    scf::ForOp::create(b, loc, body->getArgument(1), body->getArgument(2), one, ValueRange(),
                       [&](OpBuilder &b, Location loc, Value i, ValueRange) {
                         Value v = memref::LoadOp::create(b, loc, arena, i);
                         v = arith::AddIOp::create(b, loc, v, change);
                         memref::StoreOp::create(b, loc, v, arena, i);
                         scf::YieldOp::create(b, loc);
                       });
    func::ReturnOp::create(b, loc);
    return func;
  }

  static void poison(func::FuncOp entry, unsigned number) {
    Value arena = entry.getArgument(number);
    int64_t size = cast<MemRefType>(arena.getType()).getNumElements();
    BufferViewFlowAnalysis aliases(entry);
    dlc::memory::Lifetimes lifetimes(entry, aliases);
    std::vector<Owned> tensors;
    for (Operation *user : arena.getUsers()) {
      auto view = dyn_cast<memref::ViewOp>(user);
      auto offset = view ? getConstantIntValue(view.getByteShift()) : std::nullopt;
      if (!offset)
        continue;
      auto [first, last] = lifetimes.of(view.getResult());
      if (view->hasAttr(dlc::rt::kIsInput))
        first = 0;
      if (view->hasAttr(dlc::rt::kIsOutput))
        last = INT64_MAX;
      MemRefType type = view.getType();
      int64_t bytes = 0;
      if (auto bound = view->getAttrOfType<IntegerAttr>(dlc::rt::kBytes))
        bytes = bound.getInt();
      else
        bytes = type.getNumElements() * dlc::memory::elementBytes(type.getElementType());
      tensors.push_back({*offset, *offset + bytes, first, last});
    }
    llvm::sort(tensors, [](const Owned &x, const Owned &y) { return x.begin < y.begin; });

    func::FuncOp callee = makePoison(entry, number);
    OpBuilder b(entry.getContext());
    auto poisonRest = [&](Location loc, int64_t time) {
      auto change = [&](int64_t begin, int64_t end) {
        if (begin >= end)
          return;
        Value from = arith::ConstantIndexOp::create(b, loc, begin);
        Value to = arith::ConstantIndexOp::create(b, loc, end);
        func::CallOp::create(b, loc, callee, ValueRange{arena, from, to});
      };
      int64_t at = 0;
      for (const Owned &t : tensors)
        if (t.first <= time && t.last > time) {
          change(at, t.begin);
          at = std::max(at, t.end);
        }
      change(at, size);
    };
    // Before the first operation only the inputs are there.
    SmallVector<std::pair<Operation *, int64_t>> points;
    for (Operation &op : entry.front())
      if (!isa<ViewLikeOpInterface, memref::GetGlobalOp>(op) && !isMemoryEffectFree(&op) &&
          !op.hasTrait<OpTrait::IsTerminator>())
        points.push_back({&op, lifetimes.of(&op).second});
    for (auto [i, point] : llvm::enumerate(points)) {
      if (i == 0) {
        b.setInsertionPoint(point.first);
        poisonRest(entry.getLoc(), 0);
      }
      b.setInsertionPointAfter(point.first);
      poisonRest(point.first->getLoc(), point.second);
    }
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> entries;
    if (getOperation()->hasAttr(dlc::rt::kPoisonArena))
      for (auto func : getOperation().getOps<func::FuncOp>())
        if (func->hasAttr(dlc::rt::kArenaBytes))
          entries.push_back(func);
    for (func::FuncOp entry : entries)
      for (unsigned i = 0; i < entry.getNumArguments(); ++i)
        if (entry.getArgAttr(i, dlc::rt::kArena))
          poison(entry, i);
    // Marks that nobody needs from here on: equal views may become one.
    getOperation().walk([](memref::ViewOp view) {
      view->removeAttr(dlc::rt::kIsInput);
      view->removeAttr(dlc::rt::kIsOutput);
    });
  }
};
} // namespace
