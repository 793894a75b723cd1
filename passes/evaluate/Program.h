// The register programs that the evaluator runs. One instruction works on one
// register, or on a lane of registers for many elements of a tensor at once.
#pragma once

#include "passes/evaluate/TensorData.h"

#include <functional>
#include <vector>

namespace dlc::evaluation {

enum class Opcode : uint8_t {
  // Data and control. Jumps only in programs of one lane.
  Move, Select, Jump, JumpIfZero, JumpIfNonZero, LoopEnter, LoopNext, Fail,
  TensorMove, TensorTake, Extract, Call,
  // Integers of `width` bits.
  AddI, SubI, MulI, DivU, DivS, CeilDivU, CeilDivS, FloorDivS, FloorModS, RemU,
  RemS, And, Or, Xor, Shl, ShrU, ShrS, MaxS, MaxU, MinS, MinU, CmpI, SignExtend,
  Mask, AbsI, Ctlz, Cttz, CtPop, PowI, CarryU, MulHighS, MulHighU,
  // Floats: f32 registers, then the same for f64.
  AddF, SubF, MulF, DivF, RemF, NegF, AbsF, MaximumF, MinimumF, MaxNumF,
  MinNumF, CmpF, Fma, CopySign, Math1, Math2, PowFI, IsNaN, IsInf, IsFinite,
  IsNormal,
  AddD, SubD, MulD, DivD, RemD, NegD, AbsD, MaximumD, MinimumD, MaxNumD,
  MinNumD, CmpD, FmaD, CopySignD, Math1D, Math2D, PowDI, IsNaND, IsInfD,
  IsFiniteD, IsNormalD,
  // Conversions.
  RoundSmall, EncodeSmall, DecodeSmall, ExtF, TruncF, TruncFSmall, SToF, UToF,
  SToD, UToD, FToS, FToU, DToS, DToU,
};
/// Distance from an f32 operation to its f64 form.
inline constexpr int kDoubleForm = static_cast<int>(Opcode::AddD) - static_cast<int>(Opcode::AddF);

struct Instr {
  Opcode op;
  uint8_t width = 64; ///< of integers: operands of comparisons, else results
  uint8_t flag = 0;   ///< predicate of comparisons
  Element element;    ///< of the conversions to and from small floats
  unsigned dst = 0, a = 0, b = 0, c = 0;
  union {
    uint64_t imm = 0;
    double (*math1)(double);
    double (*math2)(double, double);
  };
};

class Machine;
struct Frame;

/// An instruction on whole tensors; false stops the evaluation.
using TensorFn = std::function<bool(Machine &, Frame &)>;

/// A tensor read by an instruction; `last` lets it take the storage.
struct TensorUse {
  unsigned reg = 0;
  bool last = false;
};

struct Program {
  std::vector<Instr> code;
  std::vector<mlir::Operation *> origins; ///< of each instruction, for messages
  std::vector<unsigned> args; ///< operand lists of Extract
  std::vector<TensorFn> functions; ///< of Call
  std::vector<std::pair<unsigned, Slot>> constants;
  std::vector<std::pair<unsigned, mlir::Attribute>> tensorConstants;
  struct Capture {
    unsigned outer, inner;
    bool isTensor;
  };
  std::vector<Capture> captures; ///< from the frame of the program around
  unsigned numRegs = 0;
  unsigned numTensors = 0;
  /// Whether several lanes may run it: no jumps, no calls.
  bool straight = true;
};

/// The registers of a running program.
struct Frame {
  const Program &program;
  unsigned lanes;
  std::vector<Slot> slots; ///< register r: slots[r * lanes ...]
  std::vector<TensorRef> tensors;

  Slot *reg(unsigned r) { return slots.data() + size_t(r) * lanes; }
  Slot &at(unsigned r) { return slots[size_t(r) * lanes]; }
  TensorRef take(TensorUse use) {
    return use.last ? std::move(tensors[use.reg]) : tensors[use.reg];
  }
  Frame(const Program &program, unsigned lanes);
};

class Machine {
public:
  Budget budget;
  /// The innermost operation that could not be executed.
  mlir::Operation *culprit = nullptr;

  /// Loads constants and captures (from `outer`, which may be null).
  bool prepare(Frame &frame, Frame *outer);
  /// Runs the program on the first n lanes.
  bool run(Frame &frame, unsigned n) {
    size_t pc = 0;
    if (execute(frame, n, pc))
      return true;
    if (!culprit && pc < frame.program.origins.size())
      culprit = frame.program.origins[pc];
    return false;
  }

private:
  bool execute(Frame &frame, unsigned n, size_t &pc);
};

/// One operand of a loop nest: element `base + sum(coef[d] * index[d])`.
struct Access {
  char *data = nullptr;
  Element element;
  unsigned reg = 0; ///< register of the body that holds the element
  int64_t base = 0;
  mlir::SmallVector<int64_t, 8> coefs;
};

/// A perfect loop nest around a straight or branching body, as in
/// linalg.generic. Outputs are read, updated by every iteration, written.
struct Nest {
  mlir::SmallVector<int64_t, 8> extents;
  mlir::SmallVector<bool, 8> reduction;
  mlir::SmallVector<Access, 4> inputs;
  struct Output : Access {
    unsigned yield = 0; ///< register of the body that holds the new value
    bool init = true;   ///< read the old value, else start at zero
    bool store = true;  ///< else the epilogue stores
  };
  mlir::SmallVector<Output, 2> outputs;
  /// Registers of the body that hold a loop index: (register, dimension).
  mlir::SmallVector<std::pair<unsigned, unsigned>, 4> indices;
  /// Runs after all reductions of an element; may be null. Its inputs must not
  /// depend on reduction dimensions; its register 0 is the accumulator.
  Frame *epilogue = nullptr;
  mlir::SmallVector<Access, 2> epilogueInputs;
  unsigned epilogueYield = 0;
};

inline constexpr unsigned kMaxLanes = 256;
/// Lanes that suit a program.
unsigned lanesFor(const Program &program);
/// Checks that all accesses stay inside `size` elements.
bool staysInside(const Nest &nest, const Access &access, int64_t size);
/// Runs the nest; the body's frame is prepared.
bool runNest(Machine &machine, const Nest &nest, Frame &body);

} // namespace dlc::evaluation
