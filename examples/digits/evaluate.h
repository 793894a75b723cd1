/* evaluate.h: measures a compiled digits model on its test set and prints what it finds. */
#ifndef DIGITS_EVALUATE_H
#define DIGITS_EVALUATE_H

#include "dlc/dlc_runtime.h"

/* Runs one inference: 20x20 floats from 0 to 1 in, ten probabilities out. */
typedef dlc_status (*infer_fn)(const float *image, float *probabilities);

/* Classifies the whole test set; prints the first `shown` images (at most 8) with predictions beside the
 * expected ones, and the accuracy. Returns 0 when every prediction is that of the
 * reference, and no probability is further than 0.0001 from it. */
int evaluate(infer_fn infer, int shown);

/* Prints a table of the model's layers; `costs` has model->n_layers entries in `unit`. */
void print_layers(const dlc_model *model, const uint64_t *costs, const char *unit);

#endif
