// Passes that run chains of layers in bands of rows.
#ifndef DLC_ROW_PASSES
#define DLC_ROW_PASSES

include "mlir/Pass/PassBase.td"

def PlanRows : Pass<"dlc-plan-rows", "::mlir::ModuleOp"> {
  let summary = "choose chains of layers that run in bands of rows to save memory";
  let description = [{
    Where the most memory is needed, layers that compute rows from rows (convolutions,
    pools, elementwise operations, products) can run band by band: all of them compute
    some rows, then all the next ones, so that no intermediate tensor ever exists as a
    whole. For every stretch of the schedule and every height of bands a model says
    what it needs (bytes alive at once) and costs (rows copied from band to band, calls);
    the cheapest set of disjoint chains within a bound of bytes is found by dynamic
    programming over the schedule, and verified by planning the arena for it.
    The bound is `rt.ram_budget`. Without it, on firmware targets: with -Oram the least
    that costs at most 10 % more, if it saves 5 % of the arena; with -Ospeed the cheapest
    that saves 30 % of it in at most four bands, if it costs at most 1 %. A budget that cannot be met is an error that says what could be.
    ```mlir
    %a = nn.conv ...
    %b = nn.conv ins(%a, ...) ...
    // becomes
    %a = nn.conv ... {rt.bands = array<i64: 0, 6>}
    %b = nn.conv ins(%a, ...) ... {rt.bands = array<i64: 0, 6>}
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::scf::SCFDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::linalg::LinalgDialect"];
}

def FuseRows : Pass<"dlc-fuse-rows", "::mlir::ModuleOp"> {
  let summary = "run chains of layers band by band";
  let description = [{
    Operations with `rt.bands` = [chain, rows] and the same chain run band by band: the
    last one computes `rows` rows in each band, the others what it needs. Rows that a
    later band needs again are kept in a copy, so that nothing is computed twice; padding
    is where the image ends, between bands there is none. Results that others need as a
    whole are put together from their rows.
    ```mlir
    %a = linalg.generic ins(%x : tensor<1x8x4x2xf32>) ... {rt.bands = array<i64: 0, 4>}
    %b = linalg.generic ins(%a : tensor<1x8x4x2xf32>) ... {rt.bands = array<i64: 0, 4>}
    // becomes
    %x0 = tensor.extract_slice %x[0, 0, 0, 0] [1, 4, 4, 2] [1, 1, 1, 1]
    %a0 = linalg.generic ins(%x0 : tensor<1x4x4x2xf32>) ...
    %b0 = linalg.generic ins(%a0 : tensor<1x4x4x2xf32>) ...
    %y0 = tensor.insert_slice %b0 into %y[0, 0, 0, 0] [1, 4, 4, 2] [1, 1, 1, 1]
    %x1 = tensor.extract_slice %x[0, 4, 0, 0] [1, 4, 4, 2] [1, 1, 1, 1]
    ...
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::arith::ArithDialect"];
}

def FlattenSlices : Pass<"dlc-flatten-slices", "::mlir::ModuleOp"> {
  let summary = "neighbouring rows of a buffer become a buffer of their own";
  let description = [{
    A subview of neighbouring bytes of the arena (or of bytes of an argument) is a view at
    another offset: bands of rows then have one type wherever they lie, and layers
    that work on them are one function. `rt.part_of` tells the buffer (offset and bytes).
    ```mlir
    %v = memref.view %arena[%c64][] : memref<4096xi8> to memref<1x8x4x2xf32>
    %s = memref.subview %v[0, 4, 0, 0] [1, 4, 4, 2] [1, 1, 1, 1]
    // becomes
    %s = memref.view %arena[%c192][] {rt.part_of = array<i64: 64, 256>}
           : memref<4096xi8> to memref<1x4x4x2xf32>
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
}
#endif
