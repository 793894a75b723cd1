// This file runs register programs, one instruction for all lanes at a time.
#include "passes/evaluate/Program.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
#include <limits>

using namespace dlc::evaluation;
using mlir::arith::CmpFPredicate;
using mlir::arith::CmpIPredicate;

Frame::Frame(const Program &program, unsigned lanes)
    : program(program), lanes(lanes),
      slots(size_t(program.numRegs) * lanes, 0), tensors(program.numTensors) {}

unsigned dlc::evaluation::lanesFor(const Program &program) {
  if (!program.straight)
    return 1;
  // Registers of all lanes stay within the second-level cache.
  return std::clamp(32768u / (program.numRegs + 1), 16u, kMaxLanes);
}

bool Machine::prepare(Frame &frame, Frame *outer) {
  for (auto [reg, value] : frame.program.constants)
    std::fill_n(frame.reg(reg), frame.lanes, value);
  for (auto &[reg, attr] : frame.program.tensorConstants)
    if (!(frame.tensors[reg] = importTensor(attr, budget)))
      return false;
  for (const Program::Capture &c : frame.program.captures) {
    if (c.isTensor) {
      if (!(frame.tensors[c.inner] = outer->tensors[c.outer]))
        return false;
    } else {
      std::fill_n(frame.reg(c.inner), frame.lanes, outer->at(c.outer));
    }
  }
  return true;
}

template <typename T> static bool compareF(unsigned predicate, T a, T b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (static_cast<CmpFPredicate>(predicate)) {
  case CmpFPredicate::AlwaysFalse: return false;
  case CmpFPredicate::OEQ: return a == b;
  case CmpFPredicate::OGT: return a > b;
  case CmpFPredicate::OGE: return a >= b;
  case CmpFPredicate::OLT: return a < b;
  case CmpFPredicate::OLE: return a <= b;
  case CmpFPredicate::ONE: return !unordered && a != b;
  case CmpFPredicate::ORD: return !unordered;
  case CmpFPredicate::UEQ: return unordered || a == b;
  case CmpFPredicate::UGT: return unordered || a > b;
  case CmpFPredicate::UGE: return unordered || a >= b;
  case CmpFPredicate::ULT: return unordered || a < b;
  case CmpFPredicate::ULE: return unordered || a <= b;
  case CmpFPredicate::UNE: return unordered || a != b;
  case CmpFPredicate::UNO: return unordered;
  case CmpFPredicate::AlwaysTrue: return true;
  }
  return false;
}

static bool compareI(unsigned predicate, Slot a, Slot b, unsigned width) {
  int64_t sa = signExtend(a, width), sb = signExtend(b, width);
  switch (static_cast<CmpIPredicate>(predicate)) {
  case CmpIPredicate::eq: return a == b;
  case CmpIPredicate::ne: return a != b;
  case CmpIPredicate::slt: return sa < sb;
  case CmpIPredicate::sle: return sa <= sb;
  case CmpIPredicate::sgt: return sa > sb;
  case CmpIPredicate::sge: return sa >= sb;
  case CmpIPredicate::ult: return a < b;
  case CmpIPredicate::ule: return a <= b;
  case CmpIPredicate::ugt: return a > b;
  case CmpIPredicate::uge: return a >= b;
  }
  return false;
}

/// IEEE 754-2019 maximum and minimum: NaN wins, -0 < +0.
template <typename T> static T maximum(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<T>::quiet_NaN();
  return a == b ? (std::signbit(a) ? b : a) : (a > b ? a : b);
}
template <typename T> static T minimum(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<T>::quiet_NaN();
  return a == b ? (std::signbit(a) ? a : b) : (a < b ? a : b);
}
/// maxnum and minnum: a number wins over NaN.
template <typename T> static T maxNum(T a, T b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : maximum(a, b);
}
template <typename T> static T minNum(T a, T b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : minimum(a, b);
}

/// Saturating conversion, NaN to 0.
static Slot toSigned(double v, unsigned width) {
  if (std::isnan(v))
    return 0;
  double limit = std::ldexp(1.0, width - 1);
  int64_t r = v >= limit    ? static_cast<int64_t>(maskOf(width - 1))
              : v < -limit  ? std::numeric_limits<int64_t>::min() >> (64 - width)
                            : static_cast<int64_t>(v);
  return static_cast<Slot>(r) & maskOf(width);
}
static Slot toUnsigned(double v, unsigned width) {
  if (!(v > 0)) // NaN, too
    return 0;
  if (v >= std::ldexp(1.0, width))
    return maskOf(width);
  return static_cast<Slot>(v);
}

