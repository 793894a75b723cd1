// This file computes sizes, scratch and overlap of the Helium kernels.
#include "passes/kernels/mve/Geometry.h"
#include "passes/kernels/mve/Mve.h"

#include "dialects/RT/RT.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace dlc::kernels::mve;

int64_t dlc::kernels::mve::lanesOf(Value input, Value filter) {
  return kBytes / std::max(bytesOf(input), bytesOf(filter));
}

Conv::Conv(dlc::nn::ConvOp op) {
  auto in = cast<ShapedType>(op.getInput().getType());
  auto out = cast<ShapedType>(op.getInit().getType());
  int64_t rank = op.getSpatialRank(), w = rank - 1;
  bool plane = rank == 2;
  batch = in.getDimSize(0);
  inH = plane ? in.getDimSize(1) : 1;
  inW = in.getDimSize(rank);
  inC = in.getShape().back();
  outH = plane ? out.getDimSize(1) : 1;
  outW = out.getDimSize(rank);
  outC = out.getShape().back();
  kernelH = plane ? op.getKernelSize(0) : 1;
  kernelW = op.getKernelSize(w);
  groupC = op.getGroupChannels();
  group = op.getGroup();
  strideH = plane ? op.getStrides()[0] : 1;
  strideW = op.getStrides()[w];
  dilationH = plane ? op.getDilations()[0] : 1;
  dilationW = op.getDilations()[w];
  padTop = plane ? op.getPadBefore(0) : 0;
  padLeft = op.getPadBefore(w);
  padBottom = plane ? op.getPadAfter(0) : 0;
  padRight = op.getPadAfter(w);
  lanes = lanesOf(op.getInput(), op.getFilter());
  inBytes = bytesOf(op.getInput());
}

static std::pair<int64_t, int64_t> inside(int64_t in, int64_t out, int64_t reach, int64_t stride,
                                          int64_t pad) {
  int64_t first = std::min<int64_t>(out, llvm::divideCeil(pad, stride));
  int64_t room = in + pad - reach;
  int64_t last = room < 0 ? 0 : std::min(out, room / stride + 1);
  return {first, std::max(first, last)};
}

std::pair<int64_t, int64_t> Conv::insideH() const {
  return inside(inH, outH, reachH(), strideH, padTop);
}
std::pair<int64_t, int64_t> Conv::insideW() const {
  return inside(inW, outW, reachW(), strideW, padLeft);
}

DotWeights dlc::kernels::mve::dotWeights(nn::ConvOp op) {
  Conv c(op);
  return {c.group, c.groupOutputs(), c.depth(), 2, c.lanes};
}

DotWeights dlc::kernels::mve::dotWeights(nn::MatmulOp op) {
  auto a = cast<ShapedType>(op.getA().getType());
  auto out = cast<ShapedType>(op.getInit().getType());
  int64_t rows = out.getDimSize(out.getRank() - 2);
  DotWeights w{1, out.getShape().back(), a.getShape().back(), rows == 1 ? 1 : 2,
               lanesOf(op.getA(), op.getB())};
  // Inputs that do not stay in registers are loaded for twice as many channels.
  if (rows == 1 && w.depth % w.lanes == 0 && w.vectors() > kHeld && w.outputs > kPanel)
    w.panel = 2 * kPanel;
  return w;
}

bool dlc::kernels::mve::readsWindows(nn::ConvOp op) {
  auto optimize = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(rt::kOptimize);
  return optimize && optimize.getValue() == "ram";
}

DepthwiseOrder dlc::kernels::mve::depthwiseOrder(nn::ConvOp op) {
  Conv c(op);
  DepthwiseOrder order{c.outC, c.kernelH * c.kernelW, false, c.lanes};
  // Few channels would leave lanes empty; many waste little, and their order
  // would repeat weights often.
  order.dense = !readsWindows(op) && c.outC % c.lanes != 0 && c.strideW == 1 && c.outC < 4 * c.lanes &&
                c.outC / std::gcd(c.outC, c.lanes) <= c.lanes;
  return order;
}

int64_t dlc::kernels::mve::gatherPitch(const Conv &c) {
  return alignUp(c.depth() + c.copied() - 1, c.copied());
}

int64_t dlc::kernels::mve::ringPitch(const Conv &c) {
  return (c.padLeft + c.inW + c.padRight) * c.inC;
}

