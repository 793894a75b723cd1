// RUN: dlc-opt %s --dlc-plan-kernels --dlc-fold-pads --dlc-pack-weights --verify-each | FileCheck %s --check-prefix=PLAN

module attributes {rt.target = #rt.target<name = "cortex-m55", triple = "thumbv8.1m.main-unknown-none-eabihf", cpu = "cortex-m55", features = "", float_abi = "hard", isa = "mve", vector_bits = 128, vector_registers = 8, index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {

// Two rows by four channels, in two halves that share the rows' vectors; the bias
// starts the sums, results are narrowed with rounding, both rows at once.
// PLAN-LABEL: @product
// PLAN: nn.matmul ins(%{{.*}}, %{{.*}} : tensor<4x16xi8>, tensor<64xi8>){{.*}}kind = "mve_dot", rows = 2, columns = 4, lanes = 16
func.func @product(%a: tensor<4x16xi8>) -> tensor<4x4xi8> {
  %w = arith.constant dense<3> : tensor<16x4xi8>
  %bias = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %scale = arith.constant dense<1073741824> : tensor<4xi32>
  %offset = arith.constant -4080 : i32
  %shift = arith.constant 5 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x4xi8>
  %0 = nn.matmul ins(%a, %w : tensor<4x16xi8>, tensor<16x4xi8>) epilogue(%bias, %scale : tensor<4xi32>, tensor<4xi32>) outs(%e : tensor<4x4xi8>) {
  ^bb0(%acc: i32, %b: i32, %m: i32):
    %1 = arith.addi %acc, %b : i32
    %lo, %hi = arith.mulsi_extended %1, %m : i32
    %2 = arith.addi %hi, %offset : i32
    %3 = arith.shrsi %2, %shift : i32
    %4 = arith.maxsi %3, %low : i32
    %5 = arith.minsi %4, %high : i32
    %6 = arith.trunci %5 : i32 to i8
    nn.yield %6 : i8
  } -> tensor<4x4xi8>
  return %0 : tensor<4x4xi8>
}

// A depthwise convolution takes its padding; rows lie padded in scratch. Weights of
// 100 fit two to an int16 sum.
// PLAN-LABEL: @depthwise
// PLAN-NOT: tensor.pad
// PLAN: nn.conv {{.*}}tensor<144xi8>{{.*}}filter_shape = array<i64: 3, 3, 1, 16>{{.*}}kind = "mve_depthwise"{{.*}}pads = array<i64: 1, 1, 1, 1>
func.func @depthwise(%x: tensor<1x5x5x16xi8>) -> tensor<1x5x5x16xi8> {
  %w = arith.constant dense<100> : tensor<3x3x1x16xi8>
  %bias = arith.constant dense<7> : tensor<16xi32>
  %zero = arith.constant -128 : i8
  %scale = arith.constant 1073741824 : i32
  %offset = arith.constant -4080 : i32
  %shift = arith.constant 5 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : i8
  } : tensor<1x5x5x16xi8> to tensor<1x7x7x16xi8>
  %e = tensor.empty() : tensor<1x5x5x16xi8>
  %0 = nn.conv ins(%p, %w : tensor<1x7x7x16xi8>, tensor<3x3x1x16xi8>) epilogue(%bias : tensor<16xi32>) outs(%e : tensor<1x5x5x16xi8>)
    attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 16 : i64, channels_last = true} {
  ^bb0(%acc: i32, %b: i32):
    %1 = arith.addi %acc, %b : i32
    %lo, %hi = arith.mulsi_extended %1, %scale : i32
    %2 = arith.addi %hi, %offset : i32
    %3 = arith.shrsi %2, %shift : i32
    %4 = arith.maxsi %3, %low : i32
    %5 = arith.minsi %4, %high : i32
    %6 = arith.trunci %5 : i32 to i8
    nn.yield %6 : i8
  } -> tensor<1x5x5x16xi8>
  return %0 : tensor<1x5x5x16xi8>
}
}
