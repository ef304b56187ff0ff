#include "recording/track.hpp"

#include <algorithm>
#include <utility>

#include "codec/opus.hpp"
#include "codec/red.hpp"

namespace holdfast::recording {
namespace {

constexpr Duration reordering_window = std::chrono::milliseconds(100);

// LiveKit makes up at most 50 packets of silence in a row, at a mute.
constexpr std::size_t most_made_up = 60;
// Longer than from one packet to the next.
constexpr Duration silence_patience = std::chrono::milliseconds(500);

constexpr int clock_rate(media::Kind kind) {
  return kind == media::Kind::video ? static_cast<int>(media::ticks_per_second) : codec::opus_sample_rate;
}

constexpr rtp::DropCause cause_of(codec::Discard why) {
  switch (why) {
    case codec::Discard::incomplete:
      return rtp::DropCause::incomplete;
    case codec::Discard::no_key_frame:
      return rtp::DropCause::no_key_frame;
    case codec::Discard::malformed:
      return rtp::DropCause::malformed;
    case codec::Discard::empty:
      return rtp::DropCause::empty;
  }
  std::unreachable();
}

}  // namespace

Track::Track(const TrackOptions& options, rtp::PacketPool& pool, media::Timeline& timeline, TrackOwner& owner)
    : options_(options), pool_(pool), owner_(owner), clock_(timeline, clock_rate(options.kind)) {}

void Track::bind(TrackSource source, Instant now) {
  if (source_ && source_->ssrc == source.ssrc && source_->track_id == source.track_id) {
    source_ = std::move(source);  // payload types may have been added
    return;
  }
  flush(now);
  if (source_) clock_.restart();
  rtp::ReceiveStream::Config config;
  config.ssrc = source.ssrc;
  config.clock_rate = static_cast<std::uint32_t>(clock_rate(options_.kind));
  config.rtx = source.rtx;
  config.retransmission = source.retransmission;
  // Where nobody answers a NACK, only reordering is worth waiting for.
  const bool asks = source.retransmission == rtp::ReceiveStream::Retransmission::nack;
  config.recovery_window =
      asks ? options_.recovery_window : std::min(options_.recovery_window, reordering_window);
  if (options_.kind == media::Kind::video) {
    config.keyframe_interval = options_.keyframe_interval;
  } else {
    config.recovery_packets = rtp::ReceiveStream::audio_recovery_packets;
  }
  source_ = std::move(source);
  stream_.emplace(std::move(config), pool_, ledger_);
  depacketizer_.reset();
  begun_ = before_ = {};
}

bool Track::takes(Ssrc ssrc) const {
  return stream_ && (stream_->ssrc() == ssrc || (stream_->rtx() && stream_->rtx()->ssrc == ssrc));
}

void Track::handle_packet(Instant arrival, const rtp::Packet& packet) {
  const auto before = std::exchange(last_packet_, arrival);
  made_up_ = false;
  if (source_->red && packet.payload_type == source_->red->payload_type && !packet.payload.empty()) {
    handle_red(arrival, packet);
  } else {
    stream_->handle_packet(arrival, packet, *this);
  }
  // What the server makes up is no sign of the publisher.
  if (std::exchange(made_up_, false)) last_packet_ = before;
}

// The packet goes on as the plain Opus that it carries; then its older blocks fill the holes that it showed,
// or that were there. One that is broken goes on as it is, and is counted as malformed in its turn.
void Track::handle_red(Instant arrival, const rtp::Packet& packet) {
  const auto red = codec::RedPayload::parse(packet.payload);
  if (!red) return stream_->handle_packet(arrival, packet, *this);
  rtp::Packet opus = packet;
  opus.payload_type = source_->red->opus;
  opus.payload = red->primary();
  stream_->handle_packet(arrival, opus, *this);
  const auto older = red->older();
  for (std::size_t before = codec::count_contiguous_opus(*red); before > 0; --before) {
    const codec::RedPayload::Block& block = older[older.size() - before];
    stream_->handle_redundant(arrival,
                              {.sequence = static_cast<std::uint16_t>(packet.sequence - before),
                               .timestamp = packet.timestamp - block.offset,
                               .payload_type = opus.payload_type,
                               .payload = block.payload},
                              *this);
  }
}

void Track::handle_sender_report(Instant arrival, const rtp::SenderReport& report) {
  if (!source_ || report.sender != source_->ssrc) return;
  stream_->handle_sender_report(arrival, report.info);
  if (const auto& clock = stream_->sender_clock())
    clock_.handle_report({clock->ntp, clock->time}, clock->arrival);
}

void Track::set_round_trip(Duration sample) {
  if (stream_) stream_->set_round_trip(sample);
}

void Track::handle_timeout(Instant now) {
  if (stream_) stream_->handle_timeout(now, *this);
  if (!silence_.empty() && now >= silence_.back().arrival + silence_patience) drop_silence();
}

Instant Track::deadline() const {
  const Instant patience = silence_.empty() ? never : silence_.back().arrival + silence_patience;
  return std::min(patience, stream_ ? stream_->deadline() : never);
}

void Track::append_feedback(Instant now, rtp::RtcpBuilder& out) {
  if (stream_) stream_->append_feedback(now, out);
}

void Track::flush(Instant now) {
  if (stream_) stream_->flush(now, *this);
  if (depacketizer_) depacketizer_->flush(*this);
  drop_silence();
}

void Track::request_key_frame(Instant now) {
  if (stream_ && options_.kind == media::Kind::video) stream_->request_key_frame(now);
}

std::optional<media::Codec> Track::codec_of(PayloadType payload_type) const {
  const auto found = std::ranges::find(source_->codecs, payload_type, &PayloadCodec::payload_type);
  if (found == source_->codecs.end()) return std::nullopt;
  return found->codec;
}

void Track::handle_packet(const rtp::MediaPacket& packet) {
  const auto codec = codec_of(packet.payload_type);
  if (!codec) {
    ledger_.drop(rtp::DropCause::malformed, 1);
    return;
  }
  if (!depacketizer_ || codec_ != *codec) {
    // A payload type may change on a live SSRC (LiveKit's backup codec): what was begun ends here.
    if (depacketizer_) depacketizer_->flush(*this);
    depacketizer_ = codec::make_depacketizer(*codec);
    codec_ = *codec;
  }
  if (!begun_.known || begun_.time != packet.time) {
    before_ = begun_;
    begun_ = {true, packet.time, packet.arrival};
  }
  depacketizer_->push({packet.time, packet.marker, packet.payload}, *this);
}

void Track::handle_loss(std::uint64_t) {
  if (depacketizer_) depacketizer_->handle_loss(*this);
}

void Track::handle_restart() {
  drop_silence();
  clock_.restart();
  if (depacketizer_) depacketizer_->handle_loss(*this);
}

void Track::frame(const codec::CodedFrame& frame) {
  // A frame without a marker comes out only when the first packet of the next is pushed.
  const Begun& begun = before_.known && before_.time == frame.time ? before_ : begun_;
  if (codec::is_blank_tail(frame)) {
    ledger_.drop(rtp::DropCause::blank_tail, frame.packets);
    made_up_ = true;
    return;
  }
  if (options_.kind == media::Kind::audio) {
    if (hold_silence(frame, begun.arrival)) return;
    release_silence();
  }
  made_up_ = false;  // one packet may let out several frames: the last of them counts
  if (frame.picture == media::Picture::key && options_.kind == media::Kind::video) {
    stream_->handle_key_frame(begun.arrival);
  }
  owner_.on_frame(*this, frame, begun.arrival);
}

bool Track::hold_silence(const codec::CodedFrame& frame, Instant arrival) {
  if (silence_.size() >= most_made_up || !codec::is_opus_padded_silence(frame.payload)) return false;
  silence_.push_back({frame.time, arrival});
  made_up_ = true;
  return true;
}

void Track::release_silence() {
  codec::CodedFrame frame{.picture = media::Picture::key,
                          .packets = 1,
                          .samples = codec::opus_silence_samples,
                          .channels = 1,
                          .payload = codec::opus_padded_silence};
  for (const Silence& silence : silence_) {
    frame.time = silence.time;
    owner_.on_frame(*this, frame, silence.arrival);
  }
  silence_.clear();
}

void Track::drop_silence() {
  ledger_.drop(rtp::DropCause::blank_tail, silence_.size());
  silence_.clear();
}

void Track::drop_frame(rtp::DropCause cause, std::uint64_t packets) {
  ledger_.drop(cause, packets);
  ++frames_dropped_[static_cast<std::size_t>(cause)];
}

void Track::discard(codec::Discard why, std::uint32_t packets) {
  if (why == codec::Discard::incomplete) ++frames_lost_;
  ledger_.drop(cause_of(why), packets);
}

TrackStatus Track::status() const {
  TrackStatus status;
  status.kind = kind();
  status.muted = muted;
  if (const media::TrackFormat* known = format()) {
    status.codec = status.written_as = known->codec;
    status.width = known->width;
    status.height = known->height;
    status.sample_rate = known->sample_rate;
    status.channels = known->channels;
  }
  status.frames_lost = frames_lost();
  PacketCounts& packets = status.packets;
  packets.expected = ledger_.expected();
  packets.written = ledger_.written();
  packets.lost = ledger_.lost();
  packets.dropped = ledger_.dropped();
  packets.pending = ledger_.pending();
  packets.recovered = ledger_.recovered();
  packets.recovered_nack = ledger_.recovered(rtp::Recovery::nack);
  packets.recovered_rtx = ledger_.recovered(rtp::Recovery::rtx);
  packets.recovered_red = ledger_.recovered(rtp::Recovery::red);
  packets.duplicates = ledger_.duplicates();
  packets.late = ledger_.late();
  for (const rtp::DropCause cause : rtp::all_drop_causes)
    packets.dropped_by[static_cast<std::size_t>(cause)] = ledger_.dropped(cause);
  return status;
}

}  // namespace holdfast::recording
