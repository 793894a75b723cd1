// This file takes buffers whose size has no bound from the allocator hook.
#include "passes/memory/Blocks.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "passes/memory/Lifetimes.h"

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Functions of runtime-lite as the last IR calls them: every pointer is a buffer of
/// known size, whatever lies behind it.
class Runtime {
public:
  explicit Runtime(ModuleOp module)
      : module(module), b(module.getContext()), block(MemRefType::get({1}, b.getI8Type())),
        list(MemRefType::get({kPoolBytes / 8}, b.getI64Type())),
        slot(MemRefType::get({}, b.getIndexType())) {}

  Value poolAlloc(ImplicitLocOpBuilder &at, Value pool, Value bytes) {
    return call(at, "dlc_pool_alloc", {pool, bytes}, block);
  }
  void poolFree(ImplicitLocOpBuilder &at, Value pool, Value v) {
    call(at, "dlc_pool_free", {pool, v}, {});
  }
  void poolRelease(ImplicitLocOpBuilder &at, Value pool) {
    call(at, "dlc_pool_release", pool, {});
  }
  void poolDrop(ImplicitLocOpBuilder &at, Value place) { call(at, "dlc_pool_drop", place, {}); }
  Value alloc(ImplicitLocOpBuilder &at, Value bytes) {
    Value align = arith::ConstantIndexOp::create(at, dlc::rt::kArenaAlign);
    return call(at, "dlc_alloc", {bytes, align}, block);
  }
  MemRefType listType() const { return list; }
  MemRefType slotType() const { return slot; }

private:
  Value call(ImplicitLocOpBuilder &at, StringRef name, ValueRange arguments, Type result) {
    TypeRange results = result ? TypeRange(result) : TypeRange();
    auto function = module.lookupSymbol<func::FuncOp>(name);
    if (!function) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      function = func::FuncOp::create(builder, module.getLoc(), name,
                                      builder.getFunctionType(arguments.getTypes(), results));
      function.setPrivate();
    }
    auto op = func::CallOp::create(at, function, arguments);
    return result ? op.getResult(0) : Value();
  }

  ModuleOp module;
  OpBuilder b;
  MemRefType block, list, slot;
};

void require(ImplicitLocOpBuilder &b, Value condition) {
  cf::AssertOp::create(b, condition, "DLC_ERR_MEMORY");
}

/// Bytes of a buffer; the model ends when they are more than any memory has.
Value bytesOf(ImplicitLocOpBuilder &b, MemRefType type, ValueRange sizes, int64_t most) {
  int64_t known = elementBytes(type.getElementType());
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      known *= size;
  Value bytes = arith::ConstantIndexOp::create(b, known);
  if (known == 0)
    return bytes;
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value limit = arith::ConstantIndexOp::create(b, most);
  for (Value size : sizes) {
    // Unsigned: what is negative by an error of the model's data is large.
    Value divisor = arith::MaxUIOp::create(b, size, one);
    Value room = arith::DivUIOp::create(b, limit, divisor);
    require(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ule, bytes, room));
    bytes = arith::MulIOp::create(b, bytes, size);
  }
  return bytes;
}

Value poolView(ImplicitLocOpBuilder &b, Value arena, MemRefType type, int64_t offset) {
  Value at = arith::ConstantIndexOp::create(b, offset);
  return memref::ViewOp::create(b, type, arena, at, ValueRange());
}
} // namespace

Operation *dlc::memory::lastUse(memref::AllocOp alloc, BufferViewFlowAnalysis &aliases) {
  Block *block = alloc->getBlock();
  Operation *last = alloc;
  for (Value alias : aliases.resolve(alloc.getMemref()))
    for (Operation *user : alias.getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!ancestor || ancestor->hasTrait<OpTrait::IsTerminator>())
        return nullptr;
      if (last->isBeforeInBlock(ancestor))
        last = ancestor;
    }
  return last;
}

void dlc::memory::allocateBlocks(func::FuncOp entry, ArrayRef<memref::AllocOp> allocs,
                                 ArrayRef<Operation *> lastUses, unsigned memory,
                                 int64_t poolOffset) {
  ModuleOp module = entry->getParentOfType<ModuleOp>();
  auto target = dlc::rt::targetOf(module);
  int64_t most = target && target.getIndexBits() == 32 ? int64_t(1) << 30 : int64_t(1) << 46;
  Runtime runtime(module);
  Value arena = entry.getArgument(memory);
  ImplicitLocOpBuilder b(entry.getLoc(), entry.getContext());
  b.setInsertionPointToStart(&entry.front());
  Value pool = poolView(b, arena, runtime.listType(), poolOffset);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value none = arith::ConstantIntOp::create(b, b.getI64Type(), 0);
  memref::StoreOp::create(b, none, pool, zero);

  for (size_t i = 0; i < allocs.size(); ++i) {
    memref::AllocOp alloc = allocs[i];
    Operation *last = lastUses[i];
    b.setLoc(alloc.getLoc());
    b.setInsertionPoint(alloc);
    bool isOutput = alloc->hasAttr(dlc::rt::kOutputBlock);
    Value bytes = bytesOf(b, alloc.getType(), alloc.getDynamicSizes(), most);
    Value block = isOutput ? runtime.alloc(b, bytes) : runtime.poolAlloc(b, pool, bytes);
    Value pointer = memref::ExtractAlignedPointerAsIndexOp::create(b, block);
    Value null = arith::ConstantIndexOp::create(b, 0);
    require(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, pointer, null));
    Value start = arith::ConstantIndexOp::create(b, 0);
    Value view =
        memref::ViewOp::create(b, alloc.getType(), block, start, alloc.getDynamicSizes());
    if (last && !isOutput) {
      b.setInsertionPointAfter(last == alloc ? view.getDefiningOp() : last);
      runtime.poolFree(b, pool, block);
    }
    alloc.getResult().replaceAllUsesWith(view);
    alloc.erase();
  }

  b.setLoc(entry.getLoc());
  entry.walk([&](func::ReturnOp ret) {
    b.setInsertionPoint(ret);
    runtime.poolRelease(b, pool);
  });
  // What an early end leaves behind.
  StringRef name = entry.getName();
  name.consume_back("_run");
  b.setInsertionPointAfter(entry);
  auto fail = func::FuncOp::create(b, (name + "_fail").str(), entry.getFunctionType());
  fail.setPrivate();
  Block *body = fail.addEntryBlock();
  b.setInsertionPointToStart(body);
  Value list = poolView(b, body->getArgument(memory), runtime.listType(), poolOffset);
  runtime.poolRelease(b, list);
  for (BlockArgument argument : body->getArguments())
    if (argument.getType() == runtime.slotType())
      runtime.poolDrop(b, argument);
  func::ReturnOp::create(b);
  entry->setAttr(dlc::rt::kOnError, FlatSymbolRefAttr::get(entry.getContext(), fail.getName()));
}
