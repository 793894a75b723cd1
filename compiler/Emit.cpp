// This file writes everything that --emit asks for: all files or none.
#include "compiler/Emit.h"

#include "codegen/ObjectEmitter.h"
#include "compiler/Driver.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace dlc;

namespace {
/// Files that appear together: written beside their final names, then renamed.
class FileSet {
public:
  explicit FileSet(llvm::StringRef prefix) : prefix(prefix) {}

  void add(llvm::StringRef extension, llvm::StringRef contents) {
    files.push_back({prefix + extension.str(), contents.str()});
  }

  /// False, after a message and with nothing left behind, when one cannot be
  /// written.
  bool write() {
    std::vector<llvm::sys::fs::TempFile> temporaries;
    auto discard = [&] {
      for (auto &t : temporaries)
        llvm::consumeError(t.discard());
      return false;
    };
    for (auto &[path, contents] : files) {
      auto temporary = llvm::sys::fs::TempFile::create(path + ".%%%%%%.tmp");
      if (!temporary)
        return fail(path, temporary.takeError()), discard();
      llvm::raw_fd_ostream os(temporary->FD, /*shouldClose=*/false);
      os << contents;
      os.flush();
      bool bad = os.has_error();
      std::string reason = bad ? os.error().message() : "";
      os.clear_error();
      temporaries.push_back(std::move(*temporary));
      if (bad)
        return fail(path, llvm::createStringError(reason)), discard();
    }
    for (size_t i = 0; i < files.size(); ++i)
      if (llvm::Error error = temporaries[i].keep(files[i].first)) {
        fail(files[i].first, std::move(error));
        for (size_t j = 0; j < i; ++j)
          llvm::sys::fs::remove(files[j].first);
        for (size_t j = i + 1; j < files.size(); ++j)
          llvm::consumeError(temporaries[j].discard());
        return false;
      }
    return true;
  }

private:
  static void fail(llvm::StringRef path, llvm::Error error) {
    llvm::errs() << "dlc-compile: error: cannot write '" << path
                 << "': " << llvm::toString(std::move(error)) << "\n";
  }

  std::string prefix;
  std::vector<std::pair<std::string, std::string>> files;
};
} // namespace

static codegen::EmitOptions emitOptions(const CompileOptions &options) {
  codegen::EmitOptions result;
  result.optimizeFor = options.optimize == Optimize::Size
                           ? codegen::OptimizeFor::Size
                       : options.optimize == Optimize::Ram
                           ? codegen::OptimizeFor::Ram
                           : codegen::OptimizeFor::Speed;
  result.describeLayers = options.profile;
  result.assembly = llvm::is_contained(options.emit, "asm");
  result.llvm = llvm::is_contained(options.emit, "llvm");
  return result;
}

int dlc::emitAll(mlir::ModuleOp module, const CompileOptions &options) {
  auto wants = [&](llvm::StringRef kind) {
    return llvm::is_contained(options.emit, kind);
  };
  auto info = codegen::collectModelInfo(module);
  if (mlir::failed(info))
    return kDefect;
  FileSet files(options.output);
  auto compiled = codegen::compileModel(module, *info, emitOptions(options));
  if (mlir::failed(compiled))
    return kDefect;
  if (wants("obj"))
    files.add(".o", {compiled->object.data(), compiled->object.size()});
  if (wants("asm"))
    files.add(".s", compiled->assembly);
  if (wants("llvm"))
    files.add(".ll", compiled->llvm);
  if (wants("mlir")) {
    std::string text;
    llvm::raw_string_ostream os(text);
    module.print(os);
    os << "\n";
    files.add(".mlir", text);
  }
  return files.write() ? kOk : kBadModel;
}
