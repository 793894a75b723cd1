// RUN: dlc-opt %s --dlc-plan-kernels --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-allocate-scratch --dlc-lower-kernels --verify-each | FileCheck %s
// RUN: sed s/\"size\"/\"speed\"/ %s | dlc-opt --dlc-plan-kernels --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-allocate-scratch --dlc-lower-kernels --verify-each | FileCheck %s --check-prefix=SPEED

// With -Osize two products of different sizes, bias and shift call one function. What
// both layers agree in (rows and columns of the tile, zero point) is no argument; the
// number of weights is counted at run time.
// CHECK-LABEL: func.func private @net_kernel_0
// CHECK-SAME: memref<?xi32> {llvm.noalias}
// CHECK-SAME: index
// CHECK-SAME: i32
// CHECK-SAME: passthrough = ["noinline", "dlc-rolled"]
// CHECK: arm_dsp.dot {{.*}} count %{{.*}} {groups = 0 : i64, pixels = 2 : i64, rows = 3 : i64, unroll = 2 : i64}
// CHECK: arm_dsp.dot {{.*}} rows = 2 : i64
// CHECK-LABEL: func.func @net_run
// CHECK: call @net_kernel_0
// CHECK: call @net_kernel_0
// CHECK-NOT: nn.matmul

// With -Ospeed that would cost more of so little work than it may: kernels of their own.
// SPEED-NOT: net_kernel
// SPEED: arm_dsp.dot {{.*}}groups = 4 : i64
// SPEED: arm_dsp.dot {{.*}}groups = 3 : i64
module attributes {rt.name = "net", rt.optimize = "size", rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", vector_registers = 0, index_bits = 32, hosted = false, dsp = true, fpu_f32 = true>} {
func.func @net_run(%x: tensor<9x16xi8>) -> tensor<9x5xi8> {
  %w = arith.constant dense<30> : tensor<16x12xi8>
  %v = arith.constant dense<20> : tensor<12x5xi8>
  %b = arith.constant dense<7> : tensor<12xi32>
  %c = arith.constant dense<9> : tensor<5xi32>
  %three = arith.constant 3 : i32
  %four = arith.constant 4 : i32
  %e = tensor.empty() : tensor<9x12xi8>
  %f = tensor.empty() : tensor<9x5xi8>
  %0 = nn.matmul ins(%x, %w : tensor<9x16xi8>, tensor<16x12xi8>) epilogue(%b : tensor<12xi32>) outs(%e : tensor<9x12xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %t = arith.shrsi %s, %three : i32
    %q = arith.trunci %t : i32 to i8
    nn.yield %q : i8
  } -> tensor<9x12xi8>
  %1 = nn.matmul ins(%0, %v : tensor<9x12xi8>, tensor<12x5xi8>) epilogue(%c : tensor<5xi32>) outs(%f : tensor<9x5xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %t = arith.shrsi %s, %four : i32
    %q = arith.trunci %t : i32 to i8
    nn.yield %q : i8
  } -> tensor<9x5xi8>
  return %1 : tensor<9x5xi8>
}
}
