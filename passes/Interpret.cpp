// This file executes functions of tensor IR in the compiler, for tests.
#include "passes/Passes.h"

#include "passes/evaluate/Element.h"
#include "passes/evaluate/Evaluator.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace dlc {
#define GEN_PASS_DEF_INTERPRET
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::evaluation::Element;

namespace {
/// splitmix64: the same numbers on every machine.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// A float in [-1, 1), an integer in [-100, 100] or [0, 100], a bool.
  Attribute element(Type type) {
    uint64_t bits = next();
    if (isa<FloatType>(type))
      return FloatAttr::get(type, static_cast<double>(bits >> 11) * 0x1p-52 - 1.0);
    unsigned width = isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth();
    int64_t range = width == 1 ? 2 : width < 8 ? 3 : 101;
    int64_t value = static_cast<int64_t>(bits >> 33) % range;
    if ((bits & 1) && width >= 8 && !type.isUnsignedInteger() && !isa<IndexType>(type))
      value = -value;
    return IntegerAttr::get(
        type, llvm::APInt(width, static_cast<uint64_t>(value), true, true));
  }
};

struct Interpret : dlc::impl::InterpretBase<Interpret> {
  using InterpretBase::InterpretBase;

  void runOnOperation() override {
    if (mode != "fold" && mode != "record" && mode != "check") {
      getOperation().emitError("dlc-interpret: mode must be fold, record or check");
      return signalPassFailure();
    }
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration() && failed(run(func)))
        signalPassFailure();
  }

  FailureOr<SmallVector<TypedAttr>> arguments(func::FuncOp func) {
    Random random{seed};
    SmallVector<TypedAttr> values;
    for (BlockArgument arg : func.getArguments()) {
      unsigned i = arg.getArgNumber();
      if (auto given = func.getArgAttrOfType<TypedAttr>(i, "rt.value")) {
        values.push_back(given);
        continue;
      }
      Type element = getElementTypeOrSelf(arg.getType());
      auto shaped = dyn_cast<RankedTensorType>(arg.getType());
      if (!dlc::evaluation::elementOf(element) ||
          (!shaped && isa<ShapedType>(arg.getType())))
        return func.emitError("argument ") << i << " is no tensor or scalar of integers or floats";
      if (!shaped) {
        values.push_back(cast<TypedAttr>(random.element(element)));
        continue;
      }
      if (!shaped.hasStaticShape() && dynamicSize > 0) {
        SmallVector<int64_t> sizes(shaped.getShape());
        for (int64_t &size : sizes)
          size = ShapedType::isDynamic(size) ? dynamicSize.getValue() : size;
        shaped = RankedTensorType::get(sizes, element);
      }
      if (!shaped.hasStaticShape()) {
        auto diag = func.emitError("argument ") << i << " has the dynamic type " << shaped;
        diag.attachNote() << "give it a value with the attribute rt.value, or set dynamic-size";
        return diag;
      }
      SmallVector<Attribute> elements;
      for (int64_t e = 0; e < shaped.getNumElements(); ++e)
        elements.push_back(random.element(element));
      values.push_back(DenseElementsAttr::get(shaped, elements));
    }
    return values;
  }

  LogicalResult run(func::FuncOp func) {
    FailureOr<SmallVector<TypedAttr>> inputs = arguments(func);
    if (failed(inputs))
      return failure();
    dlc::EvaluateLimits limits;
    limits.maxBytes = maxBytes;
    limits.maxSteps = maxSteps;
    Operation *culprit = nullptr;
    FailureOr<SmallVector<TypedAttr>> results =
        dlc::interpret(func, *inputs, limits, &culprit);
    if (failed(results)) {
      auto diag = func.emitError("function cannot be interpreted");
      if (culprit)
        diag.attachNote(culprit->getLoc())
            << "'" << culprit->getName()
            << "' is not supported, divides by zero, leaves its bounds or "
               "exceeds a limit";
      return diag;
    }
    OpBuilder b(func.getContext());
    if (mode == "record") {
      for (auto [i, value] : llvm::enumerate(*inputs))
        func.setArgAttr(i, "rt.value", value);
      for (auto [i, value] : llvm::enumerate(*results))
        func.setResultAttr(i, "rt.expect", value);
      return success();
    }
    if (mode == "check") {
      for (auto [i, value] : llvm::enumerate(*results))
        if (failed(compare(func, i, value)))
          return failure();
      return success();
    }
    Block &block = func.getBody().front();
    while (!block.empty())
      block.back().erase();
    b.setInsertionPointToEnd(&block);
    SmallVector<Value> constants;
    for (TypedAttr value : *results)
      constants.push_back(arith::ConstantOp::create(b, func.getLoc(), value));
    func::ReturnOp::create(b, func.getLoc(), constants);
    func.setFunctionType(FunctionType::get(func.getContext(), func.getArgumentTypes(),
                                           ValueRange(constants).getTypes()));
    return success();
  }

  /// Reports the first element of a result that differs from `rt.expect`.
  LogicalResult compare(func::FuncOp func, unsigned i, TypedAttr found) {
    auto expected = func.getResultAttrOfType<TypedAttr>(i, "rt.expect");
    if (!expected)
      return func.emitError("result ") << i << " has no attribute rt.expect";
    if (found == expected)
      return success();
    if (found.getType() != expected.getType())
      return func.emitError("result ") << i << " has type " << found.getType()
                                       << ", expected " << expected.getType();
    auto differ = [&](int64_t at, const std::string &have,
                      const std::string &want) -> LogicalResult {
      auto diag = func.emitError("result ") << i << " differs at element " << at;
      diag.attachNote() << "found " << have << ", expected " << want;
      return diag;
    };
    auto toDouble = [](llvm::APFloat f) {
      bool lost;
      f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
      return f.convertToDouble();
    };
    auto close = [&](double have, double want) {
      return have == want || (std::isnan(have) && std::isnan(want)) ||
             std::fabs(have - want) <= atol + rtol * std::fabs(want);
    };
    auto number = [](double v) { return llvm::formatv("{0:E9}", v).str(); };
    if (auto real = dyn_cast<FloatAttr>(found)) {
      double have = toDouble(real.getValue());
      double want = toDouble(cast<FloatAttr>(expected).getValue());
      return close(have, want) ? success() : differ(0, number(have), number(want));
    }
    auto have = dyn_cast<DenseElementsAttr>(found);
    auto want = dyn_cast<DenseElementsAttr>(expected);
    if (!have || !want) {
      auto diag = func.emitError("result ") << i << " is " << found;
      diag.attachNote() << "expected " << expected;
      return diag;
    }
    if (isa<FloatType>(have.getElementType())) {
      int64_t at = 0;
      for (auto [h, w] : llvm::zip(have.getValues<llvm::APFloat>(),
                                   want.getValues<llvm::APFloat>())) {
        double x = toDouble(h), y = toDouble(w);
        if (!close(x, y))
          return differ(at, number(x), number(y));
        ++at;
      }
      return success();
    }
    bool isSigned = !have.getElementType().isUnsignedInteger();
    int64_t at = 0;
    for (auto [h, w] : llvm::zip(have.getValues<llvm::APInt>(),
                                 want.getValues<llvm::APInt>())) {
      if (h != w)
        return differ(at, llvm::toString(h, 10, isSigned), llvm::toString(w, 10, isSigned));
      ++at;
    }
    return success();
  }
};
} // namespace
