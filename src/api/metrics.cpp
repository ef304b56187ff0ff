#include "api/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::api {
namespace {

constexpr std::string_view other = "(other)";
constexpr std::size_t state_count = std::to_underlying(recording::State::failed) + 1;
constexpr std::array<std::string_view, webhook_outcome_count> webhook_outcome_names{"acted", "ignored",
                                                                                    "refused", "invalid"};

using recording::Totals;

// What is so now of the recordings with one label.
struct Present {
  std::string_view label;
  std::array<unsigned, state_count> states{};
  std::uint64_t file_size = 0;
  double write_rate = 0;
  double zero_packet_streak = 0;

  void add(const recording::Status& status);
};

void Present::add(const recording::Status& status) {
  ++states[std::to_underlying(status.state)];
  file_size += status.file_size_bytes;
  write_rate += status.write_rate;
  const bool live = status.state == recording::State::recording || status.state == recording::State::gap;
  if (live) zero_packet_streak = std::max(zero_packet_streak, to_seconds(status.since_last_packet));
}

std::string_view label_of(const Totals::Series& series) {
  return series.mint_id.empty() ? other : std::string_view(series.mint_id);
}

// In the order in which the first recording of each began.
std::vector<Present> group(std::span<const recording::Status> active, const Totals& totals) {
  std::vector<Present> groups;
  std::unordered_map<std::string_view, std::size_t> places;
  for (const recording::Status& status : active) {
    const std::string_view label = label_of(totals.series_of(status.recording_id));
    const auto [place, is_new] = places.emplace(label, groups.size());
    if (is_new) groups.push_back({.label = label});
    groups[place->second].add(status);
  }
  return groups;
}

class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  // `suffix` and `labels` as they stand in the line: "_bucket", "{le=\"100\"}".
  template <typename Number>
  void sample(Number value, std::string_view labels = {}, std::string_view suffix = {}) {
    text_ += fmt::format("{}{}{} {}\n", name_, suffix, labels, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string_view name_;
  std::string text_;
};

// Mint ids, states and kinds hold nothing that must be escaped.
std::string mint_id(std::string_view label) {
  return fmt::format("{{mint_id=\"{}\"}}", label);
}

void write_recordings(Page& page, const std::vector<Present>& all) {
  page.family("recording_state", "gauge", "Recordings of the mint id that are in this state.");
  for (const Present& present : all) {
    for (std::size_t state = 0; state < state_count; ++state) {
      if (present.states[state] == 0) continue;
      page.sample(present.states[state],
                  fmt::format("{{mint_id=\"{}\",state=\"{}\"}}", present.label,
                              recording::to_string(static_cast<recording::State>(state))));
    }
  }
  page.family("recording_file_size_bytes", "gauge", "Bytes in the files of the recording.");
  for (const Present& present : all) page.sample(present.file_size, mint_id(present.label));
  page.family("recording_disk_write_rate", "gauge", "Bytes written during the last second.");
  for (const Present& present : all) page.sample(present.write_rate, mint_id(present.label));
  page.family("recording_zero_packet_streak", "gauge",
              "Seconds since an active recording last received a packet.");
  for (const Present& present : all) page.sample(present.zero_packet_streak, mint_id(present.label));
}

using SeriesList = std::vector<const Totals::Series*>;

void write_gaps(Page& page, const SeriesList& all) {
  page.family("recording_gap_seconds_total", "counter",
              "Seconds of gaps in the timeline, including a current gap.");
  for (const Totals::Series* series : all) page.sample(series->gap_seconds, mint_id(label_of(*series)));
}

using Count = std::uint64_t recording::PacketCounts::*;

constexpr std::array kinds{media::Kind::audio, media::Kind::video};

// `more`: further labels, e.g. ",outcome=\"lost\"".
std::string labels(const Totals::Series& series, media::Kind kind, std::string_view more = {}) {
  return fmt::format("{{mint_id=\"{}\",kind=\"{}\"{}}}", label_of(series), media::to_string(kind), more);
}

void write_packets(Page& page, const SeriesList& all, Count count, std::string_view more = {}) {
  for (const Totals::Series* series : all) {
    for (const media::Kind kind : kinds)
      page.sample(series->packets[std::to_underlying(kind)].*count, labels(*series, kind, more));
  }
}

void write_drops(Page& page, const SeriesList& all) {
  page.family("recording_packets_dropped_total", "counter",
              "Packets dropped, by cause; a cause that never occurred has no sample.");
  for (const Totals::Series* series : all) {
    for (const media::Kind kind : kinds) {
      const auto& dropped = series->packets[std::to_underlying(kind)].dropped_by;
      for (std::size_t i = 0; i < dropped.size(); ++i) {
        if (dropped[i] == 0) continue;
        page.sample(dropped[i],
                    labels(*series, kind, fmt::format(",cause=\"{}\"", recording::drop_cause_name(i))));
      }
    }
  }
}

void write_frames(Page& page, const SeriesList& all, std::uint64_t Totals::Frames::* count) {
  for (const Totals::Series* series : all) {
    for (const media::Kind kind : kinds)
      page.sample(series->frames[std::to_underlying(kind)].*count, labels(*series, kind));
  }
}

void write_packets(Page& page, const SeriesList& all) {
  using recording::PacketCounts;
  page.family("recording_packets_total", "counter",
              "Packets that were written, lost or dropped, by outcome.");
  write_packets(page, all, &PacketCounts::written, R"(,outcome="written")");
  write_packets(page, all, &PacketCounts::lost, R"(,outcome="lost")");
  write_packets(page, all, &PacketCounts::dropped, R"(,outcome="dropped")");
  page.family("recording_packets_pending", "gauge",
              "Packets that are missing but may still arrive, or belong to an incomplete frame.");
  write_packets(page, all, &PacketCounts::pending);
  page.family("recording_packets_expected_total", "counter",
              "Packets expected: the sum of written, lost, dropped and pending.");
  write_packets(page, all, &PacketCounts::expected);
  page.family("recording_packets_recovered_total", "counter",
              "Packets that were lost on the network and recovered, by the method of recovery.");
  write_packets(page, all, &PacketCounts::recovered_nack, R"(,by="nack")");
  write_packets(page, all, &PacketCounts::recovered_rtx, R"(,by="rtx")");
  write_packets(page, all, &PacketCounts::recovered_red, R"(,by="red")");
  page.family("recording_packets_duplicate_total", "counter", "Packets received more than once.");
  write_packets(page, all, &PacketCounts::duplicates);
  page.family("recording_packets_late_total", "counter", "Packets received after they were counted as lost.");
  write_packets(page, all, &PacketCounts::late);
  write_drops(page, all);
  page.family("recording_frames_lost_total", "counter", "Frames that were never completed.");
  write_frames(page, all, &Totals::Frames::lost);
  page.family("recording_frames_damaged_total", "counter",
              "Frames between a lost frame and the next key frame.");
  write_frames(page, all, &Totals::Frames::damaged);
  page.family("recording_frames_filler_total", "counter",
              "Frames of silence or repeated pictures that Holdfast inserted.");
  write_frames(page, all, &Totals::Frames::filler);
}

void write_latency(Page& page, std::string_view name, std::string_view help,
                   const storage::LatencyHistogram& histogram) {
  page.family(name, "histogram", help);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < histogram.bounds_us.size(); ++i) {
    cumulative += histogram.counts[i];
    page.sample(cumulative, fmt::format("{{le=\"{}\"}}", histogram.bounds_us[i]), "_bucket");
  }
  page.sample(histogram.count, "{le=\"+Inf\"}", "_bucket");
  page.sample(histogram.sum_us, {}, "_sum");
  page.sample(histogram.count, {}, "_count");
}

void write_follows(Page& page, const FollowMetrics& follows) {
  page.family("holdfast_followed_streams", "gauge", "Followed streams that are in this state.");
  for (std::size_t i = 0; i < follows.streams.size(); ++i) {
    page.sample(follows.streams[i],
                fmt::format("{{state=\"{}\"}}", follow::to_string(static_cast<follow::State>(i))));
  }
  page.family("holdfast_live_checks_total", "counter",
              "Checks whether a followed stream is live, by outcome.");
  for (std::size_t i = 0; i < follows.checks.size(); ++i) {
    page.sample(follows.checks[i],
                fmt::format("{{outcome=\"{}\"}}", follow::to_string(static_cast<follow::Outcome>(i))));
  }
  page.family("holdfast_livekit_webhooks_total", "counter",
              "Webhooks received from LiveKit's server, by outcome.");
  for (std::size_t i = 0; i < follows.webhooks.size(); ++i) {
    page.sample(follows.webhooks[i], fmt::format("{{outcome=\"{}\"}}", webhook_outcome_names[i]));
  }
}

void write_load(Page& page, const ProcessMetrics& process) {
  using recording::WorkerLoad;
  const auto threads = [&](std::string_view name, std::string_view help, double WorkerLoad::* load) {
    page.family(name, "gauge", help);
    for (std::size_t i = 0; i < process.load.workers.size(); ++i)
      page.sample(process.load.workers[i].*load, fmt::format("{{worker=\"{}\"}}", i));
  };
  threads("holdfast_worker_load", "Load of the worker's thread over the last seconds, 0 to 1.",
          &WorkerLoad::worker);
  threads("holdfast_transcoder_load",
          "Load of the worker's AAC encoder thread over the last seconds, 0 to 1.", &WorkerLoad::transcoder);
  threads("holdfast_storage_load",
          "Load of the worker's write thread over the last seconds, 0 to 1, including the time that it waits "
          "for the disk.",
          &WorkerLoad::storage);
  page.family("holdfast_processor_load", "gauge",
              "Load of all processors by this process over the last seconds, 0 to 1.");
  page.sample(process.load.processors);
  page.family("holdfast_disk_wait_seconds", "gauge",
              "Duration of the longest disk write that is still in progress.");
  page.sample(to_seconds(process.load.disk_wait));
  page.family("recording_admission_refused_total", "counter",
              "Starts refused because the machine is full, by the resource that is exhausted.");
  for (std::size_t i = 0; i < process.refused.size(); ++i) {
    page.sample(process.refused[i], fmt::format("{{resource=\"{}\"}}",
                                                recording::to_string(static_cast<recording::Resource>(i))));
  }
}

void write_archive(Page& page, const ArchiveMetrics& archive) {
  const auto reason = [](std::size_t i) {
    return fmt::format("{{reason=\"{}\"}}", archive::to_string(static_cast<archive::RemovalReason>(i)));
  };
  page.family("holdfast_recordings_removed_total", "counter", "Recordings deleted by retention, by reason.");
  for (std::size_t i = 0; i < archive.removed.size(); ++i) page.sample(archive.removed[i], reason(i));
  page.family("holdfast_removed_bytes_total", "counter", "Bytes of the recordings deleted by retention.");
  page.sample(archive.removed_bytes);
  page.family("holdfast_retention_missed", "gauge",
              "1 if the limit is exceeded and no other recording may be deleted, else 0.");
  for (std::size_t i = 0; i < archive.missed.size(); ++i) page.sample(archive.missed[i] ? 1 : 0, reason(i));
}

}  // namespace

