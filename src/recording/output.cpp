#include "recording/output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/version.hpp"
#include "codec/opus.hpp"
#include "transcode/opus_to_aac.hpp"

namespace holdfast::recording {
namespace {

using journal::PartReason;

constexpr media::Ticks opus_silence_ticks =
    codec::opus_silence_samples * media::ticks_per_second / codec::opus_sample_rate;
// MPEG-TS wants a clock reference every 40 ms also while no frame comes.
constexpr Duration advance_interval = std::chrono::milliseconds(20);
// Longer than from one repeated picture to the next.
constexpr Duration fill_span_break = std::chrono::seconds(6);
constexpr media::Ticks longest_fill_span = 60 * media::ticks_per_second;
// What a container may add to a frame, to ask the disk for room.
constexpr std::size_t framing(std::size_t payload) {
  return payload / 16 + 1024;
}

}  // namespace

Output::Output(OutputOptions options, const storage::StorageContext& storage, Executor& transcoder,
               const media::Timeline& timeline, Settle settle_held_audio, const Now& now)
    : options_(std::move(options)),
      storage_(storage),
      transcoder_(transcoder),
      timeline_(timeline),
      settle_held_audio_(std::move(settle_held_audio)),
      format_(options_.format) {
  if (!options_.resume_point) return;
  const ResumePoint& former = *options_.resume_point;
  files_ = std::make_unique<storage::RecordingFiles>(storage_, options_.directory, options_.recording_id,
                                                     former.files);
  first_pts_ = former.first_pts;
  end_pts_ = former.end_pts;
  note(journal::ResumedEvent{program_version()}, now);
}

AudioMode Output::audio_mode() const {
  if (muxer_) return aac_ ? AudioMode::aac : AudioMode::copy;  // all parts are alike
  // Matroska holds Opus and every player of it takes it: nothing would be won by touching it.
  return format_ == container::Format::mkv ? AudioMode::copy : options_.audio;
}

Outcome Output::push_video(const TimedFrame& timed, const Now& now) {
  media::Frame frame = timed.frame;
  const bool key = frame.picture == media::Picture::key;
  if (video_filler_) {
    while (const auto pts = video_filler_->next_before(frame.pts)) repeat_picture(*pts);
  }
  const bool fits =
      video_format_ && (!key || *video_format_ == timed.format || muxer_->can_continue(0, timed.format));
  const auto due = key && fits ? next_part_reason(frame.dts) : std::nullopt;
  if (!fits || due) {
    if (!key) return Outcome::refused_by_container;
    const PartReason reason = due ? *due : new_part_reason();
    if (auto opened = open_part(&timed.format, frame.dts, reason, now); !opened) {
      container_error_ = opened.error();
      return Outcome::refused_by_container;
    }
  }
  if (disk_refused_picture_ && !key) return Outcome::refused_by_disk;

  if (key && *video_format_ != timed.format) {
    video_format_ = timed.format;
    note_track(timed.format, now, frame.pts);
  }
  frame.track = 0;
  const Outcome outcome = write(frame);
  disk_refused_picture_ = outcome == Outcome::refused_by_disk;
  if (outcome != Outcome::written) return outcome;
  ++video_frames_;
  last_video_dts_ = frame.dts;
  if (key) last_key_frame_.assign(frame.payload.begin(), frame.payload.end());
  video_filler_->handle_frame(frame.pts, 0, frame.picture);
  if (audio_filler_) audio_filler_->handle_other(frame.pts);
  return outcome;
}

// Of a part without which the frame could not be written.
PartReason Output::new_part_reason() const {
  if (!files_) return PartReason::start;
  if (!muxer_) return PartReason::resumed;
  return video_format_ ? PartReason::video_format : PartReason::late_video;
}

std::optional<PartReason> Output::next_part_reason(media::Ticks pts) const {
  if (!muxer_) return std::nullopt;
  if (files_->needs_new_part()) return PartReason::disk;
  if (split_asked_) return PartReason::split;
  if (options_.part_duration > Duration::zero() && pts - part_pts_ >= media::to_ticks(options_.part_duration))
    return PartReason::duration;
  if (options_.part_size > 0 && files_->part_size() >= options_.part_size) return PartReason::size;
  return std::nullopt;
}

void Output::split() {
  split_asked_ = muxer_ != nullptr;
}

Outcome Output::push_audio(const TimedFrame& timed, const Now& now) {
  if (!muxer_) {
    if (held_audio_.size() >= max_held) return Outcome::refused_by_container;
    if (!held_since_) {
      held_since_ = now.instant;
      sound_alone_at_ = now.instant + options_.track_wait;
    }
    HeldFrame held{timed.frame, ByteVector(timed.frame.payload.begin(), timed.frame.payload.end())};
    held_audio_.push_back(std::move(held));
    return Outcome::held;
  }
  return emit_audio(timed.frame);
}

Outcome Output::emit_audio(const media::Frame& opus) {
  while (const auto pts = audio_filler_->next_before(opus.pts)) write_silence(*pts);
  Outcome outcome = Outcome::held;
  if (aac_) {
    if (!aac_->push(opus.pts, opus.payload, {1, opus.packets})) return Outcome::refused_by_transcoder;
  } else {
    outcome = write(opus);
    if (outcome != Outcome::written) return outcome;
    ++audio_frames_;
  }
  audio_filler_->handle_frame(opus.pts, opus.duration, media::Picture::key);
  if (video_filler_) video_filler_->handle_other(opus.pts);
  return outcome;
}

void Output::take_aac(const AacStage::Encoded& encoded) {
  media::Frame frame;
  frame.codec = media::Codec::aac;
  frame.pts = frame.dts = encoded.aac.pts;
  frame.duration = transcode::AacFrame::duration;
  frame.picture = media::Picture::key;
  frame.payload = encoded.aac.payload;
  const Outcome outcome = write(frame);
  if (outcome == Outcome::written) audio_frames_ += encoded.source.frames;
  if (encoded.source.packets > 0) settle_held_audio_(encoded.source.packets, outcome);
}

Outcome Output::write(media::Frame frame) {
  const std::size_t size = frame.payload.size() + framing(frame.payload.size());
  if (!files_->accepts(size)) return Outcome::refused_by_disk;
  make_room(files_->buffer(), size);
  if (media::kind_of(frame.codec) == media::Kind::audio) frame.track = video_format_ ? 1 : 0;
  if (auto written = muxer_->write(frame, files_->buffer()); !written) {
    container_error_ = written.error();
    return Outcome::refused_by_container;
  }
  if (frame.track == 0) container_error_.reset();
  end_pts_ = std::max(end_pts_, frame.pts + frame.duration);
  return Outcome::written;
}

void Output::choose_format(const media::TrackFormat* video, const Now& now) {
  if (video == nullptr || container::can_hold(format_, video->codec)) return;
  format_ = container::Format::mkv;
  format_note_ = fmt::format("{} cannot be stored in {}; recorded without re-encoding as {}",
                             media::to_string(video->codec), container::to_string(options_.format),
                             container::to_string(format_));
  note_format(now);
}

void Output::note_format(const Now& now) {
  note(journal::FormatNoteEvent{std::string(container::to_string(options_.format)),
                                std::string(container::to_string(format_)), format_note_},
       now);
}

Result<void> Output::open_part(const media::TrackFormat* video, media::Ticks pts, PartReason reason,
                               const Now& now) {
  const container::Format format_before = format_;
  choose_format(video, now);
  std::vector<media::TrackFormat> formats;
  if (video != nullptr) formats.push_back(*video);
  const bool aac = audio_mode() == AudioMode::aac;
  formats.push_back(aac ? transcode::OpusToAac::output_format()
                        : media::TrackFormat{media::Codec::opus, 0, 0, codec::opus_sample_rate, 2, {}});
  auto muxer = muxer_ && format_ == format_before ? muxer_->make_next(formats)
                                                  : container::make_muxer(format_, formats);
  if (!muxer) return std::unexpected(muxer.error());

  const media::Ticks start = held_audio_.empty() ? pts : std::min(pts, held_audio_.front().frame.pts);
  if (!files_) {
    first_pts_ = end_pts_ = start;
    write_start(now);
  } else if (muxer_) {
    if (auto ended = muxer_->finish(files_->buffer()); !ended) container_error_ = ended.error();
  }
  files_->open_part(container::file_extension(format_), container::to_string(format_), reason, now, start);
  muxer_ = std::move(*muxer);
  split_asked_ = false;
  part_pts_ = start;
  if (video != nullptr) {
    video_format_ = *video;
    if (!video_filler_) {
      video_filler_.emplace(media::FillRule::picture(), pts, media::to_ticks(options_.hold_off),
                            options_.fill);
    }
  } else {
    video_format_.reset();
  }
  if (!audio_filler_) {
    audio_filler_.emplace(media::FillRule::silence(opus_silence_ticks), start,
                          media::to_ticks(options_.hold_off), options_.fill);
    if (aac) {
      aac_ = std::make_unique<AacStage>(
          transcoder_, storage_.worker,
          AacStage::Sink{[this](const AacStage::Encoded& encoded) { take_aac(encoded); },
                         [this](AacStage::Source source) {
                           settle_held_audio_(source.packets, Outcome::refused_by_transcoder);
                         }});
    }
  }
  for (const media::TrackFormat& format : formats) note_track(format, now, start);
  release_held();
  return {};
}

void Output::write_start(const Now& now) {
  files_ = std::make_unique<storage::RecordingFiles>(storage_, options_.directory, options_.recording_id);
  journal::StartEvent start;
  start.program = program_version();
  start.recording_id = options_.recording_id;
  start.mint_id = options_.mint_id;
  start.participant = participant_;
  start.format = container::to_string(options_.format);
  files_->note(std::move(start), now, 0);
  if (!format_note_.empty()) note_format(now);
}

void Output::note_track(const media::TrackFormat& format, const Now& now, media::Ticks pts) {
  const media::Codec received = format.codec == media::Codec::aac ? media::Codec::opus : format.codec;
  journal::TrackEvent track;
  track.track = journal_track(format.kind());
  track.kind = media::to_string(format.kind());
  track.codec = media::to_string(received);
  track.written_as = media::to_string(format.codec);
  track.width = format.width;
  track.height = format.height;
  track.sample_rate = format.sample_rate;
  track.channels = format.channels;
  files_->note(std::move(track), now, pts);
}

void Output::release_held() {
  for (HeldFrame& held : std::exchange(held_audio_, {})) {
    held.frame.payload = held.payload;
    settle_held_audio_(held.frame.packets, emit_audio(held.frame));
  }
  held_since_.reset();
}

void Output::handle_tick(const Now& now, PictureExpected picture, Liveness liveness) {
  liveness_ = liveness;
  if (!muxer_ && held_since_) {
    sound_alone_at_ =
        *held_since_ + (picture == PictureExpected::yes ? options_.picture_wait : options_.track_wait);
    if (sound_alone_at_ <= now.instant) start_with_sound(now);
  }
  if (!files_) return;
  if (muxer_ && !draining_) {
    split_sound(now);
    fill(now);
    if (liveness == Liveness::live && now.instant - advanced_ >= advance_interval) advance_clock(now);
    if (aac_) aac_->commit();
    files_->commit(now.instant);
  }
  files_->handle_tick(now, media_time(now));
}

// Sound alone needs no key frame.
void Output::split_sound(const Now& now) {
  if (video_format_) return;
  const auto reason = next_part_reason(end_pts_);
  if (!reason) return;
  if (auto opened = open_part(nullptr, end_pts_, *reason, now); !opened) container_error_ = opened.error();
}

void Output::advance_clock(const Now& now) {
  advanced_ = now.instant;
  if (!files_->accepts(framing(0))) return;  // the disk does not keep up: the clock waits, as the frames do
  if (auto advanced = muxer_->advance(timeline_.at(now.instant), files_->buffer()); !advanced) {
    container_error_ = advanced.error();
  }
}

Instant Output::deadline() const {
  const Instant sound = !muxer_ && held_since_ ? sound_alone_at_ : never;
  if (!files_) return sound;
  const bool advances = muxer_ && !draining_ && liveness_ == Liveness::live;
  return std::min({files_->deadline(), sound, advances ? advanced_ + advance_interval : never});
}

void Output::start_with_sound(const Now& now) {
  const PartReason reason = files_ ? PartReason::resumed : PartReason::start;
  if (auto opened = open_part(nullptr, held_audio_.front().frame.pts, reason, now); !opened) {
    container_error_ = opened.error();
    for (const HeldFrame& held : std::exchange(held_audio_, {})) {
      settle_held_audio_(held.frame.packets, Outcome::refused_by_container);
    }
    held_since_.reset();
  }
}

void Output::fill(const Now& now) {
  const media::Ticks present = timeline_.at(now.instant);
  while (const auto pts = audio_filler_->next(present)) write_silence(*pts);
  if (!video_filler_ || !video_format_) return;
  while (const auto pts = video_filler_->next(present)) repeat_picture(*pts);
}

void Output::write_silence(media::Ticks pts) {
  media::Frame frame;
  frame.codec = media::Codec::opus;
  frame.pts = frame.dts = pts;
  frame.duration = opus_silence_ticks;
  frame.picture = media::Picture::key;
  frame.origin = media::Origin::filler;
  frame.payload = codec::opus_silence;
  const bool taken = aac_ ? aac_->push(pts, frame.payload, {}) : write(frame) == Outcome::written;
  if (taken) count_filler(media::Kind::audio, pts);
}

void Output::repeat_picture(media::Ticks pts) {
  if (last_key_frame_.empty() || pts <= last_video_dts_) return;
  media::Frame frame;
  frame.codec = video_format_->codec;
  frame.pts = frame.dts = pts;
  frame.picture = media::Picture::key;
  frame.origin = media::Origin::filler;
  frame.payload = last_key_frame_;
  if (write(frame) != Outcome::written) return;
  last_video_dts_ = pts;
  count_filler(media::Kind::video, pts);
}

void Output::count_filler(media::Kind kind, media::Ticks pts) {
  Filled& filled = this->filled(kind);
  if (filled.frames++ == filled.noted) filled.first_pts = pts;
  filled.last_pts = pts;
}

void Output::keep_journal(const Now& now, FillSpans spans) {
  for (const media::Kind kind : {media::Kind::video, media::Kind::audio}) {
    Filled& filled = this->filled(kind);
    if (filled.frames == filled.noted) continue;
    // A span is noted when it is over, or long: a day of silence is not a line a second.
    const bool over =
        timeline_.at(now.instant) - filled.last_pts > media::to_ticks(options_.hold_off + fill_span_break);
    const bool is_long = filled.last_pts - filled.first_pts >= longest_fill_span;
    if (!over && !is_long && spans == FillSpans::finished) continue;
    const media::Ticks length = kind == media::Kind::audio ? opus_silence_ticks : 0;
    const journal::FillEvent fill{journal_track(kind), filled.first_pts, filled.last_pts + length,
                                  filled.frames - filled.noted};
    if (note(fill, now)) filled.noted = filled.frames;
  }
  const std::string disk_error = files_ && files_->error() ? files_->error()->message : std::string();
  if (disk_error != disk_error_noted_ && note(journal::DiskEvent{disk_error}, now))
    disk_error_noted_ = disk_error;
}

bool Output::needs_key_frame() const {
  return disk_refused_picture_ || (video_filler_ && video_filler_->needs_key_frame()) ||
         (video_format_ && next_part_reason(end_pts_));
}

bool Output::note(journal::Event event, const Now& now) {
  if (!files_ || closing_) return false;
  return files_->note(std::move(event), now, media_time(now));
}

media::Ticks Output::media_time(const Now& now) const {
  return timeline_.started() ? timeline_.at(now.instant) : 0;
}

void Output::drain(const Now& now, std::move_only_function<void()> drained) {
  // It may end before the wait for a picture did: the sound is kept all the same.
  if (!muxer_ && !held_audio_.empty()) start_with_sound(now);
  draining_ = true;
  if (aac_) {
    aac_->finish(std::move(drained));
  } else {
    drained();
  }
}

void Output::finish(journal::EndReason reason, const Now& now, Finished finished) {
  keep_journal(now, FillSpans::all);
  closing_ = true;
  if (!files_) {
    finished({});
    return;
  }
  if (muxer_) {
    if (auto ended = muxer_->finish(files_->buffer()); !ended) container_error_ = ended.error();
    files_->commit(now.instant);
  }
  journal::EndEvent end;
  end.reason = reason;
  end.duration = to_seconds(duration());
  files_->close(end, now, end_pts_, std::move(finished));
}

std::optional<Error> Output::error() const {
  if (files_ && files_->error()) return files_->error();
  if (aac_ && aac_->error()) return aac_->error();
  return container_error_;
}

storage::FileWriter::Counters Output::disk_counters() const {
  return files_ ? files_->counters() : storage::FileWriter::Counters{};
}

}  // namespace holdfast::recording
