// A tile of Helium is the same assembly in the object and in C++: products and loads
// alternate, rows that overlap load what they share once, long runs are loops.
// RUN: dlc-emit %s -o %t --emit=asm,cpp --target=cortex-m55
// RUN: FileCheck %s --input-file=%t.s
// RUN: FileCheck %s --input-file=%t.cpp --check-prefix=CPP
// RUN: %if arm-none-eabi-gcc %{ arm-none-eabi-g++ -std=c++17 -mcpu=cortex-m55 -mthumb -mfloat-abi=hard -O2 -ffreestanding -fno-exceptions -fno-rtti -Wall -Wextra -Werror -I%source/runtime-lite/include -c %t.cpp -o %t.o %}

module attributes {rt.name = "mve"} {
  // Two vectors a row, the second of which is the first of the next row: three loads
  // of inputs for each of the two passes, and four of weights.
  // CHECK-LABEL: mve_layer_0:
  // CHECK: vldrb.u8
  // CHECK-NEXT: vldrw.u32
  // CHECK-NEXT: vmlav.s8
  // CHECK-NEXT: vldrb.u8
  // CHECK-NEXT: vmlav.s8
  // CHECK-NEXT: vldrw.u32
  // CHECK-NEXT: vmlav.s8
  // CHECK-NEXT: vldrw.u32
  // CHECK-NEXT: vmlav.s8
  // CHECK-NEXT: vldrb.u8
  // CHECK-NEXT: vmlava.s8
  // CHECK: vmov
  // CHECK-NOT: le lr
  // CPP: void dot_2_4_2_1_2_0_0_16(
  // CPP: vmladav.s8
  // CPP: "=&w"
  // CPP: "=&Te"
  func.func private @mve_layer_0(%w: memref<128xi8>, %x: memref<48xi8>, %y: memref<8xi32>) attributes {rt.layer = {name = "overlapping"}} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %0:2 = arm_mve.dot %w[%c0], %x[%c0] {rows = 2, channels = 4, passes = 2, runs = 1, vectors = 2, rest = 0, runStride = 0, rowStride = 16, straight = 12} : memref<128xi8>, memref<48xi8> -> vector<4xi32>, vector<4xi32>
    arm_mve.store %0#0, %y[%c0] : vector<4xi32>, memref<8xi32>
    arm_mve.store %0#1, %y[%c4] : vector<4xi32>, memref<8xi32>
    return
  }

  // Forty vectors: a hardware loop; eight sums take lr, and a loop counts elsewhere.
  // CHECK-LABEL: mve_layer_1:
  // CHECK: dls lr
  // CHECK: le lr
  // CHECK: subs
  // CHECK-NEXT: bne
  func.func private @mve_layer_1(%w: memref<5120xi8>, %x: memref<640xi8>, %y: memref<8xi32>) attributes {rt.layer = {name = "long"}} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %0 = arm_mve.dot %w[%c0], %x[%c0] {rows = 1, channels = 4, passes = 1, runs = 1, vectors = 40, rest = 0, runStride = 0, rowStride = 0, straight = 12} : memref<5120xi8>, memref<640xi8> -> vector<4xi32>
    arm_mve.store %0, %y[%c0] : vector<4xi32>, memref<8xi32>
    %1:2 = arm_mve.dot %w[%c0], %x[%c0] {rows = 1, channels = 8, passes = 1, runs = 1, vectors = 40, rest = 0, runStride = 0, rowStride = 0, straight = 12} : memref<5120xi8>, memref<640xi8> -> vector<4xi32>, vector<4xi32>
    arm_mve.store %1#0, %y[%c0] : vector<4xi32>, memref<8xi32>
    arm_mve.store %1#1, %y[%c4] : vector<4xi32>, memref<8xi32>
    return
  }
  func.func @mve_run(%arena: memref<16xi8> {rt.arena}, %w: memref<128xi8>, %x: memref<48xi8>, %v: memref<5120xi8>, %u: memref<640xi8>, %y: memref<8xi32>, %z: memref<8xi32>)
      attributes {rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 16 : i64,
      rt.inputs = [{name = "w", dtype = "int8"}, {name = "x", dtype = "int8"}, {name = "v", dtype = "int8"}, {name = "u", dtype = "int8"}],
      rt.outputs = [{name = "y", dtype = "int32"}, {name = "z", dtype = "int32"}]} {
    call @mve_layer_0(%w, %x, %y) : (memref<128xi8>, memref<48xi8>, memref<8xi32>) -> ()
    call @mve_layer_1(%v, %u, %z) : (memref<5120xi8>, memref<640xi8>, memref<8xi32>) -> ()
    return
  }
}
