// Weights: one section (the table of equal words is folded into the code), aligned, or a file of their own; the results are the same.
// RUN: dlc-emit %s -o %t | FileCheck %s --check-prefix=EMBEDDED
// RUN: llvm-readelf -SW %t.o | FileCheck %s --check-prefix=SECTION
// RUN: dlc-emit %s -o %t --emit=obj,header --profile
// RUN: %host_cc -std=c11 -DPROFILE -I%source/runtime-lite/include -include %t.h %S/Inputs/weights.c %t.o -o %t.exe
// RUN: %t.exe
// RUN: dlc-emit %s -o %t --emit=obj,header --weights=external | FileCheck %s --check-prefix=EXTERNAL
// RUN: echo '.globl table_weights; .balign 16; table_weights: .incbin "%t.weights"; .section .note.GNU-stack,"",@progbits' > %t.s
// RUN: %host_cc -std=c11 -I%source/runtime-lite/include -include %t.h %S/Inputs/weights.c %t.o -x assembler %t.s -o %t.exe
// RUN: %t.exe
// RUN: cp %t.weights %t.object.weights
// RUN: dlc-emit %s -o %t --emit=cpp --weights=external
// RUN: cmp %t.weights %t.object.weights
// RUN: %host_cxx -std=c++17 -Wall -Wextra -Werror -I%source/runtime-lite/include -c %t.cpp -o %t.o
// RUN: %host_cc -std=c11 -I%source/runtime-lite/include -include %t.h %S/Inputs/weights.c %t.o -x assembler %t.s -o %t.exe
// RUN: %t.exe

// EMBEDDED: weights 80 {{.*}} undefined{{$}}
// SECTION: .rodata.table.weights PROGBITS {{[0-9a-f]+ [0-9a-f]+}} 000050 {{.*}} A {{.*}} 16{{$}}
// EXTERNAL: weights 1104 {{.*}} undefined table_weights{{$}}

module attributes {rt.name = "table"} {
  memref.global "private" constant @bytes : memref<2x8xi8> = dense<[[1, 2, 3, 4, 5, 6, 7, -8], [9, 10, 11, 12, 13, 14, 15, 16]]>
  memref.global "private" constant @words : memref<16x16xi32> = dense<7>
  memref.global "private" constant @big : memref<64xi8> = dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F">
  func.func private @table_layer_0(%i: memref<2xi32>, %y: memref<3xi32>) attributes {rt.layer = {name = "look up", nodes = "Gather"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %i0 = memref.load %i[%c0] : memref<2xi32>
    %i1 = memref.load %i[%c1] : memref<2xi32>
    %j0 = arith.index_cast %i0 : i32 to index
    %j1 = arith.index_cast %i1 : i32 to index
    %bytes = memref.get_global @bytes : memref<2x8xi8>
    %words = memref.get_global @words : memref<16x16xi32>
    %big = memref.get_global @big : memref<64xi8>
    %b = memref.load %bytes[%j0, %j1] : memref<2x8xi8>
    %w = memref.load %words[%j0, %j1] : memref<16x16xi32>
    %g = memref.load %big[%j1] : memref<64xi8>
    %b32 = arith.extsi %b : i8 to i32
    %g32 = arith.extsi %g : i8 to i32
    memref.store %b32, %y[%c0] : memref<3xi32>
    memref.store %w, %y[%c1] : memref<3xi32>
    memref.store %g32, %y[%c2] : memref<3xi32>
    return
  }
  func.func @table_run(%arena: memref<0xi8> {rt.arena}, %i: memref<2xi32>, %y: memref<3xi32>)
      attributes {rt.inputs = [{name = "i"}], rt.outputs = [{name = "y"}], rt.arena_bytes = 0 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    call @table_layer_0(%i, %y) : (memref<2xi32>, memref<3xi32>) -> ()
    return
  }
}
