// RUN: dlc-opt %s --dlc-plan-vectors --verify-each | FileCheck %s --check-prefix=PLAN
// RUN: dlc-opt %s --dlc-plan-vectors --dlc-lower-vectors --canonicalize --verify-each | FileCheck %s

#line = affine_map<(d0) -> (d0)>
#rows = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
module attributes {rt.target = #rt.target<name = "cortex-m55", triple = "thumbv8.1m.main-unknown-none-eabihf", cpu = "cortex-m55", features = "", float_abi = "hard", isa = "mve", vector_bits = 128, vector_registers = 8, index_bits = 32, hosted = false, fma_f32 = true, dsp = true, fpu_f32 = true>} {

// Words in between: four lanes; upper halves of products; the last two elements with a predicate.
// PLAN-LABEL: @scaled
// PLAN: nn.kernel = #nn.kernel<kind = "mve_lanes", rows = 1, columns = 1, lanes = 4>
// CHECK-LABEL: @scaled
// CHECK: scf.for %[[I:.*]] = %c0 to %c22 step %c4
// CHECK: %[[FIRST:.*]] = arith.subi %c22, %[[I]]
// CHECK: arm_mve.load %{{.*}}[%[[I]]] first %[[FIRST]] : memref<22xi8> -> vector<4xi32>
// CHECK: arm_mve.vmulh
// CHECK: arm_mve.store %{{.*}}, %{{.*}}[%[[I]]] first %[[FIRST]] : vector<4xi32>, memref<22xi8>
func.func @scaled(%x: memref<22xi8>, %y: memref<22xi8>) {
  %by = arith.constant 1234567890 : i32
  %shift = arith.constant 3 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  linalg.generic {indexing_maps = [#line, #line], iterator_types = ["parallel"]}
      ins(%x : memref<22xi8>) outs(%y : memref<22xi8>) {
  ^bb0(%in: i8, %out: i8):
    %0 = arith.extsi %in : i8 to i32
    %1 = arith.shli %0, %shift : i32
    %lo, %hi = arith.mulsi_extended %1, %by : i32
    %2 = arith.maxsi %hi, %low : i32
    %3 = arith.minsi %2, %high : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  }
  return
}

// Unsigned bytes are read as such; bytes alone have sixteen lanes; a row of factors is
// read again in every round.
// CHECK-LABEL: @bytes
// CHECK: scf.for
// CHECK: arm_mve.load %{{.*}} : memref<32x16xi8> -> vector<16xi8>
// CHECK: arm_mve.load %{{.*}}[%c0] : memref<16xi8> -> vector<16xi8>
// CHECK: arith.addi {{.*}} : vector<16xi8>
func.func @bytes(%x: memref<32x16xi8>, %c: memref<16xi8>, %y: memref<32x16xi8>) {
  linalg.generic {indexing_maps = [#rows, #columns, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : memref<32x16xi8>, memref<16xi8>) outs(%y : memref<32x16xi8>) {
  ^bb0(%in: i8, %channel: i8, %out: i8):
    %0 = arith.addi %in, %channel : i8
    linalg.yield %0 : i8
  }
  return
}

// CHECK-LABEL: @unsigned
// CHECK: arm_mve.load {{.*}} {zeroes} : memref<16xi8> -> vector<4xi32>
// CHECK: arith.subi
// CHECK: arith.sitofp {{.*}} : vector<4xi32> to vector<4xf32>
func.func @unsigned(%x: memref<16xi8>, %y: memref<16xf32>) {
  %flip = arith.constant -128 : i8
  linalg.generic {indexing_maps = [#line, #line], iterator_types = ["parallel"]}
      ins(%x : memref<16xi8>) outs(%y : memref<16xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.xori %in, %flip : i8
    %1 = arith.extsi %0 : i8 to i32
    %2 = arith.sitofp %1 : i32 to f32
    linalg.yield %2 : f32
  }
  return
}

// Narrow values wrap in their own width.
// CHECK-LABEL: @wraps
// CHECK: arith.addi {{.*}} : vector<4xi32>
// CHECK: arith.shli
// CHECK: arith.shrsi
// CHECK: arith.sitofp
func.func @wraps(%x: memref<16xi8>, %y: memref<16xf32>) {
  linalg.generic {indexing_maps = [#line, #line], iterator_types = ["parallel"]}
      ins(%x : memref<16xi8>) outs(%y : memref<16xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.addi %in, %in : i8
    %1 = arith.extsi %0 : i8 to i32
    %2 = arith.sitofp %1 : i32 to f32
    linalg.yield %2 : f32
  }
  return
}

// A maximum over a window keeps its channels in lanes; the window is written out.
// PLAN-LABEL: @window
// PLAN: nn.kernel = #nn.kernel<kind = "mve_reduction", rows = 1, columns = 2, lanes = 16>
// CHECK-LABEL: @window
// CHECK: scf.for
// CHECK-COUNT-2: arm_mve.load %arg1{{.*}} : memref<4x32xi8> -> vector<16xi8>
// CHECK-COUNT-4: arm_mve.load %arg0{{.*}} : memref<5x32xi8> -> vector<16xi8>
// CHECK-COUNT-2: arm_mve.store
func.func @window(%x: memref<5x32xi8>, %y: memref<4x32xi8>, %w: memref<2xi8>) {
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0 + d1, d2)>, affine_map<(d0, d1, d2) -> (d1)>,
                                   affine_map<(d0, d1, d2) -> (d0, d2)>],
                  iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x, %w : memref<5x32xi8>, memref<2xi8>) outs(%y : memref<4x32xi8>) {
  ^bb0(%in: i8, %unused: i8, %out: i8):
    %0 = arith.maxsi %in, %out : i8
    linalg.yield %0 : i8
  }
  return
}

// A sum of 100 bytes fits 16 bits; of 300 it does not.
// PLAN-LABEL: @sums
// PLAN: nn.kernel = #nn.kernel<kind = "mve_short_sums", rows = 1, columns = 3, lanes = 8>
// PLAN: nn.kernel = #nn.kernel<kind = "mve_reduction", rows = 1, columns = 4, lanes = 4>
// CHECK-LABEL: @sums
// CHECK: scf.for {{.*}} -> (vector<8xi16>, vector<8xi16>, vector<8xi16>)
// CHECK: scf.for {{.*}} -> (vector<4xi32>, vector<4xi32>, vector<4xi32>, vector<4xi32>)
func.func @sums(%x: memref<100x26xi8>, %y: memref<26xi32>, %more: memref<300x26xi8>) {
  linalg.generic {indexing_maps = [#rows, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<100x26xi8>) outs(%y : memref<26xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    %1 = arith.addi %0, %out : i32
    linalg.yield %1 : i32
  }
  linalg.generic {indexing_maps = [#rows, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%more : memref<300x26xi8>) outs(%y : memref<26xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    %1 = arith.addi %0, %out : i32
    linalg.yield %1 : i32
  }
  return
}

// 64 bits, steps through memory and copies stay loops.
// PLAN-LABEL: @loops
// PLAN-NOT: nn.kernel
func.func @loops(%x: memref<16x16xi32>, %y: memref<16x16xi32>, %z: memref<16xi64>) {
  linalg.generic {indexing_maps = [#turned, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<16x16xi32>) outs(%y : memref<16x16xi32>) {
  ^bb0(%in: i32, %out: i32):
    %0 = arith.addi %in, %in : i32
    linalg.yield %0 : i32
  }
  linalg.generic {indexing_maps = [#line], iterator_types = ["parallel"]} outs(%z : memref<16xi64>) {
  ^bb0(%out: i64):
    %0 = arith.addi %out, %out : i64
    linalg.yield %0 : i64
  }
  linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<16x16xi32>) outs(%y : memref<16x16xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  }
  return
}
}
