// This file links programs around models, runs them and reads their results.
#include "compiler/run/Program.h"

#include "compiler/onnx/Types.h"
#include "runtime-lite/harness/harness.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;
using namespace dlc::run;

template <typename... Args> static Error fail(const char *format, Args &&...args) {
  return createStringError(formatv(format, std::forward<Args>(args)...).str());
}

static Error writeFile(const std::string &path, StringRef content) {
  std::error_code error;
  raw_fd_ostream file(path, error);
  if (error)
    return fail("{0}: {1}", path, error.message());
  file << content;
  file.close();
  if (file.has_error()) {
    file.clear_error();
    return fail("{0}: cannot be written", path);
  }
  return Error::success();
}

//===-- Linking -------------------------------------------------------------===//

/// The inputs as assembly that every GNU assembler understands.
static std::string inputAssembly(ArrayRef<Tensor> inputs, const std::string &blob) {
  std::string text = "  .section .dlc_inputs,\"a\",%progbits\n";
  auto label = [&](StringRef name) {
    text += ("  .balign 8\n  .globl dlc_harness_input_" + name + "\ndlc_harness_input_" + name + ":\n").str();
  };
  auto number = [&](uint64_t value) { text += "  .8byte " + std::to_string(value) + "\n"; };
  label("dims");
  for (const Tensor &input : inputs)
    for (int64_t dim : input.dims)
      number(dim);
  number(0); // never empty
  label("bytes");
  for (const Tensor &input : inputs)
    number(input.data.size());
  label("offsets");
  uint64_t offset = 0;
  for (const Tensor &input : inputs) {
    number(offset);
    offset += (input.data.size() + 63) / 64 * 64;
  }
  text += "  .balign 64\n";
  label("data");
  text += "  .incbin \"" + blob + "\"\n  .balign 64\n  .section .note.GNU-stack,\"\",%progbits\n";
  return text;
}

Error Program::link(const std::string &object, ArrayRef<Tensor> inputs, const std::string &elf, bool &doesNotFit) {
  std::string blob;
  for (const Tensor &input : inputs) {
    blob.append(input.data.begin(), input.data.end());
    blob.resize((blob.size() + 63) / 64 * 64);
  }
  blob.resize(blob.size() + 8); // never empty
  if (Error error = writeFile(folder + "/inputs.bin", blob))
    return error;
  if (Error error = writeFile(folder + "/inputs.s", inputAssembly(inputs, "inputs.bin")))
    return error;
  SmallString<256> objectPath(object), elfPath(elf);
  sys::fs::make_absolute(objectPath);
  sys::fs::make_absolute(elfPath);
  std::vector<std::string> command = {platform.compiler};
  command.insert(command.end(), platform.flags.begin(), platform.flags.end());
  command.insert(command.end(), {"-static", "-o", elfPath.str().str(), "inputs.s", objectPath.str().str(),
                                 platform.harness + "/" + platform.name + "/harness.o",
                                 "-Wl,--defsym=dlc_harness_model=" + symbol + "_model", "-Wl,-u," + symbol + "_model"});
  switch (platform.kind) {
  case Platform::Kind::Host:
    command.push_back(platform.harness + "/host-program/harness.o");
    [[fallthrough]];
  case Platform::Kind::Linux:
    command.insert(command.end(), {"-no-pie", "-pthread"});
    break;
  case Platform::Kind::Firmware:
    command.insert(command.end(), {"-nostartfiles", "-L" + platform.harness + "/boards", "-T" + platform.board + ".ld",
                                   "-Wl,--no-warn-rwx-segments", "-lc", "-lgcc"});
    break;
  }
  Outcome outcome = runProgram(command, folder, 120);
  if (outcome.ok())
    return Error::success();
  StringRef output = outcome.output;
  doesNotFit = output.contains("will not fit in region") || output.contains("overflowed by");
  for (StringRef sign : {"will not fit in region", "overflowed by", "undefined reference", "multiple definition", "error"})
    for (size_t at = output.find(sign); at != StringRef::npos;) {
      size_t begin = output.take_front(at).rfind('\n') + 1;
      StringRef line = output.substr(begin).split('\n').first;
      if (sign == "will not fit in region" || sign == "overflowed by")
        line = line.rsplit(": ").second.empty() ? line : line.rsplit(": ").second;
      return fail("{0}", line);
    }
  return fail("{0}: {1}", sys::path::filename(platform.compiler), outcome.text(120));
}

