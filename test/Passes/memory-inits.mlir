// RUN: dlc-opt %s --dlc-reuse-operands --verify-each | FileCheck %s --check-prefix=REUSE
// RUN: dlc-opt %s --dlc-unshare-inits --verify-each | FileCheck %s --check-prefix=UNSHARE
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-reuse-operands --dlc-unshare-inits --dlc-interpret=mode=check -o /dev/null

#id = affine_map<(d0) -> (d0)>

// The second operation may write over the first one's result, not over the argument.
// REUSE-LABEL: @chain
// REUSE: %[[A:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<4xf32>) outs(%{{.*}} : tensor<4xf32>)
// REUSE: linalg.generic {{.*}} outs(%[[A]] : tensor<4xf32>)
// One filled tensor for each user.
// UNSHARE-LABEL: @chain
// UNSHARE-COUNT-2: tensor.empty
func.func @chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.mulf %a, %a : f32
    linalg.yield %n : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
