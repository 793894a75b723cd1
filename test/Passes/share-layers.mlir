// RUN: dlc-opt %s --dlc-share-layers=everything --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-share-layers --verify-each | FileCheck %s --check-prefix=CHEAP

// Two layers differ in their weights, an addend and a shift. With `everything` all
// three become arguments; otherwise shifts must be equal, and nothing is shared.
// CHECK-LABEL: func.func private @net_shared_0
// CHECK-SAME: memref<8xi8>, %{{.*}}: memref<8xi8>, %[[W:.*]]: memref<8xi8> {llvm.noalias}, %[[A:.*]]: i32, %[[S:.*]]: i32)
// CHECK: memref.load %[[W]]
// CHECK: arith.addi %{{.*}}, %[[A]]
// CHECK: arith.shrsi %{{.*}}, %[[S]]
// CHECK-LABEL: func.func private @net_layer_0
// CHECK-SAME: rt.layer
// CHECK: %[[W0:.*]] = memref.get_global @w0
// CHECK: %[[FIVE:.*]] = arith.constant 5 : i32
// CHECK: call @net_shared_0(%{{.*}}, %{{.*}}, %[[W0]], %[[FIVE]], %{{.*}})
// CHECK-NEXT: return
// CHECK-LABEL: func.func private @net_layer_1
// CHECK: memref.get_global @w1
// CHECK: call @net_shared_0
// CHEAP-NOT: net_shared
module attributes {rt.name = "net"} {
memref.global "private" constant @w0 : memref<8xi8> = dense<1>
memref.global "private" constant @w1 : memref<8xi8> = dense<2>
func.func private @net_layer_0(%x: memref<8xi8>, %y: memref<8xi8>) attributes {rt.layer = {name = "l0"}} {
  %w = memref.get_global @w0 : memref<8xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %a = arith.constant 5 : i32
  %s = arith.constant 3 : i32
  %lo = arith.constant -128 : i32
  %hi = arith.constant 127 : i32
  scf.for %i = %c0 to %c8 step %c1 {
    %p = memref.load %x[%i] : memref<8xi8>
    %q = memref.load %w[%i] : memref<8xi8>
    %pe = arith.extsi %p : i8 to i32
    %qe = arith.extsi %q : i8 to i32
    %m = arith.muli %pe, %qe : i32
    %t = arith.addi %m, %a : i32
    %u = arith.shrsi %t, %s : i32
    %v = arith.maxsi %u, %lo : i32
    %z = arith.minsi %v, %hi : i32
    %r = arith.trunci %z : i32 to i8
    %r2 = arith.addi %r, %p : i8
    %r3 = arith.addi %r2, %q : i8
    %r4 = arith.subi %r3, %q : i8
    %r5 = arith.subi %r4, %p : i8
    memref.store %r5, %y[%i] : memref<8xi8>
  }
  return
}
func.func private @net_layer_1(%x: memref<8xi8>, %y: memref<8xi8>) attributes {rt.layer = {name = "l1"}} {
  %w = memref.get_global @w1 : memref<8xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %a = arith.constant 7 : i32
  %s = arith.constant 4 : i32
  %lo = arith.constant -128 : i32
  %hi = arith.constant 127 : i32
  scf.for %i = %c0 to %c8 step %c1 {
    %p = memref.load %x[%i] : memref<8xi8>
    %q = memref.load %w[%i] : memref<8xi8>
    %pe = arith.extsi %p : i8 to i32
    %qe = arith.extsi %q : i8 to i32
    %m = arith.muli %pe, %qe : i32
    %t = arith.addi %m, %a : i32
    %u = arith.shrsi %t, %s : i32
    %v = arith.maxsi %u, %lo : i32
    %z = arith.minsi %v, %hi : i32
    %r = arith.trunci %z : i32 to i8
    %r2 = arith.addi %r, %p : i8
    %r3 = arith.addi %r2, %q : i8
    %r4 = arith.subi %r3, %q : i8
    %r5 = arith.subi %r4, %p : i8
    memref.store %r5, %y[%i] : memref<8xi8>
  }
  return
}
}
