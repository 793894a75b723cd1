// Values of scalar operations, worked out by hand or with numpy.
// RUN: dlc-opt %s --dlc-interpret --mlir-print-elementsattrs-with-hex-if-larger=-1 | FileCheck %s

// Integers wrap; rounding directions of divisions; shifts beyond the width.
// CHECK-LABEL: @integers
// CHECK-SAME: tensor<16xi8>
// CHECK: dense<[-56, 68, 56, -3, -4, -3, 124, -1, -1, 0, 1, -128, -100, -40, 6, 0]> : tensor<16xi8>
func.func @integers() -> tensor<16xi8> {
  %c100 = arith.constant 100 : i8
  %m100 = arith.constant -100 : i8
  %m7 = arith.constant -7 : i8
  %c2 = arith.constant 2 : i8
  %m1 = arith.constant -1 : i8
  %c9 = arith.constant 9 : i8
  %c0 = arith.constant 0 : i8
  %min = arith.constant -128 : i8
  %0 = arith.addi %c100, %c100 : i8
  %1 = arith.muli %c100, %m7 : i8       // -700 = -3 * 256 + 68
  %2 = arith.subi %m100, %c100 : i8
  %3 = arith.divsi %m7, %c2 : i8
  %4 = arith.floordivsi %m7, %c2 : i8
  %5 = arith.ceildivsi %m7, %c2 : i8
  %6 = arith.divui %m7, %c2 : i8        // 249 / 2 = 124
  %7 = arith.remsi %m7, %c2 : i8
  %8 = arith.shrsi %m7, %c9 : i8        // beyond the width: the sign
  %9 = arith.shli %m7, %c9 : i8         // beyond the width: 0
  %10 = arith.remui %m7, %c2 : i8
  %11 = math.absi %min : i8
  %12 = arith.minsi %c100, %m100 : i8
  %13, %high = arith.mulsi_extended %c100, %m100 : i8
  %14 = math.ctpop %m7 : i8
  %r = tensor.from_elements %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %high, %14, %c0 : tensor<16xi8>
  return %r : tensor<16xi8>
}

// Conversions saturate, NaN becomes 0.
// CHECK-LABEL: @saturate
// CHECK: dense<[127, -128, 0, -3, 2]> : tensor<5xi8>
// CHECK: dense<[-1, 0, 0, 0, 2]> : tensor<5xi8>
// CHECK: dense<[9223372036854775807, -9223372036854775808, 0, -3, 2]> : tensor<5xi64>
func.func @saturate() -> (tensor<5xi8>, tensor<5xi8>, tensor<5xi64>) {
  %x = arith.constant dense<[0x7F800000, 0xFF800000, 0x7FC00000, 0xC0733333, 0x40333333]> : tensor<5xf32>
  %a = arith.fptosi %x : tensor<5xf32> to tensor<5xi8>
  %b = arith.fptoui %x : tensor<5xf32> to tensor<5xi8>
  %c = arith.fptosi %x : tensor<5xf32> to tensor<5xi64>
  return %a, %b, %c : tensor<5xi8>, tensor<5xi8>, tensor<5xi64>
}

// Half precision rounds after each operation: 2048 + 1 = 2048 (ties to even),
// 2048 + 3 = 2052; overflow to infinity; subnormals; bf16 and f8 likewise.
// CHECK-LABEL: @small
// CHECK: dense<[2.048000e+03, 2.052000e+03, 0x7C00, 5.960460e-08]> : tensor<4xf16>
// CHECK: dense<[2.560000e+02, 2.600000e+02]> : tensor<2xbf16>
// CHECK: dense<[1.600000e+01, 1.800000e+01, 2.000000e+01]> : tensor<3xf8E4M3FN>
// CHECK: dense<[1.600000e+01, 1.600000e+01, 2.000000e+01]> : tensor<3xf8E5M2>
func.func @small() -> (tensor<4xf16>, tensor<2xbf16>, tensor<3xf8E4M3FN>, tensor<3xf8E5M2>) {
  %a = arith.constant dense<[2048.0, 2048.0, 65504.0, 5.9604644775390625e-8]> : tensor<4xf16>
  %b = arith.constant dense<[1.0, 3.0, 65504.0, 0.0]> : tensor<4xf16>
  %0 = arith.addf %a, %b : tensor<4xf16>
  %c = arith.constant dense<[256.0, 256.0]> : tensor<2xbf16>
  %d = arith.constant dense<[1.0, 3.0]> : tensor<2xbf16>
  %1 = arith.addf %c, %d : tensor<2xbf16>
  %e = arith.constant dense<[16.5, 18.0, 19.5]> : tensor<3xf32>
  %2 = arith.truncf %e : tensor<3xf32> to tensor<3xf8E4M3FN>
  %3 = arith.truncf %e : tensor<3xf32> to tensor<3xf8E5M2>
  return %0, %1, %2, %3 : tensor<4xf16>, tensor<2xbf16>, tensor<3xf8E4M3FN>, tensor<3xf8E5M2>
}

