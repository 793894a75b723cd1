// This file resolves target names, CPUs and features to #rt.target attributes.
//
// The table holds only what LLVM cannot know: which triple and CPU a name of
// ours stands for. Everything else is read from LLVM's feature bits, so that
// --mcpu and --mattr change the facts that passes see.
#include "compiler/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace dlc;
using namespace llvm;

namespace {
struct Entry {
  StringLiteral name, triple, cpu, text;
};

// Hard-float triples where the core comes with an FPU; floatAbi() falls back to
// soft when --mattr takes it away.
constexpr Entry kTable[] = {
    {"host", "", "", "this machine's architecture, baseline CPU"},
    {"cortex-m0", "thumbv6m-none-eabi", "cortex-m0", "Armv6-M"},
    {"cortex-m0plus", "thumbv6m-none-eabi", "cortex-m0plus", "Armv6-M"},
    {"cortex-m3", "thumbv7m-none-eabi", "cortex-m3", "Armv7-M"},
    {"cortex-m4", "thumbv7em-none-eabihf", "cortex-m4",
     "Armv7E-M, DSP, single-precision FPU"},
    {"cortex-m7", "thumbv7em-none-eabihf", "cortex-m7",
     "Armv7E-M, DSP, double-precision FPU"},
    {"cortex-m33", "thumbv8m.main-none-eabihf", "cortex-m33",
     "Armv8-M, DSP, single-precision FPU"},
    {"cortex-m55", "thumbv8.1m.main-none-eabihf", "cortex-m55",
     "Armv8.1-M, Helium (MVE)"},
    {"cortex-m85", "thumbv8.1m.main-none-eabihf", "cortex-m85",
     "Armv8.1-M, Helium (MVE)"},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic",
     "Armv8-A Linux, NEON; SVE by --mcpu or --mattr"},
};

void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
  });
}

template <typename... Args> Error usage(const char *format, Args &&...args) {
  return createStringError(formatv(format, std::forward<Args>(args)...).str());
}

/// ", did you mean 'a', 'b'?" with the nearest of `names`, or "".
std::string nearest(StringRef wrong, ArrayRef<StringRef> names) {
  SmallVector<std::pair<unsigned, StringRef>> ranked;
  unsigned limit = std::max<unsigned>(2, wrong.size() / 3);
  for (StringRef name : names) {
    unsigned distance = wrong.edit_distance_insensitive(name, true, limit);
    // A name that goes on where the wrong one stops is near, too.
    if (distance > limit && wrong.size() >= 3 && name.starts_with(wrong))
      distance = limit;
    if (distance <= limit)
      ranked.push_back({distance, name});
  }
  if (ranked.empty())
    return "";
  llvm::sort(ranked);
  ranked.erase(llvm::unique(ranked), ranked.end());
  ranked.truncate(std::min<size_t>(ranked.size(), 4));
  std::string text = ", did you mean ";
  ListSeparator comma(", ");
  for (auto &entry : ranked)
    text += ("" + StringRef(comma) + "'" + entry.second + "'").str();
  return text + "?";
}

/// The host's triple without what differs between distributions.
std::string hostTriple() {
  Triple triple(sys::getProcessTriple());
  return (triple.getArchName() + "-unknown-linux-gnu").str();
}

StringRef defaultCpu(const Triple &triple) {
  if (triple.getArch() == Triple::x86_64)
    return "x86-64";
  if (triple.getArch() == Triple::riscv64)
    return "generic-rv64";
  if (triple.getArch() == Triple::riscv32)
    return "generic-rv32";
  return "generic";
}

/// Splits "+a,-b,c" into signed names; a name without a sign switches on.
Expected<SmallVector<std::string>> splitFeatures(StringRef text,
                                                 const MCSubtargetInfo &info,
                                                 const Triple &triple) {
  SmallVector<StringRef> known, parts;
  for (const SubtargetFeatureKV &feature : info.getAllProcessorFeatures())
    known.push_back(feature.Key);
  SmallVector<std::string> result;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    part = part.trim();
    bool off = part.starts_with("-");
    StringRef name = part.ltrim("+-");
    if (!is_contained(known, name))
      return usage("unknown feature '{0}' for architecture '{1}'{2}", name,
                   triple.getArchName(), nearest(name, known));
    result.push_back(((off ? "-" : "+") + name).str());
  }
  return result;
}

