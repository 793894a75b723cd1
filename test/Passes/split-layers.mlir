// RUN: dlc-opt %s --dlc-split-layers --split-input-file | FileCheck %s

// Rows of a matrix product: multiples of the kernel's rows, and operands of the epilogue with them.
// CHECK-LABEL: func.func private @m_layer_0_part(
// CHECK-SAME: %[[I:.*]]: index, %[[X:.*]]: memref<90x64xf32>, %[[Y:.*]]: memref<90x32xf32> {llvm.noalias})
// CHECK-SAME: attributes {rt.tasks = 2 : i64}
// CHECK: scf.index_switch %[[I]]
// CHECK: case 0
// CHECK: %[[A:.*]] = memref.subview %[[X]][0, 0] [44, 64] [1, 1]
// CHECK: %[[B:.*]] = memref.subview %[[Y]][0, 0] [44, 32] [1, 1]
// CHECK: nn.matmul ins(%[[A]], %{{.*}}) epilogue(%{{.*}} : memref<32xf32>) outs(%[[B]]
// CHECK: default
// CHECK: memref.subview %[[X]][44, 0] [46, 64] [1, 1]
// CHECK: memref.subview %[[Y]][44, 0] [46, 32] [1, 1]
// CHECK: nn.matmul
// CHECK-LABEL: func.func private @m_layer_0(
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-NEXT: call @m_layer_0_part(%[[ZERO]]
// CHECK-NEXT: return
module attributes {rt.threads = 2 : i64} {
  func.func private @m_layer_0(%x: memref<90x64xf32>, %y: memref<90x32xf32> {llvm.noalias}) attributes {rt.layer = {}} {
    %w = memref.get_global @w : memref<4x64x8xf32>
    %b = memref.get_global @b : memref<32xf32>
    nn.matmul ins(%x, %w : memref<90x64xf32>, memref<4x64x8xf32>) epilogue(%b : memref<32xf32>) outs(%y : memref<90x32xf32>)
        attributes {packed = 8 : i64, kernel = #nn.kernel<kind = "gemm", rows = 4, columns = 8, lanes = 4>} {
    ^bb0(%acc: f32, %c: f32):
      %s = arith.addf %acc, %c : f32
      nn.yield %s : f32
    }
    return
  }
  memref.global "private" constant @w : memref<4x64x8xf32> = dense<1.0>
  memref.global "private" constant @b : memref<32xf32> = dense<1.0>
}

// -----

// One row: channels, in whole panels; constants of each channel follow.
// CHECK-LABEL: func.func private @m_layer_0_part(
// CHECK: memref.subview %{{.*}}[0, 0, 0] [31, 2048, 8] [1, 1, 1]
// CHECK: memref.subview %{{.*}}[0] [248] [1]
// CHECK: memref.subview %{{.*}}[0, 0] [1, 248] [1, 1]
// CHECK: memref.subview %{{.*}}[31, 0, 0] [32, 2048, 8] [1, 1, 1]
// CHECK: memref.subview %{{.*}}[248] [252] [1]
// CHECK: memref.subview %{{.*}}[0, 248] [1, 252] [1, 1]
module attributes {rt.threads = 2 : i64} {
  func.func private @m_layer_0(%x: memref<1x2048xf32>, %w: memref<63x2048x8xf32>, %b: memref<500xf32>, %y: memref<1x500xf32>) attributes {rt.layer = {}} {
    nn.matmul ins(%x, %w : memref<1x2048xf32>, memref<63x2048x8xf32>) epilogue(%b : memref<500xf32>) outs(%y : memref<1x500xf32>)
        attributes {packed = 8 : i64, kernel = #nn.kernel<kind = "gemm", rows = 4, columns = 8, lanes = 4>} {
    ^bb0(%acc: f32, %c: f32):
      %s = arith.addf %acc, %c : f32
      nn.yield %s : f32
    }
    return
  }
}

// -----

// Rows of an image: strides and the kernel's height say which rows of the input.
// CHECK-LABEL: func.func private @m_layer_0_part(
// CHECK: memref.subview %{{.*}}[0, 0, 0, 0] [1, 33, 33, 8] [1, 1, 1, 1]
// CHECK: memref.subview %{{.*}}[0, 0, 0, 0] [1, 16, 16, 64] [1, 1, 1, 1]
// CHECK: memref.subview %{{.*}}[0, 32, 0, 0] [1, 33, 33, 8] [1, 1, 1, 1]
// CHECK: memref.subview %{{.*}}[0, 16, 0, 0] [1, 16, 16, 64] [1, 1, 1, 1]
module attributes {rt.threads = 2 : i64} {
  func.func private @m_layer_0(%x: memref<1x65x33x8xf32>, %w: memref<3x3x8x64xf32>, %y: memref<1x32x16x64xf32>) attributes {rt.layer = {}} {
    nn.conv ins(%x, %w : memref<1x65x33x8xf32>, memref<3x3x8x64xf32>) outs(%y : memref<1x32x16x64xf32>)
        attributes {channels_last = true, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} {
    ^bb0(%acc: f32):
      nn.yield %acc : f32
    }
    return
  }
}

// -----

// Loops: the first parallel one. A sum stays whole.
// CHECK-LABEL: func.func private @m_layer_0_part(
// CHECK: rt.tasks = 3
// CHECK: memref.subview %{{.*}}[0, 0] [1, 131072] [1, 1]
// CHECK: memref.subview %{{.*}}[0] [1] [1]
// CHECK: linalg.generic
// CHECK: memref.subview %{{.*}}[2, 0] [1, 131072] [1, 1]
module attributes {rt.threads = 8 : i64} {
  func.func private @m_layer_0(%x: memref<3x131072xf32>, %y: memref<3xf32>) attributes {rt.layer = {}} {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                    iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<3x131072xf32>) outs(%y : memref<3xf32>) {
    ^bb0(%a: f32, %s: f32):
      %t = arith.addf %a, %s : f32
      linalg.yield %t : f32
    }
    return
  }
}

// -----

// Too little work for a second thread.
// CHECK-NOT: rt.tasks
module attributes {rt.threads = 2 : i64} {
  func.func private @m_layer_0(%x: memref<100x100xf32>) attributes {rt.layer = {}} {
    %c = arith.constant 0.0 : f32
    linalg.fill ins(%c : f32) outs(%x : memref<100x100xf32>)
    return
  }
}
