// RUN: split-file %s %t
// RUN: dlc-opt %t/m0.mlir --dlc-expand-math --verify-each | FileCheck %t/m0.mlir --implicit-check-not='math.' --implicit-check-not='arith.{{max|min|rem}}'
// RUN: dlc-opt %t/m4.mlir --dlc-expand-math --verify-each | FileCheck %t/m4.mlir
// RUN: dlc-opt %t/aarch64.mlir --dlc-expand-math --verify-each | FileCheck %t/aarch64.mlir
// RUN: dlc-opt %t/aarch64.mlir --dlc-expand-math=fma=false | FileCheck %t/aarch64.mlir --check-prefix=NOFMA --implicit-check-not=math.fma
// RUN: dlc-opt %t/vectors.mlir --dlc-expand-math | FileCheck %t/vectors.mlir --implicit-check-not='math.exp'
// RUN: dlc-opt %t/m0.mlir --dlc-expand-math --dlc-expand-math > /dev/null

//--- m0.mlir
// Nothing is left where there is no FPU.
module attributes {rt.target = #rt.target<name = "cortex-m0", triple = "thumbv6m-none-unknown-eabi", cpu = "cortex-m0", features = "", float_abi = "soft", isa = "scalar", index_bits = 32>} {
// CHECK-DAG: func.func private @dlc_exp_f32(
// CHECK-DAG: func.func private @dlc_tanh_f32(
// CHECK-DAG: func.func private @dlc_sqrt_f32(
// CHECK-DAG: func.func private @dlc_sqrt_f64(
// CHECK-DAG: func.func private @dlc_remf_f32(
// CHECK-DAG: memref.global "private" constant @dlc_two_over_pi_f32
// CHECK: func.func @floats
func.func @floats(%x: f32, %y: f32, %d: f64, %h: f16) -> (f32, f64, f16, i1) {
  // CHECK: call @dlc_tanh_f32(
  // CHECK: call @dlc_sin_f32(
  // CHECK: call @dlc_powf_f32(
  // CHECK: call @dlc_remf_f32(
  %0 = math.tanh %x : f32
  %1 = math.sin %0 : f32
  %2 = math.powf %1, %y : f32
  %3 = arith.remf %2, %y : f32
  %4 = arith.maximumf %3, %y : f32
  %5 = arith.minnumf %4, %x : f32
  %6 = math.fma %5, %x, %y : f32
  %7 = math.floor %6 : f32
  %8 = math.absf %7 : f32
  %9 = math.copysign %8, %x : f32
  %10 = math.clampf %9 to [%x, %y] : f32
  %11 = math.rsqrt %10 : f32
  %12 = math.isnan %11 : f32
  // CHECK: call @dlc_sqrt_f64(
  %13 = math.sqrt %d : f64
  // CHECK: arith.extf %{{.*}} : f16 to f32
  // CHECK: call @dlc_exp_f32(
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %14 = math.exp %h : f16
  %s, %c = math.sincos %11 : f32
  %15 = arith.addf %s, %c : f32
  return %15, %13, %14, %12 : f32, f64, f16, i1
}
// CHECK: func.func @integers
func.func @integers(%i: i32, %x: f32) -> (i32, f32) {
  %0 = math.ctlz %i : i32
  %1 = math.cttz %0 : i32
  %2 = math.ctpop %1 : i32
  %3 = math.absi %2 : i32
  %4 = math.ipowi %3, %i : i32
  %5 = math.fpowi %x, %i : f32, i32
  return %4, %5 : i32, f32
}
// A square and a square root need no logarithm.
// CHECK: func.func @constant_powers(%[[X:.*]]: f32
// CHECK: arith.mulf %[[X]], %[[X]]
// CHECK: call @dlc_sqrt_f32
// CHECK-NOT: call @dlc_powf
func.func @constant_powers(%x: f32) -> (f32, f32) {
  %two = arith.constant 2.0 : f32
  %half = arith.constant 0.5 : f32
  %0 = math.powf %x, %two : f32
  %1 = math.powf %x, %half : f32
  return %0, %1 : f32, f32
}
// ReLU is one comparison: it is true for NaN, and max(-0, 0) is 0.
// CHECK: func.func @relu(%[[X:.*]]: f32
// CHECK: %[[ZERO:.*]] = arith.constant 0
// CHECK: %[[C:.*]] = arith.cmpf ugt, %[[X]], %[[ZERO]] : f32
// CHECK: arith.select %[[C]], %[[X]], %[[ZERO]] : f32
// CHECK-NEXT: return
func.func @relu(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %0 = arith.maximumf %zero, %x : f32
  return %0 : f32
}
}

