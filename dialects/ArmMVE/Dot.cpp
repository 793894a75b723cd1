// This file writes arm_mve.dot in assembly: products and other instructions alternate.
#include "dialects/ArmMVE/ArmMVE.h"

#include "llvm/ADT/Twine.h"

using namespace mlir;
using namespace dlc::arm_mve;
using llvm::Twine;

static int64_t bytesOf(Value memory) {
  return cast<MemRefType>(memory.getType()).getElementTypeBitWidth() / 8;
}

int64_t DotOp::getLanes() { return 16 / std::max(bytesOf(getInputs()), bytesOf(getWeights())); }

/// Bytes of the inputs that make a vector.
static int64_t inputBytes(DotOp op) { return op.getLanes() * bytesOf(op.getInputs()); }

bool DotOp::extends(Operand pointer) {
  // Scalars may be the second row.
  Value memory = pointer == Operand::Weights ? getWeights() : getInputs();
  return bytesOf(memory) * getLanes() < 16;
}

/// The load of a vector of elements: as it is, or with elements extended to 16 bits. That
/// of inputs is known by its place, that of weights moves over words where it can.
static std::string loadName(DotOp op, Value memory) {
  if (bytesOf(memory) * op.getLanes() < 16)
    return "vldrb.s16";
  if (memory == op.getWeights())
    return "vldrw.u32";
  return bytesOf(memory) == 2 ? "vldrh.u16" : "vldrb.u8";
}

static constexpr int64_t kTemporaries = 5;

/// Sums are even registers, of which there are seven, or eight where nothing else
/// needs lr.
static int64_t passChannels(DotOp op) { return op.getChannels() / op.getPasses(); }

/// Vectors from one row to the next when the second row reads what the first one
/// has read; 0 otherwise.
static int64_t sharedVectors(DotOp op) {
  int64_t bytes = inputBytes(op), shift = op.getRowStride() / bytes;
  bool shares = op.getRows() == 2 && op.getRowStride() % bytes == 0 && op.getRest() == 0 &&
                shift > 0 && shift <= 2 && shift < int64_t(op.getVectors());
  return shares ? shift : 0;
}

static bool isStraight(DotOp op) {
  return op.getRuns() * op.getVectors() <= op.getStraight();
}

/// A loop of its own for every run, by so many vectors a round; 0 when runs are
/// written out.
static int64_t roundVectors(DotOp op) {
  int64_t most = std::min<int64_t>(op.getStraight(), 8), vectors = op.getVectors();
  if (vectors <= int64_t(op.getStraight()))
    return 0;
  int64_t best = most; // the most that leaves nothing
  for (int64_t n = most; n > most / 2; --n)
    if (vectors % n == 0)
      return n;
  return best;
}

static bool countsInLr(DotOp op) { return op.changesLr(); }

bool DotOp::changesLr() { return getRows() * passChannels(*this) < 8; }

SmallVector<DotOp::Operand> DotOp::getAssemblyOperands() {
  SmallVector<Operand> operands(getRows() * getChannels() / 4, Operand::Result);
  operands.append(getRows() * passChannels(*this), Operand::Sum);
  operands.append(kTemporaries, Operand::Vector);
  operands.append({Operand::Inputs, Operand::Weights});
  if (getRows() == 2 && !sharedVectors(*this))
    operands.push_back(Operand::Scalar); // the second row
  if (getRest() || !countsInLr(*this))
    operands.push_back(Operand::Scalar); // the predicate, rounds
  return operands;
}

namespace {
/// Writes one operation.
class Writer {
public:
  Writer(DotOp op, llvm::function_ref<std::string(int64_t)> name)
      : op(op), rows(op.getRows()), channels(passChannels(op)), shared(sharedVectors(op)),
        bytes(inputBytes(op)), suffix(op.getLanes() == 16 ? ".s8 " : ".s16 ") {
    SmallVector<DotOp::Operand> operands = op.getAssemblyOperands();
    for (auto [i, kind] : llvm::enumerate(operands)) {
      switch (kind) {
      case DotOp::Operand::Result:
        results.push_back(name(i));
        break;
      case DotOp::Operand::Vector:
        vectors.push_back(name(i));
        break;
      case DotOp::Operand::Sum:
        sums.push_back(name(i));
        break;
      case DotOp::Operand::Inputs:
        inputs.insert(inputs.begin(), name(i));
        break;
      case DotOp::Operand::Weights:
        weights = name(i);
        break;
      case DotOp::Operand::Scalar:
        if (inputs.size() < size_t(rows) && !shared)
          inputs.push_back(name(i));
        else
          scalar = name(i);
        break;
      }
    }
    if (scalar.empty())
      scalar = "lr";
  }