/// What the feature bits say, one architecture family at a time.
struct Facts {
  StringRef isa = "scalar";
  unsigned vectorBits = 0, vectorRegisters = 0;
  bool fmaF32 = false, fmaF64 = false, dsp = false;
  bool fpuF32 = false, fpuF64 = false;
  bool arithF16 = false, convertF16 = false, bf16 = false;
  bool dotprod = false, i8mm = false, sve2 = false;
  bool roundF32 = false, roundF64 = false;
  void vector(StringRef name, unsigned bits, unsigned registers) {
    isa = name, vectorBits = bits, vectorRegisters = registers;
  }
};

Facts factsOf(const MCSubtargetInfo &info, const Triple &triple) {
  Facts facts;
  auto has = [&](StringRef feature) {
    return info.checkFeatures(("+" + feature).str());
  };
  if (triple.isAArch64()) {
    facts.fpuF32 = facts.fpuF64 = facts.convertF16 = has("fp-armv8");
    facts.fmaF32 = facts.fmaF64 = has("fp-armv8");
    facts.roundF32 = facts.roundF64 = has("fp-armv8");
    facts.arithF16 = has("fullfp16");
    facts.bf16 = has("bf16");
    facts.dotprod = has("dotprod");
    facts.i8mm = has("i8mm");
    facts.sve2 = has("sve2");
    if (has("sve"))
      facts.vector("sve", 128, 32);
    else if (has("neon"))
      facts.vector("neon", 128, 32);
  } else if (triple.isARM() || triple.isThumb()) {
    bool soft = has("soft-float");
    facts.fpuF32 = has("vfp2sp") && !soft;
    facts.fpuF64 = has("vfp2") && !soft;
    facts.roundF32 = has("fp-armv8d16sp") && !soft;
    facts.roundF64 = has("fp-armv8d16") && !soft;
    facts.fmaF32 = has("vfp4sp") || has("vfp4d16sp");
    facts.fmaF64 = has("vfp4") || has("vfp4d16");
    facts.fmaF32 = facts.fmaF32 && !soft;
    facts.fmaF64 = facts.fmaF64 && !soft;
    facts.convertF16 = has("fp16") && !soft;
    facts.arithF16 = has("fullfp16") && !soft;
    facts.dsp = has("dsp");
    facts.bf16 = has("bf16");
    facts.dotprod = has("dotprod");
    facts.i8mm = has("i8mm");
    if (has("mve"))
      facts.vector("mve", 128, 8);
    else if (has("neon") && !soft)
      facts.vector("neon", 128, 16);
  } else if (triple.isX86()) {
    facts.fpuF32 = facts.fpuF64 = true;
    facts.fmaF32 = facts.fmaF64 = has("fma");
    facts.roundF32 = facts.roundF64 = has("sse4.1");
    facts.convertF16 = has("f16c");
    facts.arithF16 = has("avx512fp16");
    facts.bf16 = has("avx512bf16");
    facts.dotprod = has("avx512vnni") || has("avxvnni");
    if (has("avx512f") && has("avx512bw") && has("avx512vl") && has("avx512dq"))
      facts.vector("avx512", 512, 32);
    else if (has("avx2"))
      facts.vector("avx", 256, 16);
    else if (has("sse2"))
      facts.vector("sse", 128, triple.isArch64Bit() ? 16 : 8);
  } else if (triple.isRISCV()) {
    facts.fpuF32 = facts.fmaF32 = has("f");
    facts.fpuF64 = facts.fmaF64 = has("d");
    facts.convertF16 = has("zfhmin");
    facts.arithF16 = has("zfh");
  }
  return facts;
}

/// The float ABI: what the triple says, as long as there is an FPU for it.
StringRef floatAbi(const Triple &triple, const Facts &facts) {
  if (!triple.isARM() && !triple.isThumb())
    return "";
  switch (triple.getEnvironment()) {
  case Triple::EABIHF:
  case Triple::GNUEABIHF:
  case Triple::MuslEABIHF:
  case Triple::GNUEABIHFT64:
    return facts.fpuF32 ? "hard" : "soft";
  default:
    return "soft";
  }
}

