// Dialects, interfaces and passes that the commands know.
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace dlc {
/// Our dialects, the upstream ones we use, and their bufferization models.
void registerDialects(mlir::DialectRegistry &registry);
/// Our passes (dlc-*), for dlc-opt and reproducers.
void registerAllPasses();
} // namespace dlc
