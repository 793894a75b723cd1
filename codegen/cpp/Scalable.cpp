// This file prints operations on scalable vectors with the SVE intrinsics of arm_sve.h.
#include "codegen/cpp/Printer.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace dlc::cpp;

/// "f32", "s32" or "u32": how intrinsics name the element type.
static std::string suffixOf(Type element, unsigned bits, bool isUnsigned = false) {
  return (isa<FloatType>(element) && bits > 16   ? "f"
          : isUnsigned || isa<FloatType>(element) ? "u"
                                                  : "s") +
         std::to_string(bits);
}

/// Integers narrower than their lanes: what loads them extends them.
LogicalResult Printer::printNarrowScalable(Operation &op) {
  Value result = op.getResult(0);
  auto type = mlir::cast<VectorType>(result.getType());
  unsigned lanes = 128 / type.getNumElements();
  std::string suffix = "s" + std::to_string(lanes), all = "svptrue_b" + std::to_string(lanes) + "()";
  auto load = [&](Expr mask, Value base, ValueRange indices) {
    if (width(type) > 32)
      return unsupported(op, "on scalable vectors");
    const char *from = width(type) == 8 ? "b_" : width(type) == 16 ? "h_" : "w_";
    Expr e = call("svld1s" + (from + suffix), {mask, element(base, indices, true)});
    e.readsMemory = true;
    define(result, e);
    return success();
  };
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    if (auto splatted = dyn_cast<SplatElementsAttr>(constant.getValue())) {
      int64_t value = splatted.getSplatValue<APInt>().getSExtValue();
      exprs[result] = call("svdup_" + suffix, {{std::to_string(value)}});
      return success();
    }
  if (auto plain = dyn_cast<vector::LoadOp>(op))
    return load({all}, plain.getBase(), plain.getIndices());
  if (auto masked = dyn_cast<vector::MaskedLoadOp>(op);
      masked && matchPattern(masked.getPassThru(), m_Zero()))
    return load(simple(masked.getMask()), masked.getBase(), masked.getIndices());
  bool isSigned = isa<arith::ExtSIOp>(op);
  if (isSigned || isa<arith::ExtUIOp>(op)) {
    Expr v = expr(op.getOperand(0));
    int64_t mask = (int64_t(1) << width(op.getOperand(0).getType())) - 1;
    define(result, isSigned ? v : call("svand_x", {{all}, v, {std::to_string(mask)}}));
    return success();
  }
  return unsupported(op, "on scalable vectors narrower than a register");
}

