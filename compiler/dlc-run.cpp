// dlc-run: compiles an ONNX model, runs it, compares and measures; runs ONNX tests.
#include "compiler/Driver.h"
#include "compiler/run/RunModel.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/TargetSelect.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();
  dlc::RunOptions options;
  int exitCode = dlc::kOk;
  if (!dlc::parseRunCommandLine(argc, argv, options, exitCode))
    return exitCode;
  return options.verify ? dlc::run::verify(options) : dlc::run::runModel(options);
}
