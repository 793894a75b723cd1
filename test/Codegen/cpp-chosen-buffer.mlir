// RUN: %python %S/Inputs/compare_cpp.py %source %s %t

// A buffer that is chosen at run time, with the stride that goes with it.
module attributes {rt.name = "sw"} {
  memref.global "private" constant @w : memref<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
  func.func @sw_run(%arena: memref<64xi8> {rt.arena}, %x: memref<4x4xf32>, %k: memref<1xi32>, %y: memref<4xf32>)
      attributes {rt.inputs = [{name = "x"}, {name = "k"}], rt.outputs = [{name = "y"}], rt.arena_bytes = 64 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %one = arith.constant 1 : i32
    %n = memref.load %k[%c0] : memref<1xi32>
    %m = arith.andi %n, %one : i32
    %i = arith.index_cast %m : i32 to index
    %v = scf.index_switch %i -> memref<4xf32, strided<[?], offset: ?>>
    case 0 {
      %r = memref.subview %x[1, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<4xf32, strided<[1], offset: 4>>
      %c = memref.cast %r : memref<4xf32, strided<[1], offset: 4>> to memref<4xf32, strided<[?], offset: ?>>
      scf.yield %c : memref<4xf32, strided<[?], offset: ?>>
    }
    default {
      %r = memref.subview %x[0, 2] [4, 1] [1, 1] : memref<4x4xf32> to memref<4xf32, strided<[4], offset: 2>>
      %c = memref.cast %r : memref<4xf32, strided<[4], offset: 2>> to memref<4xf32, strided<[?], offset: ?>>
      scf.yield %c : memref<4xf32, strided<[?], offset: ?>>
    }
    %w = memref.get_global @w : memref<4xf32>
    scf.for %j = %c0 to %c4 step %c1 {
      %a = memref.load %v[%j] : memref<4xf32, strided<[?], offset: ?>>
      %b = memref.load %w[%j] : memref<4xf32>
      %s = arith.mulf %a, %b : f32
      memref.store %s, %y[%j] : memref<4xf32>
    }
    return
  }
}
