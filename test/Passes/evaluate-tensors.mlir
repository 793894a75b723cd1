// Control flow and tensor operations that the random programs do not reach.
// RUN: dlc-opt %s --dlc-interpret --verify-each | FileCheck %s

// CHECK-LABEL: @collatz
// CHECK-NEXT: arith.constant 111 : i64
func.func @collatz() -> i64 {
  %c27 = arith.constant 27 : i64
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c2 = arith.constant 2 : i64
  %c3 = arith.constant 3 : i64
  %x, %n = scf.while (%a = %c27, %k = %c0) : (i64, i64) -> (i64, i64) {
    %more = arith.cmpi ne, %a, %c1 : i64
    scf.condition(%more) %a, %k : i64, i64
  } do {
  ^bb0(%a: i64, %k: i64):
    %odd = arith.andi %a, %c1 : i64
    %flag = arith.cmpi eq, %odd, %c1 : i64
    %next = scf.if %flag -> i64 {
      %t = arith.muli %a, %c3 : i64
      %u = arith.addi %t, %c1 : i64
      scf.yield %u : i64
    } else {
      %h = arith.shrui %a, %c1 : i64
      scf.yield %h : i64
    }
    %k1 = arith.addi %k, %c1 : i64
    scf.yield %next, %k1 : i64, i64
  }
  return %n : i64
}

// Iteration arguments that change places, scalars and tensors.
// CHECK-LABEL: @swap
// CHECK-DAG: arith.constant dense<2> : tensor<1xi8>
// CHECK-DAG: arith.constant dense<1> : tensor<1xi8>
// CHECK-DAG: arith.constant 21 : i32
// CHECK-DAG: arith.constant 34 : i32
func.func @swap() -> (tensor<1xi8>, tensor<1xi8>, i32, i32) {
  %a = arith.constant dense<1> : tensor<1xi8>
  %b = arith.constant dense<2> : tensor<1xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %f = arith.constant 1 : i32
  %r:4 = scf.for %i = %c0 to %c7 step %c1 iter_args(%x = %a, %y = %b, %p = %f, %q = %f) -> (tensor<1xi8>, tensor<1xi8>, i32, i32) {
    %s = arith.addi %p, %q : i32
    scf.yield %y, %x, %q, %s : tensor<1xi8>, tensor<1xi8>, i32, i32
  }
  return %r#0, %r#1, %r#2, %r#3 : tensor<1xi8>, tensor<1xi8>, i32, i32
}

// Loops over narrow signed integers.
// CHECK-LABEL: @narrow_loop
// CHECK-NEXT: arith.constant -3 : i8
func.func @narrow_loop() -> i8 {
  %lo = arith.constant -2 : i8
  %hi = arith.constant 1 : i8
  %c1 = arith.constant 1 : i8
  %c0 = arith.constant 0 : i8
  %r = scf.for %i = %lo to %hi step %c1 iter_args(%s = %c0) -> (i8) : i8 {
    %t = arith.addi %s, %i : i8
    scf.yield %t : i8
  }
  return %r : i8
}

// CHECK-LABEL: @switch
// CHECK-NEXT: arith.constant dense<[10, 30, 99]> : tensor<3xi32>
func.func @switch() -> tensor<3xi32> {
  %r = tensor.generate {
  ^bb0(%i: index):
    %v = scf.index_switch %i -> i32
    case 0 {
      %c = arith.constant 10 : i32
      scf.yield %c : i32
    }
    case 1 {
      %c = arith.constant 30 : i32
      scf.yield %c : i32
    }
    default {
      %c = arith.constant 99 : i32
      scf.yield %c : i32
    }
    tensor.yield %v : i32
  } : tensor<3xi32>
  return %r : tensor<3xi32>
}

