// This file prints the arm_mve dialect with the intrinsics of arm_mve.h.
#include "codegen/cpp/Printer.h"

#include "dialects/ArmMVE/ArmMVE.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::cpp;

// Vectors are kept as everywhere, with unsigned lanes; the types of arm_mve.h
// appear in casts only, for GCC and Clang define them differently.

static std::string laneName(Type type) {
  Type element = getElementTypeOrSelf(type);
  return (isa<FloatType>(element) ? "f" : "s") + std::to_string(element.getIntOrFloatBitWidth());
}

/// `v` as the signed type of arm_mve.h.
Expr Printer::mveVector(Value v) {
  auto type = cast<VectorType>(v.getType());
  std::string name = (isa<FloatType>(type.getElementType()) ? "float" : "int") + std::to_string(width(type)) + "x" +
                     std::to_string(type.getNumElements()) + "_t";
  return vectorCast(name, expr(v));
}

/// The helper for a tile of this form: the assembly of the object.
static std::string dotHelper(arm_mve::DotOp op, llvm::StringRef name, llvm::StringRef vector) {
  using Operand = arm_mve::DotOp::Operand;
  std::string text;
  llvm::raw_string_ostream out(text);
  unsigned results = op.getNumResults();
  out << "// Sums of " << op.getChannels() << " channels of " << op.getRows() << " row"
      << (op.getRows() > 1 ? "s" : "") << " over " << op.getRuns() << " times "
      << op.getLanes() * op.getVectors() + op.getRest() << " products.\n"
      << "inline void " << name << "(const void *weights, const void *inputs, " << vector << " (&r)["
      << results << "]) {\n";
  llvm::SmallVector<Operand> kinds = op.getAssemblyOperands();
  std::string operands;
  llvm::ListSeparator comma(", ");
  auto isVector = [](Operand kind) { return kind == Operand::Result || kind == Operand::Vector; };
  for (auto [i, kind] : llvm::enumerate(kinds)) {
    operands += llvm::StringRef(comma);
    std::string variable = (isVector(kind) ? "q" : "s") + std::to_string(i);
    if (kind == Operand::Inputs || kind == Operand::Weights) {
      operands += std::string(op.extends(kind) ? "\"+&l\"(" : "\"+&r\"(") + (kind == Operand::Inputs ? "inputs)" : "weights)");
      continue;
    }
    out << "  " << (isVector(kind) ? vector : "int32_t") << " " << variable << ";\n";
    operands += (isVector(kind)              ? "\"=&w\"("
                 : kind == Operand::Sum      ? "\"=&Te\"("
                 : op.extends(kind)          ? "\"=&l\"("
                                             : "\"=&r\"(") +
                variable + ")";
  }
  out << "  __asm__ volatile(\n";
  llvm::SmallVector<llvm::StringRef> lines;
  std::string assembly = op.getAssembly([&](int64_t i) {
    return (isVector(kinds[i]) ? "%q" : "%") + std::to_string(i);
  });
  llvm::StringRef(assembly).split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines)
    out << "      \"" << line << "\\n\"\n";
  out << "      : " << operands << "\n      :\n      : " << (op.changesLr() ? "\"lr\", " : "")
      << "\"memory\", \"cc\");\n";
  for (unsigned i = 0; i < results; ++i)
    out << "  r[" << i << "] = q" << i << ";\n";
  out << "}\n";
  return text;
}

