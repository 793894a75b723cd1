// This file makes LLVM's TargetMachine from the #rt.target of a module.
#include "codegen/TargetMachine.h"

#include "dialects/RT/RT.h"
#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include <mutex>

using namespace mlir;
using namespace dlc;

FailureOr<std::unique_ptr<llvm::TargetMachine>>
codegen::createTargetMachine(ModuleOp module, OptimizeFor optimizeFor) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
  rt::TargetAttr attr = rt::targetOf(module);
  if (!attr)
    return module.emitError()
           << "module has no '" << rt::kTarget << "' attribute";
  llvm::Triple triple(llvm::Triple::normalize(attr.getTriple()));
  std::string why;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, why);
  if (!target)
    return module.emitError() << "target '" << attr.getTriple() << "': " << why;

  llvm::TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  options.UniqueSectionNames = true;
  if (attr.getFloatAbi() == "hard")
    options.FloatABIType = llvm::FloatABI::Hard;
  else if (attr.getFloatAbi() == "soft")
    options.FloatABIType = llvm::FloatABI::Soft;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, attr.getCpu(), attr.getFeatures(), options,
      attr.getHosted() ? llvm::Reloc::PIC_ : llvm::Reloc::Static, std::nullopt,
      optimizeFor == OptimizeFor::Size ? llvm::CodeGenOptLevel::Default
                                       : llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return module.emitError()
           << "target '" << attr.getTriple() << "' has no code generator";
  // Arm's unwind index would say "cannot unwind" for every function, 8 bytes
  // each. TargetOptions has no word for "none at all".
  const_cast<llvm::MCAsmInfo *>(machine->getMCAsmInfo())
      ->setExceptionsType(llvm::ExceptionHandling::None);
  unsigned pointer = machine->createDataLayout().getPointerSizeInBits();
  if (pointer != attr.getIndexBits())
    return module.emitError() << "rt.target says index_bits = "
                              << attr.getIndexBits() << ", but pointers of '"
                              << attr.getTriple() << "' have " << pointer
                              << " bits";
  return machine;
}
