// This file collects what header, manifest and descriptor say from the last IR.
#include "codegen/ModelInfo.h"

#include "codegen/Estimate.h"
#include "codegen/Origin.h"
#include "dialects/RT/Bands.h"
#include "dialects/RT/RT.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace dlc;
using namespace dlc::codegen;

namespace {
struct DType {
  StringLiteral name, cType;
  unsigned code, bytes;
  unsigned perByte = 1; ///< elements packed in a byte
};
// Codes are those of dlc_abi.h.
constexpr DType kDTypes[] = {
    {"float32", "float", 1, 4},      {"uint8", "uint8_t", 2, 1},
    {"int8", "int8_t", 3, 1},        {"uint16", "uint16_t", 4, 2},
    {"int16", "int16_t", 5, 2},      {"int32", "int32_t", 6, 4},
    {"int64", "int64_t", 7, 8},      {"bool", "uint8_t", 9, 1},
    {"float16", "uint16_t", 10, 2},  {"float64", "double", 11, 8},
    {"uint32", "uint32_t", 12, 4},   {"uint64", "uint64_t", 13, 8},
    {"bfloat16", "uint16_t", 16, 2}, {"float8e4m3fn", "uint8_t", 17, 1},
    {"float8e4m3fnuz", "uint8_t", 18, 1}, {"float8e5m2", "uint8_t", 19, 1},
    {"float8e5m2fnuz", "uint8_t", 20, 1}, {"uint4", "uint8_t", 21, 1, 2},
    {"int4", "uint8_t", 22, 1, 2},   {"float4e2m1", "uint8_t", 23, 1, 2},
    {"float8e8m0", "uint8_t", 24, 1}, {"uint2", "uint8_t", 25, 1, 4},
    {"int2", "uint8_t", 26, 1, 4},
};

const DType *findDType(StringRef name) {
  for (const DType &dtype : kDTypes)
    if (dtype.name == name)
      return &dtype;
  return nullptr;
}

/// The dtype of an element type when the IR does not name it.
std::string dtypeOf(Type type) {
  if (type.isF32())
    return "float32";
  if (type.isF64())
    return "float64";
  if (type.isF16())
    return "float16";
  if (type.isBF16())
    return "bfloat16";
  if (auto integer = dyn_cast<IntegerType>(type)) {
    if (integer.getWidth() == 1)
      return "bool";
    return ((integer.isUnsigned() ? "uint" : "int") + Twine(integer.getWidth()))
        .str();
  }
  return "";
}

/// Bytes of a memref of static shape; 0 otherwise.
uint64_t bytesOf(MemRefType type) {
  return type.hasStaticShape()
             ? type.getNumElements() * elementBytes(type.getElementType())
             : 0;
}

uint64_t integerAttr(Operation *op, StringRef name) {
  auto attr = op->getAttrOfType<IntegerAttr>(name);
  return attr ? attr.getValue().getZExtValue() : 0;
}

FailureOr<TensorInfo> tensorInfo(func::FuncOp entry, DictionaryAttr facts,
                                 MemRefType type, const char *role,
                                 unsigned index) {
  TensorInfo tensor;
  if (auto name = facts.getAs<StringAttr>("name"))
    tensor.name = name.str();
  else
    tensor.name = (Twine(role) + Twine(index)).str();
  if (auto dtype = facts.getAs<StringAttr>("dtype"))
    tensor.dtype = dtype.str();
  else if (auto element = facts.getAs<TypeAttr>("type")) // keeps ONNX's signedness
    tensor.dtype = dtypeOf(element.getValue());
  else
    tensor.dtype = dtypeOf(type.getElementType());
  const DType *dtype = findDType(tensor.dtype);
  if (!dtype)
    return entry.emitError() << role << " '" << tensor.name << "' has dtype '"
                             << tensor.dtype
                             << "', which no C type can carry";
  // Of a tensor with sizes known at run time, and their bounds if they have any; or of one whose
  // elements share bytes.
  auto shape = facts.getAs<DenseI64ArrayAttr>("shape"), bounds = facts.getAs<DenseI64ArrayAttr>("bounds");
  bool isOpen = shape && !bounds && llvm::is_contained(shape.asArrayRef(), -1);
  if (!isOpen && dtype->bytes != elementBytes(type.getElementType()))
    return entry.emitError()
           << role << " '" << tensor.name << "' has dtype " << tensor.dtype
           << ", but its argument is " << type;
  for (int64_t dim : type.getShape())
    tensor.dims.push_back(ShapedType::isDynamic(dim) ? -1 : dim);
  if (shape)
    tensor.dims.assign(shape.asArrayRef().begin(), shape.asArrayRef().end());
  for (int64_t dim : tensor.dims)
    tensor.varies.push_back(dim < 0);
  if (bounds) {
    tensor.dims.assign(bounds.asArrayRef().begin(), bounds.asArrayRef().end());
    tensor.bounded = true;
  }
  if (!tensor.isUnbounded()) {
    tensor.elements = 1;
    for (int64_t dim : tensor.dims)
      tensor.elements *= dim;
    tensor.bytes = llvm::divideCeil(tensor.elements, dtype->perByte) * dtype->bytes;
  }
  if (auto dims = facts.getAs<ArrayAttr>("dims"))
    for (Attribute dim : dims)
      tensor.symbols.push_back(isa<StringAttr>(dim) ? cast<StringAttr>(dim).str() : "");
  if (auto scale = facts.getAs<FloatAttr>("scale"))
    tensor.scale = scale.getValueAsDouble();
  if (auto zero = facts.getAs<IntegerAttr>("zero_point"))
    tensor.zeroPoint = zero.getValue().getSExtValue();
  if (auto offset = facts.getAs<IntegerAttr>("arena_offset"))
    tensor.arenaOffset = offset.getValue().getZExtValue();
  tensor.align = dtype->bytes;
  return tensor;
}

class Collector {
public:
  explicit Collector(ModuleOp module) : module(module), symbols(module) {}

