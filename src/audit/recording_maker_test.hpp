#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "container/test_media.hpp"
#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"

// Recordings as the recorder leaves them, made in memory from a seed: frames through our own muxers, and the
// journal that belongs to them.
namespace holdfast::audit::test {

using container::Format;
using media::Codec;
using media::Ticks;

enum class Life : std::uint8_t { ended, interrupted, active };
enum class Checksums : std::uint8_t { no, yes };

struct Plan {
  Format format = Format::mpegts;
  Codec video = Codec::h264;
  Codec audio = Codec::aac;
  bool has_video = true;
  bool b_frames = false;
  Checksums checksums = Checksums::yes;
  Life life = Life::ended;
  int parts = 1;
  bool gap = false;
  bool mute = false;
  bool layer_switch = false;
  Ticks start = media::ticks_per_second;
  double seconds = 4;

  static Plan random(std::mt19937_64& random) {
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    Plan plan;
    plan.format = static_cast<Format>(random() % 3);
    if (plan.format == Format::mkv && one_in(2)) plan.video = Codec::vp8;
    plan.audio = plan.format == Format::mkv || one_in(2) ? Codec::opus : Codec::aac;
    plan.has_video = !one_in(8);
    plan.b_frames = plan.video == Codec::h264 && one_in(4);
    plan.checksums = one_in(4) ? Checksums::no : Checksums::yes;
    plan.life = one_in(6) ? Life::interrupted : one_in(6) ? Life::active : Life::ended;
    plan.parts = one_in(3) ? 1 + static_cast<int>(random() % 4) : 1;
    plan.gap = one_in(3);
    plan.mute = one_in(4);
    plan.layer_switch = plan.format == Format::mpegts && plan.has_video && one_in(4);
    // A recording that runs over the 33 bits of MPEG-TS, or did so long ago.
    if (one_in(3))
      plan.start = (Ticks{1} << 33) * static_cast<Ticks>(1 + random() % 3) - Ticks(random() % 500'000);
    plan.seconds = 1 + static_cast<double>(random() % 50) / 10;
    return plan;
  }
};

// Coded once, used over and over.
inline const container::test::Stream& stream_of(Codec codec, bool b_frames, int width = 160) {
  static std::map<std::tuple<Codec, bool, int>, container::test::Stream> made;
  auto& stream = made[{codec, b_frames, width}];
  if (!stream.frames.empty()) return stream;
  using container::test::Reordering;
  if (media::kind_of(codec) == media::Kind::audio) return stream = container::test::encode_audio(codec, 1);
  return stream = container::test::encode_video(codec,
                                                {.count = 30,
                                                 .key_every = 15,
                                                 .width = width,
                                                 .height = width * 3 / 4,
                                                 .reordering = b_frames ? Reordering::yes : Reordering::no});
}

class MadeRecording {
 public:
  static constexpr const char* journal_path = "r/m_20261122T164501.250Z.journal.jsonl";

  MadeRecording(const Plan& plan, std::uint64_t seed) : plan_(plan), random_(seed) { make(); }

  sim::SimDisk& disk() { return *disk_; }
  const std::vector<std::string>& parts() const { return part_paths_; }
  const Plan& plan() const { return plan_; }
  std::mt19937_64& random() { return random_; }
  std::uint64_t random_below(std::uint64_t limit) { return random_() % limit; }

  // Lets a file be another.
  void change(const std::string& path, const std::function<void(ByteVector&)>& edit) {
    ByteVector bytes = disk_->content(path);
    edit(bytes);
    replace(path, bytes);
  }
  void replace(const std::string& path, Bytes bytes) {
    lock_.reset();
    if (disk_->exists(path)) {
      EXPECT_TRUE(disk_->remove(path));
    }
    auto file = disk_->create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(bytes));
    ASSERT_TRUE((*file)->sync());
  }
  std::vector<journal::Entry> entries() const { return journal::parse(disk_->content(journal_path)).entries; }
  // Writes the journal anew, numbers and CRCs true.
  void write_journal(const std::vector<journal::Entry>& entries) {
    ByteVector bytes;
    std::uint64_t number = 0;
    for (journal::Entry entry : entries) {
      entry.number = ++number;
      journal::serialize(entry, bytes);
    }
    replace(journal_path, bytes);
  }
  template <typename Event>
  void edit_journal(const std::function<void(Event&)>& edit) {
    auto all = entries();
    for (auto& entry : all) {
      if (auto* event = std::get_if<Event>(&entry.event)) edit(*event);
    }
    write_journal(all);
  }

