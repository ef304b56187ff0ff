#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/packetizer.hpp"
#include "livekit/membership.hpp"
#include "livekit/test_messages.hpp"
#include "recording/session_test.hpp"
#include "sim/sim_room.hpp"

namespace holdfast::recording {

// What app::LivekitSource and the threads around it are to the program: a Membership and a Session, a thread
// apart, before a simulated LiveKit server.
class LiveRecorder final : private livekit::Signalling,
                           private livekit::Subscriber,
                           private sim::SimSignalHandler {
 public:
  struct World {
    sim::SimClock& clock;
    sim::SimNet& net;
    sim::SimRoom& room;
    Disk& disk;
    storage::WriteBudget& budget;
  };

  LiveRecorder(const World& world, const SessionOptions& session, livekit::Membership::Options membership,
               std::uint64_t seed)
      : world_(world),
        random_(seed),
        recorder_(world.clock, world.net, recorder_at, world.disk, session, world.budget),
        membership_(std::move(membership), random_, *this, *this) {
    world.clock.drive([this] { return membership_.deadline(); },
                      [this](Instant) { membership_.handle_timeout(now()); });
    recorder_.on_tick = [this] { look_after(); };
    world.room.has_keys = [this] { return recorder_.session.connected(); };
  }

  void start() { membership_.start(now()); }
  void finish(journal::EndReason reason) {
    membership_.leave(now());
    if (!std::exchange(finishing_, true)) recorder_.finish(reason);
  }

  Session& session() { return recorder_.session; }
  bool finished() const { return recorder_.finished.has_value(); }

  std::uint64_t asked = 0;  // the token endpoint
  std::optional<livekit::Outcome> outcome;
  std::optional<journal::EndReason> limit;  // that ended it

 private:
  Now now() const { return world_.clock.both(); }
  // What the session tells reaches the membership on another thread.
  void look_after() {
    if (!std::exchange(recorder_.lost_because, {}).empty())
      to_control_.post([this] { membership_.handle_media_lost(now()); });
    if (recorder_.limit_reached && !limit) {
      limit = recorder_.limit_reached;
      to_control_.post([this] { finish(*limit); });
    }
  }
  void to_session(std::move_only_function<void(Session&)> job) {
    to_worker_.post([this, job = std::move(job)]() mutable {
      if (!finishing_) job(recorder_.session);
    });
  }

  void handle_message(Bytes message) override { membership_.handle_message(now(), message); }
  void handle_closed(const livekit::Ended& why) override { membership_.handle_closed(now(), why); }

  void connect(const livekit::ServerUrl&, std::string target, const std::string& token) override {
    world_.room.connect(target, token, *this);
  }
  void send(Bytes message) override { world_.room.send(message); }
  void close() override { world_.room.close(); }
  void ask(HttpRequest) override {
    world_.clock.schedule_in(30ms, [this] {
      const HttpResponse reply{200, {}, fmt::format(R"({{"token":"endpoint-{}"}})", ++asked)};
      membership_.handle_endpoint_reply(now(), reply);
    });
  }

  void accept_offer(const livekit::OfferKey& key, std::string sdp,
                    livekit::MediaConnection connection) override {
    to_session([this, key, sdp = std::move(sdp), connection](Session& session) {
      if (connection == livekit::MediaConnection::renewed) session.reconnect(now());
      to_control_.post([this, key, answer = session.accept_offer(now(), sdp)] {
        membership_.handle_answer(now(), key, answer);
      });
    });
  }
  void add_candidate(std::string_view candidate) override {
    to_session([this, text = std::string(candidate)](Session& session) {
      session.add_remote_candidate(world_.clock.now(), text);
    });
  }
  void set_ice_servers(const std::vector<livekit::IceServer>&) override {}
  void announce(const livekit::Track& track) override {
    to_session([this, kind = track.kind, announced = AnnouncedTrack{track.sid, track.muted}](
                   Session& session) { session.announce(now(), kind, &announced); });
  }
  void retract(Kind kind) override {
    to_session([this, kind](Session& session) { session.announce(now(), kind, nullptr); });
  }
  void suspect(livekit::Fault fault) override {
    to_session([fault](Session& session) { session.suspect(cause_of(fault)); });
  }
  void note_resumed() override {
    to_session([this](Session& session) { session.note(journal::ReconnectEvent{"resume"}, now()); });
  }
  void warn(const std::string& why) override { ADD_FAILURE() << why; }
  void handle_publisher(std::string_view) override {}
  void end(livekit::Outcome how, const std::string&) override {
    outcome = how;
    to_control_.post([this] {
      finish(*outcome == livekit::Outcome::refused ? journal::EndReason::refused
                                                   : journal::EndReason::stream_ended);
    });
  }

  const World world_;
  SeededRandom random_;
  SimExecutor to_worker_{world_.clock, 1ms};
  SimExecutor to_control_{world_.clock, 1ms};
  Recorder recorder_;
  livekit::Membership membership_;
  bool finishing_ = false;
};

// Somebody with a camera and a microphone, who encodes whether or not anybody hears.
class Broadcaster final : private codec::PayloadSink {
 public:
  Broadcaster(sim::SimClock& clock, sim::SimRoom& room)
      : clock_(clock), room_(room), packetizer_(codec::make_packetizer(media::Codec::h264, payload_size)) {
    static const Footage blank = make_footage({.width = 2, .height = 2, .frames_per_second = 10});
    room.blank_picture = payloads_of(blank.video[0].payload);
    play_video();
    play_audio();
  }

