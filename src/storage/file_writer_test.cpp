#include "storage/file_writer.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "base/random.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A worker whose jobs run when the test says so.
class QueueExecutor final : public Executor {
 public:
  void post(Job job) override { jobs_.push_back(std::move(job)); }
  void run() {
    while (!jobs_.empty()) {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
  }
  void drop() { jobs_.clear(); }

 private:
  std::deque<Job> jobs_;
};

struct FileWriterTest : testing::Test {
  static constexpr const char* path = "/recordings/a.ts";

  void open(Lock lock = Lock::none) { writer.emplace(context, path, lock); }
  void write(std::string_view text) {
    const Bytes bytes = as_bytes(text);
    writer->buffer().insert(writer->buffer().end(), bytes.begin(), bytes.end());
    expected += text;
    writer->commit(now);
  }
  void close() {
    writer->close(now, [this](Result<void> result) { closed = std::move(result); });
  }
  // Time passes; both threads do what they have.
  void pass(Duration duration) {
    const Instant end = now + duration;
    while (true) {
      disk_thread.run(now);
      worker.run();
      if (writer && writer->deadline() <= now) writer->handle_tick(now);
      if (now >= end) break;
      now += milliseconds(1);
    }
  }
  std::string content() const { return std::string(as_text(disk.content(path))); }

