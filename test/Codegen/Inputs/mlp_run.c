/* Runs mlp.mlir through dlc_run; the generated header is included by the command line. */
#include <string.h>

static const float x[8] = {1, 2, 3, 4, -1, 0.5f, 0, 2};
static const float expected[6] = {0, 6.5f, 15, 0, 0.5f, 8};
static _Alignas(MLP_ARENA_ALIGN) unsigned char arena[MLP_ARENA_BYTES];

int main(void) {
  float y[MLP_OUTPUT0_ELEMENTS];
  const void *inputs[1] = {x};
  void *outputs[1] = {y};
  if (dlc_run(&mlp_model, arena, sizeof arena, inputs, 1, outputs, 1) != DLC_OK)
    return 1;
  if (dlc_run(&mlp_model, arena, sizeof arena - 1, inputs, 1, outputs, 1) != DLC_ERR_ARENA)
    return 2;
  return memcmp(y, expected, sizeof y) != 0;
}
