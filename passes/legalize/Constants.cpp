// This file lowers the operators that make tensors from attributes and shapes:
// Constant, ConstantOfShape, Identity, Shape, Size, Range, EyeLike, Dropout.
#include "passes/legalize/Num.h"
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// Above this many elements a splat is filled at run time rather than stored.
static constexpr int64_t kMaxSplat = 4096;

static FailureOr<DenseElementsAttr> constantValue(Node &n) {
  if (n.hasAttr("value"))
    return n.tensorAttr("value");
  if (n.hasAttr("sparse_value")) {
    // The importer makes it dense.
    if (auto dense = dyn_cast<DenseElementsAttr>(n.attr("sparse_value")))
      return dense;
    return n.error("attribute 'sparse_value' is not a sparse tensor");
  }
  auto typeOf = [&](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  if (n.hasAttr("value_int")) {
    auto v = n.i64("value_int");
    if (failed(v))
      return failure();
    return DenseElementsAttr::get(typeOf({}, n.b.getI64Type()), *v);
  }
  if (n.hasAttr("value_ints")) {
    auto v = n.ints("value_ints");
    if (failed(v))
      return failure();
    int64_t count = v->size();
    return DenseElementsAttr::get(typeOf(count, n.b.getI64Type()),
                                  ArrayRef(*v));
  }
  if (n.hasAttr("value_float")) {
    auto v = n.f32("value_float");
    if (failed(v))
      return failure();
    return DenseElementsAttr::get(typeOf({}, n.b.getF32Type()),
                                  static_cast<float>(*v));
  }
  if (n.hasAttr("value_floats")) {
    auto v = n.floats("value_floats");
    if (failed(v))
      return failure();
    SmallVector<float> floats(v->begin(), v->end());
    int64_t count = v->size();
    return DenseElementsAttr::get(typeOf(count, n.b.getF32Type()),
                                  ArrayRef(floats));
  }
  Type string = dlc::onnx::StringType::get(n.b.getContext());
  if (n.hasAttr("value_string")) {
    auto v = n.str("value_string");
    if (failed(v))
      return failure();
    StringRef text = *v;
    return DenseElementsAttr(
        DenseStringElementsAttr::get(typeOf({}, string), ArrayRef(text)));
  }
  if (n.hasAttr("value_strings")) {
    auto v = n.strings("value_strings");
    if (failed(v))
      return failure();
    SmallVector<StringRef> text(v->begin(), v->end());
    int64_t count = v->size();
    return DenseElementsAttr(
        DenseStringElementsAttr::get(typeOf(count, string), text));
  }
  return n.error("none of the value attributes is given");
}

static LogicalResult lowerConstant(Node &n) {
  auto value = constantValue(n);
  if (failed(value))
    return failure();
  n.set(0, n.constantTensor(*value));
  return success();
}

static LogicalResult lowerIdentity(Node &n) {
  if (!n.has(0))
    return n.error("input 0 is missing");
  n.set(0, n.in(0));
  return success();
}

static LogicalResult lowerConstantOfShape(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto value = n.tensorAttr("value");
  auto shape = n.indexVector(0, "input");
  if (failed(value) || failed(shape))
    return failure();
  if (RankedTensorType declared = n.declared(0))
    for (auto [d, s] : llvm::enumerate(*shape))
      if (!getConstantIntValue(s) &&
          declared.getRank() == (int64_t)shape->size() &&
          !declared.isDynamicDim(d))
        s = n.b.getIndexAttr(declared.getDimSize(d));
  if (failed(n.checkSizes(*shape)))
    return failure();
  Type element = n.b.getF32Type();
  Attribute splat = n.b.getF32FloatAttr(0);
  if (*value) {
    if (value->getNumElements() != 1 || !value->getElementType().isIntOrFloat())
      return n.error("attribute 'value' must hold one number");
    element = value->getElementType();
    splat = *value->getValues<Attribute>().begin();
  }
  SmallVector<int64_t> dims;
  int64_t count = 1;
  for (OpFoldResult s : *shape) {
    dims.push_back(getConstantIntValue(s).value_or(ShapedType::kDynamic));
    count = ShapedType::isDynamic(dims.back()) ? kMaxSplat + 1 : count;
  }
  for (int64_t d : dims)
    count = count > kMaxSplat ? count : count * d;
  if (count <= kMaxSplat) {
    n.set(0, n.constantTensor(DenseElementsAttr::get(
                 RankedTensorType::get(dims, element), splat)));
    return success();
  }
  TypedAttr scalar = isa<IntegerAttr>(splat)
                         ? IntegerAttr::get(signless(element),
                                            cast<IntegerAttr>(splat).getValue())
                         : cast<TypedAttr>(splat);
  n.set(0, n.fill(*shape, arith::ConstantOp::create(n.b, scalar), element));
  return success();
}

/// The same bits as another type of the same width.
static LogicalResult lowerBitCast(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto code = n.i64("to");
  if (failed(code))
    return failure();
  Type to = onnxElementType(n.b.getContext(), *code), from = n.elementType(0);
  auto width = [](Type t) { // bool is a byte
    return t.isInteger(1) ? 8 : t.getIntOrFloatBitWidth();
  };
  if (!to || !to.isIntOrFloat() || !from.isIntOrFloat() ||
      width(to) != width(from))
    return n.error("cannot take the bits of the input as data type " +
                       Twine(*code),
                   "the element types must have the same width");
  Type inner = signless(to);
  n.set(0,
        n.map(n.in(0), to, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
          if (v[0].getType() == inner)
            return v[0];
          if (from.isInteger(1) || to.isInteger(1))
            return Node::castScalar(b, v[0], from, to);
          return arith::BitcastOp::create(b, inner, v[0]);
        }));
  return success();
}

