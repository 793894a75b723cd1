// dlc-run on one model: compile, run, compare, measure.
#pragma once

#include "compiler/Options.h"

namespace dlc::run {

/// Does what the options say; returns an exit code. Errors were printed.
int runModel(const RunOptions &options);

/// Runs the ONNX tests of folders, one line a test; returns an exit code.
int verify(const RunOptions &options);

} // namespace dlc::run
