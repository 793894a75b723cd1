// This file prints what stands around the function bodies: constants, signatures, descriptor.
#include "codegen/cpp/Printer.h"

#include "codegen/EarlyExit.h"
#include "codegen/Weights.h"
#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Analysis/DataFlow/Utils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::cpp;

/// Constants of more elements are printed as strings of bytes: g++ reads 14 MB
/// of them in 3 s and 170 MB of memory, as floats in 15 s and 1.1 GB.
static constexpr int64_t kMaxNumbers = 4096;

LogicalResult Printer::collect() {
  if (rt::TargetAttr target = rt::targetOf(module)) {
    indexBits = target.getIndexBits() == 32 ? 32 : 64;
    orderedZeros = StringRef(target.getTriple()).starts_with("aarch64") ||
                   StringRef(target.getTriple()).starts_with("arm") ||
                   StringRef(target.getTriple()).starts_with("thumb");
  }
  if (auto attr = module->getAttrOfType<StringAttr>(rt::kName))
    name = attr.str();
  for (Operation &op : *module.getBody()) {
    auto fn = dyn_cast<func::FuncOp>(op);
    if (!fn && !isa<memref::GlobalOp>(op))
      return unsupported(op, "expected func.func or memref.global");
    if (fn && fn->hasAttr(rt::kArenaBytes)) {
      auto facts = codegen::collectModelInfo(module);
      if (failed(facts))
        return failure();
      info = std::move(*facts);
      name = info->name;
      names.insert(name + "_model");
      names.insert(info->entry);
    }
  }
  for (auto global : module.getOps<memref::GlobalOp>())
    if (global.getType().hasStaticShape() && global.getType().getNumElements() > kMaxNumbers)
      packed.insert(global.getName());
  if (weights && failed(moveWeights()))
    return failure();
  for (Operation &op : *module.getBody()) {
    StringRef symbol = cast<SymbolOpInterface>(op).getName();
    std::string wish = identifier(symbol);
    // Functions that others call keep their name.
    if (auto fn = dyn_cast<func::FuncOp>(op); fn && fn.isPublic() && wish != symbol)
      return fn.emitError("C++: the public name '") << symbol << "' is not an identifier";
    if (info && symbol == info->entry)
      wish = info->entry;
    else
      for (unsigned n = 1; names.contains(wish); ++n)
        wish = identifier(symbol) + "_" + std::to_string(n);
    names.insert(wish);
    symbols[symbol] = wish;
  }
  dataflow::loadBaselineAnalyses(solver);
  solver.load<dataflow::IntegerRangeAnalysis>();
  if (failed(solver.initializeAndRun(module)))
    return module.emitError("C++: the analysis of integer ranges failed");
  findLive();
  withStatus = codegen::functionsWithStatus(module);
  return success();
}

LogicalResult Printer::print() {
  if (failed(collect()))
    return failure();
  // Callees first. What nobody calls is left out: compilers would warn.
  llvm::SmallVector<func::FuncOp> order;
  llvm::DenseMap<Operation *, bool> done;
  std::function<LogicalResult(func::FuncOp)> visit = [&](func::FuncOp fn) -> LogicalResult {
    auto [it, isNew] = done.insert({fn, false});
    if (!isNew)
      return it->second ? success() : fn.emitError("C++: recursive functions cannot be printed");
    if (fn.isExternal()) { // of the runtime, whose header declares it
      done[fn] = true;
      return fn.getName().starts_with("dlc_") ? success()
                                              : fn.emitError("C++: the function has no body");
    }
    if (auto cleanUp = fn->getAttrOfType<FlatSymbolRefAttr>(rt::kOnError))
      if (failed(visit(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(fn, cleanUp))))
        return failure();
    WalkResult result = fn.walk([&](func::CallOp call) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
      return callee && succeeded(visit(callee)) ? WalkResult::advance() : WalkResult::interrupt();
    });
    done[fn] = true;
    order.push_back(fn);
    return failure(result.wasInterrupted());
  };
  for (auto fn : module.getOps<func::FuncOp>())
    if (fn.isPublic() && failed(visit(fn)))
      return failure();
  for (func::FuncOp fn : order)
    if (failed(printFunction(fn)))
      return failure();
  if (info)
    printModel();
  if (defect)
    return failure();

  llvm::StringSet<> usedGlobals;
  for (func::FuncOp fn : order)
    fn.walk([&](memref::GetGlobalOp op) {
      if (!isDead(op))
        usedGlobals.insert(op.getName());
    });
  for (auto &constant : moved)
    usedGlobals.erase(constant.getKey());
  for (auto global : module.getOps<memref::GlobalOp>())
    if (usedGlobals.contains(global.getName()) && !packed.contains(global.getName()))
      elementName(global.getType().getElementType());
  printFileHeader();
  printPrelude();
  if (!moved.empty())
    out << "\n// The contents of " << name << ".weights, provided by you, aligned to " << codegen::kMovedAlign
        << " bytes.\nextern \"C\" const unsigned char " << name << "_weights[" << weights->size() << "];\n";
  for (auto global : module.getOps<memref::GlobalOp>())
    if (usedGlobals.contains(global.getName()) && failed(printGlobal(global)))
      return failure();
  out << body;
  return success();
}

