// Operations of arm_dsp are one instruction each, in the object and in C++; what
// LLVM finds by itself (SMMLA, SSAT with a shift) needs none.
// RUN: dlc-emit %s -o %t --emit=asm,cpp --target=cortex-m4
// RUN: FileCheck %s --input-file=%t.s
// RUN: FileCheck %s --input-file=%t.cpp --check-prefix=CPP
// RUN: %if arm-none-eabi-gcc %{ arm-none-eabi-g++ -std=c++17 -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -O2 -ffreestanding -fno-exceptions -fno-rtti -Wall -Wextra -Werror -I%source/runtime-lite/include -c %t.cpp -o %t.o %}

module attributes {rt.name = "dsp"} {
  // CHECK-LABEL: dsp_layer_0:
  // CHECK-DAG: ldr{{.*}}, [r0, #3]
  // CHECK-DAG: sxtb16
  // CHECK-DAG: sxtb16{{.*}}, ror #8
  // CHECK-DAG: smlad
  // CHECK-DAG: smlabb
  // CHECK-DAG: smlabt
  // CHECK-DAG: smlatb
  // CHECK-DAG: smlatt
  // CHECK: bx lr
  // CPP: #include <arm_acle.h>
  // CPP: __sxtb16
  // CPP: __smlad(
  func.func private @dsp_layer_0(%x: memref<16xi8>, %y: memref<4xi32>) attributes {rt.layer = {name = "pairs"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %w = arm_dsp.load %x[%c3] : memref<16xi8>
    %a = arm_dsp.sxtb16 %w
    %b = arm_dsp.sxtb16 %w {rotation = 8 : i32}
    %acc = memref.load %y[%c0] : memref<4xi32>
    %0 = arm_dsp.smlad %a, %b, %acc
    %1 = arm_dsp.smlabb %a, %b, %0
    %2 = arm_dsp.smlabt %a, %b, %1
    %3 = arm_dsp.smlatb %a, %b, %2
    %4 = arm_dsp.smlatt %a, %b, %3
    memref.store %4, %y[%c0] : memref<4xi32>
    return
  }
  // CHECK-LABEL: dsp_layer_1:
  // CHECK: smmla
  // CHECK: ssat{{.*}}, #8, {{.*}}, asr #3
  // CHECK: bx lr
  func.func private @dsp_layer_1(%x: memref<2xi32>, %y: memref<1xi8>) attributes {rt.layer = {name = "requantize"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %off = arith.constant 12345 : i32
    %three = arith.constant 3 : i32
    %low = arith.constant -128 : i32
    %high = arith.constant 127 : i32
    %s = memref.load %x[%c0] : memref<2xi32>
    %m = memref.load %x[%c1] : memref<2xi32>
    %lo, %hi = arith.mulsi_extended %s, %m : i32
    %t = arith.addi %hi, %off : i32
    %u = arith.shrsi %t, %three : i32
    %v = arith.maxsi %u, %low : i32
    %w = arith.minsi %v, %high : i32
    %q = arith.trunci %w : i32 to i8
    memref.store %q, %y[%c0] : memref<1xi8>
    return
  }
  func.func @dsp_run(%arena: memref<16xi8> {rt.arena}, %x: memref<16xi8>, %z: memref<2xi32>, %y: memref<4xi32>, %q: memref<1xi8>)
      attributes {rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 16 : i64,
      rt.inputs = [{name = "x", dtype = "int8"}, {name = "z", dtype = "int32"}],
      rt.outputs = [{name = "y", dtype = "int32"}, {name = "q", dtype = "int8"}]} {
    call @dsp_layer_0(%x, %y) : (memref<16xi8>, memref<4xi32>) -> ()
    call @dsp_layer_1(%z, %q) : (memref<2xi32>, memref<1xi8>) -> ()
    return
  }
}
