// This file lowers the pools: MaxPool, AveragePool, LpPool, their global forms
// and MaxUnpool.
#include "passes/legalize/Legalizer.h"
#include "passes/legalize/OpTable.h"
#include "passes/legalize/Tflite.h"
#include "passes/legalize/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// The least value of an element type, signless: the neutral element of max.
static Value lowest(Node &n, Type element) {
  if (auto f = dyn_cast<FloatType>(element))
    return arith::ConstantOp::create(
        n.b, FloatAttr::get(f, APFloat::getInf(f.getFloatSemantics(), true)));
  unsigned width = element.getIntOrFloatBitWidth();
  APInt v = isUnsigned(element) ? APInt::getMinValue(width)
                                : APInt::getSignedMinValue(width);
  return arith::ConstantOp::create(n.b, IntegerAttr::get(signless(element), v));
}

/// The type that sums of `element` are kept in.
static Type sumType(Node &n, Type element) {
  auto f = dyn_cast<FloatType>(element);
  return f && f.getWidth() < 32 ? n.b.getF32Type() : element;
}

namespace {
/// The maps of a pool over [N, C, out...] with one reduction loop for each
/// kernel dimension.
struct PoolLoops {
  AffineMap input, window, output;
  SmallVector<utils::IteratorType> loops;
};
} // namespace

static PoolLoops poolLoops(Node &n, const Window &w) {
  unsigned rank = w.rank(), dims = 2 + 2 * rank;
  auto d = [&](unsigned i) { return n.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> in = {d(0), d(1)}, kernel, out = {d(0), d(1)};
  for (unsigned i = 0; i < rank; ++i) {
    in.push_back(d(2 + i) * w.strides[i] + d(2 + rank + i) * w.dilations[i]);
    kernel.push_back(d(2 + rank + i));
    out.push_back(d(2 + i));
  }
  PoolLoops p;
  p.input = AffineMap::get(dims, 0, in, n.b.getContext());
  p.window = AffineMap::get(dims, 0, kernel, n.b.getContext());
  p.output = AffineMap::get(dims, 0, out, n.b.getContext());
  p.loops.assign(2 + rank, utils::IteratorType::parallel);
  p.loops.append(rank, utils::IteratorType::reduction);
  return p;
}

/// A tensor that only gives the kernel's loops their bounds.
static Value windowShape(Node &n, const Window &w) {
  return tensor::EmptyOp::create(n.b, w.kernel, n.b.getF32Type());
}

/// Reads the window of a pool over input 0 and the output's sizes.
static FailureOr<Window> readPool(Node &n, SmallVector<OpFoldResult> &out) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.rank(0) < 3)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected batch, channels and spatial dimensions");
  auto ceilMode = n.i64("ceil_mode", 0);
  if (failed(ceilMode))
    return failure();
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  auto window =
      readWindow(n, ArrayRef(sizes).drop_front(2), {}, *ceilMode != 0);
  if (failed(window))
    return failure();
  out = {sizes[0], sizes[1]};
  out.append(window->output);
  if (failed(n.checkSizes(out)))
    return failure();
  return window;
}

/// Sums or maxima over the windows of a padded tensor.
static Value pool(Node &n, Value padded, Value init, const Window &w,
                  ScalarFn fn) {
  PoolLoops p = poolLoops(n, w);
  Type element = getElementTypeOrSelf(init.getType());
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value out = fn(b, {toSignless(b, args[0]), toSignless(b, args[2])});
    linalg::YieldOp::create(b, fromSignless(b, out, element));
  };
  return linalg::GenericOp::create(
             n.b, init.getType(), ValueRange{padded, windowShape(n, w)}, init,
             ArrayRef<AffineMap>{p.input, p.window, p.output}, p.loops, body)
      .getResult(0);
}

static Value maximum(ImplicitLocOpBuilder &b, Value x, Value y,
                     bool isUnsigned) {
  if (isa<FloatType>(x.getType()))
    return arith::MaximumFOp::create(b, x, y);
  if (isUnsigned)
    return arith::MaxUIOp::create(b, x, y);
  return arith::MaxSIOp::create(b, x, y);
}

