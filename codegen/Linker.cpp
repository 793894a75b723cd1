// This file makes static and shared libraries from the object of a model.
#include "codegen/Linker.h"

#include "lld/Common/Driver.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace dlc;
using namespace dlc::codegen;

// The objects that codegen/runtime/CMakeLists.txt compiled.
#define DLC_EMBEDDED(N, FAMILY, NAME)                                          \
  extern "C" const char dlc_embedded_##N[], dlc_embedded_##N##_end[];
#include "embedded.inc"
#undef DLC_EMBEDDED

namespace {
struct RuntimeObject {
  llvm::StringRef family, name, bytes;
};

std::vector<RuntimeObject> allRuntimeObjects() {
  return {
#define DLC_EMBEDDED(N, FAMILY, NAME)                                          \
  {FAMILY, NAME,                                                               \
   llvm::StringRef(dlc_embedded_##N, dlc_embedded_##N##_end - dlc_embedded_##N)},
#include "embedded.inc"
#undef DLC_EMBEDDED
  };
}

/// The name under which runtime-lite was compiled for targets like this one.
std::string familyOf(rt::TargetAttr target) {
  llvm::Triple triple(target.getTriple());
  if (triple.isThumb())
    return (triple.getArchName() + "-" + target.getFloatAbi()).str();
  if (triple.isOSLinux())
    return (triple.getArchName() + "-linux").str();
  return "";
}

std::vector<RuntimeObject> runtimeObjects(rt::TargetAttr target) {
  std::vector<RuntimeObject> objects = allRuntimeObjects();
  std::string family = familyOf(target);
  llvm::erase_if(objects, [&](const RuntimeObject &o) { return o.family != family; });
  return objects;
}

llvm::Error noRuntime(rt::TargetAttr target) {
  return llvm::createStringError(
      llvm::formatv("this dlc carries no runtime-lite for '{0}'; use --emit=obj and "
                    "compile runtime-lite's sources with your own compiler",
                    target.getTriple())
          .str());
}

llvm::StringRef objectBytes(const CompiledModel &compiled) {
  return {compiled.object.data(), compiled.object.size()};
}

/// A folder for lld's inputs and output: it works on files only.
class Scratch {
public:
  static llvm::Expected<Scratch> create() {
    llvm::SmallString<128> path;
    if (std::error_code error = llvm::sys::fs::createUniqueDirectory("dlc", path))
      return llvm::errorCodeToError(error);
    return Scratch(path.str().str());
  }
  Scratch(Scratch &&other) : folder(std::exchange(other.folder, "")) {}
  ~Scratch() {
    if (!folder.empty())
      llvm::sys::fs::remove_directories(folder);
  }
  std::string path(llvm::StringRef name) const { return folder + "/" + name.str(); }
  llvm::Error write(llvm::StringRef name, llvm::StringRef bytes) const {
    std::error_code error;
    llvm::raw_fd_ostream stream(path(name), error);
    if (error)
      return llvm::errorCodeToError(error);
    stream << bytes;
    stream.close();
    if (stream.has_error()) {
      error = stream.error();
      stream.clear_error();
      return llvm::errorCodeToError(error);
    }
    return llvm::Error::success();
  }

private:
  explicit Scratch(std::string folder) : folder(std::move(folder)) {}
  std::string folder;
};
} // namespace

bool codegen::hasRuntime(rt::TargetAttr target) {
  return !runtimeObjects(target).empty();
}

llvm::Expected<std::string> codegen::makeArchive(const ModelInfo &info,
                                                 const CompiledModel &compiled,
                                                 rt::TargetAttr target) {
  auto objects = runtimeObjects(target);
  if (objects.empty())
    return noRuntime(target);
  std::string name = info.name + ".o";
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(objectBytes(compiled), name));
  for (const RuntimeObject &object : objects)
    members.emplace_back(llvm::MemoryBufferRef(object.bytes, object.name));
  auto archive = llvm::writeArchiveToBuffer(
      members, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU,
      /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return (*archive)->getBuffer().str();
}

llvm::Expected<std::string> codegen::makeSharedLibrary(const ModelInfo &info,
                                                       const CompiledModel &compiled,
                                                       rt::TargetAttr target) {
  if (!target.getHosted())
    return llvm::createStringError("--emit=shared: target '" + target.getName() +
                                   "' has no shared libraries");
  auto objects = runtimeObjects(target);
  if (objects.empty())
    return noRuntime(target);
  auto scratch = Scratch::create();
  if (!scratch)
    return scratch.takeError();

  std::vector<std::string> arguments = {
      "ld.lld", "-shared", "--build-id=none", "--gc-sections", "--hash-style=gnu",
      "-z", "relro", "-z", "noexecstack", "-z", "text",
      "-soname", info.name + ".so", "-o", scratch->path("out.so")};
  if (llvm::Error error = scratch->write("model.o", objectBytes(compiled)))
    return std::move(error);
  arguments.push_back(scratch->path("model.o"));
  for (const RuntimeObject &object : objects) {
    // Threads and the allocator ask for a C library: only where they are called.
    auto calls = [&](llvm::StringRef symbol) {
      return llvm::is_contained(compiled.undefinedSymbols, symbol);
    };
    if ((object.name == "dlc_threads.o" && !calls("dlc_parallel_for")) ||
        (object.name == "dlc_pool.o" && !calls("dlc_pool_alloc")) ||
        (object.name == "dlc_alloc.o" && !calls("dlc_alloc") && !calls("dlc_pool_alloc")))
      continue;
    if (llvm::Error error = scratch->write(object.name, object.bytes))
      return std::move(error);
    arguments.push_back(scratch->path(object.name));
  }
  std::vector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  // lld keeps its state in globals.
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  lld::Result result =
      lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("cannot link the shared library: " + messages);
  auto linked = llvm::MemoryBuffer::getFile(scratch->path("out.so"));
  if (!linked)
    return llvm::errorCodeToError(linked.getError());
  return (*linked)->getBuffer().str();
}
