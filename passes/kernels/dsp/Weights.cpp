// This file reads constant filters and stores them in the order of a kernel.
#include "passes/kernels/dsp/Weights.h"

#include "dialects/ArmDSP/ArmDSP.h"

using namespace mlir;
using namespace dlc::kernels::dsp;

std::optional<Filter> Filter::of(const Shape &s) {
  DenseElementsAttr dense;
  if (auto get = s.filter.getDefiningOp<memref::GetGlobalOp>()) {
    auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(get, get.getNameAttr());
    if (!global || !global.getConstant() || !global.getInitialValue())
      return std::nullopt;
    dense = dyn_cast<DenseElementsAttr>(*global.getInitialValue());
  } else {
    matchPattern(s.filter, m_Constant(&dense));
  }
  if (!dense || !(dense.getElementType().isInteger(8) || dense.getElementType().isInteger(16)))
    return std::nullopt;
  Filter f;
  f.kernelWidth = s.kernelWidth;
  f.channels = s.groupChannels();
  f.outputs = s.outputs;
  f.values.reserve(dense.getNumElements());
  for (const APInt &v : dense.getValues<APInt>())
    f.values.push_back(static_cast<int16_t>(v.getSExtValue()));
  return f;
}

Value dlc::kernels::dsp::storeWords(ImplicitLocOpBuilder &b, const Shape &s,
                                    ArrayRef<int32_t> words) {
  auto module = s.op->getParentOfType<ModuleOp>();
  StringRef old = s.filter.getDefiningOp<memref::GetGlobalOp>().getName();
  auto type = MemRefType::get({static_cast<int64_t>(words.size())}, b.getI32Type());
  auto data = DenseElementsAttr::get(
      RankedTensorType::get(type.getShape(), type.getElementType()), words);
  // Layers with the same weights share them.
  memref::GlobalOp found;
  for (auto global : module.getOps<memref::GlobalOp>())
    if (global.getType() == type && global.getInitialValue() == Attribute(data))
      found = global;
  if (!found) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    std::string name = (old + "_packed").str();
    for (unsigned i = 1; module.lookupSymbol(name); ++i)
      name = (old + "_packed_" + Twine(i)).str();
    found = memref::GlobalOp::create(b, name, b.getStringAttr("private"), type, data,
                                     /*constant=*/true, /*alignment=*/IntegerAttr());
  }
  return memref::GetGlobalOp::create(b, type, found.getName());
}

Panels dlc::kernels::dsp::packPanels(ImplicitLocOpBuilder &b, const Shape &s,
                                     ArrayRef<Blocks> blocks) {
  Panels panels;
  panels.blocks.assign(blocks.begin(), blocks.end());
  Filter filter = *Filter::of(s);
  Patch patch(s);
  std::vector<int32_t> packed;
  for (int64_t g = 0; g < s.groups; ++g) {
    for (Blocks &run : panels.blocks) {
      if (g == 0)
        run.start = packed.size();
      for (int64_t i = 0; i < run.count * patch.groups() * run.rows; ++i) {
        int64_t r = i % run.rows, q = i / run.rows % patch.groups();
        int64_t block = i / run.rows / patch.groups();
        int64_t o = g * s.groupOutputs() + run.first + block * run.rows + r;
        int32_t w[2][2]; // by pair and half
        for (int64_t pair = 0; pair < 2; ++pair)
          for (int64_t half = 0; half < 2; ++half) {
            std::optional<Patch::Tap> tap = patch.tap(q * 4 + patch.inPair(pair, half));
            w[pair][half] = tap ? filter.at(*tap, o) : 0;
          }
        if (s.isWide()) {
          packed.push_back(pairOf(w[0][0], w[0][1]));
          packed.push_back(pairOf(w[1][0], w[1][1]));
        } else {
          packed.push_back(wordOf(w[0][0], w[1][0], w[0][1], w[1][1]));
        }
      }
    }
    if (g == 0)
      panels.perGroup = packed.size();
  }
  panels.words = storeWords(b, s, packed);
  return panels;
}

