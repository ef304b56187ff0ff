#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/recording_task.hpp"
#include "base/random.hpp"
#include "io/control_loop.hpp"
#include "io/http_client.hpp"
#include "io/livekit_connection.hpp"
#include "livekit/membership.hpp"

namespace holdfast::app {

// Feeds a recording from a LiveKit room: gives a livekit::Membership its WebSockets, its HTTP and its time,
// and takes what it says to the recording's worker. The task outlives it. Control thread only.
class LivekitSource final : private livekit::Signalling,
                            private livekit::Subscriber,
                            private io::LivekitHandler {
 public:
  struct Context {
    io::ControlLoop& control;
    io::HttpClient& http;
    Random& random;
  };
  struct Options {
    livekit::RoomAccess access;
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
  // As livekit::Membership's functions of these names.
  void leave();
  void handle_media_lost();

 private:
  // Calls into the membership, and sees to it that it is called again in time.
  template <typename Call>
  void drive(Call call);
  void handle_timeout();
  // The session's host, made when it is first needed; null once the recording ends.
  SessionHost* open_host();
  SessionHost* host();

  void handle_message(Bytes message) override;
  void handle_closed(const livekit::Ended& why) override;

  void connect(const livekit::ServerUrl& server, std::string target, const std::string& token) override;
  void send(Bytes message) override;
  void close() override;
  void ask(HttpRequest request) override;

  void accept_offer(const livekit::OfferKey& key, std::string sdp,
                    livekit::MediaConnection connection) override;
  void add_candidate(std::string_view candidate) override;
  void set_ice_servers(const std::vector<livekit::IceServer>& servers) override;
  void announce(const livekit::Track& track) override;
  void retract(media::Kind kind) override;
  void suspect(livekit::Fault fault) override;
  void note_resumed() override;
  void warn(const std::string& why) override;
  void handle_publisher(std::string_view identity) override;
  void end(livekit::Outcome outcome, const std::string& why) override;

  const Context context_;
  RecordingTask& task_;
  Watcher* const watcher_;
  const Duration connect_timeout_;
  livekit::Membership membership_;
  std::unique_ptr<io::LivekitConnection> connection_;
  io::Timer timer_;
  Instant armed_ = never;
  std::vector<turn::Server> turn_servers_;                // those that the server named
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // what comes back later looks whether we are there
};

}  // namespace holdfast::app