/// MaxPool with its second output: the position of each maximum in the
/// flattened input. The first of equal maxima counts.
static void maxPoolIndices(Node &n, Value padded, const Window &w,
                           ArrayRef<OpFoldResult> out, bool columnMajor) {
  Type element = n.elementType(0), i64 = n.b.getI64Type();
  PoolLoops p = poolLoops(n, w);
  unsigned rank = w.rank();
  SmallVector<OpFoldResult> in = n.sizes(n.in(0));
  Value best = n.fill(out, lowest(n, element), element);
  Value where = n.fill(out, n.scalarInt(i64, -1));
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    auto constant = [&](int64_t v) -> Value {
      return arith::ConstantIndexOp::create(b, v);
    };
    Value v = toSignless(b, args[0]), acc = toSignless(b, args[2]);
    SmallVector<Value> at = {linalg::IndexOp::create(b, 0),
                             linalg::IndexOp::create(b, 1)};
    Value inside = arith::ConstantOp::create(b, b.getBoolAttr(true));
    for (unsigned d = 0; d < rank; ++d) {
      Value o = linalg::IndexOp::create(b, 2 + d),
            k = linalg::IndexOp::create(b, 2 + rank + d);
      Value i = arith::AddIOp::create(
          b, arith::MulIOp::create(b, o, constant(w.strides[d])),
          arith::MulIOp::create(b, k, constant(w.dilations[d])));
      i = arith::SubIOp::create(b, i, n.index(w.padLow[d]));
      Value ok = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, i,
                                       n.index(in[d + 2]));
      inside = arith::AndIOp::create(b, inside, ok);
      at.push_back(i);
    }
    // Row major over all dimensions; column major over the spatial ones.
    Value flat = arith::AddIOp::create(
        b, arith::MulIOp::create(b, at[0], n.index(in[1])), at[1]);
    for (unsigned d = 0; d < rank; ++d) {
      unsigned s = columnMajor ? rank - 1 - d : d;
      if (columnMajor && d == 0)
        for (unsigned e = 0; e < rank; ++e)
          flat = arith::MulIOp::create(b, flat, n.index(in[e + 2]));
      if (!columnMajor)
        flat = arith::AddIOp::create(
            b, arith::MulIOp::create(b, flat, n.index(in[s + 2])), at[s + 2]);
    }
    if (columnMajor) {
      Value inner = at[rank + 1];
      for (unsigned d = rank - 1; d-- > 0;)
        inner = arith::AddIOp::create(
            b, arith::MulIOp::create(b, inner, n.index(in[d + 2])), at[d + 2]);
      flat = arith::AddIOp::create(b, flat, inner);
    }
    Value flat64 = arith::IndexCastOp::create(b, i64, flat);
    Value none = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, args[3],
                                       n.scalarInt(i64, 0));
    Value greater;
    if (isa<FloatType>(element))
      greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, v, acc);
    else
      greater =
          arith::CmpIOp::create(b,
                                isUnsigned(element) ? arith::CmpIPredicate::ugt
                                                    : arith::CmpIPredicate::sgt,
                                v, acc);
    Value take = arith::AndIOp::create(b, inside,
                                       arith::OrIOp::create(b, none, greater));
    Value newBest = arith::SelectOp::create(b, take, v, acc);
    Value newWhere = arith::SelectOp::create(b, take, flat64, args[3]);
    linalg::YieldOp::create(
        b, ValueRange{fromSignless(b, newBest, element), newWhere});
  };
  auto op = linalg::GenericOp::create(
      n.b, TypeRange{best.getType(), where.getType()},
      ValueRange{padded, windowShape(n, w)}, ValueRange{best, where},
      ArrayRef<AffineMap>{p.input, p.window, p.output, p.output}, p.loops,
      body);
  n.set(0, op.getResult(0));
  n.set(1, op.getResult(1));
}

static LogicalResult lowerMaxPool(Node &n) {
  SmallVector<OpFoldResult> out;
  auto window = readPool(n, out);
  auto order = n.i64("storage_order", 0);
  if (failed(window) || failed(order))
    return failure();
  Type element = n.elementType(0);
  if (!element.isIntOrFloat() || element.isInteger(1))
    return n.error("element type is not supported by this operator");
  Value padded = padWindow(n, n.in(0), *window, lowest(n, element));
  if (n.wants(1)) {
    maxPoolIndices(n, padded, *window, out, *order == 1);
    return success();
  }
  Value init = n.fill(out, lowest(n, element), element);
  n.set(0, pool(n, padded, init, *window,
                [&](ImplicitLocOpBuilder &b, ValueRange v) {
                  return maximum(b, v[0], v[1], isUnsigned(element));
                }));
  return success();
}