static LogicalResult lowerShape(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  int64_t rank = n.rank(0);
  auto start = n.i64("start", 0), end = n.i64("end", rank);
  if (failed(start) || failed(end))
    return failure();
  auto clamp = [&](int64_t v) {
    return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  int64_t from = clamp(*start), to = std::max(from, clamp(*end));
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  n.set(0, n.sizesTensor(ArrayRef(sizes).slice(from, to - from)));
  return success();
}

static LogicalResult lowerSize(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  OpFoldResult total = n.product(n.sizes(n.in(0)));
  n.set(0, n.reshape(n.sizesTensor(total), {}));
  return success();
}

/// A number in [0, 1) that depends on the seed and the element's position only
/// (the finalizer of MurmurHash3): no state, and the same on every target.
static Value randomAt(ImplicitLocOpBuilder &b, int64_t seed, Value position) {
  Type i32 = b.getI32Type();
  auto constant = [&](uint32_t v) -> Value {
    return arith::ConstantOp::create(b, IntegerAttr::get(i32, APInt(32, v)));
  };
  auto mix = [&](Value h, uint32_t shift) -> Value {
    return arith::XOrIOp::create(b, h,
                                 arith::ShRUIOp::create(b, h, constant(shift)));
  };
  Value h = arith::IndexCastOp::create(b, i32, position);
  h = arith::AddIOp::create(b,
                            arith::MulIOp::create(b, h, constant(0x9e3779b9u)),
                            constant(static_cast<uint32_t>(seed)));
  h = arith::MulIOp::create(b, mix(h, 16), constant(0x85ebca6bu));
  h = arith::MulIOp::create(b, mix(h, 13), constant(0xc2b2ae35u));
  h = arith::ShRUIOp::create(b, mix(h, 16), constant(8));
  Value f = arith::UIToFPOp::create(b, b.getF32Type(), h);
  Value scale =
      arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f / (1 << 24)));
  return arith::MulFOp::create(b, f, scale);
}