// f64 to f16 rounds once: 1 + 2^-11 + 2^-40 is above the tie.
// CHECK-LABEL: @once
// CHECK: 1.000980e+00 : f16
func.func @once() -> f16 {
  %x = arith.constant 1.0004882812509094 : f64
  %y = arith.truncf %x : f64 to f16
  return %y : f16
}

// NaN and signed zeros.
// CHECK-LABEL: @nans
// CHECK: dense<[0x7FC00000, 1.000000e+00, -0.000000e+00, 0.000000e+00]> : tensor<4xf32>
// CHECK: dense<[true, false, true, false]> : tensor<4xi1>
func.func @nans() -> (tensor<4xf32>, tensor<4xi1>) {
  %nan = arith.constant 0x7FC00000 : f32
  %one = arith.constant 1.0 : f32
  %pz = arith.constant 0.0 : f32
  %nz = arith.constant -0.0 : f32
  %0 = arith.maximumf %nan, %one : f32
  %1 = arith.maxnumf %nan, %one : f32
  %2 = arith.minimumf %pz, %nz : f32
  %3 = arith.maximumf %nz, %pz : f32
  %r = tensor.from_elements %0, %1, %2, %3 : tensor<4xf32>
  %4 = arith.cmpf ueq, %nan, %one : f32
  %5 = arith.cmpf oeq, %nan, %nan : f32
  %6 = arith.cmpf une, %nan, %nan : f32
  %7 = arith.cmpf ogt, %pz, %nz : f32
  %s = tensor.from_elements %4, %5, %6, %7 : tensor<4xi1>
  return %r, %s : tensor<4xf32>, tensor<4xi1>
}

// CHECK-LABEL: @functions
// CHECK: dense<[1.64872122, 0.47942555, 0.462117165, 0.520499885, 0.707106769, 1.41421354, 0.353553385, -0.693147182, 0.000000e+00, 1.000000e+00, 0.463647604]> : tensor<11xf32>
// CHECK: dense<[1.6487212707001282, 0.46211715726000974]> : tensor<2xf64>
func.func @functions() -> (tensor<11xf32>, tensor<2xf64>) {
  %h = arith.constant 0.5 : f32
  %three = arith.constant 3 : i32
  %c15 = arith.constant 1.5 : f32
  %0 = math.exp %h : f32
  %1 = math.sin %h : f32
  %2 = math.tanh %h : f32
  %3 = math.erf %h : f32
  %4 = math.sqrt %h : f32
  %5 = math.rsqrt %h : f32
  %6 = math.powf %h, %c15 : f32
  %7 = math.log %h : f32
  %8 = math.roundeven %h : f32
  %9 = math.round %h : f32
  %10 = math.atan %h : f32
  %r = tensor.from_elements %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10 : tensor<11xf32>
  %d = arith.constant 0.5 : f64
  %11 = math.exp %d : f64
  %12 = math.tanh %d : f64
  %s = tensor.from_elements %11, %12 : tensor<2xf64>
  return %r, %s : tensor<11xf32>, tensor<2xf64>
}

// Unsigned tensors keep their bits; bodies see signless numbers.
// CHECK-LABEL: @unsigned
// CHECK: dense<[200, 3]> : tensor<2xui8>
// CHECK: dense<[100, 1]> : tensor<2xui8>
#id = affine_map<(i) -> (i)>
func.func @unsigned() -> (tensor<2xui8>, tensor<2xui8>) {
  %x = arith.constant dense<[-56, 3]> : tensor<2xi8>
  %u = builtin.unrealized_conversion_cast %x : tensor<2xi8> to tensor<2xui8>
  %e = tensor.empty() : tensor<2xui8>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%u : tensor<2xui8>) outs(%e : tensor<2xui8>) {
  ^bb0(%a: ui8, %b: ui8):
    %s = builtin.unrealized_conversion_cast %a : ui8 to i8
    %c1 = arith.constant 1 : i8
    %h = arith.shrui %s, %c1 : i8
    %t = builtin.unrealized_conversion_cast %h : i8 to ui8
    linalg.yield %t : ui8
  } -> tensor<2xui8>
  return %u, %r : tensor<2xui8>, tensor<2xui8>
}

// CHECK-LABEL: @affine
// CHECK: dense<[-2, 1, -1, 4]> : tensor<4xindex>
func.func @affine() -> tensor<4xindex> {
  %x = arith.constant -7 : index
  %y = arith.constant 4 : index
  %0 = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%x)
  %1 = affine.apply affine_map<(d0) -> (d0 mod 4)>(%x)
  %2 = affine.apply affine_map<(d0) -> (d0 ceildiv 4)>(%x)
  %3 = affine.max affine_map<(d0)[s0] -> (d0, s0, 3)>(%x)[%y]
  %r = tensor.from_elements %0, %1, %2, %3 : tensor<4xindex>
  return %r : tensor<4xindex>
}
