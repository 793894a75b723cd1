// This file prints scalar arith and math operations.
#include "codegen/cpp/Printer.h"

#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <charconv>

using namespace mlir;
using namespace dlc::cpp;

//===-- Building expressions -----------------------------------------------===//

Expr Printer::binary(llvm::StringRef op, Prec prec, Expr lhs, Expr rhs) {
  // Weakest operands that need no parentheses; where compilers warn about
  // mixed operators or people stumble, stricter than the language.
  Prec left = prec, right = Prec(int(prec) + 1);
  switch (prec) {
  case Prec::LogicalOr:
    left = lhs.prec == Prec::LogicalOr ? prec : Prec::Equality;
    right = Prec::Equality;
    break;
  case Prec::LogicalAnd:
    left = lhs.prec == Prec::LogicalAnd ? prec : Prec::Equality;
    right = Prec::Equality;
    break;
  case Prec::Equality:
  case Prec::Relational:
    left = right = Prec::Additive;
    break;
  case Prec::BitOr:
  case Prec::BitXor:
  case Prec::BitAnd:
    left = lhs.prec == prec ? prec : Prec::Unary;
    right = Prec::Unary;
    break;
  case Prec::Shift:
    left = right = Prec::Unary;
    break;
  default:
    break;
  }
  Expr e{paren(lhs, left) + " " + op.str() + " " + paren(rhs, right), prec};
  e.bits = std::max({32u, lhs.bits, rhs.bits});
  e.readsMemory = lhs.readsMemory || rhs.readsMemory;
  return e;
}

Expr Printer::cast(llvm::StringRef type, const Expr &e, unsigned bits) {
  return {(type + "(" + e.text + ")").str(), Prec::Postfix, bits,
          /*wraps=*/false, /*literal=*/false, e.readsMemory};
}

Expr Printer::call(llvm::StringRef function, llvm::ArrayRef<Expr> args) {
  Expr e{(function + "(").str(), Prec::Postfix};
  llvm::ListSeparator comma(", ");
  for (const Expr &arg : args) {
    e.text += llvm::StringRef(comma);
    e.text += arg.text;
    e.readsMemory |= arg.readsMemory;
  }
  e.text += ")";
  return e;
}

Expr Printer::wide(Expr e, unsigned bits) {
  if (bits <= 32 || e.bits >= bits)
    return e;
  return cast("int64_t", e, 64);
}

Expr Printer::toUnsigned(Expr e, unsigned bits) {
  if (e.wraps)
    return e;
  if (e.literal && e.text[0] != '-' && e.bits <= 32 && bits == 32 && llvm::isDigit(e.text[0])) {
    e.text += "u";
  } else {
    bool literal = e.literal;
    e = cast("uint" + std::to_string(bits) + "_t", e, bits);
    e.literal = literal;
  }
  e.bits = bits;
  e.wraps = bits >= 32; // narrower ones are promoted to int
  return e;
}

Expr Printer::toSigned(Expr e, unsigned bits) {
  return e.wraps ? cast("int" + std::to_string(bits) + "_t", e, bits) : e;
}

Expr Printer::wrapped(Expr e, unsigned bits) {
  if (bits < 32)
    return cast("int" + std::to_string(bits) + "_t", e, bits);
  e.wraps = true;
  e.bits = bits;
  return e;
}

//===-- What is known about ranges -----------------------------------------===//

static const ConstantIntRanges *rangeOf(DataFlowSolver &solver, Value v) {
  auto *state = solver.lookupState<dataflow::IntegerValueRangeLattice>(v);
  return state && !state->getValue().isUninitialized() ? &state->getValue().getValue()
                                                       : nullptr;
}

bool Printer::nonNegative(Value v) {
  const ConstantIntRanges *range = rangeOf(solver, v);
  if (!range)
    return false;
  // Ranges of index hold for 64 bits.
  unsigned bits = width(v.getType());
  return range->smin().isNonNegative() && range->smax().getActiveBits() < bits;
}

