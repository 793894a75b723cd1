// RUN: dlc-opt %s --dlc-collapse-loops --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-collapse-loops --convert-linalg-to-loops --fold-memref-alias-ops | FileCheck %s --check-prefix=LOOPS

#id = affine_map<(a, b, c) -> (a, b, c)>
#last = affine_map<(a, b, c) -> (c)>
#first = affine_map<(a, b, c) -> (a)>
#swap = affine_map<(a, b, c) -> (b, a, c)>

// One loop over everything; a scalar does not move.
// CHECK-LABEL: func.func @whole
// CHECK: %[[X:.*]] = memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [60], strides: [1]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel"]} ins(%[[X]], %{{.*}} : memref<60xf32, strided<[1]>>, f32)
// LOOPS-LABEL: func.func @whole
// LOOPS-COUNT-1: scf.for
// LOOPS-NOT: scf.for
// LOOPS-NOT: affine.delinearize
// LOOPS: return
func.func @whole(%x: memref<3x4x5xf32>, %s: f32, %y: memref<3x4x5xf32>) {
  linalg.generic {indexing_maps = [#id, affine_map<(a, b, c) -> ()>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %s : memref<3x4x5xf32>, f32) outs(%y : memref<3x4x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}
// A bias along the last dimension: the others merge. The loop that runs once disappears, also from
// an operand that lacks it.
// CHECK-LABEL: func.func @bias
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [8], strides: [1] : memref<1x8xf32> to memref<8xf32, strided<[1]>>
// CHECK: iterator_types = ["parallel", "parallel"]
// CHECK-SAME: memref<20x8xf32, strided<[8, 1]>>, memref<8xf32, strided<[1]>>
func.func @bias(%x: memref<1x4x5x8xf32>, %b: memref<1x8xf32>, %y: memref<1x4x5x8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (0, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %b : memref<1x4x5x8xf32>, memref<1x8xf32>) outs(%y : memref<1x4x5x8xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  }
  return
}
// Rows with a gap between them, at an offset: only what lies together merges.
// CHECK-LABEL: func.func @gap
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [7], sizes: [3, 20], strides: [32, 1]
// CHECK: iterator_types = ["parallel", "parallel"]
func.func @gap(%x: memref<3x4x5xf32, strided<[32, 5, 1], offset: 7>>, %y: memref<3x4x5xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : memref<3x4x5xf32, strided<[32, 5, 1], offset: 7>>) outs(%y : memref<3x4x5xf32>) {
  ^bb0(%a: f32, %c: f32):
    linalg.yield %a : f32
  }
  return
}
// A sum over the last two dimensions is a sum over one.
// CHECK-LABEL: func.func @sum
// CHECK: iterator_types = ["parallel", "reduction"]
func.func @sum(%x: memref<3x4x5xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id, #first], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x : memref<3x4x5xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%a: f32, %c: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  }
  return
}
// A transpose stays, and so does what asks for its place.
// CHECK-LABEL: func.func @kept
// CHECK-NOT: reinterpret_cast
// CHECK: return
func.func @kept(%x: memref<4x3x5xf32>, %y: memref<3x4x5xf32>, %z: memref<3x4x5xindex>) {
  linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : memref<4x3x5xf32>) outs(%y : memref<3x4x5xf32>) {
  ^bb0(%a: f32, %c: f32):
    linalg.yield %a : f32
  }
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel"]} outs(%z : memref<3x4x5xindex>) {
  ^bb0(%c: index):
    %i = linalg.index 1 : index
    linalg.yield %i : index
  }
  return
}
// CHECK-LABEL: func.func @fill
// CHECK: memref<60xf32, strided<[1]>>
func.func @fill(%y: memref<3x4x5xf32>, %v: f32) {
  linalg.fill ins(%v : f32) outs(%y : memref<3x4x5xf32>)
  return
}
