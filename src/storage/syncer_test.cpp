#include "storage/syncer.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "sim/sim_disk.hpp"
#include "storage/file_writer.hpp"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Files that grow, the disk's two threads on simulated time, and what the syncer says of each file.
struct SyncerTest : testing::Test {
  struct Growing {
    std::string path;
    std::vector<SyncRange> ranges;
    std::vector<std::string> failures;
    std::unique_ptr<FileWriter> writer;
    std::optional<Result<void>> closed;
  };

  Growing& open(const std::string& name) {
    auto& file = *files.emplace_back(std::make_unique<Growing>());
    file.path = "/recordings/" + name;
    file.writer = std::make_unique<FileWriter>(context, file.path, Lock::none,
                                               [&file](const SyncRange& range, const Result<void>& result) {
                                                 file.ranges.push_back(range);
                                                 if (!result) file.failures.push_back(result.error().message);
                                               });
    return file;
  }
  void write(Growing& file, std::size_t size) {
    file.writer->buffer().resize(file.writer->buffer().size() + size, 'x');
    file.writer->commit(now);
  }
  void close(Growing& file) {
    file.writer->close(now, [&](Result<void> result) { file.closed = std::move(result); });
  }
  void pass(Duration duration) {
    for (const Instant end = now + duration; now < end; now += milliseconds(1)) {
      storage.run(now);
      syncs.run(now);
      syncer.handle_tick(now);
      for (const auto& file : files) file->writer->handle_tick(now);
    }
  }
  // What the ranges promise, against the file.
  void expect_true(const Growing& file) {
    const ByteVector content = disk.content(file.path);
    std::uint64_t at = 0;
    for (const SyncRange& range : file.ranges) {
      EXPECT_EQ(range.from, at) << "a hole in " << file.path;
      ASSERT_LE(range.to, content.size());
      EXPECT_EQ(crc32c(Bytes(content).subspan(range.from, range.to - range.from)), range.crc32c);
      at = range.to;
    }
  }

  Instant now{seconds(1'000)};
  sim::SimDisk disk;
  sim::SimStorageThread storage{milliseconds(1)};
  sim::SimStorageThread syncs{milliseconds(5)};
  InlineExecutor worker;
  WriteBudget budget;
  Syncer syncer{{storage, syncs, worker}, seconds(1), [this] { return now; }};
  StorageContext context{disk, storage, worker, budget, [this] { return storage.now(); }, &syncer};
  std::vector<std::unique_ptr<Growing>> files;

  void SetUp() override {
    storage.run(now);
    syncs.run(now);
  }
};

TEST_F(SyncerTest, WhatWasWrittenSurvivesAPowerCutAfterTheInterval) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(milliseconds(900));
  EXPECT_TRUE(file.ranges.empty());
  pass(milliseconds(200));
  ASSERT_EQ(file.ranges.size(), 1U);
  expect_true(file);
  write(file, 50);
  pass(milliseconds(100));
  disk.cut_power();
  EXPECT_EQ(disk.content(file.path).size(), 100U);
}

TEST_F(SyncerTest, LeavesAFileAloneThatDoesNotGrow) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(seconds(5));
  EXPECT_EQ(file.ranges.size(), 1U);
  EXPECT_EQ(disk.calls().syncs, 1U);
  EXPECT_EQ(syncer.deadline(), never);
}

