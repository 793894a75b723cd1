// This file collects the operator table from its families and looks it up.
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Families.h"
#include "passes/legalize/OpList.h"

#include "llvm/ADT/StringSet.h"
#include <algorithm>

using namespace dlc::legalize;

static std::vector<OpEntry> buildTable() {
  std::vector<OpEntry> table;
  addCast(table);
  addControlFlow(table);
  addTopK(table);
  addSelect(table);
  addDetection(table);
  addSignal(table);
  addTraining(table);
  addLoss(table);
  addNormalization(table);
  addQLinear(table);
  addDynamicQuantized(table);
  addQuantize(table);
  addRecurrent(table);
  addReduce(table);
  addUnary(table);
  addBatchNorm(table);
  addConstants(table);
  addConv(table);
  addGather(table);
  addMatmul(table);
  addPad(table);
  addPool(table);
  addReshape(table);
  addSlices(table);
  addResize(table);
  addScatter(table);
  addMatrix(table);
  addEinsum(table);
  addSampling(table);
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

FailureOr<bool> dlc::legalize::selectsElements(Node &n) {
  static const llvm::StringSet<> names = {
      "DepthToSpace", "Dropout",   "Expand",    "Flatten",   "Gather",        "GatherElements",
      "GatherND",     "Identity",  "MaxPool",   "ReduceMax", "GlobalMaxPool", "ReduceMin",
      "Reshape",      "Slice",     "Split",     "Squeeze",   "SpaceToDepth",  "Tile",
      "Transpose",    "Unsqueeze", "TopK",      "Compress",  "ReverseSequence"};
  if (!n.op.getDomain().empty())
    return false;
  if (n.opType() == "Pad") { // borders repeat elements, but for constant ones
    auto mode = n.str("mode", "constant");
    return failed(mode) ? FailureOr<bool>(mlir::failure()) : *mode != "constant";
  }
  if (n.opType() != "Resize" && n.opType() != "Upsample")
    return names.contains(n.opType());
  auto mode = n.str("mode", "nearest");
  auto transform = n.str("coordinate_transformation_mode", "half_pixel");
  if (failed(mode) || failed(transform))
    return mlir::failure();
  // tf_crop_and_resize extrapolates with a value of its own.
  return *mode == "nearest" && *transform != "tf_crop_and_resize";
}

void dlc::legalize::printOpList(llvm::raw_ostream &os) {
  os << "domain\toperator\topsets\telement types\n";
  for (const OpEntry &entry : allOps()) {
    os << (entry.domain.empty() ? "ai.onnx" : entry.domain) << '\t' << entry.name
       << '\t' << entry.sinceVersion << '-';
    if (entry.untilVersion != kLatest)
      os << entry.untilVersion;
    os << '\t' << entry.dtypes << '\n';
  }
}
