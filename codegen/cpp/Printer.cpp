// This file decides which values become variables and which are folded into their use.
#include "codegen/cpp/Printer.h"

#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace dlc::cpp;

/// Longer expressions get a variable although they are used only once.
static constexpr size_t kMaxInline = 72;

std::string dlc::cpp::paren(const Expr &e, Prec prec) {
  return e.prec >= prec ? e.text : "(" + e.text + ")";
}

bool dlc::cpp::mentions(llvm::StringRef text, llvm::StringRef name) {
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (size_t at = text.find(name); at != llvm::StringRef::npos;
       at = text.find(name, at + 1)) {
    size_t end = at + name.size();
    if ((at == 0 || !isWord(text[at - 1])) &&
        (end == text.size() || !isWord(text[end])))
      return true;
  }
  return false;
}

std::string dlc::cpp::identifier(llvm::StringRef name) {
  static const llvm::StringSet<> reserved = {
      "alignas",   "alignof",  "and",       "and_eq",    "asm",      "auto",
      "bitand",    "bitor",    "bool",      "break",     "case",     "catch",
      "char",      "class",    "compl",     "const",     "constexpr", "continue",
      "decltype",  "default",  "delete",    "do",        "double",   "else",
      "enum",      "explicit", "export",    "extern",    "false",    "float",
      "for",       "friend",   "goto",      "if",        "inline",   "int",
      "long",      "mutable",  "namespace", "new",       "noexcept", "not",
      "not_eq",    "nullptr",  "operator",  "or",        "or_eq",    "private",
      "protected", "public",   "register",  "return",    "short",    "signed",
      "sizeof",    "static",   "struct",    "switch",    "template", "this",
      "throw",     "true",     "try",       "typedef",   "typeid",   "typename",
      "union",     "unsigned", "using",     "virtual",   "void",     "volatile",
      "while",     "xor",      "xor_eq",    "linux",     "unix",     "main",
      "typeof",    "wchar_t",  "char16_t",  "char32_t",  "arm",      "i386"};
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]) || reserved.contains(result))
    result.insert(result.begin(), 'x');
  // Two underscores, or one and a capital, belong to the implementation.
  while (llvm::StringRef(result).starts_with("_"))
    result = result.size() > 1 ? result.substr(1) : "x";
  if (llvm::isDigit(result[0]))
    result.insert(result.begin(), 'x');
  for (size_t at; (at = result.find("__")) != std::string::npos;)
    result.erase(at, 1);
  return result;
}

Printer::Printer(ModuleOp module, llvm::raw_ostream &out, bool profile, std::string *weights)
    : module(module), out(out), os(body), profile(profile), weights(weights) {
  // Names that the prelude, the runtime and the loops use.
  for (llvm::StringRef word :
       {"load", "store", "min", "max", "f32", "f64", "i8", "i16", "i32", "i64", "b8",
        "size_t", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t",
        "uint16_t", "uint32_t", "uint64_t"})
    names.insert(word);
}

//===-- Names --------------------------------------------------------------===//

std::string Printer::unique(llvm::StringRef wish) {
  std::string result = identifier(wish);
  for (unsigned n = 1; names.contains(result) || localNames.contains(result); ++n)
    result = identifier(wish) + "_" + std::to_string(n);
  localNames.insert(result);
  return result;
}

std::string Printer::numbered(llvm::StringRef prefix) {
  std::string result;
  do
    result = (prefix + llvm::Twine(counters[prefix]++)).str();
  while (names.contains(result) || localNames.contains(result));
  localNames.insert(result);
  return result;
}

std::string Printer::prefixFor(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getElementType().isInteger(1) ? "m" : "v";
  if (isa<MemRefType>(type))
    return "p";
  if (isa<FloatType>(type))
    return "t";
  return type.isInteger(1) ? "c" : "n";
}

llvm::raw_ostream &Printer::line() { return os.indent(2 * indent); }

//===-- Expressions --------------------------------------------------------===//

Expr Printer::expr(Value v) {
  auto it = exprs.find(v);
  if (it == exprs.end()) {
    // Every value is defined before its use; a gap here would be our defect.
    emitError(v.getLoc()) << "C++: a value is used before it was printed";
    defect = true;
    return {"0"};
  }
  if (it->second.readsMemory)
    llvm::erase(waiting, v);
  return it->second;
}

Expr Printer::value(Value v) { return toSigned(expr(v), width(v.getType())); }

Expr Printer::simple(Value v) {
  Expr e = expr(v);
  if ((e.prec == Prec::Primary && !e.readsMemory) || e.literal)
    return e;
  declare(v, e);
  return exprs[v];
}

std::string Printer::text(Value v, Prec atLeast) {
  return paren(value(v), atLeast);
}

