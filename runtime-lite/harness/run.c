/* run.c: runs a model on given inputs, measures it, and writes what came out.
 *
 * The result file, little endian, without padding:
 *   "DLCRES1\n"
 *   u32 status, u32 stack bytes, u32 outputs, u32 layers, u32 runs, u32 unit (0 ns, 1 instructions)
 *   for each output: u32 dtype, u32 rank, i64 dims[rank], u64 bytes, the bytes
 *   for each run: u64 clock
 *   for each layer: u64 clock, summed over the runs
 */
#include "harness.h"
#include <string.h>

/* Per-layer clocks; the hooks have no context of their own. */
static uint64_t *layerClock;
static uint32_t layerCount;
static uint64_t layerStart;
static uint64_t hookCost; /* clock of an empty layer: what the hooks themselves add */

void dlc_profile_begin(const dlc_model *model, uint32_t layer) {
  (void)model;
  (void)layer;
  layerStart = dlc_platform_clock();
}

void dlc_profile_end(const dlc_model *model, uint32_t layer) {
  uint64_t now = dlc_platform_clock();
  (void)model;
  if (layerClock && layer < layerCount)
    layerClock[layer] += now - layerStart > hookCost ? now - layerStart - hookCost : 0;
}

static void printNumber(uint64_t value) {
  char text[24], *p = text + sizeof text - 1;
  *p = 0;
  do
    *--p = (char)('0' + value % 10);
  while (value /= 10);
  dlc_platform_print(p);
}

static void *reserve(size_t bytes, size_t align, int scratch) {
  void *block = dlc_platform_reserve(bytes ? bytes : 1, align ? align : 1, scratch);
  if (!block) {
    dlc_platform_print("dlc: memory: no room for ");
    printNumber(bytes);
    dlc_platform_print(scratch ? " bytes of arena\n" : " bytes of tensors\n");
  }
  return block;
}

static size_t elementBits(dlc_dtype dtype) {
  switch (dtype) {
  case DLC_UINT2:
  case DLC_INT2:
    return 2;
  case DLC_UINT4:
  case DLC_INT4:
  case DLC_FLOAT4E2M1:
    return 4;
  case DLC_UINT16:
  case DLC_INT16:
  case DLC_FLOAT16:
  case DLC_BFLOAT16:
    return 16;
  case DLC_FLOAT32:
  case DLC_INT32:
  case DLC_UINT32:
    return 32;
  case DLC_INT64:
  case DLC_UINT64:
  case DLC_FLOAT64:
  case DLC_COMPLEX64:
    return 64;
  case DLC_COMPLEX128:
    return 128;
  default:
    return 8;
  }
}

static int put32(uint32_t value) { return dlc_platform_write(&value, sizeof value); }
static int put64(uint64_t value) { return dlc_platform_write(&value, sizeof value); }

/* All that belongs to one execution. */
typedef struct {
  const dlc_harness_job *job;
  void *arena;
  const void **inputs;
  void **outputs;
  void **blocks; /* what unbounded outputs receive */
  int64_t *dims;
  uint64_t *clocks;
  size_t inputRanks; /* sum of the ranks of the inputs */
  dlc_model first;   /* the model, for the first inference: its stack is measured */
  uint32_t executed; /* inferences so far */
} State;

/* The first inference's stack; run functions have no context of their own. */
static dlc_run_fn modelRun;
static uint32_t stackBytes;

static dlc_status runMeasured(void *arena, const void *const *inputs, void *const *outputs, int64_t *dims) {
  return dlc_platform_measure(modelRun, arena, inputs, outputs, dims, &stackBytes);
}

static void measureHooks(void) {
  uint64_t empty = 0, *saved = layerClock;
  uint32_t savedCount = layerCount;
  layerClock = &empty;
  layerCount = 1;
  hookCost = 0;
  dlc_profile_begin(NULL, 0);
  dlc_profile_end(NULL, 0);
  hookCost = empty;
  layerClock = saved;
  layerCount = savedCount;
}

static int prepare(State *s) {
  const dlc_model *m = s->job->model;
  size_t nIn = m->n_inputs, nOut = m->n_outputs;
  s->inputs = reserve(nIn * sizeof(void *), sizeof(void *), 0);
  s->outputs = reserve(nOut * sizeof(void *), sizeof(void *), 0);
  s->blocks = reserve(nOut * sizeof(void *), sizeof(void *), 0);
  s->dims = reserve(dlc_dims_count(m) * sizeof(int64_t), sizeof(int64_t), 0);
  s->clocks = reserve(s->job->runs * sizeof(uint64_t), sizeof(uint64_t), 0);
  layerClock = reserve(m->n_layers * sizeof(uint64_t), sizeof(uint64_t), 0);
  s->arena = reserve(m->arena_bytes, m->arena_align, 1);
  if (!s->inputs || !s->outputs || !s->blocks || !s->dims || !s->clocks || !layerClock || !s->arena)
    return DLC_HARNESS_MEMORY;
  layerCount = m->n_layers;
  s->first = *m;
  s->first.run = runMeasured;
  modelRun = m->run;
  for (size_t i = 0; i < nIn; i++) {
    const dlc_tensor *t = dlc_model_input(m, i);
    s->inputs[i] = t->flags & DLC_TENSOR_IN_ARENA ? NULL : s->job->input_data[i];
    s->inputRanks += t->rank;
  }
  for (size_t i = 0; i < nOut; i++) {
    const dlc_tensor *t = dlc_model_output(m, i);
    s->outputs[i] = &s->blocks[i];
    if (t->flags & DLC_TENSOR_IN_ARENA)
      s->outputs[i] = NULL;
    else if (!(t->flags & DLC_TENSOR_UNBOUNDED)) {
      s->outputs[i] = reserve(t->bytes, t->align, 0);
      if (!s->outputs[i])
        return DLC_HARNESS_MEMORY;
      /* What a model forgets to write must not look right by chance. */
      memset(s->outputs[i], 0xA5, t->bytes);
    }
  }
  return DLC_HARNESS_OK;
}

