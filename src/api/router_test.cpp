#include "api/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <map>

namespace holdfast::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::StartsWith;

// Recordings in memory: small, but it behaves.
class SmallRecorder final : public Recorder, public whip::Ingest {
 public:
  Result<control::Started> start(const control::StartRequest& request) override {
    if (failure) return std::unexpected(*failure);
    last = request;
    if (request.participants == control::Participants::all) {
      control::WatchStatus watch;
      watch.watch_id = "w-" + request.mint_id;
      watch.mint_id = request.mint_id;
      watch.start_time = WallTime(std::chrono::milliseconds(1'700'000'000'250));
      return watches_[request.mint_id] = watch;
    }
    if (const auto found = recordings_.find(request.mint_id);
        found != recordings_.end() && is_active(found->second.state)) {
      return fail(ErrorCode::conflict, "{} is being recorded already", request.mint_id);
    }
    recording::Status status;
    status.recording_id = "r-" + request.mint_id;
    status.mint_id = request.mint_id;
    status.state = recording::State::recording;
    status.format = request.options.over({}).format;
    status.output_paths = {"recordings/" + request.mint_id + ".ts"};
    status.start_time = WallTime(std::chrono::milliseconds(1'700'000'000'250));
    status.tracks.emplace_back();
    status.tracks[0].packets.expected = 10;
    return recordings_[request.mint_id] = status;
  }
  Result<std::vector<recording::Status>> split(std::string_view mint_id) override {
    const auto found = recordings_.find(std::string(mint_id));
    if (found == recordings_.end()) return fail(ErrorCode::not_found, "{} is not being recorded", mint_id);
    ++splits;
    return std::vector{found->second};
  }
  int splits = 0;
  void stop(std::string_view mint_id, StopReply reply) override {
    control::Stopped stopped;
    if (const auto found = recordings_.find(std::string(mint_id)); found != recordings_.end()) {
      found->second.state = recording::State::stopped;
      stopped.recordings.push_back(found->second);
    }
    if (const auto found = watches_.find(std::string(mint_id)); found != watches_.end()) {
      found->second.state = control::WatchState::stopped;
      stopped.watch = found->second;
    }
    if (stopped.recordings.empty() && !stopped.watch) return reply(fail(ErrorCode::not_found, "unknown"));
    reply(std::move(stopped));
  }
  std::optional<control::WatchStatus> watch(std::string_view mint_id) const override {
    const auto found = watches_.find(std::string(mint_id));
    return found == watches_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<control::WatchStatus> watches() const override {
    std::vector<control::WatchStatus> all;
    all.reserve(watches_.size());
    for (const auto& [id, status] : watches_) all.push_back(status);
    return all;
  }
  std::vector<recording::Status> status(std::string_view mint_id) const override {
    const auto found = recordings_.find(std::string(mint_id));
    return found == recordings_.end() ? std::vector<recording::Status>{} : std::vector{found->second};
  }
  std::vector<recording::Status> active() const override {
    std::vector<recording::Status> all;
    for (const auto& [id, status] : recordings_) {
      if (is_active(status.state)) all.push_back(status);
    }
    return all;
  }
  void recordings(archive::Query query, PageReply reply) override {
    if (failure) return reply(std::unexpected(*failure));
    archive::Page page;
    page.recordings.push_back({.recording_id = "r",
                               .mint_id = "old",
                               .parts = {{.path = "old.ts", .format = "mpegts", .bytes = 7}},
                               .end_time = WallTime(std::chrono::milliseconds(1'700'000'000'250)),
                               .is_protected = true,
                               .gaps = 2,
                               .gap_time = std::chrono::milliseconds(4'500),
                               .packets_lost = 9,
                               .journal_path = "old.journal.jsonl"});
    page.total = 8;
    page.unreadable.push_back("bad.journal.jsonl: cut short");
    page.next = query.before;
    last_query = std::move(query);
    reply(std::move(page));
  }
  void media(std::string recording_id, std::optional<std::size_t> part, MediaReply reply) override {
    if (recording_id != "r") return reply(fail(ErrorCode::not_found, "no recording {}", recording_id));
    reply(MediaFile{"r.ts", "mpegts", 100 * part.value_or(1),
                    [](std::uint64_t, std::uint64_t) -> std::shared_ptr<HttpBody> { return nullptr; }});
  }
  void protect(std::string recording_id, archive::Protection protection, ProtectReply reply) override {
    if (failure) return reply(std::unexpected(*failure));
    protections[recording_id] = protection;
    reply({});
  }
  void mark(std::string mint_id, std::string text, MarkReply reply) override {
    if (!recordings_.contains(mint_id)) return reply(fail(ErrorCode::not_found, "unknown"));
    markers.push_back(text);
    reply(std::vector{"r-" + mint_id});
  }
  ProcessMetrics metrics() const override { return {}; }
  const recording::Totals& totals() override {
    for (const recording::Status& status : active()) totals_.update(status);
    return totals_;
  }
  control::Readiness readiness() const override { return ready; }

  void offer(whip::Offer offer, AnswerReply reply) override {
    offered.push_back(offer.mint_id);
    reply("v=0");
  }
  void trickle(const std::string&, whip::Fragment, DoneReply reply) override { reply({}); }
  void restart_ice(const std::string&, whip::Fragment, IceReply) override {}
  void close(const std::string&, DoneReply reply) override { reply({}); }

  std::optional<Error> failure;
  control::Readiness ready = control::Readiness::ready;
  control::StartRequest last;
  std::vector<std::string> offered;
  archive::Query last_query;
  std::map<std::string, archive::Protection> protections;
  std::vector<std::string> markers;

 private:
  std::map<std::string, recording::Status> recordings_;
  std::map<std::string, control::WatchStatus> watches_;
  recording::Totals totals_{10};
};

// Follows in memory.
class SmallFollows final : public Follows {
 public:
  void follow(control::StartRequest request, FollowReply reply) override {
    if (failure) return reply(std::unexpected(*failure));
    const Novelty novelty = requests_.contains(request.mint_id) ? Novelty::known : Novelty::added;
    requests_.insert_or_assign(request.mint_id, request);
    reply(novelty);
  }
  void unfollow(std::string_view mint_id, DoneReply reply) override {
    if (failure) return reply(std::unexpected(*failure));
    if (requests_.erase(std::string(mint_id)) == 0) return reply(fail(ErrorCode::not_found, "unknown"));
    reply({});
  }
  std::vector<FollowStatus> follows() const override {
    std::vector<FollowStatus> all;
    all.reserve(requests_.size());
    for (const auto& [id, request] : requests_) all.push_back(*followed(id));
    return all;
  }
  std::optional<FollowStatus> followed(std::string_view mint_id) const override {
    const auto found = requests_.find(std::string(mint_id));
    if (found == requests_.end()) return std::nullopt;
    return FollowStatus{found->second,
                        {.mint_id = found->first, .last_error = "away", .next_check = {}},
                        WallTime(std::chrono::milliseconds(1'700'000'000'250))};
  }
  std::string_view follows_problem() const override { return problem; }
  Result<void> handle_webhook(std::string_view authorization, std::string_view body) override {
    if (authorization == "signed") return {};
    return fail(body == "{}" ? ErrorCode::invalid : ErrorCode::refused, "no good");
  }
  FollowMetrics follow_metrics() const override {
    return {.streams = {requests_.size()}, .checks = {}, .webhooks = {}};
  }

  std::optional<Error> failure;
  std::string problem;

 private:
  std::map<std::string, control::StartRequest> requests_;
};

struct Answer {
  HttpResponse response;
  json::object body;

  int status() const { return response.status; }
  std::string text(std::string_view key) const {
    const json::value* value = body.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  }
  bool success() const { return body.at("success").as_bool(); }
};

class RouterTest : public testing::Test {
 protected:
  HttpResponse exchange(const IncomingRequest& request) {
    std::optional<HttpResponse> answer;
    router_.handle(request, [&](HttpResponse response) { answer = std::move(response); });
    EXPECT_TRUE(answer) << request.method << ' ' << request.target;
    return answer.value_or(HttpResponse{});
  }
  Answer ask(std::string method, std::string target, std::string body = {},
             std::string type = "application/json") {
    IncomingRequest request{.method = std::move(method),
                            .target = std::move(target),
                            .headers = {{"host", "127.0.0.1:8000"}},
                            .body = std::move(body),
                            .remote = {}};
    if (!request.body.empty()) request.headers.push_back({"content-type", std::move(type)});
    Answer answer{exchange(request), {}};
    if (answer.response.header("content-type") == "application/json") {
      answer.body = json::parse(answer.response.body).as_object();
    }
    return answer;
  }
  Answer post(std::string target, std::string body = {}) {
    return ask("POST", std::move(target), std::move(body));
  }
  Answer get(std::string target) { return ask("GET", std::move(target)); }

  int starts_ = 0;
  SmallRecorder recorder_;
  SmallFollows follows_;
  SeededRandom random_{1};
  whip::Endpoint whip_{recorder_, random_};
  Router::Options options_{
      .guard = {}, .livekit_url = "wss://ours", .default_format = container::Format::mp4};
  Router router_{options_, recorder_, follows_, whip_};
};

TEST_F(RouterTest, SplitsWhatRuns) {
  EXPECT_EQ(post("/api/recording/split/a", "").status(), 404);
  post("/api/recording/start/a", "");
  const Answer answer = post("/api/recording/split/a", "");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body.at("mint_id").as_string(), "a");
  EXPECT_EQ(recorder_.splits, 1);
  EXPECT_EQ(post("/api/recording/split", R"({"mint_id": "a"})").status(), 200);
  EXPECT_EQ(post("/api/recording/split/a", R"({"when": "now"})").status(), 422);
}

TEST_F(RouterTest, start_answers_201_with_the_whole_status) {
  const Answer answer = post("/api/recording/start/demo");
  EXPECT_EQ(answer.status(), 201);
  EXPECT_TRUE(answer.success());
  EXPECT_EQ(answer.text("recording_id"), "r-demo");
  EXPECT_EQ(answer.text("mint_id"), "demo");
  EXPECT_EQ(answer.text("state"), "recording");
  EXPECT_EQ(answer.text("output_path"), "recordings/demo.ts");
  EXPECT_EQ(answer.text("format_used"), "mpegts");
  EXPECT_EQ(answer.text("start_time"), "2023-11-14T22:13:20.250Z");
  for (const char* key : {"duration_seconds", "file_size_bytes", "error"})
    EXPECT_TRUE(answer.body.contains(key)) << key;
  EXPECT_EQ(answer.body.at("tracks").at(0).at("packets").at("expected").to_number<int>(), 10);
  EXPECT_EQ(answer.response.header("location"), "/api/recording/status/demo");
}

TEST_F(RouterTest, start_takes_its_options_from_the_body) {
  const Answer answer =
      post("/api/recording/start", R"({"mint_id": "a:b", "output_format": "mkv", "audio": "copy",
      "video_quality": "low", "damage": "drop", "participants": "all", "livekit_url": "ws://other:7880", "token": "t", "participant": null,
      "gap_limit": 90, "mute_limit": "5m"})");
  EXPECT_EQ(answer.status(), 201) << answer.response.body;
  EXPECT_EQ(recorder_.last.mint_id, "a:b");
  const control::RecordingOptions options = recorder_.last.options.over({});
  EXPECT_EQ(options.format, container::Format::mkv);
  EXPECT_EQ(options.audio, recording::AudioMode::copy);
  EXPECT_EQ(options.video_quality, recording::VideoQuality::low);
  EXPECT_EQ(options.damage, recording::DamageMode::drop);
  EXPECT_EQ(options.gap_limit, std::chrono::seconds(90));
  EXPECT_EQ(options.mute_limit, std::chrono::minutes(5));
  EXPECT_EQ(recorder_.last.participants, control::Participants::all);
  EXPECT_EQ(recorder_.last.livekit_url, "ws://other:7880");
  EXPECT_EQ(recorder_.last.token, "t");
}

