#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "base/time.hpp"
#include "journal/events.hpp"
#include "storage/file_writer.hpp"

namespace holdfast::storage {

// A recording that another process left, taken over: its journal is open, locked, and ends with a whole line.
struct OpenFiles {
  std::shared_ptr<File> journal;
  std::uint64_t journal_lines = 0;
  int parts = 0;                          // begun
  std::vector<std::string> part_paths{};  // of those that have media
  std::uint64_t bytes = 0;                // in them
};

// The files of one recording: its parts, one after the other, and its journal beside them, locked while this
// lives. Worker thread only; never blocks. Memory: two FileWriters, and one for each part not yet closed.
//
// What the disk has promised to keep is told in the journal, range by range (journal::ChecksumEvent), and
// what it failed to (journal::UnsafeEvent): then, and when a part was deleted or moved under us, another part
// is due.
class RecordingFiles {
 public:
  using Closed = FileWriter::Closed;

  // `base`: as base_name() makes it. Creates the journal at once; its first entry must be a
  // journal::StartEvent.
  RecordingFiles(const StorageContext& context, std::string directory, std::string base);
  // Resumes a recording: the next part has the next number.
  RecordingFiles(const StorageContext& context, std::string directory, std::string base, OpenFiles files);

  // Begins the first or next part; the one before is finished in the background. `extension` without dot.
  // Notes the part in the journal; `reason` and `format` as in journal::PartEvent.
  void open_part(std::string_view extension, std::string_view format, journal::PartReason reason,
                 const Now& now, media::Ticks pts);

  // The open part: as in FileWriter. open_part() first.
  bool accepts(std::size_t bytes) const { return part().accepts(bytes); }
  ByteVector& buffer() { return part().buffer(); }
  void commit(Instant now) { part().commit(now); }

  // Adds to the journal. False: a full journal (4 MB wait for the disk) leaves out anything but the end, and
  // counts it.
  bool note(journal::Event event, const Now& now, media::Ticks pts);

  // Finishes the parts, then notes the end, with `parts` and `bytes` filled in, and finishes the journal;
  // then calls back: everything is on stable storage, or the first error. Nothing may be called afterwards
  // but handle_tick() and queries.
  void close(journal::EndEvent end, const Now& now, media::Ticks pts, Closed closed);

  // Tries again what failed, syncs what is due; to be called at deadline(). `pts`: the media time of `now`.
  void handle_tick(const Now& now, media::Ticks pts);
  Instant deadline() const;
  // The open part cannot be trusted with more: open_part() is due, with the next key frame.
  bool needs_new_part() const { return needs_new_part_; }

  // Of the open part, with what is on its way.
  std::uint64_t part_size() const { return part_->written() + part_->pending(); }

  const std::string& base() const { return base_; }
  // Full paths, the newest last.
  const std::vector<std::string>& part_paths() const { return part_paths_; }
  // Bytes in all parts' files, and how many of them are on stable storage.
  std::uint64_t written() const;
  std::uint64_t durable() const { return durable_; }
  // Bytes that a failed sync left in doubt.
  std::uint64_t unsafe() const { return unsafe_; }
  std::size_t pending() const;
  // What the disk says at present: of the part, else of the journal.
  const std::optional<Error>& error() const;
  // Of all parts and the journal so far.
  FileWriter::Counters counters() const;
  std::uint64_t journal_entries_left_out() const { return left_out_; }

 private:
  FileWriter& part() const {
    CHECK(part_ != nullptr);
    return *part_;
  }
  void part_synced(int number, const SyncRange& range, const Result<void>& result);
  void journal_synced(const SyncRange& range, const Result<void>& result);
  void finish_part(Instant now);
  void part_closed(FileWriter* part, const Result<void>& result);
  void finish_journal();
  void append_line(journal::Event event, WallTime wall, media::Ticks pts);

  const StorageContext context_;
  const std::string directory_;
  const std::string base_;
  std::unique_ptr<FileWriter> journal_;
  std::unique_ptr<FileWriter> part_;
  std::vector<std::unique_ptr<FileWriter>> finishing_;
  int parts_ = 0;  // begun
  std::vector<std::string> part_paths_;
  bool needs_new_part_ = false;
  Now now_{};  // at the last call that had it
  media::Ticks pts_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t unsafe_ = 0;
  std::uint64_t finished_bytes_ = 0;
  FileWriter::Counters finished_counters_;
  std::uint64_t journal_lines_ = 0;
  ByteVector unsynced_lines_;        // of the journal, should its sync fail ...
  std::uint64_t unsynced_from_ = 0;  // ... from this offset on
  std::uint64_t left_out_ = 0;
  std::optional<Error> first_error_;

  struct Closing {
    journal::EndEvent end;
    WallTime wall;
    media::Ticks pts = 0;
    Closed closed;
  };
  std::optional<Closing> closing_;
};

}  // namespace holdfast::storage
