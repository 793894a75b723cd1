// The quantize stage computes the same integers as the definition does in floats.
// RUN: dlc-opt %s --dlc-lower-quantize --dlc-interpret | grep 'dense<' | sed 's/.*dense/dense/' > %t.definition
// RUN: dlc-opt %s --dlc-stage-quantize --dlc-stage-simplify --dlc-stage-layout --dlc-interpret | grep 'dense<' | sed 's/.*dense/dense/' > %t.integers
// RUN: diff %t.definition %t.integers
// RUN: dlc-opt %s --dlc-stage-quantize --dlc-stage-simplify --dlc-stage-layout --verify-each | FileCheck %s

module attributes {rt.requant = "onnx"} {

// Unsigned activations, weights with zero points that need 16 bits, one scale a
// channel, padding with the value that stands for zero. Quotients of scales are such
// that there are exact ties.
// CHECK-LABEL: @conv
// CHECK-NOT: f32
// CHECK: nn.conv ins(%{{.*}}, %{{.*}} : tensor<{{.*}}xi8>, tensor<{{.*}}xi16>)
// CHECK: arith.muli %{{.*}} : i64
// CHECK: arith.andi %{{.*}} : i64
// CHECK-NOT: f32
// CHECK: return
func.func @conv(%x: tensor<1x2x4x4xi8> {rt.value = dense<"0x000102FF808182837F40C0110055AACC900102FF80FF82830140C0110055AACC"> : tensor<1x2x4x4xi8>}) -> tensor<1x3x4x4xi8> {
  %w = arith.constant dense<"0x0001FF80050607FF0901FF800506070809FF010203FF05060708FF10203040FF0001FF80050607FF0901FF800506070809FF010203FF"> : tensor<3x2x3x3xi8>
  %zero = arith.constant 0.0 : f32
  %fx = nn.dequantize %x {scales = array<f64: 0.037109375>, zero_points = array<i64: 131>, lo = 0 : i64, hi = 255 : i64} : tensor<1x2x4x4xi8> -> tensor<1x2x4x4xf32>
  %fw = nn.dequantize %w {scales = array<f64: 0.01171875, 0.5, 0.001220703125>, zero_points = array<i64: 7, 200, 128>, axis = 0 : i64, lo = 0 : i64, hi = 255 : i64} : tensor<3x2x3x3xi8> -> tensor<3x2x3x3xf32>
  %p = tensor.pad %fx low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %e = tensor.empty() : tensor<1x3x4x4xf32>
  %y = nn.conv ins(%p, %fw : tensor<1x2x6x6xf32>, tensor<3x2x3x3xf32>) outs(%e : tensor<1x3x4x4xf32>)
    attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x3x4x4xf32>
  %q = nn.quantize %y {scales = array<f64: 0.3310546875>, zero_points = array<i64: 120>, lo = 0 : i64, hi = 255 : i64} : tensor<1x3x4x4xf32> -> tensor<1x3x4x4xi8>
  return %q : tensor<1x3x4x4xi8>
}

// A sum of two tensors.
// CHECK-LABEL: @add
// CHECK: linalg.generic
// CHECK-NOT: f32
// CHECK: return
func.func @add(%a: tensor<16xi8> {rt.value = dense<[-128, -77, -5, -1, 0, 1, 2, 3, 17, 33, 64, 99, 100, 101, 126, 127]> : tensor<16xi8>},
               %b: tensor<16xi8> {rt.value = dense<[127, 5, -5, 99, 0, 12, -2, -128, 17, -33, 77, 99, 10, 11, 126, 127]> : tensor<16xi8>}) -> tensor<16xi8> {
  %fa = nn.dequantize %a {scales = array<f64: 0.02410000003874302>, zero_points = array<i64: -3>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %fb = nn.dequantize %b {scales = array<f64: 0.01310000009834766>, zero_points = array<i64: 11>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %e = tensor.empty() : tensor<16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%fa, %fb : tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.addf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<16xf32>
  %q = nn.quantize %s {scales = array<f64: 0.031372550874948502>, zero_points = array<i64: 4>, lo = -128 : i64, hi = 127 : i64} : tensor<16xf32> -> tensor<16xi8>
  return %q : tensor<16xi8>
}

// A product of two tensors.
// CHECK-LABEL: @multiply
// CHECK: linalg.generic
// CHECK-NOT: f32
// CHECK: arith.mulsi_extended
// CHECK-NOT: f32
// CHECK: return
func.func @multiply(%a: tensor<16xi8> {rt.value = dense<[-128, -77, -5, -1, 0, 1, 2, 3, 17, 33, 64, 99, 100, 101, 126, 127]> : tensor<16xi8>},
               %b: tensor<16xi8> {rt.value = dense<[127, 5, -5, 99, 0, 12, -2, -128, 17, -33, 77, 99, 10, 11, 126, 127]> : tensor<16xi8>}) -> tensor<16xi8> {
  %fa = nn.dequantize %a {scales = array<f64: 0.02410000003874302>, zero_points = array<i64: -3>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %fb = nn.dequantize %b {scales = array<f64: 0.01310000009834766>, zero_points = array<i64: 11>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %e = tensor.empty() : tensor<16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%fa, %fb : tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.mulf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<16xf32>
  %q = nn.quantize %s {scales = array<f64: 0.0313725508749485>, zero_points = array<i64: 4>, lo = -128 : i64, hi = 127 : i64} : tensor<16xf32> -> tensor<16xi8>
  return %q : tensor<16xi8>
}

// Powers of two: ties are frequent, and 32 bits are exact.
// CHECK-LABEL: @add_even
// CHECK: linalg.generic
// CHECK-NOT: f32
// CHECK: arith.cmpi sle, %{{.*}} : i32
// CHECK-NOT: f32
// CHECK: return
func.func @add_even(%a: tensor<16xi8> {rt.value = dense<[-128, -77, -5, -1, 0, 1, 2, 3, 17, 33, 64, 99, 100, 101, 126, 127]> : tensor<16xi8>},
               %b: tensor<16xi8> {rt.value = dense<[127, 5, -5, 99, 0, 12, -2, -128, 17, -33, 77, 99, 10, 11, 126, 127]> : tensor<16xi8>}) -> tensor<16xi8> {
  %fa = nn.dequantize %a {scales = array<f64: 0.0625>, zero_points = array<i64: -3>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %fb = nn.dequantize %b {scales = array<f64: 0.03125>, zero_points = array<i64: 11>, lo = -128 : i64, hi = 127 : i64} : tensor<16xi8> -> tensor<16xf32>
  %e = tensor.empty() : tensor<16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%fa, %fb : tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.addf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<16xf32>
  %q = nn.quantize %s {scales = array<f64: 0.125>, zero_points = array<i64: 4>, lo = -128 : i64, hi = 127 : i64} : tensor<16xf32> -> tensor<16xi8>
  return %q : tensor<16xi8>
}

// A sum of 16-bit tensors.
// CHECK-LABEL: @add16
// CHECK: linalg.generic
// CHECK-NOT: f32
// CHECK: arith.shrsi %{{.*}} : i64
// CHECK-NOT: f32
// CHECK: return
func.func @add16(%a: tensor<16xi16> {rt.value = dense<[-32768, -19788, -1283, -254, 4, 262, 520, 778, 4377, 8490, 16458, 25454, 25712, 25970, 32396, 32654]> : tensor<16xi16>},
               %b: tensor<16xi16> {rt.value = dense<[32639, 1286, -1283, 25446, 4, 3089, -508, -32767, 4377, -8472, 19799, 25454, 2582, 2840, 32396, 32654]> : tensor<16xi16>}) -> tensor<16xi16> {
  %fa = nn.dequantize %a {scales = array<f64: 0.00242>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xi16> -> tensor<16xf32>
  %fb = nn.dequantize %b {scales = array<f64: 0.00131>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xi16> -> tensor<16xf32>
  %e = tensor.empty() : tensor<16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%fa, %fb : tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.addf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<16xf32>
  %q = nn.quantize %s {scales = array<f64: 0.0031>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xf32> -> tensor<16xi16>
  return %q : tensor<16xi16>
}

// A product of 16-bit tensors.
// CHECK-LABEL: @multiply16
// CHECK: linalg.generic
// CHECK-NOT: f32
// CHECK: arith.shrsi %{{.*}} : i64
// CHECK-NOT: f32
// CHECK: return
func.func @multiply16(%a: tensor<16xi16> {rt.value = dense<[-32768, -19788, -1283, -254, 4, 262, 520, 778, 4377, 8490, 16458, 25454, 25712, 25970, 32396, 32654]> : tensor<16xi16>},
               %b: tensor<16xi16> {rt.value = dense<[32639, 1286, -1283, 25446, 4, 3089, -508, -32767, 4377, -8472, 19799, 25454, 2582, 2840, 32396, 32654]> : tensor<16xi16>}) -> tensor<16xi16> {
  %fa = nn.dequantize %a {scales = array<f64: 0.00242>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xi16> -> tensor<16xf32>
  %fb = nn.dequantize %b {scales = array<f64: 0.00131>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xi16> -> tensor<16xf32>
  %e = tensor.empty() : tensor<16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%fa, %fb : tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.mulf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<16xf32>
  %q = nn.quantize %s {scales = array<f64: 0.02>, zero_points = array<i64: 0>, lo = -32768 : i64, hi = 32767 : i64} : tensor<16xf32> -> tensor<16xi16>
  return %q : tensor<16xi16>
}

// The mean of each row of four: ties go to the even integer.
// CHECK-LABEL: @mean
// CHECK-NOT: f32
// CHECK: return
func.func @mean(%x: tensor<4x4xi8> {rt.value = dense<[[1, 1, 0, 0], [3, 3, 2, 2], [-1, -1, 0, 0], [127, 127, 126, 126]]> : tensor<4x4xi8>}) -> tensor<4xi8> {
  %zero = arith.constant 0.0 : f32
  %quarter = arith.constant 4.0 : f32
  %fx = nn.dequantize %x {scales = array<f64: 0.25>, zero_points = array<i64: 0>, lo = -128 : i64, hi = 127 : i64} : tensor<4x4xi8> -> tensor<4x4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
    ins(%fx : tensor<4x4xf32>) outs(%i : tensor<4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.addf %v, %o : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    ins(%s : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.divf %v, %quarter : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  %q = nn.quantize %m {scales = array<f64: 0.25>, zero_points = array<i64: 0>, lo = -128 : i64, hi = 127 : i64} : tensor<4xf32> -> tensor<4xi8>
  return %q : tensor<4xi8>
}
}
