// RUN: dlc-opt %s --dlc-flatten-slices --split-input-file | FileCheck %s

// Rows of a buffer are a view of the arena.
// CHECK-LABEL: func.func @rows
// CHECK: %[[AT:.*]] = arith.constant 2112 : index
// CHECK: %[[ROW:.*]] = memref.view %{{.*}}[%[[AT]]][] {{.*}}: memref<8192xi8> to memref<1x33x16xf32>
// CHECK: memref.copy %[[ROW]]
func.func @rows(%arena: memref<8192xi8> {rt.arena}, %y: memref<1x33x16xf32>) attributes {rt.arena_bytes = 8192 : i64} {
  %c0 = arith.constant 0 : index
  %x = memref.view %arena[%c0][] : memref<8192xi8> to memref<2x33x16xf32>
  %r = memref.subview %x[1, 0, 0] [1, 33, 16] [1, 1, 1] : memref<2x33x16xf32> to memref<1x33x16xf32, strided<[528, 16, 1], offset: 528>>
  memref.copy %r, %y : memref<1x33x16xf32, strided<[528, 16, 1], offset: 528>> to memref<1x33x16xf32>
  return
}

// -----

// Channels of these rows are no view of the arena, and their type tells the rows' offset.
// CHECK-LABEL: func.func @channels
// CHECK: memref.subview {{.*}} to memref<1x33x16xf32, strided<[528, 16, 1], offset: 528>>
// CHECK: memref.subview {{.*}} to memref<1x33x8xf32, strided<[528, 16, 1], offset: 528>>
func.func @channels(%arena: memref<8192xi8> {rt.arena}, %y: memref<1x33x8xf32>) attributes {rt.arena_bytes = 8192 : i64} {
  %c0 = arith.constant 0 : index
  %x = memref.view %arena[%c0][] : memref<8192xi8> to memref<2x33x16xf32>
  %r = memref.subview %x[1, 0, 0] [1, 33, 16] [1, 1, 1] : memref<2x33x16xf32> to memref<1x33x16xf32, strided<[528, 16, 1], offset: 528>>
  %c = memref.subview %r[0, 0, 0] [1, 33, 8] [1, 1, 1] : memref<1x33x16xf32, strided<[528, 16, 1], offset: 528>> to memref<1x33x8xf32, strided<[528, 16, 1], offset: 528>>
  memref.copy %c, %y : memref<1x33x8xf32, strided<[528, 16, 1], offset: 528>> to memref<1x33x8xf32>
  return
}
