// What header, manifest, descriptor and report say about a model.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <string>
#include <vector>

namespace dlc::codegen {
/// An input or output.
struct TensorInfo {
  std::string name;       ///< as in the ONNX model
  std::string identifier; ///< C parameter, unique among all of a model
  std::string dtype;      ///< as in NumPy: float32, uint8, bool, bfloat16, ...
  /// -1 where the size is known at run time only.
  std::vector<int64_t> dims;
  std::vector<std::string> symbols; ///< of dims in the model, "" for those without; may be empty
  std::vector<bool> varies; ///< which dims are known at run time only
  bool bounded = false;  ///< dims are upper bounds
  uint64_t elements = 0; ///< 0 when unbounded
  uint64_t bytes = 0;    ///< 0 when unbounded
  std::optional<double> scale;
  std::optional<int64_t> zeroPoint;
  std::optional<uint64_t> arenaOffset;
  unsigned memory = 0; ///< number of the memory that `arenaOffset` lies in
  unsigned align = 1;
  bool isUnbounded() const;
  /// The model's name for a dim that varies; "" when it has none.
  llvm::StringRef symbol(size_t dim) const;
};

/// A part of the arena that a layer touches.
struct ArenaUse {
  uint64_t offset = 0, bytes = 0;
};

/// A step of the model: a call in the entry function.
struct LayerInfo {
  std::string name, function, kernel;
  std::vector<std::string> nodes;
  std::vector<std::vector<int64_t>> shapes; ///< of its memory operands, in order
  uint64_t macs = 0, weightsBytes = 0;
  uint64_t instructions = 0; ///< estimated, for one inference
  unsigned band = 0, bands = 0; ///< which part of the rows, from 0, of how many; 0: all
  std::vector<ArenaUse> arena;
};

/// A tensor in the arena: alive from layer `first` to layer `last`.
struct ArenaTensor {
  uint64_t offset = 0, bytes = 0;
  unsigned first = 0, last = 0;
};

/// A memory that the arena takes a part of: one parameter of the entry.
struct MemoryInfo {
  std::string name; ///< C parameter: "arena", or as in --memory
  /// dlc_run passes one block: this memory's part of it starts at `offset`.
  uint64_t bytes = 0, offset = 0;
};

struct ModelInfo {
  std::string name;  ///< C identifier, prefix of every symbol
  std::string macro; ///< the same in capitals
  std::string entry; ///< symbol of the entry function
  std::string target, triple, cpu, features;
  std::vector<TensorInfo> inputs, outputs;
  uint64_t arenaBytes = 0, arenaLowerBound = 0, weightsBytes = 0, macs = 0;
  unsigned arenaAlign = 16;
  std::vector<MemoryInfo> memories; ///< at least one
  bool takesDims = false; ///< the entry has a last argument `int64_t *dims`
  std::vector<LayerInfo> layers;
  std::vector<ArenaTensor> tensors; ///< in the order in which they begin
  /// The arena plus inputs and outputs outside it.
  uint64_t ramBytes() const;
};

/// Collects the facts of a module of the last IR, before it is lowered.
mlir::FailureOr<ModelInfo> collectModelInfo(mlir::ModuleOp module);

/// Whether `text` is a keyword of C11 or C++17, or a macro-like name of their headers.
bool isReservedWord(llvm::StringRef text);
/// `text` as a C and C++ identifier: other characters become '_', reserved words
/// and names that start with a digit get a prefix.
std::string cIdentifier(llvm::StringRef text);

/// The C type of a dtype as headers and C++ spell it: "float", "int8_t", ...
/// (float16 and bfloat16 travel as uint16_t); "" for a dtype that has none.
llvm::StringRef cType(llvm::StringRef dtype);
/// DLC_FLOAT32, ... and its number in dlc_abi.h.
std::string dtypeMacro(llvm::StringRef dtype);
unsigned dtypeCode(llvm::StringRef dtype);
/// Bytes of one element; 0 when the dtype is not known.
unsigned dtypeBytes(llvm::StringRef dtype);
} // namespace dlc::codegen
