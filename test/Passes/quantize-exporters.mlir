// Forms that exporters write become integers, and compute what the definition does in floats.
// RUN: dlc-opt %s --dlc-lower-quantize --dlc-interpret | grep 'dense<' | sed 's/.*dense/dense/' > %t.definition
// RUN: dlc-opt %s --dlc-stage-quantize --dlc-stage-simplify --dlc-stage-layout --dlc-interpret | grep 'dense<' | sed 's/.*dense/dense/' > %t.integers
// RUN: diff %t.definition %t.integers
// RUN: dlc-opt %s --dlc-stage-quantize --dlc-stage-simplify --dlc-stage-layout --verify-each | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0, 0)>
#d0 = affine_map<(d0, d1) -> (d0)>
#d1 = affine_map<(d0, d1) -> (d1)>
module attributes {rt.requant = "onnx"} {

// x * round(clip(round(x + 3), 0, 6)): a function of one tensor, though rounded twice on the way.
// CHECK-LABEL: @swish
// CHECK-NOT: f32
// CHECK: tensor.extract %{{.*}} : tensor<256xi8>
// CHECK-NOT: tensor.extract
// CHECK-NOT: f32
// CHECK: return
func.func @swish(%x: tensor<2x4xi8> {rt.value = dense<[[-128, -77, -3, 0], [1, 50, 99, 127]]> : tensor<2x4xi8>}) -> tensor<2x4xi8> {
  %three = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %fx = nn.dequantize %x {scales = array<f64: 0.0417>, zero_points = array<i64: 5>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xi8> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%fx : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.addf %v, %three : f32
    linalg.yield %t : f32
  } -> tensor<2x4xf32>
  %qa = nn.quantize %a {scales = array<f64: 0.0391>, zero_points = array<i64: -70>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xf32> -> tensor<2x4xi8>
  %fa = nn.dequantize %qa {scales = array<f64: 0.0391>, zero_points = array<i64: -70>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xi8> -> tensor<2x4xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%fa : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.maximumf %v, %zero : f32
    %u = arith.minimumf %t, %six : f32
    linalg.yield %u : f32
  } -> tensor<2x4xf32>
  %qc = nn.quantize %c {scales = array<f64: 0.0236>, zero_points = array<i64: -128>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xf32> -> tensor<2x4xi8>
  %fc = nn.dequantize %qc {scales = array<f64: 0.0236>, zero_points = array<i64: -128>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xi8> -> tensor<2x4xf32>
  %m = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%fx, %fc : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %t = arith.mulf %v, %w : f32
    linalg.yield %t : f32
  } -> tensor<2x4xf32>
  %q = nn.quantize %m {scales = array<f64: 0.0913>, zero_points = array<i64: -11>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xf32> -> tensor<2x4xi8>
  return %q : tensor<2x4xi8>
}

// PRelu of a product that is rounded after it: the larger one of two lines.
// CHECK-LABEL: @prelu
// CHECK-NOT: f32
// CHECK: arith.maxsi %{{.*}}, %{{.*}} : i8
// CHECK-NOT: f32
// CHECK: return
func.func @prelu(%x: tensor<2x4xi8> {rt.value = dense<[[-128, -77, -3, 0], [1, 50, 99, 127]]> : tensor<2x4xi8>}) -> tensor<2x2xi8> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1, -2], [33, 44], [-55, 66], [7, -88]]> : tensor<4x2xi8>
  %slope = arith.constant dense<[0.1, 0.37]> : tensor<2xf32>
  %fx = nn.dequantize %x {scales = array<f64: 0.0417>, zero_points = array<i64: 5>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xi8> -> tensor<2x4xf32>
  %fw = nn.dequantize %w {scales = array<f64: 0.0031, 0.0047>, zero_points = array<i64: 0, 0>, axis = 1 : i64, lo = -128 : i64, hi = 127 : i64} : tensor<4x2xi8> -> tensor<4x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %y = nn.matmul ins(%fx, %fw : tensor<2x4xf32>, tensor<4x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<2x2xf32>
  %p = linalg.generic {indexing_maps = [#id, #d1, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %slope : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%v: f32, %s: f32, %o: f32):
    %less = arith.cmpf olt, %v, %zero : f32
    %t = arith.mulf %v, %s : f32
    %u = arith.select %less, %t, %v : f32
    linalg.yield %u : f32
  } -> tensor<2x2xf32>
  %q = nn.quantize %p {scales = array<f64: 0.0131>, zero_points = array<i64: -11>, lo = -128 : i64, hi = 127 : i64} : tensor<2x2xf32> -> tensor<2x2xi8>
  return %q : tensor<2x2xi8>
}

// Sums divided by counts of rows and columns, as at the border of an average pool.
// CHECK-LABEL: @averages
// CHECK-NOT: divf
// CHECK: arith.muli %{{.*}}, %{{.*}} : i32
// CHECK: arith.muli %{{.*}}, %{{.*}} : i32
// CHECK: arith.mulsi_extended
// CHECK-NOT: divf
// CHECK: return
func.func @averages(%x: tensor<2x2x3xi8> {rt.value = dense<[[[-128, -77, -3], [0, 1, 2]], [[50, 99, 127], [4, 5, 7]]]> : tensor<2x2x3xi8>}) -> tensor<2x2xi8> {
  %zero = arith.constant 0.0 : f32
  %rows = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %columns = arith.constant dense<[3.0, 1.0]> : tensor<2xf32>
  %fx = nn.dequantize %x {scales = array<f64: 0.0417>, zero_points = array<i64: 5>, lo = -128 : i64, hi = 127 : i64} : tensor<2x2x3xi8> -> tensor<2x2x3xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%fx : tensor<2x2x3xf32>) outs(%i : tensor<2x2xf32>) {
  ^bb0(%v: f32, %o: f32):
    %t = arith.addf %v, %o : f32
    linalg.yield %t : f32
  } -> tensor<2x2xf32>
  %m = linalg.generic {indexing_maps = [#id, #d0, #d1, #id], iterator_types = ["parallel", "parallel"]} ins(%s, %rows, %columns : tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%v: f32, %r: f32, %c: f32, %o: f32):
    %n = arith.mulf %r, %c : f32
    %t = arith.divf %v, %n : f32
    linalg.yield %t : f32
  } -> tensor<2x2xf32>
  %q = nn.quantize %m {scales = array<f64: 0.0431>, zero_points = array<i64: 3>, lo = -128 : i64, hi = 127 : i64} : tensor<2x2xf32> -> tensor<2x2xi8>
  return %q : tensor<2x2xi8>
}

// A factor for each row is not stored as a float.
// CHECK-LABEL: @gate
// CHECK-NOT: f32
// CHECK: arith.muli %{{.*}}, %{{.*}} : i32
// CHECK-NOT: f32
// CHECK: return
func.func @gate(%x: tensor<2x4xi8> {rt.value = dense<[[-128, -77, -3, 0], [1, 50, 99, 127]]> : tensor<2x4xi8>},
                %g: tensor<2x1xi8> {rt.value = dense<[[-100], [33]]> : tensor<2x1xi8>}) -> tensor<2x4xi8> {
  %fx = nn.dequantize %x {scales = array<f64: 0.0417>, zero_points = array<i64: 5>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xi8> -> tensor<2x4xf32>
  %fg = nn.dequantize %g {scales = array<f64: 0.00393>, zero_points = array<i64: -128>, lo = -128 : i64, hi = 127 : i64} : tensor<2x1xi8> -> tensor<2x1xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %m = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%fx, %fg : tensor<2x4xf32>, tensor<2x1xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %t = arith.mulf %v, %w : f32
    linalg.yield %t : f32
  } -> tensor<2x4xf32>
  %q = nn.quantize %m {scales = array<f64: 0.0291>, zero_points = array<i64: -11>, lo = -128 : i64, hi = 127 : i64} : tensor<2x4xf32> -> tensor<2x4xi8>
  return %q : tensor<2x4xi8>
}
}
