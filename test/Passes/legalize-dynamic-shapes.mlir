// Sizes that go through Shape, Gather, Concat and arithmetic stay what they are:
// known ones constants, others values, so that a Reshape is a view.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize --cse -split-input-file | FileCheck %s

// [N, 2, 3] -> [N, 6] by Shape -> Gather -> Unsqueeze -> Concat -> Reshape.
// CHECK-LABEL: func.func @flatten(
// CHECK-SAME: %[[X:.*]]: tensor<?x2x3xf32>)
// CHECK-NEXT: %[[R:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0], [1, 2]] : tensor<?x2x3xf32> into tensor<?x6xf32>
// CHECK-NEXT: return %[[R]]
onnx.graph @flatten attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 13 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<?x2x3xf32>):
  %zero = onnx.constant dense<0> : tensor<i64> : tensor<i64>
  %axes = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  %rest = onnx.constant dense<-1> : tensor<1xi64> : tensor<1xi64>
  %0 = onnx.node "Shape"(%x) attributes {attrs = {}, opset = 13 : i64} : (tensor<?x2x3xf32>) -> !onnx.unknown
  %1 = onnx.node "Gather"(%0, %zero) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown, tensor<i64>) -> !onnx.unknown
  %2 = onnx.node "Unsqueeze"(%1, %axes) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %3 = onnx.node "Concat"(%2, %rest) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %4 = onnx.node "Reshape"(%x, %3) attributes {attrs = {}, opset = 13 : i64} : (tensor<?x2x3xf32>, !onnx.unknown) -> !onnx.unknown
  onnx.return %4 : !onnx.unknown
}

// -----

// A static input: nothing is left of the computation.
// CHECK-LABEL: func.func @static(
// CHECK-NEXT: %[[R:.*]] = tensor.collapse_shape
// CHECK-NEXT: return %[[R]] : tensor<4x6xf32>
onnx.graph @static attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 13 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<4x2x3xf32>):
  %two = onnx.constant dense<2> : tensor<1xi64> : tensor<1xi64>
  %first = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  %rest = onnx.constant dense<-1> : tensor<1xi64> : tensor<1xi64>
  %0 = onnx.node "Shape"(%x) attributes {attrs = {}, opset = 13 : i64} : (tensor<4x2x3xf32>) -> !onnx.unknown
  %1 = onnx.node "Slice"(%0, %first, %two) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  %2 = onnx.node "ReduceProd"(%1) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown) -> !onnx.unknown
  %3 = onnx.node "Div"(%2, %two) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %4 = onnx.node "Concat"(%3, %rest) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %5 = onnx.node "Reshape"(%x, %4) attributes {attrs = {}, opset = 13 : i64} : (tensor<4x2x3xf32>, !onnx.unknown) -> !onnx.unknown
  onnx.return %5 : !onnx.unknown
}

// -----

// Two computations of one size are one size: no run-time broadcasting.
// CHECK-LABEL: func.func @same_size(
// CHECK-NOT: tensor.extract
// CHECK: return
onnx.graph @same_size attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 13 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<?x4xf32>):
  %0 = onnx.node "Abs"(%x) attributes {attrs = {}, opset = 13 : i64} : (tensor<?x4xf32>) -> !onnx.unknown
  %1 = onnx.node "Transpose"(%0) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown) -> !onnx.unknown
  %2 = onnx.node "Transpose"(%1) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown) -> !onnx.unknown
  %3 = onnx.node "Add"(%2, %x) attributes {attrs = {}, opset = 13 : i64} : (!onnx.unknown, tensor<?x4xf32>) -> !onnx.unknown
  onnx.return %3 : !onnx.unknown
}

// -----

// A convolution of a batch of any size, with its bias in the epilogue.
// CHECK-LABEL: func.func @conv(
// CHECK-SAME: %[[X:.*]]: tensor<?x2x8x8xf32>, %[[W:.*]]: tensor<4x1x3x3xf32>, %[[B:.*]]: tensor<4xf32>)
// CHECK: %[[P:.*]] = tensor.pad %[[X]] low[0, 0, 0, 0] high[0, 0, 1, 1]
// CHECK: nn.conv ins(%[[P]], %[[W]] : {{.*}}) epilogue(%[[B]] : tensor<4xf32>) outs(%{{.*}} : tensor<?x4x4x4xf32>)
// CHECK-SAME: group = 2
// CHECK: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK: arith.addf %[[ACC]], %[[BIAS]]
onnx.graph @conv attributes {inputs = [{name = "x"}, {name = "w"}, {name = "b"}], opsets = {ai.onnx = 13 : i64}, outputs = [{name = "y"}]} {
^bb0(%x: tensor<?x2x8x8xf32>, %w: tensor<4x1x3x3xf32>, %b: tensor<4xf32>):
  %0 = onnx.node "Conv"(%x, %w, %b) attributes {attrs = {group = 2 : i64, strides = array<i64: 2, 2>, auto_pad = "SAME_UPPER"}, opset = 13 : i64} : (tensor<?x2x8x8xf32>, tensor<4x1x3x3xf32>, tensor<4xf32>) -> !onnx.unknown
  onnx.return %0 : !onnx.unknown
}
