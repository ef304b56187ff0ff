#include "app/follow_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

const WallTime now{std::chrono::seconds(1'700'000'000)};
const std::string path = "rec/.holdfast/follows.json";
const std::string aside = path + ".broken-20231114T221320.000Z";

KeptFollow follow(std::string mint_id) {
  KeptFollow kept;
  kept.request.mint_id = std::move(mint_id);
  return kept;
}

class FollowFileTest : public testing::Test {
 protected:
  FollowFileTest() { EXPECT_TRUE(disk_.make_directories("rec")); }

  void write(std::string_view text) {
    EXPECT_TRUE(disk_.make_directories("rec/.holdfast"));
    auto file = disk_.create(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_TRUE((*file)->append(as_bytes(text)));
    EXPECT_TRUE((*file)->sync());
  }
  FollowFile::Loaded load() {
    auto loaded = FollowFile(disk_, "rec").load(now);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded.value_or(FollowFile::Loaded{});
  }
  Result<void> save(const std::vector<KeptFollow>& follows) { return FollowFile(disk_, "rec").save(follows); }
  std::string content(const std::string& file) { return std::string(as_text(disk_.content(file))); }

  sim::SimDisk disk_;
};

TEST_F(FollowFileTest, no_file_is_no_follows_and_no_problem) {
  const auto loaded = load();
  EXPECT_THAT(loaded.follows, SizeIs(0));
  EXPECT_EQ(loaded.problem, "");
}

TEST_F(FollowFileTest, what_is_saved_is_loaded_also_after_a_power_cut) {
  KeptFollow full = follow("a:b");
  const auto options = control::GivenOptions::all_of({.format = container::Format::mkv});
  for (const auto& [name, text] : options.texts()) {
    if (control::find_recording_option(name)->per_request == control::PerRequest::no) continue;
    ASSERT_EQ(full.request.options.set(name, text), "");
  }
  full.request.participant = "an\"na é";
  full.request.livekit_url = "wss://ours";
  full.held = true;
  full.last_recording_id = "a:b_20231114T221320.000Z";
  KeptFollow all = follow("panel");
  all.request.participants = control::Participants::all;
  ASSERT_TRUE(save({full, all}));
  disk_.cut_power();
  const auto loaded = load();
  EXPECT_EQ(loaded.problem, "");
  ASSERT_THAT(loaded.follows, SizeIs(2));
  const KeptFollow& one = loaded.follows[0];
  EXPECT_EQ(one.request.mint_id, "a:b");
  EXPECT_EQ(one.request.options, full.request.options);
  EXPECT_EQ(one.request.participant, "an\"na é");
  EXPECT_EQ(one.request.livekit_url, "wss://ours");
  EXPECT_TRUE(one.held);
  EXPECT_EQ(one.last_recording_id, "a:b_20231114T221320.000Z");
  EXPECT_EQ(loaded.follows[1].request.participants, control::Participants::all);
  EXPECT_FALSE(loaded.follows[1].held);
}

TEST_F(FollowFileTest, a_save_that_fails_leaves_the_old_file) {
  ASSERT_TRUE(save({follow("a")}));
  disk_.fail_writes(true);
  const auto saved = save({follow("a"), follow("b")});
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().message, HasSubstr(".holdfast"));
  disk_.fail_writes(false);
  disk_.cut_power();
  EXPECT_THAT(load().follows, SizeIs(1));
  ASSERT_TRUE(save({follow("a"), follow("b")})) << "what the failed save left must not be in the way";
  EXPECT_THAT(load().follows, SizeIs(2));
}

TEST_F(FollowFileTest, what_cannot_be_read_is_kept_aside_and_said) {
  for (const std::string text : {"", "{", "[]", R"({"version": 2, "follows": []})", R"({"follows": []})",
                                 R"({"version": 1})", R"({"version": 1, "follows": {}})"}) {
    write(text);
    const auto loaded = load();
    EXPECT_THAT(loaded.follows, SizeIs(0));
    EXPECT_THAT(loaded.problem, HasSubstr(aside)) << text;
    EXPECT_EQ(content(aside), text);
    EXPECT_FALSE(disk_.exists(path));
    EXPECT_TRUE(disk_.remove(aside));
  }
}

TEST_F(FollowFileTest, the_follows_that_can_be_read_are_kept_going) {
  const std::string text = R"({"version": 1, "follows": [
    {"request": {"mint_id": "good"}},
    {"request": {"mint_id": "bad", "fromat": "mkv"}},
    {"request": {"mint_id": "good"}},
    {"request": {"mint_id": "held"}, "stopped_by_hand": 7},
    7,
    {"request": {"mint_id": "also-good"}}]})";
  write(text);
  const auto loaded = load();
  ASSERT_THAT(loaded.follows, SizeIs(2));
  EXPECT_EQ(loaded.follows[1].request.mint_id, "also-good");
  EXPECT_THAT(loaded.problem, HasSubstr("entry 2 has an invalid request: unknown field \"fromat\""));
  EXPECT_EQ(content(aside), text);
  EXPECT_THAT(load().follows, SizeIs(2)) << "the good ones are in the file again";
  EXPECT_EQ(load().problem, "");
}

TEST_F(FollowFileTest, a_second_process_can_neither_load_nor_save_it) {
  FollowFile first(disk_, "rec");
  ASSERT_TRUE(first.load(now)) << "nothing to protect yet";
  ASSERT_TRUE(first.save({follow("a")}));
  FollowFile second(disk_, "rec");
  ASSERT_FALSE(second.load(now));
  EXPECT_EQ(second.load(now).error().code, ErrorCode::conflict);
  EXPECT_EQ(second.save({}).error().code, ErrorCode::conflict);
  disk_.kill_process();
  EXPECT_THAT(load().follows, SizeIs(1));
}

TEST_F(FollowFileTest, a_damaged_file_never_does_harm) {
  constexpr std::uint64_t seed = 20261122;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  SeededRandom random(seed);
  ASSERT_TRUE(save({follow("a"), follow("b"), follow("c")}));
  const std::string good = content(path);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = good.substr(0, random.below(good.size() + 1));
    if (!damaged.empty()) damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    EXPECT_TRUE(disk_.remove(path));
    write(damaged);
    const auto loaded = load();
    EXPECT_EQ(loaded.problem.empty(), !disk_.exists(aside)) << damaged;
    if (disk_.exists(aside)) {
      EXPECT_EQ(content(aside), damaged);
      EXPECT_TRUE(disk_.remove(aside));
    }
    if (!disk_.exists(path)) write(good);
  }
}

}  // namespace
}  // namespace holdfast::app
