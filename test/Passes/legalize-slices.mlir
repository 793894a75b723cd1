// Slice, Split, Concat, Pad, Gather and Scatter.
// The operands are constants, so that the results were computed.
// RUN: dlc-opt %s --dlc-legalize-onnx --canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @slice_backwards(
// CHECK: arith.constant dense<[5, 3, 1]> : tensor<3xi32>
// CHECK-NEXT: return
onnx.graph @slice_backwards attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %s = onnx.constant dense<[-1]> : tensor<1xi64> : tensor<1xi64>
  %e = onnx.constant dense<[-9223372036854775807]> : tensor<1xi64> : tensor<1xi64>
  %a = onnx.constant dense<[0]> : tensor<1xi64> : tensor<1xi64>
  %k = onnx.constant dense<[-2]> : tensor<1xi64> : tensor<1xi64>
  %r = onnx.node "Slice"(%x, %s, %e, %a, %k) attributes {attrs = {}, opset = 13 : i64} : (tensor<5xi32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @slice_1(
// CHECK: arith.constant dense<[3, 4, 5]> : tensor<3xi32>
// CHECK-NEXT: return
onnx.graph @slice_1 attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %r = onnx.node "Slice"(%x) attributes {attrs = {starts = array<i64: -3>, ends = array<i64: 1000>}, opset = 1 : i64} : (tensor<5xi32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @concat(
// CHECK: arith.constant dense<[1, 2, 3, 4, 5, 1, 2, 3, 4, 5]> : tensor<10xi32>
// CHECK-NEXT: return
onnx.graph @concat attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %r = onnx.node "Concat"(%x, %x) attributes {attrs = {axis = -1 : i64}, opset = 13 : i64} : (tensor<5xi32>, tensor<5xi32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @pad_reflect(
// CHECK: arith.constant dense<[4, 3, 2, 1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3]> : tensor<14xi32>
// CHECK-NEXT: return
onnx.graph @pad_reflect attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %p = onnx.constant dense<[3, 6]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {mode = "reflect"}, opset = 13 : i64} : (tensor<5xi32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @pad_edge(
// CHECK: arith.constant dense<[1, 1, 2, 3, 4, 5, 5, 5]> : tensor<8xi32>
// CHECK-NEXT: return
onnx.graph @pad_edge attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %p = onnx.constant dense<[1, 2]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {mode = "edge"}, opset = 13 : i64} : (tensor<5xi32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @pad_wrap(
// CHECK: arith.constant dense<[4, 5, 1, 2, 3, 4, 5, 1]> : tensor<8xi32>
// CHECK-NEXT: return
onnx.graph @pad_wrap attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %p = onnx.constant dense<[2, 1]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "Pad"(%x, %p) attributes {attrs = {mode = "wrap"}, opset = 19 : i64} : (tensor<5xi32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @pad_cuts(
// CHECK: arith.constant dense<[3, 4, 5, 9]> : tensor<4xi32>
// CHECK-NEXT: return
onnx.graph @pad_cuts attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %p = onnx.constant dense<[-2, 1]> : tensor<2xi64> : tensor<2xi64>
  %v = onnx.constant dense<9> : tensor<i32> : tensor<i32>
  %r = onnx.node "Pad"(%x, %p, %v) attributes {attrs = {}, opset = 13 : i64} : (tensor<5xi32>, tensor<2xi64>, tensor<i32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @pad_cuts_all(
// CHECK: arith.constant dense<9> : tensor<2xi32>
// CHECK-NEXT: return
onnx.graph @pad_cuts_all attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %p = onnx.constant dense<[-6, 3]> : tensor<2xi64> : tensor<2xi64>
  %v = onnx.constant dense<9> : tensor<i32> : tensor<i32>
  %r = onnx.node "Pad"(%x, %p, %v) attributes {attrs = {}, opset = 13 : i64} : (tensor<5xi32>, tensor<2xi64>, tensor<i32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @gather(
// CHECK: arith.constant dense<{{\[\[}}5, 1], [2, 2]]> : tensor<2x2xi32>
// CHECK-NEXT: return
onnx.graph @gather attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %i = onnx.constant dense<[[-1, 0], [1, 1]]> : tensor<2x2xi64> : tensor<2x2xi64>
  %r = onnx.node "Gather"(%x, %i) attributes {attrs = {}, opset = 13 : i64} : (tensor<5xi32>, tensor<2x2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @gather_elements(
// CHECK: arith.constant dense<{{\[\[}}1, 1], [4, 3]]> : tensor<2x2xi32>
// CHECK-NEXT: return
onnx.graph @gather_elements attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32> : tensor<2x2xi32>
  %i = onnx.constant dense<[[0, 0], [1, 0]]> : tensor<2x2xi64> : tensor<2x2xi64>
  %r = onnx.node "GatherElements"(%x, %i) attributes {attrs = {axis = 1 : i64}, opset = 13 : i64} : (tensor<2x2xi32>, tensor<2x2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @scatter_add(
// CHECK: arith.constant dense<[1, 32, 3, 4, 35]> : tensor<5xi32>
// CHECK-NEXT: return
onnx.graph @scatter_add attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %i = onnx.constant dense<[1, 1, -1]> : tensor<3xi64> : tensor<3xi64>
  %u = onnx.constant dense<[10, 20, 30]> : tensor<3xi32> : tensor<3xi32>
  %r = onnx.node "ScatterElements"(%x, %i, %u) attributes {attrs = {reduction = "add"}, opset = 16 : i64} : (tensor<5xi32>, tensor<3xi64>, tensor<3xi32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @scatter_last_counts(
// CHECK: arith.constant dense<[1, 20, 3, 4, 5]> : tensor<5xi32>
// CHECK-NEXT: return
onnx.graph @scatter_last_counts attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %i = onnx.constant dense<[1, 1]> : tensor<2xi64> : tensor<2xi64>
  %u = onnx.constant dense<[10, 20]> : tensor<2xi32> : tensor<2xi32>
  %r = onnx.node "Scatter"(%x, %i, %u) attributes {attrs = {}, opset = 9 : i64} : (tensor<5xi32>, tensor<2xi64>, tensor<2xi32>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @reverse_sequence(
// CHECK: arith.constant dense<{{\[\[}}3, 6], [1, 4], [5, 2]]> : tensor<3x2xi32>
// CHECK-NEXT: return
onnx.graph @reverse_sequence attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32> : tensor<3x2xi32>
  %l = onnx.constant dense<[2, 3]> : tensor<2xi64> : tensor<2xi64>
  %r = onnx.node "ReverseSequence"(%x, %l) attributes {attrs = {}, opset = 10 : i64} : (tensor<3x2xi32>, tensor<2xi64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @one_hot(
// CHECK: arith.constant dense<{{\[\[}}0, 1, 0], [0, 0, 1], [0, 0, 0]]> : tensor<3x3xi8>
// CHECK-NEXT: return
onnx.graph @one_hot attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, -1, 7]> : tensor<3xi64> : tensor<3xi64>
  %d = onnx.constant dense<3> : tensor<i64> : tensor<i64>
  %v = onnx.constant dense<[0, 1]> : tensor<2xui8> : tensor<2xui8>
  %r = onnx.node "OneHot"(%x, %d, %v) attributes {attrs = {}, opset = 11 : i64} : (tensor<3xi64>, tensor<i64>, tensor<2xui8>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}

// -----

// CHECK-LABEL: func.func @cumsum(
// CHECK: arith.constant dense<[14, 12, 9, 5, 0]> : tensor<5xi32>
// CHECK-NEXT: return
onnx.graph @cumsum attributes {inputs = [], opsets = {ai.onnx = 17 : i64}, outputs = [{name = "y0"}]} {
  %x = onnx.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32> : tensor<5xi32>
  %a = onnx.constant dense<0> : tensor<i64> : tensor<i64>
  %r = onnx.node "CumSum"(%x, %a) attributes {attrs = {exclusive = 1 : i64, reverse = 1 : i64}, opset = 14 : i64} : (tensor<5xi32>, tensor<i64>) -> !onnx.unknown
  onnx.return %r : !onnx.unknown
}
