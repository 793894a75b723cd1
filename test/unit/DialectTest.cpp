// Unit tests of the dialects' C++ helpers.
#include "compiler/Registration.h"
#include "dialects/RT/RT.h"

#include "mlir/Parser/Parser.h"

#include <catch2/catch.hpp>

using namespace mlir;

static MLIRContext *newContext() {
  DialectRegistry registry;
  dlc::registerDialects(registry);
  return new MLIRContext(registry, MLIRContext::Threading::DISABLED);
}

TEST_CASE("targetOf finds the target of the enclosing module") {
  std::unique_ptr<MLIRContext> context(newContext());
  auto module = parseSourceString<ModuleOp>(
      R"(module attributes {rt.target = #rt.target<name = "cortex-m4",
           triple = "thumbv7em-none-eabi", cpu = "cortex-m4", features = "",
           float_abi = "hard", isa = "scalar", index_bits = 32, hosted = false>} {
         func.func private @layer() })",
      context.get());
  REQUIRE(module);
  Operation *layer = &module->getBody()->front();
  auto target = dlc::rt::targetOf(layer);
  REQUIRE(target);
  CHECK(target.getCpu() == "cortex-m4");
  CHECK(target.getIndexBits() == 32);
  CHECK(target.getVectorRegisters() == 16); // the default
  CHECK_FALSE(target.getHosted());
}

TEST_CASE("targetOf is null without a target") {
  std::unique_ptr<MLIRContext> context(newContext());
  auto module = parseSourceString<ModuleOp>("func.func private @layer()", context.get());
  REQUIRE(module);
  CHECK_FALSE(dlc::rt::targetOf(&module->getBody()->front()));
}