void Printer::printFileHeader() {
  out << "// " << (name.empty() ? "Functions" : name) << ": generated by dlc";
  rt::TargetAttr target = rt::targetOf(module);
  if (target) {
    out << " for " << target.getName() << " (" << target.getTriple();
    if (!target.getCpu().empty())
      out << ", " << target.getCpu();
    if (!target.getFeatures().empty())
      out << ", " << target.getFeatures();
    out << ")";
  }
  out << ". Do not edit.\n"
         "// C++17, freestanding: needs the include folder of runtime-lite, memcpy and nothing else.\n";
  if (info) {
    out << "// Arena: " << info->arenaBytes << " bytes; weights: " << info->weightsBytes
        << " bytes; multiplications: " << info->macs << ".\n";
  }
  out << (profile || callsRuntime ? "#include \"dlc/dlc_runtime.h\"\n" : "#include \"dlc/dlc_abi.h\"\n");
}

//===-- Constants ----------------------------------------------------------===//

/// Bytes as the inside of string literals, 64 to a line.
static void printBytes(llvm::ArrayRef<char> bytes, llvm::raw_ostream &out) {
  std::string text;
  text.reserve(bytes.size() * 3);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % 64 == 0)
      text += i == 0 ? "    \"" : "\"\n    \"";
    unsigned char c = bytes[i];
    if (c == '"' || c == '\\' || c == '?') { // two ? could begin a trigraph
      text += '\\';
      text += char(c);
    } else if (c >= 32 && c < 127) {
      text += char(c);
    } else {
      // Shorter escapes are fine unless an octal digit follows.
      bool digit = (i + 1) % 64 != 0 && i + 1 < bytes.size() && bytes[i + 1] >= '0' &&
                   bytes[i + 1] <= '7';
      text += '\\';
      if (digit || c >= 64)
        text += char('0' + (c >> 6));
      if (digit || c >= 8)
        text += char('0' + ((c >> 3) & 7));
      text += char('0' + (c & 7));
    }
    if (text.size() > 1 << 20) {
      out << text;
      text.clear();
    }
  }
  out << text << "\"";
}

/// The bytes of a constant as they lie in memory, `bytes` for each element; `copy`
/// holds those that the attribute does not hold in this form.
static FailureOr<llvm::ArrayRef<char>> bytesOf(memref::GlobalOp op, unsigned bytes, llvm::SmallVector<char> &copy) {
  MemRefType type = op.getType();
  Type element = type.getElementType();
  if (!op.getConstant() || !op.getInitialValue() || op.isUninitialized())
    return op.emitError("C++: only initialized constants can be printed, generated code "
                        "has no writable data");
  int64_t count = type.getNumElements();
  Attribute initial = *op.getInitialValue();
  llvm::ArrayRef<char> raw;
  auto dense = dyn_cast<DenseElementsAttr>(initial);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(initial)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      raw = blob->getData();
  } else if (dense && !element.isInteger(1) && !element.isIndex()) {
    raw = dense.getRawData();
    if (dense.isSplat()) {
      for (int64_t i = 0; i < count; ++i)
        copy.append(raw.begin(), raw.end());
      raw = copy;
    }
  } else if (dense) {
    for (const llvm::APInt &value : dense.getValues<llvm::APInt>())
      for (unsigned b = 0; b < bytes; ++b)
        copy.push_back(char(value.sextOrTrunc(64).extractBitsAsZExtValue(8, 8 * b)));
    if (element.isInteger(1))
      for (char &c : copy)
        c &= 1;
    raw = copy;
  }
  if (raw.size() != size_t(count) * bytes)
    return op.emitError("C++: found ") << raw.size() << " bytes of data, expected "
                                       << count * bytes;
  return raw;
}

