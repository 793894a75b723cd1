// Tests dlc_run: a model written by hand, called rightly and wrongly.
#include "dlc/dlc_runtime.h"
#include <catch2/catch.hpp>
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

// y = x + 1 on 4 floats through the arena; n = number of non-zero x, idx their indices (bounded by 4).
int calls;

dlc_status runModel(void *arena, const void *const *inputs, void *const *outputs, int64_t *dims) {
  calls++;
  auto *scratch = static_cast<float *>(arena);
  std::memcpy(scratch, inputs[0], 16);
  auto *y = static_cast<float *>(outputs[0]);
  auto *indices = static_cast<int64_t *>(outputs[1]);
  int64_t count = 0;
  for (int i = 0; i < 4; i++) {
    y[i] = scratch[i] + 1;
    if (scratch[i] != 0)
      indices[count++] = i;
  }
  if (dims)
    dims[2 + 2] = count;
  return DLC_OK;
}

const int64_t xDims[] = {2, 2}, nonZeroDims[] = {4};

dlc_tensor tensor(const char *name, dlc_dtype dtype, uint8_t rank, const int64_t *dims, size_t bytes, uint16_t align,
                  uint16_t flags = 0) {
  return {name, dims, bytes, 0, 1.0f, 0, dtype, rank, flags, align, 0};
}

struct Fixture {
  dlc_tensor inputs[1] = {tensor("x", DLC_FLOAT32, 2, xDims, 16, 4)};
  dlc_tensor outputs[2] = {tensor("y", DLC_FLOAT32, 2, xDims, 16, 4),
                           tensor("nz", DLC_INT64, 1, nonZeroDims, 32, 8, DLC_TENSOR_BOUNDED)};
  dlc_layer layers[1] = {{"layer_0", "Add_0", 4}};
  dlc_model model = {DLC_ABI_VERSION, sizeof(dlc_model), sizeof(dlc_tensor), sizeof(dlc_layer), "m", inputs, outputs, 1,
                     2, 16, 16, runModel, layers, 1, 0};
  alignas(16) char arena[64];
  float x[4] = {1, 0, 3, 0}, y[4] = {};
  int64_t indices[4] = {-1, -1, -1, -1};
  const void *in[1] = {x};
  void *out[2] = {y, indices};

  dlc_status run() { return dlc_run(&model, arena, 16, in, 1, out, 2); }
};

} // namespace

TEST_CASE("a right call runs") {
  Fixture f;
  CHECK(f.run() == DLC_OK);
  CHECK(f.y[0] == 2.0f);
  CHECK(f.y[3] == 1.0f);
  CHECK(f.indices[1] == 2);
}

TEST_CASE("dims: those of static outputs come from the descriptor, bounded ones from the run") {
  Fixture f;
  REQUIRE(dlc_dims_count(&f.model) == 5);
  int64_t dims[5] = {2, 2, -7, -7, -7};
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_OK);
  CHECK(std::vector<int64_t>(dims, dims + 5) == std::vector<int64_t>{2, 2, 2, 2, 2});
  dims[0] = 1;
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_ERR_DIMS);
  f.inputs[0].flags = DLC_TENSOR_BOUNDED;
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_OK);
  dims[0] = 3;
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_ERR_DIMS);
}

TEST_CASE("an input without bound needs dims") {
  Fixture f;
  const int64_t open[] = {-1, 2};
  f.inputs[0].dims = open;
  f.inputs[0].flags = DLC_TENSOR_UNBOUNDED;
  f.inputs[0].bytes = 0;
  CHECK(f.run() == DLC_ERR_DIMS);
  int64_t dims[5] = {2, 2};
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_OK);
  dims[0] = -1;
  CHECK(dlc_run_dims(&f.model, f.arena, 64, f.in, 1, f.out, 2, dims) == DLC_ERR_DIMS);
}

