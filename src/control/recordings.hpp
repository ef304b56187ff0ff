#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "control/leaving.hpp"
#include "control/recording.hpp"
#include "recording/totals.hpp"

namespace holdfast::control {

// Every live recording of this process, and the last ones that ended: the only place where a recording begins
// and ends. Control thread.
class Recordings final : private Recording::Owner {
 public:
  // Of ended recordings so many are remembered for the status; the folder has them all.
  static constexpr std::size_t max_remembered = 1000;

  // What becomes of the recordings.
  class Events {
   public:
    virtual ~Events() = default;
    // There is a file more.
    virtual void on_new_file() = 0;
    // The media is over and the files are complete; the index of an MP4 may still be in progress. Not from
    // within a call.
    virtual void on_recording_over(const recording::Status& status) = 0;
    // The state is final.
    virtual void on_recording_ended(const Recording& recording) = 0;
    // It is no longer among the live ones. Not from within a call.
    virtual void on_recording_removed(Recording& recording) = 0;
  };
  using StatusListReply = std::move_only_function<void(std::vector<recording::Status>)>;
  using NoteReply = std::move_only_function<void(Result<void>)>;
  using MarkReply = std::move_only_function<void(Result<std::vector<std::string>>)>;

  // Both outlive it. `label_limit`: see recording::Totals.
  Recordings(const Environment& environment, Events& events, std::size_t label_limit);

  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  Recording& add(std::size_t worker, RecordingPlan plan);
  // Null: there is none. Active: nobody has asked for its end.
  Recording* find_active(std::string_view mint_id);
  Recording* find(std::string_view recording_id);
  Recording* find_whip(std::string_view session_id);
  // An active one of that participant.
  Recording* find_participant(std::string_view mint_id, std::string_view identity);
  // Whether an ended or live one has the id.
  bool has(std::string_view recording_id) const;
  bool empty() const { return live_.empty(); }
  // The oldest first: active ones, and those that are being finalized.
  const std::vector<std::unique_ptr<Recording>>& live() const { return live_; }

  // Of live ones, the oldest first.
  std::vector<recording::Status> active() const;
  std::vector<std::string> active_ids() const;
  // Of live and ended ones, the newest first.
  std::vector<recording::Status> status(std::string_view mint_id) const;
  // Ends those of the mint id, and replies with their statuses within stop_limit: should a disk not answer,
  // with what is known then. Of none: with the status of the last one that ended, or with nothing.
  void stop(std::string_view mint_id, StatusListReply reply);
  // Each that has media begins another part with its next key frame; the statuses of those, the newest first.
  std::vector<recording::Status> split(std::string_view mint_id);
  // For the journals of those that are open; the ids of those that have it. Errors: not_found, conflict.
  void mark(std::string_view mint_id, const std::string& text, MarkReply reply);
  // For the journal of one that is open. Errors: conflict.
  void note(Recording& recording, journal::Event event, NoteReply reply);
  // Ends all of them.
  void end_all(journal::EndReason reason);

  // Of all recordings of this process.
  storage::FileWriter::Counters disk() const;
  // Brought up to date by the call.
  const recording::Totals& totals();

 private:
  void on_new_file() override { events_.on_new_file(); }
  void on_session_over(Recording& recording) override;
  void on_ended(Recording& recording) override;
  void remove(const std::string& recording_id);

  struct Stopping;

  const Environment& environment_;
  Events& events_;
  std::vector<std::unique_ptr<Recording>> live_;
  Leaving<Recording> leaving_;
  std::deque<recording::Status> ended_;  // the oldest first
  storage::FileWriter::Counters ended_disk_;
  recording::Totals totals_;
};

}  // namespace holdfast::control
