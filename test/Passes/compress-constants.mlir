// Loads of compressed constants: bytes, shifts, and one multiplication with a scale.
// RUN: dlc-opt %s --dlc-compress-constants --canonicalize --cse -verify-each | FileCheck %s

module attributes {rt.optimize = "size"} {
// Numbers times 0.1 (f32), in two's complement; columns two apart share a byte.
// CHECK: memref.global "private" constant @columns : memref<8x2xi8>
memref.global "private" constant @columns : memref<8x4xf32> = dense<[
  [0.1, 0.2, 0.3, 0.4], [-0.1, -0.2, -0.4, 0.7], [0.1, 0.2, 0.3, 0.4], [-0.1, -0.2, -0.4, 0.7],
  [0.1, 0.2, 0.3, 0.4], [-0.1, -0.2, -0.4, -0.8], [0.1, 0.2, 0.3, 0.4], [-0.1, -0.2, -0.4, 0.7]]>
// Integers from 0 to 3, four neighbouring rows in a byte.
// CHECK: memref.global "private" constant @rows : memref<16x4xi8>
memref.global "private" constant @rows : memref<64x4xi8> = dense<3>
// Noise stays.
// CHECK: memref.global "private" constant @noise : memref<4x4xf32>
memref.global "private" constant @noise : memref<4x4xf32> = dense<[[0.123456, 4.34324, 0.534534, 0.1],
  [0.000234, 65.23, 1.0e-7, 0.3], [0.77, 0.88, 0.9999, 0.1], [1.0, 123.0, 0.5, 3.3]]>

// CHECK-LABEL: func.func @read_columns
func.func @read_columns(%k: index) -> vector<2xf32> {
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant dense<1.000000e-01> : vector<2xf32>
  // CHECK-DAG: %[[BITS:.*]] = arith.constant dense<28> : vector<2xi32>
  // CHECK-DAG: %[[UP:.*]] = arith.constant dense<24> : vector<2xi32>
  // CHECK: %[[BYTES:.*]] = vector.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<8x2xi8>, vector<2xi8>
  // CHECK: %[[WIDE:.*]] = arith.extui %[[BYTES]]
  // CHECK: %[[LEFT:.*]] = arith.shli %[[WIDE]], %[[UP]]
  // CHECK: %[[NUMBER:.*]] = arith.shrsi %[[LEFT]], %[[BITS]]
  // CHECK: %[[FLOAT:.*]] = arith.sitofp %[[NUMBER]]
  // CHECK: arith.mulf %[[FLOAT]], %[[SCALE]]
  %g = memref.get_global @columns : memref<8x4xf32>
  %c2 = arith.constant 2 : index
  %v = vector.load %g[%k, %c2] : memref<8x4xf32>, vector<2xf32>
  return %v : vector<2xf32>
}

// CHECK-LABEL: func.func @read_rows
func.func @read_rows(%k: index, %c: index) -> i32 {
  // CHECK: %[[AT:.*]] = arith.shrui %{{.*}}, %{{.*}} : index
  // CHECK: memref.load %{{.*}}[%[[AT]], %{{.*}}] : memref<16x4xi8>
  // CHECK: arith.shrui
  // CHECK: arith.andi
  // CHECK-NOT: arith.trunci
  %g = memref.get_global @rows : memref<64x4xi8>
  %v = memref.load %g[%k, %c] : memref<64x4xi8>
  %w = arith.extsi %v : i8 to i32
  return %w : i32
}

// CHECK-LABEL: func.func @read_noise
func.func @read_noise(%k: index, %c: index) -> f32 {
  // CHECK: memref.load %{{.*}} : memref<4x4xf32>
  %g = memref.get_global @noise : memref<4x4xf32>
  %v = memref.load %g[%k, %c] : memref<4x4xf32>
  return %v : f32
}
}
