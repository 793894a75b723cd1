// This file prints operations on vectors of a fixed size with the vector extensions of GCC and Clang.
#include "codegen/cpp/Printer.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace dlc::cpp;

// Lanes of integers are kept unsigned, so that arithmetic wraps; operations that
// read them as signed cast. A vector of i1 is a vector of integers 0 or -1, as
// wide as what was compared.

Expr Printer::vectorCast(llvm::StringRef type, const Expr &e) {
  return {("(" + type + ")" + paren(e, Prec::Unary)).str(), Prec::Unary, 0, false, false,
          e.readsMemory};
}

Expr Printer::signedVector(Value v) {
  return vectorCast(signedName(cast<VectorType>(v.getType())), expr(v));
}

unsigned Printer::maskBits(Value v) {
  auto it = maskWidths.find(v);
  if (it != maskWidths.end())
    return it->second;
  unsigned bits = 8;
  Operation *op = v.getDefiningOp();
  if (op && isa<arith::CmpIOp, arith::CmpFOp, arith::TruncIOp>(op)) {
    bits = width(op->getOperand(0).getType());
  } else if (op && isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op)) {
    bits = maskBits(op->getOperand(0));
  } else if (auto select = dyn_cast_or_null<arith::SelectOp>(op)) {
    bits = maskBits(select.getTrueValue());
  } else if (op && op->getDialect()->getNamespace() != "scf") {
    // As wide as what it selects.
    for (Operation *user : v.getUsers()) {
      if (isa<vector::MaskedLoadOp, arith::SelectOp>(user))
        bits = width(user->getResult(0).getType());
      else if (auto store = dyn_cast<vector::MaskedStoreOp>(user))
        bits = width(store.getVectorType());
      if (bits != 1)
        break;
    }
  }
  if (bits < 8)
    bits = 8;
  maskWidths[v] = bits;
  return bits;
}

Expr Printer::mask(Value v, unsigned bits) {
  Expr e = expr(v);
  if (maskBits(v) == bits)
    return e;
  std::string type =
      vectorName('i', bits, cast<VectorType>(v.getType()).getNumElements());
  return call("__builtin_convertvector", {e, {type}});
}

Expr Printer::splat(VectorType type, Expr scalar) {
  bool isFloat = isa<FloatType>(type.getElementType());
  unsigned bits = width(type);
  if (!isFloat && scalar.literal && scalar.text[0] == '-')
    scalar = cast("uint" + std::to_string(bits) + "_t", scalar);
  std::string name = "splat_" + vectorName(type);
  helpers.insert(name);
  return call(name, {scalar});
}

Expr Printer::lane(const Expr &vector, VectorType type, llvm::StringRef index) {
  Type element = type.getElementType();
  Expr e{(paren(vector, Prec::Postfix) + "[" + index + "]").str(), Prec::Postfix};
  e.readsMemory = vector.readsMemory;
  unsigned bits = width(element);
  if (element.isInteger(1)) {
    e.text += " != 0";
    e.prec = Prec::Equality;
    e.bits = 1;
  } else if (isa<IntegerType, IndexType>(element)) {
    e = wrapped(e, bits);
  }
  return e;
}

//===-- Elementwise --------------------------------------------------------===//

