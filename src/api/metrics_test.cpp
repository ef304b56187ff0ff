#include "api/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace holdfast::api {
namespace {

using testing::HasSubstr;
using testing::Not;

recording::Status recording_of(std::string mint_id, std::uint64_t size) {
  recording::Status status;
  status.mint_id = std::move(mint_id);
  status.state = recording::State::recording;
  status.file_size_bytes = size;
  status.write_rate = 1000;
  status.since_last_packet = std::chrono::milliseconds(250);
  status.tracks.emplace_back();
  status.tracks[0].packets = {
      .expected = 100, .written = 90, .lost = 4, .dropped = 3, .pending = 3, .recovered = 2, .duplicates = 1};
  status.tracks[0].packets.recovered_rtx = 2;
  status.tracks[0].packets.late = 5;
  status.tracks[0].packets.dropped_by[0] = 3;
  status.tracks[0].frames_lost = 6;
  status.tracks[0].frames_damaged = 7;
  return status;
}

// The page while these are active, the first ones longest.
std::string render(std::vector<recording::Status> active, const ProcessMetrics& process = {}) {
  recording::Totals totals(10);
  for (std::size_t i = 0; i < active.size(); ++i) {
    active[i].recording_id = std::to_string(i);
    totals.update(active[i]);
  }
  return render_metrics(active, totals, process);
}

// The samples of a page by name and labels. Checks the text format's own rules on the way.
std::map<std::string, double> parse(const std::string& page) {
  static const std::regex sample_line(
      R"re(([a-z_]+)(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? ([-+0-9.einfa]+))re");
  static const std::regex type_line(R"(# TYPE ([a-z_]+) (gauge|counter|histogram))");
  std::map<std::string, double> samples;
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("# HELP ")) continue;
    if (std::regex_match(line, match, type_line)) {
      family = match[1];
      EXPECT_TRUE(families.insert(family).second) << family << " twice";
    } else if (std::regex_match(line, match, sample_line)) {
      EXPECT_TRUE(match[1].str().starts_with(family)) << line;
      EXPECT_TRUE(samples.emplace(match[1].str() + match[2].str(), std::stod(match[4])).second)
          << line << " twice";
    } else {
      ADD_FAILURE() << "no metrics line: " << line;
    }
  }
  EXPECT_TRUE(page.ends_with('\n'));
  return samples;
}

TEST(Metrics, show_each_recording_by_its_mint_id) {
  ProcessMetrics process;
  process.memory_bytes = 40'000'000;
  auto samples = parse(render({recording_of("a", 7), recording_of("b", 8)}, process));
  EXPECT_EQ(samples.at("recording_active"), 2);
  EXPECT_EQ(samples.at("recording_memory_usage_mb"), 40);
  EXPECT_EQ(samples.at("recording_file_size_bytes{mint_id=\"a\"}"), 7);
  EXPECT_EQ(samples.at("recording_file_size_bytes{mint_id=\"b\"}"), 8);
  EXPECT_EQ(samples.at("recording_disk_write_rate{mint_id=\"a\"}"), 1000);
  EXPECT_EQ(samples.at("recording_zero_packet_streak{mint_id=\"a\"}"), 0.25);
  EXPECT_EQ(samples.at("recording_state{mint_id=\"a\",state=\"recording\"}"), 1);
  EXPECT_EQ(samples.at("recording_metrics_omitted"), 0);
}

TEST(Metrics, say_what_recovered_packets_and_why_they_were_dropped) {
  auto samples = parse(render({recording_of("a", 0), recording_of("a", 0)}));
  EXPECT_EQ(samples.at(R"(recording_packets_recovered_total{mint_id="a",kind="video",by="rtx"})"), 4);
  EXPECT_EQ(samples.at(R"(recording_packets_recovered_total{mint_id="a",kind="video",by="red"})"), 0);
  EXPECT_EQ(samples.at(R"(recording_packets_dropped_total{mint_id="a",kind="video",cause="incomplete"})"), 6);
  EXPECT_EQ(samples.at(R"(recording_packets_late_total{mint_id="a",kind="video"})"), 10);
  EXPECT_EQ(samples.at(R"(recording_frames_lost_total{mint_id="a",kind="video"})"), 12);
  EXPECT_EQ(samples.at(R"(recording_frames_damaged_total{mint_id="a",kind="video"})"), 14);
}

TEST(Metrics, packets_add_up_by_outcome) {
  auto samples = parse(render({recording_of("a", 0)}));
  const auto total = [&](const std::string& outcome) {
    return samples.at("recording_packets_total{mint_id=\"a\",kind=\"video\",outcome=\"" + outcome + "\"}");
  };
  EXPECT_EQ(total("written"), 90);
  EXPECT_EQ(total("written") + total("lost") + total("dropped") +
                samples.at("recording_packets_pending{mint_id=\"a\",kind=\"video\"}"),
            samples.at("recording_packets_expected_total{mint_id=\"a\",kind=\"video\"}"));
}

TEST(Metrics, recordings_of_one_mint_id_are_added_up) {
  auto samples = parse(render({recording_of("a", 7), recording_of("a", 8)}));
  EXPECT_EQ(samples.at("recording_file_size_bytes{mint_id=\"a\"}"), 15);
  EXPECT_EQ(samples.at("recording_state{mint_id=\"a\",state=\"recording\"}"), 2);
}

