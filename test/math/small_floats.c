// Compares generated conversions of small float formats with their definition; see small_floats.py.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
#define UINT(width) UINT_(width)
#define UINT_(width) uint##width##_t

struct format {
  const char *name;
  int width, mantissa, bias, infinity, nan;
};

// Value of a pattern.
static double decode(const struct format *f, uint32_t bits) {
  uint32_t sign = 1u << (f->width - 1), magnitude = bits & (sign - 1);
  if (f->nan == -1 ? magnitude > (uint32_t)f->infinity
                   : f->nan == (int)sign ? bits == sign : magnitude == (uint32_t)f->nan)
    return NAN;
  if (f->nan == -1 && magnitude == (uint32_t)f->infinity)
    return bits & sign ? -INFINITY : INFINITY;
  int exponent = magnitude >> f->mantissa, fraction = magnitude & ((1 << f->mantissa) - 1);
  double value = exponent ? ldexp(fraction + (1 << f->mantissa), exponent - f->bias - f->mantissa)
                          : ldexp(fraction, 1 - f->bias - f->mantissa);
  return bits & sign ? -value : value;
}

static uint32_t largest(const struct format *f) {
  if (f->nan == -1)
    return f->infinity - 1;
  return f->nan == 1 << (f->width - 1) ? f->nan - 1 : f->nan - 1;
}

// Nearest pattern by search, ties to even; NaN is -1.
static int64_t encode(const struct format *f, long double x) {
  uint32_t sign = 1u << (f->width - 1), top = largest(f);
  if (isnan(x))
    return -1;
  long double a = fabsl(x);
  uint32_t result;
  // As if the exponent went on.
  long double ulp = decode(f, top) - decode(f, top - 1);
  long double limit = decode(f, top) + ulp / 2;
  if (a > limit || (a == limit && (top & 1))) {
    if (f->nan != -1)
      return -1;
    result = f->infinity;
  } else if (a >= decode(f, top)) {
    result = top;
  } else {
    uint32_t low = 0, high = top; // decode(low) <= a < decode(high)
    while (high - low > 1) {
      uint32_t middle = (low + high) / 2;
      if (decode(f, middle) <= a)
        low = middle;
      else
        high = middle;
    }
    long double below = a - decode(f, low), above = decode(f, high) - a;
    result = below < above || (below == above && !(low & 1)) ? low : high;
  }
  if (signbit(x) && !(f->nan == (int)sign && result == 0))
    result |= sign;
  return result;
}

static uint64_t state = 1;
static uint64_t random64(void) {
  state += 0x9e3779b97f4a7c15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

static long failures, checks;
static void same(const struct format *f, const char *what, long double x, uint32_t got, int64_t want) {
  ++checks;
  if (want == -1 ? isnan(decode(f, got)) : got == want)
    return;
  if (failures++ < 20)
    printf("%s %s(%La): got %x, expected %llx\n", f->name, what, x, got, (long long)want);
}
static void sameValue(const struct format *f, const char *what, uint32_t bits, double got) {
  ++checks;
  double want = decode(f, bits);
  if (isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want))
    return;
  if (failures++ < 20)
    printf("%s %s(%x): got %a, expected %a\n", f->name, what, bits, got, want);
}

#define FORMAT(t, width, ...)                                                                      \
  float t##_to_f32(UINT(width));                                                                   \
  double t##_to_f64(UINT(width));                                                                  \
  UINT(width) t##_from_f32(float), t##_from_f64(double);                                           \
  UINT(width) t##_addf(UINT(width), UINT(width)), t##_mulf(UINT(width), UINT(width));              \
  UINT(width) t##_divf(UINT(width), UINT(width));                                                  \
  UINT(width) t##_si_i32(int32_t), t##_ui_i32(uint32_t), t##_si_i64(int64_t), t##_ui_i64(uint64_t);
#include "table.inc"
#undef FORMAT

// What arithmetic in f32 gives: the sum of two numbers rounded twice, as defined.
#define FORMAT(t, width, mantissa, bias, infinity, nan)                                            \
  {                                                                                                \
    struct format format = {#t, width, mantissa, bias, infinity, nan}, *f = &format;               \
    for (uint32_t i = 0; i < 1u << width; ++i) {                                                   \
      sameValue(f, "to f32", i, t##_to_f32(i));                                                    \
      sameValue(f, "to f64", i, t##_to_f64(i));                                                    \
      double x = decode(f, i), y = decode(f, i + 1);                                               \
      double middle = (x + y) / 2;                                                                 \
      double tries[] = {x, middle, nextafter(middle, INFINITY), nextafter(middle, -INFINITY),      \
                        middle * 1.0000001, middle * 0.9999999, x * 1.9, x / 3, x + 1e-300};       \
      for (int j = 0; j < 9; ++j) {                                                                \
        same(f, "from f64", tries[j], t##_from_f64(tries[j]), encode(f, tries[j]));                \
        float single = (float)tries[j];                                                            \
        same(f, "from f32", single, t##_from_f32(single), encode(f, single));                      \
      }                                                                                            \
    }                                                                                              \
    for (int i = 0; i < 20000; ++i) {                                                              \
      uint64_t r = random64();                                                                     \
      uint32_t u = (uint32_t)r;                                                                    \
      float x;                                                                                     \
      memcpy(&x, &u, 4);                                                                           \
      double d;                                                                                    \
      memcpy(&d, &r, 8);                                                                           \
      same(f, "from f32", x, t##_from_f32(x), encode(f, x));                                       \
      same(f, "from f64", d, t##_from_f64(d), encode(f, d));                                       \
      uint32_t mask = (1ull << width) - 1, a = r & mask, b = (r >> 32) & mask;                     \
      float p = decode(f, a), q = decode(f, b);                                                    \
      same(f, "addf", p, t##_addf(a, b), encode(f, p + q));                                        \
      same(f, "mulf", p, t##_mulf(a, b), encode(f, p * q));                                        \
      same(f, "divf", p, t##_divf(a, b), encode(f, p / q));                                        \
      int by = i % 64;                                                                             \
      uint64_t v = (r >> by) + (i & 1 ? 0 : ((uint64_t)0x8080 << 47 >> by)); \
      if (i % 3 == 0)                                                                              \
        v = ((v | 1) << (by / 2)) & ~0xfull;                                                       \
      same(f, "si i64", (int64_t)v, t##_si_i64((int64_t)v), encode(f, (int64_t)v));                \
      same(f, "ui i64", v, t##_ui_i64(v), encode(f, v));                                           \
      same(f, "si i32", (int32_t)v, t##_si_i32((int32_t)v), encode(f, (int32_t)v));                \
      same(f, "ui i32", (uint32_t)v, t##_ui_i32((uint32_t)v), encode(f, (uint32_t)v));             \
    }                                                                                              \
  }

int main(void) {
#include "table.inc"
  printf("%ld checks, %ld failures\n", checks, failures);
  return failures != 0;
}
