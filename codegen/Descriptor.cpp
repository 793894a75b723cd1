// This file emits the descriptor of a model (dlc_model of dlc_abi.h) into LLVM IR.
//
// The layouts below repeat the structures of runtime-lite/include/dlc/dlc_abi.h
// field by field; LLVM lays them out like C does.
#include "codegen/LLVMModule.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;
using namespace dlc::codegen;

namespace {
constexpr unsigned kAbiVersion = 1;
enum TensorFlags { kQuantized = 1, kBounded = 2, kUnbounded = 4, kInArena = 8 };

class Writer {
public:
  Writer(Module &module, const ModelInfo &info, bool hosted)
      : module(module), info(info), context(module.getContext()),
        pointer(PointerType::get(context, 0)), i8(Type::getInt8Ty(context)),
        i16(Type::getInt16Ty(context)), i32(Type::getInt32Ty(context)),
        i64(Type::getInt64Ty(context)),
        size(module.getDataLayout().getIntPtrType(context)) {
    // Pointers of position-independent code are filled in by the loader.
    tables = (hosted ? ".data.rel.ro." : ".rodata.") + info.name + ".model";
    texts = ".rodata." + info.name + ".names";
  }

  Constant *string(StringRef text) {
    Constant *data = ConstantDataArray::getString(context, text);
    return global(data, "name", texts);
  }

  Constant *tensors(const std::vector<TensorInfo> &list, StringRef name) {
    if (list.empty())
      return ConstantPointerNull::get(pointer);
    StructType *type = tensorType();
    SmallVector<Constant *> items;
    for (const TensorInfo &tensor : list) {
      Constant *dims = ConstantPointerNull::get(pointer);
      if (!tensor.dims.empty())
        dims = global(ConstantDataArray::get(
                          context, ArrayRef<uint64_t>(
                                       reinterpret_cast<const uint64_t *>(
                                           tensor.dims.data()),
                                       tensor.dims.size())),
                      "dims", texts);
      unsigned flags = (tensor.scale ? kQuantized : 0) |
                       (tensor.bounded ? kBounded : 0) |
                       (tensor.isUnbounded() ? kUnbounded : 0) |
                       (tensor.arenaOffset ? kInArena : 0);
      items.push_back(ConstantStruct::get(
          type,
          {string(tensor.name), dims, ConstantInt::get(size, tensor.bytes),
           ConstantInt::get(size, tensor.arenaOffset.value_or(0)),
           ConstantFP::get(Type::getFloatTy(context), tensor.scale.value_or(1.0)),
           ConstantInt::get(i32, static_cast<uint32_t>(tensor.zeroPoint.value_or(0))),
           ConstantInt::get(i8, dtypeCode(tensor.dtype)),
           ConstantInt::get(i8, tensor.dims.size()), ConstantInt::get(i16, flags),
           ConstantInt::get(i16, tensor.align), ConstantInt::get(i16, 0)}));
    }
    return global(ConstantArray::get(ArrayType::get(type, items.size()), items), name,
                  tables);
  }

  Constant *layers() {
    StructType *type = layerType();
    SmallVector<Constant *> items;
    for (const LayerInfo &layer : info.layers)
      items.push_back(ConstantStruct::get(
          type, {string(layer.name), string(llvm::join(layer.nodes, " ")),
                 ConstantInt::get(i64, layer.macs)}));
    return global(ConstantArray::get(ArrayType::get(type, items.size()), items),
                  "layers", tables);
  }

  void model(Function *run, const EmitOptions &options) {
    auto *type = StructType::get(context, {i16, i16, i16, i16, pointer, pointer,
                                           pointer, i32, i32, size, size, pointer,
                                           pointer, i32, i32});
    bool withLayers = options.profile && !info.layers.empty();
    Constant *inputs = tensors(info.inputs, "inputs");
    Constant *outputs = tensors(info.outputs, "outputs");
    Constant *layerTable =
        withLayers ? layers() : cast<Constant>(ConstantPointerNull::get(pointer));
    Constant *value = ConstantStruct::get(
        type,
        {ConstantInt::get(i16, kAbiVersion),
         ConstantInt::get(i16, bytes(type)),
         ConstantInt::get(i16, bytes(tensorType())),
         ConstantInt::get(i16, bytes(layerType())),
         string(info.name), inputs, outputs,
         ConstantInt::get(i32, info.inputs.size()),
         ConstantInt::get(i32, info.outputs.size()),
         ConstantInt::get(size, info.arenaBytes),
         ConstantInt::get(size, info.arenaAlign), run, layerTable,
         ConstantInt::get(i32, withLayers ? info.layers.size() : 0),
         ConstantInt::get(i32, 0)});
    auto *descriptor = new GlobalVariable(module, type, /*isConstant=*/true,
                                          GlobalValue::ExternalLinkage, value,
                                          info.name + "_model");
    descriptor->setSection(tables);
    descriptor->setAlignment(module.getDataLayout().getABITypeAlign(type));
  }

