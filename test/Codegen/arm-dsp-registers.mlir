// Assembly that takes all 14 registers where one is reserved: compiled again with fewer, until
// LLVM finds a place for everything. A tile needs all of them; its results stay the same.
// RUN: dlc-emit %s -o %t --emit=asm --target=cortex-m4 --mattr=+reserve-r9
// RUN: FileCheck %s --input-file=%t.s
// RUN: dlc-emit %s -o %t.all --emit=asm,cpp --target=cortex-m4
// RUN: FileCheck %s --input-file=%t.all.s --check-prefix=ALL
// C++ cannot try again: who keeps a register from the compiler asks for no assembly.
// RUN: %if arm-none-eabi-gcc %{ arm-none-eabi-g++ -std=c++17 -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -O2 -ffixed-r9 -DDLC_NO_ASSEMBLY -ffreestanding -fno-exceptions -fno-rtti -Wall -Wextra -Werror -I%source/runtime-lite/include -c %t.all.cpp -o %t.o %}

module attributes {rt.name = "tile"} {
  // CHECK-LABEL: tile_layer_0:
  // CHECK-NOT: r9
  // CHECK-COUNT-12: smlad
  // CHECK-NOT: r9
  // CHECK: .size
  // ALL-LABEL: tile_layer_0:
  // ALL: r9
  // ALL: .size
  func.func private @tile_layer_0(%w: memref<48xi32>, %x: memref<64xi32>, %y: memref<6xi32>) attributes {rt.layer = {name = "tile"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %c5 = arith.constant 5 : index
    %zero = arith.constant 0 : i32
    %s:6 = arm_dsp.dot %w[%c0], %x[%c0] sums(%zero, %zero, %zero, %zero, %zero, %zero)
        {rows = 3, pixels = 2, groups = 16, unroll = 1} : memref<48xi32>, memref<64xi32> -> i32, i32, i32, i32, i32, i32
    memref.store %s#0, %y[%c0] : memref<6xi32>
    memref.store %s#1, %y[%c1] : memref<6xi32>
    memref.store %s#2, %y[%c2] : memref<6xi32>
    memref.store %s#3, %y[%c3] : memref<6xi32>
    memref.store %s#4, %y[%c4] : memref<6xi32>
    memref.store %s#5, %y[%c5] : memref<6xi32>
    return
  }
  func.func @tile_run(%arena: memref<16xi8> {rt.arena}, %w: memref<48xi32>, %x: memref<64xi32>, %y: memref<6xi32>)
      attributes {rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 16 : i64,
      rt.inputs = [{name = "w", dtype = "int32"}, {name = "x", dtype = "int32"}],
      rt.outputs = [{name = "y", dtype = "int32"}]} {
    call @tile_layer_0(%w, %x, %y) : (memref<48xi32>, memref<64xi32>, memref<6xi32>) -> ()
    return
  }
}
