// What cannot become an object is an error with a reason, never an abort.
// RUN: rm -rf %t && split-file %s %t
// RUN: not dlc-emit %t/libm.mlir -o %t/o --target=cortex-m4 2>&1 | FileCheck %s --check-prefix=LIBM
// RUN: not dlc-emit %t/asm.mlir -o %t/o --target=cortex-m4 2>&1 | FileCheck %s --check-prefix=ASM
// RUN: not dlc-emit %t/crash.mlir -o %t/o --target=cortex-m0 2>&1 | FileCheck %s --check-prefix=CRASH
// RUN: not dlc-emit %t/alloc.mlir -o %t/o 2>&1 | FileCheck %s --check-prefix=ALLOC
// RUN: not dlc-emit %t/result.mlir -o %t/o 2>&1 | FileCheck %s --check-prefix=RESULT
// RUN: not dlc-emit %t/count.mlir -o %t/o 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not dlc-emit %t/dtype.mlir -o %t/o 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not dlc-emit %t/entry.mlir -o %t/o 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not dlc-emit %t/libm.mlir --target=cortex-m44 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not ls %t/o.o

// LIBM: error: generated code calls 'expf', which a firmware does not have; an operation of the last IR is not an instruction of target 'cortex-m4'
// ASM: error: LLVM failed for target 'cortex-m4': {{.*}}invalid instruction
// CRASH: error: LLVM failed for target 'cortex-m0':
// ALLOC: error: failed to legalize operation 'memref.alloc'
// RESULT: error: returns a memref; the last IR passes results as arguments
// COUNT: error: has 3 arguments, but its inputs and outputs are 2
// DTYPE: error: input 'x' has dtype float64, but its argument is 'memref<4xf32>'
// ENTRY: error: module has no entry function (one with 'rt.arena_bytes')
// TARGET: error: unknown target 'cortex-m44', did you mean 'cortex-m4'

//--- libm.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}, %x: memref<f32>)
      attributes {rt.inputs = [], rt.outputs = [{name = "x"}], rt.arena_bytes = 16 : i64} {
    %v = memref.load %x[] : memref<f32>
    %e = math.exp %v : f32
    memref.store %e, %x[] : memref<f32>
    return
  }
}

//--- asm.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}) attributes {rt.inputs = [], rt.outputs = [], rt.arena_bytes = 16 : i64} {
    llvm.inline_asm has_side_effects "no_such_instruction", "" : () -> ()
    return
  }
}

//--- crash.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}, %x: memref<i32>) attributes {rt.inputs = [], rt.outputs = [{name = "x"}], rt.arena_bytes = 16 : i64} {
    // An instruction that Armv6-M does not have: the selector gives up.
    %v = memref.load %x[] : memref<i32>
    %r = llvm.call_intrinsic "llvm.arm.smlad"(%v, %v, %v) : (i32, i32, i32) -> i32
    memref.store %r, %x[] : memref<i32>
    return
  }
}

//--- alloc.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}) attributes {rt.inputs = [], rt.outputs = [], rt.arena_bytes = 16 : i64} {
    %c0 = arith.constant 0 : index
    %a = memref.alloc() : memref<4xi8>
    %v = memref.load %a[%c0] : memref<4xi8>
    memref.store %v, %arena[%c0] : memref<16xi8>
    return
  }
}

//--- result.mlir
module attributes {rt.name = "m"} {
  func.func private @f(%x: memref<4xf32>) -> memref<4xf32> {
    return %x : memref<4xf32>
  }
  func.func @m_run(%arena: memref<16xi8> {rt.arena}) attributes {rt.inputs = [], rt.outputs = [], rt.arena_bytes = 16 : i64} {
    return
  }
}

//--- count.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}, %x: memref<4xf32>, %y: memref<4xf32>)
      attributes {rt.inputs = [{name = "x"}], rt.outputs = [], rt.arena_bytes = 16 : i64} {
    return
  }
}

//--- dtype.mlir
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<16xi8> {rt.arena}, %x: memref<4xf32>)
      attributes {rt.inputs = [{name = "x", dtype = "float64"}], rt.outputs = [], rt.arena_bytes = 16 : i64} {
    return
  }
}

//--- entry.mlir
module attributes {rt.name = "m"} {
}