std::string render_metrics(std::span<const recording::Status> active, const Totals& totals,
                           const ProcessMetrics& process) {
  const std::vector<Present> groups = group(active, totals);
  const SeriesList series = totals.series();
  Page page;
  page.family("recording_active", "gauge", "Recordings that are waiting, connecting, recording or in a gap.");
  page.sample(std::ranges::count_if(active, recording::is_active, &recording::Status::state));
  page.family("recording_metrics_omitted", "gauge",
              "Recordings that are counted together as mint_id=\"(other)\".");
  page.sample(std::ranges::count_if(active, [&](const recording::Status& status) {
    return totals.series_of(status.recording_id).mint_id.empty();
  }));
  write_recordings(page, groups);
  write_gaps(page, series);
  write_packets(page, series);
  write_latency(page, "recording_write_latency_microseconds",
                "Time from the commit of a frame until it is in the file, for all recordings.",
                process.write_latency);
  write_latency(
      page, "recording_durable_latency_microseconds",
      "Time from the write of a byte until it is on stable storage: the data that a power cut would lose.",
      process.durable_latency);
  page.family("recording_disk_write_failures_total", "counter", "Writes that failed; they are retried.");
  page.sample(process.failed_writes);
  page.family("recording_disk_sync_failures_total", "counter",
              "Syncs that failed: their data may be lost, see the journal.");
  page.sample(process.failed_syncs);
  write_load(page, process);
  write_follows(page, process.follows);
  write_archive(page, process.archive);
  page.family("recording_memory_usage_mb", "gauge", "Resident memory of the process, in millions of bytes.");
  page.sample(static_cast<double>(process.memory_bytes) / 1e6);
  return page.take();
}

}  // namespace holdfast::api