// A value that is written in place must not change what others still read.
// CHECK-LABEL: @no_aliasing
// CHECK-DAG: arith.constant dense<[1, 2]> : tensor<2xi8>
// CHECK-DAG: arith.constant dense<[9, 2]> : tensor<2xi8>
// CHECK-DAG: arith.constant dense<[1, 9]> : tensor<2xi8>
func.func @no_aliasing() -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
  %a = arith.constant 1 : i8
  %b = arith.constant 2 : i8
  %n = arith.constant 9 : i8
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = tensor.from_elements %a, %b : tensor<2xi8>
  %u = tensor.insert %n into %t[%c0] : tensor<2xi8>
  %v = tensor.insert %n into %t[%c1] : tensor<2xi8>
  return %t, %u, %v : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>
}

// Maps that are no linear functions: nearest neighbour resize, wrapped indices.
// CHECK-LABEL: @nonlinear
// CHECK-NEXT: arith.constant dense<[11, 12, 23, 21, 32, 33]> : tensor<6xi32>
func.func @nonlinear() -> tensor<6xi32> {
  %a = arith.constant dense<[10, 20, 30]> : tensor<3xi32>
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %e = tensor.empty() : tensor<6xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i mod 3)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<3xi32>, tensor<3xi32>) outs(%e : tensor<6xi32>) {
  ^bb0(%x: i32, %y: i32, %o: i32):
    %s = arith.addi %x, %y : i32
    linalg.yield %s : i32
  } -> tensor<6xi32>
  return %r : tensor<6xi32>
}

// Two results, reductions over two dimensions (maximum and its position).
// CHECK-LABEL: @argmax
// CHECK-NEXT: arith.constant dense<[7, 9]> : tensor<2xi32>
// CHECK-NEXT: arith.constant dense<[1, 0]> : tensor<2xindex>
func.func @argmax() -> (tensor<2xi32>, tensor<2xindex>) {
  %x = arith.constant dense<[[3, 7, 7], [9, 8, 9]]> : tensor<2x3xi32>
  %m = arith.constant dense<-100> : tensor<2xi32>
  %p = arith.constant dense<0> : tensor<2xindex>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x3xi32>) outs(%m, %p : tensor<2xi32>, tensor<2xindex>) {
  ^bb0(%v: i32, %best: i32, %at: index):
    %j = linalg.index 1 : index
    %c = arith.cmpi sgt, %v, %best : i32
    %b = arith.select %c, %v, %best : i32
    %q = arith.select %c, %j, %at : index
    linalg.yield %b, %q : i32, index
  } -> (tensor<2xi32>, tensor<2xindex>)
  return %r#0, %r#1 : tensor<2xi32>, tensor<2xindex>
}

// CHECK-LABEL: @shapes
// CHECK-SAME: -> (tensor<2x3xi8>, tensor<3x2xi8>, tensor<2xf32>, tensor<2x2xi8>, index)
// CHECK-DAG: dense<{{\[\[}}1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
// CHECK-DAG: dense<{{\[\[}}1, 4], [2, 5], [3, 6]]> : tensor<3x2xi8>
// CHECK-DAG: dense<[1.000000e+00, -2.000000e+00]> : tensor<2xf32>
// CHECK-DAG: dense<{{\[\[}}7, 7], [8, 8]]> : tensor<2x2xi8>
// CHECK-DAG: arith.constant 2 : index
func.func @shapes() -> (tensor<?x?xi8>, tensor<3x2xi8>, tensor<2xf32>, tensor<2x2xi8>, index) {
  %x = arith.constant dense<[1, 2, 3, 4, 5, 6]> : tensor<6xi8>
  %s = arith.constant dense<[2, 3]> : tensor<2xi64>
  %0 = tensor.reshape %x(%s) : (tensor<6xi8>, tensor<2xi64>) -> tensor<?x?xi8>
  %1 = tensor.cast %0 : tensor<?x?xi8> to tensor<2x3xi8>
  %e = tensor.empty() : tensor<3x2xi8>
  %2 = linalg.transpose ins(%1 : tensor<2x3xi8>) outs(%e : tensor<3x2xi8>) permutation = [1, 0]
  %b = arith.constant dense<[0x3F800000, 0xC0000000]> : tensor<2xi32>
  %3 = tensor.bitcast %b : tensor<2xi32> to tensor<2xf32>
  %v = arith.constant dense<[7, 8]> : tensor<2xi8>
  %f = tensor.empty() : tensor<2x2xi8>
  %4 = linalg.broadcast ins(%v : tensor<2xi8>) outs(%f : tensor<2x2xi8>) dimensions = [1]
  %r = tensor.rank %4 : tensor<2x2xi8>
  return %0, %2, %3, %4, %r : tensor<?x?xi8>, tensor<3x2xi8>, tensor<2xf32>, tensor<2x2xi8>, index
}

