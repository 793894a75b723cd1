// RUN: dlc-opt %s --dlc-convert-boundary --split-input-file | FileCheck %s

// An output with a bound: a flat buffer of the bound, its sizes reported in `dims`
// (those of the input come first) unless that is null.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<16xf32>, %[[DIMS:.*]]: memref<3xi64> {rt.dims})
// CHECK-SAME: rt.outputs = [{bounds = array<i64: 2, 8>, name = "y", shape = array<i64: 2, -1>}]
// CHECK: %[[VIEW:.*]] = memref.reinterpret_cast %[[Y]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[VIEW]]
// CHECK: memref.extract_aligned_pointer_as_index %[[DIMS]]
// CHECK: scf.if
// CHECK: memref.store %{{.*}}, %[[DIMS]][%c1
// CHECK: memref.store %{{.*}}, %[[DIMS]][%c2
func.func @main(%x: tensor<8xf32>) -> tensor<2x?xf32> attributes {rt.inputs = [{name = "x"}], rt.outputs = [{name = "y"}]} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %v = tensor.extract %x[%c0] : tensor<8xf32>
  %i = arith.fptosi %v : f32 to i32
  %n = arith.index_cast %i : i32 to index
  %m = arith.minsi %n, %c8 : index
  %y = tensor.empty(%m) : tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}
