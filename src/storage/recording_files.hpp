#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "storage/file_writer.hpp"
#include "storage/journal.hpp"

namespace holdfast::storage {

// The files of one recording: its parts, one after the other, and its journal beside them, locked while this
// lives. Worker thread only; never blocks. Memory: two FileWriters, and one for each part not yet closed.
class RecordingFiles {
 public:
  using Closed = FileWriter::Closed;

  // `base`: as base_name() makes it. Creates the journal at once; its first entry must be a StartEvent.
  RecordingFiles(const StorageContext& context, std::string directory, std::string base);

  // Begins the first or next part; the one before is finished in the background. `extension` without dot.
  // Notes the part in the journal; `reason` and `format` as in PartEvent.
  void open_part(std::string_view extension, std::string_view format, std::string_view reason, const Now& now,
                 media::Ticks pts);

  // The open part: as in FileWriter. open_part() first.
  bool accepts(std::size_t bytes) const { return part_->accepts(bytes); }
  ByteVector& buffer() { return part_->buffer(); }
  void commit(Instant now) { part_->commit(now); }

  // Adds to the journal. False: a full journal (4 MB wait for the disk) leaves out anything but the end, and
  // counts it.
  bool note(JournalEvent event, const Now& now, media::Ticks pts);

  // Finishes the parts, then notes the end, with `parts` and `bytes` filled in, and finishes the journal;
  // then calls back: everything is on stable storage, or the first error. Nothing may be called afterwards
  // but handle_tick() and queries.
  void close(EndEvent end, const Now& now, media::Ticks pts, Closed closed);

  // Tries again what failed; to be called at deadline().
  void handle_tick(Instant now);
  Instant deadline() const;

  const std::string& base() const { return base_; }
  // Full paths, the newest last.
  const std::vector<std::string>& part_paths() const { return part_paths_; }
  // Bytes in all parts' files.
  std::uint64_t written() const;
  std::size_t pending() const;
  // What the disk says at present: of the part, else of the journal.
  const std::optional<Error>& error() const;
  // Of all parts and the journal so far.
  FileWriter::Counters counters() const;
  std::uint64_t journal_entries_left_out() const { return left_out_; }

 private:
  void finish_part(Instant now);
  void part_closed(FileWriter* part, const Result<void>& result);
  void finish_journal();
  void append_line(JournalEvent event, WallTime wall, media::Ticks pts);

  const StorageContext context_;
  const std::string directory_;
  const std::string base_;
  std::unique_ptr<FileWriter> journal_;
  std::unique_ptr<FileWriter> part_;
  std::vector<std::unique_ptr<FileWriter>> finishing_;
  std::vector<std::string> part_paths_;
  std::uint64_t finished_bytes_ = 0;
  FileWriter::Counters finished_counters_;
  std::uint64_t journal_lines_ = 0;
  std::uint64_t left_out_ = 0;
  std::optional<Error> first_error_;

  struct Closing {
    EndEvent end;
    WallTime wall;
    media::Ticks pts = 0;
    Closed closed;
  };
  std::optional<Closing> closing_;
};

}  // namespace holdfast::storage