TEST_F(RouterTest, the_path_may_be_percent_encoded) {
  EXPECT_EQ(post("/api/recording/start/a%3Ab").text("mint_id"), "a:b");
  EXPECT_EQ(get("/api/recording/status/a%3ab").text("state"), "recording");
}

TEST_F(RouterTest, a_second_start_is_a_conflict_that_shows_the_running_one) {
  post("/api/recording/start/demo");
  const Answer answer = post("/api/recording/start/demo");
  EXPECT_EQ(answer.status(), 409);
  EXPECT_FALSE(answer.success());
  EXPECT_EQ(answer.text("recording_id"), "r-demo");
  EXPECT_THAT(answer.text("error"), HasSubstr("already"));
}

TEST_F(RouterTest, stop_by_path_and_by_body_gives_the_final_status_also_twice) {
  post("/api/recording/start/demo");
  EXPECT_EQ(post("/api/recording/stop/demo").text("state"), "stopped");
  const Answer again = post("/api/recording/stop", R"({"mint_id": "demo"})");
  EXPECT_EQ(again.status(), 200);
  EXPECT_EQ(again.text("state"), "stopped");
}

TEST_F(RouterTest, what_nobody_knows_is_stopped_and_not_found) {
  for (const Answer& answer : {get("/api/recording/status/ghost"), post("/api/recording/stop/ghost")}) {
    EXPECT_EQ(answer.status(), 404);
    EXPECT_FALSE(answer.success());
    EXPECT_EQ(answer.text("state"), "stopped");
  }
}

