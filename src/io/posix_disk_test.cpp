#include "io/posix_disk.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <limits>
#include <optional>

#include "io/clock.hpp"
#include "io/storage_thread.hpp"
#include "journal/reasons.hpp"
#include "storage/naming.hpp"
#include "storage/recording_files.hpp"
#include "storage/scan.hpp"

namespace holdfast::io {
namespace {

constexpr auto everything = std::numeric_limits<std::uint64_t>::max();

struct PosixDiskTest : testing::Test {
  PosixDisk disk;
  std::string folder;

  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "holdfast_test_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string at(const std::string& name) const { return folder + "/" + name; }
  std::string content(const std::string& name) {
    return std::string(as_text(disk.read(at(name), 0, everything).value()));
  }
};

TEST_F(PosixDiskTest, AppendsToANewFile) {
  const auto file = disk.create(at("a"));
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append(as_bytes("one")));
  ASSERT_TRUE((*file)->append(as_bytes("two")));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ((*file)->size(), 6U);
  EXPECT_EQ(content("a"), "onetwo");
  const auto again = disk.open(at("a"));
  ASSERT_TRUE((*again)->append(as_bytes("three")));
  EXPECT_EQ((*again)->size(), 11U);
}

TEST_F(PosixDiskTest, NeverCreatesOverAFile) {
  ASSERT_TRUE(disk.create(at("a")));
  const auto again = disk.create(at("a"));
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_NE(again.error().message.find(at("a")), std::string::npos);
}

TEST_F(PosixDiskTest, ReadsRanges) {
  ASSERT_TRUE((*disk.create(at("a")))->append(as_bytes("0123456789")));
  EXPECT_EQ(as_text(*disk.read(at("a"), 3, 4)), "3456");
  EXPECT_EQ(as_text(*disk.read(at("a"), 8, 100)), "89");
  EXPECT_TRUE(disk.read(at("a"), 100, 1)->empty());
  EXPECT_EQ(disk.read(at("b"), 0, 1).error().code, ErrorCode::not_found);
}

TEST_F(PosixDiskTest, ListsRenamesTruncatesRemoves) {
  ASSERT_TRUE((*disk.create(at("a")))->append(as_bytes("0123456789")));
  ASSERT_TRUE(disk.make_directories(at("x/y/z")));
  ASSERT_TRUE(disk.make_directories(at("x/y/z")));
  ASSERT_TRUE(disk.rename(at("a"), at("x/b")));
  ASSERT_TRUE(disk.truncate(at("x/b"), 4));
  const auto entries = disk.list(at("x"));
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2U);
  for (const auto& entry : *entries) {
    EXPECT_EQ(entry.is_directory, entry.name == "y");
    if (entry.name == "b") {
      EXPECT_EQ(entry.size, 4U);
    }
  }
  ASSERT_TRUE(disk.remove(at("x/b")));
  EXPECT_EQ(disk.remove(at("x/b")).error().code, ErrorCode::not_found);
  EXPECT_EQ(disk.list(at("nowhere")).error().code, ErrorCode::not_found);
  EXPECT_GT(*disk.free_space(folder), 0U);
}

TEST_F(PosixDiskTest, LocksOneOpenFileAtATime) {
  auto first = disk.create(at("a"));
  ASSERT_TRUE((*first)->lock());
  const auto second = disk.open(at("a"));
  EXPECT_EQ((*second)->lock().error().code, ErrorCode::conflict);
  first->reset();
  EXPECT_TRUE((*second)->lock());
}

TEST_F(PosixDiskTest, PutsADeletedFileBackWithItsLock) {
  auto file = disk.create(at("a"));
  ASSERT_TRUE((*file)->lock());
  ASSERT_TRUE((*file)->append(as_bytes("one")));
  ASSERT_TRUE((*file)->put_back()) << "nothing to do";
  ASSERT_TRUE(disk.remove(at("a")));
  EXPECT_FALSE((*file)->is_in_place());
  ASSERT_TRUE((*file)->put_back());
  EXPECT_TRUE((*file)->is_in_place());
  ASSERT_TRUE((*file)->append(as_bytes("two")));
  EXPECT_EQ((*file)->size(), 6U);
  EXPECT_EQ(content("a"), "onetwo");
  EXPECT_EQ((*disk.open(at("a")))->lock().error().code, ErrorCode::conflict);
}

