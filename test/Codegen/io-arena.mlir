// Inputs and outputs in the arena: no arguments, accessors in the header.
// RUN: dlc-emit %s -o %t --emit=obj,header,manifest
// RUN: FileCheck %s < %t.h
// RUN: %host_cc -std=c11 -Wall -Wextra -Werror -pedantic -I%source/runtime-lite/include -include %t.h %S/Inputs/io-arena.c %t.o -o %t.exe
// RUN: %t.exe
// RUN: %host_cxx -x c++ -std=c++17 -Wall -Wextra -Werror -pedantic -I%source/runtime-lite/include -include %t.h -fsyntax-only %S/Inputs/io-arena.c
// RUN: %python -c "import json, sys; m = json.load(open(sys.argv[1])); assert m['ram_bytes'] == m['arena_bytes'] == 64, m" %t.json

// CHECK: #define IO_INPUT0_ARENA_OFFSET 0u
// CHECK: dlc_status io_run(void *arena);
// CHECK: static inline float *io_input(void *arena)
// CHECK: static inline float *io_output(void *arena)

module attributes {rt.name = "io"} {
  func.func @io_run(%arena: memref<64xi8> {rt.arena})
      attributes {rt.inputs = [{name = "x", arena_offset = 0 : i64, buffer = memref<8xf32>}],
                  rt.outputs = [{name = "y", arena_offset = 32 : i64, buffer = memref<8xf32>}],
                  rt.arena_bytes = 64 : i64, rt.arena_lower_bound_bytes = 64 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c32 = arith.constant 32 : index
    %x = memref.view %arena[%c0][] : memref<64xi8> to memref<8xf32>
    %y = memref.view %arena[%c32][] : memref<64xi8> to memref<8xf32>
    scf.for %i = %c0 to %c8 step %c1 {
      %v = memref.load %x[%i] : memref<8xf32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %y[%i] : memref<8xf32>
    }
    return
  }
}
