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
