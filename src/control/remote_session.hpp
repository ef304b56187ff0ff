#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "journal/events.hpp"
#include "peer/peer.hpp"
#include "recording/admission.hpp"
#include "recording/session.hpp"
#include "storage/file_writer.hpp"
#include "turn/server.hpp"

namespace holdfast::control {

// What a session tells the control thread.
struct SessionReport {
  recording::Status status;
  storage::FileWriter::Counters disk;
};

// Called on the control thread, as long as the RemoteSession lives.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  // Twice a second, and when the state changes.
  virtual void on_report(SessionReport report) = 0;
  virtual void on_connection_lost(std::string why) = 0;
  // It is to be ended: finish() it for that reason.
  virtual void on_limit(journal::EndReason reason) = 0;
};

// A recording::Session that lives on a worker thread, as the control thread sees it: what is called here
// happens there, in order. Replies come once, on the control thread, never from within a call, and also if
// the session is destroyed meanwhile; if the process ends, not at all. The functions are the session's of
// these names.
class RemoteSession {
 public:
  enum class Port : std::uint8_t {
    own,     // a socket of its own: we dial (LiveKit)
    shared,  // the worker's WHIP port
  };
  enum class Connection : std::uint8_t { same, renewed };  // renewed: an offer is for a new connection
  using AnswerReply = std::move_only_function<void(Result<std::string> answer)>;
  using IceReply = std::move_only_function<void(Result<peer::IceDescription>)>;
  using NoteReply = std::move_only_function<void(bool noted)>;
  using FinishReply = std::move_only_function<void(SessionReport report, Result<void> result)>;

  virtual ~RemoteSession() = default;
  virtual void accept_offer(std::string offer, Connection connection, AnswerReply reply) = 0;
  virtual void add_remote_candidate(std::string candidate) = 0;
  virtual void restart_ice(peer::IceDescription remote, IceReply reply) = 0;
  // Those that signalling names, beside the configured ones. For the next connection.
  virtual void set_turn_servers(std::vector<turn::Server> servers) = 0;
  virtual void announce(media::Kind kind, std::optional<recording::AnnouncedTrack> track) = 0;
  virtual void set_participant(std::string identity) = 0;
  virtual void suspect(recording::GapCause cause) = 0;
  // For the journal; false: there is none yet, or it takes no more.
  virtual void note(journal::Event event, NoteReply reply) = 0;
  virtual void arm() = 0;
  virtual void split() = 0;
  virtual void finish(journal::EndReason reason, FinishReply reply) = 0;
};

// The worker threads on which sessions live.
class Workers {
 public:
  // load() is that of so long before.
  static constexpr Duration load_window = std::chrono::seconds(3);

  virtual ~Workers() = default;
  // `worker` is an index of load().workers; the observer outlives the session.
  virtual std::unique_ptr<RemoteSession> open(std::size_t worker, RemoteSession::Port port,
                                              recording::SessionOptions options,
                                              SessionObserver& observer) = 0;
  // How busy they were. Without burdens: whose recordings they are, others know.
  virtual recording::MachineLoad load() const = 0;
};

}  // namespace holdfast::control
