#include "app/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

Result<Command> parse(std::vector<const char*> words,
                      const std::map<std::string, std::string>& environment = {}) {
  words.insert(words.begin(), "holdfast");
  return parse_arguments(static_cast<int>(words.size()), words.data(), environment);
}
std::string error_of(std::vector<const char*> words) {
  const auto command = parse(std::move(words));
  return command ? "no error" : command.error().message;
}
std::string printed(std::vector<const char*> words) {
  const auto command = parse(std::move(words));
  return command ? std::get<PrintCommand>(*command).text : command.error().message;
}

TEST(Arguments, serve_takes_every_setting_as_a_flag) {
  const auto command = parse({"serve",
                              "--listen",
                              "127.0.0.1:9000",
                              "--recordings=/r",
                              "--livekit-url",
                              "ws://h:7880",
                              "--livekit-api-key",
                              "k",
                              "--livekit-api-secret",
                              "s",
                              "--livekit-room",
                              "r-{mint_id}",
                              "--audio",
                              "copy",
                              "--no-fill",
                              "--insecure",
                              "--allowed-hosts",
                              "a",
                              "--allowed-hosts",
                              "b"});
  ASSERT_TRUE(command) << command.error().message;
  const Config& config = std::get<ServeCommand>(*command).config;
  EXPECT_EQ(config.listen.endpoint.port, 9000);
  EXPECT_EQ(config.recordings, "/r");
  EXPECT_EQ(config.livekit_room, "r-{mint_id}");
  EXPECT_EQ(config.recording.audio, recording::AudioMode::copy);
  EXPECT_FALSE(config.recording.fill);
  EXPECT_TRUE(config.insecure);
  EXPECT_THAT(config.allowed_hosts, ElementsAre("a", "b"));
}

TEST(Arguments, every_setting_is_shown_in_the_help_of_serve) {
  const std::string help = printed({"serve", "--help"});
  for (const Setting& setting : settings()) EXPECT_THAT(help, HasSubstr(setting.flag_name()));
  EXPECT_THAT(help, HasSubstr("Examples:"));
}

TEST(Arguments, every_command_has_a_help_with_examples) {
  for (const char* command : {"record", "publish", "export"}) {
    EXPECT_THAT(printed({command, "--help"}), HasSubstr("Examples:")) << command;
  }
  EXPECT_THAT(printed({}), HasSubstr("serve"));
  EXPECT_THAT(printed({"--help"}), HasSubstr("holdfast COMMAND --help"));
  EXPECT_EQ(printed({"version"}), printed({"--version"}));
}

TEST(Arguments, a_file_named_by_flag_or_environment_is_read) {
  const std::string path = testing::TempDir() + "holdfast_arguments_test.toml";
  std::ofstream(path) << "gap_limit = \"5m\"\n";
  const auto by_flag = parse({"serve", "--config", path.c_str()});
  const auto by_environment = parse({"serve"}, {{"HOLDFAST_CONFIG", path}});
  std::remove(path.c_str());
  ASSERT_TRUE(by_flag && by_environment);
  EXPECT_EQ(std::get<ServeCommand>(*by_flag).config.recording.gap_limit, 5min);
  EXPECT_EQ(std::get<ServeCommand>(*by_environment).config.recording.gap_limit, 5min);
  EXPECT_THAT(error_of({"serve", "--config", path.c_str()}), HasSubstr(path));
  EXPECT_THAT(error_of({"serve", "--config", testing::TempDir().c_str()}), HasSubstr("cannot read"));
}

TEST(Arguments, a_mistyped_word_names_the_nearest_known_one) {
  EXPECT_EQ(error_of({"serve", "--recordngs", "x"}),
            "serve: unknown argument --recordngs; did you mean --recordings?");
  EXPECT_EQ(error_of({"publish", "http://x/", "--bitrat=1"}),
            "publish: unknown argument --bitrat; did you mean --bitrate?");
  EXPECT_EQ(error_of({"serv"}), "holdfast: unknown argument serv; did you mean serve?");
  EXPECT_EQ(error_of({"serve", "more"}).substr(0, 28), "serve: unknown argument more");
}

