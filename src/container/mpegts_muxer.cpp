#include "container/mpegts_muxer.hpp"

#include <algorithm>
#include <utility>

#include "container/elementary_stream.hpp"
#include "container/pes.hpp"
#include "container/ts_tables.hpp"

namespace holdfast::container {
namespace {

using media::Codec;
using media::Ticks;

constexpr std::uint16_t first_pid = 0x100;

Result<void> check(const media::TrackFormat& format) {
  if (!can_hold(Format::mpegts, format.codec)) {
    return fail(ErrorCode::unsupported, "MPEG-TS cannot store {}: record as mkv",
                media::to_string(format.codec));
  }
  if (format.codec == Codec::aac && !ts::is_adts_config(format.config)) {
    return fail(ErrorCode::invalid, "the AAC track has no AudioSpecificConfig that MPEG-TS can carry");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<MpegTsMuxer>> MpegTsMuxer::create(const std::vector<media::TrackFormat>& tracks) {
  if (tracks.empty() || tracks.size() > max_tracks) {
    return fail(ErrorCode::invalid, "MPEG-TS supports 1 to {} tracks, not {}", max_tracks, tracks.size());
  }
  for (const media::TrackFormat& format : tracks) {
    if (auto checked = check(format); !checked) return std::unexpected(checked.error());
  }
  return std::unique_ptr<MpegTsMuxer>(new MpegTsMuxer(tracks));
}

MpegTsMuxer::MpegTsMuxer(const std::vector<media::TrackFormat>& tracks)
    : pat_packets_(ts::pat_pid), pmt_packets_(ts::pmt_pid), pat_(ts::make_pat()) {
  std::vector<ts::ProgramStream> streams;
  for (const media::TrackFormat& format : tracks) {
    const ts::Pid pid(static_cast<std::uint16_t>(first_pid + tracks_.size()));
    streams.push_back({pid, format.codec});
    tracks_.push_back({format, ts::PacketWriter(pid), 0});
  }
  const auto video = std::ranges::find(tracks, media::Kind::video, &media::TrackFormat::kind);
  if (video != tracks.end()) clock_track_ = static_cast<media::TrackIndex>(video - tracks.begin());
  pmt_ = ts::make_pmt(streams[clock_track_].pid, streams);
}

Result<void> MpegTsMuxer::write(const media::Frame& frame, ByteVector& out) {
  if (frame.track >= tracks_.size() || tracks_[frame.track].format.codec != frame.codec) {
    return fail(ErrorCode::internal, "got a {} frame for track {}, which has a different codec",
                media::to_string(frame.codec), frame.track);
  }
  Track& track = tracks_[frame.track];
  if (frame.payload.empty() || frame.payload.size() > ts::max_payload(frame.codec)) {
    return fail(ErrorCode::invalid, "MPEG-TS cannot store a {} frame of {} bytes",
                media::to_string(frame.codec), frame.payload.size());
  }
  notice_gap(frame.dts, out);
  track.reached = frame.dts;
  run_clock(frame.dts, out);

  ts::UnitMarks marks;
  if (frame.picture == media::Picture::key && media::kind_of(frame.codec) == media::Kind::video) {
    marks.random_access = ts::RandomAccess::yes;
    write_tables(clock_, out);
  }
  if (frame.track == clock_track_ && clock_ > pcr_) marks.pcr = pcr_ = clock_;

  before_.clear();
  const Bytes payload = ts::make_pes(frame, track.format.config, before_);
  track.packets.write_pes(before_, payload, marks, out);
  return {};
}

Result<void> MpegTsMuxer::advance(Ticks now, ByteVector& out) {
  if (!started_) return {};
  notice_gap(now, out);
  run_clock(now, out);
  return {};
}

bool MpegTsMuxer::can_continue(media::TrackIndex track, const media::TrackFormat& format) const {
  const media::TrackFormat& now = tracks_[track].format;
  return format.codec == now.codec && (format.codec != Codec::aac || format.config == now.config);
}

// Every frame was whole when it was written.
Result<void> MpegTsMuxer::finish(ByteVector&) {
  return {};
}

Result<std::unique_ptr<Muxer>> MpegTsMuxer::make_next(const std::vector<media::TrackFormat>& tracks) const {
  auto next = create(tracks);
  if (!next) return std::unexpected(std::move(next.error()));
  MpegTsMuxer& muxer = **next;
  muxer.pat_packets_ = pat_packets_;
  muxer.pmt_packets_ = pmt_packets_;
  for (std::size_t i = 0; i < std::min(tracks_.size(), tracks.size()); ++i)
    muxer.tracks_[i].packets = tracks_[i].packets;
  if (started_ && pmt_ == muxer.pmt_) {
    for (std::size_t i = 0; i < tracks_.size(); ++i) muxer.tracks_[i].reached = tracks_[i].reached;
    muxer.started_ = true;
    muxer.present_ = present_;
    muxer.clock_ = clock_;
    muxer.pcr_ = pcr_;
    muxer.tables_due_now_ = true;
  }
  return *std::move(next);
}

void MpegTsMuxer::notice_gap(Ticks present, ByteVector& out) {
  if (std::exchange(tables_due_now_, false)) write_tables(clock_, out);
  if (started_ && present <= present_ + gap) return;
  const auto discontinuity = started_ ? ts::Discontinuity::yes : ts::Discontinuity::no;
  started_ = true;
  present_ = present;
  for (Track& track : tracks_) track.reached = present;
  clock_ = clock_target();
  write_tables(clock_, out);
  write_pcr(clock_, discontinuity, out);
}

void MpegTsMuxer::run_clock(Ticks present, ByteVector& out) {
  present_ = std::max(present_, present);
  clock_ = std::max(clock_, clock_target());
  while (true) {
    const Ticks pcr_due = pcr_ + pcr_interval;
    const Ticks tables_due = tables_at_ + table_interval;
    // What is due just now waits: the frame may bring it along.
    if (std::min(pcr_due, tables_due) >= clock_) return;
    if (tables_due <= pcr_due) {
      write_tables(tables_due, out);
    } else {
      write_pcr(pcr_due, ts::Discontinuity::no, out);
    }
  }
}

Ticks MpegTsMuxer::clock_target() const {
  Ticks slowest = present_;
  for (const Track& track : tracks_) slowest = std::min(slowest, track.reached);
  return std::max(slowest, present_ - patience) - lead;
}

void MpegTsMuxer::write_tables(Ticks at, ByteVector& out) {
  tables_at_ = at;
  pat_packets_.write_section(pat_, out);
  pmt_packets_.write_section(pmt_, out);
}

void MpegTsMuxer::write_pcr(Ticks at, ts::Discontinuity discontinuity, ByteVector& out) {
  pcr_ = at;
  tracks_[clock_track_].packets.write_pcr(at, discontinuity, out);
}

}  // namespace holdfast::container
