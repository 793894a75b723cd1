// The operator table: (domain, operator, first opset, last opset) -> lowering.
// It also prints --list-ops.
#pragma once

#include "passes/legalize/Node.h"

namespace dlc::legalize {

using LowerFn = LogicalResult (*)(Node &);

struct OpEntry {
  llvm::StringLiteral domain; ///< "" is ai.onnx
  llvm::StringLiteral name;
  int sinceVersion;           ///< first opset of this lowering
  int untilVersion;           ///< last opset, or kLatest
  llvm::StringLiteral dtypes; ///< element types that it accepts, for people
  LowerFn lower;
};

inline constexpr int kLatest = 1 << 20;

/// The lowering for a node; null when there is none.
const OpEntry *lookUp(llvm::StringRef domain, llvm::StringRef name, int64_t opset);
/// Whether every element of the operator's first result is an element of its
/// first input, chosen by position or by order: then a quantized input is
/// handled as integers. Fails on attributes that cannot be read.
FailureOr<bool> selectsElements(Node &n);
/// Replaces dequantized inputs of an operator that chooses elements of several tensors, or
/// positions (Max, Where, ArgMax), by their stored integers; returns how its results are
/// stored where they are such integers, too.
nn::DequantizeOp useStoredOrder(Node &n);
/// All entries, ordered by domain, name and opset.
llvm::ArrayRef<OpEntry> allOps();

// Lowerings that others build on.
/// QuantizeLinear and DequantizeLinear of a value along `axis` (replaces the
/// node's inputs). Known parameters give nn.quantize and nn.dequantize.
FailureOr<Value> quantize(Node &n, Value x, Value scale, Value zeroPoint, int64_t axis);
FailureOr<Value> dequantize(Node &n, Value x, Value scale, Value zeroPoint, int64_t axis);

/// DynamicQuantizeLinear of a float tensor.
struct DynamicallyQuantized {
  Value values, scale, zeroPoint;
};
FailureOr<DynamicallyQuantized> dynamicQuantize(Node &n, Value x);

// Each family adds its entries; one function per file in this folder.
void addControlFlow(std::vector<OpEntry> &table);
void addTopK(std::vector<OpEntry> &table);
void addSelect(std::vector<OpEntry> &table);
void addDetection(std::vector<OpEntry> &table);
void addLoss(std::vector<OpEntry> &table);
void addNormalization(std::vector<OpEntry> &table);
void addQLinear(std::vector<OpEntry> &table);
void addDynamicQuantized(std::vector<OpEntry> &table);
void addQuantize(std::vector<OpEntry> &table);
void addRecurrent(std::vector<OpEntry> &table);
void addCast(std::vector<OpEntry> &table);
void addReduce(std::vector<OpEntry> &table);
void addUnary(std::vector<OpEntry> &table);
void addBatchNorm(std::vector<OpEntry> &table);
void addConstants(std::vector<OpEntry> &table);
void addConv(std::vector<OpEntry> &table);
void addGather(std::vector<OpEntry> &table);
void addMatmul(std::vector<OpEntry> &table);
void addPad(std::vector<OpEntry> &table);
void addPool(std::vector<OpEntry> &table);
void addReshape(std::vector<OpEntry> &table);
void addSlices(std::vector<OpEntry> &table);
void addResize(std::vector<OpEntry> &table);
void addScatter(std::vector<OpEntry> &table);
void addMatrix(std::vector<OpEntry> &table);
void addEinsum(std::vector<OpEntry> &table);
void addSampling(std::vector<OpEntry> &table);
void addElementwise(std::vector<OpEntry> &table);

} // namespace dlc::legalize