LogicalResult Printer::printVectorArith(Operation &op) {
  Value result = op.getResult(0);
  auto type = cast<VectorType>(result.getType());
  Type element = type.getElementType();
  bool isMask = element.isInteger(1), isFloat = isa<FloatType>(element);
  auto operandType = [&](unsigned i) { return cast<VectorType>(op.getOperand(i).getType()); };
  if (op.getNumResults() != 1)
    return unsupported(op, "on vectors");
  for (Value v : op.getOperands())
    if (isa<FloatType>(getElementTypeOrSelf(v)) && width(v.getType()) == 16 &&
        !isa<arith::BitcastOp, arith::SelectOp, arith::ExtFOp>(op))
      return unsupported(op, "16-bit floats are storage only");
  auto plain = [&](llvm::StringRef sign, Prec prec) {
    Expr e = isMask ? binary(sign, prec, mask(op.getOperand(0), maskBits(result)),
                             mask(op.getOperand(1), maskBits(result)))
                    : binary(sign, prec, expr(op.getOperand(0)), expr(op.getOperand(1)));
    e.bits = 0;
    define(result, e);
    return success();
  };
  auto isSigned = [&](llvm::StringRef sign, Prec prec) {
    Expr e = binary(sign, prec, signedVector(op.getOperand(0)), signedVector(op.getOperand(1)));
    define(result, vectorCast(vectorName(type), e));
    return success();
  };
  if (!isMask) {
    if (isa<arith::AddIOp, arith::AddFOp>(op))
      return plain("+", Prec::Additive);
    if (isa<arith::SubIOp, arith::SubFOp>(op))
      return plain("-", Prec::Additive);
    if (isa<arith::MulIOp, arith::MulFOp>(op))
      return plain("*", Prec::Multiplicative);
    if (isa<arith::DivFOp, arith::DivUIOp>(op))
      return plain("/", Prec::Multiplicative);
    if (isa<arith::RemUIOp>(op))
      return plain("%", Prec::Multiplicative);
    if (isa<arith::ShLIOp>(op))
      return plain("<<", Prec::Shift);
    if (isa<arith::ShRUIOp>(op))
      return plain(">>", Prec::Shift);
    if (isa<arith::ShRSIOp>(op))
      return isSigned(">>", Prec::Shift);
    if (isa<arith::DivSIOp>(op))
      return isSigned("/", Prec::Multiplicative);
    if (isa<arith::RemSIOp>(op))
      return isSigned("%", Prec::Multiplicative);
  }
  if (isa<arith::AndIOp>(op))
    return plain("&", Prec::BitAnd);
  if (isa<arith::OrIOp>(op))
    return plain("|", Prec::BitOr);
  if (isa<arith::XOrIOp>(op))
    return plain("^", Prec::BitXor);

  if (isa<arith::CmpIOp, arith::CmpFOp>(op)) {
    std::string name = vectorName('i', maskBits(result), type.getNumElements());
    Expr e;
    if (auto cmp = dyn_cast<arith::CmpFOp>(op)) {
      // There are no builtins for unordered comparisons of vectors.
      using P = arith::CmpFPredicate;
      P p = cmp.getPredicate();
      Expr a = simple(cmp.getLhs()), b = simple(cmp.getRhs());
      auto test = [&](llvm::StringRef sign, const Expr &x, const Expr &y) {
        return vectorCast(name, binary(sign, Prec::Relational, x, y));
      };
      auto both = [&](llvm::StringRef join, Expr x, Expr y) {
        return Expr{x.text + " " + join.str() + " " + y.text,
                    join == "&" ? Prec::BitAnd : Prec::BitOr};
      };
      auto negate = [&](const Expr &x) { return Expr{"~" + paren(x, Prec::Unary), Prec::Unary}; };
      Expr ordered = both("&", test("==", a, a), test("==", b, b));
      Expr differs = both("|", test("<", a, b), test(">", a, b));
      switch (p) {
      case P::OEQ: e = test("==", a, b); break;
      case P::OGT: e = test(">", a, b); break;
      case P::OGE: e = test(">=", a, b); break;
      case P::OLT: e = test("<", a, b); break;
      case P::OLE: e = test("<=", a, b); break;
      case P::UNE: e = test("!=", a, b); break;
      case P::UGT: e = negate(test("<=", a, b)); break;
      case P::UGE: e = negate(test("<", a, b)); break;
      case P::ULT: e = negate(test(">=", a, b)); break;
      case P::ULE: e = negate(test(">", a, b)); break;
      case P::ONE: e = differs; break;
      case P::UEQ: e = negate(differs); break;
      case P::ORD: e = ordered; break;
      case P::UNO: e = negate(ordered); break;
      default: return unsupported(op, "with a constant predicate");
      }
    } else {
      using P = arith::CmpIPredicate;
      auto compare = cast<arith::CmpIOp>(op);
      P p = compare.getPredicate();
      if (operandType(0).getElementType().isInteger(1))
        return unsupported(op, "on vectors of i1");
      llvm::StringRef sign = p == P::eq                 ? "=="
                             : p == P::ne               ? "!="
                             : p == P::slt || p == P::ult ? "<"
                             : p == P::sle || p == P::ule ? "<="
                             : p == P::sgt || p == P::ugt ? ">"
                                                          : ">=";
      bool asSigned = p == P::slt || p == P::sle || p == P::sgt || p == P::sge;
      Expr a = asSigned ? signedVector(compare.getLhs()) : expr(compare.getLhs());
      Expr b = asSigned ? signedVector(compare.getRhs()) : expr(compare.getRhs());
      e = vectorCast(name, binary(sign, Prec::Relational, a, b));
    }
    define(result, e);
    return success();
  }

  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    bool whole = !isa<VectorType>(select.getCondition().getType());
    if (isMask && !whole) {
      unsigned bits = maskBits(result);
      std::string c = paren(mask(select.getCondition(), bits), Prec::Primary);
      if (!isa<BlockArgument>(select.getCondition())) {
        std::string name = numbered("m");
        line() << "const " << declaredType(result) << " " << name << " = " << c << ";\n";
        c = name;
      }
      define(result, {"(" + c + " & " + paren(mask(select.getTrueValue(), bits), Prec::Unary) +
                          ") | (~" + c + " & " +
                          paren(mask(select.getFalseValue(), bits), Prec::Unary) + ")",
                      Prec::BitOr});
      return success();
    }
    Expr c = whole ? expr(select.getCondition())
                   : mask(select.getCondition(), width(element));
    Expr a = isMask ? mask(select.getTrueValue(), maskBits(result)) : expr(select.getTrueValue());
    Expr b = isMask ? mask(select.getFalseValue(), maskBits(result)) : expr(select.getFalseValue());
    Expr e{paren(c, Prec::LogicalOr) + " ? " + paren(a, Prec::LogicalOr) + " : " +
               paren(b, Prec::LogicalOr),
           Prec::Conditional};
    e.readsMemory = a.readsMemory || b.readsMemory || c.readsMemory;
    define(result, e);
    return success();
  }

  if (isa<arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp>(op) && !isMask) {
    Expr a = simple(op.getOperand(0)), b = simple(op.getOperand(1));
    bool asSigned = isa<arith::MinSIOp, arith::MaxSIOp>(op);
    Expr x = asSigned ? vectorCast(signedName(type), a) : a;
    Expr y = asSigned ? vectorCast(signedName(type), b) : b;
    bool isMin = isa<arith::MinSIOp, arith::MinUIOp>(op);
    define(result, {binary(isMin ? "<" : ">", Prec::Relational, x, y).text + " ? " + a.text +
                        " : " + b.text,
                    Prec::Conditional});
    return success();
  }
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op)) {
    bool isMax = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
    bool isNum = isa<arith::MaxNumFOp, arith::MinNumFOp>(op);
    Value lhs = op.getOperand(0), rhs = op.getOperand(1);
    SplatElementsAttr bound;
    if (!matchPattern(rhs, m_Constant(&bound)))
      std::swap(lhs, rhs);
    if (matchPattern(rhs, m_Constant(&bound))) {
      llvm::APFloat c = bound.getSplatValue<llvm::APFloat>();
      if (!c.isNaN()) { // see printMinMaxF
        Expr x = simple(lhs), y = simple(rhs);
        llvm::StringRef sign = isMax ? (isNum ? ">" : c.isPosZero() ? "<=" : "<")
                                     : (isNum ? "<" : c.isNegZero() ? ">=" : ">");
        define(result, {x.text + " " + sign.str() + " " + y.text + " ? " +
                            (isNum ? x.text + " : " + y.text : y.text + " : " + x.text),
                        Prec::Conditional});
        return success();
      }
    }
    std::string function = isMax ? (isNum ? "maxnum" : "maximum") : (isNum ? "minnum" : "minimum");
    function += "_" + vectorName(type);
    signedName(type);
    helpers.insert(function);
    define(result, call(function, {expr(op.getOperand(0)), expr(op.getOperand(1))}));
    return success();
  }
  if (isa<arith::NegFOp>(op)) {
    Expr a = expr(op.getOperand(0));
    define(result, {"-" + paren(a, Prec::Postfix), Prec::Unary, 0, false, false, a.readsMemory});
    return success();
  }
  auto helper = [&](const std::string &function) {
    std::string name = function + "_" + vectorName(type);
    signedName(type);
    helpers.insert(name);
    llvm::SmallVector<Expr> args;
    for (Value v : op.getOperands())
      args.push_back(expr(v));
    define(result, call(name, args));
    return success();
  };
  if (isFloat && isa<math::FmaOp>(op))
    return helper("fma");
  if (isFloat && isa<math::SqrtOp>(op)) {
    helpers.insert("square_root");
    return helper("sqrt");
  }
  if (isFloat && isa<math::AbsFOp>(op))
    return helper("fabs");
  if (isFloat && isa<math::CopySignOp>(op))
    return helper("copysign");
  if (isFloat && isa<math::FloorOp>(op))
    return helper("floor");
  if (isFloat && isa<math::CeilOp>(op))
    return helper("ceil");
  if (isFloat && isa<math::TruncOp>(op))
    return helper("trunc");
  if (isFloat && isa<math::RoundEvenOp>(op))
    return helper("roundeven");
  if (isa<math::AbsIOp>(op)) {
    Expr a = simple(op.getOperand(0));
    define(result, {"(" + signedName(type) + ")" + a.text + " < 0 ? -" + a.text + " : " + a.text,
                    Prec::Conditional});
    return success();
  }

  // Conversions.
  if (!isa<CastOpInterface>(op))
    return unsupported(op, "on vectors");
  VectorType from = operandType(0);
  bool fromMask = from.getElementType().isInteger(1);
  auto convert = [&](const Expr &e, llvm::StringRef to) {
    return call("__builtin_convertvector", {e, {to.str()}});
  };
  if (isa<arith::ExtSIOp, arith::IndexCastOp, arith::SIToFPOp>(op)) {
    Expr e = fromMask ? mask(op.getOperand(0), isFloat ? maskBits(op.getOperand(0)) : width(element))
                      : signedVector(op.getOperand(0));
    if (isFloat)
      define(result, convert(e, vectorName(type)));
    else
      define(result, vectorCast(vectorName(type),
                                width(from) == width(type) || fromMask
                                    ? e
                                    : convert(e, signedName(type))));
    return success();
  }
  if (isa<arith::ExtUIOp, arith::IndexCastUIOp, arith::UIToFPOp>(op)) {
    Expr e = fromMask ? binary("&", Prec::BitAnd, mask(op.getOperand(0), maskBits(op.getOperand(0))),
                               {"1"})
                      : expr(op.getOperand(0));
    define(result, convert(e, vectorName(type)));
    return success();
  }
  if (isa<arith::TruncIOp>(op)) {
    if (isMask) {
      Expr one = binary("&", Prec::BitAnd, signedVector(op.getOperand(0)), {"1"});
      define(result, {"-" + paren(one, Prec::Primary), Prec::Unary, 0, false, false,
                      one.readsMemory});
    } else {
      define(result, convert(expr(op.getOperand(0)), vectorName(type)));
    }
    return success();
  }
  if (isa<arith::FPToSIOp>(op) && !isMask) {
    define(result, vectorCast(vectorName(type), convert(expr(op.getOperand(0)), signedName(type))));
    return success();
  }
  if (isa<arith::FPToUIOp>(op) && !isMask) {
    define(result, convert(expr(op.getOperand(0)), vectorName(type)));
    return success();
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
    if (width(from) == 16 || width(type) == 16) {
      Type small = width(from) == 16 ? from.getElementType() : element;
      std::string function = width(from) == 16 ? "from_" : "to_";
      function += small.isBF16() ? "bfloat" : "half";
      helpers.insert(function);
      helpers.insert(function + "_lanes");
      define(result, call(function + "_lanes<" + vectorName(type) + ">", {expr(op.getOperand(0))}));
      return success();
    }
    define(result, convert(expr(op.getOperand(0)), vectorName(type)));
    return success();
  }
  if (isa<arith::BitcastOp>(op) && !isMask && !fromMask) {
    define(result, vectorCast(vectorName(type), expr(op.getOperand(0))));
    return success();
  }
  return unsupported(op, "on vectors");
}

