// RUN: dlc-opt %s --dlc-fuse-epilogues --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fuse-epilogues --dlc-interpret=mode=check -o /dev/null

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#channel = affine_map<(d0, d1, d2) -> (d1, 0)>
#flip = affine_map<(d0, d1, d2) -> (d0, 0, d2)>

// Bias (one element a channel), residual (full shape) and activation, at once.
// CHECK-LABEL: @bias_residual_relu
// CHECK: %[[B:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1]] : tensor<2x1xf32> into tensor<2xf32>
// CHECK: %[[Y:.*]] = nn.conv ins(%{{.*}}, %{{.*}} : {{.*}}) epilogue(%[[B]], %{{.*}} : tensor<2xf32>, tensor<1x2x3xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32, %[[RES:.*]]: f32):
// CHECK: arith.addf %[[ACC]], %[[BIAS]]
// CHECK: arith.maximumf
// CHECK: nn.yield
// CHECK-NOT: linalg.generic
// CHECK: return %[[Y]]
func.func @bias_residual_relu(%x: tensor<1x1x4xf32>, %w: tensor<2x1x2xf32>, %bias: tensor<2x1xf32>,
                              %res: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %e = tensor.empty() : tensor<1x2x3xf32>
  %0 = nn.conv ins(%x, %w : tensor<1x1x4xf32>, tensor<2x1x2xf32>) outs(%e : tensor<1x2x3xf32>)
    attributes {strides = array<i64: 1>, dilations = array<i64: 1>} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x2x3xf32>
  %1 = linalg.generic {indexing_maps = [#id, #channel, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%0, %bias, %res : tensor<1x2x3xf32>, tensor<2x1xf32>, tensor<1x2x3xf32>) outs(%e : tensor<1x2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %r: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %a, %b : f32
    %t = arith.addf %s, %r : f32
    %u = arith.maximumf %t, %zero : f32
    linalg.yield %u : f32
  } -> tensor<1x2x3xf32>
  return %1 : tensor<1x2x3xf32>
}

// A result that is used twice, and an operand that is broadcast along channels, stay.
// CHECK-LABEL: @not_fused
// CHECK-COUNT-2: linalg.generic
func.func @not_fused(%x: tensor<1x1x4xf32>, %w: tensor<2x1x2xf32>, %row: tensor<1x1x3xf32>)
    -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %e = tensor.empty() : tensor<1x2x3xf32>
  %0 = nn.conv ins(%x, %w : tensor<1x1x4xf32>, tensor<2x1x2xf32>) outs(%e : tensor<1x2x3xf32>)
    attributes {strides = array<i64: 1>, dilations = array<i64: 1>} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x2x3xf32>
  %1 = linalg.generic {indexing_maps = [#id, #flip, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%0, %row : tensor<1x2x3xf32>, tensor<1x1x3xf32>) outs(%e : tensor<1x2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x2x3xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%0 : tensor<1x2x3xf32>) outs(%e : tensor<1x2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<1x2x3xf32>
  return %1, %2 : tensor<1x2x3xf32>, tensor<1x2x3xf32>
}
