// This file is the interface of the C++ printer in codegen/cpp.
#include "codegen/CppEmitter.h"

#include "codegen/cpp/Printer.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

mlir::LogicalResult dlc::codegen::emitCpp(mlir::ModuleOp module, llvm::raw_ostream &os,
                                           bool profile, std::string *weights) {
  // The object path folds in the same way; compilers warn about what is constant.
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  mlir::PassManager manager(module.getContext(), mlir::ModuleOp::getOperationName());
  manager.addPass(mlir::createCanonicalizerPass());
  if (failed(manager.run(*copy)))
    return mlir::failure();
  return cpp::Printer(*copy, os, profile, weights).print();
}