  FailureOr<ModelInfo> collect() {
    if (failed(findEntry()) || failed(collectTensors()))
      return failure();
    for (auto global : module.getOps<memref::GlobalOp>())
      info.weightsBytes += bytesOf(global.getType());
    entry.walk([&](func::CallOp call) { collectLayer(call); });
    for (const LayerInfo &layer : info.layers)
      info.macs += layer.macs;
    // Outputs stay until the caller has read them.
    for (const TensorInfo &output : info.outputs)
      for (ArenaTensor &tensor : llvm::reverse(info.tensors))
        if (output.arenaOffset == tensor.offset && output.bytes == tensor.bytes) {
          tensor.last = std::max<size_t>(info.layers.size(), 1) - 1;
          break;
        }
    nameParameters();
    return std::move(info);
  }

private:
  LogicalResult findEntry() {
    auto name = module->getAttrOfType<StringAttr>(rt::kName);
    rt::TargetAttr target = rt::targetOf(module);
    if (!name || !target)
      return module.emitError() << "module needs the attributes '" << rt::kName
                                << "' and '" << rt::kTarget << "'";
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function->hasAttr(rt::kArenaBytes))
        continue;
      if (entry)
        return function.emitError() << "module has two entry functions";
      entry = function;
    }
    if (!entry || entry.isExternal())
      return module.emitError()
             << "module has no entry function (one with '" << rt::kArenaBytes << "')";
    info.name = name.str();
    info.macro = StringRef(info.name).upper();
    info.entry = entry.getName();
    info.target = target.getName();
    info.triple = target.getTriple();
    info.cpu = target.getCpu();
    info.features = target.getFeatures();
    info.arenaBytes = integerAttr(entry, rt::kArenaBytes);
    info.arenaLowerBound = integerAttr(entry, rt::kArenaLowerBound);
    info.arenaAlign = rt::kArenaAlign;
    return success();
  }

  LogicalResult collectTensors() {
    auto inputs = entry->getAttrOfType<ArrayAttr>(rt::kInputs);
    auto outputs = entry->getAttrOfType<ArrayAttr>(rt::kOutputs);
    if (!inputs || !outputs)
      return entry.emitError() << "entry function needs '" << rt::kInputs
                               << "' and '" << rt::kOutputs << "'";
    unsigned at = 0;
    uint64_t next = 0;
    for (; at < entry.getNumArguments() && entry.getArgAttr(at, rt::kArena); ++at) {
      auto type = dyn_cast<MemRefType>(entry.getArgument(at).getType());
      if (!type || !type.hasStaticShape())
        return entry.emitError() << "argument " << at << " is no arena of known size";
      auto name = dyn_cast<StringAttr>(entry.getArgAttr(at, rt::kArena));
      info.memories.push_back({name ? name.str() : "arena", bytesOf(type), next});
      next += llvm::alignTo(bytesOf(type), rt::kArenaAlign);
    }
    if (info.memories.empty())
      return entry.emitError() << "the entry's first argument is not the arena";
    for (auto [list, attrs, role] :
         {std::tuple(&info.inputs, inputs, "input"),
          std::tuple(&info.outputs, outputs, "output")}) {
      for (auto [i, attr] : llvm::enumerate(attrs)) {
        auto facts = dyn_cast<DictionaryAttr>(attr);
        if (!facts)
          return entry.emitError() << role << " " << i << " is not a dictionary";
        // A tensor in the arena is no argument; its type is in its facts.
        MemRefType type;
        if (facts.contains("arena_offset")) {
          if (auto typeAttr = facts.getAs<TypeAttr>("buffer"))
            type = dyn_cast<MemRefType>(typeAttr.getValue());
        } else if (at < entry.getNumArguments()) {
          type = dyn_cast<MemRefType>(entry.getArgument(at++).getType());
        }
        if (!type)
          return entry.emitError() << "no memref for " << role << " " << i;
        auto tensor = tensorInfo(entry, facts, type, role, i);
        if (failed(tensor))
          return failure();
        if (auto memory = facts.getAs<IntegerAttr>("memory"); memory && tensor->arenaOffset) {
          tensor->memory = memory.getValue().getZExtValue();
          if (tensor->memory >= info.memories.size())
            return entry.emitError() << role << " " << i << " lies in no memory";
        }
        if (tensor->arenaOffset)
          *tensor->arenaOffset += info.memories[tensor->memory].offset;
        list->push_back(*tensor);
      }
    }
    if (at < entry.getNumArguments() && entry.getArgAttr(at, rt::kDims)) {
      info.takesDims = true;
      ++at;
    }
    if (at != entry.getNumArguments())
      return entry.emitError() << "has " << entry.getNumArguments()
                               << " arguments, but its inputs and outputs are "
                               << at;
    return success();
  }

  /// The constants that `function` and what it calls read.
  void globalsOf(func::FuncOp function, llvm::SmallSetVector<StringRef, 8> &globals,
                 llvm::SmallPtrSet<Operation *, 8> &seen) {
    if (!function || !seen.insert(function).second)
      return;
    function.walk([&](Operation *op) {
      if (auto get = dyn_cast<memref::GetGlobalOp>(op))
        globals.insert(get.getName());
      else if (auto call = dyn_cast<func::CallOp>(op))
        globalsOf(symbols.lookup<func::FuncOp>(call.getCallee()), globals, seen);
    });
  }

  /// What happens to a buffer in what follows from `value`.
  struct Access {
    bool reads = false, writes = false;
  };
  void accesses(Value value, Access &access, unsigned depth = 0) {
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<ViewLikeOpInterface>(user) && user->getNumResults() == 1) {
        accesses(user->getResult(0), access, depth);
        continue;
      }
      if (auto call = dyn_cast<func::CallOp>(user)) {
        auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
        if (callee && !callee.isExternal() && depth < 8) {
          accesses(callee.getArgument(use.getOperandNumber()), access, depth + 1);
          continue;
        }
      }
      SmallVector<MemoryEffects::EffectInstance> effects;
      if (auto interface = dyn_cast<MemoryEffectOpInterface>(user))
        interface.getEffectsOnValue(value, effects);
      if (effects.empty())
        access = {true, true};
      for (const MemoryEffects::EffectInstance &effect : effects) {
        access.reads |= isa<MemoryEffects::Read>(effect.getEffect());
        access.writes |= isa<MemoryEffects::Write>(effect.getEffect());
      }
    }
  }

  /// Notes that the next layer works on these bytes of the arena. A tensor begins
  /// where its place is written after it was read, and ends with the last reading.
  /// Of a part one cannot tell: it is the tensor that was there, if there was one.
  void noteTensor(uint64_t offset, uint64_t bytes, Access access, bool isPart) {
    unsigned now = info.layers.size();
    auto [it, isNew] = open.try_emplace({offset, bytes}, OpenTensor{info.tensors.size(), false});
    OpenTensor &tensor = it->second;
    if (isNew || (!isPart && access.writes && !access.reads && tensor.wasRead)) {
      tensor = {info.tensors.size(), false};
      // What is read before anything wrote it was there from the start.
      info.tensors.push_back({offset, bytes, access.writes ? now : 0, now});
    }
    info.tensors[tensor.number].last = now;
    tensor.wasRead |= access.reads;
  }

  void collectLayer(func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    auto facts = callee ? callee->getAttrOfType<DictionaryAttr>(rt::kLayer)
                        : DictionaryAttr();
    if (!facts)
      return;
    LayerInfo layer;
    layer.function = callee.getName();
    auto name = facts.getAs<StringAttr>("name");
    layer.name = name ? name.str() : layer.function;
    if (auto kernel = facts.getAs<StringAttr>("kernel"))
      layer.kernel = kernel.str();
    if (auto nodes = facts.getAs<StringAttr>("nodes"))
      layer.nodes.push_back(nodes.str());
    else if (auto nodes = facts.getAs<ArrayAttr>("nodes"))
      for (auto node : nodes.getAsRange<StringAttr>())
        layer.nodes.push_back(node.str());
    if (auto macs = facts.getAs<IntegerAttr>("macs"))
      layer.macs = macs.getValue().getZExtValue();
    auto band = facts.getAs<IntegerAttr>("band"), bands = facts.getAs<IntegerAttr>("bands");
    if (band && bands) {
      layer.band = band.getInt();
      layer.bands = bands.getInt();
    }

    llvm::SmallSetVector<StringRef, 8> globals;
    llvm::SmallPtrSet<Operation *, 8> seen;
    globalsOf(callee, globals, seen);
    layer.instructions = estimateInstructions(callee, rt::targetOf(module));
    for (auto [number, operand] : llvm::enumerate(call.getOperands())) {
      auto type = dyn_cast<MemRefType>(operand.getType());
      if (!type)
        continue;
      Origin origin = originOf(operand);
      if (auto get = origin.base.getDefiningOp<memref::GetGlobalOp>())
        globals.insert(get.getName());
      auto base = dyn_cast<BlockArgument>(origin.base);
      bool inArena = base && base.getOwner() == &entry.front() && base.getArgNumber() < info.memories.size();
      if (inArena && origin.offset) {
        uint64_t offset = info.memories[base.getArgNumber()].offset + *origin.offset;
        Access access;
        accesses(callee.getArgument(number), access);
        // A window only lends its shape.
        if (access.reads || access.writes) {
          layer.arena.push_back({offset, bytesOf(type)});
          Operation *view = operand.getDefiningOp();
          auto whole = view ? view->getAttrOfType<DenseI64ArrayAttr>(rt::kPartOf) : DenseI64ArrayAttr();
          if (whole && whole.size() == 2)
            noteTensor(info.memories[base.getArgNumber()].offset + whole[0], whole[1], access, true);
          else
            noteTensor(offset, bytesOf(type), access, false);
        }
      }
      // The arena itself, passed as a whole, is no tensor.
      if (inArena && operand == base)
        continue;
      std::vector<int64_t> shape;
      for (int64_t dim : type.getShape())
        shape.push_back(ShapedType::isDynamic(dim) ? -1 : dim);
      layer.shapes.push_back(std::move(shape));
    }
    for (StringRef global : globals)
      if (auto op = symbols.lookup<memref::GlobalOp>(global))
        layer.weightsBytes += bytesOf(op.getType());
    info.layers.push_back(std::move(layer));
  }

  /// Parameter names of the entry in C: unique, also against `arena` and `dims`.
  void nameParameters() {
    llvm::StringSet<> taken;
    for (const char *name : {"arena", "dims", "inputs", "outputs"})
      taken.insert(name);
    taken.insert(info.name);
    for (const MemoryInfo &memory : info.memories)
      taken.insert(memory.name);
    for (auto *list : {&info.inputs, &info.outputs})
      for (TensorInfo &tensor : *list) {
        std::string base = cIdentifier(tensor.name);
        tensor.identifier = base;
        for (unsigned i = 2; !taken.insert(tensor.identifier).second; ++i)
          tensor.identifier = base + "_" + std::to_string(i);
      }
  }

  /// The tensor that a place in the arena holds now.
  struct OpenTensor {
    size_t number;
    bool wasRead;
  };
  std::map<std::pair<uint64_t, uint64_t>, OpenTensor> open;

  ModuleOp module;
  SymbolTable symbols;
  func::FuncOp entry;
  ModelInfo info;
};
} // namespace

