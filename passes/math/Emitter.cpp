// This file implements the language in which the bodies of math functions are written.
#include "passes/math/Emitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
namespace dlc::libm {

//===- Helper functions ---------------------------------------------------===//

func::FuncOp Helpers::get(StringRef name, TypeRange arguments, Type result,
                          Body body) {
  if (auto known = module.lookupSymbol<func::FuncOp>(name))
    return known;
  Location loc = NameLoc::get(StringAttr::get(module.getContext(), name));
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto function = func::FuncOp::create(
      builder, loc, name,
      FunctionType::get(module.getContext(), arguments, result));
  function.setPrivate();
  auto b = ImplicitLocOpBuilder::atBlockBegin(loc, function.addEntryBlock());
  func::ReturnOp::create(b, body(b, function.getArguments()));
  // A loop with a call is not vectorized; one with a branch is not either.
  bool straight = !function
                       .walk([](Operation *op) {
                         return isa<scf::SCFDialect>(op->getDialect())
                                    ? WalkResult::interrupt()
                                    : WalkResult::advance();
                       })
                       .wasInterrupted();
  if (inlineStraight && straight)
    function->setAttr("always_inline", UnitAttr::get(module.getContext()));
  ++made;
  return function;
}

memref::GlobalOp Helpers::table(StringRef name, ArrayRef<uint32_t> words) {
  if (auto known = module.lookupSymbol<memref::GlobalOp>(name))
    return known;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  Type i32 = builder.getI32Type();
  int64_t size = words.size();
  SmallVector<APInt> values;
  for (uint32_t word : words)
    values.emplace_back(32, word);
  return memref::GlobalOp::create(
      builder, NameLoc::get(builder.getStringAttr(name)), name,
      builder.getStringAttr("private"), MemRefType::get({size}, i32),
      DenseElementsAttr::get(RankedTensorType::get({size}, i32), values),
      /*constant=*/true, /*alignment=*/IntegerAttr());
}

//===- Constants ----------------------------------------------------------===//

static Type sameShape(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

static Value splat(ImplicitLocOpBuilder &b, Type type, Attribute element) {
  auto typed = cast<TypedAttr>(element);
  if (auto vector = dyn_cast<VectorType>(type))
    typed = DenseElementsAttr::get(vector, element);
  return arith::ConstantOp::create(b, typed);
}

Emitter::Emitter(ImplicitLocOpBuilder &b, Type type, Native native,
                 Helpers &helpers)
    : b(b), realType(type), native(native), helpers(helpers),
      wide(getElementTypeOrSelf(type).isF64()), width(wide ? 64 : 32),
      mantissaBits(wide ? 52 : 23), bias(wide ? 1023 : 127) {
  intType = sameShape(type, b.getIntegerType(width));
  boolType = sameShape(type, b.getI1Type());
}

Val Emitter::real(double value) {
  return wrap(splat(b, realType,
                    b.getFloatAttr(getElementTypeOrSelf(realType), value)));
}
Val Emitter::integer(int64_t value) {
  APInt bits(64, static_cast<uint64_t>(value));
  return wrap(splat(b, intType,
                    b.getIntegerAttr(getElementTypeOrSelf(intType),
                                     bits.zextOrTrunc(width))));
}
Val Emitter::infinity() { return real(INFINITY); }
Val Emitter::nan() { return real(NAN); }
Val Emitter::trueValue(bool value) {
  return wrap(splat(b, boolType, b.getBoolAttr(value)));
}
uint64_t Emitter::bitsOf(double value) const {
  return wide ? llvm::bit_cast<uint64_t>(value)
              : llvm::bit_cast<uint32_t>(static_cast<float>(value));
}

//===- Operators ----------------------------------------------------------===//

static bool isReal(Val a) {
  return isa<FloatType>(getElementTypeOrSelf(a.v.getType()));
}
template <typename Real, typename Int> static Val binary(Val a, Val b) {
  auto &builder = a.e->b;
  return a.e->wrap(isReal(a) ? Value(Real::create(builder, a.v, b.v))
                             : Value(Int::create(builder, a.v, b.v)));
}
template <typename Int> static Val integral(Val a, Val b) {
  return a.e->wrap(Int::create(a.e->b, a.v, b.v));
}
static Val like(Val a, double value) {
  return isReal(a) ? a.e->real(value)
                   : a.e->integer(static_cast<int64_t>(value));
}

Val operator+(Val a, Val b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Val operator-(Val a, Val b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Val operator*(Val a, Val b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Val operator/(Val a, Val b) {
  return a.e->wrap(arith::DivFOp::create(a.e->b, a.v, b.v));
}
Val operator&(Val a, Val b) { return integral<arith::AndIOp>(a, b); }
Val operator|(Val a, Val b) { return integral<arith::OrIOp>(a, b); }
Val operator^(Val a, Val b) { return integral<arith::XOrIOp>(a, b); }
Val operator<<(Val a, int by) {
  return integral<arith::ShLIOp>(a, a.e->integer(by));
}
Val operator>>(Val a, int by) {
  return integral<arith::ShRUIOp>(a, a.e->integer(by));
}
Val shiftArithmetic(Val a, int by) {
  return integral<arith::ShRSIOp>(a, a.e->integer(by));
}
Val operator!(Val a) { return a ^ a.e->trueValue(true); }
Val operator+(Val a, double b) { return a + like(a, b); }
Val operator-(Val a, double b) { return a - like(a, b); }
Val operator*(Val a, double b) { return a * like(a, b); }
Val operator*(double a, Val b) { return b * like(b, a); }
Val operator/(double a, Val b) { return like(b, a) / b; }
Val operator+(double a, Val b) { return like(b, a) + b; }
Val operator-(double a, Val b) { return like(b, a) - b; }
Val operator&(Val a, uint64_t b) { return a & a.e->integer(b); }
Val operator|(Val a, uint64_t b) { return a | a.e->integer(b); }

static Val compare(Val a, Val b, arith::CmpFPredicate real,
                   arith::CmpIPredicate integer) {
  return isReal(a) ? a.e->cmp(real, a, b) : a.e->cmp(integer, a, b);
}
Val operator<(Val a, Val b) {
  return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt);
}
Val operator>(Val a, Val b) {
  return compare(a, b, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt);
}
Val operator<=(Val a, Val b) {
  return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle);
}
Val operator>=(Val a, Val b) {
  return compare(a, b, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge);
}
Val operator<(Val a, double b) { return a < like(a, b); }
Val operator>(Val a, double b) { return a > like(a, b); }
Val operator<=(Val a, double b) { return a <= like(a, b); }
Val operator>=(Val a, double b) { return a >= like(a, b); }
Val equal(Val a, Val b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}
Val equal(Val a, double b) { return equal(a, like(a, b)); }
Val isNaN(Val a) { return a.e->cmp(arith::CmpFPredicate::UNO, a, a); }

Val Emitter::cmp(arith::CmpFPredicate predicate, Val a, Val c) {
  return wrap(arith::CmpFOp::create(b, predicate, a.v, c.v));
}
Val Emitter::cmp(arith::CmpIPredicate predicate, Val a, Val c) {
  return wrap(arith::CmpIOp::create(b, predicate, a.v, c.v));
}
Val Emitter::select(Val condition, Val yes, Val no) {
  return wrap(arith::SelectOp::create(b, condition.v, yes.v, no.v));
}
Val Emitter::select(Val condition, Val yes, double no) {
  return select(condition, yes, like(yes, no));
}
Val Emitter::select(Val condition, double yes, Val no) {
  return select(condition, like(no, yes), no);
}

//===- Arithmetic ---------------------------------------------------------===//

Val Emitter::mad(Val a, Val x, Val c) {
  if (native.fma)
    return op<mlir::math::FmaOp>(a, x, c);
  return a * x + c;
}
Val Emitter::nmad(Val a, Val x, Val c) {
  if (native.fma)
    return op<mlir::math::FmaOp>(negate(a), x, c);
  return c - a * x;
}
Val Emitter::poly(Val x, ArrayRef<double> coefficients) {
  Val sum = real(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = mad(sum, x, real(coefficient));
  return sum;
}
Val Emitter::bits(Val x) {
  return wrap(arith::BitcastOp::create(b, intType, x.v));
}
Val Emitter::fromBits(Val i) {
  return wrap(arith::BitcastOp::create(b, realType, i.v));
}
// Without an FPU the bits are cheaper; with one, math.absf is an instruction.
Val Emitter::abs(Val x) {
  if (native.arithmetic)
    return op<mlir::math::AbsFOp>(x);
  return fromBits(bits(x) & ~signMask());
}
Val Emitter::negate(Val x) { return op<arith::NegFOp>(x); }
Val Emitter::withSign(Val x, Val sign) {
  if (native.arithmetic)
    return op<mlir::math::CopySignOp>(x, sign);
  return fromBits(bits(x) | (bits(sign) & signMask()));
}
Val Emitter::isNegative(Val x) { return bits(x) < 0.0; }
Val Emitter::sqrt(Val x) { return op<mlir::math::SqrtOp>(x); }

std::pair<Val, Val> Emitter::nearest(Val x) {
  Val shifted = x + magic();
  return {shifted - magic(),
          bits(shifted) - integer(static_cast<int64_t>(bitsOf(magic())))};
}
Val Emitter::toReal(Val i) {
  return fromBits(i + integer(static_cast<int64_t>(bitsOf(magic())))) - magic();
}
Val Emitter::pow2(Val i) {
  return fromBits((i + integer(bias)) << mantissaBits);
}
Val Emitter::scale(Val p, Val i) {
  Val half = shiftArithmetic(i, 1);
  return p * pow2(half) * pow2(i - half);
}

Pair Emitter::fastTwoSum(Val a, Val c) {
  Val sum = a + c;
  return {sum, c - (sum - a)};
}
Pair Emitter::twoSum(Val a, Val c) {
  Val sum = a + c;
  Val part = sum - a;
  return {sum, (a - (sum - part)) + (c - part)};
}
Val Emitter::upperHalf(Val x) {
  return fromBits(bits(x) & ~((uint64_t(1) << (wide ? 27 : 12)) - 1));
}
Pair Emitter::twoProduct(Val a, Val c) {
  Val product = a * c;
  if (native.fma)
    return {product, op<mlir::math::FmaOp>(a, c, negate(product))};
  // Dekker's product on halves.
  Val ah = upperHalf(a), ch = upperHalf(c);
  Val al = a - ah, cl = c - ch;
  Val low = ((ah * ch - product) + ah * cl + al * ch) + al * cl;
  return {product, low};
}

//===- Lanes --------------------------------------------------------------===//

bool Emitter::isVector() const { return isa<VectorType>(realType); }

Val Emitter::ifAny(Val condition, Val otherwise, function_ref<Val()> f) {
  Value any = condition;
  if (auto vector = dyn_cast<VectorType>(realType)) {
    // Only vectors of rank 1 reduce in one operation on every target.
    if (vector.getRank() != 1)
      return select(condition, f(), otherwise);
    any = vector::ReductionOp::create(b, vector::CombiningKind::OR, any);
  }
  auto branch = scf::IfOp::create(b, TypeRange(otherwise.v.getType()), any,
                                  /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Val special = f();
  if (isVector())
    special = select(condition, special, otherwise);
  scf::YieldOp::create(b, special.v);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, otherwise.v);
  return wrap(branch.getResult(0));
}

Val Emitter::eachLane(func::FuncOp scalar, ArrayRef<Val> arguments) {
  auto vector = dyn_cast<VectorType>(arguments[0].v.getType());
  SmallVector<Value> values(arguments.begin(), arguments.end());
  if (!vector)
    return wrap(func::CallOp::create(b, scalar, values).getResult(0));
  auto resultType = vector.clone(scalar.getResultTypes()[0]);
  Value result = splat(b, resultType, b.getZeroAttr(resultType.getElementType()));
  if (vector.isScalable()) {
    assert(vector.getRank() == 1 && "only rank 1 is scalable here");
    Value lanes = arith::MulIOp::create(
        b, vector::VectorScaleOp::create(b),
        arith::ConstantIndexOp::create(b, vector.getDimSize(0)));
    auto loop = scf::ForOp::create(
        b, arith::ConstantIndexOp::create(b, 0), lanes,
        arith::ConstantIndexOp::create(b, 1), ValueRange(result));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> lane;
    for (Value value : values)
      lane.push_back(vector::ExtractOp::create(
          b, value, OpFoldResult(loop.getInductionVar())));
    Value one = func::CallOp::create(b, scalar, lane).getResult(0);
    Value next =
        vector::InsertOp::create(b, one, loop.getRegionIterArgs()[0],
                                 OpFoldResult(loop.getInductionVar()));
    scf::YieldOp::create(b, next);
    return wrap(loop.getResult(0));
  }
  SmallVector<int64_t> position(vector.getRank(), 0);
  for (int64_t i = 0, n = vector.getNumElements(); i < n; ++i) {
    int64_t rest = i;
    for (int64_t d = vector.getRank() - 1; d >= 0; --d) {
      position[d] = rest % vector.getDimSize(d);
      rest /= vector.getDimSize(d);
    }
    SmallVector<Value> lane;
    for (Value value : values)
      lane.push_back(vector::ExtractOp::create(b, value, position));
    Value one = func::CallOp::create(b, scalar, lane).getResult(0);
    result = vector::InsertOp::create(b, one, result, position);
  }
  return wrap(result);
}
} // namespace dlc::libm
