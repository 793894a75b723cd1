// Chains that do not run row by row.
// RUN: dlc-opt %s --dlc-fuse-rows --split-input-file --verify-diagnostics

#t = affine_map<(n, h, w) -> (n, w, h)>
#id = affine_map<(n, h, w) -> (n, h, w)>
func.func @transposed(%x: tensor<1x4x4xf32>) -> tensor<1x4x4xf32> {
  %e = tensor.empty() : tensor<1x4x4xf32>
  // expected-error @below {{operations of chain 3 do not run row by row}}
  %r = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x4xf32>) outs(%e : tensor<1x4x4xf32>) attrs = {rt.bands = array<i64: 3, 1>} {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<1x4x4xf32>
  return %r : tensor<1x4x4xf32>
}

// -----

#id = affine_map<(n, h, w) -> (n, h, w)>
func.func @attribute(%x: tensor<1x4x4xf32>) -> tensor<1x4x4xf32> {
  %e = tensor.empty() : tensor<1x4x4xf32>
  // expected-error @below {{rt.bands has 1 elements, expected a chain and a height}}
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x4xf32>) outs(%e : tensor<1x4x4xf32>) attrs = {rt.bands = array<i64: 3>} {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<1x4x4xf32>
  return %r : tensor<1x4x4xf32>
}