bool TensorInfo::isUnbounded() const {
  return llvm::any_of(dims, [](int64_t dim) { return dim < 0; });
}

StringRef TensorInfo::symbol(size_t dim) const {
  return varies[dim] && symbols.size() == dims.size() ? StringRef(symbols[dim]) : "";
}

uint64_t ModelInfo::ramBytes() const {
  uint64_t bytes = arenaBytes;
  for (const auto *list : {&inputs, &outputs})
    for (const TensorInfo &tensor : *list)
      if (!tensor.arenaOffset)
        bytes += tensor.bytes;
  return bytes;
}

FailureOr<ModelInfo> codegen::collectModelInfo(ModuleOp module) {
  return Collector(module).collect();
}

bool codegen::isReservedWord(StringRef text) {
  static const llvm::StringSet<> reserved = {
      "alignas", "alignof", "and", "and_eq", "asm", "atomic_cancel", "auto",
      "bitand", "bitor", "bool", "break", "case", "catch", "char", "char16_t",
      "char32_t", "char8_t", "class", "compl", "concept", "const", "const_cast",
      "consteval", "constexpr", "constinit", "continue", "co_await", "co_return",
      "co_yield", "decltype", "default", "delete", "do", "double", "dynamic_cast",
      "else", "enum", "explicit", "export", "extern", "false", "float", "for",
      "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace",
      "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq",
      "private", "protected", "public", "register", "reinterpret_cast",
      "requires", "restrict", "return", "short", "signed", "sizeof", "static",
      "static_assert", "static_cast", "struct", "switch", "template", "this",
      "thread_local", "throw", "true", "try", "typedef", "typeid", "typename",
      "typeof", "union", "unsigned", "using", "virtual", "void", "volatile",
      "wchar_t", "while", "xor", "xor_eq", "linux", "unix", "i386", "near", "far",
      "complex", "imaginary", "I", "noreturn", "errno", "main"};
  return reserved.contains(text);
}

