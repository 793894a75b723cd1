// RUN: dlc-opt %s -split-input-file -verify-diagnostics

func.func @conv_past_the_input(%x: tensor<1x3x4x4xf32>, %w: tensor<8x3x3x3xf32>, %init: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  // expected-error@+1 {{spatial dimension 0 reads past the input}}
  %r = nn.conv ins(%x, %w : tensor<1x3x4x4xf32>, tensor<8x3x3x3xf32>) outs(%init : tensor<1x8x4x4xf32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x8x4x4xf32>
  return %r : tensor<1x8x4x4xf32>
}

// -----

func.func @conv_groups(%x: tensor<1x4x4x4xf32>, %w: tensor<8x3x1x1xf32>, %init: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  // expected-error@+1 {{channels do not match groups}}
  %r = nn.conv ins(%x, %w : tensor<1x4x4x4xf32>, tensor<8x3x1x1xf32>) outs(%init : tensor<1x8x4x4xf32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 2 : i64} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x8x4x4xf32>
  return %r : tensor<1x8x4x4xf32>
}

// -----

func.func @matmul_rank(%a: tensor<3xf32>, %b: tensor<3x4xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{needs matrices, or equal batch ranks}}
  %r = nn.matmul ins(%a, %b : tensor<3xf32>, tensor<3x4xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<1x4x2xi8>, %w: tensor<2x2x2xi8>, %e: tensor<1x5x2xi32>) -> tensor<1x5x2xi32> {
  // expected-error@+1 {{pads has 1 elements, expected 2 (begins, then ends)}}
  %r = nn.conv ins(%x, %w : tensor<1x4x2xi8>, tensor<2x2x2xi8>) outs(%e : tensor<1x5x2xi32>)
      attributes {strides = array<i64: 1>, dilations = array<i64: 1>, channels_last = true, pads = array<i64: 2>} {
  ^bb0(%a: i32):
    nn.yield %a : i32
  } -> tensor<1x5x2xi32>
  return %r : tensor<1x5x2xi32>
}

// -----

func.func @f(%x: tensor<1x4x2xi8>, %w: tensor<2x2x2xi8>, %e: tensor<1x5x2xi32>) -> tensor<1x5x2xi32> {
  // expected-error@+1 {{pad_value has type 'f32', the input's elements have 'i8'}}
  %r = nn.conv ins(%x, %w : tensor<1x4x2xi8>, tensor<2x2x2xi8>) outs(%e : tensor<1x5x2xi32>)
      attributes {strides = array<i64: 1>, dilations = array<i64: 1>, channels_last = true, pads = array<i64: 1, 1>, pad_value = 1.0 : f32} {
  ^bb0(%a: i32):
    nn.yield %a : i32
  } -> tensor<1x5x2xi32>
  return %r : tensor<1x5x2xi32>
}

// -----

func.func @f(%x: memref<4x2xi8>, %w: memref<2x2xi8>, %e: memref<4x2xi32>, %s: memref<8xi32>) {
  // expected-error@+1 {{scratch is one dimension of i8 of known size}}
  nn.matmul ins(%x, %w : memref<4x2xi8>, memref<2x2xi8>) outs(%e : memref<4x2xi32>) scratch(%s : memref<8xi32>) {
  ^bb0(%a: i32):
    nn.yield %a : i32
  }
  return
}
