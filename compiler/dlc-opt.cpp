// dlc-opt: mlir-opt with the dialects, passes and stages of dlc.
#include "compiler/Registration.h"
#include "compiler/Stages.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  dlc::registerDialects(registry);
  mlir::registerAllPasses();
  dlc::registerAllPasses();
  dlc::registerStages();
  return mlir::failed(
      mlir::MlirOptMain(argc, argv, "dlc optimizer driver\n", registry));
}
