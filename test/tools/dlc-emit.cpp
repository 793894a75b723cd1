// dlc-emit: runs code generation alone, on a hand-written module of the last IR.
//
//   dlc-emit FILE.mlir -o PREFIX [--target=T] [--mcpu=C] [--mattr=F]
//            [--emit=obj,asm,llvm,cpp,header,manifest,report,lib,shared,target] [-Osize] [--profile] [--weights=external]
#include "codegen/CppEmitter.h"
#include "codegen/HeaderEmitter.h"
#include "codegen/Linker.h"
#include "codegen/ManifestEmitter.h"
#include "codegen/ReportEmitter.h"
#include "codegen/ObjectEmitter.h"
#include "compiler/Registration.h"
#include "compiler/Target.h"
#include "dialects/RT/RT.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace dlc;

static bool writeFile(const std::string &path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return false;
  stream << bytes;
  return true;
}

int main(int argc, char **argv) {
  std::string file, prefix = "out", emit = "obj";
  TargetRequest request;
  codegen::EmitOptions options;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef arg(argv[i]);
    if (arg == "-o" && i + 1 < argc)
      prefix = argv[++i];
    else if (arg.consume_front("--target="))
      request.target = arg;
    else if (arg.consume_front("--mcpu="))
      request.cpu = arg;
    else if (arg.consume_front("--mattr="))
      request.features = arg;
    else if (arg.consume_front("--emit="))
      emit = arg;
    else if (arg == "-Osize")
      options.optimizeFor = codegen::OptimizeFor::Size;
    else if (arg == "--weights=external")
      options.externalWeights = true;
    else if (arg == "--profile")
      options.profile = true;
    else
      file = arg;
  }
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<rt::RTDialect>(); // for the target
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(file, &context);
  if (!module)
    return 1;
  if (!rt::targetOf(*module)) {
    auto target = resolveTarget(&context, request);
    if (!target) {
      llvm::errs() << "dlc-emit: error: " << llvm::toString(target.takeError())
                   << "\n";
      return 2;
    }
    (*module)->setAttr(rt::kTarget, *target);
  }
  if (emit == "target") { // for scripts that write modules
    llvm::outs() << rt::targetOf(*module) << "\n";
    return 0;
  }
  llvm::SmallVector<llvm::StringRef> kinds;
  llvm::StringRef(emit).split(kinds, ',');
  options.assembly = llvm::is_contained(kinds, "asm");
  options.llvm = llvm::is_contained(kinds, "llvm");
  if (llvm::is_contained(kinds, "cpp")) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    std::string weights;
    if (failed(mlir::verify(*module)) ||
        failed(codegen::emitCpp(*module, stream, options.profile, options.externalWeights ? &weights : nullptr)))
      return 1;
    if (options.externalWeights && !writeFile(prefix + ".weights", weights))
      return 1;
    if (!writeFile(prefix + ".cpp", text))
      return 1;
    if (kinds.size() == 1)
      return 0;
  }
  auto info = codegen::collectModelInfo(*module);
  if (failed(info))
    return 1;
  auto compiled = codegen::compileModel(*module, *info, options);
  if (failed(compiled))
    return 3;
  bool ok = true;
  for (llvm::StringRef kind : kinds) {
    if (kind == "obj")
      ok &= writeFile(prefix + ".o", {compiled->object.data(), compiled->object.size()});
    else if (kind == "asm")
      ok &= writeFile(prefix + ".s", compiled->assembly);
    else if (kind == "llvm")
      ok &= writeFile(prefix + ".ll", compiled->llvm);
    else if (kind == "lib" || kind == "shared") {
      auto link = kind == "lib" ? codegen::makeArchive : codegen::makeSharedLibrary;
      auto library = link(*info, *compiled, rt::targetOf(*module));
      if (!library) {
        llvm::errs() << "dlc-emit: error: " << llvm::toString(library.takeError())
                     << "\n";
        return 2;
      }
      ok &= writeFile(prefix + (kind == "lib" ? ".a" : ".so"), *library);
    } else if (kind == "report")
      ok &= writeFile(prefix + ".html",
                      codegen::emitReport(*info, *compiled, "", "dlc-emit"));
    else if (kind == "header")
      ok &= writeFile(prefix + ".h", codegen::emitHeader(*info, "dlc-emit", compiled->weights.size()));
    else if (kind == "manifest")
      ok &= writeFile(prefix + ".json",
                      codegen::emitManifest(*info, *compiled, "", "dlc-emit"));
  }
  if (options.externalWeights)
    ok &= writeFile(prefix + ".weights", compiled->weights);
  llvm::outs() << "code " << compiled->codeBytes << " weights "
               << compiled->weightsBytes << " stack " << compiled->stackBytes
               << " undefined";
  for (const std::string &symbol : compiled->undefinedSymbols)
    llvm::outs() << " " << symbol;
  llvm::outs() << "\n";
  return ok ? 0 : 1;
}
