// This file writes the assembly of arm_dsp.dot.
#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmDSP/Schedule.h"

using namespace mlir;
using namespace dlc::arm_dsp;

namespace {
/// When the words of weights are loaded.
enum class Order {
  All,      ///< all of a group at once, and all inputs (inputs of words only)
  Together, ///< all of a group at once, beside the inputs of its first half
  InTwos,   ///< two at a time (inputs of bytes only)
  Late,     ///< each when it is needed
  Twice     ///< each when it is needed, again for its second half (inputs of words only)
};

/// A tile of products that is to be written.
struct Tile {
  int64_t rows, pixels;
  bool bytes;   ///< inputs are bytes, expanded on the way
  bool nibbles; ///< weights have four bits, a group is two of inputs

  int64_t sums() const { return rows * pixels; }
  int64_t inputWords() const { return (bytes ? 1 : 2 * pixels) * (nibbles ? 2 : 1); } // of a group
  int64_t weights() const { return sums(); }                    // operands: the two pointers
  int64_t inputs() const { return sums() + 1; }

  void addNibbles(Assembly &block, Order order, int64_t at, int64_t lead, bool moves) const;
  void addGroup(Assembly &block, Order order, int64_t at, int64_t lead, bool moves) const;
  /// Groups from `first` to `last`; offsets begin at `lead`, with `moves` the last loads
  /// take the pointers there.
  Assembly groups(Order order, int64_t first, int64_t last, int64_t lead, bool moves) const {
    Assembly block;
    for (int64_t at = first; at < last; ++at)
      (this->*(nibbles ? &Tile::addNibbles : &Tile::addGroup))(block, order, at, lead,
                                                              moves && at + 1 == last);
    return block;
  }
};

/// What is written: rounds of a loop, then the groups that are left.
struct Plan {
  /// The groups of a round together; one by one where the first round begins in the middle.
  std::vector<Assembly> round;
  std::optional<Assembly> rest;
  int64_t rounds = 0, temporaries = 0;
  bool countsInRegister = false;
};
} // namespace

/// Group `at` of four products for each sum.
void Tile::addGroup(Assembly &block, Order order, int64_t at, int64_t lead, bool moves) const {
  SmallVector<int64_t> words(rows);
  auto load = [&](int64_t row, bool last) {
    int64_t offset = lead + 4 * (at * rows + row);
    words[row] = block.load(weights(), offset, moves && last && row + 1 == rows);
  };
  auto loadInput = [&](int64_t i) {
    int64_t offset = lead + 4 * (at * inputWords() + i);
    return block.load(inputs(), offset, moves && i + 1 == inputWords());
  };
  if (order == Order::All || order == Order::Together)
    for (int64_t row = 0; row < rows; ++row)
      load(row, true);
  if (bytes) {
    int64_t word = loadInput(0), pairs[2];
    for (bool half : {false, true})
      pairs[half] = block.extend(word, half);
    for (int64_t row = 0; row < rows; ++row) {
      if (order == Order::Late || (order == Order::InTwos && row % 2 == 0))
        load(row, true);
      if (order == Order::InTwos && row % 2 == 0 && row + 1 < rows)
        load(row + 1, true);
      for (bool half : {false, true})
        block.multiply(row, block.extend(words[row], half), pairs[half]);
    }
    return;
  }
  SmallVector<int64_t> pairs;
  for (bool half : {false, true}) {
    size_t needed = (half || order == Order::All ? 2 : 1) * pixels;
    while (pairs.size() < needed)
      pairs.push_back(loadInput(pairs.size()));
    for (int64_t row = 0; row < rows; ++row) {
      if (order == Order::Twice || (order == Order::Late && !half))
        load(row, order == Order::Late || half);
      int64_t pair = block.extend(words[row], half);
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        block.multiply(row * pixels + pixel, pair, pairs[half * pixels + pixel]);
    }
  }
}