//===-- The vector dialect -------------------------------------------------===//

LogicalResult Printer::printReduction(vector::ReductionOp op) {
  using K = vector::CombiningKind;
  auto type = op.getSourceVectorType();
  Type element = type.getElementType();
  unsigned bits = width(element);
  K kind = op.getKind();
  bool isFloat = isa<FloatType>(element);
  if (bits == 16 && isFloat)
    return unsupported(*op, "16-bit floats are storage only");
  if (element.isInteger(1)) {
    // Lanes are 0 or -1.
    if (kind != K::AND && kind != K::OR)
      return unsupported(*op, "on vectors of i1");
    std::string function = kind == K::AND ? "all_lanes" : "any_lane";
    helpers.insert(function);
    Expr e = call(function, {expr(op.getVector())});
    if (op.getAcc())
      e = binary(kind == K::AND ? "&&" : "||", kind == K::AND ? Prec::LogicalAnd : Prec::LogicalOr,
                 e, expr(op.getAcc()));
    e.bits = 1;
    define(op, e);
    return success();
  }
  bool asSigned = kind == K::MINSI || kind == K::MAXSI;
  std::string scalar = isFloat ? typeName(element)
                               : (asSigned ? "int" : "uint") + std::to_string(bits) + "_t";
  std::string function;
  switch (kind) {
  case K::ADD: function = "reduce_add"; break;
  case K::MUL: function = "reduce_mul"; break;
  case K::MINUI: case K::MINSI: function = "reduce_min"; break;
  case K::MAXUI: case K::MAXSI: function = "reduce_max"; break;
  case K::AND: function = "reduce_and"; break;
  case K::OR: function = "reduce_or"; break;
  case K::XOR: function = "reduce_xor"; break;
  case K::MINNUMF: function = "reduce_minnum"; helpers.insert("minnum"); break;
  case K::MAXNUMF: function = "reduce_maxnum"; helpers.insert("maxnum"); break;
  case K::MINIMUMF: function = "reduce_minimum"; helpers.insert("minimum"); break;
  case K::MAXIMUMF: function = "reduce_maximum"; helpers.insert("maximum"); break;
  }
  helpers.insert(function);
  Expr v = expr(op.getVector());
  llvm::SmallVector<Expr> args{v};
  if (op.getAcc())
    args.push_back(isFloat ? expr(op.getAcc()) : toUnsigned(expr(op.getAcc()), bits));
  Expr e = call(function + "<" + scalar + ">", args);
  if (!isFloat)
    e = asSigned ? Expr{e.text, e.prec, bits, false, false, e.readsMemory} : wrapped(e, bits);
  define(op, e);
  return success();
}

