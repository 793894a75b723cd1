// This file collects the operator table from its families and looks it up.
#include "passes/legalize/OpTable.h"

#include <algorithm>

using namespace dlc::legalize;

static std::vector<OpEntry> buildTable() {
  std::vector<OpEntry> table;
  addCast(table);
  addElementwise(table);
  std::sort(table.begin(), table.end(), [](const OpEntry &x, const OpEntry &y) {
    return std::tie(x.domain, x.name, x.sinceVersion) <
           std::tie(y.domain, y.name, y.sinceVersion);
  });
  return table;
}

llvm::ArrayRef<OpEntry> dlc::legalize::allOps() {
  static const std::vector<OpEntry> table = buildTable();
  return table;
}

const OpEntry *dlc::legalize::lookUp(llvm::StringRef domain, llvm::StringRef name,
                                     int64_t opset) {
  for (const OpEntry &entry : allOps())
    if (entry.domain == domain && entry.name == name &&
        entry.sinceVersion <= opset && opset <= entry.untilVersion)
      return &entry;
  return nullptr;
}

bool dlc::legalize::knowsOperator(llvm::StringRef domain, llvm::StringRef name) {
  for (const OpEntry &entry : allOps())
    if (entry.domain == domain && entry.name == name)
      return true;
  return false;
}
