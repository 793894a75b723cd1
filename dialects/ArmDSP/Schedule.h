// Straight-line assembly of products: the order of its instructions for a core, and
// its registers.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dlc::arm_dsp {

/// An attribute of arm_dsp.dot (unit): a weight group is a word of eight weights of four bits in
/// two's complement, the lower halves of its bytes those of an input group, the upper halves
/// those of the next; `groups`, `count` and `unroll` count such pairs. Sums are 16 times as large.
inline constexpr llvm::StringLiteral kNibbles = "nibbles";

/// One instruction of a block. Values are numbered; each is made once.
struct Instruction {
  enum Kind {
    Load,    ///< value = the word at base + offset; `moves`: base moves there, too
    Extend,  ///< value = SXTB16 of reads[0], rotated by 8 bits or not
    Shift,   ///< value = reads[0] << 4
    Mask,    ///< value = the upper halves of the bytes of reads[0]
    Multiply ///< sum += pairs of reads[0] * pairs of reads[1]
  };
  Kind kind;
  int64_t value = -1;
  llvm::SmallVector<int64_t, 2> reads = {};
  int64_t base = 0, offset = 0, sum = 0; ///< `base` and `sum` number operands
  bool moves = false, rotated = false;
};

/// Instructions without a jump (a block). Pointers and sums are operands that live through the
/// block; values lie in temporaries from where they are made to where they are last read.
class Assembly {
public:
  int64_t load(int64_t base, int64_t offset, bool moves);
  int64_t extend(int64_t word, bool rotated);
  /// The lower or upper halves of four bytes as the upper halves of bytes.
  int64_t spread(int64_t word, bool upper);
  void multiply(int64_t sum, int64_t a, int64_t b);

  /// Most values that are alive at once.
  int64_t countTemporaries() const;
  /// What the block takes in its order on a core that begins one instruction in a cycle,
  /// as Cortex-M4: a load takes two, one right behind another load one.
  int64_t countCycles() const;
  /// The same block in an order for an in-order core that begins two instructions in
  /// a cycle, with at most `temporaries` values alive; nothing when even the present
  /// order has more. With `twoLoads`, loads rather stand beside loads than beside
  /// products: better where SXTB16 outnumber products. `cycles` is what it takes.
  std::optional<Assembly> pairedFor(int64_t temporaries, bool twoLoads,
                                 int64_t &cycles) const;
  /// The text of each instruction. Temporary i is operand firstTemporary + i.
  std::vector<std::string> print(const std::function<std::string(int64_t)> &name,
                                 int64_t firstTemporary) const;

private:
  llvm::SmallVector<int64_t> lastReads() const; ///< by value: the last reader's place

  llvm::SmallVector<Instruction, 0> instructions;
  int64_t values = 0;
};

} // namespace dlc::arm_dsp
