// This file chooses Helium kernels for contractions of int8 and int16.
#include "passes/kernels/mve/Epilogue.h"
#include "passes/kernels/mve/Geometry.h"
#include "passes/kernels/mve/Mve.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::kernels;

static nn::KernelAttr kernel(Operation *op, StringRef kind, int64_t rows, int64_t columns) {
  return nn::KernelAttr::get(op->getContext(), kind, rows, columns, mve::kLanes, 1, false);
}

/// Inputs and constant weights of 8 or 16 bits, int32 sums, sizes known.
static bool isNarrow(Value left, Value right, Value init, Type sum) {
  auto a = cast<ShapedType>(left.getType()), b = cast<ShapedType>(right.getType());
  auto out = cast<ShapedType>(init.getType());
  auto isShort = [](Type type) { return type.isInteger(8) || type.isInteger(16); };
  return isShort(a.getElementType()) && isShort(b.getElementType()) && sum.isInteger(32) &&
         a.hasStaticShape() && b.hasStaticShape() && out.hasStaticShape() &&
         a.getNumElements() > 0 && b.getNumElements() > 0 && out.getNumElements() > 0 &&
         right.getDefiningOp<arith::ConstantOp>();
}

bool mve::isMve(nn::KernelAttr kernel) { return kernel && kernel.getKind().starts_with("mve_"); }

/// Lanes of depthwise sums are not in order: results and operands must be what
/// the kernel can bring into order.
static bool takesDepthwise(const mve::Conv &c, const mve::Epilogue &epilogue) {
  bool hasBytes = c.lanes == mve::kLanes;
  if (!epilogue.isVector() || !(hasBytes ? epilogue.clamps() : epilogue.truncates()))
    return false;
  for (auto [i, operand] : llvm::enumerate(epilogue.operands())) {
    Type element = cast<ShapedType>(operand.getType()).getElementType();
    if (epilogue.isPerChannel(i)
            ? !(element.isInteger(32) || element.isInteger(64)) || !operand.getDefiningOp<arith::ConstantOp>()
            : !element.isInteger(8) && (hasBytes || !element.isInteger(16)))
      return false;
  }
  return true;
}

nn::KernelAttr mve::plan(nn::ConvOp op) {
  unsigned rank = op.getSpatialRank();
  if (!op.getChannelsLast() || op.getPacked() || op.getFilterShape() || rank < 1 || rank > 2 ||
      !isNarrow(op.getInput(), op.getFilter(), op.getInit(), op.getAccumulatorType()))
    return {};
  Conv c(op);
  Epilogue epilogue(op);
  if (c.group > 1 && c.groupC == 1 && c.outC == c.inC && takesDepthwise(c, epilogue))
    return kernel(op, "mve_depthwise", 1, c.lanes);
  if (c.kernelH == 1 && c.kernelW == 1 && !op.isPadded())
    return kernel(op, "mve_dot", 2, kPanel);
  return kernel(op, c.hasRuns() && c.run() % c.lanes == 0 ? "mve_window" : "mve_gather", 2, kPanel);
}

nn::KernelAttr mve::plan(nn::MatmulOp op) {
  auto b = cast<ShapedType>(op.getB().getType());
  if (op.getPacked() || b.getRank() != 2 ||
      !isNarrow(op.getA(), op.getB(), op.getInit(), op.getAccumulatorType()))
    return {};
  auto out = cast<ShapedType>(op.getInit().getType());
  return kernel(op, "mve_dot", std::min<int64_t>(2, out.getDimSize(out.getRank() - 2)), kPanel);
}