int64_t dlc::kernels::mve::scratchBytes(Operation *operation) {
  auto op = dyn_cast<nn::ConvOp>(operation);
  if (!op || !op.getKernelAttr())
    return 0;
  StringRef kind = op.getKernelAttr().getKind();
  Conv c(op);
  if (kind == "mve_depthwise" && readsWindows(op)) // one window of one vector's channels
    return op.isPadded() ? c.kernelH * c.kernelW * c.lanes * c.inBytes : 0;
  if (kind == "mve_depthwise") // whole vectors are read at the end of the last row
    return alignUp(c.reachH() * ringPitch(c) + c.lanes - 1, c.copied()) * c.inBytes;
  // Windows that cannot be read where they lie.
  bool scattered = false;
  if (auto in = dyn_cast<MemRefType>(op.getInput().getType())) {
    SmallVector<int64_t> strides;
    int64_t offset;
    scattered = failed(in.getStridesAndOffset(strides, offset)) ||
                strides[strides.size() - 2] != c.inC;
  }
  if (kind == "mve_gather" || (kind == "mve_window" && (op.isPadded() || scattered)))
    return 2 * gatherPitch(c) * c.inBytes;
  return 0;
}

/// Whether elements stand one after the other, wherever the first is.
static bool isDense(Type type) {
  auto buffer = dyn_cast<MemRefType>(type);
  return !buffer || buffer.areTrailingDimsContiguous(buffer.getRank());
}

std::optional<dlc::kernels::Overlap> dlc::kernels::mve::overlapOf(Operation *operation) {
  if (auto op = dyn_cast<nn::ConvOp>(operation)) {
    Conv c(op);
    if (c.batch != 1)
      return std::nullopt;
    if (op.getKernelAttr().getKind() != "mve_depthwise" || readsWindows(op)) {
      // Row by row, but in any order within a row: the outputs of a row end before
      // the first input row that this one and later ones read.
      if (bytesOf(op.getInit()) != c.inBytes || !isDense(op.getInput().getType()))
        return std::nullopt;
      int64_t inRow = c.inW * c.inC, outRow = c.outW * c.outC, distance = -c.inH * inRow;
      int64_t backwards = 0;
      for (int64_t y = 0; y < c.outH; ++y) {
        int64_t top = y * c.strideH - c.padTop, row = std::clamp<int64_t>(top, 0, c.inH);
        backwards = std::max(backwards, std::clamp<int64_t>(top + c.reachH(), 0, c.inH) * inRow -
                                            y * outRow);
        if (op.getKernelAttr().getKind() != "mve_dot") {
          distance = std::max(distance, (y + 1) * outRow - row * inRow);
          continue;
        }
        // Pairs of positions in their order, the last one perhaps once more.
        for (int64_t x = 0; x < c.outW; x += 2)
          distance = std::max(distance, y * outRow + std::min(x + 2, c.outW) * c.outC -
                                            row * inRow -
                                            std::min(x, std::max<int64_t>(c.outW - 2, 0)) * c.strideW * c.inC);
      }
      if (readsWindows(op) && op.getKernelAttr().getKind() == "mve_depthwise")
        return Overlap{distance * c.inBytes, false, backwards * c.inBytes};
      return Overlap{distance * c.inBytes};
    }
    // An output row is written when its input rows are in scratch.
    int64_t distance = -c.inH * c.inW * c.inC;
    for (int64_t y = 0; y < c.outH; ++y) {
      int64_t rows = y * c.strideH + c.reachH() - c.padTop;
      if (rows >= c.inH)
        break;
      distance = std::max(distance, (y + 1) * c.outW * c.outC -
                                        std::max<int64_t>(rows, 0) * c.inW * c.inC);
    }
    return Overlap{distance * c.inBytes};
  }
  auto op = cast<nn::MatmulOp>(operation);
  auto a = cast<ShapedType>(op.getA().getType());
  auto out = cast<ShapedType>(op.getInit().getType());
  if (a.getRank() != 2 || bytesOf(op.getA()) != bytesOf(op.getInit()))
    return std::nullopt;
  int64_t rows = a.getDimSize(0), depth = a.getDimSize(1), outputs = out.getDimSize(1);
  // Two rows are read until the last of their outputs is written.
  int64_t height = std::min<int64_t>(rows, 2);
  return Overlap{std::max(height * outputs, rows * outputs - (rows - height) * depth) * bytesOf(op.getA())};
}
