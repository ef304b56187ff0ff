#include "sim/sim_disk.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;

struct SimDiskTest : testing::Test {
  SimDisk disk;
  std::unique_ptr<File> file;

  void SetUp() override {
    ASSERT_TRUE(disk.make_directories("/a/b"));
    file = *disk.create("/a/b/f");
  }
  std::string content() { return std::string(as_text(disk.content("/a/b/f"))); }
};

TEST_F(SimDiskTest, LosesWhatWasNotSyncedInAPowerCut) {
  ASSERT_TRUE(file->append(as_bytes("kept")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->append(as_bytes("lost")));
  disk.cut_power(2);
  EXPECT_EQ(content(), "keptlo");
}

TEST_F(SimDiskTest, WritesWhatFitsThenIsFull) {
  disk.set_free_space(3);
  EXPECT_FALSE(file->append(as_bytes("12345")));
  EXPECT_EQ(content(), "123");
  EXPECT_EQ(file->size(), 3U);
}

TEST_F(SimDiskTest, FreesALockWithItsProcess) {
  ASSERT_TRUE(file->lock());
  const auto other = *disk.open("/a/b/f");
  EXPECT_EQ(other->lock().error().code, ErrorCode::conflict);
  disk.kill_process();
  EXPECT_TRUE((*disk.open("/a/b/f"))->lock());
}

TEST_F(SimDiskTest, ListsRenamesAndRemoves) {
  ASSERT_TRUE(file->append(as_bytes("12345")));
  ASSERT_TRUE(disk.rename("/a/b/f", "/a/b/g"));
  ASSERT_TRUE(disk.truncate("/a/b/g", 2));
  const auto entries = *disk.list("/a/b");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].name, "g");
  EXPECT_EQ(entries[0].size, 2U);
  EXPECT_TRUE((*disk.list("/a"))[0].is_directory);
  EXPECT_EQ(as_text(*disk.read("/a/b/g", 1, 100)), "2");
  ASSERT_TRUE(disk.remove("/a/b/g"));
  EXPECT_EQ(disk.remove("/a/b/g").error().code, ErrorCode::not_found);
}

TEST(SimStorageThread, RunsJobsOneAfterTheOtherOnItsTime) {
  SimStorageThread thread(milliseconds(10));
  std::vector<Instant> done;
  const Instant start{std::chrono::seconds(1)};
  thread.run(start);
  for (int i = 0; i < 3; ++i) thread.post([&] { done.push_back(thread.now()); });
  thread.run(start + milliseconds(15));
  EXPECT_EQ(done, (std::vector{start + milliseconds(10)}));
  thread.stall(start + milliseconds(100));
  thread.run(start + milliseconds(200));
  EXPECT_EQ(done.size(), 3U);
  EXPECT_EQ(done[1], start + milliseconds(110));
  EXPECT_EQ(done[2], start + milliseconds(120));
}

}  // namespace
}  // namespace holdfast::sim
