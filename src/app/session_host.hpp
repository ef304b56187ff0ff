#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/media_threads.hpp"
#include "base/executor.hpp"
#include "control/remote_session.hpp"
#include "io/worker.hpp"
#include "recording/session.hpp"

namespace holdfast::app {

// A session at home on its worker: the socket it lives behind, and the way there and back. Made, called and
// destroyed on the control thread; all it does, it does on the worker.
class SessionHost final : public control::RemoteSession {
 public:
  // `worker` is one of `media`.
  SessionHost(MediaThreads& media, MediaWorker& worker, Executor& control, Port port,
              recording::SessionOptions options, control::SessionObserver& observer);
  ~SessionHost() override;
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;

  void accept_offer(std::string offer, Connection connection, AnswerReply reply) override;
  void add_remote_candidate(std::string candidate) override;
  void restart_ice(peer::IceDescription remote, IceReply reply) override;
  void set_turn_servers(std::vector<turn::Server> servers) override;
  void announce(media::Kind kind, std::optional<recording::AnnouncedTrack> track) override;
  void set_participant(std::string identity) override;
  void suspect(recording::GapCause cause) override;
  void note(journal::Event event, NoteReply reply) override;
  void arm() override;
  void split() override;
  void finish(journal::EndReason reason, FinishReply reply) override;

 private:
  class WorkerSide;
  void post(std::move_only_function<void(WorkerSide&)> job);

  MediaWorker& worker_;
  Executor& control_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // what comes back later looks whether we are there
  std::unique_ptr<WorkerSide> worker_side_;               // the worker's from construction on
};

}  // namespace holdfast::app
