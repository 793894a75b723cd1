// Inputs and outputs that generated code has no C type for, and elements that nothing can be computed in.
// RUN: dlc-opt %s --split-input-file --dlc-legalize-onnx --verify-diagnostics

// expected-error@below {{input 'x' has packed elements of type 'ui4' and a size that is not known}}
// expected-note@below {{fix it with --dim NAME=N or --shape INPUT=AxBxC}}
onnx.graph @f attributes {opsets = {ai.onnx = 21 : i64}, inputs = [{name = "x"}], outputs = [{name = "y"}]} {
^bb0(%x: tensor<?xui4>):
  %y = onnx.node "Cast"(%x) attributes {attrs = {to = 1 : i64}, opset = 21 : i64} : (tensor<?xui4>) -> tensor<?xf32>
  onnx.return %y : tensor<?xf32>
}

// -----

// expected-error@below {{output 'y' has elements of type 'complex<f32>', which generated code cannot take}}
// expected-note@below {{expected bool, an integer of 2 to 64 bits, or a float of 4 to 64 bits}}
onnx.graph @g attributes {opsets = {ai.onnx = 19 : i64}, inputs = [], outputs = [{name = "y"}]} {
  %c = onnx.constant dense<(1.0, 2.0)> : tensor<2xcomplex<f32>> : tensor<2xcomplex<f32>>
  %y = onnx.node "Identity"(%c) attributes {opset = 19 : i64} : (tensor<2xcomplex<f32>>) -> tensor<2xcomplex<f32>>
  onnx.return %y : tensor<2xcomplex<f32>>
}

// -----

onnx.graph @h attributes {opsets = {ai.onnx = 21 : i64}, inputs = [{name = "x"}], outputs = [{name = "y"}]} {
^bb0(%x: tensor<4xf8E8M0FNU>):
  // expected-error@below {{elements of type float8e8m0 cannot be computed with}}
  // expected-note@below {{expected another type of floats; Cast converts}}
  %y = onnx.node "Sub"(%x, %x) attributes {opset = 21 : i64} : (tensor<4xf8E8M0FNU>, tensor<4xf8E8M0FNU>) -> tensor<4xf8E8M0FNU>
  onnx.return %y : tensor<4xf8E8M0FNU>
}

// -----

onnx.graph @i attributes {opsets = {ai.onnx = 21 : i64}, inputs = [{name = "x"}], outputs = [{name = "y"}]} {
^bb0(%x: tensor<2x2xf8E8M0FNU>):
  // expected-error@below {{elements of type float8e8m0 cannot be computed with}}
  // expected-note@below {{expected another type of floats; Cast converts}}
  %y = onnx.node "MatMul"(%x, %x) attributes {opset = 21 : i64} : (tensor<2x2xf8E8M0FNU>, tensor<2x2xf8E8M0FNU>) -> tensor<2x2xf8E8M0FNU>
  onnx.return %y : tensor<2x2xf8E8M0FNU>
}

// -----

onnx.graph @j attributes {opsets = {ai.onnx = 21 : i64}, inputs = [{name = "x"}], outputs = [{name = "y"}]} {
^bb0(%x: tensor<4xf8E8M0FNU>):
  %s = onnx.constant dense<[2, 2]> : tensor<2xi64> : tensor<2xi64>
  %t = onnx.node "Reshape"(%x, %s) attributes {opset = 21 : i64} : (tensor<4xf8E8M0FNU>, tensor<2xi64>) -> !onnx.unknown
  %y = onnx.node "Cast"(%t) attributes {attrs = {to = 1 : i64}, opset = 21 : i64} : (!onnx.unknown) -> tensor<2x2xf32>
  onnx.return %y : tensor<2x2xf32>
}
