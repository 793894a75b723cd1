// Compiles IR into the register programs of the evaluator.
#pragma once

#include "passes/evaluate/Evaluator.h"
#include "passes/evaluate/Program.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Operation.h"

namespace dlc::evaluation {

/// What all compilers of one evaluation share.
struct Context {
  const EvaluateLimits &limits;
  /// Values whose registers are read after the program has run.
  llvm::DenseSet<mlir::Value> pinned;
  /// Whether the program runs operations in the order of their blocks, so that
  /// the last use in a block is the last to run.
  bool blockOrder = true;
  mlir::SmallVector<mlir::Operation *> callStack;
  /// The operation being compiled, and the first that could not be.
  mlir::Operation *current = nullptr;
  mlir::Operation *culprit = nullptr;
};

/// Where a value lives.
struct Place {
  bool isTensor;
  unsigned reg;
};

/// A size, offset or stride: a constant or a register.
struct Index {
  std::optional<unsigned> reg;
  int64_t value = 0;
  int64_t get(Frame &frame) const {
    return reg ? static_cast<int64_t>(frame.at(*reg)) : value;
  }
};

/// Compiles operations into one program. All functions return false (or
/// nothing) when something is not interpretable.
class Compiler {
public:
  Compiler(Program &program, Context &context, Compiler *outer = nullptr)
      : program(program), context(context), outer(outer),
        depth(outer ? outer->depth + 1 : context.callStack.size()) {}

  Program &program;
  Context &context;

  /// All operations of the block but its terminator.
  bool compileBlock(mlir::Block &block);
  bool compileOp(mlir::Operation *op) {
    mlir::Operation *previous = std::exchange(context.current, op);
    bool ok = compile(op);
    if (!ok && !context.culprit)
      context.culprit = op;
    context.current = previous;
    return ok;
  }

  //===--- values ---===//
  /// The place of a value that was compiled, is a constant, or is captured.
  std::optional<Place> placeOf(mlir::Value value);
  std::optional<unsigned> scalar(mlir::Value value);
  std::optional<TensorUse> tensor(mlir::Value value, mlir::Operation *user);
  std::optional<Index> index(mlir::OpFoldResult value);
  std::optional<mlir::SmallVector<Index>>
  indices(mlir::ArrayRef<mlir::OpFoldResult> values);
  unsigned newReg() { return program.numRegs++; }
  unsigned newTensor() { return program.numTensors++; }
  unsigned constant(Slot value);
  void bind(mlir::Value value, Place place) { places[value] = place; }
  /// A new place for a value; nothing when its type is not known.
  std::optional<Place> define(mlir::Value value);

  //===--- instructions ---===//
  Instr &emit(Opcode op, unsigned width, unsigned dst, unsigned a = 0,
              unsigned b = 0, unsigned c = 0);
  void call(TensorFn fn);
  /// A call whose tensor becomes the only result of `op`. Null stops.
  bool defineTensor(mlir::Operation *op,
                    std::function<TensorRef(Machine &, Frame &)> fn);
  void extract(unsigned dst, unsigned tensorReg,
               mlir::ArrayRef<unsigned> indexRegs);
  /// The scalar operation on elements; appends a register for each result.
  bool emitScalar(mlir::Operation *op, mlir::ArrayRef<unsigned> operands,
                  mlir::SmallVectorImpl<unsigned> &results);
  std::optional<unsigned> emitAffine(mlir::AffineExpr expr,
                                     mlir::ArrayRef<unsigned> dims,
                                     mlir::ArrayRef<unsigned> symbols);

  /// When this program is the body of a nest: its operation, and the registers
  /// of loop indices.
  mlir::Operation *nestOp = nullptr;
  unsigned loopIndex(unsigned dim);
  mlir::SmallVector<std::pair<unsigned, unsigned>, 4> loopIndices;

private:
  bool compile(mlir::Operation *op);
  bool isLastUse(mlir::Value value, mlir::Operation *user);
  void move(mlir::ArrayRef<Place> from, mlir::ArrayRef<bool> take,
            mlir::ArrayRef<Place> to);
  /// Moves values (operands of `user`) to places.
  bool moveValues(mlir::ValueRange values, mlir::Operation *user,
                  mlir::ArrayRef<Place> to);
  std::optional<mlir::SmallVector<Place>> defineAll(mlir::ValueRange values);

  // Families: whether the operation was compiled.
  bool compileControl(mlir::Operation *op);
  bool compileRegion(mlir::Region &region, mlir::ArrayRef<Place> results);
  bool compileTensor(mlir::Operation *op);
  bool compileSlice(mlir::Operation *op);
  bool compileReshape(mlir::Operation *op);
  bool compileGenerate(mlir::Operation *op);
  bool compilePad(mlir::Operation *op);
  bool compileLinalg(mlir::Operation *op);
  bool compileContraction(mlir::Operation *op);
  bool compileElementwise(mlir::Operation *op);
  bool compileCall(mlir::Operation *op);

  llvm::DenseMap<mlir::Value, Place> places;
  Compiler *outer;
  size_t depth;
};

/// Copies a box of elements between two tensors of one element size.
void copyBox(const char *from, mlir::ArrayRef<int64_t> fromStrides, char *to,
             mlir::ArrayRef<int64_t> toStrides, mlir::ArrayRef<int64_t> sizes,
             int64_t elementBytes);

} // namespace dlc::evaluation
