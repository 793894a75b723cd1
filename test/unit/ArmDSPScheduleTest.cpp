// Tests the order and the registers of assembly for cores that begin two instructions
// in a cycle: the text is executed on numbers, before and after.
#include "dialects/ArmDSP/Schedule.h"

#include <catch2/catch.hpp>

#include <map>

using namespace dlc::arm_dsp;

namespace {

/// The names of the operands: sums, two pointers, temporaries.
std::string operand(int64_t i) { return "x" + std::to_string(i) + "x"; }

/// A machine of 64 registers that knows the three instructions. The word at address a
/// is a mixture of a's bits.
struct Machine {
  std::map<std::string, uint32_t> registers;
  int64_t highest = 0; ///< operand that was written

  static uint32_t word(uint32_t address) { return (address + 1) * 2654435761u; }
  static int32_t half(uint32_t v, int top) { return int16_t(v >> (16 * top)); }

  void run(const std::string &line) {
    std::vector<std::string> names;
    for (size_t at = line.find('x', line.find(' ')); at != std::string::npos;
         at = line.find('x', line.find('x', at + 1) + 1))
      names.push_back(line.substr(at, line.find('x', at + 1) + 1 - at));
    for (const std::string &name : names)
      highest = std::max<int64_t>(highest, std::stoll(name.substr(1)));
    auto &r = registers;
    if (line.starts_with("ldr")) {
      size_t hash = line.find('#');
      uint32_t address = r[names[1]] + (hash == std::string::npos ? 0 : std::stoul(line.substr(hash + 1)));
      if (line.ends_with("!"))
        r[names[1]] = address;
      r[names[0]] = word(address);
    } else if (line.starts_with("sxtb16")) {
      uint32_t v = r[names[1]];
      if (line.ends_with("ror #8"))
        v = v >> 8 | v << 24;
      r[names[0]] = uint16_t(int8_t(v)) | uint32_t(int8_t(v >> 16)) << 16;
    } else {
      REQUIRE(line.starts_with("smlad"));
      uint32_t a = r[names[1]], b = r[names[2]];
      r[names[0]] = r[names[3]] + uint32_t(half(a, 0) * half(b, 0)) + uint32_t(half(a, 1) * half(b, 1));
    }
  }
};

/// `groups` groups of a tile, weights one row after the other.
Assembly tile(int64_t rows, int64_t pixels, int64_t groups) {
  Assembly b;
  int64_t weights = rows * pixels, inputs = weights + 1;
  for (int64_t g = 0; g < groups; ++g) {
    llvm::SmallVector<int64_t> words;
    for (int64_t r = 0; r < rows; ++r)
      words.push_back(b.load(weights, 4 * (g * rows + r), g + 1 == groups && r + 1 == rows));
    for (int64_t half = 0; half < 2; ++half) {
      llvm::SmallVector<int64_t> pairs;
      for (int64_t j = 0; j < pixels; ++j)
        pairs.push_back(b.load(inputs, 4 * ((g * 2 + half) * pixels + j),
                               g + 1 == groups && half && j + 1 == pixels));
      for (int64_t r = 0; r < rows; ++r) {
        int64_t pair = b.extend(words[r], half);
        for (int64_t j = 0; j < pixels; ++j)
          b.multiply(r * pixels + j, pair, pairs[j]);
      }
    }
  }
  return b;
}

/// What sums and pointers hold after the block.
std::vector<uint32_t> resultsOf(const Assembly &b, int64_t operands, int64_t temporaries) {
  Machine m;
  for (int64_t i = 0; i < operands; ++i)
    m.registers[operand(i)] = 1000 * i;
  for (const std::string &line : b.print(operand, operands))
    m.run(line);
  CHECK(m.highest < operands + temporaries);
  std::vector<uint32_t> results;
  for (int64_t i = 0; i < operands; ++i)
    results.push_back(m.registers[operand(i)]);
  return results;
}

} // namespace

TEST_CASE("a block computes the same in an order for two pipes, in few registers") {
  for (int64_t rows = 1; rows <= 3; ++rows)
    for (int64_t pixels = 1; pixels <= 2; ++pixels) {
      Assembly plain = tile(rows, pixels, 4);
      int64_t operands = rows * pixels + 2, fewest = plain.countTemporaries();
      auto expected = resultsOf(plain, operands, fewest);
      for (int64_t temporaries = fewest; temporaries < fewest + 4; ++temporaries)
        for (bool twoLoads : {false, true}) {
          CAPTURE(rows, pixels, temporaries, twoLoads);
          int64_t cycles = 0;
          std::optional<Assembly> paired = plain.pairedFor(temporaries, twoLoads, cycles);
          REQUIRE(paired);
          CHECK(paired->countTemporaries() <= temporaries);
          CHECK(resultsOf(*paired, operands, temporaries) == expected);
          // Every cycle one product at most, two instructions at most.
          CHECK(cycles >= 4 * 2 * rows * pixels);
        }
    }
}

TEST_CASE("no order where registers do not suffice") {
  Assembly plain = tile(2, 2, 1);
  int64_t cycles = 0;
  CHECK_FALSE(plain.pairedFor(plain.countTemporaries() - 1, false, cycles));
}

TEST_CASE("most cycles begin two instructions where there are registers") {
  int64_t cycles = 0;
  REQUIRE(tile(2, 2, 6).pairedFor(8, false, cycles));
  // 18 instructions a group, so 54 cycles at least.
  CHECK(cycles <= 60);
}
