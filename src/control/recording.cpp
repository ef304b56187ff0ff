#include "control/recording.hpp"

#include <utility>

#include "base/log.hpp"

namespace holdfast::control {

Recording::Recording(const Environment& environment, Owner& owner, std::size_t worker, RecordingPlan plan)
    : environment_(environment),
      owner_(owner),
      worker_(worker),
      plan_(std::move(plan)),
      made_at_(environment.clock.read().instant) {
  const recording::SessionOptions& session = plan_.session;
  status_.recording_id = session.output.recording_id;
  status_.mint_id = session.output.mint_id;
  status_.format = session.output.format;
  status_.start_time = session.start_time;
  if (session.output.resume_point) status_.output_paths = session.output.resume_point->files.part_paths;
}

recording::Transcoding Recording::transcoding() const {
  return control::transcoding(plan_.options);
}

void Recording::open(RemoteSession::Port port) {
  if (session_) return;
  session_ = environment_.workers.open(worker_, port, plan_.session, *this);
}

void Recording::set_participant(const std::string& identity) {
  participant_ = status_.participant = identity;
  if (session_) session_->set_participant(identity);
}

void Recording::warn(std::string warning) {
  log::warn("{}: {}", id(), warning);
  warning_ = std::move(warning);
  if (status_.error.empty()) status_.error = warning_;
}

void Recording::take(SessionReport report) {
  if (report.status.output_paths.size() > status_.output_paths.size()) owner_.on_new_file();
  status_ = std::move(report.status);
  if (status_.state != recording::State::recording) {
    flows_since_ = never;
  } else if (flows_since_ == never) {
    flows_since_ = environment_.clock.read().instant;
  }
  status_.participant = participant_;
  if (status_.error.empty()) status_.error = warning_;
  disk_ = report.disk;
}

void Recording::on_report(SessionReport report) {
  if (!finishing_) take(std::move(report));
}

void Recording::on_connection_lost(std::string why) {
  if (finishing_) return;
  log::info("{}: lost the media connection: {}", id(), why);
  if (source_) source_->handle_media_lost();
}

void Recording::on_limit(journal::EndReason reason) {
  finish(reason, {});
}

void Recording::finish(journal::EndReason reason, Done done) {
  if (done && has_ended()) return done();
  if (done) waiting_.push_back(std::move(done));
  if (std::exchange(finishing_, true)) return;
  reason_ = reason;
  status_.state = recording::State::finalizing;
  if (!session_) return handle_finished({status_, disk_}, {});
  session_->finish(reason_, [this](SessionReport report, const Result<void>& result) {
    handle_finished(std::move(report), result);
  });
}

void Recording::fail(std::string why) {
  if (finishing_) return;
  log::error("{}: {}", id(), why);
  failed_ = true;
  failure_ = std::move(why);
  finish(journal::EndReason::failed, {});
}

void Recording::handle_finished(SessionReport report, const Result<void>& result) {
  take(std::move(report));
  session_.reset();
  status_.end_reason = reason_;
  status_.since_last_packet = {};
  status_.write_rate = 0;
  if (!result) {
    failed_ = true;
    failure_ = result.error().message;
    log::error("{}: {}", id(), failure_);
  }
  status_.state = failed_ ? recording::State::failed : recording::State::stopped;
  if (failed_) status_.error = failure_;
  owner_.on_session_over(*this);
  if (status_.format == container::Format::mp4 && result) to_finalize_ = status_.output_paths;
  if (to_finalize_.empty()) return end();
  // The file is complete as fragments: those who wait for the stop need not wait for the rest.
  status_.state = recording::State::finalizing;
  for (Done& done : std::exchange(waiting_, {})) done();
  finalize_next();
}

void Recording::finalize_next() {
  if (to_finalize_.empty()) {
    status_.state = failed_ ? recording::State::failed : recording::State::stopped;
    return end();
  }
  std::string path = std::move(to_finalize_.back());
  to_finalize_.pop_back();
  environment_.finalizer.make_faststart(std::move(path), id(), [this](const Result<void>& made) {
    // A recording is not lost for want of an index.
    if (!made) warn(made.error().message);
    finalize_next();
  });
}

bool Recording::has_ended() const {
  return status_.state == recording::State::stopped || status_.state == recording::State::failed;
}

void Recording::end() {
  for (Done& done : std::exchange(waiting_, {})) done();
  owner_.on_ended(*this);
}

}  // namespace holdfast::control
