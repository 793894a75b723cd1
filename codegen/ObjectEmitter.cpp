// This file compiles the last IR to an object and reads back what became of it.
#include "codegen/ObjectEmitter.h"

#include "codegen/LLVMModule.h"
#include "codegen/LowerToLLVM.h"
#include "codegen/SeparateLayers.h"
#include "codegen/Stack.h"
#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/RT/RT.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <map>
#include <set>

using namespace mlir;
using namespace dlc;
using namespace dlc::codegen;

namespace {
/// Functions whose assembly found no registers, by name or by their place in the module.
struct Crowded {
  std::set<std::string> names;
  std::set<uint64_t> places;
  bool any = false;
};

/// Collects LLVM's errors, and the frame sizes that it reports as warnings.
class Diagnostics final : public llvm::DiagnosticHandler {
public:
  Diagnostics(std::vector<std::string> &errors, llvm::StringMap<uint64_t> &frames,
              Crowded &crowded)
      : errors(errors), frames(frames), crowded(crowded) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (auto *stack = dyn_cast<llvm::DiagnosticInfoStackSize>(&info)) {
      frames[stack->getFunction().getName()] = stack->getStackSize();
      return true;
    }
    if (info.getSeverity() == llvm::DS_Error) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
      auto *assembly = dyn_cast<llvm::DiagnosticInfoInlineAsm>(&info);
      auto *failure = dyn_cast<llvm::DiagnosticInfoRegAllocFailure>(&info);
      if (assembly && StringRef(text).contains("requires more registers"))
        crowded.places.insert(assembly->getLocCookie());
      else if (failure)
        crowded.names.insert(failure->getFunction().getName().str());
      // LLVM does not always say in which function.
      crowded.any |= StringRef(text).contains("requires more registers") ||
                     StringRef(text).contains("register allocation failed") || failure;
      errors.push_back(text);
    }
    return true;
  }

private:
  std::vector<std::string> &errors;
  llvm::StringMap<uint64_t> &frames;
  Crowded &crowded;
};

/// Makes LLVM's errors about inline assembly say in which function it is. The place
/// begins at 1: 0 stands for no place.
void numberAssembly(llvm::Module &module) {
  uint64_t place = 0;
  llvm::IntegerType *type = llvm::Type::getInt64Ty(module.getContext());
  for (llvm::Function &function : module) {
    ++place;
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : block)
        if (auto *call = dyn_cast<llvm::CallBase>(&instruction); call && call->isInlineAsm())
          call->setMetadata("srcloc",
                            llvm::MDNode::get(module.getContext(),
                                              llvm::ConstantAsMetadata::get(
                                                  llvm::ConstantInt::get(type, place))));
  }
}

/// Runs the code generator on `module`; false when it offers no such output.
bool generate(llvm::Module &module, llvm::TargetMachine &machine,
              llvm::CodeGenFileType type, llvm::raw_pwrite_stream &stream) {
  llvm::legacy::PassManager manager;
  manager.add(new llvm::TargetLibraryInfoWrapperPass(
      libraryFunctions(machine.getTargetTriple())));
  if (machine.addPassesToEmitFile(manager, stream, nullptr, type))
    return false;
  manager.run(module);
  return true;
}

/// What generated code may leave to the linker: memory functions, the compiler's
/// support routines (two leading underscores) and runtime-lite's hooks.
bool isAllowedUndefined(StringRef name, const ModelInfo &info) {
  return name == "memcpy" || name == "memset" || name == "memmove" ||
         name.starts_with("__") || name.starts_with("dlc_") ||
         name == info.name + "_weights";
}

