#include "recording/session.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "base/log.hpp"
#include "codec/h264_bitstream.hpp"
#include "codec/opus.hpp"
#include "recording/negotiated_source.hpp"

namespace holdfast::recording {
namespace {

constexpr Duration housekeeping_interval = std::chrono::seconds(1);
constexpr Duration anchor_interval = std::chrono::seconds(10);
constexpr Duration ledger_interval = std::chrono::minutes(1);
constexpr std::array both_kinds{media::Kind::audio, media::Kind::video};

// When the media of the former process ended, on our clock.
Instant left_at(const ResumePoint& former, const Now& now) {
  return now.instant - std::max(Duration::zero(), Duration(now.wall - former.end_wall));
}

media::Timeline make_timeline(const SessionOptions& options, const Now& now) {
  const auto& former = options.output.resume_point;
  if (!former) return {};
  return media::Timeline::resume(left_at(*former, now), former->end_pts);
}

GapWatch make_gap_watch(const SessionOptions& options, const Now& now) {
  const GapWatch::Limits limits{options.gap_limit, options.mute_limit};
  const auto& former = options.output.resume_point;
  return former ? GapWatch::resume(limits, now.instant, left_at(*former, now))
                : GapWatch(limits, now.instant);
}

}  // namespace

Session::Slot::Slot(const TrackOptions& track_options, Session& session)
    : track(track_options, session.environment_.packets, session.timeline_, session),
      journal(track, session.output_, session.options_.damage) {}

Session::Session(SessionOptions options, SessionEnvironment environment, SessionEvents& events,
                 const Now& now)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      events_(events),
      now_(now),
      timeline_(make_timeline(options_, now)),
      output_(
          options_.output, environment_.storage, environment_.transcoder, timeline_,
          [this](std::uint32_t packets, Outcome outcome) {
            settle(slot(media::Kind::audio).track, packets, outcome);
          },
          now),
      local_(options_.local),
      detours_(options_.detours),
      own_ssrc_(environment_.random.next_u32()),
      gap_watch_(make_gap_watch(options_, now)),
      armed_(options_.arming == Arming::armed),
      next_housekeeping_(now.instant + housekeeping_interval),
      next_anchor_(now.instant + anchor_interval),
      next_ledger_(now.instant + ledger_interval),
      last_housekeeping_(now.instant) {
  for (const media::Kind kind : both_kinds) {
    slots_[static_cast<std::size_t>(kind)] = std::make_unique<Slot>(
        TrackOptions{kind, options_.recovery_window, options_.keyframe_interval}, *this);
  }
  reconnect(now);
  owner_.release();  // made on the control thread
}

void Session::reconnect(const Now& now) {
  owner_.check();
  if (peer_) output_.note(journal::ReconnectEvent{"rejoin"}, now);
  peer::Config config;
  config.certificate = environment_.certificate;
  config.local = local_;
  transport_id_ = 0;
  transport_feedback_ = {};
  config.detours = detours_;
  peer_ = std::make_unique<peer::Peer>(std::move(config), environment_.random);
}

void Session::set_detours(peer::DetourOptions detours) {
  detours_ = std::move(detours);
  peer_->set_turn_servers(detours_.servers);
}

Result<std::string> Session::accept_offer(const Now& now, std::string_view offer) {
  owner_.check();
  sdp::AnswerPolicy policy;
  policy.transport_cc = sdp::TransportCc::on;
  auto answer = peer_->accept_offer(now.instant, offer, policy);
  if (answer) {
    bind_sources(now.instant);
    transport_id_ = transport_id(peer_->sections());
  }
  return answer;
}

void Session::add_remote_candidate(Instant now, std::string_view candidate) {
  peer_->add_remote_candidate(now, candidate);
}

Result<peer::IceDescription> Session::restart_ice(const Now& now, const peer::IceDescription& remote) {
  auto description = peer_->restart_ice(now.instant, remote);
  if (description) output_.note(journal::ReconnectEvent{"resume"}, now);
  return description;
}

void Session::announce(const Now& now, media::Kind kind, const AnnouncedTrack* track) {
  owner_.check();
  Slot& slot = this->slot(kind);
  slot.signalled = true;
  const bool was_muted = slot.track.muted;
  slot.announced = track != nullptr ? std::optional(*track) : std::nullopt;
  slot.track.muted = track != nullptr && track->muted;
  if (was_muted != slot.track.muted) {
    output_.note(journal::MuteEvent{journal_track(kind), slot.track.muted}, now);
    gap_watch_.rest(now.instant);
  }
  bind_sources(now.instant);
}

void Session::set_participant(const std::string& identity) {
  output_.set_participant(identity);
}

void Session::arm(const Now& now) {
  armed_ = true;
  gap_watch_.rest(now.instant);
}

const sdp::MediaSection* Session::choose_section(media::Kind kind) const {
  const Slot& slot = this->slot(kind);
  if (slot.signalled && !slot.announced) return nullptr;
  for (const sdp::MediaSection& section : peer_->sections()) {
    const bool flows = section.kind == sdp_kind(kind) && section.rejection.empty() &&
                       section.direction == sdp::Direction::recvonly && !section.codecs.empty();
    if (flows && (!slot.announced || slot.announced->id == section.track_id)) return &section;
  }
  return nullptr;
}

void Session::bind_sources(Instant now) {
  for (const media::Kind kind : both_kinds) {
    const sdp::MediaSection* section = choose_section(kind);
    if (section == nullptr || section->sources.empty()) continue;
    const sdp::Source& source = section->sources.front();
    slot(kind).track.bind(make_source(*section, source.ssrc, source.rtx, options_.nack), now);
  }
}

// The track of a packet's SSRC; an offer that lists no SSRCs leaves only the payload type to tell by.
Track* Session::find_track(const rtp::Packet& packet, Instant now) {
  for (const auto& slot : slots_) {
    if (slot->track.takes(packet.ssrc)) return &slot->track;
  }
  for (const auto& slot : slots_) {
    if (slot->track.learn_rtx(packet)) return &slot->track;
  }
  for (const media::Kind kind : both_kinds) {
    const sdp::MediaSection* section = choose_section(kind);
    if (section == nullptr || !section->sources.empty() || !section->find_codec(packet.payload_type))
      continue;
    slot(kind).track.bind(make_source(*section, packet.ssrc, std::nullopt, options_.nack), now);
    return &slot(kind).track;
  }
  return nullptr;
}

void Session::handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox) {
  owner_.check();
  if (!finishing_) peer_->handle_datagram(arrival, from, datagram, outbox, *this);
}

