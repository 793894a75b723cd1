/* networks.h: the two compiled forms of the digits network behind one interface, for programs that compare them. */
#ifndef DIGITS_NETWORKS_H
#define DIGITS_NETWORKS_H

#include "testset.h"

#include "dlc/dlc_runtime.h"

typedef struct digits_network {
  const char *title; /* "fp32", "int8" */
  const dlc_model *model;
  /* Runs one inference: 20x20 pixels, 255 is full ink, to ten probabilities. */
  dlc_status (*classify)(const uint8_t *pixels, float *probabilities);
  /* The probability of a class that train.py states for an image of the test set. */
  float (*expected)(int image, int class_index);
  float tolerance; /* how far a probability may be from it */
} digits_network;

enum { DIGITS_NETWORKS = 2 };
extern const digits_network digits_networks[DIGITS_NETWORKS];

#endif