TEST_CASE("every wrong argument is found before the model runs") {
  Fixture f;
  int before = calls;
  CHECK(dlc_run(nullptr, f.arena, 16, f.in, 1, f.out, 2) == DLC_ERR_NULL);
  CHECK(dlc_run(&f.model, nullptr, 16, f.in, 1, f.out, 2) == DLC_ERR_NULL);
  CHECK(dlc_run(&f.model, f.arena, 15, f.in, 1, f.out, 2) == DLC_ERR_ARENA);
  CHECK(dlc_run(&f.model, f.arena + 4, 60, f.in, 1, f.out, 2) == DLC_ERR_ALIGN);
  CHECK(dlc_run(&f.model, f.arena, 16, f.in, 0, f.out, 2) == DLC_ERR_COUNT);
  CHECK(dlc_run(&f.model, f.arena, 16, f.in, 1, f.out, 3) == DLC_ERR_COUNT);
  CHECK(dlc_run(&f.model, f.arena, 16, nullptr, 1, f.out, 2) == DLC_ERR_NULL);
  CHECK(dlc_run(&f.model, f.arena, 16, f.in, 1, nullptr, 2) == DLC_ERR_NULL);
  f.out[1] = nullptr;
  CHECK(f.run() == DLC_ERR_NULL);
  f.out[1] = reinterpret_cast<char *>(f.indices) + 4;
  CHECK(f.run() == DLC_ERR_ALIGN);
  f.out[1] = f.indices;
  f.out[0] = f.x + 1;
  CHECK(f.run() == DLC_ERR_OVERLAP);
  f.out[0] = f.arena + 12;
  CHECK(f.run() == DLC_ERR_OVERLAP);
  f.out[0] = f.indices;
  CHECK(f.run() == DLC_ERR_OVERLAP);
  f.out[0] = f.y;
  f.in[0] = f.arena;
  CHECK(f.run() == DLC_ERR_OVERLAP);
  CHECK(calls == before);
  // Behind what the model needs, the arena's memory is the caller's.
  f.in[0] = f.arena + 16;
  CHECK(f.run() == DLC_OK);
}

TEST_CASE("tensors in the arena need no pointer") {
  Fixture f;
  f.model.arena_bytes = 64;
  f.inputs[0].flags = DLC_TENSOR_IN_ARENA;
  f.inputs[0].arena_offset = 32;
  auto run = [&] { return dlc_run(&f.model, f.arena, 64, f.in, 1, f.out, 2); };
  CHECK(run() == DLC_ERR_OVERLAP);
  f.in[0] = f.arena + 32;
  CHECK(run() == DLC_OK);
  f.model.run = [](void *, const void *const *, void *const *, int64_t *) -> dlc_status { return DLC_ERR_DATA; };
  f.in[0] = nullptr;
  CHECK(run() == DLC_ERR_DATA);
}

TEST_CASE("other versions: larger structures are read, another ABI is refused") {
  struct Grown {
    dlc_tensor base;
    int64_t added;
  };
  Fixture f;
  Grown outputs[2] = {{f.outputs[0], 1}, {f.outputs[1], 2}};
  f.model.outputs = &outputs[0].base;
  f.model.tensor_bytes = sizeof(Grown);
  f.model.struct_bytes += 32;
  CHECK(f.run() == DLC_OK);
  CHECK(std::string(dlc_model_output(&f.model, 1)->name) == "nz");
  f.model.abi_version = 2;
  CHECK(f.run() == DLC_ERR_ABI);
  f.model.abi_version = DLC_ABI_VERSION;
  f.model.struct_bytes = 8;
  CHECK(f.run() == DLC_ERR_ABI);
}

TEST_CASE("descriptors by index") {
  Fixture f;
  CHECK(dlc_model_input(&f.model, 0) == f.inputs);
  CHECK(dlc_model_input(&f.model, 1) == nullptr);
  CHECK(dlc_model_output(&f.model, 2) == nullptr);
  CHECK(dlc_model_layer(&f.model, 0) == f.layers);
  CHECK(dlc_model_layer(&f.model, 1) == nullptr);
  CHECK(dlc_model_layer(nullptr, 0) == nullptr);
}

TEST_CASE("every status has a text of its own") {
  std::vector<std::string> seen;
  for (dlc_status s = DLC_OK; s <= DLC_ERR_OTHER; s++) {
    std::string text = dlc_status_text(s);
    CHECK(!text.empty());
    CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
    seen.push_back(text);
  }
  CHECK(std::string(dlc_status_text(-1)) == dlc_status_text(DLC_ERR_OTHER));
}

TEST_CASE("profiling hooks do nothing by default") {
  dlc_profile_begin(nullptr, 0);
  dlc_profile_end(nullptr, 0);
}

TEST_CASE("a pool keeps the blocks of one inference") {
  dlc_pool pool = {nullptr};
  void *first = dlc_pool_alloc(&pool, 16), *second = dlc_pool_alloc(&pool, 1);
  REQUIRE(first != nullptr);
  REQUIRE(second != nullptr);
  CHECK(reinterpret_cast<uintptr_t>(first) % 16 == 0);
  CHECK(reinterpret_cast<uintptr_t>(second) % 16 == 0);
  dlc_pool_free(&pool, first); // in any order
  CHECK(pool.first != nullptr);
  CHECK(dlc_pool_alloc(&pool, SIZE_MAX) == nullptr);
  dlc_pool_release(&pool);
  CHECK(pool.first == nullptr);
  void *none = nullptr;
  dlc_pool_drop(&none);
  CHECK(none == nullptr);
}