static dlc_status runOnce(State *s) {
  const dlc_model *m = s->job->model;
  for (size_t i = 0; i < m->n_inputs; i++) {
    const dlc_tensor *t = dlc_model_input(m, i);
    if (t->flags & DLC_TENSOR_IN_ARENA)
      memcpy((char *)s->arena + t->arena_offset, s->job->input_data[i], (size_t)s->job->input_bytes[i]);
  }
  for (size_t i = 0; i < m->n_outputs; i++)
    if (dlc_model_output(m, i)->flags & DLC_TENSOR_UNBOUNDED)
      s->blocks[i] = NULL;
  memcpy(s->dims, s->job->input_dims, s->inputRanks * sizeof(int64_t));
  if (!s->executed++)
    m = &s->first;
  return dlc_run_dims(m, s->arena, m->arena_bytes, s->inputs, m->n_inputs, s->outputs, m->n_outputs, s->dims);
}

static void freeBlocks(State *s) {
  for (size_t i = 0; i < s->job->model->n_outputs; i++)
    if (dlc_model_output(s->job->model, i)->flags & DLC_TENSOR_UNBOUNDED)
      dlc_free(s->blocks[i]);
}

static int writeOutputs(State *s) {
  const dlc_model *m = s->job->model;
  const int64_t *dims = s->dims + s->inputRanks;
  for (size_t i = 0; i < m->n_outputs; i++) {
    const dlc_tensor *t = dlc_model_output(m, i);
    uint64_t elements = 1;
    for (size_t d = 0; d < t->rank; d++)
      elements *= (uint64_t)dims[d];
    uint64_t bytes = (elements * elementBits(t->dtype) + 7) / 8;
    const void *data = t->flags & DLC_TENSOR_IN_ARENA    ? (char *)s->arena + t->arena_offset
                       : t->flags & DLC_TENSOR_UNBOUNDED ? s->blocks[i]
                                                         : s->outputs[i];
    /* Dims that a faulty model made up must not lead behind the buffer. */
    if (!(t->flags & DLC_TENSOR_UNBOUNDED) && bytes > t->bytes)
      bytes = t->bytes;
    if (put32(t->dtype) || put32(t->rank) || dlc_platform_write(dims, t->rank * sizeof(int64_t)) || put64(bytes) ||
        dlc_platform_write(data, (size_t)bytes))
      return -1;
    dims += t->rank;
  }
  return 0;
}

static int writeResult(State *s, dlc_status status) {
  const dlc_model *m = s->job->model;
  int ok = status == DLC_OK;
  if (dlc_platform_open(s->job->result_path))
    return -1;
  int bad = dlc_platform_write("DLCRES1\n", 8) || put32((uint32_t)status) || put32(stackBytes) ||
            put32(ok ? m->n_outputs : 0) || put32(ok ? m->n_layers : 0) || put32(ok ? s->job->runs : 0) ||
            put32(dlc_platform_clock_unit()[0] == 'i');
  if (!bad && ok)
    bad = writeOutputs(s) || dlc_platform_write(s->clocks, s->job->runs * sizeof(uint64_t)) ||
          dlc_platform_write(layerClock, m->n_layers * sizeof(uint64_t));
  return dlc_platform_close() || bad ? -1 : 0;
}

static void printSummary(const State *s, dlc_status status) {
  const dlc_model *m = s->job->model;
  dlc_platform_print("dlc: ");
  dlc_platform_print(m->name);
  dlc_platform_print(": ");
  dlc_platform_print(dlc_status_text(status));
  if (status == DLC_OK && s->job->runs) {
    dlc_platform_print(", ");
    printNumber(s->clocks[s->job->runs - 1]);
    dlc_platform_print(" ");
    dlc_platform_print(dlc_platform_clock_unit());
  }
  dlc_platform_print(", stack ");
  printNumber(stackBytes);
  dlc_platform_print(" bytes\n");
}

int dlc_harness_run(const dlc_harness_job *job) {
  static State s;
  memset(&s, 0, sizeof s);
  s.job = job;
  int code = prepare(&s);
  if (code != DLC_HARNESS_OK)
    return code;
  dlc_status status = DLC_OK;
  for (unsigned i = 0; i < job->warmup && status == DLC_OK; i++) {
    status = runOnce(&s);
    freeBlocks(&s);
  }
  measureHooks();
  for (uint32_t i = 0; i < layerCount; i++)
    layerClock[i] = 0;
  for (unsigned i = 0; i < job->runs && status == DLC_OK; i++) {
    uint64_t start = dlc_platform_clock();
    status = runOnce(&s);
    s.clocks[i] = dlc_platform_clock_convert(dlc_platform_clock() - start);
    if (i + 1 < job->runs)
      freeBlocks(&s);
  }
  for (uint32_t i = 0; i < layerCount; i++)
    layerClock[i] = dlc_platform_clock_convert(layerClock[i]);
  printSummary(&s, status);
  if (job->result_path && writeResult(&s, status)) {
    dlc_platform_print("dlc: the result file cannot be written\n");
    return DLC_HARNESS_OUTPUT;
  }
  return status == DLC_OK ? DLC_HARNESS_OK : DLC_HARNESS_STATUS;
}