/// Lays larger constants out in NAME_weights, as Weights.cpp does.
LogicalResult Printer::moveWeights() {
  for (auto global : module.getOps<memref::GlobalOp>()) {
    llvm::SmallVector<char> copy;
    auto raw = bytesOf(global, std::max(1u, width(global.getType().getElementType()) / 8), copy);
    if (failed(raw))
      return failure();
    if (raw->size() < codegen::kMovedBytes)
      continue;
    weights->resize(llvm::alignTo(weights->size(), codegen::kMovedAlign), '\0');
    moved[global.getName()] = weights->size();
    weights->append(raw->begin(), raw->end());
  }
  return success();
}

LogicalResult Printer::printGlobal(memref::GlobalOp op) {
  MemRefType type = op.getType();
  Type element = type.getElementType();
  if (failed(checkType(*op, type)))
    return failure();
  unsigned bits = width(element);
  unsigned bytes = std::max(1u, bits / 8);
  llvm::SmallVector<char> copy;
  auto held = bytesOf(op, bytes, copy);
  if (failed(held))
    return failure();
  llvm::ArrayRef<char> raw = *held;
  int64_t count = type.getNumElements();

  out << "\n// " << op.getName() << ": ";
  llvm::interleave(type.getShape(), out, "x");
  out << (type.getRank() ? "x" : "") << element << "\n";
  uint64_t align = std::max<uint64_t>(16, op.getAlignment().value_or(0));
  out << "alignas(" << align << ") DLC_WEIGHTS static const ";
  std::string symbol = symbols.lookup(op.getName());

  if (packed.contains(op.getName())) {
    out << "char " << symbol << "[] =\n";
    printBytes(raw, out);
    out << ";\n";
    return success();
  }
  out << elementName(element) << " " << symbol << "[" << std::max<int64_t>(1, count) << "] = {";
  for (int64_t i = 0; i < count; ++i) {
    out << (i % 8 == 0 ? "\n    " : " ");
    uint64_t word = 0;
    for (unsigned b = 0; b < bytes; ++b)
      word |= uint64_t(uint8_t(raw[i * bytes + b])) << (8 * b);
    if (element.isF32() || element.isF64())
      out << floatLiteral(llvm::APFloat(cast<FloatType>(element).getFloatSemantics(),
                                        llvm::APInt(bits, word)),
                          element);
    else if (isa<FloatType>(element))
      out << word;
    else if (element.isInteger(1))
      out << (word ? "true" : "false");
    else
      out << scalarLiteral(IntegerAttr::get(element.isIndex() ? IndexType::get(module.getContext())
                                                              : element,
                                            llvm::APInt(element.isIndex() ? 64 : bits, word,
                                                        /*isSigned=*/false, /*implicitTrunc=*/true)
                                                .sextOrTrunc(element.isIndex() ? 64 : bits)),
                           element);
    out << ",";
  }
  out << "\n};\n";
  return success();
}

//===-- Functions ----------------------------------------------------------===//

namespace {
/// The bytes that a buffer may touch: of `base` from `begin` to `end`.
struct Bytes {
  Value base;
  Operation *global = nullptr; ///< the constant, when `base` is one
  int64_t begin = 0, end = -1; ///< end < 0: not known
};
} // namespace

