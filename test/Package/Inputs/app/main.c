/* Runs two models of one program on the same input, and compares. */
#include "digits.h"
#include "second.h"

#include <stdio.h>

static _Alignas(DIGITS_ARENA_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES];
static _Alignas(SECOND_ARENA_ALIGN) unsigned char second_arena[SECOND_ARENA_BYTES];

int main(void) {
  static float image[20 * 20], a[10], b[10];
  for (int i = 0; i < 400; i++)
    image[i] = (float)(i % 20) / 20.0f;
  if (digits_run(arena, image, a) != DLC_OK || second_run(second_arena, image, b) != DLC_OK)
    return 1;
  float sum = 0;
  for (int k = 0; k < 10; k++) {
    sum += a[k];
    if (a[k] - b[k] > 1e-5f || b[k] - a[k] > 1e-5f)
      return 2;
  }
  printf("sum %d e-3\n", (int)(sum * 1000.0f + 0.5f));
  return 0;
}
