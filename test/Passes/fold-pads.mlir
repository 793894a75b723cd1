// Padding that a kernel takes itself, checked by numbers against the padded copy.
// RUN: dlc-opt %s --dlc-fold-pads --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-interpret=mode=record --dlc-fold-pads --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s --dlc-fold-pads --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --dlc-lower-contractions --verify-each | FileCheck %s --check-prefix=LOOPS

// CHECK-LABEL: @padded
// CHECK-NOT: tensor.pad
// CHECK: nn.conv ins(%arg0
// CHECK-SAME: pad_value = 5 : i8, pads = array<i64: 1, 0, 2, 3>
// LOOPS-LABEL: @padded
// LOOPS: %[[OK:.*]] = arith.cmpi ult
// LOOPS: %[[X:.*]] = memref.load %{{.*}} : memref<1x5x4x3xi8>
// LOOPS: arith.select %{{.*}}, %[[X]], %c5_i8
func.func @padded(%x: tensor<1x5x4x3xi8>, %w: tensor<3x3x3x2xi8>) -> tensor<1x3x5x2xi32> {
  %zp = arith.constant 5 : i8
  %p = tensor.pad %x low[0, 1, 0, 0] high[0, 2, 3, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zp : i8
  } : tensor<1x5x4x3xi8> to tensor<1x8x7x3xi8>
  %e = tensor.empty() : tensor<1x3x5x2xi32>
  %r = nn.conv ins(%p, %w : tensor<1x8x7x3xi8>, tensor<3x3x3x2xi8>) outs(%e : tensor<1x3x5x2xi32>)
      attributes {strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, channels_last = true,
                  kernel = #nn.kernel<kind = "dsp", rows = 1, columns = 1, lanes = 1>} {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x3x5x2xi32>
  return %r : tensor<1x3x5x2xi32>
}

// No kernel: the padded copy stays.
// CHECK-LABEL: @plain
// CHECK: tensor.pad
// CHECK: nn.conv
// CHECK-NOT: pads =
func.func @plain(%x: tensor<1x2x5xf32>, %w: tensor<3x2x3xf32>) -> tensor<1x3x5xf32> {
  %z = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 1] high[0, 0, 1] {
  ^bb0(%a: index, %b: index, %c: index):
    tensor.yield %z : f32
  } : tensor<1x2x5xf32> to tensor<1x2x7xf32>
  %e = tensor.empty() : tensor<1x3x5xf32>
  %r = nn.conv ins(%p, %w : tensor<1x2x7xf32>, tensor<3x2x3xf32>) outs(%e : tensor<1x3x5xf32>)
      attributes {strides = array<i64: 1>, dilations = array<i64: 1>} {
  ^bb0(%acc: f32):
    nn.yield %acc : f32
  } -> tensor<1x3x5xf32>
  return %r : tensor<1x3x5xf32>
}

// Padded channels are no padding of the convolution.
// CHECK-LABEL: @channels
// CHECK: tensor.pad
// CHECK-NOT: pads =
func.func @channels(%x: tensor<1x4x2xi8>, %w: tensor<2x3x2xi8>) -> tensor<1x3x2xi32> {
  %zp = arith.constant 5 : i8
  %p = tensor.pad %x low[0, 0, 0] high[0, 0, 1] {
  ^bb0(%a: index, %b: index, %c: index):
    tensor.yield %zp : i8
  } : tensor<1x4x2xi8> to tensor<1x4x3xi8>
  %e = tensor.empty() : tensor<1x3x2xi32>
  %r = nn.conv ins(%p, %w : tensor<1x4x3xi8>, tensor<2x3x2xi8>) outs(%e : tensor<1x3x2xi32>)
      attributes {strides = array<i64: 1>, dilations = array<i64: 1>, channels_last = true,
                  kernel = #nn.kernel<kind = "dsp", rows = 1, columns = 1, lanes = 1>} {
  ^bb0(%acc: i32):
    nn.yield %acc : i32
  } -> tensor<1x3x2xi32>
  return %r : tensor<1x3x2xi32>
}
