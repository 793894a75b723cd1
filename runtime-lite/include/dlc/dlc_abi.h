/* dlc_abi.h: what a compiled model says about itself; the one fact that compiler and runtime share.
 *
 * Never broken: fields are only added, at the end of a structure. A reader takes
 * the stride of descriptor arrays and the size of the model from the model
 * itself (`struct_bytes`, `tensor_bytes`, `layer_bytes`), so that an old runtime
 * reads a new model and a new runtime an old one. `abi_version` changes only
 * when an old reader would go wrong.
 *
 * C11 (freestanding) and C++17.
 */
#ifndef DLC_ABI_H
#define DLC_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DLC_ABI_VERSION 1u

/* An integer, not an enum type: bare-metal Arm compilers disagree on the size of enums. */
typedef int32_t dlc_status;
enum {
  DLC_OK = 0,
  DLC_ERR_NULL = 1,    /* a pointer that is needed is null */
  DLC_ERR_ABI = 2,     /* the model needs another version of runtime-lite */
  DLC_ERR_COUNT = 3,   /* the number of inputs or outputs is not the model's */
  DLC_ERR_ARENA = 4,   /* the arena is smaller than the model's arena_bytes */
  DLC_ERR_ALIGN = 5,   /* the arena or a tensor is not aligned as its descriptor says */
  DLC_ERR_OVERLAP = 6, /* an output overlaps another tensor, or a tensor overlaps the arena */
  DLC_ERR_DIMS = 7,    /* input dims are missing, or outside what the descriptor allows */
  DLC_ERR_DATA = 8,    /* the values of an input ask for the impossible (an index out of range, ...) */
  DLC_ERR_MEMORY = 9,  /* dlc_alloc returned null */
  DLC_ERR_OTHER = 10
};

/* Element types; the numbers are those of TensorProto.DataType of ONNX. */
typedef uint8_t dlc_dtype;
enum {
  DLC_FLOAT32 = 1,
  DLC_UINT8 = 2,
  DLC_INT8 = 3,
  DLC_UINT16 = 4,
  DLC_INT16 = 5,
  DLC_INT32 = 6,
  DLC_INT64 = 7,
  DLC_BOOL = 9, /* one byte, 0 or 1 */
  DLC_FLOAT16 = 10,
  DLC_FLOAT64 = 11,
  DLC_UINT32 = 12,
  DLC_UINT64 = 13,
  DLC_COMPLEX64 = 14,
  DLC_COMPLEX128 = 15,
  DLC_BFLOAT16 = 16,
  DLC_FLOAT8E4M3FN = 17,
  DLC_FLOAT8E4M3FNUZ = 18,
  DLC_FLOAT8E5M2 = 19,
  DLC_FLOAT8E5M2FNUZ = 20,
  DLC_UINT4 = 21, /* two in a byte, the lower half first */
  DLC_INT4 = 22,
  DLC_FLOAT4E2M1 = 23,
  DLC_FLOAT8E8M0 = 24,
  DLC_UINT2 = 25, /* four in a byte, the lowest bits first */
  DLC_INT2 = 26
};

/* Flags of a tensor. */
enum {
  DLC_TENSOR_QUANTIZED = 1u << 0, /* real = scale * (stored - zero_point) */
  DLC_TENSOR_BOUNDED = 1u << 1,   /* dims are upper bounds, the true ones are in `dims` of the call */
  DLC_TENSOR_UNBOUNDED = 1u << 2, /* a dim is -1 (hosted only); `bytes` is 0 */
  DLC_TENSOR_IN_ARENA = 1u << 3   /* lies in the arena at `arena_offset`; its pointer may be null */
};

/* One input or output. Data is dense, in C order (the last dim varies fastest). */
typedef struct dlc_tensor {
  const char *name;    /* as in the ONNX model */
  const int64_t *dims; /* `rank` entries; null when rank is 0 */
  size_t bytes;        /* size of the buffer, by the upper bounds when bounded */
  size_t arena_offset; /* only with DLC_TENSOR_IN_ARENA */
  float scale;         /* 1 when not quantized */
  int32_t zero_point;  /* 0 when not quantized */
  dlc_dtype dtype;
  uint8_t rank;
  uint16_t flags;
  uint16_t align; /* of the buffer, in bytes; a power of two */
  uint16_t reserved;
} dlc_tensor;

/* One step of a model, for profiling. */
typedef struct dlc_layer {
  const char *name;  /* of the generated function, or of what it computes */
  const char *nodes; /* names of the ONNX nodes, separated by spaces */
  uint64_t macs;     /* multiplications with accumulation; 0 when none or not known */
} dlc_layer;

/* Runs one inference; checks nothing.
 * @param arena    model.arena_bytes bytes, aligned to model.arena_align
 * @param inputs   n_inputs pointers (null for DLC_TENSOR_IN_ARENA)
 * @param outputs  n_outputs pointers (null for DLC_TENSOR_IN_ARENA). For an
 *                 unbounded output it points to a `void *` that receives a block
 *                 from dlc_alloc, which the caller releases with dlc_free.
 * @param dims     null, or the dims of all inputs in order (read), followed by those
 *                 of all outputs (written for bounded and unbounded ones); each tensor
 *                 takes `rank` entries. Must not be null when an input is not static.
 */
typedef dlc_status (*dlc_run_fn)(void *arena, const void *const *inputs, void *const *outputs, int64_t *dims);

/* A compiled model: constant, one for each object file, named <name>_model. */
typedef struct dlc_model {
  uint16_t abi_version;  /* DLC_ABI_VERSION */
  uint16_t struct_bytes; /* sizeof(dlc_model) when the model was compiled */
  uint16_t tensor_bytes; /* sizeof(dlc_tensor) likewise */
  uint16_t layer_bytes;  /* sizeof(dlc_layer) likewise */
  const char *name;
  const dlc_tensor *inputs;
  const dlc_tensor *outputs;
  uint32_t n_inputs;
  uint32_t n_outputs;
  size_t arena_bytes;
  size_t arena_align; /* a power of two, at least 1 */
  dlc_run_fn run;
  const dlc_layer *layers; /* may be null */
  uint32_t n_layers;
  uint32_t flags; /* 0 */
} dlc_model;

#ifdef __cplusplus
}
#endif
#endif
