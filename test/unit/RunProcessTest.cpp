// Tests that dlc-run survives what its child processes do.
#include "compiler/run/Process.h"
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <unistd.h>

using namespace dlc::run;

TEST_CASE("a child's exit code and output come back") {
  Outcome outcome = runForked(
      [] {
        std::printf("one\n");
        std::fflush(stdout);
        std::fprintf(stderr, "two\n");
        return 7;
      },
      10);
  CHECK(!outcome.ok());
  CHECK(outcome.exitCode == 7);
  CHECK(outcome.output == "one\ntwo\n");
  CHECK(outcome.text(10) == "exit code 7");
  CHECK(runForked([] { return 0; }, 10).ok());
}

TEST_CASE("a crash is an outcome") {
  Outcome outcome = runForked(
      [] {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        return 0;
      },
      10);
  CHECK(outcome.signal == SIGSEGV);
  CHECK(outcome.text(10) == "killed by SIGSEGV");
}

TEST_CASE("the time limit ends a child and its children") {
  auto start = std::chrono::steady_clock::now();
  Outcome outcome = runProgram({"sh", "-c", "sleep 100 & sleep 100"}, "", 1);
  CHECK(outcome.timedOut);
  CHECK(outcome.text(1) == "no answer for 1 s");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("programs: folder, long output, what is not there") {
  CHECK(runProgram({"pwd"}, "/", 10).output == "/\n");
  Outcome loud = runProgram({"sh", "-c", "yes | head -c 1000000; echo end"}, "", 30);
  CHECK(loud.ok());
  CHECK(loud.output.size() <= 3 * 65536);
  CHECK(loud.output.substr(loud.output.size() - 4) == "end\n");
  Outcome missing = runProgram({"no-such-program-here"}, "", 10);
  CHECK(missing.exitCode == 127);
  CHECK(missing.output == "no-such-program-here: No such file or directory\n");
  CHECK(runProgram({"true"}, "/no/such/folder", 10).exitCode == 127);
}