/// Reads sizes, what is left to the linker, and the stack of `entry` (if any) out of the object.
LogicalResult readBack(ModuleOp module, const ModelInfo &info, const llvm::Function *entry,
                       const llvm::StringMap<uint64_t> &frames, CompiledModel &result) {
  auto fail = [&](llvm::Error error) {
    return module.emitError() << "cannot read back the object: "
                              << llvm::toString(std::move(error));
  };
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef({result.object.data(), result.object.size()}, info.name));
  if (!object)
    return fail(object.takeError());
  for (const llvm::object::SectionRef &section : (*object)->sections()) {
    auto name = section.getName();
    if (!name)
      return fail(name.takeError());
    if (*name == ".rodata." + info.name + ".weights")
      result.weightsBytes += section.getSize();
    else if (llvm::object::ELFSectionRef(section).getFlags() & llvm::ELF::SHF_ALLOC)
      result.codeBytes += section.getSize();
  }
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    auto flags = symbol.getFlags();
    if (!flags)
      return fail(flags.takeError());
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined) ||
        (*flags & llvm::object::SymbolRef::SF_FormatSpecific))
      continue;
    auto name = symbol.getName();
    if (!name)
      return fail(name.takeError());
    if (!name->empty())
      result.undefinedSymbols.push_back(name->str());
  }
  llvm::sort(result.undefinedSymbols);
  for (const std::string &symbol : result.undefinedSymbols)
    if (!isAllowedUndefined(symbol, info))
      return module.emitError()
             << "generated code calls '" << symbol
             << "', which a firmware does not have; an operation of the last IR "
                "is not an instruction of target '"
             << info.target << "'";
  if (entry)
    result.stackBytes = deepestStack(*entry, frames, **object);
  return success();
}

class Compilation {
public:
  /// `registers` limits those of assembly, by function.
  Compilation(ModuleOp module, const ModelInfo &info, const EmitOptions &options,
              const llvm::StringMap<int64_t> &registers)
      : module(module), info(info), options(options), registers(registers) {}

  /// Functions whose assembly is to have fewer registers, in a run that failed for that
  /// reason, without a message.
  const std::set<std::string> &crowdedFunctions() const { return crowdedNames; }

  FailureOr<CompiledModel> run() {
    auto created = createTargetMachine(module, options.optimizeFor);
    if (failed(created))
      return failure();
    machine = std::move(*created);
    OwningOpRef<ModuleOp> lowered = module.clone();
    limitRegisters(*lowered);
    if (failed(lowerToLLVM(*lowered)))
      return failure();

    context.setDiagnosticHandler(std::make_unique<Diagnostics>(errors, frames, crowded));
    llvmModule = translateToLLVM(*lowered, context, info, options, *machine);
    if (!llvmModule)
      return failure();
    numberAssembly(*llvmModule);
    uint64_t place = 0;
    for (llvm::Function &function : *llvmModule)
      names[++place] = function.getName().str();
    if (options.externalWeights)
      result.weights = extractWeights(*llvmModule, info);
    result.weightsBytes = result.weights.size();
    if (!safely([&] { generateAll(); }))
      return failure();
    if (failed(readBack(module, info, llvmModule->getFunction(info.name + "_run_generic"), frames, result)))
      return failure();
    return std::move(result);
  }

private:
  void limitRegisters(ModuleOp lowered) {
    if (registers.empty())
      return;
    lowered.walk([&](func::FuncOp function) {
      auto limit = registers.find(function.getName());
      if (limit == registers.end())
        return;
      function.walk([&](arm_dsp::DotOp dot) {
        dot.setRegisters(std::max(dot.fewestRegisters(),
                                  std::min<int64_t>(dot.getRegisters(), limit->second)));
      });
    });
  }

  /// Whether registers were short and assembly can do with fewer.
  bool isCrowded() {
    // Other errors are what became of these: the assembly got any register then.
    if (!crowded.any)
      return false;
    crowdedNames = crowded.names;
    for (uint64_t place : crowded.places)
      crowdedNames.insert(names[place]);
    if (crowdedNames.empty())
      module.walk([&](arm_dsp::DotOp dot) {
        crowdedNames.insert(dot->getParentOfType<func::FuncOp>().getName().str());
      });
    std::erase_if(crowdedNames, [&](const std::string &name) {
      auto function = module.lookupSymbol<func::FuncOp>(name);
      bool narrower = false;
      int64_t limit = registers.count(name) ? registers.lookup(name) : INT64_MAX;
      if (function)
        function.walk([&](arm_dsp::DotOp dot) {
          narrower |= std::min<int64_t>(dot.getRegisters(), limit) > dot.fewestRegisters();
        });
      return !narrower;
    });
    return !crowdedNames.empty();
  }

