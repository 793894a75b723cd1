// This file prints the arm_dsp dialect with the intrinsics of arm_acle.h.
#include "codegen/cpp/Printer.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmDSP/Schedule.h"

using namespace mlir;
using namespace dlc::cpp;

/// The helper for a tile of this form: the assembly of the object, and the same
/// with intrinsics where registers do not suffice: builds without optimization, or with a
/// register that the compiler keeps to itself (the user says so).
static std::string dotHelper(dlc::arm_dsp::DotOp op, llvm::StringRef name) {
  std::string text;
  llvm::raw_string_ostream out(text);
  int64_t rows = op.getRows(), pixels = op.getPixels(), sums = rows * pixels;
  bool counted = bool(op.getCount());
  std::string groups = counted ? "count" : std::to_string(op.getGroups());
  int64_t products = op->hasAttr(dlc::arm_dsp::kNibbles) ? 8 : 4; // of a group
  out << "// Sums of " << rows << " output" << (rows > 1 ? "s" : "") << " at " << pixels
      << " pixel" << (pixels > 1 ? "s" : "") << " over "
      << (counted ? std::to_string(products) + " * count" : std::to_string(products * op.getGroups())) << " weights each.\n"
      << "inline void " << name << "(const void *weights, const void *inputs, int32_t (&s)["
      << sums << "]" << (counted ? ", int32_t count" : "") << ") {\n#if defined(__OPTIMIZE__) && !defined(DLC_NO_ASSEMBLY)\n";
  for (int64_t i = 0; i < sums; ++i)
    out << (i ? ", " : "  int32_t ") << "s" << i << " = s[" << i << "]";
  out << ";\n";
  for (int64_t i = 0; i < op.countTemporaries(); ++i)
    out << (i ? ", " : "  int32_t ") << "t" << i;
  out << ";\n  __asm__ volatile(\n";
  // All registers are taken: g++ finds none for an input, clang none for its address.
  int64_t operands = sums + 2 + op.countTemporaries();
  if (counted)
    out << "#if !defined(__clang__)\n      \"ldr %" << op.getCountOperand() << ", %" << operands
        << "\\n\"\n#endif\n";
  llvm::SmallVector<llvm::StringRef> lines;
  std::string assembly = op.getAssembly([](int64_t i) { return "%" + std::to_string(i); });
  llvm::StringRef(assembly).split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines)
    out << "      \"" << line << "\\n\"\n";
  out << "      : ";
  for (int64_t i = 0; i < sums; ++i)
    out << "\"+&r\"(s" << i << "), ";
  out << "\"+&r\"(weights), \"+&r\"(inputs)";
  for (int64_t i = 0; i < op.countTemporaries(); ++i)
    out << ", \"=&r\"(t" << i << ")";
  out << "\n      :";
  if (counted)
    out << "\n#if defined(__clang__)\n      \"" << op.getCountOperand()
        << "\"(count)\n#else\n      \"m\"(count)\n#endif";
  out << "\n      : \"memory\", \"cc\");\n";
  for (int64_t i = 0; i < sums; ++i)
    out << "  s[" << i << "] = s" << i << ";\n";
  if (op->hasAttr(dlc::arm_dsp::kNibbles)) {
    out << "#else\n  const char *w = (const char *)weights, *x = (const char *)inputs;\n"
        << "  for (int q = 0; q < " << groups << "; ++q, w += " << 4 * rows << ", x += "
        << (op.expands() ? 8 : 16 * pixels) << ")\n    for (int r = 0; r < " << rows
        << "; ++r)\n      for (int j = 0; j < " << pixels << "; ++j)\n"
        << "        for (int part = 0; part < 4; ++part) {\n"
        << "          const uint32_t word = load<uint32_t>(w + 4 * r), bytes = (part < 2 ? word << 4 : word) & 0xf0f0f0f0u;\n"
        << "          const int32_t a = __sxtb16(int32_t(rotate_right(bytes, 8 * (part % 2))));\n"
        << "          const int32_t b = "
        << (op.expands() ? "__sxtb16(int32_t(rotate_right(load<uint32_t>(x + 4 * (part / 2)), 8 * (part % 2))))"
                         : "load<int32_t>(x + 4 * (part * " + std::to_string(pixels) + " + j))")
        << ";\n          s[r * " << pixels << " + j] = __smlad(a, b, s[r * " << pixels
        << " + j]);\n        }\n#endif\n}\n";
    return text;
  }
  out << "#else\n  const char *w = (const char *)weights, *x = (const char *)inputs;\n"
      << "  for (int q = 0; q < " << groups << "; ++q, w += " << 4 * rows << ", x += "
      << (op.expands() ? 4 : 8 * pixels) << ")\n    for (int r = 0; r < " << rows
      << "; ++r)\n      for (int j = 0; j < " << pixels << "; ++j)\n"
      << "        for (int half = 0; half < 2; ++half) {\n"
      << "          const int32_t a = __sxtb16(int32_t(rotate_right(load<uint32_t>(w + 4 * r), 8 * half)));\n"
      << "          const int32_t b = "
      << (op.expands() ? "__sxtb16(int32_t(rotate_right(load<uint32_t>(x), 8 * half)))"
                       : "load<int32_t>(x + 4 * (half * " + std::to_string(pixels) + " + j))")
      << ";\n          s[r * " << pixels << " + j] = __smlad(a, b, s[r * " << pixels
      << " + j]);\n        }\n#endif\n}\n";
  return text;
}