bool Printer::fits(Operation &op, unsigned bits) {
  if (auto flags = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op))
    if (flags.hasNoSignedWrap())
      return true;
  const ConstantIntRanges *a = rangeOf(solver, op.getOperand(0));
  const ConstantIntRanges *b = rangeOf(solver, op.getOperand(1));
  if (!a || !b)
    return false;
  llvm::APInt low[2] = {a->smin().sext(192), a->smax().sext(192)};
  llvm::APInt high[2] = {b->smin().sext(192), b->smax().sext(192)};
  for (const llvm::APInt &x : low)
    for (const llvm::APInt &y : high) {
      llvm::APInt r = isa<arith::AddIOp>(op)   ? x + y
                      : isa<arith::SubIOp>(op) ? x - y
                                               : x * y;
      if (r.getSignificantBits() > bits)
        return false;
    }
  return true;
}

//===-- Constants ----------------------------------------------------------===//

std::string dlc::cpp::floatLiteral(const llvm::APFloat &value, Type type) {
  bool isFloat = type.isF32();
  if (value.isInfinity())
    return std::string(value.isNegative() ? "-" : "") +
           (isFloat ? "__builtin_inff()" : "__builtin_inf()");
  llvm::APInt raw = value.bitcastToAPInt();
  if (value.isNaN())
    return std::string("__builtin_bit_cast(") + (isFloat ? "float, 0x" : "double, 0x") +
           llvm::toString(raw, 16, false) + (isFloat ? "u)" : "ull)");
  char buffer[64];
  auto end = isFloat ? std::to_chars(buffer, buffer + sizeof buffer, value.convertToFloat())
                     : std::to_chars(buffer, buffer + sizeof buffer, value.convertToDouble());
  std::string text(buffer, end.ptr);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text + (isFloat ? "f" : "");
}

std::string Printer::scalarLiteral(Attribute attr, Type type) {
  if (auto value = dyn_cast<FloatAttr>(attr)) {
    if (width(type) == 16)
      return "0x" + llvm::toString(value.getValue().bitcastToAPInt(), 16, false);
    return floatLiteral(value.getValue(), type);
  }
  llvm::APInt value = cast<IntegerAttr>(attr).getValue();
  if (type.isInteger(1))
    return value.isZero() ? "false" : "true";
  // An index constant has 64 bits in the attribute.
  value = value.sextOrTrunc(width(type));
  if (value.isMinSignedValue() && value.getBitWidth() >= 32)
    return "INT" + std::to_string(value.getBitWidth()) + "_MIN";
  return llvm::toString(value, 10, /*Signed=*/true);
}

Expr Printer::literal(Attribute attr, Type type) {
  Expr e{scalarLiteral(attr, type)};
  e.literal = true;
  if (e.text[0] == '-')
    e.prec = Prec::Unary;
  else if (e.text[0] == '_')
    e.prec = Prec::Postfix;
  if (type.isInteger(1))
    e.bits = 1;
  else if (auto value = dyn_cast<IntegerAttr>(attr))
    e.bits = value.getValue().getSignificantBits() > 32 ? 64 : 32;
  return e;
}

LogicalResult Printer::printConstant(arith::ConstantOp op) {
  Type type = op.getType();
  auto vector = dyn_cast<VectorType>(type);
  if (!vector) {
    exprs[op.getResult()] = literal(op.getValue(), type);
    return success();
  }
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return unsupported(*op, "expected dense elements");
  Type element = vector.getElementType();
  if (vector.isScalable())
    return printScalable(*op);
  if (dense.isSplat() && !element.isInteger(1)) {
    define(op, splat(vector, literal(dense.getSplatValue<Attribute>(), element)));
    return success();
  }
  Expr e{declaredType(op) + "{", Prec::Postfix};
  llvm::ListSeparator comma(", ");
  for (Attribute value : dense.getValues<Attribute>()) {
    e.text += llvm::StringRef(comma);
    if (element.isInteger(1))
      e.text += cast<IntegerAttr>(value).getValue().isZero() ? "0" : "-1";
    else if (auto number = dyn_cast<IntegerAttr>(value)) // lanes are unsigned
      e.text += llvm::toString(number.getValue().sextOrTrunc(width(element)), 10, false) + "u";
    else
      e.text += scalarLiteral(value, element);
  }
  e.text += "}";
  define(op, e);
  return success();
}

//===-- Integers -----------------------------------------------------------===//

static Expr negatedLiteral(Expr e) {
  e.text.erase(0, 1);
  e.prec = Prec::Primary;
  return e;
}

