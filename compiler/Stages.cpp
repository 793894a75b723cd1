// This file is the table of stages: what runs, in which order, and why.
#include "compiler/Stages.h"

#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "passes/compress/CompressPasses.h"
#include "passes/memory/RowPasses.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

static void buildImport(OpPassManager &) {}

static void buildLegalize(OpPassManager &pm) {
  pm.addPass(dlc::createLegalizeOnnx());
  dlc::addCleanUp(pm);
}

static void buildQuantize(OpPassManager &pm) {
  pm.addPass(dlc::createSinkDequantize());
  pm.addPass(dlc::createIntegerContractions());
  pm.addPass(dlc::createIntegerSums());
  pm.addPass(dlc::createTabulateQuantized());
  pm.addPass(dlc::createLowerQuantize());
  // Before epilogues are fused: what is stored between layers stays small.
  dlc::FuseElementwiseOptions widening;
  widening.onlyWidening = true;
  pm.addPass(dlc::createFuseElementwise(widening));
  dlc::addCleanUp(pm);
}

static void buildSimplify(OpPassManager &pm) {
  pm.addPass(dlc::createFoldConstants());
  // Epilogues first: an activation belongs to the convolution before it, not to
  // the pool after it. Then chains of elementwise operations, and what became
  // an epilogue by that.
  pm.addPass(dlc::createFuseEpilogues());
  pm.addPass(dlc::createFuseElementwise());
  pm.addPass(dlc::createFuseEpilogues());
  pm.addPass(dlc::createFoldAffine()); // BatchNormalization, now an epilogue
  dlc::addCleanUp(pm);
}

static void buildLayout(OpPassManager &pm) {
  pm.addPass(dlc::createChannelsLast());
  pm.addPass(dlc::createPropagateTransposes());
  pm.addPass(dlc::createFoldConstants()); // transposed weights
  dlc::addCleanUp(pm);
  // Transposes between them are gone: once more.
  pm.addPass(dlc::createFuseElementwise());
  pm.addPass(dlc::createFuseEpilogues());
  pm.addPass(dlc::createFoldAffine());
  pm.addPass(dlc::createConvToMatmul());
  pm.addPass(dlc::createFoldConstants()); // flattened weights
  pm.addPass(dlc::createSplitSums());
  pm.addPass(dlc::createOrderLoops());
  dlc::addCleanUp(pm);
  // Bodies are as fused as they get.
  pm.addPass(dlc::createIntegerRequantize());
  pm.addPass(dlc::createFoldChannels());
  dlc::addCleanUp(pm);
}

static void buildSchedule(OpPassManager &pm) {
  dlc::addCleanUp(pm);
  pm.addPass(dlc::createScheduleOperations());
  // Stretches of the schedule, band by band where memory is short.
  pm.addPass(dlc::createPlanRows());
  pm.addPass(dlc::createFuseRows());
}

static void buildTile(OpPassManager &pm) { dlc::addTilePasses(pm); }

static void buildMemory(OpPassManager &pm) {
  dlc::addArenaPasses(pm);
  pm.addPass(dlc::createPoisonArena());
  // From here on a buffer may be known by its parts only.
  pm.addPass(dlc::createFlattenSlices());
  pm.addPass(createCSEPass()); // buffers in one place become one
  pm.addPass(dlc::createOutlineLayers());
  pm.addPass(dlc::createSplitLayers());
  dlc::addCleanUp(pm);
}

static void buildKernels(OpPassManager &pm) {
  pm.addPass(dlc::createLowerKernels());
  pm.addPass(dlc::createLowerContractions());
  pm.addPass(dlc::createCollapseLoops());
  pm.addPass(dlc::createPlanVectors());
  pm.addPass(dlc::createLowerVectors());
  pm.addPass(createConvertLinalgToLoopsPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createLowerAffinePass());
  // Every read of a constant is a load by now.
  pm.addPass(dlc::createCompressConstants());
  // Last: what is left of the math dialect is an instruction of the target, and
  // small floats are storage.
  pm.addPass(dlc::createExpandMath());
  pm.addPass(dlc::createExpandSmallFloats());
  dlc::addCleanUp(pm);
  pm.addPass(dlc::createShareLayers());
}

static const dlc::Stage kStages[] = {
    {"import", "dlc-stage-import", "the protobuf as onnx.graph, nothing interpreted", buildImport},
    {"legalize", "dlc-stage-legalize", "operators become nn, linalg, tensor and scf; constants are folded",
     buildLegalize},
    {"quantize", "dlc-stage-quantize", "quantize and dequantize pairs become integer operations",
     buildQuantize},
    {"simplify", "dlc-stage-simplify", "folding, fusion of elementwise chains and epilogues",
     buildSimplify},
    {"layout", "dlc-stage-layout", "channels last, weights packed for the micro-kernels", buildLayout},
    {"schedule", "dlc-stage-schedule", "order of operations that needs the least memory", buildSchedule},
    {"tile", "dlc-stage-tile", "tile sizes and kernels chosen, as attributes", buildTile},
    {"memory", "dlc-stage-memory", "buffers in one arena, one function for each layer", buildMemory},
    {"kernels", "dlc-stage-kernels", "loops and micro-kernels of the target", buildKernels},
};

llvm::ArrayRef<dlc::Stage> dlc::stages() { return kStages; }

int dlc::findStage(llvm::StringRef name) {
  for (auto [i, stage] : llvm::enumerate(kStages))
    if (stage.name == name)
      return i;
  return -1;
}

void dlc::registerStages() {
  for (const Stage &stage : kStages) {
    auto *build = stage.build;
    PassPipelineRegistration<>(stage.pipeline, stage.description,
                               [build](OpPassManager &pm) { build(pm); });
  }
}
