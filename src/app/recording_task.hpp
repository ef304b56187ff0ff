#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/session_host.hpp"
#include "base/executor.hpp"
#include "base/result.hpp"
#include "recording/status.hpp"

namespace holdfast::app {

// Makes an MP4 that was recorded as fragments into an ordinary one, in its place. Control thread; replies
// there.
class Finalizer {
 public:
  virtual ~Finalizer() = default;
  // Says so in the recording's journal. Errors: the file is as it was, or the journal does not say so.
  virtual void make_faststart(std::string path, std::string recording_id,
                              std::move_only_function<void(Result<void>)> reply) = 0;
};

// One recording as the control thread sees it, from the request to the end: its session, its latest status,
// and those who wait for its end. Where its media comes from is told by others (LivekitSource, the WHIP
// ingest). Held by shared_ptr, so that what comes back from the worker finds out whether it is still there.
// Control thread only.
class RecordingTask final : public SessionObserver, public std::enable_shared_from_this<RecordingTask> {
 public:
  struct Context {
    MediaThreads& media;
    std::size_t worker;  // of `media`: where its session is to live
    Executor& control;
    Finalizer& finalizer;
    // There is a file more.
    std::function<void()> on_new_file;
    // Its media is over and its files are whole; background work may go on.
    std::function<void(RecordingTask&)> on_session_over;
    // The state is final (stopped or failed): nothing more will come from the task.
    std::function<void(RecordingTask&)> on_ended;
    // The media connection is gone: whoever made it may make another.
    std::function<void(RecordingTask&, const std::string& why)> on_connection_lost;
  };
  using StatusReply = std::move_only_function<void(Result<recording::Status>)>;

  RecordingTask(Context context, recording::SessionOptions options);
  ~RecordingTask() override;

  // Opens the session, once.
  void open(SessionHost::Port port);
  // open() first.
  SessionHost& host() { return *host_; }
  bool is_open() const { return host_ != nullptr; }
  std::size_t worker() const { return context_.worker; }

  void set_participant(const std::string& identity);
  // A warning for whoever reads the status: a track that cannot be recorded.
  void warn(std::string warning);

  // Ends it, with its files whole; later calls wait for the same end. Of an MP4 the reply does not wait for
  // the index: then the state is finalizing.
  void finish(journal::EndReason reason, StatusReply reply);
  // Ends it as failed, for people to read why. What was recorded so far is kept.
  void fail(std::string why);

  const recording::Status& status() const { return status_; }
  const storage::FileWriter::Counters& disk() const { return disk_; }
  bool active() const { return !finishing_; }
  bool ended() const;
  // Whether media was ever recorded.
  bool started() const { return !status_.output_paths.empty(); }
  Instant made_at() const { return made_at_; }
  // Since when media has come without a gap; never: none comes.
  Instant flows_since() const { return flows_since_; }
  const recording::SessionOptions& options() const { return options_; }

 private:
  void on_report(SessionReport report) override;
  void on_connection_lost(std::string why) override;
  void on_limit(journal::EndReason reason) override;

  void take(SessionReport report);
  void session_finished(SessionReport report, Result<void> result);
  void finalize_next();
  void end();

  Context context_;
  const recording::SessionOptions options_;
  std::unique_ptr<SessionHost> host_;
  const Instant made_at_;
  Instant flows_since_ = never;
  recording::Status status_;
  storage::FileWriter::Counters disk_;
  std::string participant_;
  std::string warning_;
  bool finishing_ = false;
  bool failed_ = false;
  std::string failure_;
  journal::EndReason reason_ = journal::EndReason::unknown;
  std::vector<std::string> to_finalize_;
  std::vector<StatusReply> waiting_;
};

}  // namespace holdfast::app
