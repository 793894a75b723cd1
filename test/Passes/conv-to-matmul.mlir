// RUN: dlc-opt %s --dlc-conv-to-matmul --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-conv-to-matmul --dlc-interpret=mode=check -o /dev/null

// CHECK-LABEL: @pointwise
// CHECK: %[[A:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : tensor<1x2x3x4xf32> into tensor<6x4xf32>
// CHECK: nn.matmul ins(%[[A]], %{{.*}} : tensor<6x4xf32>, tensor<4x5xf32>) epilogue(%{{.*}}, %{{.*}} : tensor<5xf32>, tensor<6x5xf32>)
// CHECK: tensor.expand_shape
func.func @pointwise(%x: tensor<1x2x3x4xf32>, %w: tensor<1x1x4x5xf32>, %bias: tensor<5xf32>, %res: tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32> {
  %e = tensor.empty() : tensor<1x2x3x5xf32>
  %0 = nn.conv ins(%x, %w : tensor<1x2x3x4xf32>, tensor<1x1x4x5xf32>) epilogue(%bias, %res : tensor<5xf32>, tensor<1x2x3x5xf32>)
    outs(%e : tensor<1x2x3x5xf32>)
    attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, channels_last = true} {
  ^bb0(%a: f32, %b: f32, %r: f32):
    %s = arith.addf %a, %b : f32
    %t = arith.addf %s, %r : f32
    nn.yield %t : f32
  } -> tensor<1x2x3x5xf32>
  return %0 : tensor<1x2x3x5xf32>
}

// A stride, or a kernel larger than 1, stays a convolution.
// CHECK-LABEL: @strided
// CHECK: nn.conv
func.func @strided(%x: tensor<1x3x3x4xf32>, %w: tensor<1x1x4x5xf32>) -> tensor<1x2x2x5xf32> {
  %e = tensor.empty() : tensor<1x2x2x5xf32>
  %0 = nn.conv ins(%x, %w : tensor<1x3x3x4xf32>, tensor<1x1x4x5xf32>) outs(%e : tensor<1x2x2x5xf32>)
    attributes {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, channels_last = true} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x2x2x5xf32>
  return %0 : tensor<1x2x2x5xf32>
}
