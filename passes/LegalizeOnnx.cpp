// This file lowers onnx.graph to nn, linalg, tensor and scf.
#include "passes/legalize/Legalizer.h"

namespace dlc {
#define GEN_PASS_DEF_LEGALIZEONNX
#include "passes/Passes.h.inc"
} // namespace dlc

namespace {
struct LegalizeOnnx : dlc::impl::LegalizeOnnxBase<LegalizeOnnx> {
  void runOnOperation() override {
    dlc::legalize::Legalizer legalizer(getOperation());
    for (auto graph : llvm::make_early_inc_range(
             getOperation().getOps<dlc::onnx::GraphOp>()))
      if (mlir::failed(legalizer.run(graph)))
        return signalPassFailure();
  }
};
} // namespace