  /// Calls the profiling hooks around the calls to layers, which stand in the
  /// order in which ModelInfo lists them.
  bool profile(Function *entry) {
    SmallVector<CallInst *> calls;
    StringSet<MallocAllocator> layers;
    for (const LayerInfo &layer : info.layers)
      layers.insert(layer.function);
    for (Instruction &instruction : instructions(entry))
      if (auto *call = dyn_cast<CallInst>(&instruction))
        if (Function *callee = call->getCalledFunction())
          if (layers.contains(callee->getName()))
            calls.push_back(call);
    if (calls.size() != info.layers.size())
      return false;
    auto *type = FunctionType::get(Type::getVoidTy(context), {pointer, i32}, false);
    FunctionCallee begin = module.getOrInsertFunction("dlc_profile_begin", type);
    FunctionCallee end = module.getOrInsertFunction("dlc_profile_end", type);
    Value *model = module.getNamedGlobal(info.name + "_model");
    for (auto [i, call] : llvm::enumerate(calls)) {
      if (call->getCalledFunction()->getName() != info.layers[i].function)
        return false;
      Value *arguments[] = {model, ConstantInt::get(i32, i)};
      IRBuilder<>(call).CreateCall(begin, arguments);
      IRBuilder<>(call->getNextNode()).CreateCall(end, arguments);
    }
    return true;
  }

  /// dlc_status run(arena, inputs, outputs, dims).
  Function *adapter(Function *entry) {
    auto *type = FunctionType::get(i32, {pointer, pointer, pointer, pointer}, false);
    auto *function = Function::Create(type, GlobalValue::InternalLinkage,
                                      info.name + "_run_generic", module);
    IRBuilder<> b(BasicBlock::Create(context, "", function));
    SmallVector<Value *> arguments;
    for (const MemoryInfo &memory : info.memories)
      arguments.push_back(memory.offset ? b.CreateConstInBoundsGEP1_64(i8, function->getArg(0), memory.offset)
                                        : function->getArg(0));
    unsigned list = 1;
    for (const auto *tensors : {&info.inputs, &info.outputs}) {
      Value *array = function->getArg(list++);
      for (auto [i, tensor] : llvm::enumerate(*tensors)) {
        if (tensor.arenaOffset)
          continue;
        Value *slot = b.CreateConstInBoundsGEP1_32(pointer, array, i);
        arguments.push_back(b.CreateLoad(pointer, slot));
      }
    }
    if (info.takesDims)
      arguments.push_back(function->getArg(3));
    CallInst *call = b.CreateCall(entry, arguments);
    call->setIsNoInline(); // a jump, not a second copy of the entry
    call->setTailCall();
    b.CreateRet(call);
    return function;
  }

private:
  StructType *tensorType() {
    return StructType::get(context,
                           {pointer, pointer, size, size, Type::getFloatTy(context),
                            i32, i8, i8, i16, i16, i16});
  }
  StructType *layerType() {
    return StructType::get(context, {pointer, pointer, i64});
  }
  uint64_t bytes(Type *type) { return module.getDataLayout().getTypeAllocSize(type); }

  Constant *global(Constant *value, const Twine &name, StringRef section) {
    auto *variable =
        new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                           GlobalValue::PrivateLinkage, value, name);
    variable->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    variable->setSection(section);
    variable->setAlignment(module.getDataLayout().getABITypeAlign(value->getType()));
    return variable;
  }

  Module &module;
  const ModelInfo &info;
  LLVMContext &context;
  PointerType *pointer;
  IntegerType *i8, *i16, *i32, *i64, *size;
  std::string tables, texts;
};
} // namespace

bool dlc::codegen::addDescriptor(Module &module, const ModelInfo &info,
                                 const EmitOptions &options, bool hosted) {
  Writer writer(module, info, hosted);
  Function *entry = module.getFunction(info.entry);
  writer.model(writer.adapter(entry), options);
  return !options.profile || writer.profile(entry);
}
