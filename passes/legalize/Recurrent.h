// What the forms of RNN, GRU and LSTM share: their parts, and the loop over time.
#pragma once

#include "passes/legalize/Node.h"

#include <functional>

namespace dlc::legalize {

/// An activation with its parameters.
struct Activation {
  std::string name;
  double alpha, beta;
};

/// Attributes and inputs that the three operators share.
struct Recurrence {
  int64_t hidden, directions, gates;
  bool reverse = false, batchFirst = false;
  std::optional<double> clip;
  SmallVector<Activation> activations; ///< per direction, concatenated
  Value x, w, r, b, lengths, initialH, initialC, peepholes;
  Type element;
  OpFoldResult time, batch;
};

/// How the loop over time computes. States are tensors [N, H], the first one is h.
struct RecurrentForm {
  unsigned states;
  /// What the steps need of x, [T, N, C].
  std::function<Value(int64_t d)> project;
  std::function<Value(int64_t d, unsigned s)> initial;
  /// States after time t from those before it.
  std::function<LogicalResult(int64_t d, Value inputs, Value t, SmallVector<Value> &states)> step;
  /// A state as floats.
  std::function<Value(unsigned s, Value state)> show;
};

/// t[d, ...] without its first dimension.
Value pick(Node &n, Value t, int64_t d);

/// The operator in integers; nothing where its inputs are not quantized, its results not
/// quantized at once, or an activation has no integer form. `flag` is linear_before_reset
/// of GRU, input_forget of LSTM. Keeps references to `n` and `q`.
std::optional<RecurrentForm> integerForm(Node &n, const Recurrence &q, bool flag);

} // namespace dlc::legalize