Error checkTriple(const Triple &triple, StringRef name) {
  if (!triple.isOSBinFormatELF())
    return usage("target '{0}': only ELF object files are supported, this "
                 "triple has another format",
                 name);
  if (!triple.isLittleEndian())
    return usage("target '{0}' is big-endian, only little-endian targets are "
                 "supported",
                 name);
  if (!triple.isArch32Bit() && !triple.isArch64Bit())
    return usage("target '{0}': only 32-bit and 64-bit targets are supported",
                 name);
  return Error::success();
}
} // namespace

Expected<rt::TargetAttr> dlc::resolveTarget(mlir::MLIRContext *context,
                                            const TargetRequest &request) {
  initializeTargets();
  const Entry *entry =
      find_if(kTable, [&](const Entry &e) { return e.name == request.target; });
  std::string tripleText;
  StringRef cpu;
  if (entry != std::end(kTable)) {
    tripleText = entry->triple.empty() ? hostTriple() : entry->triple.str();
    cpu = entry->cpu;
  } else {
    tripleText = request.target;
  }
  // Unnormalized, "thumbv7em-none-eabihf" would have an operating system called
  // eabihf and no environment.
  Triple triple(Triple::normalize(tripleText));
  SmallVector<StringRef> names;
  for (const Entry &e : kTable)
    names.push_back(e.name);
  std::string why;
  const Target *target = nullptr;
  if (triple.getArch() != Triple::UnknownArch)
    target = TargetRegistry::lookupTarget(triple, why);
  if (!target || !target->hasTargetMachine())
    return usage("unknown target '{0}'{1} (names: --list-targets, or an LLVM "
                 "triple)",
                 request.target, nearest(request.target, names));
  if (Error error = checkTriple(triple, request.target))
    return std::move(error);

  if (cpu.empty())
    cpu = defaultCpu(triple);
  std::unique_ptr<MCSubtargetInfo> generic(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!generic)
    return usage("target '{0}' is not supported by this LLVM", request.target);
  SmallVector<std::string> features;
  if (request.cpu == "native") {
    if (Triple(sys::getProcessTriple()).getArch() != triple.getArch())
      return usage("--mcpu=native: target '{0}' is not of this machine's "
                   "architecture",
                   request.target);
    cpu = sys::getHostCPUName();
    for (auto &feature : sys::getHostCPUFeatures())
      features.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(features, [](StringRef a, StringRef b) {
      return a.drop_front() < b.drop_front();
    });
  } else if (!request.cpu.empty()) {
    cpu = request.cpu;
    if (triple.isAArch64())
      cpu = AArch64::resolveCPUAlias(cpu);
    if (!generic->isCPUStringValid(cpu)) {
      SmallVector<StringRef> cpus;
      for (auto &known : generic->getAllProcessorDescriptions())
        cpus.push_back(known.Key);
      return usage("unknown CPU '{0}' for architecture '{1}'{2}", request.cpu,
                   triple.getArchName(), nearest(request.cpu, cpus));
    }
  }
  // "generic" is not an entry of every architecture's CPU list.
  if (!generic->isCPUStringValid(cpu))
    cpu = "";
  auto asked = splitFeatures(request.features, *generic, triple);
  if (!asked)
    return asked.takeError();
  llvm::append_range(features, *asked);

  std::string featureText = join(features, ",");
  std::unique_ptr<MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, cpu, featureText));
  Facts facts = factsOf(*info, triple);
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, cpu, featureText, TargetOptions(), std::nullopt));
  if (!machine)
    return usage("target '{0}' is not supported by this LLVM", request.target);
  unsigned indexBits = machine->createDataLayout().getPointerSizeInBits();
  bool hosted = !triple.isOSUnknown();
  return rt::TargetAttr::get(
      context, request.target, triple.str(), cpu, featureText,
      floatAbi(triple, facts), facts.isa, facts.vectorBits,
      facts.vectorRegisters, indexBits, hosted, facts.fmaF32, facts.fmaF64,
      facts.dsp, facts.fpuF32, facts.fpuF64, facts.arithF16, facts.convertF16,
      facts.bf16, facts.dotprod, facts.i8mm, facts.sve2,
      facts.roundF32, facts.roundF64);
}

std::string dlc::listTargets() {
  std::string text;
  for (const Entry &entry : kTable)
    text += formatv("{0,-14} {1,-30} {2}\n", entry.name,
                    entry.triple.empty() ? StringRef("-") : StringRef(entry.triple),
                    entry.text)
                .str();
  text += "TRIPLE         any little-endian ELF triple of LLVM, such as "
          "armv7-linux-gnueabihf\n";
  return text;
}
