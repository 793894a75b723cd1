// RUN: dlc-opt %s --dlc-expand-math --split-input-file --verify-diagnostics

func.func @tensor(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{on 'tensor<4xf32>' cannot be expanded: run after bufferization, when operands are scalars and vectors}}
  %0 = math.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @wide(%x: f128) -> f128 {
  // expected-error @+1 {{on 'f128' has no expansion, expected f64 or a narrower float}}
  %0 = math.exp %x : f128
  return %0 : f128
}

// -----

func.func @scalable(%x: vector<2x[4]xf32>) -> vector<2x[4]xf32> {
  // expected-error @+1 {{scalable vectors must have rank 1}}
  %0 = math.exp %x : vector<2x[4]xf32>
  return %0 : vector<2x[4]xf32>
}

// -----

func.func @index(%x: index) -> index {
  // expected-error @+1 {{on 'index' has no expansion, expected signless integers}}
  %0 = math.ctpop %x : index
  return %0 : index
}
