#pragma once

#include <memory>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "dtls/certificate.hpp"
#include "io/posix_disk.hpp"
#include "io/shared_port.hpp"
#include "io/storage_pool.hpp"
#include "io/storage_thread.hpp"
#include "io/system_random.hpp"
#include "io/worker.hpp"
#include "recording/session.hpp"
#include "rtp/packet_pool.hpp"
#include "storage/file_writer.hpp"

namespace holdfast::app {

// A worker with all that its recordings share: threads for its disk work, one for its transcoding, a WHIP
// port.
struct MediaWorker {
  // `syncs` outlives it.
  MediaWorker(Executor& syncs, Duration sync_interval);

  rtp::PacketPool packets;        // worker's thread only
  storage::WriteCadence cadence;  // worker's thread only
  storage::BufferPool buffers;    // worker's thread only
  io::SharedPort whip;            // worker's thread only
  io::Worker worker;              // after what its queued jobs may still hold on to
  std::vector<Endpoint> whip_candidates;
  Outbox* whip_outbox = nullptr;  // worker's thread only; once listen() was called
  io::StoragePool storage;
  io::StorageThread transcoder;
  storage::Syncer syncer;  // worker's thread only
};

// The threads on which media flows. Control thread, but for what it hands to sessions.
class MediaThreads {
 public:
  struct Options {
    unsigned workers = 0;  // 0: one a processor
    // The certificates to trust for TURN over TLS; empty: those of the system.
    std::string turn_ca_file{};
    Duration sync_interval = std::chrono::seconds(1);  // 0: files are synced at their end only
  };
  // Errors: internal, when OpenSSL makes no certificate.
  static Result<std::unique_ptr<MediaThreads>> start(Options options);
  ~MediaThreads();

  // Opens the WHIP ports: `listen`, and the following port numbers for further workers. Errors: io.
  Result<void> listen(const Endpoint& listen);

  const std::vector<std::unique_ptr<MediaWorker>>& workers() const { return workers_; }
  // What a session on that worker borrows.
  recording::SessionEnvironment environment(MediaWorker& worker);

  io::PosixDisk& disk() { return disk_; }
  storage::WriteBudget& budget() { return budget_; }
  // Where names are looked up: that may block for long.
  Executor& lookups() { return lookups_; }
  const std::string& turn_ca_file() const { return options_.turn_ca_file; }

 private:
  MediaThreads(std::shared_ptr<const dtls::Certificate> certificate, Options options)
      : options_(std::move(options)), certificate_(std::move(certificate)) {}

  const Options options_;

  io::PosixDisk disk_;
  io::SystemRandom random_;
  storage::WriteBudget budget_;
  std::shared_ptr<const dtls::Certificate> certificate_;
  io::StorageThread syncs_;  // of all workers: one file system is synced for all of them
  std::vector<std::unique_ptr<MediaWorker>> workers_;
  io::StorageThread lookups_;  // ends before the workers it posts to
};

}  // namespace holdfast::app