//===-- Results -------------------------------------------------------------===//

namespace {
/// Takes numbers and bytes off the front of a file; becomes bad, and stays so, at its end.
class Reader {
public:
  explicit Reader(StringRef bytes) : rest(bytes) {}
  template <typename T> T take() {
    T value = 0;
    StringRef bytes = takeBytes(sizeof value);
    if (good)
      std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  StringRef takeBytes(uint64_t count) {
    if (count > rest.size())
      good = false;
    if (!good)
      return "";
    StringRef bytes = rest.take_front(count);
    rest = rest.drop_front(count);
    return bytes;
  }
  bool good = true;

private:
  StringRef rest;
};
} // namespace

/// Reads the file that runtime-lite/harness/run.c describes.
static bool readResult(StringRef bytes, RunResult &result, uint32_t &status) {
  Reader reader(bytes);
  if (reader.takeBytes(8) != "DLCRES1\n")
    return false;
  status = reader.take<uint32_t>();
  result.stackBytes = reader.take<uint32_t>();
  uint32_t outputs = reader.take<uint32_t>(), layers = reader.take<uint32_t>(), runs = reader.take<uint32_t>();
  result.instructions = reader.take<uint32_t>() == 1;
  for (uint32_t i = 0; i < outputs && reader.good; i++) {
    Tensor tensor;
    tensor.dtype = static_cast<int>(reader.take<uint32_t>());
    uint32_t rank = reader.take<uint32_t>();
    for (uint32_t d = 0; d < rank && reader.good; d++)
      tensor.dims.push_back(reader.take<int64_t>());
    StringRef data = reader.takeBytes(reader.take<uint64_t>());
    tensor.data.assign(data.begin(), data.end());
    if (reader.good && tensorBytes(tensor.dtype, tensor.dims) != tensor.data.size())
      return false;
    result.outputs.push_back(std::move(tensor));
  }
  for (uint32_t i = 0; i < runs && reader.good; i++)
    result.clocks.push_back(reader.take<uint64_t>());
  for (uint32_t i = 0; i < layers && reader.good; i++)
    result.layers.push_back(reader.take<uint64_t>());
  return reader.good;
}

/// The last line of the program's output that is a message of the harness.
static std::string harnessMessage(StringRef output, StringRef start) {
  size_t at = output.rfind(start);
  return at == StringRef::npos ? "" : output.substr(at).drop_front(start.size()).split('\n').first.str();
}

RunResult Program::conclude(const Outcome &outcome, unsigned seconds) {
  RunResult result;
  auto bad = [&](std::string text) {
    result.error = std::move(text);
    return std::move(result);
  };
  if (outcome.exitCode == DLC_HARNESS_MEMORY) {
    result.doesNotFit = true;
    return bad(harnessMessage(outcome.output, "dlc: memory: "));
  }
  if (outcome.exitCode == DLC_HARNESS_FAULT)
    return bad("the model crashed: " + harnessMessage(outcome.output, "dlc: fault: "));
  uint32_t status = 0;
  auto file = MemoryBuffer::getFile(folder + "/result.bin", false, false);
  if (outcome.exitCode == DLC_HARNESS_STATUS && file && readResult((*file)->getBuffer(), result, status))
    return bad("the model returned status " + std::to_string(status) + " (" +
               harnessMessage(outcome.output, ": ").substr(0, 80) + ")");
  if (!outcome.ok()) {
    StringRef last = StringRef(outcome.output).rtrim().rsplit('\n').second;
    if (last.empty())
      last = StringRef(outcome.output).rtrim();
    std::string text = (outcome.signal ? "the model crashed: " : "the program failed: ") + outcome.text(seconds);
    return bad(last.empty() ? text : text + ": " + last.take_back(200).str());
  }
  if (!file || !readResult((*file)->getBuffer(), result, status))
    return bad("the program wrote no valid result");
  return result;
}

//===-- Running -------------------------------------------------------------===//

/// In the child: loads the shared object and runs the harness inside it.
static int runLoaded(const std::string &path, const std::string &symbol, const std::string &resultPath,
                     ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup, unsigned threads) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    errs() << dlerror() << "\n";
    return 126;
  }
  auto *model = static_cast<const dlc_model *>(dlsym(library, (symbol + "_model").c_str()));
  auto run = reinterpret_cast<decltype(&dlc_harness_run)>(dlsym(library, "dlc_harness_run"));
  auto reserve = reinterpret_cast<decltype(&dlc_platform_reserve)>(dlsym(library, "dlc_platform_reserve"));
  auto setThreads = reinterpret_cast<decltype(&dlc_set_threads)>(dlsym(library, "dlc_set_threads"));
  if (!model || !run || !reserve || !setThreads) {
    errs() << "the shared object lacks a symbol: " << dlerror() << "\n";
    return 126;
  }
  if (model->n_inputs != inputs.size()) {
    errs() << "the model has " << model->n_inputs << " inputs, given are " << inputs.size() << "\n";
    return 126;
  }
  std::vector<int64_t> dims;
  std::vector<uint64_t> bytes;
  std::vector<const void *> data;
  for (size_t i = 0; i < inputs.size(); i++) {
    dims.insert(dims.end(), inputs[i].dims.begin(), inputs[i].dims.end());
    bytes.push_back(inputs[i].data.size());
    // The model's inputs are arrays by their descriptors: memory as long as the
    // data, with a guard behind it.
    void *copy = reserve(std::max<size_t>(inputs[i].data.size(), 1), 64, 0);
    if (!copy)
      return DLC_HARNESS_MEMORY;
    std::memcpy(copy, inputs[i].data.data(), inputs[i].data.size());
    data.push_back(copy);
  }
  setThreads(threads);
  dlc_harness_job job = {model, dims.data(), bytes.data(), data.data(), runs, warmup, resultPath.c_str()};
  int code = run(&job);
  fflush(nullptr);
  return code;
}

