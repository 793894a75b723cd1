// Prints diagnostics the way users of dlc read them, and decides the exit code.
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include <set>
#include <string>

namespace dlc {

/// Handles all diagnostics of a context while it lives. Prints
///
///     model.onnx: node 'backbone.0' (Conv#17): error: message
///     note: found ..., expected ...
///
/// An error is the model's fault unless it is what MLIR says about IR of our
/// making: an operation's verifier ("'linalg.generic' op ...") or a conversion
/// that found no pattern. So passes report what users can mend with
/// emitError(loc), and their own trouble with emitOpError.
class DiagnosticsHandler : public mlir::ScopedDiagnosticHandler {
public:
  /// `modelPath` is shown by its file name; no name is shown when it is empty.
  DiagnosticsHandler(mlir::MLIRContext *context, llvm::StringRef modelPath,
                     llvm::raw_ostream &os = llvm::errs());

  /// Reports an error that no operation has.
  void error(const llvm::Twine &message, const llvm::Twine &note = "");
  /// Reports a defect of dlc: a pass failed and said nothing, ...
  void internalError(const llvm::Twine &message, const llvm::Twine &note = "");

  unsigned numErrors() const { return userErrors + internalErrors; }
  bool hasUserError() const { return userErrors; }
  bool hasInternalError() const { return internalErrors; }
  /// The exit code (see Driver.h) of a stage that failed: 1 when at least one
  /// error is the model's fault, else 3, also when nothing was reported at all.
  int failureCode() const;

  /// Whether a message comes from MLIR about IR of our making.
  static bool isInternal(llvm::StringRef message);

private:
  void handle(mlir::Diagnostic &diag);
  void print(llvm::StringRef where, llvm::StringRef severity, llvm::StringRef message);

  std::string modelName;
  llvm::raw_ostream &os;
  unsigned userErrors = 0, internalErrors = 0, printed = 0;
  /// What was printed already: one fault often shows at many places.
  std::set<std::string> seen;
};

} // namespace dlc
