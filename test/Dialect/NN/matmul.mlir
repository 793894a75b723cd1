// RUN: dlc-opt %s | dlc-opt | FileCheck %s

// CHECK-LABEL: func.func @relu_epilogue
func.func @relu_epilogue(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %bias: tensor<4xf32>,
                         %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // CHECK: nn.matmul ins(%{{.*}}, %{{.*}} : tensor<2x3xf32>, tensor<3x4xf32>) epilogue(%{{.*}} : tensor<4xf32>)
  // CHECK: ^bb0(%[[ACC:.*]]: f32, %[[BIAS:.*]]: f32):
  // CHECK: nn.yield %{{.*}} : f32
  %r = nn.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>)
      epilogue(%bias : tensor<4xf32>) outs(%init : tensor<2x4xf32>) {
  ^bb0(%acc: f32, %c: f32):
    %zero = arith.constant 0.0 : f32
    %sum = arith.addf %acc, %c : f32
    %relu = arith.maximumf %sum, %zero : f32
    nn.yield %relu : f32
  } -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// One side may know a size that the other does not.
// CHECK-LABEL: func.func @epilogue_of_dynamic_size
func.func @epilogue_of_dynamic_size(%a: tensor<2x3xf32>, %b: tensor<3x?xf32>, %bias: tensor<4xf32>,
                                    %init: tensor<2x?xf32>) -> tensor<2x?xf32> {
  // CHECK: epilogue(%{{.*}} : tensor<4xf32>)
  %r = nn.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x?xf32>)
      epilogue(%bias : tensor<4xf32>) outs(%init : tensor<2x?xf32>) {
  ^bb0(%acc: f32, %c: f32):
    %sum = arith.addf %acc, %c : f32
    nn.yield %sum : f32
  } -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}
