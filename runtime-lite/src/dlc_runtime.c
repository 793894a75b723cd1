/* dlc_runtime.c: checks the arguments of an inference, then runs it. */
#include "dlc/dlc_runtime.h"

/* Structures only grow: what is smaller than in version 1 is not a model. */
enum {
  modelBytesV1 = offsetof(dlc_model, flags) + sizeof(uint32_t),
  tensorBytesV1 = offsetof(dlc_tensor, reserved) + sizeof(uint16_t)
};

static const dlc_tensor *tensorAt(const dlc_model *model, const dlc_tensor *first, size_t index) {
  return (const dlc_tensor *)((const char *)first + index * model->tensor_bytes);
}

const dlc_tensor *dlc_model_input(const dlc_model *model, size_t index) {
  return model && index < model->n_inputs ? tensorAt(model, model->inputs, index) : NULL;
}

const dlc_tensor *dlc_model_output(const dlc_model *model, size_t index) {
  return model && index < model->n_outputs ? tensorAt(model, model->outputs, index) : NULL;
}

const dlc_layer *dlc_model_layer(const dlc_model *model, size_t index) {
  if (!model || !model->layers || index >= model->n_layers)
    return NULL;
  return (const dlc_layer *)((const char *)model->layers + index * model->layer_bytes);
}

/* Inputs and outputs in one numbering: the order of `dims`. */
static const dlc_tensor *anyTensor(const dlc_model *model, size_t index) {
  return index < model->n_inputs ? tensorAt(model, model->inputs, index)
                                 : tensorAt(model, model->outputs, index - model->n_inputs);
}

static size_t tensorCount(const dlc_model *model) { return (size_t)model->n_inputs + model->n_outputs; }

size_t dlc_dims_count(const dlc_model *model) {
  size_t count = 0;
  for (size_t i = 0; model && i < tensorCount(model); i++)
    count += anyTensor(model, i)->rank;
  return count;
}

/* Inputs may have any dims up to their bounds; outputs start with those of their descriptors. */
static dlc_status prepareDims(const dlc_model *model, int64_t *dims) {
  for (size_t i = 0; i < tensorCount(model); i++) {
    const dlc_tensor *tensor = anyTensor(model, i);
    int isInput = i < model->n_inputs;
    if (!dims) {
      /* Unbounded inputs have no dims to fall back to. */
      if (isInput && (tensor->flags & DLC_TENSOR_UNBOUNDED))
        return DLC_ERR_DIMS;
      continue;
    }
    for (size_t d = 0; d < tensor->rank; d++, dims++) {
      int64_t declared = tensor->dims[d];
      if (!isInput) {
        *dims = declared;
      } else if (declared >= 0) {
        int varies = tensor->flags & DLC_TENSOR_BOUNDED;
        if (*dims < 0 || *dims > declared || (!varies && *dims != declared))
          return DLC_ERR_DIMS;
      } else if (*dims < 0) {
        return DLC_ERR_DIMS;
      }
    }
  }
  return DLC_OK;
}

static int isAligned(const void *pointer, size_t align) { return ((uintptr_t)pointer & (align - 1)) == 0; }

static int overlaps(const void *a, size_t aBytes, const void *b, size_t bBytes) {
  uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
  return aBytes && bBytes && (x < y ? y - x < aBytes : x - y < bBytes);
}

/* The pointers of one call, in the numbering of anyTensor. */
typedef struct {
  const dlc_model *model;
  const void *const *inputs;
  void *const *outputs;
} Pointers;

static const void *pointerAt(const Pointers *p, size_t index) {
  size_t n = p->model->n_inputs;
  if (index < n)
    return p->inputs ? p->inputs[index] : NULL;
  return p->outputs ? p->outputs[index - n] : NULL;
}

/* What a pointer gives access to: an unbounded output is a `void *` to fill in,
 * an unbounded input has a size that only the caller knows. */
static size_t extentOf(const dlc_model *model, const dlc_tensor *tensor, size_t index) {
  if (tensor->flags & DLC_TENSOR_UNBOUNDED)
    return index < model->n_inputs ? 0 : sizeof(void *);
  return tensor->bytes;
}

static dlc_status checkTensor(const Pointers *p, size_t index, const char *arena) {
  const dlc_model *model = p->model;
  const dlc_tensor *tensor = anyTensor(model, index);
  const char *pointer = pointerAt(p, index);
  if (tensor->flags & DLC_TENSOR_IN_ARENA)
    return !pointer || pointer == arena + tensor->arena_offset ? DLC_OK : DLC_ERR_OVERLAP;
  size_t extent = extentOf(model, tensor, index);
  if (!pointer)
    return extent || (tensor->flags & DLC_TENSOR_UNBOUNDED) ? DLC_ERR_NULL : DLC_OK;
  if (!isAligned(pointer, tensor->flags & DLC_TENSOR_UNBOUNDED && index >= model->n_inputs ? sizeof(void *)
                          : tensor->align                                                 ? tensor->align
                                                                                          : 1))
    return DLC_ERR_ALIGN;
  if (overlaps(pointer, extent, arena, model->arena_bytes))
    return DLC_ERR_OVERLAP;
  /* Inputs may share memory with each other, outputs with nothing. */
  if (index >= model->n_inputs)
    for (size_t other = 0; other < index; other++) {
      const dlc_tensor *o = anyTensor(model, other);
      if (!(o->flags & DLC_TENSOR_IN_ARENA) && overlaps(pointer, extent, pointerAt(p, other), extentOf(model, o, other)))
        return DLC_ERR_OVERLAP;
    }
  return DLC_OK;
}

dlc_status dlc_run_dims(const dlc_model *model, void *arena, size_t arena_bytes, const void *const *inputs,
                        size_t n_inputs, void *const *outputs, size_t n_outputs, int64_t *dims) {
  if (!model)
    return DLC_ERR_NULL;
  if (model->abi_version != DLC_ABI_VERSION || model->struct_bytes < modelBytesV1 ||
      model->tensor_bytes < tensorBytesV1 || !model->run)
    return DLC_ERR_ABI;
  if (n_inputs != model->n_inputs || n_outputs != model->n_outputs)
    return DLC_ERR_COUNT;
  if (!arena && model->arena_bytes)
    return DLC_ERR_NULL;
  if (arena_bytes < model->arena_bytes)
    return DLC_ERR_ARENA;
  if (model->arena_bytes && !isAligned(arena, model->arena_align))
    return DLC_ERR_ALIGN;
  Pointers pointers = {model, inputs, outputs};
  for (size_t i = 0; i < tensorCount(model); i++) {
    dlc_status status = checkTensor(&pointers, i, arena);
    if (status != DLC_OK)
      return status;
  }
  dlc_status status = prepareDims(model, dims);
  return status == DLC_OK ? model->run(arena, inputs, outputs, dims) : status;
}

dlc_status dlc_run(const dlc_model *model, void *arena, size_t arena_bytes, const void *const *inputs,
                   size_t n_inputs, void *const *outputs, size_t n_outputs) {
  return dlc_run_dims(model, arena, arena_bytes, inputs, n_inputs, outputs, n_outputs, NULL);
}
