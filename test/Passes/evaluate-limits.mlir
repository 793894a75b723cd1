// Limits: neither endless loops nor absurd sizes hang or crash the compiler;
// the code is left as it is.
// RUN: dlc-opt %s --dlc-fold-constants=max-steps=100000 --verify-each | FileCheck %s

// CHECK-LABEL: @endless
// CHECK: scf.while
func.func @endless() -> index {
  %c0 = arith.constant 0 : index
  %true = arith.constant true
  %r = scf.while (%x = %c0) : (index) -> index {
    scf.condition(%true) %x : index
  } do {
  ^bb0(%y: index):
    scf.yield %y : index
  }
  return %r : index
}

// CHECK-LABEL: @no_step
// CHECK: scf.for
func.func @no_step() -> index {
  %c0 = arith.constant 0 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c0 iter_args(%s = %c0) -> index {
    %t = arith.addi %s, %i : index
    scf.yield %t : index
  }
  return %r : index
}

// CHECK-LABEL: @too_many_steps
// CHECK: scf.for
func.func @too_many_steps() -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 9223372036854775807 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %c0) -> index {
    %t = arith.addi %s, %i : index
    scf.yield %t : index
  }
  return %r : index
}

// A step that overflows ends the loop.
// CHECK-LABEL: @overflowing_step
// CHECK: arith.constant 2 : index
// CHECK-NEXT: return
func.func @overflowing_step() -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %step = arith.constant 9000000000000000000 : index
  %n = arith.constant 9223372036854775807 : index
  %r = scf.for %i = %c0 to %n step %step iter_args(%s = %c0) -> index {
    %t = arith.addi %s, %c1 : index
    scf.yield %t : index
  }
  return %r : index
}

// CHECK-LABEL: @too_large
// CHECK: tensor.generate
func.func @too_large() -> tensor<i8> {
  %n = arith.constant 1000000000000 : index
  %c0 = arith.constant 0 : index
  %t = tensor.generate %n, %n {
  ^bb0(%i: index, %j: index):
    %v = arith.constant 1 : i8
    tensor.yield %v : i8
  } : tensor<?x?xi8>
  %x = tensor.extract %t[%c0, %c0] : tensor<?x?xi8>
  %r = tensor.from_elements %x : tensor<i8>
  return %r : tensor<i8>
}

// CHECK-LABEL: @negative_size
// CHECK: tensor.splat
func.func @negative_size() -> index {
  %n = arith.constant -1 : index
  %v = arith.constant 1 : i8
  %c0 = arith.constant 0 : index
  %t = tensor.splat %v[%n] : tensor<?xi8>
  %d = tensor.dim %t, %c0 : tensor<?xi8>
  return %d : index
}

// CHECK-LABEL: @outside_slice
// CHECK: tensor.extract_slice
func.func @outside_slice() -> tensor<?xi32> {
  %t = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %n = arith.constant 3 : index
  %s = tensor.extract_slice %t[1][%n][1] : tensor<3xi32> to tensor<?xi32>
  return %s : tensor<?xi32>
}

// A map that reads past its operand, which only shows at run time.
// CHECK-LABEL: @outside_map
// CHECK: linalg.generic
#id = affine_map<(i) -> (i)>
func.func @outside_map() -> tensor<?xi32> {
  %t3 = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %a = tensor.cast %t3 : tensor<3xi32> to tensor<?xi32>
  %n = arith.constant 4 : index
  %e = tensor.empty(%n) : tensor<?xi32>
  %z = arith.constant 0 : i32
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<?xi32>) -> tensor<?xi32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%f : tensor<?xi32>) outs(%a : tensor<?xi32>) {
  ^bb0(%x: i32, %y: i32):
    linalg.yield %x : i32
  } -> tensor<?xi32>
  return %r : tensor<?xi32>
}

// Recursion, and functions without a body.
// CHECK-LABEL: @recursive
// CHECK: call @recursive
func.func @recursive() -> i32 {
  %r = func.call @recursive() : () -> i32
  return %r : i32
}
func.func private @external() -> i32
// CHECK-LABEL: @outer
// CHECK: call @external
func.func @outer() -> i32 {
  %r = func.call @external() : () -> i32
  return %r : i32
}

// Operations that are not interpreted.
// CHECK-LABEL: @unknown
// CHECK: vector.reduction
func.func @unknown() -> i32 {
  %v = arith.constant dense<1> : vector<4xi32>
  %r = vector.reduction <add>, %v : vector<4xi32> into i32
  return %r : i32
}

// Tensors without elements.
// CHECK-LABEL: @empty_shapes
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<> : tensor<0x3xf32>
// CHECK: return
func.func @empty_shapes() -> tensor<0x3xf32> {
  %a = arith.constant dense<> : tensor<0x3xf32>
  %b = arith.addf %a, %a : tensor<0x3xf32>
  return %b : tensor<0x3xf32>
}