LogicalResult Printer::printScalarInt(Operation &op, unsigned bits) {
  Value result = op.getResult(0), lhs = op.getOperand(0), rhs = op.getOperand(1);
  std::string uintName = "uint" + std::to_string(bits) + "_t";
  std::string intName = "int" + std::to_string(bits) + "_t";

  if (bits == 1) {
    Expr a = expr(lhs), b = expr(rhs);
    Expr e;
    if (isa<arith::AddIOp, arith::SubIOp, arith::XOrIOp>(op)) {
      if (b.literal)
        e = b.text == "true" ? Expr{"!" + paren(a, Prec::Unary), Prec::Unary, 1,
                                    false, false, a.readsMemory}
                             : a;
      else if (a.text == b.text) // compilers warn about it
        e = {"false", Prec::Primary, 1, false, true};
      else
        e = binary("!=", Prec::Equality, a, b);
    } else if (isa<arith::MulIOp, arith::AndIOp, arith::MinUIOp, arith::MaxSIOp>(op)) {
      e = binary("&&", Prec::LogicalAnd, a, b);
    } else if (isa<arith::OrIOp, arith::MaxUIOp, arith::MinSIOp>(op)) {
      e = binary("||", Prec::LogicalOr, a, b);
    } else {
      return unsupported(op, "on i1");
    }
    e.bits = 1;
    define(result, e);
    return success();
  }

  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op)) {
    llvm::StringRef sign = isa<arith::AddIOp>(op) ? "+" : isa<arith::SubIOp>(op) ? "-" : "*";
    Prec prec = isa<arith::MulIOp>(op) ? Prec::Multiplicative : Prec::Additive;
    bool safe = fits(op, bits);
    Expr a = expr(lhs), b = expr(rhs);
    if (a.literal && !b.literal && !isa<arith::SubIOp>(op))
      std::swap(a, b); // constants read better on the right
    if (prec == Prec::Additive && b.literal && b.text[0] == '-') {
      b = negatedLiteral(b);
      sign = sign == "+" ? "-" : "+";
    }
    // Both narrower than the result: 8- and 16-bit arithmetic happens in int.
    if (safe) {
      a = toSigned(a, bits);
      b = toSigned(b, bits);
      if (b.bits < bits)
        a = wide(a, bits);
      define(result, binary(sign, prec, a, b));
    } else if (bits < 32) {
      define(result, cast(intName, binary(sign, prec, a, b), bits));
    } else {
      if (!a.wraps && !(b.wraps && prec == Prec::Multiplicative))
        a = toUnsigned(a, bits);
      define(result, wrapped(binary(sign, prec, a, b), bits));
    }
    return success();
  }

  if (isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op)) {
    Expr a = expr(lhs), b = expr(rhs);
    if (a.literal)
      std::swap(a, b);
    if (isa<arith::XOrIOp>(op) && b.literal && b.text == "-1") {
      // ~ promotes; in int, or in the unsigned type of the same width.
      define(result, Expr{"~" + paren(a, Prec::Unary), Prec::Unary, std::max(a.bits, 32u),
                          a.wraps, false, a.readsMemory});
      return success();
    }
    bool wraps = a.wraps || b.wraps;
    Expr e = isa<arith::AndIOp>(op)  ? binary("&", Prec::BitAnd, a, b)
             : isa<arith::OrIOp>(op) ? binary("|", Prec::BitOr, a, b)
                                     : binary("^", Prec::BitXor, a, b);
    e.wraps = wraps;
    define(result, e);
    return success();
  }

  if (isa<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(op)) {
    // A shift by the width or more is poison; do not let it be a warning.
    if (auto amount = rhs.getDefiningOp<arith::ConstantOp>())
      if (auto number = dyn_cast<IntegerAttr>(amount.getValue());
          number && number.getValue().uge(bits)) {
        exprs[result] = literal(IntegerAttr::get(result.getType(), 0), result.getType());
        return success();
      }
    bool logical = isa<arith::ShRUIOp>(op) && !nonNegative(lhs);
    Expr a = expr(lhs), n = value(rhs);
    if (isa<arith::ShLIOp>(op))
      define(result, wrapped(binary("<<", Prec::Shift, toUnsigned(a, bits), n), bits));
    else if (logical)
      define(result, wrapped(binary(">>", Prec::Shift, toUnsigned(a, bits), n), bits));
    else {
      Expr e = binary(">>", Prec::Shift, wide(toSigned(a, bits), bits), n);
      e.bits = std::max(bits, 32u);
      define(result, e);
    }
    return success();
  }

  auto divide = [&](llvm::StringRef sign, bool isUnsigned) {
    if (isUnsigned && !(nonNegative(lhs) && nonNegative(rhs))) {
      define(result, wrapped(binary(sign, Prec::Multiplicative, toUnsigned(expr(lhs), bits),
                                    toUnsigned(expr(rhs), bits)),
                             bits));
      return success();
    }
    Expr a = value(lhs), b = value(rhs);
    if (b.bits < bits)
      a = wide(a, bits);
    define(result, binary(sign, Prec::Multiplicative, a, b));
    return success();
  };
  if (isa<arith::DivSIOp, arith::DivUIOp>(op))
    return divide("/", isa<arith::DivUIOp>(op));
  if (isa<arith::RemSIOp, arith::RemUIOp>(op))
    return divide("%", isa<arith::RemUIOp>(op));

  auto helper = [&](const char *function, bool isUnsigned) {
    helpers.insert(function);
    bool plain = isUnsigned && nonNegative(lhs) && nonNegative(rhs);
    isUnsigned &= !plain;
    Expr a = isUnsigned ? toUnsigned(expr(lhs), bits) : value(lhs);
    Expr b = isUnsigned ? toUnsigned(expr(rhs), bits) : value(rhs);
    Expr e = call(std::string(function) + "<" + (isUnsigned ? uintName : intName) + ">",
                  {a, b});
    e.bits = bits;
    define(result, isUnsigned ? wrapped(e, bits) : e);
    return success();
  };
  if (isa<arith::MinSIOp, arith::MinUIOp>(op))
    return helper("min", isa<arith::MinUIOp>(op));
  if (isa<arith::MaxSIOp, arith::MaxUIOp>(op))
    return helper("max", isa<arith::MaxUIOp>(op));
  if (isa<arith::FloorDivSIOp>(op))
    return nonNegative(lhs) && nonNegative(rhs) ? divide("/", false)
                                                : helper("floordiv", false);
  if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
    return helper(isa<arith::CeilDivUIOp>(op) ? "ceildivu" : "ceildiv",
                  isa<arith::CeilDivUIOp>(op));
  return unsupported(op);
}