/// How many cells of [low, high) the window at each position of dimension `d`
/// covers (at least 1), as a 1-D tensor of the divisor's type; positions count
/// from the input's first cell.
static Value coveredCells(Node &n, const Window &w, unsigned d,
                          OpFoldResult low, OpFoldResult high, Type type) {
  auto ceilDiv = [](int64_t x, int64_t y) {
    return llvm::divideCeilSigned(x, y);
  };
  int64_t stride = w.strides[d], dil = w.dilations[d], kernel = w.kernel[d];
  auto cl = getConstantIntValue(low), ch = getConstantIntValue(high);
  auto co = getConstantIntValue(w.output[d]),
       cp = getConstantIntValue(w.padLow[d]);
  if (cl && ch && co && cp && *co <= (1 << 20)) {
    SmallVector<Attribute> counts;
    for (int64_t o = 0; o < *co; ++o) {
      int64_t first = o * stride - *cp;
      int64_t from = std::max<int64_t>(0, ceilDiv(*cl - first, dil));
      int64_t to = std::min(kernel, ceilDiv(*ch - first, dil));
      counts.push_back(n.b.getFloatAttr(type, std::max<int64_t>(1, to - from)));
    }
    return n.constantTensor(
        DenseElementsAttr::get(RankedTensorType::get(*co, type), counts));
  }
  return n.generate(
      w.output[d], type, [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
        auto constant = [&](int64_t v) -> Value {
          return arith::ConstantIndexOp::create(b, v);
        };
        Value first = arith::SubIOp::create(
            b, arith::MulIOp::create(b, at[0], constant(stride)),
            n.index(w.padLow[d]));
        auto bound = [&](OpFoldResult v) -> Value {
          return arith::CeilDivSIOp::create(
              b, arith::SubIOp::create(b, n.index(v), first), constant(dil));
        };
        Value from = arith::MaxSIOp::create(b, constant(0), bound(low));
        Value to = arith::MinSIOp::create(b, constant(kernel), bound(high));
        Value count = arith::MaxSIOp::create(
            b, constant(1), arith::SubIOp::create(b, to, from));
        Value i32 = arith::IndexCastOp::create(b, b.getI32Type(), count);
        return arith::SIToFPOp::create(b, type, i32);
      });
}

static LogicalResult lowerAveragePool(Node &n) {
  SmallVector<OpFoldResult> out;
  auto window = readPool(n, out);
  auto includePad = n.i64("count_include_pad", 0);
  if (failed(window) || failed(includePad))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element))
    return n.error("input is not of a float type");
  Window &w = *window;
  Type type = sumType(n, element);
  Value padded = padWindow(n, n.in(0), w, n.scalar(element, 0));
  Value sum = pool(n, padded, n.fill(out, n.scalar(type, 0)), w,
                   [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                     return arith::AddFOp::create(
                         b, v[1], Node::castScalar(b, v[0], element, type));
                   });
  // The divisor is a product over dimensions; most have one value everywhere.
  SmallVector<Value> operands = {sum};
  SmallVector<AffineMap> maps = {n.b.getMultiDimIdentityMap(out.size())};
  SmallVector<OpFoldResult> in = n.sizes(n.in(0));
  double constant = 1;
  for (unsigned d = 0; d < w.rank(); ++d) {
    OpFoldResult low = n.b.getIndexAttr(0), high = in[d + 2];
    if (*includePad) {
      low = n.sub(low, w.padLow[d]);
      high = n.add(high, w.padHigh[d]);
    }
    bool full = (*includePad || getConstantIntValue(w.padLow[d]) == 0) &&
                (getConstantIntValue(w.readHigh[d]) == 0 ||
                 (*includePad && Node::sameSize(w.readHigh[d], w.padHigh[d])));
    if (full) {
      constant *= w.kernel[d];
      continue;
    }
    Value counts = coveredCells(n, w, d, low, high, type);
    if (auto known = n.legalizer().constant(counts);
        known && known->isSplat()) {
      constant *= known->getSplatValue<APFloat>().convertToDouble();
      continue;
    }
    operands.push_back(counts);
    maps.push_back(AffineMap::get(out.size(), 0, n.b.getAffineDimExpr(d + 2)));
  }
  maps.push_back(n.b.getMultiDimIdentityMap(out.size()));
  Value init = n.empty(out, element);
  SmallVector<utils::IteratorType> loops(out.size(),
                                         utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder b(loc, builder);
    Value divisor =
        arith::ConstantOp::create(b, b.getFloatAttr(type, constant));
    for (Value c : args.drop_front().drop_back())
      divisor = arith::MulFOp::create(b, divisor, c);
    Value mean = arith::DivFOp::create(b, args[0], divisor);
    linalg::YieldOp::create(b, Node::castScalar(b, mean, type, element));
  };
  n.set(0, linalg::GenericOp::create(n.b, init.getType(), operands, init, maps,
                                     loops, body)
               .getResult(0));
  return success();
}

