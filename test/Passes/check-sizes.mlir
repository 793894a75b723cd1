// RUN: dlc-opt %s --dlc-check-sizes --split-input-file | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// Two inputs of one loop: equal, or the model ends.
// CHECK-LABEL: func.func @differ
// CHECK: %[[SAME:.*]] = arith.cmpi eq
// CHECK: cf.assert %[[SAME]], "DLC_ERR_DIMS"
// CHECK: linalg.generic
func.func @differ(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> attributes {rt.inputs = []} {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%y : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// One value is one size.
// CHECK-LABEL: func.func @equal
// CHECK-NOT: cf.assert
func.func @equal(%x: tensor<?xf32>) -> tensor<?xf32> attributes {rt.inputs = []} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// A slice lies inside.
// CHECK-LABEL: func.func @slice
// CHECK: arith.addi
// CHECK: arith.cmpi ule
// CHECK: cf.assert
func.func @slice(%x: tensor<?xf32>, %at: tensor<index>) -> tensor<4xf32> attributes {rt.inputs = []} {
  %o = tensor.extract %at[] : tensor<index>
  %s = tensor.extract_slice %x[%o] [4] [1] : tensor<?xf32> to tensor<4xf32>
  return %s : tensor<4xf32>
}
