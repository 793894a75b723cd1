// RUN: dlc-opt %s --dlc-plan-arena --dlc-poison-arena --verify-each | FileCheck %s

// Before the first operation all but the input, after each one what nobody reads any
// more, at the end all but the output.
module attributes {rt.poison_arena, rt.io_arena} {
  // CHECK: func.func private @net_poison(%[[MEM:.*]]: memref<128xi8>, %[[BEGIN:.*]]: index, %[[END:.*]]: index)
  // CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
  // CHECK: arith.addi
  // CHECK: memref.store %{{.*}}, %[[MEM]][%[[I]]]
  // CHECK: func.func @net_run(%[[ARENA:.*]]: memref<128xi8>
  // CHECK: memref.view
  // CHECK-NOT: rt.is_input
  // CHECK: call @net_poison(%[[ARENA]], %{{.*}}, %{{.*}})
  // CHECK-NEXT: linalg.exp
  // CHECK: call @net_poison
  // CHECK-NEXT: linalg.exp
  // CHECK: call @net_poison
  // CHECK-NEXT: return
  func.func @net_run(%x: memref<16xf32>, %y: memref<16xf32>)
      attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
    %h = memref.alloc() : memref<16xf32>
    linalg.exp ins(%x : memref<16xf32>) outs(%h : memref<16xf32>)
    linalg.exp ins(%h : memref<16xf32>) outs(%y : memref<16xf32>)
    return
  }
}
