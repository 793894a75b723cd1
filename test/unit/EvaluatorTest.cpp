// Number formats of the evaluator against APFloat, its limits as a library.
#include "passes/evaluate/Element.h"
#include "passes/evaluate/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <catch2/catch.hpp>
#include <cmath>

using namespace dlc::evaluation;
using llvm::APFloat;
using llvm::APInt;

static uint64_t reference(const Element &e, double value) {
  APFloat f(value);
  bool lost;
  f.convert(*e.semantics, APFloat::rmNearestTiesToEven, &lost);
  return f.bitcastToAPInt().getZExtValue();
}

TEST_CASE("16-bit floats round like APFloat", "[evaluate]") {
  mlir::MLIRContext context;
  mlir::Builder b(&context);
  for (mlir::Type type : {mlir::Type(b.getF16Type()), mlir::Type(b.getBF16Type())}) {
    Element e = *elementOf(type);
    unsigned wrong = 0;
    for (uint64_t bits = 0; bits < 65536; ++bits) {
      float value = decodeSmall(e, bits);
      if (std::isnan(value)) {
        wrong += !std::isnan(decodeSmall(e, encodeSmall(e, value)));
        continue;
      }
      wrong += encodeSmall(e, value) != bits;
      // Half way to the next number, and a little to either side.
      uint64_t up = bits + 1;
      double next = decodeSmall(e, up);
      if (std::isnan(next) || std::isinf(next))
        continue;
      double middle = (double(value) + next) / 2;
      for (double v : {middle, std::nextafter(middle, 1e300), std::nextafter(middle, -1e300)})
        wrong += encodeSmall(e, v) != reference(e, v);
    }
    CHECK(wrong == 0);
    for (double v : {65519.999, 65520.0, 1e-320, 5e-324, 3.4e38, 3.4e39, 1e308, -0.0, 2.9e-8, 2.98e-8, 9.2e-41})
      CHECK(encodeSmall(e, v) == reference(e, v));
  }
}

TEST_CASE("scalars and unknown values", "[evaluate]") {
  mlir::MLIRContext context;
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                      mlir::tensor::TensorDialect>();
  mlir::OpBuilder b(&context);
  auto loc = b.getUnknownLoc();
  auto module = mlir::OwningOpRef<mlir::ModuleOp>(mlir::ModuleOp::create(loc));
  b.setInsertionPointToEnd(module->getBody());
  auto func = mlir::func::FuncOp::create(
      b, loc, "f", b.getFunctionType({b.getIndexType()}, {}));
  b.setInsertionPointToEnd(func.addEntryBlock());
  mlir::Value minus = mlir::arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(-3));
  mlir::Value sum = mlir::arith::AddIOp::create(b, loc, minus, minus);
  CHECK(dlc::constantIndex(sum) == -6);
  mlir::Value unknown = mlir::arith::AddIOp::create(b, loc, func.getArgument(0), func.getArgument(0));
  CHECK_FALSE(dlc::constantIndex(unknown));
  mlir::Value tensor = mlir::tensor::FromElementsOp::create(b, loc, mlir::ValueRange{sum, minus});
  auto known = dlc::constantTensor(tensor);
  REQUIRE(known);
  CHECK((*known->value_begin<APInt>()).getSExtValue() == -6);
  CHECK_FALSE(dlc::constantIndex(tensor)); // two elements

  // A chain longer than a quick question follows.
  mlir::Value chain = sum;
  for (int i = 0; i < 200; ++i)
    chain = mlir::arith::AddIOp::create(b, loc, chain, minus);
  CHECK_FALSE(dlc::constantIndex(chain));
  CHECK(dlc::constantIndex(chain, {}).has_value());

  // A shared pool of steps runs out.
  int64_t pool = 150;
  dlc::EvaluateLimits limits;
  limits.pool = &pool;
  CHECK_FALSE(dlc::constantIndex(chain, limits));
  mlir::func::ReturnOp::create(b, loc);
}
