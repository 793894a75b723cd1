/* dlc_runtime.h: runs compiled models with every argument checked, and the hooks that a program may replace.
 *
 * Nothing here allocates, keeps state or needs a C library beyond memcpy,
 * memset and memmove. Every call is re-entrant: state lives in the arena.
 * C11 (freestanding) and C++17.
 */
#ifndef DLC_RUNTIME_H
#define DLC_RUNTIME_H

#include "dlc_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one inference of a model without dims that vary.
 * @param model        e.g. &kws_model
 * @param arena        scratch of arena_bytes bytes, owned by the caller; its contents need not be kept
 *                     between calls; may be null when the model's arena_bytes is 0
 * @param arena_bytes  >= model->arena_bytes (KWS_ARENA_BYTES)
 * @param inputs       n_inputs pointers to dense data; an entry may be null only for a tensor in the arena
 * @param outputs      n_outputs pointers to memory that overlaps neither the arena nor another tensor
 * @return DLC_OK, or the first fault found; outputs are untouched by any fault found before the run
 */
dlc_status dlc_run(const dlc_model *model, void *arena, size_t arena_bytes, const void *const *inputs,
                   size_t n_inputs, void *const *outputs, size_t n_outputs);

/* As dlc_run, for models whose dims vary.
 * @param dims  the dims of all inputs in order, followed by room for those of all outputs, which are
 *              written (dlc_dims_count entries); null means: inputs have the dims of their descriptors,
 *              and those of the outputs are not asked for
 * @return also DLC_ERR_DIMS
 */
dlc_status dlc_run_dims(const dlc_model *model, void *arena, size_t arena_bytes, const void *const *inputs,
                        size_t n_inputs, void *const *outputs, size_t n_outputs, int64_t *dims);

/* Descriptors, whatever version of the ABI the model was compiled for; null when the index is too large. */
const dlc_tensor *dlc_model_input(const dlc_model *model, size_t index);
const dlc_tensor *dlc_model_output(const dlc_model *model, size_t index);
const dlc_layer *dlc_model_layer(const dlc_model *model, size_t index);

/* Number of entries of `dims`: the ranks of all inputs and outputs. */
size_t dlc_dims_count(const dlc_model *model);

/* A short English text, or "" when compiled with DLC_NO_STATUS_TEXT; never null. */
const char *dlc_status_text(dlc_status status);

/* ---- Hooks: the library's definitions are weak, so a program may define its own. ---- */

typedef void (*dlc_task)(void *context, size_t index);

/* Calls task(context, i) once for each i < count, in any order, perhaps at the same
 * time, and returns when all are done. Default: one after the other.
 * dlc_threads.c has a pool of POSIX threads for hosted targets. */
void dlc_parallel_for(dlc_task task, void *context, size_t count);

/* Called around layer `layer` (index in model->layers) when the model was
 * compiled with profiling. Default: nothing. */
void dlc_profile_begin(const dlc_model *model, uint32_t layer);
void dlc_profile_end(const dlc_model *model, uint32_t layer);

/* Memory for tensors whose size has no bound; only models with such tensors call it.
 * Default: always null, so that the model returns DLC_ERR_MEMORY. dlc_alloc.c has
 * one that uses the C library for hosted targets.
 * @param align  a power of two, at most 64 */
void *dlc_alloc(size_t bytes, size_t align);
void dlc_free(void *block);

/* ---- Only with dlc_pool.c: called by models whose tensors have no bound ---- */

/* The blocks that one inference has taken; lies in the arena. */
typedef struct dlc_pool {
  void *first; /* null: none */
} dlc_pool;

/* As dlc_alloc, 16-byte aligned; the block is released with the pool at the latest. Null when there is
 * no memory. */
void *dlc_pool_alloc(dlc_pool *pool, size_t bytes);
void dlc_pool_free(dlc_pool *pool, void *block);
/* Releases all blocks. */
void dlc_pool_release(dlc_pool *pool);
/* Releases a block of dlc_alloc that *block points to, if there is one, and makes it null. */
void dlc_pool_drop(void **block);

/* ---- Only with dlc_threads.c ---- */

/* Sets how many threads dlc_parallel_for uses, the caller included (1 to 64; 0: one for each processor,
 * the default). Not while a model runs. */
void dlc_set_threads(unsigned threads);

#ifdef __cplusplus
}
#endif
#endif
