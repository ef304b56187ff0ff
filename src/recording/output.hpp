#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "container/muxer.hpp"
#include "media/filler.hpp"
#include "media/frame.hpp"
#include "media/timeline.hpp"
#include "recording/aac_stage.hpp"
#include "recording/status.hpp"
#include "storage/recording_files.hpp"

namespace holdfast::recording {

// How the journal numbers the tracks of a recording, whichever of them a part has.
constexpr int journal_track(media::Kind kind) {
  return kind == media::Kind::video ? 0 : 1;
}

// Where a recording that another process left continues.
struct ResumePoint {
  storage::OpenFiles files;
  media::Ticks first_pts = 0;  // of its first part
  media::Ticks end_pts = 0;    // how far its media came, and when that was
  WallTime end_wall;
};

struct OutputOptions {
  std::string directory;
  std::string recording_id;  // also the files' base name
  std::string mint_id;
  container::Format format = container::Format::mpegts;
  AudioMode audio = AudioMode::aac;  // in mkv always untouched
  media::Fill fill = media::Fill::on;
  // How far behind the present a track's own frames may still come: recovery window and delay of arrivals.
  Duration hold_off = std::chrono::milliseconds(2000);
  // Another part when this one is so long (0: never), or so large (0: never): with the next key frame, which
  // is asked for.
  Duration part_duration{};
  std::uint64_t part_size = 0;
  std::optional<ResumePoint> resume_point{};
  // Sound alone begins a recording after this, where no picture is to be expected ...
  Duration track_wait = std::chrono::seconds(1);
  // ... and after this, where one is announced but its first key frame does not come.
  Duration picture_wait = std::chrono::seconds(5);
};

// A stamped frame of a track as it was received. `format` and `payload` are borrowed for the call.
struct TimedFrame {
  media::Frame frame;  // its track index is set by the output
  const media::TrackFormat& format;
};

enum class Outcome : std::uint8_t {
  written,
  held,
  refused_by_disk,
  refused_by_container,
  refused_by_transcoder
};

// Where the frames of a recording go: chooses the container, begins parts, has Opus turned into AAC, fills
// holes, writes. One video and one audio track. Worker thread only; everything is in the files' hands when a
// tick ends.
//
// A part begins with a video key frame, or with sound alone. Until then audio is held (at most max_held
// frames). A video part declares an audio track from the start, silent until there is sound.
class Output {
 public:
  static constexpr std::size_t max_held = 1000;
  // Frames that were held, at the start or by the transcoder, come to their end: their `packets` were
  // written, or refused.
  using Settle = std::function<void(std::uint32_t packets, Outcome outcome)>;

  Output(OutputOptions options, const storage::StorageContext& storage, Executor& transcoder,
         const media::Timeline& timeline, Settle settle_held_audio, const Now& now);

  Outcome push_video(const TimedFrame& timed, const Now& now);
  // An Opus frame. Held until the AAC that is made of it is written or refused.
  Outcome push_audio(const TimedFrame& timed, const Now& now);

  enum class PictureExpected : std::uint8_t { no, yes };
  enum class Liveness : std::uint8_t { live, gap };  // gap: no track has media, the clock references rest
  // Begins with sound alone when it is time, fills holes, keeps the clock references going, sends off what
  // was written.
  void handle_tick(const Now& now, PictureExpected picture, Liveness liveness);
  Instant deadline() const;

  // Tells the journal what was filled in and how the disk does, since the last time. About once a second.
  void keep_journal(const Now& now) { keep_journal(now, FillSpans::finished); }
  // Another part, as soon as one can begin; no frame is lost or written twice over it.
  void split();
  // What happened to the stream, for the journal. False: it is not taken, before the first part or while the
  // disk does not keep up.
  bool note(journal::Event event, const Now& now);
  // The identity that the journal names; before the first part.
  void set_participant(std::string identity) { participant_ = std::move(identity); }

  // No more frames come: what is held is written, or refused. Calls back when every frame is settled, at once
  // where none is held; then finish() is due.
  void drain(const Now& now, std::move_only_function<void()> drained);
  // Ends the last part. Calls back when all is on the disk, at once if nothing was ever written; then the
  // output may be destroyed, not from within.
  using Finished = std::move_only_function<void(Result<void>)>;
  void finish(journal::EndReason reason, const Now& now, Finished finished);

  // The DTS of the last filler frame of that kind, behind which the track's own frames must stay; 0: none.
  media::Ticks filled_to(media::Kind kind) const { return filled(kind).last_pts; }

