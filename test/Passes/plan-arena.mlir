// RUN: dlc-opt %s --dlc-plan-arena --verify-each --split-input-file --verify-diagnostics | FileCheck %s

// Three buffers in a chain: the third takes the first one's place.
// CHECK-LABEL: func.func @m_run(%arg0: memref<128xi8> {rt.arena}
// CHECK-SAME: rt.arena_bytes = 128 : i64, rt.arena_lower_bound_bytes = 128 : i64
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK: memref.view %arg0[%{{.*}}][] : memref<128xi8> to memref<16xf32>
// CHECK-NOT: memref.alloc
func.func @m_run(%x: memref<16xf32>, %y: memref<16xf32>) attributes {rt.inputs = []} {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  linalg.exp ins(%a : memref<16xf32>) outs(%b : memref<16xf32>)
  linalg.exp ins(%b : memref<16xf32>) outs(%c : memref<16xf32>)
  linalg.exp ins(%c : memref<16xf32>) outs(%y : memref<16xf32>)
  return
}

// -----

// A buffer that a loop uses is alive for the whole loop: the one inside it cannot share its place.
// CHECK-LABEL: func.func @loop_run(%arg0: memref<128xi8> {rt.arena}
func.func @loop_run(%x: memref<16xf32>, %y: memref<16xf32>) attributes {rt.inputs = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloc() : memref<16xf32>
  linalg.exp ins(%x : memref<16xf32>) outs(%a : memref<16xf32>)
  scf.for %i = %c0 to %c4 step %c1 {
    %b = memref.alloc() : memref<16xf32>
    linalg.exp ins(%a : memref<16xf32>) outs(%b : memref<16xf32>)
    linalg.exp ins(%b : memref<16xf32>) outs(%y : memref<16xf32>)
  }
  return
}

// -----

func.func @dynamic_run(%n: index) attributes {rt.inputs = []} {
  // expected-error @+2 {{a tensor has a size without a bound: 'memref<?xf32>'}}
  // expected-note @+1 {{fix sizes of inputs}}
  %a = memref.alloc(%n) : memref<?xf32>
  memref.copy %a, %a : memref<?xf32> to memref<?xf32>
  return
}

// -----

// A size with an upper bound: the buffer has the bound's bytes.
// CHECK-LABEL: func.func @bounded_run(%arg0: memref<48xi8> {rt.arena}
// CHECK: memref.view %arg0[%{{.*}}][%{{.*}}] {rt.bytes = 48 : i64} : memref<48xi8> to memref<3x?xf32>
func.func @bounded_run(%n: index) attributes {rt.inputs = []} {
  %c4 = arith.constant 4 : index
  %m = arith.minsi %n, %c4 : index
  %a = memref.alloc(%m) : memref<3x?xf32>
  memref.copy %a, %a : memref<3x?xf32> to memref<3x?xf32>
  return
}

// -----

// What a loop hands on unchanged has the bound of its start; what grows has none.
func.func @grows_run(%x: memref<?xf32>) attributes {rt.inputs = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloc(%c4) : memref<?xf32>
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%b = %a) -> memref<?xf32> {
    %d = memref.dim %b, %c0 : memref<?xf32>
    %e = arith.addi %d, %c1 : index
    // expected-error @+2 {{a tensor has a size without a bound: 'memref<?xf32>'}}
    // expected-note @+1 {{fix sizes of inputs}}
    %g = memref.alloc(%e) : memref<?xf32>
    scf.yield %g : memref<?xf32>
  }
  memref.copy %r, %r : memref<?xf32> to memref<?xf32>
  return
}