/// The least and the largest value of a constant, or of an integer that was narrower.
static std::optional<std::pair<int64_t, int64_t>> signedRange(Value v) {
  llvm::APInt constant;
  if (matchPattern(v, m_ConstantInt(&constant)) && constant.getBitWidth() <= 64)
    return std::make_pair(constant.getSExtValue(), constant.getSExtValue());
  auto wider = v.getDefiningOp<arith::ExtSIOp>();
  unsigned bits = wider ? getElementTypeOrSelf(wider.getIn().getType()).getIntOrFloatBitWidth() : 64;
  if (bits > 32)
    return std::nullopt;
  int64_t half = int64_t(1) << (bits - 1);
  return std::make_pair(-half, half - 1);
}

/// What a signed comparison is where the ranges of both sides tell: compilers warn about it.
static std::optional<bool> decided(arith::CmpIOp op) {
  using P = arith::CmpIPredicate;
  auto a = signedRange(op.getLhs()), b = signedRange(op.getRhs());
  if (!a || !b)
    return std::nullopt;
  auto less = [](auto x, auto y, bool orEqual) -> std::optional<bool> {
    if (orEqual ? x.second <= y.first : x.second < y.first)
      return true;
    if (orEqual ? x.first > y.second : x.first >= y.second)
      return false;
    return std::nullopt;
  };
  switch (op.getPredicate()) {
  case P::slt: return less(*a, *b, false);
  case P::sle: return less(*a, *b, true);
  case P::sgt: return less(*b, *a, false);
  case P::sge: return less(*b, *a, true);
  default: return std::nullopt;
  }
}

