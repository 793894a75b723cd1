// This file lowers onnx.graph to nn, linalg, tensor and scf.
#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DEF_LEGALIZEONNX
#include "passes/Passes.h.inc"
} // namespace dlc

namespace {
struct LegalizeOnnx : dlc::impl::LegalizeOnnxBase<LegalizeOnnx> {
  void runOnOperation() override {}
};
} // namespace
