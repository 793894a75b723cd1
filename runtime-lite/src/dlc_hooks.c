/* dlc_hooks.c: weak defaults of the hooks: serial, silent, without memory. */
#include "dlc/dlc_runtime.h"

#define DLC_WEAK __attribute__((weak))

DLC_WEAK void dlc_parallel_for(dlc_task task, void *context, size_t count) {
  for (size_t i = 0; i < count; i++)
    task(context, i);
}

DLC_WEAK void dlc_profile_begin(const dlc_model *model, uint32_t layer) {
  (void)model;
  (void)layer;
}

DLC_WEAK void dlc_profile_end(const dlc_model *model, uint32_t layer) {
  (void)model;
  (void)layer;
}

DLC_WEAK void *dlc_alloc(size_t bytes, size_t align) {
  (void)bytes;
  (void)align;
  return NULL;
}

DLC_WEAK void dlc_free(void *block) { (void)block; }
