// This file runs one model as the command line says.
#include "compiler/run/RunModel.h"

#include "compiler/Driver.h"
#include "compiler/Registration.h"
#include "compiler/Target.h"
#include "compiler/onnx/Messages.h"
#include "compiler/onnx/Types.h"
#include "compiler/run/Compare.h"
#include "compiler/run/Model.h"
#include "compiler/run/TensorFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using mlir::DialectRegistry;
using mlir::MLIRContext;
using namespace dlc;
using namespace dlc::run;

static int report(int code, const Twine &message) {
  errs() << message << "\n";
  return code;
}

/// `y: float32 1x10: 0.1, 0.2, ...`
static void printTensor(const Tensor &tensor) {
  constexpr int64_t shown = 16;
  int64_t count = tensor.elements();
  outs() << tensor.name << ": " << import::dataTypeName(tensor.dtype) << " " << import::shapeText(tensor.dims) << ":";
  for (int64_t i = 0; i < std::min(count, shown); i++)
    outs() << (i ? ", " : " ") << textAt(tensor, i);
  outs() << (count > shown ? ", ...\n" : "\n");
}

/// Names of the layers, from the manifest.
static std::vector<std::string> layerNames(StringRef manifest) {
  std::vector<std::string> names;
  Expected<json::Value> parsed = json::parse(manifest);
  if (!parsed) {
    consumeError(parsed.takeError());
    return names;
  }
  const json::Object *object = parsed->getAsObject();
  if (const json::Array *layers = object ? object->getArray("layers") : nullptr)
    for (const json::Value &layer : *layers)
      names.push_back(layer.getAsObject() ? layer.getAsObject()->getString("name").value_or("").str() : "");
  return names;
}

static std::string millis(uint64_t ns) {
  std::string digits = std::to_string(ns % 1000000);
  return std::to_string(ns / 1000000) + "." + std::string(6 - digits.size(), '0') + digits;
}

/// The one JSON object of --bench. Under QEMU's -icount instructions are exact
/// and the clock runs at 64 ns an instruction: those are not a processor's times.
static void printBench(const RunResult &result, const RunOptions &options, bool emulated, StringRef manifest) {
  std::vector<uint64_t> sorted = result.clocks;
  llvm::sort(sorted);
  size_t n = sorted.size();
  uint64_t median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  json::OStream out(outs());
  // Down to the nanosecond, without the digits of binary fractions.
  auto ms = [&](StringRef key, uint64_t clock) {
    uint64_t ns = clock * (result.instructions ? 64 : 1);
    out.attributeBegin(key);
    out.rawValue(millis(ns));
    out.attributeEnd();
  };
  out.object([&] {
    out.attribute("model", symbolName(options.compile));
    out.attribute("target", options.compile.target);
    out.attribute("runs", static_cast<int64_t>(n));
    ms("median_ms", median);
    ms("min_ms", sorted.front());
    ms("p90_ms", sorted[(n * 9 + 9) / 10 - 1]);
    out.attribute("clock", result.instructions ? "QEMU, 64 ns an instruction"
                           : emulated          ? "QEMU, wall clock"
                                               : "wall clock");
    if (result.instructions)
      out.attribute("instructions", static_cast<int64_t>(median));
    if (result.stackBytes)
      out.attribute("stack_bytes", result.stackBytes);
    if (!options.compile.profile)
      return;
    std::vector<std::string> names = layerNames(manifest);
    out.attributeArray("layers", [&] {
      for (size_t i = 0; i < result.layers.size(); i++)
        out.object([&] {
          out.attribute("name", i < names.size() ? names[i] : std::to_string(i));
          if (result.instructions)
            out.attribute("instructions", static_cast<int64_t>(result.layers[i] / n));
          else
            ms("ms", result.layers[i] / n);
        });
    });
  });
  outs() << "\n";
}

/// The table of --profile: what each layer took in one inference.
static void printLayers(const RunResult &result, StringRef manifest) {
  std::vector<std::string> names = layerNames(manifest);
  for (size_t i = 0; i < result.layers.size(); i++)
    outs() << formatv("{0,14:N0} {1}  {2}\n", result.layers[i] / std::max<size_t>(result.clocks.size(), 1),
                      result.instructions ? "instructions" : "ns", i < names.size() ? names[i] : std::to_string(i));
}

static int compareAll(const RunResult &result, ArrayRef<Tensor> expected, const RunOptions &options) {
  int code = kOk;
  for (size_t i = 0; i < expected.size(); i++) {
    if (expected[i].dtype == 0)
      continue; // not given
    std::string difference = compareTensors(result.outputs[i], expected[i], {options.rtol, options.atol});
    if (!difference.empty())
      code = report(kBadModel, options.compile.input + ": error: " + difference);
  }
  return code;
}

int dlc::run::runModel(const RunOptions &options) {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto target = resolveTarget(&context, {options.compile.target, options.compile.cpu, options.compile.features});
  if (!target)
    return report(kBadUsage, "dlc-run: error: " + toString(target.takeError()));
  Expected<Platform> platform = findPlatform(*target, {options.qemuCpu, options.sveBits});
  if (!platform)
    return report(kBadUsage, "dlc-run: error: " + toString(platform.takeError()));
  Expected<std::vector<Tensor>> given = loadArguments(options.inputs);
  if (!given)
    return report(kBadModel, "dlc-run: error: " + toString(given.takeError()));
  Expected<std::vector<Tensor>> expected = loadArguments(options.expects);
  if (!expected)
    return report(kBadModel, "dlc-run: error: " + toString(expected.takeError()));
  Expected<Signature> signature = readSignature(options.compile.input);
  if (!signature)
    return report(kBadModel, toString(signature.takeError()));
  auto complain = [&](Error error) {
    return report(kBadModel, options.compile.input + ": error: " + toString(std::move(error)));
  };
  if (expected = arrange(signature->outputs, std::move(*expected), "output", true); !expected)
    return complain(expected.takeError());

  ScratchFolder folder;
  Model model(options, *target, *platform, *signature, folder.path());
  std::vector<Tensor> inputs;
  if (given->empty()) {
    if (int code = model.compile())
      return code;
    Expected<std::vector<Tensor>> random = model.randomInputs(options.seed);
    if (!random)
      return report(kBadModel, toString(random.takeError()));
    inputs = std::move(*random);
  } else {
    Expected<std::vector<Tensor>> arranged = arrange(signature->inputs, std::move(*given), "input");
    if (!arranged)
      return complain(arranged.takeError());
    inputs = std::move(*arranged);
    if (int code = model.compile(inputs))
      return code;
  }
  if (!options.elf.empty())
    if (Error error = model.link(inputs, options.elf))
      return complain(std::move(error));
  RunResult result = model.run(inputs, std::max(options.bench, 1u), options.bench ? 1 + options.bench / 10 : 0);
  if (!result.error.empty())
    return report(kBadModel, options.compile.input + ": error: " + result.error);
  for (size_t i = 0; i < result.outputs.size() && !options.outputDir.empty(); i++)
    if (Error error = writeTensorFile(options.outputDir, "output_" + std::to_string(i), result.outputs[i]))
      return report(kBadModel, "dlc-run: error: " + toString(std::move(error)));
  if (int code = compareAll(result, *expected, options))
    return code;
  if (options.bench) {
    printBench(result, options, platform->kind != Platform::Kind::Host, model.manifest());
  } else {
    if (options.outputDir.empty() && options.expects.empty())
      for (const Tensor &output : result.outputs)
        printTensor(output);
    if (options.compile.profile)
      printLayers(result, model.manifest());
  }
  return kOk;
}
