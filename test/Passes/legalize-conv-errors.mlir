// What convolutions, pools and resizing refuse.
// RUN: dlc-opt %s --dlc-legalize-onnx -split-input-file -verify-diagnostics

onnx.graph @e0 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{the kernel spans 5 cells of spatial dimension 0, the padded input has 4}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {dilations = array<i64: 2, 2>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e1 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x3x3x3xf32>):
  // expected-error @below {{input has 2 channels, the filter with group 1 expects 3}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x3x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e2 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{group 2 does not divide the filter's 3 output channels}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {group = 2 : i64}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e3 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{strides has the value 0, expected 1 or more}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {strides = array<i64: 0, 1>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e4 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{pads has 2 elements, expected 4}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {pads = array<i64: 1, 1>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e5 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{pads has the value -1, expected 0 or more}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {pads = array<i64: -1, 0, 0, 0>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e6 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{auto_pad 'SAME' is unknown}}
  // expected-note @below {{expected NOTSET, SAME_UPPER, SAME_LOWER or VALID}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {auto_pad = "SAME"}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e7 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>):
  // expected-error @below {{kernel_shape differs from the filter's shape}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {kernel_shape = array<i64: 2, 2>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e8 attributes {inputs = [{name = "x"}, {name = "w"}, {name = "b"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>, %b: tensor<2xf32>):
  // expected-error @below {{bias must have 3 elements}}
  %r = onnx.node "Conv"(%x, %w, %b) attributes {attrs = {}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>, tensor<2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e9 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3xf32>):
  // expected-error @below {{filter has rank 3, expected 4}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<3x2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e10 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<0x2x3x3xf32>):
  // expected-error @below {{the filter is empty}}
  %r = onnx.node "Conv"(%x, %w) attributes {attrs = {}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<0x2x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e11 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x1x1xf32>, %w: tensor<2x3x3x3xf32>):
  // expected-error @below {{pads leave nothing of spatial dimension 0}}
  %r = onnx.node "ConvTranspose"(%x, %w) attributes {attrs = {pads = array<i64: 2, 2, 2, 2>}, opset = 11 : i64} : (tensor<1x2x1x1xf32>, tensor<2x3x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e12 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %w: tensor<2x3x3x3xf32>):
  // expected-error @below {{output_shape has 1 elements, expected 2}}
  %r = onnx.node "ConvTranspose"(%x, %w) attributes {attrs = {output_shape = array<i64: 6>}, opset = 11 : i64} : (tensor<1x2x4x4xf32>, tensor<2x3x3x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e13 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>):
  // expected-error @below {{attribute 'kernel_shape' is missing}}
  %r = onnx.node "MaxPool"(%x) attributes {attrs = {}, opset = 12 : i64} : (tensor<1x2x4x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e14 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  // expected-error @below {{input has rank 2, expected batch, channels and spatial dimensions}}
  %r = onnx.node "AveragePool"(%x) attributes {attrs = {kernel_shape = array<i64: 1>}, opset = 11 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e15 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %w: tensor<4x2xf32>):
  // expected-error @below {{inner dimensions differ: 3 and 4}}
  %r = onnx.node "MatMul"(%x, %w) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<4x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e16 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x2x3xf32>, %w: tensor<5x3x2xf32>):
  // expected-error @below {{size 5 against 2 in batch dimension 0}}
  %r = onnx.node "MatMul"(%x, %w) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x2x3xf32>, tensor<5x3x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e17 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x2x3xf32>, %w: tensor<3x2xf32>):
  // expected-error @below {{expected matrices}}
  %r = onnx.node "Gemm"(%x, %w) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x2x3xf32>, tensor<3x2xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e18 attributes {inputs = [{name = "x"}, {name = "w"}, {name = "c"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %w: tensor<3x2xf32>, %c: tensor<4xf32>):
  // expected-error @below {{cannot broadcast size 4 to 2}}
  %r = onnx.node "Gemm"(%x, %w, %c) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<3x2xf32>, tensor<4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e19 attributes {inputs = [{name = "x"}, {name = "s0"}, {name = "s1"}, {name = "s2"}, {name = "s3"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>, %s0: tensor<3xf32>, %s1: tensor<3xf32>, %s2: tensor<3xf32>, %s3: tensor<3xf32>):
  // expected-error @below {{input 1 has size 3 in dimension 0, expected 2}}
  %r = onnx.node "BatchNormalization"(%x, %s0, %s1, %s2, %s3) attributes {attrs = {}, opset = 15 : i64} : (tensor<1x2x4x4xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e20 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>):
  // expected-error @below {{neither scales nor sizes are given}}
  %r = onnx.node "Resize"(%x) attributes {attrs = {}, opset = 13 : i64} : (tensor<1x2x4x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e21 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>):
  %n = onnx.none
  %s = onnx.constant dense<0.0> : tensor<4xf32> : tensor<4xf32>
  // expected-error @below {{scale 0.000000 of dimension 0 is out of range}}
  %r = onnx.node "Resize"(%x, %n, %s) attributes {attrs = {}, opset = 13 : i64} : (tensor<1x2x4x4xf32>, none, tensor<4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e22 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<1x2x4x4xf32>):
  %n = onnx.none
  %s = onnx.constant dense<2.0> : tensor<4xf32> : tensor<4xf32>
  // expected-error @below {{mode 'lanczos' is unknown}}
  // expected-note @below {{expected nearest, linear or cubic}}
  %r = onnx.node "Resize"(%x, %n, %s) attributes {attrs = {mode = "lanczos"}, opset = 13 : i64} : (tensor<1x2x4x4xf32>, none, tensor<4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e23 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  // expected-error @below {{equation 'ij,jk->ik' has 2 terms for 1 inputs}}
  %r = onnx.node "Einsum"(%x) attributes {attrs = {equation = "ij,jk->ik"}, opset = 12 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e24 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  // expected-error @below {{gives input 0 3 labels, it has rank 2}}
  %r = onnx.node "Einsum"(%x) attributes {attrs = {equation = "ijk->i"}, opset = 12 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e25 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>):
  // expected-error @below {{has the output label 'z'}}
  %r = onnx.node "Einsum"(%x) attributes {attrs = {equation = "ij->z"}, opset = 12 : i64} : (tensor<2x3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