  Instant now{seconds(1'000)};
  sim::SimDisk disk;
  sim::SimStorageThread disk_thread{milliseconds(1)};
  QueueExecutor worker;
  WriteBudget budget{std::size_t{10} << 20};
  WriteCadence cadence;
  BufferPool buffers;
  StorageContext context{disk, disk_thread, worker, budget, [this] { return disk_thread.now(); }};
  std::optional<FileWriter> writer;
  std::string expected;
  std::optional<Result<void>> closed;

  void SetUp() override { disk_thread.run(now); }
};

TEST_F(FileWriterTest, CreatesTheFileAtOnceWithItsFolder) {
  open();
  pass(milliseconds(5));
  EXPECT_TRUE(disk.exists(path));
}

TEST_F(FileWriterTest, WritesWhatIsCommitted) {
  open();
  write("one");
  write("two");
  pass(milliseconds(10));
  EXPECT_EQ(content(), "onetwo");
  EXPECT_EQ(writer->written(), 6U);
  EXPECT_EQ(writer->pending(), 0U);
  EXPECT_EQ(budget.used(), 0U);
}

TEST_F(FileWriterTest, GathersWhileAWriteIsUnderWay) {
  open();
  pass(milliseconds(5));
  for (int i = 0; i < 10; ++i) write("frame");
  pass(milliseconds(10));
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(disk.calls().appends, 2U);
}

TEST_F(FileWriterTest, HasABufferOnlyWhileThereIsSomethingInIt) {
  context.buffers = &buffers;
  buffers.give(ByteVector(1'000));
  open();
  pass(milliseconds(5));
  write("one");
  EXPECT_EQ(buffers.take().capacity(), 0U) << "the file has it";
  pass(milliseconds(5));
  EXPECT_EQ(content(), expected);
  const ByteVector back = buffers.take();
  EXPECT_EQ(back.capacity(), 1'000U);
  EXPECT_TRUE(back.empty());
  for (int i = 0; i < 100; ++i) {
    write(std::string(1'000, 'x'));
    if (i % 3 == 0) pass(milliseconds(5));
  }
  pass(milliseconds(5));
  EXPECT_EQ(content(), expected);
}

TEST(BufferPool, KeepsNeitherLargeBuffersNorAnyNumber) {
  BufferPool buffers;
  ByteVector large;
  large.reserve(BufferPool::largest_kept + 1);
  buffers.give(std::move(large));
  EXPECT_EQ(buffers.take().capacity(), 0U);
  for (std::size_t i = 0; i < 2 * BufferPool::most_kept; ++i) buffers.give(ByteVector(1'000));
  for (std::size_t i = 0; i < BufferPool::most_kept; ++i) EXPECT_GE(buffers.take().capacity(), 1'000U);
  EXPECT_EQ(buffers.take().capacity(), 0U);
}

TEST_F(FileWriterTest, AmongManyItGathersForFortyMilliseconds) {
  context.cadence = &cadence;
  for (int i = 0; i < 1'000; ++i) cadence.open();
  open();
  pass(milliseconds(5));
  write("first");
  pass(milliseconds(5));
  EXPECT_EQ(content(), "first") << "the first bytes do not wait";
  for (int i = 0; i < 10; ++i) {
    write("frame");
    EXPECT_LE(writer->deadline(), now + milliseconds(40));
    pass(milliseconds(10));
  }
  EXPECT_LE(disk.calls().appends, 4U);
  pass(milliseconds(40));
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(writer->deadline(), never);
}

TEST_F(FileWriterTest, AloneItWritesAtEveryCommit) {
  context.cadence = &cadence;
  open();
  pass(milliseconds(5));
  for (int i = 0; i < 10; ++i) {
    write("frame");
    pass(milliseconds(5));
    EXPECT_EQ(content(), expected);
  }
}

TEST_F(FileWriterTest, ACloseDoesNotWaitForTheCadence) {
  context.cadence = &cadence;
  for (int i = 0; i < 1'000; ++i) cadence.open();
  open();
  pass(milliseconds(5));
  write("one");
  pass(milliseconds(2));
  write("two");
  close();
  pass(milliseconds(5));
  EXPECT_EQ(content(), "onetwo");
  EXPECT_TRUE(closed && *closed);
  EXPECT_EQ(cadence.interval(), WriteCadence::longest) << "999 of others";
}

TEST_F(FileWriterTest, SyncsAtItsClose) {
  open();
  write("all of it");
  close();
  EXPECT_FALSE(closed);
  pass(milliseconds(10));
  ASSERT_TRUE(closed);
  EXPECT_TRUE(closed->has_value());
  disk.cut_power();
  EXPECT_EQ(content(), "all of it");
}

TEST_F(FileWriterTest, GivesUpNothingButTheUnsyncedInAPowerCut) {
  open();
  write("not synced");
  pass(milliseconds(10));
  disk.cut_power(3);
  EXPECT_EQ(content(), "not");
}

TEST_F(FileWriterTest, GoesOnWhereItStoppedWhenTheDiskWasFull) {
  open();
  disk.set_free_space(4);
  write("0123456789");
  pass(milliseconds(10));
  EXPECT_EQ(content(), "0123");
  ASSERT_TRUE(writer->error());
  EXPECT_NE(writer->error()->message.find(path), std::string::npos);
  write("abc");
  pass(seconds(3));
  EXPECT_EQ(content(), "0123");
  disk.set_free_space(1'000);
  pass(seconds(2));
  EXPECT_EQ(content(), expected);
  EXPECT_FALSE(writer->error());
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_GE(writer->counters().failed_writes, 3U);
}

TEST_F(FileWriterTest, CreatesTheFileWhenTheDiskIsBack) {
  disk.fail_writes(true);
  open();
  write("early");
  pass(seconds(2));
  EXPECT_TRUE(writer->error());
  disk.fail_writes(false);
  pass(seconds(2));
  EXPECT_EQ(content(), "early");
  EXPECT_FALSE(writer->error());
}

TEST_F(FileWriterTest, TakesFourMegabytesFromAStalledDisk) {
  open();
  pass(milliseconds(5));
  disk_thread.stall(now + seconds(30));
  const std::string frame(100'000, 'x');
  int frames = 0;
  while (writer->accepts(frame.size())) {
    write(frame);
    ASSERT_LE(++frames, 50);
  }
  EXPECT_EQ(frames, 41);
  EXPECT_EQ(writer->pending(), budget.used());
  pass(seconds(31));
  EXPECT_TRUE(writer->accepts(frame.size()));
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(writer->counters().commit_to_written.counts.back(), 2U) << "longer than a second";
}

TEST_F(FileWriterTest, TakesAFrameLargerThanItsLimitWhenNothingWaits) {
  open();
  EXPECT_TRUE(writer->accepts(FileWriter::max_pending + 1));
  write("x");
  EXPECT_FALSE(writer->accepts(FileWriter::max_pending));
}

TEST_F(FileWriterTest, HoldsTheBudgetOfAllRecordings) {
  open();
  budget.take(std::size_t{10} << 20);
  EXPECT_FALSE(writer->accepts(1));
}

TEST_F(FileWriterTest, RefusesATakenName) {
  ASSERT_TRUE(disk.make_directories("/recordings"));
  ASSERT_TRUE(disk.create(path));
  open();
  write("never");
  pass(seconds(5));
  EXPECT_EQ(writer->error()->code, ErrorCode::conflict);
  EXPECT_FALSE(writer->accepts(1));
  EXPECT_EQ(writer->deadline(), never);
  close();
  pass(milliseconds(1));
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->error().code, ErrorCode::conflict);
  EXPECT_EQ(content(), "");
}

TEST_F(FileWriterTest, ClosesOnceTheDiskWorksAgain) {
  open();
  pass(milliseconds(5));
  disk.fail_writes(true);
  write("late");
  close();
  pass(seconds(5));
  EXPECT_FALSE(closed);
  disk.fail_writes(false);
  pass(seconds(2));
  ASSERT_TRUE(closed);
  EXPECT_TRUE(closed->has_value());
  EXPECT_EQ(content(), "late");
}

TEST_F(FileWriterTest, TellsOfAFailedSyncAndDoesNotTryAgain) {
  open();
  write("data");
  pass(milliseconds(10));
  disk.fail_writes(true);
  close();
  pass(milliseconds(10));
  ASSERT_TRUE(closed);
  EXPECT_FALSE(closed->has_value());
  EXPECT_EQ(disk.calls().syncs, 1U);
}

TEST_F(FileWriterTest, LocksItsFileUntilItIsClosed) {
  open(Lock::exclusive);
  pass(milliseconds(5));
  EXPECT_EQ((*disk.open(path))->lock().error().code, ErrorCode::conflict);
  close();
  pass(milliseconds(5));
  EXPECT_TRUE((*disk.open(path))->lock());
}

// At every moment of its life, and with the disk in every state.
TEST_F(FileWriterTest, MayDieWithJobsInFlight) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    const std::string name = "/recordings/" + std::to_string(seed);
    disk.fail_writes(false);
    bool called = false;
    {
      FileWriter mortal(context, name, Lock::exclusive);
      for (std::uint64_t i = random.below(8); i > 0; --i) {
        switch (random.below(5)) {
          case 0:
            disk.fail_writes(random.below(2) == 0);
            break;
          case 1:
            disk_thread.run(now += milliseconds(1));
            break;
          case 2:
            worker.run();
            break;
          case 3:
            mortal.handle_tick(now += milliseconds(random.below(1'500)));
            break;
          default:
            mortal.buffer().resize(mortal.buffer().size() + 100);
            mortal.commit(now);
        }
      }
      if (random.below(2) == 0) mortal.close(now, [&](const Result<void>&) { called = true; });
    }
    const bool before = called;
    if (random.below(4) == 0) worker.drop();
    disk_thread.run(now += seconds(1));
    worker.run();
    disk_thread.run(now += seconds(1));
    EXPECT_EQ(called, before) << "called back after its death";
    EXPECT_EQ(budget.used(), 0U);
    const auto file = disk.open(name);
    EXPECT_TRUE(!file || (*file)->lock()) << "left open";
  }
}

// The disk fails, fills, stalls at random: the file is what was committed, in order, every byte once.
TEST_F(FileWriterTest, LosesNothingThatItAccepted) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    sim::SimDisk own_disk;
    const StorageContext own{own_disk, disk_thread, worker, budget, [this] { return disk_thread.now(); }};
    FileWriter steady(own, "/recordings/steady");
    ByteVector all;
    std::optional<Result<void>> end;
    for (int ms = 0; ms < 10'000; ms += 5) {
      now += milliseconds(5);
      if (random.below(200) == 0) own_disk.fail_writes(random.below(2) == 0);
      if (random.below(200) == 0)
        own_disk.set_free_space(random.below(2) == 0 ? random.below(5'000) : 1 << 30);
      if (random.below(500) == 0) disk_thread.stall(now + milliseconds(random.below(1'000)));
      const std::size_t size = random.below(3'000);
      if (steady.accepts(size)) {
        ByteVector bytes(size);
        random.fill(bytes);
        all.insert(all.end(), bytes.begin(), bytes.end());
        steady.buffer().insert(steady.buffer().end(), bytes.begin(), bytes.end());
        steady.commit(now);
      }
      disk_thread.run(now);
      worker.run();
      steady.handle_tick(now);
    }
    own_disk.fail_writes(false);
    own_disk.set_free_space(1 << 30);
    steady.close(now, [&](Result<void> result) { end = std::move(result); });
    for (int i = 0; i < 5'000 && !end; ++i) {
      disk_thread.run(now += milliseconds(5));
      worker.run();
      steady.handle_tick(now);
    }
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->has_value());
    EXPECT_TRUE(own_disk.content("/recordings/steady") == all);
    EXPECT_EQ(budget.used(), 0U);
  }
}

TEST(LatencyHistogram, CountsUpToItsBounds) {
  LatencyHistogram histogram;
  histogram.add(std::chrono::microseconds(100));
  histogram.add(std::chrono::microseconds(101));
  histogram.add(std::chrono::seconds(11));
  EXPECT_EQ(histogram.counts[0], 1U);
  EXPECT_EQ(histogram.counts[1], 1U);
  EXPECT_EQ(histogram.counts.back(), 1U);
  EXPECT_EQ(histogram.count, 3U);
  EXPECT_EQ(histogram.sum_us, 11'000'201);
}

}  // namespace
}  // namespace holdfast::storage
