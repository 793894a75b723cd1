// Operator families beside those of OpTable.h.
#pragma once

#include "passes/legalize/OpTable.h"

namespace dlc::legalize {
void addSignal(std::vector<OpEntry> &table);
void addTraining(std::vector<OpEntry> &table);
} // namespace dlc::legalize
