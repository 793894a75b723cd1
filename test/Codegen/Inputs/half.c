/* Compares the conversions of half.mlir with the C compiler's (bfloat16: with rounding done in long double). */
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 65536 };
static uint16_t h[N], fh[N], dh[N], fb[N], db[N];
static float f[N], hf[N], bf[N];
static double d[N], hd[N];

static uint32_t bits(float x) {
  uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}
static float single(uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}
static float half(uint16_t b) { /* exact: a half is s * m * 2^e */
  int e = b >> 10 & 31, m = b & 1023;
  float x = e == 31 ? (m ? NAN : INFINITY) : e ? ldexpf((float)(1024 + m), e - 25) : ldexpf((float)m, -24);
  return b & 0x8000 ? -x : x;
}
/* The nearest half of all, ties to even: found by bisection over the ordered magnitudes. */
static uint16_t to_half(double x) {
  if (isnan(x))
    return 0x7e00;
  double a = fabs(x);
  uint16_t low = 0, high = 0x7c00;
  while (high - low > 1) {
    uint16_t middle = (uint16_t)((low + high) / 2);
    if ((double)half(middle) <= a)
      low = middle;
    else
      high = middle;
  }
  double next = high == 0x7c00 ? 65536.0 : (double)half(high), here = (double)half(low);
  if (isinf(a) || a - here > next - a || (a - here == next - a && (low & 1)))
    low = high;
  return (uint16_t)(low | (signbit(x) ? 0x8000 : 0));
}
static uint16_t to_brain(double x) {
  if (isnan(x))
    return 0x7fc0;
  double a = fabs(x);
  uint16_t low = 0, high = 0x7f80;
  while (high - low > 1) {
    uint16_t middle = (uint16_t)((low + high) / 2);
    if ((double)single((uint32_t)middle << 16) <= a)
      low = middle;
    else
      high = middle;
  }
  double next = high == 0x7f80 ? 0x1p128 : (double)single((uint32_t)high << 16);
  double here = (double)single((uint32_t)low << 16);
  if (isinf(a) || a - here > next - a || (a - here == next - a && (low & 1)))
    low = high;
  return (uint16_t)(low | (signbit(x) ? 0x8000 : 0));
}

static int same16(uint16_t x, uint16_t y, uint16_t infinity) { /* any NaN equals any other */
  int nx = (x & 0x7fff) > infinity, ny = (y & 0x7fff) > infinity;
  return nx || ny ? nx == ny : x == y;
}

int main(void) {
  uint64_t state = 1;
  for (int i = 0; i < N; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    h[i] = (uint16_t)i;
    f[i] = single((uint32_t)(state >> 32));
    if (i & 1) /* near and on ties of f16 */
      f[i] = half((uint16_t)(state >> 40)) * (1 + (float)((int)(state >> 60) - 8) * 0x1p-12f);
    uint64_t b = state ^ state >> 29;
    memcpy(&d[i], &b, sizeof b);
    if (i & 1) /* so near a tie that f32 cannot tell */
      d[i] = (double)half((uint16_t)(state >> 40)) * (1 + 0x1p-11 + (double)((int)(state >> 60) - 8) * 0x1p-40);
    if (i % 4 == 2)
      d[i] = (double)single((uint32_t)(state >> 48) << 16) * (1 + 0x1p-8 + (double)((int)(state >> 28 & 15) - 8) * 0x1p-45);
  }
  if (half_run(NULL, h, f, d, hf, hd, fh, dh, fb, db, bf) != DLC_OK)
    return 1;
  for (int i = 0; i < N; i++) {
    float expected = half(h[i]);
    if (isnan(expected) ? !isnan(hf[i]) || !isnan(hd[i]) : bits(hf[i]) != bits(expected) || hd[i] != expected)
      return printf("f16 %04x: %a %a, expected %a\n", h[i], hf[i], hd[i], expected), 2;
    if (!same16(fh[i], to_half(f[i]), 0x7c00))
      return printf("f32 %a to f16: %04x, expected %04x\n", f[i], fh[i], to_half(f[i])), 3;
    if (!same16(dh[i], to_half(d[i]), 0x7c00))
      return printf("f64 %a to f16: %04x, expected %04x\n", d[i], dh[i], to_half(d[i])), 4;
    if (!same16(fb[i], to_brain(f[i]), 0x7f80))
      return printf("f32 %a to bf16: %04x, expected %04x\n", f[i], fb[i], to_brain(f[i])), 5;
    if (!same16(db[i], to_brain(d[i]), 0x7f80))
      return printf("f64 %a to bf16: %04x, expected %04x\n", d[i], db[i], to_brain(d[i])), 6;
    if (!isnan(bf[i]) && bits(bf[i]) != (uint32_t)fb[i] << 16)
      return printf("bf16 %04x: %a\n", fb[i], bf[i]), 7;
  }
  return 0;
}
