#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/recorder.hpp"
#include "app/archivist.hpp"
#include "app/config.hpp"
#include "app/finalizer.hpp"
#include "app/livekit_source.hpp"
#include "app/load_meter.hpp"
#include "app/media_threads.hpp"
#include "app/recording_task.hpp"
#include "app/recovery_plan.hpp"
#include "app/run_records.hpp"
#include "io/control_loop.hpp"
#include "io/http_client.hpp"
#include "io/system_random.hpp"
#include "recording/admission.hpp"
#include "whip/endpoint.hpp"
#include "whip/ingest.hpp"

namespace holdfast::app {

// All recordings of this process: what the API asks for and what WHIP brings. Control thread only, which runs
// `control`.
class Service final : public api::Recorder, public whip::Ingest {
 public:
  // Of ended recordings so many are remembered for the status; the folder has them all.
  static constexpr std::size_t max_remembered = 1000;

  // `control` and `media` outlive the service. Errors: invalid (the token endpoint's settings).
  static Result<std::unique_ptr<Service>> create(const Config& config, io::ControlLoop& control,
                                                 MediaThreads& media);
  ~Service() override;

  void start(api::StartRequest request, StatusReply reply) override;
  void stop(std::string_view mint_id, StatusListReply reply) override;
  Result<std::vector<recording::Status>> split(std::string_view mint_id) override;
  std::vector<recording::Status> status(std::string_view mint_id) const override;
  std::vector<recording::Status> active() const override;
  void recordings(archive::Query query, PageReply reply) override;
  void protect(std::string recording_id, api::Protection protection, ProtectReply reply) override;
  void mark(std::string mint_id, std::string text, MarkReply reply) override;
  api::ProcessMetrics metrics() const override;
  const recording::Totals& totals() override;
  api::Readiness readiness() const override;

  void offer(whip::Offer offer, AnswerReply reply) override;
  void trickle(const std::string& session_id, whip::Fragment fragment, DoneReply reply) override;
  void restart_ice(const std::string& session_id, whip::Fragment fragment, IceReply reply) override;
  void close(const std::string& session_id, DoneReply reply) override;
  // Called for each WHIP session that ended without a DELETE.
  std::function<void(const std::string& session_id)> on_whip_session_over;
  // Called for each recording once its media has ended and its files are complete; the index of an MP4 may
  // still be in progress.
  std::function<void(const recording::Status& status)> on_recording_over;

  // From now on the recordings on disk are kept as configured: the catalog up to date, retention at work.
  void keep_archive() { archivist_.keep(); }

  // Recovers the recordings that earlier processes left in the folder: resumes those that were running, if
  // the configuration allows it, and closes the others. From now on, running recordings can be resumed if
  // this process dies. Call it once, before anything else is started; blocks.
  void take_over();
  enum class Drain : std::uint8_t { for_good, to_be_resumed };
  // Takes no more, ends every recording, then calls back: all files are whole.
  void drain(Drain drain, journal::EndReason reason, std::move_only_function<void()> drained);

 private:
  struct Entry;
  Service(const Config& config, io::ControlLoop& control, MediaThreads& media);

  Result<void> check_start(const api::StartRequest& request) const;
  // Asked: the machine may be full. Granted: it was running already, or records nothing itself.
  enum class Admit : std::uint8_t { asked, granted };
  void start(const api::StartRequest& request, Admit admit, StatusReply reply);
  recording::MachineLoad machine_load() const;
  Result<void> admit(std::string_view mint_id, const recording::SessionOptions& options);
  recording::SessionOptions session_options(const api::StartRequest& request,
                                            std::string_view participant_suffix);
  Result<livekit::RoomAccess> room_access(const api::StartRequest& request) const;
  Entry& add(recording::SessionOptions options);
  void follow_room(Entry& entry, const api::StartRequest& request, livekit::RoomAccess access);
  void resume(RecoveryPlan::Resumable resumable);
  void remember(Entry& entry, RunRecord::Source source);
  void forget(const std::string& recording_id);
  void start_participant(const api::StartRequest& request, const std::string& identity);
  void start_refused_participants();
  Entry* find_active(std::string_view mint_id);
  Entry* find_whip(const std::string& session_id);
  std::vector<std::string> in_hand() const;
  void on_session_over(RecordingTask& task);
  void on_ended(RecordingTask& task);
  void say_goodbye(std::unique_ptr<Entry> entry);
  void on_connection_lost(RecordingTask& task);
  void check_disk();

  const Config config_;
  io::ControlLoop& control_;
  MediaThreads& media_;
  io::SystemRandom random_;
  std::unique_ptr<livekit::TokenEndpoint> endpoint_;
  io::HttpClient http_;
  std::unique_ptr<RunRecords> running_;  // once take_over() was called
  io::StorageThread running_thread_;     // writes them
  io::StorageThread scanner_;            // asks for free space
  Archivist archivist_;
  ChildFinalizer finalizer_;
  io::Timer disk_check_;
  LoadMeter load_meter_;
  const recording::Admission admission_;
  std::array<std::uint64_t, recording::resource_count> refused_{};  // starts
  io::Timer retry_;                                                 // of participants that were refused

  std::vector<std::unique_ptr<Entry>> entries_;  // the oldest first: active, and those being finalized
  std::deque<recording::Status> ended_;          // the oldest first
  storage::FileWriter::Counters ended_disk_;
  recording::Totals totals_;
  bool draining_ = false;
  Drain drain_ = Drain::for_good;
  std::move_only_function<void()> drained_;
  api::Readiness disk_ = api::Readiness::ready;
  std::string disk_problem_;
};

}  // namespace holdfast::app
