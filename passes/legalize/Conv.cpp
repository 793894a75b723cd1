// This file lowers Conv, ConvTranspose and ConvInteger to nn.conv.
#include "passes/evaluate/Evaluator.h"
#include "passes/legalize/Narrow.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// Ranks, kernel and channels of input 0 and filter 1. The filter's channels of
/// one group are in dimension 1 (Conv) or its outputs of one group are
/// (`transposed`). Returns the group count.
static FailureOr<int64_t> checkFilter(Node &n, bool transposed) {
  if (n.rank(0) < 3)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected batch, channels and spatial dimensions");
  if (n.rank(1) != n.rank(0))
    return n.error("filter has rank " + Twine(n.rank(1)) + ", expected " +
                   Twine(n.rank(0)));
  if (!n.type(1).hasStaticShape())
    return n.error("the filter's shape is not known at compile time");
  auto group = n.i64("group", 1);
  if (failed(group))
    return failure();
  for (int64_t s : n.shape(1))
    if (s == 0)
      return n.error("the filter is empty");
  int64_t channels = n.shape(0)[1], w0 = n.shape(1)[0], w1 = n.shape(1)[1];
  if (*group < 1 || w0 % *group != 0)
    return n.error("group " + Twine(*group) + " does not divide the filter's " +
                   Twine(w0) +
                   (transposed ? " input channels" : " output channels"));
  int64_t expected = transposed ? w0 : w1 * *group;
  if (ShapedType::isDynamic(channels))
    return n.error("the number of input channels is not known at compile time");
  if (channels != expected)
    return n.error("input has " + Twine(channels) +
                   " channels, the filter with group " + Twine(*group) +
                   " expects " + Twine(expected));
  return *group;
}

/// Bias at input `i`, checked; null when absent.
static FailureOr<Value> checkBias(Node &n, unsigned i, int64_t outputs) {
  if (!n.has(i))
    return Value();
  if (!isa<RankedTensorType>(n.in(i).getType()) || n.rank(i) != 1 ||
      n.shape(i)[0] != outputs || n.elementType(i) != n.elementType(0))
    return n.error("bias must have " + Twine(outputs) +
                   " elements of the input's element type");
  return n.in(i);
}

/// nn.conv of an input that is padded already, with the bias in its epilogue.
static Value buildConv(Node &n, Value input, Value filter, Value bias,
                       ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> strides,
                       ArrayRef<int64_t> dilations, int64_t group,
                       Type element) {
  Value init = n.empty(sizes, element);
  SmallVector<Value> operands;
  if (bias)
    operands.push_back(bias);
  auto op = dlc::nn::ConvOp::create(
      n.b, init.getType(), input, filter, operands, init,
      n.b.getDenseI64ArrayAttr(strides), n.b.getDenseI64ArrayAttr(dilations),
      n.b.getI64IntegerAttr(group), n.b.getBoolAttr(false));
  auto add = [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    if (isa<FloatType>(v[0].getType()))
      return arith::AddFOp::create(b, v[0], v[1]);
    return arith::AddIOp::create(b, v[0], v[1]);
  };
  if (bias)
    n.epilogue(op.getEpilogue(), element,
               {getElementTypeOrSelf(bias.getType())}, add);
  else
    n.epilogue(op.getEpilogue(), element, {}, nullptr);
  return op.getResult();
}

/// Conv on `input` and `filter` (of shapes like inputs 0 and 1) with `padding`
/// around the input.
static LogicalResult convolve(Node &n, Value input, Value filter, Value bias,
                              int64_t group, Value padding, Type element) {
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  auto window = readWindow(n, ArrayRef(sizes).drop_front(2),
                           n.shape(1).drop_front(2), false);
  if (failed(window))
    return failure();
  SmallVector<OpFoldResult> out = {sizes[0], n.b.getIndexAttr(n.shape(1)[0])};
  out.append(window->output);
  if (failed(n.checkSizes(out)))
    return failure();
  Value padded = padWindow(n, input, *window, padding);
  n.set(0, buildConv(n, padded, filter, bias, out, window->strides,
                     window->dilations, group, element));
  return success();
}

