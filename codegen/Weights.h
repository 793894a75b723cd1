// Which constants --weights=external moves out, and how they lie in PREFIX.weights: in the order of the module.
#pragma once

#include <cstdint>

namespace dlc::codegen {
/// Smaller constants stay in the code, where compilers can fold them.
constexpr uint64_t kMovedBytes = 64;
/// Each starts at a multiple of this.
constexpr uint64_t kMovedAlign = 16;
} // namespace dlc::codegen
