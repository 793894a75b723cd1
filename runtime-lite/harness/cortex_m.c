/* cortex_m.c: the harness' platform on bare Cortex-M under QEMU: start-up, vectors, semihosting, a clock.
 *
 * Needs no C library but memcpy, memset and memmove. The board's linker script
 * gives memory; -DDLC_FPGAIO=ADDRESS is the board's I/O block with a
 * free-running counter.
 */
#include "harness.h"
#include <string.h>

extern uint32_t dlc_stack_limit[], dlc_stack_top[];
extern uint32_t dlc_data_start[], dlc_data_end[], dlc_data_load[], dlc_bss_start[], dlc_bss_end[];
extern char dlc_ram_free[], dlc_ram_end[], dlc_big_free[], dlc_big_end[];

int main(int argc, char **argv);
void dlc_reset(void);

enum { stackPaint = 0x5AFE57AC };

/* ---- Semihosting (Arm document 100863): the debugger, here QEMU, does I/O. ---- */

enum { sysOpen = 1, sysClose = 2, sysWrite0 = 4, sysWrite = 5, sysGetCmdline = 0x15, sysExitExtended = 0x20 };

static int32_t semihost(uint32_t operation, const void *arguments) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = arguments;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int32_t)r0;
}

static uint32_t openFile;

void dlc_platform_print(const char *text) { semihost(sysWrite0, text); }

int dlc_platform_open(const char *path) {
  uint32_t length = 0;
  while (path[length])
    length++;
  uint32_t arguments[3] = {(uint32_t)path, 5 /* "wb" */, length};
  int32_t handle = semihost(sysOpen, arguments);
  openFile = (uint32_t)handle;
  return handle < 0 ? -1 : 0;
}

int dlc_platform_write(const void *data, size_t bytes) {
  uint32_t arguments[3] = {openFile, (uint32_t)data, bytes};
  return bytes && semihost(sysWrite, arguments) ? -1 : 0; /* returns what was not written */
}

int dlc_platform_close(void) { return semihost(sysClose, &openFile) ? -1 : 0; }

static _Noreturn void leave(int code) {
  uint32_t arguments[2] = {0x20026 /* application exit */, (uint32_t)code};
  for (;;)
    semihost(sysExitExtended, arguments);
}

/* ---- Memory: what the linker left over. ---- */

static void *take(char **next, char *end, size_t bytes, size_t align) {
  uintptr_t start = ((uintptr_t)*next + align - 1) & ~(uintptr_t)(align - 1);
  if (start > (uintptr_t)end || bytes > (uintptr_t)end - start)
    return NULL;
  *next = (char *)(start + bytes);
  return (void *)start;
}

void *dlc_platform_reserve(size_t bytes, size_t align, int scratch) {
  static char *ram = dlc_ram_free, *big = dlc_big_free;
  void *block = scratch ? take(&ram, dlc_ram_end, bytes, align) : NULL;
  return block ? block : take(&big, dlc_big_end, bytes, align);
}

__attribute__((noinline)) dlc_status dlc_platform_measure(dlc_run_fn run, void *arena, const void *const *inputs,
                                                          void *const *outputs, int64_t *dims, uint32_t *stack) {
  enum { dirtyWords = 256 }; /* at most so much was used below here: the harness calls nothing deep */
  uint32_t *top;
  __asm__ volatile("mov %0, sp" : "=r"(top)); /* stays so: `run` takes all its arguments in registers */
  volatile uint32_t *p = (uintptr_t)top - (uintptr_t)dlc_stack_limit > 4 * dirtyWords ? top - dirtyWords : dlc_stack_limit;
  for (; p < top; p++)
    *p = stackPaint;
  dlc_status status = run(arena, inputs, outputs, dims);
  for (p = dlc_stack_limit; p < top && *p == stackPaint;)
    p++;
  *stack = (uint32_t)((uintptr_t)top - (uintptr_t)p);
  return status;
}

/* ---- Clock: the board's counter runs on QEMU's virtual time, which -icount
 * ties to the number of executed instructions. A loop of known length says how
 * many counts an instruction takes. ---- */

#define COUNTER (*(volatile uint32_t *)(DLC_FPGAIO + 0x18))

static uint64_t countsPerMillion; /* counts in 2^20 instructions; 0: not under -icount */
static int calibrated;

static uint32_t spin(uint32_t rounds) {
  uint32_t start = COUNTER;
  __asm__ volatile(".syntax unified\n1: subs %0, #1\n bne 1b" : "+l"(rounds) : : "cc"); /* two instructions a round */
  return COUNTER - start;
}

static void calibrate(void) {
  enum { small = 1 << 10, large = small + (1 << 15) };
  calibrated = 1;
  /* The difference takes the reads themselves away; twice, as only -icount gives the same both times. */
  uint32_t first = spin(large) - spin(small), second = spin(large) - spin(small);
  uint32_t difference = first > second ? first - second : second - first;
  if (first && difference <= 8)
    countsPerMillion = ((uint64_t)first + second) << 3; /* 2 * 2^16 instructions measured */
}