  std::string write() {
    int64_t passes = op.getPasses();
    if (inputs.size() == 2)
      line("mov " + inputs[1] + ", " + inputs[0]), add(inputs[1], op.getRowStride());
    for (int64_t pass = 0; pass < passes; ++pass) {
      if (isStraight(op)) {
        // The second pass starts where the first one ends, without a gap.
        for (int64_t run = 0; run < int64_t(op.getRuns()); ++run) {
          addRun(op.getVectors(), run == 0);
          if (run + 1 < int64_t(op.getRuns()))
            advance(op.getRunStride() - consumed(op.getVectors()));
        }
        if (pass + 1 == passes || op.getRest())
          flush();
      } else {
        flush();
        for (const std::string &sum : sums)
          line("movs " + sum + ", #0");
        loops();
      }
      if (op.getRest())
        tail();
      if (pass + 1 < passes)
        advance(-distance());
      moves(pass, passes);
    }
    flush();
    return text;
  }

private:
  void line(const Twine &instruction) { text += (instruction + "\n").str(); }

  static void addTo(llvm::function_ref<void(const Twine &)> emit, const std::string &reg,
                    int64_t by) {
    const char *name = by < 0 ? "sub" : "add";
    int64_t left = std::abs(by);
    if (left & 0xfff)
      emit(Twine(name) + "w " + reg + ", " + reg + ", #" + Twine(left & 0xfff));
    for (int64_t shift = 12; left >> shift; shift += 8)
      if (int64_t part = left & (int64_t(0xff) << shift))
        emit(Twine(name) + ".w " + reg + ", " + reg + ", #" + Twine(part));
  }
  void add(const std::string &reg, int64_t by) {
    addTo([&](const Twine &t) { line(t); }, reg, by);
  }

  /// Bytes that the inputs' pointers move over in a run.
  int64_t consumed(int64_t count) const { return (count + shared) * bytes; }
  /// The same from the first run to where the last one ends.
  int64_t distance() {
    if (isStraight(op))
      return (op.getRuns() - 1) * op.getRunStride() + consumed(op.getVectors());
    if (roundVectors(op))
      return (op.getRuns() - 1) * op.getRunStride() + op.getVectors() * bytes;
    return op.getRuns() * op.getRunStride(); // every round ends with a step
  }

  // A sequence is products and, between them, other instructions ("fillers"), in an
  // order that is known: loads in the order of their use, steps of pointers.
  struct Filler {
    std::string text;      ///< %v stands for the vector that is loaded
    int64_t value = -1;    ///< the vector's number; -1: no load
  };
  struct Product {
    std::string sum;
    int64_t x = 0, w = 0;
    bool first = false;
    std::string move; ///< not a product: moves sums away
  };

  std::string loadOf(Value memory, const std::string &vector, const std::string &pointer) {
    return (loadName(op, memory) + " " + vector + ", [" + pointer + "], #" +
            Twine(op.getLanes() * bytesOf(memory)))
        .str();
  }
  int64_t load(const std::string &pointer, Value memory) {
    int64_t value = values++;
    fillers.push_back({loadOf(memory, "%v", pointer), value});
    return value;
  }
  void advance(int64_t by) {
    for (const std::string &pointer : inputs)
      addTo([&](const Twine &t) { fillers.push_back({t.str()}); }, pointer, by);
  }

  /// `count` neighbouring vectors of every row; with `first` sums start here.
  void addRun(int64_t count, bool first) {
    SmallVector<int64_t> window; // shared vectors: what was loaded for the first row
    SmallVector<int64_t> x(rows, -1);
    for (int64_t v = 0; v < count; ++v) {
      for (int64_t c = 0; c < channels; ++c) {
        int64_t w = -1;
        for (int64_t r = 0; r < rows; ++r) {
          if (c == 0) {
            if (!shared)
              x[r] = load(inputs[r], op.getInputs());
            else {
              while (int64_t(window.size()) <= v + r * shared)
                window.push_back(load(inputs[0], op.getInputs()));
              x[r] = window[v + r * shared];
            }
          }
          if (w < 0)
            w = load(weights, op.getWeights());
          products.push_back({sums[c * rows + r], x[r], w, first && v == 0, ""});
        }
      }
    }
  }

  void moves(int64_t pass, int64_t passes) {
    // Lanes 0 and 2, then 1 and 3, are written at once.
    auto move = [&](int64_t r, int64_t lane, const std::string &low, const std::string &high) {
      const std::string &to = results[r];
      products.push_back({"", 0, 0, false,
                          ("vmov " + to + "[" + Twine(lane + 2) + "], " + to + "[" + Twine(lane) +
                           "], " + low + ", " + high).str()});
    };
    if (passes == 2) {
      for (int64_t r = 0; r < rows; ++r)
        move(r, pass, sums[r], sums[rows + r]);
      return;
    }
    for (size_t i = 0; i < results.size(); ++i)
      for (int64_t lane : {0, 1})
        move(i, lane, sums[4 * i + lane], sums[4 * i + lane + 2]);
  }

