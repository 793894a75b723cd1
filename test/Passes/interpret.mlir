// RUN: dlc-opt %s --dlc-interpret --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fold-constants --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s --dlc-interpret=mode=record | FileCheck %s --check-prefix=RECORD

// CHECK-LABEL: func.func @twice
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<[2.000000e+00, -4.500000e+00]> : tensor<2xf32>
// CHECK-NEXT: return %[[C]]
// RECORD: @twice(%{{.*}}: tensor<2xf32> {rt.value = dense<[1.000000e+00, -2.250000e+00]> : tensor<2xf32>}) -> (tensor<2xf32> {rt.expect = dense<[2.000000e+00, -4.500000e+00]> : tensor<2xf32>})
func.func @twice(%x: tensor<2xf32> {rt.value = dense<[1.0, -2.25]> : tensor<2xf32>}) -> tensor<2xf32> {
  %y = arith.addf %x, %x : tensor<2xf32>
  return %y : tensor<2xf32>
}

// Without a value arguments are random, but always the same.
// CHECK-LABEL: func.func @random
// CHECK-NEXT: arith.constant -65 : i32
// CHECK-NEXT: arith.constant
func.func @random(%x: i32, %y: tensor<3xf16>) -> (i32, tensor<3xf16>) {
  return %x, %y : i32, tensor<3xf16>
}

// CHECK-LABEL: func.func @sizes
// CHECK: arith.constant 5 : index
func.func @sizes(%x: tensor<?xf32> {rt.value = dense<1.0> : tensor<5xf32>}) -> index {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?xf32>
  return %d : index
}

// A dynamic result becomes static; calls are followed.
// CHECK-LABEL: func.func @dynamic
// CHECK-SAME: -> tensor<3xi8>
// CHECK-NEXT: arith.constant dense<7> : tensor<3xi8>
func.func @dynamic(%n: index {rt.value = 3 : index}) -> tensor<?xi8> {
  %c = arith.constant 7 : i8
  %r = func.call @fill(%n, %c) : (index, i8) -> tensor<?xi8>
  return %r : tensor<?xi8>
}
func.func private @fill(%n: index, %v: i8) -> tensor<?xi8> {
  %t = tensor.splat %v[%n] : tensor<?xi8>
  return %t : tensor<?xi8>
}
