// One tile of results as sums over lanes: the core of all Helium contractions but depthwise.
#pragma once

#include "passes/kernels/mve/Epilogue.h"
#include "passes/kernels/mve/Geometry.h"
#include "passes/kernels/mve/Memory.h"

namespace dlc::kernels::mve {

/// Where the products of a row lie: `runs` times `run` neighbouring elements,
/// `runStride` elements apart. Several runs are multiples of 16 long. Rows start
/// `rowStride` elements apart. `whole`: the last vector may be read to its end.
struct Left {
  mlir::Value memory;
  int64_t runs, run, runStride, rowStride;
  bool whole = false;
};

/// Emits tiles of 2 rows by 4 channels, or 1 row by 4 or 8.
class Dot {
public:
  Dot(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, DotWeights weights, mlir::Value filter,
      mlir::Value init);

  /// All channels of `group` for the rows that start at `starts` of `left`; row r is
  /// stored from the element with the indices `outputs[r]` (without the channel) on.
  void emitRows(mlir::ImplicitLocOpBuilder &b, const Left &left, mlir::ValueRange starts,
                llvm::ArrayRef<llvm::SmallVector<mlir::Value>> outputs, mlir::Value group) const;

  /// Rows may be computed twice: nothing of the output's shape is read, which may
  /// lie where the output is written.
  bool mayRepeat() const { return !epilogue.hasFullOperands(); }

private:
  /// Four channels of a row.
  struct Quad {
    llvm::ArrayRef<mlir::Value> output;
    mlir::Value channel;
    int64_t valid; ///< channels that exist
  };
  void emitTile(mlir::ImplicitLocOpBuilder &b, const Left &left, mlir::ValueRange starts,
                llvm::ArrayRef<llvm::SmallVector<mlir::Value>> outputs, mlir::Value weightsAt,
                mlir::Value channel, int64_t valid) const;
  /// The sums of a tile as vectors of four channels, in assembly.
  llvm::SmallVector<mlir::Value> sumInAssembly(mlir::ImplicitLocOpBuilder &b, const Left &left,
                                               mlir::ValueRange starts, mlir::Value weightsAt,
                                               llvm::ArrayRef<Quad> quads) const;
  llvm::SmallVector<mlir::Value> sum(mlir::ImplicitLocOpBuilder &b, const Left &left,
                                     mlir::ValueRange starts, mlir::Value weightsAt,
                                     mlir::Value channel, int64_t valid) const;
  llvm::SmallVector<mlir::Value> accumulate(mlir::ImplicitLocOpBuilder &b, const Left &left,
                                            mlir::ValueRange starts, mlir::Value weightsAt,
                                            llvm::SmallVector<mlir::Value> sums) const;
  void store(mlir::ImplicitLocOpBuilder &b, mlir::Value sums, const Quad &quad) const;
  /// One or two quads.
  void storeClamped(mlir::ImplicitLocOpBuilder &b, mlir::ValueRange sums,
                    llvm::ArrayRef<Quad> quads) const;
  /// Four channels of epilogue operand `i`.
  mlir::Value load(mlir::ImplicitLocOpBuilder &b, unsigned i, const Quad &quad) const;

  mlir::Operation *op;
  Epilogue epilogue;
  DotWeights weights;
  mlir::Value filter, init;
  int64_t straight; ///< vectors of a tile that are written out
};

/// Calls `body` for all pairs of positions below `count` (values or one when
/// there is one only). With `repeat` the last of an odd number is done twice.
void forPairs(mlir::ImplicitLocOpBuilder &b, int64_t count, bool repeat,
              llvm::function_ref<void(mlir::ImplicitLocOpBuilder &, llvm::ArrayRef<mlir::Value>)>
                  body);

} // namespace dlc::kernels::mve