LogicalResult Printer::printCmpI(arith::CmpIOp op) {
  using P = arith::CmpIPredicate;
  P p = op.getPredicate();
  unsigned bits = width(op.getLhs().getType());
  bool isUnsigned = p == P::ult || p == P::ule || p == P::ugt || p == P::uge;
  if (isUnsigned && nonNegative(op.getLhs()) && nonNegative(op.getRhs()))
    isUnsigned = false;
  llvm::StringRef sign;
  switch (p) {
  case P::eq: sign = "=="; break;
  case P::ne: sign = "!="; break;
  case P::slt: case P::ult: sign = "<"; break;
  case P::sle: case P::ule: sign = "<="; break;
  case P::sgt: case P::ugt: sign = ">"; break;
  case P::sge: case P::uge: sign = ">="; break;
  }
  if (auto holds = decided(op)) {
    define(op, {*holds ? "true" : "false", Prec::Primary, 1, false, true});
    return success();
  }
  Expr a = expr(op.getLhs()), b = expr(op.getRhs());
  if (a.text == b.text) { // compilers warn about it
    bool equal = p == P::eq || sign == "<=" || sign == ">=";
    define(op, {equal ? "true" : "false", Prec::Primary, 1, false, true});
    return success();
  }
  if (bits == 1) {
    // Read as a signed number, true is -1.
    if (!isUnsigned && p != P::eq && p != P::ne)
      std::swap(a, b);
    if (p == P::eq || p == P::ne) {
      if (b.literal) { // c == true, c != false: c itself
        bool keep = (b.text == "true") == (p == P::eq);
        Expr e = keep ? a
                      : Expr{"!" + paren(a, Prec::Unary), Prec::Unary, 1, false, false,
                             a.readsMemory};
        define(op, e);
        return success();
      }
    } else {
      a = cast("int32_t", a, 32);
      b = cast("int32_t", b, 32);
    }
  } else if (isUnsigned) {
    a = toUnsigned(a, bits);
    b = toUnsigned(b, bits);
  } else {
    a = toSigned(a, bits);
    b = toSigned(b, bits);
  }
  Prec prec = p == P::eq || p == P::ne ? Prec::Equality : Prec::Relational;
  Expr e = binary(sign, prec, a, b);
  e.bits = 1;
  define(op, e);
  return success();
}

//===-- Floating point -----------------------------------------------------===//

Expr Printer::compareFloats(arith::CmpFPredicate p, Expr a, Expr b) {
  using P = arith::CmpFPredicate;
  auto compare = [&](llvm::StringRef sign) {
    Prec prec = sign == "==" || sign == "!=" ? Prec::Equality : Prec::Relational;
    return binary(sign, prec, a, b);
  };
  auto negate = [&](Expr e) {
    e.text = "!" + paren(e, Prec::Unary);
    e.prec = Prec::Unary;
    return e;
  };
  Expr e;
  switch (p) {
  case P::AlwaysFalse: return {"false", Prec::Primary, 1, false, true};
  case P::AlwaysTrue: return {"true", Prec::Primary, 1, false, true};
  case P::OEQ: e = compare("=="); break;
  case P::OGT: e = compare(">"); break;
  case P::OGE: e = compare(">="); break;
  case P::OLT: e = compare("<"); break;
  case P::OLE: e = compare("<="); break;
  case P::ONE: e = call("__builtin_islessgreater", {a, b}); break;
  case P::ORD: e = negate(call("__builtin_isunordered", {a, b})); break;
  case P::UEQ: e = negate(call("__builtin_islessgreater", {a, b})); break;
  case P::UGT: e = negate(compare("<=")); break;
  case P::UGE: e = negate(compare("<")); break;
  case P::ULT: e = negate(compare(">=")); break;
  case P::ULE: e = negate(compare(">")); break;
  case P::UNE: e = compare("!="); break;
  case P::UNO: e = call("__builtin_isunordered", {a, b}); break;
  }
  e.bits = 1;
  return e;
}

LogicalResult Printer::printCmpF(arith::CmpFOp op) {
  if (width(op.getLhs().getType()) == 16)
    return unsupported(*op, "16-bit floats are storage only");
  define(op, compareFloats(op.getPredicate(), expr(op.getLhs()), expr(op.getRhs())));
  return success();
}

