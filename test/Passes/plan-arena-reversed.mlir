// A chain of convolutions with padding in one place: each moves by a row and an element
// from its input, forwards and backwards in turn.
// RUN: dlc-opt %s --dlc-plan-arena --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-plan-arena --dlc-lower-contractions --canonicalize --verify-each | FileCheck %s --check-prefix=LOOPS

// 8 x 8 x 4 bytes, and one row and one position more: 256 + 32 + 4, aligned.
// CHECK: func.func @m_run(%arg0: memref<304xi8> {rt.arena}
// CHECK-SAME: rt.arena_bytes = 304 : i64, rt.arena_lower_bound_bytes = 304 : i64
// CHECK-COUNT-1: nn.reversed
// CHECK-NOT: nn.reversed
// The last element first.
// LOOPS: %[[SEVEN:.*]] = arith.constant 7 : index
// LOOPS: arith.subi %[[SEVEN]], %{{.*}} : index
func.func @m_run(%x: memref<1x8x8x4xi8>, %w: memref<3x3x1x4xi8>, %y: memref<1x8x8x4xi8>)
    attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<1x8x8x4xi8>
  %b = memref.alloc() : memref<1x8x8x4xi8>
  %c = memref.alloc() : memref<1x8x8x4xi8>
  linalg.copy ins(%x : memref<1x8x8x4xi8>) outs(%a : memref<1x8x8x4xi8>)
  nn.conv ins(%a, %w : memref<1x8x8x4xi8>, memref<3x3x1x4xi8>) outs(%b : memref<1x8x8x4xi8>)
      attributes {channels_last = true, dilations = array<i64: 1, 1>, group = 4 : i64,
                  pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} {
  ^bb0(%acc: i32):
    %0 = arith.trunci %acc : i32 to i8
    nn.yield %0 : i8
  }
  nn.conv ins(%b, %w : memref<1x8x8x4xi8>, memref<3x3x1x4xi8>) outs(%c : memref<1x8x8x4xi8>)
      attributes {channels_last = true, dilations = array<i64: 1, 1>, group = 4 : i64,
                  pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>} {
  ^bb0(%acc: i32):
    %0 = arith.trunci %acc : i32 to i8
    nn.yield %0 : i8
  }
  linalg.copy ins(%c : memref<1x8x8x4xi8>) outs(%y : memref<1x8x8x4xi8>)
  return
}