static LogicalResult lowerConv(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element) || n.elementType(1) != element)
    return n.error("input and filter must have one float type");
  auto group = checkFilter(n, false);
  if (failed(group))
    return failure();
  auto bias = checkBias(n, 2, n.shape(1)[0]);
  if (failed(bias))
    return failure();
  return convolve(n, n.in(0), n.in(1), *bias, *group, n.scalar(element, 0),
                  element);
}

/// A scalar or per-channel zero point broadcast against a tensor of `rank`
/// whose channels are dimension `channel`, and subtracted in i32.
static FailureOr<Value> withoutZeroPoint(Node &n, unsigned i, unsigned zero,
                                         int64_t channel) {
  Value x = n.in(i);
  Type i32 = n.b.getI32Type(), from = n.elementType(i);
  if (!n.has(zero))
    return n.cast(x, i32);
  if (!isa<RankedTensorType>(n.in(zero).getType()) ||
      n.elementType(zero) != from || n.rank(zero) > 1)
    return n.error(
        "zero point must be a scalar or vector of the tensor's element type");
  Value z = n.in(zero);
  if (n.rank(zero) == 1 && n.shape(zero)[0] != 1) {
    if (n.shape(zero)[0] != n.shape(i)[channel])
      return n.error("zero point has " + Twine(n.shape(zero)[0]) +
                     " elements, expected 1 or " + Twine(n.shape(i)[channel]));
    SmallVector<int64_t> ones;
    for (int64_t d = 1; d < n.rank(i) - channel; ++d)
      ones.push_back(d);
    z = n.expandDims(z, ones);
  }
  return n.elementwise({x, z}, i32,
                       [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                         Value wide = Node::castScalar(b, v[0], from, i32);
                         return arith::SubIOp::create(
                             b, wide, Node::castScalar(b, v[1], from, i32));
                       });
}

static LogicalResult lowerConvInteger(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  for (unsigned i = 0; i < 2; ++i)
    if (n.elementType(i).getIntOrFloatBitWidth() != 8 ||
        !isa<IntegerType>(n.elementType(i)))
      return n.error("input " + Twine(i) + " is not int8 or uint8");
  auto group = checkFilter(n, false);
  if (failed(group))
    return failure();
  Type i32 = n.b.getI32Type();
  auto narrow = narrowProduct(n, 2, 0);
  if (failed(narrow))
    return failure();
  if (*narrow)
    return convolve(n, (*narrow)->values, (*narrow)->weights, (*narrow)->correction, *group,
                    (*narrow)->zeroPoint, i32);
  // Zero points leave first, so padding is 0.
  auto x = withoutZeroPoint(n, 0, 2, 1), w = withoutZeroPoint(n, 1, 3, 0);
  if (failed(x) || failed(w))
    return failure();
  return convolve(n, *x, *w, Value(), *group, n.scalarInt(i32, 0), i32);
}

/// The filter [C, M/g, k...] of a transposed convolution as that of a plain
/// one, [M, C/g, k...], mirrored in space.
static Value transposeFilter(Node &n, Value filter, int64_t group) {
  ArrayRef<int64_t> shape = n.shape(1);
  unsigned spatial = shape.size() - 2;
  auto num = [&](int64_t v) -> OpFoldResult { return n.b.getIndexAttr(v); };
  SmallVector<OpFoldResult> to = {num(shape[1] * group), num(shape[0] / group)};
  for (int64_t k : shape.drop_front(2))
    to.push_back(num(k));
  int64_t perGroup = shape[1], inputs = shape[0] / group;
  return n.generate(
      to, getElementTypeOrSelf(filter.getType()), [&](ImplicitLocOpBuilder &b, ValueRange at) {
        auto constant = [&](int64_t v) -> Value {
          return arith::ConstantIndexOp::create(b, v);
        };
        Value m = at[0], c = at[1];
        if (group > 1) {
          Value g = arith::DivUIOp::create(b, at[0], constant(perGroup));
          m = arith::RemUIOp::create(b, at[0], constant(perGroup));
          c = arith::AddIOp::create(
              b, arith::MulIOp::create(b, g, constant(inputs)), c);
        }
        SmallVector<Value> source = {c, m};
        for (unsigned d = 0; d < spatial; ++d)
          source.push_back(
              arith::SubIOp::create(b, constant(shape[d + 2] - 1), at[d + 2]));
        return extract(b, filter, source);
      });
}

