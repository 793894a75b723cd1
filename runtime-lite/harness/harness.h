/* harness.h: what the generic program around a model asks of the platform it runs on. */
#ifndef DLC_HARNESS_H
#define DLC_HARNESS_H

#include "dlc/dlc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one execution of the program has to do. */
typedef struct dlc_harness_job {
  const dlc_model *model;
  const int64_t *input_dims;      /* of all inputs in order */
  const uint64_t *input_bytes;    /* n_inputs entries */
  const void *const *input_data;  /* n_inputs entries, each aligned to 64 bytes */
  unsigned runs;                  /* inferences */
  unsigned warmup;                /* further inferences before them, not measured */
  const char *result_path;        /* where the result file goes; null: nowhere */
} dlc_harness_job;

/* Exit codes of the program. */
enum {
  DLC_HARNESS_OK = 0,
  DLC_HARNESS_STATUS = 1,  /* the model returned a status other than DLC_OK */
  DLC_HARNESS_MEMORY = 77, /* arena or outputs do not fit the platform's memory */
  DLC_HARNESS_OUTPUT = 78, /* the result file cannot be written */
  DLC_HARNESS_FAULT = 99   /* processor exception (bare metal) */
};

/* Runs the job, prints a summary and writes the result file (see main.c for its form). */
int dlc_harness_run(const dlc_harness_job *job);

/* ---- The platform ---- */

/* Memory that lasts until the program ends, not cleared; null when there is none left. Hosted
 * platforms put an inaccessible page behind it. `scratch` asks for fast memory, where there is a choice. */
void *dlc_platform_reserve(size_t bytes, size_t align, int scratch);

void dlc_platform_print(const char *text);

/* One output file at a time: open, any number of writes, close. Return 0, or -1. */
int dlc_platform_open(const char *path);
int dlc_platform_write(const void *data, size_t bytes);
int dlc_platform_close(void);

/* A clock for whole inferences and layers, in counts of its own. */
uint64_t dlc_platform_clock(void);

/* Counts in the unit that dlc_platform_clock_unit names. */
uint64_t dlc_platform_clock_convert(uint64_t counts);

/* "ns", or "instructions" under QEMU's -icount. */
const char *dlc_platform_clock_unit(void);

/* Calls `run` with the arguments behind it. *stack becomes the bytes of stack that it used, below those of its
 * caller; 0 when not known. */
dlc_status dlc_platform_measure(dlc_run_fn run, void *arena, const void *const *inputs, void *const *outputs,
                                int64_t *dims, uint32_t *stack);

#ifdef __cplusplus
}
#endif
#endif
