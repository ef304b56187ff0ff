#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "api/recorder.hpp"
#include "app/config.hpp"
#include "archive/catalog.hpp"
#include "io/control_loop.hpp"
#include "io/storage_thread.hpp"

namespace holdfast::app {

// The recordings on disk: lists them, protects those that are over, and removes what retention says must go.
// Control thread only; what blocks is done on a thread of its own, one thing after the other. The destructor
// waits for that thread, which stops at the next journal or removal.
class Archivist {
 public:
  // Recordings that retention must not touch, whatever their journals say: still in hand.
  using InHand = std::function<std::vector<std::string>()>;

  // `control` and `disk` outlive it.
  Archivist(const Config& config, io::ControlLoop& control, Disk& disk, InHand in_hand);
  ~Archivist();

  // Brings the catalog in line with the folder and removes what must go, now and each minute.
  void keep();
  // The same without removing, once keep() was called: something has begun, ended or changed.
  void look_again();

  void list(archive::Query query, api::Recorder::PageReply reply);
  // As api::Recorder::media.
  void find_media(std::string recording_id, std::optional<std::size_t> part, api::Recorder::MediaReply reply);
  // One that nobody records. Errors: as api::Recorder::protect.
  void protect(std::string recording_id, archive::Protection protection, api::Recorder::ProtectReply reply);

  const api::ArchiveMetrics& metrics() const { return metrics_; }

 private:
  void maintain();
  Result<api::MediaFile> find_media(const std::string& recording_id, std::optional<std::size_t> part);
  Result<void> set_protection(const std::string& recording_id, archive::Protection protection);
  // What a run of retention came to; on the thread.
  api::ArchiveMetrics run_retention(const std::vector<std::string>& in_hand);
  void remove(const archive::RetentionPlan& plan, api::ArchiveMetrics& run);
  void say_what_is_missed(const archive::RetentionPlan& plan);

  const archive::RetentionLimits limits_;
  const std::string folder_;
  io::ControlLoop& control_;
  Disk& disk_;
  const InHand in_hand_;
  api::ArchiveMetrics metrics_;
  bool keeps_ = false;
  io::Timer timer_;

  std::atomic<bool> stopping_ = false;
  std::atomic<bool> look_queued_ = false;
  // The thread's.
  archive::Catalog catalog_;
  bool finished_halfway_ = false;  // what an earlier process had begun to remove
  std::string said_;               // the last problem, so that it is said once
  io::StorageThread thread_;
};

}  // namespace holdfast::app
