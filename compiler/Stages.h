// The stages of the compiler: one table, used by dlc-compile's --stop-after and
// --list-stages and by dlc-opt's --dlc-stage-NAME.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace dlc {

struct Stage {
  llvm::StringLiteral name;
  llvm::StringLiteral pipeline; ///< its name in dlc-opt
  llvm::StringLiteral description;
  /// Adds the stage's passes; target and options are attributes of the module.
  void (*build)(mlir::OpPassManager &);
};

/// In the order in which they run. The first, import, has no passes.
llvm::ArrayRef<Stage> stages();
/// Index in stages(), or -1.
int findStage(llvm::StringRef name);
/// Makes each stage a pass pipeline dlc-stage-NAME.
void registerStages();

} // namespace dlc
