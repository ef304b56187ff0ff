#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "control/environment.hpp"
#include "control/media_source.hpp"
#include "control/plan.hpp"
#include "control/run_records.hpp"
#include "recording/admission.hpp"
#include "recording/status.hpp"

namespace holdfast::control {

// One recording as the control thread sees it, from the request to the end: its session, its latest status,
// where its media comes from, and those who wait for its end. It lives until its end. Control thread.
class Recording final : private SessionObserver {
 public:
  // Called from within the recording's functions and the replies to it.
  class Owner {
   public:
    virtual ~Owner() = default;
    // There is a file more.
    virtual void on_new_file() = 0;
    // The media is over and the files are whole; background work may go on.
    virtual void on_session_over(Recording& recording) = 0;
    // The state is final (stopped or failed): nothing more will come of it.
    virtual void on_ended(Recording& recording) = 0;
  };
  using Done = std::move_only_function<void()>;

  // `worker`: where its session is to live. The owner outlives it.
  Recording(const Environment& environment, Owner& owner, std::size_t worker, RecordingPlan plan);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  const StartRequest& request() const { return plan_.request; }
  const RecordingOptions& options() const { return plan_.options; }
  const recording::Status& status() const { return status_; }
  const std::string& id() const { return status_.recording_id; }
  const std::string& mint_id() const { return status_.mint_id; }
  const storage::FileWriter::Counters& disk() const { return disk_; }
  // What it asks of its worker.
  std::size_t worker() const { return worker_; }
  recording::Transcoding transcoding() const;
  Instant made_at() const { return made_at_; }
  // Since when media has come without a gap; never: none comes.
  Instant flows_since() const { return flows_since_; }

  // Nobody has asked for its end yet.
  bool is_active() const { return !finishing_; }
  bool has_ended() const;
  // Whether media was ever recorded.
  bool has_media() const { return !status_.output_paths.empty(); }

  // Where its media is to come from; once.
  void attach(std::unique_ptr<MediaSource> source) {
    CHECK(source_ == nullptr && source != nullptr);
    source_ = std::move(source);
  }
  MediaSource* source() { return source_.get(); }
  // Opens the session, unless it is open.
  void open(RemoteSession::Port port);
  bool is_open() const { return session_ != nullptr; }
  // open() first.
  RemoteSession& session() {
    CHECK(is_open());
    return *session_;
  }

  void set_participant(const std::string& identity);
  // A warning for whoever reads the status: a track that cannot be recorded.
  void warn(std::string warning);
  // Ends it, with its files whole; later calls wait for the same end. Of an MP4 `done` does not wait for the
  // index: then the state is finalizing. `done` may be empty.
  void finish(journal::EndReason reason, Done done);
  // Ends it as failed, for people to read why. What was recorded so far is kept.
  void fail(std::string why);

  // So that no other process resumes it while it lives here.
  RunRecords::Lock run_record;

 private:
  void on_report(SessionReport report) override;
  void on_connection_lost(std::string why) override;
  void on_limit(journal::EndReason reason) override;

  void take(SessionReport report);
  void handle_finished(SessionReport report, const Result<void>& result);
  void finalize_next();
  void end();

  const Environment& environment_;
  Owner& owner_;
  const std::size_t worker_;
  const RecordingPlan plan_;
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
  std::vector<Done> waiting_;
  std::unique_ptr<RemoteSession> session_;
  std::unique_ptr<MediaSource> source_;
};

}  // namespace holdfast::control
