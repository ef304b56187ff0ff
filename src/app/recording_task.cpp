#include "app/recording_task.hpp"

#include <utility>

#include "base/log.hpp"
#include "io/clock.hpp"

namespace holdfast::app {

RecordingTask::RecordingTask(Context context, recording::SessionOptions options)
    : context_(std::move(context)), options_(std::move(options)), made_at_(io::read_monotonic_clock()) {
  status_.recording_id = options_.output.recording_id;
  status_.mint_id = options_.output.mint_id;
  status_.format = options_.output.format;
  status_.start_time = options_.start_time;
  if (options_.output.resume_point) status_.output_paths = options_.output.resume_point->files.part_paths;
}

RecordingTask::~RecordingTask() = default;

void RecordingTask::open(SessionHost::Port port) {
  if (host_) return;
  host_ = std::make_unique<SessionHost>(context_.media, *context_.media.workers()[context_.worker],
                                        context_.control, port, options_, weak_from_this());
}

void RecordingTask::set_participant(const std::string& identity) {
  participant_ = status_.participant = identity;
  if (host_) host_->set_participant(identity);
}

void RecordingTask::warn(std::string warning) {
  log::warn("{}: {}", status_.recording_id, warning);
  warning_ = std::move(warning);
  if (status_.error.empty()) status_.error = warning_;
}

void RecordingTask::take(SessionReport report) {
  if (report.status.output_paths.size() > status_.output_paths.size()) context_.on_new_file();
  status_ = std::move(report.status);
  if (status_.state != recording::State::recording) {
    flows_since_ = never;
  } else if (flows_since_ == never) {
    flows_since_ = io::read_monotonic_clock();
  }
  status_.participant = participant_;
  if (status_.error.empty()) status_.error = warning_;
  disk_ = report.disk;
}

void RecordingTask::on_report(SessionReport report) {
  if (!finishing_) take(std::move(report));
}

void RecordingTask::on_connection_lost(std::string why) {
  if (finishing_) return;
  log::info("{}: lost the media connection: {}", status_.recording_id, why);
  context_.on_connection_lost(*this, why);
}

void RecordingTask::on_limit(journal::EndReason reason) {
  finish(reason, {});
}

void RecordingTask::finish(journal::EndReason reason, StatusReply reply) {
  if (reply && ended()) {
    reply(status_);
    return;
  }
  if (reply) waiting_.push_back(std::move(reply));
  if (std::exchange(finishing_, true)) return;
  reason_ = reason;
  status_.state = recording::State::finalizing;
  if (!host_) {
    session_finished({status_, disk_}, {});
    return;
  }
  host_->finish(reason_, [weak = weak_from_this()](SessionReport report, Result<void> result) {
    if (const auto task = weak.lock()) task->session_finished(std::move(report), std::move(result));
  });
}

void RecordingTask::fail(std::string why) {
  if (finishing_) return;
  log::error("{}: {}", status_.recording_id, why);
  failed_ = true;
  failure_ = std::move(why);
  finish(journal::EndReason::failed, {});
}

void RecordingTask::session_finished(SessionReport report, Result<void> result) {
  take(std::move(report));
  host_.reset();
  status_.end_reason = reason_;
  status_.since_last_packet = {};
  status_.write_rate = 0;
  if (!result) {
    failed_ = true;
    failure_ = result.error().message;
    log::error("{}: {}", status_.recording_id, failure_);
  }
  status_.state = failed_ ? recording::State::failed : recording::State::stopped;
  if (failed_) status_.error = failure_;
  context_.on_session_over(*this);
  if (status_.format == container::Format::mp4 && result) to_finalize_ = status_.output_paths;
  if (to_finalize_.empty()) {
    end();
    return;
  }
  // The file is complete as fragments: those who wait for the stop need not wait for the rest.
  status_.state = recording::State::finalizing;
  for (StatusReply& reply : std::exchange(waiting_, {})) reply(status_);
  finalize_next();
}

void RecordingTask::finalize_next() {
  if (to_finalize_.empty()) {
    status_.state = failed_ ? recording::State::failed : recording::State::stopped;
    end();
    return;
  }
  std::string path = std::move(to_finalize_.back());
  to_finalize_.pop_back();
  context_.finalizer.make_faststart(path, status_.recording_id, [weak = weak_from_this()](Result<void> made) {
    const auto task = weak.lock();
    if (!task) return;
    // A recording is not lost for want of an index.
    if (!made) task->warn(made.error().message);
    task->finalize_next();
  });
}

bool RecordingTask::ended() const {
  return status_.state == recording::State::stopped || status_.state == recording::State::failed;
}

void RecordingTask::end() {
  for (StatusReply& reply : std::exchange(waiting_, {})) reply(status_);
  context_.on_ended(*this);
}

}  // namespace holdfast::app
