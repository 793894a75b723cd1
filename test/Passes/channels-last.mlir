// RUN: dlc-opt %s --dlc-channels-last --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-channels-last --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s --dlc-channels-last --dlc-propagate-transposes --verify-each | FileCheck %s --check-prefix=MOVED
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-channels-last --dlc-propagate-transposes --dlc-fold-constants --dlc-conv-to-matmul --dlc-order-loops --dlc-interpret=mode=check -o /dev/null

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Two convolutions with padding and an activation between them: every transpose between them cancels;
// the input's and the output's stay, and the filters' (constants, later folded).
// CHECK-LABEL: @chain
// CHECK: nn.conv {{.*}}channels_last = true
// CHECK: linalg.transpose
// CHECK: nn.conv {{.*}}channels_last = true
// MOVED-LABEL: @chain
// MOVED: linalg.transpose
// MOVED: nn.conv
// MOVED-NOT: linalg.transpose ins(%{{.*}} : tensor<1x4
// MOVED: linalg.generic
// MOVED: tensor.pad
// MOVED: nn.conv
// MOVED: linalg.transpose
// MOVED-NEXT: return
func.func @chain(%x: tensor<1x2x5x5xf32>) -> tensor<1x3x3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w0 = arith.constant dense<[[[[1.0, 2.0], [3.0, -4.0]], [[0.5, 1.5], [2.5, 3.5]]], [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]], [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]], [[[0.0, 2.0], [3.0, 4.0]], [[0.5, 1.5], [2.5, 0.0]]]]> : tensor<4x2x2x2xf32>
  %w1 = arith.constant dense<[[[[1.0]], [[2.0]], [[3.0]], [[4.0]]], [[[-1.0]], [[-2.0]], [[0.25]], [[0.5]]], [[[1.0]], [[0.0]], [[2.0]], [[0.0]]]]> : tensor<3x4x1x1xf32>
  %e0 = tensor.empty() : tensor<1x4x4x4xf32>
  %e1 = tensor.empty() : tensor<1x3x3x3xf32>
  %0 = nn.conv ins(%x, %w0 : tensor<1x2x5x5xf32>, tensor<4x2x2x2xf32>) outs(%e0 : tensor<1x4x4x4xf32>)
    attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x4x4x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%0 : tensor<1x4x4x4xf32>) outs(%e0 : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>
  %2 = tensor.pad %1 low[0, 0, 1, 0] high[0, 0, 0, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x4xf32> to tensor<1x4x5x5xf32>
  %3 = nn.conv ins(%2, %w1 : tensor<1x4x5x5xf32>, tensor<3x4x1x1xf32>) outs(%e1 : tensor<1x3x3x3xf32>)
    attributes {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x3x3x3xf32>
  return %3 : tensor<1x3x3x3xf32>
}
