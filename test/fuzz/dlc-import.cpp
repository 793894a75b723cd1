// dlc-import: imports models, prints or times them; for tests of the importer.
#include "compiler/Diagnostics.h"
#include "compiler/Registration.h"
#include "compiler/onnx/Importer.h"
#include "mlir/IR/Verifier.h"
#include <chrono>

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  dlc::registerDialects(registry);
  mlir::MLIRContext context(registry);
  int code = 0;
  for (int i = 1; i < argc; ++i) {
    dlc::DiagnosticsHandler handler(&context, argv[i]);
    dlc::ImportOptions options;
    options.path = argv[i];
    auto start = std::chrono::steady_clock::now();
    auto module = dlc::importOnnx(context, options);
    if (failed(module) || failed(mlir::verify(**module))) {
      code = 1;
      continue;
    }
    if (argc == 2)
      (*module)->print(llvm::outs());
    else
      llvm::outs() << argv[i] << " "
                   << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()
                   << "\n";
  }
  return code;
}
