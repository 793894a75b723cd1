// RUN: dlc-opt %s --dlc-outline-layers | FileCheck %s

// A part of an output overlaps the output, though both are reached in different ways; another part does not
// overlap this one.
// CHECK: func.func private @m_layer_0(%{{.*}}: memref<10xi8> {llvm.noalias}, %{{.*}}: memref<10xi8>, %{{.*}}: memref<2x10xi8>)
// CHECK: func.func private @m_layer_1(%{{.*}}: memref<10xi8> {llvm.noalias}, %{{.*}}: memref<10xi8> {llvm.noalias}, %{{.*}}: memref<10xi8> {llvm.noalias})
module attributes {rt.name = "m"} {
  func.func @m_run(%arena: memref<0xi8> {rt.arena}, %x: memref<10xi8>, %y: memref<2x10xi8>)
      attributes {rt.arena_bytes = 0 : i64} {
    %c0 = arith.constant 0 : index
    %c10 = arith.constant 10 : index
    %zero = arith.constant 0 : i8
    %flat = memref.collapse_shape %y [[0, 1]] : memref<2x10xi8> into memref<20xi8>
    %first = memref.view %flat[%c0][] : memref<20xi8> to memref<10xi8>
    %second = memref.view %flat[%c10][] : memref<20xi8> to memref<10xi8>
    linalg.map ins(%x : memref<10xi8>) outs(%second : memref<10xi8>) (%in: i8, %out: i8) {
      linalg.yield %in : i8
    } loc("a")
    linalg.fill ins(%zero : i8) outs(%y : memref<2x10xi8>) loc("a")
    linalg.map ins(%x : memref<10xi8>) outs(%second : memref<10xi8>) (%in: i8, %out: i8) {
      linalg.yield %in : i8
    } loc("b")
    memref.copy %x, %first : memref<10xi8> to memref<10xi8> loc("b")
    return
  }
}
