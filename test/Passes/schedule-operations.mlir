// RUN: dlc-opt %s --dlc-schedule-operations --verify-each --split-input-file | FileCheck %s

// Two branches that begin large and end small: one after the other, with what
// belongs to an operation (its empty tensor, a constant) beside it.
#in = affine_map<(d0, d1) -> (d0, d1)>
#sum = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @branches
// CHECK: %[[A:.*]] = linalg.exp {{.*}} -> tensor<4x256xf32>
// CHECK: linalg.generic {{.*}} ins(%[[A]] : tensor<4x256xf32>)
// CHECK: %[[B:.*]] = linalg.abs {{.*}} -> tensor<4x256xf32>
// CHECK: linalg.generic {{.*}} ins(%[[B]] : tensor<4x256xf32>)
// CHECK: linalg.add
func.func @branches(%x: tensor<4x256xf32>) -> tensor<4xf32>
    attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %e = tensor.empty() : tensor<4x256xf32>
  %s = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4x256xf32>) outs(%e : tensor<4x256xf32>) -> tensor<4x256xf32>
  %b = linalg.abs ins(%x : tensor<4x256xf32>) outs(%e : tensor<4x256xf32>) -> tensor<4x256xf32>
  %c = linalg.generic {indexing_maps = [#in, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%a : tensor<4x256xf32>) outs(%zero : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %d = linalg.generic {indexing_maps = [#in, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%b : tensor<4x256xf32>) outs(%zero : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %r = linalg.add ins(%c, %d : tensor<4xf32>, tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Nothing to gain: the order stays as it is.
// CHECK-LABEL: func.func @chain
// CHECK: linalg.exp
// CHECK-NEXT: linalg.abs
// CHECK-NEXT: return
func.func @chain(%x: tensor<64xf32>) -> tensor<64xf32>
    attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.exp ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %b = linalg.abs ins(%a : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %b : tensor<64xf32>
}

// -----

// What reads in a region counts as an operand.
// CHECK-LABEL: func.func @captured
// CHECK: %[[A:.*]] = linalg.exp
// CHECK: tensor.generate
// CHECK: tensor.extract %[[A]]
// CHECK: %[[B:.*]] = linalg.abs
// CHECK: tensor.generate
// CHECK: tensor.extract %[[B]]
func.func @captured(%x: tensor<1024xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}, {name = "z"}]} {
  %e = tensor.empty() : tensor<1024xf32>
  %a = linalg.exp ins(%x : tensor<1024xf32>) outs(%e : tensor<1024xf32>) -> tensor<1024xf32>
  %b = linalg.abs ins(%x : tensor<1024xf32>) outs(%e : tensor<1024xf32>) -> tensor<1024xf32>
  %c = tensor.generate {
  ^bb0(%i: index):
    %v = tensor.extract %a[%i] : tensor<1024xf32>
    tensor.yield %v : f32
  } : tensor<4xf32>
  %d = tensor.generate {
  ^bb0(%i: index):
    %v = tensor.extract %b[%i] : tensor<1024xf32>
    tensor.yield %v : f32
  } : tensor<4xf32>
  return %c, %d : tensor<4xf32>, tensor<4xf32>
}