LogicalResult Printer::printMinMaxF(Operation &op) {
  bool isMax = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
  bool isNum = isa<arith::MaxNumFOp, arith::MinNumFOp>(op);
  Value lhs = op.getOperand(0), rhs = op.getOperand(1), result = op.getResult(0);
  if (lhs.getDefiningOp<arith::ConstantOp>())
    std::swap(lhs, rhs); // all four commute
  auto constant = rhs.getDefiningOp<arith::ConstantOp>();
  auto bound = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  if (bound && !bound.getValue().isNaN()) {
    // With a bound that is no NaN one comparison does. maximumf and minimumf
    // keep a NaN and take the right one of two zeros.
    Expr x = simple(lhs), c = expr(rhs);
    llvm::StringRef sign;
    bool zero = bound.getValue().isZero(), negative = bound.getValue().isNegative();
    if (isMax)
      sign = isNum ? ">" : zero && !negative ? "<=" : "<";
    else
      sign = isNum ? "<" : zero && negative ? ">=" : ">";
    Expr test = binary(sign, Prec::Relational, x, c);
    if (isNum)
      std::swap(x, c);
    Expr e{test.text + " ? " + c.text + " : " + x.text, Prec::Conditional};
    define(result, e);
    return success();
  }
  std::string function = isMax ? (isNum ? "maxnum" : "maximum")
                               : (isNum ? "minnum" : "minimum");
  helpers.insert(function);
  define(result, call(function, {expr(op.getOperand(0)), expr(op.getOperand(1))}));
  return success();
}

LogicalResult Printer::printScalarFloat(Operation &op) {
  Value result = op.getResult(0);
  if (width(op.getOperand(0).getType()) == 16)
    return unsupported(op, "16-bit floats are storage only");
  if (isa<arith::NegFOp>(op)) {
    Expr a = expr(op.getOperand(0));
    bool minus = a.text[0] == '-';
    define(result, {(minus ? "-(" + a.text + ")" : "-" + paren(a, Prec::Unary)),
                    Prec::Unary, 0, false, false, a.readsMemory});
    return success();
  }
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op))
    return printMinMaxF(op);
  llvm::StringRef sign = isa<arith::AddFOp>(op)   ? "+"
                         : isa<arith::SubFOp>(op) ? "-"
                         : isa<arith::MulFOp>(op) ? "*"
                                                  : "/";
  Prec prec = isa<arith::AddFOp, arith::SubFOp>(op) ? Prec::Additive : Prec::Multiplicative;
  Expr e = binary(sign, prec, expr(op.getOperand(0)), expr(op.getOperand(1)));
  e.bits = 0;
  define(result, e);
  return success();
}

//===-- Casts --------------------------------------------------------------===//

LogicalResult Printer::printCast(Operation &op) {
  Value in = op.getOperand(0), result = op.getResult(0);
  Type from = in.getType(), to = result.getType();
  unsigned fromBits = width(from), toBits = width(to);
  auto uintName = [](unsigned bits) { return "uint" + std::to_string(bits) + "_t"; };

  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op)) {
    if (from.isInteger(1)) { // true is -1
      Expr e = cast("int32_t", expr(in), 32);
      define(result, {"-" + e.text, Prec::Unary, 32, false, false, e.readsMemory});
    } else if (to.isInteger(1)) {
      Expr one = binary("&", Prec::BitAnd, expr(in), {"1"});
      Expr e = binary("!=", Prec::Equality, {paren(one, Prec::Primary)}, {"0"});
      e.bits = 1;
      e.readsMemory = one.readsMemory;
      define(result, e);
    } else if (toBits >= fromBits) {
      define(result, value(in)); // the value stays
    } else {
      define(result, cast(typeName(to), expr(in), toBits));
    }
    return success();
  }
  if (isa<arith::IndexCastUIOp, arith::ExtUIOp>(op)) {
    if (from.isInteger(1)) {
      define(result, cast(typeName(to), expr(in), toBits));
    } else if (toBits < fromBits) {
      define(result, cast(typeName(to), expr(in), toBits));
    } else if (toBits == fromBits || nonNegative(in)) {
      define(result, value(in));
    } else {
      Expr e = cast(uintName(fromBits), expr(in), fromBits);
      if (fromBits == 32)
        e = cast(typeName(to), e, toBits);
      define(result, e);
    }
    return success();
  }
  if (isa<arith::SIToFPOp>(op)) {
    Expr e = cast(typeName(to), value(in));
    if (from.isInteger(1))
      e = {"-" + e.text, Prec::Unary, 0, false, false, e.readsMemory};
    define(result, e);
    return success();
  }
  if (isa<arith::UIToFPOp>(op)) {
    bool plain = from.isInteger(1) || nonNegative(in);
    define(result, cast(typeName(to), plain ? value(in) : toUnsigned(expr(in), fromBits)));
    return success();
  }
  if (isa<arith::FPToSIOp>(op) && !to.isInteger(1)) {
    define(result, cast(typeName(to), expr(in), toBits));
    return success();
  }
  if (isa<arith::FPToUIOp>(op) && !to.isInteger(1)) {
    define(result, wrapped(cast(uintName(toBits), expr(in), toBits), toBits));
    return success();
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
    // 16-bit floats are kept as their bits.
    if (fromBits == 16 && toBits == 16)
      return unsupported(op, "between 16-bit floats");
    if (fromBits == 16 || toBits == 16) {
      std::string function = from.isBF16()   ? "from_bfloat"
                             : from.isF16()  ? "from_half"
                             : to.isBF16()   ? "to_bfloat"
                                             : "to_half";
      helpers.insert(function);
      Expr e = call(function, {expr(in)});
      define(result, toBits == 64 ? cast("double", e) : e);
      return success();
    }
    define(result, cast(typeName(to), expr(in)));
    return success();
  }
  if (isa<arith::BitcastOp>(op)) {
    if (from == to) {
      define(result, expr(in));
    } else if (toBits == 16) { // between int16_t and the uint16_t of a float
      define(result, cast(typeName(to), expr(in), 16));
    } else {
      Expr e = expr(in);
      if (isa<IntegerType, IndexType>(from) && e.bits != fromBits)
        e = cast(typeName(from), e, fromBits);
      Expr bits = call("__builtin_bit_cast", {{typeName(to)}, e});
      bits.bits = toBits;
      define(result, bits);
    }
    return success();
  }
  return unsupported(op);
}

