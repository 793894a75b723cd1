// This file chooses compiler, emulator and harness for a target.
#include "compiler/run/Program.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;
using namespace dlc::run;

namespace {
/// A row of runtime-lite/harness/CMakeLists.txt.
struct Row {
  StringRef name, compiler, board;
  std::vector<StringRef> flags;
};
} // namespace

static const std::vector<Row> &harnessTable() {
  static const std::vector<Row> table = {
#include "targets.inc"
  };
  return table;
}

template <typename... Args> static Error fail(const char *format, Args &&...args) {
  return createStringError(formatv(format, std::forward<Args>(args)...).str());
}

/// The harness objects lie in ../lib/dlc/harness, as seen from this program.
static std::string harnessFolder() {
  std::string self = sys::fs::getMainExecutable(nullptr, nullptr);
  SmallString<256> path(sys::path::parent_path(sys::path::parent_path(self)));
  sys::path::append(path, "lib", "dlc", "harness");
  return path.str().str();
}

/// QEMU's model that has every feature, with SVE of one length.
static Expected<std::string> aarch64Cpu(dlc::rt::TargetAttr target, const PlatformRequest &request) {
  if (!request.qemuCpu.empty())
    return request.qemuCpu;
  unsigned bits = request.sveBits ? request.sveBits : 256;
  if (bits < 128 || bits > 2048 || bits % 128)
    return fail("--sve-bits={0}: expected a multiple of 128 up to 2048", bits);
  // Pointer authentication in QEMU is slow unless its algorithm is simplified.
  return formatv("max,pauth-impdef=on,sve{0}=on,sve-default-vector-length={1}", bits, bits / 8).str();
}

Expected<Platform> dlc::run::findPlatform(rt::TargetAttr target, const PlatformRequest &request) {
  Triple triple(target.getTriple());
  Platform platform;
  if (triple.isOSLinux() && triple.getArch() == Triple(sys::getProcessTriple()).getArch()) {
    platform.kind = Platform::Kind::Host;
    platform.name = "host";
  } else if (triple.isOSLinux() && triple.getArch() == Triple::aarch64) {
    platform.kind = Platform::Kind::Linux;
    platform.name = "aarch64";
    Expected<std::string> cpu = aarch64Cpu(target, request);
    if (!cpu)
      return cpu.takeError();
    platform.qemuCpu = *cpu;
  } else if (triple.isThumb() && triple.getOS() == Triple::UnknownOS) {
    platform.kind = Platform::Kind::Firmware;
    platform.name = target.getCpu().str();
  } else {
    return fail("--target={0}: dlc-run can run host, aarch64 and cortex-m targets only", target.getName());
  }
  const Row *row = nullptr;
  for (const Row &candidate : harnessTable())
    if (candidate.name == platform.name)
      row = &candidate;
  if (!row && platform.kind == Platform::Kind::Firmware && !harnessTable().empty())
    return fail("--target={0}: there is no harness for cpu '{1}': no QEMU board for it, or arm-none-eabi-gcc was "
                "missing when dlc was configured",
                target.getName(), platform.name);
  if (!row)
    return fail("--target={0}: no cross compiler (aarch64-linux-gnu-gcc) was found when dlc was configured",
                target.getName());
  platform.compiler = row->compiler.str();
  platform.board = row->board.str();
  for (StringRef flag : row->flags)
    if (!flag.empty())
      platform.flags.push_back(flag.str());
  // --mattr can take the FPU away.
  if (platform.kind == Platform::Kind::Firmware && target.getFloatAbi() == "soft")
    for (std::string &flag : platform.flags)
      if (flag == "-mfloat-abi=hard")
        flag = "-mfloat-abi=soft";
  const char *qemu = platform.kind == Platform::Kind::Linux      ? "qemu-aarch64"
                     : platform.kind == Platform::Kind::Firmware ? "qemu-system-arm"
                                                                 : nullptr;
  if (qemu && !sys::findProgramByName(qemu))
    return fail("--target={0}: {1} is not installed", target.getName(), qemu);
  platform.harness = harnessFolder();
  if (!sys::fs::exists(platform.harness + "/" + platform.name + "/harness.o"))
    return fail("{0}/{1}/harness.o is missing: build the target dlc_harness", platform.harness, platform.name);
  return platform;
}

/// LLVM features as g++ names them: part of -march on Arm, -m options on x86.
static void addFeatureFlags(dlc::rt::TargetAttr target, std::vector<std::string> &flags) {
  Triple triple(target.getTriple());
  SmallVector<StringRef> features;
  target.getFeatures().split(features, ',', -1, /*KeepEmpty=*/false);
  StringRef cpu = target.getCpu();
  bool generic = cpu.empty() || cpu.starts_with("generic") || cpu == "x86-64";
  if (triple.isX86()) {
    flags.push_back(("-march=" + (generic ? "x86-64" : cpu)).str());
    for (StringRef feature : features)
      if (feature.starts_with("+"))
        flags.push_back(("-m" + feature.drop_front()).str());
  } else if (triple.isAArch64()) {
    std::string arch = generic ? "-march=armv8-a" : ("-mcpu=" + cpu).str();
    for (StringRef feature : features) {
      // Part of the architecture for LLVM, an extension (or nothing) for g++.
      StringRef name = feature.drop_front();
      if (name == "neon" || name == "fp-armv8" || name.starts_with("v8"))
        continue;
      name = name == "fullfp16" ? "fp16" : name;
      arch += (feature.starts_with("-") ? "+no" : "+") + name.str();
    }
    flags.push_back(arch);
  }
}

Error dlc::run::compileCpp(const Platform &platform, rt::TargetAttr target, const std::string &prefix,
                           const std::string &compiler) {
  StringRef gcc = platform.compiler;
  std::string cxx = compiler;
  if (cxx.empty())
    cxx = gcc.ends_with("gcc") ? gcc.drop_back(3).str() + "g++" : "g++";
  std::vector<std::string> command = {cxx};
  if (sys::path::filename(cxx).contains("clang"))
    command.push_back("--target=" + target.getTriple().str());
  command.insert(command.end(), platform.flags.begin(), platform.flags.end());
  if (platform.kind != Platform::Kind::Firmware)
    addFeatureFlags(target, command);
  for (const char *flag : {"-std=c++17", "-O2", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
                           "-Werror"})
    command.push_back(flag);
  if (platform.kind == Platform::Kind::Host)
    command.push_back("-fPIC");
  command.insert(command.end(), {"-I" + platform.harness + "/include", "-c", prefix + ".cpp", "-o", prefix + ".o"});
  Outcome outcome = runProgram(command, "", 300);
  if (outcome.ok())
    return Error::success();
  // The first error line says most.
  StringRef output = outcome.output;
  size_t at = output.find("error:");
  std::string first = at == StringRef::npos ? outcome.text(300) : output.substr(at).split('\n').first.str();
  errs() << output;
  return fail("{0} does not accept the emitted C++: {1}", sys::path::filename(cxx), first);
}
