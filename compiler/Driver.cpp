// This file drives a compilation: import, stages, emission of all files.
#include "compiler/Driver.h"

#include "compiler/Diagnostics.h"
#include "compiler/Emit.h"
#include "compiler/Registration.h"
#include "compiler/Stages.h"
#include "compiler/Target.h"
#include "compiler/onnx/Importer.h"
#include "dialects/RT/RT.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

namespace {
/// Prints the name of each stage on a terminal while it runs.
struct Progress {
  bool on = llvm::errs().is_displayed();
  void stage(llvm::StringRef name) {
    if (on)
      llvm::errs() << "\r\033[Kdlc-compile: " << name << " ..." << "\r";
  }
  ~Progress() {
    if (on)
      llvm::errs() << "\r\033[K";
  }
};
} // namespace

/// Writes `module` as text to `path` ("-" is standard output).
static int printIR(ModuleOp module, const dlc::CompileOptions &options,
                   llvm::StringRef path) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_Text);
  if (error) {
    llvm::errs() << "dlc-compile: error: cannot write '" << path
                 << "': " << error.message() << "\n";
    return dlc::kBadModel;
  }
  OpPrintingFlags flags;
  if (options.elideConstants)
    flags.elideLargeElementsAttrs(16);
  module.print(file.os(), flags);
  file.os() << "\n";
  file.keep();
  return dlc::kOk;
}

static void setModuleOptions(ModuleOp module, const dlc::CompileOptions &options,
                             dlc::rt::TargetAttr target) {
  Builder b(module.getContext());
  module->setAttr(dlc::rt::kTarget, target);
  module->setAttr(dlc::rt::kName, b.getStringAttr(dlc::symbolName(options)));
  const char *optimize = options.optimize == dlc::Optimize::Size  ? "size"
                         : options.optimize == dlc::Optimize::Ram ? "ram"
                                                                  : "speed";
  module->setAttr(dlc::rt::kOptimize, b.getStringAttr(optimize));
  module->setAttr(dlc::rt::kRequant, b.getStringAttr(options.requant));
  if (options.ioInArena)
    module->setAttr(dlc::rt::kIoArena, b.getUnitAttr());
  if (options.ramBudget >= 0)
    module->setAttr(dlc::rt::kRamBudget, b.getI64IntegerAttr(options.ramBudget));
  if (!options.memories.empty()) {
    SmallVector<Attribute> memories;
    for (const auto &[memory, bytes] : options.memories)
      memories.push_back(b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(memory)),
                                              b.getNamedAttr("bytes", b.getI64IntegerAttr(bytes))}));
    module->setAttr(dlc::rt::kMemories, b.getArrayAttr(memories));
  }
  if (options.poisonArena)
    module->setAttr(dlc::rt::kPoisonArena, b.getUnitAttr());
  if (options.profile)
    module->setAttr(dlc::rt::kProfile, b.getUnitAttr());
  if (options.threads > 1)
    module->setAttr(dlc::rt::kThreads, b.getI64IntegerAttr(options.threads));
}

/// Says how a defect can be reproduced, with a file that holds all of it.
static void reportDefect(dlc::DiagnosticsHandler &diagnostics,
                         const dlc::CompileOptions &options, llvm::StringRef stage) {
  std::string path = options.output.empty() || options.output == "-"
                         ? dlc::symbolName(options)
                         : options.output;
  path += ".reproducer.txt";
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (!error) {
    file << "model: " << options.input << "\nstage: " << stage
         << "\ntarget: " << options.target << "\nmcpu: " << options.cpu
         << "\nmattr: " << options.features << "\n";
    for (auto &[name, size] : options.dims)
      file << "dim: " << name << "=" << size << "\n";
  }
  diagnostics.internalError("stage '" + stage + "' failed",
                            "this is a defect of dlc; please report it with '" +
                                llvm::Twine(path) + "' and the model");
}

OwningOpRef<ModuleOp> dlc::compileToLastIR(MLIRContext &context,
                                           const CompileOptions &options,
                                           DiagnosticsHandler &diagnostics,
                                           int &exitCode) {
  auto target = resolveTarget(
      &context, {options.target, options.cpu, options.features});
  if (!target) {
    llvm::errs() << "dlc-compile: error: " << llvm::toString(target.takeError())
                 << "\n";
    exitCode = kBadUsage;
    return {};
  }
  if (options.threads > 1 && !target->getHosted()) {
    llvm::errs() << "dlc-compile: error: --threads=" << options.threads << ": " << target->getName()
                 << " runs firmware, which has one thread; leave the option out\n";
    exitCode = kBadUsage;
    return {};
  }
  Progress progress;
  progress.stage("import");
  ImportOptions import;
  import.path = options.input;
  import.dims = options.dims;
  for (const auto &[name, shape] : options.shapes)
    import.shapes[name].assign(shape.begin(), shape.end());
  FailureOr<OwningOpRef<ModuleOp>> imported = importOnnx(context, import);
  if (failed(imported)) {
    exitCode = diagnostics.failureCode();
    return {};
  }
  OwningOpRef<ModuleOp> module = std::move(*imported);
  setModuleOptions(*module, options, *target);

  int last = options.stopAfter.empty() ? stages().size() - 1
                                       : findStage(options.stopAfter);
  for (int i = 0; i <= last; ++i) {
    const Stage &stage = stages()[i];
    progress.stage(stage.name);
    PassManager pm(&context, ModuleOp::getOperationName());
    stage.build(pm);
    if (pm.size() == 0)
      continue;
    if (failed(pm.run(*module))) {
      exitCode = diagnostics.failureCode();
      if (exitCode == kDefect)
        reportDefect(diagnostics, options, stage.name);
      return {};
    }
  }
  exitCode = kOk;
  return module;
}

int dlc::compile(const CompileOptions &options) {
  if (!options.stopAfter.empty() && findStage(options.stopAfter) < 0) {
    llvm::errs() << "dlc-compile: error: --stop-after=" << options.stopAfter
                 << ": no such stage; --list-stages names them\n";
    return kBadUsage;
  }
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  DiagnosticsHandler diagnostics(&context, options.input);
  int exitCode = kOk;
  OwningOpRef<ModuleOp> module =
      compileToLastIR(context, options, diagnostics, exitCode);
  if (!module)
    return exitCode;
  if (!options.stopAfter.empty())
    return printIR(*module, options,
                   options.output.empty() ? "-" : options.output);
  exitCode = emitAll(*module, options);
  if (exitCode == kDefect)
    reportDefect(diagnostics, options, "emit");
  return exitCode;
}