const char *dlc_platform_clock_unit(void) {
  if (!calibrated)
    calibrate();
  return countsPerMillion ? "instructions" : "ns";
}

uint64_t dlc_platform_clock(void) {
  static uint32_t last;
  static uint64_t total;
  /* The counter wraps after more than 10^9 instructions; layers are shorter. */
  uint32_t now = COUNTER;
  total += now - last;
  last = now;
  return total;
}

uint64_t dlc_platform_clock_convert(uint64_t counts) {
  if (!calibrated)
    calibrate();
  if (!countsPerMillion)
    return counts * DLC_COUNTER_NS;
  uint64_t whole = counts / countsPerMillion, rest = counts % countsPerMillion;
  return (whole << 20) + ((rest << 20) + countsPerMillion / 2) / countsPerMillion;
}

/* ---- Start-up ---- */

__attribute__((used)) static void dlc_start(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: coprocessors 10 and 11, the FPU and MVE */
#endif
#if __ARM_ARCH >= 8 && defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED14 |= 1u << 19; /* CCR.LOB: low-overhead loops */
#endif
#if !defined(__ARM_FEATURE_UNALIGNED)
  *(volatile uint32_t *)0xE000ED14 |= 1u << 3; /* CCR.UNALIGN_TRP: be as strict as a Cortex-M0 */
#endif
  __asm__ volatile("dsb\n isb" ::: "memory");
#if defined(__ARM_FP) && defined(__ARM_FEATURE_MVE)
  __asm__ volatile("vmsr fpscr, %0" ::"r"(4u << 16)); /* LTPSIZE 4: no tail predication outside loops */
#endif
  memcpy(dlc_data_start, dlc_data_load, (size_t)((char *)dlc_data_end - (char *)dlc_data_start));
  memset(dlc_bss_start, 0, (size_t)((char *)dlc_bss_end - (char *)dlc_bss_start));

  static char line[256];
  static char *argv[9];
  int argc = 0;
  struct {
    char *text;
    uint32_t bytes;
  } block = {line, sizeof line};
  if (semihost(sysGetCmdline, &block) == 0)
    for (char *p = line; *p && argc < 8;) {
      while (*p == ' ')
        *p++ = 0;
      if (*p)
        argv[argc++] = p;
      while (*p && *p != ' ')
        p++;
    }
  leave(main(argc, argv));
}

/* Paints the stack before anything uses it. Only instructions of Armv6-M. */
__attribute__((naked)) void dlc_reset(void) {
  __asm__ volatile(".syntax unified\n"
                   "ldr r0, =dlc_stack_limit\n"
                   "ldr r1, =dlc_stack_top\n"
                   "ldr r2, =0x5AFE57AC\n"
                   "1: str r2, [r0]\n"
                   "adds r0, #4\n"
                   "cmp r0, r1\n"
                   "blo 1b\n"
                   "ldr r0, =dlc_start\n"
                   "bx r0\n"
                   ".ltorg\n");
}

static void printHex(const char *label, uint32_t value) {
  char text[9];
  for (int i = 0; i < 8; i++)
    text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
  text[8] = 0;
  dlc_platform_print(label);
  dlc_platform_print(text);
}

__attribute__((used)) static void dlc_fault(const uint32_t *frame, uint32_t exception) {
  printHex("dlc: fault: exception ", exception & 0x1ff);
  /* After a stack overflow there is no frame to read. */
  if (frame >= dlc_stack_limit && frame + 8 <= dlc_stack_top) {
    printHex(" pc ", frame[6]);
    printHex(" lr ", frame[5]);
  } else {
    dlc_platform_print(" stack overflow");
  }
  printHex(" cfsr ", *(volatile uint32_t *)0xE000ED28);
  printHex(" bfar ", *(volatile uint32_t *)0xE000ED38);
  dlc_platform_print("\n");
  leave(DLC_HARNESS_FAULT);
}

/* The handler gets a stack of its own: the model's may be what overflowed. */
__attribute__((naked, used)) static void dlc_fault_entry(void) {
  __asm__ volatile("mov r0, sp\n"
                   "mrs r1, ipsr\n"
                   "ldr r2, =dlc_fault_stack_top\n"
                   "mov sp, r2\n"
                   "ldr r2, =dlc_fault\n"
                   "bx r2\n"
                   ".ltorg\n");
}

#define FAULT (uintptr_t)dlc_fault_entry
__attribute__((section(".vectors"), used)) const uintptr_t dlc_vectors[16] = {
    (uintptr_t)dlc_stack_top, (uintptr_t)dlc_reset, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
    FAULT,                    FAULT,                FAULT, FAULT, FAULT, FAULT, FAULT};
