// Kernels as functions whose sizes are arguments, which several layers call.
#pragma once

#include "passes/kernels/dsp/Shape.h"

namespace dlc::kernels::dsp {

/// One kernel while it is emitted: its body, and what this layer passes to it. The
/// same code results for layers that differ in what is passed only.
class KernelFunction {
public:
  /// Whether results and operands of the epilogue lie such that one number says where.
  static bool accepts(const Shape &s);
  /// Whether what the epilogue reads depends on the channel only.
  static bool isPerChannel(const Shape &s);

  KernelFunction() = default; ///< none
  /// For `op`, a copy of the layer's contraction that may be changed. With `isPadded`, the
  /// code for padded inputs is there in any case.
  explicit KernelFunction(mlir::Operation *op, bool isPadded = false);
  bool isPadded() const { return padded; }
  /// Where the kernel is emitted.
  mlir::ImplicitLocOpBuilder body() const;
  /// A size, as an argument.
  mlir::Value number(int64_t v);
  /// A constant, as an argument.
  mlir::Value constant(mlir::TypedAttr v);
  /// A buffer of the layer, as one dimension of unknown size.
  mlir::Value buffer(mlir::Value memref);
  /// The output, an argument of its own.
  mlir::Value output(mlir::Value memref);
  /// The epilogue for a sum, where the result is element `at` of the output and
  /// belongs to `channel`.
  mlir::Value applyEpilogue(mlir::ImplicitLocOpBuilder &b, mlir::Value sum, mlir::Value at,
                            mlir::Value channel);
  /// Ends the body; returns its text, alike for kernels that can be one.
  std::string finish();

  mlir::func::FuncOp function() const { return func; }
  /// What the layer passes.
  mlir::ArrayRef<mlir::Value> operands() const { return passed; }
  mlir::Operation *contraction() const { return op; }
  void erase() { func.erase(); }

private:
  mlir::Value argument(mlir::Value passedValue, mlir::Type type);

  mlir::Operation *op = nullptr;
  bool padded = false;
  mlir::func::FuncOp func;
  mlir::Block *entry = nullptr;
  mlir::SmallVector<mlir::Value> passed;
  mlir::Value outArgument;
  /// Operands of the epilogue, and its numbers by operation and operand.
  mlir::DenseMap<mlir::Value, mlir::Value> buffers;
  mlir::DenseMap<std::pair<mlir::Operation *, unsigned>, mlir::Value> numbers;
};

/// Emits kernels that several layers of the module can share, those whose code is the
/// same but for sizes, as one function with calls. Leaves the other contractions alone.
///
/// With -Osize all share that can. Otherwise layers share as long as that costs little:
/// those that save the most bytes for a cycle first, up to kSharingBudget of the
/// estimated cycles of all contractions.
void emitShared(mlir::ModuleOp module);

} // namespace dlc::kernels::dsp
