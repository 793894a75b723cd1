// This file lowers the operators that make tensors from attributes and shapes:
// Constant, ConstantOfShape, Identity, Shape, Size, Range, EyeLike, Dropout.
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

/// Inference: the identity, with a mask of ones. Training mode (opset 12, a
/// ratio above 0) draws random numbers and is refused.
static LogicalResult lowerDropout(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.opset() >= 12 && n.has(2)) {
    auto training = n.constant(2);
    if (!training)
      return n.error("training_mode is not known at compile time");
    bool on = training->getElementType().isInteger(1) &&
              training->getNumElements() == 1 && *training->value_begin<bool>();
    if (on && n.has(1)) {
      auto ratio = n.constantFloats(1, "ratio");
      if (failed(ratio))
        return failure();
      on = ratio->size() != 1 || ratio->front() != 0;
    }
    if (on)
      return n.error("dropout in training mode is random and not supported",
                     "export the model for inference");
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
    return n.error("the number of elements is not known at compile time");
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
  table.push_back({"", "Range", 11, kLatest, numbers, lowerRange});
  table.push_back({"", "EyeLike", 9, kLatest, "numbers, bool", lowerEyeLike});
}
