// This file runs ONNX tests: folders with model.onnx and
// test_data_set_*/{input,output}_*.pb, each in a process of its own.
#include "compiler/run/RunModel.h"

#include "compiler/Driver.h"
#include "compiler/Registration.h"
#include "compiler/Target.h"
#include "compiler/run/Compare.h"
#include "compiler/run/Model.h"
#include "compiler/run/TensorFiles.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace llvm;
using mlir::DialectRegistry;
using mlir::MLIRContext;
using namespace dlc;
using namespace dlc::run;

namespace {
struct Test {
  std::string name, folder;
  std::string verdict; ///< PASS, FAIL or SKIP; empty while it runs
  std::string why;
  double seconds = 0;
  int64_t identical = -1, elements = 0; ///< of all outputs; -1: not counted
  double largest = 0;                   ///< difference
};
} // namespace

/// Entries of a folder in natural order: test_data_set_2 before test_data_set_10.
static std::vector<std::string> entriesOf(const std::string &folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
    names.push_back(sys::path::filename(it->path()).str());
  llvm::sort(names, [](StringRef a, StringRef b) { return a.compare_numeric(b) < 0; });
  return names;
}

/// A test, or the tests below a folder, named by their path from it.
static void findTests(const std::string &folder, const std::string &name, int depth, std::vector<Test> &tests) {
  if (sys::fs::exists(folder + "/model.onnx")) {
    tests.push_back({name.empty() ? sys::path::filename(folder).str() : name, folder, "", ""});
    return;
  }
  if (depth == 0)
    return;
  for (const std::string &entry : entriesOf(folder))
    if (sys::fs::is_directory(folder + "/" + entry))
      findTests(folder + "/" + entry, name.empty() ? entry : name + "/" + entry, depth - 1, tests);
}

/// Reads PREFIX_0.pb, PREFIX_1.pb, ... of a data set.
static Expected<std::vector<Tensor>> readSet(const std::string &folder, StringRef prefix) {
  std::vector<Tensor> tensors;
  for (const std::string &entry : entriesOf(folder)) {
    if (!StringRef(entry).starts_with(prefix))
      continue;
    Expected<Tensor> tensor = readTensorFile(folder + "/" + entry);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

//===-- One test, in its own process ----------------------------------------===//

/// Prints the verdict as the last line, for the parent.
static int conclude(StringRef verdict, const Twine &why = "") {
  std::string text = why.str();
  llvm::replace(text, '\n', ' ');
  outs() << "\n=> " << verdict << " " << text << "\n";
  outs().flush();
  return 0;
}

static int runTest(const RunOptions &options, const std::string &folder, const std::string &scratch) {
  auto step = [](StringRef text) {
    outs() << "\n=> STEP " << text << "\n";
    outs().flush();
  };
  step("reading the model");
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto target = resolveTarget(&context, {options.compile.target, options.compile.cpu, options.compile.features});
  if (!target)
    return conclude("FAIL", toString(target.takeError()));
  Expected<Platform> platform = findPlatform(*target, {options.qemuCpu, options.sveBits});
  if (!platform)
    return conclude("FAIL", toString(platform.takeError()));
  Expected<Signature> signature = readSignature(options.compile.input);
  if (!signature)
    return conclude("FAIL", toString(signature.takeError()));
  Model model(options, *target, *platform, *signature, scratch);
  int sets = 0;
  Identical identical;
  for (const std::string &entry : entriesOf(folder)) {
    if (!StringRef(entry).starts_with("test_data_set_"))
      continue;
    std::string set = folder + "/" + entry;
    // What TensorFlow Lite gave, for the mode that has to give the same.
    StringRef outputs = "output_";
    if (options.compile.requant == "tflite" && sys::fs::exists(set + "/tflite_output_0.pb"))
      outputs = "tflite_output_";
    sets++;
    for (const Value &value : signature->inputs)
      if (!value.dtype)
        return conclude("FAIL", "input '" + value.name + "' is not a tensor");
    Expected<std::vector<Tensor>> inputs = readSet(set, "input_");
    if (inputs)
      inputs = arrange(signature->inputs, std::move(*inputs), "input");
    if (!inputs)
      return conclude("FAIL", toString(inputs.takeError()));
    Expected<std::vector<Tensor>> expected = readSet(set, outputs);
    if (expected)
      expected = arrange(signature->outputs, std::move(*expected), "output");
    if (!expected)
      return conclude("FAIL", toString(expected.takeError()));
    step("compiling");
    if (int code = model.compile(*inputs))
      return conclude("FAIL", "=> exit code " + Twine(code));
    step("running");
    RunResult result = model.run(*inputs, 1, 0);
    if (!result.error.empty())
      return conclude(result.doesNotFit ? "SKIP" : "FAIL", result.error);
    for (size_t i = 0; i < expected->size(); i++) {
      std::string difference =
          compareTensors(result.outputs[i], (*expected)[i], {options.rtol, options.atol});
      if (!difference.empty())
        return conclude("FAIL", difference + (sets > 1 ? " (" + entry + ")" : ""));
      identical += countIdentical(result.outputs[i], (*expected)[i]);
    }
  }
  outs() << formatv("\n=> COUNT {0} {1} {2:e17}\n", identical.same, identical.all, identical.largest);
  return sets ? conclude("PASS", identical.text()) : conclude("FAIL", "no test_data_set_* folder");
}

//===-- All tests -----------------------------------------------------------===//

namespace {
/// A process that runs a test, its output going to FOLDER/log.
struct Worker {
  size_t test;
  std::string folder; ///< for its files
  std::chrono::steady_clock::time_point start;
};
} // namespace

/// What the compiler said: its first error line without the model's path.
static std::string firstError(StringRef log) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    size_t at = line.find("error: ");
    if (at == StringRef::npos || line.starts_with("=>"))
      continue;
    // Keep "node 'x' (Op#3): error: ...", drop what is before it.
    size_t node = line.find("node '");
    return line.substr(node < at ? node : at + 7).str();
  }
  return "";
}