LogicalResult Printer::printArith(Operation &op) {
  if (auto cmp = dyn_cast<arith::CmpIOp>(op);
      cmp && !isa<VectorType>(cmp.getLhs().getType()))
    return printCmpI(cmp);
  if (auto cmp = dyn_cast<arith::CmpFOp>(op))
    return printCmpF(cmp);
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    Value result = select.getResult();
    if (isa<MemRefType>(result.getType())) {
      Buffer b = buffer(select.getTrueValue());
      Expr other = at(buffer(select.getFalseValue()), true);
      for (auto &sizes : {b.sizes, b.strides})
        if (llvm::any_of(sizes, [](const Dim &d) { return !d.isConstant(); }))
          return unsupported(op, "on buffers of dynamic shape");
      Expr mine = at(b, true);
      b.terms.clear();
      b.offset = 0;
      std::string pointer = numbered("p");
      line() << pointerName(cast<MemRefType>(result.getType()).getElementType(),
                            !isWritten(result))
             << "const " << pointer << " = "
             << paren(expr(select.getCondition()), Prec::LogicalOr) << " ? " << mine.text
             << " : " << other.text << ";\n";
      b.pointer = {pointer};
      buffers[result] = b;
      return success();
    }
    Expr c = expr(select.getCondition());
    Expr a = value(select.getTrueValue()), b = value(select.getFalseValue());
    Expr e{paren(c, Prec::LogicalOr) + " ? " + paren(a, Prec::LogicalOr) + " : " +
               paren(b, Prec::LogicalOr),
           Prec::Conditional, std::max(a.bits, b.bits)};
    if (result.getType().isInteger(1))
      e.bits = 1;
    e.readsMemory = a.readsMemory || b.readsMemory || c.readsMemory;
    define(result, e);
    return success();
  }
  if (isa<arith::MulSIExtendedOp, arith::MulUIExtendedOp, arith::AddUIExtendedOp>(op)) {
    unsigned bits = width(op.getOperand(0).getType());
    Expr a = simple(op.getOperand(0)), b = simple(op.getOperand(1));
    std::string bitsName = std::to_string(bits);
    bool add = isa<arith::AddUIExtendedOp>(op);
    if (isLive(op.getResult(0))) {
      Expr low = binary(add ? "+" : "*", add ? Prec::Additive : Prec::Multiplicative,
                        toUnsigned(a, std::max(bits, 32u)), toUnsigned(b, std::max(bits, 32u)));
      define(op.getResult(0), wrapped(low, bits));
    }
    if (!isLive(op.getResult(1)))
      return success();
    if (add) {
      // The sum wrapped when it is less than what was added to.
      Expr sum = binary("+", Prec::Additive, toUnsigned(a, bits), toUnsigned(b, bits));
      Expr carry = binary("<", Prec::Relational, cast("uint" + bitsName + "_t", sum),
                          cast("uint" + bitsName + "_t", a));
      carry.bits = 1;
      define(op.getResult(1), carry);
      return success();
    }
    bool isSigned = isa<arith::MulSIExtendedOp>(op);
    std::string type = (isSigned ? "int" : "uint") + bitsName + "_t";
    std::string function = "mulhigh";
    helpers.insert(function);
    Expr high = call(function + "<" + type + ">", {a, b});
    define(op.getResult(1), isSigned ? Expr{high.text, Prec::Postfix, bits}
                                     : wrapped(high, bits));
    return success();
  }
  if (isa<CastOpInterface>(op))
    return printCast(op);
  if (op.getNumResults() != 1 || op.getNumOperands() == 0)
    return unsupported(op);
  Type type = op.getResult(0).getType();
  if (isa<FloatType>(type)) {
    if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp,
             arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op))
      return unsupported(op);
    return printScalarFloat(op);
  }
  if (op.getNumOperands() != 2)
    return unsupported(op);
  return printScalarInt(op, width(type));
}