/// Group `at` of eight products for each sum: first those of the lower halves of the
/// weights' bytes, then those of the upper halves.
void Tile::addNibbles(Assembly &block, Order order, int64_t at, int64_t lead, bool moves) const {
  SmallVector<int64_t> words(rows, -1), spread(rows, -1);
  auto load = [&](int64_t row, bool last) {
    int64_t offset = lead + 4 * (at * rows + row);
    words[row] = block.load(weights(), offset, moves && last && row + 1 == rows);
  };
  auto loadInput = [&](int64_t i) {
    int64_t offset = lead + 4 * (at * inputWords() + i);
    return block.load(inputs(), offset, moves && i + 1 == inputWords());
  };
  bool keeps = order != Order::Twice; // words of weights, for their upper halves
  if (order == Order::All || order == Order::Together)
    for (int64_t row = 0; row < rows; ++row)
      load(row, true);
  if (bytes) {
    int64_t pairs[2][2];
    auto extend = [&](bool upper) {
      int64_t word = loadInput(upper);
      for (bool half : {false, true})
        pairs[upper][half] = block.extend(word, half);
    };
    auto multiply = [&](int64_t row, bool upper) {
      int64_t bytes = block.spread(words[row], upper);
      for (bool half : {false, true})
        block.multiply(row, block.extend(bytes, half), pairs[upper][half]);
    };
    if (order == Order::Together) {
      for (bool upper : {false, true}) {
        extend(upper);
        for (int64_t row = 0; row < rows; ++row)
          multiply(row, upper);
      }
      return;
    }
    extend(false);
    extend(true);
    for (int64_t row = 0; row < rows; ++row) {
      load(row, true);
      multiply(row, false);
      multiply(row, true);
    }
    return;
  }
  if (order == Order::Late && pixels == 1) {
    int64_t pairs[4];
    for (int64_t i = 0; i < 4; ++i)
      pairs[i] = loadInput(i);
    for (int64_t row = 0; row < rows; ++row) {
      load(row, true);
      for (bool upper : {false, true}) {
        int64_t bytes = block.spread(words[row], upper);
        for (bool half : {false, true})
          block.multiply(row, block.extend(bytes, half), pairs[2 * upper + half]);
      }
    }
    return;
  }
  for (bool upper : {false, true})
    for (bool half : {false, true}) {
      SmallVector<int64_t> pairs;
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        pairs.push_back(loadInput((2 * upper + half) * pixels + pixel));
      for (int64_t row = 0; row < rows; ++row) {
        if (!keeps || (order == Order::Late && !upper && !half))
          load(row, keeps || (upper && half));
        if (!keeps || !half)
          spread[row] = block.spread(words[row], upper);
        int64_t pair = block.extend(spread[row], half);
        for (int64_t pixel = 0; pixel < pixels; ++pixel)
          block.multiply(row * pixels + pixel, pair, pairs[pixel]);
      }
    }
}

static Tile tileOf(DotOp op) {
  return {int64_t(op.getRows()), int64_t(op.getPixels()), op.expands(), op->hasAttr(kNibbles)};
}

static ArrayRef<Order> ordersOf(const Tile &tile) {
  static constexpr Order kBytes[] = {Order::Together, Order::InTwos, Order::Late};
  static constexpr Order kWords[] = {Order::All, Order::Together, Order::Late, Order::Twice};
  return tile.bytes ? ArrayRef<Order>(kBytes) : ArrayRef<Order>(kWords);
}

/// The best order of groups `first` to `last` with `temporaries` registers, and what it
/// costs.
static std::optional<Assembly> bestOrder(DotOp op, int64_t first, int64_t last, int64_t lead,
                                         bool moves, int64_t temporaries, int64_t &cost) {
  Tile tile = tileOf(op);
  std::optional<Assembly> best;
  for (Order order : ordersOf(tile)) {
    Assembly block = tile.groups(order, first, last, lead, moves);
    if (!op.getPaired()) {
      int64_t cycles = block.countCycles();
      if (block.countTemporaries() <= temporaries && (!best || cycles < cost)) {
        best = std::move(block);
        cost = cycles;
      }
      continue;
    }
    for (bool twoLoads : {false, true}) {
      int64_t cycles = 0;
      std::optional<Assembly> paired = block.pairedFor(temporaries, twoLoads, cycles);
      if (paired && (!best || cycles < cost)) {
        best = std::move(paired);
        cost = cycles;
      }
    }
  }
  return best;
}

/// One round of the loop; empty when registers do not suffice.
static std::vector<Assembly> roundOf(DotOp op, int64_t temporaries, int64_t &cost) {
  int64_t unroll = op.getUnroll(), step = op.getCount() ? 1 : unroll;
  std::vector<Assembly> parts;
  cost = 0;
  for (int64_t at = 0; at < unroll; at += step) {
    int64_t mine = 0;
    std::optional<Assembly> part =
        bestOrder(op, at, at + step, /*lead=*/4, at + step == unroll, temporaries, mine);
    if (!part)
      return {};
    cost += mine;
    parts.push_back(std::move(*part));
  }
  return parts;
}

static Plan planOf(DotOp op) {
  int64_t free = op.getRegisters() - op.getSums().size() - 2;
  int64_t unroll = op.getUnroll(), total = op.getGroups(), cost = 0;
  Plan plan;
  if (op.getCount() || total >= 2 * unroll) {
    plan.rounds = total / unroll;
    plan.round = roundOf(op, free, cost);
    // The end of the inputs on the stack costs two cycles a round.
    int64_t counted = 0;
    std::vector<Assembly> round = roundOf(op, free - 1, counted);
    if (!round.empty() && counted <= cost + 2) {
      plan.round = std::move(round);
      plan.countsInRegister = true;
    }
    for (const Assembly &part : plan.round)
      plan.temporaries = std::max(plan.temporaries, part.countTemporaries());
    plan.temporaries += plan.countsInRegister;
  }
  if (int64_t rest = total - plan.rounds * unroll) {
    plan.rest = bestOrder(op, 0, rest, plan.round.empty() ? 0 : 4, false, free, cost);
    plan.temporaries = std::max(plan.temporaries, plan.rest->countTemporaries());
  }
  return plan;
}

