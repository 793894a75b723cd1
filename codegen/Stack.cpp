// This file adds up how much stack generated code needs.
#include "codegen/Stack.h"

#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace {
/// What routines of the compiler and the C library push, and what they call: the most that was
/// found in libgcc and newlib of GCC 12, rounded up to 8 bytes.
struct Routine {
  StringRef prefix;
  unsigned armv6m, others;
};

/// The first that fits counts.
constexpr Routine kRoutines[] = {
    {"mem", 32, 16},
    {"__aeabi_mem", 32, 16},
    {"__aeabi_idiv", 8, 0},
    {"__aeabi_uidiv", 8, 0},
    {"__aeabi_lmul", 32, 0},
    {"__aeabi_uldivmod", 88, 56},
    {"__aeabi_f2lz", 96, 56},
    {"__aeabi_f2ulz", 88, 48},
    {"__aeabi_f", 32, 32},
    {"__aeabi_i2f", 16, 0},
    {"__aeabi_ui2f", 16, 0},
    {"", 112, 64},
};

/// Sums of frames along calls.
class Frames {
public:
  Frames(const StringMap<uint64_t> &frames, const object::ObjectFile &object, const Triple &triple)
      : frames(frames), perCall(triple.isX86() ? 8 : 0) {
    if (triple.isThumb() && triple.getOS() == Triple::UnknownOS)
      readRoutines(object, triple.getSubArch() == Triple::ARMSubArch_v6m);
  }

  uint64_t from(const Function &function) {
    auto [it, fresh] = known.try_emplace(&function, 0);
    if (!fresh)
      return it->second; // also ends recursion, which generated code has none of
    uint64_t deepest = routines.lookup(function.getName());
    for (const BasicBlock &block : function)
      for (const Instruction &instruction : block)
        if (auto *call = dyn_cast<CallBase>(&instruction)) {
          if (const Function *callee = call->getCalledFunction(); callee && !callee->isDeclaration())
            deepest = std::max(deepest, perCall + from(*callee));
          else if (auto *assembly = dyn_cast<InlineAsm>(call->getCalledOperand()))
            deepest = std::max<uint64_t>(deepest, pushedBy(*assembly));
        }
    uint64_t total = deepest + frames.lookup(function.getName());
    known[&function] = total;
    return total;
  }

private:
  /// Bytes that assembly saves: our own takes a word where the registers do not last.
  static uint64_t pushedBy(const InlineAsm &assembly) {
    return 4 * assembly.getAsmString().count("[sp, #-4]!");
  }

  /// Which functions call what the linker adds: only the code generator decides that.
  void readRoutines(const object::ObjectFile &object, bool armv6m) {
    DenseMap<uint64_t, uint64_t> ofSection;
    for (const object::SectionRef &section : object.sections()) {
      auto relocated = section.getRelocatedSection();
      if (!relocated) {
        consumeError(relocated.takeError());
        continue;
      }
      if (*relocated == object.section_end() || !(*relocated)->isText())
        continue;
      uint64_t &most = ofSection[(*relocated)->getIndex()];
      for (const object::RelocationRef &relocation : section.relocations())
        if (auto symbol = relocation.getSymbol(); symbol != object.symbol_end())
          most = std::max(most, needOf(*symbol, armv6m));
    }
    for (const object::SymbolRef &symbol : object.symbols()) {
      auto type = symbol.getType();
      auto section = symbol.getSection();
      auto name = symbol.getName();
      if (type && section && name && *type == object::SymbolRef::ST_Function && *section != object.section_end())
        routines[*name] = ofSection.lookup((*section)->getIndex());
      if (!type)
        consumeError(type.takeError());
      if (!section)
        consumeError(section.takeError());
      if (!name)
        consumeError(name.takeError());
    }
  }

  static uint64_t needOf(const object::SymbolRef &symbol, bool armv6m) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    uint64_t need = 0;
    // The hooks of runtime-lite are the user's.
    if (flags && name && *flags & object::SymbolRef::SF_Undefined && !name->starts_with("dlc_"))
      for (const Routine &routine : kRoutines)
        if (name->starts_with(routine.prefix)) {
          need = armv6m ? routine.armv6m : routine.others;
          break;
        }
    if (!flags)
      consumeError(flags.takeError());
    if (!name)
      consumeError(name.takeError());
    return need;
  }

  const StringMap<uint64_t> &frames;
  StringMap<uint64_t> routines; ///< what a function's own calls of routines take
  DenseMap<const Function *, uint64_t> known;
  uint64_t perCall; ///< what the call itself pushes
};
} // namespace

uint64_t dlc::codegen::deepestStack(const Function &entry, const StringMap<uint64_t> &frames,
                           const object::ObjectFile &object) {
  return Frames(frames, object, entry.getParent()->getTargetTriple()).from(entry);
}
