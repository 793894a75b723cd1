// Child processes with a time limit: external programs, and parts of ourselves
// that may crash.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <sys/types.h>

namespace dlc::run {

/// How a child ended.
struct Outcome {
  bool timedOut = false;
  int signal = 0;    ///< that killed it; 0 when it exited
  int exitCode = -1; ///< when it exited
  std::string output; ///< its standard output and error, the last 64 KiB

  bool ok() const { return !timedOut && signal == 0 && exitCode == 0; }
  /// "exit code 3", "signal SIGSEGV", "no answer for 60 s"; `seconds` is the limit it had.
  std::string text(unsigned seconds) const;
};

/// Runs a program (found through PATH) in `folder` and waits for it.
Outcome runProgram(llvm::ArrayRef<std::string> arguments, const std::string &folder, unsigned seconds);

/// Runs `body` in a forked child, whose exit code it returns, and waits for it.
/// The caller must be single-threaded.
Outcome runForked(llvm::function_ref<int()> body, unsigned seconds);

/// Starts `body` in a forked child, with standard output and error going to
/// `outputFd`, and dies with us; returns its process id, or -1.
pid_t startForked(llvm::function_ref<int()> body, int outputFd);

/// The name of a signal, e.g. "SIGSEGV".
std::string signalName(int signal);

} // namespace dlc::run