// Padding that depends on the position; an empty source.
// CHECK-LABEL: @pads
// CHECK-DAG: dense<[0, 1, 50, 60, 4]> : tensor<5xindex>
// CHECK-DAG: dense<1.500000e+00> : tensor<2xf32>
func.func @pads() -> (tensor<5xindex>, tensor<2xf32>) {
  %x = arith.constant dense<[50, 60]> : tensor<2xindex>
  %0 = tensor.pad %x low[2] high[1] {
  ^bb0(%i: index):
    tensor.yield %i : index
  } : tensor<2xindex> to tensor<5xindex>
  %e = arith.constant dense<> : tensor<0xf32>
  %c = arith.constant 1.5 : f32
  %1 = tensor.pad %e low[0] high[2] {
  ^bb0(%i: index):
    tensor.yield %c : f32
  } : tensor<0xf32> to tensor<2xf32>
  return %0, %1 : tensor<5xindex>, tensor<2xf32>
}

// A reduction over nothing keeps the initial value.
// CHECK-LABEL: @empty_reduction
// CHECK-NEXT: arith.constant dense<4.000000e+00> : tensor<2xf32>
func.func @empty_reduction() -> tensor<2xf32> {
  %x = arith.constant dense<> : tensor<2x0xf32>
  %i = arith.constant dense<4.0> : tensor<2xf32>
  %r = linalg.reduce { arith.addf } ins(%x : tensor<2x0xf32>) outs(%i : tensor<2xf32>) dimensions = [1]
  return %r : tensor<2xf32>
}

// Steps that are never taken may be absurd; negative ones are fine.
// CHECK-LABEL: @absurd_map
// CHECK-NEXT: arith.constant dense<10> : tensor<1xi32>
func.func @absurd_map() -> tensor<1xi32> {
  %a = arith.constant dense<5> : tensor<1xi32>
  %b = arith.constant dense<5> : tensor<3xi32>
  %e = tensor.empty() : tensor<1xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i * 4611686018427387905 + 1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a, %b : tensor<1xi32>, tensor<3xi32>) outs(%e : tensor<1xi32>) {
  ^bb0(%x: i32, %y: i32, %o: i32):
    %s = arith.addi %x, %y : i32
    linalg.yield %s : i32
  } -> tensor<1xi32>
  return %r : tensor<1xi32>
}
// CHECK-LABEL: @absurd_slice
// CHECK-NEXT: arith.constant dense<7> : tensor<1xi32>
func.func @absurd_slice() -> tensor<1xi32> {
  %b = arith.constant dense<[5, 6, 7]> : tensor<3xi32>
  %n = arith.constant 9223372036854775807 : index
  %r = tensor.extract_slice %b[2][1][%n] : tensor<3xi32> to tensor<1xi32>
  return %r : tensor<1xi32>
}
// CHECK-LABEL: @negative_stride
// CHECK-NEXT: arith.constant dense<[7, 6, 5]> : tensor<3xi32>
func.func @negative_stride() -> tensor<3xi32> {
  %b = arith.constant dense<[5, 6, 7]> : tensor<3xi32>
  %n = arith.constant -1 : index
  %r = tensor.extract_slice %b[2][3][%n] : tensor<3xi32> to tensor<3xi32>
  return %r : tensor<3xi32>
}
