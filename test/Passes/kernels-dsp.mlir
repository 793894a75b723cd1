// Which integer contractions get which kernel on a core with the DSP extension, and that padding,
// scratch and weights go with it. What the kernels compute is tested in test/Kernels.
// RUN: dlc-opt %s --dlc-plan-kernels --dlc-fold-pads --verify-each | FileCheck %s --check-prefix=PLAN
// RUN: dlc-opt %s --dlc-plan-kernels --dlc-fold-pads --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-allocate-scratch --dlc-lower-kernels --verify-each | FileCheck %s

module attributes {rt.target = #rt.target<name = "cortex-m4", triple = "thumbv7em-unknown-none-eabihf", cpu = "cortex-m4", features = "", float_abi = "hard", isa = "scalar", vector_registers = 0, index_bits = 32, hosted = false, dsp = true, fpu_f32 = true>} {

// Blocks of three outputs by two pixels; four bytes of both pixels are 16 bytes of scratch.
// PLAN-LABEL: @pointwise
// PLAN: kernel = #nn.kernel<kind = "dsp", rows = 3, columns = 2, lanes = 1>
// CHECK-LABEL: @pointwise
// CHECK: memref.alloc() {{.*}} : memref<32xi8>
// CHECK: arm_dsp.sxtb16
// CHECK: arm_dsp.dot {{.*}}groups = 2 : i64, pixels = 2 : i64, rows = 3 : i64
// CHECK-NOT: nn.matmul
func.func @pointwise(%x: tensor<6x8xi8>) -> tensor<6x3xi32> {
  %w = arith.constant dense<30> : tensor<8x3xi8>
  %e = tensor.empty() : tensor<6x3xi32>
  %r = nn.matmul ins(%x, %w : tensor<6x8xi8>, tensor<8x3xi8>) outs(%e : tensor<6x3xi32>) {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<6x3xi32>
  return %r : tensor<6x3xi32>
}

// Weights of four bits: words of eight, bias after the sum.
// PLAN-LABEL: @nibbles
// PLAN: kernel = #nn.kernel<kind = "dsp", rows = 2, columns = 2, lanes = 8>
// CHECK-LABEL: @nibbles
// CHECK: memref.alloc() {{.*}} : memref<64xi8>
// CHECK: arm_dsp.dot {{.*}}groups = 2 : i64, nibbles, pixels = 2 : i64, {{.*}}rows = 2 : i64
// CHECK: arith.shrsi
func.func @nibbles(%x: tensor<6x16xi8>) -> tensor<6x4xi32> {
  %w = arith.constant dense<-8> : tensor<16x4xi8>
  %e = tensor.empty() : tensor<6x4xi32>
  %r = nn.matmul ins(%x, %w : tensor<6x16xi8>, tensor<16x4xi8>) outs(%e : tensor<6x4xi32>) {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<6x4xi32>
  return %r : tensor<6x4xi32>
}

// One row: no scratch, bytes are expanded on the way.
// PLAN-LABEL: @vector
// PLAN: kernel = #nn.kernel<kind = "dsp_vector", rows = 4, columns = 1, lanes = 1>
// CHECK-LABEL: @vector
// CHECK: arm_dsp.dot {{.*}}rows = 4 : i64{{.*}} : memref<{{.*}}xi32>, memref<8xi8>
func.func @vector(%x: tensor<1x8xi8>) -> tensor<1x4xi32> {
  %w = arith.constant dense<30> : tensor<8x4xi8>
  %e = tensor.empty() : tensor<1x4xi32>
  %r = nn.matmul ins(%x, %w : tensor<1x8xi8>, tensor<8x4xi8>) outs(%e : tensor<1x4xi32>) {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x4xi32>
  return %r : tensor<1x4xi32>
}

// A short row with many outputs: expanded once, two words for each of its own.
// PLAN-LABEL: @row
// PLAN: kernel = #nn.kernel<kind = "dsp_vector", rows = 4, {{.*}}depth = 2
// CHECK-LABEL: @row
// CHECK: memref.alloc() {{.*}} : memref<32xi8>
// CHECK: arm_dsp.sxtb16
// CHECK: arm_dsp.dot {{.*}}rows = 4 : i64{{.*}} : memref<{{.*}}xi32>, memref<8xi32>
func.func @row(%x: tensor<1x16xi8>) -> tensor<1x32xi32> {
  %w = arith.constant dense<30> : tensor<16x32xi8>
  %e = tensor.empty() : tensor<1x32xi32>
  %r = nn.matmul ins(%x, %w : tensor<1x16xi8>, tensor<16x32xi8>) outs(%e : tensor<1x32xi32>) {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x32xi32>
  return %r : tensor<1x32xi32>
}

// Lines of four channels, three slots of four pairs; weights stay in registers.
// PLAN-LABEL: @depthwise
// PLAN-NOT: tensor.pad
// PLAN: kernel = #nn.kernel<kind = "dsp_depthwise", rows = 4, columns = 2, lanes = 1>
// CHECK-LABEL: @depthwise
// CHECK: memref.alloc() {{.*}} : memref<192xi8>
// CHECK: arm_dsp.smlad
// CHECK: arm_dsp.smlabt
// CHECK: arm_dsp.smlatb
func.func @depthwise(%x: tensor<1x5x6x4xi8>) -> tensor<1x5x6x4xi32> {
  %w = arith.constant dense<30> : tensor<3x3x1x4xi8>
  %zp = arith.constant 5 : i8
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zp : i8
  } : tensor<1x5x6x4xi8> to tensor<1x7x8x4xi8>
  %e = tensor.empty() : tensor<1x5x6x4xi32>
  %r = nn.conv ins(%p, %w : tensor<1x7x8x4xi8>, tensor<3x3x1x4xi8>) outs(%e : tensor<1x5x6x4xi32>)
      attributes {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 4 : i64, channels_last = true} {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x5x6x4xi32>
  return %r : tensor<1x5x6x4xi32>
}
}
