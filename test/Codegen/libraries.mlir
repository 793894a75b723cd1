// Static and shared libraries hold the runtime; both are the same on every run.
// RUN: dlc-emit %S/mlp.mlir -o %t --emit=lib,shared,header
// RUN: %host_cc -std=c11 -I%source/runtime-lite/include -include %t.h %S/Inputs/mlp_run.c %t.a -o %t.exe
// RUN: %t.exe
// RUN: %host_cc -std=c11 -I%source/runtime-lite/include -include %t.h %S/Inputs/mlp_run.c %t.so -o %t.exe
// RUN: mkdir -p %t.dir && cp %t.so %t.dir/mlp.so && env LD_LIBRARY_PATH=%t.dir %t.exe
// RUN: llvm-readelf -d %t.so | FileCheck %s --check-prefix=DYNAMIC
// RUN: dlc-emit %S/mlp.mlir -o %t.again --emit=lib,shared
// RUN: cmp %t.a %t.again.a
// RUN: cmp %t.so %t.again.so
// RUN: dlc-emit %S/mlp.mlir -o %t.m4 --emit=lib --target=cortex-m4
// RUN: llvm-nm %t.m4.a | FileCheck %s --check-prefix=ARCHIVE
// RUN: llvm-readelf -h %t.m4.a | FileCheck %s --check-prefix=MACHINE
// RUN: not dlc-emit %S/mlp.mlir -o %t.no --emit=shared --target=cortex-m4 2>&1 | FileCheck %s --check-prefix=FIRMWARE
// RUN: not dlc-emit %S/mlp.mlir -o %t.no --emit=lib --target=riscv64-unknown-linux-gnu 2>&1 | FileCheck %s --check-prefix=FAMILY

// DYNAMIC-NOT: TEXTREL
// DYNAMIC: (SONAME) {{.*}}[mlp.so]
// DYNAMIC-NOT: TEXTREL
// ARCHIVE: T mlp_run
// ARCHIVE: T dlc_run
// MACHINE-NOT: Machine: {{ *}}X86
// FIRMWARE: target 'cortex-m4' has no shared libraries
// FAMILY: this dlc carries no runtime-lite for 'riscv64-unknown-linux-gnu'; use --emit=obj
