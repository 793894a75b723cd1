// RUN: dlc-emit %s -o %t
// RUN: %host_cc -std=c11 -Wall -Wextra -Werror -I%source/runtime-lite/include %S/Inputs/mlp.c %t.o -o %t.exe
// RUN: %t.exe
// RUN: dlc-emit %s -o %t --target=cortex-m4 | FileCheck %s --check-prefix=M4
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS
// RUN: dlc-emit %s -o %t --target=cortex-m0 | FileCheck %s --check-prefix=M0

// M4: stack {{[0-9]+}} undefined{{$}}
// M0: undefined __aeabi_{{[a-z]+}}
// SYMBOLS-NOT: {{ [BbDdUu] }}
// SYMBOLS: R mlp_model
// SYMBOLS: T mlp_run
// SYMBOLS-NOT: {{ [BbDdUu] }}

// A small network by hand: views of the arena, weights, a layer with a dynamic
// offset, a strided copy and a local buffer.
module attributes {rt.name = "mlp"} {
  memref.global "private" constant @w : memref<4x3xf32> = dense<[
    [1.0, 0.0, -1.0], [0.5, 2.0, 0.0], [0.0, 1.0, 1.0], [-1.0, 0.0, 3.0]]>
  memref.global "private" constant @b : memref<3xf32> = dense<[0.25, -0.5, 1.0]>

  func.func private @mlp_layer_0(%x: memref<2x4xf32>, %y: memref<2x3xf32>)
      attributes {rt.layer = {name = "fc", nodes = ["MatMul_0", "Add_0"],
                              kernel = "dlc_matmul_f32_1x1__scalar", macs = 24 : i64}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %w = memref.get_global @w : memref<4x3xf32>
    %b = memref.get_global @b : memref<3xf32>
    scf.for %i = %c0 to %c2 step %c1 {
      scf.for %j = %c0 to %c3 step %c1 {
        %start = memref.load %b[%j] : memref<3xf32>
        %sum = scf.for %k = %c0 to %c4 step %c1 iter_args(%acc = %start) -> f32 {
          %a = memref.load %x[%i, %k] : memref<2x4xf32>
          %v = memref.load %w[%k, %j] : memref<4x3xf32>
          %p = arith.mulf %a, %v : f32
          %s = arith.addf %acc, %p : f32
          scf.yield %s : f32
        }
        memref.store %sum, %y[%i, %j] : memref<2x3xf32>
      }
    }
    return
  }

  func.func private @mlp_layer_1(%x: memref<3xf32, strided<[1], offset: ?>>,
                                 %y: memref<3xf32, strided<[1], offset: ?>>)
      attributes {rt.layer = {name = "relu", nodes = ["Relu_0"]}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %zero = arith.constant 0.0 : f32
    scf.for %i = %c0 to %c3 step %c1 {
      %v = memref.load %x[%i] : memref<3xf32, strided<[1], offset: ?>>
      %r = arith.maximumf %v, %zero : f32
      memref.store %r, %y[%i] : memref<3xf32, strided<[1], offset: ?>>
    }
    return
  }

  func.func @mlp_run(%arena: memref<64xi8> {rt.arena}, %x: memref<2x4xf32>, %y: memref<2x3xf32>)
      attributes {rt.inputs = [{name = "x", dtype = "float32"}],
                  rt.outputs = [{name = "y", dtype = "float32"}],
                  rt.arena_bytes = 64 : i64, rt.arena_lower_bound_bytes = 48 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %h = memref.view %arena[%c0][] : memref<64xi8> to memref<2x3xf32>
    %g = memref.view %arena[%c32][] : memref<64xi8> to memref<2x3xf32>
    call @mlp_layer_0(%x, %h) : (memref<2x4xf32>, memref<2x3xf32>) -> ()
    scf.for %i = %c0 to %c2 step %c1 {
      %hi = memref.subview %h[%i, 0] [1, 3] [1, 1] : memref<2x3xf32> to memref<3xf32, strided<[1], offset: ?>>
      %gi = memref.subview %g[%i, 0] [1, 3] [1, 1] : memref<2x3xf32> to memref<3xf32, strided<[1], offset: ?>>
      func.call @mlp_layer_1(%hi, %gi) : (memref<3xf32, strided<[1], offset: ?>>, memref<3xf32, strided<[1], offset: ?>>) -> ()
    }
    %g0 = memref.subview %g[0, 0] [2, 2] [1, 1] : memref<2x3xf32> to memref<2x2xf32, strided<[3, 1]>>
    %y0 = memref.subview %y[0, 0] [2, 2] [1, 1] : memref<2x3xf32> to memref<2x2xf32, strided<[3, 1]>>
    memref.copy %g0, %y0 : memref<2x2xf32, strided<[3, 1]>> to memref<2x2xf32, strided<[3, 1]>>
    scf.for %i = %c0 to %c2 step %c1 {
      %v = memref.load %g[%i, %c2] : memref<2x3xf32>
      memref.store %v, %y[%i, %c2] : memref<2x3xf32>
    }
    return
  }
}
