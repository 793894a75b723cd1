// RUN: dlc-opt %s --dlc-outline-layers | FileCheck %s

// A layer states its multiplications: 1*4*6*6 outputs of 2*3*3 products each, and none for a copy.
// CHECK: func.func private @m_layer_0
// CHECK-SAME: macs = 2592 : i64
// CHECK: func.func private @m_layer_1
// CHECK-SAME: macs = 0 : i64
// CHECK: func.func @m_run
// CHECK: call @m_layer_0
// CHECK: call @m_layer_1
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<2048xi8> {rt.arena}, %x: memref<1x2x8x8xf32>, %w: memref<4x2x3x3xf32>, %y: memref<1x4x6x6xf32>)
      attributes {rt.arena_bytes = 2048 : i64} {
    %c0 = arith.constant 0 : index
    %t = memref.view %arena[%c0][] : memref<2048xi8> to memref<1x4x6x6xf32>
    nn.conv ins(%x, %w : memref<1x2x8x8xf32>, memref<4x2x3x3xf32>) outs(%t : memref<1x4x6x6xf32>)
        attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
    ^bb0(%acc: f32):
      nn.yield %acc : f32
    } loc("a")
    memref.copy %t, %y : memref<1x4x6x6xf32> to memref<1x4x6x6xf32> loc("b")
    return
  }
}
