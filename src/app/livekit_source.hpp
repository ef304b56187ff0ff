#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/recording_task.hpp"
#include "base/random.hpp"
#include "io/control_loop.hpp"
#include "io/http_client.hpp"
#include "io/livekit_connection.hpp"
#include "livekit/continuity.hpp"
#include "livekit/token_endpoint.hpp"

namespace holdfast::app {

// Where a stream's room is and how to get in: the first of these that is set.
struct RoomAccess {
  std::string server_url;  // ws or wss; a token endpoint may name another
  std::string token;       // given with the request
  const livekit::TokenEndpoint* endpoint = nullptr;
  std::string api_key;  // a token of our own making ...
  std::string api_secret;
  std::string room;  // ... for this room
};

// Feeds a recording from a LiveKit room: finds the way in, joins, negotiates, and stays in the room whatever
// breaks (livekit::Continuity). The task outlives it. Control thread only.
class LivekitSource final : public livekit::RoomEvents {
 public:
  struct Context {
    io::ControlLoop& control;
    io::HttpClient& http;
    Random& random;
  };
  struct Options {
    RoomAccess access;
    livekit::RoomConfig room;
    Duration wait_limit{};  // for the stream to be live
  };
  // Waiting, with RoomMode::watch, for those who publish.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void on_participant(const std::string& identity) = 0;
  };

  // `watcher` exactly if the mode is watch.
  LivekitSource(const Context& context, Options options, RecordingTask& task, Watcher* watcher = nullptr);
  ~LivekitSource() override;

  void start();
  // Says goodbye, so that the server need not wait for our silence.
  void leave();
  // The media connection failed: an ICE restart, by way of resuming, or joining anew.
  void handle_connection_lost();

 private:
  enum class Phase : std::uint8_t { seeking, joined, done };

  // Whether what comes from the room still concerns the task.
  bool feeds() const;
  void seek();
  void ask_endpoint();
  void handle_endpoint_reply(const Result<HttpResponse>& reply);
  void join(const std::string& server_url, std::string token);
  void try_later(Duration delay, std::string why);
  void reconnect(livekit::Continuity::Attempt attempt, const std::string& why);
  void suspect(livekit::Fault fault);
  void give_up(const std::string& why);

  void on_joined(std::string_view room_name, std::string_view own_sid) override;
  void on_resumed() override;
  void on_ice_servers(const std::vector<livekit::IceServer>& servers) override;
  void on_offer(const livekit::Offer& offer) override;
  void on_candidate(std::string_view candidate) override;
  void on_track_added(const livekit::Track& track) override;
  void on_track_changed(const livekit::Track& track) override;
  void on_track_removed(const livekit::Track& track) override;
  void on_track_refused(const livekit::Track& track) override;
  void on_publisher_left(std::string_view identity) override;
  void on_participant(std::string_view identity) override;
  void on_participant_gone(std::string_view) override {}
  void on_token(std::string_view token) override;
  void on_ended(const livekit::Ended& ended) override;
  void announce(const livekit::Track& track);

  const Context context_;
  const Options options_;
  RecordingTask& task_;
  Watcher* const watcher_;
  const std::string identity_;
  io::Timer retry_;
  io::Timer wait_limit_;
  std::unique_ptr<io::LivekitConnection> connection_;
  std::shared_ptr<int> alive_ =
      std::make_shared<int>();  // what comes back later looks whether we are still here
  Phase phase_ = Phase::seeking;
  bool live_ = false;  // a track was chosen
  bool first_offer_ = true;
  livekit::Continuity continuity_;
  std::string token_;                       // joined with
  std::vector<turn::Server> turn_servers_;  // those that the server named
  std::string newest_token_;
  std::string joined_url_;
  std::string last_reason_;
};

}  // namespace holdfast::app