/// Reads the verdict out of a worker's log; judges one that left none.
static void judge(Test &test, StringRef log, int status, bool timedOut, unsigned limit) {
  size_t at = log.rfind("\n=> ");
  StringRef last = at == StringRef::npos ? StringRef() : log.substr(at + 4).split('\n').first;
  auto [verdict, why] = last.split(' ');
  if (verdict == "PASS" || verdict == "FAIL" || verdict == "SKIP") {
    if (size_t count = log.rfind("\n=> COUNT "); count != StringRef::npos) {
      SmallVector<StringRef, 3> numbers;
      log.substr(count + 10).split('\n').first.split(numbers, ' ');
      if (numbers.size() != 3 || numbers[0].getAsInteger(10, test.identical) ||
          numbers[1].getAsInteger(10, test.elements) || numbers[2].getAsDouble(test.largest))
        test.identical = -1;
    }
    test.verdict = verdict.str();
    test.why = why.str();
    if (why.starts_with("=> ")) { // the compiler has printed why
      test.why = firstError(log);
      if (test.why.empty())
        test.why = why.drop_front(3).str();
    }
    return;
  }
  test.verdict = "FAIL";
  std::string step = verdict == "STEP" ? " while " + why.str() : "";
  if (timedOut)
    test.why = "no answer for " + std::to_string(limit) + " s" + step;
  else if (WIFSIGNALED(status))
    test.why = "dlc crashed (" + signalName(WTERMSIG(status)) + ")" + step;
  else
    test.why = "dlc ended with exit code " + std::to_string(WEXITSTATUS(status)) + step;
}

static void printVerdict(const Test &test) {
  outs() << test.verdict << " " << test.name;
  if (!test.why.empty())
    outs() << ": " << test.why;
  outs() << "\n";
  outs().flush();
}

