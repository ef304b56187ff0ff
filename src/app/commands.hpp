#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "audit/repair.hpp"
#include "base/time.hpp"
#include "control/start_request.hpp"
#include "media/frame.hpp"

namespace holdfast::app {

// What each command of the command line was told; all checked. A command returns the process's exit status:
// 0, or 1 after it has said on stderr what went wrong. `verify` has one more (docs/verify.md).

struct RecordOptions {
  std::string room;         // empty: from config.livekit_room and mint_id
  std::string mint_id;      // names the file; empty: the room's name
  std::string participant;  // identity; empty: any
  control::Participants participants = control::Participants::one;
  std::string token;    // instead of one of our own making
  Duration duration{};  // of the recording; 0: until the stream ends or a signal comes
  bool quiet = false;   // no status line
};

enum class KeyFrames { interval, on_request };

struct PublishOptions {
  std::string url;    // the WHIP endpoint, http or https; "{n}" is replaced by the publisher's number, from 1
  std::string token;  // bearer
  std::optional<media::Codec> video = media::Codec::h264;  // h264 or vp8; nullopt: none
  std::optional<media::Codec> audio = media::Codec::opus;  // opus; nullopt: none
  int width = 1280;                                        // 16..4096, even
  int height = 720;                                        // 16..4096, even
  int frames_per_second = 30;                              // 1..120
  int bits_per_second = 2'000'000;                         // of the video, 10'000..100'000'000
  KeyFrames key_frames = KeyFrames::interval;
  Duration key_frame_interval = std::chrono::seconds(2);
  std::string input;    // a media file to send instead of the test picture, over and over; empty: synthetic
  Duration duration{};  // 0: until a signal comes
  int count = 1;        // publishers at once, 1..10'000
  bool quiet = false;
};

struct ExportOptions {
  std::string input;   // a recording: its first part, or its journal
  std::string output;  // .mp4; must not exist unless `overwrite`
  bool overwrite = false;
};

struct ReindexOptions {
  std::string folder;
};

struct PruneOptions {
  std::string folder;
  archive::RetentionLimits limits;
  bool dry_run = false;  // say what would go
};

struct VerifyOptions {
  std::vector<std::string> paths;  // recordings, journals, folders
  bool json = false;
  bool quiet = false;  // nothing about what is sound
};

struct InspectOptions {
  std::string input;  // a recording, its journal, or a folder
  bool json = false;
};

struct RepairOptions {
  std::string input;
  std::string output;  // empty: beside the input, under a name of its own
  bool overwrite = false;
  std::optional<audit::FrameRate> frame_rate;  // of raw H.264
};

int run_serve(const Config& config);
int run_record(const Config& config, const RecordOptions& options);
int run_publish(const PublishOptions& options);
int run_export(const ExportOptions& options);
// Also 3: done, but some journals cannot be read.
int run_reindex(const ReindexOptions& options);
// Also 3: done, but a limit does not hold and nothing more may go.
int run_prune(const PruneOptions& options);
int run_verify(const VerifyOptions& options);
int run_inspect(const InspectOptions& options);
int run_repair(const RepairOptions& options);

}  // namespace holdfast::app