Value dlc::legalize::averagePoolOfIntegers(Node &n) {
  SmallVector<OpFoldResult> out;
  auto window = readPool(n, out);
  auto includePad = n.i64("count_include_pad", 0);
  if (failed(window) || failed(includePad))
    return {};
  Window &w = *window;
  if (*includePad && w.padded())
    return {};
  ImplicitLocOpBuilder &b = n.b;
  Type element = n.elementType(0), i32 = b.getI32Type();
  bool isUnsigned = dlc::legalize::isUnsigned(element);
  // Cells outside count neither in the sum nor in the divisor.
  SmallVector<OpFoldResult> in = n.sizes(n.in(0));
  int64_t constant = 1;
  SmallVector<Value> counts;
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(out.size())};
  for (unsigned d = 0; d < w.rank(); ++d) {
    Value cells = coveredCells(n, w, d, b.getIndexAttr(0), in[d + 2], b.getF32Type());
    auto known = n.legalizer().constant(cells);
    if (!known)
      return {};
    auto toInteger = [](const APFloat &v) {
      return APInt(32, static_cast<uint64_t>(v.convertToFloat()));
    };
    if (known->isSplat()) {
      constant *= toInteger(known->getSplatValue<APFloat>()).getZExtValue();
      continue;
    }
    SmallVector<APInt> values = llvm::map_to_vector(known->getValues<APFloat>(), toInteger);
    counts.push_back(
        n.constantTensor(DenseElementsAttr::get(known->getType().clone(i32), values)));
    maps.push_back(AffineMap::get(out.size(), 0, b.getAffineDimExpr(d + 2)));
  }
  maps.push_back(maps.front());
  Value padded = padWindow(n, n.in(0), w, n.scalarInt(signless(element), 0));
  Value sum = pool(n, padded, n.fill(out, n.scalarInt(i32, 0)), w,
                   [&](ImplicitLocOpBuilder &ib, ValueRange v) -> Value {
                     Value x = isUnsigned ? arith::ExtUIOp::create(ib, i32, v[0]).getResult()
                                          : arith::ExtSIOp::create(ib, i32, v[0]).getResult();
                     return arith::AddIOp::create(ib, x, v[1]);
                   });
  SmallVector<Value> operands = {sum};
  operands.append(counts);
  Value init = n.empty(out, element);
  SmallVector<utils::IteratorType> loops(out.size(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location loc, ValueRange args) {
    ImplicitLocOpBuilder ib(loc, builder);
    Value divisor = arith::ConstantOp::create(ib, ib.getI32IntegerAttr(constant));
    for (Value c : args.drop_front().drop_back())
      divisor = arith::MulIOp::create(ib, divisor, c);
    Value mean = meanOfIntegers(ib, args[0], divisor, isUnsigned);
    mean = arith::TruncIOp::create(ib, signless(element), mean);
    linalg::YieldOp::create(ib, fromSignless(ib, mean, element));
  };
  return linalg::GenericOp::create(b, init.getType(), operands, init, maps, loops, body)
      .getResult(0);
}

