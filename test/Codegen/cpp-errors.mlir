// RUN: split-file %s %t
// RUN: not dlc-emit %t/vector.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=VECTOR
// RUN: not dlc-emit %t/lanes.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=LANES
// RUN: not dlc-emit %t/exp.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=EXP
// RUN: not dlc-emit %t/alloc.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=ALLOC
// RUN: not dlc-emit %t/half.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=HALF
// RUN: not dlc-emit %t/blocks.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=BLOCKS
// RUN: not dlc-emit %t/width.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not dlc-emit %t/recursion.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=RECURSION
// RUN: not dlc-emit %t/variable.mlir -o %t --emit=cpp 2>&1 | FileCheck %s --check-prefix=VARIABLE

//--- vector.mlir
// VECTOR: error: C++: 'vector.load' cannot be printed: vectors of more than one dimension should have been lowered, found vector<2x4xf32>
func.func @f(%x: memref<8x4xf32>, %y: memref<8x4xf32>) {
  %c0 = arith.constant 0 : index
  %v = vector.load %x[%c0, %c0] : memref<8x4xf32>, vector<2x4xf32>
  vector.store %v, %y[%c0, %c0] : memref<8x4xf32>, vector<2x4xf32>
  return
}

//--- lanes.mlir
// LANES: error: C++: 'vector.load' cannot be printed: found vector<12xf32>, expected a power of two of lanes
func.func @f(%x: memref<12xf32>, %y: memref<12xf32>) {
  %c0 = arith.constant 0 : index
  %v = vector.load %x[%c0] : memref<12xf32>, vector<12xf32>
  vector.store %v, %y[%c0] : memref<12xf32>, vector<12xf32>
  return
}

//--- exp.mlir
// EXP: error: C++: 'math.exp' cannot be printed: the target has no instruction for it
func.func @f(%x: memref<f32>) {
  %v = memref.load %x[] : memref<f32>
  %e = math.exp %v : f32
  memref.store %e, %x[] : memref<f32>
  return
}

//--- alloc.mlir
// ALLOC: error: C++: 'memref.alloc' cannot be printed
func.func @f(%x: memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  memref.copy %x, %a : memref<4xf32> to memref<4xf32>
  memref.copy %a, %x : memref<4xf32> to memref<4xf32>
  memref.dealloc %a : memref<4xf32>
  return
}

//--- half.mlir
// HALF: error: C++: 'arith.addf' cannot be printed: 16-bit floats are storage only
func.func @f(%x: memref<f16>) {
  %v = memref.load %x[] : memref<f16>
  %e = arith.addf %v, %v : f16
  memref.store %e, %x[] : memref<f16>
  return
}

//--- blocks.mlir
// BLOCKS: error: C++: control flow between blocks cannot be printed; expected scf
func.func @f(%c: i1, %x: memref<f32>) {
  %v = arith.constant 1.0 : f32
  cf.cond_br %c, ^bb1, ^bb2
^bb1:
  memref.store %v, %x[] : memref<f32>
  cf.br ^bb2
^bb2:
  return
}

//--- width.mlir
// WIDTH: error: C++: 'func.func' cannot be printed: type i7 has no counterpart
func.func @f(%x: memref<i7>, %y: memref<i7>) {
  %v = memref.load %x[] : memref<i7>
  memref.store %v, %y[] : memref<i7>
  return
}

//--- recursion.mlir
// RECURSION: error: C++: recursive functions cannot be printed
func.func @f(%x: memref<f32>) {
  func.call @f(%x) : (memref<f32>) -> ()
  return
}

//--- variable.mlir
// VARIABLE: error: C++: only initialized constants can be printed
memref.global "private" @v : memref<2xf32> = dense<1.0>
func.func @f(%x: memref<2xf32>) {
  %v = memref.get_global @v : memref<2xf32>
  memref.copy %x, %v : memref<2xf32> to memref<2xf32>
  return
}
