// Links a compiled model with the harness and runs it: on the host in a child
// process, on AArch64 and Cortex-M under QEMU.
#pragma once

#include "compiler/run/Process.h"
#include "compiler/run/Tensor.h"
#include "dialects/RT/RT.h"
#include "llvm/Support/Error.h"

namespace dlc::run {

/// How programs for a target are built and run.
struct Platform {
  enum class Kind { Host, Linux, Firmware };
  Kind kind = Kind::Host;
  std::string name;                ///< of the harness: host, aarch64, cortex-m4, ...
  std::string compiler;            ///< the gcc of that target
  std::vector<std::string> flags;  ///< its architecture flags
  std::string board;               ///< QEMU's machine (firmware)
  std::string qemuCpu;             ///< QEMU's -cpu (Linux)
  std::string harness;             ///< folder of the harness objects
};

/// What decides the platform besides the target itself.
struct PlatformRequest {
  std::string qemuCpu;  ///< --qemu-cpu; empty: derived
  unsigned sveBits = 0; ///< --sve-bits; 0: the target's default
};

/// The platform that runs code for `target`. The error is wrong usage, or says
/// which tool is missing.
llvm::Expected<Platform> findPlatform(rt::TargetAttr target, const PlatformRequest &request);

/// Compiles emitted C++ to PREFIX.o, with `compiler` or, where that is empty, the target's g++.
llvm::Error compileCpp(const Platform &platform, rt::TargetAttr target, const std::string &prefix,
                       const std::string &compiler);

/// What came out of one execution.
struct RunResult {
  /// The run itself went wrong: crash, time-out, a status of the model, no result.
  std::string error;
  /// The target's memory cannot hold the program or its data; `error` says what.
  bool doesNotFit = false;
  std::vector<Tensor> outputs; ///< without names
  std::vector<uint64_t> clocks; ///< of each run
  std::vector<uint64_t> layers; ///< of each layer, summed over the runs
  bool instructions = false;   ///< unit of clocks and layers: instructions, or ns
  uint32_t stackBytes = 0;     ///< high-water mark; 0: not known
};

/// One linked program, or shared object for the host.
class Program {
public:
  Program(Platform platform, std::string folder, std::string symbol)
      : platform(std::move(platform)), folder(std::move(folder)), symbol(std::move(symbol)) {}

  /// Runs `object` (a path) on `inputs`, in the model's order, and reads the
  /// result. `runs` inferences are measured after `warmup` ones.
  RunResult run(const std::string &object, llvm::ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup,
                unsigned threads, unsigned seconds);

  /// Links a program with the inputs built in, as file `elf`.
  llvm::Error link(const std::string &object, llvm::ArrayRef<Tensor> inputs, const std::string &elf,
                   bool &doesNotFit);

private:
  RunResult runOnHost(const std::string &object, llvm::ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup,
                      unsigned threads, unsigned seconds);
  RunResult runInQemu(const std::string &elf, unsigned runs, unsigned warmup, unsigned threads, unsigned seconds);
  /// Judges how a child ended and reads the result file.
  RunResult conclude(const Outcome &outcome, unsigned seconds);

  Platform platform;
  std::string folder; ///< for scratch files
  std::string symbol; ///< prefix of the model's symbols
  std::string loaded; ///< object that the shared object was made of
};

} // namespace dlc::run
