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

  /// For `op`, a copy of the layer's contraction that may be changed.
  explicit KernelFunction(mlir::Operation *op);
  /// Where the kernel is emitted.
  mlir::ImplicitLocOpBuilder body() const;
  /// A size, as an argument.
  mlir::Value number(int64_t v);
  /// A constant, as an argument.
  mlir::Value constant(mlir::TypedAttr v);
  /// A buffer of the layer, as one dimension of unknown size.
  mlir::Value buffer(mlir::Value memref);
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

  mlir::Operation *op;
  mlir::func::FuncOp func;
  mlir::Block *entry;
  mlir::SmallVector<mlir::Value> passed;
  /// Operands of the epilogue, and its numbers by operation and operand.
  mlir::DenseMap<mlir::Value, mlir::Value> buffers;
  mlir::DenseMap<std::pair<mlir::Operation *, unsigned>, mlir::Value> numbers;
};

/// Emits the kernels of `ops`, each with its own `kernel` attribute. Those whose code
/// is the same but for sizes become one function with calls; the others are left
/// alone and returned.
mlir::SmallVector<mlir::Operation *> emitShared(mlir::ModuleOp module,
                                                mlir::ArrayRef<mlir::Operation *> ops);

} // namespace dlc::kernels::dsp