  /// Writes the sequence.
  void flush() {
    SmallVector<int64_t> lastUse(values, -1);
    for (auto [i, p] : llvm::enumerate(products))
      if (p.move.empty())
        lastUse[p.x] = lastUse[p.w] = i;
    SmallVector<int64_t> position(values, -1); // filler by value
    for (auto [i, f] : llvm::enumerate(fillers))
      if (f.value >= 0)
        position[f.value] = i;
    SmallVector<std::string> registers(values), available(vectors.rbegin(), vectors.rend());
    size_t next = 0;
    auto fill = [&] {
      Filler &f = fillers[next++];
      if (f.value < 0)
        return line(f.text);
      registers[f.value] = available.pop_back_val();
      size_t at = f.text.find("%v");
      line(f.text.substr(0, at) + registers[f.value] + f.text.substr(at + 2));
    };
    for (auto [i, p] : llvm::enumerate(products)) {
      if (!p.move.empty()) {
        line(p.move);
        continue;
      }
      while (int64_t(next) <= std::max(position[p.x], position[p.w]))
        fill();
      line((p.first ? "vmladav" : "vmladava") + suffix + p.sum + ", " + registers[p.x] + ", " +
           registers[p.w]);
      for (int64_t value : {p.x, p.w})
        if (lastUse[value] == int64_t(i)) {
          available.insert(available.begin(), registers[value]);
          lastUse[value] = -1;
        }
      if (next < fillers.size() && (fillers[next].value < 0 || available.size() > 1))
        fill();
    }
    while (next < fillers.size())
      fill();
    products.clear();
    fillers.clear();
    values = 0;
  }

  void repeat(int64_t rounds, llvm::function_ref<void()> body) {
    if (rounds == 1)
      return body();
    line("movw " + scalar + ", #" + Twine(rounds));
    if (scalar == "lr" || countsInLr(op))
      line("dls lr, " + scalar);
    line("1:");
    body();
    flush();
    if (countsInLr(op)) {
      line("le lr, 1b");
    } else {
      line("subs " + scalar + ", " + scalar + ", #1");
      line("bne 1b");
    }
  }

  void loops() {
    int64_t runs = op.getRuns(), count = op.getVectors(), round = roundVectors(op);
    if (!round) {
      repeat(runs, [&] {
        addRun(count, false);
        advance(op.getRunStride() - consumed(count));
      });
      return;
    }
    for (int64_t run = 0; run < runs; ++run) {
      repeat(count / round, [&] {
        addRun(round, false);
        advance(-shared * bytes);
      });
      if (count % round) {
        addRun(count % round, false);
        advance(-shared * bytes);
      }
      if (run + 1 < runs)
        advance(op.getRunStride() - count * bytes);
      flush();
    }
  }

  /// The last products of a row: inputs behind it are not read.
  void tail() {
    line("vmrs " + scalar + ", p0"); // compilers cannot be told that it changes
    line("movw lr, #" + Twine(op.getRest()));
    line(op.getLanes() == 16 ? "vctp.8 lr" : "vctp.16 lr");
    line(Twine("vpst") + (rows == 2 ? "t" : ""));
    for (int64_t r = 0; r < rows; ++r)
      line(std::string(bytesOf(op.getInputs()) == 2 ? "vldrht.u16 " : op.getLanes() == 8 ? "vldrbt.s16 " : "vldrbt.u8 ") +
           vectors[r] + ", [" + inputs[r] + "]");
    line("vmsr p0, " + scalar);
    for (int64_t c = 0; c < channels; ++c) {
      const std::string &w = vectors[2 + c % 2];
      line(loadOf(op.getWeights(), w, weights));
      for (int64_t r = 0; r < rows; ++r)
        line((op.getVectors() == 0 ? "vmladav" : "vmladava") + suffix + sums[c * rows + r] + ", " + vectors[r] + ", " + w);
    }
  }

  DotOp op;
  int64_t rows, channels, shared, bytes, values = 0;
  std::string suffix; ///< the type of products, as instructions end
  SmallVector<std::string> results, vectors, sums, inputs;
  std::string weights, scalar, text;
  SmallVector<Filler> fillers;
  SmallVector<Product> products;
};
} // namespace

std::string DotOp::getAssembly(llvm::function_ref<std::string(int64_t)> name) {
  return Writer(*this, name).write();
}

LogicalResult DotOp::verify() {
  auto is = [&](uint64_t rows, uint64_t channels, uint64_t passes) {
    return getRows() == rows && getChannels() == channels && getPasses() == passes;
  };
  if (!is(2, 4, 2) && !is(1, 4, 2) && !is(1, 4, 1) && !is(1, 8, 1))
    return emitOpError("has one or two rows of four channels in two passes, or one row of four "
                       "or eight in one");
  if (int64_t(getNumResults()) != int64_t(getRows() * getChannels() / 4))
    return emitOpError("has a result for four channels of each row");
  if (int64_t(getRuns()) < 1 || getRuns() > 32 || int64_t(getVectors()) < 0 ||
      getVectors() >= 1 << 16 || int64_t(getRest()) < 0 || int64_t(getRest()) >= getLanes() ||
      getVectors() + getRest() == 0)
    return emitOpError("has 1 to 32 runs of at least one product");
  if (getRest() && (getRuns() != 1 || getChannels() != 4))
    return emitOpError("has a rest in one run of four channels only");
  if (int64_t(getStraight()) < 1)
    return emitOpError("writes at least one vector out");
  return success();
}
