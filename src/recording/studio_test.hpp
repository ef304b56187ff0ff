#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "publish/publisher.hpp"
#include "publish/source.hpp"
#include "sdp/description.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"

namespace holdfast::recording {

// Frames encoded beforehand, to be sent over and over; the first video frame is a key frame.
struct Footage {
  std::vector<publish::EncodedFrame> video;
  std::vector<publish::EncodedFrame> audio;
  Duration video_frame{};
  Duration audio_frame = std::chrono::milliseconds(20);
};

struct FootageSettings {
  media::Codec codec = media::Codec::h264;
  int width = 160;
  int height = 90;
  int frames_per_second = 30;
  int bits_per_second = 200'000;
};

// Four seconds, with a key frame every second.
inline Footage make_footage(const FootageSettings& settings) {
  constexpr int seconds = 4;
  publish::SyntheticSettings synthetic;
  synthetic.video = publish::VideoSettings{.codec = settings.codec,
                                           .width = settings.width,
                                           .height = settings.height,
                                           .frames_per_second = settings.frames_per_second,
                                           .bits_per_second = settings.bits_per_second,
                                           .keyframe_interval = std::chrono::seconds(1)};
  const auto source = publish::open_synthetic_source(synthetic).value();
  Footage footage;
  footage.video_frame = Duration(std::chrono::seconds(1)) / settings.frames_per_second;
  for (int i = 0; i < seconds * (settings.frames_per_second + 50); ++i) {
    auto frame = source->next(media::Picture::delta, {}).value();
    (media::kind_of(frame.codec) == media::Kind::video ? footage.video : footage.audio)
        .push_back(std::move(frame));
  }
  return footage;
}

inline const Footage& small_h264() {
  static const Footage footage = make_footage({});
  return footage;
}

// A publisher on the simulated network that sends footage in real time, and remembers what it sent. Answers a
// wish for a key frame with the next one it has.
class Studio {
 public:
  Studio(sim::SimClock& clock, sim::SimNet& net, const Endpoint& at, const Footage& footage,
         const publish::PublisherOptions& options, std::uint64_t seed)
      : clock_(clock),
        footage_(footage),
        random_(seed),
        publisher(options, certificate(), {}, random_),
        out(net.attach(at, [this](const Endpoint& from, Bytes datagram) {
          ByteVector copy(datagram.begin(), datagram.end());
          publisher.handle_datagram(clock_.now(), from, copy, out);
        })) {
    clock.drive([this] { return publisher.deadline(); },
                [this](Instant) { publisher.handle_timeout(clock_.both(), out); });
  }

  // From now on frames of that kind are sent, until stop().
  void play(media::Kind kind) {
    if (playing_[index(kind)]) return;
    playing_[index(kind)] = true;
    schedule(kind, ++run_[index(kind)]);
  }
  void stop(media::Kind kind) { playing_[index(kind)] = false; }
  // The next video frames come from there, in the same stream: as when a camera changes its size.
  void change_footage(const Footage& footage) {
    footage_ = footage;
    position_[index(media::Kind::video)] = 0;
  }
  // What is played from now on has no key frame to begin with.
  void begin_with_delta() { position_[index(media::Kind::video)] = 1; }
  // Its clock for that kind runs so much faster than ours, in parts per million, from now on; its wall clock
  // does not. As sound cards and cameras do.
  void drift(media::Kind kind, double ppm) { drift_[index(kind)] = ppm * 1e-6; }
  // Key frames come of themselves only.
  void ignore_key_frame_requests() { honours_requests_ = false; }
  void send_now(const publish::EncodedFrame& frame) { send(frame); }

  std::string offer() {
    std::string text = publisher.make_offer();
    const auto description = sdp::parse(text).value();
    for (const sdp::MediaDescription& media : description.media) {
      track_ids_[index(media.media == "video" ? media::Kind::video : media::Kind::audio)] = media.msid->track;
    }
    return text;
  }
  // As the last offer has it.
  const std::string& track_id(media::Kind kind) const { return track_ids_[index(kind)]; }
  const std::vector<ByteVector>& sent(media::Kind kind) const { return sent_[index(kind)]; }
  const std::optional<Instant>& first_sent(media::Kind kind) const { return first_sent_[index(kind)]; }
  const std::optional<Instant>& first_key_frame() const { return first_key_frame_; }

 private:
  static std::shared_ptr<const dtls::Certificate> certificate() {
    static const auto made = dtls::Certificate::generate().value();
    return made;
  }
  static std::size_t index(media::Kind kind) { return static_cast<std::size_t>(kind); }

  void schedule(media::Kind kind, int run) {
    if (!playing_[index(kind)] || run != run_[index(kind)]) return;
    send_next(kind);
    const Duration frame = kind == media::Kind::video ? footage_.video_frame : footage_.audio_frame;
    clock_.schedule_in(frame, [this, kind, run] { schedule(kind, run); });
  }
  void send_next(media::Kind kind) {
    const auto& frames = kind == media::Kind::video ? footage_.video : footage_.audio;
    std::size_t& position = position_[index(kind)];
    if (kind == media::Kind::video && publisher.take_key_frame_request() && honours_requests_) {
      while (frames[position].picture != media::Picture::key) position = (position + 1) % frames.size();
    }
    send(frames[position]);
    position = (position + 1) % frames.size();
  }
  void send(const publish::EncodedFrame& original) {
    publish::EncodedFrame frame = original;
    const media::Kind kind = media::kind_of(frame.codec);
    const media::Ticks elapsed = media::to_ticks(clock_.now() - epoch_);
    frame.time = elapsed + static_cast<media::Ticks>(static_cast<double>(elapsed) * drift_[index(kind)]);
    if (on_send && publisher.state() == peer::State::connected) on_send(kind);
    publisher.send(clock_.both(), frame, out);
    if (publisher.state() != peer::State::connected) return;
    if (!first_sent_[index(kind)]) first_sent_[index(kind)] = clock_.now();
    if (kind == media::Kind::video && frame.picture == media::Picture::key && !first_key_frame_)
      first_key_frame_ = clock_.now();
    if (remembers) sent_[index(kind)].push_back(std::move(frame.payload));
  }

  sim::SimClock& clock_;
  Footage footage_;
  SeededRandom random_;
  const Instant epoch_ = clock_.now();
  std::array<bool, 2> playing_{};
  std::array<double, 2> drift_{};
  std::array<int, 2> run_{};  // play() calls so far: what an earlier one scheduled is void
  std::array<std::size_t, 2> position_{};
  std::array<std::string, 2> track_ids_;
  std::array<std::vector<ByteVector>, 2> sent_;
  std::array<std::optional<Instant>, 2> first_sent_;
  std::optional<Instant> first_key_frame_;
  bool honours_requests_ = true;

 public:
  publish::Publisher publisher;
  Outbox& out;
  bool remembers = true;  // what it sent
  std::function<void(media::Kind)> on_send;
};

}  // namespace holdfast::recording
