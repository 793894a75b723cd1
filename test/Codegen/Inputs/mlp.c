/* Runs the network of mlp.mlir through its entry and through its descriptor. */
#include "dlc/dlc_abi.h"
#include <stdio.h>
#include <string.h>

dlc_status mlp_run(void *arena, const float *x, float *y);
extern const dlc_model mlp_model;

static const float x[8] = {1, 2, 3, 4, -1, 0.5f, 0, 2};
static const float expected[6] = {0, 6.5f, 15, 0, 0.5f, 8};
static _Alignas(16) unsigned char arena[64];

int main(void) {
  float y[6] = {-1, -1, -1, -1, -1, -1}, z[6] = {-1, -1, -1, -1, -1, -1};
  if (mlp_run(arena, x, y) != DLC_OK || memcmp(y, expected, sizeof y) != 0)
    return 1;
  const dlc_model *m = &mlp_model;
  if (m->abi_version != DLC_ABI_VERSION || m->struct_bytes != sizeof(dlc_model) ||
      m->tensor_bytes != sizeof(dlc_tensor) || m->layer_bytes != sizeof(dlc_layer))
    return 2;
  if (strcmp(m->name, "mlp") != 0 || m->n_inputs != 1 || m->n_outputs != 1 || m->arena_bytes != 64)
    return 3;
  const dlc_tensor *in = m->inputs, *out = m->outputs;
  if (strcmp(in->name, "x") != 0 || in->rank != 2 || in->dims[0] != 2 || in->dims[1] != 4 ||
      in->bytes != 32 || in->dtype != DLC_FLOAT32 || in->scale != 1 || in->align != 4)
    return 4;
  if (strcmp(out->name, "y") != 0 || out->bytes != 24)
    return 5;
  const void *inputs[1] = {x};
  void *outputs[1] = {z};
  if (m->run(arena, inputs, outputs, NULL) != DLC_OK || memcmp(z, expected, sizeof z) != 0)
    return 6;
  return 0;
}
