// This file chooses chains of layers that run in bands of rows.
#include "passes/memory/RowPasses.h"

#include "dialects/RT/Bands.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/Pipelines.h"
#include "passes/kernels/Needs.h"
#include "passes/memory/Lifetimes.h"
#include "passes/memory/Rows.h"
#include "passes/memory/Stretches.h"

#include <cmath>
#include <set>

namespace dlc {
#define GEN_PASS_DEF_PLANROWS
#include "passes/memory/RowPasses.h.inc"
} // namespace dlc

using namespace mlir;
using namespace dlc::memory;

namespace {
/// Operations of a chain, and bands of a stretch: more are not looked at.
constexpr size_t kMaxLength = 20;
constexpr size_t kMaxBands = 64;
/// Where time is to be saved they are tall.
constexpr size_t kMaxBandsForSpeed = 4;
/// Additional instructions that are no matter, as parts of all: where RAM is to be
/// saved, and where time is.
constexpr double kLittleForRam = 0.10, kLittleForSpeed = 0.01;
/// What is worth them: these parts of the arena.
constexpr double kWorthwhileForRam = 0.05, kWorthwhileForSpeed = 0.30;
/// Plans of the arena that are made to meet a budget.
constexpr int kTrials = 10;

int64_t bytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return 0;
  return tensor.getNumElements() * elementBytes(tensor.getElementType());
}

/// A storage: a tensor, and the steps that need it.
struct Storage {
  int64_t bytes = 0, first = 0, last = 0;
};

/// An operation of the schedule.
struct Step {
  Operation *op = nullptr;
  std::optional<RowOp> row;
  SmallVector<size_t> reads;
  std::optional<size_t> makes;
  int64_t scratch = 0;       ///< bytes of the kernel
  int64_t padded = 0;        ///< bytes of a row of a padded copy of the input
  int64_t saved = 0;         ///< bytes of the output that may lie over the first operand
  bool isInPlace = false;    ///< nearly all of them
  double instructions = 0;
};

/// What the model's function needs and costs, step by step.
class Model {
public:
  Model(func::FuncOp func, bool ioInArena, ArrayRef<Operation *> planned) : rows(func.front()) {
    Block &block = func.front();
    llvm::SmallPtrSet<Operation *, 16> pads; // part of what reads them
    llvm::DenseMap<Operation *, Operation *> kernels;
    size_t next = 0;
    for (Operation &op : block) {
      if (std::optional<RowOp> row = rows.of(&op))
        for (RowRead &read : row->reads)
          if (read.pad)
            pads.insert(read.pad);
      if (isa<dlc::nn::ConvOp, dlc::nn::MatmulOp>(op) && next < planned.size())
        kernels[&op] = planned[next++];
    }
    for (BlockArgument arg : block.getArguments())
      storageOf(arg, ioInArena ? bytesOf(arg.getType()) : 0);
    for (Operation &op : block.without_terminator())
      if (!isFree(&op) && !pads.contains(&op))
        addStep(op, kernels.lookup(&op), pads);
    for (Value v : block.getTerminator()->getOperands())
      if (auto it = numbers.find(rootOf(v, pads)); it != numbers.end()) {
        storages[it->second].last = static_cast<int64_t>(steps.size());
        if (!ioInArena && storages[it->second].first >= 0)
          storages[it->second].bytes = 0;
      }
  }

  /// Bytes alive during a step.
  int64_t liveAt(size_t t) const {
    const Step &step = steps[t];
    int64_t live = step.scratch - step.saved + wholeIn(t, t, {});
    if (step.padded && step.row)
      live += step.padded * (step.row->reads.front().rows);
    return live;
  }