TEST(Arguments, record_needs_a_stream_a_server_and_a_token) {
  EXPECT_THAT(error_of({"record"}), HasSubstr("--room"));
  EXPECT_THAT(error_of({"record", "--room", "r"}), HasSubstr("--livekit-url"));
  EXPECT_THAT(error_of({"record", "--room", "r", "--livekit-url", "ws://x"}), HasSubstr("--token"));
  EXPECT_THAT(error_of({"record", "--mint-id", "a/b", "--livekit-url", "ws://x", "--token", "t"}),
              HasSubstr("--mint-id"));
  const auto command = parse({"record", "--room", "my room", "--livekit-url", "ws://x", "--token", "t",
                              "--participants", "all", "--duration", "90s", "--format", "mkv", "--quiet"});
  ASSERT_TRUE(command) << command.error().message;
  const auto& record = std::get<RecordCommand>(*command);
  EXPECT_EQ(record.options.room, "my room");
  EXPECT_EQ(record.options.participants, control::Participants::all);
  EXPECT_EQ(record.options.duration, 90s);
  EXPECT_TRUE(record.options.quiet);
  EXPECT_EQ(record.config.recording.format, container::Format::mkv);
}

TEST(Arguments, publish_has_defaults_for_all_but_the_endpoint) {
  const auto command = parse({"publish", "http://127.0.0.1:8000/whip/demo"});
  ASSERT_TRUE(command) << command.error().message;
  const auto& options = std::get<PublishOptions>(*command);
  EXPECT_EQ(options.video, media::Codec::h264);
  EXPECT_EQ(options.audio, media::Codec::opus);
  EXPECT_EQ(options.key_frame_interval, 2s);
  EXPECT_EQ(options.count, 1);
}

