// This file prints the arm_dsp dialect with the intrinsics of arm_acle.h.
#include "codegen/cpp/Printer.h"

#include "dialects/ArmDSP/ArmDSP.h"

using namespace mlir;
using namespace dlc::cpp;

LogicalResult Printer::printArmDSP(Operation &op) {
  includes.insert("arm_acle.h");
  if (auto load = dyn_cast<dlc::arm_dsp::LoadOp>(op)) {
    helpers.insert("load");
    Expr e = call("load<int32_t>", {element(load.getBytes(), load.getAt(), true)});
    e.bits = 32;
    e.readsMemory = true;
    define(load, e);
    return success();
  }
  if (auto extend = dyn_cast<dlc::arm_dsp::Sxtb16Op>(op)) {
    Expr x = value(extend.getX());
    if (extend.getRotation()) {
      helpers.insert("rotate_right");
      x = call("rotate_right", {x, {std::to_string(extend.getRotation())}});
      x = cast("int32_t", x, 32);
    }
    Expr e = call("__sxtb16", {x});
    e.bits = 32;
    define(extend, e);
    return success();
  }
  if (op.getNumOperands() == 3 && op.getNumResults() == 1) {
    std::string name = ("__" + op.getName().stripDialect()).str();
    Expr e = call(name, {value(op.getOperand(0)), value(op.getOperand(1)), value(op.getOperand(2))});
    e.bits = 32;
    define(op.getResult(0), e);
    return success();
  }
  return unsupported(op);
}