void Printer::define(Value result, Expr e) {
  unsigned uses = 0;
  bool here = true;
  for (OpOperand &use : result.getUses())
    if (isLive(use)) {
      ++uses;
      here &= use.getOwner()->getBlock() == result.getParentBlock();
    }
  bool name = e.prec == Prec::Primary && !e.readsMemory;
  if (name || e.literal || (uses == 1 && here && e.text.size() <= kMaxInline)) {
    if (e.readsMemory)
      waiting.push_back(result);
    exprs[result] = std::move(e);
    return;
  }
  if (uses != 0)
    declare(result, std::move(e));
}

void Printer::declare(Value result, Expr e) {
  Type type = result.getType();
  unsigned bits = width(type);
  std::string variable = numbered(prefixFor(type));
  line() << "const " << declaredType(result) << " " << variable << " = "
         << toSigned(e, bits).text << ";\n";
  exprs[result] = {variable, Prec::Primary, bits};
}

void Printer::flushReads() {
  auto values = std::move(waiting);
  waiting.clear();
  for (Value v : values)
    declare(v, exprs[v]);
}

void Printer::assignAll(llvm::ArrayRef<std::string> targets,
                        llvm::ArrayRef<Value> values) {
  // All assignments happen at once; a target that a later source still reads
  // is saved first.
  llvm::SmallVector<std::pair<std::string, std::string>> moves;
  // Sources whose outermost operator is the first one in their text.
  llvm::StringSet<> compound;
  for (auto [target, v] : llvm::zip_equal(targets, values)) {
    if (target.empty())
      continue;
    std::string source;
    if (auto memref = dyn_cast<MemRefType>(v.getType())) {
      Buffer &b = buffer(v);
      source = at(b, /*address=*/true).text;
      for (auto &[part, size] : openParts(memref, target, b)) {
        std::string now = size.isConstant() ? std::to_string(size.value) : size.text;
        if (now != part)
          moves.push_back({part, now});
      }
    } else if (auto type = dyn_cast<VectorType>(v.getType());
             type && type.getElementType().isInteger(1) && !type.isScalable())
      source = mask(v, 8).text;
    else {
      source = value(v).text;
      Operation *op = v.getDefiningOp();
      if (op && op->getNumOperands() == 2 && op->getNumResults() == 1 &&
          exprs.contains(op->getOperand(0)) && !isa<MemRefType>(op->getOperand(0).getType()) &&
          exprs[op->getOperand(0)].text == target && exprs[op->getOperand(0)].prec == Prec::Primary)
        compound.insert(source);
    }
    if (source != target)
      moves.push_back({target, source});
  }
  while (!moves.empty()) {
    // Take a move whose target no other move reads.
    auto free = llvm::find_if(moves, [&](auto &move) {
      return llvm::none_of(moves, [&](auto &other) {
        return &other != &move && mentions(other.second, move.first);
      });
    });
    if (free != moves.end()) {
      // x = x + y reads better as x += y.
      llvm::StringRef source = free->second, sign;
      for (llvm::StringRef candidate : {" + ", " - ", " * ", " / "})
        if (source.starts_with(free->first + candidate.str()) && compound.contains(source))
          sign = candidate;
      if (sign.empty())
        line() << free->first << " = " << source << ";\n";
      else
        line() << free->first << sign.rtrim() << "= "
               << source.drop_front(free->first.size() + sign.size()) << ";\n";
      moves.erase(free);
      continue;
    }
    // A cycle: read the old value through a copy from now on.
    std::string old = moves.front().first, saved = numbered(old + "_old");
    line() << "const auto " << saved << " = " << old << ";\n";
    for (auto &move : moves) {
      std::string renamed;
      llvm::StringRef rest = move.second;
      while (!rest.empty()) {
        size_t word = 0;
        while (word < rest.size() && (llvm::isAlnum(rest[word]) || rest[word] == '_'))
          ++word;
        llvm::StringRef token = rest.take_front(std::max<size_t>(word, 1));
        renamed += token == old ? llvm::StringRef(saved) : token;
        rest = rest.drop_front(token.size());
      }
      move.second = renamed;
    }
  }
}

//===-- Operations ---------------------------------------------------------===//

LogicalResult Printer::unsupported(Operation &op, const llvm::Twine &why) {
  auto diag = op.emitError("C++: '") << op.getName() << "' cannot be printed";
  if (!why.isTriviallyEmpty())
    diag << ": " << why;
  else
    diag.attachNote() << "the C++ emitter takes the last IR: func, scf, arith, "
                         "memref and one-dimensional vector operations";
  return failure();
}

LogicalResult Printer::printBlock(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      break; // printed by the parent, which knows where the values go
    if (isDead(&op))
      continue;
    if (failed(printOp(op)))
      return failure();
  }
  return success(!defect);
}