LogicalResult Printer::printMve(Operation &op) {
  mve = true;
  auto result = [&](llvm::StringRef function, llvm::ArrayRef<Expr> args) {
    Value v = op.getResult(0);
    Expr e = call(function, args);
    if (auto type = dyn_cast<VectorType>(v.getType()))
      e = vectorCast(vectorName(type), e);
    else
      e.bits = 32;
    define(v, e);
    return success();
  };
  auto predicate = [&](Value count, Type type) {
    return call("__arm_vctp" + std::to_string(width(type)) + "q",
                {cast("uint32_t", value(count))});
  };
  // Halves: b for even lanes ("bottom"), t for odd ones ("top").
  auto half = [](bool top) { return top ? "t" : "b"; };

  if (auto sum = dyn_cast<arm_mve::VmladavaOp>(op))
    return result("__arm_vmladavaq_" + laneName(sum.getA().getType()),
                  {value(sum.getAcc()), mveVector(sum.getA()), mveVector(sum.getB())});
  if (auto product = dyn_cast<arm_mve::VmullOp>(op))
    return result(std::string("__arm_vmull") + half(product.getTop()) + "q_int_" + laneName(product.getA().getType()),
                  {mveVector(product.getA()), mveVector(product.getB())});
  if (auto extend = dyn_cast<arm_mve::VmovlOp>(op))
    return result(std::string("__arm_vmovl") + half(extend.getTop()) + "q_" +
                      laneName(extend.getA().getType()),
                  {mveVector(extend.getA())});
  if (auto high = dyn_cast<arm_mve::VmulhOp>(op))
    return result("__arm_vmulhq_s32", {mveVector(high.getA()), mveVector(high.getB())});
  if (auto sum = dyn_cast<arm_mve::VqaddOp>(op))
    return result("__arm_vqaddq_s16", {mveVector(sum.getA()), mveVector(sum.getB())});
  if (auto narrow = dyn_cast<arm_mve::VqmovnOp>(op)) {
    std::string lanes = laneName(narrow.getA().getType()), side = half(narrow.getTop());
    Expr into = mveVector(narrow.getInto()), a = mveVector(narrow.getA());
    if (narrow.getShift() == 0)
      return result("__arm_vqmovn" + side + "q_" + lanes, {into, a});
    return result("__arm_vqrshrn" + side + "q_n_" + lanes,
                  {into, a, {std::to_string(narrow.getShift())}});
  }
  if (auto load = dyn_cast<arm_mve::LoadOp>(op)) {
    Type memory = cast<MemRefType>(load.getBase().getType()).getElementType();
    auto type = cast<VectorType>(load.getType());
    // vldrb, vldrh or vldrw by what lies in memory.
    unsigned bits = load.getWords() ? 32 : width(memory);
    std::string size = bits == 8 ? "b" : bits == 16 ? "h" : "w";
    std::string lanes = load.getWords() ? "s32" : laneName(type);
    bool zeroes = load.getZeroes() && bits < width(type);
    if (zeroes)
      lanes[0] = 'u';
    std::string pointer =
        isa<FloatType>(memory) ? "(const float *)" : std::string(zeroes ? "(const uint" : "(const int") + std::to_string(bits) + "_t *)";
    Expr address = element(load.getBase(), load.getIndices(), true);
    address = {pointer + paren(address, Prec::Unary), Prec::Unary};
    Expr e = load.getFirst() ? call("__arm_vldr" + size + "q_z_" + lanes,
                                    {address, predicate(load.getFirst(), type)})
                             : call("__arm_vldr" + size + "q_" + lanes, {address});
    e.readsMemory = true;
    define(load, vectorCast(vectorName(type), e));
    return success();
  }
  if (auto store = dyn_cast<arm_mve::StoreOp>(op)) {
    Type memory = cast<MemRefType>(store.getBase().getType()).getElementType();
    Type type = store.getValue().getType();
    unsigned bits = width(memory);
    std::string size = bits == 8 ? "b" : bits == 16 ? "h" : "w";
    std::string source = mveVector(store.getValue()).text;
    Expr address = element(store.getBase(), store.getIndices(), true);
    std::string target =
        (isa<FloatType>(memory) ? "(float *)" : "(int" + std::to_string(bits) + "_t *)") +
        paren(address, Prec::Unary);
    std::string first =
        store.getFirst() ? ", " + predicate(store.getFirst(), type).text : std::string();
    flushReads();
    if (store.getFirst()) {
      helpers.insert("keep_stores");
      line() << "keep_stores();\n";
    }
    line() << "__arm_vstr" << size << "q_" << (store.getFirst() ? "p_" : "") << laneName(type)
           << "(" << target << ", " << source << first << ");\n";
    return success();
  }
  if (auto load = dyn_cast<arm_mve::Vld4Op>(op)) {
    Expr address = element(load.getBase(), load.getIndices(), true);
    std::string name = numbered("v");
    flushReads();
    line() << "const int32x4x4_t " << name << " = __arm_vld4q_s32((const int32_t *)"
           << paren(address, Prec::Unary) << ");\n";
    for (OpResult r : load->getResults())
      if (isLive(r)) {
        Expr e{name + ".val[" + std::to_string(r.getResultNumber()) + "]", Prec::Postfix};
        define(r, vectorCast(vectorName(cast<VectorType>(r.getType())), e));
      }
    return success();
  }
  if (auto anew = dyn_cast<arm_mve::AnewOp>(op)) {
    std::string name = numbered("i");
    std::string index = value(anew.getIndex()).text;
    line() << "uint32_t " << name << " = " << index << ";\n";
    line() << "__asm__ volatile(\"\" : \"+r\"(" << name << "));\n";
    exprs[anew.getResult()] = Expr{name, Prec::Primary, 32};
    return success();
  }
  if (auto dot = dyn_cast<arm_mve::DotOp>(op)) {
    std::string name = "dot";
    for (int64_t n : {dot.getRows(), dot.getChannels(), dot.getPasses(), dot.getRuns(), dot.getVectors(),
                      dot.getRest(), dot.getRunStride(), dot.getRowStride()})
      name += "_" + std::to_string(n);
    if (dot.getLanes() != 16)
      name += "_s" + std::to_string(cast<MemRefType>(dot.getInputs().getType()).getElementTypeBitWidth()) +
              "_s" + std::to_string(cast<MemRefType>(dot.getWeights().getType()).getElementTypeBitWidth());
    std::string vector = vectorName(cast<VectorType>(dot.getResult(0).getType()));
    functions.try_emplace(name, dotHelper(dot, name, vector));
    std::string results = numbered("r");
    std::string weights = element(dot.getWeights(), dot.getWeightAt(), true).text;
    std::string inputs = element(dot.getInputs(), dot.getInputAt(), true).text;
    flushReads();
    line() << vector << " " << results << "[" << dot.getNumResults() << "];\n";
    line() << name << "(" << weights << ", " << inputs << ", " << results << ");\n";
    for (auto [i, result] : llvm::enumerate(dot.getResults()))
      exprs[result] = Expr{results + "[" + std::to_string(i) + "]", Prec::Postfix};
    return success();
  }
  return unsupported(op);
}
