// This file lists the passes that lead from a schedule to a plan of the arena, and why
// in that order: dlc-plan-rows runs them on trial.
#include "passes/Pipelines.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

using namespace mlir;

void dlc::addCleanUp(OpPassManager &pm) {
  // In LLVM 22 this pattern (insert a padded tensor into a filled one) forgets the
  // strides of the insertion: a transposed convolution after padding is wrong.
  static const std::string kWrong[] = {"(anonymous namespace)::FoldInsertPadIntoFill"};
  pm.addPass(createCanonicalizerPass(GreedyRewriteConfig(), kWrong));
  pm.addPass(createCSEPass());
}

void dlc::addTilePasses(OpPassManager &pm) {
  pm.addPass(createPlanKernels());
  pm.addPass(createFoldPads()); // the plan says who takes them
  pm.addPass(createPackWeights());
  addCleanUp(pm);
}

void dlc::addArenaPasses(OpPassManager &pm) {
  pm.addPass(createConvertBoundary());
  pm.addPass(createCheckSizes());
  pm.addPass(createLowerReshapes());
  pm.addPass(createLowerPads());
  addCleanUp(pm);
  // After padding: a pad's source may now be written in place.
  pm.addPass(createReuseOperands());
  pm.addPass(createUnshareInits());
  pm.addNestedPass<func::FuncOp>(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  options.allowReturnAllocsFromLoops = false;
  // Buffers have plain row-major layouts; views of them are static strides.
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  options.bufferAlignment = 16;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  addCleanUp(pm);
  pm.addPass(createLowerCopies());
  pm.addPass(createAllocateScratch());
  pm.addPass(createPlanArena());
}