  /// The stretch [first, last] in bands; nothing when it cannot be.
  std::optional<Stretch> stretch(const RowChain &chain, size_t first, int64_t height) const {
    std::optional<Bands> bands = bandsOf(chain.plain, height);
    if (!bands || bands->count() < 2 || bands->count() > kMaxBands)
      return std::nullopt;
    size_t n = chain.ops.size();
    std::vector<int64_t> scratch;
    std::vector<bool> inPlace;
    llvm::SmallDenseSet<size_t> parts;
    double extra = 0;
    for (size_t i = 0; i < n; ++i) {
      const Step &step = steps[first + i];
      int64_t most = 0; // rows of the first operand in one band
      std::set<std::tuple<int64_t, int64_t, bool, bool>> shapes; // each is code of its own
      for (const Band &band : bands->ops[i]) {
        if (!band.computes())
          continue;
        const ChainOp::Read &read = chain.plain[i].reads.front();
        auto [from, to] = rowsRead(read, band.from, band.to);
        most = std::max(most, to - from);
        shapes.insert({band.to - band.from, to - from, band.from * read.scale + read.low < 0,
                       (band.to - 1) * read.scale + read.high >= read.rows});
        // Rows that a kernel brings into its own form once more.
        int64_t again = std::max<int64_t>(0, read.high - read.low + 1 - read.scale);
        extra += static_cast<double>(again) * rowBytes(chain.ops[i].reads.front()) * 2;
        extra += kCall;
      }
      extra += static_cast<double>(shapes.size() - 1) * kCode - kCall;
      scratch.push_back(step.scratch + step.padded * most);
      inPlace.push_back(step.isInPlace);
      if (!chain.plain[i].escapes)
        parts.insert(*step.makes);
    }
    ChainNeeds needs = needsOf(chain.plain, *bands, scratch, inPlace);
    return Stretch{first, first + n - 1, height, needs.peak + wholeIn(first, first + n - 1, parts),
                   extra + static_cast<double>(needs.copied), bands->count()};
  }

  double instructions() const {
    double sum = 0;
    for (const Step &step : steps)
      sum += step.instructions;
    return sum;
  }

  Rows rows;
  std::vector<Step> steps;
  std::vector<Storage> storages;

private:
  /// Instructions around the work of one call; and what one more function for another
  /// shape is to be worth.
  static constexpr double kCall = 150, kCode = 2000;

  static double rowBytes(const RowRead &read) {
    return static_cast<double>(bytesOf(read.source.getType())) / static_cast<double>(read.rows);
  }

  /// The value whose memory `v` shares.
  static Value rootOf(Value v, const llvm::SmallPtrSetImpl<Operation *> &pads) {
    while (Operation *def = v.getDefiningOp()) {
      if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(def) &&
          !pads.contains(def))
        break;
      v = def->getOperand(0);
    }
    return v;
  }

  size_t storageOf(Value v, int64_t bytes) {
    auto [it, isNew] = numbers.try_emplace(v, storages.size());
    if (isNew) {
      int64_t now = static_cast<int64_t>(steps.size());
      storages.push_back({bytes, isa<BlockArgument>(v) ? -1 : now, now});
    }
    return it->second;
  }

  /// Bytes of tensors alive in steps [first, last], without `parts`.
  int64_t wholeIn(size_t first, size_t last, const llvm::SmallDenseSet<size_t> &parts) const {
    int64_t sum = 0;
    for (auto [i, s] : llvm::enumerate(storages))
      if (s.first <= static_cast<int64_t>(last) && s.last >= static_cast<int64_t>(first) && !parts.contains(i))
        sum += llvm::alignTo(s.bytes, dlc::rt::kArenaAlign);
    return sum;
  }

  void addStep(Operation &op, Operation *planned, const llvm::SmallPtrSetImpl<Operation *> &pads) {
    Step step;
    step.op = &op;
    step.row = rows.of(&op);
    llvm::SetVector<Value> operands(op.operand_begin(), op.operand_end());
    getUsedValuesDefinedAbove(op.getRegions(), operands);
    for (Value v : operands)
      if (auto it = numbers.find(rootOf(v, pads)); it != numbers.end()) {
        step.reads.push_back(it->second);
        storages[it->second].last = static_cast<int64_t>(steps.size());
      }
    for (Value v : op.getResults())
      step.makes = storageOf(v, bytesOf(v.getType()));
    if (planned)
      addKernel(step, planned);
    step.instructions = instructionsOf(&op);
    steps.push_back(std::move(step));
    // The last reader is known only at the end: in place where it is this one.
    findSaved(steps.back(), planned);
  }

  static void addKernel(Step &step, Operation *planned) {
    step.scratch = llvm::alignTo(dlc::kernels::scratchBytes(planned), dlc::rt::kArenaAlign);
    // A padded copy, unless the kernel took the padding.
    if (!step.row || step.row->reads.empty() || !step.row->reads.front().pad)
      return;
    if (planned->getOperand(0).getDefiningOp<tensor::PadOp>())
      step.padded = static_cast<int64_t>(bytesOf(step.row->reads.front().pad.getType()) /
                                         step.row->reads.front().rows) + 1;
  }

  void findSaved(Step &step, Operation *planned) {
    if (!step.makes || !step.row || step.row->reads.empty())
      return;
    int64_t out = storages[*step.makes].bytes;
    const RowRead &read = step.row->reads.front();
    int64_t in = bytesOf(read.source.getType());
    if (isa<linalg::GenericOp>(step.op)) {
      if (read.scale == 1 && read.low == 0 && read.high == 0 && in >= out)
        mayLieOver(step, out, true);
      return;
    }
    std::optional<dlc::kernels::Overlap> overlap;
    if (planned && !step.padded)
      overlap = dlc::kernels::overlapOf(planned);
    if (!overlap)
      return;
    int64_t both = std::min(in + out, std::max(out, in + overlap->distance));
    mayLieOver(step, in + out - both, read.scale == 1 && read.low == 0 && read.high == 0);
  }

  void mayLieOver(Step &step, int64_t bytes, bool isInPlace) {
    step.saved = std::max<int64_t>(0, bytes);
    step.isInPlace = isInPlace && bytes > 0;
  }

