// RUN: dlc-opt %s -verify-each --dlc-interpret=mode=record --dlc-stage-legalize --dlc-stage-quantize --dlc-stage-simplify --dlc-interpret=mode=check -o /dev/null
// RUN: dlc-opt %s -verify-each --dlc-stage-simplify | FileCheck %s

// Padding before a strided insertion keeps its place (a folding of LLVM 22 forgets the stride).
// CHECK-LABEL: @padded
// CHECK: insert_slice {{.*}}[0] [3] [2]
func.func @padded(%x: tensor<1xf32> {rt.value = dense<7.0> : tensor<1xf32>}) -> tensor<5xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<1xf32> to tensor<3xf32>
  %e = tensor.empty() : tensor<5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>
  %r = tensor.insert_slice %p into %f[0] [3] [2] : tensor<3xf32> into tensor<5xf32>
  return %r : tensor<5xf32>
}
