#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "livekit/ending.hpp"
#include "livekit/roster.hpp"
#include "livekit/track.hpp"

namespace holdfast::livekit {

namespace wire {
class Join;
class Leave;
class Reconnect;
class SignalRequest;
class SubscriptionPermissionUpdate;
class SubscriptionResponse;
class Trickle;
}  // namespace wire

enum class RoomMode : std::uint8_t {
  record,  // chooses one participant and subscribes to its tracks
  watch,   // subscribes to nothing, reports who publishes: for participants = all
};
enum class Quality : std::uint8_t { low, medium, high };

struct RoomConfig {
  RoomMode mode = RoomMode::record;
  // record: the identity to record. Empty: the first that publishes video, else, after track_wait, audio
  // alone.
  std::string participant = {};
  Quality quality = Quality::high;  // which simulcast layer
  Duration track_wait = std::chrono::seconds(1);
  Duration join_timeout =
      std::chrono::seconds(10);  // from the start of connecting to the server's join response
};

// An offer that must be answered with Room::send_answer(), each one, also those that only take a track away.
struct Offer {
  std::uint32_t id = 0;
  std::string sdp;
  std::map<std::string, std::string> mid_to_track;  // mid -> track sid, of the m-lines in use
};

// A TURN (or STUN) server that LiveKit names.
struct IceServer {
  std::vector<std::string> urls;  // "turn:...", "turns:...", "stun:..."; not looked at
  std::string username;
  std::string credential;
};

// What a Room tells its owner, on the thread that drives the room. Except from on_ended(), which is the last
// call of all unless the room is resumed, the room must not be destroyed from within a call; its send_*
// functions may be called from any.
class RoomEvents {
 public:
  virtual ~RoomEvents() = default;

  virtual void on_joined(std::string_view room_name, std::string_view own_sid) = 0;
  // After Room::resume(): the session goes on. The server offers an ICE restart next.
  virtual void on_resumed() = 0;
  // For the connections to come; before on_joined(), and when the server names others.
  virtual void on_ice_servers(const std::vector<IceServer>&) {}
  virtual void on_offer(const Offer& offer) = 0;
  // "candidate:..." (RFC 8839 section 5.1), of the server's end.
  virtual void on_candidate(std::string_view candidate) = 0;

  // The tracks we record: at most one video and one audio at a time. An offer that carries the track may come
  // before or after on_track_added(). It may be muted from the start, and then has no packets yet.
  virtual void on_track_added(const Track& track) = 0;
  virtual void on_track_changed(const Track& track) = 0;  // muted, unmuted, another size
  virtual void on_track_removed(const Track& track) = 0;
  // A track we would have wanted but cannot record; track.refusal says why. Once a track.
  virtual void on_track_refused(const Track& track) = 0;
  // The chosen participant left the room; when it comes back its tracks are added again.
  virtual void on_publisher_left(std::string_view identity) = 0;

  // watch only: a participant publishes something we can record; one so reported left the room.
  virtual void on_participant(std::string_view identity) = 0;
  virtual void on_participant_gone(std::string_view identity) = 0;

  // A newer token for the same room and identity: the one to use for joining again.
  virtual void on_token(std::string_view token) = 0;
  virtual void on_ended(const Ended& ended) = 0;
};

// Takes encoded SignalRequest messages: one binary WebSocket message each, in order. Before the WebSocket is
// open there is nobody to hear them, and they may be dropped.
class SignalSink {
 public:
  virtual ~SignalSink() = default;
  virtual void send(Bytes message) = 0;
};

// The state of one LiveKit room as a recorder sees it, over one signalling connection. Sans-IO: it is given
// the server's messages and the time, and sends through a SignalSink. Control thread. It holds what
// publishers announce (at most Roster::max_participants), nothing of viewers. It relies on signal protocol 16
// with two peer connections: the server makes all the offers, and sends full snapshots of the participants.
class Room {
 public:
  // `now` is when connecting begins. `events` and `sink` must outlive the room.
  Room(RoomConfig config, RoomEvents& events, SignalSink& sink, Instant now);

  // A SignalResponse. What cannot be parsed is counted and ignored.
  void handle_message(Bytes message, Instant now);
  void handle_timeout(Instant now);
  Instant deadline() const;
  // The signalling connection is gone. Ends the room, unless it has ended already.
  void handle_closed(Ended ended);
  // Another signalling connection is being made (resume_target()) to the session of a room that was joined,
  // be it that the last one was lost or that media needs an ICE restart. What was known stays. What fails
  // before on_resumed() ends the room with EndKind::resume if another try may help, with rejoin if the
  // session is gone.
  void resume(Instant now);
  // By which the server knows the session; empty before on_joined().
  const std::string& own_sid() const { return own_sid_; }

  void send_answer(std::uint32_t offer_id, std::string_view sdp);
  // A candidate of ours ("candidate:..."), for the m-line `mid`. Optional: the server learns us from our
  // checks.
  void send_candidate(std::string_view candidate, std::string_view mid);
  // Says goodbye. The room ends with EndKind::left when the server answers, at the latest after
  // leave_timeout.
  void leave(Instant now);
  static constexpr Duration leave_timeout = std::chrono::milliseconds(500);

  bool ended() const { return ended_; }
  // The identity being recorded, empty while none is chosen.
  const std::string& participant() const { return participant_; }
  std::uint64_t malformed_messages() const { return malformed_messages_; }

 private:
  void handle_join(const wire::Join& join, Instant now);
  void handle_resumed(const wire::Reconnect& reconnect, Instant now);
  void expect_signs_of_life(Instant now);
  void handle_participant(const wire::Participant& info);
  void handle_trickle(const wire::Trickle& trickle);
  void handle_leave(const wire::Leave& leave);
  void handle_permission(const wire::SubscriptionPermissionUpdate& update);
  void handle_subscription_response(const wire::SubscriptionResponse& response);
  void handle_participant_gone(const std::string& identity);
  void refuse(const std::string& sid, std::string_view why);

  // Brings participant, subscriptions and refusals in line with the roster.
  void reconsider(Instant now);
  void choose_participant(Instant now);
  void choose_tracks();
  void select(media::Kind kind, const Track* wanted);
  void report_publishers();
  void report_refusals();
  void end_if_nothing_left(Instant now);

  bool in_scope(const Publisher& publisher) const;
  std::optional<Track>& selected(media::Kind kind) { return selected_[static_cast<std::size_t>(kind)]; }
  void subscribe(const Track& track);
  void unsubscribe(const Track& track);
  void send(const wire::SignalRequest& request);
  void end(Ended ended);

  const RoomConfig config_;
  RoomEvents& events_;
  SignalSink& sink_;
  Roster roster_;
  std::string participant_;
  std::array<std::optional<Track>, 2> selected_;  // by media::Kind
  std::set<std::string> reported_publishers_;     // watch: identities
  std::set<std::string> reported_refusals_;       // sids
  std::string own_sid_;
  bool joined_ = false;
  bool resuming_ = false;
  bool ended_ = false;
  bool found_ = false;              // something to record, which the server did not refuse
  Instant join_deadline_;           // of the answer to joining, or to resuming
  Instant leave_deadline_ = never;  // set: we are leaving
  Instant ping_at_ = never;
  Instant silent_at_ = never;        // the server counts as dead then
  Instant audio_alone_at_ = never;   // audio without video is good enough from then on
  Instant nothing_left_at_ = never;  // all that is published is refused: give up then
  Duration ping_interval_{};
  Duration ping_timeout_{};
  std::uint64_t malformed_messages_ = 0;
  std::string buffer_;
};

}  // namespace holdfast::livekit