LogicalResult Printer::printMath(Operation &op) {
  Value result = op.getResult(0);
  unsigned bits = width(result.getType());
  auto builtin = [&](llvm::StringRef name) {
    llvm::SmallVector<Expr> args;
    for (Value operand : op.getOperands())
      args.push_back(expr(operand));
    define(result, call(("__builtin_" + name + (bits == 32 ? "f" : "")).str(), args));
    return success();
  };
  if (isa<FloatType>(result.getType())) {
    if (bits == 16)
      return unsupported(op, "16-bit floats are storage only");
    if (isa<math::FmaOp>(op)) {
      helpers.insert("multiply_add");
      define(result, call("multiply_add", {expr(op.getOperand(0)), expr(op.getOperand(1)), expr(op.getOperand(2))}));
      return success();
    }
    if (isa<math::AbsFOp>(op))
      return builtin("fabs");
    if (isa<math::CopySignOp>(op))
      return builtin("copysign");
    if (isa<math::FloorOp>(op))
      return builtin("floor");
    if (isa<math::CeilOp>(op))
      return builtin("ceil");
    if (isa<math::TruncOp>(op))
      return builtin("trunc");
    if (isa<math::RoundEvenOp>(op)) {
      helpers.insert("round_even");
      define(result, call("round_even", {expr(op.getOperand(0))}));
      return success();
    }
    if (isa<math::RoundOp>(op))
      return builtin("round");
    if (isa<math::SqrtOp>(op)) {
      helpers.insert("square_root");
      define(result, call("square_root", {expr(op.getOperand(0))}));
      return success();
    }
    return unsupported(op, "the target has no instruction for it; it should have been "
                           "lowered to arith");
  }
  std::string uintName = "uint" + std::to_string(bits) + "_t";
  if (isa<math::AbsIOp>(op)) {
    Expr a = simple(op.getOperand(0));
    Expr e{a.text + " < 0 ? -" + paren(a, Prec::Primary) + " : " + a.text,
           Prec::Conditional, std::max(bits, 32u)};
    if (bits < 32)
      e = cast("int" + std::to_string(bits) + "_t", e, bits);
    else // INT_MIN stays INT_MIN
      e = wrapped({a.text + " < 0 ? 0 - " + uintName + "(" + a.text + ") : " + uintName +
                       "(" + a.text + ")",
                   Prec::Conditional},
                  bits);
    define(result, e);
    return success();
  }
  const char *function = isa<math::CountLeadingZerosOp>(op)    ? "leading_zeros"
                         : isa<math::CountTrailingZerosOp>(op) ? "trailing_zeros"
                         : isa<math::CtPopOp>(op)              ? "popcount"
                                                               : nullptr;
  if (!function || bits == 1)
    return unsupported(op);
  helpers.insert(function);
  Expr e = call(std::string(function) + "<" + uintName + ">", {expr(op.getOperand(0))});
  e.bits = 32;
  define(result, e);
  return success();
}