public:
  /// Nothing is saved where the first operand is read again, or is not ours.
  void settle() {
    llvm::SmallPtrSet<Operation *, 16> pads;
    for (Step &step : steps)
      if (step.row)
        for (RowRead &read : step.row->reads)
          if (read.pad)
            pads.insert(read.pad);
    for (auto [t, step] : llvm::enumerate(steps)) {
      if (!step.saved)
        continue;
      auto it = numbers.find(rootOf(step.row->reads.front().source, pads));
      if (it == numbers.end() || storages[it->second].last != static_cast<int64_t>(t) ||
          storages[it->second].bytes == 0 || storages[*step.makes].bytes == 0)
        step.saved = 0;
    }
  }

private:
  /// A guess: products, elements, and what they cost around.
  static double instructionsOf(Operation *op) {
    double macs = static_cast<double>(dlc::nn::countMacs(op));
    double out = 0;
    for (Value v : op->getResults())
      if (auto type = dyn_cast<RankedTensorType>(v.getType()); type && type.hasStaticShape())
        out += static_cast<double>(type.getNumElements());
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      double rounds = 1;
      for (int64_t n : generic.getStaticLoopRanges())
        rounds *= static_cast<double>(std::max<int64_t>(n, 1));
      return rounds * 6;
    }
    return macs * 1.4 + out * 10;
  }

  llvm::DenseMap<Value, size_t> numbers;
};

struct PlanRows : dlc::impl::PlanRowsBase<PlanRows> {
  /// A copy of the module inside it, for trials.
  ModuleOp copyOf(ModuleOp module) {
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    Operation *copy = module->clone();
    copy->removeAttr(dlc::rt::kRamBudget);
    copy->removeAttr(SymbolTable::getSymbolAttrName());
    b.insert(copy);
    // Nested copies of earlier trials are gone; this one must not copy itself.
    return cast<ModuleOp>(copy);
  }

  LogicalResult run(ModuleOp copy, llvm::function_ref<void(OpPassManager &)> addPasses) {
    OpPassManager pm(ModuleOp::getOperationName());
    addPasses(pm);
    ScopedDiagnosticHandler quiet(&getContext(), [](Diagnostic &) { return success(); });
    return runPipeline(pm, copy);
  }

