// This file brings the last IR into the form that converts to LLVM op by op.
#include "codegen/LowerToLLVM.h"

#include "codegen/EarlyExit.h"
#include "codegen/Origin.h"
#include "dialects/RT/RT.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::codegen;

namespace {
/// Whether a memref can be passed as one pointer: its descriptor follows from
/// its type.
bool isBarePointer(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return type.hasStaticShape() &&
         succeeded(type.getStridesAndOffset(strides, offset)) &&
         ShapedType::isStatic(offset) && ShapedType::isStaticShape(strides);
}

bool isEmpty(MemRefType type) {
  return type.hasStaticShape() && type.getNumElements() == 0;
}

/// The numbers of a memref that its type does not say, in the order offset,
/// sizes, strides.
struct DynamicParts {
  bool offset = false;
  SmallVector<unsigned> sizes, strides;
  explicit DynamicParts(MemRefType type) {
    SmallVector<int64_t> values;
    int64_t base = 0;
    // The strides of nothing are no numbers for MLIR; nobody reads them.
    if (isEmpty(type) || failed(type.getStridesAndOffset(values, base)))
      return;
    offset = ShapedType::isDynamic(base);
    for (auto [i, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        sizes.push_back(i);
    for (auto [i, stride] : llvm::enumerate(values))
      if (ShapedType::isDynamic(stride))
        strides.push_back(i);
  }
  unsigned count() const { return offset + sizes.size() + strides.size(); }
};

/// Passes memrefs whose descriptor does not follow from their type as a base of
/// rank 0 and the numbers that are missing.
LogicalResult flattenArguments(func::FuncOp function,
                               ArrayRef<func::CallOp> calls) {
  FunctionType type = function.getFunctionType();
  if (llvm::all_of(type.getInputs(), [](Type input) {
        auto memref = dyn_cast<MemRefType>(input);
        return !memref || isBarePointer(memref);
      }))
    return success();
  OpBuilder b(function.getContext());
  Type index = b.getIndexType();
  SmallVector<Type> inputs;
  SmallVector<Attribute> attributes;
  DictionaryAttr none = b.getDictionaryAttr({});
  auto baseOf = [](MemRefType memref) {
    return MemRefType::get({}, memref.getElementType(),
                           MemRefLayoutAttrInterface(),
                           memref.getMemorySpace());
  };
  for (auto [i, input] : llvm::enumerate(type.getInputs())) {
    auto memref = dyn_cast<MemRefType>(input);
    DictionaryAttr old = function.getArgAttrDict(i);
    attributes.push_back(old ? old : none);
    if (!memref || isBarePointer(memref)) {
      inputs.push_back(input);
      continue;
    }
    if (!memref.isStrided())
      return function.emitError()
             << "argument " << i << " of type " << memref << " is not strided";
    inputs.push_back(baseOf(memref));
    unsigned numbers = DynamicParts(memref).count();
    inputs.append(numbers, index);
    attributes.append(numbers, none);
  }

  if (!function.isExternal()) {
    Block &entry = function.getBody().front();
    b.setInsertionPointToStart(&entry);
    Location loc = function.getLoc();
    unsigned at = 0;
    for (Type input : type.getInputs()) {
      auto memref = dyn_cast<MemRefType>(input);
      if (!memref || isBarePointer(memref)) {
        ++at;
        continue;
      }
      DynamicParts parts(memref);
      BlockArgument old = entry.getArgument(at);
      SmallVector<BlockArgument> fresh;
      fresh.push_back(entry.insertArgument(at + 1, baseOf(memref), loc));
      for (unsigned i = 0; i < parts.count(); ++i)
        fresh.push_back(entry.insertArgument(at + 2 + i, index, loc));
      SmallVector<int64_t> strideValues;
      int64_t offsetValue = 0;
      (void)memref.getStridesAndOffset(strideValues, offsetValue);
      unsigned next = 1;
      auto mixed = [&](int64_t value) -> OpFoldResult {
        if (ShapedType::isDynamic(value) && isEmpty(memref))
          return b.getIndexAttr(1);
        if (ShapedType::isDynamic(value))
          return Value(fresh[next++]);
        return b.getIndexAttr(value);
      };
      OpFoldResult offset = mixed(offsetValue);
      SmallVector<OpFoldResult> sizes, strides;
      for (int64_t size : memref.getShape())
        sizes.push_back(mixed(size));
      for (int64_t stride : strideValues)
        strides.push_back(mixed(stride));
      Value view = memref::ReinterpretCastOp::create(
          b, loc, memref, fresh.front(), offset, sizes, strides);
      old.replaceAllUsesWith(view);
      entry.eraseArgument(at);
      at += 1 + parts.count();
    }
  }
  function.setFunctionType(b.getFunctionType(inputs, type.getResults()));
  function.setAllArgAttrs(attributes);

  for (func::CallOp call : calls) {
    b.setInsertionPoint(call);
    SmallVector<Value> operands;
    for (Value operand : call.getOperands()) {
      auto memref = dyn_cast<MemRefType>(operand.getType());
      if (!memref || isBarePointer(memref)) {
        operands.push_back(operand);
        continue;
      }
      DynamicParts parts(memref);
      auto metadata =
          memref::ExtractStridedMetadataOp::create(b, call.getLoc(), operand);
      operands.push_back(metadata.getBaseBuffer());
      if (parts.offset)
        operands.push_back(metadata.getOffset());
      for (unsigned i : parts.sizes)
        operands.push_back(metadata.getSizes()[i]);
      for (unsigned i : parts.strides)
        operands.push_back(metadata.getStrides()[i]);
    }
    call->setOperands(operands);
  }
  return success();
}

/// Moves small allocations of known size to the function's entry: in a loop
/// LLVM would take new stack in every iteration.
void hoistAllocations(func::FuncOp function) {
  Block &entry = function.getBody().front();
  function.walk([&](memref::AllocaOp alloca) {
    if (alloca.getType().hasStaticShape() && alloca->getBlock() != &entry &&
        alloca->getNumOperands() == 0)
      alloca->moveBefore(&entry, entry.begin());
  });
}

/// Copies between views that are not dense become loops; upstream would call a
/// run-time library.
void expandCopy(memref::CopyOp copy) {
  auto source = dyn_cast<MemRefType>(copy.getSource().getType());
  auto target = dyn_cast<MemRefType>(copy.getTarget().getType());
  if (!source || !target)
    return;
  auto dense = [](MemRefType type) { return type.getLayout().isIdentity(); };
  if (dense(source) && dense(target))
    return;
  ImplicitLocOpBuilder b(copy.getLoc(), copy);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  SmallVector<Value> indices;
  for (int64_t i = 0; i < source.getRank(); ++i) {
    Value size =
        source.isDynamicDim(i)
            ? Value(memref::DimOp::create(b, copy.getSource(), i))
            : Value(arith::ConstantIndexOp::create(b, source.getDimSize(i)));
    auto loop = scf::ForOp::create(b, zero, size, one);
    indices.push_back(loop.getInductionVar());
    b.setInsertionPointToStart(loop.getBody());
  }
  Value element = memref::LoadOp::create(b, copy.getSource(), indices);
  memref::StoreOp::create(b, element, copy.getTarget(), indices);
  copy.erase();
}

/// Upstream expands dimensions of several sizes known at run time wrongly: writes
/// out what an expansion means.
void expandShape(memref::ExpandShapeOp op) {
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  MemRefType type = op.getResultType();
  bool severalOpen = llvm::any_of(groups, [&](const ReassociationIndices &group) {
    return llvm::count_if(group, [&](int64_t d) { return type.isDynamicDim(d); }) > 1;
  });
  if (!severalOpen)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto source = memref::ExtractStridedMetadataOp::create(b, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> outer = source.getConstifiedMixedStrides();
  for (auto [i, group] : llvm::enumerate(groups)) {
    OpFoldResult stride = outer[i];
    for (int64_t d : llvm::reverse(group)) {
      strides[d] = stride;
      if (d != group.front())
        stride = b.createOrFold<arith::MulIOp>(
            getValueOrCreateConstantIndexOp(b, b.getLoc(), stride),
            getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[d]));
    }
  }
  // What the type knows is a number.
  SmallVector<int64_t> known;
  int64_t offset;
  if (succeeded(type.getStridesAndOffset(known, offset)))
    for (auto [stride, value] : llvm::zip_equal(strides, known))
      if (ShapedType::isStatic(value))
        stride = b.getIndexAttr(value);
  Value view = memref::ReinterpretCastOp::create(
      b, type, source.getBaseBuffer(), source.getConstifiedMixedOffset(), sizes, strides);
  op.replaceAllUsesWith(view);
  op.erase();
}

/// How many bytes the address of `value` is a multiple of, as far as it can be
/// seen; at least that of an element.
uint64_t alignmentOf(Value value) {
  auto type = cast<MemRefType>(value.getType());
  Origin origin = originOf(value);
  uint64_t element = std::max<uint64_t>(elementBytes(type.getElementType()), 1);
  uint64_t base = element;
  if (auto argument = dyn_cast<BlockArgument>(origin.base)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto given = function && argument.getOwner()->isEntryBlock()
                     ? function.getArgAttrOfType<IntegerAttr>(
                           argument.getArgNumber(),
                           LLVM::LLVMDialect::getAlignAttrName())
                     : IntegerAttr();
    if (given)
      base = given.getInt();
  } else if (auto get = origin.base.getDefiningOp<memref::GetGlobalOp>()) {
    // As LLVMModule.cpp aligns weights.
    uint64_t bytes = elementBytes(get.getType().getElementType()) *
                     std::max<int64_t>(get.getType().getNumElements(), 0);
    while (base < rt::kArenaAlign && base * 2 <= bytes)
      base *= 2;
  }
  if (!origin.offset)
    return std::min(base, element);
  return *origin.offset ? std::min(base, *origin.offset & -*origin.offset)
                        : base;
}

/// Tells private functions how far the buffers that they get are aligned: x86
/// folds aligned loads into arithmetic, Cortex-M loads several words at once.
/// `calls` are all there are; the callers' own arguments have been looked at.
void alignArguments(func::FuncOp function, ArrayRef<func::CallOp> calls) {
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto memref = dyn_cast<MemRefType>(type);
    StringRef name = LLVM::LLVMDialect::getAlignAttrName();
    if (!memref || !isBarePointer(memref) || function.getArgAttr(i, name))
      continue;
    uint64_t align = rt::kArenaAlign;
    for (func::CallOp call : calls)
      align = std::min(align, alignmentOf(call.getOperand(i)));
    function.setArgAttr(i, name, OpBuilder(function).getI64IntegerAttr(align));
  }
}

/// The entry returns dlc_status 0.
void returnStatus(func::FuncOp entry) {
  OpBuilder b(entry.getContext());
  FunctionType type = entry.getFunctionType();
  if (type.getNumResults() != 0)
    return;
  entry.setFunctionType(b.getFunctionType(type.getInputs(), b.getI32Type()));
  entry.walk([&](func::ReturnOp ret) {
    b.setInsertionPoint(ret);
    Value ok = arith::ConstantIntOp::create(b, ret.getLoc(), 0, 32);
    func::ReturnOp::create(b, ret.getLoc(), ok);
    ret.erase();
  });
}
} // namespace

LogicalResult codegen::prepareLastIR(ModuleOp module) {
  if (failed(lowerEarlyExits(module)))
    return failure();
  llvm::MapVector<StringRef, SmallVector<func::CallOp>> calls;
  module.walk(
      [&](func::CallOp call) { calls[call.getCallee()].push_back(call); });
  SmallVector<memref::ExpandShapeOp> expansions;
  module.walk([&](memref::ExpandShapeOp op) { expansions.push_back(op); });
  for (memref::ExpandShapeOp op : expansions)
    expandShape(op);
  SmallVector<memref::CopyOp> copies;
  module.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies)
    expandCopy(copy);
  // The arena is aligned by contract. Layers are called from the entry, and what
  // they share from layers: two steps down see most of what there is to see.
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (function.getArgAttr(i, rt::kArena))
        function.setArgAttr(
            i, LLVM::LLVMDialect::getAlignAttrName(),
            OpBuilder(function).getI64IntegerAttr(rt::kArenaAlign));
  // Layers first, then the functions that layers share.
  for (bool isLayer : {true, false})
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      if (function.isPrivate() && function->hasAttr(rt::kLayer) == isLayer &&
          !calls[function.getName()].empty())
        alignArguments(function, calls[function.getName()]);
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    for (Type type : function.getFunctionType().getResults())
      if (isa<BaseMemRefType>(type) && !function.isExternal())
        return function.emitError()
               << "returns a memref; the last IR passes results as arguments";
    if (failed(flattenArguments(function, calls[function.getName()])))
      return failure();
    if (function.isExternal())
      continue;
    hoistAllocations(function);
    if (function->hasAttr(rt::kArenaBytes))
      returnStatus(function);
    // Facts that LLVM would only warn about.
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (StringRef name : {StringRef(rt::kArena), StringRef(rt::kDims)})
        function.removeArgAttr(i, name);
  }
  return success();
}