/// Runs all tests, `jobs` at a time, and prints the verdicts in order.
static void runAll(const RunOptions &options, std::vector<Test> &tests, const std::string &scratch, unsigned jobs) {
  std::map<pid_t, Worker> running;
  size_t next = 0, printed = 0;
  unsigned limit = 240 + options.timeout; // compiling and running
  auto finish = [&](pid_t pid, int status, bool timedOut) {
    Worker worker = running[pid];
    running.erase(pid);
    Test &test = tests[worker.test];
    test.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - worker.start).count();
    auto log = MemoryBuffer::getFile(worker.folder + "/log", false, false);
    judge(test, log ? (*log)->getBuffer() : "", status, timedOut, limit);
    sys::fs::remove_directories(worker.folder);
  };
  while (next < tests.size() || !running.empty()) {
    while (next < tests.size() && running.size() < jobs) {
      std::string own = scratch + "/" + std::to_string(next);
      sys::fs::create_directories(own);
      int fd = open((own + "/log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      RunOptions testOptions = options;
      testOptions.compile.input = tests[next].folder + "/model.onnx";
      pid_t pid = fd < 0 ? -1 : startForked([&] { return runTest(testOptions, tests[next].folder, own); }, fd);
      if (fd >= 0)
        close(fd);
      if (pid < 0) {
        tests[next].verdict = "FAIL";
        tests[next].why = std::string("cannot start a process: ") + std::strerror(errno);
      } else {
        running[pid] = {next, own, std::chrono::steady_clock::now()};
      }
      next++;
    }
    int status = 0;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0 && running.count(pid)) {
      finish(pid, status, false);
    } else {
      for (auto &[late, worker] : running)
        if (std::chrono::steady_clock::now() - worker.start > std::chrono::seconds(limit)) {
          kill(-late, SIGKILL);
          waitpid(late, &status, 0);
          finish(late, status, true);
          break;
        }
      usleep(2000);
    }
    while (printed < tests.size() && !tests[printed].verdict.empty())
      printVerdict(tests[printed++]);
  }
}

static bool writeJson(const RunOptions &options, ArrayRef<Test> tests, ArrayRef<int> counts) {
  std::error_code error;
  raw_fd_ostream file(options.json, error);
  if (error) {
    errs() << "dlc-run: error: " << options.json << ": " << error.message() << "\n";
    return false;
  }
  json::OStream out(file, 1);
  out.object([&] {
    out.attribute("target", options.compile.target);
    out.attribute("passed", counts[0]);
    out.attribute("failed", counts[1]);
    out.attribute("skipped", counts[2]);
    out.attributeArray("tests", [&] {
      for (const Test &test : tests)
        out.object([&] {
          out.attribute("name", test.name);
          out.attribute("result", test.verdict);
          out.attribute("why", json::fixUTF8(test.why));
          if (test.identical >= 0) {
            out.attribute("identical", test.identical);
            out.attribute("elements", test.elements);
            out.attribute("largest_difference", test.largest);
          }
          out.attribute("seconds", std::round(test.seconds * 1000) / 1000);
        });
    });
  });
  file << "\n";
  return true;
}

int dlc::run::verify(const RunOptions &options) {
  // Wrong usage is one message, not one for each test.
  {
    MLIRContext context(MLIRContext::Threading::DISABLED);
    context.loadDialect<rt::RTDialect>();
    auto target = resolveTarget(&context, {options.compile.target, options.compile.cpu, options.compile.features});
    Error error = Error::success();
    if (!target)
      error = joinErrors(std::move(error), target.takeError());
    else if (auto platform = findPlatform(*target, {options.qemuCpu, options.sveBits}); !platform)
      error = joinErrors(std::move(error), platform.takeError());
    if (error) {
      errs() << "dlc-run: error: " << toString(std::move(error)) << "\n";
      return kBadUsage;
    }
  }
  std::vector<Test> tests;
  for (const std::string &path : options.paths) {
    size_t before = tests.size();
    findTests(StringRef(path).rtrim('/').str(), "", 4, tests);
    if (tests.size() == before) {
      errs() << "dlc-run: error: " << path << ": no folder with a model.onnx here\n";
      return kBadUsage;
    }
  }
  unsigned jobs = options.jobs ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  ScratchFolder scratch;
  runAll(options, tests, scratch.path(), jobs);
  int counts[3] = {};
  for (const Test &test : tests)
    counts[test.verdict == "PASS" ? 0 : test.verdict == "FAIL" ? 1 : 2]++;
  outs() << counts[0] << " passed, " << counts[1] << " failed, " << counts[2] << " skipped\n";
  if (!options.json.empty() && !writeJson(options, tests, counts))
    return kBadUsage;
  return counts[1] ? kBadModel : kOk;
}
