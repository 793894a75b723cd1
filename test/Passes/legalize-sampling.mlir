// Sampling, matrix and selecting operators.
// The operands are constants, so that the results were computed.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @grid_sample(
// CHECK: arith.constant dense<{{\[\[\[\[}}2.500000e+00, 3.000000e+00]]]]> : tensor<1x1x1x2xf32>
// CHECK-NEXT: return
onnx.graph @grid_sample attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32> : tensor<1x1x2x2xf32>
  %g = onnx.constant dense<[[[[0.0, 0.0], [-1.0, 1.0]]]]> : tensor<1x1x2x2xf32> : tensor<1x1x2x2xf32>
  %r = onnx.node "GridSample"(%x, %g) attributes {attrs = {align_corners = 1 : i64}, opset = 16 : i64} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @det(
// CHECK: arith.constant dense<[2.000000e+00, -1.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return
onnx.graph @det attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[2.0, 1.0], [4.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]]]> : tensor<2x2x2xf32> : tensor<2x2x2xf32>
  %r = onnx.node "Det"(%x) attributes {attrs = {}, opset = 11 : i64} : (tensor<2x2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @compress(
// CHECK: arith.constant dense<[1, 3]> : tensor<2xi32>
// CHECK-NEXT: return
onnx.graph @compress attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3]> : tensor<3xi32> : tensor<3xi32>
  %m = onnx.constant dense<[true, false, true]> : tensor<3xi1> : tensor<3xi1>
  %r = onnx.node "Compress"(%x, %m) attributes {attrs = {}, opset = 11 : i64} : (tensor<3xi32>, tensor<3xi1>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @center_crop_pad(
// CHECK: arith.constant dense<{{\[\[}}0], [2], [0]]> : tensor<3x1xi32>
// CHECK-NEXT: return
onnx.graph @center_crop_pad attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1, 2, 3]]> : tensor<1x3xi32> : tensor<1x3xi32>
  %s = onnx.constant dense<[3, 1]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "CenterCropPad"(%x, %s) attributes {attrs = {}, opset = 18 : i64} : (tensor<1x3xi32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @trilu(
// CHECK: arith.constant dense<{{\[\[}}0, 0, 0], [1, 0, 0], [1, 1, 0]]> : tensor<3x3xi32>
// CHECK-NEXT: return
onnx.graph @trilu attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<1> : tensor<3x3xi32> : tensor<3x3xi32>
  %k = onnx.constant dense<-1> : tensor<i64> : tensor<i64>
  %r = onnx.node "Trilu"(%x, %k) attributes {attrs = {upper = 0 : i64}, opset = 14 : i64} : (tensor<3x3xi32>, tensor<i64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @col2im(
// CHECK: arith.constant dense<{{\[\[\[\[}}1, 2, 1], [2, 4, 2], [1, 2, 1]]]]> : tensor<1x1x3x3xi32>
// CHECK-NEXT: return
onnx.graph @col2im attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<1> : tensor<1x4x4xi32> : tensor<1x4x4xi32>
  %i = onnx.constant dense<[3, 3]> : tensor<2xi64> : tensor<2xi64>
  %k = onnx.constant dense<[2, 2]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "Col2Im"(%x, %i, %k) attributes {attrs = {}, opset = 18 : i64} : (tensor<1x4x4xi32>, tensor<2xi64>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
