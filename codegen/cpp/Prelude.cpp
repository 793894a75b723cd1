// This file prints the types and helper functions that the functions of a file asked for.
#include "codegen/cpp/Printer.h"

#include "llvm/ADT/StringExtras.h"

using namespace dlc::cpp;

namespace {
/// A helper: printed when its name was asked for.
struct Helper {
  const char *name, *text;
};
} // namespace

// In the order in which they need one another.
static constexpr Helper kHelpers[] = {
    {"min", R"(template <class T> T min(T a, T b) { return a < b ? a : b; }
)"},
    {"max", R"(template <class T> T max(T a, T b) { return a > b ? a : b; }
)"},
    {"floordiv", R"(template <class T> T floordiv(T a, T b) {
  return T(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
)"},
    {"ceildiv", R"(template <class T> T ceildiv(T a, T b) {
  return T(a / b + (a % b != 0 && (a < 0) == (b < 0)));
}
)"},
    {"ceildivu", R"(template <class T> T ceildivu(T a, T b) { return T(a / b + (a % b != 0)); }
)"},
    {"mulhigh", R"(// The upper half of the product.
template <class T> T mulhigh(T a, T b) {
  constexpr bool is_signed = T(-1) < T(1);
  constexpr int bits = 8 * sizeof(T);
  if constexpr (bits < 64 && is_signed) {
    return T((int64_t(a) * int64_t(b)) >> bits);
  } else if constexpr (bits < 64) {
    return T((uint64_t(a) * uint64_t(b)) >> bits);
  } else {
    const uint64_t a0 = uint32_t(a), a1 = uint64_t(a) >> 32;
    const uint64_t b0 = uint32_t(b), b1 = uint64_t(b) >> 32;
    const uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
    const uint64_t carry = a0 * b1 + uint32_t(middle);
    uint64_t high = a1 * b1 + (middle >> 32) + (carry >> 32);
    if constexpr (is_signed)
      high -= (a < 0 ? uint64_t(b) : 0) + (b < 0 ? uint64_t(a) : 0);
    return T(high);
  }
}
)"},
    {"round_even", R"(// To the nearest integer, ties to even.
template <class T> T round_even(T x) {
#if defined(__arm__) && !defined(__clang__)
  // g++ would call a function of libm, but cores with FPv5 have an instruction.
  T y;
  if constexpr (sizeof(T) == 4)
    __asm__("vrintn.f32 %0, %1" : "=t"(y) : "t"(x));
  else
    __asm__("vrintn.f64 %P0, %P1" : "=w"(y) : "w"(x));
  return y;
#else
  if constexpr (sizeof(T) == 4)
    return __builtin_roundevenf(x);
  else
    return __builtin_roundeven(x);
#endif
}
)"},
    {"leading_zeros", R"(template <class T> int leading_zeros(T x) {
  if (x == 0)
    return 8 * sizeof(T);
  if constexpr (sizeof(T) == 8)
    return __builtin_clzll(x);
  else
    return __builtin_clz(x) - (32 - 8 * int(sizeof(T)));
}
)"},
    {"trailing_zeros", R"(template <class T> int trailing_zeros(T x) {
  return x == 0 ? 8 * sizeof(T) : sizeof(T) == 8 ? __builtin_ctzll(x) : __builtin_ctz(unsigned(x));
}
)"},
    {"popcount", R"(template <class T> int popcount(T x) {
  return sizeof(T) == 8 ? __builtin_popcountll(x) : __builtin_popcount(unsigned(x));
}
)"},
    {"maximum", R"(// A NaN wins; -0 is less than +0.
template <class T> T maximum(T a, T b) {
  return a > b ? a : a < b ? b : a == b ? (__builtin_signbit(a) ? b : a) : a + b;
}
)"},
    {"minimum", R"(// A NaN wins; -0 is less than +0.
template <class T> T minimum(T a, T b) {
  return a < b ? a : a > b ? b : a == b ? (__builtin_signbit(a) ? a : b) : a + b;
}
)"},
    {"square_root", R"(// The instruction itself: g++ would also call sqrt to set errno.
#if __has_builtin(__builtin_elementwise_sqrt)
template <class T> T square_root(T x) { return __builtin_elementwise_sqrt(x); }
#else
template <class T> T square_root(T x) {
  T result;
  if constexpr (sizeof(T) == 4) {
#if defined(__x86_64__)
    __asm__("sqrtss %1, %0" : "=x"(result) : "x"(x));
#elif defined(__aarch64__)
    __asm__("fsqrt %s0, %s1" : "=w"(result) : "w"(x));
#elif defined(__ARM_FP) && (__ARM_FP & 4)
    __asm__("vsqrt.f32 %0, %1" : "=t"(result) : "t"(x));
#else
    result = __builtin_sqrtf(x);
#endif
  } else {
#if defined(__x86_64__)
    __asm__("sqrtsd %1, %0" : "=x"(result) : "x"(x));
#elif defined(__aarch64__)
    __asm__("fsqrt %d0, %d1" : "=w"(result) : "w"(x));
#elif defined(__ARM_FP) && (__ARM_FP & 8)
    __asm__("vsqrt.f64 %P0, %P1" : "=w"(result) : "w"(x));
#else
    result = __builtin_sqrt(x);
#endif
  }
  return result;
}
#endif
)"},
    {"multiply_add", R"(// a * b + c, rounded once.
template <class T> T multiply_add(T a, T b, T c) {
#if __has_builtin(__builtin_elementwise_fma)
  // clang would also call fma to set errno.
  return __builtin_elementwise_fma(a, b, c);
#else
  if constexpr (sizeof(T) == 4)
    return __builtin_fmaf(a, b, c);
  else
    return __builtin_fma(a, b, c);
#endif
}
)"},
    {"narrow", R"(// `x` with `E` bits of exponent and `M` of fraction, rounded to the nearest, ties to even.
template <int E, int M, class T> uint16_t narrow(T x) {
  constexpr bool single = sizeof(T) == 4;
  constexpr int fraction = single ? 23 : 52, exponent_bits = single ? 8 : 11;
  uint64_t b;
  if constexpr (single)
    b = __builtin_bit_cast(uint32_t, x);
  else
    b = __builtin_bit_cast(uint64_t, x);
  const uint32_t sign = uint32_t(b >> (8 * sizeof(T) - 1)) << 15;
  const int exponent = int(b >> fraction) & ((1 << exponent_bits) - 1);
  uint64_t m = b & ((uint64_t(1) << fraction) - 1);
  constexpr uint32_t infinity = ((1u << E) - 1) << M;
  if (exponent == (1 << exponent_bits) - 1)
    return uint16_t(sign | infinity | (m != 0 ? (1u << (M - 1)) | uint32_t(m >> (fraction - M)) : 0u));
  int e = exponent - ((1 << (exponent_bits - 1)) - 1) + ((1 << (E - 1)) - 1);
  if (e >= (1 << E) - 1)
    return uint16_t(sign | infinity);
  int drop = fraction - M;
  if (e <= 0) { // less than the smallest normal number
    drop += 1 - e;
    e = 0;
    m |= exponent != 0 ? uint64_t(1) << fraction : 0;
    if (drop > fraction + 2)
      return uint16_t(sign);
  }
  uint32_t r = (uint32_t(e) << M) + uint32_t(m >> drop);
  const uint64_t rest = m & ((uint64_t(1) << drop) - 1), half = uint64_t(1) << (drop - 1);
  r += rest > half || (rest == half && (r & 1) != 0); // may carry into the exponent
  return uint16_t(sign | r);
}
)"},
    {"to_half", R"(template <class T> uint16_t to_half(T x) { return narrow<5, 10>(x); }
)"},
    {"to_bfloat", R"(template <class T> uint16_t to_bfloat(T x) { return narrow<8, 7>(x); }
)"},
    {"from_half", R"(inline float from_half(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = (h >> 10) & 31, m = h & 1023;
  uint32_t b;
  if (exponent == 31) // infinity or NaN
    b = 0x7f800000 | (m << 13) | (m != 0 ? 0x400000 : 0);
  else if (exponent == 0)
    b = __builtin_bit_cast(uint32_t, float(m) * 0x1p-24f);
  else
    b = ((exponent + 112) << 23) | (m << 13);
  return __builtin_bit_cast(float, sign | b);
}
)"},
    {"from_bfloat", R"(inline float from_bfloat(uint16_t h) { return __builtin_bit_cast(float, uint32_t(h) << 16); }
)"},
    // Some ask for it without optimization only.
    {"rotate_right", R"([[maybe_unused]] inline uint32_t rotate_right(uint32_t x, int n) { return x >> n | x << (-n & 31); }
)"},
    {"keep_stores", R"(// GCC 12 takes a store of some lanes for one of all, and drops stores before it.
inline void keep_stores() {
#if !defined(__clang__)
  __asm__ volatile("" ::: "memory");
#endif
}
)"},
    {"load", R"(template <class V> V load(const void *p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
)"},
    {"store", R"(template <class V> void store(void *p, V v) { __builtin_memcpy(p, &v, sizeof v); }
)"},
    {"masked_load", R"(// Lanes that are not selected keep `rest` and are not read.
template <class E, class M, class V> V masked_load(const E *p, M selected, V rest) {
  for (unsigned i = 0; i < sizeof(V) / sizeof(E); ++i)
    if (selected[i])
      rest[i] = p[i];
  return rest;
}
)"},
    {"masked_store", R"(template <class E, class M, class V> void masked_store(E *p, M selected, V v) {
  for (unsigned i = 0; i < sizeof(V) / sizeof(E); ++i)
    if (selected[i])
      p[i] = v[i];
}
)"},
    {"first_lanes", R"(// Selects the lanes before `n`.
template <class M> M first_lanes(int64_t n) {
  M selected = {};
  for (unsigned i = 0; i < sizeof(M) / sizeof(selected[0]); ++i)
    selected[i] = int64_t(i) < n ? -1 : 0;
  return selected;
}
)"},
    {"all_lanes", R"(template <class M> bool all_lanes(M m) {
  bool result = true;
  for (unsigned i = 0; i < sizeof(M) / sizeof(m[0]); ++i)
    result = result && m[i] != 0;
  return result;
}
)"},
    {"any_lane", R"(template <class M> bool any_lane(M m) {
  bool result = false;
  for (unsigned i = 0; i < sizeof(M) / sizeof(m[0]); ++i)
    result = result || m[i] != 0;
  return result;
}
)"},
};