 private:
  static constexpr int width = 160, other_width = 240;

  void note(journal::Event event, Ticks pts) {
    const auto wall = WallTime(std::chrono::seconds(1'795'279'501)) + media::to_duration(pts - plan_.start);
    journal::serialize({.number = ++lines_, .wall = wall, .pts = pts, .event = std::move(event)}, journal_);
  }

  void make() {
    ASSERT_TRUE(disk_->make_directories("r"));
    note(journal::StartEvent{.program = "holdfast 0.1.0",
                             .recording_id = "m_20261122T164501.250Z",
                             .mint_id = "m",
                             .participant = "ann",
                             .format = std::string(container::to_string(plan_.format))},
         0);
    Ticks at = plan_.start;
    for (int number = 1; number <= plan_.parts; ++number) at = make_part(number, at);
    const bool frames_count = plan_.audio == Codec::opus;
    if (plan_.has_video) note_ledger(0, video_frames_, at);
    note_ledger(1, frames_count ? audio_frames_ : audio_frames_ * 16 / 15, at);
    if (plan_.life == Life::ended) {
      note(
          journal::EndEvent{journal::EndReason::stopped,
                            to_seconds(media::to_duration(last_end_ - plan_.start)), all_bytes_, plan_.parts},
          last_end_);
    } else if (random_below(2) == 0) {
      journal_.resize(journal_.size() - 1 - random_below(20));  // torn
    }
    auto file = disk_->create(journal_path);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(journal_));
    ASSERT_TRUE((*file)->sync());
    if (plan_.life != Life::active) return;
    lock_ = *std::move(file);
    ASSERT_TRUE(lock_->lock());
  }

  void note_ledger(int track, std::uint64_t frames, Ticks pts) {
    journal::LedgerEvent ledger;
    ledger.track = track;
    ledger.expected = frames * 3 + 2;
    ledger.written = frames * 3;
    ledger.lost = 2;
    ledger.filler_frames = std::min<std::uint64_t>(frames, 3);
    ledger.frames = frames - ledger.filler_frames;
    note(ledger, pts);
  }

  container::test::Recording frames_of(const container::test::Stream* video, Ticks begin, Ticks end) {
    container::test::Recording recording;
    const container::test::Stream& audio = stream_of(plan_.audio, false);
    for (const container::test::Stream* stream : {video, &audio}) {
      if (stream == nullptr) continue;
      const Ticks period =
          stream->frames.back().frame.dts - stream->frames.front().frame.dts +
          (stream->format.kind() == media::Kind::video ? 3000 : stream->frames.back().frame.duration);
      const Ticks first = stream->frames.front().frame.dts;
      for (Ticks base = begin; base < end; base += period) {
        for (container::test::OwnedFrame owned : stream->frames) {
          owned.frame.track = static_cast<media::TrackIndex>(recording.formats.size());
          owned.frame.pts += base - first;
          owned.frame.dts += base - first;
          if (owned.frame.dts < end) recording.frames.push_back(std::move(owned));
        }
      }
      recording.formats.push_back(stream->format);
    }
    recording.sort();
    return recording;
  }

  Ticks make_part(int number, Ticks begin) {
    const Ticks end = begin + static_cast<Ticks>(plan_.seconds * media::ticks_per_second);
    const container::test::Stream* video =
        plan_.has_video ? &stream_of(plan_.video, plan_.b_frames, number % 2 == 0 ? other_width : width)
                        : nullptr;
    container::test::Recording recording = frames_of(video, begin, end);
    Ticks gap_length = 0;
    const Ticks middle = begin + (end - begin) / 2;
    if (plan_.gap) {
      gap_length = static_cast<Ticks>(3 + random_below(120)) * media::ticks_per_second;
      recording.shift(gap_length, middle);
    }
    if (plan_.layer_switch) switch_layer(recording, middle);
    if (plan_.mute) {
      std::erase_if(recording.frames, [&](const auto& owned) {
        return media::kind_of(owned.frame.codec) == media::Kind::audio && owned.frame.dts > middle;
      });
    }
    const std::string extension(container::file_extension(plan_.format));
    const std::string name = number == 1
                                 ? "m_20261122T164501.250Z." + extension
                                 : fmt::format("m_20261122T164501.250Z_part{:03}.{}", number, extension);
    part_paths_.push_back("r/" + name);
    note(journal::PartEvent{number, name, std::string(container::to_string(plan_.format)),
                            number == 1 ? journal::PartReason::start : journal::PartReason::video_format},
         begin);
    for (const media::TrackFormat& format : recording.formats) note_track(format, begin);
    mux(recording, number);
    if (gap_length > 0) note(journal::GapEvent{middle, middle + gap_length, "left"}, middle + gap_length);
    if (plan_.mute) note(journal::MuteEvent{1, true}, middle);
    if (plan_.mute) note(journal::MuteEvent{1, false}, end + gap_length);
    return end + gap_length;
  }

  // As when LiveKit gives another layer: another size from a key frame on, in the same stream.
  void switch_layer(container::test::Recording& recording, Ticks from) {
    const container::test::Stream& other = stream_of(Codec::h264, plan_.b_frames, other_width);
    std::size_t next = 0;
    bool switched = false;
    for (auto& owned : recording.frames) {
      if (owned.frame.track != 0 || owned.frame.dts < from) continue;
      if (!switched && owned.frame.picture != media::Picture::key) continue;
      switched = true;
      const auto& source = other.frames[next++ % other.frames.size()];
      owned.bytes = source.bytes;
      owned.frame.picture = source.frame.picture;
      owned.frame.pts = owned.frame.dts + (source.frame.pts - source.frame.dts);
    }
    if (switched) note_track(other.format, from);
  }

  void note_track(const media::TrackFormat& format, Ticks pts) {
    const bool video = format.kind() == media::Kind::video;
    const bool aac = format.codec == Codec::aac;
    note(journal::TrackEvent{video ? 0 : 1, std::string(media::to_string(format.kind())),
                             aac ? "opus" : std::string(media::to_string(format.codec)),
                             std::string(media::to_string(format.codec)), format.width, format.height,
                             format.sample_rate, format.channels},
         pts);
  }

  void mux(const container::test::Recording& recording, int number) {
    auto muxer = container::make_muxer(plan_.format, recording.formats);
    ASSERT_TRUE(muxer) << muxer.error().message;
    ByteVector bytes;
    std::vector<std::pair<std::uint64_t, Ticks>> syncs;
    for (const auto& owned : recording.frames) {
      ASSERT_TRUE((*muxer)->write(owned.view(), bytes));
      const bool video = media::kind_of(owned.frame.codec) == media::Kind::video;
      ++(video ? video_frames_ : audio_frames_);
      const Ticks duration = video ? 0 : owned.frame.duration;
      last_end_ = std::max(last_end_, owned.frame.pts + duration);
      if (random_below(40) == 0) syncs.emplace_back(bytes.size(), owned.frame.pts);
      if (random_below(200) == 0) {
        ASSERT_TRUE((*muxer)->advance(owned.frame.dts + 1000, bytes));
      }
    }
    ASSERT_TRUE((*muxer)->finish(bytes));
    const bool open = plan_.life != Life::ended && number == plan_.parts;
    if (!open) syncs.emplace_back(bytes.size(), last_end_);
    if (open && plan_.checksums == Checksums::yes) {
      // What was being written when it stopped, or is just now: any piece of it.
      bytes.resize(bytes.size() - random_below(std::min<std::uint64_t>(bytes.size() / 4, 3000) + 1));
    }
    if (plan_.checksums == Checksums::yes) note_checksums(bytes, syncs, number);
    all_bytes_ += bytes.size();
    auto file = disk_->create(part_paths_.back());
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(bytes));
    ASSERT_TRUE((*file)->sync());
  }

  void note_checksums(Bytes bytes, const std::vector<std::pair<std::uint64_t, Ticks>>& syncs, int number) {
    std::uint64_t from = 0;
    for (const auto& [to, pts] : syncs) {
      if (to <= from || to > bytes.size()) continue;
      note(journal::ChecksumEvent{number, from, to, format_crc32c(crc32c(bytes.subspan(from, to - from)))},
           pts);
      from = to;
    }
  }

  const Plan plan_;
  std::mt19937_64 random_;
  std::unique_ptr<sim::SimDisk> disk_ = std::make_unique<sim::SimDisk>();
  std::unique_ptr<File> lock_;
  std::vector<std::string> part_paths_;
  ByteVector journal_;
  std::uint64_t lines_ = 0;
  std::uint64_t video_frames_ = 0;
  std::uint64_t audio_frames_ = 0;
  std::uint64_t all_bytes_ = 0;
  Ticks last_end_ = 0;
};

}  // namespace holdfast::audit::test