RunResult Program::runOnHost(const std::string &object, ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup,
                             unsigned threads, unsigned seconds) {
  std::string library = folder + "/model.so", resultPath = folder + "/result.bin";
  if (loaded != object) {
    // lld keeps global state: it runs in a child, too.
    std::string harness = platform.harness + "/host/harness.o";
    Outcome outcome = runForked(
        [&] {
          const char *command[] = {"ld.lld", "-shared", "-z", "now", "-o", library.c_str(), object.c_str(),
                                   harness.c_str()};
          return lld::lldMain(command, outs(), errs(), {{lld::Gnu, &lld::elf::link}}).retCode;
        },
        120);
    RunResult failed;
    failed.error = "linking failed: " + StringRef(outcome.output).split('\n').first.str();
    if (!outcome.ok())
      return failed;
    loaded = object;
  }
  Outcome outcome = runForked(
      [&] { return runLoaded(library, symbol, resultPath, inputs, runs, warmup, threads); }, seconds);
  return conclude(outcome, seconds);
}

RunResult Program::runInQemu(const std::string &elf, unsigned runs, unsigned warmup, unsigned threads,
                             unsigned seconds) {
  std::vector<std::string> command, arguments = {std::to_string(runs), "result.bin", std::to_string(warmup),
                                                 std::to_string(threads)};
  if (platform.kind == Platform::Kind::Firmware) {
    std::string semihosting = "enable=on,target=native,arg=" + sys::path::filename(elf).str();
    for (const std::string &argument : arguments)
      semihosting += ",arg=" + argument;
    command = {"qemu-system-arm", "-M",      platform.board, "-display", "none",
               "-monitor",        "none",    "-serial",      "none",     "-icount",
               "shift=6",         "-kernel", elf,            "-semihosting-config", semihosting};
  } else {
    command = {"qemu-aarch64", "-cpu", platform.qemuCpu, elf};
    command.insert(command.end(), arguments.begin(), arguments.end());
  }
  return conclude(runProgram(command, folder, seconds), seconds);
}

RunResult Program::run(const std::string &object, ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup,
                       unsigned threads, unsigned seconds) {
  // What an earlier run left must not pass for this one's.
  sys::fs::remove(folder + "/result.bin");
  if (platform.kind == Platform::Kind::Host)
    return runOnHost(object, inputs, runs, warmup, threads, seconds);
  RunResult result;
  std::string elf = folder + "/program.elf";
  if (Error error = link(object, inputs, elf, result.doesNotFit)) {
    result.error = "linking failed: " + toString(std::move(error));
    return result;
  }
  return runInQemu("program.elf", runs, warmup, threads, seconds);
}