/// |x|^p, and its inverse on the sum.
static Value power(ImplicitLocOpBuilder &b, Value x, double p) {
  x = math::AbsFOp::create(b, x);
  if (p == 1)
    return x;
  if (p == 2)
    return arith::MulFOp::create(b, x, x);
  return math::PowFOp::create(
      b, x, arith::ConstantOp::create(b, b.getFloatAttr(x.getType(), p)));
}
static Value root(ImplicitLocOpBuilder &b, Value x, double p) {
  if (p == 1)
    return x;
  if (p == 2)
    return math::SqrtOp::create(b, x);
  return math::PowFOp::create(
      b, x, arith::ConstantOp::create(b, b.getFloatAttr(x.getType(), 1.0 / p)));
}

/// p: an integer since opset 2, a float in opset 1.
static FailureOr<double> readP(Node &n) {
  double p = 2;
  if (isa_and_nonnull<FloatAttr>(n.attr("p"))) {
    p = *n.f32("p");
  } else {
    auto v = n.i64("p", 2);
    if (failed(v))
      return failure();
    p = static_cast<double>(*v);
  }
  if (!(p > 0))
    return n.error("p is " + std::to_string(p) + ", expected more than 0");
  return p;
}

static Value finishNorm(Node &n, Value sum, Type element, double p) {
  Type type = getElementTypeOrSelf(sum.getType());
  return n.map(sum, element, [&](ImplicitLocOpBuilder &b, ValueRange v) {
    return Node::castScalar(b, root(b, v[0], p), type, element);
  });
}

static LogicalResult lowerLpPool(Node &n) {
  SmallVector<OpFoldResult> out;
  auto window = readPool(n, out);
  auto p = readP(n);
  if (failed(window) || failed(p))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element))
    return n.error("input is not of a float type");
  Type type = sumType(n, element);
  Value padded = padWindow(n, n.in(0), *window, n.scalar(element, 0));
  Value sum = pool(n, padded, n.fill(out, n.scalar(type, 0)), *window,
                   [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                     Value x = Node::castScalar(b, v[0], element, type);
                     return arith::AddFOp::create(b, v[1], power(b, x, *p));
                   });
  n.set(0, finishNorm(n, sum, element, *p));
  return success();
}

static LogicalResult lowerGlobalPool(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.rank(0) < 2)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected 2 or more");
  Type element = n.elementType(0), type = sumType(n, element);
  bool max = n.opType() == "GlobalMaxPool", lp = n.opType() == "GlobalLpPool";
  if (!isa<FloatType>(element))
    return n.error("input is not of a float type");
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, n.rank(0)));
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0)), out = sizes;
  for (int64_t a : axes)
    out[a] = n.b.getIndexAttr(1);
  Value result;
  if (max) {
    result = n.reduce(n.in(0), axes, lowest(n, element),
                      [](ImplicitLocOpBuilder &b, Value x, Value acc) {
                        return maximum(b, x, acc, false);
                      });
    n.set(0, n.reshape(result, out));
    return success();
  }
  FailureOr<double> p = lp ? readP(n) : FailureOr<double>(1.0);
  if (failed(p))
    return failure();
  result =
      n.reduce(n.in(0), axes, n.scalar(type, 0),
               [&](ImplicitLocOpBuilder &b, Value x, Value acc) -> Value {
                 x = Node::castScalar(b, x, element, type);
                 return arith::AddFOp::create(b, acc, lp ? power(b, x, *p) : x);
               });
  if (lp) {
    result = finishNorm(n, result, element, *p);
  } else {
    OpFoldResult count = n.product(ArrayRef(sizes).drop_front(2));
    Value divisor;
    if (auto c = getConstantIntValue(count))
      divisor = n.scalar(type, static_cast<double>(*c));
    else
      divisor = arith::SIToFPOp::create(
          n.b, type,
          arith::IndexCastOp::create(n.b, n.b.getI32Type(), n.index(count)));
    result = n.map(result, element, [&](ImplicitLocOpBuilder &b, ValueRange v) {
      return Node::castScalar(b, arith::DivFOp::create(b, v[0], divisor), type,
                              element);
    });
  }
  n.set(0, n.reshape(result, out));
  return success();
}

