// Axes, pads and sizes that are inputs of the model: the declared shape of the
// result decides what can be decided; the rest is computed at run time.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize -split-input-file | FileCheck %s

// Either dimension 1 or 2 was reduced: chosen at run time.
// CHECK-LABEL: func.func @reduce(
// CHECK: scf.index_switch %{{.*}} -> tensor<3x2xf32>
// CHECK: iterator_types = ["parallel", "reduction", "parallel"]
// CHECK: default
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
onnx.graph @reduce attributes {inputs = [{name = "x"}, {name = "axes"}], opsets = {ai.onnx = 18 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<3x2x2xf32>, %axes: tensor<1xi64>):
  %0 = onnx.node "ReduceSum"(%x, %axes) attributes {attrs = {keepdims = 0 : i64}, opset = 18 : i64} : (tensor<3x2x2xf32>, tensor<1xi64>) -> tensor<3x2xf32>
  onnx.return %0 : tensor<3x2xf32>
}

// -----

// The shape is declared behind an elementwise node, and leaves one possibility.
// CHECK-LABEL: func.func @reduce_then_root(
// CHECK-NOT: scf.index_switch
// CHECK: iterator_types = ["parallel", "reduction", "parallel"]
onnx.graph @reduce_then_root attributes {inputs = [{name = "x"}, {name = "axes"}], opsets = {ai.onnx = 18 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<3x4x2xf32>, %axes: tensor<1xi64>):
  %0 = onnx.node "ReduceSum"(%x, %axes) attributes {attrs = {}, opset = 18 : i64} : (tensor<3x4x2xf32>, tensor<1xi64>) -> !onnx.unknown
  %1 = onnx.node "Sqrt"(%0) attributes {attrs = {}, opset = 18 : i64} : (!onnx.unknown) -> tensor<3x1x2xf32>
  onnx.return %1 : tensor<3x1x2xf32>
}

// -----

// Reads of a slice whose start is data are clamped into the tensor.
// CHECK-LABEL: func.func @slice(
// CHECK: linalg.generic
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: tensor.extract
onnx.graph @slice attributes {inputs = [{name = "x"}, {name = "s"}, {name = "e"}], opsets = {ai.onnx = 13 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<8xf32>, %s: tensor<1xi64>, %e: tensor<1xi64>):
  %0 = onnx.node "Slice"(%x, %s, %e) attributes {attrs = {}, opset = 13 : i64} : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xf32>
  onnx.return %0 : tensor<3xf32>
}

// -----

// Pads for axes that are data: selected for every dimension.
// CHECK-LABEL: func.func @pad(
// CHECK-COUNT-4: arith.select
// CHECK: linalg.generic
// CHECK-SAME: tensor<2x5xf32>
onnx.graph @pad attributes {inputs = [{name = "x"}, {name = "p"}, {name = "a"}], opsets = {ai.onnx = 18 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<2x3xf32>, %p: tensor<2xi64>, %a: tensor<1xi64>):
  %none = onnx.none
  %0 = onnx.node "Pad"(%x, %p, %none, %a) attributes {attrs = {}, opset = 18 : i64} : (tensor<2x3xf32>, tensor<2xi64>, none, tensor<1xi64>) -> tensor<2x5xf32>
  onnx.return %0 : tensor<2x5xf32>
}
