// Unit tests of the target table: names, CPUs and features to #rt.target.
#include "compiler/Target.h"
#include "mlir/IR/MLIRContext.h"

#include <catch2/catch.hpp>

using namespace dlc;

namespace {
struct Resolver {
  mlir::MLIRContext context;
  Resolver() { context.loadDialect<rt::RTDialect>(); }
  rt::TargetAttr operator()(std::string target, std::string cpu = "",
                            std::string features = "") {
    auto result = resolveTarget(&context, {target, cpu, features});
    if (!result) {
      FAIL(llvm::toString(result.takeError()));
      return {};
    }
    return *result;
  }
  std::string error(std::string target, std::string cpu = "",
                    std::string features = "") {
    auto result = resolveTarget(&context, {target, cpu, features});
    return result ? "" : llvm::toString(result.takeError());
  }
};
} // namespace

TEST_CASE("targets: Cortex-M facts come from the subtarget") {
  Resolver resolve;
  for (const char *name : {"cortex-m0", "cortex-m0plus", "cortex-m3"}) {
    rt::TargetAttr target = resolve(name);
    CHECK(target.getFloatAbi() == "soft");
    CHECK(target.getIsa() == "scalar");
    CHECK(target.getIndexBits() == 32);
    CHECK_FALSE(target.getHosted());
    CHECK_FALSE(target.getFmaF32());
    CHECK_FALSE(target.getFpuF32());
    CHECK_FALSE(target.getDsp());
  }
  rt::TargetAttr m4 = resolve("cortex-m4"), m7 = resolve("cortex-m7");
  CHECK(m4.getFloatAbi() == "hard");
  CHECK(m4.getFmaF32());
  CHECK_FALSE(m4.getFmaF64());
  CHECK(m4.getDsp());
  CHECK(m7.getFmaF64());
  CHECK(resolve("cortex-m33").getDsp());
  for (const char *name : {"cortex-m55", "cortex-m85"}) {
    CHECK(resolve(name).getIsa() == "mve");
    CHECK(resolve(name).getVectorBits() == 128);
    CHECK(resolve(name).getVectorRegisters() == 8);
  }
}

TEST_CASE("targets: --mcpu and --mattr change what passes see") {
  Resolver resolve;
  CHECK(resolve("aarch64").getIsa() == "neon");
  CHECK(resolve("aarch64").getVectorRegisters() == 32);
  CHECK_FALSE(resolve("aarch64").getI8mm());
  CHECK(resolve("aarch64", "", "+sve").getIsa() == "sve");
  CHECK_FALSE(resolve("aarch64", "", "+sve").getSve2());
  CHECK(resolve("aarch64", "neoverse-v1").getIsa() == "sve");
  CHECK(resolve("aarch64", "neoverse-v1").getI8mm());
  CHECK(resolve("aarch64", "neoverse-n1").getDotprod());
  CHECK(resolve("aarch64", "neoverse-v2", "-sve").getIsa() == "neon");
  CHECK(resolve("cortex-m4", "", "-vfp2sp").getFloatAbi() == "soft");
  CHECK_FALSE(resolve("cortex-m4", "", "-vfp2sp").getFmaF32());
  CHECK(resolve("cortex-m55", "", "-mve").getIsa() == "scalar");
  CHECK(resolve("x86_64-unknown-linux-gnu").getIsa() == "sse");
  CHECK_FALSE(resolve("x86_64-unknown-linux-gnu").getFmaF32());
  CHECK(resolve("x86_64-linux-gnu", "x86-64-v3").getIsa() == "avx");
  CHECK(resolve("x86_64-linux-gnu", "x86-64-v3").getFmaF32());
  CHECK(resolve("x86_64-linux-gnu", "x86-64-v4").getIsa() == "avx512");
  CHECK(resolve("armv7-linux-gnueabihf", "", "+neon").getIsa() == "neon");
  CHECK_FALSE(resolve("thumbv7em-none-eabihf").getHosted());
}

TEST_CASE("targets: host is a baseline, native is this machine") {
  Resolver resolve;
  CHECK(resolve("host").getHosted());
  CHECK(resolve("host").getFeatures().empty());
#ifdef __x86_64__
  CHECK(resolve("host").getCpu() == "x86-64");
  CHECK(resolve("host").getTriple() == "x86_64-unknown-linux-gnu");
#endif
  CHECK_FALSE(resolve("host", "native").getFeatures().empty());
}

TEST_CASE("targets: errors name what is near") {
  using Catch::Contains;
  Resolver resolve;
  CHECK_THAT(resolve.error("cortex-m5"),
             Contains("unknown target 'cortex-m5', did you mean ") &&
                 Contains("'cortex-m55'"));
  CHECK_THAT(resolve.error("z80"), Contains("unknown target 'z80'"));
  CHECK_THAT(resolve.error("aarch64", "neoverse-v"),
             Contains("unknown CPU 'neoverse-v'") && Contains("'neoverse-v1'"));
  CHECK_THAT(resolve.error("aarch64", "", "+svee"),
             Contains("unknown feature 'svee'") && Contains("'sve'"));
  CHECK_THAT(resolve.error("cortex-m4", "native"), Contains("--mcpu=native"));
  CHECK_THAT(resolve.error("arm64-apple-macos"), Contains("only ELF"));
  CHECK_THAT(resolve.error("aarch64_be-linux-gnu"), Contains("big-endian"));
  CHECK(resolve.error("").size() > 0);
}

TEST_CASE("targets: the list names every target of the table") {
  std::string text = listTargets();
  for (const char *name : {"host", "cortex-m0plus", "cortex-m85", "aarch64"})
    CHECK_THAT(text, Catch::Contains(name));
}
