// This file moves every step of the model's function into a function of its own.
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "passes/memory/Rows.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace dlc {
#define GEN_PASS_DEF_OUTLINELAYERS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Operations that stay in the entry: they only name memory or are scalars.
bool isCheap(Operation *op) {
  return isa<ViewLikeOpInterface, arith::ConstantOp, memref::GetGlobalOp,
             memref::DimOp>(op);
}

/// Cheap operations that a layer repeats for itself instead of taking their
/// result as an argument: views into what it takes, constants, weights.
bool isSunk(Operation *op) {
  if (!op || isa<memref::ViewOp>(op))
    return false; // a buffer of the arena is an argument
  return isCheap(op);
}

/// Whether no element is ever looked at: a window only lends its shape.
bool isOnlyShape(Value buffer) {
  return llvm::all_of(buffer.getUses(), [](OpOperand &use) {
    if (isa<ViewLikeOpInterface>(use.getOwner()))
      return isOnlyShape(use.getOwner()->getResult(0));
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    return generic && !generic.isDpsInit(&use) && !generic.payloadUsesValueFromOperand(&use);
  });
}

/// Whether the operation does the work of a layer.
bool isStep(Operation *op) {
  if (isCheap(op) || op->hasTrait<OpTrait::IsTerminator>() || op->hasAttr(dlc::rt::kDims))
    return false;
  return op->getNumRegions() || isa<memref::CopyOp>(op);
}

/// Bytes [first, second) of an arena, an input or an output.
struct ArenaRange {
  Value arena;
  int64_t first, second;
};

/// What a buffer covers; nothing where that is not known.
std::optional<ArenaRange> arenaRange(Value v) {
  auto type = cast<MemRefType>(v.getType());
  int64_t first = 0, size = 0;
  auto view = v.getDefiningOp<memref::ViewOp>();
  if (auto bytes = view ? view->getAttrOfType<IntegerAttr>(dlc::rt::kBytes) : IntegerAttr()) {
    size = bytes.getInt();
  } else if (type.hasStaticShape() && type.getLayout().isIdentity()) {
    int64_t bits = type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
    size = type.getNumElements() * ((bits + 7) / 8);
  } else {
    return std::nullopt;
  }
  // Down to what the memory belongs to: the arena, an input or an output.
  while (Operation *def = v.getDefiningOp()) {
    if (auto part = dyn_cast<memref::ViewOp>(def)) {
      auto offset = getConstantIntValue(part.getByteShift());
      if (!offset)
        return std::nullopt;
      first += *offset;
    } else if (!isa<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(def)) {
      break;
    }
    v = def->getOperand(0);
  }
  return ArenaRange{v, first, first + size};
}

/// The micro-kernel that a layer runs, "loops" when it is none.
std::string kernelOf(func::FuncOp layer) {
  std::string text;
  layer.walk([&](Operation *op) {
    dlc::nn::KernelAttr kernel;
    if (auto conv = dyn_cast<dlc::nn::ConvOp>(op))
      kernel = conv.getKernelAttr();
    else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op))
      kernel = matmul.getKernelAttr();
    if (kernel && text.empty())
      text = (kernel.getKind() + " " + Twine(kernel.getRows()) + "x" + Twine(kernel.getColumns())).str();
  });
  return text.empty() ? "loops" : text;
}

struct OutlineLayers : dlc::impl::OutlineLayersBase<OutlineLayers> {
  using OutlineLayersBase::OutlineLayersBase;

  /// Steps with one location (one ONNX node, or the same fused ones).
  using Group = SmallVector<Operation *>;

  /// Values from outside that the group needs, split into arguments and
  /// operations to repeat inside.
  void collect(const Group &group, llvm::SetVector<Value> &arguments,
               llvm::SetVector<Operation *> &sunk) {
    std::function<void(Value)> need = [&](Value v) {
      Operation *def = v.getDefiningOp();
      if (!isSunk(def)) {
        arguments.insert(v);
        return;
      }
      if (sunk.contains(def))
        return;
      for (Value operand : def->getOperands())
        need(operand);
      sunk.insert(def);
    };
    llvm::SmallPtrSet<Operation *, 8> inside(group.begin(), group.end());
    auto isOutside = [&](Value v) {
      Operation *owner = isa<BlockArgument>(v)
                             ? cast<BlockArgument>(v).getOwner()->getParentOp()
                             : v.getDefiningOp();
      for (Operation *op = owner; op; op = op->getParentOp())
        if (inside.contains(op) && op != owner)
          return false;
      return !(isa<OpResult>(v) && inside.contains(owner)) &&
             !(isa<BlockArgument>(v) && inside.contains(owner));
    };
    for (Operation *step : group)
      step->walk([&](Operation *op) {
        for (Value v : op->getOperands())
          if (isOutside(v))
            need(v);
      });
  }

