// RUN: dlc-opt %s --dlc-lower-reshapes | FileCheck %s

// CHECK-LABEL: func.func @several
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1]] : tensor<?x4xf32> into tensor<?xf32>
// CHECK: tensor.expand_shape %[[FLAT]] {{\[\[}}0, 1, 2]] output_shape [%{{.*}}, 2, %{{.*}}] : tensor<?xf32> into tensor<?x2x?xf32>
func.func @several(%x: tensor<?x4xf32>, %n: index, %m: index) -> tensor<?x2x?xf32> {
  %c2 = arith.constant 2 : index
  %s = tensor.from_elements %n, %c2, %m : tensor<3xindex>
  %r = tensor.reshape %x(%s) : (tensor<?x4xf32>, tensor<3xindex>) -> tensor<?x2x?xf32>
  return %r : tensor<?x2x?xf32>
}

// CHECK-LABEL: func.func @scalar
// CHECK: tensor.cast %{{.*}} : tensor<?xf32> to tensor<1xf32>
// CHECK: tensor.collapse_shape %{{.*}} [] : tensor<1xf32> into tensor<f32>
func.func @scalar(%x: tensor<?xf32>) -> tensor<f32> {
  %s = tensor.empty() : tensor<0xindex>
  %r = tensor.reshape %x(%s) : (tensor<?xf32>, tensor<0xindex>) -> tensor<f32>
  return %r : tensor<f32>
}

// Nothing to carry over.
// CHECK-LABEL: func.func @none
// CHECK-SAME: , %[[N:[a-z0-9]*]]: index
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[N]]) : tensor<0x?xf32>
// CHECK: return %[[EMPTY]]
func.func @none(%x: tensor<0x7x?xf32>, %n: index) -> tensor<0x?xf32> {
  %c0 = arith.constant 0 : index
  %s = tensor.from_elements %c0, %n : tensor<2xindex>
  %r = tensor.reshape %x(%s) : (tensor<0x7x?xf32>, tensor<2xindex>) -> tensor<0x?xf32>
  return %r : tensor<0x?xf32>
}