/// Lanes from the first to the last, the order in which the object adds.
static void printFold(llvm::raw_ostream &out, llvm::StringRef name, llvm::StringRef start,
                           llvm::StringRef step) {
  out << "template <class T, class V> T " << name << "(V v, T s = " << start << ") {\n"
      << "  for (unsigned i = 0; i < sizeof(V) / sizeof(T); ++i)\n"
      << "    s = " << step << ";\n"
      << "  return s;\n}\n";
}
void Printer::printPrelude() {
  auto has = [&](llvm::StringRef helper) { return helpers.count(helper.str()) != 0; };
  if (scalable)
    out << "#include <arm_sve.h>\n";
  for (const std::string &header : includes)
    out << "#include <" << header << ">\n";
  if (mve)
    out << "#include <arm_mve.h>\n";
  for (auto [kind, bits, lanes] : vectors)
    if (has("fma_" + vectorName(kind, bits, lanes))) {
      out << "#if defined(__GNUC__) && !defined(__clang__) && defined(__FMA__)\n"
             "#include <immintrin.h>\n"
             "#elif defined(__GNUC__) && !defined(__clang__) && defined(__aarch64__)\n"
             "#include <arm_neon.h>\n"
             "#endif\n";
      break;
    }
  // GCC fuses a multiplication and an addition wherever it can, also where the
  // model does not say so.
  out << "\n#if defined(__clang__)\n"
         "#pragma STDC FP_CONTRACT OFF // results do not depend on the compiler\n"
         "#else\n"
         "#pragma GCC optimize(\"fp-contract=off\")\n"
         "#endif\n";
  bool wideVectors = llvm::any_of(vectors, [](auto &v) {
    return std::get<1>(v) * std::get<2>(v) > 128;
  });
  if (wideVectors) // of functions that are inlined
    out << "#if !defined(__clang__)\n#pragma GCC diagnostic ignored \"-Wpsabi\"\n#endif\n";
  if (module.getOps<mlir::memref::GlobalOp>().begin() !=
      module.getOps<mlir::memref::GlobalOp>().end()) {
    out << "#if defined(__ELF__)\n#define DLC_WEIGHTS __attribute__((section(\".rodata."
        << (name.empty() ? "dlc" : name) << ".weights\")))\n#else\n#define DLC_WEIGHTS\n#endif\n";
  }

  out << "\nnamespace {\n";
  if (!elements.empty())
    out << "// Elements of memory, which holds values of different types in turn.\n";
  for (const std::string &element : elements) {
    std::string type = element == "f32"   ? "float"
                       : element == "f64" ? "double"
                       : element == "b8"  ? "bool"
                       : element[0] == 'u' ? "uint16_t"
                                           : "int" + element.substr(1) + "_t";
    out << "typedef " << type << " " << element << " __attribute__((may_alias));\n";
  }
  if (!vectors.empty())
    out << "\n// Vectors. Lanes of integers are unsigned where arithmetic may wrap.\n";
  for (auto [kind, bits, lanes] : vectors) {
    std::string lane = kind == 'f' ? (bits == 32 ? "float" : "double")
                                   : std::string(kind == 'u' ? "u" : "") + "int" +
                                         std::to_string(bits) + "_t";
    out << "typedef " << lane << " " << kind << bits << "x" << lanes
        << " __attribute__((vector_size(" << bits / 8 * lanes << ")));\n";
  }
  if (!helpers.empty())
    out << "\n";

  if (has("maxnum"))
    helpers.insert("maximum");
  if (has("minnum"))
    helpers.insert("minimum");
  if (has("to_half") || has("to_bfloat"))
    helpers.insert("narrow");
  for (const Helper &helper : kHelpers)
    if (has(helper.name))
      out << helper.text;
  for (const auto &[name, text] : functions)
    out << text;
  for (const char *function : {"to_half", "to_bfloat", "from_half", "from_bfloat"})
    if (has(std::string(function) + "_lanes"))
      out << "template <class V, class U> V " << function << "_lanes(U v) {\n  V r = {};\n"
          << "  for (unsigned i = 0; i < sizeof(V) / sizeof(r[0]); ++i)\n    r[i] = " << function
          << "(v[i]);\n  return r;\n}\n";
  // The target's instruction either tells zeros apart or yields its first operand.
  for (bool isMax : {true, false}) {
    std::string num = isMax ? "maxnum" : "minnum", full = isMax ? "maximum" : "minimum";
    if (!has(num))
      continue;
    out << "// The other one when one is a NaN.\ntemplate <class T> T " << num
        << "(T a, T b) {\n  return a != a ? b : b != b ? a : "
        << (orderedZeros ? full + "(a, b)" : std::string(isMax ? "a < b" : "b < a") + " ? b : a")
        << ";\n}\n";
  }

  if (has("reduce_add"))
    printFold(out, "reduce_add", "0", "T(s + v[i])");
  if (has("reduce_mul"))
    printFold(out, "reduce_mul", "1", "T(s * v[i])");
  if (has("reduce_and"))
    printFold(out, "reduce_and", "T(-1)", "T(s & v[i])");
  if (has("reduce_or"))
    printFold(out, "reduce_or", "0", "T(s | v[i])");
  if (has("reduce_xor"))
    printFold(out, "reduce_xor", "0", "T(s ^ v[i])");
  for (auto [helper, join] :
       {std::pair("reduce_min", "x < s ? x : s"), std::pair("reduce_max", "x > s ? x : s"),
        std::pair("reduce_minnum", "minnum(s, x)"), std::pair("reduce_maxnum", "maxnum(s, x)"),
        std::pair("reduce_minimum", "minimum(s, x)"), std::pair("reduce_maximum", "maximum(s, x)")}) {
    if (!has(helper))
      continue;
    llvm::StringRef step = join;
    out << "template <class T, class V> T " << helper << "(V v) {\n"
        << "  T s = T(v[0]);\n"
        << "  for (unsigned i = 1; i < sizeof(V) / sizeof(T); ++i) {\n"
        << "    const T x = T(v[i]);\n"
        << "    s = " << step << ";\n"
        << "  }\n  return s;\n}\n"
        << "template <class T, class V> T " << helper << "(V v, T x) {\n"
        << "  const T s = " << helper << "<T>(v);\n"
        << "  return " << step << ";\n}\n";
  }
  for (auto [kind, bits, lanes] : vectors)
    printVectorHelpers(kind, bits, lanes);
  out << "} // namespace\n";
}

