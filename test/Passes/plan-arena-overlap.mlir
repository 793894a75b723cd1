// Outputs that are written over inputs: computed from the order of the loops.
// RUN: dlc-opt %s --dlc-plan-arena --verify-each --split-input-file | FileCheck %s

#same = affine_map<(d0) -> (d0)>

// Element by element: the result takes the operand's place, and so does a copy of
// it, which is then none.
// CHECK-LABEL: func.func @elementwise_run(%arg0: memref<64xi8> {rt.arena}
// CHECK-SAME: rt.arena_bytes = 64 : i64, rt.arena_lower_bound_bytes = 64 : i64
// CHECK-NOT: memref.copy %view
func.func @elementwise_run(%x: memref<16xf32>, %y: memref<16xf32>) attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%a : memref<16xf32>) outs(%b : memref<16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %in : f32
    linalg.yield %0 : f32
  }
  memref.copy %b, %c : memref<16xf32> to memref<16xf32>
  linalg.exp ins(%c : memref<16xf32>) outs(%y : memref<16xf32>)
  return
}

// -----

#same = affine_map<(d0) -> (d0)>

// Widening i8 -> i32: the last element may be written when it was read, 3 bytes a
// round earlier for each one before it. The input ends where the output does.
// CHECK-LABEL: func.func @widen_run(%arg0: memref<1024xi8> {rt.arena}
// CHECK: %[[IN:.*]] = arith.constant 768 : index
// CHECK: memref.view %arg0[%[[IN]]][] : memref<1024xi8> to memref<256xi8>
// CHECK: %[[OUT:.*]] = arith.constant 0 : index
// CHECK: memref.view %arg0[%[[OUT]]][] : memref<1024xi8> to memref<256xi32>
func.func @widen_run(%x: memref<256xi8>, %y: memref<256xi32>) attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<256xi8>
  %b = memref.alloc() : memref<256xi32>
  linalg.copy ins(%x : memref<256xi8>) outs(%a : memref<256xi8>)
  linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%a : memref<256xi8>) outs(%b : memref<256xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    linalg.yield %0 : i32
  }
  linalg.copy ins(%b : memref<256xi32>) outs(%y : memref<256xi32>)
  return
}

// -----

#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d1, d0)>

// A transpose has written to the last row when only its first row was read: the
// input starts 196 bytes behind the output, or 208 with alignment.
// CHECK-LABEL: func.func @transpose_run(%arg0: memref<464xi8> {rt.arena}
func.func @transpose_run(%x: memref<8x8xf32>, %y: memref<8x8xf32>) attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<8x8xf32>
  %b = memref.alloc() : memref<8x8xf32>
  linalg.copy ins(%x : memref<8x8xf32>) outs(%a : memref<8x8xf32>)
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<8x8xf32>) outs(%b : memref<8x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  linalg.copy ins(%b : memref<8x8xf32>) outs(%y : memref<8x8xf32>)
  return
}

// -----

#same = affine_map<(d0) -> (d0)>

// Not when the input is read once more, later or by the same operation.
// CHECK-LABEL: func.func @later_run(%arg0: memref<128xi8> {rt.arena}
func.func @later_run(%x: memref<16xf32>, %y: memref<16xf32>) attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%a : memref<16xf32>) outs(%b : memref<16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %in : f32
    linalg.yield %0 : f32
  }
  linalg.add ins(%a, %b : memref<16xf32>, memref<16xf32>) outs(%y : memref<16xf32>)
  return
}

// -----

// A residual operand is read right before its place is written.
// CHECK-LABEL: func.func @residual_run(%arg0: memref<128xi8> {rt.arena}
func.func @residual_run(%x: memref<4x4xf32>, %w: memref<4x4xf32>, %y: memref<4x4xf32>)
    attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<4x4xf32>
  %skip = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf32>
  linalg.exp ins(%x : memref<4x4xf32>) outs(%a : memref<4x4xf32>)
  linalg.exp ins(%x : memref<4x4xf32>) outs(%skip : memref<4x4xf32>)
  nn.matmul ins(%a, %w : memref<4x4xf32>, memref<4x4xf32>) epilogue(%skip : memref<4x4xf32>)
      outs(%b : memref<4x4xf32>) {
  ^bb0(%acc: f32, %s: f32):
    %0 = arith.addf %acc, %s : f32
    nn.yield %0 : f32
  }
  linalg.exp ins(%b : memref<4x4xf32>) outs(%y : memref<4x4xf32>)
  return
}

// -----

// Only the shape of a window is looked at: it takes no memory.
#in = affine_map<(d0, d1) -> (d0 * 2 + d1)>
#window = affine_map<(d0, d1) -> (d1)>
#result = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @window_run(%arg0: memref<16xi8> {rt.arena}
func.func @window_run(%x: memref<8xf32>, %y: memref<4xf32>) attributes {rt.inputs = []} {
  %cst = arith.constant 0.0 : f32
  %w = memref.alloc() : memref<2xf32>
  %s = memref.alloc() : memref<4xf32>
  linalg.fill ins(%cst : f32) outs(%s : memref<4xf32>)
  linalg.generic {indexing_maps = [#in, #window, #result], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : memref<8xf32>, memref<2xf32>) outs(%s : memref<4xf32>) {
  ^bb0(%in: f32, %unused: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  }
  linalg.exp ins(%s : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}