  // There are files: something was recorded, now or by a former process.
  bool started() const { return files_ != nullptr; }
  // A picture cannot be shown rightly before the next key frame: the disk refused one, or a filler came
  // between. Or another part waits for it.
  bool needs_key_frame() const;

  container::Format format() const { return format_; }
  const std::string& format_note() const { return format_note_; }
  AudioMode audio_mode() const;
  std::vector<std::string> part_paths() const {
    return files_ ? files_->part_paths() : std::vector<std::string>{};
  }
  std::uint64_t bytes_written() const { return files_ ? files_->written() : 0; }
  // Of media, from the first frame to the end of the latest.
  Duration duration() const { return media::to_duration(end_pts_ - first_pts_); }
  std::uint64_t video_frames() const { return video_frames_; }
  std::uint64_t audio_frames() const { return audio_frames_; }
  std::uint64_t video_filler_frames() const { return filled(media::Kind::video).frames; }
  std::uint64_t audio_filler_frames() const { return filled(media::Kind::audio).frames; }
  // What the disk or the container says is wrong at present.
  std::optional<Error> error() const;
  storage::FileWriter::Counters disk_counters() const;

 private:
  // Which spans of filler to note: those that are over, or at the end all.
  enum class FillSpans : std::uint8_t { finished, all };
  void keep_journal(const Now& now, FillSpans spans);
  struct HeldFrame {
    media::Frame frame;
    ByteVector payload;
  };
  // Filler frames of one track.
  struct Filled {
    std::uint64_t frames = 0;
    std::uint64_t noted = 0;     // of them, in the journal
    media::Ticks first_pts = 0;  // of those not yet noted
    media::Ticks last_pts = 0;
  };

  // `video`: null for sound alone. Errors: the container cannot take it.
  Result<void> open_part(const media::TrackFormat* video, media::Ticks pts, journal::PartReason reason,
                         const Now& now);
  void choose_format(const media::TrackFormat* video, const Now& now);
  void note_format(const Now& now);
  void note_track(const media::TrackFormat& format, const Now& now, media::Ticks pts);
  // Why another part is due.
  std::optional<journal::PartReason> next_part_reason(media::Ticks pts) const;
  journal::PartReason new_part_reason() const;
  void write_start(const Now& now);
  media::Ticks media_time(const Now& now) const;
  void release_held();
  void start_with_sound(const Now& now);
  void split_sound(const Now& now);
  Outcome emit_audio(const media::Frame& opus);
  void take_aac(const AacStage::Encoded& encoded);
  Outcome write(media::Frame frame);
  void advance_clock(const Now& now);
  void fill(const Now& now);
  void write_silence(media::Ticks pts);
  void repeat_picture(media::Ticks pts);
  void count_filler(media::Kind kind, media::Ticks pts);
  Filled& filled(media::Kind kind) { return filled_[static_cast<std::size_t>(kind)]; }
  const Filled& filled(media::Kind kind) const { return filled_[static_cast<std::size_t>(kind)]; }

  const OutputOptions options_;
  const storage::StorageContext storage_;
  Executor& transcoder_;
  const media::Timeline& timeline_;
  Settle settle_held_audio_;
  std::string participant_;

  container::Format format_;
  std::string format_note_;
  std::unique_ptr<storage::RecordingFiles> files_;
  std::unique_ptr<container::Muxer> muxer_;
  std::unique_ptr<AacStage> aac_;                   // null: audio is kept as Opus
  std::optional<media::TrackFormat> video_format_;  // of the open part
  std::optional<Error> container_error_;
  std::string disk_error_noted_;  // in the journal; empty: none, or it is over

  std::vector<HeldFrame> held_audio_;
  std::optional<Instant> held_since_;
  Instant sound_alone_at_ = never;  // while frames are held

  std::optional<media::Filler> video_filler_;
  std::optional<media::Filler> audio_filler_;
  std::array<Filled, 2> filled_;  // by media::Kind
  ByteVector last_key_frame_;
  media::Ticks last_video_dts_ = 0;
  bool disk_refused_picture_ = false;

  bool split_asked_ = false;
  media::Ticks part_pts_ = 0;  // where the open part begins
  media::Ticks first_pts_ = 0;
  media::Ticks end_pts_ = 0;
  Instant advanced_{};
  Liveness liveness_ = Liveness::live;
  std::uint64_t video_frames_ = 0;
  std::uint64_t audio_frames_ = 0;
  bool draining_ = false;
  bool closing_ = false;
};

}  // namespace holdfast::recording