static Bytes bytesOf(Value v) {
  Bytes range{v};
  auto type = cast<MemRefType>(v.getType());
  auto sizeOf = [](MemRefType type) -> int64_t {
    if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
        !type.getElementType().isIntOrFloat())
      return -1;
    return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  };
  range.end = sizeOf(type);
  while (Operation *op = range.base.getDefiningOp()) {
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      std::optional<int64_t> shift = getConstantIntValue(view.getByteShift());
      if (!shift || range.end < 0) {
        range.begin = 0;
        range.end = -1;
      } else {
        range.begin += *shift;
        range.end += *shift;
      }
      range.base = view.getSource();
    } else if (auto viewLike = dyn_cast<ViewLikeOpInterface>(op)) {
      // Somewhere inside of what it views.
      range.base = viewLike.getViewSource();
      range.begin = 0;
      range.end = isa<memref::ReinterpretCastOp>(op)
                      ? -1
                      : sizeOf(cast<MemRefType>(range.base.getType()));
    } else {
      break;
    }
  }
  if (auto get = range.base.getDefiningOp<memref::GetGlobalOp>())
    range.global = SymbolTable::lookupNearestSymbolFrom(get, get.getNameAttr());
  return range;
}

static bool disjoint(const Bytes &a, const Bytes &b, bool entry) {
  bool same = a.base == b.base || (a.global && a.global == b.global);
  if (same)
    return a.end >= 0 && b.end >= 0 && (a.end <= b.begin || b.end <= a.begin);
  auto isOwn = [&](const Bytes &r) { // memory that no other base reaches
    return r.global || r.base.getDefiningOp<memref::AllocaOp>() ||
           (entry && isa<BlockArgument>(r.base));
  };
  return isOwn(a) && isOwn(b);
}

bool Printer::isRestrict(func::FuncOp fn, unsigned index) {
  auto uses = SymbolTable::getSymbolUses(fn, module);
  if (!uses || uses->empty())
    return false;
  bool mine = isWritten(fn.getArgument(index));
  return llvm::all_of(*uses, [&](const SymbolTable::SymbolUse &use) {
    auto call = dyn_cast<func::CallOp>(use.getUser());
    if (!call)
      return false;
    bool entry = info && call->getParentOfType<func::FuncOp>().getName() == info->entry;
    Bytes range = bytesOf(call.getOperand(index));
    for (auto [i, operand] : llvm::enumerate(call.getOperands()))
      if (i != index && isa<MemRefType>(operand.getType()) &&
          (mine || isWritten(fn.getArgument(i))) &&
          !disjoint(range, bytesOf(operand), entry))
        return false;
    // A constant that the function reads by itself is never written.
    return true;
  });
}

