#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/media_threads.hpp"
#include "base/executor.hpp"
#include "io/worker.hpp"
#include "recording/session.hpp"

namespace holdfast::app {

// What a session tells the control thread.
struct SessionReport {
  recording::Status status;
  storage::FileWriter::Counters disk;
};

class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void on_report(SessionReport report) = 0;
  virtual void on_connection_lost(std::string why) = 0;
  virtual void on_limit(journal::EndReason reason) = 0;
};

// A session at home on its worker: the socket it lives behind, and the way there and back. Made, called and
// destroyed on the control thread; all it does, it does on the worker. The observer is called on the control
// thread, and may be gone by then.
class SessionHost {
 public:
  enum class Port : std::uint8_t {
    own,     // a socket of its own: we dial (LiveKit)
    shared,  // the worker's WHIP port
  };

  // `worker` is one of `media`.
  SessionHost(MediaThreads& media, MediaWorker& worker, Executor& control, Port port,
              recording::SessionOptions options, std::weak_ptr<SessionObserver> observer);
  ~SessionHost();
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;

  // As the session's functions of these names; replies come on the control thread.
  using AnswerReply = std::move_only_function<void(Result<std::string>)>;
  // `renewed`: the offer is for a new connection.
  enum class Connection : std::uint8_t { same, renewed };
  void accept_offer(std::string offer, Connection connection, AnswerReply reply);
  void add_remote_candidate(std::string candidate);
  using IceReply = std::move_only_function<void(Result<peer::IceDescription>)>;
  void restart_ice(peer::IceDescription remote, IceReply reply);
  // Those that signalling names, beside the configured ones. For the next connection.
  void set_turn_servers(std::vector<turn::Server> servers);
  void announce(media::Kind kind, std::optional<recording::AnnouncedTrack> track);
  void set_participant(std::string identity);
  void suspect(recording::GapCause cause);
  void note_reconnect(std::string cause);
  // For the journal; false: there is none yet, or it takes no more.
  using NoteReply = std::move_only_function<void(bool noted)>;
  void note(journal::Event event, NoteReply reply);
  void arm();
  void split();
  using FinishReply = std::move_only_function<void(SessionReport report, Result<void> result)>;
  void finish(journal::EndReason reason, FinishReply reply);

 private:
  class Resident;
  void post(std::move_only_function<void(Resident&)> job);

  MediaWorker& worker_;
  Executor& control_;
  std::unique_ptr<Resident> resident_;  // the worker's from construction on
};

}  // namespace holdfast::app