LogicalResult Printer::printVector(Operation &op) {
  Value result = op.getNumResults() == 1 ? op.getResult(0) : Value();
  auto type = result ? dyn_cast<VectorType>(result.getType()) : VectorType();
  auto isMask = [](Type t) { return getElementTypeOrSelf(t).isInteger(1); };
  auto shuffle = [&](Value a, Value b, llvm::ArrayRef<int64_t> lanes) {
    unsigned bits = isMask(type) ? maskBits(result) : 0;
    Expr x = bits ? mask(a, bits) : expr(a);
    if (a == b)
      x = x.prec == Prec::Primary ? x : simple(a);
    Expr y = a == b ? x : bits ? mask(b, bits) : expr(b);
    llvm::SmallVector<Expr> args{x, y};
    for (int64_t i : lanes) // a poison lane may hold anything
      args.push_back({std::to_string(i)});
    define(result, call("__builtin_shufflevector", args));
    return success();
  };

  if (auto load = dyn_cast<vector::LoadOp>(op)) {
    if (isMask(type) || isa<VectorType>(load.getMemRefType().getElementType()))
      return unsupported(op, "on memory of i1 or of vectors");
    helpers.insert("load");
    Expr e = call("load<" + vectorName(type) + ">",
                  {element(load.getBase(), load.getIndices(), true)});
    e.readsMemory = true;
    define(result, e);
    return success();
  }
  if (auto store = dyn_cast<vector::StoreOp>(op)) {
    if (isMask(store.getVectorType()) || isa<VectorType>(store.getMemRefType().getElementType()))
      return unsupported(op, "on memory of i1 or of vectors");
    helpers.insert("store");
    std::string source = expr(store.getValueToStore()).text;
    std::string target = element(store.getBase(), store.getIndices(), true).text;
    flushReads();
    // The helper deduces its type from the value.
    line() << "store<" << vectorName(store.getVectorType()) << ">(" << target << ", " << source
           << ");\n";
    return success();
  }
  if (auto load = dyn_cast<vector::MaskedLoadOp>(op)) {
    if (isMask(type))
      return unsupported(op, "on memory of i1");
    helpers.insert("masked_load");
    Expr e = call("masked_load", {element(load.getBase(), load.getIndices(), true),
                                  mask(load.getMask(), maskBits(load.getMask())),
                                  expr(load.getPassThru())});
    e.readsMemory = true;
    define(result, e);
    return success();
  }
  if (auto store = dyn_cast<vector::MaskedStoreOp>(op)) {
    if (isMask(store.getVectorType()))
      return unsupported(op, "on memory of i1");
    helpers.insert("masked_store");
    std::string source = expr(store.getValueToStore()).text;
    std::string selected = mask(store.getMask(), maskBits(store.getMask())).text;
    std::string target = element(store.getBase(), store.getIndices(), true).text;
    flushReads();
    line() << "masked_store(" << target << ", " << selected << ", " << source << ");\n";
    return success();
  }
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
    Value source = broadcast.getSource();
    auto from = dyn_cast<VectorType>(source.getType());
    if (isMask(type) && from != type) {
      std::string name = vectorName('i', maskBits(result), type.getNumElements());
      Expr c = from ? lane(expr(source), from, "0") : expr(source);
      define(result, {name + "{} - " + (c.prec >= Prec::Multiplicative ? c.text : "(" + c.text + ")"),
                      Prec::Additive, 0, false, false, c.readsMemory});
      return success();
    }
    define(result, from == type ? expr(source)
                   : from       ? splat(type, lane(expr(source), from, "0"))
                                : splat(type, value(source)));
    return success();
  }
  if (isa<vector::FMAOp>(op)) {
    if (width(type) == 16)
      return unsupported(op, "16-bit floats are storage only");
    std::string name = "fma_" + vectorName(type);
    helpers.insert(name);
    define(result, call(name, {expr(op.getOperand(0)), expr(op.getOperand(1)),
                               expr(op.getOperand(2))}));
    return success();
  }
  if (auto reduction = dyn_cast<vector::ReductionOp>(op))
    return printReduction(reduction);
  if (auto extract = dyn_cast<vector::ExtractOp>(op)) {
    auto from = extract.getSourceVectorType();
    auto position = extract.getMixedPosition();
    if (position.empty()) {
      define(result, expr(extract.getSource()));
      return success();
    }
    Expr source = simple(extract.getSource());
    std::string index = isa<Attribute>(position[0])
                            ? std::to_string(*getConstantIntValue(position[0]))
                            : value(cast<Value>(position[0])).text;
    define(result, lane(source, from, index));
    return success();
  }
  if (auto insert = dyn_cast<vector::InsertOp>(op)) {
    auto position = insert.getMixedPosition();
    if (position.empty()) {
      define(result, expr(insert.getValueToStore()));
      return success();
    }
    Expr item = expr(insert.getValueToStore());
    Expr target = isMask(type) ? mask(insert.getDest(), maskBits(result)) : expr(insert.getDest());
    std::string index = isa<Attribute>(position[0])
                            ? std::to_string(*getConstantIntValue(position[0]))
                            : value(cast<Value>(position[0])).text;
    // A vector of which nobody else knows is changed in place.
    auto it = inserted.find(insert.getDest());
    std::string name;
    if (it != inserted.end() && insert.getDest().hasOneUse() &&
        insert.getDest().getParentBlock() == insert->getBlock()) {
      name = it->second;
    } else {
      name = numbered("v");
      line() << declaredType(result) << " " << name << " = " << target.text << ";\n";
    }
    line() << name << "[" << index << "] = " << (isMask(type) ? "-" + paren(item, Prec::Postfix) : item.text)
           << ";\n";
    inserted[result] = name;
    exprs[result] = {name};
    return success();
  }
  if (auto elements = dyn_cast<vector::FromElementsOp>(op)) {
    Expr e{declaredType(result) + "{", Prec::Postfix};
    llvm::ListSeparator comma(", ");
    for (Value v : elements.getElements()) {
      Expr item = isMask(type) ? binary("-", Prec::Additive, {"0"}, expr(v))
                  : isa<FloatType>(type.getElementType())
                      ? expr(v)
                      : cast("uint" + std::to_string(width(type)) + "_t", expr(v));
      e.text += (llvm::StringRef(comma) + item.text).str();
      e.readsMemory |= item.readsMemory;
    }
    e.text += "}";
    define(result, e);
    return success();
  }
  if (auto elements = dyn_cast<vector::ToElementsOp>(op)) {
    auto from = cast<VectorType>(elements.getSource().getType());
    Expr source = simple(elements.getSource());
    for (auto [i, v] : llvm::enumerate(elements.getResults()))
      define(v, lane(source, from, std::to_string(i)));
    return success();
  }
  if (auto s = dyn_cast<vector::ShuffleOp>(op))
    if (s.getV1VectorType().getNumElements() == s.getV2VectorType().getNumElements())
      return shuffle(s.getV1(), s.getV2(), s.getMask());
  if (auto slice = dyn_cast<vector::ExtractStridedSliceOp>(op)) {
    int64_t offset = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    int64_t stride = cast<IntegerAttr>(slice.getStrides()[0]).getInt();
    llvm::SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      lanes.push_back(offset + i * stride);
    return shuffle(slice.getSource(), slice.getSource(), lanes);
  }
  if (auto slice = dyn_cast<vector::InsertStridedSliceOp>(op)) {
    int64_t offset = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    int64_t stride = cast<IntegerAttr>(slice.getStrides()[0]).getInt();
    if (isMask(type))
      return unsupported(op, "on vectors of i1");
    Expr source = simple(slice.getValueToStore());
    std::string name = numbered("v");
    line() << declaredType(result) << " " << name << " = " << expr(slice.getDest()).text << ";\n";
    for (int64_t i = 0; i < slice.getSourceVectorType().getNumElements(); ++i)
      line() << name << "[" << offset + i * stride << "] = " << source.text << "[" << i << "];\n";
    exprs[result] = {name};
    return success();
  }
  if (auto interleave = dyn_cast<vector::InterleaveOp>(op)) {
    int64_t n = type.getNumElements() / 2;
    llvm::SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < n; ++i)
      lanes.append({i, n + i});
    return shuffle(interleave.getLhs(), interleave.getRhs(), lanes);
  }
  if (auto bitcast = dyn_cast<vector::BitCastOp>(op); bitcast && !isMask(type) &&
                                                      !isMask(bitcast.getSourceVectorType())) {
    define(result, vectorCast(vectorName(type), expr(bitcast.getSource())));
    return success();
  }
  if (auto shape = dyn_cast<vector::ShapeCastOp>(op); shape && shape.getSourceVectorType() == type) {
    define(result, expr(shape.getSource()));
    return success();
  }
  if (isa<vector::StepOp>(op)) {
    Expr e{vectorName(type) + "{", Prec::Postfix};
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      e.text += (i ? ", " : "") + std::to_string(i);
    e.text += "}";
    define(result, e);
    return success();
  }
  if (auto create = dyn_cast<vector::CreateMaskOp>(op)) {
    helpers.insert("first_lanes");
    define(result, call("first_lanes<" + declaredType(result) + ">",
                        {value(create.getOperand(0))}));
    return success();
  }
  if (auto constant = dyn_cast<vector::ConstantMaskOp>(op)) {
    Expr e{declaredType(result) + "{", Prec::Postfix};
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      e.text += std::string(i ? ", " : "") + (i < constant.getMaskDimSizes()[0] ? "-1" : "0");
    e.text += "}";
    define(result, e);
    return success();
  }
  return unsupported(op);
}
