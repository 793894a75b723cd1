// nn.conv and nn.matmul against the same sums written as linalg, in all their
// forms; packed weights against plain ones.
// RUN: dlc-opt %s --dlc-interpret | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-pack-weights --dlc-interpret=mode=check | FileCheck %s --check-prefix=PACK

// Differences to linalg are exactly zero: the order of the sums is the same.
// CHECK-LABEL: @conv2d
// CHECK-NEXT: arith.constant dense<0.000000e+00> : tensor<2x4x3x2xf32>
func.func @conv2d(%x: tensor<2x3x8x5xf32>, %w: tensor<4x3x3x2xf32>, %i: tensor<2x4x3x2xf32>) -> tensor<2x4x3x2xf32> {
  %e = tensor.empty() : tensor<2x4x3x2xf32>
  %a = nn.conv ins(%x, %w : tensor<2x3x8x5xf32>, tensor<4x3x3x2xf32>) outs(%e : tensor<2x4x3x2xf32>)
      attributes {strides = array<i64: 2, 2>, dilations = array<i64: 1, 2>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<2x4x3x2xf32>
  %z = arith.constant 0.0 : f32
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x4x3x2xf32>) -> tensor<2x4x3x2xf32>
  %b = linalg.conv_2d_nchw_fchw {strides = dense<2> : tensor<2xi64>, dilations = dense<[1, 2]> : tensor<2xi64>}
      ins(%x, %w : tensor<2x3x8x5xf32>, tensor<4x3x3x2xf32>) outs(%f : tensor<2x4x3x2xf32>) -> tensor<2x4x3x2xf32>
  %d = arith.subf %a, %b : tensor<2x4x3x2xf32>
  return %d : tensor<2x4x3x2xf32>
}

// Groups, integers, an epilogue with a bias and a residual.
// CHECK-LABEL: @grouped
// CHECK-NEXT: arith.constant dense<{{\[\[\[}}16, 8], [112, 103]]]> : tensor<1x2x2xi32>
func.func @grouped() -> tensor<1x2x2xi32> {
  %x = arith.constant dense<[[[1, 2, 3], [4, 5, -6], [7, 8, 9], [1, 1, 1]]]> : tensor<1x4x3xi8>
  %w = arith.constant dense<[[[1, 0], [0, 1]], [[0, 1], [1, 0]]]> : tensor<2x2x2xi8>
  %bias = arith.constant dense<[10, 100]> : tensor<2xi32>
  %more = arith.constant dense<[[[0, 2], [3, -7]]]> : tensor<1x2x2xi32>
  %e = tensor.empty() : tensor<1x2x2xi32>
  %r = nn.conv ins(%x, %w : tensor<1x4x3xi8>, tensor<2x2x2xi8>) epilogue(%bias, %more : tensor<2xi32>, tensor<1x2x2xi32>)
      outs(%e : tensor<1x2x2xi32>) attributes {strides = array<i64: 1>, dilations = array<i64: 1>, group = 2 : i64} {
  ^bb0(%acc: i32, %b: i32, %m: i32):
    %s = arith.addi %acc, %b : i32
    %t = arith.addi %s, %m : i32
    nn.yield %t : i32
  } -> tensor<1x2x2xi32>
  return %r : tensor<1x2x2xi32>
}

// CHECK-LABEL: @batched
// CHECK-NEXT: arith.constant dense<0.000000e+00> : tensor<3x4x5xf64>
func.func @batched(%a: tensor<3x4x6xf64>, %b: tensor<3x6x5xf64>) -> tensor<3x4x5xf64> {
  %e = tensor.empty() : tensor<3x4x5xf64>
  %m = nn.matmul ins(%a, %b : tensor<3x4x6xf64>, tensor<3x6x5xf64>) outs(%e : tensor<3x4x5xf64>) {
  ^bb0(%acc: f64):
    nn.yield %acc : f64
  } -> tensor<3x4x5xf64>
  %z = arith.constant 0.0 : f64
  %f = linalg.fill ins(%z : f64) outs(%e : tensor<3x4x5xf64>) -> tensor<3x4x5xf64>
  %r = linalg.batch_matmul ins(%a, %b : tensor<3x4x6xf64>, tensor<3x6x5xf64>) outs(%f : tensor<3x4x5xf64>) -> tensor<3x4x5xf64>
  %d = arith.subf %m, %r : tensor<3x4x5xf64>
  return %d : tensor<3x4x5xf64>
}

// Packed weights: 5 channels a group in panels of 4, and 6 columns in panels of 4.
// PACK-LABEL: @packed
// PACK: nn.conv
// PACK-SAME: packed = 4
// PACK: nn.matmul
// PACK-SAME: packed = 4
func.func @packed(%x: tensor<1x4x3x4xf32>, %a: tensor<2x3xf32>) -> (tensor<1x3x3x10xf32>, tensor<2x6xf32>) {
  %w = arith.constant dense<"0x0000A0C000000040000000C00000A0400000803F000040C00000804000000000000080C000004040000080BF0000A0C000000040000000C00000A0400000803F000040C00000804000000000000080C000004040000080BF0000A0C000000040000000C00000A0400000803F000040C00000804000000000000080C000004040000080BF0000A0C000000040000000C00000A0400000803F000040C000008040"> : tensor<2x1x2x10xf32>
  %e = tensor.empty() : tensor<1x3x3x10xf32>
  %r = nn.conv ins(%x, %w : tensor<1x4x3x4xf32>, tensor<2x1x2x10xf32>) outs(%e : tensor<1x3x3x10xf32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 2 : i64, channels_last = true, kernel = #nn.kernel<kind = "gemm", rows = 2, columns = 4, lanes = 4>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x3x3x10xf32>
  %b = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0], [13.0, 14.0, 15.0, 16.0, 17.0, 18.0]]> : tensor<3x6xf32>
  %f = tensor.empty() : tensor<2x6xf32>
  %m = nn.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x6xf32>) outs(%f : tensor<2x6xf32>)
      attributes {kernel = #nn.kernel<kind = "gemm", rows = 2, columns = 4, lanes = 4>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<2x6xf32>
  return %r, %m : tensor<1x3x3x10xf32>, tensor<2x6xf32>
}