TEST_F(RouterTest, bad_input_names_the_field) {
  const std::tuple<std::string, std::string, int, std::string> cases[] = {
      {"/api/recording/start", "", 422, "mint_id"},
      {"/api/recording/start/", "", 422, "mint_id"},
      {"/api/recording/start/.hidden", "", 422, "mint_id"},
      {"/api/recording/start/a%2Fb", "", 422, "mint_id"},
      {"/api/recording/start/a%00", "", 422, "mint_id"},
      {"/api/recording/start/a%zz", "", 422, "mint_id"},
      {"/api/recording/start/" + std::string(129, 'a'), "", 422, "mint_id"},
      {"/api/recording/start/a", R"({"mint_id": "b"})", 422, "mint_id"},
      {"/api/recording/start/a", R"({"format": "avi"})", 422, "format"},
      {"/api/recording/start/a", R"({"format": "mp4", "output_format": "mkv"})", 422, "output_format"},
      {"/api/recording/start/a", R"({"format": 1})", 422, "format"},
      {"/api/recording/start/a", R"({"audio": "mp3"})", 422, "audio"},
      {"/api/recording/start/a", R"({"video_quality": "best"})", 422, "video_quality"},
      {"/api/recording/start/a", R"({"damage": "mend"})", 422, "damage"},
      {"/api/recording/start/a", R"({"participant": "a\nb"})", 422, "participant"},
      {"/api/recording/start/a", R"({"participants": "some"})", 422, "participants"},
      {"/api/recording/start/a", R"({"participants": "all", "participant": "x"})", 422, "participants"},
      {"/api/recording/start/a", R"({"livekit_url": "http://x", "token": "t"})", 422, "livekit_url"},
      {"/api/recording/start/a", R"({"livekit_url": "file:///etc/passwd", "token": "t"})", 422,
       "livekit_url"},
      {"/api/recording/start/a", R"({"token": "a\r\nX: y"})", 422, "token"},
      {"/api/recording/start/a", R"({"gap_limit": 0.5})", 422, "gap_limit"},
      {"/api/recording/start/a", R"({"gap_limit": -1})", 422, "gap_limit"},
      {"/api/recording/start/a", R"({"gap_limit": "90"})", 422, "gap_limit"},
      {"/api/recording/start/a", R"({"gap_limit": 1e300})", 422, "gap_limit"},
      {"/api/recording/start/a", R"({"gap_limit": true})", 422, "gap_limit"},
      {"/api/recording/start/a", R"({"mute_limit": "31d"})", 422, "mute_limit"},
      {"/api/recording/start/a", R"({"fromat": "mp4"})", 422, "fromat"},
      {"/api/follow", "", 422, "mint_id"},
      {"/api/follow/", "", 422, "mint_id"},
      {"/api/follow/.a", "", 422, "mint_id"},
      {"/api/follow/a", R"({"mint_id": "b"})", 422, "mint_id"},
      {"/api/follow/a", R"({"token": "t"})", 422, "token"},
      {"/api/follow/a", R"({"livekit_url": "wss://stranger"})", 422, "livekit_url"},
      {"/api/follow/a", R"({"gap_limit": 0.1})", 422, "gap_limit"},
      {"/api/follow/a", "[]", 400, ""},
      {"/api/recording/start/a", "{", 400, ""},
      {"/api/recording/start/a", "[]", 400, ""},
      {"/api/recording/start/a", R"({"a":[[[[[[]]]]]]})", 400, ""},
      {"/api/recording/stop/a", R"({"format": "mp4"})", 422, "format"},
  };
  for (const auto& [target, body, status, field] : cases) {
    const Answer answer = post(target, body);
    EXPECT_EQ(answer.status(), status) << target << ' ' << body << ' ' << answer.response.body;
    EXPECT_EQ(answer.text("field"), field) << target << ' ' << body;
    EXPECT_FALSE(answer.text("error").empty());
  }
  EXPECT_THAT(post("/api/recording/start/a", R"({"fromat": "mp4"})").text("error"),
              HasSubstr("did you mean \"format\"?"));
  EXPECT_TRUE(recorder_.active().empty());
}

TEST_F(RouterTest, our_own_token_is_not_sent_to_a_strangers_server) {
  EXPECT_EQ(post("/api/recording/start/a", R"({"livekit_url": "wss://stranger"})").text("field"), "token");
  EXPECT_EQ(post("/api/recording/start/a", R"({"livekit_url": "wss://ours"})").status(), 201);
}

TEST_F(RouterTest, every_kind_of_failure_has_its_status_and_its_reason) {
  const std::pair<ErrorCode, int> cases[] = {{ErrorCode::invalid, 422},     {ErrorCode::unsupported, 422},
                                             {ErrorCode::not_found, 404},   {ErrorCode::conflict, 409},
                                             {ErrorCode::unavailable, 503}, {ErrorCode::io, 503},
                                             {ErrorCode::refused, 502},     {ErrorCode::internal, 500}};
  for (const auto& [code, status] : cases) {
    recorder_.failure = Error{code, "the reason"};
    const Answer answer = post("/api/recording/start/demo");
    EXPECT_EQ(answer.status(), status);
    EXPECT_EQ(answer.text("error"), "the reason");
  }
}

TEST_F(RouterTest, a_full_machine_says_so_and_when_to_try_again) {
  recorder_.failure = Error{ErrorCode::exhausted, "demo is not recorded: the machine is full"};
  const Answer answer = post("/api/recording/start/demo");
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(answer.text("code"), "machine_full");
  EXPECT_EQ(answer.text("error"), "demo is not recorded: the machine is full");
  EXPECT_EQ(answer.response.header("retry-after"), "5");
  recorder_.failure = Error{ErrorCode::unavailable, "the disk is full"};
  EXPECT_EQ(post("/api/recording/start/demo").text("code"), "");
}

TEST_F(RouterTest, a_limit_of_0_is_never_and_none_is_the_configurations_affair) {
  for (const char* zero : {"0", "\"0\"", "\"0s\"", "0.0"}) {
    EXPECT_EQ(post("/api/recording/start/x" + std::to_string(++starts_),
                   fmt::format(R"({{"gap_limit": {}}})", zero))
                  .status(),
              201);
    EXPECT_EQ(*recorder_.last.options.find("gap_limit"), "0") << zero;
    EXPECT_EQ(recorder_.last.options.find("mute_limit"), nullptr);
  }
}

TEST_F(RouterTest, follow_answers_201_and_200_for_what_is_followed_already) {
  const Answer answer = post("/api/follow/a%3Ab", R"({"format": "mkv", "gap_limit": "90s"})");
  EXPECT_EQ(answer.status(), 201) << answer.response.body;
  EXPECT_EQ(answer.response.header("location"), "/api/follow/a:b");
  EXPECT_EQ(answer.text("mint_id"), "a:b");
  EXPECT_EQ(answer.text("state"), "watching");
  EXPECT_EQ(answer.text("last_error"), "away");
  EXPECT_EQ(answer.text("next_check"), "2023-11-14T22:13:20.250Z");
  EXPECT_FALSE(answer.body.at("stopped_by_hand").as_bool());
  EXPECT_TRUE(answer.body.at("last_recording_id").is_null());
  EXPECT_EQ(answer.body.at("options").at("format").as_string(), "mkv");
  EXPECT_EQ(answer.body.at("options").at("gap_limit").as_string(), "90s");
  EXPECT_EQ(post("/api/follow", R"({"mint_id": "a:b"})").status(), 200);
  EXPECT_EQ(get("/api/follow/a:b").text("mint_id"), "a:b");
  EXPECT_EQ(get("/api/follow/c").status(), 404);
}

TEST_F(RouterTest, follows_are_listed_with_what_was_wrong_with_their_file) {
  post("/api/follow/a");
  post("/api/follow/b");
  const Answer answer = get("/api/follow");
  EXPECT_EQ(answer.body.at("count").to_number<int>(), 2);
  EXPECT_EQ(answer.body.at("follows").at(1).at("mint_id").as_string(), "b");
  EXPECT_TRUE(answer.body.at("problem").is_null());
  follows_.problem = "kept aside";
  EXPECT_EQ(get("/api/follow").text("problem"), "kept aside");
}

TEST_F(RouterTest, unfollow_forgets_it_once) {
  post("/api/follow/a");
  EXPECT_EQ(ask("DELETE", "/api/follow/a").status(), 200);
  EXPECT_EQ(ask("DELETE", "/api/follow/a").status(), 404);
  EXPECT_EQ(ask("DELETE", "/api/follow").status(), 405);
  EXPECT_EQ(ask("DELETE", "/api/follow").response.header("allow"), "GET, POST");
  EXPECT_EQ(ask("PUT", "/api/follow/a").response.header("allow"), "GET, POST, DELETE");
}

TEST_F(RouterTest, a_follow_that_cannot_be_kept_says_why) {
  follows_.failure = Error{ErrorCode::conflict, "as many as follow_limit allows"};
  EXPECT_EQ(post("/api/follow/a").status(), 409);
  follows_.failure = Error{ErrorCode::io, "the disk is full"};
  EXPECT_EQ(post("/api/follow/a").status(), 503);
  EXPECT_EQ(ask("DELETE", "/api/follow/a").text("error"), "the disk is full");
}

TEST_F(RouterTest, a_webhook_gets_in_by_its_signature_alone) {
  const auto webhook = [this](std::string authorization, std::string body, std::string host) {
    return exchange({.method = "POST",
                     .target = "/api/livekit/webhook",
                     .headers = {{"host", std::move(host)},
                                 {"content-type", "application/webhook+json"},
                                 {"authorization", std::move(authorization)}},
                     .body = std::move(body),
                     .remote = {}})
        .status;
  };
  EXPECT_EQ(webhook("signed", "{}", "holdfast:8000"), 200);
  EXPECT_EQ(webhook("forged", "{...}", "127.0.0.1"), 401);
  EXPECT_EQ(webhook("forged", "{}", "127.0.0.1"), 422);
  EXPECT_EQ(get("/api/livekit/webhook").status(), 405);
}

TEST_F(RouterTest, active_lists_what_records) {
  post("/api/recording/start/a");
  post("/api/recording/start/b");
  post("/api/recording/stop/a");
  const Answer answer = get("/api/recording/active");
  EXPECT_EQ(answer.body.at("count").to_number<int>(), 1);
  EXPECT_EQ(answer.body.at("recordings").at(0).at("mint_id").as_string(), "b");
}

TEST_F(RouterTest, recordings_lists_the_folder_and_what_could_not_be_read) {
  const Answer answer = get("/api/recordings");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body.at("recordings").at(0).at("end").as_string(), "interrupted");
  EXPECT_EQ(answer.body.at("recordings").at(0).at("file_size_bytes").to_number<int>(), 7);
  EXPECT_EQ(answer.body.at("unreadable").as_array().size(), 1U);
}

TEST_F(RouterTest, a_recording_on_disk_shows_what_is_missing_from_it_and_whether_it_is_protected) {
  const json::object recording = get("/api/recordings").body.at("recordings").at(0).as_object();
  EXPECT_EQ(recording.at("end_time").as_string(), "2023-11-14T22:13:20.250Z");
  EXPECT_TRUE(recording.at("protected").as_bool());
  EXPECT_EQ(recording.at("gaps").to_number<int>(), 2);
  EXPECT_EQ(recording.at("gap_seconds").to_number<double>(), 4.5);
  EXPECT_EQ(recording.at("packets_lost").to_number<int>(), 9);
}

TEST_F(RouterTest, recordings_come_in_pages_whose_next_is_the_way_to_the_following_one) {
  const Answer all = get("/api/recordings");
  EXPECT_FALSE(recorder_.last_query.limit);
  EXPECT_TRUE(all.body.at("next").is_null());
  const Answer page = get("/api/recordings?limit=20&mint_id=a%3Ab&before=20260102T030405.006Z~m~3A_x");
  EXPECT_EQ(page.status(), 200) << page.response.body;
  EXPECT_EQ(recorder_.last_query.limit, 20U);
  EXPECT_EQ(recorder_.last_query.mint_id, "a:b");
  EXPECT_EQ(recorder_.last_query.before->journal, "m%3A_x.journal.jsonl");
  EXPECT_EQ(page.text("next"), "20260102T030405.006Z~m~3A_x");
  EXPECT_EQ(page.body.at("total").to_number<int>(), 8);
  EXPECT_EQ(get("/api/recordings?before=2026-01-02T03:04:05.006Z").status(), 200);
}

TEST_F(RouterTest, a_wrong_parameter_is_named) {
  const std::pair<std::string, std::string> cases[] = {
      {"limit=0", "limit"},           {"limit=10001", "limit"},     {"limit=", "limit"},
      {"limit=5x", "limit"},          {"limit=1&limit=2", "limit"}, {"before=yesterday", "before"},
      {"before=%zz", "before"},       {"mint_id=..", "mint_id"},    {"page=2", "page"},
      {"mint_id=a&order=up", "order"}};
  for (const auto& [query, field] : cases) {
    const Answer answer = get("/api/recordings?" + query);
    EXPECT_EQ(answer.status(), 422) << query;
    EXPECT_EQ(answer.text("field"), field) << query;
  }
}

TEST_F(RouterTest, protection_is_put_and_deleted) {
  const Answer on = ask("PUT", "/api/recordings/m%253A1_x/protection");
  EXPECT_EQ(on.status(), 200) << on.response.body;
  EXPECT_EQ(on.text("recording_id"), "m%3A1_x");
  EXPECT_TRUE(on.body.at("protected").as_bool());
  EXPECT_EQ(recorder_.protections.at("m%3A1_x"), archive::Protection::on);
  EXPECT_FALSE(ask("DELETE", "/api/recordings/m%253A1_x/protection").body.at("protected").as_bool());
  EXPECT_EQ(recorder_.protections.at("m%3A1_x"), archive::Protection::off);
  EXPECT_EQ(get("/api/recordings/m/protection").status(), 405);
  EXPECT_EQ(ask("PUT", "/api/recordings//protection").status(), 404);
  EXPECT_EQ(ask("PUT", "/api/recordings/m").status(), 404);
  EXPECT_EQ(ask("PUT", "/api/recordings/m/protection", "{}").status(), 400);
  recorder_.failure = Error{ErrorCode::conflict, "in use"};
  EXPECT_EQ(ask("PUT", "/api/recordings/m/protection").status(), 409);
}

TEST_F(RouterTest, a_marker_says_in_which_recordings_it_is) {
  post("/api/recording/start/demo");
  const Answer answer = post("/api/recording/marker/demo", R"({"text": "a goal, \u00e9"})");
  EXPECT_EQ(answer.status(), 200) << answer.response.body;
  EXPECT_EQ(answer.body.at("recording_ids").at(0).as_string(), "r-demo");
  EXPECT_EQ(recorder_.markers.at(0), "a goal, \u00e9");
  EXPECT_EQ(post("/api/recording/marker", R"({"mint_id": "demo", "text": "x"})").status(), 200);
  EXPECT_EQ(post("/api/recording/marker/ghost", R"({"text": "x"})").status(), 404);
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "text"},
      {"", "text"},
      {R"({"text": ""})", "text"},
      {R"({"text": 7})", "text"},
      {R"({"text": "a\nb"})", "text"},
      {R"({"text": ")" + std::string(1001, 'x') + "\"}", "text"},
      {R"({"text": "x", "mint_id": "other"})", "mint_id"},
      {R"({"text": "x", "colour": "red"})", "colour"}};
  for (const auto& [body, field] : cases) {
    const Answer wrong = post("/api/recording/marker/demo", body);
    EXPECT_EQ(wrong.status(), 422) << body;
    EXPECT_EQ(wrong.text("field"), field) << body;
  }
  EXPECT_EQ(recorder_.markers.size(), 2U);
}

TEST_F(RouterTest, formats_are_those_that_can_be_asked_for) {
  const Answer answer = get("/api/recording/formats");
  EXPECT_EQ(answer.text("default"), "mp4");  // as configured
  ASSERT_EQ(answer.body.at("formats").as_array().size(), 3U);
  for (const auto& format : answer.body.at("formats").as_array()) {
    const std::string name(format.at("format").as_string());
    EXPECT_EQ(post("/api/recording/start/" + name, R"({"format": ")" + name + "\"}").status(), 201);
  }
}

TEST_F(RouterTest, health_is_always_well_and_ready_is_not) {
  recorder_.ready = control::Readiness::disk_full;
  EXPECT_EQ(get("/health").status(), 200);
  EXPECT_EQ(get("/ready").status(), 503);
  EXPECT_EQ(get("/ready").text("status"), "disk_full");
  recorder_.ready = control::Readiness::ready;
  EXPECT_EQ(get("/ready").status(), 200);
}

TEST_F(RouterTest, a_wrong_method_is_told_the_right_one) {
  EXPECT_EQ(get("/api/recording/start/a").status(), 405);
  EXPECT_EQ(get("/api/recording/start/a").response.header("allow"), "POST");
  EXPECT_EQ(post("/api/recording/status/a").response.header("allow"), "GET");
  EXPECT_EQ(post("/metrics").status(), 405);
  EXPECT_EQ(ask("HEAD", "/health").status(), 200);
}

TEST_F(RouterTest, an_unknown_path_is_told_the_known_ones) {
  for (const char* target :
       {"/", "/api", "/api/recording/status", "/api/recording/start2", "/metrics/", "/health/x"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status(), 404) << target;
    EXPECT_THAT(answer.text("error"), HasSubstr("/api/recording/start/{mint_id}"));
  }
}

TEST_F(RouterTest, options_in_the_query_or_in_another_type_are_not_overlooked) {
  EXPECT_EQ(post("/api/recording/start/a?format=mp4").status(), 400);
  EXPECT_EQ(ask("POST", "/api/recording/start/a", "format=mp4", "application/x-www-form-urlencoded").status(),
            415);
  EXPECT_EQ(ask("POST", "/api/recording/start/a", "{}", "application/json; charset=utf-8").status(), 201);
  EXPECT_EQ(post("/api/recording/start/b", std::string(70'000, ' ')).status(), 413);
}

TEST_F(RouterTest, whip_goes_to_its_endpoint_with_a_checked_mint_id) {
  const std::string offer = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
  const Answer answer = ask("POST", "/whip/demo?x=y", offer, "application/sdp");
  EXPECT_EQ(answer.status(), 201);
  const std::string location(answer.response.header("location"));
  EXPECT_EQ(ask("DELETE", location).status(), 200);
  EXPECT_EQ(ask("DELETE", location).status(), 404);
  EXPECT_EQ(ask("POST", "/whip/.demo", offer, "application/sdp").status(), 422);
  EXPECT_EQ(ask("POST", "/whip/demo/", offer, "application/sdp").status(), 404);
  EXPECT_EQ(recorder_.offered, std::vector<std::string>{"demo"});
}

TEST_F(RouterTest, metrics_are_prometheus_text) {
  post("/api/recording/start/demo");
  const Answer answer = get("/metrics");
  EXPECT_THAT(std::string(answer.response.header("content-type")), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(answer.response.body, HasSubstr("recording_file_size_bytes{mint_id=\"demo\"} 0\n"));
  post("/api/follow/demo");
  EXPECT_THAT(get("/metrics").response.body, HasSubstr("holdfast_followed_streams{state=\"watching\"} 1\n"));
}

// A request put together by chance from pieces that mean something, then damaged.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed) {}

  IncomingRequest request() {
    static constexpr std::string_view methods[] = {"GET",     "POST", "PUT", "DELETE", "PATCH",
                                                   "OPTIONS", "HEAD", "",    "start"};
    static constexpr std::string_view targets[] = {"/api/recording/start/",
                                                   "/api/recording/start",
                                                   "/api/recording/stop/x",
                                                   "/api/recording/status/",
                                                   "/api/recordings",
                                                   "/api/recordings?limit=1&before=%",
                                                   "/api/recordings/x/protection",
                                                   "/api/recording/marker/x",
                                                   "/whip/",
                                                   "/whip/a/b",
                                                   "/api/follow",
                                                   "/api/follow/x",
                                                   "/api/livekit/webhook",
                                                   "/metrics",
                                                   "/health",
                                                   "",
                                                   "*",
                                                   "/api/recording/active"};
    static constexpr std::string_view bodies[] = {"",
                                                  "{",
                                                  "{}",
                                                  R"({"mint_id": "x"})",
                                                  R"({"mint_id": 7, "format": "mp4"})",
                                                  R"({"livekit_url": "ws://[::1", "token": ""})",
                                                  "v=0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\n",
                                                  "[[[[[[[[[[",
                                                  R"({"\ud800": 1})",
                                                  "a=candidate:\r\n"};
    static constexpr std::string_view types[] = {"application/json", "application/sdp",
                                                 "application/trickle-ice-sdpfrag", ";", ""};
    static constexpr std::string_view hosts[] = {
        "127.0.0.1:8000", "localhost", "127.0.0.1:8000", "evil.example", "[::1", ":", ""};
    IncomingRequest request{
        .method = std::string(pick(methods)),
        .target = damage(pick(targets)),
        .headers = {{"host", std::string(pick(hosts))}, {"content-type", std::string(pick(types))}},
        .body = damage(pick(bodies)),
        .remote = {}};
    if (random_.below(4) == 0) request.headers.push_back({"origin", damage("http://127.0.0.1:8000")});
    if (random_.below(4) == 0) request.headers.push_back({"if-match", damage("\"x\"")});
    return request;
  }

 private:
  template <std::size_t Count>
  std::string_view pick(const std::string_view (&choices)[Count]) {
    return choices[random_.below(Count)];
  }
  std::string damage(std::string_view text) {
    std::string out(text);
    if (random_.below(2) == 0) return out;
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
      const auto place = static_cast<std::ptrdiff_t>(random_.below(out.size() + 1));
      out.insert(out.begin() + place, static_cast<char>(random_.below(256)));
    }
    return out;
  }

  SeededRandom random_;
};

TEST_F(RouterTest, a_thousand_malformed_requests_do_no_harm) {
  constexpr std::uint64_t seed = 20261122;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  post("/api/recording/start/kept");
  Chaos chaos(seed);
  std::map<int, int> answers;
  for (int i = 0; i < 1000; ++i) {
    const IncomingRequest request = chaos.request();
    if (request.target.find("kept") != std::string::npos) continue;
    const HttpResponse response = exchange(request);
    ++answers[response.status];
    EXPECT_GE(response.status, 200);
    EXPECT_LT(response.status, 500) << request.method << ' ' << request.target << ' ' << request.body;
    if (response.header("content-type") == "application/json") {
      boost::system::error_code error;
      json::parse(response.body, error);
      EXPECT_FALSE(error) << response.body;
    }
  }
  EXPECT_GE(answers.size(), 8U);  // the pieces reach many branches
  EXPECT_EQ(get("/api/recording/status/kept").text("state"), "recording");
}

}  // namespace
}  // namespace holdfast::api
