// This file orders straight-line assembly of products for a core that begins two
// instructions in a cycle, and finds registers for it.
//
// That core is the Cortex-M7 as LLVM's model (ARMScheduleM7.td) has it. Every result
// can be used one cycle later: that of a load, of SXTB16, and the sum of SMLAD by the
// next SMLAD. What counts is which two may begin together:
//   - SXTB16 only as the first of two, one in a cycle;
//   - SMLAD one in a cycle, as the second of two: its result comes late, and results
//     come in order;
//   - two loads together.
// So a tile is best when each cycle has an SMLAD, and a load or SXTB16 beside it.
//
// Loads and SXTB16 ("producers") keep their order among each other, SMLAD come as soon
// as they can. A producer runs ahead as long as a register is free. That never gets
// stuck: when all SMLAD that can begin have begun, no more values are alive than in
// the original order at this producer, for which the registers suffice.
#include "dialects/ArmDSP/Schedule.h"

#include "llvm/ADT/STLExtras.h"

using namespace dlc::arm_dsp;

int64_t Assembly::load(int64_t base, int64_t offset, bool moves) {
  Instruction i{Instruction::Load, values};
  i.base = base;
  i.offset = offset;
  i.moves = moves;
  instructions.push_back(i);
  return values++;
}

int64_t Assembly::extend(int64_t word, bool rotated) {
  Instruction i{Instruction::Extend, values, {word}};
  i.rotated = rotated;
  instructions.push_back(i);
  return values++;
}

int64_t Assembly::spread(int64_t word, bool upper) {
  if (!upper) {
    instructions.push_back({Instruction::Shift, values, {word}});
    word = values++;
  }
  instructions.push_back({Instruction::Mask, values, {word}});
  return values++;
}

void Assembly::multiply(int64_t sum, int64_t a, int64_t b) {
  Instruction i{Instruction::Multiply, -1, {a, b}};
  i.sum = sum;
  instructions.push_back(i);
}

llvm::SmallVector<int64_t> Assembly::lastReads() const {
  llvm::SmallVector<int64_t> last(values, -1);
  for (size_t at = 0; at < instructions.size(); ++at)
    for (int64_t v : instructions[at].reads)
      last[v] = at;
  return last;
}

int64_t Assembly::countTemporaries() const {
  llvm::SmallVector<int64_t> last = lastReads();
  int64_t alive = 0, most = 0;
  for (size_t at = 0; at < instructions.size(); ++at) {
    const Instruction &i = instructions[at];
    // A result may take the register of what is read for the last time.
    for (size_t r = 0; r < i.reads.size(); ++r)
      if (last[i.reads[r]] == int64_t(at) && (r == 0 || i.reads[r] != i.reads[0]))
        --alive;
    if (i.value >= 0)
      most = std::max(most, ++alive);
  }
  return most;
}

int64_t Assembly::countCycles() const {
  int64_t cycles = instructions.size();
  for (size_t at = 0; at < instructions.size(); ++at)
    cycles += instructions[at].kind == Instruction::Load &&
              (at == 0 || instructions[at - 1].kind != Instruction::Load);
  return cycles;
}