/// MaxUnpool: zeros, and each element at its index of the pool's input, which
/// the attributes give the size of. output_shape then only adds or cuts at the
/// end. Indices out of range are clamped.
static LogicalResult lowerMaxUnpool(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  if (n.rank(0) < 3 || !n.type(0).hasStaticShape() ||
      n.shape(0) != n.shape(1) || !n.elementType(1).isInteger(64) ||
      !n.elementType(0).isIntOrFloat())
    return n.error("inputs must be a tensor of known shape and int64 indices "
                   "of that shape");
  unsigned rank = n.rank(0) - 2;
  auto window = readKernel(n, rank, {});
  auto pads = readPads(n, rank);
  if (failed(window) || failed(pads))
    return failure();
  SmallVector<OpFoldResult> out = n.sizes(n.in(0)), wanted;
  for (unsigned d = 0; d < rank; ++d) {
    int64_t s = (n.shape(0)[d + 2] - 1) * window->strides[d] +
                window->kernel[d] - (*pads)[d] - (*pads)[rank + d];
    if (s < 1)
      return n.error("spatial dimension " + Twine(d) +
                     " of the result would be " + Twine(s));
    out[d + 2] = n.b.getIndexAttr(s);
  }
  wanted = out;
  if (n.has(2)) {
    SmallVector<int64_t> shape;
    if (n.constant(2)) {
      auto given = n.constantInts(2, "output_shape");
      if (failed(given))
        return failure();
      shape = *given;
    } else if (RankedTensorType d = n.declared(0); d && d.hasStaticShape()) {
      shape.assign(d.getShape().begin(), d.getShape().end());
    } else {
      return n.error("output_shape is not known at compile time");
    }
    if (shape.size() != out.size())
      return n.error("output_shape has " + Twine(shape.size()) +
                     " elements, expected " + Twine(out.size()));
    for (auto [d, s] : llvm::enumerate(shape))
      wanted[d] = n.b.getIndexAttr(s);
  }
  if (failed(n.checkSizes(out)) || failed(n.checkSizes(wanted)))
    return failure();
  Type element = n.elementType(0);
  int64_t count = n.type(0).getNumElements(),
          total = *getConstantIntValue(n.product(out));
  OpFoldResult countSize = n.b.getIndexAttr(count),
               totalSize = n.b.getIndexAttr(total);
  Value x = n.reshape(n.in(0), countSize),
        indices = n.reshape(n.in(1), countSize);
  Value zeros = n.fill(totalSize, n.scalarInt(element, 0), element);
  auto loop =
      scf::ForOp::create(n.b, n.index(0), n.index(count), n.index(1), zeros);
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value at = arith::IndexCastOp::create(n.b, n.b.getIndexType(),
                                          extract(n.b, indices, i));
    at = clampIndex(n.b, at, n.index(total));
    Value v = tensor::ExtractOp::create(n.b, x, i);
    Value next =
        tensor::InsertOp::create(n.b, v, loop.getRegionIterArgs()[0], at);
    scf::YieldOp::create(n.b, next);
  }
  Value result = n.reshape(loop.getResult(0), out);
  SmallVector<OpFoldResult> zero(out.size(), n.b.getIndexAttr(0)), kept, high;
  for (auto [o, s] : llvm::zip_equal(out, wanted)) {
    kept.push_back(n.min(o, s));
    high.push_back(n.sub(s, kept.back()));
  }
  if (kept != out)
    result = n.slice(result, zero, kept);
  n.set(0, n.pad(result, zero, high, n.scalarInt(element, 0)));
  return success();
}

void dlc::legalize::addPool(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral floats = "floats";
  table.push_back(
      {"", "MaxPool", 1, kLatest, "floats, int8, uint8", lowerMaxPool});
  table.push_back({"", "AveragePool", 1, kLatest, floats, lowerAveragePool});
  table.push_back({"", "LpPool", 1, kLatest, floats, lowerLpPool});
  table.push_back({"", "GlobalMaxPool", 1, kLatest, floats, lowerGlobalPool});
  table.push_back(
      {"", "GlobalAveragePool", 1, kLatest, floats, lowerGlobalPool});
  table.push_back({"", "GlobalLpPool", 1, kLatest, floats, lowerGlobalPool});
  table.push_back({"", "MaxUnpool", 9, kLatest, floats, lowerMaxUnpool});
}
