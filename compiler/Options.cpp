// This file parses dlc-compile's command line; the only home of cl::opt.
#include "compiler/Options.h"

#include "codegen/ModelInfo.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace dlc;

namespace {
// Options are made when a command line is parsed and not at program start, so
// that LLVM's own stay out of --help.

/// What both dlc-compile and dlc-run know.
struct SharedFlags {
  explicit SharedFlags(StringRef title) : category(title) {}
  cl::OptionCategory category;
  cl::opt<std::string> target{"target", cl::desc("target name or LLVM triple"),
                              cl::init("host"), cl::cat(category)};
  cl::opt<std::string> cpu{"mcpu", cl::desc("LLVM CPU name, or native"),
                           cl::cat(category)};
  cl::list<std::string> features{"mattr", cl::CommaSeparated,
                                 cl::desc("LLVM features: +sve2,+i8mm,..."),
                                 cl::cat(category)};
  cl::list<std::string> dims{"dim", cl::desc("fix a symbolic dimension"),
                             cl::value_desc("NAME=N"), cl::cat(category)};
  cl::list<std::string> shapes{"shape", cl::desc("fix an input's shape"),
                               cl::value_desc("INPUT=1x3x224x224"),
                               cl::cat(category)};
  cl::opt<std::string> optimize{"O", cl::Prefix,
                                cl::desc("what to spend: speed, size or ram"),
                                cl::init("speed"), cl::cat(category)};
  cl::opt<std::string> requant{
      "requant", cl::desc("rounding of requantization: onnx, tflite, tflm or single"),
      cl::init("onnx"), cl::cat(category)};
  cl::opt<std::string> io{"io", cl::desc("inputs and outputs: caller or arena"),
                          cl::cat(category)};
  cl::opt<std::string> ramBudget{"ram-budget", cl::desc("most RAM for arena, inputs and outputs (32768, 32K, ...)"),
                                 cl::value_desc("BYTES"), cl::cat(category)};
  cl::list<std::string> memories{"memory", cl::desc("memories for the arena, the fastest first (dtcm=64K,sram=256K)"),
                                 cl::value_desc("NAME=BYTES,..."), cl::CommaSeparated, cl::cat(category)};
  cl::opt<bool> poisonArena{"poison-arena", cl::Hidden,
                            cl::desc("change what no tensor owns between layers"), cl::cat(category)};
  cl::opt<bool> profile{"profile", cl::desc("call dlc_profile_begin/end per layer"),
                        cl::cat(category)};
  cl::opt<bool> separateLayers{"separate-layers", cl::Hidden,
                               cl::desc("copies of shared functions for each layer, to measure layers"), cl::cat(category)};
  cl::opt<unsigned> threads{"threads", cl::desc("split work for N threads (hosted targets)"),
                            cl::init(1), cl::cat(category)};
};

struct CompileFlags : SharedFlags {
  CompileFlags() : SharedFlags("dlc-compile options") {}
  cl::opt<std::string> input{cl::Positional, cl::desc("MODEL.onnx"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("outputs are PREFIX.o, PREFIX.h, ..."),
                              cl::value_desc("PREFIX"), cl::cat(category)};
  cl::opt<std::string> name{"name", cl::desc("prefix of every generated symbol"),
                            cl::value_desc("ID"), cl::cat(category)};
  cl::list<std::string> emit{
      "emit", cl::CommaSeparated,
      cl::desc("any of obj, header, manifest, cpp, lib, shared, asm, llvm, mlir, report"),
      cl::cat(category)};
  cl::opt<std::string> weights{"weights", cl::desc("embed or external"),
                               cl::init("embed"), cl::cat(category)};
  cl::opt<std::string> stopAfter{"stop-after",
                                 cl::desc("print the IR after a stage"),
                                 cl::value_desc("STAGE"), cl::cat(category)};
  cl::opt<bool> printConstants{"print-constants",
                               cl::desc("print large constants of the IR whole"),
                               cl::cat(category)};
  cl::opt<bool> listTargets{"list-targets", cl::desc("print all targets"),
                            cl::cat(category)};
  cl::opt<bool> listOps{"list-ops", cl::desc("print all operators"),
                        cl::cat(category)};
  cl::opt<bool> listStages{"list-stages", cl::desc("print all stages"),
                           cl::cat(category)};
};

struct RunFlags : SharedFlags {
  RunFlags() : SharedFlags("dlc-run options") {}
  cl::list<std::string> paths{cl::Positional, cl::desc("MODEL.onnx, or test folders with --verify"),
                              cl::cat(category)};
  cl::opt<std::string> emit{"emit", cl::desc("run through: obj, or cpp (compiled by g++)"),
                            cl::init("obj"), cl::cat(category)};
  cl::opt<std::string> cxx{"cxx", cl::desc("what compiles the C++ of --emit=cpp instead of the target's g++; a clang is told the target"),
                           cl::value_desc("PROGRAM"), cl::cat(category)};
  cl::list<std::string> inputs{"input", cl::desc("a tensor, .pb or .npy; without a name: the next input"),
                               cl::value_desc("[NAME=]FILE"), cl::cat(category)};
  cl::list<std::string> expects{"expect", cl::desc("what an output has to be"),
                                cl::value_desc("[NAME=]FILE"), cl::cat(category)};
  cl::opt<std::string> outputDir{"output", cl::desc("write outputs to DIR/output_N.npy"),
                                 cl::value_desc("DIR"), cl::cat(category)};
  cl::opt<std::string> rtol{"rtol", cl::desc("relative tolerance (default 1e-3)"), cl::cat(category)};
  cl::opt<std::string> atol{"atol", cl::desc("absolute tolerance (default 1e-7)"), cl::cat(category)};
  cl::opt<unsigned> bench{"bench", cl::desc("time N inferences, print JSON"), cl::value_desc("N"),
                          cl::cat(category)};
  cl::opt<std::string> elf{"elf", cl::desc("keep the program, inputs built in"), cl::value_desc("FILE"),
                           cl::cat(category)};
  cl::opt<unsigned> seed{"seed", cl::desc("of random inputs"), cl::init(1), cl::cat(category)};
  cl::opt<bool> dynamic{"dynamic", cl::desc("leave symbolic dimensions open instead of fixing them to those "
                                            "of the inputs (hosted targets)"), cl::cat(category)};
  cl::opt<unsigned> timeout{"timeout", cl::desc("seconds that one execution may take"), cl::init(60),
                            cl::cat(category)};
  cl::opt<std::string> qemuCpu{"qemu-cpu", cl::desc("-cpu of qemu-aarch64"), cl::cat(category)};
  cl::opt<unsigned> sveBits{"sve-bits", cl::desc("vector length of qemu-aarch64 (default 256)"),
                            cl::value_desc("N"), cl::cat(category)};
  cl::opt<bool> verify{"verify", cl::desc("run the ONNX tests in the given folders"), cl::cat(category)};
  cl::opt<unsigned> jobs{"jobs", cl::desc("tests at a time (default: one a processor)"), cl::value_desc("N"),
                         cl::cat(category)};
  cl::opt<std::string> json{"json", cl::desc("write the results of --verify as JSON"), cl::value_desc("FILE"),
                            cl::cat(category)};
};
} // namespace

/// Whose command line is being parsed, for messages.
static StringRef tool = "dlc-compile";

/// LLVM's libraries register options of their own at program start; those with
/// names that the contract gives to us make way.
static void freeOptionNames() {
  auto &registered = cl::getRegisteredOptions();
  for (StringRef name : {"o", "target", "mcpu", "mattr", "name", "emit", "dim", "shape",
                         "O", "requant", "weights", "io", "memory", "ram-budget", "poison-arena", "profile",
                         "separate-layers", "threads",
                         "stop-after", "print-constants", "list-targets", "list-ops",
                         "list-stages", "input", "expect", "output", "rtol", "atol",
                         "bench", "cxx", "elf", "seed", "timeout", "dynamic", "qemu-cpu", "sve-bits",
                         "verify", "jobs", "json"}) {
    auto it = registered.find(name);
    if (it != registered.end())
      it->second->removeArgument();
  }
}

static bool usageError(const Twine &message) {
  errs() << tool << ": error: " << message << "\n";
  return false;
}

/// One of `allowed`, or a usage error.
static bool oneOf(StringRef option, StringRef value, ArrayRef<StringRef> allowed) {
  if (is_contained(allowed, value))
    return true;
  return usageError("--" + option + "=" + value + ": expected one of " +
                    join(allowed, ", "));
}

static bool parseShapes(const SharedFlags &flags, CompileOptions &options) {
  for (StringRef text : flags.dims) {
    auto [name, number] = text.rsplit('=');
    int64_t value;
    if (name.empty() || number.getAsInteger(10, value) || value < 0)
      return usageError("--dim " + text + ": expected NAME=N");
    options.dims[name.str()] = value;
  }
  for (StringRef text : flags.shapes) {
    auto [name, list] = text.rsplit('=');
    std::vector<int64_t> shape;
    SmallVector<StringRef> parts;
    if (list != "scalar")
      list.split(parts, 'x');
    for (StringRef part : parts) {
      int64_t value;
      if (part.getAsInteger(10, value) || value < 0)
        return usageError("--shape " + text + ": expected INPUT=1x3x224x224");
      shape.push_back(value);
    }
    if (name.empty())
      return usageError("--shape " + text + ": expected INPUT=1x3x224x224");
    options.shapes[name.str()] = shape;
  }
  return true;
}

/// A number of bytes; K and M mean 1024 and 1024 * 1024.
static bool parseBytes(StringRef text, int64_t &value) {
  int64_t unit = text.consume_back("K") ? 1024 : text.consume_back("M") ? 1024 * 1024 : 1;
  return !text.getAsInteger(10, value) && value >= 0 && value <= (int64_t{1} << 40) / unit && (value *= unit, true);
}

static bool convertShared(const SharedFlags &flags, CompileOptions &o) {
  o.target = flags.target;
  o.cpu = flags.cpu;
  o.features = join(flags.features, ",");
  if (!oneOf("O", flags.optimize, {"speed", "size", "ram"}) ||
      !oneOf("requant", flags.requant, {"onnx", "tflite", "tflm", "single"}))
    return false;
  o.optimize = flags.optimize == "size"  ? dlc::Optimize::Size
               : flags.optimize == "ram" ? dlc::Optimize::Ram
                                         : dlc::Optimize::Speed;
  o.requant = flags.requant;
  o.ioInArena = o.optimize == dlc::Optimize::Ram;
  if (flags.io.getNumOccurrences()) {
    if (!oneOf("io", flags.io, {"caller", "arena"}))
      return false;
    o.ioInArena = flags.io == "arena";
  }
  if (flags.ramBudget.getNumOccurrences() && !parseBytes(flags.ramBudget, o.ramBudget))
    return usageError("--ram-budget=" + flags.ramBudget + ": expected a number of bytes, such as 32768 or 32K");
  for (StringRef text : flags.memories) {
    auto [name, size] = text.split('=');
    int64_t bytes;
    if (dlc::makeIdentifier(name) != name || name.starts_with("dlc") || name == "arena" || !parseBytes(size, bytes))
      return usageError("--memory " + text + ": expected NAME=BYTES, such as dtcm=64K; NAME is a C identifier");
    for (auto &[other, unused] : o.memories)
      if (other == name)
        return usageError("--memory " + text + ": a memory of this name was given before");
    o.memories.push_back({name.str(), bytes});
  }
  if (o.memories.size() > 8)
    return usageError("--memory: at most 8 memories");
  o.poisonArena = flags.poisonArena;
  o.profile = flags.profile;
  o.separateLayers = flags.separateLayers;
  o.threads = flags.threads;
  if (o.threads < 1 || o.threads > 1024)
    return usageError("--threads: expected 1 to 1024");
  return parseShapes(flags, o);
}

static bool convert(const CompileFlags &flags, CommandLine &result) {
  CompileOptions &o = result.compile;
  result.listTargets = flags.listTargets;
  result.listOps = flags.listOps;
  result.listStages = flags.listStages;
  if (result.listTargets || result.listOps || result.listStages)
    return true;
  if (flags.input.empty())
    return usageError("no model given; see --help");
  o.input = flags.input;
  o.output = flags.output;
  if (o.output.empty())
    o.output = sys::path::stem(o.input).str();
  o.name = flags.name;
  if (!o.name.empty() && makeIdentifier(o.name) != o.name)
    return usageError("--name=" + o.name + ": not a C identifier");
  if (flags.emit.getNumOccurrences()) {
    o.emit.clear();
    for (StringRef kind : flags.emit) {
      if (!oneOf("emit", kind, {"obj", "header", "manifest", "cpp", "lib", "shared",
                                "asm", "llvm", "mlir", "report"}))
        return false;
      if (!is_contained(o.emit, kind))
        o.emit.push_back(kind.str());
    }
  }
  if (!oneOf("weights", flags.weights, {"embed", "external"}))
    return false;
  o.externalWeights = flags.weights == "external";
  o.stopAfter = flags.stopAfter;
  o.elideConstants = !flags.printConstants;
  return convertShared(flags, o);
}

/// A tolerance: a number, not negative.
static bool parseTolerance(StringRef option, const cl::opt<std::string> &flag,
                           std::optional<double> &result) {
  if (!flag.getNumOccurrences())
    return true;
  double value;
  if (StringRef(flag).getAsDouble(value) || !(value >= 0))
    return usageError("--" + option + "=" + flag + ": expected a number that is not negative");
  result = value;
  return true;
}

static bool convert(const RunFlags &flags, RunOptions &o) {
  o.paths.assign(flags.paths.begin(), flags.paths.end());
  o.inputs.assign(flags.inputs.begin(), flags.inputs.end());
  o.expects.assign(flags.expects.begin(), flags.expects.end());
  o.outputDir = flags.outputDir;
  o.elf = flags.elf;
  o.json = flags.json;
  o.qemuCpu = flags.qemuCpu;
  o.sveBits = flags.sveBits;
  o.seed = flags.seed;
  o.timeout = flags.timeout;
  o.dynamic = flags.dynamic;
  o.bench = flags.bench;
  o.verify = flags.verify;
  o.jobs = flags.jobs;
  if (!oneOf("emit", flags.emit, {"obj", "cpp"}) || !parseTolerance("rtol", flags.rtol, o.rtol) ||
      !parseTolerance("atol", flags.atol, o.atol) || !convertShared(flags, o.compile))
    return false;
  o.viaCpp = flags.emit == "cpp";
  o.cxx = flags.cxx;
  if (!o.viaCpp && !o.cxx.empty())
    return usageError("--cxx needs --emit=cpp");
  o.compile.emit = {o.viaCpp ? "cpp" : "obj", "header", "manifest"};
  if (o.paths.empty())
    return usageError(o.verify ? "--verify: no folder given; see --help" : "no model given; see --help");
  if (flags.timeout == 0)
    return usageError("--timeout: expected at least 1");
  if (flags.bench.getNumOccurrences() && (o.bench == 0 || o.bench > 1000000))
    return usageError("--bench: expected 1 to 1000000");
  if (o.verify) {
    if (!o.inputs.empty() || !o.expects.empty() || !o.outputDir.empty() || !o.elf.empty() || o.bench)
      return usageError("--verify does not go with --input, --expect, --output, --elf or --bench");
    return true;
  }
  if (o.paths.size() > 1)
    return usageError("more than one model given: '" + o.paths[1] + "'; folders of tests need --verify");
  if (o.jobs || !o.json.empty())
    return usageError("--jobs and --json need --verify");
  o.compile.input = o.paths[0];
  return true;
}

/// Parses into `flags` and converts to `result`.
template <typename Flags, typename Result>
static bool parse(int argc, char **argv, StringRef name, const char *overview, Result &result, int &exitCode) {
  tool = name;
  freeOptionNames();
  // LLVM keeps pointers to options for good: these live as long.
  static Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::SetVersionPrinter([](raw_ostream &os) {
    os << "dlc " << DLC_VERSION << " (LLVM " << LLVM_VERSION_STRING << ")\n";
  });
  std::string errors;
  raw_string_ostream os(errors);
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &os)) {
    errs() << errors;
    exitCode = 2;
    return false;
  }
  // Libraries that register options late, such as lld, find the names free.
  SmallVector<cl::Option *> own;
  for (auto &entry : cl::getRegisteredOptions())
    if (is_contained(entry.second->Categories, &flags.category))
      own.push_back(entry.second);
  for (cl::Option *option : own)
    option->removeArgument();
  if (!convert(flags, result)) {
    exitCode = 2;
    return false;
  }
  return true;
}

bool dlc::parseCommandLine(int argc, char **argv, CommandLine &result,
                           int &exitCode) {
  return parse<CompileFlags>(argc, argv, "dlc-compile", "compiles an ONNX model to an object file\n", result,
                             exitCode);
}

bool dlc::parseRunCommandLine(int argc, char **argv, RunOptions &result, int &exitCode) {
  return parse<RunFlags>(argc, argv, "dlc-run", "compiles an ONNX model, runs it, compares and measures\n", result,
                         exitCode);
}

std::string dlc::makeIdentifier(StringRef text) {
  std::string result;
  for (char c : text)
    result += isAlnum(c) && static_cast<unsigned char>(c) < 128 ? c : '_';
  if (result.empty() || isDigit(result[0]) || codegen::isReservedWord(result) || result == "dlc")
    result = "m_" + result;
  return result;
}

std::string dlc::symbolName(const CompileOptions &options) {
  if (!options.name.empty())
    return options.name;
  return makeIdentifier(sys::path::stem(options.input));
}
