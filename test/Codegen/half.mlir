// Conversions of half formats, where the target has instructions for them and
// where it has not, against those of the C compiler: every f16, and rounding of
// f32 and f64 in every exponent.
// RUN: dlc-emit %s -o %t --emit=obj,header
// RUN: %host_cc -std=c11 -O1 -I%source/runtime-lite/include -include %t.h %S/Inputs/half.c %t.o -o %t.exe
// RUN: %t.exe
// RUN: %if qemu-aarch64 && aarch64-gcc %{ dlc-emit %s --target=aarch64 -o %t.arm --emit=obj,header %}
// RUN: %if qemu-aarch64 && aarch64-gcc %{ aarch64-linux-gnu-gcc -static -std=c11 -O1 -I%source/runtime-lite/include -include %t.arm.h %S/Inputs/half.c %t.arm.o -o %t.arm.exe %}
// RUN: %if qemu-aarch64 && aarch64-gcc %{ qemu-aarch64 %t.arm.exe %}

module attributes {rt.name = "half"} {
  func.func private @half_layer_0(%h: memref<65536xf16>, %f: memref<65536xf32>, %d: memref<65536xf64>,
      %hf: memref<65536xf32>, %hd: memref<65536xf64>, %fh: memref<65536xf16>, %dh: memref<65536xf16>, %fb: memref<65536xbf16>,
      %db: memref<65536xbf16>, %bf: memref<65536xf32>) attributes {rt.layer = {name = "convert"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.constant 65536 : index
    scf.for %i = %c0 to %n step %c1 {
      %h0 = memref.load %h[%i] : memref<65536xf16>
      %h1 = arith.extf %h0 : f16 to f32
      memref.store %h1, %hf[%i] : memref<65536xf32>
      %h2 = arith.extf %h0 : f16 to f64
      memref.store %h2, %hd[%i] : memref<65536xf64>
      %f0 = memref.load %f[%i] : memref<65536xf32>
      %f1 = arith.truncf %f0 : f32 to f16
      memref.store %f1, %fh[%i] : memref<65536xf16>
      %f2 = arith.truncf %f0 : f32 to bf16
      memref.store %f2, %fb[%i] : memref<65536xbf16>
      %f3 = arith.extf %f2 : bf16 to f32
      memref.store %f3, %bf[%i] : memref<65536xf32>
      %d0 = memref.load %d[%i] : memref<65536xf64>
      %d1 = arith.truncf %d0 : f64 to f16
      memref.store %d1, %dh[%i] : memref<65536xf16>
      %d2 = arith.truncf %d0 : f64 to bf16
      memref.store %d2, %db[%i] : memref<65536xbf16>
    }
    return
  }
  func.func @half_run(%arena: memref<0xi8> {rt.arena}, %h: memref<65536xf16>, %f: memref<65536xf32>, %d: memref<65536xf64>,
      %hf: memref<65536xf32>, %hd: memref<65536xf64>, %fh: memref<65536xf16>, %dh: memref<65536xf16>, %fb: memref<65536xbf16>,
      %db: memref<65536xbf16>, %bf: memref<65536xf32>)
      attributes {rt.inputs = [{name = "h"}, {name = "f"}, {name = "d"}],
                  rt.outputs = [{name = "hf"}, {name = "hd"}, {name = "fh"}, {name = "dh"}, {name = "fb"}, {name = "db"}, {name = "bf"}],
                  rt.arena_bytes = 0 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    call @half_layer_0(%h, %f, %d, %hf, %hd, %fh, %dh, %fb, %db, %bf) : (memref<65536xf16>, memref<65536xf32>, memref<65536xf64>,
      memref<65536xf32>, memref<65536xf64>, memref<65536xf16>, memref<65536xf16>, memref<65536xbf16>, memref<65536xbf16>, memref<65536xf32>) -> ()
    return
  }
}
