// Buffers spread over two memories: what is read most goes to the first.
// RUN: dlc-opt %s --dlc-plan-arena --verify-each --split-input-file --verify-diagnostics | FileCheck %s

#row = affine_map<(d0, d1) -> (d1)>
#all = affine_map<(d0, d1) -> (d0, d1)>

module attributes {rt.memories = [{name = "dtcm", bytes = 64 : i64}, {name = "sram", bytes = 4096 : i64}]} {
  // CHECK: func.func @net_run(%[[DTCM:.*]]: memref<64xi8> {rt.arena = "dtcm"}, %[[SRAM:.*]]: memref<1024xi8> {rt.arena = "sram"}, %{{.*}}: memref<16xf32>, %{{.*}}: memref<16x16xf32>)
  // CHECK-SAME: rt.arena_bytes = 1088 : i64
  // CHECK: memref.view %[[DTCM]][%{{.*}}][] : memref<64xi8> to memref<16xf32>
  // CHECK: memref.view %[[SRAM]][%{{.*}}][] : memref<1024xi8> to memref<16x16xf32>
  func.func @net_run(%x: memref<16xf32>, %y: memref<16x16xf32>)
      attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
    %row = memref.alloc() : memref<16xf32>
    %all = memref.alloc() : memref<16x16xf32>
    linalg.exp ins(%x : memref<16xf32>) outs(%row : memref<16xf32>)
    linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%row : memref<16xf32>) outs(%all : memref<16x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
    linalg.exp ins(%all : memref<16x16xf32>) outs(%y : memref<16x16xf32>)
    return
  }
}

// -----

module attributes {rt.memories = [{name = "dtcm", bytes = 32 : i64}, {name = "sram", bytes = 48 : i64}]} {
  // expected-error @+1 {{the model needs 64 bytes of memory 'sram', which has 48; 64 bytes are the least in all memories}}
  func.func @net_run(%x: memref<16xf32>, %y: memref<16xf32>)
      attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
    %a = memref.alloc() : memref<16xf32>
    linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
    linalg.exp ins(%a : memref<16xf32>) outs(%y : memref<16xf32>)
    return
  }
}
