// RUN: dlc-opt %s --dlc-fold-constants --verify-each | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#m2 = affine_map<(d0, d1) -> (d0, d1)>
#r = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: @double
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<[2, -4]> : tensor<2xi32>
// CHECK-NEXT: return %[[C]]
func.func @double() -> tensor<2xi32> {
  %a = arith.constant dense<[1, -2]> : tensor<2xi32>
  %e = tensor.empty() : tensor<2xi32>
  %r = linalg.generic {indexing_maps=[#id,#id], iterator_types=["parallel"]} ins(%a: tensor<2xi32>) outs(%e: tensor<2xi32>) {
  ^bb0(%x: i32, %y: i32):
    %s = arith.addi %x, %x : i32
    linalg.yield %s : i32
  } -> tensor<2xi32>
  return %r : tensor<2xi32>
}
// CHECK-LABEL: @sum
// CHECK-NEXT: arith.constant dense<[6.000000e+00, 1.500000e+01]> : tensor<2xf32>
// CHECK-NEXT: return
func.func @sum() -> tensor<2xf32> {
  %a = arith.constant dense<[[1.0, 2.0, 3.0],[4.,5.,6.]]> : tensor<2x3xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2xf32>
  %f = linalg.fill ins(%z: f32) outs(%e: tensor<2xf32>) -> tensor<2xf32>
  %r = linalg.generic {indexing_maps=[#m2,#r], iterator_types=["parallel","reduction"]} ins(%a: tensor<2x3xf32>) outs(%f: tensor<2xf32>) {
  ^bb0(%x: f32, %y: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  return %r : tensor<2xf32>
}
// The result has a dynamic type: a constant and a cast.
// CHECK-LABEL: @nonzero
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<[0, 2, 4]> : tensor<3xindex>
// CHECK-NEXT: %[[D:.*]] = tensor.cast %[[C]] : tensor<3xindex> to tensor<?xindex>
// CHECK-NEXT: return %[[D]]
func.func @nonzero() -> tensor<?xindex> {
  %a = arith.constant dense<[1, 0, 3, 0, 5]> : tensor<5xi32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<5xindex>
  %t, %n = scf.for %i = %c0 to %c5 step %c1 iter_args(%acc = %e, %k = %c0) -> (tensor<5xindex>, index) {
    %v = tensor.extract %a[%i] : tensor<5xi32>
    %c = arith.cmpi ne, %v, %zero : i32
    %t2, %k2 = scf.if %c -> (tensor<5xindex>, index) {
      %ins = tensor.insert %i into %acc[%k] : tensor<5xindex>
      %kk = arith.addi %k, %c1 : index
      scf.yield %ins, %kk : tensor<5xindex>, index
    } else {
      scf.yield %acc, %k : tensor<5xindex>, index
    }
    scf.yield %t2, %k2 : tensor<5xindex>, index
  }
  %s = tensor.extract_slice %t[0][%n][1] : tensor<5xindex> to tensor<?xindex>
  return %s : tensor<?xindex>
}
// CHECK-LABEL: @conv
// CHECK-NEXT: arith.constant dense<{{\[\[\[\[}}1.600000e+01, 1.800000e+01], [2.200000e+01, 2.400000e+01]], {{\[\[}}1.170000e+02, 1.170000e+02], [1.270000e+02, 1.270000e+02]]]]>
// CHECK-NEXT: return
func.func @conv() -> tensor<1x2x2x2xf32> {
  %x = arith.constant dense<[[[[1.,2.,3.],[4.,5.,6.],[7.,8.,9.]],[[1.,1.,1.],[2.,2.,2.],[3.,3.,3.]]]]> : tensor<1x2x3x3xf32>
  %w = arith.constant dense<[[[[1.,0.],[0.,1.]]],[[[1.,2.],[3.,4.]]]]> : tensor<2x1x2x2xf32>
  %b = arith.constant dense<[10., 100.]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x2x2x2xf32>
  %r = nn.conv ins(%x, %w : tensor<1x2x3x3xf32>, tensor<2x1x2x2xf32>) epilogue(%b : tensor<2xf32>) outs(%e : tensor<1x2x2x2xf32>) attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 2 : i64} {
  ^bb0(%acc: f32, %bias: f32):
    %s = arith.addf %acc, %bias : f32
    nn.yield %s : f32
  } -> tensor<1x2x2x2xf32>
  return %r : tensor<1x2x2x2xf32>
}
// CHECK-LABEL: @matmul
// CHECK-NEXT: arith.constant dense<{{\[\[}}7, 4], [16, 17]]> : tensor<2x2xi32>
// CHECK-NEXT: return
func.func @matmul() -> tensor<2x2xi32> {
  %x = arith.constant dense<[[1,-2,3],[4,5,6]]> : tensor<2x3xi8>
  %w = arith.constant dense<[[1,0],[0,1],[2,2]]> : tensor<3x2xi8>
  %e = tensor.empty() : tensor<2x2xi32>
  %r = nn.matmul ins(%x, %w : tensor<2x3xi8>, tensor<3x2xi8>) outs(%e : tensor<2x2xi32>) {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// What depends on an argument stays; the constant part of it is folded.
// CHECK-LABEL: @runtime
// CHECK: %[[S:.*]] = arith.constant 5 : i32
// CHECK: arith.addi %{{.*}}, %[[S]]
func.func @runtime(%x: i32) -> i32 {
  %a = arith.constant 2 : i32
  %b = arith.constant 3 : i32
  %s = arith.addi %a, %b : i32
  %r = arith.addi %x, %s : i32
  return %r : i32
}

// A large fill stays code (its operands are tiny), its sum is known.
// CHECK-LABEL: @large
// CHECK: %[[F:.*]] = linalg.fill
// CHECK-SAME: tensor<100000xf32>
// CHECK: return %[[F]]
func.func @large() -> (tensor<100000xf32>, tensor<f32>) {
  %c = arith.constant 0.5 : f32
  %z = arith.constant dense<0.0> : tensor<f32>
  %e = tensor.empty() : tensor<100000xf32>
  %f = linalg.fill ins(%c: f32) outs(%e: tensor<100000xf32>) -> tensor<100000xf32>
  %s = linalg.reduce { arith.addf } ins(%f : tensor<100000xf32>) outs(%z : tensor<f32>) dimensions = [0]
  return %f, %s : tensor<100000xf32>, tensor<f32>
}

// Division by zero is left to run time, and so is what depends on it.
// CHECK-LABEL: @by_zero
// CHECK: arith.divsi
// CHECK: arith.addi
func.func @by_zero() -> i32 {
  %a = arith.constant 2 : i32
  %b = arith.constant 0 : i32
  %s = arith.divsi %a, %b : i32
  %r = arith.addi %s, %a : i32
  return %r : i32
}

// An access outside of a tensor is left to run time.
// CHECK-LABEL: @outside
// CHECK: tensor.extract
func.func @outside() -> i32 {
  %a = arith.constant dense<[1, 2]> : tensor<2xi32>
  %i = arith.constant 2 : index
  %s = tensor.extract %a[%i] : tensor<2xi32>
  return %s : i32
}