  static func::FuncOp entryOf(ModuleOp module) {
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttr(dlc::rt::kInputs))
        return func;
    return {};
  }

  static void mark(func::FuncOp func, const Model &model, ArrayRef<Stretch> stretches, func::FuncOp into) {
    llvm::DenseMap<Operation *, Operation *> same;
    for (auto [from, to] : llvm::zip_equal(func.front(), into.front()))
      same[&from] = &to;
    Builder b(func.getContext());
    for (auto [number, stretch] : llvm::enumerate(stretches))
      for (size_t t = stretch.first; t <= stretch.last; ++t)
        same[model.steps[t].op]->setAttr(dlc::rt::kBands,
                                         b.getDenseI64ArrayAttr({static_cast<int64_t>(number), stretch.height}));
  }

  /// Bytes of the arena when these stretches run in bands; nothing when that fails.
  std::optional<int64_t> arenaOf(const Model &model, ArrayRef<Stretch> stretches) {
    ModuleOp copy = copyOf(getOperation());
    func::FuncOp entry = entryOf(copy);
    mark(entryOf(getOperation()), model, stretches, entry);
    LogicalResult done = run(copy, [](OpPassManager &pm) {
      pm.addPass(dlc::createFuseRows());
      dlc::addTilePasses(pm);
      dlc::addArenaPasses(pm);
    });
    std::optional<int64_t> bytes;
    if (succeeded(done))
      for (auto func : copy.getOps<func::FuncOp>())
        if (auto arena = func->getAttrOfType<IntegerAttr>(dlc::rt::kArenaBytes))
          bytes = arena.getInt();
    copy.erase();
    return bytes;
  }

  void findStretches(const Model &model, Plan &plan) {
    for (size_t t = 0; t < model.steps.size(); ++t)
      plan.live.push_back(model.liveAt(t));
    for (size_t first = 0; first < model.steps.size(); ++first) {
      SmallVector<Operation *> ops;
      for (size_t last = first; last < model.steps.size() && last < first + kMaxLength; ++last) {
        if (!model.steps[last].row)
          break;
        ops.push_back(model.steps[last].op);
        if (ops.size() < 2)
          continue;
        std::optional<RowChain> chain = chainOf(model.rows, ops);
        if (!chain)
          break;
        int64_t rows = chain->plain.back().rows;
        int64_t most = *std::max_element(plan.live.begin() + first, plan.live.begin() + last + 1);
        for (int64_t height = 1; height < rows; height = std::max(height + 1, height * 5 / 4))
          if (auto stretch = model.stretch(*chain, first, height); stretch && stretch->bytes < most)
            plan.stretches.push_back(*stretch);
      }
    }
  }

  /// What is said when no bands are narrow enough.
  void refuse(func::FuncOp func, const Model &model, const Choice &least, int64_t arena, int64_t outside,
              int64_t before, int64_t budget) {
    auto diag = func.emitError("the model needs ")
                << arena + outside << " bytes of RAM even in bands of rows (arena " << arena
                << ", inputs and outputs outside it " << outside << "), which is more than --ram-budget=" << budget;
    // The step, or the chain, that needs the most.
    auto noteStep = [&](size_t first, size_t last, int64_t bytes) {
      Operation *op = model.steps[first].op;
      auto &note = diag.attachNote(op->getLoc());
      note << bytes << " bytes are needed at once by ";
      std::string name = dlc::onnx::nodeName(op->getLoc());
      note << (name.empty() ? op->getName().getStringRef().str() : "layer '" + name + "'");
      if (last > first)
        note << " and the " << last - first << " after it, in bands";
    };
    bool isNoted = false;
    for (size_t t = 0; t < model.steps.size() && !isNoted;) {
      const Stretch *in = nullptr;
      for (const Stretch &s : least.stretches)
        if (s.first == t)
          in = &s;
      int64_t bytes = in ? in->bytes : model.liveAt(t);
      if ((isNoted = bytes == least.bytes))
        noteStep(t, in ? in->last : t, bytes);
      t = in ? in->last + 1 : t + 1;
    }
    diag.attachNote() << "layer after layer it needs " << before + outside << " bytes; the lowest budget that works is "
                      << arena + outside;
    auto optimize = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    if (!optimize || optimize.getValue() != "ram")
      diag.attachNote() << "-Oram needs less, at the price of speed";
    if (outside)
      diag.attachNote() << "--io=arena lets inputs and outputs share the arena";
    signalPassFailure();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp func = entryOf(module);
    auto target = dlc::rt::targetOf(module);
    auto budget = module->getAttrOfType<IntegerAttr>(dlc::rt::kRamBudget);
    auto optimize = module->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    StringRef what = optimize ? optimize.getValue() : "speed";
    if (!func || !target || func.isExternal() || !func.getBody().hasOneBlock() ||
        (!budget && (target.getHosted() || what == "size" || module->hasAttr(dlc::rt::kMemories))))
      return;
    for (Operation &op : func.front())
      if (!isFree(&op) && !op.hasTrait<OpTrait::IsTerminator>() && !isMemoryEffectFree(&op))
        return;
    bool ioInArena = module->hasAttr(dlc::rt::kIoArena);

    // Kernels say what they need.
    ModuleOp copy = copyOf(module);
    LogicalResult planned = run(copy, [](OpPassManager &pm) {
      pm.addPass(dlc::createPlanKernels());
      pm.addPass(dlc::createFoldPads());
    });
    SmallVector<Operation *> kernels;
    for (Operation &op : entryOf(copy).front())
      if (isa<dlc::nn::ConvOp, dlc::nn::MatmulOp>(op))
        kernels.push_back(&op);
    Model model(func, ioInArena, kernels);
    model.settle();
    copy.erase();
    if (failed(planned))
      return;
    Plan plan;
    findStretches(model, plan);
    if (plan.stretches.empty())
      return;
    std::optional<int64_t> before = arenaOf(model, {});
    if (!before)
      return;
    auto measure = [&](const Choice &choice) { return arenaOf(model, choice.stretches); };

    if (!budget) {
      bool saveMemory = what == "ram";
      double most = model.instructions() * (saveMemory ? kLittleForRam : kLittleForSpeed);
      int64_t goal = std::llround(static_cast<double>(*before) * (1 - (saveMemory ? kWorthwhileForRam : kWorthwhileForSpeed)));
      if (!saveMemory)
        llvm::erase_if(plan.stretches, [](const Stretch &s) { return s.bands > kMaxBandsForSpeed; });
      std::optional<Choice> choice = saveMemory ? chooseLeast(plan, most) : choose(plan, goal);
      if (!choice || choice->stretches.empty() || choice->cost > most)
        return;
      if (std::optional<int64_t> arena = measure(*choice); arena && *arena <= goal)
        mark(func, model, choice->stretches, func);
      return;
    }
    int64_t outside = 0;
    if (!ioInArena) {
      for (Type type : func.getArgumentTypes())
        outside += bytesOf(type);
      for (Type type : func.getResultTypes())
        outside += bytesOf(type);
    }
    int64_t goal = budget.getInt() - outside;
    if (*before <= goal)
      return;
    // The model is not exact: what it takes for little enough is planned on trial.
    int64_t bound = goal;
    std::optional<Choice> choice = choose(plan, bound);
    for (int trial = 0; trial < kTrials && choice; ++trial) {
      std::optional<int64_t> arena = measure(*choice);
      if (!arena)
        return;
      if (*arena <= goal) {
        mark(func, model, choice->stretches, func);
        return;
      }
      bound = std::min(choice->bytes, bound) - std::max<int64_t>(dlc::rt::kArenaAlign, (*arena - goal) / 2);
      choice = choose(plan, bound);
    }
    choice = chooseLeast(plan, std::numeric_limits<double>::infinity());
    std::optional<int64_t> arena = choice ? measure(*choice) : std::nullopt;
    if (!arena)
      return;
    if (*arena <= goal)
      mark(func, model, choice->stretches, func);
    else if (*arena < *before)
      refuse(func, model, *choice, *arena, outside, *before, budget.getInt());
  }
};
} // namespace
