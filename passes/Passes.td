// Every pass of dlc: one pass, one file of the same name.
#ifndef DLC_PASSES
#define DLC_PASSES

include "mlir/Pass/PassBase.td"

def LegalizeOnnx : Pass<"dlc-legalize-onnx", "::mlir::ModuleOp"> {
  let summary = "lower onnx.graph to nn, linalg, tensor and scf";
  let description = [{
    Looks up every node in the operator table by (domain, operator, opset) and
    lowers it, in graph order, folding constants and inferring shapes on the way,
    so that a Reshape fed by Shape -> Gather -> Concat becomes static. All
    unsupported nodes are reported before failing.

    ```mlir
    onnx.graph @main opsets {"" = 13} ... {
    ^bb0(%x: tensor<4xf32>):
      %y = onnx.node "Relu"(%x) ...
      onnx.return %y
    }
    // becomes
    func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = linalg.generic ...
      return %y
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::dlc::nn::NNDialect"];
}
#endif