/// Training mode: elements become 0 with probability `ratio`, the others are
/// scaled up. ONNX leaves the random numbers open.
static LogicalResult dropoutTraining(Node &n) {
  auto seed = n.i64("seed", 0);
  if (failed(seed))
    return failure();
  Type element = n.elementType(0);
  if (!isa<FloatType>(element))
    return n.error("input is not of a float type");
  auto scalarOf = [&](unsigned i) -> Value {
    return extract(n.b, n.in(i), SmallVector<Value>(n.rank(i), n.index(0)));
  };
  for (unsigned i = 1; i < 3; ++i)
    if (n.has(i) &&
        (!isa<RankedTensorType>(n.in(i).getType()) ||
         !n.type(i).hasStaticShape() || n.type(i).getNumElements() != 1))
      return n.error("ratio and training_mode must be scalars");
  Type f32 = n.b.getF32Type();
  Value ratio = n.scalar(f32, 0.5), zero = n.scalar(f32, 0),
        one = n.scalar(f32, 1);
  if (n.has(1)) {
    if (!isa<FloatType>(n.elementType(1)))
      return n.error("ratio is not of a float type");
    ratio = Node::castScalar(n.b, scalarOf(1), n.elementType(1), f32);
  }
  if (!n.elementType(2).isInteger(1))
    return n.error("training_mode is not boolean");
  ratio = arith::SelectOp::create(n.b, scalarOf(2), ratio, zero);
  Value kept = arith::SubFOp::create(n.b, one, ratio);
  Value valid =
      arith::CmpFOp::create(n.b, arith::CmpFPredicate::OGT, kept, zero);
  Value scale = arith::DivFOp::create(
      n.b, one, arith::SelectOp::create(n.b, valid, kept, one));
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  Value mask = n.generate(
      sizes, n.b.getI1Type(),
      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
        Value flat = n.index(0);
        for (auto [i, s] : llvm::zip_equal(at, sizes))
          flat = arith::AddIOp::create(
              b, arith::MulIOp::create(b, flat, n.index(s)), i);
        Value r = randomAt(b, *seed, flat);
        return arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, r, ratio);
      });
  Type wide = element.getIntOrFloatBitWidth() < 32 ? f32 : element;
  n.set(0, n.map({n.in(0), mask}, element,
                 [&](ImplicitLocOpBuilder &b, ValueRange v) {
                   Value x = Node::castScalar(b, v[0], element, wide);
                   x = arith::MulFOp::create(
                       b, x, Node::castScalar(b, scale, f32, wide));
                   Value none =
                       arith::ConstantOp::create(b, b.getZeroAttr(wide));
                   return Node::castScalar(
                       b, arith::SelectOp::create(b, v[1], x, none), wide,
                       element);
                 }));
  n.set(1, mask);
  return success();
}

/// Inference: the identity, with a mask of ones.
static LogicalResult lowerDropout(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.opset() >= 12 && n.has(2)) {
    auto training = n.constant(2);
    if (!training)
      return dropoutTraining(n);
    bool on = training->getElementType().isInteger(1) &&
              training->getNumElements() == 1 && *training->value_begin<bool>();
    if (on)
      return dropoutTraining(n);
  }
  n.set(0, n.in(0));
  if (n.wants(1)) {
    // Opsets 1 to 9 give the mask the type of the data.
    Type element = n.opset() < 10 ? n.elementType(0) : n.b.getI1Type();
    n.set(1, n.fill(n.sizes(n.in(0)), n.scalar(element, 1), element));
  }
  return success();
}