LogicalResult Printer::printOp(Operation &op) {
  for (Type type : op.getResultTypes())
    if (failed(checkType(op, type)))
      return failure();
  for (Value operand : op.getOperands())
    if (failed(checkType(op, operand.getType())))
      return failure();
  if (isa<ub::PoisonOp>(op)) { // may be anything
    Type type = op.getResult(0).getType();
    Expr zero{declaredType(op.getResult(0)) + "{}", Prec::Postfix, width(type)};
    zero.literal = true;
    if (isa<MemRefType>(type))
      return unsupported(op, "as a buffer");
    exprs[op.getResult(0)] = zero;
    return success();
  }
  auto isScalable = [](Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector && vector.isScalable();
  };
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  llvm::StringRef dialect = op.getName().getDialectNamespace();
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return printConstant(constant);
  bool compute = dialect == "arith" || dialect == "math" || dialect == "vector";
  if (compute && (llvm::any_of(op.getOperandTypes(), isScalable) ||
                  llvm::any_of(op.getResultTypes(), isScalable) ||
                  isa<vector::VectorScaleOp>(op)))
    return printScalable(op);
  if (dialect == "vector")
    return printVector(op);
  if (compute && llvm::any_of(op.getResultTypes(), isVector))
    return printVectorArith(op);
  if (dialect == "arith")
    return printArith(op);
  if (dialect == "math")
    return printMath(op);
  if (dialect == "arm_dsp")
    return printArmDSP(op);
  if (dialect == "memref")
    return printMemRef(op);
  if (dialect == "arm_mve")
    return printMve(op);
  if (dialect == "scf")
    return printScf(op);
  if (auto callOp = dyn_cast<func::CallOp>(op))
    return printCall(callOp);
  if (auto assertion = dyn_cast<cf::AssertOp>(op))
    return printAssert(assertion);
  return unsupported(op);
}

//===-- Types --------------------------------------------------------------===//

LogicalResult Printer::checkType(Operation &op, Type type) {
  if (auto memref = dyn_cast<MemRefType>(type)) {
    if (!isa<VectorType>(memref.getElementType()))
      return checkType(op, memref.getElementType());
  } else if (auto vector = dyn_cast<VectorType>(type)) {
    int64_t lanes = vector.getNumElements();
    if (vector.getRank() != 1)
      return unsupported(op, "vectors of more than one dimension should have "
                             "been lowered, found " +
                                 llvm::Twine(debugString(type)));
    unsigned bits = vector.getElementType().isInteger(1) ? 0 : width(vector.getElementType());
    // Narrower integers lie in registers of wider lanes, as SVE's extending loads leave them.
    bool isWidened = vector.getElementType().isInteger() && lanes * bits < 128;
    if (vector.isScalable() ? bits != 0 && lanes * bits != 128 && !isWidened
                            : (lanes & (lanes - 1)) != 0)
      return unsupported(op, llvm::Twine("found ") + debugString(type) +
                                 (vector.isScalable()
                                      ? ", expected a scalable vector that fills one register"
                                      : ", expected a power of two of lanes"));
    return checkType(op, vector.getElementType());
  } else if (type.isF32() || type.isF64() || type.isF16() || type.isBF16() ||
             type.isIndex() || type.isInteger(1) || type.isInteger(8) ||
             type.isInteger(16) || type.isInteger(32) || type.isInteger(64)) {
    return success();
  }
  return unsupported(op, "type " + llvm::Twine(debugString(type)) +
                             " has no counterpart");
}

unsigned Printer::width(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isIndex())
    return indexBits;
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

std::string Printer::typeName(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vectorName(vector);
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (isa<FloatType>(type))
    return "uint16_t"; // f16 and bf16 are storage only
  if (type.isInteger(1))
    return "bool";
  return "int" + std::to_string(width(type)) + "_t";
}

std::string Printer::elementName(Type type) {
  std::string result = isa<FloatType>(type)  ? type.getIntOrFloatBitWidth() == 16
                                                   ? std::string("u16")
                                                   : "f" + std::to_string(width(type))
                       : type.isInteger(1) ? "b8"
                                           : "i" + std::to_string(width(type));
  elements.insert(result);
  return result;
}

std::string Printer::pointerName(Type element, bool isConst) {
  return (isConst ? "const " : "") + elementName(element) + " *";
}

std::string Printer::vectorName(char kind, unsigned bits, int64_t lanes) {
  vectors.insert({kind, bits, lanes});
  return kind + std::to_string(bits) + "x" + std::to_string(lanes);
}

std::string Printer::vectorName(VectorType type) {
  Type element = type.getElementType();
  unsigned bits = width(element);
  if (type.isScalable()) {
    if (element.isInteger(1))
      return "svbool_t";
    if (element.isInteger())
      bits = 128 / type.getNumElements();
    return (isa<FloatType>(element) && bits != 16 ? "svfloat"
            : isa<FloatType>(element)             ? "svuint"
                                                  : "svint") +
           std::to_string(bits) + "_t";
  }
  bool isFloat = isa<FloatType>(element) && bits > 16;
  return vectorName(isFloat ? 'f' : 'u', bits, type.getNumElements());
}

std::string Printer::signedName(VectorType type) {
  return vectorName('i', width(type), type.getNumElements());
}

std::string Printer::declaredType(Value v) {
  auto type = dyn_cast<VectorType>(v.getType());
  if (type && type.getElementType().isInteger(1) && !type.isScalable())
    return vectorName('i', maskBits(v), type.getNumElements());
  return typeName(v.getType());
}