/// Divisions that the hardware would trap on, or that are undefined.
static bool divides(Slot a, Slot b, unsigned width, bool isSigned) {
  if (b == 0)
    return false;
  return !isSigned || b != maskOf(width) ||
         a != (uint64_t(1) << (width - 1)) || width == 1;
}

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
static int64_t ceilDiv(int64_t a, int64_t b) {
  return a / b + ((a % b != 0 && (a < 0) == (b < 0)) ? 1 : 0);
}

/// Integer power as the MathToFuncs lowering defines it.
static bool powI(Slot base, Slot exponent, unsigned width, Slot &out) {
  int64_t e = signExtend(exponent, width), x = signExtend(base, width);
  if (e < 0) {
    if (x == 0)
      return false;
    out = x == 1 ? 1 : x == -1 ? ((e & 1) ? maskOf(width) : 1) : 0;
    return true;
  }
  Slot result = 1, power = base;
  for (uint64_t n = e; n; n >>= 1, power *= power)
    if (n & 1)
      result *= power;
  out = result & maskOf(width);
  return true;
}

static bool isNormalAbove(double v, double least) {
  return std::isfinite(v) && std::fabs(v) >= least;
}

bool Machine::execute(Frame &frame, unsigned n, size_t &pc) {
  const Program &program = frame.program;
  const Instr *code = program.code.data();
  size_t size = program.code.size();
  if (!budget.tick(int64_t(size) * n))
    return false;
  for (; pc < size; ++pc) {
    const Instr &in = code[pc];
    Slot *d = frame.reg(in.dst);
    const Slot *a = frame.reg(in.a), *b = frame.reg(in.b), *c = frame.reg(in.c);
    const unsigned w = in.width;
    const Slot mask = maskOf(w);
    auto each = [&](auto f) {
      for (unsigned i = 0; i < n; ++i)
        d[i] = f(i);
    };
    auto signedPair = [&](auto f) {
      for (unsigned i = 0; i < n; ++i)
        d[i] = static_cast<Slot>(f(signExtend(a[i], w), signExtend(b[i], w))) & mask;
    };
    auto division = [&](bool isSigned, auto f) {
      for (unsigned i = 0; i < n; ++i) {
        if (!divides(a[i], b[i], w, isSigned))
          return false;
        d[i] = static_cast<Slot>(f(a[i], b[i])) & mask;
      }
      return true;
    };
    auto floats = [&](auto f) {
      for (unsigned i = 0; i < n; ++i)
        d[i] = slotOf(static_cast<float>(f(asFloat(a[i]), asFloat(b[i]))));
    };
    auto doubles = [&](auto f) {
      for (unsigned i = 0; i < n; ++i)
        d[i] = slotOf(static_cast<double>(f(asDouble(a[i]), asDouble(b[i]))));
    };
    auto sx = [w](Slot s) { return signExtend(s, w); };

    switch (in.op) {
    case Opcode::Move: each([&](unsigned i) { return a[i]; }); break;
    case Opcode::Select: each([&](unsigned i) { return a[i] ? b[i] : c[i]; }); break;
    case Opcode::Jump:
      pc = in.imm - 1;
      break;
    case Opcode::JumpIfZero:
      if (*a == 0)
        pc = in.imm - 1;
      break;
    case Opcode::JumpIfNonZero:
      if (*a != 0)
        pc = in.imm - 1;
      break;
    case Opcode::LoopEnter: { // a: counter, b: bound, c: step
      if (*c == 0 || (!in.flag && static_cast<int64_t>(*c) < 0))
        return false;
      bool enter = in.flag ? *a < *b
                           : static_cast<int64_t>(*a) < static_cast<int64_t>(*b);
      if (!enter)
        pc = in.imm - 1;
      break;
    }
    case Opcode::LoopNext: { // dst += c; back to imm while below b
      // The instructions of one round were counted on entry only.
      // Scalar code takes about four times as long as the same in lanes.
      if (!budget.tick(4 * (static_cast<int64_t>(pc) + 1 -
                            static_cast<int64_t>(in.imm))))
        return false;
      if (in.flag == 2) { // scf.while: unconditional
        pc = in.imm - 1;
        break;
      }
      bool again;
      if (in.flag) {
        Slot next;
        again = !__builtin_add_overflow(*d, *c, &next) && (*d = next, next < *b);
      } else {
        int64_t next;
        again = !__builtin_add_overflow(static_cast<int64_t>(*d),
                                        static_cast<int64_t>(*c), &next);
        *d = static_cast<Slot>(next);
        again = again && next < static_cast<int64_t>(*b);
      }
      if (again)
        pc = in.imm - 1;
      break;
    }
    case Opcode::Fail:
      return false;
    case Opcode::TensorMove:
      frame.tensors[in.dst] = frame.tensors[in.a];
      break;
    case Opcode::TensorTake:
      if (in.dst != in.a)
        frame.tensors[in.dst] = std::move(frame.tensors[in.a]);
      break;
    case Opcode::Extract: {
      const TensorRef &tensor = frame.tensors[in.a];
      if (!tensor || tensor->shape.size() != in.c)
        return false;
      int64_t at[kMaxLanes];
      std::fill_n(at, n, 0);
      int64_t stride = 1;
      for (unsigned k = in.c; k-- > 0;) {
        const Slot *index = frame.reg(program.args[in.b + k]);
        uint64_t extent = tensor->shape[k];
        for (unsigned i = 0; i < n; ++i) {
          if (index[i] >= extent)
            return false;
          at[i] += static_cast<int64_t>(index[i]) * stride;
        }
        stride *= extent;
      }
      load(tensor->element, tensor->data, at, 0, d, n);
      break;
    }
    case Opcode::Call:
      if (!budget.tick(1) || !program.functions[in.imm](*this, frame))
        return false;
      break;

    case Opcode::AddI: each([&](unsigned i) { return (a[i] + b[i]) & mask; }); break;
    case Opcode::SubI: each([&](unsigned i) { return (a[i] - b[i]) & mask; }); break;
    case Opcode::MulI: each([&](unsigned i) { return (a[i] * b[i]) & mask; }); break;
    case Opcode::DivU:
      if (!division(false, [](Slot x, Slot y) { return x / y; }))
        return false;
      break;
    case Opcode::CeilDivU:
      if (!division(false, [](Slot x, Slot y) { return x / y + (x % y != 0); }))
        return false;
      break;
    case Opcode::RemU:
      if (!division(false, [](Slot x, Slot y) { return x % y; }))
        return false;
      break;
    case Opcode::DivS:
      if (!division(true, [&](Slot x, Slot y) { return sx(x) / sx(y); }))
        return false;
      break;
    case Opcode::CeilDivS:
      if (!division(true, [&](Slot x, Slot y) { return ceilDiv(sx(x), sx(y)); }))
        return false;
      break;
    case Opcode::FloorDivS:
      if (!division(true, [&](Slot x, Slot y) { return floorDiv(sx(x), sx(y)); }))
        return false;
      break;
    case Opcode::FloorModS:
      if (!division(true, [&](Slot x, Slot y) {
            return sx(x) - floorDiv(sx(x), sx(y)) * sx(y);
          }))
        return false;
      break;
    case Opcode::RemS:
      if (!division(true, [&](Slot x, Slot y) { return sx(x) % sx(y); }))
        return false;
      break;
    case Opcode::And: each([&](unsigned i) { return a[i] & b[i]; }); break;
    case Opcode::Or: each([&](unsigned i) { return a[i] | b[i]; }); break;
    case Opcode::Xor: each([&](unsigned i) { return a[i] ^ b[i]; }); break;
    case Opcode::Shl:
      each([&](unsigned i) { return b[i] >= w ? 0 : (a[i] << b[i]) & mask; });
      break;
    case Opcode::ShrU: each([&](unsigned i) { return b[i] >= w ? 0 : a[i] >> b[i]; }); break;
    case Opcode::ShrS:
      each([&](unsigned i) {
        return static_cast<Slot>(sx(a[i]) >> std::min<Slot>(b[i], w - 1)) & mask;
      });
      break;
    case Opcode::MaxS: signedPair([](int64_t x, int64_t y) { return std::max(x, y); }); break;
    case Opcode::MinS: signedPair([](int64_t x, int64_t y) { return std::min(x, y); }); break;
    case Opcode::MaxU: each([&](unsigned i) { return std::max(a[i], b[i]); }); break;
    case Opcode::MinU: each([&](unsigned i) { return std::min(a[i], b[i]); }); break;
    case Opcode::CmpI:
      each([&](unsigned i) -> Slot { return compareI(in.flag, a[i], b[i], w); });
      break;
    case Opcode::SignExtend: { // from `flag` bits
      unsigned from = in.flag;
      each([&](unsigned i) { return static_cast<Slot>(signExtend(a[i], from)) & mask; });
      break;
    }
    case Opcode::Mask: each([&](unsigned i) { return a[i] & mask; }); break;
    case Opcode::AbsI:
      each([&](unsigned i) { return (sx(a[i]) < 0 ? Slot(0) - a[i] : a[i]) & mask; });
      break;
    case Opcode::Ctlz:
      each([&](unsigned i) -> Slot { return std::countl_zero(a[i]) - (64 - w); });
      break;
    case Opcode::Cttz:
      each([&](unsigned i) -> Slot { return a[i] ? std::countr_zero(a[i]) : w; });
      break;
    case Opcode::CtPop: each([&](unsigned i) -> Slot { return std::popcount(a[i]); }); break;
    case Opcode::PowI:
      for (unsigned i = 0; i < n; ++i)
        if (!powI(a[i], b[i], w, d[i]))
          return false;
      break;
    case Opcode::CarryU: each([&](unsigned i) -> Slot { return ((a[i] + b[i]) & mask) < a[i]; }); break;
    case Opcode::MulHighS:
      each([&](unsigned i) {
        return static_cast<Slot>((static_cast<__int128>(sx(a[i])) * sx(b[i])) >> w) & mask;
      });
      break;
    case Opcode::MulHighU:
      each([&](unsigned i) {
        return static_cast<Slot>((static_cast<unsigned __int128>(a[i]) * b[i]) >> w) & mask;
      });
      break;

    case Opcode::AddF: floats([](float x, float y) { return x + y; }); break;
    case Opcode::SubF: floats([](float x, float y) { return x - y; }); break;
    case Opcode::MulF: floats([](float x, float y) { return x * y; }); break;
    case Opcode::DivF: floats([](float x, float y) { return x / y; }); break;
    case Opcode::RemF: floats([](float x, float y) { return std::fmod(x, y); }); break;
    case Opcode::NegF: each([&](unsigned i) { return a[i] ^ 0x80000000u; }); break;
    case Opcode::AbsF: each([&](unsigned i) { return a[i] & 0x7fffffffu; }); break;
    case Opcode::MaximumF: floats(maximum<float>); break;
    case Opcode::MinimumF: floats(minimum<float>); break;
    case Opcode::MaxNumF: floats(maxNum<float>); break;
    case Opcode::MinNumF: floats(minNum<float>); break;
    case Opcode::CmpF:
      each([&](unsigned i) -> Slot { return compareF(in.flag, asFloat(a[i]), asFloat(b[i])); });
      break;
    case Opcode::Fma:
      each([&](unsigned i) {
        return slotOf(std::fma(asFloat(a[i]), asFloat(b[i]), asFloat(c[i])));
      });
      break;
    case Opcode::CopySign:
      each([&](unsigned i) { return (a[i] & 0x7fffffffu) | (b[i] & 0x80000000u); });
      break;
    case Opcode::Math1: floats([&](float x, float) { return in.math1(x); }); break;
    case Opcode::Math2: floats([&](float x, float y) { return in.math2(x, y); }); break;
    case Opcode::PowFI:
      each([&](unsigned i) {
        double e = static_cast<double>(signExtend(b[i], w));
        return slotOf(static_cast<float>(std::pow(asFloat(a[i]), e)));
      });
      break;
    case Opcode::IsNaN: each([&](unsigned i) -> Slot { return std::isnan(asFloat(a[i])); }); break;
    case Opcode::IsInf: each([&](unsigned i) -> Slot { return std::isinf(asFloat(a[i])); }); break;
    case Opcode::IsFinite: each([&](unsigned i) -> Slot { return std::isfinite(asFloat(a[i])); }); break;
    case Opcode::IsNormal: {
      double least = asDouble(in.imm);
      each([&](unsigned i) -> Slot { return isNormalAbove(asFloat(a[i]), least); });
      break;
    }
    case Opcode::AddD: doubles([](double x, double y) { return x + y; }); break;
    case Opcode::SubD: doubles([](double x, double y) { return x - y; }); break;
    case Opcode::MulD: doubles([](double x, double y) { return x * y; }); break;
    case Opcode::DivD: doubles([](double x, double y) { return x / y; }); break;
    case Opcode::RemD: doubles([](double x, double y) { return std::fmod(x, y); }); break;
    case Opcode::NegD: each([&](unsigned i) { return a[i] ^ (uint64_t(1) << 63); }); break;
    case Opcode::AbsD: each([&](unsigned i) { return a[i] & maskOf(63); }); break;
    case Opcode::MaximumD: doubles(maximum<double>); break;
    case Opcode::MinimumD: doubles(minimum<double>); break;
    case Opcode::MaxNumD: doubles(maxNum<double>); break;
    case Opcode::MinNumD: doubles(minNum<double>); break;
    case Opcode::CmpD:
      each([&](unsigned i) -> Slot { return compareF(in.flag, asDouble(a[i]), asDouble(b[i])); });
      break;
    case Opcode::FmaD:
      each([&](unsigned i) {
        return slotOf(std::fma(asDouble(a[i]), asDouble(b[i]), asDouble(c[i])));
      });
      break;
    case Opcode::CopySignD:
      each([&](unsigned i) { return (a[i] & maskOf(63)) | (b[i] & ~maskOf(63)); });
      break;
    case Opcode::Math1D: doubles([&](double x, double) { return in.math1(x); }); break;
    case Opcode::Math2D: doubles([&](double x, double y) { return in.math2(x, y); }); break;
    case Opcode::PowDI:
      each([&](unsigned i) {
        return slotOf(std::pow(asDouble(a[i]), static_cast<double>(signExtend(b[i], w))));
      });
      break;
    case Opcode::IsNaND: each([&](unsigned i) -> Slot { return std::isnan(asDouble(a[i])); }); break;
    case Opcode::IsInfD: each([&](unsigned i) -> Slot { return std::isinf(asDouble(a[i])); }); break;
    case Opcode::IsFiniteD: each([&](unsigned i) -> Slot { return std::isfinite(asDouble(a[i])); }); break;
    case Opcode::IsNormalD: {
      double least = asDouble(in.imm);
      each([&](unsigned i) -> Slot { return isNormalAbove(asDouble(a[i]), least); });
      break;
    }

    case Opcode::RoundSmall:
      each([&](unsigned i) { return slotOf(roundSmall(in.element, asFloat(a[i]))); });
      break;
    case Opcode::EncodeSmall:
      each([&](unsigned i) { return encodeSmall(in.element, asFloat(a[i])); });
      break;
    case Opcode::DecodeSmall:
      each([&](unsigned i) { return slotOf(decodeSmall(in.element, a[i])); });
      break;
    case Opcode::ExtF: each([&](unsigned i) { return slotOf(double(asFloat(a[i]))); }); break;
    case Opcode::TruncF: each([&](unsigned i) { return slotOf(float(asDouble(a[i]))); }); break;
    case Opcode::TruncFSmall:
      each([&](unsigned i) { return slotOf(roundSmall(in.element, asDouble(a[i]))); });
      break;
    case Opcode::SToF: each([&](unsigned i) { return slotOf(static_cast<float>(sx(a[i]))); }); break;
    case Opcode::UToF: each([&](unsigned i) { return slotOf(static_cast<float>(a[i])); }); break;
    case Opcode::SToD: each([&](unsigned i) { return slotOf(static_cast<double>(sx(a[i]))); }); break;
    case Opcode::UToD: each([&](unsigned i) { return slotOf(static_cast<double>(a[i])); }); break;
    case Opcode::FToS: each([&](unsigned i) { return toSigned(asFloat(a[i]), w); }); break;
    case Opcode::FToU: each([&](unsigned i) { return toUnsigned(asFloat(a[i]), w); }); break;
    case Opcode::DToS: each([&](unsigned i) { return toSigned(asDouble(a[i]), w); }); break;
    case Opcode::DToU: each([&](unsigned i) { return toUnsigned(asDouble(a[i]), w); }); break;
    }
  }
  return true;
}
