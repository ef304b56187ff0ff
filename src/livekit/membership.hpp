#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "livekit/continuity.hpp"
#include "livekit/room.hpp"
#include "livekit/token_endpoint.hpp"
#include "livekit/url.hpp"

namespace holdfast::livekit {

// Where a stream's room is and how to get in: the first of these that is set.
struct RoomAccess {
  std::string server_url;  // ws or wss; a token endpoint may name another
  std::string token;       // given with the request
  const TokenEndpoint* endpoint = nullptr;
  std::string api_key;  // a token of our own making ...
  std::string api_secret;
  std::string room;  // ... for this room
};

// The ways from a Membership to servers. What comes of a call is told by the handle_*() of the same purpose,
// never from within the call.
class Signalling : public SignalSink {
 public:
  // Opens a signalling connection in place of the one before, which is dropped. `target` as signal_target()
  // or resume_target(); `token` belongs into the Authorization header field.
  virtual void connect(const ServerUrl& server, std::string target, const std::string& token) = 0;
  // Once what was sent is out.
  virtual void close() = 0;
  // Of the token endpoint.
  virtual void ask(HttpRequest request) = 0;
};

// Which offer of which stay in the room: the numbers of two stays may be the same.
struct OfferKey {
  std::uint32_t stay = 0;
  std::uint32_t id = 0;
};
// Whether an offer goes on with the media connection of the offer before.
enum class MediaConnection : std::uint8_t { same, renewed };
// How a membership ended by itself.
enum class Outcome : std::uint8_t {
  stream_ended,
  refused,  // by the server or by our own rules, which will say no again
};

// The recording that a Membership feeds: it takes the place of LiveKit's subscriber connection. Called from
// within the Membership's functions; it may call none of them from there.
class Subscriber {
 public:
  virtual ~Subscriber() = default;

  // Its answer is for Membership::handle_answer().
  virtual void accept_offer(const OfferKey& key, std::string sdp, MediaConnection connection) = 0;
  virtual void add_candidate(std::string_view candidate) = 0;
  // For the connections to come.
  virtual void set_ice_servers(const std::vector<IceServer>& servers) = 0;
  // The track of that kind that is to be recorded, and what becomes of it: muted, another size.
  virtual void announce(const Track& track) = 0;
  // There is none of that kind any more.
  virtual void retract(media::Kind kind) = 0;
  // Where the trouble lies if no media comes now; network: nothing is known to be wrong.
  virtual void suspect(Fault fault) = 0;
  // The session was resumed, its media goes on.
  virtual void note_resumed() = 0;
  virtual void warn(const std::string& why) = 0;
  // RoomMode::watch only: somebody publishes.
  virtual void handle_publisher(std::string_view identity) = 0;
  // Nothing more will come. At most once, and not after leave().
  virtual void end(Outcome outcome, const std::string& why) = 0;
};

// How a recorder gets into a room, and stays there whatever breaks: finds a token, joins, negotiates, resumes
// or joins anew (Continuity), with the newest token or one that the token endpoint gives, until the stream
// is over, or told to leave. Sans-IO; control thread.
class Membership final : private RoomEvents {
 public:
  struct Options {
    std::string recording_id;  // for the log
    std::string mint_id;       // for the token endpoint
    RoomAccess access;
    RoomConfig room;
    Duration wait_limit{};  // for the stream to be live; 0: it must be
  };

  // All of them outlive it.
  Membership(Options options, Random& random, Signalling& signalling, Subscriber& subscriber);

  void start(const Now& now);
  // Says goodbye, so that the server need not wait for our silence. Nothing is told to the subscriber from
  // here on; deadline() counts until the goodbye is out.
  void leave(const Now& now);

  void handle_message(const Now& now, Bytes message);
  // The signalling connection is gone, or never came about.
  void handle_closed(const Now& now, Ended why);
  void handle_endpoint_reply(const Now& now, const Result<HttpResponse>& reply);
  // To an offer that the subscriber was given. One of an earlier stay is nobody's.
  void handle_answer(const Now& now, const OfferKey& key, const Result<std::string>& answer);
  // The media connection failed: an ICE restart, by way of resuming, or joining anew.
  void handle_media_lost(const Now& now);
  void handle_timeout(const Now& now);
  Instant deadline() const;

 private:
  enum class Phase : std::uint8_t { seeking, joined, done };

  void seek();
  void join(const std::string& server_url, std::string token);
  void resume();
  void try_later(Duration delay, std::string why);
  void reconnect(Continuity::Attempt attempt, const std::string& why);
  void note_live();
  void end(Outcome outcome, const std::string& why);

  void on_joined(std::string_view room_name, std::string_view own_sid) override;
  void on_resumed() override;
  void on_ice_servers(const std::vector<IceServer>& servers) override;
  void on_offer(const Offer& offer) override;
  void on_candidate(std::string_view candidate) override;
  void on_track_added(const Track& track) override;
  void on_track_changed(const Track& track) override;
  void on_track_removed(const Track& track) override;
  void on_track_refused(const Track& track) override;
  void on_publisher_left(std::string_view identity) override;
  void on_participant(std::string_view identity) override;
  void on_participant_gone(std::string_view) override {}
  void on_token(std::string_view token) override;
  void on_ended(const Ended& ended) override;

  const Options options_;
  Random& random_;
  Signalling& signalling_;
  Subscriber& subscriber_;
  const std::string identity_;
  Continuity continuity_;
  std::optional<Room> room_;  // of the present stay
  std::uint32_t stays_ = 0;
  Now now_{};  // of the call that is under way
  Phase phase_ = Phase::seeking;
  bool live_ = false;         // there was something to record
  bool first_offer_ = true;   // of this stay is still to come
  Instant retry_at_ = never;  // next_step_ is due
  Continuity::Step next_step_ = Continuity::Step::join;
  Instant wait_until_ = never;  // for the stream to be live
  ServerUrl server_;            // joined, or to be joined
  std::string token_;           // joined with
  std::string newest_token_;    // that the server gave
  std::string last_reason_;     // why it is not live
};

}  // namespace holdfast::livekit
