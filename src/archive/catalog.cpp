#include "archive/catalog.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.hpp"
#include "journal/reader.hpp"
#include "storage/naming.hpp"

namespace holdfast::archive {
namespace {

// So many journals go into the index at once: others never wait long for it.
constexpr std::size_t batch = 256;
constexpr Duration retry_interval = std::chrono::minutes(10);
// File systems tell time in steps of some milliseconds, and FAT in steps of two seconds.
constexpr Duration grain = std::chrono::seconds(2);

JournalState state_of(const DirectoryEntry& entry) {
  return {entry.size, entry.modified};
}

// SQLite is at home on the system's files, so these are as well.
Result<std::unique_ptr<Index>> open_file(const std::string& path, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return fail(ErrorCode::unavailable, "{}: {}", path, error.message());
  return Index::open(path, folder);
}

bool is_index_error(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::invalid;
}

}  // namespace

Catalog::Catalog(Disk& disk, std::string folder, std::string index)
    : disk_(disk), folder_(std::move(folder)), index_path_(std::move(index)) {}

std::string Catalog::path_of(const std::string& folder) {
  return storage::folder_prefix(folder) + ".holdfast/catalog.sqlite";
}

void Catalog::open_index() {
  in_line_ = false;
  unfinished_.clear();
  auto opened = open_file(index_path_, folder_);
  if (!opened && opened.error().code == ErrorCode::invalid) {
    log::warn("catalog is damaged, rebuilding it from the journals: {}", opened.error().message);
    std::error_code error;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(index_path_ + suffix, error);
    opened = open_file(index_path_, folder_);
  }
  if (opened) {
    problem_.clear();
    index_ = std::move(*opened);
    return;
  }
  go_on_in_memory(opened.error());
}

void Catalog::go_on_in_memory(const Error& why) {
  if (problem_ != why.message) {
    log::warn("catalog is in memory only, and is rebuilt from the journals at each start: {}", why.message);
  }
  problem_ = why.message;
  if (auto in_memory = Index::open(Index::memory, folder_)) index_ = std::move(*in_memory);
}

// Not each time: a disk that is full takes a file that is opened, and refuses the rows, for which all
// journals were read again.
void Catalog::try_file_again(WallTime now) {
  if (now < file_again_at_) return;
  file_again_at_ = now + retry_interval;
  auto opened = open_file(index_path_, folder_);
  if (!opened) return;
  log::info("catalog is back on disk: {}", index_path_);
  problem_.clear();
  in_line_ = false;
  unfinished_.clear();
  index_ = std::move(*opened);
}

// What fails in the file is done in memory, until the file works again.
void Catalog::leave_index(const Error& why) {
  index_.reset();
  in_line_ = false;
  unfinished_.clear();
  if (why.code == ErrorCode::invalid && problem_.empty()) return open_index();
  go_on_in_memory(why);
}

template <typename Value>
Result<Value> Catalog::with_index(const std::function<Result<Value>()>& act) {
  owner_.check();
  if (!index_) open_index();
  for (int attempt = 0;; ++attempt) {
    if (!index_) return fail(ErrorCode::io, "{}: no memory for the catalog: {}", folder_, problem_);
    auto result = act();
    // From the file to the file made anew, and then to memory.
    if (result || !is_index_error(result.error()) || attempt == 2) return result;
    leave_index(result.error());
  }
}

Result<void> Catalog::synchronize(WallTime now, Depth depth, const Progress& progress) {
  if (!problem_.empty()) try_file_again(now);
  return with_index<void>([&] { return bring_in_line(now, depth, progress); });
}

Result<Page> Catalog::page(const Query& query, WallTime now) {
  return with_index<Page>([&]() -> Result<Page> {
    if (auto fresh = freshen(now); !fresh) return std::unexpected(std::move(fresh.error()));
    return index_->page(query);
  });
}

Result<std::vector<storage::RecordingSummary>> Catalog::find(std::string_view recording_id, WallTime now) {
  using Found = std::vector<storage::RecordingSummary>;
  return with_index<Found>([&]() -> Result<Found> {
    if (auto fresh = freshen(now); !fresh) return std::unexpected(std::move(fresh.error()));
    auto found = index_->find(recording_id);
    if (found && found->empty()) {
      return fail(ErrorCode::not_found, "no recording in {} has the id {}", folder_, recording_id);
    }
    return found;
  });
}

Result<void> Catalog::freshen(WallTime now) {
  const auto folder = disk_.look(folder_);
  if (!folder) return std::unexpected(folder.error());
  const bool changed = !in_line_ || unsettled_ || folder->modified != folder_modified_;
  if (changed) return bring_in_line(now, Depth::changed, {});
  const auto all_there = look_at_unfinished();
  if (!all_there) return std::unexpected(all_there.error());
  return *all_there ? Result<void>() : bring_in_line(now, Depth::changed, {});
}

Result<void> Catalog::bring_in_line(WallTime now, Depth depth, const Progress& progress) {
  const auto folder = disk_.look(folder_);
  if (!folder) return std::unexpected(folder.error());
  auto entries = disk_.list(folder_);
  if (!entries) return std::unexpected(std::move(entries.error()));
  Listing listing;
  for (DirectoryEntry& entry : *entries) {
    if (!entry.is_directory) listing.emplace(entry.name, std::move(entry));
  }
  auto known = index_->known();
  if (!known) return std::unexpected(std::move(known.error()));

  std::vector<const DirectoryEntry*> to_read;
  for (const auto& [name, entry] : listing) {
    if (!storage::base_of_journal(name)) continue;
    const auto row = known->find(name);
    const bool good =
        depth == Depth::changed && row != known->end() && is_as_known(name, listing, row->second);
    if (!good) to_read.push_back(&entry);
  }
  std::vector<std::string> gone;
  for (const auto& [name, row] : *known) {
    if (!listing.contains(name)) gone.push_back(name);
  }
  std::erase_if(unfinished_, [&](const auto& each) { return !listing.contains(each.first); });
  if (depth == Depth::everything) unfinished_.clear();

  const storage::SizeOf size_of = [&](const std::string& name) -> std::optional<std::uint64_t> {
    const auto found = listing.find(name);
    return found == listing.end() ? std::nullopt : std::optional(found->second.size);
  };
  std::vector<IndexedJournal> put;
  for (std::size_t done = 0; done < to_read.size();) {
    if (stopped_) return fail(ErrorCode::io, "{}: the service is shutting down", folder_);
    const DirectoryEntry& entry = *to_read[done];
    put.push_back(read(entry.name, state_of(entry), size_of));
    ++done;
    if (put.size() < batch && done < to_read.size()) continue;
    if (auto changed = index_->change(put, std::exchange(gone, {})); !changed) return changed;
    put.clear();
    if (progress) progress(done, to_read.size());
  }
  if (!gone.empty()) {
    if (auto changed = index_->change({}, gone); !changed) return changed;
  }
  in_line_ = true;
  folder_modified_ = folder->modified;
  unsettled_ = folder->modified + grain > now;
  return {};
}

// Settled, and neither its journal nor its parts differ.
bool Catalog::is_as_known(const std::string& name, const Listing& listing, const KnownJournal& known) const {
  if (!known.is_settled || known.state != state_of(listing.at(name))) return false;
  return std::ranges::all_of(known.parts, [&](const storage::RecordedPart& part) {
    const auto file = listing.find(part.path);
    return part.missing == (file == listing.end()) && (part.missing || part.bytes == file->second.size);
  });
}

IndexedJournal Catalog::read(const std::string& name, JournalState state, const storage::SizeOf& size_of) {
  const std::string path = storage::folder_prefix(folder_) + name;
  auto& journal = unfinished_[name];
  const auto entry = disk_.look(path);
  // One that has become shorter than what was read of it is another.
  if (!journal || (entry && entry->size < journal->reader.whole_size())) {
    journal = std::make_unique<Unfinished>();
  }
  auto done = read_on(path, journal->reader);
  auto recording = done ? storage::summarize(disk_, folder_, name, journal->told, size_of)
                        : std::unexpected(std::move(done.error()));
  IndexedJournal row{.name = name, .state = state};
  if (recording) {
    row.recording = std::move(*recording);
  } else {
    row.problem = recording.error().message;
  }
  if (!recording || row.recording.end == storage::RecordingEnd::ended) {
    unfinished_.erase(name);
  } else {
    journal->shown = row;
  }
  return row;
}

// The reader is given whole lines only: a torn one may be cut off and written anew.
Result<void> Catalog::read_on(const std::string& path, journal::Reader& reader) {
  std::uint64_t piece = std::uint64_t{1} << 20;
  while (true) {
    const auto bytes = disk_.read(path, reader.whole_size(), piece);
    if (!bytes) return std::unexpected(bytes.error());
    const std::size_t lines = as_text(*bytes).rfind('\n') + 1;  // 0: there is none
    reader.feed(Bytes(*bytes).first(lines));
    if (bytes->size() < piece) return {};
    if (lines == 0) piece *= 2;
  }
}

// False: one is gone.
Result<bool> Catalog::look_at_unfinished() {
  const storage::SizeOf size_of = [&](const std::string& name) -> std::optional<std::uint64_t> {
    const auto entry = disk_.look(storage::folder_prefix(folder_) + name);
    return entry && !entry->is_directory ? std::optional(entry->size) : std::nullopt;
  };
  std::vector<std::string> names;
  names.reserve(unfinished_.size());
  for (const auto& [name, journal] : unfinished_) names.push_back(name);
  std::vector<IndexedJournal> put;
  for (const std::string& name : names) {
    const auto entry = disk_.look(storage::folder_prefix(folder_) + name);
    if (!entry) return false;
    const IndexedJournal shown = unfinished_.at(name)->shown;
    IndexedJournal row = read(name, state_of(*entry), size_of);
    if (row.recording != shown.recording || row.problem != shown.problem) put.push_back(std::move(row));
  }
  if (put.empty()) return true;
  if (auto changed = index_->change(put, {}); !changed) return std::unexpected(std::move(changed.error()));
  return true;
}

}  // namespace holdfast::archive
