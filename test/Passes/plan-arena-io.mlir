// Inputs and outputs in the arena: what is alive at the same time is disjoint, the
// output takes the place of the input that is dead by then.
// RUN: dlc-opt %s --dlc-plan-arena | FileCheck %s

module attributes {rt.io_arena} {
  // CHECK: func.func @net_run(%[[ARENA:.*]]: memref<128xi8> {rt.arena})
  // CHECK-SAME: rt.arena_bytes = 128 : i64
  // CHECK-SAME: rt.inputs = [{arena_offset = [[X:[0-9]+]] : i64, buffer = memref<16xf32>, name = "x"}]
  // CHECK-SAME: rt.outputs = [{arena_offset = [[X]] : i64, buffer = memref<16xf32>, name = "y"}]
  // CHECK-COUNT-3: memref.view %[[ARENA]]
  func.func @net_run(%x: memref<16xf32>, %y: memref<16xf32>)
      attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
    %h = memref.alloc() : memref<16xf32>
    linalg.exp ins(%x : memref<16xf32>) outs(%h : memref<16xf32>)
    linalg.exp ins(%h : memref<16xf32>) outs(%y : memref<16xf32>)
    return
  }
}
