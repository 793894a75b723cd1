// This file implements the arm_dsp dialect: registration and verifiers.
#include "dialects/ArmDSP/ArmDSP.h"

using namespace mlir;

#include "dialects/ArmDSP/ArmDSPDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ArmDSP/ArmDSPOps.cpp.inc"

void dlc::arm_dsp::ArmDSPDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ArmDSP/ArmDSPOps.cpp.inc"
      >();
}

/// r0 to r12 and lr.
static constexpr int64_t kRegisters = 14;

bool dlc::arm_dsp::DotOp::expands() {
  return cast<MemRefType>(getInputs().getType()).getElementType().isInteger(8);
}

/// Words of the weights of one group, one extended weight pair, pairs of pixels.
static int64_t workingRegisters(dlc::arm_dsp::DotOp op) {
  return op.getRows() + 1 + (op.expands() ? 2 : op.getPixels());
}

static bool isLoop(dlc::arm_dsp::DotOp op) {
  return op.getCount() || op.getGroups() >= 2 * op.getUnroll();
}

bool dlc::arm_dsp::DotOp::countsInRegister() {
  return isLoop(*this) &&
         // One less than there are: LLVM does not always find a place for all of them.
         getSums().size() + 2 + workingRegisters(*this) + 1 < size_t(kRegisters);
}

int64_t dlc::arm_dsp::DotOp::countTemporaries() {
  return workingRegisters(*this) + countsInRegister();
}

int64_t dlc::arm_dsp::DotOp::getCountOperand() {
  return getSums().size() + 2 + (countsInRegister() ? workingRegisters(*this) : getRows());
}

LogicalResult dlc::arm_dsp::DotOp::verify() {
  int64_t rows = getRows(), pixels = getPixels();
  if (rows < 1 || pixels < 1 || int64_t(getSums().size()) != rows * pixels ||
      getNumResults() != getSums().size())
    return emitOpError("one sum for each row and pixel is taken and returned");
  if ((getCount() ? getGroups() != 0 : getGroups() < 1) || getUnroll() < 1 || getUnroll() > 8)
    return emitOpError("groups are positive, or 0 and counted at run time; unroll is 1 to 8");
  if (getCount() && !llvm::isPowerOf2_64(getUnroll()))
    return emitOpError("with groups counted at run time, unroll is a power of two");
  if (expands() && pixels != 1)
    return emitOpError("bytes are expanded for one pixel only");
  if (getCount() && !llvm::isPowerOf2_64(pixels))
    return emitOpError("with groups counted at run time, the number of pixels is a power of two");
  if (getGroups() * pixels * 8 >= 1 << 16)
    return emitOpError("has more than 16 bits of input bytes");
  if (rows * pixels + 2 + workingRegisters(*this) > kRegisters)
    return emitOpError("has more sums than registers");
  return success();
}

