/* main.c: the generic program around one model with its inputs built in.
 *
 *   program [INFERENCES [RESULT-FILE [WARM-UP INFERENCES [THREADS]]]]
 *
 * The model is whatever the linker binds to dlc_harness_model
 * (--defsym=dlc_harness_model=kws_model); the inputs are a block of assembly that
 * dlc-run writes.
 */
#include "harness.h"
#include <string.h>

extern const dlc_model dlc_harness_model;
extern const int64_t dlc_harness_input_dims[];
extern const uint64_t dlc_harness_input_bytes[];
extern const uint64_t dlc_harness_input_offsets[]; /* into dlc_harness_input_data */
extern const char dlc_harness_input_data[];

static unsigned number(const char *text, unsigned fallback) {
  unsigned value = 0;
  if (!text || *text < '0' || *text > '9')
    return fallback;
  for (; *text >= '0' && *text <= '9'; text++)
    value = value * 10 + (unsigned)(*text - '0');
  return value;
}

int main(int argc, char **argv) {
  const dlc_model *model = &dlc_harness_model;
#ifdef __linux__
  dlc_set_threads(argc > 4 ? number(argv[4], 1) : 1);
#endif
  const void **data = dlc_platform_reserve((model->n_inputs + 1) * sizeof(void *), sizeof(void *), 0);
  if (!data)
    return DLC_HARNESS_MEMORY;
  for (uint32_t i = 0; i < model->n_inputs; i++) {
    const char *input = dlc_harness_input_data + dlc_harness_input_offsets[i];
    data[i] = input;
#ifdef __linux__
    /* Into memory with a guard behind it; firmware reads its inputs where they lie. */
    size_t bytes = (size_t)dlc_harness_input_bytes[i], align = dlc_model_input(model, i)->align;
    void *copy = dlc_platform_reserve(bytes ? bytes : 1, align ? align : 1, 0);
    if (!copy)
      return DLC_HARNESS_MEMORY;
    data[i] = memcpy(copy, input, bytes);
#endif
  }
  dlc_harness_job job = {model,
                         dlc_harness_input_dims,
                         dlc_harness_input_bytes,
                         data,
                         argc > 1 ? number(argv[1], 1) : 1,
                         argc > 3 ? number(argv[3], 0) : 0,
                         argc > 2 ? argv[2] : (const char *)0};
  return dlc_harness_run(&job);
}
