/* testset.h: the held-out images of the digits model, with what they show and what the references predict. */
#ifndef DIGITS_TESTSET_H
#define DIGITS_TESTSET_H

#include <stdint.h>

enum { DIGITS_COUNT = 200, DIGITS_SIZE = 20, DIGITS_CLASSES = 10 };

extern const uint8_t digits_images[DIGITS_COUNT][DIGITS_SIZE][DIGITS_SIZE]; /* 255 is full ink */
extern const uint8_t digits_labels[DIGITS_COUNT];
extern const float digits_expected[DIGITS_COUNT][DIGITS_CLASSES];       /* probabilities by train.py */
extern const int8_t digits_expected_int8[DIGITS_COUNT][DIGITS_CLASSES]; /* the same of the int8 network, quantized */

#endif
