// This file reads tensor data stored outside of the model file, inside the
// model's folder only.
#include "compiler/onnx/ExternalData.h"

#include "compiler/onnx/Messages.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;

namespace dlc::import {

FileHandle::~FileHandle() {
  if (fd >= 0)
    ::close(fd);
}

static int openRetrying(int folder, const char *path, int flags) {
  int fd;
  do
    fd = ::openat(folder, path, flags | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

FailureOr<ModelFolder::File *> ModelFolder::open(Location loc, StringRef location) {
  if (auto it = files.find(location); it != files.end())
    return it->second.get();
  if (!folder) {
    std::string path = llvm::sys::path::parent_path(modelPath).str();
    if (path.empty())
      path = ".";
    folder = FileHandle(openRetrying(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
    if (!folder)
      return fail(loc, "cannot open the model's folder: " + Twine(std::strerror(errno)));
  }

  auto refuse = [&](const Twine &why) {
    return fail(loc, "external data " + quote(location) + " " + why,
                "external data must be a regular file inside the model's folder, "
                "reached without links");
  };
  if (location.empty())
    return refuse("has no location");
  if (location.contains('\0'))
    return refuse("has a zero byte in its path");
  if (location.starts_with("/"))
    return refuse("is an absolute path");
  SmallVector<StringRef> parts;
  location.split(parts, '/', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  llvm::erase(parts, ".");
  if (llvm::is_contained(parts, ".."))
    return refuse("leaves a folder with '..'");
  if (parts.empty() || location.ends_with("/"))
    return refuse("names a folder");

  // O_NOFOLLOW concerns the last part only: walk down part by part.
  FileHandle step;
  int at = folder.get();
  for (auto [i, part] : llvm::enumerate(parts)) {
    bool last = i + 1 == parts.size();
    // O_NONBLOCK: opening a pipe must not wait for its writer.
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    FileHandle next(openRetrying(at, part.str().c_str(), flags));
    if (!next)
      return refuse(errno == ELOOP || (!last && errno == ENOTDIR)
                        ? Twine("is reached through a symbolic link or is not in a folder")
                        : "cannot be opened: " + Twine(std::strerror(errno)));
    step = std::move(next);
    at = step.get();
  }
  // The checks are made on what was opened, not on what its name means later.
  struct stat info;
  if (::fstat(at, &info) != 0)
    return refuse("cannot be examined: " + Twine(std::strerror(errno)));
  if (!S_ISREG(info.st_mode))
    return refuse("is not a regular file");
  if (info.st_nlink > 1)
    return refuse("is a hard link");
  auto file = std::make_unique<File>();
  file->handle = std::move(step);
  file->size = static_cast<uint64_t>(info.st_size);
  File *result = file.get();
  files[location] = std::move(file);
  return result;
}

LogicalResult ModelFolder::read(Location loc, const pb::TensorProto &tensor, uint64_t bytes,
                                std::vector<char> &data) {
  std::optional<StringRef> location;
  std::optional<uint64_t> offset, length;
  for (const auto &entry : tensor.external_data()) {
    StringRef key = entry.key(), value = entry.value();
    if (key == "location") {
      if (location)
        return fail(loc, "external data has two locations");
      location = value;
    } else if (key == "offset" || key == "length") {
      auto &slot = key == "offset" ? offset : length;
      uint64_t number;
      if (slot)
        return fail(loc, "external data has two values of " + quote(key));
      if (value.getAsInteger(10, number) || number > uint64_t(INT64_MAX))
        return fail(loc, key + " " + quote(value) +
                             " of external data is not a number of bytes");
      slot = number;
    } else if (key != "checksum") {
      emitWarning(loc, "key " + quote(key) + " of external data is not known, ignored");
    }
  }
  if (!location)
    return fail(loc, "external data has no location");
  if (length && *length != bytes)
    return fail(loc, "external data has " + Twine(*length) + " bytes, its shape needs " +
                         Twine(bytes));
  FailureOr<File *> file = open(loc, *location);
  if (failed(file))
    return failure();
  uint64_t begin = offset.value_or(0);
  if (begin > (*file)->size || (*file)->size - begin < bytes)
    return fail(loc, "external data " + quote(*location) + " is too short",
                Twine(bytes) + " bytes at offset " + Twine(begin) +
                    " are needed, the file has " + Twine((*file)->size));
  // Many tensors over the same bytes would turn a small file into gigabytes.
  (*file)->bytesRead += bytes;
  if ((*file)->bytesRead / 4 > (*file)->size)
    return fail(loc, "the tensors in external data " + quote(*location) +
                         " overlap: together more than 4 times the file's size");
  data.resize(bytes);
  for (uint64_t done = 0; done < bytes;) {
    ssize_t n = ::pread((*file)->handle.get(), data.data() + done, bytes - done,
                        static_cast<off_t>(begin + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(loc, "cannot read external data " + quote(*location) + ": " +
                           std::strerror(errno));
    if (n == 0)
      return fail(loc, "external data " + quote(*location) + " became shorter while read");
    done += static_cast<uint64_t>(n);
  }
  return success();
}

} // namespace dlc::import
