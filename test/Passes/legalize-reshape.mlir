// Reshape, Transpose, Expand, Tile and their like.
// The operands are constants, so that the results were computed.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @reshape(
// CHECK: arith.constant dense<{{\[\[\[}}1.000000e+00], [2.000000e+00], [3.000000e+00]], {{\[\[}}4.000000e+00], [5.000000e+00], [6.000000e+00]]]> : tensor<2x3x1xf32>
// CHECK-NEXT: return
onnx.graph @reshape attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %s = onnx.constant dense<[0, -1, 1]> : tensor<3xi64> : tensor<3xi64>
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @reshape_1(
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00], [5.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>
// CHECK-NEXT: return
onnx.graph @reshape_1 attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %r = onnx.node "Reshape"(%x) attributes {attrs = {shape = array<i64: 3, -1>}, opset = 1 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @flatten(
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 5.000000e+00, 6.000000e+00]]> : tensor<1x6xf32>
// CHECK-NEXT: return
onnx.graph @flatten attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %r = onnx.node "Flatten"(%x) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @transpose(
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>
// CHECK-NEXT: return
onnx.graph @transpose attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %r = onnx.node "Transpose"(%x) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @expand(
// CHECK: arith.constant dense<{{\[\[\[}}1.000000e+00, 1.000000e+00, 1.000000e+00], [2.000000e+00, 2.000000e+00, 2.000000e+00]]]> : tensor<1x2x3xf32>
// CHECK-NEXT: return
onnx.graph @expand attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32> : tensor<2x1xf32>
  %s = onnx.constant dense<[1, 1, 3]> : tensor<3xi64> : tensor<3xi64>
  %r = onnx.node "Expand"(%x, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x1xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @tile(
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00], [1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00]]> : tensor<4x3xf32>
// CHECK-NEXT: return
onnx.graph @tile attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %s = onnx.constant dense<[2, 1]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "Tile"(%x, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @tile_1(
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00, 4.000000e+00, 5.000000e+00, 6.000000e+00]]> : tensor<2x6xf32>
// CHECK-NEXT: return
onnx.graph @tile_1 attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %t = onnx.constant dense<2> : tensor<i64> : tensor<i64>
  %a = onnx.constant dense<1> : tensor<i64> : tensor<i64>
  %r = onnx.node "Tile"(%x, %t, %a) attributes {attrs = {}, opset = 1 : i64} : (tensor<2x3xf32>, tensor<i64>, tensor<i64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @depth_to_space(
// CHECK: arith.constant dense<{{\[\[\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-NEXT: return
onnx.graph @depth_to_space attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]]> : tensor<1x4x1x1xf32> : tensor<1x4x1x1xf32>
  %r = onnx.node "DepthToSpace"(%x) attributes {attrs = {blocksize = 2 : i64}, opset = 13 : i64} : (tensor<1x4x1x1xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @shape_slice(
// CHECK: arith.constant dense<3> : tensor<1xi64>
// CHECK-NEXT: return
onnx.graph @shape_slice attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> : tensor<2x3xf32>
  %r = onnx.node "Shape"(%x) attributes {attrs = {start = -1 : i64}, opset = 15 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @range(
// CHECK: arith.constant dense<[10, 6, 2]> : tensor<3xi64>
// CHECK-NEXT: return
onnx.graph @range attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %a = onnx.constant dense<10> : tensor<i64> : tensor<i64>
  %l = onnx.constant dense<0> : tensor<i64> : tensor<i64>
  %d = onnx.constant dense<-4> : tensor<i64> : tensor<i64>
  %r = onnx.node "Range"(%a, %l, %d) attributes {attrs = {}, opset = 11 : i64} : (tensor<i64>, tensor<i64>, tensor<i64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @eye_like(
// CHECK: arith.constant dense<{{\[\[}}0, 1, 0], [0, 0, 1]]> : tensor<2x3xi8>
// CHECK-NEXT: return
onnx.graph @eye_like attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<0> : tensor<2x3xui8> : tensor<2x3xui8>
  %r = onnx.node "EyeLike"(%x) attributes {attrs = {k = 1 : i64}, opset = 9 : i64} : (tensor<2x3xui8>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
