// This file runs child processes with a time limit and collects their output.
#include "compiler/run/Process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace dlc::run;

std::string dlc::run::signalName(int signal) {
  const char *name = sigabbrev_np(signal);
  return name ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::string Outcome::text(unsigned seconds) const {
  if (timedOut)
    return "no answer for " + std::to_string(seconds) + " s";
  if (signal)
    return "killed by " + signalName(signal);
  return "exit code " + std::to_string(exitCode);
}

/// In the child: dies with its parent, leads a process group of its own (so
/// that a time limit ends its children, too), leaves no core files.
static void becomeChild(pid_t parent, int outputFd) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(127);
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(outputFd, 1);
  dup2(outputFd, 2);
  if (null > 2)
    close(null);
}

pid_t dlc::run::startForked(llvm::function_ref<int()> body, int outputFd) {
  pid_t parent = getpid();
  fflush(nullptr);
  pid_t child = fork();
  if (child != 0)
    return child;
  becomeChild(parent, outputFd);
  int code = body();
  fflush(nullptr);
  _exit(code); // no destructors: the state is the parent's
}

/// Reads from `fd` until the child closes it or the time is over.
static void collect(int fd, pid_t child, unsigned seconds, Outcome &outcome) {
  using Clock = std::chrono::steady_clock;
  constexpr size_t limit = 65536;
  auto end = Clock::now() + std::chrono::seconds(seconds);
  char buffer[8192];
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting = {fd, POLLIN, 0};
    int ready = left > 0 ? poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 1 << 30))) : 0;
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0) {
      outcome.timedOut = true;
      kill(-child, SIGKILL);
      kill(child, SIGKILL);
      return;
    }
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return;
    outcome.output.append(buffer, static_cast<size_t>(got));
    if (outcome.output.size() > 2 * limit)
      outcome.output.erase(0, outcome.output.size() - limit);
  }
}

Outcome dlc::run::runForked(llvm::function_ref<int()> body, unsigned seconds) {
  Outcome outcome;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return outcome;
  pid_t child = startForked(body, ends[1]);
  close(ends[1]);
  if (child > 0) {
    setpgid(child, child); // whoever of the two comes first
    collect(ends[0], child, seconds, outcome);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
      ;
    if (WIFSIGNALED(status))
      outcome.signal = WTERMSIG(status);
    else
      outcome.exitCode = WEXITSTATUS(status);
  } else {
    outcome.output = std::string("cannot start a process: ") + std::strerror(errno);
  }
  close(ends[0]);
  return outcome;
}

Outcome dlc::run::runProgram(llvm::ArrayRef<std::string> arguments, const std::string &folder, unsigned seconds) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  return runForked(
      [&] {
        if (!folder.empty() && chdir(folder.c_str()) != 0) {
          std::perror(folder.c_str());
          return 127;
        }
        execvp(argv[0], argv.data());
        std::fprintf(stderr, "%s: %s\n", argv[0], std::strerror(errno));
        return 127;
      },
      seconds);
}
