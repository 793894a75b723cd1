// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-split-sums --dlc-interpret=mode=check --verify-each -o /dev/null
// RUN: dlc-opt %s --dlc-split-sums --verify-each | FileCheck %s

#id3 = affine_map<(a, b, c) -> (a, b, c)>

// Rows first, then the rows; what is done to each number stays with it.
// CHECK-LABEL: func.func @image
// CHECK: %[[ROWS:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<2x40x32xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[ROWS]] : tensor<2x40x32xf32>) outs(%{{.*}} : tensor<2x40xf32>)
func.func @image(%x: tensor<2x32x40x24xf32>, %init: tensor<2x40xf32>) -> tensor<2x40xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(n, h, c, w) -> (n, h, c, w)>, affine_map<(n, h, c, w) -> (n, c)>],
      iterator_types = ["parallel", "reduction", "parallel", "reduction"]} ins(%x : tensor<2x32x40x24xf32>) outs(%init : tensor<2x40xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %1 = arith.mulf %a, %a : f32
    %2 = arith.addf %acc, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x40xf32>
  return %0 : tensor<2x40xf32>
}

// One long row.
// CHECK-LABEL: func.func @row
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<3x40xf32>)
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<3xf32>)
func.func @row(%x: tensor<3x2000xf32>, %init: tensor<3xf32>) -> tensor<3xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x2000xf32>) outs(%init : tensor<3xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %2 = arith.addf %acc, %a : f32
    linalg.yield %2 : f32
  } -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// Everything: the sum of the rows' sums is long again.
// CHECK-LABEL: func.func @everything
// CHECK: outs(%{{.*}} : tensor<40x30xf32>)
// CHECK: outs(%{{.*}} : tensor<40xf32>)
// CHECK: outs(%{{.*}} : tensor<f32>)
func.func @everything(%x: tensor<40x30x10xf32>, %init: tensor<f32>) -> tensor<f32> {
  %0 = linalg.generic {indexing_maps = [#id3, affine_map<(a, b, c) -> ()>],
      iterator_types = ["reduction", "reduction", "reduction"]} ins(%x : tensor<40x30x10xf32>) outs(%init : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %2 = arith.addf %a, %acc : f32
    linalg.yield %2 : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// Left alone: short sums, a prime length, products, the largest, f64.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-5: linalg.generic
// CHECK-NOT: linalg.generic
func.func @others(%s: tensor<16x16xf32>, %p: tensor<1009xf32>, %x: tensor<4x800xf32>, %y: tensor<800x4xf32>,
    %d: tensor<100x100xf64>, %i: tensor<f32>, %i2: tensor<4x4xf32>, %i64: tensor<f64>)
    -> (tensor<f32>, tensor<f32>, tensor<4x4xf32>, tensor<f32>, tensor<f64>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> ()>],
      iterator_types = ["reduction", "reduction"]} ins(%s : tensor<16x16xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %5 = arith.addf %a, %acc : f32
    linalg.yield %5 : f32
  } -> tensor<f32>
  %1 = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> ()>],
      iterator_types = ["reduction"]} ins(%p : tensor<1009xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %5 = arith.addf %a, %acc : f32
    linalg.yield %5 : f32
  } -> tensor<f32>
  %2 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %y : tensor<4x800xf32>, tensor<800x4xf32>) outs(%i2 : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %5 = arith.mulf %a, %b : f32
    %6 = arith.addf %5, %acc : f32
    linalg.yield %6 : f32
  } -> tensor<4x4xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> ()>],
      iterator_types = ["reduction", "reduction"]} ins(%x : tensor<4x800xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %5 = arith.maximumf %a, %acc : f32
    linalg.yield %5 : f32
  } -> tensor<f32>
  %4 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> ()>],
      iterator_types = ["reduction", "reduction"]} ins(%d : tensor<100x100xf64>) outs(%i64 : tensor<f64>) {
  ^bb0(%a: f64, %acc: f64):
    %5 = arith.addf %a, %acc : f64
    linalg.yield %5 : f64
  } -> tensor<f64>
  return %0, %1, %2, %3, %4 : tensor<f32>, tensor<f32>, tensor<4x4xf32>, tensor<f32>, tensor<f64>
}
