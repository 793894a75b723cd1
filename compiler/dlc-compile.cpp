// dlc-compile: an ONNX model in, an object file, a header and a manifest out.
#include "compiler/Driver.h"
#include "compiler/Options.h"
#include "compiler/Stages.h"
#include "compiler/Target.h"
#include "passes/legalize/OpList.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();
  dlc::CommandLine commandLine;
  int exitCode = dlc::kOk;
  if (!dlc::parseCommandLine(argc, argv, commandLine, exitCode))
    return exitCode;
  if (commandLine.listTargets)
    llvm::outs() << dlc::listTargets();
  else if (commandLine.listOps)
    dlc::legalize::printOpList(llvm::outs());
  else if (commandLine.listStages)
    for (const dlc::Stage &stage : dlc::stages())
      llvm::outs() << llvm::formatv("{0,-10} {1}\n", stage.name, stage.description);
  else
    return dlc::compile(commandLine.compile);
  return dlc::kOk;
}
