// RUN: dlc-opt %s --dlc-plan-kernels --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-allocate-scratch --dlc-lower-kernels --verify-each | FileCheck %s

// With -Osize two products with one row call one function: the number of words is counted at run time, and
// ten outputs are five blocks of two, not two of four and a rest.
// CHECK-LABEL: func.func private @net_kernel_0
// CHECK: arm_dsp.dot {{.*}} count %{{.*}} {groups = 0 : i64, pixels = 1 : i64, rows = 2 : i64, unroll = 2 : i64}
// CHECK-NOT: arm_dsp.dot
// CHECK-LABEL: func.func @net_run
// CHECK: call @net_kernel_0
// CHECK: call @net_kernel_0
module attributes {rt.name = "net", rt.optimize = "size", rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", vector_registers = 0, index_bits = 32, hosted = false, dsp = true, fpu_f32 = true>} {
func.func @net_run(%x: tensor<1x16xi8>) -> tensor<1x14xi8> {
  %w = arith.constant dense<30> : tensor<16x10xi8>
  %v = arith.constant dense<20> : tensor<12x14xi8>
  %b = arith.constant dense<7> : tensor<10xi32>
  %c = arith.constant dense<9> : tensor<14xi32>
  %three = arith.constant 3 : i32
  %four = arith.constant 4 : i32
  %e = tensor.empty() : tensor<1x10xi8>
  %f = tensor.empty() : tensor<1x14xi8>
  %0 = nn.matmul ins(%x, %w : tensor<1x16xi8>, tensor<16x10xi8>) epilogue(%b : tensor<10xi32>) outs(%e : tensor<1x10xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %t = arith.shrsi %s, %three : i32
    %q = arith.trunci %t : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x10xi8>
  %zero = arith.constant 0 : i8
  %p = tensor.pad %0 low[0, 0] high[0, 2] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : i8
  } : tensor<1x10xi8> to tensor<1x12xi8>
  %1 = nn.matmul ins(%p, %v : tensor<1x12xi8>, tensor<12x14xi8>) epilogue(%c : tensor<14xi32>) outs(%f : tensor<1x14xi8>) {
  ^bb0(%acc: i32, %bias: i32):
    %s = arith.addi %acc, %bias : i32
    %t = arith.shrsi %s, %four : i32
    %q = arith.trunci %t : i32 to i8
    nn.yield %q : i8
  } -> tensor<1x14xi8>
  return %1 : tensor<1x14xi8>
}
}
