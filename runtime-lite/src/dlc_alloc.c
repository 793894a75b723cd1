/* dlc_alloc.c: memory for models with unbounded shapes from the C library (hosted targets only). */
#include "dlc/dlc_runtime.h"
#include <stdlib.h>

void *dlc_alloc(size_t bytes, size_t align) {
  if (align < sizeof(void *))
    align = sizeof(void *);
  if (bytes > SIZE_MAX - align)
    return NULL;
  /* aligned_alloc wants a multiple of the alignment, and a block of 0 bytes may be null. */
  size_t rounded = (bytes + align - 1) / align * align;
  return aligned_alloc(align, rounded ? rounded : align);
}

void dlc_free(void *block) { free(block); }
