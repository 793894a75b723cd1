// Weights of half formats keep their names and bits where the formats travel as integers.
// RUN: dlc-emit %s -o %t --emit=obj,header
// RUN: %host_cc -std=c11 -I%source/runtime-lite/include -include %t.h %S/Inputs/half_weights.c %t.o -o %t.exe
// RUN: %t.exe

module attributes {rt.name = "half"} {
  memref.global "private" constant @w : memref<3xf16> = dense<[1.5, -0.25, 65504.0]>
  memref.global "private" constant @w_0 : memref<3xbf16> = dense<[2.5, -0.125, 1.0]>
  func.func private @half_layer_0(%w: memref<3xf16>, %v: memref<3xbf16>, %y: memref<3xf32>)
      attributes {rt.layer = {name = "add"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    scf.for %i = %c0 to %c3 step %c1 {
      %0 = memref.load %w[%i] : memref<3xf16>
      %1 = memref.load %v[%i] : memref<3xbf16>
      %2 = arith.extf %0 : f16 to f32
      %3 = arith.extf %1 : bf16 to f32
      %4 = arith.addf %2, %3 : f32
      memref.store %4, %y[%i] : memref<3xf32>
    }
    return
  }
  func.func @half_run(%arena: memref<0xi8> {rt.arena}, %y: memref<3xf32>) attributes {
      rt.inputs = [], rt.outputs = [{name = "y", dtype = "float32"}],
      rt.arena_bytes = 0 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    %w = memref.get_global @w : memref<3xf16>
    %v = memref.get_global @w_0 : memref<3xbf16>
    func.call @half_layer_0(%w, %v, %y) : (memref<3xf16>, memref<3xbf16>, memref<3xf32>) -> ()
    return
  }
}