void Printer::printVectorHelpers(char kind, unsigned bits, int64_t lanes) {
  std::string type = kind + std::to_string(bits) + "x" + std::to_string(lanes);
  std::string ints = "i" + type.substr(1);
  std::string lane = kind == 'f' ? (bits == 32 ? "float" : "double")
                                 : "uint" + std::to_string(bits) + "_t";
  auto has = [&](const char *helper) { return helpers.count(helper + ("_" + type)) != 0; };
  std::string args;
  if (has("splat")) {
    for (int64_t i = 0; i < lanes; ++i)
      args += i ? ", x" : "x";
    out << "inline " << type << " splat_" << type << "(" << lane << " x) { return " << type << "{"
        << args << "}; }\n";
  }
  std::string suffix = bits == 32 ? "f" : "";
  std::string one = "inline " + type + " ", arg = "_" + type + "(" + type + " a";
  if (has("fma")) {
    out << one << "fma" << arg << ", " << type << " b, " << type << " c) {\n"
        << "#if __has_builtin(__builtin_elementwise_fma)\n"
           "  return __builtin_elementwise_fma(a, b, c);\n";
    // g++ has no builtin for vectors; what its own intrinsics stand for.
    if (bits * lanes == 128)
      out << "#elif defined(__aarch64__)\n  return (" << type << ")vfmaq_f" << bits
          << "(c, a, b);\n";
    if (mve && bits * lanes == 128 && bits == 32)
      out << "#elif defined(__ARM_FEATURE_MVE)\n  return (" << type
          << ")__arm_vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);\n";
    if (bits * lanes == 128 || bits * lanes == 256)
      out << "#elif defined(__FMA__)\n  return (" << type << ")_mm"
          << (bits * lanes == 256 ? "256" : "") << "_fmadd_" << (bits == 32 ? "ps" : "pd")
          << "(a, b, c);\n";
    if (bits * lanes == 512)
      out << "#elif defined(__AVX512F__)\n  return (" << type << ")_mm512_fmadd_"
          << (bits == 32 ? "ps" : "pd") << "(a, b, c);\n";
    out << "#else\n  for (int i = 0; i < " << lanes << "; ++i)\n    c[i] = __builtin_fma" << suffix
        << "(a[i], b[i], c[i]);\n  return c;\n#endif\n}\n";
  }
  auto helium = [&](llvm::StringRef function) {
    return llvm::StringSwitch<const char *>(bits * lanes == 128 && bits == 32 ? function : "")
        .Case("floor", "vrndmq")
        .Case("ceil", "vrndpq")
        .Case("trunc", "vrndq")
        .Case("roundeven", "vrndnq")
        .Default(nullptr);
  };
  for (const char *function : {"sqrt", "floor", "ceil", "trunc", "roundeven"})
    if (has(function))
      out << one << function << arg << ") {\n"
          << "#if __has_builtin(__builtin_elementwise_" << function << ")\n"
          << "  return __builtin_elementwise_" << function << "(a);\n"
          << (mve && helium(function) ? "#elif defined(__ARM_FEATURE_MVE)\n  return (" + type + ")__arm_" +
                                            helium(function) + "_f32((float32x4_t)a);\n"
                                      : std::string())
          << "#else\n"
          << "  for (int i = 0; i < " << lanes << "; ++i)\n    a[i] = "
          << (llvm::StringRef(function) == "sqrt" ? std::string("square_root")
                                                  : "__builtin_" + (function + suffix))
          << "(a[i]);\n  return a;\n#endif\n}\n";
  std::string sign = bits == 32 ? "INT32_MIN" : "INT64_MIN";
  if (has("fabs"))
    out << one << "fabs" << arg << ") { return (" << type << ")((" << ints << ")a & ~" << sign
        << "); }\n";
  if (has("copysign"))
    out << one << "copysign" << arg << ", " << type << " b) {\n  return (" << type << ")(((" << ints
        << ")a & ~" << sign << ") | ((" << ints << ")b & " << sign << "));\n}\n";
  for (bool isMax : {true, false}) {
    std::string num = isMax ? "maxnum" : "minnum", full = isMax ? "maximum" : "minimum";
    std::string first = isMax ? ">" : "<", second = isMax ? "<" : ">";
    if (has(full.c_str()) || (has(num.c_str()) && orderedZeros))
      out << "// A NaN wins; -0 is less than +0.\n"
          << one << full << arg << ", " << type << " b) {\n"
          << "  const " << type << " equal = (" << type << ")((" << ints << ")a "
          << (isMax ? "&" : "|") << " (" << ints << ")b);\n"
          << "  return a " << first << " b ? a : (a " << second
          << " b ? b : (a == b ? equal : a + b));\n}\n";
    if (has(num.c_str()))
      out << "// The other one when one is a NaN.\n"
          << one << num << arg << ", " << type << " b) {\n"
          << "  return a != a ? b : (b != b ? a : "
          << (orderedZeros ? full + "_" + type + "(a, b)"
                           : std::string("(") + (isMax ? "a < b" : "b < a") + " ? b : a)")
          << ");\n}\n";
  }
}
