// RUN: dlc-opt %s --dlc-fold-affine --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fold-affine --dlc-interpret=mode=check -o /dev/null

// BatchNormalization after a convolution: (x - mean) / sqrt(var + eps) * s + b.
// Channel 0: scale 2, offset 10 - 2 * 1; channel 1: scale 0.5, offset 20 - 0.5 * 4.
// CHECK-LABEL: @batch_norm
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[}}2.000000e+00, 4.000000e+00]], {{\[\[}}1.500000e+00, 2.000000e+00]]]> : tensor<2x1x2xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[8.000000e+00, 1.800000e+01]> : tensor<2xf32>
// CHECK: nn.conv ins(%{{.*}}, %[[W]] : {{.*}}) epilogue(%[[B]] : tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[ACC]], %[[BIAS]] : f32
// CHECK-NEXT: %[[R:.*]] = arith.maximumf %[[S]], %{{.*}} : f32
// CHECK-NEXT: nn.yield %[[R]] : f32
func.func @batch_norm(%x: tensor<1x1x4xf32>) -> tensor<1x2x3xf32> {
  %w = arith.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
  %mean = arith.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %var = arith.constant dense<[0.0, 3.75]> : tensor<2xf32>
  %s = arith.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %b = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %eps = arith.constant 0.25 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x3xf32>
  %r = nn.conv ins(%x, %w : tensor<1x1x4xf32>, tensor<2x1x2xf32>)
      epilogue(%mean, %var, %s, %b : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
      outs(%e : tensor<1x2x3xf32>) attributes {strides = array<i64: 1>, dilations = array<i64: 1>} {
  ^bb0(%acc: f32, %m: f32, %v: f32, %f: f32, %o: f32):
    %0 = arith.subf %acc, %m : f32
    %1 = arith.addf %v, %eps : f32
    %2 = math.rsqrt %1 : f32
    %3 = arith.mulf %2, %f : f32
    %4 = arith.mulf %0, %3 : f32
    %5 = arith.addf %4, %o : f32
    %6 = arith.maximumf %5, %zero : f32
    nn.yield %6 : f32
  } -> tensor<1x2x3xf32>
  return %r : tensor<1x2x3xf32>
}

// Channels last, a residual in between: only what comes before it is folded.
// CHECK-LABEL: @residual
// CHECK: arith.constant dense<{{\[\[\[}}3.000000e+00, -8.000000e+00]]]> : tensor<1x1x2xf32>
// CHECK: nn.conv {{.*}} epilogue(%{{.*}} : tensor<1x3x2xf32>)
// CHECK: arith.addf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: nn.yield
func.func @residual(%x: tensor<1x3x1xf32>, %y: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %w = arith.constant dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf32>
  %k = arith.constant dense<[3.0, -4.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x3x2xf32>
  %r = nn.conv ins(%x, %w : tensor<1x3x1xf32>, tensor<1x1x2xf32>) epilogue(%k, %y : tensor<2xf32>, tensor<1x3x2xf32>)
      outs(%e : tensor<1x3x2xf32>) attributes {strides = array<i64: 1>, dilations = array<i64: 1>, channels_last = true} {
  ^bb0(%acc: f32, %f: f32, %m: f32):
    %0 = arith.mulf %f, %acc : f32
    %1 = arith.addf %m, %0 : f32
    %2 = arith.mulf %1, %1 : f32
    nn.yield %2 : f32
  } -> tensor<1x3x2xf32>
  return %r : tensor<1x3x2xf32>
}

// Gemm: alpha * (a b) + beta * c, with a subtraction the other way round.
// CHECK-LABEL: @gemm
// CHECK-DAG: arith.constant dense<{{\[\[}}-2.000000e+00, -4.000000e+00], [-6.000000e+00, -8.000000e+00]]> : tensor<2x2xf64>
// CHECK-DAG: arith.constant dense<[5.000000e-01, 2.500000e+00]> : tensor<2xf64>
// CHECK: arith.addf
// CHECK-NEXT: nn.yield
func.func @gemm(%a: tensor<3x2xf64>) -> tensor<3x2xf64> {
  %b = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %c = arith.constant dense<[1.0, 5.0]> : tensor<2xf64>
  %alpha = arith.constant 2.0 : f64
  %beta = arith.constant 0.5 : f64
  %e = tensor.empty() : tensor<3x2xf64>
  %r = nn.matmul ins(%a, %b : tensor<3x2xf64>, tensor<2x2xf64>) epilogue(%c : tensor<2xf64>) outs(%e : tensor<3x2xf64>) {
  ^bb0(%acc: f64, %o: f64):
    %0 = arith.mulf %acc, %alpha : f64
    %1 = arith.mulf %o, %beta : f64
    %2 = arith.subf %1, %0 : f64
    nn.yield %2 : f64
  } -> tensor<3x2xf64>
  return %r : tensor<3x2xf64>
}

// Declined: weights that another contraction uses, an accumulator that is used
// twice (hard swish), scales that overflow, a mere bias.
// CHECK-LABEL: @declined
// CHECK-COUNT-4: arith.mulf
func.func @declined(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %u = arith.constant dense<[[1.0, 2.0], [3.0, 1.0e30]]> : tensor<2x2xf32>
  %v = arith.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32>
  %big = arith.constant 1.0e20 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %0 = nn.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%acc: f32):
    %p = arith.mulf %acc, %big : f32
    nn.yield %p : f32
  } -> tensor<1x2xf32>
  %1 = nn.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%acc: f32):
    %p = arith.mulf %acc, %big : f32
    nn.yield %p : f32
  } -> tensor<1x2xf32>
  %2 = nn.matmul ins(%x, %v : tensor<1x2xf32>, tensor<2x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%acc: f32):
    %p = arith.mulf %acc, %acc : f32
    nn.yield %p : f32
  } -> tensor<1x2xf32>
  %3 = nn.matmul ins(%x, %u : tensor<1x2xf32>, tensor<2x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%acc: f32):
    %p = arith.mulf %acc, %big : f32
    nn.yield %p : f32
  } -> tensor<1x2xf32>
  return %0, %1, %2, %3 : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}
