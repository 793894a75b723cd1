// Inputs and outputs of 8-bit floats and of packed numbers are bytes; casts to them saturate or wrap as ONNX's own tests have it.
// RUN: dlc-opt %s --dlc-legalize-onnx --verify-each | FileCheck %s
// RUN: dlc-opt %s --dlc-legalize-onnx --dlc-interpret=mode=record --canonicalize --cse --dlc-interpret=mode=check -o /dev/null

// CHECK-LABEL: func.func @f
// CHECK-SAME: (%[[X:.*]]: tensor<3xi8>, %{{.*}}: tensor<2x3xi8>) -> (tensor<2x3xi8>, tensor<3xi8>)
// CHECK-SAME: rt.inputs = [{dtype = "uint4", name = "x", shape = array<i64: 2, 3>}, {dtype = "float8e5m2", name = "z"}]
// CHECK-SAME: rt.outputs = [{dtype = "float8e4m3fn", name = "y"}, {dtype = "int4", name = "w", shape = array<i64: 5>}]
// CHECK: tensor.extract %[[X]]
// CHECK: arith.trunci %{{.*}} : i8 to i4
// CHECK: arith.bitcast %{{.*}} : i8 to f8E5M2
// CHECK: arith.bitcast %{{.*}} : f8E4M3FN to i8
onnx.graph @f attributes {opsets = {ai.onnx = 21 : i64}, inputs = [{name = "x"}, {name = "z"}], outputs = [{name = "y"}, {name = "w"}]} {
^bb0(%x: tensor<2x3xui4>, %z: tensor<2x3xf8E5M2>):
  %0 = onnx.node "Cast"(%x) attributes {attrs = {to = 1 : i64}, opset = 21 : i64} : (tensor<2x3xui4>) -> tensor<2x3xf32>
  %1 = onnx.node "CastLike"(%z, %0) attributes {opset = 21 : i64} : (tensor<2x3xf8E5M2>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = onnx.node "Add"(%0, %1) attributes {opset = 21 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = onnx.node "Cast"(%2) attributes {attrs = {to = 17 : i64}, opset = 21 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf8E4M3FN>
  %c = onnx.constant dense<[-9, 7, 8, 15, -1]> : tensor<5xi32> : tensor<5xi32>
  %w = onnx.node "Cast"(%c) attributes {attrs = {to = 22 : i64}, opset = 21 : i64} : (tensor<5xi32>) -> tensor<5xi4>
  onnx.return %y, %w : tensor<2x3xf8E4M3FN>, tensor<5xi4>
}