/// The filter of a transposed convolution as that of a plain one; a quantized
/// one keeps its integers.
static Value plainFilter(Node &n, int64_t group) {
  auto quantized = n.in(1).getDefiningOp<dlc::nn::DequantizeOp>();
  if (!quantized || (quantized.getAxis() && (*quantized.getAxis() != 1 || group != 1)))
    return transposeFilter(n, n.in(1), group);
  Value integers = dlc::foldValue(n.b, transposeFilter(n, quantized.getInput(), group));
  auto type = cast<RankedTensorType>(integers.getType());
  return dlc::nn::DequantizeOp::create(
      n.b, type.clone(n.b.getF32Type()), integers, quantized.getScalesAttr(),
      quantized.getZeroPointsAttr(),
      quantized.getAxis() ? n.b.getI64IntegerAttr(0) : IntegerAttr(), quantized.getLoAttr(),
      quantized.getHiAttr());
}

/// Spreads the spatial elements of `x` apart: stride-1 zeros between
/// neighbours.
static Value spread(Node &n, Value x, ArrayRef<int64_t> strides, Value zero) {
  if (llvm::all_of(strides, [](int64_t s) { return s == 1; }))
    return x;
  SmallVector<OpFoldResult> sizes = n.sizes(x), to = sizes;
  SmallVector<OpFoldResult> offsets(sizes.size(), n.b.getIndexAttr(0));
  SmallVector<OpFoldResult> steps(sizes.size(), n.b.getIndexAttr(1));
  for (auto [d, s] : llvm::enumerate(strides)) {
    OpFoldResult one = n.b.getIndexAttr(1);
    steps[d + 2] = n.b.getIndexAttr(s);
    to[d + 2] = n.add(n.mul(n.sub(sizes[d + 2], one), steps[d + 2]), one);
  }
  Value wide = n.fill(to, zero, getElementTypeOrSelf(x.getType()));
  return tensor::InsertSliceOp::create(n.b, x, wide, offsets, sizes, steps);
}

