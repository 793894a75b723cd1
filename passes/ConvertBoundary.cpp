// This file gives the model's function its C form: buffers in, buffers out.
#include "passes/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "passes/memory/Bounds.h"
#include "passes/memory/Lifetimes.h"
#include "llvm/ADT/StringMap.h"

namespace dlc {
#define GEN_PASS_DEF_CONVERTBOUNDARY
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// Row-major buffer type of a tensor type.
MemRefType bufferType(RankedTensorType tensor) {
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

/// How the C function passes a result.
struct Output {
  RankedTensorType type;
  /// Upper bounds of all sizes; empty when a size has none.
  SmallVector<int64_t> bounds;
  MemRefType argument;
  bool isStatic() const { return type.hasStaticShape(); }
};

/// Converts one function.
class Boundary {
public:
  Boundary(func::FuncOp func, bool hosted)
      : func(func), entry(func.front()), hosted(hosted), b(func.getLoc(), func) {}

  LogicalResult run() {
    inputs = facts(dlc::rt::kInputs);
    outputs = facts(dlc::rt::kOutputs);
    ret = cast<func::ReturnOp>(entry.getTerminator());
    if (failed(planInputs()) || failed(planOutputs()))
      return failure();
    if (func->hasAttr(dlc::rt::kOutputs))
      func->setAttr(dlc::rt::kOutputs, b.getArrayAttr(outputs));
    // All arguments first: sizes of inputs are read from the last one.
    unsigned numInputs = entry.getNumArguments();
    for (const Output &output : results)
      entry.addArgument(output.argument, func.getLoc());
    if (needsDims)
      dims = entry.addArgument(MemRefType::get({numDims}, b.getI64Type()), func.getLoc());
    b.setInsertionPointToStart(&entry);
    Value none = arith::ConstantIndexOp::create(b, 0);
    for (auto [i, output] : llvm::enumerate(results)) // no blocks yet
      if (!output.isStatic() && output.bounds.empty())
        memref::StoreOp::create(b, none, entry.getArgument(numInputs + i));
    for (unsigned i = 0, at = 0; i < numInputs; ++i) {
      auto type = cast<RankedTensorType>(entry.getArgument(i).getType());
      convertInput(entry.getArgument(i), i, type, at);
      at += rankOf(inputs, i, type);
    }
    writeOutputs(numInputs);
    ret.getOperandsMutable().clear();
    func.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
    if (func->hasAttr(dlc::rt::kInputs))
      func->setAttr(dlc::rt::kInputs, b.getArrayAttr(inputs));
    if (dims)
      func.setArgAttr(func.getNumArguments() - 1, dlc::rt::kDims, b.getUnitAttr());
    return success();
  }

private:
  SmallVector<Attribute> facts(StringRef name) {
    auto attr = func->getAttrOfType<ArrayAttr>(name);
    return attr ? SmallVector<Attribute>(attr.getValue()) : SmallVector<Attribute>();
  }

  static StringRef nameIn(ArrayRef<Attribute> infos, unsigned i) {
    auto info = i < infos.size() ? dyn_cast<DictionaryAttr>(infos[i]) : DictionaryAttr();
    auto name = info ? info.getAs<StringAttr>("name") : StringAttr();
    return name ? name.getValue() : "";
  }

  /// Dimensions that a caller sees: buffers of packed numbers have one.
  static unsigned rankOf(ArrayRef<Attribute> infos, unsigned i, RankedTensorType type) {
    auto info = i < infos.size() ? dyn_cast<DictionaryAttr>(infos[i]) : DictionaryAttr();
    auto shape = info ? info.getAs<DenseI64ArrayAttr>("shape") : DenseI64ArrayAttr();
    return shape ? shape.size() : type.getRank();
  }

  void addFact(SmallVector<Attribute> &infos, unsigned i, StringRef name, Attribute value) {
    if (i >= infos.size())
      return;
    NamedAttrList list(cast<DictionaryAttr>(infos[i]));
    list.set(name, value);
    infos[i] = list.getDictionary(func.getContext());
  }

  Attribute shapeAttr(ArrayRef<int64_t> shape) {
    SmallVector<int64_t> sizes;
    for (int64_t size : shape)
      sizes.push_back(ShapedType::isDynamic(size) ? -1 : size);
    return b.getDenseI64ArrayAttr(sizes);
  }

  LogicalResult planInputs() {
    for (BlockArgument arg : entry.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      if (!type)
        return func.emitOpError("takes something else than tensors");
      numDims += rankOf(inputs, arg.getArgNumber(), type);
      if (type.hasStaticShape())
        continue;
      StringRef name = nameIn(inputs, arg.getArgNumber());
      if (!hosted) {
        auto diag = emitError(func.getLoc())
                    << "input '" << name
                    << "' has a size that is not known at compile time: " << type;
        diag.attachNote() << "fix it with --dim NAME=N or --shape INPUT=AxBxC";
        return failure();
      }
      needsDims = true;
      addFact(inputs, arg.getArgNumber(), "shape", shapeAttr(type.getShape()));
    }
    return success();
  }

  LogicalResult planOutputs() {
    for (auto [i, result] : llvm::enumerate(ret.getOperands())) {
      Output output;
      output.type = cast<RankedTensorType>(result.getType());
      numDims += rankOf(outputs, i, output.type);
      output.argument = bufferType(output.type);
      if (!output.isStatic()) {
        addFact(outputs, i, "shape", shapeAttr(output.type.getShape()));
        needsDims = true;
        int64_t elements = 1;
        for (int64_t d = 0; d < output.type.getRank(); ++d) {
          int64_t most = dlc::memory::intervalOfDim(result, d).high;
          output.bounds.push_back(most);
          if (llvm::MulOverflow(elements, most, elements))
            elements = INT64_MAX;
        }
        int64_t bytes = dlc::memory::elementBytes(output.type.getElementType());
        if (elements > dlc::memory::kLargestBound / bytes) {
          if (!hosted)
            return unbounded(i, result);
          output.bounds.clear();
          output.argument = MemRefType::get({}, b.getIndexType());
        } else {
          output.argument = MemRefType::get({elements}, output.type.getElementType());
          addFact(outputs, i, "bounds", b.getDenseI64ArrayAttr(output.bounds));
        }
      }
      results.push_back(std::move(output));
    }
    return success();
  }

  LogicalResult unbounded(unsigned i, Value result) {
    auto diag = emitError(result.getLoc())
                << "output '" << nameIn(outputs, i)
                << "' has a size without a bound: " << result.getType();
    diag.attachNote() << "this target has no memory for it; fix sizes of inputs with "
                         "--dim NAME=N or --shape INPUT=AxBxC";
    return failure();
  }

  /// A tensor argument becomes a buffer, or a pointer and sizes read from
  /// `dims` at `at`.
  void convertInput(BlockArgument arg, unsigned number, RankedTensorType type, int64_t at) {
    Value buffer = arg;
    Operation *user = nullptr;
    if (type.hasStaticShape()) {
      arg.setType(bufferType(type));
    } else {
      SmallVector<OpFoldResult> sizes = inputSizes(number, type, at);
      arg.setType(MemRefType::get({}, type.getElementType()));
      auto view = rowMajor(arg, sizes, type);
      buffer = view;
      user = view;
    }
    auto tensor = bufferization::ToTensorOp::create(b, type, buffer, /*restrict=*/true);
    arg.replaceUsesWithIf(tensor.getResult(), [&](OpOperand &use) {
      return use.getOwner() != tensor && use.getOwner() != user;
    });
  }

  SmallVector<OpFoldResult> inputSizes(unsigned number, RankedTensorType type, int64_t at) {
    auto info = number < inputs.size() ? dyn_cast<DictionaryAttr>(inputs[number])
                                       : DictionaryAttr();
    auto symbols = info ? info.getAs<ArrayAttr>("dims") : ArrayAttr();
    SmallVector<OpFoldResult> sizes;
    for (auto [d, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        sizes.push_back(b.getIndexAttr(size));
        continue;
      }
      Value index = arith::ConstantIndexOp::create(b, at + d);
      Value given = memref::LoadOp::create(b, dims, index);
      Value found = arith::IndexCastOp::create(b, b.getIndexType(), given);
      // Whatever a caller says: products of sizes must not wrap around unseen.
      Value most = arith::ConstantIndexOp::create(b, int64_t(1) << 40);
      require(arith::CmpIOp::create(b, arith::CmpIPredicate::ule, found, most));
      // One name is one size.
      auto symbol = symbols && d < symbols.size() ? dyn_cast<StringAttr>(symbols[d])
                                                  : StringAttr();
      if (symbol && !symbol.empty()) {
        auto [it, isNew] = named.try_emplace(symbol.getValue(), found);
        if (!isNew) {
          require(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, found, it->second));
          found = it->second;
        }
      }
      sizes.push_back(found);
    }
    return sizes;
  }

  void require(Value condition) { cf::AssertOp::create(b, condition, "DLC_ERR_DIMS"); }

  /// The first elements of `flat` as a row-major buffer of the given sizes.
  memref::ReinterpretCastOp rowMajor(Value flat, ArrayRef<OpFoldResult> sizes,
                                     RankedTensorType type) {
    SmallVector<OpFoldResult> strides(sizes.size());
    OpFoldResult stride = b.getIndexAttr(1);
    for (int64_t d = static_cast<int64_t>(sizes.size()) - 1; d >= 0; --d) {
      strides[d] = stride;
      if (d == 0)
        break;
      auto x = getConstantIntValue(stride), y = getConstantIntValue(sizes[d]);
      if (x && y)
        stride = b.getIndexAttr(*x * *y);
      else
        stride = b.createOrFold<arith::MulIOp>(
            getValueOrCreateConstantIndexOp(b, b.getLoc(), stride),
            getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[d]));
    }
    return memref::ReinterpretCastOp::create(b, bufferType(type), flat, b.getIndexAttr(0),
                                             sizes, strides);
  }

