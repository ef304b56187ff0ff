#include "archive/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "archive/test_folder_test.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::archive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const WallTime day_one{std::chrono::milliseconds(1'795'365'901'250)};
// Long after, so that a folder's time tells for sure whether it changed.
const WallTime later = day_one + std::chrono::hours(10'000);

struct CatalogTest : testing::Test {
  Page page(const Query& query = {}) {
    auto page = catalog.page(query, later);
    EXPECT_TRUE(page) << page.error().message;
    return page.value_or(Page{});
  }
  std::vector<std::string> ids(const Query& query = {}) {
    std::vector<std::string> ids;
    for (const auto& recording : page(query).recordings) ids.push_back(recording.mint_id);
    return ids;
  }
  void add_days(int days) {
    for (int i = 0; i < days; ++i) {
      folder.add_ended(i % 2 == 0 ? "even" : "odd", day_one + std::chrono::days(i));
    }
  }
  void write_file(const std::string& text) {
    std::filesystem::create_directories(folder.path + "/.holdfast");
    std::ofstream(Catalog::path_of(folder.path)) << text;
  }

  TestFolder folder;
  Catalog catalog{folder.disk, folder.path};
};

TEST_F(CatalogTest, AFolderThatIsNotThereIsSaid) {
  Catalog nowhere(folder.disk, folder.path + "/nowhere");
  EXPECT_EQ(nowhere.page({}, later).error().code, ErrorCode::not_found);
}

TEST_F(CatalogTest, WhatBeginsGrowsAndEndsIsSeenAtTheNextAnswer) {
  EXPECT_TRUE(ids().empty());
  const std::string base = folder.begin("m", day_one);
  EXPECT_EQ(page().recordings.at(0).end, storage::RecordingEnd::active);
  folder.append(base + ".ts", ByteVector(900, 'x'));
  folder.note(base, journal::GapEvent{.from_pts = 90'000, .to_pts = 360'000, .cause = "network"});
  folder.note(base, journal::LossEvent{.track = 0, .packets = 7, .frames = 2, .cause = "network"});
  const auto grown = page().recordings.at(0);
  EXPECT_EQ(grown.bytes(), 1000U);
  EXPECT_EQ(grown.gaps, 1U);
  EXPECT_EQ(grown.gap_time, std::chrono::seconds(3));
  EXPECT_EQ(grown.packets_lost, 7U);
  EXPECT_FALSE(grown.end_time);
  folder.add_part(base, 2);
  EXPECT_EQ(page().recordings.at(0).parts.size(), 2U);
  folder.end(base);
  const auto ended = page().recordings.at(0);
  EXPECT_EQ(ended.end, storage::RecordingEnd::ended);
  EXPECT_EQ(ended.end_time, day_one);
}

TEST_F(CatalogTest, OneWhoseRecorderDiedIsInterrupted) {
  const std::string base = folder.begin("m", day_one);
  EXPECT_EQ(page().recordings.at(0).end, storage::RecordingEnd::active);
  folder.interrupt(base);
  EXPECT_EQ(page().recordings.at(0).end, storage::RecordingEnd::interrupted);
  folder.lock(base);
  EXPECT_EQ(page().recordings.at(0).end, storage::RecordingEnd::active) << "resumed";
}

TEST_F(CatalogTest, LinesThatAWriterRepeatedAfterAFailedSyncCountOnce) {
  const std::string base = folder.begin("m", day_one);
  folder.note(base, journal::LossEvent{.packets = 7, .cause = "network"});
  EXPECT_EQ(page().recordings.at(0).packets_lost, 7U);
  folder.append(base + ".journal.jsonl", folder.disk.content(folder.at(base + ".journal.jsonl")));
  EXPECT_EQ(page().recordings.at(0).packets_lost, 7U);
  EXPECT_EQ(page().recordings.at(0).parts.size(), 1U);
}

TEST_F(CatalogTest, ATornLineThatIsWrittenAnewIsReadOnceItIsWhole) {
  const std::string base = folder.begin("m", day_one);
  const auto whole = folder.disk.content(folder.at(base + ".journal.jsonl")).size();
  folder.append(base + ".journal.jsonl", as_bytes("{\"n\":3,\"wall\":\"2026-11"));
  EXPECT_EQ(page().recordings.at(0).packets_lost, 0U);
  ASSERT_TRUE(folder.disk.truncate(folder.at(base + ".journal.jsonl"), whole));
  folder.note(base, journal::LossEvent{.packets = 7, .cause = "network"});
  EXPECT_EQ(page().recordings.at(0).packets_lost, 7U);
}

TEST_F(CatalogTest, PagesGoFromTheNewestToTheOldestAndMissNothing) {
  add_days(7);
  Query query{.limit = 3};
  const Page newest = page(query);
  EXPECT_EQ(newest.total, 7U);
  ASSERT_EQ(newest.recordings.size(), 3U);
  EXPECT_EQ(newest.recordings[2].start_time, day_one + std::chrono::days(6)) << "the newest last";
  query.before = newest.next;
  const Page middle = page(query);
  EXPECT_EQ(middle.recordings[2].start_time, day_one + std::chrono::days(3));
  query.before = parse_position(format_position(*middle.next));
  const Page oldest = page(query);
  EXPECT_EQ(oldest.recordings.size(), 1U);
  EXPECT_FALSE(oldest.next);
}

TEST_F(CatalogTest, OneMintIdIsPagedByItself) {
  add_days(6);
  const Page odd = page({.limit = 2, .mint_id = "odd"});
  EXPECT_EQ(odd.total, 3U);
  EXPECT_EQ(odd.recordings.at(0).start_time, day_one + std::chrono::days(3));
  EXPECT_THAT(ids({.before = odd.next, .mint_id = "odd"}), ElementsAre("odd"));
  EXPECT_TRUE(ids({.mint_id = "nobody"}).empty());
}

TEST_F(CatalogTest, ATimeAloneIsAPlaceInTheList) {
  add_days(3);
  EXPECT_EQ(ids({.before = Position{.start_time = day_one + std::chrono::days(2)}}).size(), 2U);
}

TEST_F(CatalogTest, WhatCannotBeReadIsSaidUntilItCan) {
  folder.create("strange.journal.jsonl", as_bytes("no journal\n"));
  EXPECT_THAT(page().unreadable, ElementsAre(HasSubstr("strange.journal.jsonl")));
  EXPECT_TRUE(page().recordings.empty());
  folder.remove("strange.journal.jsonl");
  EXPECT_TRUE(page().unreadable.empty());
}

TEST_F(CatalogTest, TheJournalOfWhatWasRemovedIsNoRecording) {
  folder.create(std::string(storage::removals_name), as_bytes("x\n"));
  EXPECT_TRUE(page().unreadable.empty());
}

TEST_F(CatalogTest, WhatAnotherProcessAppendedToAnEndedJournalIsFoundWhenBroughtInLine) {
  const std::string base = folder.add_ended("m", day_one);
  EXPECT_FALSE(page().recordings.at(0).is_protected);
  folder.wall = later;
  folder.protect(base);
  ASSERT_TRUE(catalog.synchronize(later));
  EXPECT_TRUE(page().recordings.at(0).is_protected);
  EXPECT_EQ(page().recordings.at(0).end_time, day_one) << "what is done later makes it no younger";
  EXPECT_EQ(page().recordings.at(0).end, storage::RecordingEnd::ended);
}

TEST_F(CatalogTest, IsFoundByItsIdAndNothingElse) {
  const std::string base = folder.add_ended("m", day_one);
  EXPECT_EQ(catalog.find(base, later)->at(0).journal_path, folder.at(base + ".journal.jsonl"));
  EXPECT_EQ(catalog.find("../m", later).error().code, ErrorCode::not_found);
}

TEST_F(CatalogTest, ADamagedFileIsMadeAnew) {
  write_file("this is no database, and long enough to be looked at: " + std::string(2000, '?'));
  add_days(3);
  EXPECT_EQ(ids().size(), 3U);
  EXPECT_EQ(catalog.problem(), "");
}

TEST_F(CatalogTest, AFileThatIsDamagedWhileInUseCostsNothing) {
  add_days(300);
  EXPECT_EQ(ids().size(), 300U);
  {
    std::fstream file(Catalog::path_of(folder.path), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(32'768, '!');
    std::ofstream(Catalog::path_of(folder.path) + "-wal", std::ios::trunc) << std::string(1000, '!');
  }
  Catalog another(folder.disk, folder.path);
  EXPECT_EQ(another.page({}, later)->recordings.size(), 300U);
  EXPECT_EQ(ids().size(), 300U);
  folder.add_ended("new", day_one + std::chrono::days(1000));
  EXPECT_EQ(ids().size(), 301U);
}

TEST_F(CatalogTest, AFileOfANewerProgramIsLeftAlone) {
  std::filesystem::create_directories(folder.path + "/.holdfast");
  {
    auto database = Database::open(Catalog::path_of(folder.path));
    ASSERT_TRUE(database->execute("CREATE TABLE journals(future); PRAGMA user_version = 2;"));
  }
  add_days(2);
  EXPECT_EQ(ids().size(), 2U);
  EXPECT_THAT(catalog.problem(), HasSubstr("newer holdfast"));
  EXPECT_EQ(*Database::open(Catalog::path_of(folder.path))->value("PRAGMA user_version"), "2");
}

TEST_F(CatalogTest, AFileOfAnOlderProgramIsMadeAnew) {
  std::filesystem::create_directories(folder.path + "/.holdfast");
  {
    auto database = Database::open(Catalog::path_of(folder.path));
    ASSERT_TRUE(database->execute("CREATE TABLE journals(past); CREATE TABLE parts(past);"));
  }
  add_days(2);
  EXPECT_EQ(ids().size(), 2U);
  EXPECT_EQ(catalog.problem(), "");
}

TEST_F(CatalogTest, WithoutAPlaceForItsFileItIsInMemoryUntilThereIsOne) {
  std::ofstream(folder.path + "/.holdfast") << "in the way";
  add_days(2);
  EXPECT_EQ(ids().size(), 2U);
  EXPECT_NE(catalog.problem(), "");
  std::filesystem::remove(folder.path + "/.holdfast");
  ASSERT_TRUE(catalog.synchronize(later));
  EXPECT_EQ(catalog.problem(), "");
  EXPECT_EQ(ids().size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(Catalog::path_of(folder.path)));
}

// As on a disk that is full: files cannot grow.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int) = nullptr;
};

TEST_F(CatalogTest, AFullDiskCostsNoAnswerAndTheFileIsUsedAgainOnceThereIsRoom) {
  add_days(3);
  EXPECT_EQ(ids().size(), 3U);
  {
    const FullDisk full(100'000);
    for (int i = 0; i < 400; ++i) folder.add_ended("many", day_one + std::chrono::days(10 + i));
    EXPECT_EQ(ids().size(), 403U);
    EXPECT_NE(catalog.problem(), "");
    ASSERT_TRUE(catalog.synchronize(later));
    EXPECT_EQ(ids().size(), 403U);
  }
  ASSERT_TRUE(catalog.synchronize(later + std::chrono::hours(1)));
  EXPECT_EQ(catalog.problem(), "");
  EXPECT_EQ(ids().size(), 403U);
}

TEST_F(CatalogTest, StoppedItEndsSoon) {
  add_days(3);
  catalog.stop();
  EXPECT_FALSE(catalog.synchronize(later));
}

TEST_F(CatalogTest, EverythingIsReadAgainAndProgressIsTold) {
  add_days(5);
  EXPECT_EQ(ids().size(), 5U);
  std::size_t read = 0;
  ASSERT_TRUE(catalog.synchronize(later, Catalog::Depth::everything,
                                  [&](std::size_t done, std::size_t all) { read = done == all ? all : 0; }));
  EXPECT_EQ(read, 5U);
  ASSERT_TRUE(catalog.synchronize(later, Catalog::Depth::changed,
                                  [&](std::size_t, std::size_t) { FAIL() << "nothing has changed"; }));
}

// A folder to which everything happens that can.
class RandomFolder {
 public:
  explicit RandomFolder(std::uint64_t seed) : random_(seed) {}

  void step() {
    now_ += std::chrono::seconds(1 + random_.below(10'000));
    folder.wall = now_;
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2:
        active_.push_back(folder.begin("m:" + std::to_string(random_.below(4)), now_));
        break;
      case 3:
        if (const auto base = pick(active_)) folder.add_part(*base, 2 + static_cast<int>(++parts_[*base]));
        break;
      case 4:
        if (const auto base = pick(active_))
          folder.append(*base + ".ts", ByteVector(random_.below(500), 'g'));
        break;
      case 5:
        if (const auto base = pick(active_)) {
          folder.note(*base, journal::GapEvent{0, static_cast<media::Ticks>(random_.below(900'000)), "left"});
          folder.note(*base, journal::LossEvent{0, random_.below(9), random_.below(9), "network"});
        }
        break;
      case 6:
        if (const auto base = take(active_)) {
          folder.end(*base);
          over_.push_back(*base);
        }
        break;
      case 7:
        if (const auto base = take(active_)) {
          if (random_.below(2) == 0) folder.append(*base + ".journal.jsonl", as_bytes("{\"n\":9,\"wal"));
          folder.interrupt(*base);
          over_.push_back(*base);
        }
        break;
      case 8:
        if (const auto base = pick(over_); base && folder.has(*base + ".ts")) {
          folder.remove(*base + ".ts");
          if (random_.below(2) == 0) folder.create(*base + ".ts", ByteVector(random_.below(500), 'r'));
        }
        break;
      case 9:
        if (const auto base = pick(over_)) folder.protect(*base, random_.below(2) == 0);
        break;
      case 10:
        if (const auto base = pick(over_)) folder.append(*base + ".journal.jsonl", as_bytes("damage\n"));
        break;
      default:
        if (const auto base = take(over_)) folder.remove(*base + ".journal.jsonl");
        folder.create("strange" + std::to_string(++strange_) + ".journal.jsonl", as_bytes("?\n"));
        if (random_.below(2) == 0) folder.remove("strange" + std::to_string(strange_) + ".journal.jsonl");
        break;
    }
  }

  TestFolder folder;

 private:
  std::optional<std::string> pick(const std::vector<std::string>& from) {
    if (from.empty()) return std::nullopt;
    return from[random_.below(from.size())];
  }
  std::optional<std::string> take(std::vector<std::string>& from) {
    const auto base = pick(from);
    if (base) std::erase(from, *base);
    return base;
  }

  SeededRandom random_;
  WallTime now_ = day_one;
  std::vector<std::string> active_;
  std::vector<std::string> over_;
  std::map<std::string, int> parts_;
  int strange_ = 0;
};

// All that the API could say: the whole list, and every page of it, by mint id or not.
struct Answers {
  std::vector<storage::RecordingSummary> recordings;
  std::vector<std::string> unreadable;
  std::vector<std::uint64_t> totals;
  bool operator==(const Answers&) const = default;
};
Answers ask(Catalog& catalog) {
  Answers answers;
  for (const char* mint_id : {"", "m:0", "m:1", "m:2", "m:3"}) {
    for (const auto limit : {std::optional<std::size_t>(), std::optional<std::size_t>(3)}) {
      Query query{.limit = limit, .mint_id = mint_id};
      do {
        const auto page = catalog.page(query, later);
        EXPECT_TRUE(page) << page.error().message;
        if (!page) return answers;
        answers.recordings.insert(answers.recordings.end(), page->recordings.begin(), page->recordings.end());
        answers.unreadable = page->unreadable;
        answers.totals.push_back(page->total);
        query.before = page->next;
      } while (query.before);
    }
  }
  return answers;
}

TEST(CatalogSeeds, WhateverHappensTheIndexKeptUpIsTheOneMadeAnewAndWhatTheFilesSay) {
  for (const std::uint64_t seed : test_seeds(12)) {
    SCOPED_TRACE("HOLDFAST_SEED=" + std::to_string(seed));
    RandomFolder random(seed);
    TestFolder& folder = random.folder;
    Catalog kept(folder.disk, folder.path);
    Catalog beside(folder.disk, folder.path);  // another service on the same folder
    SeededRandom dice(seed);
    for (int round = 0; round < 12; ++round) {
      for (std::uint64_t steps = 1 + dice.below(8); steps > 0; --steps) random.step();
      // What others appended to what has ended is found when the service's timer brings all in line.
      ASSERT_TRUE(kept.synchronize(later));
      const Answers answers = ask(kept);
      if (dice.below(2) == 0) {
        ASSERT_TRUE(beside.synchronize(later));
        EXPECT_EQ(ask(beside), answers);
      }
      Catalog rebuilt(folder.disk, folder.path, folder.path + "/rebuilt" + std::to_string(round));
      EXPECT_EQ(ask(rebuilt), answers);
      const auto files = storage::scan(folder.disk, folder.path);
      ASSERT_TRUE(files);
      EXPECT_EQ(kept.page({}, later)->recordings, files->recordings);
      EXPECT_EQ(answers.unreadable.size(), files->unreadable.size());
      if (testing::Test::HasFailure()) return;
    }
    ASSERT_TRUE(kept.synchronize(later, Catalog::Depth::everything));
    Catalog reopened(folder.disk, folder.path);
    EXPECT_EQ(ask(reopened), ask(kept));
  }
}

}  // namespace
}  // namespace holdfast::archive
