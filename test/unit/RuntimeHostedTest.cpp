// Tests the hosted extras of runtime-lite: the thread pool and the allocator.
#include "dlc/dlc_runtime.h"
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

struct Loop {
  std::vector<std::atomic<int>> seen;
  explicit Loop(size_t n) : seen(n) {}
  static void task(void *context, size_t i) { static_cast<Loop *>(context)->seen[i]++; }
  bool allOnce() const {
    for (auto &s : seen)
      if (s != 1)
        return false;
    return true;
  }
};

} // namespace

TEST_CASE("each index runs once, whatever the number of threads") {
  for (unsigned threads : {1u, 2u, 5u, 64u, 3u, 0u}) {
    dlc_set_threads(threads);
    for (size_t n : {0, 1, 2, 3, 64, 1000}) {
      for (int repeat = 0; repeat < 50; repeat++) {
        Loop loop(n);
        dlc_parallel_for(Loop::task, &loop, n);
        REQUIRE(loop.allOnce());
      }
    }
  }
}

TEST_CASE("several callers and nested loops do not block each other") {
  dlc_set_threads(4);
  std::atomic<int> bad{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; c++)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 200; repeat++) {
        Loop loop(17);
        dlc_parallel_for(Loop::task, &loop, 17);
        bad += !loop.allOnce();
      }
    });
  for (auto &t : callers)
    t.join();
  CHECK(bad == 0);
  std::atomic<int> inner{0};
  dlc_parallel_for(
      [](void *context, size_t) {
        dlc_parallel_for([](void *c, size_t) { (*static_cast<std::atomic<int> *>(c))++; }, context, 8);
      },
      &inner, 8);
  CHECK(inner == 64);
}

TEST_CASE("the allocator aligns and refuses the absurd") {
  for (size_t align : {1, 4, 16, 64})
    for (size_t bytes : {0, 1, 63, 4096}) {
      void *block = dlc_alloc(bytes, align);
      REQUIRE(block);
      CHECK(reinterpret_cast<uintptr_t>(block) % align == 0);
      dlc_free(block);
    }
  CHECK(dlc_alloc(SIZE_MAX - 8, 64) == nullptr);
}
