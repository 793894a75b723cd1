// RUN: dlc-opt %s --dlc-expand-small-floats --split-input-file --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-expand-small-floats=native-conversions=false --split-input-file \
// RUN:   | FileCheck %s --check-prefix=NONE --implicit-check-not='arith.{{ext|trunc}}f {{.*}}{{f16|f8}}'

// Arithmetic is done in f32; the conversions are integer operations.
// CHECK-LABEL: func.func @bf16
// NONE-LABEL: func.func @bf16
func.func @bf16(%x: bf16, %y: bf16) -> bf16 {
  // CHECK: arith.bitcast %{{.*}} : bf16 to i16
  // CHECK: arith.shli
  // CHECK: arith.bitcast %{{.*}} : i32 to f32
  // CHECK: arith.addf %{{.*}} : f32
  // CHECK-NOT: arith.truncf
  // CHECK: arith.bitcast %{{.*}} : i16 to bf16
  %0 = arith.addf %x, %y : bf16
  return %0 : bf16
}
// Attributes stay; the result need not be a float.
// CHECK-LABEL: func.func @compare
// CHECK: arith.cmpf olt, %{{.*}} : f32
func.func @compare(%x: f16, %y: f16) -> i1 {
  %0 = arith.cmpf olt, %x, %y : f16
  return %0 : i1
}
// What only moves stays, a choice is one of bits.
// CHECK-LABEL: func.func @storage
// CHECK: memref.load %{{.*}} : memref<4xf16>
// CHECK: arith.select %{{.*}} : i16
// CHECK: memref.store %{{.*}} : memref<4xf16>
// CHECK-NOT: f32
// CHECK: return
func.func @storage(%m: memref<4xf16>, %c: i1, %y: f16) {
  %i = arith.constant 0 : index
  %x = memref.load %m[%i] : memref<4xf16>
  %0 = arith.select %c, %x, %y : f16
  memref.store %0, %m[%i] : memref<4xf16>
  return
}
// Wide integers go to bf16 through f64, as f32 would round them a first time.
// CHECK-LABEL: func.func @integers
// CHECK: arith.sitofp %{{.*}} : i32 to f64
// CHECK: arith.sitofp %{{.*}} : i32 to f32
func.func @integers(%i: i32) -> (bf16, f16) {
  %0 = arith.sitofp %i : i32 to bf16
  %1 = arith.sitofp %i : i32 to f16
  return %0, %1 : bf16, f16
}
// CHECK-LABEL: func.func @vectors
// CHECK: arith.mulf %{{.*}} : vector<[4]xf32>
// CHECK: vector.fma %{{.*}} : vector<8xf32>
func.func @vectors(%x: vector<[4]xf8E4M3FN>, %y: vector<8xf16>) -> (vector<[4]xf8E4M3FN>, vector<8xf16>) {
  %0 = arith.mulf %x, %x : vector<[4]xf8E4M3FN>
  %1 = vector.fma %y, %y, %y : vector<8xf16>
  return %0, %1 : vector<[4]xf8E4M3FN>, vector<8xf16>
}
// Constants are converted here.
// CHECK-LABEL: func.func @constant
// CHECK: arith.constant 1.500000e+00 : f32
func.func @constant() -> f32 {
  %0 = arith.constant 1.5 : f8E5M2
  %1 = arith.extf %0 : f8E5M2 to f32
  return %1 : f32
}

// -----

// Conversions that are instructions stay, but f64 is still rounded once.
module attributes {rt.target = #rt.target<name = "aarch64", triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "", float_abi = "", isa = "neon", convert_f16 = true>} {
// CHECK-LABEL: func.func @native
// NONE-LABEL: func.func @native
func.func @native(%x: f16, %d: f64) -> (f16, f16) {
  // CHECK: arith.extf %{{.*}} : f16 to f32
  // CHECK: arith.addf %{{.*}} : f32
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %0 = arith.addf %x, %x : f16
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  // CHECK: arith.ori
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %1 = arith.truncf %d : f64 to f16
  return %0, %1 : f16, f16
}
}
