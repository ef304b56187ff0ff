#include "io/storage_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "io/clock.hpp"

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
    workers.reserve(4);
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

TEST(StorageThread, IsBusyWhileAJobLasts) {
  StorageThread thread;
  EXPECT_EQ(thread.busy().stint(read_monotonic_clock()), Duration::zero());
  std::promise<void> begun;
  std::promise<void> may_end;
  thread.post([&] {
    begun.set_value();
    may_end.get_future().wait();
  });
  begun.get_future().wait();
  const Instant during = read_monotonic_clock();
  const Instant later = during + std::chrono::seconds(3);
  EXPECT_GE(thread.busy().stint(later), std::chrono::seconds(3));
  EXPECT_GE(thread.busy().total(later), std::chrono::seconds(3));
  may_end.set_value();
}

TEST(BusyTime, AddsUpStintsAndKnowsTheOneAtHand) {
  using namespace std::chrono_literals;
  BusyTime busy;
  EXPECT_EQ(busy.total(Instant(1h)), 0ns);
  busy.begin(Instant(10s));
  busy.end(Instant(12s));
  EXPECT_EQ(busy.stint(Instant(20s)), 0ns);
  EXPECT_EQ(busy.total(Instant(20s)), 2s);
  busy.begin(Instant(20s));
  EXPECT_EQ(busy.stint(Instant(23s)), 3s);
  EXPECT_EQ(busy.total(Instant(23s)), 5s);
}

}  // namespace
}  // namespace holdfast::io