static LogicalResult lowerConvTranspose(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element) || n.elementType(1) != element)
    return n.error("input and filter must have one float type");
  auto group = checkFilter(n, true);
  if (failed(group))
    return failure();
  int64_t outputs = n.shape(1)[1] * *group;
  auto bias = checkBias(n, 2, outputs);
  unsigned rank = n.rank(0) - 2;
  auto kernel = readKernel(n, rank, n.shape(1).drop_front(2));
  auto pads = readPads(n, rank);
  auto extra = n.ints("output_padding", SmallVector<int64_t>(rank, 0));
  auto autoPad = n.str("auto_pad", "NOTSET");
  auto shape = n.ints("output_shape", SmallVector<int64_t>());
  if (failed(bias) || failed(kernel) || failed(pads) || failed(extra) ||
      failed(autoPad) || failed(shape))
    return failure();
  if (extra->size() != rank)
    return n.error("output_padding has " + Twine(extra->size()) +
                   " elements, expected " + Twine(rank));
  for (int64_t e : *extra)
    if (e < 0 || e > (int64_t(1) << 30))
      return n.error("output_padding has the value " + Twine(e));
  // output_shape may list batch and channels, too.
  ArrayRef<int64_t> wanted = *shape;
  if (wanted.size() == rank + 2)
    wanted = wanted.drop_front(2);
  if (!wanted.empty() && wanted.size() != rank)
    return n.error("output_shape has " + Twine(wanted.size()) +
                   " elements, expected " + Twine(rank));
  bool same = *autoPad == "SAME_UPPER" || *autoPad == "SAME_LOWER";
  if (!same && *autoPad != "VALID" && *autoPad != "NOTSET" && !autoPad->empty())
    return n.error("auto_pad '" + *autoPad + "' is unknown",
                   "expected NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  auto num = [&](int64_t v) -> OpFoldResult { return n.b.getIndexAttr(v); };
  Value x = n.in(0);
  SmallVector<OpFoldResult> in = n.sizes(x), out = {in[0], num(outputs)};
  SmallVector<OpFoldResult> low(2, num(0)), high(2, num(0));
  for (unsigned d = 0; d < rank; ++d) {
    int64_t span = kernel->span(d);
    if (getConstantIntValue(in[d + 2]) == 0)
      return n.error("spatial dimension " + Twine(d) + " is empty");
    // All that the kernel reaches, before pads cut it.
    OpFoldResult full =
        n.add(n.mul(n.sub(in[d + 2], num(1)), num(kernel->strides[d])),
              num(span + (*extra)[d]));
    OpFoldResult begin = num(0), end = num(0), size;
    if (!wanted.empty() || same) {
      size = !wanted.empty() ? num(wanted[d])
                             : n.mul(in[d + 2], num(kernel->strides[d]));
      if (auto c = getConstantIntValue(size); c && *c < 1)
        return n.error("output_shape has the value " + Twine(*c));
      OpFoldResult total = n.sub(full, size);
      OpFoldResult half = n.floorDiv(total, num(2));
      // The odd cell: ConvTranspose-11 gives it to the end for SAME_UPPER.
      begin = *autoPad == "SAME_UPPER" ? half : n.sub(total, half);
      end = n.sub(total, begin);
    } else {
      if (*autoPad != "VALID") {
        begin = num((*pads)[d]);
        end = num((*pads)[rank + d]);
      }
      size = n.sub(n.sub(full, begin), end);
      if (auto c = getConstantIntValue(size); c && *c < 1)
        return n.error("pads leave nothing of spatial dimension " + Twine(d));
    }
    out.push_back(size);
    // Pads of the equivalent convolution on the spread input.
    low.push_back(n.sub(num(span - 1), begin));
    high.push_back(n.sub(num(span - 1 + (*extra)[d]), end));
  }
  if (failed(n.checkSizes(out)))
    return failure();
  Value zero = n.scalar(element, 0);
  Value wide = spread(n, x, kernel->strides, zero);
  // Negative pads cut.
  SmallVector<OpFoldResult> offsets, kept = n.sizes(wide);
  bool cuts = false;
  for (auto [d, l, h] : llvm::enumerate(low, high)) {
    OpFoldResult cutL = n.max(n.sub(num(0), l), num(0));
    OpFoldResult cutH = n.max(n.sub(num(0), h), num(0));
    kept[d] = n.sub(n.sub(kept[d], cutL), cutH);
    cuts |= getConstantIntValue(cutL) != 0 || getConstantIntValue(cutH) != 0;
    offsets.push_back(cutL);
    l = n.max(l, num(0));
    h = n.max(h, num(0));
    if (auto c = getConstantIntValue(kept[d]); c && *c < 0)
      return n.error("pads cut more than the input has in dimension " +
                     Twine(d));
  }
  if (cuts)
    wide = n.slice(wide, offsets, kept);
  wide = n.pad(wide, low, high, zero);
  n.set(0, buildConv(n, wide, plainFilter(n, *group), *bias, out,
                     SmallVector<int64_t>(rank, 1), kernel->dilations, *group,
                     element));
  return success();
}

void dlc::legalize::addConv(std::vector<OpEntry> &table) {
  table.push_back({"", "Conv", 1, kLatest, "floats", lowerConv});
  table.push_back(
      {"", "ConvTranspose", 1, kLatest, "floats", lowerConvTranspose});
  table.push_back(
      {"", "ConvInteger", 10, kLatest, "int8, uint8", lowerConvInteger});
}
