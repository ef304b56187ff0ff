#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "livekit/ending.hpp"
#include "livekit/signal.pb.h"
#include "sim/sim_clock.hpp"
#include "sim/sim_forwarder.hpp"
#include "sim/sim_net.hpp"

namespace holdfast::sim {

// The recorder's end of a signalling connection, as io::LivekitHandler.
class SimSignalHandler {
 public:
  virtual ~SimSignalHandler() = default;
  virtual void handle_message(Bytes message) = 0;
  virtual void handle_closed(const livekit::Ended& why) = 0;
};

// A simulated LiveKit server with one room, for one subscriber: signalling as livekit-server 1.13.5 does it,
// on top of a SimForwarder for each session. It speaks the real messages, which travel with a delay and are
// lost while the way is cut. Whoever plays the publishers publishes tracks and hands over their packets:
//
//   SimRoom room(clock, net, at, seed);
//   SimRoom::Track& video = room.publish("alice", camera("TR_1"), sdp::h264_codec());
//   room.connect(target, token, handler);                      the recorder comes
//   room.forward(video, payload, timestamp, marker, SimDowntrack::Begins::key_frame);
//
// Drives itself by the clock, with which it must live. One thread. It keeps the truth about every packet of
// every session.
class SimRoom {
 public:
  // A track that somebody publishes, or published.
  struct Track {
    std::string identity;
    livekit::wire::Track info;
    sdp::Codec codec;
    bool published = true;
    bool key_frame_wanted = false;      // by those who watch
    SimDowntrack* downtrack = nullptr;  // while somebody is subscribed to it
    bool offered = false;               // and the subscriber was told how it comes ...
    bool bound = false;                 // ... and answered
    bool flows = false;                 // something was forwarded since then, or since the unmuting
    std::uint32_t last_timestamp = 0;

    bool is_video() const { return info.type() == livekit::wire::Track::VIDEO; }
  };

  SimRoom(SimClock& clock, SimNet& net, const Endpoint& media, std::uint64_t seed)
      : clock_(clock), net_(net), media_(media), random_(seed) {}

  // --- The recorder's end

  // In place of the connection before.
  void connect(const std::string& target, const std::string& token, SimSignalHandler& handler);
  void send(Bytes message);
  void close();

  // --- Publishers

  Track& publish(const std::string& identity, const livekit::wire::Track& info, const sdp::Codec& codec);
  // The server makes up the end of the track (blank pictures, silence) for 0.2 s, then takes it away.
  void unpublish(Track& track);
  void mute(Track& track, bool muted);
  // The participant goes, with its tracks.
  void leave(const std::string& identity);
  // A packet of the publisher's: forwarded if it is subscribed to, for video from a key frame on.
  void forward(Track& track, Bytes payload, std::uint32_t timestamp, bool marker,
               SimDowntrack::Begins begins = SimDowntrack::Begins::nothing);
  // Whether the recorder has the keys of its connection: what is sent to it before is lost on it, which no
  // real server can know.
  std::function<bool()> has_keys = [] { return true; };
  // RTP payloads of the blank picture that ends a video track (2x2, a key frame).
  std::vector<ByteVector> blank_picture;

  // --- What breaks

  // The way of signalling, for so long: both ends see it break, or neither.
  enum class Cut : std::uint8_t { broken, silent };
  void cut_signalling(Cut cut, Duration span);
  // The process dies: sessions, participants, everything. Nobody listens until revive().
  void kill();
  void revive() { alive_ = true; }
  // A leave message, and the session is over on the server's side.
  void end_session(livekit::wire::DisconnectReason reason, livekit::wire::Leave::Action action);
  // All tokens that there are.
  void expire_tokens();

  // --- The truth

  std::uint64_t joins() const { return joins_; }
  std::uint64_t resumes() const { return resumes_; }
  std::uint64_t refused_tokens() const { return refused_tokens_; }
  bool has_session() const { return session_.has_value(); }
  // When each packet of the publishers' arrived, in the order in which they were forwarded; without what the
  // server made up.
  std::vector<Instant> arrivals() const;
  const std::deque<SimForwarder>& forwarders() const { return forwarders_; }
  // What became of all packets of that clock rate, over all sessions.
  SimDowntrack::Known known(std::uint32_t clock_rate, Duration patience,
                            std::span<const SimDowntrack::Dark> dark) const;

 private:
  struct Participant {
    std::string identity;
    std::string sid;
    std::uint32_t version = 0;
  };
  // What the server knows of us.
  struct Session {
    std::string sid;
    SimForwarder* forwarder = nullptr;
    std::uint32_t offer_id = 0;
    bool awaits_answer = false;
    bool has_changed = false;  // another offer is due
    bool offer_planned = false;
    bool restarts = false;  // the next offer restarts ICE
    bool failed = false;    // ICE did
    std::set<std::string> subscribed{};
  };

  void join();
  void resume();
  void handle_request(const livekit::wire::SignalRequest& request);
  void handle_answer(const std::string& sdp);
  void handle_media_state(const SimForwarder* forwarder, peer::State state);
  void forget_session();
  void subscribe(Track& track);
  void unsubscribe(Track& track);
  void plan_offer(Duration delay);
  void offer_if_due();
  void make_up_silence(Track& track, int packets);
  void respond(const livekit::wire::SignalResponse& response);
  void close_with(livekit::Ended why);
  void tell_of(const Participant& participant);
  livekit::wire::Participant snapshot(const Participant& participant) const;
  Participant& participant(const std::string& identity);
  Track* find(const std::string& sid);
  bool is_cut() const { return clock_.now() < cut_until_; }
  // Calls back after the way of one message, if the connection is still the same then.
  void travel(std::function<void()> arrives);

  SimClock& clock_;
  SimNet& net_;
  const Endpoint media_;
  SeededRandom random_;
  std::deque<SimForwarder> forwarders_;
  std::deque<Track> tracks_;
  std::deque<Participant> participants_;
  std::optional<Session> session_;
  SimSignalHandler* handler_ = nullptr;  // null: no signalling connection
  std::uint64_t connection_ = 0;         // number of the present one
  bool open_ = false;                    // it has reached the server
  bool alive_ = true;
  Cut cut_ = Cut::broken;
  Instant cut_until_{};
  std::set<std::string> tokens_;  // that were ever shown or given
  std::set<std::string> expired_;
  std::uint64_t joins_ = 0;
  std::uint64_t resumes_ = 0;
  std::uint64_t refused_tokens_ = 0;
  std::uint64_t participants_so_far_ = 0;
  std::vector<std::pair<const SimDowntrack*, std::size_t>> forwarded_;  // and its how manieth packet
};

}  // namespace holdfast::sim