std::string dlc::arm_dsp::DotOp::getAssembly(llvm::function_ref<std::string(int64_t)> name) {
  int64_t rows = getRows(), pixels = getPixels(), sums = rows * pixels;
  std::string text;
  auto line = [&](const Twine &instruction) { text += (instruction + "\n").str(); };
  auto sum = [&](int64_t r, int64_t j) { return name(r * pixels + j); };
  std::string weights = name(sums), inputs = name(sums + 1);
  auto temporary = [&](int64_t i) { return name(sums + 2 + i); };
  auto weight = [&](int64_t r) { return temporary(r); };
  std::string pair = temporary(rows);
  auto pixel = [&](int64_t j) { return temporary(rows + 1 + j); };
  std::string counter = countsInRegister() ? temporary(workingRegisters(*this)) : "";

  int64_t inputWords = expands() ? 1 : 2 * pixels; // of a group
  int64_t weightBytes = 4 * rows, inputBytes = 4 * inputWords;
  // The last load of a round moves the pointer, which stands one word before what
  // comes next: offsets start at 4 then.
  auto load = [&](const std::string &to, const std::string &base, int64_t at, bool move, bool early) {
    int64_t offset = at + (early ? 4 : 0);
    line("ldr " + to + ", [" + base + (offset ? ", #" + Twine(offset) : Twine("")) + "]" +
         (move ? "!" : ""));
  };
  // pointer -= times * bytes
  auto stepBack = [&](const std::string &pointer, const std::string &times, int64_t bytes) {
    for (int64_t bit = 0; bytes >> bit; ++bit)
      if (bytes >> bit & 1)
        line("sub " + pointer + ", " + pointer + ", " + times + ", lsl #" + Twine(bit));
  };
  auto group = [&](int64_t u, bool last, bool early) {
    for (int64_t r = 0; r < rows; ++r)
      load(weight(r), weights, u * weightBytes + 4 * r, last && r + 1 == rows, early);
    int64_t at = u * inputBytes;
    if (expands()) {
      load(pixel(1), inputs, at, last, early);
      line("sxtb16 " + pixel(0) + ", " + pixel(1));
      line("sxtb16 " + pixel(1) + ", " + pixel(1) + ", ror #8");
    }
    for (int64_t half = 0; half < 2; ++half) {
      if (!expands())
        for (int64_t j = 0; j < pixels; ++j)
          load(pixel(j), inputs, at + 4 * (half * pixels + j),
               last && half == 1 && j + 1 == pixels, early);
      for (int64_t r = 0; r < rows; ++r) {
        std::string to = half ? weight(r) : pair; // the second half needs the word no more
        line("sxtb16 " + to + ", " + weight(r) + (half ? ", ror #8" : ""));
        for (int64_t j = 0; j < pixels; ++j)
          line("smlad " + sum(r, j) + ", " + to + ", " + pixel(expands() ? half : j) + ", " +
               sum(r, j));
      }
    }
  };
  int64_t unroll = getUnroll();
  if (getCount()) {
    // As many groups as the first round lacks are jumped over.
    std::string count = name(getCountOperand()), skipped = pixel(0);
    int64_t bits = llvm::Log2_64(unroll);
    if (bits) {
      line("rsb " + skipped + ", " + count + ", #0");
      line("and " + skipped + ", " + skipped + ", #" + Twine(unroll - 1));
    }
    if (counter.empty()) { // where the inputs end lies on the stack
      line("add " + count + ", " + inputs + ", " + count + ", lsl #" +
           Twine(llvm::Log2_64(inputBytes)));
      line("sub " + count + ", " + count + ", #4");
      line("str " + count + ", [sp, #-4]!");
    } else if (bits) {
      line("add " + count + ", " + count + ", #" + Twine(unroll - 1));
      line("lsr " + count + ", " + count + ", #" + Twine(bits));
    }
    line("sub " + weights + ", " + weights + ", #4");
    line("sub " + inputs + ", " + inputs + ", #4");
    if (bits) {
      stepBack(weights, skipped, weightBytes);
      stepBack(inputs, skipped, inputBytes);
      line("tbh [pc, " + skipped + ", lsl #1]");
      line("2:");
      std::string table = ".short ";
      for (int64_t u = 0; u < unroll; ++u)
        table += ((u ? ", (" : "(") + Twine(10 + u) + "f-2b)/2").str();
      line(table);
    }
    line("1:");
    for (int64_t u = 0; u < unroll; ++u) {
      if (bits)
        line(Twine(10 + u) + ":");
      group(u, u + 1 == unroll, /*early=*/true);
    }
    if (!counter.empty()) {
      line("subs " + counter + ", " + counter + ", #1");
    } else {
      line("ldr " + pair + ", [sp]");
      line("cmp " + pair + ", " + inputs);
    }
    line("bne 1b");
    if (counter.empty())
      line("add sp, sp, #4");
    return text;
  }
  int64_t rounds = isLoop(*this) ? getGroups() / unroll : 0;
  if (rounds) {
    if (!counter.empty()) {
      line("movw " + counter + ", #" + Twine(rounds));
    } else { // where the inputs end lies on the stack
      int64_t bytes = rounds * unroll * inputBytes - 4;
      line("movw " + pair + ", #" + Twine(bytes));
      line("add " + pair + ", " + pair + ", " + inputs);
      line("str " + pair + ", [sp, #-4]!");
    }
    line("sub " + weights + ", " + weights + ", #4");
    line("sub " + inputs + ", " + inputs + ", #4");
    line("1:");
    for (int64_t u = 0; u < unroll; ++u)
      group(u, u + 1 == unroll, /*early=*/true);
    if (!counter.empty()) {
      line("subs " + counter + ", " + counter + ", #1");
    } else {
      line("ldr " + pair + ", [sp]");
      line("cmp " + pair + ", " + inputs);
    }
    line("bne 1b");
    if (counter.empty())
      line("add sp, sp, #4");
  }
  for (int64_t u = 0, n = getGroups() - rounds * unroll; u < n; ++u)
    group(u, false, /*early=*/rounds != 0);
  return text;
}

LogicalResult dlc::arm_dsp::Sxtb16Op::verify() {
  if (getRotation() > 24 || getRotation() % 8 != 0)
    return emitOpError("rotation is 0, 8, 16 or 24, found ") << getRotation();
  return success();
}
