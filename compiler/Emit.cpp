// This file writes everything that --emit asks for, all files or none.
#include "compiler/Emit.h"

#include "codegen/CppEmitter.h"
#include "codegen/HeaderEmitter.h"
#include "codegen/Linker.h"
#include "codegen/ManifestEmitter.h"
#include "codegen/ObjectEmitter.h"
#include "codegen/ReportEmitter.h"
#include "compiler/Driver.h"
#include "dialects/RT/RT.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace dlc;

namespace {
/// A file to be: nothing is written before everything is known.
struct OutputFile {
  std::string path;
  std::string contents;
};

int cannotWrite(llvm::StringRef path, llvm::Error error) {
  llvm::errs() << "dlc-compile: error: cannot write '" << path
               << "': " << llvm::toString(std::move(error)) << "\n";
  return kBadModel;
}

/// Writes all files under temporary names beside their own, then renames them.
int writeAll(llvm::ArrayRef<OutputFile> files) {
  std::vector<llvm::sys::fs::TempFile> written;
  auto discard = [&] {
    for (llvm::sys::fs::TempFile &file : written)
      llvm::consumeError(file.discard());
    return kBadModel;
  };
  for (const OutputFile &file : files) {
    // A folder in the way would stop the renaming half-way.
    if (llvm::sys::fs::is_directory(file.path)) {
      llvm::errs() << "dlc-compile: error: cannot write '" << file.path
                   << "': is a directory\n";
      return discard();
    }
    auto temporary = llvm::sys::fs::TempFile::create(file.path + ".%%%%%%%%.tmp");
    if (!temporary) {
      cannotWrite(file.path, temporary.takeError());
      return discard();
    }
    written.push_back(std::move(*temporary));
    llvm::raw_fd_ostream stream(written.back().FD, /*shouldClose=*/false);
    stream << file.contents;
    stream.flush();
    if (stream.has_error()) {
      std::error_code error = stream.error();
      stream.clear_error();
      cannotWrite(file.path, llvm::errorCodeToError(error));
      return discard();
    }
  }
  for (size_t i = 0; i < files.size(); ++i)
    if (llvm::Error error = written[i].keep(files[i].path)) {
      cannotWrite(files[i].path, std::move(error));
      while (i-- > 0)
        llvm::sys::fs::remove(files[i].path);
      return discard();
    }
  return kOk;
}

std::string sha256OfFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return "";
  llvm::SHA256 hash;
  hash.update((*buffer)->getBuffer());
  auto digest = hash.final();
  return llvm::toHex(digest, /*LowerCase=*/true);
}

std::string printModule(ModuleOp module, bool elideConstants) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  if (elideConstants)
    flags.elideLargeElementsAttrs(16);
  module.print(stream, flags);
  stream << "\n";
  return text;
}

codegen::EmitOptions emitOptions(const CompileOptions &options) {
  codegen::EmitOptions result;
  result.optimizeFor = options.optimize == Optimize::Size ? codegen::OptimizeFor::Size
                       : options.optimize == Optimize::Ram
                           ? codegen::OptimizeFor::Ram
                           : codegen::OptimizeFor::Speed;
  result.profile = options.profile;
  result.separateLayers = options.separateLayers;
  result.externalWeights = options.externalWeights;
  result.assembly = llvm::is_contained(options.emit, "asm");
  result.llvm = llvm::is_contained(options.emit, "llvm");
  return result;
}
} // namespace

int dlc::emitAll(ModuleOp module, const CompileOptions &options) {
  std::string prefix = options.output;
  if (prefix.empty())
    prefix = llvm::sys::path::stem(options.input).str();
  std::string compiler = "dlc " DLC_VERSION;

  auto info = codegen::collectModelInfo(module);
  if (failed(info))
    return kDefect;
  codegen::CompiledModel compiled;
  // Only these need no object.
  if (options.externalWeights || !llvm::all_of(options.emit, [](llvm::StringRef kind) {
        return kind == "mlir" || kind == "header" || kind == "cpp";
      })) {
    auto result = codegen::compileModel(module, *info, emitOptions(options));
    if (failed(result))
      return kDefect;
    compiled = std::move(*result);
  }

  std::vector<OutputFile> files;
  for (llvm::StringRef kind : options.emit) {
    if (kind == "obj")
      files.push_back({prefix + ".o",
                       std::string(compiled.object.data(), compiled.object.size())});
    else if (kind == "asm")
      files.push_back({prefix + ".s", compiled.assembly});
    else if (kind == "llvm")
      files.push_back({prefix + ".ll", compiled.llvm});
    else if (kind == "mlir")
      files.push_back({prefix + ".mlir", printModule(module, options.elideConstants)});
    else if (kind == "header")
      files.push_back({prefix + ".h", codegen::emitHeader(
                                          *info, compiler, compiled.weights.size())});
    else if (kind == "manifest")
      files.push_back({prefix + ".json",
                       codegen::emitManifest(*info, compiled,
                                             sha256OfFile(options.input), compiler)});
    else if (kind == "report")
      files.push_back({prefix + ".html",
                       codegen::emitReport(*info, compiled,
                                           sha256OfFile(options.input), compiler)});
    else if (kind == "cpp") {
      std::string text;
      llvm::raw_string_ostream stream(text);
      std::string weights;
      if (failed(codegen::emitCpp(module, stream, options.profile, options.externalWeights ? &weights : nullptr)))
        return kDefect;
      // One file of weights serves both.
      if (weights != compiled.weights) {
        module.emitError("the weights of the C++ and of the object differ");
        return kDefect;
      }
      files.push_back({prefix + ".cpp", std::move(text)});
    } else if (kind == "lib" || kind == "shared") {
      auto link = kind == "lib" ? codegen::makeArchive : codegen::makeSharedLibrary;
      auto library = link(*info, compiled, rt::targetOf(module));
      if (!library) {
        llvm::errs() << "dlc-compile: error: "
                     << llvm::toString(library.takeError()) << "\n";
        return kBadUsage;
      }
      files.push_back({prefix + (kind == "lib" ? ".a" : ".so"), std::move(*library)});
    }
  }
  if (options.externalWeights)
    files.push_back({prefix + ".weights", compiled.weights});
  return writeAll(files);
}
