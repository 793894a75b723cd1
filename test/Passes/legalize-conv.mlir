// Convolutions, pools, products and resizing.
// The operands are constants, so that the results were computed.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @conv(
// CHECK: arith.constant dense<{{\[\[\[\[}}1.250000e+01, 9.500000e+00], [1.550000e+01, 9.500000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-NEXT: return
onnx.graph @conv attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]> : tensor<1x1x3x3xf32> : tensor<1x1x3x3xf32>
  %w = onnx.constant dense<1.0> : tensor<1x1x2x2xf32> : tensor<1x1x2x2xf32>
  %b = onnx.constant dense<[0.5]> : tensor<1xf32> : tensor<1xf32>
  %r = onnx.node "Conv"(%x, %w, %b) attributes {attrs = {strides = array<i64: 2, 2>, auto_pad = "SAME_UPPER"}, opset = 11 : i64} : (tensor<1x1x3x3xf32>, tensor<1x1x2x2xf32>, tensor<1xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @conv_transpose(
// CHECK: arith.constant dense<{{\[\[\[}}1.000000e+00, 1.000000e+01, 1.020000e+02, 2.000000e+01, 2.000000e+02, 0.000000e+00]]]> : tensor<1x1x6xf32>
// CHECK-NEXT: return
onnx.graph @conv_transpose attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf32> : tensor<1x1x2xf32>
  %w = onnx.constant dense<[[[1.0, 10.0, 100.0]]]> : tensor<1x1x3xf32> : tensor<1x1x3xf32>
  %r = onnx.node "ConvTranspose"(%x, %w) attributes {attrs = {strides = array<i64: 2>, output_padding = array<i64: 1>}, opset = 11 : i64} : (tensor<1x1x2xf32>, tensor<1x1x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @max_pool_ceil(
// CHECK: arith.constant dense<{{\[\[\[\[}}5.000000e+00, 6.000000e+00], [8.000000e+00, 9.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-NEXT: return
onnx.graph @max_pool_ceil attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]> : tensor<1x1x3x3xf32> : tensor<1x1x3x3xf32>
  %r = onnx.node "MaxPool"(%x) attributes {attrs = {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>, ceil_mode = 1 : i64}, opset = 12 : i64} : (tensor<1x1x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @average_pool_edges(
// CHECK: arith.constant dense<{{\[\[\[\[}}3.000000e+00, 4.000000e+00], [6.000000e+00, 7.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-NEXT: return
onnx.graph @average_pool_edges attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]> : tensor<1x1x3x3xf32> : tensor<1x1x3x3xf32>
  %r = onnx.node "AveragePool"(%x) attributes {attrs = {kernel_shape = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>}, opset = 11 : i64} : (tensor<1x1x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @average_pool_include_pad(
// CHECK: arith.constant dense<{{\[\[\[\[}}2.500000e-01, 1.250000e+00], [2.750000e+00, 7.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-NEXT: return
onnx.graph @average_pool_include_pad attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]> : tensor<1x1x3x3xf32> : tensor<1x1x3x3xf32>
  %r = onnx.node "AveragePool"(%x) attributes {attrs = {kernel_shape = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, strides = array<i64: 2, 2>, count_include_pad = 1 : i64}, opset = 11 : i64} : (tensor<1x1x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @matmul_vectors(
// CHECK: arith.constant dense<14> : tensor<i32>
// CHECK-NEXT: return
onnx.graph @matmul_vectors attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3]> : tensor<3xi32> : tensor<3xi32>
  %r = onnx.node "MatMul"(%x, %x) attributes {attrs = {}, opset = 13 : i64} : (tensor<3xi32>, tensor<3xi32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @matmul_integer(
// CHECK: arith.constant dense<252> : tensor<1x1xi32>
// CHECK-NEXT: return
onnx.graph @matmul_integer attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[255, 0]]> : tensor<1x2xui8> : tensor<1x2xui8>
  %w = onnx.constant dense<[[1], [2]]> : tensor<2x1xi8> : tensor<2x1xi8>
  %z = onnx.constant dense<1> : tensor<ui8> : tensor<ui8>
  %r = onnx.node "MatMulInteger"(%x, %w, %z) attributes {attrs = {}, opset = 10 : i64} : (tensor<1x2xui8>, tensor<2x1xi8>, tensor<ui8>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @gemm(
// CHECK: arith.constant dense<{{\[\[}}1.100000e+01, 1.300000e+01], [2.200000e+01, 2.600000e+01]]> : tensor<2x2xf32>
// CHECK-NEXT: return
onnx.graph @gemm attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32> : tensor<2x1xf32>
  %w = onnx.constant dense<[[3.0], [4.0]]> : tensor<2x1xf32> : tensor<2x1xf32>
  %c = onnx.constant dense<[[10.0], [20.0]]> : tensor<2x1xf32> : tensor<2x1xf32>
  %r = onnx.node "Gemm"(%x, %w, %c) attributes {attrs = {transB = 1 : i64, alpha = 2.0 : f32, beta = 0.5 : f32}, opset = 13 : i64} : (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @resize_linear(
// CHECK: arith.constant dense<{{\[\[\[}}1.000000e+00, 1.500000e+00, 2.500000e+00, 3.000000e+00]]]> : tensor<1x1x4xf32>
// CHECK-NEXT: return
onnx.graph @resize_linear attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[1.0, 3.0]]]> : tensor<1x1x2xf32> : tensor<1x1x2xf32>
  %n = onnx.none
  %s = onnx.constant dense<[1.0, 1.0, 2.0]> : tensor<3xf32> : tensor<3xf32>
  %r = onnx.node "Resize"(%x, %n, %s) attributes {attrs = {mode = "linear"}, opset = 13 : i64} : (tensor<1x1x2xf32>, none, tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @upsample_1(
// CHECK: arith.constant dense<{{\[\[\[\[}}1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00]]]]> : tensor<1x1x1x4xf32>
// CHECK-NEXT: return
onnx.graph @upsample_1 attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[[[1.0, 2.0]]]]> : tensor<1x1x1x2xf32> : tensor<1x1x1x2xf32>
  %r = onnx.node "Upsample"(%x) attributes {attrs = {height_scale = 1.0 : f32, width_scale = 2.0 : f32, mode = "nearest"}, opset = 1 : i64} : (tensor<1x1x1x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @einsum_diagonal(
// CHECK: arith.constant dense<[1.000000e+00, 4.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return
onnx.graph @einsum_diagonal attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %r = onnx.node "Einsum"(%x) attributes {attrs = {equation = "ii->i"}, opset = 12 : i64} : (tensor<2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @einsum_trace_of_product(
// CHECK: arith.constant dense<2.900000e+01> : tensor<f32>
// CHECK-NEXT: return
onnx.graph @einsum_trace_of_product attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %r = onnx.node "Einsum"(%x, %x) attributes {attrs = {equation = "ij, ji"}, opset = 12 : i64} : (tensor<2x2xf32>, tensor<2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
