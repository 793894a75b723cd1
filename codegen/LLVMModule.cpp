// This file turns the LLVM dialect into an optimized LLVM module.
#include "codegen/LLVMModule.h"

#include "codegen/FixedPointConversions.h"
#include "codegen/GatherAddresses.h"
#include "dialects/RT/RT.h"
#include "mlir/Target/LLVMIR/Dialect/ArmNeon/ArmNeonToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ArmSVE/ArmSVEToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

using namespace dlc;
using namespace dlc::codegen;

namespace {
/// Loops of kernels that several layers share run any number of rounds: unrolled by a
/// factor they get a second body for the rounds that are left, for little time.
struct KeepLoopsRolled : llvm::PassInfoMixin<KeepLoopsRolled> {
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &analyses) {
    if (!function.hasFnAttribute("dlc-rolled"))
      return llvm::PreservedAnalyses::all();
    auto &loops = analyses.getResult<llvm::LoopAnalysis>(function);
    for (llvm::Loop *loop : loops.getLoopsInPreorder())
      llvm::addStringMetadataToLoop(loop, "llvm.loop.unroll.disable", /*V=*/1);
    return llvm::PreservedAnalyses::all();
  }
};

/// Kernels of Helium have as many loops as they want: unrolled entirely, they take
/// registers that are not there, and stack.
bool hasHeliumKernels(const llvm::Module &module) {
  return llvm::any_of(module, [](const llvm::Function &function) {
    return function.getName().starts_with("llvm.arm.mve.vm");
  });
}

/// `text` without the model's name in front: sections already hold it.
llvm::StringRef withoutPrefix(llvm::StringRef text, llvm::StringRef name) {
  return text.starts_with(name) && text.drop_front(name.size()).starts_with("_")
             ? text.drop_front(name.size() + 1)
             : text;
}

/// As much as vector loads can use, no more than the constant fills.
llvm::Align weightAlign(const llvm::GlobalVariable &global,
                        const llvm::DataLayout &layout) {
  uint64_t bytes = layout.getTypeAllocSize(global.getValueType());
  llvm::Align align = layout.getABITypeAlign(global.getValueType());
  while (align.value() < rt::kArenaAlign && align.value() * 2 <= bytes)
    align = llvm::Align(align.value() * 2);
  return std::max(align, global.getAlign().valueOrOne());
}
} // namespace

std::unique_ptr<llvm::Module>
codegen::translateToLLVM(mlir::ModuleOp lowered, llvm::LLVMContext &context,
                         const ModelInfo &info, const EmitOptions &options,
                         llvm::TargetMachine &machine) {
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerArmNeonDialectTranslation(registry);
  mlir::registerArmSVEDialectTranslation(registry);
  lowered->getContext()->appendDialectRegistry(registry);
  auto module = mlir::translateModuleToLLVMIR(lowered, context, info.name);
  if (!module)
    return nullptr;
  // Nothing in the outputs depends on where the input lies.
  module->setSourceFileName(info.name);
  module->setTargetTriple(machine.getTargetTriple());
  module->setDataLayout(machine.createDataLayout());
  bool hosted = rt::targetOf(lowered).getHosted();
  if (hosted)
    module->setPICLevel(llvm::PICLevel::BigPIC);

  for (llvm::GlobalVariable &global : module->globals()) {
    if (global.isDeclaration())
      continue;
    global.setLinkage(llvm::GlobalValue::InternalLinkage);
    global.setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    global.setDSOLocal(true);
    global.setAlignment(weightAlign(global, module->getDataLayout()));
    global.setSection(".rodata." + info.name + ".weights");
  }
  if (!addDescriptor(*module, info, options, hosted)) {
    lowered.emitError() << "the calls to layers have changed their order";
    return nullptr;
  }

  llvm::StringSet<llvm::MallocAllocator> layers;
  for (const LayerInfo &layer : info.layers)
    layers.insert(layer.function);
  for (llvm::Function &function : *module) {
    function.setDoesNotThrow();
    if (function.isDeclaration())
      continue;
    bool isEntry = function.getName() == info.entry;
    if (!isEntry) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      function.setDSOLocal(true);
      function.setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    }
    // One layer stays one function: what a profile, a linker map and the
    // manifest name is what runs, and registers are allocated for it alone.
    if (layers.contains(function.getName()))
      function.addFnAttr(llvm::Attribute::NoInline);
    function.setSection(
        (".text." + info.name + "." + withoutPrefix(function.getName(), info.name))
            .str());
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    if (!machine.getTargetFeatureString().empty())
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("frame-pointer", "none");
    if (options.optimizeFor == OptimizeFor::Size)
      function.addFnAttr(llvm::Attribute::OptimizeForSize);
  }
  return module;
}

llvm::TargetLibraryInfoImpl codegen::libraryFunctions(const llvm::Triple &triple) {
  llvm::TargetLibraryInfoImpl library(triple);
  library.disableAllFunctions();
  // Vector loops of Helium are faster than most C libraries: they stay loops.
  if (triple.getSubArch() == llvm::Triple::ARMSubArch_v8_1m_mainline)
    return library;
  for (llvm::LibFunc function :
       {llvm::LibFunc_memcpy, llvm::LibFunc_memmove, llvm::LibFunc_memset})
    library.setAvailable(function);
  return library;
}

void codegen::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                       const EmitOptions &options, bool hosted) {
  bool small = options.optimizeFor == OptimizeFor::Size;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = !small;
  tuning.SLPVectorization = !small;
  tuning.LoopInterleaving = hosted && !small;
  tuning.LoopUnrolling = !hasHeliumKernels(module);
  llvm::PassBuilder builder(&machine, tuning);
  if (!hosted)
    builder.registerVectorizerStartEPCallback(
        [](llvm::FunctionPassManager &manager, llvm::OptimizationLevel) {
          manager.addPass(KeepLoopsRolled());
        });
  if (machine.getTargetTriple().getSubArch() == llvm::Triple::ARMSubArch_v8_1m_mainline)
    builder.registerOptimizerLastEPCallback(
        [](llvm::ModulePassManager &manager, llvm::OptimizationLevel, llvm::ThinOrFullLTOPhase) {
          llvm::FunctionPassManager functions;
          functions.addPass(GatherAddresses());
          functions.addPass(FixedPointConversions());
          functions.addPass(llvm::DCEPass());
          manager.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(functions)));
        });
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  auto library = libraryFunctions(machine.getTargetTriple());
  // First come, first served: before the builder registers its own.
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::OptimizationLevel level = small    ? llvm::OptimizationLevel::Os
                                  : hosted ? llvm::OptimizationLevel::O3
                                           : llvm::OptimizationLevel::O2;
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
  // Equal constants are merged by now. Left without an address of their own,
  // small ones would go to another, mergeable section of the same name.
  for (llvm::GlobalVariable &global : module.globals())
    if (global.hasSection())
      global.setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::None);
}
