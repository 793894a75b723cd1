// Tests how diagnostics are printed, and what they say about the exit code.
#include "compiler/Diagnostics.h"
#include "compiler/Driver.h"
#include "dialects/ONNX/ONNX.h"
#include "mlir/IR/Builders.h"

#include <catch2/catch.hpp>

using namespace mlir;

namespace {

struct Fixture {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string text;
  llvm::raw_string_ostream os{text};
  dlc::DiagnosticsHandler handler{&context, "some/folder/model.onnx", os};

  Location node(StringRef name, StringRef what) {
    return FusedLoc::get({NameLoc::get(StringAttr::get(&context, name))},
                         StringAttr::get(&context, what), &context);
  }
};

} // namespace

TEST_CASE("an error names its node, its notes follow") {
  Fixture f;
  {
    auto diag = emitError(f.node("backbone.0", "Conv#17"), "auto_pad is wrong");
    diag.attachNote() << "found 1x2, expected 1x3";
    diag.attachNote(f.node("later", "Relu#18")) << "used here";
  }
  CHECK(f.text == "model.onnx: node 'backbone.0' (Conv#17): error: auto_pad is wrong\n"
                  "note: found 1x2, expected 1x3\n"
                  "note: node 'later' (Relu#18): used here\n");
  CHECK(f.handler.hasUserError());
  CHECK(f.handler.failureCode() == dlc::kBadModel);
}

TEST_CASE("locations that are no node") {
  Fixture f;
  emitError(f.node("w", "initializer"), "too large");
  emitError(UnknownLoc::get(&f.context), "nothing to do");
  emitWarning(FileLineColLoc::get(&f.context, "a.mlir", 3, 7), "odd");
  CHECK(f.text == "model.onnx: initializer 'w': error: too large\n"
                  "model.onnx: error: nothing to do\n"
                  "model.onnx: a.mlir:3:7: warning: odd\n");
}

TEST_CASE("a node is found in fusions and call sites") {
  Fixture f;
  Location node = f.node("a", "Add#1"), weight = f.node("w", "initializer");
  emitError(FusedLoc::get({weight, node}, {}, &f.context), "x");
  emitError(CallSiteLoc::get(weight, UnknownLoc::get(&f.context)), "y");
  CHECK(f.text == "model.onnx: node 'a' (Add#1): error: x\n"
                  "model.onnx: initializer 'w': error: y\n");
}

TEST_CASE("what MLIR says about IR of our making is our defect") {
  CHECK(dlc::DiagnosticsHandler::isInternal("'linalg.generic' op expected shapes"));
  CHECK(dlc::DiagnosticsHandler::isInternal("'func.func' op has no body"));
  CHECK(dlc::DiagnosticsHandler::isInternal("failed to legalize operation 'math.exp'"));
  CHECK(dlc::DiagnosticsHandler::isInternal("operand #0 does not dominate this use"));
  CHECK_FALSE(dlc::DiagnosticsHandler::isInternal("'axes' must be constant"));
  CHECK_FALSE(dlc::DiagnosticsHandler::isInternal("input 'a.b' is not defined"));
  CHECK_FALSE(dlc::DiagnosticsHandler::isInternal("'a.b' has no type"));
  Fixture f;
  emitError(f.node("a", "Add#1"), "'linalg.generic' op expected shapes");
  CHECK(f.text == "model.onnx: node 'a' (Add#1): internal error: 'linalg.generic' op "
                  "expected shapes\n");
  CHECK_FALSE(f.handler.hasUserError());
  CHECK(f.handler.failureCode() == dlc::kDefect);
  f.handler.error("also this");
  CHECK(f.handler.failureCode() == dlc::kBadModel);
}

TEST_CASE("a failure that nobody reported is our defect") {
  Fixture f;
  CHECK(f.handler.failureCode() == dlc::kDefect);
}

TEST_CASE("names do not reach the terminal as they are, nor endlessly") {
  Fixture f;
  emitError(f.node("a\n\033[2J", "Add#1"), std::string(10'000, 'x'));
  CHECK(f.text.find("node 'a\\x0a\\x1b[2J' (Add#1)") != std::string::npos);
  CHECK(f.text.size() < 5'000);
}

TEST_CASE("the same error is shown once, and not thousands of them") {
  Fixture f;
  for (int i = 0; i < 1000; ++i)
    emitError(UnknownLoc::get(&f.context), "same");
  CHECK(f.text == "model.onnx: error: same\n");
  for (int i = 0; i < 1000; ++i)
    emitError(UnknownLoc::get(&f.context), "number " + Twine(i));
  CHECK(std::count(f.text.begin(), f.text.end(), '\n') < 300);
  CHECK(f.text.find("note: more messages are not shown\n") != std::string::npos);
  CHECK(f.handler.numErrors() == 2000);
}
