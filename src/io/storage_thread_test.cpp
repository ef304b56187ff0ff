#include "io/storage_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace holdfast::io {
namespace {

TEST(StorageThread, RunsJobsInOrderAndAllOfThemBeforeItEnds) {
  std::vector<int> done;
  {
    StorageThread thread;
    for (int i = 0; i < 1'000; ++i) thread.post([&done, i] { done.push_back(i); });
  }
  ASSERT_EQ(done.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(StorageThread, TakesJobsFromManyThreads) {
  std::atomic<int> count = 0;
  {
    StorageThread thread;
    std::vector<std::jthread> workers;
    for (int w = 0; w < 4; ++w) {
      workers.emplace_back([&] {
        for (int i = 0; i < 500; ++i) thread.post([&] { ++count; });
      });
    }
  }
  EXPECT_EQ(count, 2'000);
}

TEST(StorageThread, TakesJobsFromItsJobsEvenWhileItEnds) {
  bool done = false;
  {
    StorageThread thread;
    thread.post([&] { thread.post([&] { thread.post([&] { done = true; }); }); });
  }
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace holdfast::io
