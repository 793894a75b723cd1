// This file turns assertions of the last IR into returns of a status.
#include "codegen/EarlyExit.h"

#include "dialects/RT/RT.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::codegen;

int32_t codegen::statusCode(StringRef macro) {
  static constexpr StringLiteral names[] = {
      "DLC_OK",         "DLC_ERR_NULL", "DLC_ERR_ABI",  "DLC_ERR_COUNT",  "DLC_ERR_ARENA", "DLC_ERR_ALIGN",
      "DLC_ERR_OVERLAP", "DLC_ERR_DIMS", "DLC_ERR_DATA", "DLC_ERR_MEMORY", "DLC_ERR_OTHER"};
  for (auto [i, name] : llvm::enumerate(names))
    if (name == macro)
      return i;
  return std::size(names) - 1;
}

llvm::SmallPtrSet<Operation *, 8> codegen::functionsWithStatus(ModuleOp module) {
  llvm::SmallPtrSet<Operation *, 8> found;
  module.walk([&](cf::AssertOp op) { found.insert(op->getParentOfType<func::FuncOp>()); });
  // Calls do not nest deeply: callers of callers until nothing changes.
  for (bool grows = !found.empty(); grows;) {
    grows = false;
    module.walk([&](func::CallOp call) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
      if (callee && found.contains(callee))
        grows |= found.insert(call->getParentOfType<func::FuncOp>()).second;
    });
  }
  return found;
}

/// Goes on behind `op` when `good`, else to `exit` with `status`.
static void branch(Operation *op, Value good, Value status, Block *exit) {
  Block *before = op->getBlock();
  Block *after = before->splitBlock(op->getNextNode());
  OpBuilder b = OpBuilder::atBlockEnd(before);
  cf::CondBranchOp::create(b, op->getLoc(), good, after, ValueRange(), exit, status);
}

static LogicalResult lowerFunction(func::FuncOp function,
                                   const llvm::SmallPtrSet<Operation *, 8> &withStatus) {
  MLIRContext *context = function.getContext();
  RewritePatternSet patterns(context);
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget legality(*context);
  legality.addIllegalDialect<scf::SCFDialect>();
  legality.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  if (failed(applyPartialConversion(function, legality, std::move(patterns))))
    return failure();

  ImplicitLocOpBuilder b(function.getLoc(), context);
  Type i32 = b.getI32Type();
  FunctionType type = function.getFunctionType();
  if (type.getNumResults() != 0)
    return function.emitError("cannot return a status beside its result");
  function.setFunctionType(b.getFunctionType(type.getInputs(), i32));
  SmallVector<Operation *> asserts, calls;
  SmallVector<func::ReturnOp> returns;
  function.walk([&](Operation *op) {
    if (auto ret = dyn_cast<func::ReturnOp>(op))
      returns.push_back(ret);
    else if (isa<cf::AssertOp>(op))
      asserts.push_back(op);
    else if (auto call = dyn_cast<func::CallOp>(op))
      if (withStatus.contains(
              SymbolTable::lookupNearestSymbolFrom(call, call.getCalleeAttr())))
        calls.push_back(op);
  });
  for (func::ReturnOp ret : returns) {
    b.setInsertionPoint(ret);
    func::ReturnOp::create(b, arith::ConstantIntOp::create(b, i32, 0).getResult());
    ret.erase();
  }
  Block *exit = new Block();
  function.getBody().push_back(exit);
  Value status = exit->addArgument(i32, function.getLoc());
  b.setInsertionPointToStart(exit);
  if (auto cleanup = function->getAttrOfType<FlatSymbolRefAttr>(rt::kOnError))
    func::CallOp::create(b, cleanup, TypeRange(), function.getArguments());
  func::ReturnOp::create(b, status);

  for (Operation *op : asserts) {
    auto assertion = cast<cf::AssertOp>(op);
    b.setLoc(op->getLoc());
    b.setInsertionPoint(op);
    Value code = arith::ConstantIntOp::create(b, i32, statusCode(assertion.getMsg()));
    branch(op, assertion.getArg(), code, exit);
    op->erase();
  }
  for (Operation *op : calls) {
    auto call = cast<func::CallOp>(op);
    b.setLoc(op->getLoc());
    b.setInsertionPoint(op);
    auto fresh = func::CallOp::create(b, call.getCalleeAttr(), i32, call.getOperands());
    Value ok = arith::ConstantIntOp::create(b, i32, 0);
    auto good = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, fresh.getResult(0), ok);
    branch(good, good, fresh.getResult(0), exit);
    op->erase();
  }
  return success();
}

LogicalResult codegen::lowerEarlyExits(ModuleOp module) {
  llvm::SmallPtrSet<Operation *, 8> withStatus = functionsWithStatus(module);
  for (auto function : module.getOps<func::FuncOp>())
    if (withStatus.contains(function) && failed(lowerFunction(function, withStatus)))
      return failure();
  return success();
}
