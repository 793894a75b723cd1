/* linux.c: the harness' platform on Linux: files, guarded memory, a clock. */
#include "harness.h"
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static FILE *file;

/* The block ends (as far as its alignment allows) at an inaccessible page, so
 * that reading or writing behind it is a fault and not luck. */
void *dlc_platform_reserve(size_t bytes, size_t align, int scratch) {
  (void)scratch;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (align > page || bytes > SIZE_MAX / 2)
    return NULL;
  size_t padded = (bytes + align - 1) / align * align;
  size_t pages = (padded + page - 1) / page * page;
  char *base = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    return NULL;
  mprotect(base + pages, page, PROT_NONE);
  return base + pages - padded;
}

void dlc_platform_print(const char *text) { fputs(text, stdout); }

int dlc_platform_open(const char *path) {
  file = fopen(path, "wb");
  return file ? 0 : -1;
}

int dlc_platform_write(const void *data, size_t bytes) { return fwrite(data, 1, bytes, file) == bytes ? 0 : -1; }

int dlc_platform_close(void) { return fclose(file) ? -1 : 0; }

uint64_t dlc_platform_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t dlc_platform_clock_convert(uint64_t counts) { return counts; }

const char *dlc_platform_clock_unit(void) { return "ns"; }

dlc_status dlc_platform_measure(dlc_run_fn run, void *arena, const void *const *inputs, void *const *outputs,
                                int64_t *dims, uint32_t *stack) {
  *stack = 0;
  return run(arena, inputs, outputs, dims);
}