  void generateAll() {
    if (verify("before optimization"))
      return;
    optimize(*llvmModule, *machine, options, rt::targetOf(module).getHosted());
    if (options.separateLayers)
      separateLayers(*llvmModule, info);
    if (verify("after optimization"))
      return;
    if (options.llvm) {
      llvm::raw_string_ostream stream(result.llvm);
      llvmModule->print(stream, nullptr);
    }
    if (options.assembly) {
      llvm::SmallString<0> text;
      llvm::raw_svector_ostream stream(text);
      // The code generator changes the module: one copy for each output.
      if (!generate(*llvm::CloneModule(*llvmModule), *machine,
                    llvm::CodeGenFileType::AssemblyFile, stream))
        errors.push_back("target has no assembly printer");
      result.assembly = text.str().str();
    }
    for (llvm::Function &function : *llvmModule)
      if (!function.isDeclaration())
        function.addFnAttr("warn-stack-size", "0");
    llvm::raw_svector_ostream stream(result.object);
    if (!generate(*llvmModule, *machine, llvm::CodeGenFileType::ObjectFile, stream))
      errors.push_back("target has no object writer");
  }

  bool verify(const char *when) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (!llvm::verifyModule(*llvmModule, &stream))
      return false;
    errors.push_back("LLVM module is broken " + std::string(when) + ": " + text);
    return true;
  }

  /// Runs `work` so that a crash or fatal error of LLVM ends here.
  bool safely(llvm::function_ref<void()> work) {
    std::string fatal;
    llvm::CrashRecoveryContext::Enable();
    llvm::CrashRecoveryContext recovery;
    bool survived;
    {
      llvm::ScopedFatalErrorHandler handler(
          [](void *text, const char *reason, bool) {
            *static_cast<std::string *>(text) = reason;
            if (auto *current = llvm::CrashRecoveryContext::GetCurrent())
              current->HandleExit(3);
          },
          &fatal);
      survived = recovery.RunSafely(work);
    }
    llvm::CrashRecoveryContext::Disable();
    if (!survived) {
      module.emitError() << "LLVM failed for target '" << info.target
                         << "': " << (fatal.empty() ? "crash" : fatal);
      // What LLVM left behind cannot be taken apart safely.
      (void)llvmModule.release();
      return false;
    }
    if (isCrowded())
      return false;
    for (const std::string &error : errors)
      module.emitError() << "LLVM failed for target '" << info.target
                         << "': " << error;
    return errors.empty();
  }

  ModuleOp module;
  const ModelInfo &info;
  const EmitOptions &options;
  const llvm::StringMap<int64_t> &registers;
  std::vector<std::string> errors;
  llvm::StringMap<uint64_t> frames;
  Crowded crowded;
  std::map<uint64_t, std::string> names; ///< of functions, by place
  std::set<std::string> crowdedNames;
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule;
  CompiledModel result;
};
} // namespace

FailureOr<CompiledModel> codegen::compileModel(ModuleOp module, const ModelInfo &info,
                                               const EmitOptions &options) {
  // Assembly that takes nearly all registers is faster, but LLVM does not always find
  // a place for the rest. Where it does not, the function gets one less.
  llvm::StringMap<int64_t> registers;
  for (;;) {
    Compilation compilation(module, info, options, registers);
    FailureOr<CompiledModel> result = compilation.run();
    if (succeeded(result) || compilation.crowdedFunctions().empty())
      return result;
    for (const std::string &function : compilation.crowdedFunctions()) {
      auto [limit, fresh] = registers.try_emplace(function, 0);
      if (fresh)
        module.lookupSymbol<func::FuncOp>(function).walk([&](arm_dsp::DotOp dot) {
          limit->second = std::max<int64_t>(limit->second, dot.getRegisters());
        });
      --limit->second;
    }
  }
}