void Session::handle_link_open(Instant now, LinkId link, Outbox& outbox) {
  if (!finishing_) peer_->handle_link_open(now, link, outbox, *this);
}

void Session::handle_link_bytes(Instant now, LinkId link, MutableBytes bytes, Outbox& outbox) {
  if (!finishing_) peer_->handle_link_bytes(now, link, bytes, outbox, *this);
}

void Session::handle_link_closed(Instant now, LinkId link, std::string_view why, Outbox& outbox) {
  if (!finishing_) peer_->handle_link_closed(now, link, why, outbox, *this);
}

void Session::on_rtp(Instant arrival, MutableBytes bytes) {
  if (!armed_) {
    gap_watch_.rest(arrival);
    return;
  }
  const auto packet = rtp::Packet::parse(bytes);
  if (!packet) return;
  if (transport_id_ != 0) take_transport_sequence(*packet, arrival);
  Track* track = find_track(*packet, arrival);
  if (track == nullptr) return;
  track->handle_packet(arrival, *packet);
  if (track->last_packet() == arrival) gap_watch_.handle_packet(arrival);
}

// The feedback must name an SSRC that the sender sends: a LiveKit server gives it to that downtrack.
void Session::take_transport_sequence(const rtp::Packet& packet, Instant arrival) {
  const auto number = packet.extension(transport_id_);
  if (!number || number->size() != 2) return;
  newest_source_ = packet.ssrc;
  transport_feedback_.handle_packet(load_u16(number->data()), arrival);
}

void Session::on_rtcp(Instant arrival, MutableBytes packet) {
  rtp::RtcpReader reader(packet);
  while (const auto message = reader.next()) {
    const auto* report = std::get_if<rtp::SenderReport>(&*message);
    if (report == nullptr) continue;
    for (const auto& slot : slots_) slot->track.handle_sender_report(arrival, *report);
  }
}

void Session::on_state(peer::State state, std::string_view reason) {
  if (state == peer::State::closed) gap_watch_.suspect(GapCause::left);
  if (state == peer::State::connected) {
    gap_watch_.suspect(GapCause::network);
    log::info("{}: media connected by {} ({})", options_.output.recording_id,
              peer::to_string(peer_->transport().value_or(peer::Transport::udp)),
              peer_->remote_endpoint().value_or(Endpoint{}).to_string());
  }
  if (state == peer::State::failed || state == peer::State::closed) events_.on_connection_lost(reason);
}

// Told at once: a server may end the session long before every path has been given up.
void Session::on_detour_failed(std::string_view what) {
  log::warn("{}: {}", options_.output.recording_id, what);
}

