// The options of dlc-compile, as data; the only home of cl::opt is Options.cpp.
#pragma once

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dlc {

/// What to spend: -Ospeed, -Osize, -Oram.
enum class Optimize { Speed, Size, Ram };

/// Everything that decides what is generated from one model.
struct CompileOptions {
  std::string input;           ///< path of the ONNX file
  std::string output;          ///< PREFIX of -o; "-" prints --stop-after's IR
  std::string target = "host"; ///< --target
  std::string cpu;             ///< --mcpu
  std::string features;        ///< --mattr
  std::string name;            ///< --name; empty: from the file's stem
  std::vector<std::string> emit = {"obj", "header", "manifest"};
  std::map<std::string, int64_t> dims;                  ///< --dim NAME=N
  std::map<std::string, std::vector<int64_t>> shapes;   ///< --shape IN=1x3
  Optimize optimize = Optimize::Speed;
  std::string requant = "onnx"; ///< onnx, tflite or single
  bool externalWeights = false; ///< --weights=external
  bool ioInArena = false;       ///< --io=arena
  int64_t ramBudget = -1;       ///< --ram-budget in bytes; negative: none
  std::vector<std::pair<std::string, int64_t>> memories; ///< --memory NAME=BYTES
  bool poisonArena = false;     ///< --poison-arena: a test of the memory plan
  bool profile = false;         ///< --profile: call dlc_profile_begin/end
  bool separateLayers = false;  ///< --separate-layers: for costs by function
  unsigned threads = 1;
  std::string stopAfter;        ///< --stop-after
  bool elideConstants = true;   ///< shorten large constants in printed IR
};

/// What a command line asks for.
struct CommandLine {
  CompileOptions compile;
  bool listTargets = false, listOps = false, listStages = false;
};

/// Parses dlc-compile's command line. Prints help, version and usage errors
/// itself: then `exitCode` is set and false returned.
bool parseCommandLine(int argc, char **argv, CommandLine &result, int &exitCode);

/// What dlc-run does with a model, or with folders of tests.
struct RunOptions {
  CompileOptions compile;          ///< input is set unless `verify`
  std::vector<std::string> paths;  ///< the model, or folders of tests
  bool viaCpp = false;             ///< --emit=cpp: run the emitted C++
  std::string cxx;                 ///< --cxx: what compiles it; empty: the target's g++
  std::vector<std::string> inputs; ///< --input, each [NAME=]FILE
  std::vector<std::string> expects; ///< --expect, each [NAME=]FILE
  std::string outputDir;           ///< --output
  std::optional<double> rtol, atol;
  unsigned bench = 0;              ///< inferences to time; 0: none
  std::string elf;                 ///< --elf
  unsigned seed = 1;
  bool dynamic = false;            ///< --dynamic: sizes stay open until the run
  unsigned timeout = 60;           ///< seconds for one execution
  std::string qemuCpu;             ///< --qemu-cpu
  unsigned sveBits = 0;            ///< --sve-bits; 0: default
  bool verify = false;
  unsigned jobs = 0;               ///< 0: one a processor
  std::string json;                ///< --json
};

/// Parses dlc-run's command line, as parseCommandLine does.
bool parseRunCommandLine(int argc, char **argv, RunOptions &result, int &exitCode);

/// The prefix of generated symbols: `name`, or the file's stem made a C
/// identifier.
std::string symbolName(const CompileOptions &options);
/// Any text made a C identifier (letters, digits, underscore; no keyword).
std::string makeIdentifier(llvm::StringRef text);

} // namespace dlc