std::string codegen::cIdentifier(StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isAlnum(c) ? c : '_';
  // No leading underscore and no double one: both are the implementation's.
  std::string tidy;
  for (char c : result)
    if (c != '_' || (!tidy.empty() && tidy.back() != '_'))
      tidy += c;
  while (!tidy.empty() && tidy.back() == '_')
    tidy.pop_back();
  if (tidy.empty())
    return "m";
  // Names in capitals are macros more often than not (INT8_MAX, NULL).
  if (tidy.size() > 1 && StringRef(tidy).upper() == tidy)
    tidy = StringRef(tidy).lower();
  if (llvm::isDigit(tidy.front()))
    tidy = "m" + tidy;
  StringRef type(tidy);
  if (isReservedWord(tidy) || type.starts_with("dlc_") || type.ends_with("_t"))
    tidy = "m_" + tidy;
  return tidy;
}

StringRef codegen::cType(StringRef dtype) {
  const DType *found = findDType(dtype);
  return found ? StringRef(found->cType) : StringRef();
}

std::string codegen::dtypeMacro(StringRef dtype) { return "DLC_" + dtype.upper(); }

unsigned codegen::dtypeCode(StringRef dtype) {
  const DType *found = findDType(dtype);
  return found ? found->code : 0;
}

unsigned codegen::dtypeBytes(StringRef dtype) {
  const DType *found = findDType(dtype);
  return found ? found->bytes : 0;
}
