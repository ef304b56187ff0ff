#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/follows.hpp"
#include "api/media.hpp"
#include "archive/page.hpp"
#include "archive/retention.hpp"
#include "base/result.hpp"
#include "control/start_request.hpp"
#include "control/status.hpp"
#include "recording/admission.hpp"
#include "recording/status.hpp"
#include "recording/totals.hpp"
#include "storage/file_writer.hpp"

namespace holdfast::api {

// Of the recordings on disk.
struct ArchiveMetrics {
  std::array<std::uint64_t, archive::removal_reason_count>
      removed{};  // recordings, by archive::RemovalReason
  std::uint64_t removed_bytes = 0;
  std::array<bool, archive::removal_reason_count> missed{};  // limits that nothing more can be removed for
};

// What /metrics says beside the recordings.
struct ProcessMetrics {
  std::uint64_t memory_bytes = 0;           // resident set
  storage::LatencyHistogram write_latency;  // from a frame's commit until it is in the file, all recordings
  std::uint64_t failed_writes = 0;
  storage::LatencyHistogram durable_latency;
  std::uint64_t failed_syncs = 0;
  recording::MachineLoad load;  // without burdens
  std::array<std::uint64_t, recording::resource_count>
      refused{};  // starts, by the recording::Resource that was full
  FollowMetrics follows;
  ArchiveMetrics archive;
};

// The recordings, as the API sees them: implemented by the service, used by the Router, on the control
// thread. Replies come once, on the same thread, at once or later. Snapshots may be up to a second old, those
// in replies to start and stop not.
class Recorder {
 public:
  using StopReply = std::move_only_function<void(Result<control::Stopped>)>;
  using PageReply = std::move_only_function<void(Result<archive::Page>)>;
  using MediaReply = std::move_only_function<void(Result<MediaFile>)>;
  using ProtectReply = std::move_only_function<void(Result<void>)>;
  using MarkReply = std::move_only_function<void(Result<std::vector<std::string>>)>;
  virtual ~Recorder() = default;

  // Starts, or arranges to wait for the stream; does not wait for the network. Errors: conflict (it records
  // already), invalid (this request can never work as configured, e.g. no server's URL), unavailable (no room
  // on the disk, shutting down), exhausted (the machine carries no more).
  virtual Result<control::Started> start(const control::StartRequest& request) = 0;

  // Ends every recording of that mint id, and the watch of its room; replies within 2 s with the files whole.
  // Stopping what has stopped gives its final status again. Errors: not_found (never heard of it).
  virtual void stop(std::string_view mint_id, StopReply reply) = 0;

  // Every running recording of that mint id begins another part, with its next key frame; their states as
  // they are before it. Errors: not_found (nothing of it has media now).
  virtual Result<std::vector<recording::Status>> split(std::string_view mint_id) = 0;

  // The recordings of one mint id, the newest first; more than one with Participants::all, or when started
  // again. Empty: nothing is known of it.
  virtual std::vector<recording::Status> status(std::string_view mint_id) const = 0;
  // The live watch of that mint id's room; the last one, if it failed, or nothing was ever recorded.
  virtual std::optional<control::WatchStatus> watch(std::string_view mint_id) const = 0;
  // Those in an active state or finalizing, the oldest first.
  virtual std::vector<recording::Status> active() const = 0;
  virtual std::vector<control::WatchStatus> watches() const = 0;
  // What is in the recordings folder, as its journals tell it.
  virtual void recordings(archive::Query query, PageReply reply) = 0;
  // A media file of the recording, while it grows and afterwards. `part` from 1 on; may be left out if there
  // is one only. Errors: not_found (no such recording, or part), conflict (several parts, and none is named),
  // io.
  virtual void media(std::string recording_id, std::optional<std::size_t> part, MediaReply reply) = 0;
  // Whether retention must leave the recording alone, from now on; kept in its journal. Errors: not_found,
  // conflict (its journal is in use), io.
  virtual void protect(std::string recording_id, archive::Protection protection, ProtectReply reply) = 0;
  // Notes the text in the journal of each recording of the mint id that is being written, and gives their
  // ids. Errors: not_found (none is), conflict (none has a file yet).
  virtual void mark(std::string mint_id, std::string text, MarkReply reply) = 0;

  virtual ProcessMetrics metrics() const = 0;
  // Brought up to date by the call.
  virtual const recording::Totals& totals() = 0;
  virtual control::Readiness readiness() const = 0;
};

}  // namespace holdfast::api
