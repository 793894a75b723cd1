// What a Cortex-M4 does in one instruction calls no function of libm in C++, either, whatever the compiler.
// REQUIRES: arm-none-eabi-gcc
// RUN: dlc-emit %s -o %t --target=cortex-m4 --emit=cpp
// RUN: arm-none-eabi-g++ -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -std=c++17 -O2 -ffreestanding -I%source/runtime-lite/include -c %t.cpp -o %t.o
// RUN: llvm-nm -u %t.o | count 0
// RUN: %host_cxx --target=thumbv7em-none-eabihf -mcpu=cortex-m4 -std=c++17 -O2 -ffreestanding -I%source/runtime-lite/include -c %t.cpp -o %t.o
// RUN: llvm-nm -u %t.o | count 0
module attributes {rt.name = "one"} {
  func.func private @one_layer_0(%x: memref<3xf32>, %y: memref<1xf32>)
      attributes {rt.layer = {name = "all", nodes = ["All_0"]}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %a = memref.load %x[%c0] : memref<3xf32>
    %b = memref.load %x[%c1] : memref<3xf32>
    %c = memref.load %x[%c2] : memref<3xf32>
    %d = math.fma %a, %b, %c : f32
    %e = math.sqrt %d : f32
    %f = math.absf %b : f32
    %g = math.copysign %e, %f : f32
    memref.store %g, %y[%c0] : memref<1xf32>
    return
  }
  func.func @one_run(%arena: memref<16xi8> {rt.arena}, %x: memref<3xf32>, %y: memref<1xf32>)
      attributes {rt.inputs = [{name = "x", dtype = "float32"}],
                  rt.outputs = [{name = "y", dtype = "float32"}],
                  rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    call @one_layer_0(%x, %y) : (memref<3xf32>, memref<1xf32>) -> ()
    return
  }
}
