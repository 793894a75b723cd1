// RUN: dlc-opt %s --dlc-plan-kernels --dlc-pack-weights --verify-each | FileCheck %s --check-prefix=PLAN
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-plan-kernels --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s --dlc-plan-kernels --dlc-pack-weights --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-lower-kernels --verify-each | FileCheck %s --check-prefix=LOWER
// RUN: dlc-opt %s --dlc-plan-kernels --dlc-pack-weights --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-lower-contractions --verify-each | FileCheck %s --check-prefix=LOOPS

module attributes {rt.target = #rt.target<name = "aarch64", triple = "aarch64-unknown-linux-gnu", cpu = "generic", features = "", float_abi = "", isa = "neon", vector_bits = 128, vector_registers = 32, fma_f32 = true>} {

// Constant weights [K, N] become panels of 8 columns, padded with zeros.
// PLAN-LABEL: @product
// PLAN: arith.constant dense<{{.*}}> : tensor<2x2x8xf32>
// PLAN: nn.matmul {{.*}}kernel = #nn.kernel<kind = "gemm", rows = 8, columns = 8, lanes = 4, depth = 4>, packed = 8 : i64
// LOWER-LABEL: @product
// LOWER: vector.load %{{.*}} : memref<2x2x8xf32{{.*}}>, vector<4xf32>
// LOWER: math.fma %{{.*}} : vector<4xf32>
// LOWER-NOT: nn.matmul
// LOOPS-LABEL: @product
// LOOPS: scf.for
// LOOPS: arith.divui
// LOOPS: math.fma %{{.*}} : f32
func.func @product(%a: tensor<3x2xf32>) -> tensor<3x9xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]]> : tensor<2x9xf32>
  %e = tensor.empty() : tensor<3x9xf32>
  %0 = nn.matmul ins(%a, %w : tensor<3x2xf32>, tensor<2x9xf32>) outs(%e : tensor<3x9xf32>) {
  ^bb0(%x: f32):
    nn.yield %x : f32
  } -> tensor<3x9xf32>
  return %0 : tensor<3x9xf32>
}

// PLAN-LABEL: @depthwise
// PLAN: kernel = #nn.kernel<kind = "depthwise", rows = 4
// LOWER-LABEL: @depthwise
// LOWER: vector.load
// LOWER: math.fma %{{.*}} : vector<4xf32>
// The fifth and sixth channel, one by one.
// LOWER: memref.load
func.func @depthwise(%x: tensor<1x5x5x6xf32>, %w: tensor<3x3x1x6xf32>) -> tensor<1x3x3x6xf32> {
  %e = tensor.empty() : tensor<1x3x3x6xf32>
  %0 = nn.conv ins(%x, %w : tensor<1x5x5x6xf32>, tensor<3x3x1x6xf32>) outs(%e : tensor<1x3x3x6xf32>)
    attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 6 : i64, channels_last = true} {
  ^bb0(%a: f32):
    nn.yield %a : f32
  } -> tensor<1x3x3x6xf32>
  return %0 : tensor<1x3x3x6xf32>
}
}