static void printShape(llvm::raw_ostream &os, MemRefType type) {
  os << type.getElementType() << "[";
  llvm::ListSeparator comma(",");
  for (int64_t size : type.getShape())
    os << StringRef(comma) << (ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  os << "]";
}

/// Text of a model's author inside a comment that ends with the line.
static std::string comment(StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isPrint(c) ? c : '.';
  if (!result.empty() && result.back() == '\\')
    result += '.'; // would continue the comment
  return result;
}

void Printer::printLayerComment(func::FuncOp fn) {
  os << "\n";
  auto layer = fn->getAttrOfType<DictionaryAttr>(rt::kLayer);
  if (layer) {
    auto title = layer.getAs<StringAttr>("name");
    os << "// " << (title ? comment(title) : fn.getName().str());
    if (auto kernel = layer.getAs<StringAttr>("kernel"))
      os << " (" << comment(kernel) << ")";
    if (auto macs = layer.getAs<IntegerAttr>("macs"); macs && !macs.getValue().isZero())
      os << ", " << macs.getInt() << " multiplications";
    os << "\n";
    if (auto nodes = layer.getAs<ArrayAttr>("nodes"); nodes && !nodes.empty()) {
      std::string text = "// ONNX:";
      for (auto node : nodes.getAsRange<StringAttr>()) {
        std::string item = " " + comment(node);
        if (text.size() + item.size() > 100) {
          os << text << "\n";
          text = "//      ";
        }
        text += item;
      }
      os << text << "\n";
    }
  }
}

LogicalResult Printer::printFunction(func::FuncOp fn) {
  localNames.clear();
  counters.clear();
  waiting.clear();
  inserted.clear();
  loopDepth = 0;
  bool entry = info && fn.getName() == info->entry;
  if (!fn.getBody().hasOneBlock())
    return fn.emitError("C++: control flow between blocks cannot be printed; expected scf");
  if (fn.getNumResults() > 1)
    return fn.emitError("C++: a function has more than one result");
  for (Type type : fn.getResultTypes())
    if (isa<MemRefType, VectorType>(type))
      return fn.emitError("C++: a function returns ") << type;
  for (Type type : fn.getArgumentTypes())
    if (isa<VectorType>(type))
      return fn.emitError("C++: a function takes ") << type;
  for (TypeRange types : {TypeRange(fn.getArgumentTypes()), TypeRange(fn.getResultTypes())})
    for (Type type : types)
      if (failed(checkType(*fn, type)))
        return failure();

  printLayerComment(fn);
  if (entry)
    return printEntry(fn);
  llvm::SmallVector<std::string> params;
  std::string shapes;
  llvm::raw_string_ostream shapesOs(shapes);
  for (BlockArgument arg : fn.getArguments()) {
    bool unused = !isLive(arg);
    auto type = dyn_cast<MemRefType>(arg.getType());
    if (!type) {
      std::string scalar = numbered(prefixFor(arg.getType()));
      // A size may be needed by nothing but the shape of a buffer.
      params.push_back((arg.getType().isIndex() ? "[[maybe_unused]] const " : "const ") +
                       typeName(arg.getType()) + (unused ? "" : " " + scalar));
      exprs[arg] = {scalar, Prec::Primary, width(arg.getType())};
      continue;
    }
    bool isConst = !isWritten(arg);
    std::string pointer = numbered(isConst ? "x" : "y");
    shapesOs << (shapes.empty() ? "" : ", ") << pointer << " ";
    printShape(shapesOs, type);
    // A function may need the shape alone.
    params.push_back((type.hasStaticShape() ? "" : "[[maybe_unused]] ") +
                     pointerName(type.getElementType(), isConst) +
                     (!unused && isRestrict(fn, arg.getArgNumber()) ? "__restrict " : "") +
                     (unused ? "" : pointer));
    llvm::SmallVector<std::string> more;
    if (failed(declareParameter(arg, pointer, more)))
      return failure();
    for (const std::string &param : more)
      params.push_back("[[maybe_unused]] " + param);
  }
  if (!shapes.empty())
    os << "// " << shapes << "\n";
  bool status = withStatus.contains(fn);
  if (status && fn.getNumResults())
    return fn.emitError("C++: a function that may end early has a result");
  std::string result = status               ? std::string("dlc_status")
                       : fn.getNumResults() ? typeName(fn.getResultTypes()[0])
                                            : "void";
  std::string start = (fn.isPublic() ? "extern \"C\" " : "static ") + result + " " +
                      symbols.lookup(fn.getName()) + "(";
  std::string list = llvm::join(params, ", ");
  if (start.size() + list.size() > 96)
    list = llvm::join(params, ",\n    ");
  if (fn.isPublic()) // declared first, or -Wmissing-declarations complains
    os << start << list << ");\n";
  os << start << list << ") {\n";
  if (failed(printBody(fn.getBody().front())))
    return failure();
  if (fn.getNumResults()) {
    ++indent;
    Value returned = fn.getBody().front().getTerminator()->getOperand(0);
    line() << "return " << value(returned).text << ";\n";
    --indent;
  }
  if (status)
    os << "  return DLC_OK;\n";
  os << "}\n";
  return success();
}

/// The argument of the function that cleans up which gets the entry's argument `arg`.
static Value cleanUpArgument(func::FuncOp entry, FlatSymbolRefAttr cleanUp, Value arg) {
  auto function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(entry, cleanUp);
  return function.getArgument(cast<BlockArgument>(arg).getArgNumber());
}

LogicalResult Printer::printEntry(func::FuncOp fn) {
  // Parameters as the header has them; the body sees memory that may alias.
  os << "// Runs one inference; `arena` has " << info->arenaBytes << " bytes, aligned to "
     << info->arenaAlign << ".\n";
  struct Parameter {
    std::string type, name;
    Value arg;
    bool isConst;
  };
  llvm::SmallVector<Parameter> params;
  unsigned at = 0;
  for (const codegen::MemoryInfo &memory : info->memories)
    params.push_back({"void *", memory.name, fn.getArgument(at++), false});
  for (auto *list : {&info->inputs, &info->outputs})
    for (const codegen::TensorInfo &tensor : *list) {
      os << "//   " << tensor.identifier << ": ";
      if (tensor.arenaOffset)
        os << "in the arena at " << *tensor.arenaOffset << ", ";
      os << tensor.dtype << "[" << llvm::join(llvm::map_range(tensor.dims, [](int64_t d) {
        return d < 0 ? std::string("?") : std::to_string(d);
      }), ",") << "]\n";
      if (tensor.arenaOffset)
        continue;
      bool isConst = list == &info->inputs;
      bool isPlace = !isConst && tensor.isUnbounded(); // for the pointer to a block
      params.push_back({(isConst ? "const " : "") + codegen::cType(tensor.dtype).str() +
                            (isPlace ? " **" : " *"),
                        tensor.identifier, fn.getArgument(at++), isConst});
    }
  if (info->takesDims)
    params.push_back({"int64_t *", "dims", fn.getArgument(at++), false});
  std::string list;
  for (const Parameter &p : params) {
    localNames.insert(p.name);
    list += (list.empty() ? "" : ", ") + p.type + p.name;
  }
  if (list.size() > 70) {
    list.clear();
    for (const Parameter &p : params)
      list += (list.empty() ? "\n    " : ",\n    ") + p.type + p.name;
  }
  if (profile)
    os << "extern \"C\" const dlc_model " << info->name << "_model;\n";
  entrySignature = "extern \"C\" dlc_status " + info->entry + "(" + list + ")";
  os << entrySignature << ";\n" << entrySignature << " {\n";
  ++indent;
  for (const Parameter &p : params) {
    auto type = dyn_cast<MemRefType>(p.arg.getType());
    if (!type)
      return fn.emitError("C++: an argument of the entry is no buffer");
    bool unused = !isLive(p.arg);
    if (unused) {
      line() << "(void)" << p.name << ";\n";
      buffers[p.arg].pointer = {p.name};
      setStatic(buffers[p.arg], type);
      continue;
    }
    bool isConst = p.isConst;
    if (isConst && isWritten(p.arg))
      return fn.emitError("C++: the input '") << p.name << "' is written";
    std::string view = unique(p.name == "arena" ? "memory" : p.name + "_data");
    line() << pointerName(type.getElementType(), isConst) << "const " << view
           << " = reinterpret_cast<" << pointerName(type.getElementType(), isConst) << ">("
           << p.name << ");\n";
    llvm::SmallVector<std::string> more;
    if (failed(declareParameter(p.arg, view, more)))
      return failure();
    if (!more.empty() && p.name != "dims")
      return fn.emitError("C++: the shape of '") << p.name << "' is not known";
  }
  --indent;
  onError.clear();
  if (auto cleanUp = fn->getAttrOfType<FlatSymbolRefAttr>(rt::kOnError)) {
    llvm::SmallVector<std::string> args;
    for (const Parameter &p : params)
      args.push_back("reinterpret_cast<" +
                     pointerName(cast<MemRefType>(p.arg.getType()).getElementType(),
                                 !isWritten(cleanUpArgument(fn, cleanUp, p.arg))) +
                     ">(" + p.name + ")");
    onError = symbols.lookup(cleanUp.getValue()) + "(" + llvm::join(args, ", ") + ");";
  }
  inEntry = true;
  LogicalResult printed = printBody(fn.getBody().front());
  inEntry = false;
  if (failed(printed))
    return failure();
  ++indent;
  line() << "return "
         << (fn.getNumResults() ? value(fn.getBody().front().getTerminator()->getOperand(0)).text
                                : "DLC_OK")
         << ";\n";
  --indent;
  os << "}\n";
  return success();
}

//===-- Descriptor ---------------------------------------------------------===//

static std::string quoted(StringRef text) {
  std::string result = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\' || c == '?' || c < 32 || c >= 127) {
      result += '\\';
      for (int shift : {6, 3, 0})
        result += char('0' + ((c >> shift) & 7));
    } else {
      result += char(c);
    }
  }
  return result + "\"";
}