void Session::set_reorder_depth(Slot& slot) {
  const media::TrackFormat& format = *slot.track.format();
  if (format.codec != media::Codec::h264 || format.config == slot.reorder_config) return;
  slot.reorder_config = format.config;
  codec::NalReader nals(format.config);
  while (const auto nal = nals.next()) {
    if (codec::nal_type(*nal) != codec::NalType::sps) continue;
    if (const auto sps = codec::Sps::parse(*nal))
      slot.track.clock().set_reorder_depth(sps->max_reorder_frames.value_or(0));
    return;
  }
}

void Session::on_frame(Track& track, const codec::CodedFrame& coded, Instant arrival) {
  if (track.kind() == media::Kind::video && coded.picture == media::Picture::key)
    set_reorder_depth(slot(track.kind()));
  if (const media::Ticks filled = output_.filled_to(track.kind()); filled > 0)
    track.clock().advance_to(filled);
  const media::Stamp stamp = track.clock().stamp(coded.time, arrival);
  const media::TrackFormat& format = *track.format();
  media::Frame frame;
  frame.codec = format.codec;
  frame.pts = stamp.pts;
  frame.dts = stamp.dts;
  frame.duration = coded.samples * media::ticks_per_second / codec::opus_sample_rate;
  frame.picture = coded.picture;
  frame.damage = coded.damage;
  frame.packets = coded.packets;
  frame.payload = coded.payload;
  if (track.kind() == media::Kind::video) slot(track.kind()).journal.watch(frame);
  if (frame.damage != media::Damage::none && options_.damage == DamageMode::drop) {
    track.drop_frame(rtp::DropCause::damaged, coded.packets);
    return;
  }
  const TimedFrame timed{frame, format};
  const Now now = at(arrival);
  const Outcome outcome =
      track.kind() == media::Kind::video ? output_.push_video(timed, now) : output_.push_audio(timed, now);
  settle(track, coded.packets, outcome);
  if (track.kind() == media::Kind::video && output_.needs_key_frame()) track.request_key_frame(arrival);
}

void Session::settle(Track& track, std::uint32_t packets, Outcome outcome) {
  switch (outcome) {
    case Outcome::written:
      track.ledger().write(packets);
      break;
    case Outcome::held:
      break;
    case Outcome::refused_by_disk:
      track.drop_frame(rtp::DropCause::disk, packets);
      break;
    case Outcome::refused_by_container:
      track.drop_frame(rtp::DropCause::container, packets);
      break;
    case Outcome::refused_by_transcoder:
      track.drop_frame(rtp::DropCause::overload, packets);
      break;
  }
}

void Session::handle_tick(const Now& now, Outbox& outbox) {
  owner_.check();
  now_ = now;
  if (!finishing_) {
    if (peer_->deadline() <= now.instant) peer_->handle_timeout(now.instant, outbox, *this);
    for (const auto& slot : slots_) {
      if (slot->track.deadline() <= now.instant) slot->track.handle_timeout(now.instant);
    }
    send_feedback(now.instant, outbox);
    watch_gap(now);
    if (now.instant >= next_housekeeping_) keep_journal(now);
  }
  // Once it has begun nobody asks any more whether a picture is to be waited for.
  output_.handle_tick(
      now,
      output_.started() || picture_expected() ? Output::PictureExpected::yes : Output::PictureExpected::no,
      gap_watch_.in_gap() ? Output::Liveness::gap : Output::Liveness::live);
}

Instant Session::deadline() const {
  if (finishing_) return output_.deadline();
  Instant earliest =
      std::min({output_.deadline(), next_housekeeping_, peer_->deadline(), transport_feedback_.deadline()});
  for (const auto& slot : slots_) earliest = std::min(earliest, slot->track.deadline());
  return earliest;
}

// What cannot be sent, for want of a connection, was asked for all the same: it is due again soon enough.
void Session::send_feedback(Instant now, Outbox& outbox) {
  for (const auto& slot : slots_) {
    if (slot->track.deadline() > now) continue;
    if (const auto round_trip = peer_->round_trip()) slot->track.set_round_trip(*round_trip);
    feedback_.clear();
    rtp::RtcpBuilder builder(feedback_, own_ssrc_);
    slot->track.append_feedback(now, builder);
    if (!builder.empty()) peer_->send_rtcp(feedback_, outbox);
  }
  if (transport_feedback_.deadline() > now) return;
  feedback_.clear();
  rtp::RtcpBuilder builder(feedback_, own_ssrc_);
  transport_feedback_.append(now, newest_source_, builder);
  peer_->send_rtcp(feedback_, outbox);
}

bool Session::picture_expected() const {
  const Slot& video = slot(media::Kind::video);
  if (video.signalled) return video.announced && !video.announced->muted;
  return choose_section(media::Kind::video) != nullptr;
}

