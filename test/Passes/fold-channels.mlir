// RUN: dlc-opt %s --dlc-fold-channels --canonicalize --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fold-channels --dlc-interpret=mode=check -o /dev/null

// Of eight channels between the layers, 1 and 5 have no weights (constants 3 and
// -2), the readers of 6 and 7 are zero: four remain, and the sums of the second
// layer start with what the constants add.
// CHECK-LABEL: @chain
// CHECK: nn.matmul ins(%{{.*}}, %{{.*}} : tensor<2x4xi8>, tensor<4x4xi8>) {{.*}} outs(%{{.*}} : tensor<2x4xi8>)
// CHECK: nn.matmul ins(%{{.*}}, %{{.*}} : tensor<2x4xi8>, tensor<4x3xi8>) {{.*}} outs(%{{.*}} : tensor<2x3xi8>)
func.func @chain(%x: tensor<2x4xi8>) -> tensor<2x3xi8> {
  %w = arith.constant dense<[[1, 0, -3, 4, 9, 0, 1, 2], [5, 0, 7, -8, 1, 0, 3, 4],
                             [2, 0, 2, 2, -2, 0, 5, 6], [-1, 0, 1, 1, 1, 0, 7, 8]]> : tensor<4x8xi8>
  %b = arith.constant dense<[0, 768, 5, -9, 100, -512, 7, 8]> : tensor<8xi32>
  %v = arith.constant dense<[[1, 2, 3], [4, 5, 6], [-7, 8, 9], [1, 1, 1], [2, -2, 2], [7, 3, 1],
                             [0, 0, 0], [0, 0, 0]]> : tensor<8x3xi8>
  %c = arith.constant dense<[10, -20, 30]> : tensor<3xi32>
  %e = tensor.empty() : tensor<2x8xi8>
  %0 = nn.matmul ins(%x, %w : tensor<2x4xi8>, tensor<4x8xi8>) epilogue(%b : tensor<8xi32>) outs(%e : tensor<2x8xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<2x8xi8>
  %f = tensor.empty() : tensor<2x3xi8>
  %1 = nn.matmul ins(%0, %v : tensor<2x8xi8>, tensor<8x3xi8>) epilogue(%c : tensor<3xi32>) outs(%f : tensor<2x3xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<2x3xi8>
  return %1 : tensor<2x3xi8>
}

// Through a padding with the constant and a depthwise convolution; the channel
// with another constant (channel 2: 1) is padded with 0 and stays.
// CHECK-LABEL: @depthwise
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x2x2x4xi8>)
// CHECK: tensor.pad {{.*}}
// CHECK: tensor<1x2x2x4xi8> to tensor<1x4x4x4xi8>
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x2x2x4xi8>) attributes {{.*}}group = 4
// CHECK: nn.conv {{.*}} tensor<1x1x4x2xi8>
func.func @depthwise(%x: tensor<1x2x2x1xi8>) -> tensor<1x2x2x2xi8> {
  %w = arith.constant dense<[[[[1, 0, 0, 4, 9, 0]]]]> : tensor<1x1x1x6xi8>
  %b = arith.constant dense<[0, 0, 256, -9, 100, 0]> : tensor<6xi32>
  %d = arith.constant dense<3> : tensor<3x3x1x6xi8>
  %v = arith.constant dense<[[[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [-1, 3]]]]> : tensor<1x1x6x2xi8>
  %zero = arith.constant 0 : i8
  %e = tensor.empty() : tensor<1x2x2x6xi8>
  %0 = nn.conv ins(%x, %w : tensor<1x2x2x1xi8>, tensor<1x1x1x6xi8>) epilogue(%b : tensor<6xi32>)
    outs(%e : tensor<1x2x2x6xi8>) attributes {channels_last = true, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x2x2x6xi8>
  %p = tensor.pad %0 low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : i8
  } : tensor<1x2x2x6xi8> to tensor<1x4x4x6xi8>
  %1 = nn.conv ins(%p, %d : tensor<1x4x4x6xi8>, tensor<3x3x1x6xi8>) epilogue(%b : tensor<6xi32>)
    outs(%e : tensor<1x2x2x6xi8>) attributes {channels_last = true, group = 6 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x2x2x6xi8>
  %f = tensor.empty() : tensor<1x2x2x2xi8>
  %2 = nn.conv ins(%1, %v : tensor<1x2x2x6xi8>, tensor<1x1x6x2xi8>)
    outs(%f : tensor<1x2x2x2xi8>) attributes {channels_last = true, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: i32):
    %s = arith.addi %acc, %acc : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x2x2x2xi8>
  return %2 : tensor<1x2x2x2xi8>
}

// Through sums over a window and what works on every element: channels 1 and 2 are 0 and
// 1 (256 >> 8) everywhere, their sums 0 and 4, their results 0 and 8, which the last
// contraction adds once and for all.
// CHECK-LABEL: @pool
// CHECK: nn.conv {{.*}} outs(%{{.*}} : tensor<1x2x2x4xi8>)
// CHECK: linalg.generic {{.*}} ins({{.*}} : tensor<1x2x2x4xi8>, tensor<2x2xf32>) outs({{.*}} : tensor<1x1x1x4xi32>)
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x1x1x4xi8>)
// CHECK: nn.conv ins({{.*}} : tensor<1x1x1x4xi8>, tensor<1x1x4x2xi8>) epilogue({{.*}} : tensor<2xi32>)
#pool = affine_map<(n, y, x, i, j, c) -> (n, y + i, x + j, c)>
#window = affine_map<(n, y, x, i, j, c) -> (i, j)>
#pooled = affine_map<(n, y, x, i, j, c) -> (n, y, x, c)>
#all = affine_map<(n, y, x, c) -> (n, y, x, c)>
func.func @pool(%x: tensor<1x2x2x1xi8>) -> tensor<1x1x1x2xi32> {
  %w = arith.constant dense<[[[[1, 0, 0, 4, 9, 5]]]]> : tensor<1x1x1x6xi8>
  %b = arith.constant dense<[0, 0, 256, -9, 100, 0]> : tensor<6xi32>
  %v = arith.constant dense<[[[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [-1, 3]]]]> : tensor<1x1x6x2xi8>
  %e = tensor.empty() : tensor<1x2x2x6xi8>
  %0 = nn.conv ins(%x, %w : tensor<1x2x2x1xi8>, tensor<1x1x1x6xi8>) epilogue(%b : tensor<6xi32>)
    outs(%e : tensor<1x2x2x6xi8>) attributes {channels_last = true, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %eight = arith.constant 8 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %r = arith.shrsi %s, %eight : i32
    %m = arith.maxsi %r, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x2x2x6xi8>
  %zeros = arith.constant dense<0> : tensor<1x1x1x6xi32>
  %k = tensor.empty() : tensor<2x2xf32>
  %1 = linalg.generic {indexing_maps = [#pool, #window, #pooled],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]}
    ins(%0, %k : tensor<1x2x2x6xi8>, tensor<2x2xf32>) outs(%zeros : tensor<1x1x1x6xi32>) {
  ^bb0(%in: i8, %unused: f32, %out: i32):
    %wide = arith.extsi %in : i8 to i32
    %sum = arith.addi %wide, %out : i32
    linalg.yield %sum : i32
  } -> tensor<1x1x1x6xi32>
  %f = tensor.empty() : tensor<1x1x1x6xi8>
  %2 = linalg.generic {indexing_maps = [#all, #all],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%1 : tensor<1x1x1x6xi32>) outs(%f : tensor<1x1x1x6xi8>) {
  ^bb0(%in: i32, %out: i8):
    %one = arith.constant 1 : i32
    %lo = arith.constant -128 : i32
    %hi = arith.constant 127 : i32
    %twice = arith.shli %in, %one : i32
    %m = arith.maxsi %twice, %lo : i32
    %n = arith.minsi %m, %hi : i32
    %q = arith.trunci %n : i32 to i8
    linalg.yield %q : i8
  } -> tensor<1x1x1x6xi8>
  %g = tensor.empty() : tensor<1x1x1x2xi32>
  %3 = nn.conv ins(%2, %v : tensor<1x1x1x6xi8>, tensor<1x1x6x2xi8>)
    outs(%g : tensor<1x1x1x2xi32>) attributes {channels_last = true, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x1x1x2xi32>
  return %3 : tensor<1x1x1x2xi32>
}