static LogicalResult lowerRange(Node &n) {
  if (failed(n.requireTensors(3)))
    return failure();
  Type element = n.elementType(0);
  for (unsigned i = 0; i < 3; ++i)
    if (!n.type(i).hasStaticShape() || n.type(i).getNumElements() != 1 ||
        n.elementType(i) != element || !element.isIntOrFloat())
      return n.error("start, limit and delta must be scalars of one type");
  auto scalarOf = [&](unsigned i) {
    return extract(n.b, n.in(i), SmallVector<Value>(n.rank(i), n.index(0)));
  };
  Value start = scalarOf(0), delta = scalarOf(2);
  OpFoldResult count;
  auto c0 = n.constant(0), c1 = n.constant(1), c2 = n.constant(2);
  if (c0 && c1 && c2) {
    int64_t known = 0;
    if (isa<FloatType>(element)) {
      auto get = [](DenseElementsAttr a) {
        APFloat v = *a.value_begin<APFloat>();
        bool lost;
        v.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
        return v.convertToDouble();
      };
      double d = get(*c2), steps = std::ceil((get(*c1) - get(*c0)) / d);
      if (d == 0 || !(std::abs(steps) < 1e12))
        return n.error("delta " + std::to_string(d) +
                       " never reaches the limit");
      known = std::max(0.0, steps);
    } else {
      auto get = [&](DenseElementsAttr a) {
        APInt v = *a.value_begin<APInt>();
        return isUnsigned(element) ? v.zext(70) : v.sext(70);
      };
      APInt d = get(*c2), span = get(*c1) - get(*c0);
      if (d.isZero())
        return n.error("delta is 0");
      APInt one(70, 1);
      APInt steps = llvm::APIntOps::RoundingSDiv(span, d, APInt::Rounding::UP);
      known = steps.isNegative() ? 0 : steps.trySExtValue().value_or(INT64_MAX);
    }
    count = n.b.getIndexAttr(known);
  } else if (RankedTensorType d = n.declared(0);
             d && d.hasStaticShape() && d.getRank() == 1) {
    count = n.b.getIndexAttr(d.getDimSize(0));
  } else if (isa<FloatType>(element)) {
    auto wide = [&](unsigned i) {
      return Num(n.b,
                 Node::castScalar(n.b, scalarOf(i), element, n.b.getF64Type()));
    };
    Num steps = ((wide(1) - wide(0)) / wide(2)).ceil().max(Num(n.b, 0));
    count = steps.toIndex();
  } else {
    // max(0, ceil((limit - start) / delta)), in index arithmetic.
    auto wide = [&](unsigned i) -> OpFoldResult {
      Value v = scalarOf(i);
      if (isUnsigned(element))
        return arith::IndexCastUIOp::create(n.b, n.b.getIndexType(), v)
            .getResult();
      if (auto cast = v.getDefiningOp<arith::IndexCastOp>())
        return cast.getIn();
      if (auto c = getConstantIntValue(v))
        return n.b.getIndexAttr(*c);
      return arith::IndexCastOp::create(n.b, n.b.getIndexType(), v).getResult();
    };
    OpFoldResult step = wide(2);
    if (!getConstantIntValue(step))
      return n.error("delta is not known at compile time");
    if (getConstantIntValue(step) == 0)
      return n.error("delta is 0");
    OpFoldResult from = wide(0);
    if (getConstantIntValue(from) == 0 && getConstantIntValue(step) == 1)
      count = wide(1);
    else
      count = n.ceilDiv(n.sub(wide(1), from), step);
    if (!isa_and_nonnull<tensor::DimOp>(
            isa<Value>(count) ? cast<Value>(count).getDefiningOp() : nullptr))
      count = n.max(count, n.b.getIndexAttr(0));
  }
  if (failed(n.checkSizes(count)))
    return failure();
  n.set(0, n.generate(count, element,
                      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                        Value i = arith::IndexCastOp::create(b, b.getI64Type(),
                                                             at[0]);
                        Value k =
                            Node::castScalar(b, i, b.getI64Type(), element);
                        if (isa<FloatType>(element))
                          return arith::AddFOp::create(
                              b, arith::MulFOp::create(b, k, delta), start);
                        return arith::AddIOp::create(
                            b, arith::MulIOp::create(b, k, delta), start);
                      }));
  return success();
}

static LogicalResult lowerEyeLike(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.rank(0) != 2)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected a matrix");
  auto k = n.i64("k", 0), code = n.i64("dtype", 0);
  if (failed(k) || failed(code))
    return failure();
  Type element = n.hasAttr("dtype") ? onnxElementType(n.b.getContext(), *code)
                                    : n.elementType(0);
  if (!element || !element.isIntOrFloat())
    return n.error("data type " + Twine(*code) + " is not a number");
  int64_t offset =
      std::clamp<int64_t>(*k, -(int64_t(1) << 30), int64_t(1) << 30);
  n.set(0, n.generate(n.sizes(n.in(0)), element,
                      [&](ImplicitLocOpBuilder &b, ValueRange at) -> Value {
                        Value shifted = arith::AddIOp::create(
                            b, at[0],
                            arith::ConstantIndexOp::create(b, offset));
                        Value on = arith::CmpIOp::create(
                            b, arith::CmpIPredicate::eq, shifted, at[1]);
                        return Node::castScalar(b, on, b.getI1Type(), element);
                      }));
  return success();
}

void dlc::legalize::addConstants(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral all = "all", numbers = "numbers";
  table.push_back({"", "Constant", 1, kLatest, all, lowerConstant});
  table.push_back({"", "ConstantOfShape", 9, kLatest, "numbers, bool",
                   lowerConstantOfShape});
  table.push_back({"", "Identity", 1, kLatest, all, lowerIdentity});
  table.push_back({"", "Shape", 1, kLatest, all, lowerShape});
  table.push_back({"", "Size", 1, kLatest, all, lowerSize});
  table.push_back({"", "Dropout", 1, kLatest, "floats", lowerDropout});
  table.push_back({"", "BitCast", 26, kLatest, "numbers, bool", lowerBitCast});
  table.push_back({"", "Range", 11, kLatest, numbers, lowerRange});
  table.push_back({"", "EyeLike", 9, kLatest, "numbers, bool", lowerEyeLike});
}
