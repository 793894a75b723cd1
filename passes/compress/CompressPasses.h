// Declarations of the passes that store constants in few bits, generated from CompressPasses.td.
#pragma once

#include "passes/Passes.h"

namespace dlc {
#define GEN_PASS_DECL
#include "passes/compress/CompressPasses.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/compress/CompressPasses.h.inc"
} // namespace dlc