TEST_F(SyncerTest, BytesThatComeDuringARoundAreOfTheNext) {
  Growing& file = open("a.ts");
  for (int i = 0; i < 3'000; ++i) {
    write(file, 10);
    pass(milliseconds(1));
  }
  EXPECT_GE(file.ranges.size(), 2U);
  pass(seconds(2));
  expect_true(file);
  EXPECT_EQ(file.ranges.back().to, 30'000U);
  EXPECT_EQ(file.writer->counters().written_to_durable.count, file.ranges.size());
}

TEST_F(SyncerTest, ManyFilesAreSyncedByOneCall) {
  for (std::size_t i = 0; i <= Syncer::most_one_by_one; ++i) write(open(std::to_string(i)), 10 + i);
  pass(milliseconds(1'100));
  EXPECT_EQ(disk.calls().syncs, 1U);
  for (const auto& file : files) {
    ASSERT_EQ(file->ranges.size(), 1U);
    expect_true(*file);
  }
}

TEST_F(SyncerTest, AFailedSyncIsToldOfItsOwnFileOnly) {
  for (std::size_t i = 0; i <= Syncer::most_one_by_one; ++i) write(open(std::to_string(i)), 100);
  disk.fail_syncs("/3", 1);
  pass(seconds(2));
  for (const auto& file : files) {
    EXPECT_EQ(file->failures.size(), file->path.ends_with("/3") ? 1U : 0U) << file->path;
  }
  disk.cut_power();
  EXPECT_EQ(disk.content(files[3]->path), ByteVector(100, 0)) << "as it was told";
  EXPECT_EQ(disk.content(files[2]->path), ByteVector(100, 'x'));
}

TEST_F(SyncerTest, AFailedSyncIsNotTriedAgain) {
  Growing& file = open("a.ts");
  write(file, 100);
  disk.fail_syncs("a.ts", 1);
  pass(seconds(5));
  EXPECT_EQ(disk.calls().syncs, 1U);
  write(file, 100);
  pass(seconds(2));
  ASSERT_EQ(file.ranges.size(), 2U);
  EXPECT_EQ(file.ranges[1].from, 100U) << "what failed is not in the next promise";
  EXPECT_EQ(file.failures.size(), 1U);
}

TEST_F(SyncerTest, AFileThatWasDeletedOrMovedIsTold) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(milliseconds(10));
  ASSERT_TRUE(disk.remove(file.path));
  pass(seconds(2));
  ASSERT_EQ(file.failures.size(), 1U);
  EXPECT_NE(file.failures[0].find("deleted or moved"), std::string::npos);
}

TEST_F(SyncerTest, AStalledDiskIsLeftAlone) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(milliseconds(10));
  syncs.stall(now + seconds(30));
  for (int i = 0; i < 200; ++i) {
    write(file, 10);
    pass(milliseconds(100));
  }
  EXPECT_LE(syncs.queued(), 1U);
  EXPECT_EQ(disk.content(file.path).size(), 2'100U) << "writes do not wait for syncs";
  pass(seconds(15));
  EXPECT_EQ(file.ranges.back().to, 2'100U);
  expect_true(file);
}

TEST_F(SyncerTest, ACloseWaitsForTheRoundUnderWay) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(milliseconds(1'004));
  write(file, 50);
  close(file);
  pass(milliseconds(30));
  ASSERT_TRUE(file.closed);
  EXPECT_TRUE(file.closed->has_value());
  ASSERT_EQ(file.ranges.size(), 2U);
  expect_true(file);
  EXPECT_EQ(file.ranges.back().to, 150U);
}

TEST_F(SyncerTest, ACloseBeforeTheFirstRoundMakesItAllDurable) {
  Growing& file = open("a.ts");
  write(file, 100);
  close(file);
  pass(milliseconds(20));
  ASSERT_EQ(file.ranges.size(), 1U);
  pass(seconds(2));
  EXPECT_EQ(file.ranges.size(), 1U);
  expect_true(file);
}

TEST_F(SyncerTest, ACloseWithNothingNewPromisesNothingTwice) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(seconds(2));
  close(file);
  pass(milliseconds(20));
  ASSERT_TRUE(file.closed);
  EXPECT_EQ(file.ranges.size(), 1U);
}

TEST_F(SyncerTest, AFileMayGoDuringARound) {
  Growing& file = open("a.ts");
  write(file, 100);
  pass(milliseconds(1'004));
  file.writer.reset();
  storage.run(now + seconds(1));
  syncs.run(now + seconds(1));
  EXPECT_TRUE(file.ranges.empty());
}

}  // namespace
}  // namespace holdfast::storage
