// This file chooses a micro-kernel for each contraction, as an attribute.
#include "passes/Passes.h"

#include "passes/kernels/Epilogue.h"
#include "passes/kernels/dsp/Dsp.h"
#include "passes/kernels/mve/Mve.h"

namespace dlc {
#define GEN_PASS_DEF_PLANKERNELS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::nn::KernelAttr;

namespace {
/// Register tile of a GEMM micro-kernel.
struct Tile {
  int64_t rows;    ///< results of M
  int64_t vectors; ///< vectors of N
  int64_t depth;   ///< elements of a row loaded at once
};

/// Tiles that fill the register file without spilling: rows * vectors
/// accumulators, `vectors` columns, and one or a few row elements.
Tile gemmTile(dlc::rt::TargetAttr target) {
  StringRef isa = target.getIsa();
  if (isa == "neon")
    return {8, 2, 4}; // 16 accumulators, 2 of B, 8 rows of 4 elements
  if (isa == "sve")
    return {6, 3, 1}; // 18 accumulators; panels of 48 columns
  if (isa == "avx512")
    return {8, 3, 1}; // 24 accumulators of 32 registers
  if (isa == "avx")
    return {6, 2, 1}; // 12 accumulators of 16 registers
  if (isa == "sse")
    return {4, 2, 1}; // 8 accumulators of 16: A needs a register for its copy
  // Scalars. 32 single registers with an FPU: 4x4 accumulators, 4 + 1 operands;
  // without one every product is a call.
  if (target.getFpuF32())
    return {4, 4, 1};
  return {1, 1, 1};
}

/// Vectors a tile of a depthwise kernel has; positions share the weights.
int64_t depthwiseRows(dlc::rt::TargetAttr target) {
  return target.getVectorBits() ? 4 : 2;
}

struct PlanKernels : dlc::impl::PlanKernelsBase<PlanKernels> {
  dlc::rt::TargetAttr target;

  /// Elements of `type` in a vector register; 1 without vectors, 0 when the
  /// target has no kernel for the type.
  int64_t lanes(Type type) {
    if (!type.isF32() && !type.isF64())
      return 0;
    if (target.getIsa() == "mve")
      return 1; // vectors of floats do not pay for their loads here yet
    int64_t bits = target.getVectorBits();
    return bits ? bits / type.getIntOrFloatBitWidth() : 1;
  }

  KernelAttr gemm(Type type, int64_t columns) {
    int64_t width = lanes(type);
    if (width == 0)
      return {};
    Tile tile = gemmTile(target);
    bool scalable = target.getIsa() == "sve";
    // Vector-length-agnostic panels: 48 columns are 4, 2 or 1 times three
    // vectors of 128, 256 or 512 bits.
    int64_t panel = scalable ? width * 12 : width * tile.vectors;
    // Few columns: no vectors full of padding.
    while (!scalable && panel > width && panel - width >= columns)
      panel -= width;
    return KernelAttr::get(&getContext(), "gemm", tile.rows, panel, width,
                           scalable ? 1 : tile.depth, scalable);
  }

  /// The kernel of integers on cores that multiply one pair at a time (Cortex-M0, M0+,
  /// M3): few sums, because registers hold their factors, too. Its output may not lie over
  /// its input, so it is only for speed.
  template <typename Op> KernelAttr integers(Op op, Value in, Value filter) {
    auto optimize = getOperation()->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    Type weight = getElementTypeOrSelf(filter), element = getElementTypeOrSelf(in);
    if (target.getIsa() != "scalar" || target.getDsp() ||
        (optimize && optimize.getValue() != "speed") || !op.getAccumulatorType().isInteger(32) ||
        !(element.isInteger(8) || element.isInteger(16)) ||
        !(weight.isInteger(8) || weight.isInteger(16)) ||
        !matchPattern(filter, m_Constant()))
      return {};
    bool eightRegisters = StringRef(target.getTriple()).starts_with("thumbv6m");
    int64_t columns = cast<ShapedType>(op.getInit().getType()).getShape().back();
    return KernelAttr::get(&getContext(), "gemm", eightRegisters ? 1 : 2,
                           std::min<int64_t>(2, columns), 1, 1, false);
  }

  template <typename Op> bool fits(Op op, Type in, Type filter, Type out) {
    return in == op.getAccumulatorType() && filter == in && out == in &&
           dlc::kernels::isVectorizableEpilogue(op);
  }

  void plan(dlc::nn::ConvOp op) {
    if (target.getIsa() == "mve")
      if (KernelAttr kernel = dlc::kernels::mve::plan(op))
        return op.setKernelAttr(kernel);
    auto in = cast<ShapedType>(op.getInput().getType());
    auto filter = cast<ShapedType>(op.getFilter().getType());
    auto out = cast<ShapedType>(op.getInit().getType());
    Type type = in.getElementType();
    if (op.getChannelsLast() && op.getGroup() == 1 && in.hasStaticShape() && out.hasStaticShape())
      if (KernelAttr kernel = integers(op, op.getInput(), op.getFilter()))
        return op.setKernelAttr(kernel);
    if (!op.getChannelsLast() || !in.hasStaticShape() || !out.hasStaticShape() ||
        !fits(op, type, filter.getElementType(), out.getElementType()))
      return;
    int64_t channels = out.getShape().back();
    int64_t group = op.getGroup();
    if (group == in.getShape().back() && group == channels && group > 1) {
      int64_t width = lanes(type);
      if (width)
        op.setKernelAttr(KernelAttr::get(&getContext(), "depthwise",
                                         depthwiseRows(target), width, width, 1,
                                         target.getIsa() == "sve"));
      return;
    }
    if (op.getFilter().getDefiningOp<arith::ConstantOp>())
      if (KernelAttr kernel = gemm(type, channels / group))
        op.setKernelAttr(kernel);
  }

  void plan(dlc::nn::MatmulOp op) {
    if (target.getIsa() == "mve")
      if (KernelAttr kernel = dlc::kernels::mve::plan(op))
        return op.setKernelAttr(kernel);
    auto a = cast<ShapedType>(op.getA().getType());
    auto b = cast<ShapedType>(op.getB().getType());
    auto out = cast<ShapedType>(op.getInit().getType());
    Type type = a.getElementType();
    if (a.hasStaticShape() && out.hasStaticShape() && b.getRank() == 2)
      if (KernelAttr kernel = integers(op, op.getA(), op.getB()))
        return op.setKernelAttr(kernel);
    if (!a.hasStaticShape() || !b.hasStaticShape() || !out.hasStaticShape() ||
        !fits(op, type, b.getElementType(), out.getElementType()))
      return;
    if (KernelAttr kernel = gemm(type, out.getShape().back()))
      op.setKernelAttr(kernel);
  }

  void runOnOperation() override {
    target = dlc::rt::targetOf(getOperation());
    if (!target)
      return;
    getOperation().walk([&](Operation *op) {
      auto conv = dyn_cast<dlc::nn::ConvOp>(op);
      auto matmul = dyn_cast<dlc::nn::MatmulOp>(op);
      if (!conv && !matmul)
        return;
      if (KernelAttr kernel = dlc::kernels::dsp::plan(op, target)) {
        if (conv)
          conv.setKernelAttr(kernel);
        else
          matmul.setKernelAttr(kernel);
        return;
      }
      if (conv)
        plan(conv);
      else
        plan(matmul);
    });
  }
};
} // namespace