TEST(Arguments, publish_takes_what_to_send) {
  const auto command = parse({"publish",     "https://x/whip/n{n}",
                              "--video",     "vp8",
                              "--audio",     "none",
                              "--size",      "640x360",
                              "--fps",       "15",
                              "--bitrate",   "500k",
                              "--keyframes", "on-request",
                              "--count",     "20",
                              "--token",     "t",
                              "--input",     "clip.mkv"});
  ASSERT_TRUE(command) << command.error().message;
  const auto& options = std::get<PublishOptions>(*command);
  EXPECT_EQ(options.video, media::Codec::vp8);
  EXPECT_EQ(options.audio, std::nullopt);
  EXPECT_EQ(options.width, 640);
  EXPECT_EQ(options.height, 360);
  EXPECT_EQ(options.bits_per_second, 500'000);
  EXPECT_EQ(options.key_frames, KeyFrames::on_request);
  EXPECT_EQ(options.count, 20);
}

TEST(Arguments, publish_says_what_is_wrong) {
  const std::pair<std::vector<const char*>, std::string_view> cases[] = {
      {{"publish"}, "url"},
      {{"publish", "demo"}, "http://"},
      {{"publish", "http://x/", "--video", "av1"}, "--video"},
      {{"publish", "http://x/", "--video", "none", "--audio", "none"}, "nothing to publish"},
      {{"publish", "http://x/", "--size", "641x360"}, "--size"},
      {{"publish", "http://x/", "--size", "640"}, "--size"},
      {{"publish", "http://x/", "--fps", "0"}, "--fps"},
      {{"publish", "http://x/", "--bitrate", "9k"}, "--bitrate"},
      {{"publish", "http://x/", "--bitrate", "99999999999999999999M"}, "--bitrate"},
      {{"publish", "http://x/", "--keyframes", "never"}, "--keyframes"},
      {{"publish", "http://x/", "--duration", "5"}, "--duration"},
      {{"publish", "http://x/", "--count", "2"}, "{n}"},
  };
  for (const auto& [words, expected] : cases) EXPECT_THAT(error_of(words), HasSubstr(expected));
}

TEST(Arguments, export_takes_a_recording_and_an_mp4) {
  const auto command = parse({"export", "a.ts", "b.mp4", "--overwrite"});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(std::get<ExportOptions>(*command).output, "b.mp4");
  EXPECT_TRUE(std::get<ExportOptions>(*command).overwrite);
  EXPECT_THAT(error_of({"export", "a.ts", "b.avi"}), HasSubstr(".mp4"));
  EXPECT_THAT(error_of({"export", "a.ts"}), HasSubstr("output"));
}

TEST(Arguments, reindex_takes_the_folder_named_or_the_configured_one) {
  EXPECT_EQ(std::get<ReindexOptions>(*parse({"reindex", "/r"})).folder, "/r");
  EXPECT_EQ(std::get<ReindexOptions>(*parse({"reindex"})).folder, "recordings");
  EXPECT_EQ(std::get<ReindexOptions>(*parse({"reindex"}, {{"HOLDFAST_RECORDINGS", "/e"}})).folder, "/e");
  EXPECT_THAT(error_of({"reindex", "/r", "/s"}), HasSubstr("unknown argument /s"));
}

TEST(Arguments, prune_takes_its_limits_as_the_configuration_does) {
  const auto options = std::get<PruneOptions>(
      *parse({"prune", "/r", "--keep-days", "30", "--keep-bytes=5GB", "--keep-free", "1GiB", "--dry-run"}));
  EXPECT_EQ(options.folder, "/r");
  EXPECT_EQ(options.limits.keep_days, 30U);
  EXPECT_EQ(options.limits.keep_bytes.bytes, 5'000'000'000U);
  EXPECT_EQ(options.limits.keep_free.bytes, 1U << 30);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(std::get<PruneOptions>(*parse({"prune"}, {{"HOLDFAST_KEEP_DAYS", "7"}})).limits.keep_days, 7U);
  EXPECT_FALSE(std::get<PruneOptions>(*parse({"prune", "--keep-days", "1"})).dry_run);
}

TEST(Arguments, prune_without_a_limit_removes_nothing) {
  EXPECT_THAT(error_of({"prune", "/r"}), HasSubstr("set a limit"));
  EXPECT_THAT(error_of({"prune", "/r", "--keep-days", "-1"}), HasSubstr("keep_days"));
  EXPECT_THAT(error_of({"prune", "/r", "--keep-days", "40000"}), HasSubstr("36500"));
}

TEST(Arguments, verify_takes_any_number_of_paths) {
  const auto command = parse({"verify", "a.ts", "recordings", "--json", "--quiet"});
  ASSERT_TRUE(command) << command.error().message;
  const auto& options = std::get<VerifyOptions>(*command);
  EXPECT_THAT(options.paths, ElementsAre("a.ts", "recordings"));
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.quiet);
  EXPECT_THAT(error_of({"verify"}), HasSubstr("required"));
}

TEST(Arguments, the_help_of_verify_has_its_exit_statuses) {
  EXPECT_THAT(printed({"verify", "--help"}), HasSubstr("Exit status: 0 no damage"));
}

TEST(Arguments, repair_takes_a_frame_rate_in_any_of_three_forms) {
  const auto rate = [](const char* text) {
    const auto command = parse({"repair", "old.h264", "-o", "new.ts", "--fps", text});
    const auto given = command ? std::get<RepairOptions>(*command).frame_rate : std::nullopt;
    return given ? std::pair(given->frames, given->seconds) : std::pair(0u, 0u);
  };
  EXPECT_EQ(rate("25"), std::pair(25u, 1u));
  EXPECT_EQ(rate("29.97"), std::pair(2997u, 100u));
  EXPECT_EQ(rate("30000/1001"), std::pair(30000u, 1001u));
  EXPECT_EQ(rate("0"), std::pair(0u, 0u));
  EXPECT_EQ(rate("fast"), std::pair(0u, 0u));
  EXPECT_THAT(error_of({"repair", "old.h264", "--fps", "1/0"}), HasSubstr("--fps must be"));
}

TEST(Arguments, inspect_takes_one_recording) {
  const auto command = parse({"inspect", "a.ts", "--json"});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(std::get<InspectOptions>(*command).input, "a.ts");
  EXPECT_TRUE(std::get<InspectOptions>(*command).json);
}

}  // namespace
}  // namespace holdfast::app
