// RUN: dlc-opt %s --dlc-convert-boundary --split-input-file --verify-diagnostics

// expected-error @+2 {{input 'x' has a size that is not known at compile time: 'tensor<?x3xf32>'}}
// expected-note @+1 {{fix it with --dim NAME=N or --shape INPUT=AxBxC}}
func.func @main(%x: tensor<?x3xf32>) -> tensor<3xf32> attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  %c = arith.constant dense<0.0> : tensor<3xf32>
  return %c : tensor<3xf32>
}

// -----

func.func @main(%x: tensor<3xf32>, %n: index) -> tensor<?xf32> attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  // expected-error @-1 {{takes something else than tensors}}
  %y = tensor.empty(%n) : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @main(%x: tensor<3xi32>) -> tensor<?xf32> attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  %c0 = arith.constant 0 : index
  %v = tensor.extract %x[%c0] : tensor<3xi32>
  %n = arith.index_cast %v : i32 to index
  // expected-error @+2 {{output 'y' has a size without a bound: 'tensor<?xf32>'}}
  // expected-note @+1 {{fix sizes of inputs with --dim NAME=N or --shape INPUT=AxBxC}}
  %y = tensor.empty(%n) : tensor<?xf32>
  return %y : tensor<?xf32>
}
