/* dynamic.c: runs a model of open sizes, with every allocation failing once. */
#include <stdio.h>
#include <stdlib.h>

static int live, count, failAt = -1;

void *dlc_alloc(size_t bytes, size_t align) {
  if (count++ == failAt)
    return NULL;
  live++;
  return aligned_alloc(align, (bytes + align) / align * align);
}

void dlc_free(void *block) {
  live--;
  free(block);
}

#define CHECK(what)                                                                                                    \
  do                                                                                                                   \
    if (!(what)) {                                                                                                     \
      printf("line %d: %s\n", __LINE__, #what);                                                                        \
      return 1;                                                                                                        \
    }                                                                                                                  \
  while (0)

static _Alignas(16) char arena[NET_ARENA_BYTES];

static int check(int64_t rows, const float *x, const float *y) {
  int64_t dims[8] = {rows, 3, rows, 3, -7, -7, -7, -7};
  void *z = &z, *where = &where;
  const void *inputs[] = {x, y};
  void *outputs[] = {&z, &where};
  int calls;
  failAt = -1;
  count = 0;
  CHECK(dlc_run_dims(&net_model, arena, sizeof arena, inputs, 2, outputs, 2, dims) == DLC_OK);
  calls = count;
  CHECK(live == 2 && calls >= 2);
  CHECK(dims[4] == rows && dims[5] == 3 && dims[6] == 2);
  int64_t n = dims[7], found = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int c = 0; c < 3; c++) {
      float expected = (c == 0 ? x[3 * r + 1] : c == 1 ? x[3 * r] : 2 * x[3 * r + 2]) + y[3 * r + c];
      CHECK(((float *)z)[3 * r + c] == expected);
      if (expected != 0) {
        CHECK(found < n && ((int64_t *)where)[found] == r && ((int64_t *)where)[n + found] == c);
        found++;
      }
    }
  CHECK(found == n);
  dlc_free(z);
  dlc_free(where);
  CHECK(live == 0);

  for (int i = 0; i < calls; i++) {
    failAt = i;
    count = 0;
    CHECK(dlc_run_dims(&net_model, arena, sizeof arena, inputs, 2, outputs, 2, dims) == DLC_ERR_MEMORY);
    CHECK(live == 0 && z == NULL && where == NULL);
  }
  failAt = -1;
  return 0;
}

int main(void) {
  float x[300], y[300];
  for (int i = 0; i < 300; i++) {
    x[i] = (float)(i % 7) - 3;
    y[i] = (float)(i % 5) - 2;
  }
  CHECK(check(4, x, y) == 0);
  CHECK(check(100, x, y) == 0);
  CHECK(check(1, x, y) == 0);
  CHECK(check(0, x, y) == 0);

  /* Dims that do not fit together, or make no sense. */
  void *z = NULL, *where = NULL;
  const void *inputs[] = {x, y};
  void *outputs[] = {&z, &where};
  int64_t different[8] = {4, 3, 5, 3}, negative[8] = {-1, 3, -1, 3}, wide[8] = {4, 2, 4, 3};
  int64_t huge[8] = {INT64_MAX, 3, INT64_MAX, 3};
  CHECK(dlc_run_dims(&net_model, arena, sizeof arena, inputs, 2, outputs, 2, different) == DLC_ERR_DIMS);
  CHECK(dlc_run_dims(&net_model, arena, sizeof arena, inputs, 2, outputs, 2, negative) == DLC_ERR_DIMS);
  CHECK(dlc_run_dims(&net_model, arena, sizeof arena, inputs, 2, outputs, 2, wide) == DLC_ERR_DIMS);
  CHECK(net_run(arena, x, y, (float **)&z, (int64_t **)&where, huge) == DLC_ERR_DIMS);
  CHECK(dlc_run(&net_model, arena, sizeof arena, inputs, 2, outputs, 2) == DLC_ERR_DIMS);
  CHECK(live == 0);
  return 0;
}
