// Nodes of constants become constants while they are lowered.
// RUN: dlc-opt %s --dlc-legalize-onnx | FileCheck %s

// CHECK-LABEL: func.func @g(
// CHECK-DAG: %[[C:.*]] = arith.constant dense<[2.000000e+00, 4.000000e+00, 6.000000e+00]> : tensor<3xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[C]] :
// CHECK-NOT: linalg.generic
module attributes {rt.name = "l", rt.optimize = "speed", rt.requant = "onnx", rt.target = #rt.target<name = "host", triple = "x86_64-unknown-linux-gnu", cpu = "x86-64", features = "", float_abi = "", isa = "sse", vector_bits = 128, fpu_f32 = true, fpu_f64 = true>} {
  onnx.graph @g attributes {inputs = [{dims = [2, 3], name = "x", type = tensor<2x3xf32>}], opsets = {ai.onnx = 17 : i64}, outputs = [{dims = [2, 3], name = "y", type = tensor<2x3xf32>}]} {
  ^bb0(%arg0: tensor<2x3xf32>):
    %0 = onnx.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32> : tensor<3xf32>
    %1 = onnx.node "Add"(%0, %0)  attributes {opset = 17 : i64} : (tensor<3xf32>, tensor<3xf32>) -> !onnx.unknown
    %2 = onnx.node "Mul"(%arg0, %1)  attributes {opset = 17 : i64} : (tensor<2x3xf32>, !onnx.unknown) -> tensor<2x3xf32>
    onnx.return %2 : tensor<2x3xf32>
  }
}

