// This file prints diagnostics with the ONNX node that they are about.
#include "compiler/Diagnostics.h"

#include "compiler/Driver.h"
#include "dialects/ONNX/ONNX.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace dlc {

/// More than this helps nobody, and a hostile model could ask for millions.
static constexpr unsigned kMaxPrinted = 200;
static constexpr size_t kMaxText = 4000;

/// Names from a file must not move the cursor or break the line.
static std::string printable(StringRef text) {
  std::string result;
  for (unsigned char c : text.take_front(kMaxText)) {
    if (c < 0x20 || c == 0x7f)
      result += "\\x" + llvm::utohexstr(c, /*LowerCase=*/true, /*Width=*/2);
    else
      result += static_cast<char>(c);
  }
  if (text.size() > kMaxText)
    result += "...";
  return result;
}

DiagnosticsHandler::DiagnosticsHandler(MLIRContext *context, StringRef modelPath,
                                       raw_ostream &os)
    : ScopedDiagnosticHandler(context),
      modelName(llvm::sys::path::filename(modelPath).str()), os(os) {
  // "see current operation" and pages of IR say nothing to who has a model.
  context->printOpOnDiagnostic(false);
  setHandler([this](Diagnostic &diag) {
    handle(diag);
    return success();
  });
}

bool DiagnosticsHandler::isInternal(StringRef message) {
  if (message.starts_with("failed to legalize") || message.starts_with("operand #") ||
      message.starts_with("op "))
    return true;
  // 'dialect.name' op ...
  if (!message.consume_front("'"))
    return false;
  auto [name, rest] = message.split('\'');
  bool isOpName = name.contains('.') && llvm::all_of(name, [](char c) {
                    return llvm::isAlnum(c) || c == '.' || c == '_' || c == '-';
                  });
  return isOpName && rest.starts_with(" op ");
}

int DiagnosticsHandler::failureCode() const { return userErrors ? kBadModel : kDefect; }

void DiagnosticsHandler::print(StringRef where, StringRef severity, StringRef message) {
  if (printed == kMaxPrinted)
    os << "note: more messages are not shown\n";
  if (printed++ >= kMaxPrinted)
    return;
  if (!modelName.empty())
    os << printable(modelName) << ": ";
  if (!where.empty())
    os << printable(where) << ": ";
  os << severity << ": " << printable(message) << "\n";
}

/// Where a diagnostic is, for a person: the node, or a place in a text file.
static std::string describe(Location loc) {
  if (std::string name = onnx::describeLocation(loc); !name.empty())
    return name;
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    return (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
            Twine(file.getColumn()))
        .str();
  return "";
}

void DiagnosticsHandler::handle(Diagnostic &diag) {
  std::string where = describe(diag.getLocation());
  std::string message = diag.str();
  StringRef severity;
  switch (diag.getSeverity()) {
  case DiagnosticSeverity::Error:
    if (isInternal(message)) {
      ++internalErrors;
      severity = "internal error";
    } else {
      ++userErrors;
      severity = "error";
    }
    break;
  case DiagnosticSeverity::Warning: severity = "warning"; break;
  case DiagnosticSeverity::Remark: severity = "remark"; break;
  case DiagnosticSeverity::Note: severity = "note"; break;
  }
  if (!seen.insert(where + "\n" + severity.str() + message).second)
    return;
  print(where, severity, message);
  if (printed > kMaxPrinted)
    return;
  for (Diagnostic &note : diag.getNotes()) {
    std::string noteWhere = describe(note.getLocation());
    os << "note: ";
    if (!noteWhere.empty() && noteWhere != where)
      os << printable(noteWhere) << ": ";
    os << printable(note.str()) << "\n";
  }
}

void DiagnosticsHandler::error(const Twine &message, const Twine &note) {
  ++userErrors;
  print("", "error", message.str());
  if (!note.isTriviallyEmpty())
    os << "note: " << printable(note.str()) << "\n";
}

void DiagnosticsHandler::internalError(const Twine &message, const Twine &note) {
  ++internalErrors;
  print("", "internal error", message.str());
  if (!note.isTriviallyEmpty())
    os << "note: " << printable(note.str()) << "\n";
}

} // namespace dlc