//--- m4.mlir
// f32 has an FPU with fused multiply-add and square root, f64 has not; rounding is not an instruction.
module attributes {rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-none-unknown-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", index_bits = 32, fpu_f32 = true, fma_f32 = true>} {
// CHECK-LABEL: func.func @f
func.func @f(%x: f32, %d: f64, %i: i32) -> (f32, f64, i32) {
  // CHECK: math.sqrt %{{.*}} : f32
  %0 = math.sqrt %x : f32
  // CHECK: math.fma
  %1 = math.fma %0, %x, %x : f32
  // CHECK-NOT: math.floor
  %2 = math.floor %1 : f32
  // CHECK: call @dlc_sqrt_f64
  %3 = math.sqrt %d : f64
  // CHECK: math.ctlz
  %4 = math.ctlz %i : i32
  return %2, %3, %4 : f32, f64, i32
}
}

//--- aarch64.mlir
module attributes {rt.target = #rt.target<name = "aarch64", triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "", float_abi = "", isa = "neon", vector_bits = 128, fma_f32 = true, fma_f64 = true, fpu_f32 = true, fpu_f64 = true, round_f32 = true, round_f64 = true>} {
// CHECK-LABEL: func.func private @dlc_exp_f32
// CHECK: math.fma
// NOFMA-LABEL: func.func private @dlc_exp_f32
// CHECK-LABEL: func.func @f
func.func @f(%x: f32, %v: vector<4xf32>) -> (f32, vector<4xf32>) {
  // CHECK: math.floor
  // CHECK: math.roundeven
  // CHECK: math.sqrt
  // CHECK: math.absf
  // CHECK: arith.maximumf
  // CHECK: vector.fma
  // CHECK: math.roundeven %{{.*}} : vector<4xf32>
  // CHECK: call @dlc_exp_f32
  // NOFMA: arith.mulf %{{.*}} : vector<4xf32>
  %0 = math.floor %x : f32
  %1 = math.roundeven %0 : f32
  %2 = math.sqrt %1 : f32
  %3 = math.absf %2 : f32
  %4 = arith.maximumf %3, %x : f32
  %5 = vector.fma %v, %v, %v : vector<4xf32>
  %6 = math.roundeven %5 : vector<4xf32>
  %7 = math.exp %4 : f32
  return %7, %6 : f32, vector<4xf32>
}
}

//--- vectors.mlir
// Without a target nothing is kept. Vectors of every kind are expanded in place.
// CHECK-LABEL: func.func @fixed
// CHECK-NOT: call
func.func @fixed(%v: vector<2x4xf32>) -> vector<2x4xf32> {
  %0 = math.exp %v : vector<2x4xf32>
  return %0 : vector<2x4xf32>
}
// CHECK-LABEL: func.func @scalable
// CHECK: arith.constant dense<{{.*}}> : vector<[4]xf32>
func.func @scalable(%v: vector<[4]xf32>) -> vector<[4]xf32> {
  %0 = math.exp %v : vector<[4]xf32>
  return %0 : vector<[4]xf32>
}
// Large arguments of sin take a branch, lane by lane.
// CHECK-LABEL: func.func @sin
// CHECK: %[[ANY:.*]] = vector.reduction <or>
// CHECK: scf.if %[[ANY]]
// CHECK-COUNT-4: call @dlc_sin_large_f32
func.func @sin(%v: vector<4xf32>) -> vector<4xf32> {
  %0 = math.sin %v : vector<4xf32>
  return %0 : vector<4xf32>
}
