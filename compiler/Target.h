// The target table: --target, --mcpu and --mattr to the facts of #rt.target.
#pragma once

#include "dialects/RT/RT.h"
#include "llvm/Support/Error.h"
#include <string>

namespace dlc {
/// What the user asked for, as given on the command line.
struct TargetRequest {
  /// A name of the table or an LLVM triple.
  std::string target = "host";
  /// LLVM CPU name or `native`; empty: the default of the target.
  std::string cpu;
  /// Comma-separated features, each with `+` or `-`.
  std::string features;
};

/// Resolves a request against LLVM's subtarget information. The error is wrong
/// usage (exit code 2) and names what is known and near.
llvm::Expected<rt::TargetAttr> resolveTarget(mlir::MLIRContext *context,
                                             const TargetRequest &request);

/// The text of --list-targets: one line a target.
std::string listTargets();
} // namespace dlc
