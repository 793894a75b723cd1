// compile-server: compiles one model after the other, each in a child process,
// so that a crash, a hang or a wrong exit code belongs to exactly one of them.
//
// Usage: compile-server [options of dlc-compile]; then one path a line on
// standard input. Answers each with a line `exit CODE SECONDS`, `signal NUMBER
// SECONDS` or `timeout 0 SECONDS`, of processor time; what was printed is in PATH.log. Files that
// the compiler writes are PATH.out.*.
#include "compiler/Diagnostics.h"
#include "compiler/Driver.h"
#include "compiler/Emit.h"
#include "compiler/Registration.h"
#include "compiler/Stages.h"
#include "llvm/Support/TargetSelect.h"
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using Clock = std::chrono::steady_clock;

#if __has_feature(address_sanitizer)
static constexpr bool kSanitized = true; // its shadow memory needs address space
#else
static constexpr bool kSanitized = false;
#endif

/// What dlc-compile does, in a context that the parent filled.
static int compile(mlir::MLIRContext &context, const dlc::CompileOptions &options) {
  dlc::DiagnosticsHandler diagnostics(&context, options.input);
  int exitCode = dlc::kOk;
  auto module = dlc::compileToLastIR(context, options, diagnostics, exitCode);
  if (!module || !options.stopAfter.empty())
    return exitCode;
  return dlc::emitAll(*module, options);
}

int main(int argc, char **argv) {
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();
  dlc::CommandLine commandLine;
  int usage = dlc::kOk;
  std::vector<char *> arguments(argv, argv + argc);
  std::string placeholder = "model.onnx";
  arguments.push_back(placeholder.data());
  if (!dlc::parseCommandLine(static_cast<int>(arguments.size()), arguments.data(),
                             commandLine, usage))
    return usage;
  dlc::CompileOptions options = commandLine.compile;
  const char *limitText = std::getenv("DLC_FUZZ_SECONDS");
  double limit = limitText ? std::atof(limitText) : 10;

  mlir::DialectRegistry registry;
  dlc::registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();

  for (std::string path; std::getline(std::cin, path);) {
    auto start = Clock::now();
    auto seconds = [&] {
      return std::chrono::duration<double>(Clock::now() - start).count();
    };
    pid_t child = fork();
    if (child < 0)
      return dlc::kDefect;
    if (child == 0) {
      int log = ::open((path + ".log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, 0);
      ::dup2(null, 1);
      ::dup2(log, 2);
      if (!kSanitized) {
        rlimit memory{rlim_t{3} << 30, rlim_t{3} << 30};
        ::setrlimit(RLIMIT_AS, &memory);
      }
      // Processor time: a busy machine is no hang.
      rlimit cpu{static_cast<rlim_t>(limit), static_cast<rlim_t>(limit) + 1};
      ::setrlimit(RLIMIT_CPU, &cpu);
      options.input = path;
      options.output = path + ".out";
      int code = compile(context, options);
      ::_exit(code);
    }
    int status = 0;
    bool done = false;
    rusage used{};
    // A process that only waits uses no processor time; a busy machine gives it little.
    while (!(done = ::wait4(child, &status, WNOHANG, &used) == child) && seconds() < 60 * limit)
      ::usleep(seconds() < 0.05 ? 500 : 5000);
    if (!done) {
      ::kill(child, SIGKILL);
      ::wait4(child, &status, 0, &used);
    }
    auto toSeconds = [](const timeval &time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); };
    if (!done || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
      std::cout << "timeout 0 ";
    } else if (WIFSIGNALED(status)) {
      std::cout << "signal " << WTERMSIG(status) << " ";
    } else {
      std::cout << "exit " << WEXITSTATUS(status) << " ";
    }
    std::cout << toSeconds(used.ru_utime) + toSeconds(used.ru_stime) << std::endl;
  }
  return 0;
}
