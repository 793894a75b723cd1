// What the operators that cut, join, pad and pick refuse.
// RUN: dlc-opt %s --dlc-legalize-onnx -split-input-file -verify-diagnostics

onnx.graph @e0 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  %e = onnx.constant dense<1> : tensor<1xi64> : tensor<1xi64>
  %a = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  %k = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  // expected-error @below {{step of axis 0 is 0}}
  %r = onnx.node "Slice"(%x, %s, %e, %a, %k) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e1 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<0> : tensor<1xi64> : tensor<1xi64>
  %e = onnx.constant dense<1> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{starts, ends, axes and steps have different lengths (1, 2, 1, 1)}}
  %r = onnx.node "Slice"(%x, %s, %e) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e2 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{axis 3 is out of range for rank 3}}
  %r = onnx.node "Slice"(%x) attributes {attrs = {axes = array<i64: 3>, starts = array<i64: 0>, ends = array<i64: 1>}, opset = 9 : i64} : (tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e3 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}, {name = "y1"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %s = onnx.constant dense<[2, 3]> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{split adds up to 5, dimension 2 has size 4}}
  %r, %q = onnx.node "Split"(%x, %s) attributes {attrs = {axis = 2 : i64}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<2xi64>) -> (!onnx.unknown, !onnx.unknown)
  onnx.return %r, %q : !onnx.unknown, !onnx.unknown
}

// -----

onnx.graph @e4 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}, {name = "y1"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{does not divide into 2 equal parts}}
  %r, %q = onnx.node "Split"(%x) attributes {attrs = {axis = 1 : i64}, opset = 13 : i64} : (tensor<2x3x4xf32>) -> (!onnx.unknown, !onnx.unknown)
  onnx.return %r, %q : !onnx.unknown, !onnx.unknown
}

// -----

onnx.graph @e5 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}, {name = "y1"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{num_outputs is 3, the node has 2 outputs}}
  %r, %q = onnx.node "Split"(%x) attributes {attrs = {num_outputs = 3 : i64}, opset = 18 : i64} : (tensor<2x3x4xf32>) -> (!onnx.unknown, !onnx.unknown)
  onnx.return %r, %q : !onnx.unknown, !onnx.unknown
}

// -----

onnx.graph @e6 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %w: tensor<2x4xf32>):
  // expected-error @below {{input 1 has size 4 in dimension 1, expected 3}}
  %r = onnx.node "Concat"(%x, %w) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<2x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e7 attributes {inputs = [{name = "x"}, {name = "w"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %w: tensor<3xf32>):
  // expected-error @below {{input 1 has rank 1, expected 2}}
  %r = onnx.node "Concat"(%x, %w) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e8 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{attribute 'axis' is missing}}
  %r = onnx.node "Concat"(%x, %x) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e9 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{the condition is not boolean}}
  %r = onnx.node "Where"(%x, %x, %x) attributes {attrs = {}, opset = 9 : i64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e10 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %p = onnx.constant dense<0> : tensor<4xi64> : tensor<4xi64>
  // expected-error @below {{pads has 4 elements, expected 6}}
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<4xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e11 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %p = onnx.constant dense<0> : tensor<6xi64> : tensor<6xi64>
  // expected-error @below {{mode 'mirror' is unknown}}
  // expected-note @below {{expected constant, reflect, edge or wrap}}
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {mode = "mirror"}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<6xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e12 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<0xf32>):
  %p = onnx.constant dense<1> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{mode reflect cannot pad dimension 0, which is empty}}
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {mode = "reflect"}, opset = 13 : i64} : (tensor<0xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e13 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<3xf32>):
  %p = onnx.constant dense<-2> : tensor<2xi64> : tensor<2xi64>
  // expected-error @below {{pads remove more than dimension 0 has}}
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {}, opset = 13 : i64} : (tensor<3xf32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e14 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  %i = onnx.constant dense<7> : tensor<1xi64> : tensor<1xi64>
  // expected-error @below {{index 7 is out of range for a dimension of size 3}}
  %r = onnx.node "Gather"(%x, %i) attributes {attrs = {axis = 1 : i64}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e15 attributes {inputs = [{name = "x"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>):
  // expected-error @below {{indices are not int32 or int64}}
  %r = onnx.node "Gather"(%x, %x) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e16 attributes {inputs = [{name = "x"}, {name = "i"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<0xf32>, %i: tensor<1xi64>):
  // expected-error @below {{indices select from an empty dimension}}
  %r = onnx.node "Gather"(%x, %i) attributes {attrs = {}, opset = 13 : i64} : (tensor<0xf32>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e17 attributes {inputs = [{name = "x"}, {name = "i"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %i: tensor<2x4xi64>):
  // expected-error @below {{indices have size 4 in dimension 1, the data only 3}}
  %r = onnx.node "GatherElements"(%x, %i) attributes {attrs = {axis = 0 : i64}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<2x4xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e18 attributes {inputs = [{name = "x"}, {name = "i"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %i: tensor<1x3xi64>):
  // expected-error @below {{the last dimension of indices is 3, expected 1 to 2}}
  %r = onnx.node "GatherND"(%x, %i) attributes {attrs = {}, opset = 13 : i64} : (tensor<2x3xf32>, tensor<1x3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e19 attributes {inputs = [{name = "x"}, {name = "i"}, {name = "u"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<3xf32>):
  // expected-error @below {{updates have rank 1, expected 2}}
  %r = onnx.node "ScatterND"(%x, %i, %u) attributes {attrs = {}, opset = 16 : i64} : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e20 attributes {inputs = [{name = "x"}, {name = "i"}, {name = "u"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<3xf32>, %i: tensor<1xi64>, %u: tensor<1xf32>):
  // expected-error @below {{reduction 'sub' is unknown}}
  // expected-note @below {{expected none, add, mul, min or max}}
  %r = onnx.node "ScatterElements"(%x, %i, %u) attributes {attrs = {reduction = "sub"}, opset = 18 : i64} : (tensor<3xf32>, tensor<1xi64>, tensor<1xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e21 attributes {inputs = [{name = "x"}, {name = "i"}, {name = "u"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<0xf32>, %i: tensor<1xi64>, %u: tensor<1xf32>):
  // expected-error @below {{updates write into an empty dimension}}
  %r = onnx.node "ScatterElements"(%x, %i, %u) attributes {attrs = {}, opset = 18 : i64} : (tensor<0xf32>, tensor<1xi64>, tensor<1xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e22 attributes {inputs = [{name = "x"}, {name = "l"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%x: tensor<2x3x4xf32>, %l: tensor<3xi64>):
  // expected-error @below {{batch_axis and time_axis are the same}}
  %r = onnx.node "ReverseSequence"(%x, %l) attributes {attrs = {batch_axis = 1 : i64, time_axis = 1 : i64}, opset = 10 : i64} : (tensor<2x3x4xf32>, tensor<3xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

onnx.graph @e23 attributes {inputs = [{name = "i"}, {name = "v"}], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
^bb0(%i: tensor<3xi64>, %v: tensor<3xf32>):
  %d = onnx.constant dense<4> : tensor<i64> : tensor<i64>
  // expected-error @below {{values must be}}
  %r = onnx.node "OneHot"(%i, %d, %v) attributes {attrs = {}, opset = 11 : i64} : (tensor<3xi64>, tensor<i64>, tensor<3xf32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
