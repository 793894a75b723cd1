/* evaluate.h: measures the compiled digits networks on their test set and prints what it finds. */
#ifndef DIGITS_EVALUATE_H
#define DIGITS_EVALUATE_H

#include "networks.h"

enum { DIGITS_MAX_LAYERS = 64 };
typedef uint64_t digits_costs[DIGITS_NETWORKS][DIGITS_MAX_LAYERS];

/* Classifies the whole test set with every network; prints the first `shown` images (at most 8) with predictions beside
 * the expected ones, and the accuracy. Returns 0 when every prediction is that of the network's
 * reference, and no probability is further from it than the network's tolerance. */
int evaluate(int shown);

/* Which of digits_networks a model is; for the hooks of a profile. */
int network_index(const dlc_model *model);

/* Prints a table of the layers, the networks side by side; costs[n][i] is in `unit`. */
void print_layers(digits_costs costs, const char *unit);

#endif