TEST_F(PosixDiskTest, PutsAMovedFileBackUnlessItsPlaceIsTaken) {
  const auto file = disk.create(at("a"));
  ASSERT_TRUE((*file)->append(as_bytes("one")));
  ASSERT_TRUE(disk.rename(at("a"), at("b")));
  ASSERT_TRUE(disk.create(at("a")));
  EXPECT_EQ((*file)->put_back().error().code, ErrorCode::conflict);
  ASSERT_TRUE(disk.remove(at("a")));
  ASSERT_TRUE((*file)->put_back());
  ASSERT_TRUE((*file)->append(as_bytes("two")));
  EXPECT_EQ(content("a"), "onetwo");
  EXPECT_EQ(content("b"), "onetwo") << "one file with two names";
}

TEST_F(PosixDiskTest, TellsHowMuchOfAFailedWriteWentIn) {
  // A limit on the size of files stands for a full disk: it too lets part of a write through.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 5, .rlim_max = before.rlim_max};
  const auto file = disk.create(at("a"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = (*file)->append(as_bytes("0123456789"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::io);
  EXPECT_NE(written.error().message.find(at("a")), std::string::npos);
  EXPECT_EQ((*file)->size(), 5U);
  ASSERT_TRUE((*file)->append(as_bytes("56789")));
  EXPECT_EQ(content("a"), "0123456789");
}

TEST_F(PosixDiskTest, SaysWhatToDoAboutAFullDisk) {
  const auto full = disk.open("/dev/full");
  if (!full) GTEST_SKIP() << "no /dev/full here";
  const auto written = (*full)->append(as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("/dev/full"), std::string::npos);
  EXPECT_NE(written.error().message.find("free some space"), std::string::npos);
}

TEST_F(PosixDiskTest, SaysWhatToDoWhenNotAllowed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  ASSERT_EQ(::chmod(folder.c_str(), 0500), 0);
  const auto file = disk.create(at("a"));
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("right to write"), std::string::npos);
}

// The whole of storage on real threads: a worker, a storage thread, this process's disk.
TEST_F(PosixDiskTest, HoldsARecordingFromTheFirstByteToTheEnd) {
  const Now now = read_clocks();
  const std::string base = storage::base_name("mint:1", now.wall);
  std::promise<Result<void>> closed;
  {
    StorageThread storage_thread;
    StorageThread worker;
    storage::WriteBudget budget;
    const storage::StorageContext context{disk, storage_thread, worker, budget, read_monotonic_clock};
    std::unique_ptr<storage::RecordingFiles> files;
    worker.post([&] {
      files = std::make_unique<storage::RecordingFiles>(context, at("new/folder"), base);
      files->note(journal::StartEvent{.recording_id = "r", .mint_id = "mint:1"}, now, 0);
      files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
    });
    for (int i = 0; i < 1'000; ++i) {
      worker.post([&] {
        files->buffer().resize(files->buffer().size() + 188, 0x47);
        files->commit(read_monotonic_clock());
      });
    }
    worker.post([&] {
      files->close({.reason = journal::EndReason::stopped}, now, 90'000,
                   [&](Result<void> result) { closed.set_value(std::move(result)); });
    });
    EXPECT_TRUE(closed.get_future().get());
    std::promise<void> gone;
    worker.post([&] {
      files.reset();
      gone.set_value();
    });
    gone.get_future().get();
    EXPECT_EQ(budget.used(), 0U);
  }
  const auto found = storage::scan(disk, at("new/folder"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->recordings.size(), 1U);
  EXPECT_EQ(found->recordings[0].end, storage::RecordingEnd::ended);
  EXPECT_EQ(found->recordings[0].parts.at(0).bytes, 188'000U);
  EXPECT_EQ(content("new/folder/" + storage::part_name(base, 1, "ts")), std::string(188'000, 'G'));
}

TEST_F(PosixDiskTest, AFoldersTimeTellsThatANameInItCameAndAFilesThatItGrew) {
  ASSERT_TRUE(disk.make_directories(at("folder")));
  const std::filesystem::path inner = at("folder");
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(inner, long_ago);
  const auto before = disk.look(at("folder"));
  ASSERT_TRUE(before && before->is_directory);
  auto file = disk.create(at("folder/a"));
  EXPECT_GT(disk.look(at("folder"))->modified, before->modified);
  std::filesystem::last_write_time(inner, long_ago);
  std::filesystem::last_write_time(inner / "a", long_ago);
  ASSERT_TRUE((*file)->append(as_bytes("more")));
  const auto grown = disk.look(at("folder/a"));
  EXPECT_EQ(grown->size, 4U);
  EXPECT_GT(grown->modified, before->modified);
  EXPECT_EQ(disk.look(at("folder"))->modified, before->modified) << "no name has changed";
  EXPECT_EQ(disk.list(at("folder"))->at(0).modified, grown->modified);
  EXPECT_EQ(disk.look(at("nowhere")).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace holdfast::io