GapWatch::Tracks Session::tracks_state() const {
  bool any_announced = false;
  bool any_signalled = false;
  bool any_live = false;
  for (const auto& slot : slots_) {
    any_signalled |= slot->signalled;
    any_announced |= slot->announced.has_value();
    any_live |= slot->announced && !slot->announced->muted;
  }
  if (any_announced) return any_live ? GapWatch::Tracks::expected : GapWatch::Tracks::all_muted;
  return any_signalled ? GapWatch::Tracks::all_left : GapWatch::Tracks::expected;
}

void Session::watch_gap(const Now& now) {
  const auto recording = output_.started() ? GapWatch::Recording::begun : GapWatch::Recording::not_begun;
  note_gap(gap_watch_.handle_tick(now.instant, tracks_state(), recording), now);
  const auto limit = gap_watch_.limit_reached();
  if (limit && !std::exchange(limit_told_, true)) events_.on_limit(*limit);
}

void Session::note_gap(const std::optional<Gap>& gap, const Now& now) {
  if (!gap) return;
  output_.note(
      journal::GapEvent{timeline_.at(gap->from), timeline_.at(gap->to), std::string(to_string(gap->cause))},
      now);
}

void Session::keep_journal(const Now& now) {
  const std::uint64_t bytes = output_.bytes_written();
  write_rate_ =
      static_cast<double>(bytes - bytes_at_housekeeping_) / to_seconds(now.instant - last_housekeeping_);
  bytes_at_housekeeping_ = bytes;
  last_housekeeping_ = now.instant;
  next_housekeeping_ = now.instant + housekeeping_interval;

  const bool anchors_due = now.instant >= next_anchor_;
  if (anchors_due) next_anchor_ = now.instant + anchor_interval;
  const bool ledger_due = now.instant >= next_ledger_;
  if (ledger_due) next_ledger_ = now.instant + ledger_interval;
  for (const media::Kind kind : both_kinds) {
    TrackJournal& journal = slot(kind).journal;
    journal.note_news(now);
    if (ledger_due) journal.note_ledger(track_status(kind), now);
    if (anchors_due) journal.note_anchor(now);
  }
  output_.keep_journal(now);
}

void Session::finish(journal::EndReason reason, const Now& now, Outbox& outbox, Output::Finished finished) {
  CHECK(!finishing_);
  now_ = now;
  for (const auto& slot : slots_) slot->track.flush(now.instant);
  note_gap(gap_watch_.finish(now.instant), now);
  finishing_ = true;
  peer_->close(outbox);
  output_.drain(now, [this, reason, finished = std::move(finished)]() mutable {
    for (const media::Kind kind : both_kinds) slot(kind).journal.finish(track_status(kind), now_);
    output_.finish(reason, now_, std::move(finished));
  });
}

TrackStatus Session::track_status(media::Kind kind) const {
  TrackStatus status = slot(kind).track.status();
  const bool video = kind == media::Kind::video;
  if (!video && output_.audio_mode() == AudioMode::aac) status.written_as = media::Codec::aac;
  status.frames = video ? output_.video_frames() : output_.audio_frames();
  status.filler_frames = video ? output_.video_filler_frames() : output_.audio_filler_frames();
  status.frames_damaged = slot(kind).journal.frames_damaged();
  return status;
}

State Session::state() const {
  if (!armed_) return State::waiting;
  if (!output_.started()) return State::connecting;
  return gap_watch_.in_gap() ? State::gap : State::recording;
}

Status Session::status(Instant now) const {
  Status status;
  status.recording_id = options_.output.recording_id;
  status.mint_id = options_.output.mint_id;
  status.state = state();
  status.format = output_.format();
  status.format_note = output_.format_note();
  status.output_paths = output_.part_paths();
  status.start_time = options_.start_time;
  status.duration = output_.duration();
  status.file_size_bytes = output_.bytes_written();
  for (const media::Kind kind : {media::Kind::video, media::Kind::audio}) {
    if (slot(kind).announced || slot(kind).track.source()) status.tracks.push_back(track_status(kind));
  }
  if (const auto error = output_.error()) status.error = error->message;
  status.since_last_packet = gap_watch_.silence(now);
  status.write_rate = write_rate_;
  status.gaps = gap_watch_.count();
  status.gap_time = gap_watch_.total(now);
  status.gap_cause = gap_watch_.cause();
  return status;
}

bool Session::ledgers_hold() const {
  return std::ranges::all_of(slots_, [](const auto& slot) { return slot->track.ledger().check(); });
}

}  // namespace holdfast::recording
