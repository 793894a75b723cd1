/* Runs one model from two compilations on the same inputs and compares every bit.
 *
 * -DMODEL=name: the descriptors are name_model and ref_name_model. Inputs mix
 * special values with seeded random ones. NaNs count as equal, whatever their payload.
 */
#include "dlc/dlc_abi.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONCAT(a, b) a##b
#define NAME(a, b) CONCAT(a, b)
extern const dlc_model NAME(MODEL, _model), NAME(NAME(ref_, MODEL), _model);

static uint64_t state = 88172645463325252u;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static const uint32_t floats[] = {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                  0x7fc00000, 0x00000001, 0x80000001, 0x7f7fffff, 0x40490fdb, 0xc2c80000,
                                  0x3effffff, 0x3f000000, 0x3fc00000, 0xc0200000, 0x00800000, 0x4b000001};
static const uint64_t doubles[] = {0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
                                   0xfff0000000000000, 0x7ff8000000000000, 1, 0x7fefffffffffffff,
                                   0x400921fb54442d18, 0x3fe0000000000000, 0xc004000000000000};
static const int64_t integers[] = {0, 1, -1, 2, -2, 7, -7, 127, -128, 128, 255, 32767, -32768, 65535,
                                   INT32_MAX, INT32_MIN, 0xffffffffll, INT64_MAX, INT64_MIN, 3, 100, -100};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static size_t bytes_of(dlc_dtype t) {
  switch (t) {
  case DLC_FLOAT64: case DLC_INT64: case DLC_UINT64: return 8;
  case DLC_FLOAT32: case DLC_INT32: case DLC_UINT32: return 4;
  case DLC_INT16: case DLC_UINT16: case DLC_FLOAT16: case DLC_BFLOAT16: return 2;
  default: return 1;
  }
}

/* Special values in the first run, random ones later. */
static void fill(void *data, const dlc_tensor *t, int run) {
  size_t size = bytes_of(t->dtype);
  for (size_t i = 0; i < t->bytes / size; ++i) {
    uint64_t r = next(), v = r >> 8;
    int special = run == 0 || (run < 4 && (r & 7) == 0);
    if (t->dtype == DLC_FLOAT32) {
      float f = (float)((double)(int64_t)(r >> 32) / 16777216.0 - 128.0);
      uint32_t bits;
      memcpy(&bits, &f, 4);
      v = special ? floats[(r >> 40) % COUNT(floats)] : bits;
    } else if (t->dtype == DLC_FLOAT64) {
      double d = (double)(int64_t)(r >> 20) / 68719476736.0 - 100.0;
      memcpy(&v, &d, 8);
      v = special ? doubles[(r >> 40) % COUNT(doubles)] : v;
    } else if (t->dtype == DLC_BOOL) {
      v &= 1;
    } else if (special || (r & 3) == 0) {
      v = (uint64_t)integers[(r >> 40) % COUNT(integers)];
    }
    memcpy((char *)data + i * size, &v, size); /* little-endian */
  }
}

static int is_nan(const char *p, dlc_dtype t) {
  float f;
  double d;
  if (t == DLC_FLOAT32)
    return memcpy(&f, p, 4), f != f;
  if (t == DLC_FLOAT64)
    return memcpy(&d, p, 8), d != d;
  uint16_t h;
  if (t == DLC_FLOAT16 || t == DLC_BFLOAT16)
    memcpy(&h, p, 2);
  if (t == DLC_FLOAT16)
    return (h & 0x7fff) > 0x7c00;
  if (t == DLC_BFLOAT16)
    return (h & 0x7fff) > 0x7f80;
  return 0;
}

static void *aligned(size_t bytes) {
  void *p = NULL;
  if (posix_memalign(&p, 64, bytes ? bytes : 64))
    exit(3);
  memset(p, 0xa5, bytes);
  return p;
}

int main(void) {
  const dlc_model *models[2] = {&NAME(MODEL, _model), &NAME(NAME(ref_, MODEL), _model)};
  const dlc_model *m = models[0];
  const void *inputs[64];
  void *outputs[2][64], *arenas[2];
  int bad = 0;
  if (m->arena_bytes != models[1]->arena_bytes || m->n_inputs != models[1]->n_inputs ||
      m->n_outputs != models[1]->n_outputs || m->struct_bytes != models[1]->struct_bytes)
    return 2;
  for (uint32_t i = 0; i < m->n_inputs; ++i)
    inputs[i] = aligned(m->inputs[i].bytes);
  for (int k = 0; k < 2; ++k) {
    arenas[k] = aligned(m->arena_bytes);
    for (uint32_t i = 0; i < m->n_outputs; ++i)
      outputs[k][i] = aligned(m->outputs[i].bytes);
  }
  for (int run = 0; run < 20; ++run) {
    for (uint32_t i = 0; i < m->n_inputs; ++i)
      fill((void *)(uintptr_t)inputs[i], &m->inputs[i], run);
    for (int k = 0; k < 2; ++k)
      if (models[k]->run(arenas[k], inputs, outputs[k], NULL) != DLC_OK)
        return 4;
    for (uint32_t i = 0; i < m->n_outputs; ++i) {
      const dlc_tensor *t = &m->outputs[i];
      size_t size = bytes_of(t->dtype);
      for (size_t e = 0; e < t->bytes / size; ++e) {
        const char *a = (const char *)outputs[0][i] + e * size, *b = (const char *)outputs[1][i] + e * size;
        if (memcmp(a, b, size) == 0 || (is_nan(a, t->dtype) && is_nan(b, t->dtype)))
          continue;
        uint64_t x = 0, y = 0;
        memcpy(&x, a, size);
        memcpy(&y, b, size);
        if (bad++ < 20)
          printf("run %d, %s[%zu]: C++ 0x%llx, object 0x%llx\n", run, t->name, e, (unsigned long long)x,
                 (unsigned long long)y);
      }
    }
  }
  printf("%d differences\n", bad);
  return bad != 0;
}