LogicalResult Printer::printScalable(Operation &op) {
  scalable = true;
  Value result = op.getNumResults() == 1 ? op.getResult(0) : Value();
  if (isa<vector::VectorScaleOp>(op)) {
    define(result, {"int64_t(svcntd() / 2)", Prec::Postfix, 64});
    return success();
  }
  // The vector that says how wide lanes are.
  auto vectorOf = [](Value v) { return v ? dyn_cast<VectorType>(v.getType()) : VectorType(); };
  VectorType type = vectorOf(result);
  VectorType lanes = type;
  for (Value operand : op.getOperands())
    if (VectorType other = vectorOf(operand);
        other && other.isScalable() && !other.getElementType().isInteger(1) &&
        (!lanes || lanes.getElementType().isInteger(1)))
      lanes = other;
  if (!lanes)
    return unsupported(op);
  auto isNarrow = [&](VectorType v) {
    return v && v.isScalable() && v.getElementType().isInteger() && !v.getElementType().isInteger(1) &&
           v.getNumElements() * width(v) < 128;
  };
  if (isNarrow(type) || (op.getNumOperands() == 1 && isNarrow(vectorOf(op.getOperand(0)))))
    return printNarrowScalable(op);
  bool isMask = lanes.getElementType().isInteger(1);
  unsigned bits = isMask ? 128 / lanes.getNumElements() : width(lanes);
  Type element = lanes.getElementType();
  std::string all = "svptrue_b" + std::to_string(bits) + "()";
  std::string suffix = suffixOf(element, bits);
  bool isFloat = isa<FloatType>(element);
  auto put = [&](llvm::StringRef function, llvm::ArrayRef<Expr> args) {
    Expr e = call(function, args);
    define(result, e);
    return success();
  };
  /// With all lanes active.
  auto plain = [&](const char *function) {
    llvm::SmallVector<Expr> args{{all}};
    for (Value v : op.getOperands())
      args.push_back(expr(v));
    return put(function, args);
  };
  auto asUnsigned = [&](Value v) {
    return call("svreinterpret_u" + std::to_string(bits), {expr(v)});
  };
  auto onUnsigned = [&](const char *function) {
    Expr e = call(function, {{all}, asUnsigned(op.getOperand(0)), asUnsigned(op.getOperand(1))});
    return put("svreinterpret_s" + std::to_string(bits), {e});
  };

  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splatted = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!splatted)
      return unsupported(op, "expected a splat");
    Attribute value = splatted.getSplatValue<Attribute>();
    if (isMask)
      return put(mlir::cast<IntegerAttr>(value).getValue().isZero() ? "svpfalse_b"
                                                              : all.substr(0, all.size() - 2),
                 {});
    Expr e = call("svdup_" + suffix, {literal(value, element)});
    // What masked loads leave in the other lanes is zero anyway.
    if (llvm::all_of(result.getUsers(), [&](Operation *user) { return isa<vector::MaskedLoadOp>(user); }))
      exprs[result] = e;
    else
      define(result, e);
    return success();
  }
  if (auto load = dyn_cast<vector::LoadOp>(op); load && !isMask) {
    Expr e = call("svld1_" + suffix, {{all}, this->element(load.getBase(), load.getIndices(), true)});
    e.readsMemory = true;
    define(result, e);
    return success();
  }
  if (auto store = dyn_cast<vector::StoreOp>(op); store && !isMask) {
    std::string source = expr(store.getValueToStore()).text;
    std::string target = this->element(store.getBase(), store.getIndices(), true).text;
    flushReads();
    line() << "svst1_" << suffix << "(" << all << ", " << target << ", " << source << ");\n";
    return success();
  }
  if (auto load = dyn_cast<vector::MaskedLoadOp>(op); load && !isMask) {
    Expr mask = simple(load.getMask());
    Expr e = call("svld1_" + suffix, {mask, this->element(load.getBase(), load.getIndices(), true)});
    SplatElementsAttr rest;
    bool zero = matchPattern(load.getPassThru(), m_Constant(&rest)) &&
                (matchPattern(load.getPassThru(), m_Zero()) ||
                 (isFloat && rest.getSplatValue<llvm::APFloat>().isPosZero()));
    if (!zero) // lanes that are not selected become 0
      e = call("svsel", {mask, e, expr(load.getPassThru())});
    e.readsMemory = true;
    define(result, e);
    return success();
  }
  if (auto store = dyn_cast<vector::MaskedStoreOp>(op); store && !isMask) {
    std::string source = expr(store.getValueToStore()).text;
    std::string mask = expr(store.getMask()).text;
    std::string target = this->element(store.getBase(), store.getIndices(), true).text;
    flushReads();
    line() << "svst1_" << suffix << "(" << mask << ", " << target << ", " << source << ");\n";
    return success();
  }
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
    if (broadcast.getSource().getType() == type)
      return define(result, expr(broadcast.getSource())), success();
    if (isa<VectorType>(broadcast.getSource().getType()))
      return unsupported(op, "from another vector");
    if (isMask)
      return put("svdup_b" + std::to_string(bits), {expr(broadcast.getSource())});
    return put("svdup_" + suffix, {value(broadcast.getSource())});
  }
  if (isa<vector::FMAOp, math::FmaOp>(op) && isFloat && bits > 16)
    return put("svmla_x", {{all}, expr(op.getOperand(2)), expr(op.getOperand(0)),
                           expr(op.getOperand(1))});
  if (isa<vector::CreateMaskOp>(op))
    return put("svwhilelt_b" + std::to_string(bits),
               {{"int64_t(0)"}, cast("int64_t", value(op.getOperand(0)), 64)});
  if (auto constant = dyn_cast<vector::ConstantMaskOp>(op))
    return put(constant.getMaskDimSizes()[0] ? all.substr(0, all.size() - 2) : "svpfalse_b", {});
  if (isa<vector::StepOp>(op))
    return put("svindex_s" + std::to_string(bits), {{"0"}, {"1"}});
  if (auto extract = dyn_cast<vector::ExtractOp>(op); extract && !isMask) {
    auto position = extract.getMixedPosition();
    if (position.size() != 1)
      return unsupported(op);
    Expr index = isa<Attribute>(position[0])
                     ? Expr{std::to_string(*getConstantIntValue(position[0]))}
                     : value(mlir::cast<Value>(position[0]));
    Expr upTo = call("svwhilele_b" + std::to_string(bits),
                     {{"int64_t(0)"}, cast("int64_t", index, 64)});
    Expr e = call("svlastb", {upTo, expr(extract.getSource())});
    e.bits = bits;
    define(result, e);
    return success();
  }
  if (auto insert = dyn_cast<vector::InsertOp>(op); insert && !isMask) {
    auto position = insert.getMixedPosition();
    if (position.size() != 1)
      return unsupported(op);
    Expr index = isa<Attribute>(position[0])
                     ? Expr{std::to_string(*getConstantIntValue(position[0]))}
                     : value(mlir::cast<Value>(position[0]));
    std::string width = std::to_string(bits);
    Expr there = call("svcmpeq", {{all},
                                  call("svindex_u" + width, {{"0"}, {"1"}}),
                                  cast("uint" + width + "_t", index, bits)});
    return put("svsel", {there, call("svdup_" + suffix, {value(insert.getValueToStore())}),
                         expr(insert.getDest())});
  }
  if (auto reduction = dyn_cast<vector::ReductionOp>(op); reduction && !isMask) {
    using K = vector::CombiningKind;
    Expr v = expr(reduction.getVector());
    Value acc = reduction.getAcc();
    K kind = reduction.getKind();
    if (kind == K::ADD && isFloat) { // in order, as the object adds
      Expr start = acc ? expr(acc) : Expr{bits == 32 ? "0.0f" : "0.0"};
      return put("svadda", {{all}, start, v});
    }
    const char *function = nullptr;
    bool isUnsigned = kind == K::MINUI || kind == K::MAXUI;
    switch (kind) {
    case K::ADD: function = "svaddv"; break;
    case K::MINSI: case K::MINUI: case K::MINIMUMF: function = "svminv"; break;
    case K::MAXSI: case K::MAXUI: case K::MAXIMUMF: function = "svmaxv"; break;
    case K::MINNUMF: function = "svminnmv"; break;
    case K::MAXNUMF: function = "svmaxnmv"; break;
    case K::AND: function = "svandv"; break;
    case K::OR: function = "svorv"; break;
    case K::XOR: function = "sveorv"; break;
    default: return unsupported(op, "SVE has no product of all lanes");
    }
    if (acc && kind != K::ADD)
      return unsupported(op, "with a value to start from");
    if (isUnsigned)
      v = call("svreinterpret_u" + std::to_string(bits), {v});
    Expr e = call(function, {{all}, v});
    if (!isFloat)
      e = cast("int" + std::to_string(bits) + "_t", e, bits);
    if (acc)
      e = wrapped(binary("+", Prec::Additive, toUnsigned(expr(acc), bits), e), bits);
    define(result, e);
    return success();
  }

  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    if (isa<VectorType>(select.getCondition().getType()))
      return put("svsel", {expr(select.getCondition()), expr(select.getTrueValue()),
                           expr(select.getFalseValue())});
    Expr c = expr(select.getCondition());
    define(result, {paren(c, Prec::LogicalOr) + " ? " +
                        paren(expr(select.getTrueValue()), Prec::LogicalOr) + " : " +
                        paren(expr(select.getFalseValue()), Prec::LogicalOr),
                    Prec::Conditional, 0, false, false, c.readsMemory});
    return success();
  }
  if (auto cmp = dyn_cast<arith::CmpIOp>(op); cmp && !isMask) {
    using P = arith::CmpIPredicate;
    P p = cmp.getPredicate();
    bool isUnsigned = p == P::ult || p == P::ule || p == P::ugt || p == P::uge;
    const char *function = p == P::eq                    ? "svcmpeq"
                           : p == P::ne                  ? "svcmpne"
                           : p == P::slt || p == P::ult  ? "svcmplt"
                           : p == P::sle || p == P::ule  ? "svcmple"
                           : p == P::sgt || p == P::ugt  ? "svcmpgt"
                                                         : "svcmpge";
    if (isUnsigned)
      return put(function, {{all}, asUnsigned(cmp.getLhs()), asUnsigned(cmp.getRhs())});
    return plain(function);
  }
  if (auto cmp = dyn_cast<arith::CmpFOp>(op); cmp && bits > 16) {
    using P = arith::CmpFPredicate;
    const char *function = nullptr;
    bool negate = false;
    switch (cmp.getPredicate()) {
    case P::OEQ: function = "svcmpeq"; break;
    case P::UNE: function = "svcmpne"; break;
    case P::OLT: function = "svcmplt"; break;
    case P::OLE: function = "svcmple"; break;
    case P::OGT: function = "svcmpgt"; break;
    case P::OGE: function = "svcmpge"; break;
    case P::UNO: function = "svcmpuo"; break;
    case P::ORD: function = "svcmpuo"; negate = true; break;
    case P::UGE: function = "svcmplt"; negate = true; break;
    case P::UGT: function = "svcmple"; negate = true; break;
    case P::ULE: function = "svcmpgt"; negate = true; break;
    case P::ULT: function = "svcmpge"; negate = true; break;
    default: return unsupported(op, "with this predicate");
    }
    Expr e = call(function, {{all}, expr(cmp.getLhs()), expr(cmp.getRhs())});
    return negate ? put("svnot_z", {{all}, e}) : (define(result, e), success());
  }
  if (isMask && type) {
    if (isa<arith::AndIOp>(op))
      return plain("svand_z");
    if (isa<arith::OrIOp>(op))
      return plain("svorr_z");
    if (isa<arith::XOrIOp>(op))
      return plain("sveor_z");
    return unsupported(op, "on masks");
  }
  if (!type || type.getElementType().isInteger(1))
    return unsupported(op, "on scalable vectors");
  if (isFloat && bits == 16)
    return unsupported(op, "16-bit floats are storage only");

  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return plain("svadd_x");
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return plain("svsub_x");
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return plain("svmul_x");
  if (isa<arith::DivFOp>(op) || (isa<arith::DivSIOp>(op) && bits >= 32))
    return plain("svdiv_x");
  if (isa<arith::DivUIOp>(op) && bits >= 32)
    return onUnsigned("svdiv_x");
  if (isa<arith::AndIOp>(op))
    return plain("svand_x");
  if (isa<arith::OrIOp>(op))
    return plain("svorr_x");
  if (isa<arith::XOrIOp>(op))
    return plain("sveor_x");
  if (isa<arith::ShLIOp>(op))
    return put("svlsl_x", {{all}, expr(op.getOperand(0)), asUnsigned(op.getOperand(1))});
  if (isa<arith::ShRSIOp>(op))
    return put("svasr_x", {{all}, expr(op.getOperand(0)), asUnsigned(op.getOperand(1))});
  if (isa<arith::ShRUIOp>(op))
    return onUnsigned("svlsr_x");
  if (isa<arith::MinSIOp, arith::MinimumFOp>(op))
    return plain("svmin_x");
  if (isa<arith::MaxSIOp, arith::MaximumFOp>(op))
    return plain("svmax_x");
  if (isa<arith::MinUIOp>(op))
    return onUnsigned("svmin_x");
  if (isa<arith::MaxUIOp>(op))
    return onUnsigned("svmax_x");
  if (isa<arith::MinNumFOp>(op))
    return plain("svminnm_x");
  if (isa<arith::MaxNumFOp>(op))
    return plain("svmaxnm_x");
  if (isa<arith::NegFOp>(op))
    return plain("svneg_x");
  if (isa<math::AbsFOp, math::AbsIOp>(op))
    return plain("svabs_x");
  if (isa<math::SqrtOp>(op))
    return plain("svsqrt_x");
  // Conversions between elements of the same width.
  if (op.getNumOperands() == 1 && vectorOf(op.getOperand(0)) &&
      width(op.getOperand(0).getType()) == width(type)) {
    std::string to = suffixOf(type.getElementType(), bits);
    if (isa<arith::SIToFPOp, arith::FPToSIOp>(op))
      return plain(("svcvt_" + to + "_x").c_str());
    if (isa<arith::UIToFPOp>(op))
      return put("svcvt_" + to + "_x", {{all}, asUnsigned(op.getOperand(0))});
    if (isa<arith::BitcastOp, vector::BitCastOp>(op))
      return put("svreinterpret_" + to, {expr(op.getOperand(0))});
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
      return define(result, expr(op.getOperand(0))), success();
  }
  return unsupported(op, "on scalable vectors");
}