std::optional<Assembly> Assembly::pairedFor(int64_t temporaries, bool twoLoads,
                                      int64_t &cycles) const {
  if (countTemporaries() > temporaries)
    return std::nullopt;
  llvm::SmallVector<const Instruction *> producers, products;
  llvm::SmallVector<int64_t> readers(values, 0);
  for (const Instruction &i : instructions) {
    (i.kind == Instruction::Multiply ? products : producers).push_back(&i);
    for (int64_t v : i.reads)
      ++readers[v];
  }
  Assembly result;
  result.values = values;
  constexpr int64_t kNever = INT64_MAX;
  llvm::SmallVector<int64_t> ready(values, kNever); // the first cycle that can use it
  llvm::SmallVector<int64_t> sumReady;
  int64_t cycle = 0, alive = 0;
  size_t produced = 0;

  auto canRead = [&](const Instruction &i) {
    for (int64_t v : i.reads)
      if (ready[v] > cycle)
        return false;
    return true;
  };
  auto needed = [&](const Instruction &i) -> int64_t { // registers
    return i.kind != Instruction::Load && readers[i.reads[0]] == 1 ? 0 : 1;
  };
  auto begin = [&](const Instruction &i) {
    for (int64_t v : i.reads)
      if (--readers[v] == 0)
        --alive;
    if (i.value >= 0) {
      ++alive;
      ready[i.value] = cycle + 1;
    }
    result.instructions.push_back(i);
  };
  // The producer that is `ahead` of the next, if it can begin with `taken` registers
  // less than are free.
  auto producer = [&](Instruction::Kind kind, size_t ahead = 0,
                      int64_t taken = 0) -> const Instruction * {
    size_t at = produced + ahead;
    // Shifts and masks begin as SXTB16 does.
    if (at >= producers.size() || (producers[at]->kind == Instruction::Load) != (kind == Instruction::Load) || !canRead(*producers[at]) ||
        alive + taken + needed(*producers[at]) > temporaries)
      return nullptr;
    return producers[at];
  };
  for (int64_t idle = 0; produced < producers.size() || !products.empty(); ++cycle) {
    size_t before = result.instructions.size();
    // One producer. SXTB16 also before the load that it follows, so that both begin.
    int64_t begun = 0;
    auto next = [&](const Instruction &i) {
      begin(i);
      ++produced;
      ++begun;
    };
    if (const Instruction *extend = producer(Instruction::Extend)) {
      next(*extend);
    } else if (const Instruction *load = producer(Instruction::Load)) {
      const Instruction *extend = producer(Instruction::Extend, 1, 1);
      if (extend)
        std::swap(producers[produced], producers[produced + 1]);
      next(extend ? *extend : *load);
    }
    // One product beside it, or one more load.
    const auto *product = llvm::find_if(products, [&](const Instruction *i) {
      if (size_t(i->sum) >= sumReady.size())
        sumReady.resize(i->sum + 1, 0);
      return canRead(*i) && sumReady[i->sum] <= cycle;
    });
    const Instruction *load = begun ? producer(Instruction::Load) : nullptr;
    bool behindLoad = begun && result.instructions.back().kind == Instruction::Load;
    if (product != products.end() && !(twoLoads && load && behindLoad)) {
      sumReady[(*product)->sum] = cycle + 1;
      begin(**product);
      products.erase(product);
    } else if (load) {
      next(*load);
    }
    idle = result.instructions.size() == before ? idle + 1 : 0;
    if (idle > 2)
      return std::nullopt; // does not happen, see above
  }
  cycles = cycle;
  return result;
}

std::vector<std::string> Assembly::print(const std::function<std::string(int64_t)> &name,
                                      int64_t firstTemporary) const {
  llvm::SmallVector<int64_t> last = lastReads(), place(values, -1);
  llvm::SmallVector<bool> taken;
  std::vector<std::string> lines;
  for (size_t at = 0; at < instructions.size(); ++at) {
    const Instruction &i = instructions[at];
    std::string reads[2];
    for (size_t r = 0; r < i.reads.size(); ++r)
      reads[r] = name(firstTemporary + place[i.reads[r]]);
    for (int64_t v : i.reads)
      if (last[v] == int64_t(at))
        taken[place[v]] = false;
    std::string to;
    if (i.value >= 0) {
      size_t free = 0;
      while (free < taken.size() && taken[free])
        ++free;
      if (free == taken.size())
        taken.push_back(false);
      taken[free] = true;
      place[i.value] = free;
      to = name(firstTemporary + free);
    }
    switch (i.kind) {
    case Instruction::Load:
      lines.push_back("ldr " + to + ", [" + name(i.base) +
                      (i.offset ? ", #" + std::to_string(i.offset) : "") + "]" +
                      (i.moves ? "!" : ""));
      break;
    case Instruction::Extend:
      lines.push_back("sxtb16 " + to + ", " + reads[0] + (i.rotated ? ", ror #8" : ""));
      break;
    case Instruction::Shift:
      lines.push_back("lsl " + to + ", " + reads[0] + ", #4");
      break;
    case Instruction::Mask:
      lines.push_back("and " + to + ", " + reads[0] + ", #0xf0f0f0f0");
      break;
    case Instruction::Multiply:
      lines.push_back("smlad " + name(i.sum) + ", " + reads[0] + ", " + reads[1] + ", " +
                      name(i.sum));
      break;
    }
  }
  return lines;
}
