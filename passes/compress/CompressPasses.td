// Passes that store constants in few bits.
#ifndef DLC_COMPRESS_PASSES
#define DLC_COMPRESS_PASSES

include "mlir/Pass/PassBase.td"

def CompressConstants : Pass<"dlc-compress-constants", "::mlir::ModuleOp"> {
  let summary = "constants in 2, 4 or 8 bits, expanded where they are read";
  let description = [{
    A constant whose elements are numbers of 2, 4 or 8 bits, or such numbers times f32 scales of
    the tensor, a channel or a block, is stored as these numbers and scales when the elements
    come out bit by bit. Loads become loads of bytes, shifts, and one multiplication. Firmware and -Osize
    store whatever saves flash; see README.md here for the rule on hosted targets.
    ```mlir
    memref.global "private" constant @w : memref<64x8xf32> = dense<...>
    %x = vector.load %w[%k, %c4] : memref<64x8xf32>, vector<4xf32>
    // becomes, with one scale for each of the eight
    memref.global "private" constant @w : memref<64x4xi8> = dense<...>
    %bytes = vector.load %w[%k, %c0] : memref<64x4xi8>, vector<4xi8>
    %wide = arith.extui %bytes : vector<4xi8> to vector<4xi32>
    %up = arith.shli %wide, %c24 : vector<4xi32>
    %number = arith.shrsi %up, %c28 : vector<4xi32>
    %float = arith.sitofp %number : vector<4xi32> to vector<4xf32>
    %scale = vector.load %w_scales[%c4] : memref<8xf32>, vector<4xf32>
    %x = arith.mulf %float, %scale : vector<4xf32>
    ```
  }];
  let statistics = [Statistic<"numCompressed", "compressed", "constants compressed">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}
#endif