TEST(Metrics, mint_ids_over_the_limit_are_added_up_as_other) {
  std::vector<recording::Status> many;
  many.reserve(1000);
  for (int i = 0; i < 1000; ++i) many.push_back(recording_of("m" + std::to_string(i), 1));
  const std::string page = render(many);
  auto samples = parse(page);
  EXPECT_EQ(samples.at("recording_active"), 1000);
  EXPECT_EQ(samples.at("recording_file_size_bytes{mint_id=\"(other)\"}"), 990);
  EXPECT_EQ(samples.at("recording_metrics_omitted"), 990);
  EXPECT_THAT(page, HasSubstr("\"m9\""));
  EXPECT_THAT(page, Not(HasSubstr("\"m10\"")));
}

TEST(Metrics, a_stream_that_is_waited_for_has_no_packet_streak) {
  auto waiting = recording_of("a", 0);
  waiting.state = recording::State::waiting;
  EXPECT_EQ(parse(render({waiting})).at("recording_zero_packet_streak{mint_id=\"a\"}"), 0);
}

TEST(Metrics, the_latency_histogram_is_cumulative) {
  ProcessMetrics process;
  process.write_latency.counts[0] = 5;
  process.write_latency.counts[1] = 2;
  process.write_latency.counts.back() = 1;
  process.write_latency.count = 8;
  process.write_latency.sum_us = 12'345;
  auto samples = parse(render({}, process));
  const std::string name = "recording_write_latency_microseconds";
  EXPECT_EQ(samples.at(name + "_bucket{le=\"100\"}"), 5);
  EXPECT_EQ(samples.at(name + "_bucket{le=\"250\"}"), 7);
  EXPECT_EQ(samples.at(name + "_bucket{le=\"1000000\"}"), 7);
  EXPECT_EQ(samples.at(name + "_bucket{le=\"+Inf\"}"), 8);
  EXPECT_EQ(samples.at(name + "_count"), 8);
  EXPECT_EQ(samples.at(name + "_sum"), 12'345);
}

TEST(Metrics, follows_are_counted_by_state_and_outcome) {
  ProcessMetrics process;
  process.follows = {.streams = {7, 2, 1}, .checks = {4, 3, 2, 1}, .webhooks = {5, 6, 7, 8}};
  auto samples = parse(render({}, process));
  EXPECT_EQ(samples.at("holdfast_followed_streams{state=\"watching\"}"), 7);
  EXPECT_EQ(samples.at("holdfast_followed_streams{state=\"recording\"}"), 2);
  EXPECT_EQ(samples.at("holdfast_followed_streams{state=\"error\"}"), 1);
  EXPECT_EQ(samples.at("holdfast_live_checks_total{outcome=\"live\"}"), 4);
  EXPECT_EQ(samples.at("holdfast_live_checks_total{outcome=\"refused\"}"), 1);
  EXPECT_EQ(samples.at("holdfast_livekit_webhooks_total{outcome=\"acted\"}"), 5);
  EXPECT_EQ(samples.at("holdfast_livekit_webhooks_total{outcome=\"invalid\"}"), 8);
}

TEST(Metrics, load_is_shown_by_thread_and_refusals_by_what_was_full) {
  ProcessMetrics process;
  process.load.workers = {{.worker = 0.25, .transcoder = 0.5}, {.worker = 0.75, .storage = 0.125}};
  process.load.processors = 0.375;
  process.load.disk_wait = std::chrono::milliseconds(1500);
  process.refused[std::to_underlying(recording::Resource::transcoder)] = 3;
  auto samples = parse(render({}, process));
  EXPECT_EQ(samples.at("holdfast_worker_load{worker=\"0\"}"), 0.25);
  EXPECT_EQ(samples.at("holdfast_worker_load{worker=\"1\"}"), 0.75);
  EXPECT_EQ(samples.at("holdfast_transcoder_load{worker=\"0\"}"), 0.5);
  EXPECT_EQ(samples.at("holdfast_storage_load{worker=\"1\"}"), 0.125);
  EXPECT_EQ(samples.at("holdfast_processor_load"), 0.375);
  EXPECT_EQ(samples.at("holdfast_disk_wait_seconds"), 1.5);
  EXPECT_EQ(samples.at("recording_admission_refused_total{resource=\"transcoder\"}"), 3);
  EXPECT_EQ(samples.at("recording_admission_refused_total{resource=\"worker\"}"), 0);
}

TEST(Metrics, retention_says_what_it_removed_and_what_it_cannot_meet) {
  ProcessMetrics process;
  process.archive = {.removed = {3, 2, 1}, .removed_bytes = 77, .missed = {false, false, true}};
  auto samples = parse(render({}, process));
  EXPECT_EQ(samples.at("holdfast_recordings_removed_total{reason=\"keep_days\"}"), 3);
  EXPECT_EQ(samples.at("holdfast_recordings_removed_total{reason=\"keep_free\"}"), 1);
  EXPECT_EQ(samples.at("holdfast_removed_bytes_total"), 77);
  EXPECT_EQ(samples.at("holdfast_retention_missed{reason=\"keep_bytes\"}"), 0);
  EXPECT_EQ(samples.at("holdfast_retention_missed{reason=\"keep_free\"}"), 1);
}

}  // namespace
}  // namespace holdfast::api