  // Joins the room and publishes both, under new SIDs each time.
  void publish() {
    publish_video(livekit::camera(fmt::format("TR_v{}", ++publications_)));
    microphone =
        &room_.publish("alice", livekit::microphone(fmt::format("TR_a{}", publications_)), sdp::opus_codec());
  }
  // In place of the video before, or beside it.
  void publish_video(const livekit::wire::Track& info) {
    video = &room_.publish("alice", info, sdp::h264_codec());
  }
  void mute(bool muted) {
    room_.mute(*video, muted);
    room_.mute(*microphone, muted);
  }
  // Another simulcast layer: its key frame is of the same instant as the last frame, one tick later.
  void switch_layer(const Footage& footage) {
    footage_ = &footage;
    position_ = 0;
    timestamp_ = video->last_timestamp + 1;
    send_picture();
  }
  void stop() { playing_ = false; }

  sim::SimRoom::Track* video = nullptr;
  sim::SimRoom::Track* microphone = nullptr;
  Instant last_picture;  // sent
  Instant last_sound;
  std::uint64_t pictures = 0;

 private:
  static constexpr std::size_t payload_size = 400;

  static std::vector<ByteVector> payloads_of(Bytes picture) {
    struct Sink final : codec::PayloadSink {
      void payload(Bytes payload, codec::Last) override { all.emplace_back(payload.begin(), payload.end()); }
      std::vector<ByteVector> all;
    } sink;
    codec::make_packetizer(media::Codec::h264, 1200)->packetize(picture, sink);
    return sink.all;
  }
  std::uint32_t rtp_time(std::uint32_t rate) const {
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - epoch_).count();
    return static_cast<std::uint32_t>(since * rate / 1'000'000) + rate;
  }
  void play_video() {
    if (!playing_) return;
    if (video != nullptr) {
      if (std::exchange(video->key_frame_wanted, false)) {
        while (footage_->video[position_].picture != media::Picture::key) next_position();
      }
      timestamp_ = rtp_time(90'000);
      send_picture();
    }
    clock_.schedule_in(footage_->video_frame, [this] { play_video(); });
  }
  void send_picture() {
    const publish::EncodedFrame& frame = footage_->video[position_];
    next_position();
    begins_ = frame.picture == media::Picture::key ? sim::SimDowntrack::Begins::key_frame
                                                   : sim::SimDowntrack::Begins::nothing;
    packetizer_->packetize(frame.payload, *this);
    if (video->flows) ++pictures, last_picture = clock_.now();
  }
  void next_position() { position_ = (position_ + 1) % footage_->video.size(); }
  void payload(Bytes payload, codec::Last last) override {
    room_.forward(*video, payload, timestamp_, last == codec::Last::yes,
                  std::exchange(begins_, sim::SimDowntrack::Begins::nothing));
  }
  void play_audio() {
    if (!playing_) return;
    if (microphone != nullptr) {
      const auto& frames = small_h264().audio;
      room_.forward(*microphone, frames[sound_++ % frames.size()].payload, rtp_time(48'000), false);
      if (microphone->flows) last_sound = clock_.now();
    }
    clock_.schedule_in(20ms, [this] { play_audio(); });
  }

  sim::SimClock& clock_;
  sim::SimRoom& room_;
  std::unique_ptr<codec::Packetizer> packetizer_;
  const Instant epoch_ = clock_.now();
  const Footage* footage_ = &small_h264();
  int publications_ = 0;
  std::size_t position_ = 0;
  std::size_t sound_ = 0;
  std::uint32_t timestamp_ = 0;
  sim::SimDowntrack::Begins begins_{};
  bool playing_ = true;
};

}  // namespace holdfast::recording
