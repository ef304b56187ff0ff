#include "io/storage_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "io/clock.hpp"
#include "io/posix_disk.hpp"
#include "io/storage_thread.hpp"
#include "storage/file_writer.hpp"
#include "storage/syncer.hpp"

namespace holdfast::io {
namespace {

using namespace std::chrono_literals;

// A job that stands still until it is told to go on.
class Standstill {
 public:
  Executor::Job job() {
    return [this] {
      begun_.set_value();
      may_end_.get_future().wait();
    };
  }
  void wait_until_begun() { begun_.get_future().wait(); }
  void end() { may_end_.set_value(); }

 private:
  std::promise<void> begun_;
  std::promise<void> may_end_;
};

TEST(StoragePool, RunsJobsOneAfterTheOtherAsLongAsTheDiskKeepsUp) {
  std::vector<int> done;
  {
    StoragePool pool(1h);
    for (int i = 0; i < 1'000; ++i) pool.post([&done, i] { done.push_back(i); });
  }
  ASSERT_EQ(done.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(StoragePool, LetsNobodyWaitForAJobThatStandsStill) {
  Standstill still;
  std::promise<void> done;
  StoragePool pool(0s);
  pool.post(still.job());
  still.wait_until_begun();
  pool.post([&] { done.set_value(); });
  done.get_future().wait();
  still.end();
}

TEST(StoragePool, TakesOverWhatWasQueuedBehindItThoughNobodyPostsAnyMore) {
  Standstill still;
  std::promise<void> queued;
  StoragePool pool(1ms);
  pool.post([&] {  // what a job posts waits for it, and so for the one that stands still
    pool.post(still.job());
    pool.post([&] { queued.set_value(); });
  });
  still.wait_until_begun();
  queued.get_future().wait();
  still.end();
}

TEST(StoragePool, LetsAllWaitWhenTooManyStandStill) {
  std::atomic<bool> done = false;
  {
    std::vector<Standstill> still(StoragePool::most_threads);
    StoragePool pool(0s);
    for (Standstill& one : still) {
      pool.post(one.job());
      one.wait_until_begun();
    }
    pool.post([&] { done = true; });
    EXPECT_FALSE(done);
    EXPECT_GE(pool.busy().stint(read_monotonic_clock() + 3s), 3s) << "this is how long the disk stands still";
    for (Standstill& one : still) one.end();
  }
  EXPECT_TRUE(done);
}

TEST(StoragePool, TakesJobsFromManyThreadsWhateverItsPatience) {
  for (const Duration patience : {Duration(0s), Duration(1h)}) {
    std::atomic<int> count = 0;
    {
      StoragePool pool(patience);
      std::vector<std::jthread> workers;
      workers.reserve(4);
      for (int w = 0; w < 4; ++w) {
        workers.emplace_back([&] {
          for (int i = 0; i < 500; ++i) pool.post([&] { ++count; });
        });
      }
    }
    EXPECT_EQ(count, 2'000);
  }
}

TEST(StoragePool, TakesJobsFromItsJobsEvenWhileItEnds) {
  std::atomic<bool> done = false;
  {
    Standstill still;
    StoragePool pool(0s);
    pool.post([&, inner = still.job()]() mutable {
      inner();
      pool.post([&] { pool.post([&] { done = true; }); });
    });
    still.wait_until_begun();
    std::promise<void> meanwhile;
    pool.post([&] { meanwhile.set_value(); });
    meanwhile.get_future().wait();
    still.end();
  }
  EXPECT_TRUE(done) << "the one that stood still came back last";
}

// A file on a disk that may stand still.
class CountingFile final : public File {
 public:
  explicit CountingFile(Standstill* still = nullptr) : still_(still) {}

  Result<void> append(Bytes bytes) override {
    if (still_ != nullptr) std::exchange(still_, nullptr)->job()();
    size_ += bytes.size();
    return {};
  }
  Result<void> sync() override { return {}; }
  Result<void> sync_file_system() override { return {}; }
  bool is_in_place() const override { return true; }
  Result<void> put_back() override { return {}; }
  std::uint64_t size() const override { return size_; }
  Result<void> lock() override { return {}; }

 private:
  Standstill* still_;
  std::atomic<std::uint64_t> size_ = 0;
};

// A worker with two files, one of them on a disk that stands still.
TEST(StoragePool, AFileThatStandsStillHoldsUpNeitherWritesNorSyncsOfAnother) {
  Standstill still;
  std::vector<std::promise<std::uint64_t>> synced(2);
  PosixDisk disk;
  StorageThread syncs;
  StoragePool storage(1ms);
  StorageThread worker;
  storage::WriteBudget budget;
  storage::Syncer syncer({storage, syncs, worker}, 1s, read_monotonic_clock);
  const storage::StorageContext context{disk, storage, worker, budget, read_monotonic_clock, &syncer};
  std::vector<std::unique_ptr<storage::FileWriter>> files(2);
  const auto append = [&](std::size_t number) {
    files[number]->buffer().resize(100);
    files[number]->commit(read_monotonic_clock());
  };
  worker.post([&] {
    for (std::size_t number : {0, 1}) {
      files[number] = std::make_unique<storage::FileWriter>(
          context, "file", std::make_shared<CountingFile>(number == 0 ? &still : nullptr),
          [&, number](const storage::SyncRange& range, const Result<void>& result) {
            if (result) synced[number].set_value(range.to);
          });
      append(number);
    }
  });
  still.wait_until_begun();
  std::future<std::uint64_t> other = synced[1].get_future();
  while (other.wait_for(1ms) != std::future_status::ready) {
    worker.post([&] { syncer.handle_tick(read_monotonic_clock() + 1s); });
  }
  EXPECT_EQ(other.get(), 100U);
  std::future<std::uint64_t> stood = synced[0].get_future();
  EXPECT_EQ(stood.wait_for(0s), std::future_status::timeout);
  still.end();
  while (stood.wait_for(1ms) != std::future_status::ready) {
    worker.post([&] { syncer.handle_tick(read_monotonic_clock() + 1s); });
  }
  EXPECT_EQ(stood.get(), 100U);
  std::promise<void> gone;
  worker.post([&] {
    files.clear();
    gone.set_value();
  });
  gone.get_future().wait();
}

}  // namespace
}  // namespace holdfast::io
