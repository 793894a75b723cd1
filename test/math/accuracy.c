// Runs generated math functions on many arguments: prints their errors in ulp, or a hash of results.
// usage: accuracy check SAMPLES | all EVERY | hash SAMPLES; see accuracy.py
#include <stdint.h>

#ifdef FREESTANDING
// A Linux program without a C library: output by system call.
static void put(const char *text) {
  uint32_t n = 0;
  while (text[n])
    ++n;
  register uint32_t r0 __asm__("r0") = 1;
  register uint32_t r1 __asm__("r1") = (uint32_t)text;
  register uint32_t r2 __asm__("r2") = n;
  register uint32_t r7 __asm__("r7") = 4;
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
}
static void leave(int code) {
  register uint32_t r0 __asm__("r0") = code;
  register uint32_t r7 __asm__("r7") = 1;
  __asm__ volatile("svc 0" : : "r"(r0), "r"(r7));
}
void *memcpy(void *to, const void *from, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i)
    ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memset(void *to, int value, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i)
    ((volatile char *)to)[i] = value;
  return to;
}
#else
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void put(const char *text) { fputs(text, stdout); }
#endif

typedef union {
  float f;
  uint32_t u;
} F32;
typedef union {
  double f;
  uint64_t u;
} F64;

static uint64_t state;
static uint64_t random64(void) {
  state += 0x9e3779b97f4a7c15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

static const uint32_t special32[] = {
    0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 1,          0x80000001, 0x007fffff,
    0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0xbf000000,
    0x40000000, 0xc0000000, 0x4b000000, 0x4b7fffff, 0x42b17218, 0xc2cff1b5, 0x40490fdb, 0x3fc90fdb, 0x3eaaaaab};
static const uint64_t special64[] = {0,
                                     0x8000000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0xfff8000000000001,
                                     1,
                                     0x8000000000000001,
                                     0x000fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0xffefffffffffffff,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x3ff0000000000001,
                                     0x3fefffffffffffff,
                                     0x3fe0000000000000,
                                     0xbfe0000000000000,
                                     0x4000000000000000,
                                     0xc000000000000000,
                                     0x4330000000000000,
                                     0x433fffffffffffff,
                                     0x40862e42fefa39ef,
                                     0x400921fb54442d18,
                                     0x3ff921fb54442d18};
#define SPECIAL32 (sizeof special32 / sizeof *special32)
#define SPECIAL64 (sizeof special64 / sizeof *special64)

// Argument `which` of sample i: special values in all pairs first, then bit patterns of every
// exponent and numbers of an interval by turns. Integer arithmetic only, as the host's and the
// target's samples must be the same; intervals in 1/1024.
static int leavesZeroOpen(const char *name) {
  // maxnumf, minnumf
  return name[0] == 'm' && name[3] == 'n' && name[4] == 'u';
}
static float argument32(uint32_t i, int which, int32_t low, int32_t high) {
  F32 x;
  if (i < SPECIAL32 * SPECIAL32) {
    x.u = special32[which ? i / SPECIAL32 : i % SPECIAL32];
    return x.f;
  }
  uint64_t r = random64();
  if (i & 1) {
    x.u = (uint32_t)(r >> 32);
    if (x.u << 1 > 0xff000000u)
      x.u |= 0x00400000; // processors differ in what they do with signalling NaNs
    return x.f;
  }
  uint64_t range = (uint64_t)(high - low) << 14; // to 1/2^24
  int64_t value = ((int64_t)low << 14) + (int64_t)((r >> 16) % range);
  return (float)value * (1.0f / 16777216);
}
static double argument64(uint32_t i, int which, int32_t low, int32_t high) {
  F64 x;
  if (i < SPECIAL64 * SPECIAL64) {
    x.u = special64[which ? i / SPECIAL64 : i % SPECIAL64];
    return x.f;
  }
  uint64_t r = random64();
  if (i & 1) {
    x.u = r;
    if (x.u << 1 > 0xffe0000000000000ull)
      x.u |= 0x0008000000000000ull;
    return x.f;
  }
  uint64_t range = (uint64_t)(high - low) << 30;
  int64_t value = ((int64_t)low << 30) + (int64_t)((r >> 8) % range);
  return (double)value * (1.0 / 1099511627776.0);
}

// For an operation that leaves the sign of a zero open (maxnum).
static int openZero;

static uint32_t hash;
static void mix(uint32_t word) {
  hash = (hash ^ word) * 16777619u;
}
// Every NaN counts as the same: its sign and payload differ between processors.
static void mix32(float y) {
  F32 v = {.f = openZero ? y + 0.0f : y};
  mix((v.u & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : v.u);
}
static void mix64(double y) {
  F64 v = {.f = openZero ? y + 0.0 : y};
  if ((v.u & 0x7fffffffffffffffull) > 0x7ff0000000000000ull)
    v.u = 0x7ff8000000000000ull;
  mix((uint32_t)v.u);
  mix((uint32_t)(v.u >> 32));
}
static void printHash(const char *name) {
  char text[9];
  for (int i = 0; i < 8; ++i)
    text[i] = "0123456789abcdef"[hash >> (28 - 4 * i) & 15];
  text[8] = 0;
  put(name);
  put(" ");
  put(text);
  put("\n");
}

#ifndef FREESTANDING
static long double ref_rsqrtl(long double x) { return x == 0 ? 1 / x : 1 / sqrtl(x); }
static long double ref_maximuml(long double x, long double y) {
  return isnan(x) || isnan(y) ? NAN : x > y ? x : y > x ? y : signbit(x) ? y : x;
}
static long double ref_minimuml(long double x, long double y) {
  return isnan(x) || isnan(y) ? NAN : x < y ? x : y < x ? y : signbit(x) ? x : y;
}
static long double ref_maxnuml(long double x, long double y) {
  return isnan(x) ? y : isnan(y) ? x : ref_maximuml(x, y);
}
static long double ref_minnuml(long double x, long double y) {
  return isnan(x) ? y : isnan(y) ? x : ref_minimuml(x, y);
}
static double ref_rsqrt(double x) { return 1 / sqrt(x); }
static double ref_maximum(double x, double y) { return ref_maximuml(x, y); }
static double ref_minimum(double x, double y) { return ref_minimuml(x, y); }
static double ref_maxnum(double x, double y) { return ref_maxnuml(x, y); }
static double ref_minnum(double x, double y) { return ref_minnuml(x, y); }

// Error in units of the last place of the reference (of subnormals: of the smallest number). An
// infinite result stands for the first number that has no room. Signs of zero count, too.
static double ulpError(long double got, long double want, int digits, int least, int most) {
  if (isnan(want) || isnan(got))
    return isnan(want) && isnan(got) ? 0 : INFINITY;
  long double limit = ldexpl(1, most);
  if (isinf(got) && isinf(want))
    return got == want ? 0 : INFINITY;
  if (isinf(got))
    got = copysignl(limit, got);
  if (fabsl(want) > limit)
    want = copysignl(limit, want);
  if (got == 0 && want == 0)
    return openZero || signbit(got) == signbit(want) ? 0 : INFINITY;
  int exponent;
  frexpl(want, &exponent);
  int unit = exponent - digits;
  if (want == 0 || unit < least)
    unit = least;
  return (double)(fabsl(got - want) / ldexpl(1, unit));
}
static double error32(float got, double want) { return ulpError(got, want, 24, -149, 128); }
static double error64(double got, long double want) { return ulpError(got, want, 53, -1074, 1024); }

static int failures;
static void report(const char *name, double worst, double x, double y, double bound) {
  const char *verdict = worst <= bound ? "" : "  FAIL";
  printf("%-14s %8.3f ulp  at %a %a%s\n", name, worst, x, y, verdict);
  if (worst > bound)
    ++failures;
}
#endif

#define TEST1(name, ref, b32, b64, low, high)                                                      \
  float t_##name##_f32(float);                                                                     \
  double t_##name##_f64(double);                                                                   \
  void v_##name##_f32(const float *, float *);                                                     \
  void v_##name##_f64(const double *, double *);
#define TEST2(name, ref, b32, b64, low, high)                                                      \
  float t_##name##_f32(float, float);                                                              \
  double t_##name##_f64(double, double);                                                           \
  void v_##name##_f32(const float *, const float *, float *);                                      \
  void v_##name##_f64(const double *, const double *, double *);
#include "table.inc"
#undef TEST1
#undef TEST2

#define ARGS1(T) (x)
#define HASH(name, width, low, high, call)                                                         \
  {                                                                                                \
    state = 1;                                                                                     \
    openZero = leavesZeroOpen(#name);                                                              \
    hash = 2166136261u;                                                                            \
    for (uint32_t i = 0; i < samples; ++i) {                                                       \
      __typeof__(argument##width(0, 0, 0, 1)) x = argument##width(i, 0, low, high),                \
                                              y = argument##width(i, 1, low, high);                \
      (void)y;                                                                                     \
      mix##width(call);                                                                            \
    }                                                                                              \
    printHash(#name "_f" #width);                                                                  \
  }

static void hashes(uint32_t samples) {
#define TEST1(name, ref, b32, b64, low, high)                                                      \
  HASH(name, 32, (low) * 1024, (high) * 1024, t_##name##_f32(x))                                   \
  HASH(name, 64, (low) * 1024, (high) * 1024, t_##name##_f64(x))
#define TEST2(name, ref, b32, b64, low, high)                                                      \
  HASH(name, 32, (low) * 1024, (high) * 1024, t_##name##_f32(x, y))                                \
  HASH(name, 64, (low) * 1024, (high) * 1024, t_##name##_f64(x, y))
#include "table.inc"
#undef TEST1
#undef TEST2
}

#ifdef FREESTANDING
__attribute__((used)) static void begin(uint32_t *stack) {
  // argc, argv[0], mode, samples
  uint32_t samples = 0;
  if (stack[0] > 2)
    for (const char *p = (const char *)stack[3]; *p; ++p)
      samples = samples * 10 + (uint32_t)(*p - '0');
  hashes(samples);
  leave(0);
}
__attribute__((naked, used)) void _start(void) {
  __asm__ volatile("mov r0, sp\n bl begin\n");
}
#else
#if LANES > 1
#define VECTOR1(name, width, T)                                                                    \
  T in[LANES], out[LANES];                                                                         \
  for (int l = 0; l < LANES; ++l)                                                                  \
    in[l] = l == (int)(i % LANES) ? x : argument##width(i * 7 + l, 0, -2000, 2000);                \
  v_##name##_f##width(in, out);                                                                    \
  T lane = out[i % LANES];                                                                         \
  if (memcmp(&lane, &got, sizeof(T)) && !(isnan(lane) && isnan(got)))                              \
    e = INFINITY;
#define VECTOR2(name, width, T)                                                                    \
  T in[LANES], in2[LANES], out[LANES];                                                             \
  for (int l = 0; l < LANES; ++l) {                                                                \
    in[l] = l == (int)(i % LANES) ? x : argument##width(i * 7 + l, 0, -2000, 2000);                \
    in2[l] = l == (int)(i % LANES) ? y : argument##width(i * 5 + l, 0, -2000, 2000);               \
  }                                                                                                \
  v_##name##_f##width(in, in2, out);                                                               \
  T lane = out[i % LANES];                                                                         \
  if (memcmp(&lane, &got, sizeof(T)) && !(isnan(lane) && isnan(got)))                              \
    e = INFINITY;
#else
#define VECTOR1(name, width, T)
#define VECTOR2(name, width, T)
#endif

#define CHECK(name, width, low, high, call, reference, bound, vector)                              \
  {                                                                                                \
    typedef __typeof__(argument##width(0, 0, 0, 1)) T;                                             \
    state = 1;                                                                                     \
    openZero = leavesZeroOpen(#name);                                                              \
    double worst = 0, worstX = 0, worstY = 0;                                                      \
    for (uint32_t i = 0; i < samples; ++i) {                                                       \
      T x = argument##width(i, 0, low, high), y = argument##width(i, 1, low, high);                \
      (void)y;                                                                                     \
      T got = call;                                                                                \
      double e = error##width(got, reference);                                                     \
      vector;                                                                                      \
      if (!(e <= worst)) {                                                                         \
        worst = e;                                                                                 \
        worstX = x;                                                                                \
        worstY = y;                                                                                \
      }                                                                                            \
    }                                                                                              \
    report(#name "_f" #width, worst, worstX, worstY, bound);                                       \
  }
static void check(uint32_t samples) {
#define TEST1(name, ref, b32, b64, low, high)                                                      \
  CHECK(name, 32, (low) * 1024, (high) * 1024, t_##name##_f32(x), ref(x), b32, VECTOR1(name, 32, float))  \
  CHECK(name, 64, (low) * 1024, (high) * 1024, t_##name##_f64(x), ref##l(x), b64, VECTOR1(name, 64, double))
#define TEST2(name, ref, b32, b64, low, high)                                                      \
  CHECK(name, 32, (low) * 1024, (high) * 1024, t_##name##_f32(x, y), ref(x, y), b32, VECTOR2(name, 32, float)) \
  CHECK(name, 64, (low) * 1024, (high) * 1024, t_##name##_f64(x, y), ref##l(x, y), b64, VECTOR2(name, 64, double))
#include "table.inc"
#undef TEST1
#undef TEST2
}
static void all(uint32_t every) {
#define TEST1(name, ref, b32, b64, low, high)                                                      \
  {                                                                                                \
    double worst = 0, worstX = 0;                                                                  \
    uint32_t u = 0;                                                                                \
    do {                                                                                           \
      F32 x = {.u = u};                                                                            \
      float got = t_##name##_f32(x.f);                                                             \
      double want = ref(x.f);                                                                      \
      if (worst >= 0.5 && got == (float)want)                                                      \
        continue; /* no worse, and most are like this */                                           \
      double e = error32(got, want);                                                               \
      if (!(e <= worst)) {                                                                         \
        worst = e;                                                                                 \
        worstX = x.f;                                                                              \
      }                                                                                            \
    } while (u <= UINT32_MAX - every && (u += every));                                             \
    report(#name "_f32", worst, worstX, 0, b32);                                                   \
    fflush(stdout);                                                                                \
  }
#define TEST2(name, ref, b32, b64, low, high)
#include "table.inc"
#undef TEST1
#undef TEST2
}
int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  uint32_t samples = strtoul(argv[2], 0, 10);
  if (!strcmp(argv[1], "hash"))
    hashes(samples);
  else if (!strcmp(argv[1], "all"))
    all(samples);
  else
    check(samples);
  return failures != 0;
}
#endif
