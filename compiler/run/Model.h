// One model on its way through dlc-run: what its file says of inputs and
// outputs, compiled for given shapes, run.
#pragma once

#include "compiler/Options.h"
#include "compiler/run/Program.h"

namespace dlc::run {

/// An input or output of the main graph.
struct Value {
  std::string name;
  int dtype = 0;                     ///< 0: not a tensor
  std::vector<int64_t> dims;         ///< -1: symbolic or unknown
  std::vector<std::string> symbols;  ///< of each dim; empty when it has none
  bool ranked = false;               ///< the file states a shape
  bool isStatic() const;
};

/// The graph's inputs without those that have an initializer, and its outputs.
struct Signature {
  std::vector<Value> inputs, outputs;
};
llvm::Expected<Signature> readSignature(const std::string &path);

/// Puts named tensors ("" for by position) in the order of `values`: by name
/// when every name is one of the model's, by position otherwise. Says what is
/// missing or too many.
llvm::Expected<std::vector<Tensor>> arrange(llvm::ArrayRef<Value> values, std::vector<Tensor> tensors,
                                            llvm::StringRef kind, bool allowMissing = false);

/// Loads `[NAME=]FILE` arguments; a tensor's name is the one given, or "".
llvm::Expected<std::vector<Tensor>> loadArguments(llvm::ArrayRef<std::string> arguments);

/// A folder for scratch files that disappears with the object.
class ScratchFolder {
public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder &) = delete;
  ScratchFolder &operator=(const ScratchFolder &) = delete;
  const std::string &path() const { return folder; }
  void keep() { kept = true; }

private:
  std::string folder;
  bool kept = false;
};

/// A model that is compiled when its inputs are known, once for each set of shapes.
class Model {
public:
  /// `options.compile.input` is the file; files go to `folder`.
  Model(const RunOptions &options, rt::TargetAttr target, Platform platform, Signature signature,
        std::string folder);

  const Signature &signature() const { return sig; }

  /// Compiles for these inputs unless that is what was compiled last; symbolic
  /// dims take the tensors' sizes. Returns an exit code; errors were printed.
  int compile(llvm::ArrayRef<Tensor> inputs);
  /// Compiles as the options say.
  int compile();

  /// Inputs of the compiled model, filled with random values.
  llvm::Expected<std::vector<Tensor>> randomInputs(unsigned seed) const;

  RunResult run(llvm::ArrayRef<Tensor> inputs, unsigned runs, unsigned warmup);
  llvm::Error link(llvm::ArrayRef<Tensor> inputs, const std::string &elf);

  /// The manifest of what was compiled, as JSON text.
  std::string manifest() const;

private:
  int compileShapes(std::map<std::string, std::vector<int64_t>> shapes);

  const RunOptions &options;
  rt::TargetAttr target;
  Platform platform;
  Signature sig;
  std::string prefix;
  Program program;
  std::optional<std::map<std::string, std::vector<int64_t>>> compiled;
  unsigned variant = 0;
};

} // namespace dlc::run
