// This file lists the dialects, interfaces and passes that the commands know.
#include "compiler/Registration.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmMVE/ArmMVE.h"
#include "dialects/NN/NN.h"
#include "dialects/ONNX/ONNX.h"
#include "dialects/RT/RT.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "passes/compress/CompressPasses.h"
#include "passes/memory/RowPasses.h"

void dlc::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<onnx::ONNXDialect, nn::NNDialect, rt::RTDialect, arm_dsp::ArmDSPDialect,
                  arm_mve::ArmMVEDialect>();
  nn::registerBufferizableOpInterfaces(registry);
}

void dlc::registerAllPasses() {
  registerDlcPasses();
  registerDlcRowPasses();
  registerDlcCompressPasses();
}
