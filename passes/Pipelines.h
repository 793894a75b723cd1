// Sequences of passes that stages and passes share.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace dlc {

void addCleanUp(mlir::OpPassManager &pm);
/// Kernels, and the order of weights: the tile stage.
void addTilePasses(mlir::OpPassManager &pm);
/// From tensors to buffers that have their place in the arena: the memory stage up to
/// where layers become functions.
void addArenaPasses(mlir::OpPassManager &pm);

} // namespace dlc