  void outline(func::FuncOp entry, const Group &group, unsigned number) {
    llvm::SetVector<Value> arguments;
    llvm::SetVector<Operation *> sunk;
    collect(group, arguments, sunk);

    SmallVector<Location> locs;
    for (Operation *op : group)
      locs.push_back(op->getLoc());
    Location loc = FusedLoc::get(&getContext(), locs);
    if (llvm::all_equal(locs))
      loc = locs.front();

    OpBuilder b(entry);
    std::string node = dlc::onnx::nodeName(loc);
    std::string name = (entry.getName().drop_back(StringRef("_run").size()) +
                        "_layer_" + Twine(number))
                           .str();
    SmallVector<Type> types;
    for (Value v : arguments)
      types.push_back(v.getType());
    auto layer = func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
    layer.setPrivate();
    Block *body = layer.addEntryBlock();
    IRMapping map;
    map.map(arguments.getArrayRef(), body->getArguments());
    b.setInsertionPointToStart(body);
    for (Operation *op : sunk)
      b.clone(*op, map);
    for (Operation *op : group)
      b.clone(*op, map);
    func::ReturnOp::create(b, loc);

    std::string kernel = kernelOf(layer);
    int64_t macs = 0;
    layer.walk([&](Operation *op) { macs += dlc::nn::countMacs(op); });
    NamedAttrList facts;
    facts.set("name", b.getStringAttr(node.empty() ? name : node));
    facts.set("nodes", b.getStringAttr(dlc::onnx::describeNode(loc)));
    facts.set("kernel", b.getStringAttr(kernel));
    facts.set("macs", b.getI64IntegerAttr(macs));
    if (auto band = dlc::memory::bandOf(loc)) {
      facts.set("band", b.getI64IntegerAttr(band->first));
      facts.set("bands", b.getI64IntegerAttr(band->second));
    }
    layer->setAttr(dlc::rt::kLayer, facts.getDictionary(&getContext()));
    markDisjoint(layer, arguments.getArrayRef());

    b.setInsertionPoint(group.back());
    func::CallOp::create(b, loc, layer, arguments.getArrayRef());
    for (Operation *op : llvm::reverse(group))
      op->erase();
  }

  /// Tells which buffers of a layer no other one overlaps. The arena plan lets two
  /// overlap when one dies before the other is born, or where an output may be
  /// written over an input.
  void markDisjoint(func::FuncOp layer, ArrayRef<Value> arguments) {
    for (auto [i, v] : llvm::enumerate(arguments)) {
      if (!isa<MemRefType>(v.getType()))
        continue;
      auto range = arenaRange(v);
      bool alone = llvm::none_of(llvm::enumerate(arguments), [&](auto other) {
        auto [j, w] = other;
        auto otherRange = isa<MemRefType>(w.getType()) ? arenaRange(w) : std::nullopt;
        return i != j && range && !isOnlyShape(layer.getArgument(j)) && otherRange && range->arena == otherRange->arena &&
               range->first < otherRange->second &&
               otherRange->first < range->second;
      });
      if (alone)
        layer.setArgAttr(i, "llvm.noalias", UnitAttr::get(&getContext()));
    }
  }

  void outlineAll(func::FuncOp entry) {
    std::vector<Group> groups;
    Operation *previous = nullptr;
    for (Operation &op : entry.front()) {
      // Steps with results (scalars for later ones) stay where they are.
      if (!isStep(&op) || op.getNumResults() != 0) {
        if (!isCheap(&op))
          previous = nullptr;
        continue;
      }
      if (previous && previous->getLoc() == op.getLoc())
        groups.back().push_back(&op);
      else
        groups.push_back({&op});
      previous = &op;
    }
    for (auto [number, group] : llvm::enumerate(groups)) {
      // What the group uses must be defined before its last member, where the
      // call goes; views are pure, so this holds by dominance.
      outline(entry, group, number);
    }
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> entries;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kArenaBytes))
        entries.push_back(func);
    for (func::FuncOp entry : entries)
      outlineAll(entry);
  }
};
} // namespace
