// What the operators that rearrange tensors refuse.
// RUN: dlc-opt %s --dlc-legalize-onnx -split-input-file -verify-diagnostics

onnx.graph @e0 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[5, 5]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{the input has 24 elements, the requested shape 25}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e1 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[-1, -1]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{shape has more than one -1}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e2 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[-2]> : tensor<1xi64> : tensor<1xi64>
  // expected-error @below {{shape has the negative size -2}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e3 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[7, -1]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{do not divide by the other sizes (24 by 7)}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e4 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[2, 3, 4, 0]> : tensor<4xi64> : tensor<4xi64>
  // expected-error @below {{shape copies dimension 3 of an input of rank 3}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<4xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e5 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<0x3xf32>):
  %s = onnx.constant dense<[0, -1]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{-1 in shape cannot be inferred: another size is 0}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {}, opset = 5 : i64} : (tensor<0x3xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e6 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[0, -1]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{shape has both 0 and -1 with allowzero}}
  %r = onnx.node "Reshape"(%x, %s) attributes {attrs = {allowzero = 1 : i64}, opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e7 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{axis 4 is out of range for rank 3}}
  %r = onnx.node "Flatten"(%x) attributes {attrs = {axis = 4 : i64}, opset = 13 : i64} : (tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e8 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %a = onnx.constant dense<[1]> : tensor<1xi64> : tensor<1xi64>
  // expected-error @below {{dimension 1 has size 3, expected 1}}
  %r = onnx.node "Squeeze"(%x, %a) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e9 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %a = onnx.constant dense<[1, -4]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{axis 1 is given twice}}
  %r = onnx.node "Unsqueeze"(%x, %a) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e10 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{perm is not a permutation of the input's 3 dimensions}}
  %r = onnx.node "Transpose"(%x) attributes {attrs = {perm = array<i64: 0, 1, 1>}, opset = 13 : i64} : (tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e11 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[1, 3, 5]> : tensor<3xi64> : tensor<3xi64>
  // expected-error @below {{size 5 against 4 in dimension 2}}
  %r = onnx.node "Expand"(%x, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e12 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[1, 1, -1]> : tensor<3xi64> : tensor<3xi64>
  // expected-error @below {{repeats has the negative count -1}}
  %r = onnx.node "Tile"(%x, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e13 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[1, 1099511627776, 1]> : tensor<3xi64> : tensor<3xi64>
  // expected-error @below {{the result has more than 2^40 elements}}
  %r = onnx.node "Tile"(%x, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e14 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>):
  // expected-error @below {{channels do not divide by blocksize squared}}
  %r = onnx.node "DepthToSpace"(%x) attributes {attrs = {blocksize = 2 : i64}, opset = 13 : i64} : (tensor<1x2x4x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e15 attributes {inputs = [{name = "x"}, {name = "a"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>, %a: tensor<1xi64>):
  // expected-error @below {{the result's shape depends on axes, which is not known at compile time}}
  // expected-note @below {{make it an initializer}}
  %r = onnx.node "Unsqueeze"(%x, %a) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e16 attributes {inputs = [{name = "x"}, {name = "s"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>, %s: tensor<17xi64>):
  // expected-error @below {{output 0 has rank 17, at most 16 are supported}}
  %r = onnx.node "Reshape"(%x, %s) attributes {opset = 14 : i64} : (tensor<2x3x4xf32>, tensor<17xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
