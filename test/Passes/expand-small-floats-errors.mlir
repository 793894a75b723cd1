// RUN: dlc-opt %s --dlc-expand-small-floats --split-input-file --verify-diagnostics

func.func @scale(%x: f8E8M0FNU) -> f32 {
  // expected-error @+1 {{on 'f8E8M0FNU' has no expansion, expected a float format with sign and mantissa}}
  %0 = arith.extf %x : f8E8M0FNU to f32
  return %0 : f32
}

// -----

func.func @tensor(%x: tensor<4xf16>) -> tensor<4xf16> {
  // expected-error @+1 {{on 'tensor<4xf16>' cannot be expanded: run after bufferization, when operands are scalars and vectors}}
  %0 = arith.addf %x, %x : tensor<4xf16>
  return %0 : tensor<4xf16>
}