int64_t dlc::kernels::dsp::groupsOfWords(const Shape &s) {
  Filter filter = *Filter::of(s);
  Patch patch(s);
  int64_t total = patch.groups(), limit = INT32_MAX >> (s.hasHalves() ? 15 : 7);
  auto fits = [&](int64_t count) {
    for (int64_t o = 0; o < s.outputs; ++o) {
      int64_t sum = 0;
      for (int64_t k = 0; k < total * 4; ++k) {
        sum = k % (4 * count) ? sum : 0;
        if (std::optional<Patch::Tap> tap = patch.tap(k))
          sum += std::abs(filter.at(*tap, o));
        if (sum > limit)
          return false;
      }
    }
    return true;
  };
  int64_t parts = 1;
  while (parts < total && !fits(llvm::divideCeil(total, parts)))
    ++parts;
  return llvm::divideCeil(total, parts);
}

bool Filter::isNarrow() const {
  return llvm::all_of(values, [](int16_t v) { return v >= -8 && v < 8; });
}

Panels dlc::kernels::dsp::packNarrowPanels(ImplicitLocOpBuilder &b, const Shape &s,
                                           ArrayRef<Blocks> blocks, bool onlyPairs) {
  Panels panels;
  panels.blocks.assign(blocks.begin(), blocks.end());
  Filter filter = *Filter::of(s);
  Patch patch(s);
  int64_t pairs = onlyPairs ? patch.words() / 2 : llvm::divideCeil(patch.groups(), 2);
  std::vector<int32_t> packed;
  auto word = [&](int64_t q, int64_t o) {
    int32_t w[2][2];
    for (int64_t pair = 0; pair < 2; ++pair)
      for (int64_t half = 0; half < 2; ++half) {
        std::optional<Patch::Tap> tap;
        if (q < patch.groups())
          tap = patch.tap(q * 4 + patch.inPair(pair, half));
        w[pair][half] = tap ? filter.at(*tap, o) : 0;
      }
    return wordOf(w[0][0], w[1][0], w[0][1], w[1][1]);
  };
  for (int64_t g = 0; g < s.groups; ++g) {
    for (Blocks &run : panels.blocks) {
      if (g == 0)
        run.start = packed.size();
      for (int64_t block = 0; block < run.count; ++block) {
        int64_t first = g * s.groupOutputs() + run.first + block * run.rows;
        for (int64_t q = 0; q < pairs; ++q)
          for (int64_t r = 0; r < run.rows; ++r) {
            uint32_t lower = word(2 * q, first + r), upper = word(2 * q + 1, first + r);
            packed.push_back((lower & 0x0f0f0f0fu) | (upper & 0x0f0f0f0fu) << 4);
          }
        for (int64_t q = 2 * pairs; q < patch.groups(); ++q)
          for (int64_t r = 0; r < run.rows; ++r)
            packed.push_back(word(q, first + r));
      }
    }
    if (g == 0)
      panels.perGroup = packed.size();
  }
  panels.words = storeWords(b, s, packed);
  return panels;
}

int32_t dlc::kernels::dsp::wordOf(int32_t a, int32_t b, int32_t c, int32_t d) {
  auto byte = [](int32_t v) { return static_cast<uint32_t>(v) & 0xff; };
  return static_cast<int32_t>(byte(a) | byte(b) << 8 | byte(c) << 16 | byte(d) << 24);
}

Value dlc::kernels::dsp::multiplyAdd(ImplicitLocOpBuilder &b, const Shape &s, Value x, Value y,
                                     Value sum) {
  if (s.isLong)
    return arm_dsp::SmlaldOp::create(b, x, y, sum);
  return arm_dsp::SmladOp::create(b, x, y, sum);
}

int32_t dlc::kernels::dsp::pairOf(int32_t a, int32_t b) {
  return static_cast<int32_t>((static_cast<uint32_t>(a) & 0xffff) | static_cast<uint32_t>(b) << 16);
}

void dlc::kernels::dsp::eraseUnusedConstants(ModuleOp module) {
  llvm::DenseSet<StringRef> used;
  module.walk([&](memref::GetGlobalOp get) { used.insert(get.getName()); });
  for (auto global : llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
    if (global.isPrivate() && !used.contains(global.getName()))
      global.erase();
}
