// What sampling, matrix and selecting operators refuse.
// RUN: dlc-opt %s --dlc-legalize-onnx -split-input-file -verify-diagnostics

onnx.graph @e0 attributes {inputs = [{name = "x"}, {name = "g"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %g: tensor<1x2x2x2xf32>):
  // expected-error @below {{mode 'lanczos' is unknown}}
  // expected-note @below {{expected linear, nearest or cubic}}
  %r = onnx.node "GridSample"(%x, %g) attributes {attrs = {mode = "lanczos"}, opset = 16 : i64} : (tensor<1x2x4x4xf32>, tensor<1x2x2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e1 attributes {inputs = [{name = "x"}, {name = "g"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %g: tensor<3x2x2x2xf32>):
  // expected-error @below {{input and grid have batch sizes 1 and 3}}
  %r = onnx.node "GridSample"(%x, %g) attributes {attrs = {}, opset = 16 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e2 attributes {inputs = [{name = "x"}, {name = "g"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %g: tensor<1x2x2x3xf32>):
  // expected-error @below {{input and grid must be}}
  %r = onnx.node "GridSample"(%x, %g) attributes {attrs = {}, opset = 16 : i64} : (tensor<1x2x4x4xf32>, tensor<1x2x2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e3 attributes {inputs = [{name = "x"}, {name = "b"}, {name = "i"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %b: tensor<2x4xf32>, %i: tensor<3xi64>):
  // expected-error @below {{there are 2 rois and 3 batch_indices}}
  %r = onnx.node "RoiAlign"(%x, %b, %i) attributes {attrs = {}, opset = 16 : i64} : (tensor<1x2x4x4xf32>, tensor<2x4xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e4 attributes {inputs = [{name = "t"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%t: tensor<1x3x3xf32>):
  %s = onnx.constant dense<[1, 1, 4, 4]> : tensor<4xi64> : tensor<4xi64>
  // expected-error @below {{theta must be}}
  %r = onnx.node "AffineGrid"(%t, %s) attributes {attrs = {}, opset = 20 : i64} : (tensor<1x3x3xf32>, tensor<4xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e5 attributes {inputs = [{name = "x"}, {name = "w"}, {name = "o"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<1x2x3x3xf32>, %o: tensor<1x2x2x2xf32>):
  // expected-error @below {{offset has a wrong shape}}
  %r = onnx.node "DeformConv"(%x, %w, %o) attributes {attrs = {}, opset = 19 : i64} : (tensor<1x2x4x4xf32>, tensor<1x2x3x3xf32>, tensor<1x2x2x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e6 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x4x1xf32>):
  %i = onnx.constant dense<[1, 4]> : tensor<2xi64> : tensor<2xi64>
  %k = onnx.constant dense<[2, 2]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{the block is larger than the padded image in spatial dimension 0}}
  %r = onnx.node "Col2Im"(%x, %i, %k) attributes {attrs = {}, opset = 18 : i64} : (tensor<1x4x1xf32>, tensor<2xi64>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e7 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  // expected-error @below {{matrices are 2 x 3, expected a known square size}}
  %r = onnx.node "Det"(%x) attributes {attrs = {}, opset = 11 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e8 attributes {inputs = [{name = "x"}, {name = "m"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %m: tensor<3xi1>):
  // expected-error @below {{the condition has 3 elements, the dimension 2}}
  %r = onnx.node "Compress"(%x, %m) attributes {attrs = {axis = 0 : i64}, opset = 11 : i64} : (tensor<2x3xf32>, tensor<3xi1>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e9 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  %s = onnx.constant dense<4> : tensor<1xi64> : tensor<1xi64>
  // expected-error @below {{shape has 1 elements, expected 2}}
  %r = onnx.node "CenterCropPad"(%x, %s) attributes {attrs = {}, opset = 18 : i64} : (tensor<2x3xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e10 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<3xf32>):
  // expected-error @below {{input has rank 1, expected 2 or more}}
  %r = onnx.node "Trilu"(%x) attributes {attrs = {}, opset = 14 : i64} : (tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e11 attributes {inputs = [{name = "x"}, {name = "u"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x3xf32>, %u: tensor<1x3x3xf32>):
  // expected-error @below {{update has size 3 in dimension 1, the cache 2}}
  %r = onnx.node "TensorScatter"(%x, %u) attributes {attrs = {}, opset = 24 : i64} : (tensor<1x2x3xf32>, tensor<1x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