LogicalResult Printer::printArmDSP(Operation &op) {
  includes.insert("arm_acle.h");
  if (auto load = dyn_cast<dlc::arm_dsp::LoadOp>(op)) {
    helpers.insert("load");
    Expr e = call("load<int32_t>", {element(load.getBytes(), load.getAt(), true)});
    e.bits = 32;
    e.readsMemory = true;
    define(load, e);
    return success();
  }
  if (auto extend = dyn_cast<dlc::arm_dsp::Sxtb16Op>(op)) {
    Expr x = value(extend.getX());
    if (extend.getRotation()) {
      helpers.insert("rotate_right");
      x = call("rotate_right", {x, {std::to_string(extend.getRotation())}});
      x = cast("int32_t", x, 32);
    }
    Expr e = call("__sxtb16", {x});
    e.bits = 32;
    define(extend, e);
    return success();
  }
  if (auto dot = dyn_cast<dlc::arm_dsp::DotOp>(op)) {
    std::string name =
        "dot_" + std::to_string(dot.getRows()) + "x" + std::to_string(dot.getPixels()) + "x" +
        (dot.getCount() ? "n" : std::to_string(4 * dot.getGroups())) + "_" +
        std::to_string(dot.getUnroll()) + (dot.expands() ? "b" : "") + (dot->hasAttr(dlc::arm_dsp::kNibbles) ? "_4" : "");
    helpers.insert("load");
    helpers.insert("rotate_right");
    functions.try_emplace(name, dotHelper(dot, name));
    std::string sums;
    llvm::ListSeparator comma(", ");
    for (Value sum : dot.getSums())
      sums += llvm::StringRef(comma).str() + value(sum).text;
    std::string array = numbered("s");
    std::string weights = element(dot.getWeights(), dot.getWeightAt(), true).text;
    std::string inputs = element(dot.getInputs(), dot.getInputAt(), true).text;
    std::string count = dot.getCount() ? ", int32_t(" + value(dot.getCount()).text + ")" : "";
    flushReads();
    line() << "int32_t " << array << "[] = {" << sums << "};\n";
    line() << name << "(" << weights << ", " << inputs << ", " << array << count << ");\n";
    for (auto [i, result] : llvm::enumerate(dot.getResults())) {
      Expr e{array + "[" + std::to_string(i) + "]", Prec::Primary, 32};
      exprs[result] = e;
    }
    return success();
  }
  if (op.getNumOperands() == 3 && op.getNumResults() == 1) {
    std::string name = ("__" + op.getName().stripDialect()).str();
    Expr e = call(name, {value(op.getOperand(0)), value(op.getOperand(1)), value(op.getOperand(2))});
    e.bits = op.getResult(0).getType().getIntOrFloatBitWidth();
    define(op.getResult(0), e);
    return success();
  }
  return unsupported(op);
}
