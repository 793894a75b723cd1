// Every kind of operation, for every target: nothing but support routines of the C
// compiler is left to the linker, whatever the target has instructions for.
// RUN: dlc-emit %s -o %t --target=host | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=host --mcpu=x86-64-v3 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=host --mcpu=x86-64-v4 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m0 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m0plus | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m3 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m4 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m4 --mattr=-fpregs | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m7 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m33 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m55 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m85 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=aarch64 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=aarch64 --mattr=+sve | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=aarch64 --mcpu=neoverse-v2 | FileCheck %s --check-prefix=REPORT
// RUN: llvm-nm -u %t.o | FileCheck %s --allow-empty
// RUN: dlc-emit %s -o %t --target=cortex-m4 -Osize | FileCheck %s --check-prefix=REPORT
// RUN: llvm-readelf -SW %t.o | FileCheck %s --check-prefix=SECTIONS

// REPORT: code {{[1-9]}}
// CHECK-NOT: {{ U [^_]}}
// CHECK-NOT: {{ U _[^_]}}
// SECTIONS-NOT: {{ WA }}
// SECTIONS: .text.ops.layer_0
// SECTIONS-NOT: {{ WA }}
// SECTIONS-NOT: exidx
// SECTIONS-NOT: eh_frame

module attributes {rt.name = "ops"} {
  func.func private @ops_layer_0(%x: memref<64xf32>, %h: memref<64xf16>, %b: memref<64xbf16>, %d: memref<64xf64>, %i: memref<64xi64>, %s: memref<64xi8>, %y: memref<64xf32>)
      attributes {rt.layer = {name = "all"}} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.constant 64 : index
    %pad = ub.poison : f32
    scf.for %k = %c0 to %n step %c1 {
      %v = memref.load %x[%k] : memref<64xf32>
      %hv = memref.load %h[%k] : memref<64xf16>
      %bv = memref.load %b[%k] : memref<64xbf16>
      %dv = memref.load %d[%k] : memref<64xf64>
      %iv = memref.load %i[%k] : memref<64xi64>
      %sv = memref.load %s[%k] : memref<64xi8>
      %hx = arith.extf %hv : f16 to f32
      %bx = arith.extf %bv : bf16 to f32
      %hb = arith.extf %bv : bf16 to f64
      %hd = arith.extf %hv : f16 to f64
      %a0 = arith.maximumf %v, %hx : f32
      %a1 = arith.minimumf %a0, %bx : f32
      %a2 = arith.maxnumf %a1, %v : f32
      %a3 = arith.minnumf %a2, %hx : f32
      %a4 = arith.divf %a3, %v : f32
      %d1 = arith.addf %dv, %hb : f64
      %d2 = arith.maximumf %d1, %hd : f64
      %d3 = arith.truncf %d2 : f64 to f32
      %d4 = arith.truncf %d2 : f64 to f16
      memref.store %d4, %h[%k] : memref<64xf16>
      %d5 = arith.truncf %a4 : f32 to bf16
      memref.store %d5, %b[%k] : memref<64xbf16>
      %i1 = arith.divsi %iv, %iv : i64
      %i2 = arith.remui %i1, %iv : i64
      %i3 = arith.floordivsi %i2, %iv : i64
      %i4 = arith.fptosi %d2 : f64 to i64
      %i5 = arith.addi %i4, %i3 : i64
      %i6 = arith.muli %i5, %iv : i64
      memref.store %i6, %i[%k] : memref<64xi64>
      %f1 = arith.sitofp %i6 : i64 to f32
      %f2 = arith.uitofp %sv : i8 to f32
      %f3 = math.absf %f1 : f32
      %f4 = math.copysign %f3, %f2 : f32
      %f5 = arith.addf %f4, %a4 : f32
      %z = math.ctlz %iv : i64
      %p = math.ctpop %iv : i64
      %t = math.cttz %iv : i64
      %zp = arith.addi %z, %p : i64
      %zpt = arith.addi %zp, %t : i64
      %zf = arith.uitofp %zpt : i64 to f32
      %f6 = arith.addf %f5, %zf : f32
      %f7 = arith.addf %f6, %d3 : f32
      %u1 = arith.fptoui %f7 : f32 to i8
      memref.store %u1, %s[%k] : memref<64xi8>
      memref.store %f7, %y[%k] : memref<64xf32>
    }
    %c16 = arith.constant 16 : index
    %m = vector.create_mask %c1 : vector<16xi1>
    %p0 = arith.constant dense<0.0> : vector<16xf32>
    %v0 = vector.load %x[%c0] : memref<64xf32>, vector<16xf32>
    %v1 = vector.maskedload %x[%c16], %m, %p0 : memref<64xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
    %v2 = arith.maximumf %v0, %v1 : vector<16xf32>
    %hv0 = vector.load %h[%c0] : memref<64xf16>, vector<16xf16>
    %hv1 = arith.extf %hv0 : vector<16xf16> to vector<16xf32>
    %v3 = arith.addf %v2, %hv1 : vector<16xf32>
    %bv0 = vector.load %b[%c0] : memref<64xbf16>, vector<16xbf16>
    %bv1 = arith.extf %bv0 : vector<16xbf16> to vector<16xf32>
    %v4 = arith.addf %v3, %bv1 : vector<16xf32>
    %r = vector.reduction <maximumf>, %v4 : vector<16xf32> into f32
    %r2 = vector.reduction <add>, %v4 : vector<16xf32> into f32
    %bb = vector.broadcast %r : f32 to vector<16xf32>
    vector.store %bb, %y[%c0] : memref<64xf32>, vector<16xf32>
    %v5 = arith.truncf %v4 : vector<16xf32> to vector<16xf16>
    vector.store %v5, %h[%c0] : memref<64xf16>, vector<16xf16>
    memref.store %r2, %y[%c0] : memref<64xf32>
    return
  }
  func.func @ops_run(%arena: memref<16xi8> {rt.arena}, %x: memref<64xf32>, %h: memref<64xf16>, %b: memref<64xbf16>, %d: memref<64xf64>, %i: memref<64xi64>, %s: memref<64xi8>, %y: memref<64xf32>)
      attributes {rt.inputs = [{name = "x"}, {name="h"}, {name="b"}, {name="d"}, {name="i"}, {name="s", dtype="uint8"}],
                  rt.outputs = [{name = "y", dtype = "float32"}],
                  rt.arena_bytes = 16 : i64, rt.arena_lower_bound_bytes = 0 : i64} {
    call @ops_layer_0(%x, %h, %b, %d, %i, %s, %y) : (memref<64xf32>, memref<64xf16>, memref<64xbf16>, memref<64xf64>, memref<64xi64>, memref<64xi8>, memref<64xf32>) -> ()
    return
  }
}
