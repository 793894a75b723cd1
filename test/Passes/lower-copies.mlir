// RUN: dlc-opt %s --dlc-lower-copies | FileCheck %s

// CHECK-NOT: @lowest
// CHECK: memref.global "private" constant @table
memref.global "private" constant @lowest : memref<4x4xf32> = dense<0xFF800000>
memref.global "private" constant @table : memref<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
memref.global "private" constant @shared : memref<4xf32> = dense<2.0>

// Equal elements are filled in; what is read elsewhere, too, stays.
// CHECK-LABEL: func @splat
// CHECK: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: linalg.fill ins(%[[LOWEST]] : f32) outs(%{{.*}} : memref<4x4xf32>)
// CHECK: memref.get_global @shared
// CHECK: linalg.fill
func.func @splat(%a: memref<4x4xf32>, %b: memref<4xf32>) -> memref<4xf32> {
  %0 = memref.get_global @lowest : memref<4x4xf32>
  memref.copy %0, %a : memref<4x4xf32> to memref<4x4xf32>
  %1 = memref.get_global @shared : memref<4xf32>
  memref.copy %1, %b : memref<4xf32> to memref<4xf32>
  return %1 : memref<4xf32>
}

// CHECK-LABEL: func @dense
// CHECK: memref.copy
func.func @dense(%a: memref<4xf32>) {
  %0 = memref.get_global @table : memref<4xf32>
  memref.copy %0, %a : memref<4xf32> to memref<4xf32>
  return
}

// CHECK-LABEL: func @strided
// CHECK-NOT: memref.copy
// CHECK: scf.for
// CHECK: memref.store
func.func @strided(%a: memref<2x2xf32>, %b: memref<2x2xf32, strided<[4, 1]>>) {
  memref.copy %a, %b : memref<2x2xf32> to memref<2x2xf32, strided<[4, 1]>>
  return
}