  void writeOutputs(unsigned first) {
    b.setInsertionPoint(ret);
    SmallVector<std::pair<int64_t, Value>> found; // place in `dims`, size
    int64_t at = numDims;
    for (auto [i, output] : llvm::enumerate(results))
      at -= rankOf(outputs, i, output.type);
    for (auto [i, output] : llvm::enumerate(results)) {
      Value result = ret.getOperand(i), argument = entry.getArgument(first + i);
      Value destination = argument;
      if (!output.isStatic()) {
        SmallVector<OpFoldResult> sizes;
        SmallVector<Value> dynamic;
        for (int64_t d = 0; d < output.type.getRank(); ++d) {
          if (!output.type.isDynamicDim(d)) {
            sizes.push_back(b.getIndexAttr(output.type.getDimSize(d)));
          } else {
            dynamic.push_back(tensor::DimOp::create(b, result, d));
            sizes.push_back(dynamic.back());
          }
          found.push_back({at + d, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[d])});
        }
        if (output.bounds.empty()) {
          auto block = memref::AllocOp::create(b, bufferType(output.type), dynamic);
          block->setAttr(dlc::rt::kOutputBlock, b.getUnitAttr());
          Value pointer = memref::ExtractAlignedPointerAsIndexOp::create(b, block);
          memref::StoreOp::create(b, pointer, argument);
          destination = block;
        } else {
          destination = rowMajor(argument, sizes, output.type);
        }
      }
      auto store = bufferization::MaterializeInDestinationOp::create(b, TypeRange(), result,
                                                                     destination);
      store.setRestrict(true);
      store.setWritable(true);
      at += rankOf(outputs, i, output.type);
    }
    if (found.empty())
      return;
    // A caller may not want to know.
    Value pointer = memref::ExtractAlignedPointerAsIndexOp::create(b, dims);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value wanted = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, pointer, zero);
    auto branch = scf::IfOp::create(b, wanted, [&](OpBuilder &builder, Location loc) {
      for (auto [place, size] : found) {
        Value index = arith::ConstantIndexOp::create(builder, loc, place);
        Value size64 = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), size);
        memref::StoreOp::create(builder, loc, size64, dims, index);
      }
      scf::YieldOp::create(builder, loc);
    });
    branch->setAttr(dlc::rt::kDims, b.getUnitAttr());
  }

  func::FuncOp func;
  Block &entry;
  bool hosted;
  ImplicitLocOpBuilder b;
  func::ReturnOp ret;
  SmallVector<Attribute> inputs, outputs; // their facts
  std::vector<Output> results;
  int64_t numDims = 0;
  bool needsDims = false;
  Value dims;
  llvm::StringMap<Value> named;
};

struct ConvertBoundary : dlc::impl::ConvertBoundaryBase<ConvertBoundary> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto target = dlc::rt::targetOf(module);
    auto name = module->getAttrOfType<StringAttr>(dlc::rt::kName);
    for (auto func : module.getOps<func::FuncOp>()) {
      if (!func->hasAttr(dlc::rt::kInputs))
        continue;
      if (failed(Boundary(func, target && target.getHosted()).run()))
        return signalPassFailure();
      if (name)
        func.setName((name.getValue() + "_run").str());
    }
  }
};
} // namespace
