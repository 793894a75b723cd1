// This file reads the sliding window of convolutions and pools.
#include "passes/legalize/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// Larger kernels, strides, dilations and pads are refused: products stay far
/// from overflow.
static constexpr int64_t kLimit = int64_t(1) << 30;

bool Window::padded() const {
  auto isZero = [](OpFoldResult v) { return getConstantIntValue(v) == 0; };
  return !llvm::all_of(padLow, isZero) || !llvm::all_of(readHigh, isZero);
}

FailureOr<Window> dlc::legalize::readKernel(Node &n, unsigned rank,
                                            ArrayRef<int64_t> kernel) {
  Window w;
  SmallVector<int64_t> ones(rank, 1);
  auto shape = kernel.empty()
                   ? n.ints("kernel_shape")
                   : n.ints("kernel_shape", SmallVector<int64_t>(kernel));
  auto strides = n.ints("strides", ones), dilations = n.ints("dilations", ones);
  if (failed(shape) || failed(strides) || failed(dilations))
    return failure();
  if (!kernel.empty() && ArrayRef(*shape) != kernel)
    return n.error("kernel_shape differs from the filter's shape");
  auto check = [&](StringRef name, ArrayRef<int64_t> list) -> LogicalResult {
    if (list.size() != rank)
      return n.error(name + " has " + Twine(list.size()) +
                     " elements, expected " + Twine(rank));
    for (int64_t v : list)
      if (v < 1 || v > kLimit)
        return n.error(name + " has the value " + Twine(v) +
                       ", expected 1 or more");
    return success();
  };
  if (failed(check("kernel_shape", *shape)) ||
      failed(check("strides", *strides)) ||
      failed(check("dilations", *dilations)))
    return failure();
  w.kernel = *shape;
  w.strides = *strides;
  w.dilations = *dilations;
  for (unsigned d = 0; d < rank; ++d)
    if (w.span(d) > kLimit)
      return n.error("the dilated kernel spans " + Twine(w.span(d)) + " cells");
  return w;
}

FailureOr<SmallVector<int64_t>> dlc::legalize::readPads(Node &n,
                                                        unsigned rank) {
  auto pads = n.ints("pads", SmallVector<int64_t>(2 * rank, 0));
  if (failed(pads))
    return failure();
  if (pads->size() != 2 * rank)
    return n.error("pads has " + Twine(pads->size()) + " elements, expected " +
                   Twine(2 * rank));
  for (int64_t p : *pads)
    if (p < 0 || p > kLimit)
      return n.error("pads has the value " + Twine(p) + ", expected 0 or more");
  return *pads;
}

FailureOr<Window> dlc::legalize::readWindow(Node &n,
                                            ArrayRef<OpFoldResult> spatial,
                                            ArrayRef<int64_t> kernel,
                                            bool ceilMode) {
  unsigned rank = spatial.size();
  auto window = readKernel(n, rank, kernel);
  auto autoPad = n.str("auto_pad", "NOTSET");
  auto pads = readPads(n, rank);
  if (failed(window) || failed(autoPad) || failed(pads))
    return failure();
  Window &w = *window;
  bool same = *autoPad == "SAME_UPPER" || *autoPad == "SAME_LOWER";
  bool valid = *autoPad == "VALID";
  if (!same && !valid && *autoPad != "NOTSET" && !autoPad->empty())
    return n.error("auto_pad '" + *autoPad + "' is unknown",
                   "expected NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  auto num = [&](int64_t v) -> OpFoldResult { return n.b.getIndexAttr(v); };
  for (unsigned d = 0; d < rank; ++d) {
    OpFoldResult in = spatial[d], stride = num(w.strides[d]),
                 span = num(w.span(d));
    OpFoldResult low = num(0), high = num(0), out;
    if (same) {
      // As many positions as strides fit; what is missing is spread on both
      // sides.
      out = n.ceilDiv(in, stride);
      OpFoldResult total =
          w.strides[d] == 1
              ? num(w.span(d) - 1)
              : n.max(n.sub(n.add(n.mul(n.sub(out, num(1)), stride), span), in),
                      num(0));
      OpFoldResult half = n.floorDiv(total, num(2));
      low = *autoPad == "SAME_UPPER" ? half : n.sub(total, half);
      high = n.sub(total, low);
      if (getConstantIntValue(in) == 0)
        low = high = num(0);
    } else {
      if (!valid) {
        low = num((*pads)[d]);
        high = num((*pads)[rank + d]);
      }
      OpFoldResult room = n.sub(n.add(n.add(in, low), high), span);
      if (auto c = getConstantIntValue(room); c && *c < 0)
        return n.error("the kernel spans " + Twine(w.span(d)) +
                       " cells of spatial dimension " + Twine(d) +
                       ", the padded input has " + Twine(*c + w.span(d)));
      out = n.add(ceilMode ? n.ceilDiv(room, stride) : n.floorDiv(room, stride),
                  num(1));
      if (ceilMode && w.strides[d] > 1) {
        // A window that starts in the padding at the end is dropped.
        OpFoldResult starts = n.ceilDiv(n.add(in, low), stride);
        out = n.min(out, starts);
      }
    }
    OpFoldResult needed =
        n.sub(n.sub(n.add(n.mul(n.sub(out, num(1)), stride), span), in), low);
    if (same && w.strides[d] == 1)
      needed = high;
    else
      needed = n.max(needed, num(0));
    w.padLow.push_back(low);
    w.padHigh.push_back(high);
    w.output.push_back(out);
    w.readHigh.push_back(needed);
  }
  return window;
}

Value dlc::legalize::padWindow(Node &n, Value tensor, const Window &w,
                               Value value) {
  if (!w.padded())
    return tensor;
  SmallVector<OpFoldResult> low(2, n.b.getIndexAttr(0)), high = low;
  low.append(w.padLow);
  high.append(w.readHigh);
  return n.pad(tensor, low, high, value);
}