/// On entry `count` holds the number of groups. As many of them as the first round lacks
/// are jumped over, to the label of a group, with the pointers that far back.
static void beginInTheMiddle(DotOp op, const Tile &tile, const std::string &count,
                             const std::string &skipped, bool countsInRegister,
                             const std::function<std::string(int64_t)> &name,
                             llvm::function_ref<void(const Twine &)> line) {
  std::string weights = name(tile.weights()), inputs = name(tile.inputs());
  int64_t unroll = op.getUnroll(), bits = llvm::Log2_64(unroll);
  // pointer -= skipped * bytes
  auto stepBack = [&](const std::string &pointer, int64_t bytes) {
    for (int64_t bit = 0; bytes >> bit; ++bit)
      if (bytes >> bit & 1)
        line("sub " + pointer + ", " + pointer + ", " + skipped + ", lsl #" + Twine(bit));
  };
  if (bits) {
    line("rsb " + skipped + ", " + count + ", #0");
    line("and " + skipped + ", " + skipped + ", #" + Twine(unroll - 1));
  }
  if (!countsInRegister) { // where the inputs end lies on the stack
    line("add " + count + ", " + inputs + ", " + count + ", lsl #" +
         Twine(llvm::Log2_64(4 * tile.inputWords())));
    line("sub " + count + ", " + count + ", #4");
    line("str " + count + ", [sp, #-4]!");
  } else if (bits) {
    line("add " + count + ", " + count + ", #" + Twine(unroll - 1));
    line("lsr " + count + ", " + count + ", #" + Twine(bits));
  }
  line("sub " + weights + ", " + weights + ", #4");
  line("sub " + inputs + ", " + inputs + ", #4");
  if (!bits)
    return;
  stepBack(weights, 4 * tile.rows);
  stepBack(inputs, 4 * tile.inputWords());
  line("tbh [pc, " + skipped + ", lsl #1]");
  line("2:");
  std::string table = ".short ";
  for (int64_t u = 0; u < unroll; ++u)
    table += ((u ? ", (" : "(") + Twine(10 + u) + "f-2b)/2").str();
  line(table);
}

bool DotOp::expands() {
  return cast<MemRefType>(getInputs().getType()).getElementType().isInteger(8);
}

int64_t DotOp::fewestRegisters() {
  Tile tile = tileOf(*this);
  return tile.sums() + 2 + tile.groups(ordersOf(tile).back(), 0, 1, 0, false).countTemporaries();
}

int64_t DotOp::countTemporaries() { return planOf(*this).temporaries; }

int64_t DotOp::getCountOperand() {
  Plan plan = planOf(*this);
  return getSums().size() + 2 + (plan.countsInRegister ? plan.temporaries - 1 : 1);
}

std::string DotOp::getAssembly(llvm::function_ref<std::string(int64_t)> name) {
  Plan plan = planOf(*this);
  Tile tile = tileOf(*this);
  int64_t first = tile.sums() + 2;
  std::string text, weights = name(tile.weights()), inputs = name(tile.inputs());
  std::string scratch = name(first), counter = name(first + plan.temporaries - 1);
  auto line = [&](const Twine &instruction) { text += (instruction + "\n").str(); };
  auto print = [&](const Assembly &block, const std::string &beforeLast = "") {
    std::vector<std::string> lines = block.print(name, first);
    for (auto [i, each] : llvm::enumerate(lines)) {
      if (i + 1 == lines.size() && !beforeLast.empty())
        line(beforeLast);
      line(each);
    }
  };
  if (!plan.round.empty()) {
    // The last loads of a round move the pointers, which stand one word before what
    // comes next.
    if (getCount()) {
      beginInTheMiddle(*this, tile, name(getCountOperand()), scratch, plan.countsInRegister, name,
                       line);
    } else {
      if (plan.countsInRegister) {
        line("movw " + counter + ", #" + Twine(plan.rounds));
      } else { // where the inputs end lies on the stack
        line("movw " + scratch + ", #" +
             Twine(plan.rounds * getUnroll() * 4 * tile.inputWords() - 4));
        line("add " + scratch + ", " + scratch + ", " + inputs);
        line("str " + scratch + ", [sp, #-4]!");
      }
      line("sub " + weights + ", " + weights + ", #4");
      line("sub " + inputs + ", " + inputs + ", #4");
    }
    line("1:");
    std::string count = "subs " + counter + ", " + counter + ", #1";
    for (auto [i, part] : llvm::enumerate(plan.round)) {
      if (plan.round.size() > 1)
        line(Twine(10 + i) + ":");
      // Before the last product, where a core of two pipes has room.
      bool last = i + 1 == plan.round.size();
      print(part, last && plan.countsInRegister && getPaired() ? count : "");
    }
    if (plan.countsInRegister) {
      if (!getPaired())
        line(count);
    } else {
      line("ldr " + scratch + ", [sp]");
      line("cmp " + scratch + ", " + inputs);
    }
    line("bne 1b");
    if (!plan.countsInRegister)
      line("add sp, sp, #4");
  }
  if (plan.rest)
    print(*plan.rest);
  return text;
}
