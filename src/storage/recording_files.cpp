#include "storage/recording_files.hpp"

#include <algorithm>
#include <utility>

#include "base/crc32c.hpp"
#include "journal/append.hpp"
#include "journal/line.hpp"
#include "storage/naming.hpp"

namespace holdfast::storage {
namespace {

// More than any journal line takes.
constexpr std::size_t journal_line_room = 4096;
static_assert(FileWriter::max_pending <= journal::most_repeated);

std::string join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + '/' + name;
}

void append(ByteVector& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

RecordingFiles::RecordingFiles(const StorageContext& context, std::string directory, std::string base)
    : context_(context),
      directory_(std::move(directory)),
      base_(std::move(base)),
      journal_(std::make_unique<FileWriter>(
          context_, join(directory_, journal_name(base_)), Lock::exclusive,
          [this](const SyncRange& range, const Result<void>& result) { journal_synced(range, result); })) {}

RecordingFiles::RecordingFiles(const StorageContext& context, std::string directory, std::string base,
                               OpenFiles files)
    : context_(context),
      directory_(std::move(directory)),
      base_(std::move(base)),
      parts_(files.parts),
      part_paths_(std::move(files.part_paths)),
      durable_(files.bytes),
      finished_bytes_(files.bytes),
      journal_lines_(files.journal_lines),
      unsynced_from_(files.journal->size()) {
  journal_ = std::make_unique<FileWriter>(
      context_, join(directory_, journal_name(base_)), std::move(files.journal),
      [this](const SyncRange& range, const Result<void>& result) { journal_synced(range, result); });
}

void RecordingFiles::open_part(std::string_view extension, std::string_view format,
                               journal::PartReason reason, const Now& now, media::Ticks pts) {
  CHECK(!closing_);
  if (part_) finish_part(now.instant);
  const int number = ++parts_;
  const std::string name = part_name(base_, number, extension);
  part_paths_.push_back(join(directory_, name));
  // The line is usually on the disk before the file. A file that no line names is adopted by recovery.
  note(journal::PartEvent{.number = number, .file = name, .format = std::string(format), .reason = reason},
       now, pts);
  part_ = std::make_unique<FileWriter>(context_, part_paths_.back(), Lock::none,
                                       [this, number](const SyncRange& range, const Result<void>& result) {
                                         part_synced(number, range, result);
                                       });
  needs_new_part_ = false;
}

bool RecordingFiles::note(journal::Event event, const Now& now, media::Ticks pts) {
  // The start comes first; the disk may not have taken it.
  CHECK(journal_lines_ > 0 || left_out_ > 0 || std::holds_alternative<journal::StartEvent>(event));
  now_ = now;
  pts_ = pts;
  if (!journal_->accepts(journal_line_room)) {
    ++left_out_;
    return false;
  }
  append_line(std::move(event), now.wall, pts);
  journal_->commit(now.instant);
  return true;
}

void RecordingFiles::append_line(journal::Event event, WallTime wall, media::Ticks pts) {
  ByteVector& buffer = journal_->buffer();
  const std::size_t begin = buffer.size();
  journal::serialize({.number = ++journal_lines_, .wall = wall, .pts = pts, .event = std::move(event)},
                     buffer);
  if (context_.syncer != nullptr) append(unsynced_lines_, Bytes(buffer).subspan(begin));
}

void RecordingFiles::part_synced(int number, const SyncRange& range, const Result<void>& result) {
  // A file that is gone from its name is on the disk all the same.
  if (result || result.error().code == ErrorCode::not_found) {
    durable_ += range.to - range.from;
    note(journal::ChecksumEvent{number, range.from, range.to, format_crc32c(range.crc32c)}, now_, pts_);
  } else {
    unsafe_ += range.to - range.from;
    note(journal::UnsafeEvent{number, range.from, range.to, result.error().message}, now_, pts_);
  }
  if (result || number != parts_) return;
  if (result.error().code == ErrorCode::not_found) {
    note(journal::DiskEvent{part_paths_.back() + ": " + result.error().message +
                            "; recording continues in the next part"},
         now_, pts_);
  }
  needs_new_part_ = true;
}

// What a failed sync was about may be gone, though it can still be read: it is written once more, under the
// same numbers. A journal that was deleted or moved comes back whole.
void RecordingFiles::journal_synced(const SyncRange& range, const Result<void>& result) {
  const auto covered = static_cast<std::size_t>(range.to - unsynced_from_);
  const auto end =
      unsynced_lines_.begin() + static_cast<std::ptrdiff_t>(std::min(covered, unsynced_lines_.size()));
  const ByteVector lines(unsynced_lines_.begin(), end);
  unsynced_lines_.erase(unsynced_lines_.begin(), end);
  unsynced_from_ = range.to;
  if (result) return;
  if (result.error().code == ErrorCode::not_found) {
    journal_->put_back();
  } else {
    append(journal_->buffer(), lines);
    append(unsynced_lines_, lines);
  }
  note(journal::DiskEvent{result.error().message}, now_, pts_);
}

void RecordingFiles::close(journal::EndEvent end, const Now& now, media::Ticks pts, Closed closed) {
  CHECK(!closing_);
  closing_ = Closing{end, now.wall, pts, std::move(closed)};
  if (part_) {
    finish_part(now.instant);
  } else if (finishing_.empty()) {
    finish_journal();
  }
}

void RecordingFiles::finish_part(Instant now) {
  FileWriter* part = part_.get();
  finishing_.push_back(std::move(part_));
  part->close(now, [this, part](const Result<void>& result) { part_closed(part, result); });
}

void RecordingFiles::part_closed(FileWriter* part, const Result<void>& result) {
  if (!result && !first_error_) first_error_ = result.error();
  finished_bytes_ += part->written();
  finished_counters_ += part->counters();
  std::erase_if(finishing_, [&](const auto& each) { return each.get() == part; });
  if (closing_ && finishing_.empty()) finish_journal();
}

// The end is the last line, and it is true: all parts are on stable storage, or the journal says what failed.
void RecordingFiles::finish_journal() {
  journal::EndEvent& end = closing_->end;
  end.bytes = finished_bytes_;
  end.parts = parts_;
  if (first_error_) append_line(journal::DiskEvent{first_error_->message}, closing_->wall, closing_->pts);
  append_line(end, closing_->wall, closing_->pts);
  journal_->close(context_.now(), [this](Result<void> result) {
    if (first_error_) result = std::unexpected(*first_error_);
    std::exchange(closing_->closed, nullptr)(std::move(result));
  });
}

void RecordingFiles::handle_tick(const Now& now, media::Ticks pts) {
  now_ = now;
  pts_ = pts;
  if (context_.syncer != nullptr) context_.syncer->handle_tick(now.instant);
  journal_->handle_tick(now.instant);
  if (part_) part_->handle_tick(now.instant);
  // By index from the end: a writer that finishes leaves the list.
  for (std::size_t i = finishing_.size(); i-- > 0;) finishing_[i]->handle_tick(now.instant);
}

Instant RecordingFiles::deadline() const {
  Instant earliest = journal_->deadline();
  if (context_.syncer != nullptr) earliest = std::min(earliest, context_.syncer->deadline());
  if (part_) earliest = std::min(earliest, part_->deadline());
  for (const auto& part : finishing_) earliest = std::min(earliest, part->deadline());
  return earliest;
}

std::uint64_t RecordingFiles::written() const {
  std::uint64_t bytes = finished_bytes_ + (part_ ? part_->written() : 0);
  for (const auto& part : finishing_) bytes += part->written();
  return bytes;
}

std::size_t RecordingFiles::pending() const {
  std::size_t bytes = journal_->pending() + (part_ ? part_->pending() : 0);
  for (const auto& part : finishing_) bytes += part->pending();
  return bytes;
}

const std::optional<Error>& RecordingFiles::error() const {
  if (part_ && part_->error()) return part_->error();
  for (const auto& part : finishing_) {
    if (part->error()) return part->error();
  }
  return first_error_ ? first_error_ : journal_->error();
}

FileWriter::Counters RecordingFiles::counters() const {
  FileWriter::Counters sum = finished_counters_;
  sum += journal_->counters();
  if (part_) sum += part_->counters();
  for (const auto& part : finishing_) sum += part->counters();
  return sum;
}

}  // namespace holdfast::storage
