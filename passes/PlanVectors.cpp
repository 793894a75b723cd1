// This file chooses which linalg operations on buffers run on vectors, as an attribute.
#include "passes/Passes.h"

#include "passes/kernels/mve/Elementwise.h"

namespace dlc {
#define GEN_PASS_DEF_PLANVECTORS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// The layer's facts name its first kernel.
void nameLayer(func::FuncOp layer, dlc::nn::KernelAttr kernel) {
  auto facts = layer ? layer->getAttrOfType<DictionaryAttr>(dlc::rt::kLayer) : DictionaryAttr();
  auto name = facts ? facts.getAs<StringAttr>("kernel") : StringAttr();
  if (!name || name.getValue() != "loops")
    return;
  OpBuilder b(layer.getContext());
  NamedAttrList changed(facts);
  changed.set("kernel", b.getStringAttr(kernel.getKind() + " " + Twine(kernel.getLanes())));
  layer->setAttr(dlc::rt::kLayer, changed.getDictionary(layer.getContext()));
}

struct PlanVectors : dlc::impl::PlanVectorsBase<PlanVectors> {
  void runOnOperation() override {
    dlc::rt::TargetAttr target = dlc::rt::targetOf(getOperation());
    if (!target || target.getIsa() != "mve")
      return; // LLVM finds the vectors of the others
    getOperation().walk([&](linalg::GenericOp op) {
      dlc::nn::KernelAttr kernel = dlc::kernels::mve::plan(op);
      if (!kernel)
        return;
      op->setAttr(dlc::kernels::mve::kVectorKernel, kernel);
      nameLayer(op->getParentOfType<func::FuncOp>(), kernel);
      ++numPlanned;
    });
  }
};
} // namespace