void Printer::printModel() {
  os << "\n// How dlc_run() calls the model.\n"
        "static dlc_status "
     << info->name << "_run_generic(void *arena, const void *const *inputs,\n"
     << "    void *const *outputs, int64_t *dims) {\n";
  auto outside = [](const codegen::TensorInfo &t) { return !t.arenaOffset; };
  if (llvm::none_of(info->inputs, outside))
    os << "  (void)inputs;\n";
  if (llvm::none_of(info->outputs, outside))
    os << "  (void)outputs;\n";
  if (!info->takesDims)
    os << "  (void)dims;\n";
  os << "  return " << info->entry << "(arena";
  for (const codegen::MemoryInfo &memory : llvm::drop_begin(info->memories))
    os << ", static_cast<unsigned char *>(arena) + " << memory.offset;
  for (auto *list : {&info->inputs, &info->outputs})
    for (auto [i, tensor] : llvm::enumerate(*list))
      if (!tensor.arenaOffset)
        os << ",\n      static_cast<" << (list == &info->inputs ? "const " : "")
           << codegen::cType(tensor.dtype)
           << (list == &info->outputs && tensor.isUnbounded() ? " **>(" : " *>(")
           << (list == &info->inputs ? "inputs[" : "outputs[") << i << "])";
  os << (info->takesDims ? ", dims" : "") << ");\n}\n\n";

  for (auto *list : {&info->inputs, &info->outputs}) {
    const char *role = list == &info->inputs ? "inputs" : "outputs";
    if (list->empty())
      continue;
    for (auto [i, tensor] : llvm::enumerate(*list))
      if (!tensor.dims.empty()) {
        os << "static const int64_t " << info->name << "_" << role << "_dims" << i << "[] = {";
        llvm::interleaveComma(tensor.dims, os);
        os << "};\n";
      }
    os << "static const dlc_tensor " << info->name << "_" << role << "[] = {\n";
    for (auto [i, tensor] : llvm::enumerate(*list)) {
      llvm::SmallVector<StringRef> flags;
      if (tensor.scale)
        flags.push_back("DLC_TENSOR_QUANTIZED");
      if (tensor.bounded)
        flags.push_back("DLC_TENSOR_BOUNDED");
      if (tensor.isUnbounded())
        flags.push_back("DLC_TENSOR_UNBOUNDED");
      if (tensor.arenaOffset)
        flags.push_back("DLC_TENSOR_IN_ARENA");
      os << "    {" << quoted(tensor.name) << ", ";
      if (tensor.dims.empty())
        os << "nullptr";
      else
        os << info->name << "_" << role << "_dims" << i;
      os << ", " << tensor.bytes << ", " << tensor.arenaOffset.value_or(0) << ", "
         << floatLiteral(llvm::APFloat(float(tensor.scale.value_or(1.0))),
                         Float32Type::get(module.getContext()))
         << ", " << tensor.zeroPoint.value_or(0) << ", " << codegen::dtypeMacro(tensor.dtype)
         << ", " << tensor.dims.size() << ", "
         << (flags.empty() ? std::string("0") : llvm::join(flags, " | ")) << ", " << tensor.align
         << ", 0},\n";
    }
    os << "};\n";
  }
  if (profile && !info->layers.empty()) {
    os << "static const dlc_layer " << info->name << "_layers[] = {\n";
    for (const codegen::LayerInfo &layer : info->layers)
      os << "    {" << quoted(layer.name) << ", " << quoted(llvm::join(layer.nodes, " ")) << ", "
         << layer.macs << "},\n";
    os << "};\n";
  }
  std::string inputs = info->inputs.empty() ? "nullptr" : info->name + "_inputs";
  std::string outputs = info->outputs.empty() ? "nullptr" : info->name + "_outputs";
  os << "extern \"C\" {\n"
     << "extern const dlc_model " << info->name << "_model;\n"
     << "const dlc_model " << info->name << "_model = {\n"
     << "    DLC_ABI_VERSION, sizeof(dlc_model), sizeof(dlc_tensor), sizeof(dlc_layer),\n"
     << "    " << quoted(info->name) << ", " << inputs << ", " << outputs << ", "
     << info->inputs.size() << ", " << info->outputs.size() << ",\n"
     << "    " << info->arenaBytes << ", " << info->arenaAlign << ", " << info->name
     << "_run_generic, "
     << (profile && !info->layers.empty() ? info->name + "_layers" : std::string("nullptr")) << ", "
     << (profile ? info->layers.size() : 0) << ", 0};\n}\n";
}
